"""Whether a node's file may be shared as it is. What a node alone has written never waits to be shared: others would
never hear of it, and what they have would take its place."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Final

import psycopg

from routing.store import schema
from routing.store.postgres.connection import Address
from routing.store.postgres.importing import TABLES, file_name
from routing.store.salvage import connect

PATIENCE: Final = 3.0
"""Seconds that each answer may take."""

_WAS_SHARED: Final = "SELECT 1 FROM sqlite_sequence WHERE name='to_share'"
"""A file is numbered from its first start with others on."""
_WAS_TAKEN_IN: Final = "SELECT 1 FROM imports WHERE file=%s AND done_at IS NOT NULL"


def why_not(path: Path, address: str) -> str | None:
    """Say why the file at a path may not be shared by the database of an address; None: it may. A new file may, one
    that was shared before, and one that `boomerang cluster import` has taken in; the database is asked of the last one
    alone. Raises ValueError where that is no address."""
    where = Address(address, "boomerang")
    name = _alone(path)
    if name is None:
        return None
    try:
        with where.connect(PATIENCE, "SELECT 1") as there:
            is_taken = there.execute(_WAS_TAKEN_IN, (name,)).fetchone() is not None
    except psycopg.errors.UndefinedTable:
        is_taken = False
    except (psycopg.Error, OSError) as error:
        return (f"whether {path}, which this node has written alone, was taken in cannot be asked: "
                f"{where.describe(error)}")
    if is_taken:
        return None
    return f"{path} was written by this node alone, and {where.name} has nothing of it: boomerang cluster import"


def _alone(path: Path) -> str | None:
    """Return what a file is known by that a node alone has filled; None: it is none such, or nobody can tell now."""
    if not path.exists():
        return None
    with contextlib.suppress(sqlite3.Error, OSError), contextlib.closing(connect(path, "ro")) as file:
        if not schema.applied_steps(file) or file.execute(_WAS_SHARED).fetchone():
            return None
        there = {str(name) for [name] in file.execute("SELECT name FROM sqlite_master WHERE type='table'")}
        if any(file.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in TABLES if table in there):
            return file_name(file)
    return None
