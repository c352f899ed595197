"""History in the shared database, removed where it is too old: by one node, in whatever thread it has for it."""

import contextlib
from typing import Final

import psycopg

from routing.storage import Forgotten
from routing.store.engine import TroubleError
from routing.store.old_rows import OldRows
from routing.store.postgres import schema
from routing.store.postgres.connection import SILENCE_MS, Address, Connection
from routing.store.postgres.retention import WORDS

PATIENCE: Final = 5.0
"""Seconds that the server may take for one statement, and that one may wait for what others write."""

_SETTINGS: Final = (
    f"SET client_encoding='UTF8'; SET tcp_user_timeout={SILENCE_MS}; SET synchronous_commit=off; "
    "SET idle_in_transaction_session_timeout=10000; SET statement_timeout={0}; SET lock_timeout={0}")


class SharedHistory:
    """Used by one thread at a time."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._old = OldRows(WORDS)
        self._connection: Connection | None = None

    def remove(self, before: float, rows: int) -> Forgotten:
        """Remove some of what ended before `before`, as one transaction that looks at about `rows` rows at most.

        Raises TroubleError, and what was to be removed is left to the next look then.
        """
        try:
            connection = self._ready()
            with connection.transaction():
                gone = self._old.remove(connection, before, rows)
        except (psycopg.Error, OSError) as error:
            self.close()
            raise TroubleError(self._address.describe(error)) from error
        self._old.committed(gone)
        return gone

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()

    def _ready(self) -> Connection:
        if self._connection is None or self._connection.closed:
            connection = self._address.connect(PATIENCE, _SETTINGS.format(int(PATIENCE * 1000)))
            try:
                schema.migrate(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection
