"""Packets that are wrong, reports whose numbers a hostile sender has chosen; all beside another implementation."""

import struct
from types import SimpleNamespace
from typing import NamedTuple

import aiortp.stats
import pytest
from aiortp import DtmfEvent, RtcpPacket, RtcpRrPacket, RtcpSdesPacket, RtcpSrPacket, StreamStatistics
from aiortp.codecs import PcmaCodec, PcmuCodec
from aiortp.packet import RtcpReceiverInfo, RtcpSenderInfo, RtcpSourceInfo
from hypothesis import given
from hypothesis import strategies as st

from proxy.media.g711 import A_LAW, MU_LAW
from proxy.media.rtcp import Block, Reception, report, sender_time
from proxy.media.rtp import DIGITS, build_event, is_rtcp, parse_event, payload_of


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
        reception.add(sequence, timestamp, place / 50)
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
        reception.add(sequence, sequence * 160, sequence / 50)
    listener = RtcpPacket.parse(report(1, 2, 0, 0, "name", reception.report(0.0)))[0]
    assert isinstance(listener, RtcpRrPacket)
    assert (listener.reports[0].ssrc, listener.reports[0].packets_lost) == (77, 1)


def test_their_report_is_answered_with_its_time() -> None:
    reception = Reception(77)
    reception.add(1, 160, 1.0)
    stranger = RtcpSrPacket(78, RtcpSenderInfo(0x9999_9999_9999_9999, 0, 0, 0))
    reception.heard(bytes(stranger), 9.0)
    theirs = RtcpSrPacket(77, RtcpSenderInfo(0x0001_0203_0405_0607, 0, 0, 0))
    reception.heard(bytes(theirs), 10.0)
    block = reception.report(12.5)
    assert block is not None
    assert (block.lsr, block.dlsr) == (0x02030405, round(2.5 * 65536))


def test_nothing_heard_is_nothing_to_report() -> None:
    assert Reception(1).report(0.0) is None


SAMPLES = struct.pack("<65536h", *range(-0x8000, 0x8000))
OCTETS = bytes(range(256))
TURNED = bytes(code ^ 0x80 for code in range(256))
"""aiortp takes for a minus what is a plus in table 1 of G.711."""


def test_every_sample_and_every_octet_is_coded_as_by_others() -> None:
    assert MU_LAW.encode(SAMPLES) == PcmuCodec().encode(SAMPLES)
    assert MU_LAW.decode(OCTETS) == PcmuCodec().decode(OCTETS)
    assert A_LAW.encode(SAMPLES) == PcmaCodec().encode(SAMPLES).translate(TURNED)
    assert A_LAW.decode(OCTETS) == PcmaCodec().decode(OCTETS.translate(TURNED))


def test_what_is_decoded_is_encoded_as_it_was() -> None:
    for law in (MU_LAW, A_LAW):
        octets = law.encode(law.decode(OCTETS))
        assert [(code, other) for code, other in enumerate(octets) if code != other] == ([(0x7F, 0xFF)] if law is MU_LAW
                                                                                      else [])  # two zeros


@pytest.mark.parametrize("samples", range(4))
def test_few_samples(samples: int) -> None:
    pcm = b"\x10\x27" * samples
    assert MU_LAW.encode(pcm) == MU_LAW.encode(pcm + b"\x01") == PcmuCodec().encode(pcm)
    assert len(A_LAW.decode(bytes(samples))) == 2 * samples


WORDS = st.integers(0, 0xFFFFFFFF)


@given(st.builds(Block, WORDS, st.integers(0, 255), st.integers(-(1 << 23), (1 << 23) - 1), WORDS, WORDS, WORDS, WORDS),
       st.integers(0, 9), st.text("abc@.", max_size=60))
def test_reports_are_written_as_by_others(block: Block, packets: int, name: str) -> None:
    data = report(7, 2, packets, 4, name, block)
    head, names = RtcpPacket.parse(data)
    assert names == RtcpSdesPacket([RtcpSourceInfo(7, [(1, name.encode())])])
    assert isinstance(head, RtcpSrPacket if packets else RtcpRrPacket)
    assert head.reports == [RtcpReceiverInfo(**block._asdict())]
    assert data.startswith(bytes(head))
    assert len(data) % 4 == 0


@given(st.lists(st.tuples(WORDS, WORDS, st.integers(0, 2**64 - 1), st.integers(0, 3)), max_size=4), WORDS,
       st.binary(max_size=3), st.booleans())
def test_sender_reports_are_read_as_by_others(
    said: list[tuple[int, int, int, int]], wanted: int, rest: bytes, first: bool
) -> None:
    blocks = RtcpReceiverInfo(1, 2, 3, 4, 5, 6, 7)
    packets = [RtcpSrPacket(ssrc, RtcpSenderInfo(sent, stamp, 1, 2), [blocks] * count)
               for ssrc, stamp, sent, count in said]
    ssrc = packets[0].ssrc if first and packets else wanted
    times = [one.sender_info.ntp_timestamp for one in packets if one.ssrc == ssrc]
    data = b"".join(map(bytes, packets))
    assert sender_time(data, ssrc) == (times[-1] if times else None)
    if rest:
        assert sender_time(data + rest, ssrc) is None
    if packets:
        assert sender_time(data[:-4], ssrc) is None


class Packet(NamedTuple):
    sequence_number: int
    timestamp: int


@given(st.lists(st.tuples(st.integers(0, 0xFFFF) | st.integers(0xFFF0, 0xFFFF) | st.integers(0, 20), WORDS,
                          st.floats(0, 2)), min_size=1, max_size=60), st.integers(1, 9))
def test_reception_is_counted_as_by_others(packets: list[tuple[int, int, float]], every: int) -> None:
    ours, theirs, now = Reception(7), StreamStatistics(8000), 100.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aiortp.stats, "time", SimpleNamespace(monotonic=lambda: now))
        for place, (sequence, timestamp, pause) in enumerate(packets):
            now += pause
            ours.add(sequence, timestamp, now)
            theirs.add(Packet(sequence, timestamp))  # type: ignore[arg-type]
            if place % every == 0:
                block = ours.report(now)
                assert block is not None
                assert (block.fraction_lost, block.packets_lost, block.jitter) == (
                    min(theirs.fraction_lost, 255), theirs.packets_lost, min(theirs.jitter, 0xFFFFFFFF))
                assert theirs.max_seq is not None
                assert block.highest_sequence == theirs.cycles + theirs.max_seq


@given(st.sampled_from(DIGITS), st.booleans(), st.integers(0, 0xFFFF), st.integers(0, 63))
def test_keys_are_written_and_read_as_by_others(digit: str, end: bool, duration: int, volume: int) -> None:
    data = build_event(digit, end, duration, volume)
    assert data == DtmfEvent(DIGITS.index(digit), end, volume, duration).serialize()
    assert parse_event(data) == (digit, end, duration)
    assert DtmfEvent.parse(data).digit == digit
