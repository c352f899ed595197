"""What looks like a broken database and is none, or not yet: nothing that can still be read is given up."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from routing.storage import LOSS, StoreError
from routing.store import database, writer
from routing.writes import Unit
from tests.kit.sick_disk import LIBRARY, SickDisk, sick_disk
from tests.kit.small_disk import small_disk
from tests.kit.waiting import PATIENCE, eventually
from tests.routing.store.pages import ROWS, call, counts, fill, number
from tests.routing.store.rows import a_task, a_ticket
from tests.routing.store.test_faults import stored
from tests.routing.world import CUSTOMER, World

Worlds = Callable[..., World]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RETRY", 0.05)


@pytest.fixture
def disk() -> Iterator[SickDisk]:
    if LIBRARY is None:
        pytest.skip("the SQLite of this Python cannot be reached from outside")
    with sick_disk() as made:
        yield made


def of_database(path: str) -> bool:
    return path.endswith(".db")


def healed(world: World) -> None:
    world.loop.until(lambda: "database" not in world.ledger.alarms.up())


def test_a_read_error_that_passes_costs_nothing(worlds: Worlds, tmp_path: Path, disk: SickDisk) -> None:
    """SQLite calls the file malformed for as long as the disk fails."""
    first = worlds()
    before = fill(first)
    first.close()
    world = worlds()
    inode = world.path.stat().st_ino
    disk.fails = of_database
    for index in range(5):
        world.store.put(Unit((call(ROWS + index),)))
        world.reaches(number(index))
    world.loop.until(lambda: "database" in world.ledger.alarms.up())
    seen = disk.failed
    deadline = time.monotonic() + PATIENCE
    while disk.failed < seen + 5:  # it is looked at again and again
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert world.reaches(number(0)) is None, "the normal way"
    disk.fails = lambda path: False
    healed(world)
    world.commit()
    assert world.path.stat().st_ino == inode
    assert not list(tmp_path.glob("*broken*"))
    assert set(world.ledger.alarms.up()) == set()
    after = counts(world.path)
    assert {table: after[table] for table in ("tasks", "do_not_call", "direct")} == {
        table: before[table] for table in ("tasks", "do_not_call", "direct")}
    assert after["calls"] >= before["calls"] + 5
    assert world.reaches(number(0)) == "201"


def test_a_read_error_at_the_start(worlds: Worlds, tmp_path: Path, disk: SickDisk) -> None:
    first = worlds()
    before = fill(first)
    first.close()
    disk.fails = of_database
    world = worlds()
    world.loop.until(lambda: "database" in world.ledger.alarms.up())
    assert world.reaches(number(0)) is None
    disk.fails = lambda path: False
    healed(world)
    assert world.reaches(number(0)) == "201"
    assert counts(world.path)["tasks"] == before["tasks"]
    assert not list(tmp_path.glob("*broken*"))


def test_a_part_that_the_disk_never_reads_again_is_lost_in_the_end(
        worlds: Worlds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the disk refuses to everybody, not to SQLite only: then the rest is worth more than to wait."""
    first = worlds()
    before = fill(first)
    first.close()
    monkeypatch.setattr(database, "DISK_DOUBT", 0.5)
    refused = []

    def refuse(path: Path) -> bytes:
        refused.append(path)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("routing.store.salvage._read_through", refuse)
    db = database.Database(first.path, database.Owner("edge1"))
    assert "looked at again" in db.failed(_malformed(first.path))
    with pytest.raises(OSError, match="Input/output"):
        db.ready()
    assert not list(tmp_path.glob("*broken*"))
    time.sleep(0.5)
    db.ready()
    (loss,) = db.take_losses()
    assert "the disk does not read it" in loss
    assert "rows lost: nothing" in loss
    assert counts(first.path)["tasks"] == before["tasks"]
    db.drop()


def _malformed(path: Path) -> sqlite3.DatabaseError:
    """The error of a page that is no good, made on a copy."""
    spoilt = path.with_name("spoilt.db")
    data = path.read_bytes()
    spoilt.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    with contextlib.closing(sqlite3.connect(spoilt)) as db:
        try:
            db.execute("SELECT count(*) FROM calls").fetchall()
        except sqlite3.DatabaseError as error:
            return error
    raise AssertionError


# A file that is gone, and no room for it


def test_a_deleted_file_whose_copy_finds_no_room_is_tried_again(worlds: Worlds, tmp_path: Path) -> None:
    with small_disk(tmp_path, "16m") as disk:
        world = worlds(folder=disk)
        before = fill(world)
        assert world.reaches(number(0)) == "201"
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 4096):
                pass
        for companion in ("", "-wal", "-shm"):
            os.unlink(f"{world.path}{companion}")
        world.dial("202", customer="+36301112222")
        world.loop.until(lambda: "database" in world.ledger.alarms.up())
        assert "cannot be written to a new one yet" in world.ledger.alarms.up()["database"]
        assert world.reaches(number(0)) == "201", "what is still open is read"
        assert not world.path.exists()
        filler.unlink()
        healed(world)
        world.commit()
        after = counts(world.path)
        assert {table: after[table] for table in ("tasks", "do_not_call", "policy")} == {
            table: before[table] for table in ("tasks", "do_not_call", "policy")}
        assert ("+36301112222", "202") in stored(world.path)
        assert LOSS not in world.ledger.alarms.up()
        world.close()


def test_a_file_that_was_emptied_is_said(worlds: Worlds, tmp_path: Path) -> None:
    first = worlds()
    fill(first)
    first.close()
    first.path.write_bytes(b"")
    world = worlds()
    world.commit()
    assert "was empty" in world.ledger.alarms.up()[LOSS]
    world.close()
    again = worlds()
    again.ledger.restore(again.now)
    assert "was empty" in again.ledger.alarms.up()[LOSS]


# Tables that somebody changed from outside

CHANGES = {
    "a table": "DROP TABLE direct",
    "several tables": "DROP TABLE calls; DROP TABLE tasks; DROP TABLE alarms",
    "an index": "DROP INDEX tasks_one; DROP INDEX calls_open",
    "a column": "ALTER TABLE tickets DROP COLUMN subject",
    "a name": "ALTER TABLE direct RENAME COLUMN touched_at TO touched",
    "a column more": "ALTER TABLE calls ADD COLUMN note TEXT",
    "the list of what was given": "PRAGMA writable_schema=ON; DELETE FROM sqlite_schema WHERE name='sqlite_sequence'",
    "the name of a step": "UPDATE _sqlite_migrations SET name='m002_direcp' WHERE name='m002_direct'",
    "the steps": "DELETE FROM _sqlite_migrations",
    "the list of steps": "DROP TABLE _sqlite_migrations",
    "the ticket numbers": "DELETE FROM ticket_numbers",
    "all": "; ".join(f"DROP TABLE {table}" for table in (
        "calls", "direct", "policy", "outbox", "tasks", "attempts", "legs", "journal", "tickets", "comments",
        "deliveries", "do_not_call", "ticket_numbers", "alarms", "_sqlite_migrations")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_from_outside_heals(worlds: Worlds, tmp_path: Path, change: str) -> None:
    """While it runs, and it goes on to do all that it does."""
    world = worlds()
    fill(world, 20)
    world.ledger.restore(world.now)
    with contextlib.closing(sqlite3.connect(world.path)) as other:
        other.executescript(CHANGES[change])
    _works(world)


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_while_nobody_ran_heals(worlds: Worlds, tmp_path: Path, change: str) -> None:
    first = worlds()
    before = fill(first, 20)
    first.close()
    with contextlib.closing(sqlite3.connect(first.path)) as other:
        other.executescript(CHANGES[change])
    world = worlds()
    _works(world)
    if change in ("an index", "the ticket numbers", "the steps", "the list of steps", "a column", "a name"):
        after = counts(world.path)
        assert {table: after[table] for table in ("tasks", "do_not_call")} == {"tasks": before["tasks"] + 1,
                                                                               "do_not_call": before["do_not_call"]}
    if change not in ("an index", "the ticket numbers"):
        assert str(world.path) in world.ledger.alarms.up()[LOSS]


def _works(world: World) -> None:
    for _ in range(3):
        world.dial("201")
        world.store.put(Unit((a_ticket(),)))
    task = a_task(customer=number(5_000))
    world.store.put(Unit((task,)))
    world.reaches()
    def written() -> bool:
        world.loop.run()
        with contextlib.suppress(StoreError):
            return world.store.callbacks.task(task.id) == task and not world.store._writer.failing
        return False

    eventually(written, "the task is in the database")
    healed(world)
    world.commit()
    assert world.reaches(CUSTOMER) == "201"
    numbers = [ticket.number for ticket in world.store.tickets.newest(3)]
    assert len(set(numbers)) == 3
    assert "database" not in world.ledger.alarms.up()
    assert "database_unit" not in world.ledger.alarms.up()
    world.ledger.sweep(world.now)
    assert world.store.well


def test_of_a_later_version_it_is_left_alone(worlds: Worlds, tmp_path: Path) -> None:
    first = worlds()
    before = fill(first, 20)
    first.close()
    with contextlib.closing(sqlite3.connect(first.path)) as other:
        other.execute("CREATE TABLE later (x)")
        other.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES "
                      "('boomerang', 'm999_later', '2030-01-01')")
        other.commit()
    data = first.path.read_bytes()
    world = worlds()
    world.dial("201")
    world.loop.until(lambda: "database" in world.ledger.alarms.up())
    assert "of a later version (it has m999_later" in world.ledger.alarms.up()["database"]
    assert world.reaches(number(0)) is None
    world.close()
    assert first.path.read_bytes() == data
    assert counts(first.path) == {**before, "later": 0}
