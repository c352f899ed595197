"""Pages of a real file are no good: what is on the others is kept, table by table, and what is lost is said."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from routing.storage import LOSS, StoreError
from routing.store import database, salvage, schema, writer
from routing.store.salvage import Kept
from routing.writes import RemoveDoNotCall, RemoveRecord, Unit
from tests.kit.engines import engine_of
from tests.kit.small_disk import small_disk
from tests.routing.store.pages import PAGE, ROWS, call, counts, fill, leaves, number, spoil
from tests.routing.world import World

Worlds = Callable[..., World]

BIG = ("do_not_call", "tasks", "attempts", "journal", "tickets", "comments", "deliveries", "direct", "calls", "outbox")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RETRY", 0.05)
    monkeypatch.setattr(database, "DOUBT", 0.1)


@pytest.fixture
def full(worlds: Worlds, tmp_path: Path) -> tuple[Path, dict[str, int]]:
    """A file with rows in every table, that nobody has open."""
    world = worlds()
    before = fill(world)
    world.close()
    return world.path, before


def saved(path: Path) -> dict[str, Kept]:
    """Salvage it, and look into what was made of it."""
    fresh = path.with_name("fresh.db")
    found = {kept.table: kept for kept in salvage.salvage(path, fresh)}
    there = counts(fresh)
    there["ticket_numbers"] = found["ticket_numbers"].rows  # there is always one
    assert {table: there[table] for table in found} == {table: kept.rows for table, kept in found.items()}
    with contextlib.closing(sqlite3.connect(fresh)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert not schema.lacks(db)
    return found


@pytest.mark.parametrize("table", BIG)
def test_a_bad_page_costs_the_rows_on_it_and_no_other(full: tuple[Path, dict[str, int]], table: str) -> None:
    path, before = full
    pages = leaves(path, table)
    page = sorted(pages)[len(pages) // 2]
    spoil(path, [page])
    found = saved(path)
    assert found.pop(table)[1] == before[table] - pages[page]
    assert found == {name: Kept(name, before[name], 0) for name in found}
    assert set(found) | {table} == set(schema.tables())


@pytest.mark.parametrize("table", BIG)
def test_several_bad_pages(full: tuple[Path, dict[str, int]], table: str) -> None:
    """What stands between two of them is found too; the first and the last page are no exception."""
    path, before = full
    pages = leaves(path, table)
    names = list(pages)
    bad = {names[0], names[len(names) // 3], names[-1]} if len(names) > 3 else {names[0]}
    spoil(path, bad)
    found = saved(path)
    assert found[table].rows == before[table] - sum(pages[page] for page in bad)


def test_what_is_lost_is_counted_where_an_index_still_knows(full: tuple[Path, dict[str, int]]) -> None:
    path, _ = full
    pages = leaves(path, "tasks")
    page = sorted(pages)[1]
    spoil(path, [page])
    assert saved(path)["tasks"].lost == pages[page]
    assert salvage.describe([Kept("tasks", 5, 2), Kept("calls", 7, None), Kept("direct", 3, 0), Kept("legs", 0, 0)]) \
        == "rows lost: tasks 2, calls an unknown number; rows kept: tasks 5, calls 7, direct 3"
    assert salvage.describe([Kept("legs", 0, 0)]) == "rows lost: nothing; rows kept: nothing"


def test_a_bad_page_of_an_index_costs_nothing(full: tuple[Path, dict[str, int]]) -> None:
    path, before = full
    spoil(path, [sorted(leaves(path, "calls_customer"))[0], sorted(leaves(path, "tasks_customer"))[0]])
    assert saved(path) == {name: Kept(name, rows, 0) for name, rows in before.items()}


def test_text_that_is_none_is_not_believed(full: tuple[Path, dict[str, int]]) -> None:
    """A number of which a part was overwritten is nobody's number."""
    path, before = full
    data = path.read_bytes()
    begin = (min(leaves(path, "do_not_call")) - 1) * PAGE
    place = data.index(b"+3620", begin)
    path.write_bytes(data[:place] + b"\xff\xfe" + data[place + 2:])
    found = saved(path)
    assert found["do_not_call"] == Kept("do_not_call", before["do_not_call"] - 1, 1)


def test_ticket_numbers_and_events_go_on_where_they_were(full: tuple[Path, dict[str, int]]) -> None:
    path, _ = full
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE ticket_numbers SET last=7000")
        db.execute("DELETE FROM outbox")
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    spoil(path, [sorted(leaves(path, "calls"))[1]])
    saved(path)
    with contextlib.closing(sqlite3.connect(path.with_name("fresh.db"))) as db:
        assert db.execute("SELECT last FROM ticket_numbers").fetchall() == [(7000,)]
        assert db.execute("SELECT seq FROM sqlite_sequence WHERE name='outbox'").fetchone() == (ROWS,)


@pytest.mark.parametrize("pages", [[1], "schema"])
def test_the_schema_itself_is_gone(full: tuple[Path, dict[str, int]], pages: list[int] | str) -> None:
    """Then what stands on a page tells whose it is."""
    path, before = full
    spoil(path, leaves(path, "sqlite_schema") if pages == "schema" else [1])
    found = saved(path)
    assert {table: kept.rows for table, kept in found.items()} == before


@pytest.mark.parametrize("table", BIG)
def test_the_page_that_leads_to_all_others_of_a_table(full: tuple[Path, dict[str, int]], table: str) -> None:
    """Its rows are found all the same, but for those that stand on it: without a rowid they do."""
    path, before = full
    with contextlib.closing(sqlite3.connect(path)) as db:
        page, rows = db.execute("SELECT pageno, ncell FROM dbstat WHERE name=? AND path='/'", (table,)).fetchone()
    here = rows if table in ("do_not_call", "tasks", "attempts", "tickets", "direct", "calls") else 0
    spoil(path, [page])
    found = saved(path)
    assert found.pop(table).rows == before[table] - here
    assert found == {name: Kept(name, before[name], 0) for name in found}


def test_steps_that_change_rows_are_made_up_for(full: tuple[Path, dict[str, int]]) -> None:
    """A broken database of an earlier version: its rows go through every step that came later."""
    path, before = full
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("DELETE FROM _sqlite_migrations WHERE name >= 'm012'")
        db.execute("DROP TABLE alarms")
        db.execute("UPDATE do_not_call SET customer='+00' || substr(customer, 2) WHERE customer=?", (number(7),))
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    spoil(path, [sorted(leaves(path, "calls"))[1]])
    fresh = path.with_name("fresh.db")
    found = {kept.table: kept for kept in salvage.salvage(path, fresh)}
    assert "alarms" not in found
    with contextlib.closing(sqlite3.connect(fresh)) as db:
        assert not schema.lacks(db)
        assert db.execute("SELECT count(*) FROM do_not_call WHERE customer=?", (number(7),)).fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM do_not_call").fetchone()[0] == before["do_not_call"]


def test_nothing_but_garbage(tmp_path: Path) -> None:
    path = tmp_path / "boomerang.db"
    path.write_bytes(os.urandom(40_000))
    found = saved(path)
    assert all(kept.lost is None and kept.rows == 0 for kept in found.values())


def test_what_was_removed_does_not_come_back(worlds: Worlds) -> None:
    """Pages that no tree comes to may be free ones: a number that was taken off the list is not on it again."""
    world = worlds()
    before = fill(world)
    world.store.put(Unit((*(RemoveDoNotCall(number(index)) for index in range(0, ROWS, 2)),)))
    world.store.put(Unit((*(RemoveRecord(world.store.direct.records(number(index))[0]) for index in range(ROWS)),)))
    world.commit()
    world.close()
    spoil(world.path, [1])
    found = saved(world.path)
    assert (found["do_not_call"].rows, found["direct"].rows) == (before["do_not_call"] // 2, 0)


def test_rows_that_are_in_the_log_only(worlds: Worlds, tmp_path: Path) -> None:
    world = worlds()
    before = fill(world)
    world.dial("203")
    world.commit()
    engine_of(world.store).database.drop()  # no checkpoint: the reading connection of the store is still there
    page = sorted(leaves(world.path, "outbox"))[0]
    assert Path(f"{world.path}-wal").stat().st_size
    spoil(world.path, [page])
    assert saved(world.path)["direct"].rows == before["direct"] + 1


# In a store that runs


def test_a_running_store_heals_and_says_what_was_lost(worlds: Worlds, tmp_path: Path) -> None:
    world = worlds()
    before = fill(world)
    pages = leaves(world.path, "direct")
    page = sorted(pages)[1]
    engine_of(world.store).close_reading()
    spoil(world.path, [page])
    for index in range(ROWS):
        world.ledger.decide(world.calls_in(number(index)), world.now)
    world.loop.until(lambda: set(world.ledger.alarms.up()) == {LOSS})
    text = world.ledger.alarms.up()[LOSS]
    world.commit()
    assert f"rows lost: direct {pages[page]}" in text
    assert f"do_not_call {before['do_not_call']}" in text
    (aside,) = tmp_path.glob("boomerang.db.broken-*Z")
    assert str(aside) in text
    assert len(world.store.callbacks.open_tasks()) == before["tasks"]
    assert len(world.store.callbacks.do_not_call()) == before["do_not_call"]
    world.close()

    again = worlds()  # the alarm stands over a restart, until somebody takes it down
    again.ledger.restore(again.now)
    assert again.ledger.alarms.up() == {LOSS: text, "signing_key": "was replaced"}
    again.ledger.alarms.take_down(LOSS, again.now)
    again.commit()
    again.close()
    third = worlds()
    third.ledger.restore(third.now)
    assert set(third.ledger.alarms.up()) == {"signing_key"}


def test_a_broken_file_is_salvaged_at_the_start(worlds: Worlds, tmp_path: Path) -> None:
    first = worlds()
    before = fill(first)
    first.close()
    pages = leaves(first.path, "calls")
    page = sorted(pages)[1]
    spoil(first.path, [page])
    world = worlds()
    for index in range(ROWS):  # among others where the bad page is
        world.store.put(Unit((call(index),)))
    world.loop.until(lambda: set(world.ledger.alarms.up()) == {LOSS})
    world.commit()
    assert len(world.store.calls.newest(3 * ROWS)) == ROWS + before["calls"] - pages[page]
    assert "rows lost: calls " in world.ledger.alarms.up()[LOSS]
    assert len(world.store.callbacks.open_tasks()) == before["tasks"]


def test_a_row_that_was_garbled_hides_no_other(worlds: Worlds, tmp_path: Path) -> None:
    """A check of the file finds nothing in it, and every list that it is in could not be read."""
    first = worlds()
    before = fill(first, 20)
    first.close()
    with contextlib.closing(sqlite3.connect(first.path)) as db:
        db.execute("UPDATE tasks SET reason=CAST(X'FFFE41' AS TEXT) WHERE customer=?", (number(3),))
        db.commit()
    world = worlds()
    with pytest.raises(StoreError):
        world.store.callbacks.open_tasks()
    world.loop.until(lambda: set(world.ledger.alarms.up()) == {LOSS})
    assert len(world.store.callbacks.open_tasks()) == before["tasks"] - 1
    assert "rows lost: tasks 1;" in world.ledger.alarms.up()[LOSS]


def test_without_room_for_a_new_one_nothing_is_given_up(worlds: Worlds, tmp_path: Path) -> None:
    """The broken one stays where it is, and is tried again."""
    with small_disk(tmp_path, "16m") as disk:
        world = worlds(folder=disk)
        before = fill(world)
        spoil(world.path, [sorted(leaves(world.path, "calls"))[1]])
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 4096):
                pass
        identity = world.path.stat().st_ino
        for index in range(ROWS):
            world.store.put(Unit((call(index),)))
        world.loop.until(lambda: "database" in world.ledger.alarms.up())
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            world.loop.run()
            assert LOSS not in world.ledger.alarms.up()
            assert world.path.stat().st_ino == identity
            time.sleep(0.02)
        filler.unlink()
        world.loop.until(lambda: LOSS in world.ledger.alarms.up())
        world.commit()
        assert counts(world.path)["do_not_call"] == before["do_not_call"]
        assert not list(disk.glob("*.new*"))
        world.close()
