"""As much of SDP (RFC 8866) as the way of a call needs: where media goes and which way it flows (RFC 3264)."""

from typing import Literal, NamedTuple

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]

DIRECTIONS: dict[bytes, Direction] = {
    b"sendrecv": "sendrecv",
    b"sendonly": "sendonly",
    b"recvonly": "recvonly",
    b"inactive": "inactive",
}
NOWHERE = ("0.0.0.0", "::")
"""Addresses that mean hold, as RFC 2543 had it (RFC 3264 section 8.4)."""
MAX_LINES = 2000
"""Lines looked at; what stands behind them is not seen."""


class SdpMedia(NamedTuple):
    """One media section."""

    kind: str
    """`audio`, `video`, `image`, ..."""
    port: int
    """0: refused or switched off (RFC 3264 section 6)."""
    address: str | None
    """Connection address of the section, else of the session."""
    direction: Direction

    @property
    def held(self) -> bool:
        """The sender of this description does not want to hear: hold (RFC 3264 section 8.4), old style included."""
        return self.direction in ("sendonly", "inactive") or self.address in NOWHERE


class SdpSummary(NamedTuple):
    """One session description."""

    address: str | None
    """Connection address of the session."""
    media: tuple[SdpMedia, ...]

    @property
    def held(self) -> bool:
        """Every section that is in use is on hold."""
        used = [media for media in self.media if media.port]
        return bool(used) and all(media.held for media in used)


def describe(body: bytes) -> SdpSummary | None:
    """Read a body that should be SDP, leniently: None when it is none. Never raises."""
    if not body.startswith(b"v=0"):
        return None
    address: str | None = None
    direction: Direction = "sendrecv"
    media: list[SdpMedia] = []
    for raw in body.split(b"\n", MAX_LINES)[:MAX_LINES]:
        line = raw.strip(b" \t\r")
        kind, value = line[:2], line[2:]
        if kind == b"m=":
            section = _media(value, address, direction)
            if section is not None:
                media.append(section)
        elif kind == b"c=":
            where = connection_address(value)
            if not media:
                address = where
            elif where is not None:
                media[-1] = media[-1]._replace(address=where)
        elif kind == b"a=" and value in DIRECTIONS:
            if media:
                media[-1] = media[-1]._replace(direction=DIRECTIONS[value])
            else:
                direction = DIRECTIONS[value]
    return SdpSummary(address, tuple(media))


def _media(value: bytes, address: str | None, direction: Direction) -> SdpMedia | None:
    parts = value.split(None, 2)
    if len(parts) < 2:
        return None
    port = parts[1].partition(b"/")[0]
    if not port.isdigit() or len(port) > 5:
        return None
    return SdpMedia(parts[0].decode("ascii", "replace"), int(port), address, direction)


def connection_address(value: bytes) -> str | None:
    """Read the value of a `c=` line; None where it is none. A multicast TTL is left out."""
    parts = value.split()
    if len(parts) < 3 or parts[0] != b"IN":
        return None
    return parts[2].partition(b"/")[0].decode("ascii", "replace")
