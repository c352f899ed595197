"""The thread that writes to the shared database: what was committed here, in order, and claims after it.

What is told is numbered (`Shared`), and the shared database keeps the number with it: a process that ends between the
two commits tells nothing twice. A claim is asked for with all that was committed here before it, as one transaction,
and never waits for a database in trouble.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol

from routing.rows import AttemptRow, TaskRow
from routing.storage import StoreError
from routing.store.engine import Applied, Queued, ReadError, TroubleError, UnitError
from routing.store.queries import CallbackQuery, Parameters, Query
from routing.store.unshared import Waiting
from routing.writes import ChangeTask, Shared, TakeAway, TakeRow, Unit, Write

PACE: Final = 0.1
"""Seconds between two transactions that nobody waits for."""

PRUNE: Final = 60.0
"""Seconds between two times that what is too old is removed from the log of changes."""

BATCH: Final = 500
"""Units in one transaction."""

RETRY: Final = 0.5
"""Seconds between two tries while the shared database is in trouble."""

LAST_WORD: Final = 1.0
"""Seconds that the end waits for what is not shared yet: whoever takes over waits with it. What remains is shared after
the next start."""


class SharedDatabase(Protocol):
    """The database that all nodes share, for one thread. Everything raises TroubleError, where nothing else is said."""

    def apply(self, batch: Sequence[Queued]) -> Applied:
        """As `engine.Engine.apply`."""

    def read(self, query: Query, parameters: Parameters) -> list[Any]:
        """As `engine.Engine.read`: raises ReadError."""

    @property
    def slot(self) -> int | None:
        """Which numbers this node gives to tickets; None: not connected yet, or there are too many nodes."""

    def shared_upto(self) -> int:
        """Return up to which serial this node's units are there."""

    def prune_changes(self) -> int:
        """Remove some of the log of changes that nobody reads any more."""

    def close(self) -> None:
        """Give back everything. Raises nothing."""


class UnsharedUnits(Protocol):
    """What was committed here and is to be shared, for one thread."""

    def read(self, after: int, limit: int) -> Sequence[Waiting]:
        """Return units in order, from the first one behind a serial. Raises StoreError."""

    def close(self) -> None:
        """Give back everything."""


class Claim(NamedTuple):
    """What somebody wants to begin."""

    queued: Queued
    """The attempt, and all that goes with it."""
    attempt: AttemptRow
    number: int
    """Which one of the store's it is."""


class Pushed(NamedTuple):
    """What came of one transaction in the shared database."""

    upto: int
    """All units up to this serial are there; 0: nothing new is known."""
    won: tuple[Claim, ...] = ()
    lost: tuple[Claim, ...] = ()
    stale: tuple[Unit, ...] = ()
    """Units of which changes of tasks were refused there."""
    rows: tuple[Write, ...] = ()
    """What is there in place of what was refused: to be taken before anybody is told so."""
    anew: bool = False
    """Whether another or an older database is in the place of the one that was open."""


class PushHooks(NamedTuple):
    """What the thread tells; called in it."""

    pushed: Callable[[Pushed], None]
    """What came of a transaction."""
    slot: Callable[[int], None]
    """Which numbers this node gives to tickets."""
    abandoned: Callable[[Sequence[AttemptRow]], None]
    """These attempts of this node run in the shared database, begun by a process before this one."""
    trouble: Callable[[str | None], None]
    """The shared database cannot be written; None: it can. Said again with each try."""
    lost_unit: Callable[[str], None]
    """A unit can never be written there: it, or what it says of callbacks, stays with this node alone."""


class Pusher:
    """Owns the thread."""

    def __init__(self, bell: threading.Event, met: threading.Event, units: UnsharedUnits, shared: SharedDatabase,
                 hooks: PushHooks, node: str, wall: Callable[[], float], steady: Callable[[], float]) -> None:
        """`bell` is set where something was committed that is to be shared; `met` is set here once the shared database
        is as this version has it. `units` and `shared` belong to the thread from its start on; it closes them. `wall`:
        seconds since the epoch; `steady`: of a clock that is never set.
        """
        self._bell, self._met, self._units, self._shared, self._hooks = bell, met, units, shared, hooks
        self._node, self._wall, self._steady = node, wall, steady
        self._prune_at = steady() + PRUNE
        self._lock = threading.Lock()
        self._claims: list[Claim] = []
        self._hurry = threading.Event()
        """Somebody waits for a claim, or for the end."""
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._waits_since: float | None = wall()
        """When the oldest unit was committed that is not shared; None: there is none."""
        self._upto: int | None = None
        """Up to which serial all is shared; None: not known yet."""
        self._batch: list[Queued] = []
        """On its way, with the mark behind it: the same objects until they are through, for by them the engine knows
        what came through."""
        self._batch_upto = 0
        self._told: list[Unit] = []
        """Units that were refused, until it is known what is there in their place."""
        self.failing = False
        """Set by the thread, read by all."""
        self._thread = threading.Thread(target=self._run, name="push", daemon=True)

    def start(self) -> None:
        """Begin to push."""
        self._bell.set()
        self._thread.start()

    def claim(self, claim: Claim) -> bool:
        """Ask for an attempt, after all that was committed here before; False where the shared database is in trouble:
        then nobody is told of it any more. Any thread."""
        with self._lock:
            if self.failing or self._stop.is_set():
                return False
            self._claims.append(claim)
        self._hurry.set()
        self._bell.set()
        return True

    def withdraw(self, number: int) -> None:
        """Forget a claim that nobody waits for any more, where it is not on its way. Any thread."""
        with self._lock:
            self._claims = [claim for claim in self._claims if claim.number != number]

    def waits_for(self) -> float:
        """Return for how many seconds the oldest unit that is not shared has waited; 0: none does. Any thread."""
        since = self._waits_since
        return 0.0 if since is None else max(0.0, self._wall() - since)

    def close(self) -> None:
        """Push what is there, where the shared database lets us at once, and end the thread."""
        self._stop.set()
        self._hurry.set()
        self._bell.set()
        self._ended.wait(LAST_WORD)

    # In the thread

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        finally:
            self._units.close()
            self._shared.close()
            self._ended.set()

    def _turn(self) -> bool:
        """Push once; whether to go on."""
        self._bell.wait(PRUNE)
        self._bell.clear()
        stopping = self._stop.is_set()
        claims = self._take_claims()
        if stopping:  # nobody would keep here what is given now
            self._refuse(claims)
            claims = ()
        try:
            more = self._push(claims)
            claims = ()  # they are answered
            if self._steady() >= self._prune_at and not stopping:
                self._prune_at = self._steady() + PRUNE
                self._shared.prune_changes()
        except (TroubleError, StoreError) as error:
            return self._fail(str(error), claims) and not stopping
        except Exception as error:  # a fault of ours must not end the thread
            return self._fail(f"{type(error).__name__}: {error}", claims) and not stopping
        self.failing = False
        self._hooks.trouble(None)
        if more:
            self._bell.set()
            return True
        self._waits_since = None
        if stopping:
            return False
        self._hurry.wait(PACE)  # what comes now gathers, unless somebody waits
        return True

    def _take_claims(self) -> tuple[Claim, ...]:
        with self._lock:
            claims, self._claims = tuple(self._claims), []
            self._hurry.clear()
        return claims

    def _push(self, claims: tuple[Claim, ...]) -> bool:
        """Push what is there, and claims after it; whether there is more."""
        if self._upto is None:
            upto = self._shared.shared_upto()
            if self._shared.slot is not None:
                self._hooks.slot(self._shared.slot)
            self._find_abandoned()
            self._upto = upto
            self._met.set()
        if self._told:
            self._tell_stale()
        more = bool(self._batch)  # tried again: what was committed meanwhile rang the bell in vain
        if not self._batch:
            found = self._units.read(self._upto, BATCH)
            more = len(found) == BATCH
            if found:
                self._waits_since = found[0].at
                for why in filter(None, [waiting.fault for waiting in found]):
                    self._hooks.lost_unit(why)
                self._load([Queued(waiting.serial, waiting.unit) for waiting in found])
        if more and claims:  # what was committed before a claim comes before it
            with self._lock:
                self._claims = [*claims, *self._claims]
            claims = ()
        asked = [claim.queued._replace(serial=-at) for at, claim in enumerate(claims, 1)]
        if not self._batch and not asked:
            return False
        try:
            self._settle(self._shared.apply([*self._batch, *asked]), claims)
        except UnitError as error:
            if len(self._batch) == 2 and not asked:
                self._lose(str(error))
            elif len(asked) == 1 and not self._batch:
                self._lose_claim(str(error), claims)
            else:
                self._push_singly(claims)
        return more or bool(self._told)

    def _load(self, units: list[Queued]) -> None:
        """Put units on their way, and behind them up to where they go. That outlives a loss of power: what the server
        forgot would be nowhere, once the file of this node has let it go."""
        self._batch_upto = units[-1].serial
        self._batch = [*units, Queued(0, Unit((Shared(self._batch_upto),), durable=True))]

    def _find_abandoned(self) -> None:
        """Find the attempts that a process before this one was given, and may have ended before it could keep them."""
        running = [row for row in self._read(CallbackQuery.OPEN_ATTEMPTS, ()) if row.node == self._node]
        if running:
            self._hooks.abandoned(running)

    def _settle(self, applied: Applied, claims: tuple[Claim, ...]) -> None:
        """Tell what came of a transaction."""
        pushed, self._batch = bool(self._batch), []
        if pushed:
            self._upto = self._batch_upto
        self._told += applied.stale
        won = tuple(claim for at, claim in enumerate(claims, 1) if -at not in applied.refused)
        lost = tuple(claim for at, claim in enumerate(claims, 1) if -at in applied.refused)
        if won or pushed or applied.anew:
            self._hooks.pushed(Pushed(self._batch_upto if pushed else 0, won, anew=applied.anew))
        if lost:
            try:
                rows = self._rows_of({claim.attempt.task for claim in lost}, ())
            except TroubleError:
                rows = ()  # whoever is told no goes on from what is known here
            self._hooks.pushed(Pushed(0, lost=lost, rows=rows))

    def _tell_stale(self) -> None:
        """Tell that changes were refused, with what is there in their place."""
        changes = [change for unit in self._told for change in unit.of(ChangeTask)]
        rows = self._rows_of({change.task.id for change in changes}, [change.task for change in changes])
        stale, self._told = tuple(self._told), []
        self._hooks.pushed(Pushed(0, stale=stale, rows=rows))

    def _rows_of(self, tasks: set[str], refused: Sequence[TaskRow]) -> tuple[Write, ...]:
        """Return tasks with their attempts as they are in the shared database, those that are gone as such, and the
        open ones that some were refused for."""
        found: list[Write] = []
        beside: dict[str, TaskRow] = {}
        for name in sorted(tasks):
            rows = self._read(CallbackQuery.TASK, (name,))
            found += [self._take(row) for row in rows] or [TakeAway("tasks", (name,), 0.0)]
            found += [TakeRow(row, row.node) for row in self._read(CallbackQuery.ATTEMPTS_OF, (name,))]
        for task in refused:
            for state in ("open", "held"):
                asked = {"limit": 1, "state": state, "customer": task.customer, "group": task.group, "kind": None}
                beside |= {row.id: row for row in self._read(CallbackQuery.TASKS, asked)}
        return (*found, *(self._take(row) for row in beside.values() if row.id not in tasks))

    def _take(self, row: TaskRow) -> TakeRow:
        return TakeRow(row, row.changed_by or self._node, corrects=True)

    def _read(self, query: Query, parameters: Parameters) -> list[Any]:
        try:
            return self._shared.read(query, parameters)
        except ReadError as error:
            raise TroubleError(str(error)) from error

    # Trouble

    def _push_singly(self, claims: tuple[Claim, ...]) -> None:
        """Push units one by one, for there is one among them that can never be written. Where that fails, what comes
        after the one on its way is read again."""
        for queued in self._batch[:-1]:
            self._load([queued])
            try:
                self._settle(self._shared.apply(self._batch), ())
            except UnitError as error:
                self._lose(str(error))
        for claim in claims:
            try:
                self._settle(self._shared.apply([claim.queued._replace(serial=-1)]), (claim,))
            except UnitError as error:
                self._lose_claim(str(error), (claim,))

    def _lose(self, why: str) -> None:
        """Go on without the one unit on its way, which can never be written; keep the call in it, where what it says of
        callbacks may be the reason."""
        self._hooks.lost_unit(why)
        bad, mark = self._batch
        kept = [bad._replace(unit=bad.unit.without_callbacks())] if bad.unit.of_callbacks else []
        try:
            applied = self._shared.apply([*kept, mark])
        except UnitError:
            applied = self._shared.apply([mark])
        self._settle(applied, ())

    def _lose_claim(self, why: str, claims: tuple[Claim, ...]) -> None:
        self._hooks.lost_unit(why)
        self._refuse(claims)

    def _refuse(self, claims: tuple[Claim, ...]) -> None:
        if claims:
            self._hooks.pushed(Pushed(0, lost=claims))

    def _fail(self, why: str, claims: tuple[Claim, ...]) -> bool:
        """Say what is wrong and wait; whether to try again."""
        with self._lock:
            self.failing = True
        self._refuse((*claims, *self._take_claims()))
        self._hooks.trouble(why)
        self._bell.set()
        return not self._stop.wait(RETRY)
