"""The one thread that writes: it takes all that is queued, commits it as one, and tells the proxy's thread.

Each transaction costs the same whether it holds one unit or a thousand, so units that nobody waits for linger a
moment for company, and one that somebody waits for takes everything along.

A promise (`Store.commit`, `Store.claim`) is committed at the first try or refused: it does not wait for a database in
trouble.
"""

import contextlib
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence, Set
from typing import Final, NamedTuple

from routing.events import Event
from routing.rows import AttemptRow, StandingAlarm
from routing.storage import Forgotten
from routing.store import schema
from routing.store.batch import Batch, StaleError, Stamp, claim
from routing.store.database import Database, is_odd
from routing.store.retention import Retention
from routing.store.salvage import is_broken
from routing.writes import OF_CALLBACKS, ChangeTask, SavePolicy, Unit

LINGER: Final = 0.02
"""Seconds that a unit nobody waits for may wait for others."""

SPACING: Final = 0.03
"""Seconds between two commits while somebody waits for each: under load many share one."""

BATCH_MAX: Final = 1000
"""Units in one transaction."""

QUEUE_MAX: Final = 20_000
"""Units that wait while the database is in trouble; then the oldest go, but for what promises and policies say, which
goes last. About 40 MB."""

CROWD: Final = 100
"""Part of the queue that goes at once when it is full: whom to spare is not looked for with each unit."""

RETRY: Final = 0.5
"""Seconds between two tries while the database is in trouble."""

CLOSE_PATIENCE: Final = 10.0
"""Seconds that the end waits for a disk that hangs."""

SHARED_LOOK: Final = 0.5
"""Seconds between two looks at whether another node has written something, where the database is shared."""

LOOK: Final = 1.0
"""Seconds between two looks at how long the write-ahead log is."""

OUTBOX_MAX: Final = 1_000_000
"""Events that wait for the broker; then the oldest go. About 400 MB."""

_BAD_UNIT: Final = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, OverflowError, TypeError,
                    ValueError)
"""Errors of what was to be written, not of the database: trying again would never help. UnicodeError is one of them."""


_BAD_DATABASE: Final = (sqlite3.Error, OSError, UnicodeDecodeError)


def _is_of_unit(error: Exception) -> bool:
    """Whether it was what was to be written: text that is none can only have been read."""
    return isinstance(error, _BAD_UNIT) and not isinstance(error, UnicodeDecodeError)


class Queued(NamedTuple):
    """A unit on its way."""

    serial: int
    unit: Unit
    promise: bool = False
    """Whoever queued it must know whether it was committed."""
    claim: AttemptRow | None = None
    """An attempt to begin with it; only a promise has one."""


_DEAR: Final = OF_CALLBACKS | {SavePolicy, StandingAlarm}


def _dear(queued: Queued) -> bool:
    """Whether losing it would break a promise. Who asked for one that is not given yet is told no."""
    return not queued.promise and any(type(write) in _DEAR for write in queued.unit.writes)


class Hooks(NamedTuple):
    """What the writer tells; called in its own thread."""

    committed: Callable[[Sequence[Queued], Sequence[Event], frozenset[int]], None]
    """These units are done but for the serials that were refused; the events carry their seq."""
    stale: Callable[[Sequence[Unit]], None]
    """Of these units changes of tasks were refused, because somebody else had changed them; told after the commit."""
    changed: Callable[[], None]
    """Another node has written something."""
    withdrawn: Callable[[Sequence[Queued]], None]
    """These promises are refused: the database is in trouble."""
    anew: Callable[[], None]
    """Another or an empty database is in the place of the one that was open, or a table of it is empty."""
    lost: Callable[[str], None]
    """Something that was in the database is lost; the words stand in the database as an alarm."""
    trouble: Callable[[str], None]
    """The database cannot be written; said once."""
    healed: Callable[[], None]
    dropped: Callable[[str], None]
    """A unit could not be written whatever the database: a fault of ours."""
    outbox_full: Callable[[int], None]
    """So many of the oldest events were dropped."""
    outbox_drained: Callable[[], None]


class ForgetRequest(NamedTuple):
    """A slice of history to remove."""

    before: float
    rows: int
    told: Callable[[Forgotten], None]
    """Called in the writer's thread."""


class Writer:
    """Owns the thread and the queue."""

    def __init__(self, database: Database, outbox: bool, hooks: Hooks, steady: Callable[[], float]) -> None:
        """`steady`: seconds of a clock that is never set."""
        self._steady = steady
        self._busy_since: float | None = None
        self._looked_at = -LOOK
        self.log_bytes = 0
        """How long the write-ahead log was a moment ago. Set by the thread, read by all."""
        self._database = database
        self._outbox = outbox
        self._hooks = hooks
        self._queue: deque[Queued] = deque()
        self._wake = threading.Condition(threading.Lock())
        self._stop = threading.Event()
        self._hurry = self._resting = False
        self._suspect: tuple[Exception, int] | None = None
        self._request: ForgetRequest | None = None
        self._retention = Retention()
        self._anew = 0
        self._others: tuple[int, int] | None = None
        """What the database was like when others were looked at."""
        self._stale: list[Unit] = []
        """Of what was committed last: units of which changes of tasks were refused."""
        self._overfull = False
        self._committed_at = 0.0
        self.failing = False
        """The database is in trouble. Set by the thread, read by all."""
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, queued: Queued, hurry: bool) -> list[Queued]:
        """Queue a unit; return those that had to go for it."""
        with self._wake:
            lost = self._make_room() if len(self._queue) >= QUEUE_MAX else []
            self._queue.append(queued)
            size = len(self._queue)
            if size == BATCH_MAX or (not self._resting and (size == 1 or (hurry and not self._hurry))):
                self._wake.notify()
            self._hurry = self._hurry or hurry
        return lost

    def _make_room(self) -> list[Queued]:
        """Take the oldest ones out of the full queue that cost no promise; where there are none, the oldest."""
        queue, kept, lost = self._queue, list[Queued](), list[Queued]()
        while queue and len(lost) < max(1, QUEUE_MAX // CROWD):
            queued = queue.popleft()
            (kept if _dear(queued) else lost).append(queued)
        queue.extendleft(reversed(kept))
        return lost or [queue.popleft()]

    def __len__(self) -> int:
        """Return how many units wait. Any thread."""
        return len(self._queue)

    def withdraw(self, serials: Set[int]) -> None:
        """Forget these units, as far as they are not being written already."""
        self._remove(lambda queued: queued.serial in serials)

    def suspect(self, error: Exception, opened: int) -> None:
        """Tell what a reader met in the file that was the database's opening number `opened`."""
        with self._wake:
            self._suspect = error, opened
            self._wake.notify()

    def forget(self, request: ForgetRequest) -> None:
        """Remove a slice of history after what is being written; in place of one that waits."""
        with self._wake:
            self._request = request
            self._wake.notify()

    def close(self) -> None:
        """Write what is queued, as far as the database lets us, and end the thread."""
        self._stop.set()
        with self._wake:
            self._wake.notify()
        while self._thread.is_alive() and self.busy_for() < CLOSE_PATIENCE:
            self._thread.join(LOOK)
        if not self._thread.is_alive():
            self._database.close()

    def busy_for(self) -> float:
        """Return for how long the database has been at work on one thing, in seconds; 0 where it is not. Any thread.

        A disk that hangs is seen by this only: the thread that waits for it can say nothing.
        """
        since = self._busy_since
        return 0.0 if since is None else self._steady() - since

    def _run(self) -> None:
        while True:
            self._busy_since = None
            batch = self._take()
            self._busy_since = self._steady()
            suspect, self._suspect = self._suspect, None
            if suspect is not None and suspect[1] == self._database.opened:  # else it is out of the way already
                self._say(suspect[0])
                self._write(self._refuse_promises(batch))
            elif batch:
                self._write(batch)
            elif self._stop.is_set():
                return
            request, self._request = self._request, None
            if request is not None and not self.failing:
                self._forget(request)
            self._look_at_log()
            if self._database.shared and not self.failing:
                self._look_at_others()

    def _look_at_others(self) -> None:
        with contextlib.suppress(*_BAD_DATABASE):  # the next commit tells what is wrong
            version = self._database.others_version()
            if version != self._others:
                self._others = version
                self._hooks.changed()

    def _look_at_log(self) -> None:
        if self._steady() - self._looked_at >= LOOK:
            self._looked_at = self._steady()
            with contextlib.suppress(OSError):
                self.log_bytes = self._database.log_bytes()

    def _take(self) -> list[Queued]:
        with self._wake:
            self._rest()
            if not self._queue:
                self._wake.wait_for(lambda: self._queue or self._suspect or self._request or self._stop.is_set(),
                                    SHARED_LOOK if self._database.shared else None)
                self._wake.wait_for(lambda: self._hurry or self._full(), LINGER)
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), BATCH_MAX))]
            self._hurry = bool(self._queue)
        return batch

    def _rest(self) -> None:
        """Let what comes after a commit gather: nobody wakes us for it, and most of it finds us at it."""
        pause = self._committed_at + SPACING - time.monotonic()
        if pause > 0:
            self._resting = True
            self._wake.wait_for(self._full, pause)
            self._resting = False

    def _full(self) -> bool:
        return self._stop.is_set() or len(self._queue) >= BATCH_MAX

    def _forget(self, request: ForgetRequest) -> None:
        """Remove a slice, as a transaction of its own. It can wait: what is wrong with the database is told by what
        cannot, but for a file that is broken."""
        try:
            gone = self._retention.slice(self._database.ready(), request.before, request.rows)
        except _BAD_DATABASE as error:
            if is_broken(error) or is_odd(error):
                self._say(error)
                self._write([])
            else:
                self._database.failed(error)
        else:
            request.told(gone)

    def _write(self, batch: list[Queued]) -> None:
        """Commit a batch (an empty one: heal the database), trying again until it lets us or we are to stop."""
        while True:
            try:
                events, refused = self._commit(batch)
            except (*_BAD_UNIT, *_BAD_DATABASE) as error:
                if not _is_of_unit(error):
                    self._say(error)
                    batch = self._refuse_promises(batch)
                    self._busy_since = None
                    if self._stop.wait(RETRY):
                        return
                    self._busy_since = self._steady()
                    continue
                if len(batch) > 1:
                    for queued in batch:
                        self._write([queued])
                    return
                self._hooks.dropped(f"{type(error).__name__}: {error}")
                events, refused = self._rescue(batch[0])
            self._succeed()
            self._committed_at = time.monotonic()
            self._hooks.committed(batch, events, refused)
            stale, self._stale = self._stale, []
            if stale:
                self._hooks.stale(stale)
            return

    def _rescue(self, bad: Queued) -> tuple[list[Event], frozenset[int]]:
        """Of a unit that cannot be written keep the call, where what it says of callbacks may be the reason."""
        if not bad.promise and bad.unit.of_callbacks:
            with contextlib.suppress(*_BAD_DATABASE, *_BAD_UNIT):
                return self._commit([bad._replace(unit=bad.unit.without_callbacks())])
        return [], frozenset((bad.serial,))

    def _say(self, error: Exception) -> None:
        """After an error of the database: do what it calls for, and say so."""
        self._fail(self._database.failed(error))

    def _refuse_promises(self, batch: list[Queued]) -> list[Queued]:
        """Let nobody wait for a database in trouble; return what is left of the batch."""
        promises = [queued for queued in batch if queued.promise] + self._remove(lambda queued: queued.promise)
        if promises:
            self._hooks.withdrawn(promises)
        return [queued for queued in batch if not queued.promise]

    def _remove(self, chosen: Callable[[Queued], bool]) -> list[Queued]:
        """Take some out of the queue."""
        with self._wake:
            found = [queued for queued in self._queue if chosen(queued)]
            if found:
                kept = [queued for queued in self._queue if not chosen(queued)]
                self._queue.clear()
                self._queue.extend(kept)
        return found

    def _fail(self, why: str) -> None:
        if not self.failing:
            self.failing = True
            self._hooks.trouble(why)

    def _succeed(self) -> None:
        if self.failing:
            self.failing = False
            self._hooks.healed()

    def _commit(self, batch: list[Queued]) -> tuple[list[Event], frozenset[int]]:
        connection = self._database.ready(any(queued.unit.durable or queued.promise for queued in batch))
        for loss in self._database.take_losses():
            self._hooks.lost(loss)
        if self._anew != self._database.anew:
            self._anew = self._database.anew
            self._hooks.anew()
        stale: frozenset[str] = frozenset()
        while True:
            gathered = Batch(Stamp(self._database.node, self._database.epoch), self._outbox)
            connection.execute("BEGIN IMMEDIATE")
            first_seq = self._database.first_seq
            try:
                refused = self._apply(connection, batch, gathered, stale)
                self._tidy_outbox(connection, gathered.published, gathered.seq or self._database.seq)
                connection.execute("COMMIT")
            except StaleError as found:
                connection.execute("ROLLBACK")
                stale |= found.tasks
                continue
            except BaseException:
                self._database.first_seq = first_seq
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
            break
        self._database.seq = gathered.seq or self._database.seq
        self._stale = [queued.unit for queued in batch if stale and not stale.isdisjoint(
            change.task.id for change in queued.unit.of(ChangeTask))]
        for queued in batch:
            for policy in queued.unit.of(SavePolicy):
                self._database.policy = policy.text, policy.saved_at
        return gathered.events, refused

    @staticmethod
    def _apply(connection: sqlite3.Connection, batch: list[Queued], gathered: Batch,
               stale: frozenset[str]) -> frozenset[int]:
        """Write a batch but for changes of tasks that are stale; return the serials of promises that were refused."""
        refused: set[int] = set()
        for queued in batch:
            unit = queued.unit.standing(stale) if stale else queued.unit
            if queued.promise and unit is not queued.unit:
                refused.add(queued.serial)
                continue
            if queued.claim is not None:
                gathered.write(connection)  # a claim sees all that was queued before it
                if not claim(connection, gathered.stamped(queued.claim)):
                    refused.add(queued.serial)
                    continue
            gathered.add(unit)
        gathered.write(connection)
        return frozenset(refused)

    def _tidy_outbox(self, connection: sqlite3.Connection, published: int, last: int) -> None:
        """Forget what was delivered, and the oldest where too much waits."""
        database = self._database
        if published >= database.first_seq:
            connection.execute(schema.DROP_EVENTS, (published, database.node))
            database.first_seq = published + 1
            if self._overfull and last - published < OUTBOX_MAX // 2:
                self._overfull = False
                self._hooks.outbox_drained()
        if self._outbox and last - database.first_seq >= OUTBOX_MAX:
            upto = last - OUTBOX_MAX + OUTBOX_MAX // 100  # a little more, so that not every commit has to
            connection.execute(schema.DROP_EVENTS, (upto, database.node))
            dropped, database.first_seq = upto - database.first_seq + 1, upto + 1
            self._overfull = True
            self._hooks.outbox_full(dropped)
