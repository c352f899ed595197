"""What a task came of is its `kind`: the version before had another word for it in the database."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

from routing.rows import TaskRow
from routing.store import schema
from routing.writes import Unit
from tests.routing.store.rows import a_task
from tests.routing.world import World

Worlds = Callable[..., World]

OLD = Path(__file__).parent / "before_kind.sql"
"""A database as the version before left it: written by that version, then dumped."""


def kinds(rows: list[TaskRow]) -> set[tuple[str, str, str]]:
    return {(row.customer[-1], row.kind, row.state) for row in rows}


def test_a_database_of_the_version_before_keeps_what_its_tasks_came_of(worlds: Worlds, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "boomerang.db")) as db:
        db.executescript(OLD.read_text())
    world = worlds()
    store = world.store
    assert store.well
    opened = {("1", "missed", "open"), ("2", "campaign", "open"), ("3", "manual", "open"), ("4", "queue", "open"),
              ("5", "campaign", "held")}
    assert kinds(store.callbacks.open_tasks()) == opened
    assert kinds(store.callbacks.tasks(9)) == opened | {("6", "missed", "done")}
    store.put(Unit((a_task(kind="queue"),)))
    world.commit()
    assert ("7", "queue", "open") in kinds(store.callbacks.open_tasks())
    with contextlib.closing(sqlite3.connect(world.path)) as db:
        assert not schema.lacks(db), "as one that was made anew"
