"""A database file full of rows, and what harms its pages."""

import contextlib
import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from routing.events import Event
from routing.rows import CallRow, Record, StandingAlarm
from routing.writes import SavePolicy, Unit
from tests.kit.engines import engine_of
from tests.routing.store.rows import a_comment, a_delivery, a_line, a_task, a_ticket, an_attempt, do_not_call, name
from tests.routing.world import BEGIN, SHARED, World

PAGE = 4096
ROWS = 400
"""Rows of each table that can have many: several pages each."""


def number(index: int) -> str:
    """A customer of their own."""
    return f"+3620{index:07d}"


def fill(world: World, rows: int = ROWS) -> dict[str, int]:
    """Put rows into every table of a store, and all of it into the file itself; how many each holds then."""
    put = world.store.put
    put(Unit((SavePolicy("one", BEGIN), StandingAlarm("signing_key", "was replaced", BEGIN))))
    put(Unit((SavePolicy("two", BEGIN + 1),)))
    for index in range(rows):
        at, customer = BEGIN + index, number(index)
        task = a_task(id=name(at), customer=customer, created_at=at)
        ticket = a_ticket(id=name(at), customer=customer, task=task.id)
        put(Unit((
            call(index), Record(customer, "201", 1, at, at, 2e9),
            Event("call.ended", at, name(at), {"n": index}, "edge1"), task,
            an_attempt(task, id=name(at), step="ended", ended_at=at), a_line(task.id, why="x" * 40), ticket,
            a_comment(ticket), a_delivery(ticket), do_not_call(customer),
        )))
    world.commit()
    engine_of(world.store).database.ready().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return counts(world.path)


def call(index: int) -> CallRow:
    at = BEGIN + index
    return CallRow(name(at), f"{index}@test", "inbound", "main", "office", number(index), SHARED, SHARED, None, None,
                   "sales", "shared", None, at, None, None, at + 9, 487, "caller", None)


def counts(path: Path) -> dict[str, int]:
    """Rows of each table of a file."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        tables = [row[0] for row in db.execute(
            "SELECT name FROM sqlite_schema WHERE type='table' AND name NOT LIKE '%sqlite_%'")]
        return {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


def leaves(path: Path, table: str) -> dict[int, int]:
    """Numbers of the pages that hold a table's rows, each with how many it holds."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        return dict(db.execute("SELECT pageno, ncell FROM dbstat WHERE name=? AND pagetype='leaf' ORDER BY path",
                               (table,)))


def spoil(path: Path, pages: Iterable[int]) -> None:
    """Write garbage over some pages."""
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * PAGE)
            file.write(b"\xff" + os.urandom(PAGE - 1))
