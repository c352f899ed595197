"""The stream to one leg: one sequence and one timeline, whoever makes the audio."""

import struct
from itertools import pairwise
from typing import NamedTuple

import pytest

from proxy.media.outflow import Outflow

FRAME = 160
AUDIO = b"\xd5" * FRAME


class Sent(NamedTuple):
    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    payload: bytes


def outflow(sequence: int = 0xFFFE, timestamp: int = 0xFFFFFFF0) -> tuple[Outflow, list[Sent]]:
    sent: list[Sent] = []

    def send(data: bytes) -> None:
        first, second, number, stamp, ssrc = struct.unpack_from("!BBHII", data)
        assert (first, ssrc) == (0x80, 99)
        sent.append(Sent(second > 127, second & 127, number, stamp, data[12:]))

    return Outflow(send, 99, sequence, timestamp, 0.0), sent


def gaps(sent: list[Sent]) -> list[tuple[int, int]]:
    """Steps of sequence and timestamp from packet to packet."""
    return [((b.sequence - a.sequence) & 0xFFFF, (b.timestamp - a.timestamp) & 0xFFFFFFFF)
            for a, b in pairwise(sent)]


def test_our_own_audio_is_one_timeline() -> None:
    out, sent = outflow()
    for number in range(5):
        out.own(8, AUDIO, FRAME, number * 0.02)
    assert gaps(sent) == [(1, FRAME)] * 4
    assert (out.packets, out.octets) == (5, 5 * FRAME)


def test_a_pause_of_our_own_moves_the_timeline_by_as_much() -> None:
    out, sent = outflow()
    out.own(8, AUDIO, FRAME, 0.0)
    out.own(8, AUDIO, FRAME, 2.0)
    assert gaps(sent) == [(1, 16_000)]
    assert sent[1].marker


def test_relayed_packets_keep_their_gaps_order_and_timing() -> None:
    out, sent = outflow()
    out.own(8, AUDIO, FRAME, 0.0)
    for sequence, timestamp in ((0xFFFF, 1000), (0, 1160), (2, 1480), (1, 1320), (5, 2000)):
        out.relay(7, sequence, timestamp, 8, AUDIO, 0.02)
    assert gaps(sent) == [(1, FRAME), (1, FRAME), (2, 2 * FRAME), (0xFFFF, 2**32 - FRAME), (4, 680)]
    assert [p.marker for p in sent] == [False, True, False, False, False, False]


def test_markers_of_the_source_pass() -> None:
    out, sent = outflow()
    out.relay(7, 1, 160, 8, AUDIO, 0.0)
    out.relay(7, 2, 5000, 8 | 0x80, AUDIO, 0.6)
    assert [p.marker for p in sent] == [True, True]


@pytest.mark.parametrize("source", [(8, 900, 50), (7, 40_000, 50)])
def test_another_source_and_a_jump_go_on_where_the_last_one_ended(source: tuple[int, int, int]) -> None:
    out, sent = outflow()
    out.relay(7, 10, 1000, 8, AUDIO, 0.0)
    out.relay(7, 11, 1160, 8, AUDIO, 0.02)
    ssrc, sequence, timestamp = source
    out.relay(ssrc, sequence, timestamp, 8, AUDIO, 0.1)
    assert gaps(sent)[-1] == (1, 640)
    assert sent[-1].marker


def test_turns_between_relayed_and_own() -> None:
    out, sent = outflow()
    now = 0.0
    for turn in range(4):
        for number in range(3):
            if turn % 2:
                out.own(8, AUDIO, FRAME, now)
            else:
                out.relay(7, 500 + number, 80_000 + FRAME * number, 8, AUDIO, now)
            now += 0.02
    assert [step for step, _ in gaps(sent)] == [1] * 11
    assert all(FRAME <= stamp <= FRAME + 2 for _, stamp in gaps(sent))
    assert [p.marker for p in sent] == [True, False, False] * 4
