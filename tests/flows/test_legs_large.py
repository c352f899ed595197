"""Requests of ours that are too large for UDP (RFC 3261 section 18.1.1): they take a stream to the same peer."""

import json

import pytest

from proxy.sip.hop import Hop, Listener, PeerSide
from proxy.sip.message import Response
from proxy.sip.requests import build_request
from proxy.ua.contract import Account, Leg, LegRequest
from proxy.ua.exchange import Exchange
from proxy.ua.login import Accounts
from tests.kit.actor import Actor
from tests.kit.digest_server import challenge
from tests.kit.legs import ANSWER, LegWorld
from tests.kit.world import PBX, World, address

STREAM = ("127.0.0.1", 5081)
OURS_BY_STREAM = b"127.0.0.1:5066"
LARGE = (("X-Card", "x" * 800),)


@pytest.fixture
def legs() -> LegWorld:
    """A PBX with UDP and TCP, and listeners of ours that differ in their port."""
    return by_stream(World(pbx=(address(PBX), address(STREAM, "tcp"))))


def by_stream(world: World, accounts: dict[tuple[PeerSide, str], Account] | None = None) -> LegWorld:
    world.wire.listeners[1] = Listener(1, "tcp", "127.0.0.1", 5066, "127.0.0.1", 5066)
    legs = LegWorld(world, accounts=accounts)
    legs.add(Actor("stream", STREAM, transport="tcp"))
    return legs


def place(legs: LegWorld, headers: tuple[tuple[str, str], ...] = LARGE) -> Leg:
    return legs.place(side="pbx", user="201", headers=headers)


def notes(legs: LegWorld) -> list[str]:
    return [name for name, _ in legs.world.notes.lines]


def test_small_goes_by_udp(legs: LegWorld) -> None:
    place(legs, ())
    legs.play("wait 0 : INVITE > agent\nagent > 486 : ACK > agent")
    legs.assert_all_over()


def test_large_takes_the_stream(legs: LegWorld) -> None:
    leg = place(legs)
    legs.play("wait 0 : INVITE > stream")
    invite = legs["stream"].request()
    assert invite.uri == b"sip:201@127.0.0.1:5080", "the address asked for stays"
    assert invite.value(b"via") == b"SIP/2.0/TCP %s;branch=%s;rport" % (OURS_BY_STREAM, invite.via.branch or b"")
    assert [one.uri for one in invite.contacts] == [b"sip:+3614445555@%s;transport=tcp" % OURS_BY_STREAM]
    assert "larger_than_mtu" not in notes(legs)
    legs.play("wait 20 :\nstream > 180 :")
    legs.say("stream > 200 : ACK > stream", ANSWER)
    assert leg.answered
    legs.play("stream > BYE : 200 BYE > stream")
    assert legs.told == ["sent", "ringing", "answered", "ended 200 far"]
    legs.assert_all_over()


def test_it_is_cancelled_where_it_went(legs: LegWorld) -> None:
    leg = place(legs)
    legs.play("wait 0 : INVITE > stream\nstream > 180 :")
    leg.hang_up(legs.now)
    legs.play("wait 0 : CANCEL > stream\nstream > 200 CANCEL :\nstream > 487 : ACK > stream")
    invite, cancel = legs["stream"].request(), legs["stream"].request("CANCEL")
    assert cancel.value(b"via") == invite.value(b"via")
    legs.assert_all_over()


def test_it_is_ended_where_it_went_after_a_crash(legs: LegWorld) -> None:
    place(legs)
    legs.play("wait 0 : INVITE > stream\nstream > 180 :")
    invite = legs["stream"].request()
    legs.restart()
    legs.serial = 1000
    legs.agent.forget_leg(legs.listener.memories[-1], legs.now)
    legs.play("wait 0 : CANCEL > stream")
    cancel = legs["stream"].request("CANCEL")
    for name in (b"via", b"from", b"to", b"call-id"):
        assert cancel.value(name) == invite.value(name)
    assert cancel.uri == invite.uri
    legs.play("stream > 200 CANCEL :\nstream > 487 : ACK > stream")
    legs.assert_all_over()


def test_credentials_make_it_too_large() -> None:
    """The digest names the Request-URI: that is the same by whatever way it leaves."""
    legs = by_stream(World(pbx=(address(PBX), address(STREAM, "tcp"))),
                     accounts={("pbx", "office"): Account("acme", "secret", None)})
    place(legs, (("X-Card", "x" * 250),))
    legs.play("wait 0 : INVITE > agent")
    asks = b"WWW-Authenticate: " + challenge("pbx.example", "n" * 100, "SHA-256")
    legs.step("agent > 401 : ACK > agent, INVITE > stream", asks)
    invite = legs["stream"].request()
    assert b'uri="%s"' % invite.uri in (invite.value(b"authorization") or b"")
    assert invite.via.transport == b"TCP"
    assert json.loads(legs.listener.memories[-1])["hop"][:3] == ["tcp", *STREAM]
    legs.play("stream > 486 : ACK > stream")
    legs.assert_all_over()


def test_without_a_stream_it_goes_by_udp_and_is_noted() -> None:
    legs = LegWorld()
    legs.place(headers=LARGE)
    legs.play("wait 0 : INVITE > trunk\ntrunk > 486 : ACK > trunk")
    assert "larger_than_mtu" in notes(legs)
    legs.assert_all_over()


def test_without_a_listener_of_ours_it_goes_by_udp(legs: LegWorld) -> None:
    legs.world.wire.listeners = legs.world.wire.listeners[:1]
    place(legs)
    legs.play("wait 0 : INVITE > agent\nagent > 486 : ACK > agent")
    legs.assert_all_over()


def test_a_stream_that_cannot_be_had_is_done_without(legs: LegWorld) -> None:
    """Section 18.1.1: a refused connection sends it back to UDP; the third call does not even try."""
    legs.world.wire.dead.add(STREAM)
    for serial in range(3):
        order = LegRequest(f"leg-{serial}", "pbx", "office", "201", "+3614445555", headers=LARGE)
        legs.agent.place(order, legs.listener, legs.now)
        legs.play("wait 0 : INVITE > agent\nagent > 486 : ACK > agent")
        assert legs["agent"].request().via.transport == b"UDP"
        assert legs["agent"].request().cseq.number == (1 if serial == 2 else 2)
    legs.assert_all_over()


def test_the_stream_is_no_address_of_its_own_then(legs: LegWorld) -> None:
    """It answered 503: the same phones are not asked again there; the next address is another host's, without one."""
    other = ("127.0.0.2", 5080)
    legs.world.table.set_addresses(legs.world.pbx, (address(PBX), address(STREAM, "tcp"), address(other)))
    legs.add(Actor("second", other))
    place(legs)
    legs.play("wait 0 : INVITE > stream\nstream > 503 : ACK > stream, INVITE > second\nsecond > 486 : ACK > second")
    assert legs["second"].request().uri == b"sip:201@127.0.0.2:5080"
    legs.assert_all_over()


def test_in_a_dialog_too(legs: LegWorld) -> None:
    """A re-INVITE whose Route makes it large: Via and Contact are the stream's, its number is the next one."""
    leg = legs.place(side="pbx", user="201")
    legs.play("wait 0 : INVITE > agent")
    route = b"Record-Route: <sip:%s@127.0.0.1:5080;lr>" % (b"r" * 200)
    legs.say("agent > 200 : ACK > agent", ANSWER, route, route, route, b"Allow: INVITE, ACK, BYE")
    leg.refresh_target("Anna", "201", legs.now)
    legs.play("wait 0 : INVITE > stream")
    again = legs["stream"].request()
    assert (again.via.transport, again.cseq.number) == (b"TCP", 2)
    assert [one.uri for one in again.contacts] == [b"sip:+3614445555@%s;transport=tcp" % OURS_BY_STREAM]
    assert len(again.routes) == 3
    legs.say("stream > 200 : ACK > agent", ANSWER)
    leg.hang_up(legs.now)
    legs.play("wait 0 : BYE > agent\nagent > 200 BYE :")
    legs.assert_all_over()


def test_a_request_of_its_own_too(legs: LegWorld) -> None:
    """REGISTER and SUBSCRIBE: the Contact stays what it is, for it is what is asked for."""
    answers: list[Response | None] = []
    hop = Hop("udp", *PBX)
    listener = legs.stack.listener_for(hop)
    assert listener is not None

    def make(via: bytes, fields: tuple[bytes, ...]) -> bytes:
        return build_request(b"REGISTER", b"sip:127.0.0.1:5080", via, b"<sip:a@b>;tag=1", b"<sip:a@b>", b"one", 1,
                             (b"Contact: <sip:a@127.0.0.1:5060>", b"X-Card: " + b"x" * 1200, *fields))

    for dead in (False, True):
        if dead:
            legs.world.wire.dead.add(STREAM)
        exchange = Exchange(legs.stack, lambda response, now: answers.append(response))
        exchange.send(hop, listener, Accounts(legs.stack).login("pbx", "office"), make)
        who = "pbx" if dead else "stream"
        legs.play(f"wait 0 : REGISTER > {who}")
        assert legs[who].request("REGISTER").contacts[0].uri == b"sip:a@127.0.0.1:5060"
        assert legs[who].request("REGISTER").via.transport == (b"UDP" if dead else b"TCP")
        legs.play(f"{who} > 200 REGISTER :")
    assert [response and response.status for response in answers] == [200, 200]
    legs.assert_all_over()
