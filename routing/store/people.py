"""Who may log in and which tokens there are, for a process that only reads: the console.

Synchronous and quick: one row by its key, on a connection of its own that may only read.
"""

import contextlib
import sqlite3
import threading
from pathlib import Path
from typing import Any, Final

from routing.rows import TokenRow, UserRow
from routing.store import people_sql as sql

BUSY: Final = 1.0
"""Seconds to wait for a lock; WAL readers hardly ever meet one."""
_NO_TABLE: Final = "no such table"


class People:
    """Reads users and tokens as they are committed. Any thread, one at a time.

    There is nobody where there is no database, or one of a version before users. Raises sqlite3.Error and OSError
    where it cannot be read.
    """

    def __init__(self, database: Path) -> None:
        """`database`: the daemon's."""
        self._path = database
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    def user(self, name: str) -> UserRow | None:
        """Return the user of a name, one who is disabled too."""
        row = self._one(sql.USER, name)
        return None if row is None else sql.to_user(row)

    def token(self, digest: str) -> TokenRow | None:
        """Return the token of a SHA-256 in hex, one that has expired or was revoked too."""
        row = self._one(sql.TOKEN, digest)
        return None if row is None else sql.to_token(row)

    def any(self) -> bool:
        """Whether there is any user."""
        return self._one("SELECT 1 FROM users LIMIT 1") is not None

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            self._drop()

    def _one(self, statement: str, *values: object) -> Any:
        with self._lock:
            try:
                return self._open().execute(statement, values).fetchone()
            except FileNotFoundError:
                return None
            except (sqlite3.Error, OSError) as error:
                self._drop()
                if isinstance(error, sqlite3.OperationalError) and _NO_TABLE in str(error):
                    return None
                raise

    def _open(self) -> sqlite3.Connection:
        inode = self._path.stat().st_ino
        if self._connection is None or inode != self._inode:
            self._drop()
            self._connection = sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY,
                                               check_same_thread=False)
            self._inode = inode
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
