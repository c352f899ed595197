"""What is too old is removed, and nothing else: both engines alike, then what only the database has to keep."""

import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.events import Outbox
from routing.ids import uuid7
from routing.rows import CallRow, TaskRow, Ticket
from routing.storage import Forgotten
from routing.store import callback_sql, retention, schema
from routing.store.batch import Batch, Stamp
from routing.store.old_rows import Family
from routing.store.retention import TASKS, TICKETS, Retention
from routing.store.sqlite_batch import BatchWriter
from routing.writes import Unit
from tests.kit.engines import engine_of
from tests.kit.waiting import PATIENCE
from tests.routing.store.rows import a_comment, a_delivery, a_line, a_task, a_ticket, a_unit, an_attempt, name
from tests.routing.store.test_callbacks import Engine, engine
from tests.routing.world import BEGIN, CUSTOMER, World

__all__ = ["engine"]

DAY = 86_400.0
OLD = BEGIN - 500 * DAY
BEFORE = BEGIN - 400 * DAY
LATE = BEFORE + DAY


def a_call(began: float, ended: float | None, agent: str = "201", talk: float | None = 60.0) -> CallRow:
    return CallRow(uuid7(began, lambda count: name()[-count:].encode()), "x", "outbound", "main", "office", CUSTOMER,
                   None, CUSTOMER, agent, "from", None, "number", None, began, began, None, ended, 200, "caller", talk)


def ended(at: float = OLD, **changes: Any) -> TaskRow:
    return a_task(created_at=at, state="done", reason="talked", ended_at=at, **changes)


def closed(at: float = OLD, **changes: Any) -> Ticket:
    return a_ticket(state="closed", created_at=at, closed_at=at, **changes)


def forget(engine: Engine, before: float = BEFORE, rows: int = 1000) -> Forgotten:
    said: list[Forgotten] = []
    engine.store.forget(before, rows, said.append)
    deadline = time.monotonic() + PATIENCE
    while not said:
        engine.settle()
        assert time.monotonic() < deadline
    return said[0]


# What goes, and what stays


def test_calls_go_so_long_after_their_end(engine: Engine) -> None:
    old, edge, long, running = (a_call(OLD, OLD + 60), a_call(OLD, BEFORE), a_call(OLD, LATE), a_call(OLD + 1, None))
    young = a_call(LATE, LATE + 60, "202")
    engine.put(calls=(old, edge, long, running, young))
    assert forget(engine) == Forgotten(calls=1)
    assert {row.id for row in engine.store.calls.newest(10)} == {edge.id, long.id, running.id, young.id}
    assert [row.id for row in engine.store.calls.open()] == [running.id]
    assert forget(engine, BEFORE + 1).calls == 1


def test_who_talked_last_is_known_from_what_is_younger(engine: Engine) -> None:
    engine.put(calls=(a_call(OLD, OLD + 60, "201"), a_call(LATE, LATE + 60, "202")))
    forget(engine)
    assert engine.store.calls.last_talk(CUSTOMER, 5.0) == ("202", LATE)
    forget(engine, LATE + DAY)
    assert engine.store.calls.last_talk(CUSTOMER, 5.0) is None


def test_a_task_goes_with_its_attempts_and_its_journal(engine: Engine) -> None:
    task, young = ended(), ended(LATE)
    for each in (task, young):
        engine.put(tasks=(each,), journal=(a_line(each.id), a_line(each.id, "ended")), attempts=(
            an_attempt(each, ended_at=each.ended_at, customer_at=each.ended_at), an_attempt(each, ended_at=OLD)))
    assert forget(engine) == Forgotten(tasks=1)
    kept = engine.store.callbacks
    assert (kept.task(task.id), kept.journal(task.id), kept.attempts_of(task.id)) == (
        None, [], [])
    assert engine.store.callbacks.task(young.id) == young
    assert (len(engine.store.callbacks.journal(young.id)), len(engine.store.callbacks.attempts_of(young.id))) == (2, 2)
    assert [past.at for past in engine.store.callbacks.attempts_since(0.0)] == [LATE]


@pytest.mark.parametrize("state", ["open", "held"])
def test_what_is_promised_stays_however_old(engine: Engine, state: Any) -> None:
    task = a_task(created_at=OLD, state=state)
    strange = a_task(created_at=OLD, state=state, ended_at=OLD, group="support")
    engine.put(tasks=(task, strange), journal=(a_line(task.id),))
    assert forget(engine) == Forgotten()
    assert len(engine.store.callbacks.open_tasks()) == 2
    assert engine.store.callbacks.journal(task.id)


@pytest.mark.parametrize("at", [None, LATE])
def test_a_task_stays_for_an_attempt_that_ended_later(engine: Engine, at: float | None) -> None:
    task = ended()
    engine.put(tasks=(task,), attempts=(an_attempt(task, ended_at=at),))
    assert forget(engine) == Forgotten()
    assert len(engine.store.callbacks.attempts_of(task.id)) == 1


def test_a_ticket_goes_with_its_comments_and_deliveries(engine: Engine) -> None:
    ticket = closed()
    comment = a_comment(ticket)._replace(at=OLD)
    sent = a_delivery(ticket, next_at=None, delivered_at=OLD)
    engine.put(tickets=(ticket,), comments=(comment,), deliveries=(sent,))
    assert forget(engine) == Forgotten(tickets=1)
    kept = engine.store.tickets
    assert (kept.one(ticket.id), kept.comments(ticket.id), kept.deliveries_of(ticket.id)) \
        == (None, [], [])


def test_tickets_that_stay(engine: Engine) -> None:
    task = ended()
    waiting, open_one, spoken, young = closed(task=task.id), a_ticket(created_at=OLD), closed(), closed(LATE)
    engine.put(tasks=(task,), tickets=(waiting, open_one, spoken, young), deliveries=(
        a_delivery(waiting, next_at=None, delivered_at=OLD), a_delivery(waiting, next_at=OLD),
        a_delivery(open_one, next_at=None, delivered_at=OLD)), comments=(a_comment(spoken)._replace(at=LATE),))
    assert forget(engine) == Forgotten()
    assert len(engine.store.tickets.newest(10)) == 4
    assert engine.store.callbacks.task(task.id) is not None, "the delivery tells how it ended"
    assert [len(engine.store.tickets.deliveries_of(ticket.id)) for ticket in (waiting, open_one)] == [2, 1]


def test_no_ticket_number_is_given_twice(engine: Engine) -> None:
    engine.put(tickets=(closed(), closed()))
    assert forget(engine).tickets == 2
    engine.put(tickets=(after := a_ticket(),))
    found = engine.store.tickets.one(after.id)
    assert found is not None
    assert found.number == 3


# Slices


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.migrate(connection)
        yield connection


def write(db: sqlite3.Connection, **rows: Any) -> None:
    batch = Batch()
    batch.add(a_unit(**rows))
    BatchWriter(Stamp("edge1", 1), Outbox.OFF, callback_sql.PUT_TICKET).write(db, batch)


def count(db: sqlite3.Connection) -> dict[str, int]:
    tables = ("calls", "tasks", "attempts", "journal", "tickets", "comments", "deliveries")
    found = {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}
    return {table: rows for table, rows in found.items() if rows}


def fill(db: sqlite3.Connection, at: float = OLD, lines: int = 3) -> None:
    """Three calls, a task of some lines with two attempts, a ticket with as many comments and a delivery."""
    task, ticket = ended(at), closed(at)
    write(db, calls=tuple(a_call(at, at) for _ in range(3)), tasks=(task,), tickets=(ticket,),
          attempts=(an_attempt(task, ended_at=at), an_attempt(task, ended_at=at)),
          journal=tuple(a_line(task.id) for _ in range(lines)),
          comments=tuple(a_comment(ticket)._replace(at=at) for _ in range(lines)),
          deliveries=(a_delivery(ticket, next_at=None),))


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 40), lines=st.integers(0, 9), stuck=st.integers(0, 4))
def test_slices_of_any_size_come_to_the_end(rows: int, lines: int, stuck: int) -> None:
    """None looks at more rows than it may (and one), and what must stay does not keep it from what comes after."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        schema.migrate(db)
        for _ in range(stuck):
            task, ticket = ended(OLD - 1), closed(OLD - 1)
            write(db, calls=(a_call(OLD - 1, None),), tasks=(task,), attempts=(an_attempt(task, customer=task.id),),
                  tickets=(ticket,), deliveries=(a_delivery(ticket),))
        for number in range(4):
            fill(db, OLD + number, lines)
        fill(db, LATE)
        sweep, gone, turns = Retention(), Forgotten(more=True), 0
        while gone.more:
            before = sum(count(db).values())
            gone = sweep.slice(db, BEFORE, rows)
            assert before - sum(count(db).values()) <= rows + 1
            turns += 1
            assert turns < 500
        left = {"calls": 3 + stuck, "tasks": 1 + stuck, "attempts": 2 + stuck, "journal": 3, "tickets": 1 + stuck,
                "comments": 3, "deliveries": 1 + stuck}
        assert count(db) == left


def test_a_look_that_is_over_begins_anew(db: sqlite3.Connection) -> None:
    sweep = Retention()
    fill(db)
    assert sweep.slice(db, BEFORE, 100) == Forgotten(3, 1, 1)
    fill(db, OLD - DAY)
    assert sweep.slice(db, BEFORE, 100) == Forgotten(3, 1, 1)
    assert count(db) == {}


def test_a_slice_that_fails_removes_nothing(db: sqlite3.Connection) -> None:
    fill(db)
    there = count(db)
    db.execute("CREATE TRIGGER stop BEFORE DELETE ON tickets BEGIN SELECT raise(ABORT, 'no'); END")
    sweep = Retention()
    with pytest.raises(sqlite3.IntegrityError):
        sweep.slice(db, BEFORE, 100)
    assert count(db) == there
    assert not db.in_transaction
    db.execute("DROP TRIGGER stop")
    while sweep.slice(db, BEFORE, 100).more:
        pass
    sweep.slice(db, BEFORE, 100)
    assert count(db) == {}


def test_another_process_that_locks_the_file_only_puts_it_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    store, said = world.store, list[Forgotten]()
    failed, seen = engine_of(store).database.failed, threading.Event()

    def note(error: Exception) -> str:
        seen.set()
        return failed(error)

    monkeypatch.setattr(engine_of(store).database, "failed", note)
    store.put(Unit((a_call(OLD, OLD),)))
    world.commit()
    with closing(sqlite3.connect(world.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store.forget(BEFORE, 10, said.append)
        assert seen.wait(PATIENCE)
        other.execute("ROLLBACK")
    world.commit()
    assert (said, world.alarms) == ([], [])
    assert forget(Engine(store, world.commit, list)).calls == 1


def test_after_a_restart_it_goes_on(worlds: Any) -> None:
    first = worlds()
    first.store.put(Unit((*(a_call(OLD + number, OLD + number) for number in range(10)),)))
    first.commit()
    gone = forget(Engine(first.store, first.commit, list), rows=4)
    assert gone == Forgotten(calls=4, more=True)
    first.close()
    second = worlds()
    assert forget(Engine(second.store, second.commit, list)) == Forgotten(calls=6)


# No full scan


def plans(db: sqlite3.Connection, statement: str, parameters: Any) -> str:
    return "; ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))


FAMILIES = [(statement, {"id": "x", "before": 1.0, "at": 0.0, "limit": 10})
            for family in (TASKS, TICKETS) for statement in (family.old, family.kept, *family.parts, *family.drop)]


@pytest.mark.parametrize(("statement", "parameters"), [
    (retention.CALLS, ("", "x", 10)), (retention.DROP_CALLS, ("", "x", 1.0)), *FAMILIES])
def test_every_statement_finds_its_rows_by_an_index(db: sqlite3.Connection, statement: str, parameters: Any) -> None:
    plan = plans(db, statement, parameters)
    assert not re.search(r"SCAN (TABLE )?(calls|tasks|attempts|journal|tickets|comments|deliveries|t|d)\b", plan), plan
    assert "TEMP B-TREE" not in plan
    assert "SEARCH" in plan


@pytest.mark.parametrize(("family", "index"), [(TASKS, "tasks_ended"), (TICKETS, "tickets_closed")])
def test_the_look_goes_along_what_ended(db: sqlite3.Connection, family: Family, index: str) -> None:
    plan = plans(db, family.old, FAMILIES[0][1])
    assert f"USING COVERING INDEX {index}" in plan
    assert ">" in plan, "begins where the last slice ended"


def test_a_slice_among_many_costs_what_it_removes(db: sqlite3.Connection) -> None:
    """Counted in steps of SQLite's machine, which no busy computer changes."""

    def steps(many: int) -> int:
        write(db, calls=tuple(a_call(LATE + number, LATE + number) for number in range(many)),
              tasks=tuple(ended(LATE + number) for number in range(many)))
        fill(db)
        made = 0

        def step() -> int:
            nonlocal made
            made += 1
            return 0

        db.set_progress_handler(step, 1)
        assert Retention().slice(db, BEFORE, 100) == Forgotten(3, 1, 1)
        db.set_progress_handler(None, 1)
        return made

    few = steps(10)
    assert steps(2000) <= few + 50
