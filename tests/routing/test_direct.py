"""The rules of one record, beside what the table's rows already try."""

import pytest

from config.policy import DirectCallback
from routing.direct import NO_CHANGE, Called, Change, agent_called, choose, customer_called, live
from routing.rows import Record

WHO = ("+36201234567", "201")


def record(kind: int = 1, touched: float = 0.0, expires: float = 100.0, agent: str = "201",
           made: float = 0.0) -> Record:
    return Record(WHO[0], agent, kind, made, touched, expires)


def setting(kind: int, inbound_creates: bool = False) -> DirectCallback:
    return DirectCallback(type=kind, expires_after=100.0, inbound_creates=inbound_creates)


def test_gone_at_the_very_moment() -> None:
    assert live(record(expires=100.0), 99.999)
    assert not live(record(expires=100.0), 100.0)


def test_choose_the_one_touched_last_of_those_that_live_and_may_be_used() -> None:
    records = [record(agent="201", touched=5), record(agent="202", touched=9),
               record(agent="203", touched=50, expires=60), record(agent="204", touched=20)]
    assert choose(records, 70, lambda found: found.agent != "204") == records[1]
    assert choose(records, 55, lambda found: True) == records[2]
    assert choose([], 0, lambda found: True) is None
    assert choose(records, 100, lambda found: True) is None


def test_of_two_touched_at_once_the_one_made_last() -> None:
    older, newer = record(agent="201", touched=5, made=1), record(agent="202", touched=5, made=2)
    assert choose([older, newer], 10, lambda found: True) == choose([newer, older], 10, lambda found: True) == newer


def test_type_1_touches_without_an_event_and_keeps_the_expiry() -> None:
    assert agent_called(record(), *WHO, setting(1), False, 50) == Change("touched", record(touched=50))


def test_liveness_is_judged_at_the_end_of_the_call() -> None:
    assert agent_called(record(), *WHO, setting(1), False, 100) == \
        Change("created", Record(*WHO, 1, 100, 100, 200))


def test_the_setting_in_force_counts_not_the_one_it_was_made_under() -> None:
    assert agent_called(record(kind=1), *WHO, setting(2), False, 50) == \
        Change("refreshed", record(kind=2, touched=50, expires=150))
    assert agent_called(record(), *WHO, setting(0), False, 50) is NO_CHANGE
    assert customer_called(record(), *WHO, setting(0), Called(True, True, True, True), 50) is NO_CHANGE


@pytest.mark.parametrize(("kind", "change"), [(1, "none"), (2, "none"), (3, "refreshed"), (4, "refreshed")])
def test_where_nobody_knows_whether_they_talked(kind: int, change: str) -> None:
    assert agent_called(record(), *WHO, setting(kind), None, 50).kind == change


def test_a_talk_without_a_record_removes_nothing() -> None:
    assert agent_called(None, *WHO, setting(1), True, 50) is NO_CHANGE
    assert agent_called(record(), *WHO, setting(2), True, 100) is NO_CHANGE
    assert customer_called(None, *WHO, setting(1), Called(True, True, True, True), 50) is NO_CHANGE
    assert customer_called(record(), *WHO, setting(2), Called(True, True, True, True), 100) is NO_CHANGE


def test_type_3_customer_talks_touches_only() -> None:
    assert customer_called(record(3), *WHO, setting(3), Called(True, True, True, True), 50) == \
        Change("touched", record(3, touched=50))
    assert customer_called(record(3), *WHO, setting(3), Called(True, True, True, False), 50) is NO_CHANGE


def test_type_4_customer_calls_restarts_and_moves_touched_only_for_who_was_tried_or_answered() -> None:
    other = customer_called(record(4), *WHO, setting(4), Called(True, False, False, False), 50)
    assert other == Change("refreshed", record(4, expires=150))
    for called in (Called(True, True, False, False), Called(True, False, True, False)):
        assert customer_called(record(4), *WHO, setting(4), called, 50) == \
            Change("refreshed", record(4, touched=50, expires=150))


def test_type_4_live_at_the_beginning_is_enough() -> None:
    assert customer_called(record(4), *WHO, setting(4), Called(True, True, False, False), 120).kind == "refreshed"
    assert customer_called(record(4), *WHO, setting(4), Called(False, False, False, False), 50) is NO_CHANGE
    assert customer_called(record(4), *WHO, setting(4), Called(False, False, True, True), 50).kind == "refreshed"
    assert customer_called(record(4), *WHO, setting(4), Called(False, False, True, True), 120) is NO_CHANGE
    assert customer_called(None, *WHO, setting(4), Called(True, True, True, True), 50) is NO_CHANGE


@pytest.mark.parametrize("kind", [3, 4])
def test_inbound_creates_by_an_answer_however_short(kind: int) -> None:
    assert customer_called(None, *WHO, setting(kind, True), Called(False, False, True, False), 50) == \
        Change("created", Record(*WHO, kind, 50, 50, 150))
    assert customer_called(record(kind), *WHO, setting(kind, True), Called(False, False, True, False), 120).kind == \
        "created"
    assert customer_called(record(kind), *WHO, setting(kind, True), Called(False, False, True, False), 50) is NO_CHANGE
    assert customer_called(None, *WHO, setting(kind, True), Called(False, False, False, False), 50) is NO_CHANGE
