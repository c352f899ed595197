"""A node's own file that shares, without the others."""

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any

from routing.events import Outbox
from routing.store.database import Owner
from routing.store.engine import Applied, Queued
from routing.store.sqlite_engine import SqliteEngine
from routing.store.unshared import Unshared, Waiting
from routing.writes import Unit, Write
from tests.routing.world import BEGIN


class Node:
    """An engine on a file, and what another thread reads of it."""

    def __init__(self, path: Path, name: str = "a") -> None:
        self.path, self.name = path, name
        self.now = BEGIN
        self.woken: list[bool] = []
        self.engine = SqliteEngine(path, Owner(name), Outbox.PLAIN, lambda: self.now, time.monotonic,
                                   lambda: self.woken.append(True))
        self.engine.open()
        self.unshared = Unshared(path)

    def apply(self, *units: Unit, **how: Any) -> Applied:
        """Commit units as one batch."""
        return self.engine.apply([Queued(serial, unit, **how) for serial, unit in enumerate(units, 1)])

    def put(self, *writes: Write, **how: Any) -> Applied:
        return self.apply(Unit(writes), **how)

    def waiting(self) -> list[Waiting]:
        return self.unshared.read(0, 1000)

    def units(self) -> list[Unit]:
        """What waits to be shared."""
        return [waiting.unit for waiting in self.waiting()]

    def rows(self, statement: str, *values: object) -> list[Any]:
        """What stands in the file."""
        return look(self.path, statement, *values)

    def close(self) -> None:
        self.unshared.close()
        self.engine.close_reading()
        self.engine.close()


def look(path: Path, statement: str, *values: object) -> list[Any]:
    """Ask a file, on a connection of one's own."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(statement, values).fetchall()
