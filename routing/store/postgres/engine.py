"""The engine on a PostgreSQL server that several nodes share: one connection that writes and one that reads.

Nothing here waits without a bound. `read` never connects: where there is no connection the thread that writes is asked
for one (`look_into`), and whoever reads is told no at once.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import psycopg

from routing.events import Outbox
from routing.rows import AttemptRow, StandingAlarm
from routing.storage import LOSS, Forgotten
from routing.store.batch import Batch, StaleError
from routing.store.engine import Applied, Queued, ReadError, TroubleError, UnitError
from routing.store.postgres import statements as sql
from routing.store.postgres.batch_writer import BatchWriter, CrowdedError, is_told, locks_of
from routing.store.postgres.connection import Address, Connection
from routing.store.postgres.queries import WORDING
from routing.store.postgres.retention import Retention
from routing.store.postgres.session import Counting, OutdatedError, Session, UncertainError
from routing.store.queries import Parameters, Query
from routing.writes import Shared, Unit

OUTBOX_MAX: Final = 1_000_000
"""Events of this node that wait for the broker; then the oldest go."""

AGAIN: Final = 5
"""Tries of a batch that another node's was in the way of, before that counts as trouble."""

CLASHES: Final = 3
"""Tries of a batch in which something is there twice, before that counts as a fault of it: another node may just have
put the other one."""

KEEP_CHANGES: Final = 3600.0
"""Seconds for which the log of changes is kept: whoever reads nothing for longer copies all anew."""

TOGETHER: Final = 25
"""Claims of one batch that may count beside others'."""

ALONE: Final = 10.0
"""Seconds for which claims count alone once too little was left for counting beside others."""

_OVERTAKEN: Final = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)

_OF_UNIT: Final = (psycopg.DataError, psycopg.IntegrityError, UnicodeError, OverflowError, TypeError, ValueError)
"""Errors of what was to be written: what PostgreSQL's text cannot hold (U+0000, half a surrogate) is among them."""

_OF_DATABASE: Final = (psycopg.Error, OSError)


class _Doubt(NamedTuple):
    """A batch whose commit was on its way when the connection broke."""

    number: int
    batch: Sequence[Queued]
    applied: Applied


def _joined(found: Sequence[Applied]) -> Applied:
    """Return what came of batches one after the other as what came of one."""
    first, *others = found
    for each in others:
        first = Applied(
            [*first.events, *each.events], first.refused | each.refused, [*first.stale, *each.stale],
            [*first.losses, *each.losses], first.anew or each.anew, first.outbox_dropped + each.outbox_dropped,
            each.outbox_drained)
    return first


def _fetch(reader: Connection, statement: str, parameters: Parameters) -> list[Any]:
    found: list[Any] = reader.execute(statement, parameters).fetchall()
    return found


def _changed(connection: Connection, statement: str, parameters: Parameters) -> int:
    """Run a statement in a pipeline; return how many rows it changed."""
    cursor = connection.execute(statement, parameters)
    connection.settle()
    return cursor.rowcount


def _close(reader: Connection) -> None:
    with contextlib.suppress(psycopg.Error):
        reader.close()


def _leaves_connection(error: BaseException) -> bool:
    """Whether the server has answered so, and will answer what is asked next."""
    return isinstance(error, psycopg.Error) and error.sqlstate is not None and not isinstance(
        error, psycopg.OperationalError)


class PostgresEngine:
    """`engine.Engine` on a server."""

    def __init__(self, address: Address, node: str, outbox: Outbox, clock: Callable[[], float]) -> None:
        """`outbox`: whether events are kept. `clock`: seconds since the epoch."""
        self.name, self.shared = address.name, True
        self.session = Session(address, node, clock)
        self._node, self._outbox, self._clock = node, outbox, clock
        self._retention = Retention()
        self._reader: Connection | None = None
        self._retired: list[Connection] = []
        """Readers that another one has taken the place of: whoever reads closes them, for they may be in use."""
        self._opened = 0
        self._waits = 0
        self._overfull = False
        self._doubt: _Doubt | None = None
        self._written: list[Queued] = []
        """Units that have come through though nobody was told; they will be put again."""
        self._untold = Applied()
        """What came of them."""
        self._others: list[Any] | None = None
        self._alone_until = 0.0
        """By a clock that is never set; until then claims count alone."""

    @property
    def opened(self) -> bool:
        return self.session.opened > 0

    @property
    def log_kept(self) -> int:
        return 0

    @property
    def log_most(self) -> int:
        return 0

    def log_bytes(self) -> int | None:
        return None  # it is the server's, and who runs that looks after it

    def outbox_waits(self) -> int:
        return self._waits

    def open(self) -> None:
        try:
            self._ready()
        except _OF_DATABASE as error:
            raise self._trouble(error) from error

    def close(self) -> None:
        self.session.drop()
        self.close_reading()

    def _ready(self) -> None:
        """Have both connections."""
        self.session.ready()
        if self._opened != self.session.opened:
            self._opened = self.session.opened
            retired, self._reader = self._reader, None
            if retired is not None:
                self._retired.append(retired)
            [[self._waits]] = self.session.ready().execute(sql.COUNT_EVENTS, (self._node,)).fetchall()
        if self._reader is None:
            self._reader = self.session.reading()

    def _trouble(self, error: BaseException) -> TroubleError:
        """Do what an error of the database calls for."""
        if not _leaves_connection(error):
            self.session.drop()
        return TroubleError(self.session.address.describe(error), isinstance(error, OutdatedError))

    # Writing

    def apply(self, batch: Sequence[Queued]) -> Applied:
        try:
            return self._apply(batch)
        except _OF_UNIT as error:
            raise UnitError(f"{type(error).__name__}: {error}") from error
        except psycopg.ProgrammingError as error:
            if error.sqlstate is None:  # it never came to the server: no value of a kind that can be written
                raise UnitError(f"{type(error).__name__}: {error}") from error
            raise self._trouble(error) from error
        except _OF_DATABASE as error:
            raise self._trouble(error) from error

    def claim(self, attempt: AttemptRow) -> bool:
        return not self.apply([Queued(0, Unit(), True, attempt)]).refused

    def _apply(self, batch: Sequence[Queued]) -> Applied:
        self._ready()
        self._settle()
        if not self._written:
            return self._commit(batch)
        written = {id(queued) for queued in self._written}
        rest = [queued for queued in batch if id(queued) not in written]
        found = [self._untold, self._commit(rest)] if rest else [self._untold]
        asked = {id(queued) for queued in batch}
        self._written = [queued for queued in self._written if id(queued) not in asked]
        self._untold = Applied()
        return _joined(found)

    def _settle(self) -> None:
        """Find out what became of the batch that there is doubt about. Promises among it were told no; nobody asks for
        them again."""
        doubt, self._doubt = self._doubt, None
        if doubt is not None and self.session.commits >= doubt.number:
            self._written += [queued for queued in doubt.batch if not queued.promise]
            self._untold = _joined([self._untold, doubt.applied])

    def _commit(self, batch: Sequence[Queued]) -> Applied:
        stale: frozenset[str] = frozenset()
        locks, counting = locks_of(batch), self._counting(batch)
        overtaken = clashes = 0
        while True:
            try:
                return self._commit_once(batch, stale, locks, counting)
            except StaleError as found:
                stale |= found.tasks
            except CrowdedError:
                counting, self._alone_until = Counting.ALONE, time.monotonic() + ALONE
            except _OVERTAKEN:
                overtaken += 1
                if overtaken == AGAIN:
                    raise
            except psycopg.errors.UniqueViolation:
                clashes += 1
                if clashes == CLASHES:
                    raise

    def _counting(self, batch: Sequence[Queued]) -> Counting:
        capped = sum(queued.caps is not None for queued in batch)
        if not capped:
            return Counting.NOTHING
        is_alone = capped > TOGETHER or time.monotonic() < self._alone_until
        return Counting.ALONE if is_alone else Counting.TOGETHER

    def _commit_once(self, batch: Sequence[Queued], stale: frozenset[str], locks: set[str],
                     counting: Counting) -> Applied:
        session, gathered = self.session, Batch()
        durable = any(queued.unit.durable or queued.promise or queued.unit.of(Shared) for queued in batch)
        applied = Applied()
        loss = ""
        try:
            with session.transaction(durable, locks, counting, is_told(batch), in_one_go=True) as connection:
                spare = TOGETHER if counting is Counting.TOGETHER else 0
                writer = BatchWriter(connection, session.stamp, self._outbox, spare)
                refused = writer.write(batch, stale, gathered)
                if session.is_behind:
                    loss = self._lose(f"{self.name} is not as it was: its last moments before it came back are lost",
                                      connection)
                waits, dropped, drained = self._tidy_outbox(connection, gathered.published, len(writer.events))
                changes = [queued.unit for queued in batch if queued.changes_any(stale)] if stale else []
                applied = Applied(writer.events, refused, changes, [loss] if loss else [], session.is_behind, dropped,
                                  drained)
        except UncertainError as error:
            self._doubt = _Doubt(error.number, batch, applied)
            raise error.error from error
        session.is_behind = False
        if writer.events:
            session.seq = writer.events[-1].seq
        self._waits, self._overfull = waits, (self._overfull or dropped > 0) and not drained
        return applied

    def _lose(self, text: str, connection: Connection) -> str:
        """Write down that the database is older than it was: a server that crashed, or another one in its place."""
        connection.execute(sql.PUT_ALARM, StandingAlarm(LOSS, text, self._clock()))
        return text

    def _tidy_outbox(self, connection: Connection, published: int, fresh: int) -> tuple[int, int, bool]:
        """Forget what was delivered, and the oldest where too much waits; return how many wait, how many were dropped,
        and whether there is room again."""
        waits = self._waits + (fresh if self._outbox else 0)
        drained, dropped = False, 0
        if published:
            waits -= _changed(connection, sql.DROP_EVENTS, (self._node, published))
            drained = self._overfull and waits < OUTBOX_MAX // 2
        if waits > OUTBOX_MAX:
            most = waits - OUTBOX_MAX + OUTBOX_MAX // 100  # a little more, so that not every commit has to
            dropped = _changed(connection, sql.DROP_OLDEST_EVENTS, (self._node, most))
        return waits - dropped, dropped, drained and not dropped

    def forget(self, before: float, rows: int) -> Forgotten:
        try:
            return self._retention.slice(self.session, before, rows)
        except (UncertainError, *_OF_DATABASE) as error:
            raise self._trouble(error) from error

    # What nodes share

    @property
    def slot(self) -> int | None:
        """Which of the `TICKET_SLOTS` nodes that number tickets by themselves this is; None: not connected yet, or
        all are taken by others. It stays with the name of the node, also over restarts."""
        return self.session.slot

    def shared_upto(self) -> int:
        """Return up to which serial what this node has committed is there (`writes.Shared`). Raises TroubleError."""
        try:
            self._ready()
            [[upto]] = self.session.ready().execute(sql.SHARED_UPTO, (self._node,)).fetchall()
        except _OF_DATABASE as error:
            raise self._trouble(error) from error
        return int(upto)

    def prune_changes(self, keep: float = KEEP_CHANGES) -> int:
        """Remove entries of the log of changes that are older than `keep` seconds, some thousand at a time; return how
        many. Of several nodes that do so, none is in the way of another. Raises TroubleError.
        """
        try:
            with self.session.transaction() as connection:
                return connection.execute(sql.PRUNE_CHANGES, (keep,)).rowcount
        except (UncertainError, *_OF_DATABASE) as error:
            raise self._trouble(error) from error

    @property
    def is_behind(self) -> bool:
        return False

    def catch_up(self) -> None:
        """There is nothing to do: no step is put off."""

    def others_wrote(self) -> bool:
        try:
            before, self._others = self._others, self.session.ready().execute(sql.OTHERS, (self._node,)).fetchall()
        except _OF_DATABASE as error:
            raise self._trouble(error) from error
        return before != self._others

    # Reading

    def read(self, query: Query, parameters: Parameters) -> list[Any]:
        while self._retired:
            _close(self._retired.pop())
        reader = self._reader
        try:
            if reader is None:
                raise psycopg.OperationalError("there is no connection to read with")
            return WORDING.ask(lambda statement, given: _fetch(reader, statement, given), query, parameters,
                               self._node)
        except _OF_UNIT as error:
            raise ReadError(f"{type(error).__name__}: {error}") from error
        except _OF_DATABASE as error:
            if reader is not None and not _leaves_connection(error):
                if self._reader is reader:
                    self._reader = None
                _close(reader)
            raise ReadError(self.session.address.describe(error), suspect=True, silent=not self.opened) from error

    def look_into(self) -> str | None:
        try:
            self._ready()
        except _OF_DATABASE as error:
            return str(self._trouble(error))
        return None

    def close_reading(self) -> None:
        reader, self._reader = self._reader, None
        for each in (*self._retired, reader):
            if each is not None:
                _close(each)
        self._retired.clear()
