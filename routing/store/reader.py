"""The database read from another thread: a connection of its own, so that neither waits for the other."""

import contextlib
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from routing.events import Event
from routing.figures import DayFigures, gather
from routing.ids import floor7
from routing.rows import AttemptRow, CallRow, Record
from routing.storage import StoreError
from routing.store import callback_sql as sql
from routing.store.callback_reads import CallbackReads
from routing.store.schema import CALLS, COUNT_LIVE, EVENTS, NEWEST, POLICIES

BUSY = 1.0
"""Seconds to wait for a lock; WAL readers hardly ever meet one."""


class Reader(CallbackReads):
    """Reads what is committed. Any thread, one at a time."""

    def __init__(self, path: Path, node: str, strict: bool = False) -> None:
        """`strict`: raise StoreError while the database cannot be read, instead of finding nothing."""
        self._path = path
        self._strict = strict
        self._node = node
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    def events_after(self, seq: int, limit: int) -> list[Event]:
        """Return at most `limit` events after `seq`, in order; none while the database cannot be read."""
        rows = self._read(EVENTS, (seq, limit))
        return [Event(kind, time, ident, sql.read_json(data, dict), self._node, number)
                for kind, time, ident, data, number in rows]

    def count_direct(self, now: float) -> int | None:
        """Count the live direct callbacks; None while the database cannot be read. Slow with many."""
        rows = self._read(COUNT_LIVE, (now,))
        return int(rows[0][0]) if rows else None

    def calls(self, limit: int) -> list[CallRow]:
        """Return the newest calls, newest first."""
        return [CallRow(*row) for row in self._read(CALLS, (limit,))]

    def newest_records(self, now: float, limit: int) -> list[Record]:
        """Return the live records touched last, the latest first. Slow with many."""
        return [Record(*row) for row in self._read(NEWEST, (now, limit))]

    def tasks_ending(self, end: str) -> list[str]:
        """Return the ids of at most two tasks that end so: one is the one that is meant. Looks at every id."""
        return [row[0] for row in self._read(sql.TASKS_ENDING, (end, end))]

    def attempt(self, name: str) -> AttemptRow | None:
        """Return one attempt."""
        rows = self._read(sql.ATTEMPT, (name,))
        return AttemptRow(*rows[0]) if rows else None

    def day(self, since: float) -> DayFigures:
        """Return what became of callbacks since a midnight. Raises StoreError, strict or not. Slow with many."""
        args = {"first": floor7(since), "since": since}
        promised, dialled, ended, kept = (
            self._ask(statement, args) for statement in (sql.PROMISED, sql.DIALLED, sql.ENDED, sql.KEPT))
        return gather(since, promised, dialled, ended, kept, dict(self._ask(sql.RELEASED, (since,))))

    def newest_policy(self) -> str | None:
        """Return the text of the policy in force; None where there is none, or the database cannot be read."""
        rows = self._read(POLICIES, (1,))
        return str(rows[0][2]) if rows else None

    def _read(self, statement: str, parameters: Sequence[object] = ()) -> list[Any]:
        try:
            return self._ask(statement, parameters)
        except StoreError:
            if self._strict:
                raise
            return []

    def _ask(self, statement: str, parameters: Sequence[object] | Mapping[str, object]) -> list[Any]:
        with self._lock:
            try:
                return self._open().execute(statement, parameters).fetchall()
            except (sqlite3.Error, OSError) as error:
                self._drop()
                raise StoreError(str(error)) from error

    def _open(self) -> sqlite3.Connection:
        inode = self._path.stat().st_ino
        if self._connection is None or inode != self._inode:
            self._drop()
            self._connection = sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY,
                                               check_same_thread=False)
            self._inode = inode
        return self._connection

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
