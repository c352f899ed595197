"""A second engine behind the store's interface: dictionaries, committed at once. Keeps the interface honest."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from routing.calls import LEGS
from routing.duty import Fence
from routing.events import Event
from routing.rows import (
    AttemptRow,
    CallRow,
    Delivery,
    DoNotCallRow,
    EndedWith,
    JournalRow,
    LegRow,
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
)
from routing.storage import (
    ANYTHING_CHANGED,
    Caps,
    ChangeListener,
    Counts,
    FaultListener,
    Forgotten,
    RowListener,
    StoreError,
)
from routing.writes import (
    TICKET_NUMBER,
    ChangeTask,
    ClearAlarm,
    CloseAttempt,
    DropLeg,
    DropPause,
    RemoveDoNotCall,
    RemoveRecord,
    SavePolicy,
    Unit,
    Write,
)

OPEN = ("open", "held")


class Named(Protocol):
    @property
    def id(self) -> str: ...


Row = TypeVar("Row", bound=Named)


def by_id(rows: Sequence[Row]) -> dict[str, Row]:
    return {row.id: row for row in rows}


class Rows:
    """Everything that is kept. Refuses what the tables of a database would refuse."""

    def __init__(self) -> None:
        self.broken = False
        self.all_tasks: dict[str, TaskRow] = {}
        self.all_attempts: dict[str, AttemptRow] = {}
        self.all_legs: dict[str, LegRow] = {}
        self.all_journal: list[JournalRow] = []
        self.all_tickets: dict[str, Ticket] = {}
        self.last_number = 0
        self.all_comments: dict[str, TicketComment] = {}
        self.all_deliveries: dict[str, Delivery] = {}
        self.all_do_not_call: dict[str, DoNotCallRow] = {}
        self.all_pauses: dict[str, PauseRow] = {}
        self.rows: dict[str, CallRow] = {}
        self.all_direct: dict[tuple[str, str], Record] = {}

    def check(self) -> None:
        if self.broken:
            raise StoreError("broken on purpose")

    def write(self, unit: Unit) -> None:
        tasks = self.all_tasks | {task.id: task for task in (
            write.task if isinstance(write, ChangeTask) else write
            for write in unit.writes if isinstance(write, ChangeTask | TaskRow))}
        closed = [close.attempt for close in unit.of(CloseAttempt) if close.attempt.id in self.all_attempts]
        attempts = self.all_attempts | by_id(unit.of(AttemptRow)) | by_id(closed)
        pairs = [(task.customer, task.group) for task in tasks.values() if task.state in OPEN]
        assert len(pairs) == len(set(pairs)), "two open tasks of one customer and group"
        running = [attempt for attempt in attempts.values() if attempt.ended_at is None]
        assert len(running) == len({attempt.customer for attempt in running}), "two attempts for one customer"
        assert len(running) == len({attempt.task for attempt in running}), "two attempts of one task"
        self.all_tasks, self.all_attempts = tasks, attempts
        self.all_legs.update((leg.call, leg) for leg in unit.of(LegRow))
        for dropped in unit.of(DropLeg):
            self.all_legs.pop(dropped.call, None)
        self.all_journal += unit.of(JournalRow)
        for ticket in unit.of(Ticket):
            known = self.all_tickets.get(ticket.id)
            self.last_number += known is None
            self.all_tickets[ticket.id] = ticket._replace(number=known.number if known else self.last_number)
        self.all_comments |= by_id(unit.of(TicketComment))
        self.all_deliveries |= by_id(unit.of(Delivery))
        for resumed in unit.of(DropPause):
            self.all_pauses.pop(resumed.agent, None)
        self.all_pauses.update((pause.agent, pause) for pause in unit.of(PauseRow))
        for removed_do_not_call in unit.of(RemoveDoNotCall):
            self.all_do_not_call.pop(removed_do_not_call.customer, None)
        self.all_do_not_call.update((do_not_call.customer, do_not_call) for do_not_call in unit.of(DoNotCallRow))

    def forget_promises(self, before: float) -> tuple[int, int]:
        """How many tasks and tickets went; all that may, at once."""
        stuck = {delivery.ticket for delivery in self.all_deliveries.values() if delivery.next_at is not None}
        needed = {self.all_tickets[ticket].task for ticket in stuck if ticket in self.all_tickets} | {
            each.task for each in self.all_attempts.values() if each.ended_at is None or each.ended_at >= before}
        stuck |= {comment.ticket for comment in self.all_comments.values() if comment.at >= before}
        tasks = {task.id for task in self.all_tasks.values() if task.state not in OPEN and task.id not in needed
                 and task.ended_at is not None and task.ended_at < before}
        tickets = {ticket.id for ticket in self.all_tickets.values() if ticket.state == "closed"
                   and ticket.id not in stuck and ticket.closed_at is not None and ticket.closed_at < before}
        self.all_journal = [line for line in self.all_journal if line.task not in tasks]
        self.all_attempts = {each.id: each for each in self.all_attempts.values() if each.task not in tasks}
        self.all_comments = {each.id: each for each in self.all_comments.values() if each.ticket not in tickets}
        self.all_deliveries = {each.id: each for each in self.all_deliveries.values() if each.ticket not in tickets}
        self.all_tasks = {each.id: each for each in self.all_tasks.values() if each.id not in tasks}
        self.all_tickets = {each.id: each for each in self.all_tickets.values() if each.id not in tickets}
        return len(tasks), len(tickets)

    def may_claim(self, attempt: AttemptRow) -> bool:
        task = self.all_tasks.get(attempt.task)
        return task is not None and task.state == "open" and not any(
            other.ended_at is None and (other.customer == attempt.customer or other.task == attempt.task
                                        or (attempt.engages is not None and other.engages == attempt.engages))
            for other in self.all_attempts.values()) and attempt.customer not in self.all_do_not_call and \
            attempt.serial == 1 + max((other.serial for other in self.all_attempts.values()
                                       if other.task == attempt.task), default=0)


class MemoryDirect:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def records(self, customer: str) -> list[Record]:
        self._rows.check()
        return [record for record in self._rows.all_direct.values() if record.customer == customer]

    def record(self, customer: str, agent: str) -> Record | None:
        self._rows.check()
        return self._rows.all_direct.get((customer, agent))

    def expired(self, now: float, limit: int) -> list[Record]:
        self._rows.check()
        found = sorted((record for record in self._rows.all_direct.values() if record.expires_at <= now),
                       key=lambda record: record.expires_at)
        return found[:limit]

    def count(self) -> int:
        return len(self._rows.all_direct)


class MemoryCalls:
    def __init__(self, rows: Rows, node: str) -> None:
        self._rows, self._node = rows, node

    def open(self) -> list[CallRow]:
        self._rows.check()
        return [row for row in self._rows.rows.values() if row.ended_at is None and row.node == self._node]

    def open_elsewhere(self, sip_call_id: str) -> CallRow | None:
        self._rows.check()
        return next((row for row in reversed(self._rows.rows.values())
                     if row.ended_at is None and row.sip_call_id == sip_call_id and row.node != self._node), None)

    def one(self, name: str) -> CallRow | None:
        self._rows.check()
        return self._rows.rows.get(name)

    def newest(self, limit: int, customer: str | None = None) -> list[CallRow]:
        return [row for row in reversed(self._rows.rows.values()) if customer in (None, row.customer)][:limit]

    def counts(self, since: float, before: float) -> Counts:
        self._rows.check()
        rows = [row for row in self._rows.rows.values()
                if since <= row.started_at < before and row.reason != "on_behalf"]
        legs = [row for row in rows if row.reason in LEGS and row.direction == "outbound"]
        rows = [row for row in rows if row.reason not in LEGS]

        def answered(of: list[CallRow]) -> int:
            return sum(row.answered_at is not None and row.answered_at < before for row in of)

        return Counts(len(rows), sum(row.direction == "inbound" for row in rows),
                      sum(row.direction == "outbound" for row in rows), answered(rows),
                      sum(row.tried is not None for row in rows), len(legs), answered(legs))

    def last_talk(self, customer: str, min_talk: float) -> tuple[str, float] | None:
        self._rows.check()
        for row in sorted(self._rows.rows.values(), key=lambda row: row.id, reverse=True):
            of_us = row.reason in LEGS and row.direction == "inbound"
            if row.customer == customer and row.agent and not of_us and (row.talk_s or -1.0) >= min_talk:
                return row.agent, row.answered_at or row.started_at
        return None

    def taken_since(self, since: float, limit: int) -> list[tuple[str, float]]:
        self._rows.check()
        found = [(row.group, row.answered_at if row.ended_at is None else row.ended_at - (row.talk_s or 0.0))
                 for row in sorted(self._rows.rows.values(), reverse=True)
                 if row.started_at >= since and row.direction == "inbound" and row.reason not in LEGS and row.agent]
        return sorted(((group, at) for group, at in found[:limit] if group is not None and at is not None),
                      key=lambda taken: taken[1])


class MemoryCallbacks:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def open_tasks(self) -> list[TaskRow]:
        self._rows.check()
        return sorted(task for task in self._rows.all_tasks.values() if task.state in OPEN)

    def task(self, task: str) -> TaskRow | None:
        self._rows.check()
        return self._rows.all_tasks.get(task)

    def tasks(self, limit: int, state: TaskState | None = None, customer: str | None = None,
              group: str | None = None, kind: TaskKind | None = None) -> list[TaskRow]:
        self._rows.check()
        found = [task for task in self._rows.all_tasks.values() if state in (None, task.state)
                 and customer in (None, task.customer) and group in (None, task.group)
                 and kind in (None, task.kind)]
        return sorted(found, key=lambda task: task.id, reverse=True)[:limit]

    def attempts_of(self, task: str) -> list[AttemptRow]:
        self._rows.check()
        found = [attempt for attempt in self._rows.all_attempts.values() if attempt.task == task]
        return sorted(found, key=lambda attempt: attempt.serial)

    def open_attempts(self) -> list[AttemptRow]:
        self._rows.check()
        return sorted((each for each in self._rows.all_attempts.values() if each.ended_at is None),
                      key=lambda each: each.id)

    def attempt(self, attempt: str) -> AttemptRow | None:
        self._rows.check()
        return self._rows.all_attempts.get(attempt)

    def attempts_since(self, at: float) -> list[PastAttempt]:
        self._rows.check()
        found = [PastAttempt(each.customer, each.customer_at, each.id, each.node)
                 for each in self._rows.all_attempts.values()
                 if each.customer_at is not None and each.customer_at >= at]
        return sorted(found, key=lambda past: past.at)

    def ended_with(self, since: float, dialled: float) -> list[EndedWith]:
        self._rows.check()
        done = {(line.task, line.agent): line.at for line in self._rows.all_journal if line.kind == "finished"}
        found = [EndedWith(each.task, each.agent, each.ended_at, self._rows.all_tasks[each.task].group,
                           self._rows.all_tasks[each.task].campaign) for each in self._rows.all_attempts.values()
                 if each.agent is not None and each.ended_at is not None and each.ended_at >= since
                 and each.customer_at is not None and each.customer_at >= dialled and each.result != "crashed"
                 and done.get((each.task, each.agent), 0.0) < each.ended_at]
        return sorted(found, key=lambda one: one.ended_at)

    def tasks_since(self, at: float) -> list[float]:
        self._rows.check()
        return [task.created_at for task in self._rows.all_tasks.values() if task.created_at >= at and not (
            task.kind == "queue" and ((task.state == "failed" and task.ended_at == task.created_at) or (
                task.state == "cancelled" and task.reason in ("taken", "database"))))]

    def journal(self, task: str) -> list[JournalRow]:
        self._rows.check()
        return [line for line in self._rows.all_journal if line.task == task]

    def pickups(self, tasks: Sequence[str]) -> list[JournalRow]:
        self._rows.check()
        return [line for line in self._rows.all_journal
                if line.task in tasks and line.kind in ("place_taken", "declined")]

    def legs(self) -> list[LegRow]:
        self._rows.check()
        return sorted(self._rows.all_legs.values())

    def do_not_call(self, limit: int = -1) -> list[DoNotCallRow]:
        self._rows.check()
        found = sorted(self._rows.all_do_not_call.values(), key=lambda row: (-row.added_at, row.customer))
        return found[:limit] if limit >= 0 else found

    def released_counts(self, since: float) -> dict[str, int]:
        self._rows.check()
        found = [line.agent for line in self._rows.all_journal if line.kind == "released" and line.at >= since]
        return {agent: found.count(agent) for agent in found if agent is not None}


class MemoryTickets:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def newest(self, limit: int, state: str | None = None, customer: str | None = None) -> list[Ticket]:
        self._rows.check()
        found = [ticket for ticket in self._rows.all_tickets.values() if state in (None, ticket.state)
                 and customer in (None, ticket.customer)]
        return sorted(found, key=lambda ticket: -ticket.number)[:limit]

    def one(self, name: str | int) -> Ticket | None:
        self._rows.check()
        return next((ticket for ticket in self._rows.all_tickets.values()
                     if str(name) in (ticket.id, str(ticket.number))), None)

    def comments(self, ticket: str) -> list[TicketComment]:
        self._rows.check()
        return [comment for comment in self._rows.all_comments.values() if comment.ticket == ticket]

    def _waiting_deliveries(self, channel: str | None) -> list[tuple[float, Delivery]]:
        """The first of each ticket and channel that is not delivered, and when it is due."""
        first: dict[tuple[str, str], tuple[float, Delivery]] = {}
        for delivery in self._rows.all_deliveries.values():
            if delivery.next_at is not None and channel in (None, delivery.channel):
                first.setdefault((delivery.ticket, delivery.channel), (delivery.next_at, delivery))
        return sorted(first.values(), key=lambda due: due[0])

    def deliveries_due(self, now: float, limit: int, channel: str | None = None) -> list[Delivery]:
        self._rows.check()
        return [delivery for at, delivery in self._waiting_deliveries(channel) if at <= now][:limit]

    def next_delivery(self, channel: str | None = None) -> float | None:
        self._rows.check()
        return next((at for at, _ in self._waiting_deliveries(channel)), None)

    def deliveries_of(self, ticket: str) -> list[Delivery]:
        self._rows.check()
        return [delivery for delivery in self._rows.all_deliveries.values() if delivery.ticket == ticket]


class MemoryStore(Rows):
    def __init__(self, node: str = "", beside: "MemoryStore | None" = None) -> None:
        """`node`: whose it is. `beside`: that of another node on the same database, for calls and direct callbacks."""
        super().__init__()
        self.node = node
        self.followers: list[ChangeListener] = []
        if beside is not None:
            self.rows, self.all_direct = beside.rows, beside.all_direct
        self.direct, self.calls = MemoryDirect(self), MemoryCalls(self, node)
        self.callbacks, self.tickets = MemoryCallbacks(self), MemoryTickets(self)
        self.holder: RowListener | None = None
        self.alarms: dict[str, StandingAlarm] = {}
        self.events: list[Event] = []
        self.policies: list[PolicyVersion] = []

    def tell_faults_to(self, listener: FaultListener) -> None:
        """It has none."""

    def tell_rows_to(self, listener: RowListener) -> None:
        self.holder = listener

    def tell_changes_to(self, listener: ChangeListener) -> None:
        self.followers.append(listener)

    def hear(self) -> None:
        """Another node has written something."""
        for follower in self.followers:
            follower.on_changed(ANYTHING_CHANGED)

    def begin_anew(self) -> None:
        """Another database stands in the place of this one."""
        assert self.holder is not None
        self.holder.on_anew()

    @property
    def well(self) -> bool:
        return not self.broken

    def _read(self) -> None:
        if self.broken:
            raise StoreError("broken on purpose")

    def settled(self, done: Callable[[], None]) -> None:
        self.put(Unit(), done)

    def put(self, unit: Unit, done: Callable[[], None] | None = None) -> None:
        for row in unit.of(CallRow):
            first = self.rows.get(row.id, row)
            self.rows[row.id] = row._replace(node=first.node or row.node or self.node)
        self.all_direct.update((record[:2], record) for record in unit.of(Record))
        for removed in unit.of(RemoveRecord):
            self.all_direct.pop(removed.record[:2], None)
        for gone in unit.of(ClearAlarm):
            self.alarms.pop(gone.name, None)
        self.alarms.update((alarm.name, alarm) for alarm in unit.of(StandingAlarm))
        self.write(unit)
        numbers = {ticket.id: self.all_tickets[ticket.id].number for ticket in unit.of(Ticket)}
        for event in unit.of(Event):
            opened = event.kind == "ticket.opened" and event.data.get("ticket") in numbers
            data = {**event.data, TICKET_NUMBER: numbers[event.data["ticket"]]} if opened else event.data
            self.events.append(event._replace(seq=len(self.events) + 1, data=data))
        for policy in unit.of(SavePolicy):
            self.policies.append(PolicyVersion(len(self.policies) + 1, policy.saved_at, policy.text, policy.by))
        if done is not None:
            done()

    @contextlib.contextmanager
    def together(self, more: list[Write]) -> Iterator[None]:
        try:
            yield
        finally:
            self.put(Unit(tuple(more)))

    def commit(self, unit: Unit, done: Callable[[bool], None]) -> None:
        if not self.broken:
            self.put(unit)
        done(not self.broken)

    def claim(self, attempt: AttemptRow, unit: Unit, done: Callable[[bool], None], caps: Caps | None = None,
              fence: Fence | None = None) -> None:
        """Nobody else dials: neither caps nor fence are asked for."""
        may = not self.broken and self.may_claim(attempt)
        if may:
            self.put(Unit((attempt, *unit.writes), unit.durable))
        done(may)

    def forget(self, before: float, rows: int, told: Callable[[Forgotten], None]) -> None:
        old = [row.id for row in self.rows.values() if row.ended_at is not None and row.ended_at < before]
        for name in old:
            del self.rows[name]
        told(Forgotten(len(old), *self.forget_promises(before)))

    def release(self) -> None:
        pass

    def standing(self) -> list[StandingAlarm]:
        self.check()
        return sorted(self.alarms.values(), key=lambda alarm: alarm.raised_at)

    def pauses(self) -> list[PauseRow]:
        self.check()
        return sorted(self.all_pauses.values(), key=lambda pause: pause.since)

    def events_after(self, seq: int, limit: int) -> list[Event]:
        return self.events[seq:seq + limit]

    def delete_events_upto(self, seq: int) -> None:
        raise NotImplementedError

    def load_policy(self) -> str | None:
        return self.policies[-1].text if self.policies else None

    def save_policy(self, text: str, now: float, done: Callable[[], None] | None = None, by: str = "") -> None:
        self.put(Unit((SavePolicy(text, now, by),)), done)

    def policy_history(self, limit: int) -> list[PolicyVersion]:
        return self.policies[::-1][:limit]

    def close(self) -> None:
        pass
