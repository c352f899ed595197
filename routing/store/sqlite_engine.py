"""The engine on a SQLite file: WAL, one connection that writes and one that reads in the proxy's thread."""

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from routing.events import Outbox
from routing.rows import AttemptRow
from routing.storage import Forgotten
from routing.store import callback_sql as sql
from routing.store import schema
from routing.store.batch import Batch, StaleError, Stamp
from routing.store.database import LOG_KEPT, Database, Owner, is_odd
from routing.store.engine import Applied, Queued, ReadError, TroubleError, UnitError
from routing.store.queries import Parameters, Query
from routing.store.retention import Retention
from routing.store.salvage import is_broken
from routing.store.sqlite_batch import BatchWriter, claim
from routing.store.sqlite_queries import WORDING
from routing.writes import Unit

READ_BUSY: Final = 0.005
"""Seconds that a read may wait for a lock: a call waits with it. Readers in WAL mode hardly ever meet one."""

LOG_MAX: Final = 2 * LOG_KEPT
"""Octets of the write-ahead log above which somebody must be reading in a transaction that does not end."""

OUTBOX_MAX: Final = 1_000_000
"""Events that wait for the broker; then the oldest go. About 400 MB."""

_OF_UNIT: Final = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, OverflowError, TypeError,
                   ValueError)
"""Errors of what was to be written. UnicodeError is one of them, but text that is none can only have been read."""

_OF_DATABASE: Final = (sqlite3.Error, OSError, UnicodeDecodeError)


class SqliteEngine:
    """`engine.Engine` on a file."""

    def __init__(self, path: Path, owner: Owner, outbox: Outbox, clock: Callable[[], float],
                 steady: Callable[[], float], sharing: Callable[[], object] | None = None) -> None:
        """`outbox`: whether events are kept. `clock`: seconds since the epoch; `steady`: of one that is never set.

        `sharing`: what it holds is shared with other nodes by another database; called, in the thread that writes,
        after each commit that left something to share. None: this node is alone.
        """
        self.name, self.shared = str(path), owner.shared
        self.database = Database(path, owner, clock, steady, sharing is not None)
        self._outbox = outbox
        self._sharing, self._put_ticket = None, sql.PUT_TICKET
        if sharing is not None:
            from routing.store.sqlite_sharing import Sharing  # of no use to a node alone

            self._sharing, self._put_ticket = Sharing(clock, sharing), sql.PUT_TICKET_OF_SLOT
        self._retention = Retention()
        self._anew = 0
        self._overfull = False
        self._reader: sqlite3.Connection | None = None
        self._reader_of = -1
        self._suspect: tuple[Exception, int] | None = None
        self._others: tuple[int, int] | None = None

    @property
    def opened(self) -> bool:
        return self.database.opened > 0

    @property
    def log_kept(self) -> int:
        return LOG_KEPT

    @property
    def log_most(self) -> int:
        return LOG_MAX

    def log_bytes(self) -> int | None:
        with contextlib.suppress(OSError):
            return self.database.log_bytes()
        return None

    def outbox_waits(self) -> int:
        return max(self.database.seq - self.database.first_seq + 1, 0) if self._outbox else 0

    def open(self) -> None:
        try:
            self.database.ready()
        except _OF_DATABASE as error:
            raise self._trouble(error) from error

    def close(self) -> None:
        self.database.close()

    def _trouble(self, error: Exception) -> TroubleError:
        """Do what an error of the database calls for."""
        return TroubleError(self.database.failed(error), is_broken(error) or is_odd(error))

    # Writing

    def apply(self, batch: Sequence[Queued]) -> Applied:
        try:
            return self._apply(batch)
        except (*_OF_UNIT, *_OF_DATABASE) as error:
            if isinstance(error, _OF_UNIT) and not isinstance(error, UnicodeDecodeError):
                raise UnitError(f"{type(error).__name__}: {error}") from error
            raise self._trouble(error) from error

    def claim(self, attempt: AttemptRow) -> bool:
        return not self.apply([Queued(0, Unit(), True, attempt)]).refused

    def _apply(self, batch: Sequence[Queued]) -> Applied:
        database = self.database
        connection = database.ready(any(queued.unit.durable or queued.promise for queued in batch))
        stale: frozenset[str] = frozenset()
        while True:
            gathered = Batch()
            written = BatchWriter(Stamp(database.node, database.epoch), self._outbox, self._put_ticket)
            connection.execute("BEGIN IMMEDIATE")
            first_seq = database.first_seq
            try:
                if self._sharing is None:
                    refused = self._write(connection, batch, gathered, written, stale)
                else:
                    refused = self._sharing.write(connection, batch, gathered, written, stale)
                dropped, drained = self._tidy_outbox(connection, gathered.published, written.seq or database.seq)
                connection.execute("COMMIT")
            except StaleError as found:
                database.first_seq = first_seq
                connection.execute("ROLLBACK")
                stale |= found.tasks
                continue
            except BaseException:
                database.first_seq = first_seq
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
            break
        database.seq = written.seq or database.seq
        self._overfull = (self._overfull or dropped > 0) and not drained
        if written.policy is not None:
            database.policy = written.policy
        if self._sharing is not None:
            self._sharing.committed()
        losses, anew = database.take_losses(), self._anew != database.anew
        self._anew = database.anew
        refused_changes = [queued.unit for queued in batch if queued.changes_any(stale)] if stale else []
        return Applied(written.events, refused, refused_changes, losses, anew, dropped, drained)

    @staticmethod
    def _write(connection: sqlite3.Connection, batch: Sequence[Queued], gathered: Batch, writer: BatchWriter,
               stale: frozenset[str]) -> frozenset[int]:
        """Write a batch but for changes of tasks that are stale; return the serials of promises that were refused."""
        refused: set[int] = set()
        for queued in batch:
            unit = queued.standing(stale)
            if unit is None:
                refused.add(queued.serial)
                continue
            if queued.claim is not None:
                writer.write(connection, gathered)  # a claim sees all that was queued before it
                if not claim(connection, writer.stamp.on_attempt(queued.claim)):
                    refused.add(queued.serial)
                    continue
            gathered.add(unit)
        writer.write(connection, gathered)
        return frozenset(refused)

    def _tidy_outbox(self, connection: sqlite3.Connection, published: int, last: int) -> tuple[int, bool]:
        """Forget what was delivered, and the oldest where too much waits; return how many that were, and whether there
        is room again."""
        database = self.database
        drained, dropped = False, 0
        if published >= database.first_seq:
            connection.execute(schema.DROP_EVENTS, (published, database.node))
            database.first_seq = published + 1
            drained = self._overfull and last - published < OUTBOX_MAX // 2
        if self._outbox and last - database.first_seq >= OUTBOX_MAX:
            upto = last - OUTBOX_MAX + OUTBOX_MAX // 100  # a little more, so that not every commit has to
            connection.execute(schema.DROP_EVENTS, (upto, database.node))
            dropped, database.first_seq = upto - database.first_seq + 1, upto + 1
        return dropped, drained and not dropped

    def forget(self, before: float, rows: int) -> Forgotten:
        try:
            return self._retention.slice(self.database.ready(), before, rows)
        except _OF_DATABASE as error:
            raise self._trouble(error) from error

    @property
    def is_behind(self) -> bool:
        return bool(self.database.behind)

    def catch_up(self) -> None:
        try:
            self.database.catch_up()
        except _OF_DATABASE as error:
            raise self._trouble(error) from error

    def others_wrote(self) -> bool:
        try:
            before, self._others = self._others, self.database.others_version()
        except _OF_DATABASE as error:
            raise self._trouble(error) from error
        return before != self._others

    # Reading

    def read(self, query: Query, parameters: Parameters) -> list[Any]:
        try:
            return WORDING.ask(self._execute, query, parameters, self.database.node)
        except (sqlite3.Error, UnicodeError) as error:
            self.close_reading()
            if not self.database.opened:
                raise ReadError(str(error), silent=True) from error
            suspect = is_broken(error) or is_odd(error)
            if suspect:
                self._suspect = error, self._reader_of
            raise ReadError(str(error), suspect) from error

    def _execute(self, statement: str, parameters: Parameters) -> list[Any]:
        return self._connect().execute(statement, parameters).fetchall()

    def _connect(self) -> sqlite3.Connection:
        opened = self.database.opened
        if self._reader is not None and self._reader_of == opened:
            return self._reader
        if not opened:
            raise sqlite3.OperationalError("the database is not open yet")
        self.close_reading()
        uri = f"file:{quote(str(self.database.path))}?mode=ro"
        self._reader = sqlite3.connect(uri, uri=True, timeout=READ_BUSY, isolation_level=None)
        self._reader_of = opened
        return self._reader

    def look_into(self) -> str | None:
        suspect, self._suspect = self._suspect, None
        if suspect is None or suspect[1] != self.database.opened:
            return None  # what was read is out of the way already
        return self.database.failed(suspect[0])

    def close_reading(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()
