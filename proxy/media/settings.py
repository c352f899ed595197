"""What the media process is told at its start."""

from typing import Any, NamedTuple


class MediaSettings(NamedTuple):
    """Addresses, ports and folders of the media process."""

    listen: str
    """IP address that RTP sockets are bound to, IPv6 without brackets."""
    advertise: str
    """Address that goes into SDP, IPv6 without brackets."""
    first_port: int = 16384
    last_port: int = 17383
    """Both are in the range; a leg takes an even port for RTP and the next one for RTCP (RFC 3550 section 11)."""
    recordings: str = ""
    """Folder of the recordings; empty: nothing is recorded."""
    prompts: str = ""
    """Folder of uploaded prompts, `LANG/NAME.wav` or `NAME.wav`; empty: only those of the package."""
    keep: float = 0.0
    """Seconds after which a recording is removed; 0: never."""
    queue_share: int = 100
    """Percent of the ports that callers in queues and their places may have."""
    inband_keys: bool = False
    """Keys are heard as tones in the audio too."""

    def as_json(self) -> dict[str, Any]:
        """Return the settings as they go to the media process."""
        return self._asdict()
