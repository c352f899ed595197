"""Calls that we place ourselves, whole: placed, answered, ended, refused, given up."""

import pytest

from proxy.core.peers import Address
from proxy.sip.hop import Hop
from proxy.sip.message import Request
from tests.kit.actor import Actor
from tests.kit.legs import ANSWER, LegWorld, sdp
from tests.kit.world import TRUNK, address


@pytest.fixture
def legs() -> LegWorld:
    return LegWorld()


def test_placed_answered_and_hung_up(legs: LegWorld) -> None:
    leg = legs.up()
    assert legs.told == ["sent", "ringing", "answered"]
    stream = legs.sound().stream
    assert (stream.host, stream.port, stream.codec, stream.payload_type, stream.dtmf) == ("127.0.0.1", 40000, "PCMA",
                                                                                          8, 101)
    leg.hang_up(legs.now)
    legs.play("""
        wait 0            : BYE > trunk
        trunk > 200 BYE   :
    """)
    assert legs.told[-1] == "ended 200 us"
    legs.assert_all_over()


def test_the_invite_says_what_it_must(legs: LegWorld) -> None:
    legs.place(from_display='Eve "X"\r\nEvil: 1', asserted="+3611", headers=(("X-Boomerang", "callback\r\nEvil: 2"),))
    legs.play("wait 0 : INVITE > trunk")
    invite = legs["trunk"].request()
    assert invite.uri == b"sip:+36201234567@127.0.0.1:5070"
    assert invite.call_id == b"leg-1"
    assert invite.from_.parsed_uri.user == b"+3614445555"
    assert invite.from_.display == b'Eve "X"Evil: 1'
    assert invite.contacts[0].uri == b"sip:+3614445555@127.0.0.1:5060"
    assert invite.value(b"p-asserted-identity") == b'"Eve \\"X\\"Evil: 1" <sip:+3611@127.0.0.1:5060>'
    assert invite.value(b"x-boomerang") == b"callbackEvil: 2"
    assert not invite.has(b"evil")
    assert invite.option_tags(b"supported") == [b"100rel", b"timer"]
    assert b"m=audio 16384 RTP/AVP 8 0 9 101\r\n" in invite.body
    assert (invite.via.branch or b"").startswith(b"z9hG4bKua")


def test_a_carrier_sees_its_own_domain() -> None:
    legs = LegWorld(from_hosts={("trunk", "main"): b"sip.carrier.example"})
    leg = legs.up()
    invite = legs["trunk"].request()
    assert invite.from_.parsed_uri.host == b"sip.carrier.example"
    assert invite.contacts[0].parsed_uri.host == b"127.0.0.1"
    leg.hang_up(legs.now)
    legs.play("wait 0 : BYE > trunk\ntrunk > 200 BYE")
    assert legs["trunk"].request("BYE").from_.parsed_uri.host == b"sip.carrier.example"
    legs.assert_all_over()


def test_far_end_hangs_up(legs: LegWorld) -> None:
    legs.up()
    legs.step("trunk > BYE : 200 BYE > trunk", b'Reason: Q.850;cause=16;text="Normal call clearing"')
    assert legs.told[-1] == "ended 200 far"
    assert legs.listener.ends[0].reason == "Normal call clearing"
    legs.assert_all_over()


@pytest.mark.parametrize("status", [302, 404, 480, 486, 503, 603])
def test_refused(legs: LegWorld, status: int) -> None:
    legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.step(f"trunk > {status} : ACK > trunk", b"Retry-After: 120 (busy);duration=3")
    end = legs.listener.ends[0]
    assert (end.cause, end.by, end.retry_after) == (status, "far", 120.0)
    assert legs.told == ["sent", f"ended {status} far"]
    legs.assert_all_over()


def test_rings_too_long(legs: LegWorld) -> None:
    legs.place(ring_for=20)
    legs.play("""
        wait 0            : INVITE > trunk
        trunk > 180       :
        wait 19.9         :
        wait 0.2          : CANCEL > trunk
        trunk > 200 CANCEL :
        trunk > 487       : ACK > trunk
    """)
    assert legs.told == ["sent", "ringing", "given up 487", "ended 487 us"]


def test_a_far_end_without_a_word_is_given_up_in_time_and_cancelled_when_it_may_be(legs: LegWorld) -> None:
    """RFC 3261 section 9.1: no CANCEL before a 1xx; whoever waits for an answer waits no longer than `ring_for`."""
    legs.place(ring_for=10)
    legs.play("""
        wait 0            : INVITE > trunk
        wait 9.9          : 4x INVITE > trunk
        wait 0.2          :
    """)
    assert legs.told == ["sent", "given up 487"]
    legs.play("""
        trunk > 180       : CANCEL > trunk
        trunk > 200 CANCEL :
        trunk > 487       : ACK > trunk
    """)
    assert legs.told == ["sent", "given up 487", "ended 487 us"]


def test_a_far_end_that_never_says_a_word(legs: LegWorld) -> None:
    legs.place(ring_for=10)
    legs.play("wait 0 : INVITE > trunk\nwait 40 : 6x INVITE > trunk")
    assert legs.told == ["sent", "given up 487", "ended 408 lost"]
    legs.assert_all_over()


def test_no_cancel_before_a_1xx(legs: LegWorld) -> None:
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk")
    leg.hang_up(legs.now, 200, "Call completed elsewhere")
    legs.play("""
        wait 0.4          :
        trunk > 100       : CANCEL > trunk
    """)
    cancel = legs["trunk"].request("CANCEL")
    assert cancel.value(b"reason") == b'SIP;cause=200;text="Call completed elsewhere"'
    assert cancel.via.branch == legs["trunk"].request("INVITE").via.branch
    legs.play("""
        trunk > 200 CANCEL :
        trunk > 487       : ACK > trunk
    """)
    assert legs.told == ["sent", "ended 487 us"]
    legs.assert_all_over()


def test_late_200_after_cancel_gets_ack_and_bye(legs: LegWorld) -> None:
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk\ntrunk > 180 :")
    leg.hang_up(legs.now)
    legs.play("wait 0 : CANCEL > trunk")
    legs.say("trunk > 200 : ACK > trunk, BYE > trunk", ANSWER)
    legs.play("""
        trunk > again     : ACK > trunk
        trunk > 200 BYE   :
    """)
    assert legs.told == ["sent", "ringing", "ended 487 us"]
    legs.assert_all_over()


def test_200_long_after_cancel_gets_ack_and_bye(legs: LegWorld) -> None:
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk\ntrunk > 180 :")
    leg.hang_up(legs.now)
    legs.play("wait 0 : CANCEL > trunk\ntrunk > 200 CANCEL :\nwait 33 :")
    assert legs.told[-1] == "ended 487 us"
    legs.say("trunk > 200 : ACK > trunk, BYE > trunk", ANSWER)
    legs.play("trunk > 200 BYE :")
    legs.assert_all_over()


def test_nobody_answers_at_all(legs: LegWorld) -> None:
    legs.place()
    legs.play("wait 33 : 7x INVITE > trunk")
    assert legs.told == ["sent", "ended 408 lost"]
    legs.assert_all_over()


def test_183_without_end_is_ended_by_ring_for(legs: LegWorld) -> None:
    legs.place(ring_for=30)
    legs.play("wait 0 : INVITE > trunk")
    legs.say("trunk > 183 :", ANSWER)
    assert legs.told == ["sent", "early"]
    assert legs.sound().stream.port == 40000
    legs.play("wait 30.2 : CANCEL > trunk\ntrunk > 200 CANCEL :\ntrunk > 487 : ACK > trunk")
    assert legs.told[-1] == "ended 487 us"
    legs.assert_all_over()


def test_ringing_is_told_once_and_early_media_once_more(legs: LegWorld) -> None:
    legs.place()
    legs.play("wait 0 : INVITE > trunk\ntrunk > 180 :\ntrunk > 180 :")
    legs.say("trunk > 183 :", ANSWER)
    legs.say("trunk > 183 :", ANSWER)
    assert legs.told == ["sent", "ringing", "early"]


def test_answer_without_description_counts_on_the_early_one(legs: LegWorld) -> None:
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.say("trunk > 183 :", ANSWER)
    legs.say("trunk > 200 : ACK > trunk")
    assert leg.answered


@pytest.mark.parametrize("body", [sdp("18 G729"), b"", sdp("8 PCMA", port=0), b"nonsense"])
def test_no_common_codec(legs: LegWorld, body: bytes) -> None:
    legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.say("trunk > 200 : ACK > trunk, BYE > trunk", body)
    legs.play("trunk > 200 BYE :")
    assert legs.told == ["sent", "ended 488 us"]
    legs.assert_all_over()


def test_second_2xx_of_a_fork_gets_ack_and_bye(legs: LegWorld) -> None:
    leg = legs.up()
    legs.say("trunk > 200 tag=other : ACK > trunk, BYE > trunk", ANSWER)
    legs.play("trunk > 200 BYE :")
    assert leg.answered
    assert legs.told == ["sent", "ringing", "answered"]
    leg.hang_up(legs.now)
    legs.play("wait 0 : BYE > trunk")
    assert legs["trunk"].request("BYE").to.tag == b"trunk"


def test_repeated_2xx_gets_its_ack_again(legs: LegWorld) -> None:
    legs.up()
    legs.play("trunk > again : ACK > trunk")
    legs.play("wait 40 :")
    legs.play("trunk > again : ACK > trunk")


def test_no_media_no_call(legs: LegWorld) -> None:
    legs.media.full = True
    legs.place()
    legs.play("wait 0 :")
    assert legs.told == ["ended 503 lost"]
    legs.assert_all_over()


def test_given_up_before_anything_left(legs: LegWorld) -> None:
    leg = legs.place()
    leg.hang_up(legs.now)
    legs.play("wait 1 :")
    assert legs.told == ["ended 487 us"]
    legs.assert_all_over()


def test_media_dies_in_a_call(legs: LegWorld) -> None:
    legs.up()
    legs.sound().fail()
    legs.play("wait 0 : BYE > trunk\ntrunk > 200 BYE :")
    assert legs.told[-1] == "ended 200 lost"
    legs.assert_all_over()


def test_both_hang_up_at_once(legs: LegWorld) -> None:
    leg = legs.up()
    leg.hang_up(legs.now)
    legs.play("""
        wait 0            : BYE > trunk
        trunk > BYE       : 200 BYE > trunk
        trunk > 481 BYE   :
    """)
    assert legs.told[-1] == "ended 200 us"
    legs.assert_all_over()


def test_identities_of_the_answer(legs: LegWorld) -> None:
    leg = legs.up(fields=(b'P-Asserted-Identity: "A" <sip:202@pbx>', b"Remote-Party-ID: <sip:203@pbx>;party=called"))
    assert leg.identities == (("p-asserted-identity", "202"), ("remote-party-id", "203"))


def test_identities_as_they_may_be_written(legs: LegWorld) -> None:
    """Two in one field (RFC 3325 section 9.1), a display name with brackets in it, and one that cannot be read."""
    leg = legs.up(fields=(b'P-Asserted-Identity: "Anna <b>, A" <sip:202@pbx>, <tel:+3614445555>',
                          b"Remote-Party-ID: nobody", b"Remote-Party-ID: sip:203@pbx"))
    assert leg.identities == (("p-asserted-identity", "202"), ("p-asserted-identity", "+3614445555"),
                              ("remote-party-id", "203"))


def test_held_until_it_may_go(legs: LegWorld) -> None:
    leg = legs.place(held=True)
    legs.play("wait 5 :")
    leg.go(legs.now)
    legs.play("wait 0 : INVITE > trunk")
    leg.go(legs.now)
    legs.say("trunk > 200 : ACK > trunk", ANSWER)
    assert leg.answered


def test_may_go_before_the_media_is_there(legs: LegWorld) -> None:
    leg = legs.place(held=True)
    leg.go(legs.now)
    legs.play("wait 0 : INVITE > trunk")


def test_held_and_given_up(legs: LegWorld) -> None:
    leg = legs.place(held=True)
    legs.play("wait 1 :")
    leg.hang_up(legs.now)
    leg.go(legs.now)
    legs.play("wait 1 :")
    assert legs.told == ["ended 487 us"]
    legs.assert_all_over()


def test_over_tcp() -> None:
    legs = LegWorld(trunk="tcp")
    legs.world.table.set_addresses(legs.world.trunk, (address(TRUNK, "tcp"),))
    leg = legs.up()
    invite = legs["trunk"].request()
    assert invite.via.transport == b"TCP"
    assert invite.contacts[0].uri == b"sip:+3614445555@127.0.0.1:5060;transport=tcp"
    leg.hang_up(legs.now)
    legs.play("wait 5 : BYE > trunk\ntrunk > 200 BYE :")
    legs.assert_all_over()


def test_over_ipv6(legs: LegWorld) -> None:
    place = ("::1", 5071)
    legs.add(Actor("six", place))
    legs.world.table.set_addresses(legs.world.trunk, (Address(Hop("udp", *place), b"[::1]:5071"),))
    leg = legs.place()
    legs.play("wait 0 : INVITE > six")
    invite = legs["six"].request()
    assert invite.uri == b"sip:+36201234567@[::1]:5071"
    assert invite.contacts[0].uri == b"sip:+3614445555@[::1]:5060"
    legs.say("six > 200 : ACK > six", sdp("8 PCMA", host="::1").replace(b"IP4", b"IP6"))
    assert legs.sound().stream.host == "::1"
    leg.hang_up(legs.now)
    legs.play("wait 0 : BYE > six\nsix > 200 BYE :")
    legs.assert_all_over()


def test_requests_follow_the_record_route(legs: LegWorld) -> None:
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.say("trunk > 200 : ACK > udp:10.9.9.9:5060", ANSWER,
             b"Record-Route: <sip:127.0.0.1:5070;lr>, <sip:10.9.9.9;lr>")
    leg.hang_up(legs.now)
    legs.play("wait 0 : BYE > udp:10.9.9.9:5060")
    bye = legs.last[0].message
    assert isinstance(bye, Request)
    assert [one.uri for one in bye.routes] == [b"sip:10.9.9.9;lr", b"sip:127.0.0.1:5070;lr"]
