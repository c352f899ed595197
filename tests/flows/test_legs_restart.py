"""The process dies in the middle of a call of ours: its far end is told by the next one, from what was remembered."""

import json

import pytest

from proxy.sip.message import Request
from proxy.ua.contract import Account
from tests.kit.digest_server import challenge
from tests.kit.legs import ANSWER, LegWorld
from tests.kit.world import STRANGER


@pytest.fixture
def legs() -> LegWorld:
    return LegWorld()


def forget(legs: LegWorld, memory: str) -> None:
    legs.restart()
    legs.serial = 1000
    legs.agent.forget_leg(memory, legs.now)


def test_answered_gets_bye(legs: LegWorld) -> None:
    leg = legs.up(fields=(b"Record-Route: <sip:127.0.0.1:5070;lr>",))
    forget(legs, leg.memory())
    legs.play("wait 0 : BYE > trunk")
    bye = legs["trunk"].request("BYE")
    assert bye.to.tag == b"trunk"
    assert bye.cseq.number > 1000
    assert [one.uri for one in bye.routes] == [b"sip:127.0.0.1:5070;lr"]
    legs.play("trunk > 200 BYE :\ntrunk > BYE : 200 BYE > trunk\ntrunk > OPTIONS : 481 OPTIONS > trunk")
    assert legs.told == ["sent", "ringing", "answered"]
    legs.assert_all_over()


def test_answered_to_us_gets_bye(legs: LegWorld) -> None:
    legs.offered()
    legs.say("trunk > INVITE : 100 > trunk", ANSWER)
    assert legs.incoming is not None
    legs.incoming.answer(legs.now)
    legs.play("wait 0 : 200 > trunk\ntrunk > ACK :")
    forget(legs, legs.incoming.memory())
    legs.play("wait 0 : BYE > trunk\ntrunk > 200 BYE :")
    legs.assert_all_over()


def test_not_answered_by_us_is_nothing(legs: LegWorld) -> None:
    legs.offered()
    legs.say("trunk > INVITE : 100 > trunk", ANSWER)
    assert legs.incoming is not None
    forget(legs, legs.incoming.memory())
    legs.play("wait 0 :")
    legs.assert_all_over()


@pytest.mark.parametrize("domain", [None, b"sip.carrier.example"])
@pytest.mark.parametrize("when", ["placed", "sent"])
def test_ringing_gets_cancel(when: str, domain: bytes | None) -> None:
    legs = LegWorld(from_hosts={("trunk", "main"): domain} if domain is not None else {})
    leg = legs.place()
    memory = leg.memory()
    legs.play("wait 0 : INVITE > trunk\ntrunk > 180 :")
    invite = legs["trunk"].request()
    if when == "sent":
        memory = legs.listener.memories[-1]
    forget(legs, memory)
    legs.play("wait 0 : CANCEL > trunk")
    cancel = legs["trunk"].request("CANCEL")
    assert (cancel.uri, cancel.value(b"via"), cancel.cseq.number) == (invite.uri, invite.value(b"via"), 1)
    assert (cancel.value(b"from"), cancel.value(b"to")) == (invite.value(b"from"), invite.value(b"to"))
    legs.play("trunk > 200 CANCEL :\ntrunk > 487 : ACK > trunk\ntrunk > again : ACK > trunk")
    assert legs["trunk"].request("ACK").via.branch == invite.via.branch
    legs.assert_all_over()


def test_sent_again_with_credentials_just_before_the_crash() -> None:
    legs = LegWorld(accounts={("trunk", "main"): Account("acme", "secret", None)})
    memory = legs.place().memory()
    legs.play("wait 0 : INVITE > trunk")
    legs.step("trunk > 407 : ACK > trunk, INVITE > trunk",
              b"Proxy-Authenticate: " + challenge("carrier", "n", "MD5"))
    legs.play("trunk > 180 :")
    invite = legs["trunk"].request()
    forget(legs, memory)
    legs.play("wait 0 : CANCEL > trunk\ntrunk > 481 CANCEL : CANCEL > trunk")
    cancel = legs["trunk"].request("CANCEL")
    assert (cancel.via.branch, cancel.cseq.number) == (invite.via.branch, 2)
    legs.play("trunk > 200 CANCEL :\ntrunk > 487 : ACK > trunk")
    assert legs["trunk"].request("ACK").via.branch == invite.via.branch
    legs.assert_all_over()


def test_answered_while_we_were_gone_gets_ack_and_bye(legs: LegWorld) -> None:
    memory = legs.place().memory()
    legs.play("wait 0 : INVITE > trunk\ntrunk > 180 :")
    forget(legs, memory)
    legs.play("wait 0 : CANCEL > trunk")
    legs.say("trunk > 200 : ACK > trunk, BYE > trunk", ANSWER)
    legs.play("trunk > again : ACK > trunk\ntrunk > 200 BYE :\ntrunk > 200 CANCEL :")
    legs.assert_all_over()


def test_acknowledged_just_before_the_crash_gets_bye(legs: LegWorld) -> None:
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk\ntrunk > 180 :")
    memory = leg.memory()
    legs.say("trunk > 200 : ACK > trunk", ANSWER)
    forget(legs, memory)
    legs.play("wait 0 : CANCEL > trunk" + 2 * "\ntrunk > 481 CANCEL : CANCEL > trunk")
    legs.play("trunk > 481 CANCEL :\nwait 0.4 :\nwait 0.2 : BYE > trunk\ntrunk > 200 BYE :")
    assert legs["trunk"].request("BYE").to.tag == b"trunk"
    legs.assert_all_over()


def test_answered_just_before_the_crash_does_not_wait_for_the_2xx_again(legs: LegWorld) -> None:
    """Its CANCEL is answered, and changes nothing: RFC 3261 section 9.2."""
    leg = legs.place()
    legs.play("wait 0 : INVITE > trunk\ntrunk > 180 :")
    forget(legs, leg.memory())
    legs.play("wait 0 : CANCEL > trunk\ntrunk > 200 CANCEL :\nwait 0.4 :\nwait 0.2 : BYE > trunk\ntrunk > 200 BYE :")


def test_nothing_remembered(legs: LegWorld) -> None:
    legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.restart()
    legs.serial = 1000
    legs.play("trunk > 180 :")
    legs["trunk"].contact = b"<sip:victim@10.7.7.7>"
    legs.say("trunk > 200 : ACK > trunk, BYE > trunk", ANSWER)
    assert legs["trunk"].request("BYE").uri == b"sip:victim@10.7.7.7"
    legs.play("trunk > 200 BYE :")
    legs.assert_all_over()


def test_a_stranger_cannot_make_us_send(legs: LegWorld) -> None:
    """What looks like an answer to an INVITE of ours, from somebody who is no peer."""
    legs.place()
    legs.play("wait 0 : INVITE > trunk")
    for status in (200, 486):
        forged = legs["trunk"].answer(status).replace(b"Call-ID: leg-1", b"Call-ID: forged")
        assert legs.world.give(forged.replace(b"z9hG4bKua", b"z9hG4bKua1"), STRANGER) == []


def test_refusal_that_nobody_remembers_gets_its_ack(legs: LegWorld) -> None:
    legs.place()
    legs.play("wait 0 : INVITE > trunk")
    legs.restart()
    legs.play("trunk > 486 : ACK > trunk")
    assert legs["trunk"].request("ACK").via.branch == legs["trunk"].request("INVITE").via.branch


def test_request_in_a_dialog_that_nobody_remembers(legs: LegWorld) -> None:
    legs.up()
    legs.restart()
    legs.play("trunk > INFO : 481 INFO > trunk\ntrunk > BYE : 200 BYE > trunk")
    dialog = legs["trunk"].dialog
    assert dialog is not None
    dialog.remote = dialog.remote.replace(b"tag=ua", b"tag=xx")
    legs.play("trunk > BYE : 481 BYE > trunk")


def test_a_memory_that_cannot_be_read(legs: LegWorld) -> None:
    good = json.loads(legs.place().memory())
    for bad in ("", "{}", "[]", json.dumps({**good, "hop": 5}), json.dumps({**good, "dialog": {"local": "x"}})):
        legs.agent.forget_leg(bad, legs.now)
    assert len([event for event, _ in legs.world.notes.lines if event == "leg_memory_unreadable"]) == 5


def test_a_leg_that_lives_is_not_forgotten(legs: LegWorld) -> None:
    leg = legs.up()
    legs.agent.forget_leg(leg.memory(), legs.now)
    legs.play("wait 1 :")
    assert leg.answered


def test_responses_of_others_are_not_ours(legs: LegWorld) -> None:
    legs.place()
    legs.play("wait 0 : INVITE > trunk")
    stray = legs["trunk"].answer(200, "INVITE", (), b"").replace(b"z9hG4bKua", b"z9hG4bKxx")
    assert legs.send(legs["trunk"], stray) == []
    assert isinstance(legs["trunk"].request(), Request)
