"""Figures of a stretch of time, for a process that only reads: the console."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from routing.figures import Cell, Counts, Origin, ended_field
from routing.ids import floor7
from routing.storage import StoreError
from routing.store import figures_sql as sql

BUSY: Final = 1.0
"""Seconds to wait for a lock; WAL readers hardly ever meet one."""

Key = tuple[str | None, str | None, str | None, str | None]
"""Group, number, campaign and agent of a cell."""


class FigureReads:
    """Counts what is committed. Any thread, one at a time; all of a stretch as it is at one moment."""

    def __init__(self, database: Path) -> None:
        """`database`: the daemon's."""
        self._path = database
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    def cells(self, since: float, before: float) -> list[Cell]:
        """Count what happened from `since` until before `before`, seconds since the epoch. Raises StoreError."""
        span = {"since": since, "before": before, "first": floor7(since), "last": floor7(before)}
        with self._lock:
            try:
                connection = self._open()
                connection.execute("BEGIN")
                found = _gather(connection, span)
                connection.execute("ROLLBACK")
                return found
            except (sqlite3.Error, OSError) as error:
                self._drop()
                raise StoreError(str(error)) from error

    def origin(self) -> Origin:
        """Say which database it is, and how far back it reaches. Raises StoreError."""
        with self._lock:
            try:
                connection = self._open()
                ((restored,),) = connection.execute("PRAGMA user_version").fetchall()
                oldest = connection.execute("SELECT started_at FROM calls ORDER BY id LIMIT 1").fetchone()
                return Origin(restored, None if oldest is None else oldest[0])
            except (sqlite3.Error, OSError) as error:
                self._drop()
                raise StoreError(str(error)) from error

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            self._drop()

    def _open(self) -> sqlite3.Connection:
        inode = self._path.stat().st_ino
        if self._connection is None or inode != self._inode:
            self._drop()
            self._connection = sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY,
                                               isolation_level=None, check_same_thread=False)
            self._inode = inode
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _gather(connection: sqlite3.Connection, span: dict[str, Any]) -> list[Cell]:
    counts: dict[Key, Counts] = {}
    waits: dict[Key, list[float]] = {}
    for key, found in _found(connection, span):
        counts[key] = counts.get(key, Counts()).plus(found)
    for *owner, waited, in_time in connection.execute(sql.KEPT, span):
        key = _key(owner)
        counts[key] = counts.get(key, Counts()).plus(Counts(kept=1, kept_in_time=int(in_time)))
        waits.setdefault(key, []).append(round(waited, 3))
    return [Cell(*key, found, tuple(waits.get(key, ()))) for key, found in counts.items()]


def _found(connection: sqlite3.Connection, span: dict[str, Any]) -> Iterator[tuple[Key, Counts]]:
    for *owner, made in connection.execute(sql.OFFERED, span):
        yield _key(owner), Counts(offers_made=made)
    for *owner, made, asked in connection.execute(sql.PROMISED, span):
        yield _key(owner), Counts(promised=made, offers_taken=asked)
    for *owner, many in connection.execute(sql.DIALLED, span):
        yield _key(owner), Counts(dialled=many)
    for *owner, state, reason, many in connection.execute(sql.ENDED, span):
        field = ended_field(state, reason)
        if field is not None:
            yield _key(owner), Counts(**{field: many})
    for *owner, many in connection.execute(sql.DECLINED, span):
        yield _key(owner), Counts(declined=many)
    for *owner, many in connection.execute(sql.RELEASED, span):
        yield _key(owner), Counts(released=many)
    for *owner, many in connection.execute(sql.TICKETS, span):
        yield _key(owner), Counts(tickets_opened=many)
    for *owner, missed, direct in connection.execute(sql.CALLS, span):
        if missed or direct:
            yield _key(owner), Counts(missed=missed, direct_used=direct)


def _key(owner: list[Any]) -> Key:
    group, number, campaign, agent = owner
    return group, number, campaign, agent
