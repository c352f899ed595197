"""A file that is shared, in trouble: what was not shared yet, what was being taken, and what lives in memory."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from routing.rows import TaskRow, UserRow
from routing.storage import LOSS, Fault, StoreError
from routing.store import backup, database, schema, writer
from routing.store.queue import StoreQueue
from routing.store.salvage import salvage
from routing.store.sqlite import sqlite_store
from routing.store.unshared import Unshared
from routing.writes import ChangeTask, Shared, TakenUpto, TakeRow, TakeSlot, Unit
from tests.kit.engines import engine_of
from tests.kit.told import Told
from tests.routing.store.pages import call, leaves, number, spoil
from tests.routing.store.rows import a_line, a_task, an_attempt, do_not_call
from tests.routing.store.sharing_world import Node, look
from tests.routing.store.test_sqlite import record
from tests.routing.world import BEGIN, CUSTOMER, Loop

ROWS = 400


class Desk:
    """Who holds what lives, and hears of alarms."""

    def __init__(self, store: StoreQueue, *tasks: TaskRow) -> None:
        self.store, self.tasks = store, tasks
        self.anew = 0
        self.faults: dict[str, str] = {}
        store.tell_rows_to(self)
        store.tell_faults_to(self)

    def on_anew(self) -> None:
        self.anew += 1
        self.store.put(Unit(self.tasks))

    def on_stale(self, units: object) -> None:
        raise AssertionError(units)

    def on_fault(self, fault: Fault) -> None:
        if fault.text is None:
            self.faults.pop(fault.alarm, None)
        else:
            self.faults[fault.alarm] = fault.text


class Shop:
    """A store that shares, and what another thread reads of it."""

    def __init__(self, path: Path) -> None:
        self.path, self.loop = path, Loop()
        self.woken: list[bool] = []
        self.store = sqlite_store(path, self.loop.post, lambda: BEGIN, "a", Told(),
                                  sharing=lambda: self.woken.append(True))
        self.unshared = Unshared(path)

    def take(self, unit: Unit) -> bool:
        return self._wait(lambda done: self.store.take(unit, done))

    def commit_shared(self, unit: Unit) -> bool:
        return self._wait(lambda done: self.store.commit_shared(unit, done))

    def commit(self, unit: Unit) -> bool:
        return self._wait(lambda done: self.store.commit(unit, done))

    def _wait(self, ask: Callable[[Callable[[bool], None]], None]) -> bool:
        said: list[bool] = []
        ask(said.append)
        self.loop.until(lambda: said)
        assert len(said) == 1
        return said[0]

    def settle(self) -> None:
        done: list[bool] = []
        self.store.put(Unit(), lambda: done.append(True))
        self.loop.until(lambda: done)

    def units(self) -> list[Unit]:
        return [waiting.unit for waiting in self.unshared.read(0, 9999)]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(writer, "RETRY", 0.05)
    monkeypatch.setattr(database, "DOUBT", 0.1)
    made = Shop(tmp_path / "boomerang.db")
    yield made
    made.unshared.close()
    made.store.close()
    made.loop.run()


def test_what_is_taken_and_what_is_shared_already_is_answered_when_it_is_committed(shop: Shop) -> None:
    task = a_task()
    assert shop.take(Unit((TakeRow(task, "b"), TakenUpto("m1", None))))
    assert shop.unshared.mark() == "m1"
    attempt = an_attempt(task, node="a")
    assert shop.commit_shared(Unit((TakeRow(attempt, "a"), a_line(task.id, "assigned"))))
    assert shop.store.callbacks.attempts_of(task.id) == [attempt]
    assert (shop.units(), shop.woken) == ([], [])
    assert shop.commit(Unit((a_line(task.id, "due"),)))
    assert shop.units() == [Unit((a_line(task.id, "due"),))]
    stale = Unit((ChangeTask(task._replace(version=2), 1, "c"),))
    assert not shop.commit_shared(stale), "what is stale here is refused here"


def test_what_is_taken_waits_for_no_disk(shop: Shop) -> None:
    """It can be read again: a loss of power may have it, and nobody pays for its way onto the disk."""
    said: list[str] = []
    shop.settle()
    engine_of(shop.store).database.ready().set_trace_callback(said.append)
    assert shop.take(Unit((TakeRow(do_not_call(), "b"),)))
    assert "COMMIT" in said
    assert "PRAGMA synchronous=FULL" not in said
    assert shop.commit_shared(Unit((TakeRow(do_not_call(), "b"),)))
    assert "PRAGMA synchronous=FULL" in said


def test_what_cannot_be_written_is_answered_no(shop: Shop) -> None:
    Desk(shop.store)
    assert not shop.take(Unit((TakeRow(do_not_call("\udcff"), "b"), TakenUpto("m1", None))))
    assert shop.unshared.mark() is None


def test_in_trouble_nobody_waits_and_nothing_is_taken(shop: Shop) -> None:
    desk = Desk(shop.store)
    shop.settle()
    with contextlib.closing(sqlite3.connect(shop.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        shop.store.put(Unit((record("201"),)))
        shop.loop.until(lambda: "database" in desk.faults)
        assert not shop.take(Unit((TakeRow(do_not_call(), "b"),)))
        assert not shop.commit_shared(Unit((TakeRow(do_not_call(), "b"),)))
        other.execute("ROLLBACK")
    shop.settle()
    shop.loop.until(lambda: shop.take(Unit((TakeRow(do_not_call(), "b"),))))
    assert shop.units() == [Unit((record("201"),))]


def test_a_broken_file_keeps_what_waits_and_has_everything_copied_anew(shop: Shop) -> None:
    """What the others have comes back by the copy; what they have not stands in the file, or lives in memory."""
    task = a_task()
    desk = Desk(shop.store, task)
    assert shop.take(Unit((TakeSlot(5), TakenUpto("m1", None))))
    shop.store.put(Unit((ChangeTask(task, 0, ""),)))
    for index in range(ROWS):
        shop.store.put(Unit((call(index), record("201")._replace(customer=number(index)))))
    shop.settle()
    engine_of(shop.store).database.ready().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = [waiting.serial for waiting in shop.unshared.read(0, 9999)]
    pages = leaves(shop.path, "to_share")
    page = list(pages)[len(pages) // 2]
    bad = list(leaves(shop.path, "direct"))[1]
    engine_of(shop.store).close_reading()
    spoil(shop.path, [page, bad])
    for index in range(ROWS):  # until one comes to the bad page
        with contextlib.suppress(StoreError):
            shop.store.direct.records(number(index))
    shop.loop.until(lambda: LOSS in desk.faults)
    shop.settle()
    assert f"to_share {pages[page]}" in desk.faults[LOSS] or "to_share an unknown number" in desk.faults[LOSS]
    assert (shop.unshared.mark(), shop.unshared.slot(), desk.anew) == (None, 5, 1)
    found = shop.unshared.read(0, 9999)
    serials = [waiting.serial for waiting in found]
    assert len([serial for serial in serials if serial in before]) == ROWS + 1 - pages[page]
    assert sorted(set(serials)) == serials
    assert found[-1].serial > before[-1]
    assert Unit((ChangeTask(task, 1, ""),)) in [waiting.unit for waiting in found[ROWS // 2:]], "told again"


def test_rows_of_before_there_was_sharing_are_found_on_their_pages(tmp_path: Path) -> None:
    """They lack what was added; and of what waits to be shared nothing is taken for a policy."""
    path = tmp_path / "boomerang.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        schema.migrate(db, like=list(schema.NAMES[:schema.NAMES.index("m025_sharing")]))
        assert "origin" not in str(db.execute("SELECT sql FROM sqlite_schema").fetchall())
        for index in range(ROWS):
            db.execute("INSERT INTO journal (task, at, kind, data) VALUES ('x',?,'due','{}')", (BEGIN + index,))
        db.execute("INSERT INTO policy (saved_at, text, saved_by) VALUES (?,'one','')", (BEGIN,))
    node = Node(path)
    node.put(TakeRow(a_line("y"), "b", 9))
    for index in range(ROWS):
        node.put(record(f"{200 + index}"))
    node.close()
    spoil(path, [1])
    fresh = tmp_path / "fresh.db"
    rows = {kept.table: kept.rows for kept in salvage(path, fresh)}
    assert (rows["journal"], rows["policy"], rows["to_share"], rows["sharing"]) == (ROWS + 1, 1, ROWS, 1)
    assert look(fresh, "SELECT text FROM policy") == [("one",)]
    assert look(fresh, "SELECT origin, count(*) FROM journal GROUP BY 1") == [(0, ROWS), (9, 1)]


def test_a_backup_brings_back_what_it_holds_and_what_waits_stays(tmp_path: Path) -> None:
    """All that happened since is copied anew from the others, and nobody who was locked out gets in."""
    node = Node(tmp_path / "boomerang.db")
    user = UserRow("anna", "admin", None, None, "hash", BEGIN, None)
    node.put(TakeSlot(3), TakenUpto("m1", None), user, record("201"))
    [first] = node.waiting()
    backup.make(node.path, tmp_path / "copy.db")
    node.put(Shared(first.serial), TakenUpto("m2", "m1"), user._replace(disabled_at=BEGIN), record("202"))
    [second] = node.waiting()
    node.close()
    backup.restore(tmp_path / "copy.db", node.path, BEGIN + 9)
    again = Node(node.path)
    assert again.waiting() == [second]
    assert (again.unshared.mark(), again.unshared.slot()) == (None, 3)
    assert again.rows("SELECT agent FROM direct WHERE customer=?", CUSTOMER) == [("201",)]
    again.now = BEGIN + 20
    again.put(record("203"))
    assert again.waiting()[1].serial > second.serial
    again.close()


def test_a_backup_of_a_version_before_sharing_is_put_back(tmp_path: Path) -> None:
    node = Node(tmp_path / "boomerang.db")
    node.put(record("201"))
    node.close()
    old = tmp_path / "old.db"
    with contextlib.closing(sqlite3.connect(old, isolation_level=None)) as db:
        schema.migrate(db, like=list(schema.NAMES[:schema.NAMES.index("m025_sharing")]))
    backup.restore(old, node.path, BEGIN + 9)
    again = Node(node.path)
    assert again.units() == [Unit((record("201"),))]
    again.close()
