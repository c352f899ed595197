"""Far ends whose messages cannot be used as they are: our legs come to their end all the same; nobody is flooded."""

import pytest

from tests.kit.legs import ANSWER, SDP_TYPE, LegWorld
from tests.kit.world import TRUNK

BAD_PORT = b"<sip:127.0.0.1:99999;lr>"


@pytest.fixture
def legs() -> LegWorld:
    return LegWorld()


def test_a_refresh_whose_interval_is_never_long_enough(legs: LegWorld) -> None:
    """Each 422 must ask for more than the one before; else the refresh waits as after any other refusal."""
    legs.up(fields=(b"Session-Expires: 200;refresher=uac", b"Allow: INVITE, UPDATE"))
    legs.play("wait 100.1 : UPDATE > trunk")
    legs.step("trunk > 422 UPDATE :", b"Min-SE: 400")
    legs.play("wait 0 : UPDATE > trunk")
    legs.step("trunk > 422 UPDATE :", b"Min-SE: 400")
    legs.play("wait 9.9 :\nwait 0.2 : UPDATE > trunk")


@pytest.mark.parametrize("route", [BAD_PORT, b"<sip:%zz@[::::;lr>"])
def test_a_2xx_with_a_route_that_leads_nowhere(legs: LegWorld, route: bytes) -> None:
    """ACK and BYE go where the INVITE went."""
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.say("trunk > 200 : ACK > trunk", ANSWER, b"Record-Route: " + route)
    assert leg.answered
    leg.hang_up(legs.now)
    legs.play("wait 0 : BYE > trunk")
    assert legs["trunk"].request("BYE").value(b"route") == route
    legs.play("trunk > 200 BYE :")
    legs.assert_all_over()


@pytest.mark.parametrize("contact", [b"<sip:boomerang@127.0.0.1:5060>", b"<sip:x@255.255.255.255>",
                                     b"<sip:x@239.1.2.3:5060>", b"<sip:x@0.0.0.0>", b"<sip:x@[ff02::1]>"])
def test_a_2xx_whose_contact_is_ourselves_or_nobody_in_particular(legs: LegWorld, contact: bytes) -> None:
    """ACK and BYE go where the INVITE went: our own address is never a next hop, and no crowd is spoken to."""
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs["trunk"].contact = contact
    legs.say("trunk > 200 : ACK > trunk", ANSWER)
    leg.hang_up(legs.now)
    legs.play("wait 0 : BYE > trunk\ntrunk > 200 BYE :")
    legs.assert_all_over()


def test_a_late_2xx_with_such_a_route(legs: LegWorld) -> None:
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk\ntrunk > 180 :")
    leg.hang_up(legs.now)
    legs.play("wait 0 : CANCEL > trunk\ntrunk > 200 CANCEL :")
    legs.say("trunk > 200 : ACK > trunk, BYE > trunk", ANSWER, b"Record-Route: " + BAD_PORT)
    legs.play("trunk > 200 BYE :")
    legs.assert_all_over()


@pytest.mark.parametrize("field", [b"Contact: nobody", b"Record-Route: <>"])
def test_a_1xx_that_makes_no_dialog_rings(legs: LegWorld, field: bytes) -> None:
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.step("trunk > 180 :", field)
    assert legs.told == ["sent", "ringing"]
    assert legs.world.proxy.counters.parse_errors == {}
    legs.say("trunk > 200 : ACK > trunk", ANSWER)
    assert leg.answered


@pytest.mark.parametrize("given_up", [False, True])
@pytest.mark.parametrize("name", [b"To", b"From"])
def test_a_2xx_that_names_no_dialog_ends_the_leg(legs: LegWorld, name: bytes, given_up: bool) -> None:
    """There is nobody to acknowledge: who sent it hangs up for want of an ACK, and the leg does not wait for ever."""
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk\ntrunk > 180 :")
    if given_up:
        leg.hang_up(legs.now)
        legs.play("wait 0 : CANCEL > trunk\ntrunk > 200 CANCEL :")
    answer = legs["trunk"].answer(200, "INVITE", [SDP_TYPE], ANSWER)
    broken = b"\r\n".join(name + b": ;;;" if line.startswith(name + b":") else line for line in answer.split(b"\r\n"))
    assert legs.world.give(broken, TRUNK) == []
    assert leg.over
    assert [end.cause for end in legs.listener.ends] == [487 if given_up else 500]


def test_a_broken_2xx_beside_a_good_one_changes_nothing(legs: LegWorld) -> None:
    leg = legs.up()
    answer = legs["trunk"].answer(200, "INVITE", [SDP_TYPE], ANSWER)
    assert legs.world.give(answer.replace(b"To: <", b"To: >"), TRUNK) == []
    assert not leg.over
    leg.hang_up(legs.now)
    legs.play("wait 0 : BYE > trunk\ntrunk > 200 BYE :")


def test_a_refresh_that_is_answered_with_a_100_alone(legs: LegWorld) -> None:
    """A re-INVITE is no ringing phone: without an answer for 64*T1 the far end is gone."""
    legs.up(fields=(b"Session-Expires: 200;refresher=uac", b"Allow: INVITE"))
    legs.play("wait 100.1 : INVITE > trunk\ntrunk > 100 INVITE :\nwait 31 :\nwait 1.1 : BYE > trunk\ntrunk > 200 BYE :")
    legs.assert_all_over()


def test_a_refresh_whose_answer_has_a_contact_that_cannot_be_read(legs: LegWorld) -> None:
    """It is refreshed all the same, and the far end stays where it was."""
    leg = legs.up(fields=(b"Session-Expires: 200;refresher=uac", b"Allow: INVITE, UPDATE"))
    contact, legs["trunk"].contact = legs["trunk"].contact, b"nobody"
    legs.play("wait 100.1 : UPDATE > trunk")
    legs.step("trunk > 200 UPDATE :", b"Session-Expires: 200;refresher=uac")
    legs.play("wait 100.1 : UPDATE > trunk")
    legs["trunk"].contact = contact
    legs.step("trunk > 200 UPDATE :", b"Session-Expires: 200;refresher=uac")
    leg.hang_up(legs.now)
    legs.play("wait 0 : BYE > trunk\ntrunk > 200 BYE :")
