"""Calls that are handed to us to answer: rung, answered, refused, cancelled, with and without reliable 1xx."""

import pytest

from proxy.sip.message import Response
from proxy.ua.contract import Leg
from tests.kit.actor import DIALLED
from tests.kit.legs import ANSWER, LegWorld, sdp

OFFER = sdp("9 G722", "0 PCMU", "96 telephone-event")


@pytest.fixture
def legs() -> LegWorld:
    legs = LegWorld()
    legs.offered()
    return legs


def ring_in(legs: LegWorld, body: bytes = OFFER, *fields: bytes) -> Leg:
    legs.say("trunk > INVITE : 100 > trunk", body, *fields)
    legs.play("wait 0 :")
    assert legs.incoming is not None
    return legs.incoming


def final(legs: LegWorld, title: str = "200") -> Response:
    return legs["trunk"].response(title)


def test_rung_answered_and_hung_up(legs: LegWorld) -> None:
    leg = ring_in(legs)
    leg.ring(legs.now)
    legs.play("wait 0 : 180 > trunk")
    leg.answer(legs.now)
    legs.play("wait 0 : 200 > trunk\nwait 0.6 : 200 > trunk")
    assert b"m=audio 16384 RTP/AVP 9 96\r\n" in final(legs).body
    assert final(legs).contacts[0].uri == b"sip:%s@127.0.0.1:5060" % DIALLED.encode()
    assert legs.told == []
    legs.play("trunk > ACK :\nwait 5 :")
    assert leg.answered
    stream = legs.sound(leg.call).stream
    assert (stream.codec, stream.dtmf) == ("G722", 96)
    leg.hang_up(legs.now, 200, "Bye")
    legs.play("wait 0 : BYE > trunk\ntrunk > 200 BYE :")
    assert legs.told == ["answered", "ended 200 us"]
    assert legs.facts == ["ringing 0", "answered 0"]
    legs.assert_all_over()


def test_answered_before_the_media_is_there(legs: LegWorld) -> None:
    legs.say("trunk > INVITE : 100 > trunk", OFFER)
    assert legs.incoming is not None
    legs.incoming.ring(legs.now)
    legs.incoming.answer(legs.now)
    legs.play("wait 0 : 200 > trunk\ntrunk > ACK :")
    assert legs.told == ["answered"]


def test_early_media(legs: LegWorld) -> None:
    leg = ring_in(legs)
    leg.early(legs.now)
    legs.play("wait 0 : 183 > trunk")
    assert b"RTP/AVP 9 96" in final(legs, "183").body
    assert legs.sound(leg.call).stream.port == 40000
    leg.answer(legs.now)
    legs.play("wait 0 : 200 > trunk\ntrunk > ACK :")
    assert final(legs).body == final(legs, "183").body
    assert final(legs).to.tag == final(legs, "183").to.tag


@pytest.mark.parametrize(("cause", "status"), [(0, 480), (486, 486), (200, 480)])
def test_refused_goes_on(legs: LegWorld, cause: int, status: int) -> None:
    leg = ring_in(legs)
    leg.hang_up(legs.now, cause)
    legs.play("wait 0 : INVITE > pbx")
    assert legs.told == [f"ended {status} us"]
    legs.play("pbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK :")
    legs.assert_all_over()


@pytest.mark.parametrize(("body", "fields", "status"), [
    (sdp("18 G729"), (), 488),
    (OFFER, (b"Require: precondition",), 420),
    (OFFER, (b"Session-Expires: 20", b"Supported: timer"), 422),
])
def test_what_we_cannot_take_goes_on(legs: LegWorld, body: bytes, fields: tuple[bytes, ...], status: int) -> None:
    legs.say("trunk > INVITE : 100 > trunk", body, *fields)
    legs.play("wait 0 : INVITE > pbx\npbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK :")
    assert legs.told == [f"ended {status} us"]
    legs.assert_all_over()


def test_no_media_goes_on(legs: LegWorld) -> None:
    legs.media.full = True
    legs.say("trunk > INVITE : 100 > trunk", OFFER)
    legs.play("wait 0 : INVITE > pbx\npbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK :")
    assert legs.told == ["ended 503 lost"]


def test_caller_gives_up(legs: LegWorld) -> None:
    leg = ring_in(legs)
    leg.ring(legs.now)
    legs.play("wait 0 : 180 > trunk\ntrunk > CANCEL : 200 CANCEL > trunk, 487 > trunk\ntrunk > ACK :")
    leg.answer(legs.now)
    leg.hang_up(legs.now)
    assert legs.told == ["ended 487 far"]
    legs.assert_all_over()


def test_no_ack(legs: LegWorld) -> None:
    ring_in(legs).answer(legs.now)
    legs.play("wait 31.9 : 11x 200 > trunk\nwait 0.2 : BYE > trunk\ntrunk > 481 BYE :")
    assert legs.told == ["ended 200 lost"]
    legs.assert_all_over()


def test_bye_before_ack(legs: LegWorld) -> None:
    ring_in(legs).answer(legs.now)
    legs.play("wait 0 : 200 > trunk\ntrunk > BYE : 200 BYE > trunk\nwait 2 :")
    assert legs.told == ["ended 200 far"]
    legs.play("trunk > ACK :")
    legs.assert_all_over()


def test_nobody_hangs_up_before_the_ack(legs: LegWorld) -> None:
    leg = ring_in(legs)
    leg.answer(legs.now)
    legs.play("wait 0 : 200 > trunk")
    leg.hang_up(legs.now)
    legs.play("wait 0.4 :\ntrunk > ACK : BYE > trunk\ntrunk > 200 BYE :")
    assert legs.told == ["ended 200 us"]
    legs.assert_all_over()


def test_ack_with_the_branch_of_the_invite(legs: LegWorld) -> None:
    leg = ring_in(legs)
    leg.answer(legs.now)
    legs.play("wait 0 : 200 > trunk\ntrunk > ACK branch=invite :")
    assert leg.answered


def test_late_offer(legs: LegWorld) -> None:
    leg = ring_in(legs, b"")
    leg.early(legs.now)
    legs.play("wait 0 : 180 > trunk")
    leg.answer(legs.now)
    legs.play("wait 0 : 200 > trunk")
    assert b"RTP/AVP 8 0 9 101" in final(legs).body
    legs.say("trunk > ACK :", sdp("0 PCMU"))
    assert leg.answered
    assert legs.sound(leg.call).stream.codec == "PCMU"


@pytest.mark.parametrize("body", [b"", sdp("18 G729")])
def test_late_offer_without_an_answer(legs: LegWorld, body: bytes) -> None:
    ring_in(legs, b"").answer(legs.now)
    legs.play("wait 0 : 200 > trunk")
    legs.say("trunk > ACK : BYE > trunk", body)
    legs.play("trunk > 200 BYE :")
    assert legs.told == ["ended 488 us"]
    legs.assert_all_over()


def test_reliable_where_it_is_required(legs: LegWorld) -> None:
    leg = ring_in(legs, OFFER, b"Require: 100rel")
    leg.ring(legs.now)
    legs.play("wait 0 : 180 > trunk\nwait 0.6 : 180 > trunk")
    assert final(legs, "180").value(b"rseq") == b"1"
    leg.early(legs.now)
    legs.play("wait 0 :")
    legs.step("trunk > PRACK : 481 PRACK > trunk", b"RAck: 2 1 INVITE")
    legs.step("trunk > PRACK : 183 > trunk, 200 PRACK > trunk", b"RAck: 1 1 INVITE")
    leg.answer(legs.now)
    legs.play("wait 0.1 :")
    legs.step("trunk > PRACK : 200 PRACK > trunk, 200 > trunk", b"RAck: 2 1 INVITE")
    legs["trunk"].cseq -= 3
    legs.play("trunk > ACK :")
    assert leg.answered
    leg.hang_up(legs.now)
    legs.play("wait 0 : BYE > trunk\ntrunk > 200 BYE :")
    legs.assert_all_over()


def test_answer_ends_a_reliable_ring(legs: LegWorld) -> None:
    leg = ring_in(legs, OFFER, b"Require: 100rel")
    leg.ring(legs.now)
    legs.play("wait 0 : 180 > trunk")
    leg.answer(legs.now)
    legs.play("wait 0 : 200 > trunk\ntrunk > ACK :\nwait 40 :")
    assert leg.answered


def test_reliable_with_our_offer(legs: LegWorld) -> None:
    leg = ring_in(legs, b"", b"Require: 100rel")
    leg.ring(legs.now)
    legs.play("wait 0 : 180 > trunk")
    assert b"RTP/AVP 8 0 9 101" in final(legs, "180").body
    legs.say("trunk > PRACK : 200 PRACK > trunk", ANSWER, b"RAck: 1 1 INVITE")
    assert legs.sound(leg.call).stream.codec == "PCMA"
    leg.answer(legs.now)
    legs.play("wait 0 : 200 > trunk")
    assert final(legs).body == b""
    legs.play("trunk > ACK :")
    assert leg.answered


def test_offer_in_the_prack(legs: LegWorld) -> None:
    leg = ring_in(legs, OFFER, b"Require: 100rel")
    leg.early(legs.now)
    legs.play("wait 0 : 183 > trunk")
    legs.say("trunk > PRACK : 200 PRACK > trunk", sdp("8 PCMA"), b"RAck: 1 1 INVITE")
    assert legs.sound(leg.call).stream.codec == "PCMA"


def test_no_prack(legs: LegWorld) -> None:
    leg = ring_in(legs, OFFER, b"Require: 100rel")
    leg.ring(legs.now)
    legs.world.wait(33)
    assert legs.told == ["ended 504 lost"]


def test_bye_before_our_answer(legs: LegWorld) -> None:
    leg = ring_in(legs)
    leg.ring(legs.now)
    legs.play("wait 0 : 180 > trunk\ntrunk > BYE : 200 BYE > trunk, 487 > trunk")
    assert legs.told == ["ended 487 far"]


def test_their_timer_and_keys(legs: LegWorld) -> None:
    leg = ring_in(legs, OFFER, b"Session-Expires: 200", b"Supported: timer", b"Allow: UPDATE")
    leg.answer(legs.now)
    legs.play("wait 0 : 200 > trunk\ntrunk > ACK :")
    assert final(legs).value(b"session-expires") == b"200;refresher=uac"
    assert final(legs).option_tags(b"require") == [b"timer"]
    legs.step("trunk > INFO : 200 INFO > trunk", b"Content-Type: application/dtmf", body=b"7")
    leg.refresh_target("Anna", "201", legs.now)
    legs.play("wait 0 : UPDATE > trunk\ntrunk > 200 UPDATE :")
    assert legs.told == ["answered", "digit 7"]
    assert legs["trunk"].request("UPDATE").value(b"session-expires") == b"200;refresher=uas"
    legs.play("wait 150 :")
    legs.step("trunk > UPDATE : 200 UPDATE > trunk", b"Session-Expires: 200;refresher=uac", b"Supported: timer")
    legs.play("wait 167.9 :\nwait 0.2 : BYE > trunk\ntrunk > 481 BYE :")
    assert legs.told[-1] == "ended 200 lost"


def test_forged_challenge_to_our_bye(legs: LegWorld) -> None:
    leg = ring_in(legs)
    leg.answer(legs.now)
    legs.play("wait 0 : 200 > trunk\ntrunk > ACK :")
    leg.hang_up(legs.now)
    legs.play("wait 0 : BYE > trunk")
    legs.step("trunk > 407 BYE :", b'Proxy-Authenticate: Digest realm="x", nonce="n", algorithm=MD5, qop="auth"')
    assert legs.told[-1] == "ended 200 us"
