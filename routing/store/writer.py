"""The one thread that writes: it takes all that is queued, commits it as one, and tells the proxy's thread.

Each transaction costs the same whether it holds one unit or a thousand, so units that nobody waits for linger a
moment for company, and one that somebody waits for takes everything along. Waking up costs about as much as a row, and
who wakes somebody in the midst of a message is held up by them: where units come all the time, the thread looks at its
own pace and nobody wakes it; where they are rare, it sleeps until there is one.

A promise (`Store.commit`, `Store.claim`) is committed at the first try or refused: it does not wait for a database in
trouble.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence, Set
from typing import Final, NamedTuple

from routing.events import Event
from routing.rows import AuditRow, StandingAlarm, TokenRow, UserRow
from routing.storage import Forgotten
from routing.store.engine import Applied, Engine, Queued, TroubleError, UnitError
from routing.writes import OF_CALLBACKS, ForgetEvents, SavePolicy, Unit

LINGER: Final = 0.02
"""Seconds that a unit nobody waits for may wait for others."""

SPACING: Final = 0.03
"""Seconds between two commits while somebody waits for each: under load many share one."""

FLOW: Final = 4
"""Pauses of that length in a row that bring nothing; then units do not come all the time any more."""

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

FORGET_PAUSE: Final = 1.0
"""Seconds after which events that were delivered are forgotten where no commit comes that would do it along."""

CATCH_UP: Final = 10.0
"""Seconds between two pieces of what was put off when the database was opened, and before the first one. The next
commit waits for a piece."""

NOBODYS: Final = 0
"""Serial of a unit that nobody has put."""

LOOK: Final = 1.0
"""Seconds between two looks at how long the write-ahead log is."""

_DEAR: Final = OF_CALLBACKS | {SavePolicy, StandingAlarm, UserRow, TokenRow, AuditRow}


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

    def __init__(self, engine: Engine, hooks: Hooks, steady: Callable[[], float]) -> None:
        """`steady`: seconds of a clock that is never set."""
        self._steady = steady
        self._busy_since: float | None = None
        self._looked_at = -LOOK
        self._catch_up_at = steady() + CATCH_UP
        self.log_bytes = 0
        """How long the write-ahead log was a moment ago. Set by the thread, read by all."""
        self._engine = engine
        self._hooks = hooks
        self._queue: deque[Queued] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._stop = threading.Event()
        self._hurry = self._rests = False
        self._is_steady_flow = False
        """Whether something came within `SPACING` of a commit, and again and again since: it is likely to come soon."""
        self._suspects = False
        self._request: ForgetRequest | None = None
        self._stale: list[Unit] = []
        """Of what was committed last: units of which changes of tasks were refused."""
        self._delivered = self._forgotten = 0
        """Up to which seq events were delivered, and which of them were forgotten."""
        self._committed_at = 0.0
        self.failing = False
        """The database is in trouble. Set by the thread, read by all."""
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, queued: Queued, hurry: bool) -> list[Queued]:
        """Queue a unit; return those that had to go for it."""
        with self._lock:
            lost = self._make_room() if len(self._queue) >= QUEUE_MAX else []
            self._queue.append(queued)
            if not self._rests:
                size = len(self._queue)
                if size == 1 or size == BATCH_MAX or (hurry and not self._hurry):
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

    def look_into(self) -> None:
        """Have the engine look into what a reader met."""
        with self._wake:
            self._suspects = True
            self._wake.notify()

    def forget_events(self, upto: int) -> None:
        """Forget events that were delivered, with the next commit: nobody is woken for it. Any thread, one at a time.

        A crash before that has them delivered twice.
        """
        self._delivered = max(upto, self._delivered)

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
            self._engine.close()

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
            suspects, self._suspects = self._suspects, False
            why = self._engine.look_into() if suspects else None
            if why is not None:
                self._fail(why)
                self._write(self._refuse_promises(batch))
            elif batch:
                self._write(batch)
            elif self._stop.is_set():
                return
            request, self._request = self._request, None
            if request is not None and not self.failing:
                self._forget(request)
            if self._engine.is_behind and not self.failing and self._steady() >= self._catch_up_at:
                self._catch_up()
            self._look_at_log()
            if self._engine.shared and not self.failing:
                self._look_at_others()

    def _look_at_others(self) -> None:
        with contextlib.suppress(TroubleError):  # the next commit tells what is wrong
            if self._engine.others_wrote():
                self._hooks.changed()

    def _look_at_log(self) -> None:
        if self._steady() - self._looked_at >= LOOK:
            self._looked_at = self._steady()
            found = self._engine.log_bytes()
            self.log_bytes = self.log_bytes if found is None else found

    def _take(self) -> list[Queued]:
        if self._is_steady_flow:
            self._rest(FLOW)
        with self._lock:
            if not self._is_asked():
                self._is_steady_flow = False
                self._wake.wait_for(self._is_asked, self._idle_pause())
        if self._queue and not self._is_steady_flow:
            self._is_steady_flow = self._rest(1)
        with self._lock:
            if self._queue and not self._is_steady_flow:
                self._wake.wait_for(lambda: self._hurry or self._stop.is_set() or len(self._queue) >= BATCH_MAX, LINGER)
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), BATCH_MAX))]
            self._hurry = bool(self._queue)
        delivered = self._delivered
        if delivered > self._forgotten:
            self._forgotten = delivered
            batch.append(Queued(NOBODYS, Unit((ForgetEvents(delivered),))))
        return batch

    def _is_asked(self) -> bool:
        """Whether there is something to do."""
        return bool(self._queue or self._suspects or self._request or self._stop.is_set())

    def _idle_pause(self) -> float | None:
        """How long to wait for something to write until there is something else to look at; None: for ever."""
        if self._engine.shared:
            return SHARED_LOOK
        return LOOK if self._engine.is_behind else FORGET_PAUSE if self._engine.outbox_waits() else None

    def _rest(self, pauses: int) -> bool:
        """Let what comes after a commit gather, and nobody wake us for it: until there is something, so many pauses at
        the most. Whether there was time for one: not where it is `SPACING` since the commit already."""
        until = self._committed_at + SPACING
        if until <= time.monotonic():
            return False
        self._rests = True
        for _ in range(pauses):
            if len(self._queue) < BATCH_MAX:
                time.sleep(max(0.0, until - time.monotonic()))
            if self._is_asked():
                break
            until += SPACING
        self._rests = False
        return True

    def _forget(self, request: ForgetRequest) -> None:
        """Remove a slice, as a transaction of its own. It can wait: what is wrong with the database is told by what
        cannot, but for a file that is broken."""
        try:
            gone = self._engine.forget(request.before, request.rows)
        except TroubleError as error:
            if error.grave:
                self._fail(str(error))
                self._write([])
        else:
            request.told(gone)

    def _catch_up(self) -> None:
        try:
            self._engine.catch_up()
        except TroubleError as error:
            if error.grave:
                self._fail(str(error))
                self._write([])
        self._catch_up_at = self._steady() + CATCH_UP

    def _write(self, batch: list[Queued]) -> None:
        """Commit a batch (an empty one: heal the database), trying again until it lets us or we are to stop."""
        while True:
            try:
                done = self._commit(batch)
            except TroubleError as error:
                self._fail(str(error))
                batch = self._refuse_promises(batch)
                self._busy_since = None
                if self._stop.wait(RETRY):
                    return
                self._busy_since = self._steady()
                continue
            except UnitError as error:
                if len(batch) > 1:
                    for queued in batch:
                        self._write([queued])
                    return
                self._hooks.dropped(str(error))
                done = self._rescue(batch[0])
            self._succeed()
            self._committed_at = time.monotonic()
            self._hooks.committed(batch, done.events, done.refused)
            if done.stale:
                self._hooks.stale(done.stale)
            return

    def _commit(self, batch: list[Queued]) -> Applied:
        done = self._engine.apply(batch)
        for loss in done.losses:
            self._hooks.lost(loss)
        if done.anew:
            self._hooks.anew()
        if done.outbox_dropped:
            self._hooks.outbox_full(done.outbox_dropped)
        if done.outbox_drained:
            self._hooks.outbox_drained()
        return done

    def _rescue(self, bad: Queued) -> Applied:
        """Of a unit that cannot be written keep the call, where what it says of callbacks may be the reason."""
        if not bad.promise and bad.unit.of_callbacks:
            with contextlib.suppress(TroubleError, UnitError):
                return self._commit([bad._replace(unit=bad.unit.without_callbacks())])
        return Applied(refused=frozenset((bad.serial,)))

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
