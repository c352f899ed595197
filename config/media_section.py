"""`[media]` of boomerang.toml: where audio goes in and out, and how long recordings stay."""

from typing import Annotated

from config.address import is_address, parse_host_port, parse_range
from config.checks import AfterValidator, Field
from config.loading import Duration
from config.section import Section


def _range(text: str) -> str:
    parse_range(text)
    return text


def _bind(text: str) -> str:
    if text and not is_address(text.strip("[]")):
        raise ValueError(f"{text!r} is not an address to bind, such as 0.0.0.0 or [::]")
    return text


def _host(text: str) -> str:
    if text and (is_address(text) or parse_host_port(text)[1] is None):
        return text
    if text:
        raise ValueError(f"{text!r} names a port: write the host alone")
    return text


class Media(Section):
    """The audio of calls that Boomerang places."""

    ports: Annotated[str, AfterValidator(_range)] = Field(
        default="16384-17383",
        description="UDP ports for RTP, first and last; a call's leg takes an even one and the next.",
    )
    listen: Annotated[str, AfterValidator(_bind)] = Field(
        default="", description="Address to bind them to; empty: the first listener's."
    )
    advertise: Annotated[str, AfterValidator(_host)] = Field(
        default="", description="Host that others send audio to; empty: what the first listener advertises."
    )
    queue_share: Annotated[int, Field(ge=1, le=100)] = Field(
        default=75, description="Percent of the ports that callers in a queue and their places may have; the others "
        "stay free for callbacks."
    )
    inband_keys: bool = Field(
        default=False, description="Keys are heard as tones in the audio too, for far ends without telephone-event."
    )
    recordings_keep: Annotated[Duration, Field(ge=60, le=3660 * 86_400)] = Field(
        default=30 * 86_400.0, description="How long recordings are kept in the data folder."
    )

    @property
    def port_range(self) -> tuple[int, int]:
        """First and last port."""
        return parse_range(self.ports)

    @property
    def bind(self) -> str | None:
        """Address to bind, IPv6 without brackets; None: the first listener's."""
        return self.listen.strip("[]") or None

    @property
    def advertised(self) -> str | None:
        """Host for SDP, IPv6 without brackets; None: what the first listener advertises."""
        return self.advertise.strip("[]") or None
