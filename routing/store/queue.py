"""The store: a queue over an engine. What was put lies over what is read until it is committed, whoever waits is told
once, and nobody waits for a database in trouble. Lives in the proxy's thread; its writer is the one thread that writes.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from routing.duty import Fence
from routing.events import Event
from routing.hub import Committed
from routing.rows import AttemptRow, PauseRow, PolicyVersion, Record, StandingAlarm
from routing.storage import (
    ANYTHING_CHANGED,
    LOSS,
    Caps,
    ChangedRows,
    ChangeListener,
    Fault,
    FaultListener,
    Forgotten,
    RowListener,
    StoreError,
)
from routing.store.engine import Engine, Queued, ReadError, TroubleError
from routing.store.overlay import DirectReads, Overlay
from routing.store.queries import NodeQuery, Parameters, Query
from routing.store.reads import CallbackReads, CallReads, TicketReads
from routing.store.writer import ForgetRequest, Hooks, Writer
from routing.writes import EMPTY_UNIT, RemoveRecord, SavePolicy, Unit, Write

CALM: Final = 3.0
"""Seconds for which a database must have been well before the alarm goes down: a lock that comes and goes is one."""

HANG: Final = 2.0
"""Seconds that the database may take for one thing before the disk counts as one that hangs."""

Done = Callable[[], None]
Told = Callable[[bool], None]


class StoreQueue:
    """`storage.Store` over an engine. Never raises on opening: a database in trouble heals behind us."""

    def __init__(self, engine: Engine, post: Callable[[Done], object], clock: Callable[[], float], node: str,
                 events: Committed, steady: Callable[[], float] = time.monotonic) -> None:
        """`post` runs a function in the proxy's thread, from any thread; `clock` gives seconds since the epoch,
        `steady` seconds of a clock that is never set. `events` hears, in the proxy's thread, what was committed.
        """
        self._alarms: FaultListener | None = None
        self._holder: RowListener | None = None
        self._followers: list[ChangeListener] = []
        self._post, self._clock, self._node = post, clock, node
        self._events = events
        self._steady = steady
        self._engine = engine
        self._overlay = Overlay()
        self.direct = DirectReads(self._ask, self._overlay)
        self.calls = CallReads(self._ask, node)
        self.callbacks = CallbackReads(self._ask, node)
        self.tickets = TicketReads(self._ask, node)
        self._waiting: dict[int, Done] = {}
        self._settling: dict[int, Done] = {}
        """Who waits for what was put before, however long that takes while the store is well."""
        self._promised: dict[int, Told] = {}
        self._serial = self._released = self._lost = 0
        self._read_fault = self._write_fault = self._hangs = self._log_grown = False
        self._well_since: float | None = None
        """Since when all is well though the alarm is still up."""
        self._policy: str | None = None
        self._saving = 0
        """Policies that were put here and are not committed yet: newer than any of another node that is read."""
        self._held: list[tuple[Queued, bool]] | None = None
        """What is put together, until all of it is there."""
        self._writer = Writer(engine, Hooks(
            committed=lambda batch, events, refused: self._tell(partial(self._committed, batch, events, refused)),
            stale=lambda units: self._tell(partial(self._stale, units)),
            changed=lambda: self.tell_changed(ANYTHING_CHANGED),
            withdrawn=lambda promises: self._tell(partial(self._settle, promises, None)),
            anew=lambda: self._tell(self._anew),
            lost=lambda text: self._tell(partial(self._lose, text)),
            trouble=lambda why: self._tell(partial(self._trouble, why)),
            healed=lambda: self._tell(self._healed),
            dropped=lambda why: self._tell(partial(self._fault, "database_unit", f"not written: {why}")),
            outbox_full=lambda count: self._tell(
                partial(self._fault, "outbox", f"nobody takes the events: the oldest {count} were dropped")),
            outbox_drained=lambda: self._tell(partial(self._fault, "outbox", None)),
        ), steady)
        try:
            engine.open()
        except TroubleError as error:
            self._writer.failing = True
            self._tell(partial(self._trouble, str(error)))
            self.put(Unit())  # its commit says that all is well again
        self._writer.start()

    @property
    def well(self) -> bool:
        return self._engine.opened and not (self._refusing or self._read_fault)

    @property
    def _refusing(self) -> bool:
        """Whether nobody is to wait for a commit."""
        return self._writer.failing or self._hangs

    # Reading

    def _ask(self, query: Query, parameters: Parameters) -> list[Any]:
        try:
            rows = self._engine.read(query, parameters)
        except ReadError as error:
            if not error.silent:
                self._read_failed(error)
            raise
        if self._read_fault:
            self._read_fault = False
            self._clear()
        return rows

    def _read_failed(self, error: ReadError) -> None:
        if error.suspect:
            self._writer.look_into()
        if not self._read_fault:
            self._read_fault = True
            self._raise(f"{self._engine.name}: {error}")

    def standing(self) -> list[StandingAlarm]:
        return self._ask(NodeQuery.ALARMS, ())

    def pauses(self) -> list[PauseRow]:
        return self._ask(NodeQuery.PAUSES, ())

    def events_after(self, seq: int, limit: int) -> list[Event]:
        return self._ask(NodeQuery.EVENTS, (self._node, seq, limit))

    def load_policy(self) -> str | None:
        if self._policy is None:
            newest = self.policy_history(1)
            self._policy = newest[0].text if newest else None
        return self._policy

    def policy_history(self, limit: int) -> list[PolicyVersion]:
        return self._ask(NodeQuery.POLICIES, (limit,))

    # Writing

    def put(self, unit: Unit, done: Done | None = None) -> None:
        self._serial = serial = self._serial + 1
        self._overlay.cover(serial, unit)
        wait = done is not None and not self._refusing
        if wait and done is not None:
            self._waiting[serial] = done
        self._queue(Queued(serial, unit), wait)
        if done is not None and not wait:
            done()

    def settled(self, done: Done) -> None:
        if self._refusing:
            done()
            return
        self._serial = serial = self._serial + 1
        self._settling[serial] = done
        self._queue(Queued(serial, EMPTY_UNIT), True)  # units are committed in their order: after all that was put

    def commit(self, unit: Unit, done: Told) -> None:
        self._promise(Queued(0, unit, True), done)

    def claim(self, attempt: AttemptRow, unit: Unit, done: Told, caps: Caps | None = None,
              fence: Fence | None = None) -> None:
        self._promise(Queued(0, unit, True, attempt, caps, fence), done)

    def _promise(self, queued: Queued, done: Told) -> None:
        unit = queued.unit
        assert not unit.of(Record), "what may be refused must not lie over what is read"
        assert not unit.of(RemoveRecord)
        if self._refusing:
            done(False)
            return
        self._serial = serial = self._serial + 1
        self._promised[serial] = done
        self._queue(queued._replace(serial=serial), True)

    def take(self, unit: Unit, done: Told) -> None:
        """Queue what comes from the shared database. `done` as for `commit`, but a loss of power may lose it: what was
        answered False, or is lost so, is read there again."""
        if self._refusing:
            done(False)
            return
        self._serial = serial = self._serial + 1
        self._promised[serial] = done
        self._queue(Queued(serial, unit), False)

    def commit_shared(self, unit: Unit, done: Told) -> None:
        """Commit a unit, as `commit` does, that stands in the shared database already: it is not shared again."""
        self._promise(Queued(0, unit, True, shared=True), done)

    @contextlib.contextmanager
    def together(self, more: list[Write]) -> Iterator[None]:
        assert self._held is None, "what belongs together is put in one go"
        held: list[tuple[Queued, bool]] = []
        self._held = held
        try:
            yield
        finally:
            self._held = None
            last = next((at for at in reversed(range(len(held))) if not held[at][0].promise), None)
            if more and last is not None:
                queued, hurry = held[last]
                held[last] = queued._replace(unit=queued.unit.joined(Unit(tuple(more)))), hurry
            for queued, hurry in held:
                self._queue(queued, hurry)
            if more and last is None:
                self.put(Unit(tuple(more)))

    def _queue(self, queued: Queued, hurry: bool) -> None:
        if self._held is not None:
            self._held.append((queued, hurry))
            return
        lost = self._writer.put(queued, hurry)
        if not lost:
            return
        self._uncover(lost)
        if not self._lost:
            self._fault("database_queue", "too much waits for the database: the oldest facts are dropped")
        self._lost += len(lost)
        self._settle(lost, None)

    def release(self) -> None:
        """Answer who waits. Also looks how long the writer has been at one thing: where a disk hangs it cannot say."""
        self._watch()
        late = {serial for serial in self._promised if serial <= self._released}
        if late:
            self._writer.withdraw(late)
        told = [partial(self._promised.pop(serial), False) for serial in sorted(late)]
        slow = [serial for serial in self._waiting if serial <= self._released]
        self._run_all([*told, *(self._waiting.pop(serial) for serial in slow)])
        self._released = self._serial

    def forget(self, before: float, rows: int, told: Callable[[Forgotten], None]) -> None:
        self._writer.forget(ForgetRequest(before, rows, lambda gone: self._tell(partial(told, gone))))

    def delete_events_upto(self, seq: int) -> None:
        self._writer.forget_events(seq)

    def save_policy(self, text: str, now: float, done: Done | None = None, by: str = "") -> None:
        self._policy = text
        self._saving += 1
        self.put(Unit((SavePolicy(text, now, by),), durable=True), partial(self._saved, done))

    def _saved(self, done: Done | None) -> None:
        self._saving -= 1
        if done is not None:
            done()

    @property
    def log_bytes(self) -> int:
        """How long the write-ahead log is, in octets."""
        return self._writer.log_bytes

    def backlog(self) -> tuple[int, int]:
        """Return how many units wait for the database, and how many events in it for the broker. Cheap."""
        return len(self._writer), self._engine.outbox_waits()

    def close(self) -> None:
        self._engine.close_reading()  # first: the one that writes is the last, whose leaving empties the log
        self._writer.close()

    # Told by the writer

    def _tell(self, notice: Done) -> None:
        try:
            self._post(notice)
        except RuntimeError:
            return  # the proxy's loop is closed: nobody is left to be told

    def _committed(self, batch: Sequence[Queued], events: Sequence[Event], refused: frozenset[int]) -> None:
        self._uncover(batch)
        if events:
            self._events.on_committed(events)
        self._settle(batch, refused)

    def _settle(self, batch: Sequence[Queued], refused: frozenset[int] | None) -> None:
        """Tell those who wait for these units; `refused` None: all of them are."""
        told = [partial(self._promised.pop(queued.serial), refused is not None and queued.serial not in refused)
                for queued in batch if queued.serial in self._promised]
        self._run_all([*told, *self._take_waiting(queued.serial for queued in batch)])

    def _uncover(self, batch: Iterable[Queued]) -> None:
        for serial, unit, *_ in batch:
            self._overlay.uncover(serial, unit)

    def _take_waiting(self, serials: Iterable[int]) -> list[Done]:
        return [waiting.pop(serial) for serial in serials for waiting in (self._waiting, self._settling)
                if serial in waiting]

    def _let_all_go(self) -> None:
        self._run_all(self._take_waiting(sorted((*self._waiting, *self._settling))))

    def _run_all(self, waiting: Sequence[Done]) -> None:
        for index, done in enumerate(waiting):
            try:
                done()
            except Exception:
                for other in waiting[index + 1:]:
                    self._tell(other)
                raise

    def _trouble(self, why: str) -> None:
        self._write_fault = True
        self._raise(why)
        self._let_all_go()

    def _watch(self) -> None:
        """Raise and clear the alarms that are told by time alone."""
        hangs = not self._writer.failing and self._writer.busy_for() > HANG
        if hangs and not self._hangs:
            self._hangs = True
            self._raise(f"{self._engine.name}: a write has taken more than {HANG:g} s: the disk hangs")
            self._let_all_go()
        elif not hangs and self._hangs:
            self._hangs = False
            self._clear()
        if self._well_since is not None and self._steady() - self._well_since >= CALM:
            self._well_since = None
            self._fault("database", None)
        log, engine = self._writer.log_bytes, self._engine
        if (log > engine.log_most and not self._log_grown) or (log <= engine.log_kept and self._log_grown):
            self._log_grown = not self._log_grown
            self._fault("database_log", f"{self._engine.name}-wal has {log >> 20} MiB and grows: another program "
                        "reads in a transaction that does not end" if self._log_grown else None)

    def _lose(self, text: str) -> None:
        self._fault(LOSS, None)  # one that is up says less
        self._fault(LOSS, text)

    def _healed(self) -> None:
        self._write_fault = False
        if self._read_fault:
            with contextlib.suppress(StoreError):
                self._ask(NodeQuery.POLICIES, (1,))  # clears the alarm where it succeeds
        else:
            self._clear()
        if self._lost:
            self._lost = 0
            self._fault("database_queue", None)

    def _clear(self) -> None:
        if self._read_fault or self._write_fault or self._hangs:
            return
        self._well_since = self._steady()
        if CALM <= 0:
            self._watch()

    def _raise(self, why: str) -> None:
        """Say that something is wrong, if nothing was until now. An alarm that is still up stays up."""
        self._well_since = None
        self._fault("database", why)

    def _fault(self, alarm: str, text: str | None) -> None:
        if self._alarms is not None:
            self._alarms.on_fault(Fault(alarm, text, self._clock()))

    # Who is told

    def tell_faults_to(self, listener: FaultListener) -> None:
        self._alarms = listener

    def tell_rows_to(self, listener: RowListener) -> None:
        self._holder = listener

    def tell_changes_to(self, listener: ChangeListener) -> None:
        self._followers.append(listener)

    def tell_changed(self, changed: ChangedRows) -> None:
        """Tell who follows what other nodes have changed, once what is read here shows it. Any thread."""
        self._tell(partial(self._changed, changed))

    def _anew(self) -> None:
        if self._holder is not None:
            self._holder.on_anew()

    def _stale(self, units: Sequence[Unit]) -> None:
        if self._holder is not None:
            self._holder.on_stale(units)

    def _changed(self, changed: ChangedRows) -> None:
        if "policy" in changed.tables and not self._saving:
            self._policy = None
        for follower in self._followers:
            follower.on_changed(changed)
