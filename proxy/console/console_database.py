"""The console's own small database, `console.db` in the data folder: what is lost without harm.

Sessions, lock-outs, when tokens were last used, and the like. A file that is missing, broken or of another kind is made
anew, and the broken one put aside: people log in again, and nothing else changes. Where the disk takes no file the
console keeps all this in memory.

Migrations are named, run in order, and are only ever appended.
"""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from proxy.logger import get_logger

FILE: Final = "console.db"
BUSY: Final = 2.0
"""Seconds that a write waits for another process, such as a console that is about to end."""
MOST_MARKS: Final = 64
"""Marks that wait to be made; further ones are left out."""
MIGRATIONS: Final[tuple[tuple[str, str], ...]] = (
    ("sessions", """
        CREATE TABLE sessions (
            hash BLOB PRIMARY KEY,      -- SHA-256 of the cookie's value
            user TEXT NOT NULL,
            proof BLOB NOT NULL,        -- what of the user's row must be as it was
            made REAL NOT NULL, used REAL NOT NULL,
            address TEXT NOT NULL, browser TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX sessions_user ON sessions (user);
        CREATE TABLE lockouts (
            who TEXT PRIMARY KEY,       -- a name or an address, with its kind before it
            failures INTEGER NOT NULL, last REAL NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE token_uses (token TEXT PRIMARY KEY, used REAL NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
    """),
    ("figures", """
        CREATE TABLE figure_days (
            day TEXT NOT NULL,          -- YYYY-MM-DD, over
            zone TEXT NOT NULL,         -- whose midnights it lies between
            form INTEGER NOT NULL,      -- of the cells
            cells TEXT NOT NULL,        -- JSON
            PRIMARY KEY (day, zone)
        ) STRICT, WITHOUT ROWID;
    """),
    ("idempotency", """
        CREATE TABLE idempotency (
            who TEXT NOT NULL, key TEXT NOT NULL,
            request TEXT NOT NULL,      -- SHA-256 of method, path and body
            status INTEGER, body BLOB,  -- of the answer; NULL: there is none yet, or it may not be kept
            at REAL NOT NULL, PRIMARY KEY (who, key)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX idempotency_at ON idempotency (at);
    """),
    ("figures of a database", """
        ALTER TABLE figure_days ADD COLUMN restored INTEGER NOT NULL DEFAULT 0;  -- `Origin.restored`
    """),
)

log = get_logger()


class ConsoleDatabase:
    """The file, open. Any thread; each statement is one transaction, and takes well below a millisecond.

    Where another process holds the file, a write waits for up to `BUSY`, and where the disk is slow for as long as that
    is; reading and marking never do. So an event loop writes by other threads alone.
    """

    def __init__(self, path: Path) -> None:
        self._writing = threading.Lock()
        self._writer = _open(path)
        where = self._writer.execute("PRAGMA database_list").fetchone()[2]
        self._reading = threading.Lock() if where else self._writing
        self._reader = _connected(where) if where else self._writer
        self._marking = ThreadPoolExecutor(1, "console-marks")
        self._marks = threading.BoundedSemaphore(MOST_MARKS)

    def read(self, sql: str, arguments: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return rows. Raises sqlite3.Error."""
        with self._reading:
            return self._reader.execute(sql, arguments).fetchall()

    def write(self, sql: str, arguments: Sequence[Any] = ()) -> int:
        """Do one change, committed when this returns; how many rows it touched. Raises sqlite3.Error; in an event loop,
        where everybody would wait for it, RuntimeError.
        """
        if _in_loop():
            raise RuntimeError("an event loop writes by another thread")
        with self._writing:
            return self._writer.execute(sql, arguments).rowcount

    def mark(self, sql: str, arguments: Sequence[Any] = ()) -> None:
        """Do one change that may as well be left out: where it cannot be done at once, it is. In an event loop another
        thread does it, soon."""
        if not _in_loop():
            self._mark(sql, arguments)
        elif self._marks.acquire(blocking=False):
            with contextlib.suppress(RuntimeError):  # the console ends
                self._marking.submit(self._mark, sql, arguments).add_done_callback(lambda done: self._marks.release())

    def _mark(self, sql: str, arguments: Sequence[Any]) -> None:
        if not self._writing.acquire(blocking=False):
            return
        try:
            with contextlib.suppress(sqlite3.Error):
                self._writer.execute("PRAGMA busy_timeout = 0")
                self._writer.execute(sql, arguments)
        finally:
            with contextlib.suppress(sqlite3.Error):
                self._writer.execute(f"PRAGMA busy_timeout = {round(BUSY * 1_000)}")
            self._writing.release()

    def close(self) -> None:
        """Close the file."""
        self._marking.shutdown(cancel_futures=True)
        with self._reading:
            self._reader.close()
        with self._writing:
            self._writer.close()


def _in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _open(path: Path) -> sqlite3.Connection:
    try:
        return _ready(str(path))
    except (sqlite3.OperationalError, OSError) as error:
        if not _broken(error):
            log.warning("console_database_in_memory", path=str(path), reason=str(error))
            return _ready(":memory:")
        why = str(error)
    except sqlite3.DatabaseError as error:
        why = str(error)
    log.warning("console_database_made_anew", path=str(path), reason=why)
    try:
        _put_aside(path)
        return _ready(str(path))
    except (sqlite3.Error, OSError) as error:
        log.warning("console_database_in_memory", path=str(path), reason=str(error))
        return _ready(":memory:")


def _broken(error: Exception) -> bool:
    """Whether what is there is no database of ours, and not only out of reach."""
    return isinstance(error, sqlite3.OperationalError) and any(
        word in str(error) for word in ("already exists", "no such column", "no such table", "malformed"))


def _put_aside(path: Path) -> None:
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    path.rename(path.with_name(f"{path.name}.broken-{stamp}"))
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def _connected(path: str) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)


def _ready(path: str) -> sqlite3.Connection:
    connection = _connected(path)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("malformed")
        connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY) STRICT")
        done = {name for name, in connection.execute("SELECT name FROM migrations")}
        for name, script in MIGRATIONS:
            if name not in done:
                said = name.replace("'", "''")
                connection.executescript(f"BEGIN; {script}; INSERT INTO migrations VALUES ('{said}'); COMMIT")
        connection.execute("SELECT hash, user, proof, made, used, address, browser FROM sessions LIMIT 0")
    except BaseException:
        connection.close()
        raise
    return connection
