"""What the store is handed: units of typed writes, plain values that any engine can carry out.

A row in a unit is kept: put, or put in the place of the one with its key. What else can be done has a value of its own.
"""

from collections.abc import Set
from typing import Final, Literal, NamedTuple, TypeVar

from routing.events import Event
from routing.rows import (
    AttemptRow,
    AuditRow,
    CallRow,
    Delivery,
    DoNotCallRow,
    JournalRow,
    LegRow,
    OfferCount,
    PauseRow,
    Record,
    StandingAlarm,
    TaskRow,
    Ticket,
    TicketComment,
    TokenRow,
    UserRow,
)


class RemoveRecord(NamedTuple):
    """Remove a direct callback."""

    record: Record


class ChangeTask(NamedTuple):
    """Make a task, or change it where nobody else has changed it meanwhile.

    It is refused where the one that is kept is of another version than it was based on, unless this very node has
    changed it last; and where it is new and its customer and group have an open one. See `standing`.
    """

    task: TaskRow
    """As it is to be."""
    base: int
    """Version of the one that it was based on; 0: it is new."""
    base_by: str
    """Who had changed that one last, as `TaskRow.changed_by` has it."""


class CloseAttempt(NamedTuple):
    """An attempt whose claim was answered no is over, should it be there: where a disk hung it may be."""

    attempt: AttemptRow


class DropLeg(NamedTuple):
    """The leg of this call is over."""

    call: str


class RemoveDoNotCall(NamedTuple):
    """Take a customer from the do-not-call list."""

    customer: str


class SavePolicy(NamedTuple):
    """Keep a new policy; it is the one in force."""

    text: str
    saved_at: float
    by: str = ""
    """Who; empty: nobody has said it."""


class ForgetEvents(NamedTuple):
    """Events of the outbox up to this seq have been delivered and may go."""

    upto: int


class ClearAlarm(NamedTuple):
    """Take down an alarm that stands, because an operator says so."""

    name: str


class DropPause(NamedTuple):
    """An agent may be rung again."""

    agent: str


class CountOffer(NamedTuple):
    """A caller who waits was told that they may ask for a callback: one more of the day."""

    at: float
    """Seconds since the epoch."""
    group: str
    number: str | None
    """Our number that they dialled."""


# What nodes share

SharedKind = Literal[
    "calls", "direct", "policy", "tasks", "attempts", "journal", "tickets", "comments", "deliveries", "do_not_call",
    "offers", "users", "tokens", "audit", "pauses",
]
"""A table of what nodes share, as it is called in every engine."""

SharedRow = (CallRow | Record | SavePolicy | TaskRow | AttemptRow | JournalRow | Ticket | TicketComment | Delivery
             | DoNotCallRow | OfferCount | UserRow | TokenRow | AuditRow | PauseRow)
"""A row of one of these tables."""


class TakeRow(NamedTuple):
    """Put a row as it stands in the shared database in the place of ours. It is not shared again.

    Taken twice, or in whatever order of tables, it is the same. What is younger here stays, for it is on its way there:
    a task of a later version, a direct callback, a pause or a number on the do-not-call list that was touched later, a
    call or an attempt that goes on at this node or has ended here alone.
    """

    row: SharedRow
    node: str
    """Of a task who changed it last there, of a delivery who delivers it; calls, attempts and pauses say it
    themselves, and of others it is nobody's."""
    number: int = 0
    """Of a line of a journal its seq there, of a policy its version there: each is taken once. Of others 0."""
    corrects: bool = False
    """Of a task: a change of ours was refused there, so it takes the place of ours whatever its version, where this
    node has changed that last."""


class TakeAway(NamedTuple):
    """Remove a row that is gone in the shared database. With a task go its attempts and its journal, with a ticket its
    comments and deliveries."""

    kind: SharedKind
    key: tuple[str, ...]
    """Of a direct callback its customer and agent, of the others their one key. Of `policy`, `journal` and `offers`
    nothing is taken away."""
    at: float
    """When the removed one was touched last (`touched_at` of a direct callback, `added_at` of a number on the
    do-not-call list, `since` of a pause): one of ours that was touched later stays. Of others nobody asks."""


class TakeOnly(NamedTuple):
    """After a copy of all there is: of a stretch of a table remove what is not among the keys, as `TakeAway` would.

    What waits to be shared stays, and so does what was here before this file was shared at all.
    """

    kind: Literal["direct", "do_not_call", "tasks", "pauses", "users", "tokens"]
    """Of tasks the open ones alone."""
    keys: frozenset[tuple[str, ...]]
    """Those that are there."""
    before: float
    """What was touched (of a task, a user or a token: made) at that time or later stays too, seconds since the
    epoch."""
    after: tuple[str, ...] = ()
    """The stretch begins after this key, in the order of their texts' octets; empty: with the first one."""
    upto: tuple[str, ...] | None = None
    """The last key of it; None: it goes to the end."""


class TakenUpto(NamedTuple):
    """All changes of others up to this mark are taken; it is kept with them, in one transaction."""

    mark: str
    """What the reader of changes goes on from; not read here."""
    since: str | None
    """The mark that was read from; None: there was none. Where another one is kept now, this one is not: the file is
    not the one that it was."""


class TakeSlot(NamedTuple):
    """The numbers of this node's new tickets are those that leave this remainder (see `TICKET_SLOTS`)."""

    slot: int


class Shared(NamedTuple):
    """What this node has committed up to this serial is in the shared database: it waits no more."""

    upto: int


Take = TakeRow | TakeAway | TakeOnly | TakenUpto | TakeSlot
"""What is taken from the shared database."""

TICKET_SLOTS: Final = 16
"""So many nodes give numbers to tickets, each its own ones though it cannot ask the others: those that leave its
remainder by this."""

RowOfCallbacks = TaskRow | AttemptRow | LegRow | JournalRow | Ticket | TicketComment | Delivery | DoNotCallRow
"""A new ticket gets its number with the commit, and so does its `ticket.opened` (see `TICKET_NUMBER`). Deliveries are
new ones in the order in which they are to be delivered."""

Write = (CallRow | Record | RemoveRecord | PauseRow | DropPause | Event | SavePolicy | ForgetEvents | StandingAlarm
         | ClearAlarm | RowOfCallbacks | ChangeTask | CloseAttempt | DropLeg | RemoveDoNotCall | CountOffer | UserRow
         | TokenRow | AuditRow | Take | Shared)

OF_SHARING: Final = frozenset((TakeRow, TakeAway, TakeOnly, TakenUpto, TakeSlot, Shared))
"""Kinds of writes that come of sharing, and are not shared."""

OF_CALLBACKS: Final = frozenset(
    (TaskRow, AttemptRow, LegRow, JournalRow, Ticket, TicketComment, Delivery, DoNotCallRow, ChangeTask, CloseAttempt,
     DropLeg, RemoveDoNotCall, CountOffer))
"""Kinds of writes that say something of callbacks."""

TOLD_OF_CALLBACKS: Final = ("callback.", "ticket.", "queue.", "place.")
"""How the kinds of events begin that tell of them."""

TICKET_NUMBER: Final = "ticket_number"
"""What the engine adds to the data of a `ticket.opened` whose `ticket` is the id of one in the same unit."""

OF_ATTEMPTS: Final = frozenset(("callback.assigned", "callback.attempted", "callback.connected"))
"""Events that tell of an attempt, and name its task beside."""

W = TypeVar("W")


class Unit(NamedTuple):
    """What belongs together: committed as one. Of two writes of one row the later counts."""

    writes: tuple[Write, ...] = ()
    durable: bool = False
    """Must outlive a loss of power, not only of the process."""

    def joined(self, other: "Unit") -> "Unit":
        """Return both as one: what belongs together though two have made it. `other` is the later one."""
        return Unit(self.writes + other.writes, self.durable or other.durable)

    def of(self, kind: type[W]) -> tuple[W, ...]:
        """Return the writes of one kind in it."""
        return tuple(write for write in self.writes if isinstance(write, kind))

    @property
    def of_callbacks(self) -> bool:
        """Whether there are rows of callbacks in it."""
        return any(type(write) in OF_CALLBACKS for write in self.writes)

    def without_callbacks(self) -> "Unit":
        """Return what is left without rows and events of callbacks."""
        return Unit(tuple(write for write in self.writes if type(write) not in OF_CALLBACKS and not (
            isinstance(write, Event) and write.kind.startswith(TOLD_OF_CALLBACKS))), self.durable)

    def standing(self, stale: Set[str]) -> "Unit":
        """Return what stands of it though its changes of these tasks are refused.

        What it says of attempts stands, in rows, lines and events, and so does all that is none of these tasks'. What
        it says of the tasks does not: who made the other change has told of them. Of a task whose attempt it does not
        tell of, what it says under the ticket falls too, so that nothing is sent twice.
        """
        changed = {change.task.id: change.task for change in self.of(ChangeTask) if change.task.id in stale}
        if not changed:
            return self
        tried = {attempt.task for attempt in self.of(AttemptRow)}
        tickets = {ticket.id for ticket in self.of(Ticket) if ticket.task in changed}
        tickets |= {str(row.options["ticket"]) for row in changed.values()
                    if "ticket" in row.options and row.id not in tried}

        return Unit(tuple(write for write in self.writes if _stands(write, changed.keys(), tickets)), self.durable)


def _stands(write: Write, changed: Set[str], tickets: Set[str]) -> bool:
    """Whether a write stands though the changes of these tasks fall, and what is said under these tickets."""
    match write:
        case ChangeTask(task):
            return task.id not in changed
        case JournalRow():
            return write.task not in changed or "attempt" in write.data
        case Event():
            return write.kind in OF_ATTEMPTS or (
                write.data.get("task") not in changed and write.data.get("ticket") not in tickets)
        case Ticket():
            return write.id not in tickets
        case TicketComment() | Delivery():
            return write.ticket not in tickets
    return True


EMPTY_UNIT: Final = Unit()
"""What belongs to a fact that changes nothing; whoever gets this very one need not join it."""
