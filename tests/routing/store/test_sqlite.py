import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations

from routing.events import Event, Outbox
from routing.ids import uuid7
from routing.rows import PolicyVersion, Record
from routing.storage import Counts, Store, StoreError
from routing.store import schema, writer
from routing.store.engine import Applied, Queued
from routing.store.reader import Reader
from routing.store.sqlite import sqlite_store
from routing.writes import RemoveRecord, Unit
from tests.kit.engines import engine_of
from tests.kit.told import Told
from tests.kit.waiting import PATIENCE
from tests.routing.memory_store import MemoryStore
from tests.routing.world import BEGIN, CUSTOMER, World

Worlds = Callable[..., World]


def record(agent: str = "201", expires: float = BEGIN + 100, touched: float = BEGIN, who: str = CUSTOMER) -> Record:
    return Record(who, agent, 1, BEGIN, touched, expires)


def event(kind: str = "call.started") -> Event:
    return Event(kind, BEGIN, uuid7(BEGIN, lambda count: b"x" * count), {"customer": CUSTOMER, "text": "Zoë"}, "edge1")


def test_both_engines_fit_the_interface(world: World) -> None:
    engines: list[Store] = [world.store, MemoryStore()]
    assert len(engines) == 2


# Seen before it is committed


def test_a_record_is_seen_the_moment_it_was_put(world: World) -> None:
    world.store.put(Unit((record("201"), record("202"))))
    assert world.store.direct.records(CUSTOMER) == [record("201"), record("202")]
    world.commit()
    assert not world.store._overlay
    world.store.put(Unit((record("201", touched=BEGIN + 1), RemoveRecord(record("202")))))
    assert world.store.direct.records(CUSTOMER) == [record("201", touched=BEGIN + 1)]
    assert world.store.direct.record(CUSTOMER, "202") is None
    assert world.store.direct.record(CUSTOMER, "201") == record("201", touched=BEGIN + 1)
    world.commit()
    assert not world.store._overlay
    assert world.store.direct.records(CUSTOMER) == [record("201", touched=BEGIN + 1)]


def test_a_later_change_stays_in_sight_when_an_earlier_one_is_committed(world: World) -> None:
    world.store.put(Unit((record(),)))
    done: list[bool] = []
    world.store.put(Unit(), lambda: done.append(True))
    deadline = time.monotonic() + PATIENCE
    while not engine_of(world.store).database.ready().execute("SELECT count(*) FROM direct").fetchone()[0]:
        assert time.monotonic() < deadline
    world.store.put(Unit((RemoveRecord(record()),)))
    world.loop.until(lambda: done)
    assert world.store.direct.records(CUSTOMER) == []
    world.commit()
    assert world.store.direct.records(CUSTOMER) == []


def test_expired_ones_oldest_first_without_those_that_are_changing(world: World) -> None:
    old = [record(str(agent), expires=BEGIN + agent) for agent in (203, 201, 202)]
    world.store.put(Unit((*old, record("204", expires=BEGIN + 999))))
    world.commit()
    assert [found.agent for found in world.store.direct.expired(BEGIN + 500, 10)] == ["201", "202", "203"]
    assert [found.agent for found in world.store.direct.expired(BEGIN + 202, 10)] == ["201", "202"]
    assert [found.agent for found in world.store.direct.expired(BEGIN + 500, 1)] == ["201"]
    world.store.put(Unit((record("201"),)))
    assert [found.agent for found in world.store.direct.expired(BEGIN + 500, 10)] == ["202", "203"]
    assert world.store.direct.count() == 4
    reader = Reader(world.path, "edge1", strict=True)
    assert sorted(found.agent for found in reader.newest_records(BEGIN + 202, 5)) == ["203", "204"]
    reader.close()


# Commit


def test_what_is_put_together_is_committed_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    monkeypatch.setattr(writer, "LINGER", 5.0)
    commit = world.store._writer._commit

    def counted(batch: list[Queued]) -> Applied:
        batches.append(len(batch))
        return commit(batch)

    monkeypatch.setattr(world.store._writer, "_commit", counted)
    for number in range(50):
        world.store.put(Unit((record(str(number)),)))
    world.commit()
    assert batches == [51], "one that somebody waits for takes the others along"


def test_the_callback_comes_after_the_commit_and_in_the_proxys_thread(world: World) -> None:
    seen: list[tuple[int, int]] = []

    def done() -> None:
        with sqlite3.connect(world.path) as other:
            seen.append((other.execute("SELECT count(*) FROM direct").fetchone()[0], threading.get_ident()))
        other.close()

    world.store.put(Unit((record(),)), done)
    assert seen == []
    world.loop.until(lambda: seen)
    assert seen == [(1, threading.get_ident())]


def test_a_callback_that_raises_harms_no_other(world: World) -> None:
    seen: list[str] = []

    def bad() -> None:
        seen.append("bad")
        raise ZeroDivisionError

    serials = [world.store._serial + 1, world.store._serial + 2]
    world.store._waiting.update(zip(serials, (bad, lambda: seen.append("good")), strict=True))
    with pytest.raises(ZeroDivisionError):
        world.store._let_all_go()
    world.loop.until(lambda: "good" in seen)
    assert seen == ["bad", "good"]


@pytest.mark.parametrize(("durable", "level"), [(False, 1), (True, 2)])
def test_durable_units_are_synced(world: World, durable: bool, level: int) -> None:
    world.store.put(Unit((record(),), durable=durable))
    done: list[int] = []
    hooks = world.store._writer._hooks
    committed = hooks.committed

    def look(batch: object, events: object, refused: object) -> None:
        done.append(engine_of(world.store).database._connection.execute("PRAGMA synchronous").fetchone()[0])  # type: ignore[union-attr]
        committed(batch, events, refused)  # type: ignore[arg-type]

    world.store._writer._hooks = hooks._replace(committed=look)
    world.loop.until(lambda: done)
    assert done[0] == level


# Events


def test_events_leave_after_their_commit_in_order_with_their_seq(world: World) -> None:
    world.store.put(Unit((event("call.started"), event("call.ended"))))
    world.store.put(Unit((event("agent.state"),)))
    assert world.events == []
    world.commit()
    assert [(each.kind, each.seq) for each in world.events] == [("call.started", 1), ("call.ended", 2),
                                                               ("agent.state", 3)]
    assert world.store.events_after(0, 10) == world.events
    assert world.store.events_after(1, 1) == world.events[1:2]
    world.store.delete_events_upto(2)
    world.commit()
    assert world.store.events_after(0, 10) == world.events[2:]


def test_a_seq_is_never_given_twice(worlds: Worlds) -> None:
    world = worlds()
    world.store.put(Unit((event(), event())))
    world.commit()
    world.store.delete_events_upto(2)
    world.commit()
    world.close()
    again = worlds()
    again.store.put(Unit((event(),)))
    again.commit()
    assert [each.seq for each in again.store.events_after(0, 10)] == [3]


def test_without_outbox_events_only_go_to_listeners(worlds: Worlds) -> None:
    world = worlds(outbox=Outbox.OFF)
    world.store.put(Unit((event(),)))
    world.commit()
    assert [(each.kind, each.seq) for each in world.events] == [("call.started", 1)]
    assert world.store.events_after(0, 10) == []


# Policy, calls


def test_policy_and_its_history(worlds: Worlds) -> None:
    world = worlds()
    assert world.store.load_policy() is None
    world.store.save_policy("one", BEGIN)
    assert world.store.load_policy() == "one"
    done: list[bool] = []
    world.store.save_policy("two", BEGIN + 1, lambda: done.append(True))
    world.loop.until(lambda: done)
    world.close()
    again = worlds()
    assert again.store.load_policy() == "two"
    assert again.store.policy_history(5) == [PolicyVersion(2, BEGIN + 1, "two"), PolicyVersion(1, BEGIN, "one")]


def test_calls_newest_first_of_all_or_one_customer(world: World) -> None:
    for number in range(3):
        world.dial("201", customer=f"+3620123456{number}")
        world.now += 1
    world.commit()
    assert [row.customer for row in world.store.calls.newest(2)] == ["+36201234562", "+36201234561"]
    assert [row.customer for row in world.store.calls.newest(2, "+36201234560")] == ["+36201234560"]
    assert world.store.calls.counts(BEGIN + 1, BEGIN + 9) == Counts(calls=2, outbound=2)
    assert world.store.calls.counts(BEGIN, BEGIN + 2) == Counts(calls=2, outbound=2)


# The file


def test_schema_is_made_by_named_steps_that_are_recorded(world: World) -> None:
    db = Database(sqlite3.connect(world.path))
    names = [step.name for step in Migrations(schema.SET).applied(db)]
    assert tuple(names) == schema.NAMES == tuple(schema.applied_steps(db.conn))
    assert names == sorted(set(names))
    assert names[:16] == ["m001_calls", "m002_direct", "m003_policy", "m004_outbox", "m005_tasks", "m006_attempts",
                     "m007_journal", "m008_tickets", "m009_do_not_call", "m010_tasks_of_a_group", "m011_history",
                     "m012_spellings", "m013_alarms", "m014_nodes", "m015_kind_of_task",
                     "m016_offers"]
    assert {"calls", "direct", "policy", "outbox", "tasks", "attempts", "legs", "journal", "tickets", "comments",
            "deliveries", "do_not_call"} <= set(db.table_names())
    assert db.journal_mode == "wal"
    db.close()


def test_a_file_that_has_every_step_is_opened_without_the_library_that_makes_them(
    worlds: Worlds, tmp_path: Path
) -> None:
    worlds().close()
    code = ("import sqlite3, sys; from routing.store import schema; "
            "schema.migrate(sqlite3.connect(sys.argv[1], isolation_level=None)); print('sqlite_utils' in sys.modules)")
    said = [subprocess.run([sys.executable, "-c", code, tmp_path / name], capture_output=True, text=True, check=True,
                           timeout=60).stdout for name in ("boomerang.db", "new.db")]
    assert said == ["False\n", "True\n"]
    with closing(sqlite3.connect(tmp_path / "new.db")) as new:
        assert tuple(schema.applied_steps(new)) == schema.NAMES


def test_a_closed_store_leaves_one_file(worlds: Worlds, tmp_path: Path) -> None:
    world = worlds()
    world.dial("201")
    world.close()
    assert [path.name for path in tmp_path.iterdir()] == ["boomerang.db"]


def test_closing_in_trouble_ends(tmp_path: Path) -> None:
    store = sqlite_store(tmp_path / "missing" / "boomerang.db", lambda function: function(), lambda: BEGIN, "edge1",
                        Told())
    with pytest.raises(StoreError):
        store.direct.records(CUSTOMER)
    store.put(Unit((record(),)))
    store.close()


def test_a_loop_that_is_closed_is_no_trouble(tmp_path: Path) -> None:
    def closed(function: object) -> None:
        raise RuntimeError("Event loop is closed")

    store = sqlite_store(tmp_path / "boomerang.db", closed, lambda: BEGIN, "edge1", Told())
    store.put(Unit((record(),)))
    store.close()
    with sqlite3.connect(tmp_path / "boomerang.db") as db:
        assert db.execute("SELECT count(*) FROM direct").fetchone() == (1,)
    db.close()


# Another thread's reader


def test_reader_sees_what_is_committed_and_finds_a_new_file(world: World) -> None:
    reader = Reader(world.path, "edge1")
    world.store.put(Unit((record(), record("202", expires=BEGIN), event())))
    world.commit()
    assert reader.events_after(0, 10) == world.events
    assert reader.count_direct(BEGIN) == 1
    for companion in ("", "-wal", "-shm"):
        world.path.with_name(world.path.name + companion).unlink()
    assert reader.events_after(0, 10) == []
    assert reader.count_direct(BEGIN) is None
    world.store.put(Unit((event(),)))
    world.commit()
    assert [each.seq for each in reader.events_after(0, 10)] == [1, 2]
    reader.close()
    reader.close()
