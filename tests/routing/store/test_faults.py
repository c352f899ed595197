"""What is owed when the database is locked, full, gone, replaced or broken: calls pass, an alarm says so, it heals.

Every fault is a real one. The database of the worlds here is under load from nobody else.
"""

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.policy import export_policy
from routing.facts import Ending
from routing.rows import Record
from routing.storage import LOSS
from routing.store import database, sqlite_engine, writer
from routing.writes import SavePolicy, Unit
from tests.kit.engines import engine_of
from tests.kit.small_disk import small_disk
from tests.routing.world import CUSTOMER, SHARED, World

Worlds = Callable[..., World]

HOLD = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute(sys.argv[2]).fetchall() if sys.argv[2] else None
db.execute("BEGIN EXCLUSIVE")
db.execute("CREATE TABLE IF NOT EXISTS held (x)")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RETRY", 0.05)
    monkeypatch.setattr(database, "DOUBT", 0.1)


@contextmanager
def held(path: Path, pragma: str = "") -> Iterator[None]:
    """Let another process hold the database."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path), pragma], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            yield
        finally:
            process.kill()


def alarms(world: World) -> list[tuple[str, str]]:
    return [(event.kind, event.data["alarm"]) for event in world.alarms]


def until_raised(world: World) -> None:
    world.loop.until(lambda: ("alarm.raised", "database") in alarms(world))


def until_healed(world: World) -> None:
    world.loop.until(lambda: ("alarm.cleared", "database") in alarms(world))


def ends_at_once(world: World) -> bool:
    """Whether an agent's failed call is let go without waiting for a commit."""
    call = world.calls_out("202", "+36309999999")
    world.ledger.decide(call, world.now)
    done: list[bool] = []
    world.ledger.ended(call.id, Ending(486, "callee"), world.now, lambda: done.append(True))
    return bool(done)


def stored(path: Path) -> set[tuple[str, str]]:
    """Return what another process sees in the file."""
    with sqlite3.connect(path) as db:
        found = set(db.execute("SELECT customer, agent FROM direct"))
    db.close()
    return found


def test_locked_by_another_process(world: World) -> None:
    world.dial("201")
    world.commit()
    with held(world.path):
        call = world.calls_out("202")
        world.ledger.decide(call, world.now)
        released: list[bool] = []
        world.ledger.ended(call.id, Ending(486, "callee"), world.now + 1, lambda: released.append(True))
        world.loop.until(lambda: released)
        until_raised(world)
        assert ends_at_once(world)
        world.now += 2
        assert world.reaches() == "202", "decided while locked, and not forgotten"
        assert stored(world.path) == {(CUSTOMER, "201")}
    until_healed(world)
    world.commit()
    assert stored(world.path) == {(CUSTOMER, "201"), (CUSTOMER, "202"), ("+36309999999", "202")}
    assert [row.cause for row in world.store.calls.newest(10)].count(486) == 3
    assert alarms(world) == [("alarm.raised", "database"), ("alarm.cleared", "database")]
    assert world.ledger.alarms.up() == {}


def test_locked_against_readers_too_takes_the_normal_route(worlds: Worlds, tmp_path: Path) -> None:
    first = worlds("type = 4")
    first.dial("201")
    first.close()
    with held(tmp_path / "boomerang.db", "PRAGMA locking_mode=EXCLUSIVE"):
        world = worlds("type = 4")
        decision = world.ledger.decide(world.calls_in(), world.now)
        assert decision.targets[0].user is None
        assert decision.customer == CUSTOMER
        until_raised(world)
        assert world.ledger.restore(world.now) == 0
    until_healed(world)
    world.ledger.sweep(world.now)
    assert world.reaches() == "201"


def test_disk_full(worlds: Worlds, tmp_path: Path) -> None:
    with small_disk(tmp_path, "2m") as disk:
        world = worlds(folder=disk)
        world.dial("201")
        world.commit()
        ballast = disk / "ballast"
        with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        for number in range(200):
            world.dial("202", customer=f"+3630{number:07d}")
            world.loop.run()
        until_raised(world)
        assert "full" in world.ledger.alarms.up()["database"] or "I/O" in world.ledger.alarms.up()["database"]
        assert ends_at_once(world)
        assert world.reaches() == "201"
        ballast.unlink()
        until_healed(world)
        world.commit()
        assert len(stored(world.path)) == 202
        world.close()


def test_no_page_left(world: World) -> None:
    """SQLITE_FULL from SQLite itself, without a file system of our own."""
    world.dial("201")
    world.commit()
    connection = engine_of(world.store).database.ready()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")
    for number in range(300):
        world.dial("202", customer=f"+3630{number:07d}")
    until_raised(world)
    assert "full" in world.ledger.alarms.up()["database"]
    assert world.reaches() == "201"
    connection.execute("PRAGMA max_page_count=1000000")
    until_healed(world)
    world.commit()
    assert len(stored(world.path)) == 301


def test_deleted_while_running_is_written_anew_with_all_it_held(world: World) -> None:
    world.store.save_policy(export_policy(world.ledger.policy), world.now)
    world.dial("201")
    world.commit()
    last = max(event.seq for event in world.events)
    for companion in ("", "-wal", "-shm"):
        os.unlink(f"{world.path}{companion}")
    world.dial("202")
    world.commit()
    assert stored(world.path) == {(CUSTOMER, "201"), (CUSTOMER, "202")}
    assert world.store.load_policy() == export_policy(world.ledger.policy)
    assert world.store.events_after(last, 1)[0].seq == last + 1
    assert sorted(record.agent for record in world.store.direct.records(CUSTOMER)) == ["201", "202"]


def test_deleted_with_its_folder_heals_when_the_folder_is_back(worlds: Worlds, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    world = worlds(folder=folder)
    world.dial("201")
    world.commit()
    folder.rename(tmp_path / "away")
    world.dial("202")
    until_raised(world)
    assert ends_at_once(world)
    (tmp_path / "away").rename(folder)
    until_healed(world)
    world.commit()
    assert stored(world.path) >= {(CUSTOMER, "201"), (CUSTOMER, "202")}


def test_replaced_by_another_database_is_opened(worlds: Worlds, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = worlds(folder=tmp_path / "other")
    other.dial("203")
    other.close()
    world = worlds()
    world.dial("201")
    world.commit()
    for companion in ("-wal", "-shm"):
        os.unlink(f"{world.path}{companion}")
    os.replace(other.path, world.path)
    world.ledger.sweep(world.now)
    world.commit()
    assert world.reaches() == "203"


def test_garbage_at_start_is_moved_aside(worlds: Worlds, tmp_path: Path) -> None:
    path = tmp_path / "boomerang.db"
    path.write_bytes(b"this is no database " * 1000)
    world = worlds()
    world.dial("201")
    until_healed(world)
    world.commit()
    assert world.reaches() == "201"
    aside = list(tmp_path.glob("boomerang.db.broken-*"))
    assert len(aside) == 1
    assert aside[0].read_bytes().startswith(b"this is no database")
    assert "not a database" in world.alarms[0].data["text"]
    assert str(aside[0]) in world.ledger.alarms.up()[LOSS]


def test_garbage_while_running_is_moved_aside_and_the_policy_put_back(world: World) -> None:
    text = export_policy(world.ledger.policy)
    world.store.save_policy(text, world.now)
    world.dial("201")
    world.commit()
    engine_of(world.store).database.ready().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = world.path.stat().st_size
    with open(world.path, "r+b") as file:
        file.write(b"\xff" * size)
    world.dial("202")
    world.ledger.decide(world.calls_in("+36301111111"), world.now)
    until_healed(world)
    world.commit()
    assert list(world.path.parent.glob("boomerang.db.broken-*"))
    with sqlite3.connect(world.path) as db:
        assert db.execute("SELECT text FROM policy").fetchall() == [(text,)]
    db.close()


def test_only_the_reader_meets_the_broken_page(world: World) -> None:
    for number in range(3000):
        world.store.put(Unit((Record(f"+3630{number:07d}", "201", 1, 0.0, 0.0, 2e9),)))
    world.commit()
    engine_of(world.store).database.ready().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    engine_of(world.store).close_reading()
    with open(world.path, "r+b") as file:
        file.seek(12 * 4096)
        file.write(b"\xff" * (world.path.stat().st_size - 12 * 4096))
    for number in range(3000):  # the reader says it again and again until the writer has acted
        world.ledger.decide(world.calls_in(f"+3630{number:07d}"), world.now)
    until_healed(world)
    world.dial("201")
    world.commit()
    assert world.reaches() == "201"
    assert len(list(world.path.parent.glob("boomerang.db.broken-*[Z]"))) == 1


def test_no_folder_at_start(worlds: Worlds, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    world = worlds(folder=folder)
    assert world.dial("201").targets[0].user is None
    until_raised(world)
    assert ends_at_once(world)
    folder.mkdir()
    until_healed(world)
    world.commit()
    assert (CUSTOMER, "201") in stored(world.path)


def test_a_unit_that_cannot_be_written_harms_no_other(world: World) -> None:
    world.store.put(Unit((SavePolicy("bad \udcff text", 0.0),)))
    world.dial("201")
    world.commit()
    assert stored(world.path) == {(CUSTOMER, "201")}
    assert ("alarm.raised", "database_unit") in alarms(world)


def test_the_queue_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "QUEUE_MAX", 50)
    monkeypatch.setattr(writer, "BATCH_MAX", 5)
    with held(world.path):
        world.dial("201")
        until_raised(world)
        for number in range(60):
            world.dial("202", customer=f"+3630{number:07d}")
        assert ("alarm.raised", "database_queue") in alarms(world)
    until_healed(world)
    world.commit()
    found = stored(world.path)
    assert ("+36300000059", "202") in found
    assert ("+36300000000", "202") not in found
    assert ("alarm.cleared", "database_queue") in alarms(world)
    assert not world.store._overlay


def test_the_outbox_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_engine, "OUTBOX_MAX", 100)
    for number in range(60):
        world.dial("202", customer=f"+3630{number:07d}")
    world.commit()
    waiting = world.store.events_after(0, 1000)
    assert len(waiting) <= 101
    assert waiting[-1].seq > 200
    assert ("alarm.raised", "outbox") in alarms(world)
    world.commit()
    world.store.delete_events_upto(world.store.events_after(0, 1000)[-1].seq)
    world.commit()
    assert ("alarm.cleared", "outbox") in alarms(world)


def test_a_hanging_disk_holds_no_answer(world: World) -> None:
    """Nobody is told of the commit: the release lets go what has waited since the one before."""
    done: list[str] = []
    world.store.put(Unit(), lambda: done.append("first"))
    world.store.release()
    world.store.put(Unit(), lambda: done.append("second"))
    assert done == []
    world.store.release()
    assert done == ["first"]
    world.store.release()
    assert done == ["first", "second"]
    world.commit()
    assert done == ["first", "second"]


def test_the_alarm_is_told_at_once_and_again_from_the_outbox(world: World) -> None:
    with held(world.path):
        world.dial("201", customer=SHARED)
        until_raised(world)
        assert world.alarms[0].seq == 0
    until_healed(world)
    world.commit()
    raised = [event for event in world.events if event.kind == "alarm.raised"]
    assert [event.id for event in raised] == [world.alarms[0].id]
    assert raised[0].seq > 0
