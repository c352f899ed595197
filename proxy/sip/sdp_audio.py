"""The audio of a session description, read and written: RFC 8866, as offer and answer of one voice stream (RFC 3264).

Rules
- Reading is lenient: line ends of any kind, unknown lines passed over, static payload types without rtpmap.
- An unknown or broken section is still a section: an answer has as many of them as its offer, in the same order
  (RFC 3264 section 6).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from proxy.sip.message import Message
from proxy.sip.text import split_values, unquote

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]

SDP = b"application/sdp"
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
PLAIN_RTP = ("RTP/AVP", "RTP/AVPF")
"""Profiles that are spoken: audio in the clear."""
TELEPHONE_EVENT = "TELEPHONE-EVENT"
"""RFC 4733 by its encoding name."""
_STATIC = {0: ("PCMU", 8000), 8: ("PCMA", 8000), 9: ("G722", 8000)}
"""Payload types that need no rtpmap (RFC 3551 table 4), of those that matter here. G.722's 8000 is a known slip."""
_NUMBER = re.compile(rb"[0-9]{1,5}")
_RTPMAP = re.compile(rb"rtpmap:([0-9]{1,3})[ \t]++([^/ \t]++)/([0-9]{1,6})(?:/1)?[ \t]*+")
_BOUNDARY = re.compile(rb'boundary=("[^"]{1,70}"|[^\s;"]{1,70})', re.IGNORECASE)
MAX_PTIME = 60
"""Milliseconds; what asks for more gets the usual 20."""


class Format(NamedTuple):
    """One way to code audio."""

    payload_type: int
    name: str
    """Encoding name in upper case."""
    rate: int


@dataclass
class Section:
    """One media section as it came."""

    kind: str
    port: int
    proto: str
    raw_formats: bytes
    """The formats of its `m=` line as they stand."""
    address: str | None
    direction: Direction
    rtpmaps: dict[int, Format] = field(default_factory=dict)
    ptime: int = 20

    @property
    def usable(self) -> bool:
        """Whether audio could be spoken with it."""
        return self.kind == "audio" and self.port > 0 and self.proto in PLAIN_RTP and self.address is not None

    @property
    def nowhere(self) -> bool:
        """Hold as RFC 2543 had it: an address that is none."""
        return self.address in NOWHERE

    @property
    def held(self) -> bool:
        """Whether its sender does not want to hear (RFC 3264 section 8.4)."""
        return self.direction in ("sendonly", "inactive") or self.nowhere

    @property
    def formats(self) -> tuple[Format, ...]:
        """Formats that can be told what they are, in the order of preference."""
        numbers = (int(raw) for raw in self.raw_formats.split() if _NUMBER.fullmatch(raw))
        return tuple(known for number in numbers if (known := self._format(number)) is not None)

    def _format(self, number: int) -> Format | None:
        mapped = self.rtpmaps.get(number)
        if mapped is None and number in _STATIC:
            return Format(number, *_STATIC[number])
        return mapped


def read_sections(body: bytes) -> list[Section] | None:
    """Read the media sections of a session description; None where it is none. Never raises."""
    if not body.startswith(b"v=0"):
        return None
    address: str | None = None
    direction: Direction = "sendrecv"
    sections: list[Section] = []
    for raw in body.split(b"\n", MAX_LINES)[:MAX_LINES]:
        line = raw.strip(b" \t\r")
        kind, value = line[:2], line[2:]
        if kind == b"m=":
            sections.append(_section(value, address, direction))
        elif kind == b"c=":
            where = _connection_address(value)
            if not sections:
                address = where
            elif where is not None:
                sections[-1].address = where
        elif kind == b"a=" and sections:
            _attribute(sections[-1], value)
        elif kind == b"a=" and value in DIRECTIONS:
            direction = DIRECTIONS[value]
    return sections


def _connection_address(value: bytes) -> str | None:
    """Read the value of a `c=` line; None where it is none. A multicast TTL is left out."""
    parts = value.split()
    if len(parts) < 3 or parts[0] != b"IN":
        return None
    return parts[2].partition(b"/")[0].decode("ascii", "replace")


def _section(value: bytes, address: str | None, direction: Direction) -> Section:
    parts = (*value.split(None, 3), b"", b"", b"", b"")
    port = parts[1].partition(b"/")[0]
    number = int(port) if _NUMBER.fullmatch(port) else 0
    kind, proto = parts[0].decode("ascii", "replace"), parts[2].decode("ascii", "replace")
    return Section(kind, number if number < 65536 else 0, proto, parts[3], address, direction)


def _attribute(section: Section, value: bytes) -> None:
    if value in DIRECTIONS:
        section.direction = DIRECTIONS[value]
    elif value.startswith(b"rtpmap:"):
        match = _RTPMAP.fullmatch(value)
        if match is not None:
            number = int(match[1])
            section.rtpmaps[number] = Format(number, match[2].decode("ascii", "replace").upper(), int(match[3]))
    elif value.startswith(b"ptime:") and _NUMBER.fullmatch(value[6:]) and 10 <= int(value[6:]) <= MAX_PTIME:
        section.ptime = int(value[6:])


def write_session(origin: bytes, version: int, host: str, sections: Sequence[bytes]) -> bytes:
    """Write a session description. `origin`: numeric session id; `host`: our address; `sections`: as from
    `write_audio` and `write_refused`."""
    address = b"IN IP%d %s" % (6 if ":" in host else 4, host.encode())
    return b"".join((b"v=0\r\no=- %s %d %s\r\ns=-\r\nc=%s\r\nt=0 0\r\n" % (origin, version, address, address),
                     *sections))


def write_audio(port: int, proto: str, formats: Sequence[Format], direction: Direction, ptime: int = 20) -> bytes:
    """Write an audio section."""
    lines = [b"m=audio %d %s %s" % (port, proto.encode(), b" ".join(b"%d" % one.payload_type for one in formats))]
    for one in formats:
        name = one.name.lower() if one.name == TELEPHONE_EVENT else one.name
        lines.append(b"a=rtpmap:%d %s/%d" % (one.payload_type, name.encode(), one.rate))
        if one.name == TELEPHONE_EVENT:
            lines.append(b"a=fmtp:%d 0-16" % one.payload_type)
    lines += [b"a=ptime:%d" % ptime, b"a=" + direction.encode(), b""]
    return b"\r\n".join(lines)


def write_refused(section: Section) -> bytes:
    """Write the refusal of a section: port 0, all else as it came (RFC 3264 section 6)."""
    return b"m=%s 0 %s %s\r\n" % (section.kind.encode("ascii", "replace"), section.proto.encode("ascii", "replace"),
                                  section.raw_formats or b"0")


def session_of(message: Message) -> bytes | None:
    """Find the session description in a message: the body, or its part in a multipart one; None where is none."""
    if not message.body.strip():
        return None
    kind = message.value(b"content-type") or SDP
    media_type = split_values(kind)[0].partition(b";")[0].strip().lower()
    if media_type == SDP:
        return message.body
    if not media_type.startswith(b"multipart/"):
        return None
    boundary = _BOUNDARY.search(kind)
    for part in [] if boundary is None else message.body.split(b"--" + unquote(boundary[1])):
        head, _, body = part.partition(b"\r\n\r\n")
        if SDP in head.lower():
            return body
    return None
