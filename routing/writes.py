"""What the store is handed: units of typed writes, plain values that any engine can carry out.

A row in a unit is kept: put, or put in the place of the one with its key. What else can be done has a value of its own.
"""

from collections.abc import Set
from typing import Final, NamedTuple, TypeVar

from routing.events import Event
from routing.rows import (
    AttemptRow,
    AuditRow,
    CallRow,
    Delivery,
    DoNotCallRow,
    JournalRow,
    LegRow,
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


RowOfCallbacks = TaskRow | AttemptRow | LegRow | JournalRow | Ticket | TicketComment | Delivery | DoNotCallRow
"""A new ticket gets its number with the commit, and so does its `ticket.opened` (see `TICKET_NUMBER`). Deliveries are
new ones in the order in which they are to be delivered."""

Write = (CallRow | Record | RemoveRecord | PauseRow | DropPause | Event | SavePolicy | ForgetEvents | StandingAlarm
         | ClearAlarm | RowOfCallbacks | ChangeTask | CloseAttempt | DropLeg | RemoveDoNotCall | CountOffer | UserRow
         | TokenRow | AuditRow)

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
