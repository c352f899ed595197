"""What waits in a node's own file until the other nodes have it, for the thread that shares it."""

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from routing.storage import StoreError
from routing.store import schema
from routing.store.unit_text import UnitTextError, to_unit
from routing.writes import EMPTY_UNIT, Unit

BUSY: Final = 1.0
"""Seconds to wait for a lock; WAL readers hardly ever meet one."""


class Waiting(NamedTuple):
    """A unit that is committed here."""

    serial: int
    """Grows with the commits, and is never given twice. There are gaps."""
    at: float
    """When it was committed, seconds since the epoch."""
    unit: Unit
    fault: str = ""
    """Why its text cannot be read; then the unit is empty."""


class Unshared:
    """Reads what is committed, on a connection of its own. Used by one thread at a time; StoreError where the file
    cannot be read now, or is not there."""

    def __init__(self, path: Path) -> None:
        """`path`: of the file, which must share (`SqliteEngine`)."""
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)

    def read(self, after: int, limit: int) -> list[Waiting]:
        """Return the first units that wait, at most `limit`, of those after a serial."""
        return [_waiting(*row) for row in self._ask(schema.TO_SHARE, (after, limit))]

    def oldest_at(self) -> float | None:
        """Return when the first one of all that wait was committed; None: none waits."""
        found = self._ask(schema.OLDEST_TO_SHARE, ())
        return float(found[0][0]) if found else None

    def mark(self) -> str | None:
        """Return the mark up to which all is taken (`writes.TakenUpto`); None: all must be copied."""
        found = self._ask(schema.SHARING, ())
        return found[0][2] if found else None

    def slot(self) -> int | None:
        """Return which numbers this node gives to tickets (`writes.TakeSlot`); None: it was not told."""
        found = self._ask(schema.SHARING, ())
        return found[0][1] if found else None

    def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _ask(self, statement: str, values: tuple[object, ...]) -> list[Any]:
        try:
            return self._open().execute(statement, values).fetchall()
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            self.close()
            raise StoreError(f"{self._path}: {error}") from error

    def _open(self) -> sqlite3.Connection:
        """Return a connection to the file that is at the path now."""
        found = os.stat(self._path)
        file = found.st_dev, found.st_ino
        if self._connection is None or file != self._file:
            self.close()
            self._connection = sqlite3.connect(f"file:{quote(str(self._path))}?mode=ro", uri=True, timeout=BUSY,
                                               isolation_level=None, check_same_thread=False)
            self._file = file
        return self._connection


def _waiting(serial: int, at: float, text: str) -> Waiting:
    try:
        return Waiting(serial, at, to_unit(text))
    except UnitTextError as error:
        return Waiting(serial, at, EMPTY_UNIT, str(error))
