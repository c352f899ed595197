"""The store as the rules see it: plain values in, plain values out, so that another engine can stand behind it.

Writing is a queue. `put` never blocks and never raises; what was put is visible to `records` at once and is committed
soon. All of one `Unit` is committed or none of it; an empty one makes the engine look whether its database is well.
While the database is in trouble units wait (bounded, the oldest are dropped), an alarm is up, and nobody is kept
waiting for a commit.
`put` fails open: calls pass whatever the disk does. `commit` and `claim` fail closed: what must not happen without a
commit (dialling a customer) is told no in trouble.
Reading, by role (`direct`, `calls`, `callbacks`, `tickets`), happens in the proxy's thread and raises `StoreError`
where the database cannot be read now. But for `direct` it shows what is committed.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Final, NamedTuple, Protocol, get_args

from routing.duty import Fence
from routing.events import Event
from routing.rows import (
    AttemptRow,
    AuditRow,
    CallRow,
    Delivery,
    DoNotCallRow,
    EndedWith,
    JournalRow,
    LegRow,
    OfferCount,
    PastAttempt,
    PauseRow,
    PolicyVersion,
    Record,
    StandingAlarm,
    TaskKind,
    TaskRow,
    TaskState,
    Ticket,
    TicketComment,
    TokenRow,
    UserRow,
)
from routing.writes import SavePolicy, SharedKind, TakeAway, TakeOnly, TakeRow, Unit, Write


class StoreError(Exception):
    """The database cannot be read now."""


LOSS: Final = "database_loss"
"""Standing alarm: something that was in the database is lost."""

SHARED_TABLES: Final[frozenset[SharedKind]] = frozenset(get_args(SharedKind))
"""What nodes share, by the names of the tables."""


class Counts(NamedTuple):
    """Calls of a stretch of time: those of customers, and apart from them the callbacks that dialled one."""

    calls: int = 0
    inbound: int = 0
    outbound: int = 0
    answered: int = 0
    direct: int = 0
    dialled: int = 0
    """Legs of ours to a customer."""
    dialled_answered: int = 0


class Forgotten(NamedTuple):
    """What one slice removed."""

    calls: int = 0
    tasks: int = 0
    tickets: int = 0
    more: bool = False
    """Whether the look through everything goes on; else the next slice begins a new one."""


class Fault(NamedTuple):
    """An alarm of the store going up (`text`) or down (`text` None)."""

    alarm: str
    """`database`, `database_loss`, `database_log`, `database_queue`, `database_unit` or `outbox`."""
    text: str | None
    at: float


class DirectReads(Protocol):
    """Direct callbacks: what was put is there at once, whether it is committed or not."""

    def records(self, customer: str) -> list[Record]:
        """Return every record of a customer, expired ones that were not tidied yet included."""

    def record(self, customer: str, agent: str) -> Record | None:
        """Return one record, expired or not."""

    def expired(self, now: float, limit: int) -> list[Record]:
        """Return some records that have expired, oldest expiry first."""

    def count(self) -> int:
        """Return how many records there are, expired ones that were not tidied yet included. Slow: for status."""


class CallReads(Protocol):
    """Calls that passed, and legs of ours, as they are committed."""

    def open(self) -> list[CallRow]:
        """Return the calls that have not ended."""

    def open_elsewhere(self, sip_call_id: str) -> CallRow | None:
        """Return the call with this Call-ID that another node began and nobody has ended. Looks at all open ones."""

    def one(self, name: str) -> CallRow | None:
        """Return one call; what waits to be written may be missing."""

    def newest(self, limit: int, customer: str | None = None) -> list[CallRow]:
        """Return the newest calls, newest first, of one customer where one is given."""

    def counts(self, since: float, before: float) -> Counts:
        """Count the calls that began at or after `since`, and before `before`; answers before then only."""

    def last_talk(self, customer: str, min_talk: float) -> tuple[str, float] | None:
        """Return the agent who last talked to a customer, and when that began: `min_talk` seconds at least."""

    def taken_since(self, since: float, limit: int) -> list[tuple[str, float]]:
        """Return the group of calls to us that began since then and that agents are known to have taken, and when:
        the newest ones, oldest first."""


class CallbackReads(Protocol):
    """Tasks with their attempts and journals, and the do-not-call list, as they are committed."""

    def open_tasks(self) -> list[TaskRow]:
        """Return the tasks that are open or held, oldest first."""

    def task(self, task: str) -> TaskRow | None:
        """Return one task, whatever its state."""

    def tasks(self, limit: int, state: TaskState | None = None, customer: str | None = None,
              group: str | None = None, kind: TaskKind | None = None) -> list[TaskRow]:
        """Return the newest tasks, newest first, of one state, customer, group and kind where they are given."""

    def attempts_of(self, task: str) -> list[AttemptRow]:
        """Return the attempts of a task in order."""

    def open_attempts(self) -> list[AttemptRow]:
        """Return the attempts that have not ended."""

    def attempt(self, attempt: str) -> AttemptRow | None:
        """Return one attempt, ended or not."""

    def attempts_since(self, at: float) -> list[PastAttempt]:
        """Return the attempts that dialled a customer at `at` or later, in that order."""

    def ended_with(self, since: float, dialled: float) -> list[EndedWith]:
        """Return attempts of this node that ended at `since` or later, and not by a crash, had dialled their customer
        at `dialled` or later, and which their agent did not finish with since."""

    def tasks_since(self, at: float) -> list[float]:
        """Return when the tasks were made that were made at `at` or later, in any order."""

    def journal(self, task: str) -> list[JournalRow]:
        """Return the journal of a task, as it was written."""

    def pickups(self, tasks: Sequence[str]) -> list[JournalRow]:
        """Return the lines of some tasks' journals that tell of agents who picked their places up, and of those who
        declined them, in order."""

    def legs(self) -> list[LegRow]:
        """Return the legs that may be up."""

    def do_not_call(self, limit: int = -1) -> list[DoNotCallRow]:
        """Return the do-not-call list, newest first; `limit`: the newest so many, -1: all."""

    def released_counts(self, since: float) -> dict[str, int]:
        """Return for each agent how many tasks were taken from them since then because they let them wait."""


class TicketReads(Protocol):
    """Tickets and what is on its way to other systems, as they are committed."""

    def newest(self, limit: int, state: str | None = None, customer: str | None = None) -> list[Ticket]:
        """Return the newest tickets, newest first, of one state and customer where they are given."""

    def one(self, name: str | int) -> Ticket | None:
        """Return one ticket by its id or its number (which may be text)."""

    def comments(self, ticket: str) -> list[TicketComment]:
        """Return the comments of a ticket (by its id), as they were written."""

    def deliveries_due(self, now: float, limit: int, channel: str | None = None) -> list[Delivery]:
        """Return deliveries that are to be tried now, by one channel where one is given; due longest first.

        Of the deliveries of one ticket by one channel only the first that is not delivered yet: they keep their order.
        """

    def next_delivery(self, channel: str | None = None) -> float | None:
        """Return when `deliveries_due` has something next; None: never."""

    def deliveries_of(self, ticket: str) -> list[Delivery]:
        """Return the deliveries of a ticket in order, the finished ones included."""


class FaultListener(Protocol):
    """Who raises the alarms of a store."""

    def on_fault(self, fault: Fault) -> None:
        """Take note of an alarm that goes up or down."""


class Caps(NamedTuple):
    """How much is dialled at most, by whatever node: the caps of the guard for one attempt more. At least 1 each."""

    number_per_hour: int
    """Attempts that dial this customer."""
    number_per_day: int
    all_per_hour: int
    """Attempts that dial anybody."""
    all_per_day: int
    trunk: str
    trunk_legs: int
    """Attempts that run on the trunk at a time; 0: no limit."""


class RowListener(Protocol):
    """Who holds rows that live: open tasks, attempts, legs."""

    def on_anew(self) -> None:
        """Another or an empty database stands in the place of the one that was open: put again what is held."""

    def on_stale(self, units: Sequence[Unit]) -> None:
        """Changes of tasks in these units were refused, because another node had changed them meanwhile: take the rows
        as they are now. What else stood in those units is committed (`Unit.standing`)."""


class ChangedRows(NamedTuple):
    """What other nodes have changed. Of tables in which rows are many it says which: their ids, None: any of them."""

    tables: frozenset[SharedKind]
    tasks: frozenset[str] | None = frozenset()
    attempts: frozenset[str] | None = frozenset()
    calls: frozenset[str] | None = frozenset()

    def and_then(self, later: "ChangedRows") -> "ChangedRows":
        """Return both as one."""
        return ChangedRows(self.tables | later.tables, _both(self.tasks, later.tasks),
                           _both(self.attempts, later.attempts), _both(self.calls, later.calls))


def _both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    return None if one is None or other is None else one | other


NOTHING_CHANGED: Final = ChangedRows(frozenset())

ANYTHING_CHANGED: Final = ChangedRows(SHARED_TABLES, None, None, None)
"""What is told where nobody knows what it was."""


def changed_rows(taken: Iterable[Write]) -> ChangedRows:
    """Return what a unit has changed that was taken from the shared database."""
    tables: set[SharedKind] = set()
    keys: dict[str, set[str]] = {"tasks": set(), "attempts": set(), "calls": set()}
    open_tasks = False
    for write in taken:
        match write:
            case TakeRow(row):
                kind = _KIND_OF[type(row)]
                if isinstance(row, TaskRow | AttemptRow | CallRow):
                    keys[kind].add(row.id)
            case TakeAway(kind, key):
                if kind in keys:
                    keys[kind].add(key[0])
            case TakeOnly(kind):
                open_tasks = open_tasks or kind == "tasks"
            case _:
                continue
        tables.add(kind)
    return ChangedRows(frozenset(tables), None if open_tasks else frozenset(keys["tasks"]),
                       frozenset(keys["attempts"]), frozenset(keys["calls"]))


_KIND_OF: Final[dict[type, SharedKind]] = {
    CallRow: "calls", Record: "direct", SavePolicy: "policy", TaskRow: "tasks", AttemptRow: "attempts",
    JournalRow: "journal", Ticket: "tickets", TicketComment: "comments", Delivery: "deliveries",
    DoNotCallRow: "do_not_call", OfferCount: "offers", UserRow: "users", TokenRow: "tokens", AuditRow: "audit",
    PauseRow: "pauses",
}


class ChangeListener(Protocol):
    """Who holds something of what other nodes may change."""

    def on_changed(self, changed: ChangedRows) -> None:
        """Another node has changed this a moment ago: what is read shows it now. Take note, and read later.

        Never where nobody shares anything.
        """


class Store(Protocol):
    """State behind one door. All methods are called in the proxy's thread; all callbacks come there."""

    def tell_faults_to(self, listener: FaultListener) -> None:
        """Tell somebody of alarms from now on, and nobody else."""

    def tell_rows_to(self, listener: RowListener) -> None:
        """Tell somebody what becomes of the rows that they hold, and nobody else."""

    def tell_changes_to(self, listener: ChangeListener) -> None:
        """Tell somebody what other nodes change, beside those who are told already."""

    @property
    def direct(self) -> DirectReads:
        """Direct callbacks."""

    @property
    def calls(self) -> CallReads:
        """Calls."""

    @property
    def callbacks(self) -> CallbackReads:
        """Tasks, attempts, journals, the do-not-call list."""

    @property
    def tickets(self) -> TicketReads:
        """Tickets and their deliveries."""

    @property
    def well(self) -> bool:
        """Whether the database can be read and written, as far as is known."""

    def put(self, unit: Unit, done: Callable[[], None] | None = None) -> None:
        """Queue a unit; `done` is called once, after the commit, or at once while the store is in trouble."""

    def together(self, more: list[Write]) -> AbstractContextManager[None]:
        """Hold back what is put within until its end, and commit `more`, as it stands then, with the last of it.

        Put alone where nothing else was. Nothing within waits for anything, and it is not entered twice.
        """

    def commit(self, unit: Unit, done: Callable[[bool], None]) -> None:
        """Queue a unit that is durable whatever it says, or do nothing of it. It holds no records.

        `done` is called once, perhaps before this returns: True after the commit; False where it is refused, and
        while the store is in trouble. Only where a disk hangs (see `release`) may what was answered False be committed
        yet: whoever is told False puts what holds instead, and what is put later is committed later.
        """

    def claim(self, attempt: AttemptRow, unit: Unit, done: Callable[[bool], None], caps: Caps | None = None,
              fence: Fence | None = None) -> None:
        """Begin an attempt, and write the unit with it, or neither; `done` as for `commit`.

        Refused where the task is not open, or an attempt of the task or for the customer has not ended: one atomic
        statement, so that of several who claim, in whatever process, one wins. Where several nodes dial it is refused
        beyond `caps`, too, and where the lease that `fence` names is not this node's any more.
        """

    def settled(self, done: Callable[[], None]) -> None:
        """Call `done` once whatever was put before this is committed: from then on every reader sees it, in whatever
        thread or process, and by whatever connection.

        A slow disk is waited for (`release` answers nobody here). Called at once, or as soon as it is known, while the
        store is in trouble, a disk that hangs included: nobody is kept waiting then.
        """

    def release(self) -> None:
        """Answer everyone who has waited since the last time this was called: a disk that hangs holds no call.

        Each `done` of `put` is called, each of `commit` and `claim` with False. To be called by a timer; what it is
        set to is the longest that is waited for a commit, twice over.
        """

    def forget(self, before: float, rows: int, told: Callable[[Forgotten], None]) -> None:
        """Remove some of the calls, tasks and tickets that ended before then, with all that belongs to them.

        Looks at about `rows` rows at most, on from where it came the last time. Open ones stay, and what is still to
        be delivered. `told` after the commit; never, while the database is in trouble: to be asked again by a timer.
        """

    def standing(self) -> list[StandingAlarm]:
        """Return the alarms that stand until an operator takes them down, the oldest first."""

    def pauses(self) -> list[PauseRow]:
        """Return who is not to be rung until they say so, the longest first."""

    def events_after(self, seq: int, limit: int) -> list[Event]:
        """Return events of the outbox in order."""

    def delete_events_upto(self, seq: int) -> None:
        """Forget events that were delivered, with a commit that comes anyway or soon. Any thread, one at a time."""

    def load_policy(self) -> str | None:
        """Return the policy in force; None: the database holds none."""

    def save_policy(self, text: str, now: float, done: Callable[[], None] | None = None, by: str = "") -> None:
        """Keep a new policy; the older ones stay as history. `by`: who saves it."""

    def policy_history(self, limit: int) -> list[PolicyVersion]:
        """Return the newest policies, newest first."""

    def close(self) -> None:
        """Commit what waits, as far as the database lets it, and stop."""
