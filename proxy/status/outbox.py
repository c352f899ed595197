"""Reads the outbox for the status thread on a connection of its own, so that the proxy's thread never waits for it."""

import json
import os
import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import quote

from routing.events import Event
from routing.store.schema import EVENTS

BUSY: Final = 1.0
"""Seconds to wait for a lock; in WAL mode a reader hardly ever meets one."""


class OutboxReader:
    """Committed events, read only. Use it in one thread."""

    def __init__(self, path: Path, node: str) -> None:
        self._path, self._node = path, node
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    def events_after(self, seq: int, limit: int) -> list[Event]:
        """Return events with a greater `seq`, oldest first. Raises `sqlite3.Error` or OSError where it cannot."""
        try:
            rows = self._connect().execute(EVENTS, (seq, limit)).fetchall()
        except (sqlite3.Error, OSError):
            self.close()
            raise
        return [Event(kind, time, name, json.loads(data), self._node, number)
                for kind, time, name, data, number in rows]

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> sqlite3.Connection:
        # A database that was put aside as damaged goes on being readable under its old handle; look for the new one.
        inode = os.stat(self._path).st_ino
        if self._connection is None or inode != self._inode:
            self.close()
            uri = f"file:{quote(str(self._path))}?mode=ro"
            self._connection = sqlite3.connect(uri, uri=True, timeout=BUSY, isolation_level=None)
            self._inode = inode
        return self._connection
