"""The writer's connection: opening, and what to do when the file is not what it was.

- Gone (deleted while we run): what the open connection still holds is copied into a new file in its place, tried again
  until there is room for it.
- Another file in its place: that one is opened.
- Looks broken: nothing is given up before it was looked at again for a while (`salvage.examine`). What is broken is
  kept under a name with the time, and what can be read of it is in the new one.
- Tables that somebody removed are made anew.
- Of a later version: it is left alone.
A new database begins with the policy in force, and its outbox goes on counting where the old one was. What was lost is
an alarm that stands in the database until an operator takes it down.
"""

import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from routing.ids import floor7
from routing.storage import LOSS
from routing.store import salvage, schema

BUSY: Final = 0.2
"""Seconds that a write waits for another process before the database counts as locked."""

SHARED_BUSY: Final = 1.5
"""The same where other nodes write to it all the time."""

LOG_KEPT: Final = 64 * 1024 * 1024
"""Octets of the write-ahead log that are kept for use again after it has grown."""

DOUBT: Final = 5.0
"""Seconds for which a file that can be read must look broken whenever it is looked at, before it counts as broken."""

DISK_DOUBT: Final = 60.0
"""Seconds for which a disk may refuse to read a part of the file, before that part counts as lost."""

SOUND: Final = 3
"""Looks that may find a file sound that cannot be opened, before it counts as broken all the same."""

COUNTED: Final = 2 * 86_400.0
"""Seconds for which calls that ended are still counted (a day, in any time zone)."""

TEXT_MAX: Final = 4000
"""Signs of what is said of all losses together."""

_NOTHING: Final[dict[None, None]] = {}
sqlite3.register_adapter(type(None), _NOTHING.get)
"""None is None: sqlite3 looks for an adapter of each one that is written, and not finding one costs more than one that
is C and does nothing."""

_PASSING: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL})
"""Faults that leave the connection good."""


def is_odd(error: Exception) -> bool:
    """Whether a table or a column is not there."""
    return salvage.code_of(error) == sqlite3.SQLITE_ERROR


class Doubt(NamedTuple):
    """The file seems to be broken."""

    why: str
    since: float
    """Steady clock."""
    certain: bool = False
    """No disk that fails for a moment looks like that."""


class Owner(NamedTuple):
    """Whose database it is."""

    node: str
    shared: bool = False
    """Whether other nodes write to it too, each under a name of its own. Where none does, what a node of another name
    has left behind is this one's."""


class Database:
    """The one connection that writes. Used by one thread at a time; every method may raise sqlite3.Error, OSError, and
    UnicodeDecodeError where the file is broken.
    """

    def __init__(self, path: Path, owner: Owner, wall: Callable[[], float] = time.time,
                 steady: Callable[[], float] = time.monotonic, shares: bool = False) -> None:
        """`wall`: seconds since the epoch; `steady`: of a clock that is never set. `shares`: whether what it holds is
        shared with other nodes by another database."""
        self.path = path
        self._owner, self._shares = owner, shares
        self.epoch = 0
        """Which start of the node this is, as the database counts them; 0: not known yet."""
        self.opened = 0
        """Grows with every opening: whoever reads on a connection of an older number opens theirs anew."""
        self.anew = 0
        """Grows when another or an empty database, or one that lacked a table, is opened in the place of one that was
        open."""
        self.behind: list[str] = []
        """Indexes for lists that are not there yet. Set by the thread that writes, read by all."""
        self.seq = 0
        """The last seq given to an event."""
        self.first_seq = 1
        """The oldest event that may still be there."""
        self.policy: tuple[str, float, str] | None = None
        """The policy in force, when it was saved, and by whom: what a new database begins with."""
        self._wall, self._steady = wall, steady
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._full = self._orphan = False
        self._doubt: Doubt | None = None
        self._sound = 0
        """Looks in a row that found nothing though it cannot be opened."""
        self._loss = ""
        """What was lost and does not stand in the database yet."""
        self._losses: list[str] = []

    def ready(self, durable: bool = False) -> sqlite3.Connection:
        """Return a connection to the file that is at the path now, opened or healed as needs be.

        `durable`: the next commit must outlive a loss of power (synchronous=FULL).
        """
        if self._doubt is not None:
            self._look_again(self._doubt)
        if self._connection is not None and self._file != self._identify():
            self._orphan = self._identify() is None
            if self._orphan:
                self._copy_into_place(self._connection)
            self.drop()
        self._orphan = False
        if self._connection is None:
            self._open()
            self._sound = 0
        assert self._connection is not None
        if durable != self._full:
            self._connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._full = durable
        return self._connection

    def failed(self, error: Exception) -> str:
        """Do what an error calls for, so that a `ready` to come may succeed; return what to say of it."""
        text = f"{self.path}: {error}"
        if self._orphan:
            return f"{text}: the file is gone, and what it held cannot be written to a new one yet"
        if isinstance(error, schema.OddSchemaError):
            self._doubt = Doubt(str(error), self._steady(), certain=True)
        elif salvage.is_broken(error):
            if self._doubt is None:
                self._doubt = Doubt(str(error), self._steady(), certain=salvage.is_garbled(error))
            text += ": it is looked at again before anything is given up"
        if salvage.code_of(error) not in _PASSING:
            self.drop()
        return text

    def log_bytes(self) -> int:
        """Return how long the write-ahead log is."""
        try:
            return os.stat(f"{self.path}-wal").st_size
        except FileNotFoundError:
            return 0

    @property
    def node(self) -> str:
        """The node that writes to it."""
        return self._owner.node

    @property
    def shared(self) -> bool:
        """Whether other nodes write to it too."""
        return self._owner.shared

    def catch_up(self) -> None:
        """Make one of the indexes that are not there yet."""
        connection = self.ready()
        if self.behind:
            schema.catch_up(connection, self.behind[0])
            self.behind = self.behind[1:]

    def others_version(self) -> tuple[int, int]:
        """Return something that changes with each commit of another connection."""
        connection = self.ready()
        return self.opened, connection.execute("PRAGMA data_version").fetchone()[0]

    def take_losses(self) -> list[str]:
        """Return what was lost since this was asked the last time, in words; it stands in the database."""
        losses, self._losses = self._losses, []
        return losses

    def drop(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def close(self) -> None:
        """Close the connection for good, with everything in the one file, whoever else still reads it."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self.drop()

    def _identify(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    # A file that seems to be broken

    def _look_again(self, doubt: Doubt) -> None:
        """Find out whether it is, and heal it then. Raises while that is not certain."""
        self.drop()
        age = self._steady() - doubt.since
        try:
            verdict = salvage.Verdict(doubt.why) if doubt.certain else salvage.examine(self.path)
        except FileNotFoundError:
            self._doubt = None
            return
        except OSError as error:
            if age < DISK_DOUBT:
                raise
            verdict = salvage.Verdict(f"the disk does not read it ({error.strerror})")
        self._sound = self._sound + 1 if verdict.fault is None else 0
        if self._sound > SOUND:  # the check finds nothing, and yet it cannot be opened
            verdict = salvage.Verdict(doubt.why)
        if verdict.fault is not None:
            if not verdict.certain and age < DOUBT:
                raise sqlite3.DatabaseError(f"{verdict.fault}: it is looked at again before anything is given up")
            self._begin_anew(verdict.fault)
            self._sound = 0
        self._doubt = None

    def _begin_anew(self, fault: str) -> None:
        """Put a new database with what can be read of a broken one in its place."""
        fresh = Path(f"{self.path}.new")
        found = salvage.salvage(self.path, fresh)
        aside = Path(f"{self.path}.broken-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
        for companion in salvage.COMPANIONS:  # first: a log left behind would be replayed into the new one
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{self.path}{companion}", f"{aside}{companion}")
        try:
            os.link(self.path, aside)  # so that there is one at the path whenever we are killed
        except OSError:
            os.rename(self.path, aside)
        os.rename(fresh, self.path)
        self._lose(f"{self.path} was broken ({fault}) and is kept as {aside}; {salvage.describe(found)}")
        salvage.sync(self.path.parent)

    def _lose(self, text: str) -> None:
        when = datetime.fromtimestamp(self._wall(), UTC)
        self._loss = "; ".join(filter(None, (f"{when:%Y-%m-%d %H:%M:%S}Z {text}", self._loss)))

    # Opening

    def _open(self) -> None:
        there = self._identify() is not None
        with self._alone():
            self._open_file(there)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other nodes from opening the same file meanwhile: only one makes its tables."""
        if not self._owner.shared:
            yield
            return
        with Path(f"{self.path}.opening").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _open_file(self, there: bool) -> None:
        connection = sqlite3.connect(self.path, timeout=SHARED_BUSY if self._owner.shared else BUSY,
                                     isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA secure_delete=ON")  # what is removed is not left in the file
            connection.execute(f"PRAGMA journal_size_limit={LOG_KEPT}")
            emptied = there and not connection.execute(schema.ANY_TABLE).fetchall()
            schema.migrate(connection)
            if emptied:  # whoever made it did not leave it so
                self._lose(f"{self.path} was empty: nothing of it is left")
            gone = self._mend(connection) or emptied
            behind = schema.behind(connection)
            self._take_up(connection, gone or (self.opened > 0 and self._identify() != self._file))
        except sqlite3.OperationalError as error:
            self._unopen(connection, there)
            if is_odd(error):  # something that every statement of ours finds is not there
                raise schema.OddSchemaError(f"its tables are not as they were made: {error}") from error
            raise
        except BaseException:
            self._unopen(connection, there)
            raise
        found = self._identify()
        self.anew += self.opened > 0 and (found != self._file or gone)
        self._connection, self._file, self._full, self.behind = connection, found, False, behind
        self.opened += 1

    def _unopen(self, connection: sqlite3.Connection, there: bool) -> None:
        """Close what could not be opened. An empty file is not left behind: it would look like a truncated one."""
        connection.close()
        with contextlib.suppress(OSError):
            if not there and os.stat(self.path).st_size == 0:
                os.unlink(self.path)

    def _mend(self, connection: sqlite3.Connection) -> bool:
        """Make anew what was removed; whether that was a table."""
        if not schema.lacks(connection):
            return False
        connection.execute("BEGIN IMMEDIATE")
        try:
            gone = schema.mend(connection)
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        if gone:
            self._lose(f"{self.path} had no {', '.join(gone)} any more: made anew, empty")
        return bool(gone)

    def _take_up(self, connection: sqlite3.Connection, changed: bool) -> None:
        """Read where the outbox is, and give a new database what we know. `changed`: it is not the one that was open,
        or lacks what that had."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._begin_epoch(connection, self._begin_sharing(connection, changed or bool(self._loss)))
            self._take_up_events(connection)
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def _begin_sharing(self, connection: sqlite3.Connection, changed: bool) -> bool:
        """Have everything for sharing where the node shares. Else whether the file has been shared until now: then
        nothing of that is left in it, and what it holds of other nodes is this one's.
        """
        found = connection.execute(schema.SHARING).fetchone()
        if not self._shares:
            if found is not None:
                schema.end_sharing(connection)
            return found is not None
        if found is None:
            connection.execute(schema.BEGIN_SHARING, (self._wall(),))
        elif changed:
            connection.execute(schema.FORGET_MARK)  # all is copied anew, what is lost among it
        connection.execute(schema.LINES_ARE_TAKEN_ONCE)
        # No serial is given twice, whatever file comes in the place of which.
        schema.raise_sequence(connection, "to_share", int(self._wall() * 1e6))
        return False

    def _begin_epoch(self, connection: sqlite3.Connection, adopts: bool) -> None:
        """Count this start of the node, unless it is counted; take over what is nobody's. `adopts`: what is others',
        too."""
        node, now = self._owner.node, self._wall()
        alone = not connection.execute(schema.OTHER_NODES, (node,)).fetchone()
        known = not alone or connection.execute(schema.THIS_NODE, (node,)).fetchone()
        nobodys = connection.execute(schema.NOBODYS).fetchone() is not None
        if adopts or not known or not (self._owner.shared or (alone and not nobodys)):
            for statement in schema.ADOPT_OWN if self._shares else schema.ADOPT:
                connection.execute(statement, {"node": node, "first": floor7(now - COUNTED)})
        begins = self.epoch == 0
        (self.epoch,) = connection.execute(
            schema.BEGIN_EPOCH, (node, self.epoch or 1, now, int(begins))).fetchone()

    def _take_up_events(self, connection: sqlite3.Connection) -> None:
        first, last = connection.execute(schema.EVENT_RANGE, (self._owner.node,)).fetchone()
        if last is None and self.seq:
            connection.execute(schema.START_EVENTS_AT, (self.seq,))
        elif self.seq > (last or 0):
            schema.raise_sequence(connection, "outbox", self.seq)
        self.seq = max(last or 0, self.seq)
        self.first_seq = first or self.seq + 1
        newest = connection.execute(schema.POLICIES, (1,)).fetchone()
        if newest is not None:
            self.policy = newest[2], newest[1], newest[3]
        elif self.policy is not None:
            connection.execute(schema.PUT_POLICY, (self.policy[1], self.policy[0], self.policy[2]))
        if self._loss:
            self._stand(connection)

    def _stand(self, connection: sqlite3.Connection) -> None:
        """Write down what was lost, beside what was lost before."""
        before = [text for name, text, _ in connection.execute(schema.ALARMS) if name == LOSS]
        text = "; before that: ".join((self._loss, *before))[:TEXT_MAX]
        connection.execute(schema.PUT_ALARM, (LOSS, text, self._wall()))
        self._loss = ""
        self._losses.append(text)

    def _copy_into_place(self, connection: sqlite3.Connection) -> None:
        """Write what a deleted file held to a new one. Where that fails the connection is all that holds it."""
        fresh = f"{self.path}.new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh)
        try:
            with contextlib.closing(sqlite3.connect(fresh)) as copy:
                connection.backup(copy)
        except sqlite3.Error:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(fresh)
            raise
        self.drop()
        for companion in salvage.COMPANIONS:  # a log left behind would be replayed into the copy
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self.path}{companion}")
        os.rename(fresh, self.path)
        self._file = self._identify()
