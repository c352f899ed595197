"""The past of the played company: what is told of it can be kept, counted and gone on from."""

import queue
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.policy import parse_policy
from proxy.demo.company.house import NODE, PEOPLE, POLICY, SALES, agents_of
from proxy.demo.company.past import COUNTED, DAY, Past
from proxy.demo.company.writing import FILE, keep
from proxy.demo.waiting import DemoError
from routing.rows import AttemptRow, CallRow, JournalRow, TaskRow, Ticket
from routing.store.queue import StoreQueue
from routing.store.sqlite import sqlite_store
from routing.writes import Unit
from tests.kit.told import Told

UNTIL = 1_790_000_000.0


def told(seed: int, days: int = 2, calls: int = 60) -> list[Unit]:
    return list(Past(random.Random(seed)).days(UNTIL, days, calls))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StoreQueue]:
    keep(tmp_path, NODE, Past(random.Random(3)).days(UNTIL, 4, 100))
    posted: queue.SimpleQueue[object] = queue.SimpleQueue()
    found = sqlite_store(tmp_path / FILE, posted.put, time.time, NODE, Told())
    yield found
    found.close()


def test_the_policy_is_one_and_knows_everybody() -> None:
    policy = parse_policy(POLICY)
    assert {person.extension: person.name for person in PEOPLE} == {
        name: agent.name for name, agent in policy.agent.items()}
    assert tuple(policy.group[SALES].agents) == agents_of(SALES)


@given(st.integers(0, 2**32))
def test_nothing_lies_ahead_and_no_story_contradicts_itself(seed: int) -> None:
    for unit in told(seed):
        for row in unit.of(TaskRow):
            attempts = unit.of(AttemptRow)
            assert row.attempts == sum(one.result in COUNTED for one in attempts) <= row.attempts_max
            assert (row.state == "open") == (row.ended_at is None) == (row.due_at is not None)
            assert [one.serial for one in attempts] == [*range(1, len(attempts) + 1)]
            assert row.state != "done" or row.reason == "talk" or attempts[-1].result == "talked"
            assert all(line.at >= row.created_at for line in unit.of(JournalRow))
            assert (row.options.get("ticket") is not None) == bool(unit.of(Ticket))
        for call in unit.of(CallRow):
            assert call.started_at < UNTIL
            assert call.ended_at is not None
            assert (call.answered_at is None) == (call.talk_s is None)


def test_two_with_one_chance_tell_the_same() -> None:
    assert told(5) == told(5) != told(6)


def test_what_is_open_can_be_taken_up(store: StoreQueue) -> None:
    waiting = store.callbacks.open_tasks()
    assert len({(row.customer, row.group) for row in waiting}) == len(waiting)
    assert all(row.due_at is not None and row.due_at > UNTIL for row in waiting)


def test_a_day_of_it_has_everything_that_is_counted(store: StoreQueue) -> None:
    states = Counter(row.state for row in store.callbacks.tasks(1000))
    kinds = {row.kind for row in store.callbacks.tasks(1000)}
    assert states["done"] > states["failed"] > 0
    assert states["expired"]
    assert kinds == {"missed", "campaign", "queue"}
    counts = store.calls.counts(UNTIL - 4 * DAY, UNTIL)
    assert counts.inbound > counts.outbound > 0
    assert store.callbacks.released_counts(UNTIL - 4 * DAY)
    assert store.tickets.newest(10)
    assert len(store.callbacks.do_not_call()) == 4


def test_a_long_list_is_as_long_as_it_is_wanted(tmp_path: Path) -> None:
    past = Past(random.Random(1))
    keep(tmp_path, NODE, past.callbacks(UNTIL - DAY, UNTIL, 700, open_=200))
    keep(tmp_path, NODE, past.calls(UNTIL - DAY, UNTIL, 1203))
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        assert db.execute("SELECT count(*), count(*) FILTER (WHERE state='open') FROM tasks").fetchone() == (700, 200)
        assert db.execute("SELECT count(*) FROM calls").fetchone() == (1203,)


def test_a_past_that_cannot_be_kept_is_said(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(DemoError, match=r"boomerang\.db"):
        keep(tmp_path, NODE, Past(random.Random(1)).days(UNTIL, 1, 5))
