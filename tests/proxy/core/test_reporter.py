"""The reporter alone: what a rule raises is counted and written about, and the call passes."""

from typing import cast

import pytest

from proxy.core.counters import Counters
from proxy.core.reporter import Reporter
from proxy.core.seals import Speaker
from proxy.sip.message import Response
from proxy.sip.parser import parse
from routing.facts import NORMAL_TARGETS, Decision, Ending, NewCall, Router
from tests.kit.world import Notes, ObedientRouter

NEW = NewCall("c1", "inbound", "main", "office", "600", (), False, "x@y")
OK = parse(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKa\r\nFrom: <sip:a@a>;tag=f\r\nTo: <sip:b@b>;tag=t\r\n"
           b"Call-ID: x@y\r\nCSeq: 1 INVITE\r\nSession-Expires: 90\r\nContent-Length: 0\r\n\r\n")
CALLER = Speaker("caller", "t")


class Raises:
    """A router in which everything is broken."""

    def __getattr__(self, name: str) -> object:
        raise ZeroDivisionError(name)


@pytest.fixture
def notes() -> Notes:
    return Notes()


def reporter(router: object, notes: Notes) -> tuple[Reporter, Counters]:
    counters = Counters()
    return Reporter(cast(Router, router), notes, counters, lambda: 5.0, lambda: 1.7e9, frozenset()), counters


def test_facts_arrive_with_the_wall_clock_and_in_their_shape(notes: Notes) -> None:
    router = ObedientRouter()
    one, counters = reporter(router, notes)
    assert isinstance(OK, Response)
    assert one.decide(NEW).reason == "normal"
    one.ringing("c1", 0)
    one.target_failed("c1", 0, 486)
    one.answered("c1", 1, OK)
    one.answered_again("c1", 1, OK)
    one.answered_here("c1", 1, (("p-asserted-identity", "201"),))
    one.acknowledged("c1", CALLER)
    one.acknowledged("c1", Speaker("callee", "t"))
    one.alive("c1", OK, CALLER)
    one.connected_line("c1", (), "t")
    one.ended("c1", Ending(200, "caller"))
    assert [fact.what for fact in router.heard] == ["ringing", "target_failed", "answered", "answered", "alive",
                                                    "connected_line", "ended"]
    assert router.told("answered")[0] == (1, (), 90.0, "t")
    assert (router.later, router.acknowledgements) == ([("c1", 1, "t")], [("c1", "t")])
    assert (one.standing("c1"), one.open_call(OK)) == ("open", None)
    assert (counters.fail_open, notes.failures) == ({}, [])


def test_nothing_that_a_rule_raises_leaves(notes: Notes) -> None:
    one, counters = reporter(Raises(), notes)
    assert isinstance(OK, Response)
    stored = []
    assert one.decide(NEW) == Decision(NORMAL_TARGETS, "office", "failed_open")
    one.reopen(NEW)
    one.ringing("c1", 0)
    one.target_failed("c1", 0, 486)
    one.answered("c1", 1, OK)
    one.answered_again("c1", 1, OK)
    one.answered_here("c1", 1, ())
    one.acknowledged("c1", CALLER)
    one.alive("c1", OK, CALLER)
    one.connected_line("c1", (), "t")
    one.ended("c1", Ending(200, "caller"))
    one.ended_and_stored("c1", Ending(200, "caller"), lambda: stored.append(1))
    assert (one.standing("c1"), one.open_call(OK), stored) == ("unknown", None, [1])
    assert counters.fail_open == {"decide": 1, "ledger": 13}
    assert {where for where, _ in notes.failures} == {"decide", "ledger"}
