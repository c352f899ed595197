"""What others may ask of media, and what they are told: sessions by the name of their leg, as protocols and values.

It knows nothing of the house: who asks (the user agent, callbacks) and who does it (`client.py`) both stand above it.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, Protocol

SAMPLE_RATE: Final = 8000
"""Of all PCM here: 16 bit signed, little endian, one channel."""


class MediaAddress(NamedTuple):
    """Where a media session listens."""

    host: str
    """To be written into SDP: advertised address, IPv6 without brackets."""
    port: int


CodecName = Literal["PCMA", "PCMU", "G722"]


class StreamTerms(NamedTuple):
    """What an offer and its answer agreed on, from our side."""

    host: str
    """Where the far end listens; what really comes from elsewhere moves it once (symmetric RTP)."""
    port: int
    codec: CodecName
    payload_type: int
    dtmf: int | None
    """Payload type of telephone-event (RFC 4733); None: the far end has none."""
    sending: bool = True
    """False: the far end holds us (sendonly, inactive)."""
    receiving: bool = True
    ptime: int = 20


class Clip(NamedTuple):
    """One piece to be played: a prompt by its name and language, with what it says in place of words."""

    prompt: str
    """Name of a prompt (`callback_for`, `press_1_or_2`, ...), `digits` for a number read back digit by digit, or
    `minutes` for an estimate, which is rounded up from ten on."""
    language: str = "en"
    digits: str = ""
    """For `minutes`: `12`. For `digits`: `+36 30 123 4567`, with a short pause at each space; without any, after every
    third digit."""


class MediaEars(Protocol):
    """Told what a media session hears; all calls come in the proxy's thread. Nothing is told after `close`."""

    def media_opened(self, address: MediaAddress | None) -> None:
        """The session listens; None: no port or no media process, the leg cannot be placed."""

    def media_digit(self, digit: str) -> None:
        """A key was pressed: `0`-`9`, `*`, `#`, `A`-`D`, once for each press, by RFC 4733 or as a tone."""

    def media_heard(self) -> None:
        """The first RTP packet of the far end came."""

    def media_played(self, tag: int) -> None:
        """What `play` with this tag asked for has been played to its end."""

    def media_silent(self, seconds: float) -> None:
        """No RTP, or nothing but silence, for so long; told again as it lasts."""

    def media_tone(self, seconds: float) -> None:
        """A machine seems to be there (`watch_tone`): a single tone that lasts for two seconds, or a beep of so many
        with nothing but silence in the eight behind it."""

    def media_failed(self) -> None:
        """The session is gone (the media process ended): nothing more will come of it."""


class Media(Protocol):
    """Media sessions, one a leg, by its name. Nothing here blocks, and nothing calls back before it has returned."""

    def open(self, name: str, ears: MediaEars) -> None:
        """Open a session: `ears.media_opened` follows."""

    def room_for_queue(self, sessions: int) -> bool:
        """Say whether callers in queues and their places may have so many sessions in all; asked before one is taken.

        They get the share of the ports that `media.queue_share` gives them, so that callbacks find one.
        """

    def connect(self, name: str, stream: StreamTerms) -> None:
        """Send and receive as agreed; again with each new agreement (hold, another address, another codec)."""

    def play(self, name: str, clips: Sequence[Clip], tag: int, repeat: bool = False, pause: float = 1.0) -> None:
        """Play in place of anything else; `repeat`: with so many seconds between, until something else is asked for."""

    def tone(self, name: str, kind: Literal["ringback", "comfort", "busy", "silence"]) -> None:
        """Play a tone until something else is asked for; `silence` stops whatever is played."""

    def press(self, name: str, digits: str) -> None:
        """Send keys to the far end, as RFC 4733 where it has that, else as tones."""

    def join(self, first: str, second: str) -> None:
        """Let two legs hear each other: audio and keys cross in both directions; stops what is played on them."""

    def part(self, name: str) -> None:
        """Undo `join`; both hear nothing then."""

    def record(self, first: str, second: str, file: str) -> None:
        """Record two joined legs into a WAV file (two channels, `first` on the left) of the recordings folder."""

    def stop_recording(self, first: str) -> None:
        """End it; the file is whole then."""

    def watch_silence(self, name: str, seconds: float) -> None:
        """Have silence of so many seconds told (`media_silent`); 0: no more."""

    def watch_keys(self, name: str, on: bool) -> None:
        """Have keys in the audio told (`media_digit`), or no more; a session begins with them.

        Nothing is told where `media.inband_keys` is off, nor of a far end that has sent a key as RFC 4733.
        """

    def watch_tone(self, name: str, on: bool) -> None:
        """Have what sounds like a voicemail box told (`media_tone`), or no more."""

    def close(self, name: str) -> None:
        """End a session and give its port back. Unknown names are ignored."""
