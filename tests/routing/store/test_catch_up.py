"""Indexes for lists are made while calls pass already, where that takes long: no start waits for them."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from routing.events import Outbox
from routing.store import schema, writer
from routing.store.database import Owner
from routing.store.engine import TroubleError
from routing.store.sqlite_engine import SqliteEngine
from routing.writes import Unit
from tests.kit.engines import engine_of
from tests.routing.store.rows import a_task
from tests.routing.world import BEGIN, World

OF_CALLS = {name for name, what in schema.LATER.items() if what.startswith("calls ")}


def indexes(path: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type='index'")}


def as_the_version_before_left_it(path: Path, calls: int) -> None:
    """Put a database there that has many calls, and no index for a list."""
    new_engine(path).close()
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        for name in schema.LATER:
            db.execute(f"DROP INDEX {name}")
        db.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<?) INSERT INTO calls (id, "
            "sip_call_id, direction, trunk, pbx, dialled, reason, started_at, agent, ended_at) SELECT "
            "printf('%08x-0000-7000-8000-000000000000', i), 'x', 'inbound', 'main', 'office', '600', 'normal', 1.0, "
            "'201', 2.0 FROM n", (calls,))


def new_engine(path: Path) -> SqliteEngine:
    engine = SqliteEngine(path, Owner("edge1"), Outbox.PLAIN, lambda: BEGIN, lambda: 0.0)
    engine.open()
    return engine


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "boomerang.db"
    as_the_version_before_left_it(path, schema.LARGE + 1)
    return path


def test_a_start_makes_those_of_small_tables_alone(large: Path) -> None:
    engine = new_engine(large)
    assert indexes(large) & {*schema.LATER} == {*schema.LATER} - OF_CALLS
    steps = 0
    while engine.is_behind:
        engine.catch_up()
        steps += 1
    assert (steps, indexes(large) >= OF_CALLS) == (len(OF_CALLS), True)
    engine.close()
    again = new_engine(large)
    assert not again.is_behind
    again.close()


def test_a_start_makes_all_of_them_where_that_takes_no_time(tmp_path: Path) -> None:
    path = tmp_path / "boomerang.db"
    as_the_version_before_left_it(path, 100)
    engine = new_engine(path)
    assert (engine.is_behind, indexes(path) >= {*schema.LATER}) == (False, True)
    engine.close()


def make_those_that_go(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE INDEX calls_cause ON calls (cause, id) WHERE cause IS NOT NULL")
        db.execute("CREATE INDEX calls_unanswered ON calls (id) WHERE answered_at IS NULL")


def test_those_that_no_list_needs_any_more_go(tmp_path: Path) -> None:
    path = tmp_path / "boomerang.db"
    as_the_version_before_left_it(path, 100)
    make_those_that_go(path)
    engine = new_engine(path)
    assert (engine.is_behind, indexes(path) & {*schema.GONE}) == (False, set())
    engine.close()


def test_those_of_large_tables_go_after_the_others_are_made(large: Path) -> None:
    make_those_that_go(large)
    engine = new_engine(large)
    for _ in OF_CALLS:
        assert indexes(large) >= {*schema.GONE}
        engine.catch_up()
    assert indexes(large) >= OF_CALLS
    for _ in schema.GONE:
        assert engine.is_behind
        engine.catch_up()
    assert (engine.is_behind, indexes(large) & {*schema.GONE}) == (False, set())
    engine.close()


def test_what_another_process_keeps_us_from_is_left_to_the_next_time(large: Path) -> None:
    engine = new_engine(large)
    with contextlib.closing(sqlite3.connect(large, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TroubleError):
            engine.catch_up()
    while engine.is_behind:
        engine.catch_up()
    assert indexes(large) >= OF_CALLS
    engine.close()


def test_they_come_by_themselves_while_the_node_writes(
        worlds: Any, large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CATCH_UP", 0.01)
    monkeypatch.setattr(writer, "LOOK", 0.01)
    world: World = worlds()
    assert world.path == large
    engine = engine_of(world.store)
    number = 0
    while engine.is_behind and number < 1000:
        number += 1
        world.store.put(Unit((a_task(customer=f"+3620{number:07}"),)))
        world.commit()
    assert indexes(large) >= OF_CALLS
    assert len(world.store.callbacks.open_tasks()) == number
    assert world.alarms == []
