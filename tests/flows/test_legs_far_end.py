"""Far ends behaving as they may and as they should not: addresses, intervals, reliable 1xx, re-INVITE, keys, timers."""

import pytest

from proxy.sip.hop import Hop, PeerSide
from proxy.sip.message import Response
from tests.kit.actor import Actor
from tests.kit.legs import ANSWER, SDP_TYPE, LegWorld, sdp
from tests.kit.world import PBX, PBX_2, STRANGER, TRUNK, World, address

REOFFER = sdp("0 PCMU", "101 telephone-event", port=41000)


@pytest.fixture
def legs() -> LegWorld:
    return LegWorld()


@pytest.fixture
def two() -> LegWorld:
    """A PBX with two addresses."""
    legs = LegWorld(World(pbx=(address(PBX), address(PBX_2))))
    legs.add(Actor("second", PBX_2))
    return legs


def final(legs: LegWorld, title: str) -> Response:
    return legs["trunk"].response(title)


# Addresses


def test_503_goes_to_the_next_address(two: LegWorld) -> None:
    two.place(side="pbx", user="201")
    two.play("""
        wait 0            : INVITE > agent
        agent > 100         :
        agent > 503         : ACK > agent, INVITE > second
    """)
    assert two["second"].request().uri == b"sip:201@127.0.0.1:5082"
    two.say("second > 200 : ACK > second", ANSWER)
    assert two.told == ["sent", "sent", "answered"]


def test_silence_goes_to_the_next_address(two: LegWorld) -> None:
    leg = two.place(side="pbx", user="201")
    two.play("wait 3.9 : 4x INVITE > agent")
    two.play("wait 0.2 : INVITE > second")
    two.say("agent > 200 : ACK > agent, BYE > agent", ANSWER)
    two.play("agent > 200 BYE :")
    two.say("second > 200 : ACK > second", ANSWER)
    assert leg.answered
    leg.hang_up(two.now)
    two.play("wait 0 : BYE > second\nsecond > 200 BYE :")
    two.assert_all_over()


@pytest.mark.parametrize("status", [100, 180, 183])
def test_a_phone_that_rings_late_is_cancelled(two: LegWorld, status: int) -> None:
    """The address was given up for its silence: while the next one works on the call nobody rings there."""
    leg = two.place(side="pbx", user="201")
    two.play("wait 4.1 : 4x INVITE > agent, INVITE > second\nsecond > 180 :")
    first, second = two["agent"].request(), two["second"].request()
    two.play(f"agent > {status} : CANCEL > agent\nagent > 180 :\nagent > again :")
    cancel = two["agent"].request("CANCEL")
    assert (cancel.uri, cancel.value(b"via"), cancel.cseq.number) == (first.uri, first.value(b"via"), 1)
    assert second.via.branch != first.via.branch
    two.play("agent > 200 CANCEL :\nagent > 487 : ACK > agent")
    two.say("second > 200 : ACK > second", ANSWER)
    assert leg.answered
    assert two.told == ["sent", "sent", "ringing", "answered"]
    leg.hang_up(two.now)
    two.play("wait 0 : BYE > second\nsecond > 200 BYE :")
    two.assert_all_over()


def test_late_phone_that_is_answered_all_the_same(two: LegWorld) -> None:
    two.place(side="pbx", user="201")
    two.play("wait 4.1 : 4x INVITE > agent, INVITE > second\nagent > 180 : CANCEL > agent")
    two.say("agent > 200 : ACK > agent, BYE > agent", ANSWER)
    two.play("agent > 200 CANCEL :\nagent > 200 BYE :\nsecond > 486 : ACK > second")
    assert two.told[-1] == "ended 486 far"
    two.assert_all_over()


def test_a_phone_that_rings_when_all_is_over_is_cancelled(legs: LegWorld) -> None:
    legs.place()
    legs.play("wait 31.9 : 7x INVITE > trunk\nwait 0.2 :")
    assert legs.told == ["sent", "ended 408 lost"]
    legs.play("trunk > 180 : CANCEL > trunk\ntrunk > 200 CANCEL :\ntrunk > 487 : ACK > trunk")
    legs.assert_all_over()


def test_refused_connection_goes_to_the_next_address(two: LegWorld) -> None:
    two.world.wire.dead.add(PBX)
    two.place(side="pbx", user="201")
    two.play("wait 0 : INVITE > second")
    two.play("second > 486 : ACK > second")
    assert two.told[-1] == "ended 486 far"


@pytest.mark.parametrize("status", [180, 183])
def test_who_works_on_the_call_is_not_asked_again_elsewhere(two: LegWorld, status: int) -> None:
    two.place(side="pbx", user="201")
    two.play(f"wait 0 : INVITE > agent\nagent > {status} :\nagent > 503 : ACK > agent")
    assert two.told[-1] == "ended 503 far"


def test_every_address_is_silent(two: LegWorld) -> None:
    two.place(side="pbx", user="201")
    two.world.wait(40)
    assert two.told == ["sent", "sent", "ended 408 lost"]
    two.assert_all_over()


def test_the_breaker_hears_of_it(two: LegWorld) -> None:
    for serial in range(2):
        two.place(side="pbx", user="201", call=f"leg-{serial}")
        two.play("wait 0 : INVITE > agent\nagent > 503 : ACK > agent, INVITE > second\nsecond > 486 : ACK > second")
    two.place(side="pbx", user="201", call="leg-3")
    two.play("wait 0 : INVITE > second\nsecond > 486 : ACK > second")
    two.play("wait 11 :")
    two.place(side="pbx", user="201", call="leg-4")
    two.play("wait 0 : INVITE > agent\nagent > 486 : ACK > agent")
    assert not any(two.world.proxy.health.is_open(Hop("udp", *place), two.now) for place in (PBX, PBX_2))


def test_unknown_peer_is_no_address(legs: LegWorld) -> None:
    legs.world.table.set_addresses(legs.world.trunk, ())
    legs.place()
    legs.play("wait 0 :")
    assert legs.told == ["ended 503 lost"]
    legs.assert_all_over()


def test_bye_that_cannot_be_sent(legs: LegWorld) -> None:
    leg = legs.up()
    legs.world.wire.dead.add(TRUNK)
    leg.hang_up(legs.now)
    legs.play("wait 0 :")
    assert legs.told[-1] == "ended 200 us"
    legs.assert_all_over()


def test_2xx_whose_contact_cannot_be_read(legs: LegWorld) -> None:
    legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs["trunk"].contact = b"<sip:bad"
    legs.say("trunk > 200 : ACK > trunk, BYE > trunk", ANSWER)
    legs.play("trunk > 200 BYE :")
    assert legs.told[-1] == "ended 500 us"
    legs.assert_all_over()


# Intervals


def test_422_is_met_with_a_larger_interval(legs: LegWorld) -> None:
    legs.place()
    legs.play("wait 0 : INVITE > trunk")
    assert legs["trunk"].request().value(b"session-expires") == b"1800"
    legs.step("trunk > 422 : ACK > trunk, INVITE > trunk", b"Min-SE: 3600")
    invite = legs["trunk"].request()
    assert (invite.value(b"session-expires"), invite.value(b"min-se")) == (b"3600", b"3600")
    legs.step("trunk > 422 : ACK > trunk, INVITE > trunk", b"Min-SE: 7200")
    legs.step("trunk > 422 : ACK > trunk", b"Min-SE: 9000")
    assert legs.told[-1] == "ended 422 far"
    legs.assert_all_over()


def test_we_refresh_by_update(legs: LegWorld) -> None:
    legs.up(fields=(b"Session-Expires: 200;refresher=uac", b"Require: timer", b"Allow: INVITE, UPDATE"))
    legs.play("wait 99.9 :\nwait 0.2 : UPDATE > trunk")
    update = legs["trunk"].request("UPDATE")
    assert update.value(b"session-expires") == b"200;refresher=uac"
    assert update.body == b""
    legs.step("trunk > 200 UPDATE :", b"Session-Expires: 300;refresher=uac")
    legs.play("wait 149.8 :\nwait 0.3 : UPDATE > trunk")
    legs.play("trunk > 481 UPDATE : BYE > trunk\ntrunk > 481 BYE :")
    assert legs.told[-1] == "ended 200 lost"
    legs.assert_all_over()


def test_we_refresh_by_reinvite_where_there_is_no_update(legs: LegWorld) -> None:
    legs.up(fields=(b"Session-Expires: 200;refresher=uac", b"Allow: INVITE, ACK, BYE"))
    first = legs["trunk"].request().body
    legs.play("wait 100.1 : INVITE > trunk")
    assert legs["trunk"].request().body == first
    legs.step("trunk > 491 : ACK > trunk")
    legs.play("wait 10.1 : INVITE > trunk")
    legs.step("trunk > 422 : ACK > trunk", b"Min-SE: 400")
    legs.play("wait 0 : INVITE > trunk")
    assert legs["trunk"].request().value(b"session-expires") == b"400;refresher=uac"
    legs.say("trunk > 200 : ACK > trunk", REOFFER, b"Session-Expires: 400;refresher=uas")
    assert legs["trunk"].request("ACK").cseq.number == legs["trunk"].request().cseq.number == 4
    assert legs.sound().stream.codec == "PCMU"
    legs.play("trunk > again : ACK > trunk")
    legs.play("wait 367.9 :\nwait 0.2 : BYE > trunk\ntrunk > 200 BYE :")
    assert legs.told[-1] == "ended 200 lost"
    legs.assert_all_over()


def test_no_refresh_of_theirs_ends_it(legs: LegWorld) -> None:
    legs.up(fields=(b"Session-Expires: 180;refresher=uas",))
    legs.play("wait 100 :")
    legs.step("trunk > UPDATE : 200 UPDATE > trunk", b"Session-Expires: 180;refresher=uac", b"Supported: timer")
    assert final(legs, "200 UPDATE").value(b"session-expires") == b"180;refresher=uac"
    legs.play("wait 147.9 :\nwait 0.2 : BYE > trunk\ntrunk > 200 BYE :")
    assert legs.told[-1] == "ended 200 lost"


def test_without_a_timer_we_ask_now_and_then(legs: LegWorld) -> None:
    legs.up()
    legs.play("wait 300 : OPTIONS > trunk\ntrunk > 405 OPTIONS :\nwait 300 : OPTIONS > trunk")
    legs.play("trunk > 481 OPTIONS : BYE > trunk\ntrunk > 481 BYE :")
    assert legs.told[-1] == "ended 200 lost"


@pytest.mark.parametrize("refresher", ["uac", "uas"])
def test_a_place_that_falls_silent_is_asked_for_and_who_refreshes_stays(legs: LegWorld, refresher: str) -> None:
    agreed = f"1800;refresher={refresher}".encode()
    leg = legs.up(fields=(b"Session-Expires: " + agreed, b"Allow: INVITE, UPDATE"), patient=True)
    legs.sound().silent(10.0)
    legs.play("wait 0 : UPDATE > trunk")
    assert legs["trunk"].request("UPDATE").value(b"session-expires") == agreed
    legs.step("trunk > 200 UPDATE :", b"Session-Expires: " + agreed)
    assert leg.answered
    assert not leg.over
    legs.sound().silent(20.0)
    legs.play("wait 0 : UPDATE > trunk\ntrunk > 481 UPDATE : BYE > trunk\ntrunk > 481 BYE :")
    assert legs.told[-1] == "ended 200 lost"
    legs.assert_all_over()


def test_a_place_without_a_timer_is_asked_ever_less_often(legs: LegWorld) -> None:
    legs.up(patient=True)
    for step in [*range(1, 120), 1]:
        legs.sound().silent(10.0 * step)
        asked = step in (1, 2, 4, 8, 16, 32, 62, 92)
        legs.play("wait 0 : OPTIONS > trunk\ntrunk > 200 OPTIONS :" if asked else "wait 0 :")


def test_a_talk_that_falls_silent_is_left_alone(legs: LegWorld) -> None:
    legs.up()
    legs.sound().silent(10.0)
    legs.play("wait 0 :")


def test_too_small_an_interval_of_theirs(legs: LegWorld) -> None:
    legs.up()
    legs.step("trunk > UPDATE : 422 UPDATE > trunk", b"Session-Expires: 30", b"Supported: timer")
    assert final(legs, "422 UPDATE").value(b"min-se") == b"90"


# Reliable 1xx


def test_reliable_1xx_is_acknowledged_in_order(legs: LegWorld) -> None:
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.say("trunk > 183 : PRACK > trunk", ANSWER, b"Require: 100rel", b"RSeq: 7")
    prack = legs["trunk"].request("PRACK")
    assert (prack.value(b"rack"), prack.cseq.number) == (b"7 1 INVITE", 2)
    legs.play("trunk > 200 PRACK :")
    legs.step("trunk > 180 :", b"Require: 100rel", b"RSeq: 7")
    legs.step("trunk > 180 :", b"Require: 100rel", b"RSeq: 9")
    legs.step("trunk > 180 : PRACK > trunk", b"Require: 100rel", b"RSeq: 8")
    legs.play("trunk > 200 PRACK :")
    legs.say("trunk > UPDATE : 200 UPDATE > trunk", REOFFER)
    assert b"m=audio 16384 RTP/AVP 0 101" in final(legs, "200 UPDATE").body
    legs.say("trunk > 200 : ACK > trunk")
    assert leg.answered
    assert legs.told == ["sent", "early", "answered"]


def test_early_media_is_connected_once(legs: LegWorld) -> None:
    legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.say("trunk > 183 :", ANSWER)
    legs.say("trunk > 183 tag=other :", REOFFER)
    legs.say("trunk > 200 : ACK > trunk", ANSWER)
    assert legs.media.log == ["open leg-1", "connect leg-1 PCMA 8"]


def test_another_branch_of_the_fork_answers(legs: LegWorld) -> None:
    legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.say("trunk > 183 :", ANSWER)
    legs.say("trunk > 200 tag=other : ACK > trunk", REOFFER)
    assert legs.sound().stream.codec == "PCMU"


def test_update_before_our_offer_is_answered(legs: LegWorld) -> None:
    legs.place()
    legs.play("wait 0 : INVITE > trunk\ntrunk > 180 :")
    legs.say("trunk > UPDATE : 491 UPDATE > trunk", REOFFER)


# What they ask in the dialog


def test_reinvite_moves_and_holds(legs: LegWorld) -> None:
    legs.up()
    legs.say("trunk > INVITE : 200 > trunk", REOFFER)
    legs.play("trunk > ACK :")
    stream = legs.sound().stream
    assert (stream.codec, stream.port) == ("PCMU", 41000)
    legs.say("trunk > INVITE : 200 > trunk", sdp("8 PCMA", direction="sendonly"))
    assert b"a=recvonly" in final(legs, "200").body
    legs.play("trunk > ACK :")
    assert legs.told[-1] == "held"
    assert (legs.sound().stream.sending, legs.sound().stream.receiving) == (False, True)
    legs.say("trunk > UPDATE : 200 UPDATE > trunk", sdp("8 PCMA"))
    assert legs.told[-1] == "resumed"
    assert legs.sound().stream.sending


def test_old_hold(legs: LegWorld) -> None:
    legs.up()
    legs.say("trunk > INVITE : 200 > trunk", sdp("8 PCMA", host="0.0.0.0"))
    assert legs.told[-1] == "held"


def test_reinvite_without_offer(legs: LegWorld) -> None:
    legs.up()
    legs.say("trunk > INVITE : 200 > trunk")
    assert b"RTP/AVP 8 0 9 101" in final(legs, "200").body
    legs.say("trunk > INVITE : 491 > trunk", REOFFER)
    legs["trunk"].sent.pop()
    legs["trunk"].received = [one for one in legs["trunk"].received if one.start != b"SIP/2.0 491 Request Pending"]
    legs["trunk"].cseq -= 1
    legs.say("trunk > ACK :", REOFFER)
    assert legs.sound().stream.codec == "PCMU"


def test_reinvite_without_offer_and_without_answer(legs: LegWorld) -> None:
    legs.up()
    legs.say("trunk > INVITE : 200 > trunk")
    legs.play("trunk > ACK : BYE > trunk\ntrunk > 200 BYE :")
    assert legs.told[-1] == "ended 200 lost"
    legs.assert_all_over()


def test_reinvite_with_nothing_for_us(legs: LegWorld) -> None:
    legs.up()
    before = legs.sound().stream
    legs["trunk"].contact = b"<sip:elsewhere@10.1.1.1>"
    legs.say("trunk > INVITE : 488 > trunk", sdp("18 G729"))
    legs.play("trunk > ACK :")
    assert legs.sound().stream == before
    legs.play("wait 300 : OPTIONS > trunk")


def test_reinvite_nobody_acknowledges(legs: LegWorld) -> None:
    legs.up()
    legs.say("trunk > INVITE : 200 > trunk", REOFFER)
    legs.play("wait 31.9 : 10x 200 > trunk")
    legs.play("wait 0.2 : BYE > trunk\ntrunk > 200 BYE :")
    assert legs.told[-1] == "ended 200 lost"
    legs.assert_all_over()


def test_glare_of_reinvites(legs: LegWorld) -> None:
    leg = legs.up()
    leg.refresh_target("Anna", "201", legs.now)
    legs.play("wait 0 : INVITE > trunk")
    legs.say("trunk > INVITE : 491 > trunk", REOFFER)
    legs.play("trunk > ACK :\ntrunk > 491 : ACK > trunk")
    legs.play("wait 2 :")
    legs.say("trunk > INVITE : 200 > trunk", REOFFER)
    legs.play("trunk > ACK :")
    legs.play("wait 0.2 : INVITE > trunk")
    assert legs["trunk"].request().value(b"p-asserted-identity") == b'"Anna" <sip:201@127.0.0.1:5060>'
    legs.say("trunk > 200 : ACK > trunk", REOFFER)
    legs.play("wait 60 :")


def test_connected_line_waits_for_their_ack(legs: LegWorld) -> None:
    leg = legs.up()
    legs.say("trunk > INVITE : 200 > trunk", REOFFER, b"Allow: INVITE, UPDATE")
    leg.refresh_target("", "201", legs.now)
    legs.play("wait 0.1 :\ntrunk > ACK :\nwait 2.1 : UPDATE > trunk\ntrunk > 200 UPDATE :")


@pytest.mark.parametrize("body", [b"", REOFFER])
def test_an_update_of_theirs_says_what_they_can_and_moves_the_timer(legs: LegWorld, body: bytes) -> None:
    leg = legs.up()
    legs.say("trunk > UPDATE : 200 UPDATE > trunk", body, b"Allow: INVITE, UPDATE", b"Supported: timer",
             b"Session-Expires: 200;refresher=uac")
    leg.refresh_target("", "201", legs.now)
    legs.play("wait 0 : UPDATE > trunk")
    assert legs["trunk"].request("UPDATE").value(b"session-expires") == b"200;refresher=uas"
    legs.play("trunk > 491 UPDATE :\nwait 2.2 : UPDATE > trunk\ntrunk > 200 UPDATE :")
    legs.play("wait 167.9 :\nwait 0.2 : BYE > trunk\ntrunk > 200 BYE :")
    assert legs.told[-1] == "ended 200 lost"


def test_connected_line_by_update(legs: LegWorld) -> None:
    leg = legs.up(fields=(b"Allow: INVITE, UPDATE",))
    leg.refresh_target("", "+36201234567", legs.now)
    legs.play("wait 0 : UPDATE > trunk\ntrunk > 200 UPDATE :")
    assert legs["trunk"].request("UPDATE").value(b"p-asserted-identity") == b"<sip:+36201234567@127.0.0.1:5060>"


@pytest.mark.parametrize("status", [405, 501])
def test_connected_line_where_update_is_not_known_after_all(legs: LegWorld, status: int) -> None:
    leg = legs.up(fields=(b"Allow: INVITE, UPDATE",))
    leg.refresh_target("", "201", legs.now)
    legs.play(f"wait 0 : UPDATE > trunk\ntrunk > {status} UPDATE :\nwait 2.2 : INVITE > trunk")
    legs.say("trunk > 200 : ACK > trunk", REOFFER)


def test_connected_line_moves_the_target(legs: LegWorld) -> None:
    leg = legs.up(fields=(b"Allow: INVITE, UPDATE",))
    leg.refresh_target("", "201", legs.now)
    legs.play("wait 0 : UPDATE > trunk")
    legs["trunk"].contact = b"<sip:moved@127.0.0.1:5070>"
    legs.play("trunk > 200 UPDATE :")
    leg.hang_up(legs.now)
    legs.play("wait 0 : BYE > trunk")
    assert legs["trunk"].request("BYE").uri == b"sip:moved@127.0.0.1:5070"


@pytest.mark.parametrize("status", [408, 481])
def test_a_dialog_that_is_not_known_any_more(legs: LegWorld, status: int) -> None:
    """RFC 3261 section 12.2.1.2: whatever was asked in it, it is over."""
    leg = legs.up(fields=(b"Allow: INVITE, UPDATE",))
    leg.refresh_target("", "201", legs.now)
    legs.play(f"wait 0 : UPDATE > trunk\ntrunk > {status} UPDATE : BYE > trunk\ntrunk > 481 BYE :")
    assert legs.told[-1] == "ended 200 lost"
    legs.assert_all_over()


@pytest.mark.parametrize(("method", "fields", "body", "status"), [
    ("OPTIONS", (), b"", 200),
    ("REFER", (b"Refer-To: <sip:900@evil>",), b"", 603),
    ("NOTIFY", (b"Event: refer",), b"", 489),
    ("MESSAGE", (), b"", 405),
    ("PRACK", (b"RAck: 1 1 INVITE",), b"", 481),
    ("INFO", (b"Content-Type: text/plain",), b"x", 415),
    ("INFO", (), b"", 200),
    ("UPDATE", (b"Require: precondition",), b"", 420),
])
def test_other_requests(legs: LegWorld, method: str, fields: tuple[bytes, ...], body: bytes, status: int) -> None:
    legs.up()
    legs.step(f"trunk > {method} : {status} {method} > trunk", *fields, body=body)
    legs.step(f"trunk > again : {status} {method} > trunk")
    assert legs.told == ["sent", "ringing", "answered"]


def test_requests_out_of_order(legs: LegWorld) -> None:
    legs.up()
    legs.play("trunk > OPTIONS : 200 OPTIONS > trunk")
    legs.play("trunk > OPTIONS : 200 OPTIONS > trunk")
    legs["trunk"].cseq = 0
    legs.play("trunk > INFO : 500 INFO > trunk")


def test_another_tag_is_another_dialog(legs: LegWorld) -> None:
    legs.up()
    dialog = legs["trunk"].dialog
    assert dialog is not None
    dialog.local = dialog.local.replace(b"tag=trunk", b"tag=forged")
    legs.play("trunk > BYE : 200 BYE > trunk")
    assert legs.told[-1] == "answered"


def test_keys(legs: LegWorld) -> None:
    legs.up()
    relay, plain = b"Content-Type: application/dtmf-relay", b"Content-Type: application/dtmf"
    legs.sound().press("1")
    legs.play("wait 0 :")
    legs.step("trunk > INFO : 200 INFO > trunk", relay, body=b"Signal=1\r\nDuration=160\r\n")
    legs.step("trunk > INFO : 200 INFO > trunk", relay, body=b"Signal= *\r\nDuration= 160")
    legs.step("trunk > INFO : 200 INFO > trunk", plain, body=b"11")
    legs.step("trunk > INFO : 200 INFO > trunk", plain, body=b"nonsense")
    legs.play("wait 3 :")
    legs.step("trunk > INFO : 200 INFO > trunk", relay, body=b"Signal=1\r\n")
    assert [one for one in legs.told if one.startswith("digit")] == ["digit 1", "digit *", "digit #", "digit 1"]


def test_what_media_hears(legs: LegWorld) -> None:
    leg = legs.up()
    legs.media.play(leg.call, (), 5)
    legs.sound().played()
    legs.sound().silent(20)
    legs.play("wait 0 :")
    assert legs.told[-2:] == ["played 5", "silent 20"]


def test_bye_in_an_early_dialog_of_a_fork(legs: LegWorld) -> None:
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk\ntrunk > 180 :\ntrunk > BYE : 200 BYE > trunk")
    legs.say("trunk > 200 tag=other : ACK > trunk", ANSWER)
    assert leg.answered


def test_after_the_end(legs: LegWorld) -> None:
    leg = legs.up()
    legs.play("trunk > BYE : 200 BYE > trunk")
    legs.play("trunk > INFO : 481 INFO > trunk\ntrunk > BYE : 200 BYE > trunk")
    leg.hang_up(legs.now)
    leg.refresh_target("", "1", legs.now)
    legs.play("wait 1 :")
    assert legs.told[-1] == "ended 200 far"
    assert len(legs.listener.ends) == 1
    legs.assert_all_over()


def test_sdp_in_a_multipart_body(legs: LegWorld) -> None:
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk")
    body = b'--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: application/sdp\r\n\r\n' + \
        ANSWER + b"\r\n--b--\r\n"
    legs.step("trunk > 200 : ACK > trunk", b'Content-Type: multipart/mixed;boundary="b"', body=body)
    assert leg.answered


def test_sdp_type_is_not_needed(legs: LegWorld) -> None:
    assert SDP_TYPE
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.step("trunk > 200 : ACK > trunk", body=ANSWER)
    assert leg.answered


# Whoever has seen a call of ours and speaks in it


@pytest.mark.parametrize("side", ["trunk", "pbx"])
def test_a_third_host_hangs_up_nothing_and_presses_nothing(legs: LegWorld, side: PeerSide) -> None:
    leg = legs.up(side=side)
    eve = legs.add(Actor("eve", STRANGER))
    eve.dialog, eve.cseq = legs[side].dialog, 50
    relay = b"Content-Type: application/dtmf-relay"
    legs.step("eve > INFO : 481 INFO > eve", relay, body=b"Signal=1\r\n")
    legs.play("eve > BYE : 481 BYE > eve\neve > OPTIONS : 481 OPTIONS > eve")
    legs.say("eve > INVITE : 481 > eve", REOFFER)
    legs.play("eve > ACK")
    assert not leg.over
    assert not any(told.startswith("digit") for told in legs.told)
    legs.step(f"{side} > INFO : 200 INFO > {side}", relay, body=b"Signal=2\r\n")
    assert legs.told[-1] == "digit 2"
    legs.play(f"{side} > BYE : 200 BYE > {side}")
    legs.assert_all_over()


def test_where_its_contact_says_it_is(legs: LegWorld) -> None:
    legs["trunk"].contact = b"<sip:gateway@192.0.2.9:5070>"
    gateway = legs.add(Actor("gateway", ("192.0.2.9", 5070)))
    leg = legs.place(side="trunk")
    legs.play("wait 0 : INVITE > trunk")
    legs.say("trunk > 200 : ACK > gateway", ANSWER)
    gateway.dialog, gateway.cseq = legs["trunk"].dialog, 50
    legs.play("gateway > BYE : 200 BYE > gateway")
    assert leg.over
