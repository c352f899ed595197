"""Far ends whose messages cannot be used as they are: our legs come to their end all the same; nobody is flooded."""

import pytest

from tests.kit.legs import ANSWER, LegWorld

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
