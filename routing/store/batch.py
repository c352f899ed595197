"""What several units come to: of several states of one row only the last is written."""

import sqlite3
from collections.abc import Callable
from typing import Any

from routing.events import Event, write_json
from routing.rows import (
    AttemptRow,
    Barred,
    CallRow,
    Delivery,
    JournalRow,
    LegRow,
    Record,
    StandingAlarm,
    TaskRow,
    Ticket,
    TicketComment,
)
from routing.store import callback_sql as sql
from routing.store import schema
from routing.writes import (
    TICKET_NUMBER,
    ClearAlarm,
    DropLeg,
    ForgetEvents,
    RemoveRecord,
    SavePolicy,
    Unbar,
    Unit,
)


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
        self._calls: dict[str, CallRow] = {}
        self._records: dict[tuple[str, str], Record | None] = {}
        self._new_events: list[Event] = []
        self._policies: list[SavePolicy] = []
        self._alarms: dict[str, StandingAlarm | None] = {}
        self._callbacks = _Callbacks()
        self._takers: dict[type, Callable[[Any], None]] = {
            CallRow: self._call, Record: self._record, RemoveRecord: self._remove, Event: self._new_events.append,
            SavePolicy: self._policies.append, ForgetEvents: self._forget, StandingAlarm: self._alarm,
            ClearAlarm: self._clear, **self._callbacks.takers,
        }

    def add(self, unit: Unit) -> None:
        """Take a unit in."""
        takers = self._takers
        for write in unit.writes:
            takers[type(write)](write)

    def _call(self, call: CallRow) -> None:
        self._calls[call.id] = call

    def _record(self, record: Record) -> None:
        self._records[record[:2]] = record

    def _remove(self, write: RemoveRecord) -> None:
        self._records[write.record[:2]] = None

    def _forget(self, write: ForgetEvents) -> None:
        self.published = max(self.published, write.upto)

    def _alarm(self, alarm: StandingAlarm) -> None:
        self._alarms[alarm.name] = alarm

    def _clear(self, write: ClearAlarm) -> None:
        self._alarms[write.name] = None

    def write(self, connection: sqlite3.Connection) -> None:
        """Write what was gathered since the last time."""
        for policy in self._policies:
            connection.execute(schema.PUT_POLICY, (policy.saved_at, policy.text))
        if self._alarms:
            connection.executemany(schema.DROP_ALARM, [(name,) for name in self._alarms])
            connection.executemany(schema.PUT_ALARM, [alarm for alarm in self._alarms.values() if alarm is not None])
        if self._calls:
            connection.executemany(schema.PUT_CALL, self._calls.values())
        if self._records:
            self._write_records(connection)
        numbers = self._callbacks.write(connection)
        if self._new_events:
            self._write_events(connection, numbers)
        for gathered in (self._policies, self._alarms, self._calls, self._records, self._new_events):
            gathered.clear()

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
        self._any = False
        self._tasks: dict[str, TaskRow] = {}
        self._attempts: dict[str, AttemptRow] = {}
        self._legs: dict[str, LegRow | None] = {}
        self._journal: list[JournalRow] = []
        self._tickets: dict[str, Ticket] = {}
        self._comments: dict[str, TicketComment] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._barred: dict[str, Barred | None] = {}
        self.takers: dict[type, Callable[[Any], None]] = {
            TaskRow: self._by_id(self._tasks), AttemptRow: self._by_id(self._attempts), LegRow: self._leg,
            DropLeg: self._drop_leg, JournalRow: self._line, Ticket: self._by_id(self._tickets),
            TicketComment: self._by_id(self._comments), Delivery: self._by_id(self._deliveries), Barred: self._bar,
            Unbar: self._unbar,
        }

    def _by_id(self, rows: dict[str, Any]) -> Callable[[Any], None]:
        def take(row: Any) -> None:
            self._any = True
            rows[row.id] = row

        return take

    def _leg(self, leg: LegRow) -> None:
        self._any = True
        self._legs[leg.call] = leg

    def _drop_leg(self, write: DropLeg) -> None:
        self._any = True
        self._legs[write.call] = None

    def _line(self, line: JournalRow) -> None:
        self._any = True
        self._journal.append(line)

    def _bar(self, barred: Barred) -> None:
        self._any = True
        self._barred[barred.customer] = barred

    def _unbar(self, write: Unbar) -> None:
        self._any = True
        self._barred[write.customer] = None

    def write(self, connection: sqlite3.Connection) -> dict[str, int]:
        """Write all; return the numbers of the tickets among it, by their ids."""
        if not self._any:
            return {}
        many = connection.executemany
        # What ends goes before what begins: of one customer and group only one may be open.
        tasks = sorted(self._tasks.values(), key=lambda task: task.state in ("open", "held"))
        attempts = sorted(self._attempts.values(), key=lambda attempt: attempt.ended_at is None)
        many(sql.PUT_TASK, [sql.from_task(task) for task in tasks])
        many(sql.PUT_ATTEMPT, attempts)
        many(sql.PUT_LEG, [leg for leg in self._legs.values() if leg is not None])
        many(sql.DROP_LEG, [(call,) for call, leg in self._legs.items() if leg is None])
        many(sql.PUT_JOURNAL, [sql.from_journal(line) for line in self._journal])
        many(sql.PUT_TICKET, [sql.from_ticket(ticket) for ticket in self._tickets.values()])
        many(sql.PUT_COMMENT, self._comments.values())
        many(sql.PUT_DELIVERY, self._deliveries.values())
        many(sql.PUT_BARRED, [barred for barred in self._barred.values() if barred is not None])
        many(sql.DROP_BARRED, [(customer,) for customer, barred in self._barred.items() if barred is None])
        numbers = {name: connection.execute(sql.TICKET, (name,)).fetchone()[1] for name in self._tickets}
        for gathered in (self._tasks, self._attempts, self._legs, self._journal, self._tickets, self._comments,
                         self._deliveries, self._barred):
            gathered.clear()
        self._any = False
        return numbers
