"""What several units come to, whatever the database: of several states of one row only the last is written."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from routing.events import Event, Outbox, masked
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
from routing.writes import (
    TICKET_NUMBER,
    ChangeTask,
    ClearAlarm,
    CloseAttempt,
    CountOffer,
    DropLeg,
    DropPause,
    ForgetEvents,
    RemoveDoNotCall,
    RemoveRecord,
    SavePolicy,
    Shared,
    Take,
    TakeAway,
    TakenUpto,
    TakeOnly,
    TakeRow,
    TakeSlot,
    Unit,
)


class StaleError(Exception):
    """Tasks were to be changed that somebody else has changed meanwhile; their ids. Nothing of it may be committed."""

    def __init__(self, tasks: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(tasks)))
        self.tasks = tasks


class Stamp(NamedTuple):
    """What rows are marked with when they are first written."""

    node: str
    epoch: int

    def on_attempt(self, attempt: AttemptRow) -> AttemptRow:
        """Return an attempt marked with the start of the node that it begins in."""
        return attempt if attempt.epoch else attempt._replace(epoch=self.epoch)

    def on_call(self, call: CallRow) -> tuple[object, ...]:
        """Return a call marked with where it began."""
        return call if call.epoch else (*call[:_CALL_STAMP], *self, *call[_CALL_STAMP + 2:])

    def on_leg(self, leg: LegRow) -> LegRow:
        """Return a leg marked with whose it is."""
        return leg if leg.epoch else leg._replace(node=self.node, epoch=self.epoch)

    def on_pause(self, pause: PauseRow) -> PauseRow:
        """Return a pause marked with where it was said."""
        return pause if pause.node else pause._replace(node=self.node)


QUARTER: Final = 900
"""Seconds: the midnights of all time zones are at the beginning of one."""

_CALL_STAMP: Final = CallRow._fields.index("node")


def numbered(events: list[Event], begin: int, tickets: dict[str, int]) -> list[Event]:
    """Return events with their seq, the first `begin`, and the numbers of tickets that were opened with them, by id."""
    fresh = []
    for seq, event in enumerate(events, begin):
        data = event.data
        if event.kind == "ticket.opened" and data.get("ticket") in tickets:
            data = {**data, TICKET_NUMBER: tickets[data["ticket"]]}
        fresh.append(Event(event.kind, event.time, event.id, data, event.node, seq))
    return fresh


def outbox_row(event: Event, outbox: Outbox, node: str) -> tuple[object, ...]:
    """Return what stands in the outbox of a node for an event that has its seq."""
    told = event._replace(data=masked(event.data)) if outbox is Outbox.MASKED else event
    return event.seq, event.id, event.time, event.kind, told.to_json(), node, int(outbox)


class Batch:
    """Gathers units in their order, until they are written and it is cleared."""

    def __init__(self) -> None:
        self.published = 0
        """Up to which seq events were delivered; not cleared."""
        self.calls: dict[str, CallRow] = {}
        self.records: dict[tuple[str, str], Record | RemoveRecord | None] = {}
        """None: put and removed again, so it goes whatever is there; else one that was touched meanwhile stays."""
        self.events: list[Event] = []
        self.policies: list[SavePolicy] = []
        self.alarms: dict[str, StandingAlarm | None] = {}
        self.users: list[UserRow] = []
        self.tokens: list[TokenRow] = []
        self.audit: list[AuditRow] = []
        self.pauses: dict[str, PauseRow | None] = {}
        self.callbacks = Callbacks()
        self.takes: list[Take] = []
        """What comes from the shared database, in its order: after all that was gathered before it."""
        self.shared = 0
        """Up to which serial what this node committed is in the shared database; 0: nobody has said it."""

    def add(self, unit: Unit) -> None:
        """Take a unit in. A policy that nobody is said to have saved was, with a line of the audit log, by who that
        says.
        """
        for write in unit.writes:
            if type(write) is SavePolicy and not write.by:
                write = write._replace(by=next((row.who for row in unit.writes if type(row) is AuditRow), ""))
            taker = _TAKERS.get(type(write))
            if taker is not None:
                taker(self, write)
            else:
                _TAKERS_OF_CALLBACKS[type(write)](self.callbacks, write)

    def clear(self) -> None:
        """Forget what is written, but for rows of callbacks, which are cleared by themselves."""
        for gathered in (self.policies, self.alarms, self.pauses, self.users, self.tokens, self.audit, self.calls,
                         self.records, self.events, self.takes):
            gathered.clear()
        self.shared = 0

    def _call(self, call: CallRow) -> None:
        self.calls[call.id] = call

    def _event(self, event: Event) -> None:
        self.events.append(event)

    def _record(self, record: Record) -> None:
        self.records[record[:2]] = record

    def _remove(self, write: RemoveRecord) -> None:
        key = write.record[:2]
        self.records[key] = None if key in self.records else write

    def _forget(self, write: ForgetEvents) -> None:
        self.published = max(self.published, write.upto)

    def _alarm(self, alarm: StandingAlarm) -> None:
        self.alarms[alarm.name] = alarm

    def _clear(self, write: ClearAlarm) -> None:
        self.alarms[write.name] = None

    def _policy(self, policy: SavePolicy) -> None:
        self.policies.append(policy)

    def _user(self, user: UserRow) -> None:
        self.users.append(user)

    def _token(self, token: TokenRow) -> None:
        self.tokens.append(token)

    def _audit(self, line: AuditRow) -> None:
        self.audit.append(line)

    def _pause(self, pause: PauseRow) -> None:
        self.pauses[pause.agent] = pause

    def _resume(self, write: DropPause) -> None:
        self.pauses[write.agent] = None

    def _take(self, write: Take) -> None:
        self.takes.append(write)

    def _share(self, write: Shared) -> None:
        self.shared = max(self.shared, write.upto)


class Callbacks:
    """The rows of callbacks among it."""

    def __init__(self) -> None:
        self.any = False
        """Whether there is anything."""
        self.tasks: dict[str, tuple[TaskRow, ChangeTask | None]] = {}
        """As they are to be, and the first of the changes that led there; None: whatever is there."""
        self.attempts: dict[str, AttemptRow] = {}
        self.closed: list[AttemptRow] = []
        self.legs: dict[str, LegRow | None] = {}
        self.journal: list[JournalRow] = []
        self.tickets: dict[str, Ticket] = {}
        self.comments: dict[str, TicketComment] = {}
        self.deliveries: dict[str, Delivery] = {}
        self.do_not_call: dict[str, DoNotCallRow | None] = {}
        self.offers: Counter[tuple[float, str, str]] = Counter()
        """By quarter of an hour, group and number."""

    def ordered_tasks(self) -> list[tuple[TaskRow, ChangeTask | None]]:
        """Return the tasks, what ends before what begins: of one customer and group only one may be open."""
        return sorted(self.tasks.values(), key=lambda found: found[0].state in ("open", "held"))

    def ordered_attempts(self) -> list[AttemptRow]:
        """Return the attempts in such an order."""
        return sorted(self.attempts.values(), key=lambda attempt: attempt.ended_at is None)

    def clear(self) -> None:
        """Forget what is written."""
        for gathered in (self.tasks, self.attempts, self.closed, self.legs, self.journal, self.tickets, self.comments,
                         self.deliveries, self.do_not_call, self.offers):
            gathered.clear()
        self.any = False

    def _task(self, task: TaskRow) -> None:
        self.any = True
        self.tasks[task.id] = task, None

    def _change(self, change: ChangeTask) -> None:
        self.any = True
        _, first = self.tasks.get(change.task.id, (None, change))
        self.tasks[change.task.id] = change.task, first

    def _attempt(self, attempt: AttemptRow) -> None:
        self.any = True
        self.attempts[attempt.id] = attempt

    def _ticket(self, ticket: Ticket) -> None:
        self.any = True
        self.tickets[ticket.id] = ticket

    def _comment(self, comment: TicketComment) -> None:
        self.any = True
        self.comments[comment.id] = comment

    def _delivery(self, delivery: Delivery) -> None:
        self.any = True
        self.deliveries[delivery.id] = delivery

    def _close(self, write: CloseAttempt) -> None:
        self.any = True
        self.closed.append(write.attempt)

    def _leg(self, leg: LegRow) -> None:
        self.any = True
        self.legs[leg.call] = leg

    def _drop_leg(self, write: DropLeg) -> None:
        self.any = True
        self.legs[write.call] = None

    def _line(self, line: JournalRow) -> None:
        self.any = True
        self.journal.append(line)

    def _add_do_not_call(self, row: DoNotCallRow) -> None:
        self.any = True
        self.do_not_call[row.customer] = row

    def _remove_do_not_call(self, write: RemoveDoNotCall) -> None:
        self.any = True
        self.do_not_call[write.customer] = None

    def _count_offer(self, write: CountOffer) -> None:
        self.any = True
        self.offers[write.at // QUARTER * QUARTER, write.group, write.number or ""] += 1


_TAKERS: Final[dict[type, Callable[[Batch, Any], None]]] = {
    CallRow: Batch._call, Record: Batch._record, RemoveRecord: Batch._remove, Event: Batch._event,
    SavePolicy: Batch._policy, ForgetEvents: Batch._forget, StandingAlarm: Batch._alarm, ClearAlarm: Batch._clear,
    PauseRow: Batch._pause, DropPause: Batch._resume, UserRow: Batch._user, TokenRow: Batch._token,
    AuditRow: Batch._audit, TakeRow: Batch._take, TakeAway: Batch._take, TakeOnly: Batch._take,
    TakenUpto: Batch._take, TakeSlot: Batch._take, Shared: Batch._share,
}
"""Who takes each kind of write; the others are of callbacks."""
_TAKERS_OF_CALLBACKS: Final[dict[type, Callable[[Callbacks, Any], None]]] = {
    TaskRow: Callbacks._task, ChangeTask: Callbacks._change, AttemptRow: Callbacks._attempt,
    CloseAttempt: Callbacks._close, LegRow: Callbacks._leg, DropLeg: Callbacks._drop_leg,
    JournalRow: Callbacks._line, Ticket: Callbacks._ticket, TicketComment: Callbacks._comment,
    Delivery: Callbacks._delivery, DoNotCallRow: Callbacks._add_do_not_call,
    RemoveDoNotCall: Callbacks._remove_do_not_call, CountOffer: Callbacks._count_offer,
}
