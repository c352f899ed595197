"""What several units come to: of several states of one row only the last is written."""

import sqlite3

from routing.events import Event, write_json
from routing.rows import (
    AttemptRow,
    Barred,
    CallRow,
    Delivery,
    LegRow,
    Record,
    StandingAlarm,
    TaskRow,
    Ticket,
    TicketComment,
)
from routing.storage import TICKET_NUMBER, Unit
from routing.store import callback_sql as sql
from routing.store import schema


def claim(connection: sqlite3.Connection, attempt: AttemptRow) -> bool:
    """Begin an attempt, if it may; whether it did."""
    return connection.execute(sql.CLAIM, (*attempt, attempt.task, attempt.customer, attempt.task)).rowcount == 1


class Batch:
    """Gathers units in their order and writes them. `events`, with their seq, grows with every `write`."""

    def __init__(self, seq: int, outbox: bool) -> None:
        """`seq`: the last one given to an event. `outbox`: whether events are kept."""
        self.seq = seq
        self.events: list[Event] = []
        self.published = 0
        self._outbox = outbox
        self._begin()

    def _begin(self) -> None:
        self._calls: dict[str, CallRow] = {}
        self._records: dict[tuple[str, str], Record | None] = {}
        self._new_events: list[Event] = []
        self._policies: list[tuple[str, float]] = []
        self._alarms: dict[str, StandingAlarm | None] = {}
        self._callbacks = _Callbacks()

    def add(self, unit: Unit) -> None:
        """Take a unit in."""
        for call in unit.calls:
            self._calls[call.id] = call
        for record in unit.records:
            self._records[record[:2]] = record
        for record in unit.removed:
            self._records[record[:2]] = None
        self._new_events += unit.events
        if unit.policy is not None:
            self._policies.append(unit.policy)
        self._alarms.update((name, None) for name in unit.alarms_gone)
        self._alarms.update((alarm.name, alarm) for alarm in unit.alarms)
        if unit.published is not None:
            self.published = max(self.published, unit.published)
        if unit.of_callbacks:
            self._callbacks.add(unit)

    def write(self, connection: sqlite3.Connection) -> None:
        """Write what was gathered since the last time."""
        for text, saved_at in self._policies:
            connection.execute(schema.PUT_POLICY, (saved_at, text))
        if self._alarms:
            connection.executemany(schema.DROP_ALARM, [(name,) for name in self._alarms])
            connection.executemany(schema.PUT_ALARM, [alarm for alarm in self._alarms.values() if alarm is not None])
        if self._calls:
            connection.executemany(schema.PUT_CALL, self._calls.values())
        if self._records:
            self._write_records(connection)
        numbers = self._callbacks.write(connection) if self._callbacks.any else {}
        if self._new_events:
            self._write_events(connection, numbers)
        self._begin()

    def _write_records(self, connection: sqlite3.Connection) -> None:
        kept = [record for record in self._records.values() if record is not None]
        if kept:
            connection.executemany(schema.PUT_RECORD, kept)
        if len(kept) < len(self._records):
            gone = [key for key, record in self._records.items() if record is None]
            connection.executemany(schema.REMOVE_RECORD, gone)

    def _write_events(self, connection: sqlite3.Connection, numbers: dict[str, int]) -> None:
        fresh = []
        for seq, event in enumerate(self._new_events, self.seq + 1):
            data = event.data
            if event.kind == "ticket.opened" and data.get("ticket") in numbers:
                data = {**data, TICKET_NUMBER: numbers[data["ticket"]]}
            fresh.append(Event(event.kind, event.time, event.id, data, event.node, seq))
        self.seq += len(fresh)
        self.events += fresh
        if self._outbox:
            connection.executemany(schema.PUT_EVENT, [(event.seq, event.id, event.time, event.kind,
                                                       write_json(event.data)) for event in fresh])


class _Callbacks:
    """The rows of callbacks among it."""

    def __init__(self) -> None:
        self.any = False
        self._tasks: dict[str, TaskRow] = {}
        self._attempts: dict[str, AttemptRow] = {}
        self._legs: dict[str, LegRow | None] = {}
        self._journal: list[tuple[object, ...]] = []
        self._tickets: dict[str, Ticket] = {}
        self._comments: dict[str, TicketComment] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._barred: dict[str, Barred | None] = {}

    def add(self, unit: Unit) -> None:
        self.any = True
        self._tasks.update((task.id, task) for task in unit.tasks)
        self._attempts.update((attempt.id, attempt) for attempt in unit.attempts)
        self._legs.update((leg.call, leg) for leg in unit.legs)
        self._legs.update((call, None) for call in unit.legs_gone)
        self._journal += (sql.from_journal(line) for line in unit.journal)
        self._tickets.update((ticket.id, ticket) for ticket in unit.tickets)
        self._comments.update((comment.id, comment) for comment in unit.comments)
        self._deliveries.update((delivery.id, delivery) for delivery in unit.deliveries)
        self._barred.update((customer, None) for customer in unit.unbarred)
        self._barred.update((barred.customer, barred) for barred in unit.barred)

    def write(self, connection: sqlite3.Connection) -> dict[str, int]:
        """Write all; return the numbers of the tickets among it, by their ids."""
        many = connection.executemany
        # What ends goes before what begins: of one customer and group only one may be open.
        tasks = sorted(self._tasks.values(), key=lambda task: task.state in ("open", "held"))
        attempts = sorted(self._attempts.values(), key=lambda attempt: attempt.ended_at is None)
        many(sql.PUT_TASK, [sql.from_task(task) for task in tasks])
        many(sql.PUT_ATTEMPT, attempts)
        many(sql.PUT_LEG, [leg for leg in self._legs.values() if leg is not None])
        many(sql.DROP_LEG, [(call,) for call, leg in self._legs.items() if leg is None])
        many(sql.PUT_JOURNAL, self._journal)
        many(sql.PUT_TICKET, [sql.from_ticket(ticket) for ticket in self._tickets.values()])
        many(sql.PUT_COMMENT, self._comments.values())
        many(sql.PUT_DELIVERY, self._deliveries.values())
        many(sql.PUT_BARRED, [barred for barred in self._barred.values() if barred is not None])
        many(sql.DROP_BARRED, [(customer,) for customer, barred in self._barred.items() if barred is None])
        return {name: connection.execute(sql.TICKET, (name,)).fetchone()[1] for name in self._tickets}
