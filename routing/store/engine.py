"""What the queue asks of an engine: to apply a batch as one transaction, to let one of several claim, and to read.

An engine knows its database and its language; the queue knows neither. `apply`, `claim`, `forget`, `catch_up` and
what heals are called in the one thread that writes; `read` in the proxy's.
"""

from collections.abc import Sequence, Set
from typing import Any, NamedTuple, Protocol

from routing.duty import Fence
from routing.events import Event
from routing.rows import AttemptRow
from routing.storage import Caps, Forgotten, StoreError
from routing.store.queries import Parameters, Query
from routing.writes import ChangeTask, Unit


class Queued(NamedTuple):
    """A unit on its way."""

    serial: int
    unit: Unit
    promise: bool = False
    """Whoever queued it must know whether it was committed."""
    claim: AttemptRow | None = None
    """An attempt to begin with it; only a promise has one."""
    caps: Caps | None = None
    """What the claim must keep within, where several nodes dial; an engine that one node has asks for neither."""
    fence: Fence | None = None
    """The lease that it needs."""
    shared: bool = False
    """It stands in the shared database already: it does not wait for that."""

    def standing(self, stale: Set[str]) -> Unit | None:
        """Return what is to be written of it though changes of these tasks are refused; None: it is a promise, and
        falls with them."""
        unit = self.unit.standing(stale) if stale else self.unit
        return None if self.promise and unit is not self.unit else unit

    def changes_any(self, tasks: Set[str]) -> bool:
        """Whether it changes one of these tasks."""
        return not tasks.isdisjoint([change.task.id for change in self.unit.of(ChangeTask)])


class Applied(NamedTuple):
    """What came of a batch that was committed."""

    events: Sequence[Event] = ()
    """With the numbers that the database gave them: their seq, and those of tickets that were opened."""
    refused: frozenset[int] = frozenset()
    """Serials of promises that were refused: nothing of them is written."""
    stale: Sequence[Unit] = ()
    """Units of which changes of tasks were refused, because somebody else had changed them."""
    losses: Sequence[str] = ()
    """What was in the database and is lost, in words; an alarm in the database says so too."""
    anew: bool = False
    """Whether another or an empty database, or one that lacked a table, is in the place of the one that was open."""
    outbox_dropped: int = 0
    """So many of the oldest events were dropped, because nobody takes them."""
    outbox_drained: bool = False
    """Whether enough has been taken since that was so."""


class UnitError(Exception):
    """What was to be written cannot be, whatever the database: a fault of ours. Trying again would never help."""


class TroubleError(Exception):
    """The database is in trouble, in words; what that calls for is done, and it is to be tried again."""

    def __init__(self, why: str, grave: bool = False) -> None:
        """`grave`: whether the database itself seems to be no good, and must be looked at before anything else."""
        super().__init__(why)
        self.grave = grave


class ReadError(StoreError):
    """Nothing can be read now."""

    def __init__(self, why: str, suspect: bool = False, silent: bool = False) -> None:
        """`suspect`: whether the database may be broken, so that `look_into` is worth calling in the thread that
        writes. `silent`: whether that thread tells what is wrong."""
        super().__init__(why)
        self.suspect, self.silent = suspect, silent


class Engine(Protocol):
    """A database behind the queue."""

    @property
    def name(self) -> str:
        """What it is called where something is said of it."""

    @property
    def opened(self) -> bool:
        """Whether it was open at any time. Any thread."""

    @property
    def shared(self) -> bool:
        """Whether other nodes write to it too."""

    @property
    def log_kept(self) -> int:
        """Octets that its log may have."""

    @property
    def log_most(self) -> int:
        """Octets above which somebody must be reading in a transaction that does not end."""

    def log_bytes(self) -> int | None:
        """Return how long its log is; None where that cannot be known."""

    def outbox_waits(self) -> int:
        """Return how many events wait for the broker. Cheap; any thread."""

    def open(self) -> None:
        """Open it. Raises TroubleError."""

    def apply(self, batch: Sequence[Queued]) -> Applied:
        """Commit a batch as one transaction: units in their order, each claim in its place among them.

        A unit whose claim is refused, for want of its lease (`Fence`) too, and a promise that changes a task which
        somebody else has changed, is refused; of another unit with such a change the rest stands (`Unit.standing`).
        Outlives a loss of power where a unit or a promise wants that. Raises UnitError or TroubleError, and then
        nothing is written.
        """

    def claim(self, attempt: AttemptRow) -> bool:
        """Begin an attempt as a transaction of its own; whether it may be: of several who claim one wins.

        Raises as `apply`.
        """

    def forget(self, before: float, rows: int) -> Forgotten:
        """Remove a slice of history. Raises TroubleError; what it would have removed is left to the next slice."""

    @property
    def is_behind(self) -> bool:
        """Whether something was put off when it was opened, so that calls need not wait for it."""

    def catch_up(self) -> None:
        """Do a piece of that, which may take seconds. Raises TroubleError; it is left to the next time then."""

    def read(self, query: Query, parameters: Parameters) -> list[Any]:
        """Answer a query; tasks as this node sees them (`TaskRow.changed_by`). Raises ReadError."""

    def look_into(self) -> str | None:
        """Do what the last ReadError with `suspect` calls for; return what to say of it, None: it is healed already."""

    def others_wrote(self) -> bool:
        """Whether another node has written since this was asked last. Raises TroubleError."""

    def close_reading(self) -> None:
        """Give back what is read with."""

    def close(self) -> None:
        """Give back everything, in the thread that writes or after it has ended."""
