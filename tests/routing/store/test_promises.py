"""Claims and commits on the real database: of several who claim one wins, and trouble is a no that stays one."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from routing.store import writer
from routing.store.engine import Applied, Queued
from routing.store.sqlite import sqlite_store
from routing.writes import Unit
from tests.kit.engines import engine_of
from tests.kit.heard import Heard
from tests.kit.told import Told
from tests.kit.waiting import PATIENCE
from tests.routing.store.rows import a_line, a_task, an_attempt
from tests.routing.store.test_faults import alarms, held, until_healed, until_raised
from tests.routing.store.test_sqlite import event
from tests.routing.world import BEGIN, CUSTOMER, World

ROOT = Path(__file__).parents[3]


def count(path: Path, table: str) -> int:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


# One wins


def test_many_claims_of_one_customer_in_one_transaction(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [a_task(group=f"group{number}") for number in range(20)]
    said: list[tuple[int, bool]] = []
    gate = threading.Event()
    commit = world.store._writer._commit
    monkeypatch.setattr(world.store._writer, "_commit", lambda batch: (gate.wait(PATIENCE), commit(batch))[1])
    world.store.put(Unit((*tasks,)))
    for number, task in enumerate(tasks):
        world.store.claim(an_attempt(task), Unit((event(), a_line(task.id, "assigned"))),
                          lambda won, number=number: said.append((number, won)))  # type: ignore[misc]
    gate.set()
    world.loop.until(lambda: len(said) == 20)
    assert said == [(0, True), *((number, False) for number in range(1, 20))]
    assert count(world.path, "attempts") == count(world.path, "journal") == 1
    assert len(world.events) == 1
    assert world.alarms == [], "refused by the statement, not by an index that found a fault of ours"


CLAIM = """
import sys, threading, time
from pathlib import Path
from routing.writes import Unit
from routing.store.sqlite import sqlite_store
from tests.kit.told import Told
from tests.routing.store.rows import an_attempt
store = sqlite_store(Path(sys.argv[1]), lambda function: function(), time.time, sys.argv[2], Told())
tasks = store.callbacks.open_tasks()
said = []
sys.stdin.readline()
for task in tasks:
    store.claim(an_attempt(task, node=sys.argv[2]), Unit(), said.append)
store.close()
print(sum(said))
"""


def test_two_processes_claim_and_each_task_has_one_winner(worlds: Callable[..., World]) -> None:
    world = worlds()
    tasks = [a_task(customer=f"+3620{number:07d}") for number in range(200)]
    world.store.put(Unit((*tasks,)))
    world.commit()
    world.close()
    nodes = [subprocess.Popen([sys.executable, "-c", CLAIM, str(world.path), node], cwd=ROOT, text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) for node in ("edge1", "edge2")]
    for node in nodes:
        assert node.stdin is not None
        node.stdin.write("go\n")
        node.stdin.flush()
    won = [int(node.communicate(timeout=PATIENCE)[0]) for node in nodes]
    assert sum(won) == 200 == count(world.path, "attempts")


# The truth


def test_done_comes_after_a_commit_that_outlives_power(world: World) -> None:
    task = a_task()
    world.store.put(Unit((task,)))
    seen: list[tuple[bool, int, int, int]] = []

    def done(won: bool) -> None:
        level = engine_of(world.store).database._connection.execute("PRAGMA synchronous").fetchone()[0]  # type: ignore[union-attr]
        seen.append((won, count(world.path, "attempts"), level, threading.get_ident()))

    world.store.claim(an_attempt(task), Unit(), done)
    assert seen == []
    world.loop.until(lambda: seen)
    assert seen == [(True, 1, 2, threading.get_ident())]


def test_trouble_refuses_and_what_was_refused_never_comes_true(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RETRY", 0.05)
    task = a_task()
    world.store.put(Unit((task,)))
    world.commit()
    said: list[bool] = []
    with held(world.path):
        world.store.claim(an_attempt(task), Unit((a_line(task.id),)), said.append)
        world.store.commit(Unit((task._replace(missed=2),)), said.append)
        world.loop.until(lambda: len(said) == 2)
        until_raised(world)
        well = [world.store.well]
        world.store.claim(an_attempt(task), Unit(), said.append)
        world.store.put(Unit((task._replace(missed=5),)))
        assert said == [False, False, False], "at once while the store knows"
    until_healed(world)
    world.commit()
    assert [*well, world.store.well] == [False, True]
    assert count(world.path, "attempts") == count(world.path, "journal") == 0
    assert world.store.callbacks.task(task.id) == task._replace(missed=5)
    world.store.claim(an_attempt(task), Unit(), said.append)
    world.commit()
    assert said[-1]


def test_those_who_queued_behind_a_hanging_commit_are_refused_with_it(world: World,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RETRY", 0.05)
    task, said, entered, gate = a_task(), list[bool](), threading.Event(), threading.Event()
    world.store.put(Unit((task,)))
    world.commit()
    engine = engine_of(world.store)
    apply = engine._apply

    def once(batch: Sequence[Queued]) -> Applied:
        entered.set()
        assert gate.wait(PATIENCE)
        monkeypatch.setattr(engine, "_apply", apply)
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(engine, "_apply", once)
    world.store.put(Unit())
    assert entered.wait(PATIENCE)
    world.store.claim(an_attempt(task), Unit(), said.append)
    gate.set()
    world.loop.until(lambda: said)
    assert said == [False]
    until_healed(world)
    world.commit()
    assert count(world.path, "attempts") == 0


def test_a_hanging_disk_is_a_no_in_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is being written and may come true, one is still in the queue and may not; what is put later wins."""
    task, other = a_task(), a_task(group="care", customer="+36201111111")
    world.store.put(Unit((task, other)))
    world.commit()
    said: list[bool] = []
    entered, gate = threading.Event(), threading.Event()
    commit = world.store._writer._commit

    def hang(batch: list[Queued]) -> object:
        entered.set()
        assert gate.wait(PATIENCE)
        return commit(batch)

    monkeypatch.setattr(world.store._writer, "_commit", hang)
    attempt = an_attempt(task)
    world.store.claim(attempt, Unit(), said.append)
    assert entered.wait(PATIENCE)
    world.store.claim(an_attempt(other), Unit(), said.append)
    world.store.release()
    assert said == []
    world.store.release()
    assert said == [False, False]
    world.store.put(Unit((attempt._replace(ended_at=BEGIN + 1, result="stopped"),)))
    gate.set()
    world.commit()
    assert said == [False, False], "told once"
    assert world.store.callbacks.open_attempts() == []
    assert world.store.callbacks.attempts_of(other.id) == []


def test_a_promise_that_cannot_be_written_is_refused(world: World) -> None:
    said: list[bool] = []
    task = a_task()
    world.store.commit(Unit((task, a_task())), said.append)
    world.store.commit(Unit((task,)), said.append)
    world.loop.until(lambda: len(said) == 2)
    assert said == [False, True], "two open tasks of one customer and group"


def test_a_promise_that_is_crowded_out_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "QUEUE_MAX", 5)
    entered, gate, said = threading.Event(), threading.Event(), list[bool]()
    commit = world.store._writer._commit

    def hang(batch: list[Queued]) -> object:
        entered.set()
        assert gate.wait(PATIENCE)
        return commit(batch)

    monkeypatch.setattr(world.store._writer, "_commit", hang)
    world.store.put(Unit())
    assert entered.wait(PATIENCE)
    world.store.commit(Unit(), said.append)
    for _ in range(5):
        world.store.put(Unit())
    assert said == [False]
    gate.set()
    world.commit()


def test_a_promise_given_is_the_last_to_be_crowded_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long outage under load may cost rows of calls, and no customer their callback."""
    monkeypatch.setattr(writer, "QUEUE_MAX", 20)
    first, last = a_task(), a_task(group="care")
    with held(world.path):
        world.dial("201")
        until_raised(world)
        world.store.put(Unit((first,)))
        for number in range(40):
            world.dial("202", customer=f"+3630{number:07d}")
        world.store.put(Unit((last,)))
        assert ("alarm.raised", "database_queue") in alarms(world)
    until_healed(world)
    world.commit()
    assert {row.group for row in world.store.callbacks.open_tasks()} == {"sales", "care"}
    world.alarms.clear()
    with held(world.path):
        world.store.put(Unit())
        until_raised(world)
        for number in range(40):
            world.store.put(Unit((a_task(customer=f"+3630{number:07d}"),)))
        assert len(world.store._writer) <= 20
    until_healed(world)
    world.commit()
    assert world.store.callbacks.tasks(1, customer="+36300000039") != []


def test_a_bad_task_costs_no_call(world: World) -> None:
    """A fault in what callbacks put must not lose the entry of the call that it came with."""
    world.dial("201")
    world.commit()
    row = world.store.calls.newest(1)[0]._replace(cause=599)
    kept, lost = event("call.ended"), event("callback.queued")
    world.events.clear()
    world.store.put(Unit((row, kept, lost, a_task(), a_task())))
    world.commit()
    assert world.store.calls.newest(1) == [row]
    assert world.store.callbacks.open_tasks() == []
    assert [told.kind for told in world.events if told.kind != "alarm.raised"] == ["call.ended"]
    assert any(told.data["alarm"] == "database_unit" for told in world.alarms)


# Another database in its place


def test_a_new_database_in_its_place_is_told(world: World) -> None:
    told: list[str] = []
    world.store.tell_rows_to(Heard(told))
    world.store.put(Unit((a_task(),)))
    world.commit()
    assert told == []
    for companion in ("", "-wal", "-shm"):
        os.unlink(f"{world.path}{companion}")
    world.commit()
    assert told == [], "a deleted one is written anew with all it held"
    assert len(world.store.callbacks.open_tasks()) == 1
    engine_of(world.store).database.ready().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(world.path, "r+b") as file:
        file.write(b"\xff" * world.path.stat().st_size)
    world.store.put(Unit((a_task(),)))
    until_healed(world)
    world.commit()
    assert told == ["anew"]


def test_an_old_database_gets_the_tables_and_keeps_its_rows(worlds: Callable[..., World], tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "boomerang.db", isolation_level=None)) as db:
        from sqlite_utils import Database, Migrations

        from routing.store import schema

        old = Migrations("boomerang")
        for step in (schema.m001_calls, schema.m002_direct, schema.m003_policy, schema.m004_outbox):
            old()(step)
        old.apply(Database(db, execute_plugins=False))
        db.execute("INSERT INTO direct VALUES (?,'201',1,0,0,2e9)", (CUSTOMER,))
    world = worlds()
    assert [record.agent for record in world.store.direct.records(CUSTOMER)] == ["201"]
    task = a_task()
    world.store.put(Unit((task,)))
    world.commit()
    assert world.store.callbacks.open_tasks() == [task]


def test_the_do_not_call_list_is_written_as_numbers_are_read_now(
    worlds: Callable[..., World], tmp_path: Path
) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "boomerang.db", isolation_level=None)) as db:
        from sqlite_utils import Database, Migrations

        from routing.store import schema

        old = Migrations("boomerang")
        for step in (schema.m001_calls, schema.m002_direct, schema.m003_policy, schema.m004_outbox, schema.m005_tasks,
                     schema.m006_attempts, schema.m007_journal, schema.m008_tickets, schema.m009_do_not_call):
            old()(step)
        old.apply(Database(db, execute_plugins=False))
        for number, customer in enumerate(("+480221234567", "+5215512345678", "+525512345678", CUSTOMER, "no number")):
            db.execute("INSERT INTO do_not_call VALUES (?,?,'')", (customer, float(number)))
    assert {(row.customer, row.added_at) for row in worlds().store.callbacks.do_not_call()} == {
        ("+48221234567", 0.0), ("+525512345678", 2.0), (CUSTOMER, 3.0), ("no number", 4.0)}


def test_closing_refuses_nobody_who_can_be_served(tmp_path: Path) -> None:
    said: list[bool] = []
    store = sqlite_store(tmp_path / "boomerang.db", lambda function: function(), lambda: BEGIN, "edge1", Told())
    store.commit(Unit((a_task(),)), said.append)
    store.close()
    assert said == [True]


CLAIM_AND_SAY = """
import sys, time
from pathlib import Path
from routing.writes import Unit
from routing.store.sqlite import sqlite_store
from tests.kit.told import Told
from tests.routing.store.rows import a_line, a_task, an_attempt
store = sqlite_store(Path(sys.argv[1]), lambda function: function(), time.time, "edge1", Told())
task = a_task()
store.put(Unit((task,)))
attempt = an_attempt(task)
store.claim(attempt, Unit((a_line(task.id, "assigned"),)), lambda won: print(attempt.id, won, flush=True))
time.sleep(30)
"""


def test_killed_the_moment_a_claim_was_granted(worlds: Callable[..., World], tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", CLAIM_AND_SAY, str(tmp_path / "boomerang.db")], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = process.stdout.readline().split()
        process.kill()
    world = worlds()
    store = world.store
    assert said[1] == "True"
    assert [attempt.id for attempt in store.callbacks.open_attempts()] == [said[0]]
    task = store.callbacks.open_tasks()[0]
    assert [line.kind for line in store.callbacks.journal(task.id)] == ["assigned"]
    again: list[bool] = []
    store.claim(an_attempt(task), Unit(), again.append)
    world.commit()
    assert again == [False], "the customer is not dialled a second time"
