"""What a call was to the customer, case by case."""

import pytest

from routing.calls import Call
from routing.facts import Ending
from routing.missed import Facts, Verdict, verdict
from routing.rows import EndedBy

FACTS = Facts(min_wait=5.0, min_talk=5.0)
WATCHED = FACTS._replace(watched=True)


def a_call(direction: str = "inbound") -> Call:
    call = Call("id", "cid", "outbound" if direction == "outbound" else "inbound", "main", "office", "600", 100.0)
    call.customer, call.group = "+36201234567", "sales"
    return call


def unanswered(cause: int, by: EndedBy, rang: bool = True, facts: Facts = FACTS) -> Verdict:
    call = a_call()
    call.seen.rang = rang
    return verdict(call, Ending(cause, by), facts, 130.0)


def queued(seconds: float, by: EndedBy, facts: Facts, picked: float | None = None) -> Verdict:
    call = a_call()
    call.answered_at, call.seen.queued = 100.0, True
    call.seen.picked_at = picked
    return verdict(call, Ending(200, by), facts, 100.0 + seconds)


@pytest.mark.parametrize(("cause", "by", "rang", "why", "evidence"), [
    (487, "caller", True, "hung_up", ("no_answer", "rang")),
    (487, "caller", False, "hung_up", ("no_answer", "did_not_ring")),
    (486, "callee", True, "refused", ("status_486", "rang")),
    (480, "callee", False, "refused", ("status_480", "did_not_ring")),
    (404, "callee", False, "refused", ("status_404", "did_not_ring")),
    (500, "callee", False, "refused", ("status_500", "did_not_ring")),
    (503, "callee", False, "refused", ("status_503", "did_not_ring")),
    (603, "callee", True, "refused", ("status_603", "rang")),
    (408, "proxy", True, "refused", ("rang_out", "rang")),
    (408, "proxy", False, "down", ("no_response",)),
    (503, "proxy", False, "down", ("no_response",)),
    (502, "proxy", False, "down", ("no_response",)),
])
def test_who_reached_nobody_before_the_answer_is_missed(cause: int, by: EndedBy, rang: bool, why: str,
                                                        evidence: tuple[str, ...]) -> None:
    found = unanswered(cause, by, rang)
    assert found == ("missed", why, evidence, "certain")


@pytest.mark.parametrize("cause", [301, 302, 401, 407, 420, 422, 482, 483, 491, 607, 608])
def test_who_is_asked_to_send_again_or_redirected_or_unwanted_is_not_missed(cause: int) -> None:
    assert unanswered(cause, "callee").kind == "neither"


def test_who_was_answered_elsewhere_is_not_missed() -> None:
    assert verdict(a_call(), Ending(487, "caller", elsewhere=True), FACTS, 130.0).kind == "neither"
    assert unanswered(487, "caller", facts=FACTS._replace(talking=True)).kind == "neither"
    assert unanswered(486, "callee", facts=FACTS._replace(talking=True)).kind == "neither"
    assert queued(60, "caller", WATCHED._replace(talking=True)).kind == "neither"


def test_who_was_cut_off_by_an_operator_is_not_missed() -> None:
    for cause in (480, 408):
        assert unanswered(cause, "operator") == ("neither", None, ("ended_by_operator",), None)
    assert queued(60, "operator", WATCHED) == ("neither", None, ("ended_by_operator",), None)
    assert queued(60, "operator", WATCHED, picked=110.0).kind == "talked"
    assert queued(60, "operator", WATCHED._replace(sign_at=150.0)).kind == "uncertain"


def test_lost_calls_are_not_judged() -> None:
    assert unanswered(408, "lost").kind == "uncertain"
    assert unanswered(200, "caller").kind == "uncertain", "answered while we were down"
    assert queued(60, "lost", WATCHED).kind == "uncertain"


@pytest.mark.parametrize(("seconds", "kind"), [(0.0, "neither"), (4.999, "neither"), (5.0, "talked"), (60.0, "talked")])
@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_an_answer_of_an_agent_is_a_talk_or_nothing(direction: str, seconds: float, kind: str) -> None:
    call = a_call(direction)
    call.answered_at = 100.0
    assert verdict(call, Ending(200, "caller"), FACTS, 100.0 + seconds).kind == kind


def test_a_call_of_an_agent_that_fails_is_nothing() -> None:
    assert verdict(a_call("outbound"), Ending(486, "callee"), FACTS, 130.0).kind == "neither"


@pytest.mark.parametrize(("seconds", "by", "facts", "kind", "weight"), [
    (4.999, "caller", FACTS, "neither", None),
    (5.0, "caller", FACTS, "missed", "likely"),
    (5.0, "caller", WATCHED, "missed", "certain"),
    (4.0, "caller", WATCHED, "neither", None),
    (60.0, "callee", FACTS, "uncertain", None),
    (60.0, "callee", WATCHED, "missed", "certain"),
    (2.0, "callee", WATCHED, "missed", "certain"),
])
def test_a_queue_that_answers_first(seconds: float, by: EndedBy, facts: Facts, kind: str, weight: str | None) -> None:
    found = queued(seconds, by, facts)
    assert (found.kind, found.weight) == (kind, weight)
    if kind == "missed":
        assert found.why == ("abandoned" if by == "caller" else "refused")
        assert ("no_dialog_event" in found.evidence) is facts.watched


@pytest.mark.parametrize(("after_sign", "by", "kind"), [
    (0.0, "caller", "missed"), (4.999, "caller", "missed"), (5.0, "caller", "uncertain"), (90.0, "caller", "uncertain"),
    (1.0, "callee", "uncertain"), (90.0, "callee", "uncertain"),
])
@pytest.mark.parametrize("watched", [True, False])
def test_a_phone_that_rings_is_only_a_sign(after_sign: float, by: EndedBy, kind: str, watched: bool) -> None:
    found = queued(100.0, by, FACTS._replace(sign_at=200.0 - after_sign, watched=watched))
    assert (found.kind, found.weight) == (kind, "likely" if kind == "missed" else None)
    assert "connected_line" in found.evidence


@pytest.mark.parametrize(("talk", "kind"), [(0.0, "neither"), (4.9, "neither"), (5.0, "talked"), (300.0, "talked")])
@pytest.mark.parametrize("by", ["caller", "callee"])
def test_who_was_taken_out_of_the_queue_is_not_missed(by: EndedBy, talk: float, kind: str) -> None:
    assert queued(60.0 + talk, by, WATCHED, picked=160.0).kind == kind


def test_a_queue_that_answered_before_a_restart_is_not_judged() -> None:
    call = a_call()
    call.answered_at, call.seen.queued, call.restored_at = 100.0, True, 110.0
    assert verdict(call, Ending(200, "caller"), WATCHED, 160.0).kind == "uncertain"


def test_nobody_has_joined_a_leg_of_ours() -> None:
    call = a_call("outbound")
    call.own, call.answered_at = True, 100.0
    assert verdict(call, Ending(200, "callee"), FACTS, 160.0).kind == "neither"
    call.seen.picked_at = 150.0
    assert verdict(call, Ending(200, "callee"), FACTS, 160.0).kind == "talked"
