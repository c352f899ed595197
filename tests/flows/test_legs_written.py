"""Nobody is in a call with us before what ends it is written down: the ACK waits for that, and our own 2xx does."""

import json

import pytest

from proxy.ua.contract import Leg
from proxy.ua.leg import WRITING_PATIENCE
from tests.kit.legs import ANSWER, SDP_TYPE, LegWorld


@pytest.fixture
def legs() -> LegWorld:
    legs = LegWorld()
    legs.listener.slow = True
    return legs


def accepted(legs: LegWorld) -> Leg:
    """A call of ours whose 2xx has come."""
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.say("trunk > 200 :", ANSWER)
    assert "dialog" in json.loads(legs.listener.memories[-1])
    assert not leg.answered
    return leg


def written(legs: LegWorld) -> None:
    legs.listener.written.pop(0)(legs.now)


def test_the_ack_leaves_when_it_is_written_down(legs: LegWorld) -> None:
    leg = accepted(legs)
    legs.play("wait 0.1 :\ntrunk > again :\nwait 0.1 :")
    assert legs.told == ["sent"]
    written(legs)
    legs.play("wait 0 : ACK > trunk")
    assert leg.answered
    assert legs.told == ["sent", "answered"]
    legs.play("wait 1 :\ntrunk > again : ACK > trunk")


def test_the_ack_does_not_wait_for_long(legs: LegWorld) -> None:
    accepted(legs)
    legs.play(f"wait {WRITING_PATIENCE} : ACK > trunk")
    assert legs.told == ["sent", "answered"]
    written(legs)
    legs.play("wait 1 :")
    assert legs.told == ["sent", "answered"]


def test_they_hang_up_meanwhile(legs: LegWorld) -> None:
    accepted(legs)
    legs.play("trunk > BYE : 200 BYE > trunk, ACK > trunk")
    assert legs.told == ["sent", "answered", "ended 200 far"]
    written(legs)
    legs.play("wait 0 :")
    legs.assert_all_over()


def test_we_hang_up_meanwhile(legs: LegWorld) -> None:
    leg = accepted(legs)
    leg.hang_up(legs.now)
    legs.play("wait 0 : ACK > trunk, BYE > trunk\ntrunk > 200 BYE :")
    written(legs)
    legs.play("wait 0 :")
    legs.assert_all_over()


def test_the_media_is_gone_meanwhile(legs: LegWorld) -> None:
    accepted(legs)
    legs.sound().fail()
    legs.play("wait 0 : ACK > trunk, BYE > trunk\ntrunk > 200 BYE :")
    legs.assert_all_over()


def test_without_a_common_codec_nothing_is_written(legs: LegWorld) -> None:
    legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.say("trunk > 200 : ACK > trunk, BYE > trunk", ANSWER.replace(b"8 101", b"18").replace(b"PCMA", b"G729"))
    assert legs.listener.written == []


def ring_in(legs: LegWorld) -> Leg:
    """A call that was handed to us, and that we answer."""
    legs.offered()
    legs.step("trunk > INVITE : 100 > trunk", SDP_TYPE, body=ANSWER)
    legs.play("wait 0 :")
    assert legs.incoming is not None
    legs.incoming.answer(legs.now)
    legs.play("wait 0 :")
    assert "dialog" in json.loads(legs.listener.memories[-1])
    return legs.incoming


def test_our_answer_leaves_when_it_is_written_down(legs: LegWorld) -> None:
    leg = ring_in(legs)
    leg.answer(legs.now)
    legs.play("wait 0.1 :")
    written(legs)
    legs.play("wait 0 : 200 > trunk\ntrunk > ACK :")
    assert legs.told == ["answered"]
    assert legs.listener.written == []


def test_our_answer_does_not_wait_for_long(legs: LegWorld) -> None:
    ring_in(legs)
    legs.play(f"wait {WRITING_PATIENCE} : 200 > trunk\ntrunk > ACK :")
    assert legs.told == ["answered"]


def test_refused_meanwhile(legs: LegWorld) -> None:
    leg = ring_in(legs)
    leg.hang_up(legs.now)
    legs.play("wait 0 : INVITE > pbx")
    written(legs)
    legs.play("wait 0 :")
    assert legs.told == ["ended 480 us"]


def test_the_caller_gives_up_meanwhile(legs: LegWorld) -> None:
    ring_in(legs)
    legs.play("trunk > CANCEL : 200 CANCEL > trunk, 487 > trunk\ntrunk > ACK :")
    written(legs)
    legs.play("wait 0 :")
    assert legs.told == ["ended 487 far"]
