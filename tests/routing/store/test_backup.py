"""One file that holds everything, and what comes back of it."""

import contextlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from routing.store import backup
from routing.store.backup import BackupError
from routing.store.figures import FigureReads
from routing.writes import SavePolicy, Unit
from tests.kit.small_disk import small_disk
from tests.routing.store.pages import counts, fill, leaves, number, spoil
from tests.routing.store.rows import a_task, an_attempt, do_not_call
from tests.routing.world import BEGIN, CUSTOMER, World

Worlds = Callable[..., World]


def ask(path: Path, statement: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(statement).fetchall()


def test_made_while_the_store_writes(worlds: Worlds, tmp_path: Path) -> None:
    """What is in the log only is in it too, and it is whole by itself: on a disk that cannot be written, say."""
    world = worlds()
    before = fill(world)
    world.dial("202", customer="+36301112222")
    world.commit()
    assert Path(f"{world.path}-wal").stat().st_size
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            world.store.put(Unit((SavePolicy("x" * 10_000, BEGIN),)))
            stop.wait(0.001)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        file = tmp_path / "elsewhere" / "monday.db"
        file.parent.mkdir()
        rows = backup.make(world.path, file)
    finally:
        stop.set()
        writing.join()
    assert [path.name for path in file.parent.iterdir()] == ["monday.db"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert rows == {table: count for table, count in counts(file).items() if table in rows}
    assert (rows["tasks"], rows["direct"]) == (before["tasks"], before["direct"] + 1)
    assert ask(file, "PRAGMA journal_mode") == [("delete",)]
    assert backup.check(file) == rows
    assert world.store.well


@pytest.mark.parametrize("mask", [0, 0o022, 0o077])
def test_nobody_else_reads_it(worlds: Worlds, tmp_path: Path, mask: int) -> None:
    world = worlds()
    world.commit()
    before = os.umask(mask)
    try:
        backup.make(world.path, tmp_path / "copy.db")
    finally:
        os.umask(before)
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


def test_made_where_nobody_runs(worlds: Worlds, tmp_path: Path) -> None:
    """Also after a crash: what it left in the log is in the backup, and still there."""
    world = worlds()
    before = fill(world, 20)
    world.close()
    assert backup.make(world.path, tmp_path / "clean.db")["tasks"] == before["tasks"]
    again = worlds()
    again.dial("202", customer="+36301112222")
    again.commit()
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for ending in ("", "-wal"):
        shutil.copy(f"{world.path}{ending}", crashed / f"boomerang.db{ending}")
    assert backup.make(crashed / "boomerang.db", tmp_path / "crashed.db")["direct"] == before["direct"] + 1


def test_nothing_is_overwritten_unasked(worlds: Worlds, tmp_path: Path) -> None:
    world = worlds()
    world.dial("201")
    world.commit()
    file = tmp_path / "copy.db"
    file.write_text("somebody's letters")
    with pytest.raises(BackupError, match="is there already"):
        backup.make(world.path, file)
    with pytest.raises(BackupError, match="is no backup"):
        backup.make(world.path, file, replace=True)
    assert file.read_text() == "somebody's letters"
    file.write_bytes(b"")
    assert backup.make(world.path, file, replace=True)["direct"] == 1
    assert backup.make(world.path, file, replace=True)["direct"] == 1
    for ending in ("", "-journal", "-wal", "-shm"):
        with pytest.raises(BackupError, match="belongs to the database itself"):
            backup.make(world.path, Path(f"{world.path}{ending}"), replace=True)
    (tmp_path / "link.db").symlink_to(world.path)
    with pytest.raises(BackupError, match="is no backup"):
        backup.make(world.path, tmp_path / "link.db", replace=True)
    with pytest.raises(BackupError, match="is no backup"):
        backup.make(world.path, tmp_path, replace=True)
    with pytest.raises(BackupError, match="no database"):
        backup.make(tmp_path / "nothing.db", tmp_path / "other.db")
    with pytest.raises(BackupError, match="No such file"):
        backup.make(world.path, tmp_path / "nowhere" / "copy.db")
    assert sorted(path.name for path in tmp_path.iterdir() if "part" in path.name or "other" in path.name) == []


def test_without_room_nothing_is_left(worlds: Worlds, tmp_path: Path) -> None:
    world = worlds()
    fill(world)
    with small_disk(tmp_path, "128k") as disk:
        with pytest.raises(BackupError, match=r"full|space"):
            backup.make(world.path, disk / "copy.db")
        assert list(disk.iterdir()) == []


def test_a_broken_database_makes_no_backup(worlds: Worlds, tmp_path: Path) -> None:
    world = worlds()
    fill(world)
    world.close()
    spoil(world.path, [sorted(leaves(world.path, "calls"))[1]])
    with pytest.raises(BackupError, match=f"{world.path} is broken"):
        backup.make(world.path, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_put_back(worlds: Worlds, tmp_path: Path) -> None:
    world = worlds()
    before = fill(world, 20)
    world.close()
    file = tmp_path / "copy.db"
    backup.make(world.path, file)
    other = worlds(folder=_folder(tmp_path / "new"))
    other.dial("201")
    other.commit()
    other.close()
    reads = FigureReads(other.path)
    assert reads.origin().restored == 0
    done = backup.restore(file, other.path, BEGIN + 9)
    assert reads.origin().restored == int(BEGIN + 9), "whoever remembers what was counted counts anew"
    reads.close()
    assert done.aside is not None
    assert ask(done.aside, "SELECT agent FROM direct") == [("201",)]
    assert counts(other.path) == before
    assert other.path.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in other.path.parent.iterdir()) == ["boomerang.db", done.aside.name]
    again = worlds(folder=other.path.parent)
    assert again.reaches(number(3)) == "201"
    assert again.store.well


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_put_back_where_there_is_nothing(worlds: Worlds, tmp_path: Path) -> None:
    world = worlds()
    fill(world, 5)
    world.close()
    backup.make(world.path, tmp_path / "copy.db")
    there = _folder(tmp_path / "new") / "boomerang.db"
    done = backup.restore(tmp_path / "copy.db", there, BEGIN)
    assert (done.aside, done.open_tasks, done.unread) == (None, 5, None)
    assert counts(there)["tasks"] == 5


def test_who_would_be_harmed_by_what_is_old(worlds: Worlds, tmp_path: Path) -> None:
    """Who asked not to be called since the backup is not called, nor is who was called back since then."""
    world = worlds()
    kept, done, later = a_task(customer=number(1)), a_task(customer=number(2)), a_task(customer=number(3))
    world.store.put(Unit((kept, done)))
    world.commit()
    file = tmp_path / "copy.db"
    backup.make(world.path, file)
    attempt = an_attempt(done, step="ended", ended_at=BEGIN + 60, result="talked", customer_at=BEGIN + 30)
    tried = an_attempt(kept, step="ended", ended_at=BEGIN + 60, result="customer_busy", customer_at=BEGIN + 30)
    world.store.put(Unit((
        done._replace(state="done", ended_at=BEGIN + 60, attempts=1), kept._replace(attempts=1, due_at=BEGIN + 600),
        later, attempt, tried, do_not_call(number(4)),
    )))
    world.commit()
    world.close()
    told = backup.restore(file, world.path, BEGIN + 100)
    assert (told.do_not_call, told.ended, told.forgotten, told.open_tasks) == (1, 1, 1, 1)
    again = worlds()
    (open_task,) = again.store.callbacks.open_tasks()
    assert (open_task.id, open_task.attempts, open_task.due_at) == (kept.id, 1, BEGIN + 600)
    assert [row.customer for row in again.store.callbacks.do_not_call()] == [number(4)]
    assert {past.customer for past in again.store.callbacks.attempts_since(BEGIN)} == {number(1), number(2)}


def test_held_where_that_is_asked_for(worlds: Worlds, tmp_path: Path) -> None:
    world = worlds()
    world.store.put(Unit((a_task(), a_task(customer=number(1), state="done", ended_at=BEGIN))))
    world.commit()
    backup.make(world.path, tmp_path / "copy.db")
    world.close()
    assert backup.restore(tmp_path / "copy.db", world.path, BEGIN, hold=True).open_tasks == 1
    assert ask(world.path, "SELECT state, reason FROM tasks ORDER BY state") == [("done", ""), ("held", "restored")]


def test_events_and_ticket_numbers_go_on_after_those_that_were_given(worlds: Worlds, tmp_path: Path) -> None:
    world = worlds()
    fill(world, 10)
    backup.make(world.path, tmp_path / "copy.db")
    with contextlib.closing(sqlite3.connect(world.path)) as db:
        db.execute("UPDATE ticket_numbers SET last=77")
        db.execute("UPDATE sqlite_sequence SET seq=500 WHERE name='outbox'")
        db.execute("DELETE FROM outbox")
        db.commit()
    world.close()
    backup.restore(tmp_path / "copy.db", world.path, BEGIN)
    assert ask(world.path, "SELECT last FROM ticket_numbers") == [(77,)]
    assert ask(world.path, "SELECT seq FROM sqlite_sequence WHERE name='outbox'") == [(500,)]
    assert ask(world.path, "SELECT count(*) FROM outbox") == [(0,)], "what was published is not published again"


def test_calls_that_were_in_progress_engage_nobody(worlds: Worlds, tmp_path: Path) -> None:
    world = worlds()
    world.ledger.decide(world.calls_out("201"), world.now)
    world.commit()
    backup.make(world.path, tmp_path / "copy.db")
    world.close()
    there = _folder(tmp_path / "new") / "boomerang.db"
    backup.restore(tmp_path / "copy.db", there, BEGIN + 9)
    assert ask(there, "SELECT ended_by, cause, ended_at IS NOT NULL FROM calls") == [("lost", 408, 1)]


def test_a_broken_database_is_replaced_and_said(worlds: Worlds, tmp_path: Path) -> None:
    world = worlds()
    before = fill(world, 10)
    backup.make(world.path, tmp_path / "copy.db")
    world.close()
    world.path.write_bytes(os.urandom(50_000))
    done = backup.restore(tmp_path / "copy.db", world.path, BEGIN)
    assert done.unread is not None
    assert "not a database" in done.unread
    assert counts(world.path) == before


def test_what_is_no_backup_is_refused_and_nothing_changes(worlds: Worlds, tmp_path: Path) -> None:
    world = worlds()
    fill(world, 30)
    backup.make(world.path, tmp_path / "good.db")
    world.close()
    before = world.path.read_bytes()

    def refused(why: str, file: Path) -> None:
        with pytest.raises(BackupError, match=why):
            backup.restore(file, world.path, BEGIN)
        assert world.path.read_bytes() == before
        assert not list(tmp_path.glob("boomerang.db.*"))

    bad = tmp_path / "bad.db"
    refused("No such file", bad)
    bad.write_bytes(b"hello")
    refused("no SQLite database", bad)
    bad.write_bytes(b"")
    refused("no SQLite database", bad)
    shutil.copy(tmp_path / "good.db", bad)
    spoil(bad, [sorted(leaves(bad, "calls"))[0]])
    refused("is broken", bad)
    bad.unlink()
    with contextlib.closing(sqlite3.connect(bad)) as db:
        db.execute("CREATE TABLE notes (x)")
        db.commit()
    refused("no database of Boomerang", bad)
    shutil.copy(tmp_path / "good.db", bad)
    with contextlib.closing(sqlite3.connect(bad)) as db:
        db.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES "
                   "('boomerang', 'm999_later', '2030-01-01')")
        db.commit()
    refused("of a later version", bad)
    assert backup.later(bad) is not None
    assert backup.later(world.path) is None
    assert backup.later(tmp_path / "nothing") is None


def test_of_an_earlier_version_it_is_brought_up(worlds: Worlds, tmp_path: Path) -> None:
    world = worlds()
    fill(world, 5)
    backup.make(world.path, tmp_path / "copy.db")
    world.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "copy.db")) as db:
        db.execute("DROP TABLE alarms")
        db.execute("DELETE FROM _sqlite_migrations WHERE name='m013_alarms'")
        db.commit()
    assert "alarms" not in backup.check(tmp_path / "copy.db")
    assert backup.restore(tmp_path / "copy.db", world.path, BEGIN).rows["alarms"] == 0
    again = worlds()
    assert again.reaches(number(1)) == "201"
    assert again.reaches(CUSTOMER) is None
