"""Names, events, states, alarms and days: what the ledger is made of."""

import json
import os
import uuid
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing import agents
from routing.agents import AgentState, Board
from routing.alarms import RaisedAlarms
from routing.calls import Call
from routing.events import Event, rfc3339
from routing.ids import Names, beside7, floor7, time7, uuid7
from routing.rows import OWN
from routing.storage import Counts
from routing.today import Today
from tests.kit.builds import replaces_parts
from tests.routing.world import BEGIN


@given(st.floats(0, 2**37), st.binary(min_size=10, max_size=10))
def test_uuid7_is_one_and_holds_its_time(now: float, noise: bytes) -> None:
    name = uuid.UUID(uuid7(now, lambda count: noise))
    assert str(name) == uuid7(now, lambda count: noise)
    assert (name.version, name.variant) == (7, uuid.RFC_4122)
    assert name.int >> 80 == int(now * 1000)


def test_uuid7_of_rfc_9562_appendix_a_6() -> None:
    noise = bytes.fromhex("cc3" + "18c4dc0c0c07398f" + "0")
    assert uuid7(1645557742.000, lambda count: noise) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


def test_uuid7_sorts_by_time_and_a_range_begins_at_its_floor() -> None:
    names = [uuid7(BEGIN + step / 1000, os.urandom) for step in range(50)]
    assert names == sorted(names)
    assert floor7(BEGIN) <= names[0] < floor7(BEGIN + 0.001) <= names[1]


def test_names_are_different_and_take_random_octets_in_stock() -> None:
    taken: list[int] = []
    names = Names(lambda count: taken.append(count) or os.urandom(count))  # type: ignore[func-returns-value]
    made = {names.new(BEGIN) for _ in range(500)}
    assert len(made) == 500
    assert len(taken) == 3
    assert all(uuid.UUID(name).version == 7 for name in made)


@given(st.floats(0, 2**37), st.binary(min_size=10, max_size=10))
def test_what_stands_beside_something_is_found_from_it_both_ways(now: float, noise: bytes) -> None:
    name = uuid7(now, lambda count: noise)
    beside = beside7(name)
    assert len({name, *beside}) == 1 + len(beside) == 3
    for place, other in enumerate(beside):
        assert beside7(other)[place] == name
        assert (uuid.UUID(other).version, time7(other)) == (7, time7(name))


@pytest.mark.parametrize("name", ["", "leg-1", "017f22e2-79b0-4cc3-98c4-dc0c0c07398f",
                                  "017F22E2-79B0-7CC3-98C4-DC0C0C07398F"])
def test_nothing_stands_beside_what_is_no_name_of_ours(name: str) -> None:
    assert beside7(name) == ()


def test_rfc3339() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(1_790_000_000.0625) == "2026-09-21T14:13:20.062Z"


@given(st.floats(-62_135_596_800.0, 253_402_300_799.0))
def test_rfc3339_is_what_the_calendar_says(at: float) -> None:
    second, milliseconds = divmod(int(at * 1000), 1000)
    assert rfc3339(at) == f"{datetime.fromtimestamp(second, UTC).isoformat()[:19]}.{milliseconds:03d}Z"


def test_event_as_it_is_published() -> None:
    event = Event("call.ended", 1.5, "id", {"customer": "+36201234567", "text": "Zoë"}, "edge1", 7)
    text = event.to_json()
    assert json.loads(text) == {"schema": 1, "id": "id", "seq": 7, "time": "1970-01-01T00:00:01.500Z",
                                "kind": "call.ended", "node": "edge1",
                                "data": {"customer": "+36201234567", "text": "Zoë"}}
    assert "Zoë" in text
    assert ": " not in text


def test_board_counts_calls() -> None:
    board = Board()
    assert board.state("201") == AgentState("unknown", None)
    assert board.change("201", 1, 0, 1.0) == AgentState("ringing", 1.0)
    assert board.change("201", 1, 0, 2.0) is None
    assert board.change("201", -1, 1, 3.0) == AgentState("busy", 3.0)
    assert board.change("201", -1, 0, 4.0) is None
    assert board.change("201", 0, -1, 5.0) == AgentState("free", 5.0)
    assert board.change("201", 0, -1, 6.0) is None
    assert board.change("201", 0, 0, 7.0, "unknown") == AgentState("unknown", 7.0)
    assert board.state("201") == AgentState("unknown", 7.0)


@replaces_parts
def test_board_is_bounded_and_forgets_the_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "AGENTS_MAX", 3)
    board = Board()
    board.change("201", 0, 1, 1.0)
    for agent in ("202", "203", "204", "205"):
        board.change(agent, 1, 0, 1.0)
        board.change(agent, -1, 0, 2.0)
    assert set(board.seen()) == {"201", "204", "205"}
    for agent in ("206", "207"):
        board.change(agent, 0, 1, 3.0)
    board.change("208", 0, 1, 3.0)
    assert board.state("201").state == "busy"


def test_alarms() -> None:
    alarms = RaisedAlarms()
    assert alarms.change("a", None, 1.0) is None
    assert alarms.change("a", "why", 2.0) == "alarm.raised"
    assert alarms.change("a", "more", 3.0) is None
    assert (alarms.up(), alarms.since("a", 9.0)) == ({"a": "why"}, 2.0)
    assert alarms.change("a", None, 4.0) == "alarm.cleared"
    assert (alarms.up(), alarms.since("a", 9.0), alarms.since("b", 9.0)) == ({}, 2.0, 9.0)


def new_call(direction: str = "inbound") -> Call:
    call = Call("id", "cid", "inbound", "main", "office", "600", BEGIN)
    call.direction = "outbound" if direction == "outbound" else "inbound"
    return call


def at(text: str, zone: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_day_of_the_policys_clock(day: str, hours: int) -> None:
    today = Today("Europe/Budapest")
    start = at(f"{day}T00:00", "Europe/Budapest")
    call = new_call()
    call.started_at = start
    today.started(call, start)
    today.started(new_call("outbound"), start + hours * 3600 - 1)
    today.answered(call, start + hours * 3600 - 1)
    assert today.counts(start + hours * 3600 - 1) == Counts(2, 1, 1, 1, 0)
    assert today.counts(start + hours * 3600) == Counts()
    assert today.begin(start + hours * 3600) == start + hours * 3600


def test_another_clock_has_another_day_at_once_and_lacks_what_was_counted_by_the_old_one() -> None:
    today = Today("UTC")
    noon = at("2026-06-01T12:00", "UTC")
    today.started(new_call(), noon - 60)
    assert today.missing(noon - 60) == (at("2026-06-01T00:00", "UTC"), noon - 60)
    today.add(Counts())
    today.timezone("Asia/Tokyo")
    assert today.missing(noon) == (at("2026-06-01T00:00", "Asia/Tokyo"), noon)
    assert today.counts(noon) == Counts()
    today.started(new_call(), noon)
    today.add(Counts(1, 1))
    assert (today.counts(noon).calls, today.missing(noon)) == (2, None)
    midnight = at("2026-06-02T00:00", "Asia/Tokyo")
    assert (today.counts(midnight - 0.001).calls, today.counts(midnight)) == (2, Counts())
    assert today.missing(midnight) is None, "we were there all the time"


def test_the_same_clock_again_changes_nothing() -> None:
    today = Today("UTC")
    today.started(new_call(), BEGIN)
    today.timezone("UTC")
    assert today.counts(BEGIN).calls == 1


def test_a_day_that_comes_again_is_counted_again() -> None:
    today = Today("UTC")
    noon = at("2026-06-02T12:00", "UTC")
    today.begin(noon)
    today.add(Counts(5))
    assert today.missing(noon - 86_400) == (at("2026-06-01T00:00", "UTC"), noon - 86_400)


def test_a_callback_is_no_call_and_its_leg_to_the_agent_no_callback() -> None:
    today = Today("UTC")
    for direction in ("inbound", "outbound"):
        call = new_call(direction)
        call.own, call.reason = True, OWN
        today.started(call, BEGIN)
        today.answered(call, BEGIN)
    assert today.counts(BEGIN) == Counts(dialled=1, dialled_answered=1)


def test_an_answer_counts_for_the_day_of_its_call() -> None:
    today = Today("UTC")
    call = new_call()
    call.started_at = at("2026-06-01T23:59", "UTC")
    today.started(call, call.started_at)
    today.answered(call, at("2026-06-02T00:01", "UTC"))
    assert today.counts(at("2026-06-02T00:01", "UTC")) == Counts()
