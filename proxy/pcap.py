"""Messages as a capture that Wireshark and others open: the classic file of libpcap, magic 0xa1b2c3d4, link type RAW.

There is no packet any more, only what was in it: each message gets an IP and a UDP header made up of its addresses,
whatever carried it. A message that no UDP datagram could hold is cut, and the record says how long it was.
"""

import base64
import ipaddress
import struct
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

LINK_RAW: Final = 101
"""LINKTYPE_RAW: packets begin with an IPv4 or IPv6 header."""
LONGEST: Final = 65_535
UDP: Final = 17
_HEAD: Final = struct.Struct("!IHHiIII")
_RECORD: Final = struct.Struct("!IIII")


class Packet(NamedTuple):
    """One message."""

    time: float
    """Seconds since the epoch."""
    source: str
    """`host:port`, IPv6 in brackets."""
    destination: str
    data: bytes


def packets_of(messages: Iterable[Mapping[str, Any]]) -> list[Packet]:
    """Return messages as the verb `calls.messages` gives them (time as RFC 3339, data in base64)."""
    return [Packet(datetime.fromisoformat(one["time"]).timestamp(), one["source"], one["destination"],
                   base64.b64decode(one["data"])) for one in messages]


def capture(packets: Iterable[Packet]) -> bytes:
    """Return a whole file."""
    return _HEAD.pack(0xA1B2C3D4, 2, 4, 0, 0, LONGEST, LINK_RAW) + b"".join(map(_record, packets))


def _record(packet: Packet) -> bytes:
    data = _datagram(packet)
    seconds, micros = divmod(round(packet.time * 1_000_000), 1_000_000)
    over = len(packet.data) - LONGEST + 48
    return _RECORD.pack(seconds & 0xFFFF_FFFF, micros, len(data), len(data) + max(0, over)) + data


def _datagram(packet: Packet) -> bytes:
    (source, from_port), (destination, to_port) = _address(packet.source), _address(packet.destination)
    if source.version != destination.version:
        source, destination = _as_v6(source), _as_v6(destination)
    data = packet.data[:LONGEST - 48]
    length = 8 + len(data)
    udp = struct.pack("!HHHH", from_port, to_port, length, 0) + data
    pseudo = source.packed + destination.packed + struct.pack("!IHBB", length, 0, 0, UDP)
    udp = udp[:6] + struct.pack("!H", _sum(pseudo + udp) or 0xFFFF) + udp[8:]
    if source.version == 6:
        return struct.pack("!IHBB", 6 << 28, length, UDP, 64) + source.packed + destination.packed + udp
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 0, 0x4000, 64, UDP, 0, source.packed, destination.packed)
    return head[:10] + struct.pack("!H", _sum(head)) + head[12:] + udp


def _sum(data: bytes) -> int:
    """Return the checksum of RFC 1071."""
    words: tuple[int, ...] = struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2))
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _as_v6(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv6Address:
    return address if isinstance(address, ipaddress.IPv6Address) else ipaddress.IPv6Address(f"::ffff:{address}")


def _address(text: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]:
    host, _, port = text.rpartition(":")
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0]), int(port) & 0xFFFF
    except ValueError:
        return ipaddress.IPv4Address("127.0.0.1"), 5060
