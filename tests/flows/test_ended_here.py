"""Calls that pass and that an operator ends: both ends get a BYE as if the other one had hung up (RFC 3261 sections
12.2.1.1 and 15), what rings is cancelled, and nobody is called back for it."""

import os
import re
from collections.abc import Callable, Sequence

import pytest

from proxy.core.passing import CALLS_LIMIT, PassingCalls
from proxy.core.seals import Speaker
from proxy.services.passing_ends import PassingEnds
from proxy.services.stack import ProxyStack
from proxy.sip.message import Request
from proxy.ua.contract import Account
from proxy.ua.wiring import Wiring
from routing.calls import Call
from routing.identity import Answers
from routing.rows import Record
from routing.writes import Unit
from tests.kit.actor import CUSTOMER, Actor
from tests.kit.fake_media import FakeMedia
from tests.kit.house import House
from tests.kit.world import PBX, Sent

Houses = Callable[[Answers], House]
REASON = b'Q.850;cause=31;text="ended by an operator"'
TALK = """
    trunk > INVITE : 100 > trunk, INVITE > pbx
    pbx > 180      : 180 > trunk
    pbx > 200      : 200 > trunk
    trunk > ACK    : ACK > pbx
"""
RINGS = """
    trunk > INVITE : 100 > trunk, INVITE > pbx
    pbx > 180      : 180 > trunk
"""
HANG_UP_BOTH = "pbx > 200 BYE\ntrunk > 200 BYE"


class Operator:
    """Somebody who ends the calls of a house."""

    def __init__(self, house: House, account: Account | None = None) -> None:
        proxy = house.world.proxy
        accounts = {} if account is None else {("trunk", "main"): account}
        stack = ProxyStack(proxy, accounts, os.urandom)  # type: ignore[arg-type]  # a side is one of two words
        self.house = house
        self.ender = PassingEnds(proxy, Wiring(stack, FakeMedia(proxy.timers, proxy.parts.clock)))

    def end(self, call: Call | None = None) -> list[Sent]:
        """End the only call, or this one; gives what leaves, which its phones have received."""
        world = self.house.world
        call = call or self.house.ledger.calls()[0]
        assert self.ender.end_call(call, "ended by an operator", world.now)
        return self.took(world.taken())

    def took(self, sent: list[Sent]) -> list[Sent]:
        for one in sent:
            self.house.call._deliver(one)
        return sent


def byes(sent: Sequence[Sent]) -> dict[tuple[str, int], Request]:
    assert {one.title for one in sent} == {"BYE"}
    return {one.to: one.request for one in sent}


def row_of(house: House) -> tuple[int | None, str | None]:
    [row] = house.ledger._store.rows.values()  # type: ignore[attr-defined]  # a MemoryStore
    return row.cause, row.ended_by


def test_both_ends_are_hung_up(house: House) -> None:
    house.call.play(TALK + "wait 30")
    trunk, pbx = house.call["trunk"], house.call["pbx"]
    sent = Operator(house).end()
    assert [one.title for one in sent] == ["BYE", "BYE"]
    to_pbx, to_trunk = pbx.request("BYE"), trunk.request("BYE")
    invite, answer = pbx.request("INVITE"), trunk.response("200")
    assert (to_pbx.uri, to_trunk.uri) == (b"sip:pbx@127.0.0.1:5080", b"sip:trunk@127.0.0.1:5070")
    assert (to_pbx.value(b"from"), to_pbx.value(b"to")) == (invite.value(b"from"), answer.value(b"to"))
    assert (to_trunk.value(b"from"), to_trunk.value(b"to")) == (answer.value(b"to"), invite.value(b"from"))
    assert to_pbx.call_id == to_trunk.call_id == invite.call_id
    assert (to_pbx.cseq.number, to_trunk.cseq.number) == (2, 1)
    for bye in (to_pbx, to_trunk):
        assert not bye.has(b"route")
        assert bye.value(b"reason") == REASON
        assert bye.names.count(b"via") == 1
    assert house.ledger.calls() == ()
    assert row_of(house) == (200, "operator")
    assert house.talks() == [(None, 30.0)]
    house.call.play(HANG_UP_BOTH)
    assert house.missed() == []
    assert len(house.world.proxy.passing) == 0
    assert "call_ended_here" in dict(house.world.notes.lines)


def test_numbers_and_targets_are_the_newest(house: House) -> None:
    """What passed before the answer counts too: a PRACK has a number of its own."""
    house.call.play("""
        trunk > INVITE  : 100 > trunk, INVITE > pbx
        pbx > 183       : 183 > trunk
        trunk > PRACK   : PRACK > pbx
        pbx > 200 PRACK : 200 PRACK > trunk
        pbx > 200       : 200 > trunk
        trunk > ACK     : ACK > pbx
        pbx > INFO      : INFO > trunk
        trunk > 200 INFO : 200 INFO > pbx
    """)
    trunk, pbx = house.call["trunk"], house.call["pbx"]
    trunk.contact, pbx.contact = b"<sip:moved@127.0.0.1:5070>", b"<sip:taken@127.0.0.1:5080>"
    house.call.play("pbx > UPDATE : UPDATE > trunk\ntrunk > 200 UPDATE : 200 UPDATE > pbx")
    Operator(house).end()
    to_pbx, to_trunk = pbx.request("BYE"), trunk.request("BYE")
    assert (to_pbx.cseq.number, to_trunk.cseq.number) == (3, 3)
    assert (to_pbx.uri, to_trunk.uri) == (b"sip:taken@127.0.0.1:5080", b"sip:moved@127.0.0.1:5070")
    house.call.play(HANG_UP_BOTH)


def with_routes(data: bytes, *routes: bytes) -> bytes:
    """What a response says whose request has passed further proxies behind us."""
    ours = b"Record-Route:"
    return data.replace(ours, b"".join(b"%s %s\r\n" % (ours, one) for one in routes) + ours, 1)


@pytest.mark.parametrize("strict", [False, True])
def test_each_end_is_reached_by_its_own_proxies(house: House, strict: bool) -> None:
    parameter = b"" if strict else b";lr"
    house.call.add(Actor("edge", ("192.0.2.1", 5060)))
    house.call.add(Actor("inner", ("192.0.2.3", 5060)))
    for actor in house.call.actors.values():
        actor.minds_its_route = False
    house.call.step("trunk > INVITE : 100 > trunk, INVITE > pbx", b"Record-Route: <sip:192.0.2.1%s>" % parameter,
                    b"Record-Route: <sip:192.0.2.2;lr>")
    data = with_routes(house.call["pbx"].answer(200), b"<sip:192.0.2.4;lr>", b"<sip:192.0.2.3%s>" % parameter)
    house.call.send(house.call["pbx"], data)
    found = byes(Operator(house).end())
    assert set(found) == {("192.0.2.1", 5060), ("192.0.2.3", 5060)}
    to_trunk, to_pbx = found["192.0.2.1", 5060], found["192.0.2.3", 5060]
    if strict:
        assert (to_trunk.uri, to_pbx.uri) == (b"sip:192.0.2.1", b"sip:192.0.2.3")
        assert [one.uri for one in to_trunk.routes] == [b"sip:192.0.2.2;lr", b"sip:trunk@127.0.0.1:5070"]
        assert [one.uri for one in to_pbx.routes] == [b"sip:192.0.2.4;lr", b"sip:pbx@127.0.0.1:5080"]
    else:
        assert (to_trunk.uri, to_pbx.uri) == (b"sip:trunk@127.0.0.1:5070", b"sip:pbx@127.0.0.1:5080")
        assert [one.uri for one in to_trunk.routes] == [b"sip:192.0.2.1;lr", b"sip:192.0.2.2;lr"]
        assert [one.uri for one in to_pbx.routes] == [b"sip:192.0.2.3;lr", b"sip:192.0.2.4;lr"]
    house.call.play("inner > 200 BYE\nedge > 200 BYE")


def test_every_answer_of_a_fork_is_hung_up(house: House) -> None:
    house.call.play("""
        trunk > INVITE        : 100 > trunk, INVITE > pbx
        pbx > 200 tag=pbx-a   : 200 > trunk
        pbx > 200 tag=pbx-b   : 200 > trunk
        pbx > 200 tag=pbx-c   : 200 > trunk
        pbx > 200 tag=pbx-b   : 200 > trunk
        trunk > ACK tag=pbx-a : ACK > pbx
        trunk > ACK tag=pbx-b : ACK > pbx
        trunk > ACK tag=pbx-c : ACK > pbx
        trunk > BYE tag=pbx-c : BYE > pbx
        pbx > 200 BYE         : 200 BYE > trunk
    """)
    sent = Operator(house).end()
    told = sorted((one.to[1], one.request.to.tag, one.request.from_.tag) for one in sent)
    assert told == [(5070, b"trunk", b"pbx-a"), (5070, b"trunk", b"pbx-b"),
                    (5080, b"pbx-a", b"trunk"), (5080, b"pbx-b", b"trunk")]
    house.world.wait(40)


def test_a_ringing_call_is_cancelled_and_nobody_is_called_back(house: House) -> None:
    house.call.play(RINGS + "wait 10")
    sent = Operator(house).end()
    assert [(one.title, one.to[1]) for one in sent] == [("CANCEL", 5080)]
    house.call.play("pbx > 200 CANCEL\npbx > 487 : ACK > pbx, 480 > trunk\ntrunk > ACK")
    assert house.call["trunk"].response("480").value(b"reason") == REASON
    assert house.missed() == []
    assert house.ledger.calls() == ()
    assert row_of(house) == (480, "operator")


def test_a_call_that_nobody_has_answered_at_all(house: House) -> None:
    """No CANCEL leaves before a word came (RFC 3261 section 9.1)."""
    house.call.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    assert Operator(house).end() == []
    house.call.play("""
        pbx > 180        : CANCEL > pbx
        pbx > 200 CANCEL
        pbx > 487        : ACK > pbx, 480 > trunk
        trunk > ACK
    """)
    assert house.missed() == []


def test_who_rings_the_agent_first_goes_on_to_nobody(house: House) -> None:
    made = house.wall - 60
    house.ledger._store.put(Unit((Record(CUSTOMER, "201", 1, made, made, made + 3600),)))
    house.call.play("trunk > INVITE : 100 > trunk, INVITE > agent\nagent > 100")
    Operator(house).end()
    house.call.play("agent > 200 CANCEL\nagent > 487 : ACK > agent, 480 > trunk\ntrunk > ACK")
    assert house.ledger._store.direct.records(CUSTOMER) != [], "nobody has talked"
    assert house.missed() == []


def test_who_waits_behind_a_pbx_that_answers_is_not_called_back(houses: Houses) -> None:
    house = houses("before_queue")
    house.watched()
    house.call.play(TALK + "wait 60")
    Operator(house).end()
    house.call.play(HANG_UP_BOTH)
    assert (house.missed(), house.talks()) == ([], [])


def test_an_answer_that_crosses_the_cancel(house: House) -> None:
    """It is forwarded like any other, and the call that it makes is ended once the caller has acknowledged it."""
    house.call.play(RINGS)
    operator = Operator(house)
    operator.end()
    house.call.play("pbx > 200 CANCEL\npbx > 200 : 200 > trunk\ntrunk > ACK : ACK > pbx")
    assert len(house.ledger.calls()) == 1
    house.call.play("wait 1.2 : BYE > pbx, BYE > trunk\n" + HANG_UP_BOTH)
    assert row_of(house) == (200, "operator")


def test_a_caller_who_gives_up_is_not_ended_twice(house: House) -> None:
    house.call.play(RINGS + "trunk > CANCEL : 200 CANCEL > trunk, CANCEL > pbx")
    assert Operator(house).end() == []
    house.call.play("pbx > 200 CANCEL\npbx > 487 : ACK > pbx, 487 > trunk\ntrunk > ACK")
    assert row_of(house) == (487, "caller")
    assert house.missed() == [("hung_up", "certain")]


def test_a_bye_that_crosses_ours(house: House) -> None:
    house.call.play(TALK + "wait 10")
    Operator(house).end()
    house.call.play("""
        trunk > BYE     : BYE > pbx
        trunk > 481 BYE
        pbx > 481 BYE   : 481 BYE > trunk
    """)
    house.world.wait(40)
    assert row_of(house) == (200, "operator")
    assert house.talks() == [(None, 10.0)]
    assert len(house.world.proxy.passing) == 0


def test_nothing_but_ends_passes_afterwards(house: House) -> None:
    house.call.play(TALK)
    Operator(house).end()
    house.call.play(HANG_UP_BOTH + "\ntrunk > INFO : 481 INFO > trunk\npbx > UPDATE : 481 UPDATE > pbx")


@pytest.mark.parametrize("answer", ["481", "408", "500", None])
def test_whatever_they_answer_it_is_over(house: House, answer: str | None) -> None:
    house.call.play(TALK)
    Operator(house).end()
    assert house.ledger.calls() == ()
    if answer is not None:
        house.call.play(f"pbx > {answer} BYE\ntrunk > {answer} BYE")
    repeated = house.world.wait(60)
    assert len(repeated) == (0 if answer else 20), "ten repetitions each in 64*T1"
    given_up = [facts for event, facts in house.world.notes.lines if event == "bye_given_up"]
    assert len(given_up) == (0 if answer in ("481", "408") else 2)


CHALLENGE = b'Proxy-Authenticate: Digest realm="carrier", nonce="abc", algorithm=MD5, qop="auth"'


@pytest.mark.parametrize("known", [True, False])
def test_a_trunk_that_wants_credentials(house: House, known: bool) -> None:
    """It gets ours where it is the far end itself; else the call is over all the same, and the log says so."""
    house.call.play(TALK)
    Operator(house, Account("boomerang", "secret", None) if known else None).end()
    house.call.play("pbx > 200 BYE")
    house.call.step(f"trunk > 407 BYE : {'BYE > trunk' if known else ''}", CHALLENGE)
    if known:
        bye = house.call["trunk"].request("BYE")
        assert re.search(rb'username="boomerang", realm="carrier"', bye.value(b"proxy-authorization") or b"")
        assert bye.cseq.number == 2
        house.call.play("trunk > 200 BYE")
    assert [event for event, _ in house.world.notes.lines].count("bye_given_up") == (not known)


def test_the_pbx_gets_no_credentials(house: House) -> None:
    house.call.play(TALK)
    Operator(house, Account("boomerang", "secret", None)).end()
    house.call.step("pbx > 407 BYE", CHALLENGE)
    house.call.play("trunk > 200 BYE")


def test_of_a_call_from_before_a_restart_too_little_is_known(house: House) -> None:
    house.call.play(TALK)
    house.world.restart()
    [call] = house.ledger.calls()
    assert not Operator(house).ender.end_call(call, "ended by an operator", house.world.now)
    assert house.world.taken() == []
    house.call.play("pbx > INFO : INFO > trunk\ntrunk > 200 INFO : 200 INFO > pbx")
    assert not Operator(house).ender.end_call(call, "ended by an operator", house.world.now)
    house.call.play("trunk > BYE : BYE > pbx\npbx > 200 BYE : 200 BYE > trunk")
    assert len(house.world.proxy.passing) == 0


@pytest.mark.parametrize("ends", [
    "pbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK",
    "pbx > 200 : 200 > trunk\ntrunk > ACK : ACK > pbx\npbx > BYE : BYE > trunk\ntrunk > 200 BYE : 200 BYE > pbx",
    "pbx > 200 : 200 > trunk\ntrunk > ACK : ACK > pbx\ntrunk > BYE : BYE > pbx\n"
    "wait 40 : 2x BYE > pbx, 100 BYE > trunk, 8x BYE > pbx",
])
def test_nothing_is_kept_of_a_call_that_ends_by_itself(house: House, ends: str) -> None:
    house.call.play("""
        trunk > INVITE  : 100 > trunk, INVITE > pbx
        pbx > 183       : 183 > trunk
        trunk > PRACK   : PRACK > pbx
        pbx > 200 PRACK : 200 PRACK > trunk
    """)
    assert len(house.world.proxy.passing) == 1
    house.call.play(ends)
    assert len(house.world.proxy.passing) == 0


def test_the_oldest_call_gives_way() -> None:
    calls = PassingCalls()
    for number in range(CALLS_LIMIT + 3):
        calls.count(f"call {number}", Speaker("caller", "t"), 1)
    assert len(calls) == CALLS_LIMIT


def test_who_says_nothing_of_where_they_are_is_reached_where_they_were(house: House) -> None:
    house.call.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    data = house.call["pbx"].answer(200)
    house.call.send(house.call["pbx"], re.sub(rb"Contact: [^\r]*\r\n", b"", data))
    found = byes(Operator(house).end())
    assert found[PBX].uri == b"sip:127.0.0.1:5080"
    house.world.wait(40)
