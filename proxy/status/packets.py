"""Packets of MQTT 3.1.1 and 5 as a client writes and reads them: octets in, values out, nothing else.

One set for both versions: what 5 adds to the packets that a publisher needs are properties and reason codes. Sections
are those of MQTT 5, unless they say otherwise. What is not as the standard says is a `PacketError`.
"""

import re
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple

KEPT: Final = 393_216
"""Octets of one packet that are kept; what it has more is read and thrown away. All that we ask of a command stands in
a half of it, unless its sender adds properties without end; so of what is too long enough is left to tell.
"""
LONGEST: Final = 268_435_460
"""Octets of the longest packet that can be written (section 2.1.4)."""
HEAD: Final = 16
"""Octets of a PUBLISH besides topic, payload and correlation data, at the most."""
STRING_MAX: Final = 65_535
"""Octets of a string (section 1.5.4)."""

LEVELS: Final = 100
"""Levels of a topic that somebody else names; mosquitto ends the connection for more than 200."""

UNWELCOME: Final = (
    "\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\ufdd0-\\ufdef"
    + "".join(f"\\U{plane:04x}fffe\\U{plane:04x}ffff" for plane in range(17)))
"""What a string should not hold and a broker may end the connection for, inside the brackets of a pattern: control
characters and what is no character (section 1.5.4)."""
_NO_NAME: Final = re.compile(f"[+#{UNWELCOME}]")

CONNECT: Final = 0x10
CONNACK: Final = 0x20
PUBLISH: Final = 0x30
PUBACK: Final = 0x40
SUBSCRIBE: Final = 0x82
SUBACK: Final = 0x90
DISCONNECT: Final = 0xE0
PINGRESP: Final = 0xD0
"""First octets: type, and flags where they are fixed (section 2.1.2)."""

PING: Final = b"\xc0\x00"
GOODBYE: Final = b"\xe0\x00"
"""DISCONNECT without a reason: normal, the will is not sent (section 3.14.2.1)."""

RETAIN: Final = 0x01
QOS_1: Final = 0x02

FAILURE: Final = 0x80
"""Reason codes from here on are failures (section 2.4); so they are in a SUBACK of 3.1.1."""

_RESPONSE_TOPIC: Final = 0x08
_CORRELATION: Final = 0x09
_SERVER_KEEP_ALIVE: Final = 0x13
_RECEIVE_MAXIMUM: Final = 0x21
_USER: Final = 0x26
_MAXIMUM_PACKET: Final = 0x27

_WIDTHS: Final = {
    0x01: 1, 0x02: 4, 0x11: 4, _SERVER_KEEP_ALIVE: 2, 0x17: 1, 0x18: 4, 0x19: 1, _RECEIVE_MAXIMUM: 2, 0x22: 2, 0x23: 2,
    0x24: 1, 0x25: 1, _MAXIMUM_PACKET: 4, 0x28: 1, 0x29: 1, 0x2A: 1,
}
"""Octets of properties that are numbers (section 2.2.2.2)."""
_STRINGS: Final = frozenset({0x03, _RESPONSE_TOPIC, _CORRELATION, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F})
_SUBSCRIPTION: Final = 0x0B
"""The one that is a number of variable length."""

REFUSALS: Final = {
    1: "unacceptable protocol version", 2: "client name refused", 3: "server unavailable",
    4: "bad user name or password", 5: "not authorized",
}
"""CONNACK of 3.1.1 (its section 3.2.2.3)."""
REASONS: Final = {
    0x80: "unspecified error", 0x81: "malformed packet", 0x82: "protocol error", 0x83: "implementation specific error",
    0x84: "unsupported protocol version", 0x85: "client name refused", 0x86: "bad user name or password",
    0x87: "not authorized", 0x88: "server unavailable", 0x89: "server busy", 0x8A: "banned",
    0x8B: "server shutting down", 0x8C: "bad authentication method", 0x8D: "keep alive timeout",
    0x8E: "another client has taken our name", 0x8F: "topic filter refused", 0x90: "topic name refused",
    0x91: "packet identifier in use", 0x93: "receive maximum exceeded", 0x94: "topic alias refused",
    0x95: "packet too large", 0x96: "message rate too high", 0x97: "quota exceeded", 0x98: "administrative action",
    0x99: "payload format refused", 0x9A: "retained messages are not supported", 0x9B: "QoS 1 is not supported",
    0x9C: "use another server", 0x9D: "server moved", 0x9F: "connection rate exceeded", 0xA0: "maximum connect time",
    0xA2: "wildcard subscriptions are not supported",
}
"""Section 2.4, those that a publisher may meet."""


class Version(IntEnum):
    """The protocol version as CONNECT names it (section 3.1.2.2)."""

    V311 = 4
    V5 = 5


class PacketError(Exception):
    """What came is no packet of this version."""


class Outgoing(NamedTuple):
    """A message to publish with QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False
    correlation: bytes | None = None
    """Correlation Data of the answer to a command; 3.1.1 has none."""


class Hello(NamedTuple):
    """What a client says of itself. Its will is retained and has QoS 1."""

    client: str
    keep_alive: int
    will: Outgoing
    username: str | None = None
    password: str | None = None


class Greeting(NamedTuple):
    """CONNACK."""

    code: int
    """0: welcome."""
    receive_maximum: int = 65_535
    """Messages that may be under way (section 3.2.2.3.3)."""
    keep_alive: int | None = None
    """Seconds that the broker wants instead of ours (section 3.2.2.3.14)."""
    longest: int = LONGEST
    """Octets of the longest packet that it takes (section 3.2.2.3.6)."""


class Incoming(NamedTuple):
    """PUBLISH from the broker."""

    topic: str
    payload: bytes
    retain: bool
    packet: int | None
    """Its identifier, by which it is acknowledged; None: QoS 0."""
    response_topic: str | None = None
    correlation: bytes | None = None


def is_topic_name(topic: str) -> bool:
    """Whether one may publish there without a broker that ends the connection for it (section 4.7)."""
    return (bool(topic) and _NO_NAME.search(topic) is None and topic.count("/") < LEVELS
            and len(topic.encode()) <= STRING_MAX)


def reason(code: int) -> str:
    """Return a reason code in words."""
    return REASONS.get(code) or REFUSALS.get(code) or f"reason {code}"


# Writing


def _number(value: int) -> bytes:
    """Return a number of variable length (section 1.5.5)."""
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    written.append(value)
    return bytes(written)


def _packet(first: int, body: bytes) -> bytes:
    return bytes((first,)) + _number(len(body)) + body


def _string(value: str | bytes) -> bytes:
    octets = value.encode() if isinstance(value, str) else value
    if len(octets) > STRING_MAX:
        raise PacketError(f"a string of {len(octets)} octets")
    return len(octets).to_bytes(2) + octets


def write_connect(hello: Hello, version: Version) -> bytes:
    """Return CONNECT for a session that ends with the connection. Raises PacketError for what is too long."""
    five = version is Version.V5
    named = hello.username is not None
    known = hello.password is not None and (five or named)  # 3.1.1 has no password alone (its section 3.1.2.9)
    flags = 0x02 | 0x04 | 0x08 | 0x20 | named << 7 | known << 6  # clean, a will, QoS 1, retained (section 3.1.2.3)
    parts = [_string("MQTT"), bytes((version, flags)), hello.keep_alive.to_bytes(2), b"\0" if five else b"",
             _string(hello.client), b"\0" if five else b"", _string(hello.will.topic), _string(hello.will.payload)]
    if hello.username is not None:
        parts.append(_string(hello.username))
    if known:
        parts.append(_string(hello.password or ""))
    return _packet(CONNECT, b"".join(parts))


def write_publish(message: Outgoing, packet: int, version: Version) -> bytes:
    """Return PUBLISH with QoS 1 under this packet identifier. Raises PacketError for a topic that is too long."""
    topic, payload = message.topic.encode(), message.payload
    if len(topic) > STRING_MAX:
        raise PacketError(f"a topic of {len(topic)} octets")
    properties = b""
    if version is Version.V5:
        properties = b"\0"
        if message.correlation is not None:
            correlated = bytes((_CORRELATION,)) + _string(message.correlation)
            properties = _number(len(correlated)) + correlated
    first = b"\x33" if message.retain else b"\x32"
    length = 4 + len(topic) + len(properties) + len(payload)
    return b"".join((first, _number(length), len(topic).to_bytes(2), topic, packet.to_bytes(2), properties, payload))


def write_puback(packet: int) -> bytes:
    """Return PUBACK: it was taken (both versions)."""
    return b"\x40\x02" + packet.to_bytes(2)


def write_subscribe(pattern: str, packet: int, version: Version) -> bytes:
    """Return SUBSCRIBE to one topic filter with QoS 1."""
    properties = b"\0" if version is Version.V5 else b""
    return _packet(SUBSCRIBE, packet.to_bytes(2) + properties + _string(pattern) + b"\x01")


# Reading


class Cutter:
    """Cuts what arrives into packets."""

    def __init__(self) -> None:
        self._rest = b""
        self._long = bytearray()
        """What is kept of a packet that is longer than `KEPT`."""
        self._first = self._missing = 0
        """Its first octet, and how much of it is still to come."""

    def cut(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the first octet and the body of each packet that is complete; a body of `KEPT` octets may be the
        beginning of a longer one. Raises PacketError.
        """
        if self._missing:
            taken = min(self._missing, len(data))
            self._long += data[:min(taken, KEPT - len(self._long))]
            self._missing -= taken
            if self._missing:
                return
            yield self._first, bytes(self._long)
            self._long.clear()
            data = data[taken:]
        data = self._rest + data if self._rest else data
        self._rest = b""
        at, end = 0, len(data)
        while end - at >= 2:
            length, begin = data[at + 1], at + 2
            if length > 127:
                found = _read_length(data, at + 1)
                if found is None:
                    break
                length, begin = found
            if begin + length > end:
                if length > KEPT:
                    self._first, self._missing = data[at], length - (end - begin)
                    self._long += data[begin:begin + KEPT]
                    return
                break
            yield data[at], data[begin:begin + min(length, KEPT)]
            at = begin + length
        self._rest = data[at:]


def _read_length(data: bytes, at: int) -> tuple[int, int] | None:
    """Return the number of variable length that begins at `at` and where it ends; None: not all of it is here."""
    value = 0
    for count in range(4):
        if at + count >= len(data):
            return None
        octet = data[at + count]
        value |= (octet & 127) << 7 * count
        if octet < 128:
            return value, at + count + 1
    raise PacketError("a length of more than four octets")


class _Body:
    """The body of a packet, read from its front. Every method raises PacketError where it is too short."""

    __slots__ = ("_at", "_octets")

    def __init__(self, octets: bytes) -> None:
        self._octets, self._at = octets, 0

    def take(self, count: int) -> bytes:
        taken = self._octets[self._at:self._at + count]
        if len(taken) < count:
            raise PacketError("a packet that is too short")
        self._at += count
        return taken

    def number(self, octets: int) -> int:
        return int.from_bytes(self.take(octets))

    def string(self) -> bytes:
        return self.take(self.number(2))

    def text(self) -> str:
        try:
            return self.string().decode()
        except UnicodeDecodeError:
            raise PacketError("a string that is no UTF-8") from None

    def length(self) -> int:
        found = _read_length(self._octets, self._at)
        if found is None:
            raise PacketError("a packet that is too short")
        value, self._at = found
        return value

    def rest(self) -> bytes:
        return self.take(len(self._octets) - self._at)

    def is_cut_within_properties(self) -> bool:
        """Whether the properties that follow reach beyond what was kept of the packet."""
        found = _read_length(self._octets, self._at)
        return found is not None and len(self._octets) == KEPT < sum(found)

    def properties(self) -> dict[int, int | bytes]:
        """Return the properties by their identifier; those that users make up are passed over."""
        inside = _Body(self.take(self.length()))
        found: dict[int, int | bytes] = {}
        while inside._at < len(inside._octets):
            name = inside.number(1)
            if name in _STRINGS:
                found[name] = inside.string()
            elif name in _WIDTHS:
                found[name] = inside.number(_WIDTHS[name])
            elif name == _SUBSCRIPTION:
                found[name] = inside.length()
            elif name == _USER:
                inside.string()
                inside.string()
            else:
                raise PacketError(f"an unknown property {name}")
        return found


def read_connack(body: bytes, version: Version) -> Greeting:
    """Read CONNACK. One that says no may lack its properties: it is how a broker of 3.1.1 answers 5."""
    octets = _Body(body)
    octets.take(1)
    code = octets.number(1)
    if version is not Version.V5 or code:
        return Greeting(code)
    found = octets.properties()
    most, longest = found.get(_RECEIVE_MAXIMUM, 65_535), found.get(_MAXIMUM_PACKET, LONGEST)
    keep_alive = found.get(_SERVER_KEEP_ALIVE)
    if not isinstance(most, int) or not isinstance(longest, int) or not most or not longest:
        raise PacketError("a maximum of 0")
    return Greeting(code, most, keep_alive if isinstance(keep_alive, int) else None, longest)


def read_puback(body: bytes) -> tuple[int, int]:
    """Read PUBACK: the packet identifier and the reason code, 0 where there is none."""
    if len(body) < 2:
        raise PacketError("a PUBACK that is too short")
    return body[0] << 8 | body[1], body[2] if len(body) > 2 else 0


def read_suback(body: bytes, version: Version) -> int:
    """Read SUBACK to one topic filter: its reason code."""
    octets = _Body(body)
    octets.take(2)
    if version is Version.V5:
        octets.properties()
    return octets.number(1)


def read_disconnect(body: bytes) -> int:
    """Read DISCONNECT: its reason code, 0 where there is none."""
    return body[0] if body else 0


def read_publish(first: int, body: bytes, version: Version) -> Incoming:
    """Read PUBLISH; `first`: the octet that it begins with. Raises PacketError for QoS 2, which nobody asked for.

    Of one that was cut before its payload began what is left stands in the place of the payload: it is too long, too.
    """
    qos = first >> 1 & 3
    if qos > 1:
        raise PacketError(f"a message of QoS {qos}")
    octets = _Body(body)
    topic = octets.text()
    packet = octets.number(2) if qos else None
    response = correlation = None
    if version is Version.V5:
        if octets.is_cut_within_properties():
            return Incoming(topic, octets.rest(), bool(first & RETAIN), packet)
        found = octets.properties()
        asked, correlated = found.get(_RESPONSE_TOPIC), found.get(_CORRELATION)
        if isinstance(asked, bytes):
            response = _Body(len(asked).to_bytes(2) + asked).text()
        correlation = correlated if isinstance(correlated, bytes) else None
    return Incoming(topic, octets.rest(), bool(first & RETAIN), packet, response, correlation)
