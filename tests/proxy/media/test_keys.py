"""Keys: one press is heard once, whatever gets lost, comes twice or late; what we send is as RFC 4733 says."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.media.keys import PAUSE, PRESS, EventKeys, KeyListener
from proxy.media.outflow import Outflow
from proxy.media.rtp import Event, parse_event

FRAME = 160


def press(digit: str, timestamp: int, packets: int = 5, ends: int = 3) -> list[tuple[int, bool, Event]]:
    """All packets of a press: (timestamp, marker, event)."""
    events = [(timestamp, n == 0, Event(digit, False, FRAME * (n + 1))) for n in range(packets)]
    return events + [(timestamp, False, Event(digit, True, FRAME * (packets + 1)))] * ends


def heard(packets: list[tuple[int, bool, Event]]) -> str:
    listener = KeyListener()
    return "".join(filter(None, (listener.hear(*packet) for packet in packets)))


FIRST = press("5", 1000)
SECOND = press("5", 1000 + 7 * FRAME + 400)


@pytest.mark.parametrize(("packets", "digits"), [
    pytest.param(FIRST, "5", id="one press"),
    pytest.param(FIRST[-1:], "5", id="only its last packet arrives"),
    pytest.param(FIRST[:1], "5", id="only its first packet arrives"),
    pytest.param(FIRST + FIRST, "5", id="every packet twice"),
    pytest.param(FIRST[:-3] + SECOND, "55", id="all end packets lost"),
    pytest.param(FIRST + SECOND[1:], "55", id="first packet of the second lost"),
    pytest.param(FIRST[:-3] + SECOND[1:], "55", id="end packets and the next first packet lost"),
    pytest.param(FIRST + SECOND + FIRST[-1:], "55", id="a late end packet"),
    pytest.param(FIRST[:2] + SECOND + FIRST[2:], "55", id="packets of both mixed"),
    pytest.param(FIRST + press("7", 3000), "57", id="two keys"),
    pytest.param(press("7", 1000) + press("8", 2200, ends=0) + press("8", 3400), "788", id="the same key again"),
    pytest.param(press("#", 0xFFFFFF00) + press("*", 800), "#*", id="timestamp wraps"),
])
def test_a_press_is_heard_once(packets: list[tuple[int, bool, Event]], digits: str) -> None:
    assert heard(packets) == digits


def test_a_long_press_goes_on_in_segments() -> None:
    # RFC 4733 section 2.5.1.3: the next segment begins where the duration field was full, without marker or end.
    first = [(1000, n == 0, Event("1", False, min(0xFFFF, FRAME * (n + 1)))) for n in range(410)]
    second = [(1000 + 0xFFFF, False, Event("1", False, FRAME * (n + 1))) for n in range(5)]
    assert heard(first + second + [(1000 + 0xFFFF, False, Event("1", True, FRAME * 6))]) == "1"


def test_a_sender_that_moves_the_timestamp_with_each_packet() -> None:
    moving = [(1000 + FRAME * n, n == 0, Event("3", n == 9, FRAME * (n + 1))) for n in range(10)]
    assert heard(moving) == "3"


@given(st.text("0123456789*#", min_size=1, max_size=8), st.data())
def test_any_loss_and_repetition(digits: str, data: st.DataObject) -> None:
    """At least one packet of each press arrives, any of them several times, in order: each is heard once."""
    arriving = []
    for place, digit in enumerate(digits):
        packets = press(digit, 5000 + place * 1700)
        kept = data.draw(st.lists(st.integers(0, len(packets) - 1), min_size=1, max_size=12))
        arriving += [packets[number] for number in sorted(kept)]
    assert heard(arriving) == digits


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\x01\x0a\x00", bytes([16, 10, 0, 160]), b"\xff\xff\xff\xff"])
def test_what_is_no_key(payload: bytes) -> None:
    assert parse_event(payload) is None


def test_an_event_may_be_longer_than_it_need_be() -> None:
    assert parse_event(bytes([11, 0x8A, 3, 0x20, 9, 9])) == Event("#", True, 800)


def test_keys_that_we_send() -> None:
    sent: list[bytes] = []
    out = Outflow(sent.append, 7, 0xFFFE, 0xFFFFFF00, 0.0)
    out.own(8, b"\xd5" * FRAME, FRAME, 0.0)
    keys = EventKeys("1#", 101)
    steps = 1
    while keys.step(out, FRAME, steps * 0.02):
        steps += 1
    packets = [struct.unpack("!BBHIIBBH", data) for data in sent[1:]]
    assert [p[2] for p in packets] == [number & 0xFFFF for number in range(0x10000, 0x10000 + len(packets))]
    for code, group in ((1, packets[: len(packets) // 2]), (11, packets[len(packets) // 2 :])):
        assert {p[5] for p in group} == {code}
        assert len({p[3] for p in group}) == 1  # one timestamp for the whole press
        assert [p[1] >> 7 for p in group] == [1] + [0] * (len(group) - 1)
        assert [p[6] >> 7 for p in group] == [0] * (len(group) - 3) + [1, 1, 1]
        durations = [p[7] for p in group]
        assert all(a < b for a, b in pairwise(durations[:-2]))
        assert durations[-1] == PRESS
    first, second = packets[0][3], packets[-1][3]
    assert (second - first) & 0xFFFFFFFF >= PRESS + PAUSE
    assert heard([(p[3], bool(p[1] >> 7), Event("0123456789*#"[p[5]], bool(p[6] >> 7), p[7])) for p in packets]) == "1#"
