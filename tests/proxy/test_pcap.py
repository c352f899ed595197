"""Captures, read by a decoder that is not ours."""

import io
import socket
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.pcap import Packet, capture

dpkt: Final[Any] = pytest.importorskip("dpkt", reason="the decoder that is not ours is not installed")
NOW = 1_790_000_000.25
INVITE = b"INVITE sip:600@pbx SIP/2.0\r\nCall-ID: a@b\r\n\r\n"


def read(data: bytes) -> list[tuple[float, Any]]:
    reader = dpkt.pcap.Reader(io.BytesIO(data))
    assert reader.datalink() in (dpkt.pcap.DLT_RAW, 101)
    return [(at, (dpkt.ip6.IP6 if packet[0] >> 4 == 6 else dpkt.ip.IP)(packet)) for at, packet in reader]


@pytest.mark.parametrize(("source", "destination", "addresses"), [
    ("192.0.2.1:5060", "198.51.100.7:5070", ("192.0.2.1", "198.51.100.7")),
    ("[2001:db8::1]:5060", "[::1]:5070", ("2001:db8::1", "::1")),
    ("192.0.2.1:5060", "[2001:db8::1]:5070", ("::ffff:192.0.2.1", "2001:db8::1")),
])
def test_a_message_is_a_datagram_between_its_addresses(source: str, destination: str,
                                                       addresses: tuple[str, str]) -> None:
    [(at, packet)] = read(capture([Packet(NOW, source, destination, INVITE)]))
    assert abs(at - NOW) < 1e-5
    kind = socket.AF_INET6 if len(packet.src) == 16 else socket.AF_INET
    shown = tuple(socket.inet_ntop(kind, one) for one in (packet.src, packet.dst))
    assert shown == addresses
    udp = packet.data
    assert isinstance(udp, dpkt.udp.UDP)
    assert (udp.sport, udp.dport, udp.data, udp.ulen) == (5060, 5070, INVITE, 8 + len(INVITE))
    request = dpkt.sip.Request(udp.data)
    assert (request.method, request.headers["call-id"]) == ("INVITE", "a@b")


def test_checksums_are_those_that_a_stack_would_send() -> None:
    [(_, packet)] = read(capture([Packet(NOW, "192.0.2.1:5060", "198.51.100.7:5070", INVITE)]))
    sums = packet.sum, packet.data.sum
    packet.sum = packet.data.sum = 0
    again = dpkt.ip.IP(bytes(packet))
    assert (again.sum, again.data.sum) == sums


@given(st.lists(st.builds(Packet, st.floats(0, 4e9), st.text(max_size=30), st.text(max_size=30),
                          st.binary(max_size=200)), max_size=8))
def test_whatever_the_addresses_are_it_can_be_read(packets: list[Packet]) -> None:
    assert [bytes(packet.data.data) for _, packet in read(capture(packets))] == [one.data for one in packets]


def test_a_message_that_no_datagram_holds_is_cut_and_says_so() -> None:
    data = capture([Packet(NOW, "192.0.2.1:1", "192.0.2.2:2", b"x" * 70_000), Packet(NOW, "a", "b", b"y")])
    (_, first), (_, second) = read(data)
    assert len(first.data.data) < 65_536
    assert second.data.data == b"y"
    assert int.from_bytes(data[24 + 12:24 + 16], "big") == 70_000 + 28
