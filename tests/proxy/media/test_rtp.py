"""Packets that are wrong, and reports whose numbers a hostile sender has chosen."""

import struct

import pytest
from aiortp import RtcpPacket, RtcpRrPacket, RtcpSdesPacket, RtcpSrPacket
from aiortp.packet import RtcpSenderInfo
from hypothesis import given
from hypothesis import strategies as st

from proxy.media.rtp import Reception, is_rtcp, payload_of, report


@pytest.mark.parametrize(("first", "rest", "payload"), [
    (0x80, b"audio", b"audio"),
    (0x81, b"csrcaudio", b"audio"),
    (0xA0, b"audio\0\0\x03", b"audio"),
    (0x90, struct.pack("!HH", 0xBEDE, 1) + b"\x10abc" + b"audio", b"audio"),
    (0x90, struct.pack("!HH", 0xBEDE, 9) + b"\x10abc", None),
    (0x8F, b"audio", None),
    (0xA0, b"audio\xff", None),
    (0xA0, b"", None),
])
def test_payload(first: int, rest: bytes, payload: bytes | None) -> None:
    assert payload_of(struct.pack("!BBHII", first, 8, 1, 2, 3) + rest) == payload


@given(st.binary(min_size=12, max_size=200))
def test_no_packet_raises(data: bytes) -> None:
    payload_of(data)
    is_rtcp(data)


@given(st.binary(max_size=300))
def test_no_report_raises(data: bytes) -> None:
    Reception(1).heard(data, 0.0)
    Reception(1).heard(b"\x81\xc8" + data, 0.0)


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)), min_size=1, max_size=60))
def test_reports_fit_whatever_was_sent(packets: list[tuple[int, int]]) -> None:
    reception = Reception(0xFFFFFFFF)
    for place, (sequence, timestamp) in enumerate(packets):
        reception.add(sequence, timestamp)
        if place % 7 == 0:
            reception.report(1e9)
    block = reception.report(1e9)
    assert block is not None
    assert block.ssrc == 0xFFFFFFFF
    RtcpPacket.parse(report(1, 2, 3, 4, "name", block))


def test_report_of_a_sender_and_of_one_who_only_listens() -> None:
    sender, names = RtcpPacket.parse(report(1, 2, 3, 4, "name", None))
    assert isinstance(sender, RtcpSrPacket)
    assert (sender.sender_info.rtp_timestamp, sender.sender_info.packet_count) == (2, 3)
    assert isinstance(names, RtcpSdesPacket)
    reception = Reception(77)
    for sequence in (1, 2, 3, 5):
        reception.add(sequence, sequence * 160)
    listener = RtcpPacket.parse(report(1, 2, 0, 0, "name", reception.report(0.0)))[0]
    assert isinstance(listener, RtcpRrPacket)
    assert (listener.reports[0].ssrc, listener.reports[0].packets_lost) == (77, 1)


def test_their_report_is_answered_with_its_time() -> None:
    reception = Reception(77)
    reception.add(1, 160)
    stranger = RtcpSrPacket(78, RtcpSenderInfo(0x9999_9999_9999_9999, 0, 0, 0))
    reception.heard(bytes(stranger), 9.0)
    theirs = RtcpSrPacket(77, RtcpSenderInfo(0x0001_0203_0405_0607, 0, 0, 0))
    reception.heard(bytes(theirs), 10.0)
    block = reception.report(12.5)
    assert block is not None
    assert (block.lsr, block.dlsr) == (0x02030405, round(2.5 * 65536))


def test_nothing_heard_is_nothing_to_report() -> None:
    assert Reception(1).report(0.0) is None
