"""A disk that hangs, a lock that comes and goes, a log that grows: seen, said once, and over when it is over."""

import contextlib
import os
import queue
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from routing.storage import Fault
from routing.store import database, sqlite_engine, writer
from routing.store import queue as store_queue
from routing.store.queue import CALM, HANG
from routing.store.sqlite import sqlite_store
from routing.writes import SavePolicy, Unit
from tests.kit.engines import engine_of
from tests.kit.sick_disk import LIBRARY, SickDisk, sick_disk
from tests.kit.told import Told
from tests.kit.waiting import PATIENCE, eventually
from tests.routing.store.rows import a_task, an_attempt
from tests.routing.store.test_faults import held
from tests.routing.world import BEGIN


class Watched:
    """A store whose steady clock stands until it is moved, and what it has said."""

    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self.posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.path = folder / "boomerang.db"
        self.store = sqlite_store(self.path, self.posted.put, lambda: BEGIN, "edge1", Told(), steady=lambda: self.now)
        self.faults: list[Fault] = []
        self.store.tell_faults_to(self)

    def on_fault(self, fault: Fault) -> None:
        self.faults.append(fault)

    def run(self) -> None:
        while not self.posted.empty():
            self.posted.get()()

    def turn(self, seconds: float = 0.0) -> None:
        """Time passes, and the proxy's thread has its turn."""
        self.now += seconds
        self.run()
        self.store.release()

    def until(self, true: Callable[[], object], what: str) -> None:
        """Have turns until something holds."""
        def turned() -> object:
            self.turn()
            return true()

        eventually(turned, what)

    def said(self, alarm: str) -> list[str | None]:
        return [fault.text for fault in self.faults if fault.alarm == alarm]

    def up(self, alarm: str) -> bool:
        return bool(self.said(alarm)) and self.said(alarm)[-1] is not None

    def commit(self) -> None:
        """Wait until the thread that writes has nothing more to do."""
        done: list[bool] = []
        self.store.put(Unit(), lambda: done.append(True))
        self.until(lambda: done, "a commit")


@pytest.fixture(autouse=True)
def calm(uncalm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_queue, "CALM", CALM)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def disk() -> Iterator[SickDisk]:
    if LIBRARY is None:
        pytest.skip("the SQLite of this Python cannot be reached from outside")
    with sick_disk() as made:
        yield made


def test_what_is_settled_is_committed_however_slow_the_disk_is(watched: Watched, disk: SickDisk) -> None:
    """Whoever waits for a commit alone is answered after a short patience; who must be able to read it is not."""
    watched.commit()
    disk.healthy.clear()
    said: list[str] = []
    watched.store.put(Unit((a_task(),)), lambda: said.append("put"))
    watched.store.settled(lambda: said.append("settled"))
    for _ in range(3):
        watched.turn(HANG / 4)
    assert said == ["put"]
    disk.healthy.set()
    watched.until(lambda: "settled" in said, "it is committed")
    with contextlib.closing(sqlite3.connect(watched.path)) as other:
        assert other.execute("SELECT count(*) FROM tasks").fetchone() == (1,)
    assert watched.said("database") == []


def test_nobody_waits_for_a_disk_that_hangs(watched: Watched, disk: SickDisk) -> None:
    watched.commit()
    disk.healthy.clear()
    said: list[str] = []
    watched.store.put(Unit((a_task(),)))
    watched.store.settled(lambda: said.append("settled"))
    eventually(lambda: watched.store._writer._busy_since is not None, "it is being written")
    watched.turn(HANG + 0.1)
    watched.store.settled(lambda: said.append("at once"))
    assert said == ["settled", "at once"]
    disk.healthy.set()
    watched.until(lambda: watched.store.well, "it goes on")


def test_a_disk_that_hangs_is_said(watched: Watched, disk: SickDisk) -> None:
    """The thread that waits for it can say nothing: whoever looks at the clock does."""
    watched.commit()
    disk.healthy.clear()
    done: list[str] = []
    watched.store.put(Unit((a_task(),)), lambda: done.append("put"))
    eventually(lambda: watched.store._writer._busy_since is not None, "it is being written")
    watched.turn(HANG - 0.1)
    assert watched.said("database") == []
    watched.turn(0.2)
    assert "the disk hangs" in (watched.said("database")[0] or "")
    assert done == ["put"]
    assert not watched.store.well
    answers: list[bool] = []
    watched.store.put(Unit(), lambda: done.append("at once"))
    watched.store.claim(an_attempt(a_task()), Unit(), answers.append)
    assert (done, answers) == (["put", "at once"], [False])
    watched.turn(60.0)
    assert len(watched.said("database")) == 1
    disk.healthy.set()
    watched.until(lambda: watched.store.well, "it goes on")
    watched.turn(CALM - 0.1)
    assert watched.up("database")
    watched.turn(0.2)
    assert watched.said("database")[1:] == [None]
    with contextlib.closing(sqlite3.connect(watched.path)) as db:
        assert db.execute("SELECT count(*) FROM tasks").fetchone() == (1,)


def test_the_end_does_not_wait_for_a_disk_that_hangs(
        tmp_path: Path, disk: SickDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "LOOK", 0.01)
    watched = Watched(tmp_path)
    watched.commit()
    disk.healthy.clear()
    watched.store.put(Unit((a_task(),)))
    eventually(lambda: watched.store._writer._busy_since is not None, "it is being written")
    watched.now += writer.CLOSE_PATIENCE + 1
    watched.store.close()
    disk.healthy.set()
    watched.store._writer._thread.join(PATIENCE)
    engine_of(watched.store).database.drop()


def test_a_lock_that_comes_and_goes_is_one_alarm(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RETRY", 0.05)
    watched.commit()
    for _ in range(3):
        with held(watched.path):
            watched.store.put(Unit())
            watched.until(lambda: watched.store._writer.failing, "it is locked")
        watched.until(lambda: not watched.store._writer.failing, "it is not")
        watched.until(lambda: watched.store._well_since is not None, "it is well")
        watched.turn(CALM / 2)
        assert watched.up("database")
    assert len(watched.said("database")) >= 1
    assert None not in watched.said("database")
    watched.turn(CALM)
    assert watched.said("database")[-1] is None
    assert watched.said("database").count(None) == 1


def test_a_log_that_a_reader_lets_grow(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction that stays open keeps what it may still read in the log: a figure and an alarm until it ends."""
    monkeypatch.setattr(database, "LOG_KEPT", 5 << 20)
    monkeypatch.setattr(sqlite_engine, "LOG_KEPT", 5 << 20)
    monkeypatch.setattr(sqlite_engine, "LOG_MAX", 6 << 20)
    monkeypatch.setattr(writer, "LOOK", 0.0)
    engine_of(watched.store).database.drop()
    watched.commit()
    with contextlib.closing(sqlite3.connect(watched.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM tasks").fetchall()
        written = 0
        while not watched.up("database_log"):
            assert written < 200
            watched.store.put(Unit((SavePolicy("x" * 100_000, float(written)),)))
            watched.commit()
            watched.turn()
            written += 1
        assert watched.store.log_bytes > 6 << 20
        assert watched.store.log_bytes == os.stat(f"{watched.path}-wal").st_size
        text = watched.said("database_log")[0]
        assert text is not None
        assert "does not end" in text
        watched.turn(60.0)
        assert watched.up("database_log")
        reader.execute("ROLLBACK")
    for _ in range(3):
        watched.commit()
        watched.store.put(Unit((SavePolicy("y", 0.0),)))
    watched.commit()
    watched.until(lambda: not watched.up("database_log"), "the alarm is down")
    assert len(watched.said("database_log")) == 2
