"""The writer's connection: opening, and what to do when the file is not what it was.

- Gone (deleted while we run): what the open connection still holds is copied into a new file in its place.
- Another file in its place: that one is opened.
- No database, or a broken one: moved aside under a name with the time, and a new one is begun.
A new database begins with the policy in force, and its outbox goes on counting where the old one was.
"""

import contextlib
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from routing.store import schema

BUSY: Final = 0.2
"""Seconds that a write waits for another process before the database counts as locked."""

LOG_KEPT: Final = 64 * 1024 * 1024
"""Octets of the write-ahead log that are kept for use again after it has grown."""

COMPANIONS: Final = ("-wal", "-shm")
"""Files that SQLite keeps beside a database in WAL mode."""

_BROKEN: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PASSING: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL})
"""Faults that leave the connection good."""


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_broken(error: Exception) -> bool:
    """Whether the file itself is no good."""
    return _code(error) in _BROKEN


class Database:
    """The one connection that writes. Used by one thread at a time; every method may raise sqlite3.Error, OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened = 0
        """Grows with every opening: whoever reads on a connection of an older number opens theirs anew."""
        self.anew = 0
        """Grows when another or an empty database is opened in the place of one that was open."""
        self.seq = 0
        """The last seq given to an event."""
        self.first_seq = 1
        """The oldest event that may still be there."""
        self.policy: tuple[str, float] | None = None
        """The policy in force, and when it was saved: what a new database begins with."""
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._full = False

    def ready(self, durable: bool = False) -> sqlite3.Connection:
        """Return a connection to the file that is at the path now, opened or healed as needs be.

        `durable`: the next commit must outlive a loss of power (synchronous=FULL).
        """
        if self._connection is not None and self._file != self._identify():
            if self._identify() is None:
                self._copy_into_place(self._connection)
            self.drop()
        if self._connection is None:
            self._open()
        assert self._connection is not None
        if durable != self._full:
            self._connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._full = durable
        return self._connection

    def failed(self, error: Exception) -> str:
        """Do what an error calls for, so that the next `ready` may succeed; return what to say of it."""
        if is_broken(error):
            return self.move_aside(str(error))
        if _code(error) not in _PASSING:
            self.drop()
        return f"{self.path}: {error}"

    def move_aside(self, why: str) -> str:
        """Put a broken database out of the way; return what to say of it."""
        self.drop()
        aside = f"{self.path}.broken-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
        for companion in ("", *COMPANIONS):
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{self.path}{companion}", f"{aside}{companion}")
        return f"{self.path}: {why}: moved to {aside}, a new database is begun"

    def drop(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _identify(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _open(self) -> None:
        connection = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA secure_delete=ON")  # what is removed is not left in the file
            connection.execute(f"PRAGMA journal_size_limit={LOG_KEPT}")
            schema.migrate(connection)
            self._take_up(connection)
        except BaseException:
            connection.close()
            raise
        found = self._identify()
        self.anew += self.opened > 0 and found != self._file
        self._connection, self._file, self._full = connection, found, False
        self.opened += 1

    def _take_up(self, connection: sqlite3.Connection) -> None:
        """Read where the outbox is, and give a new database what we know."""
        first, last = connection.execute(schema.EVENT_RANGE).fetchone()
        if last is None and self.seq:
            connection.execute(schema.START_EVENTS_AT, (self.seq,))
        self.seq = max(last or 0, self.seq)
        self.first_seq = first or self.seq + 1
        newest = connection.execute(schema.POLICIES, (1,)).fetchone()
        if newest is not None:
            self.policy = newest[2], newest[1]
        elif self.policy is not None:
            connection.execute(schema.PUT_POLICY, (self.policy[1], self.policy[0]))

    def _copy_into_place(self, connection: sqlite3.Connection) -> None:
        """Write what a deleted file held to a new one. Where that fails a new, empty database is begun."""
        fresh = f"{self.path}.new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh)
        try:
            with contextlib.closing(sqlite3.connect(fresh)) as copy:
                connection.backup(copy)
        except sqlite3.Error:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(fresh)
            return
        self.drop()
        for companion in COMPANIONS:  # a log left behind would be replayed into the copy
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self.path}{companion}")
        os.rename(fresh, self.path)
        self._file = self._identify()
