"""What several units come to: of several states of one row only the last is written."""

import sqlite3
from collections import Counter
from collections.abc import Callable
from math import inf
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
from routing.store import callback_sql as sql
from routing.store import people_sql, schema
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
    Unit,
)


def claim(connection: sqlite3.Connection, attempt: AttemptRow) -> bool:
    """Begin an attempt, if it may; whether it did."""
    return connection.execute(sql.CLAIM, (
        *attempt, attempt.task, attempt.customer, attempt.task, attempt.engages, attempt.customer, attempt.serial,
        attempt.task)).rowcount == 1


class StaleError(Exception):
    """Tasks were to be changed that somebody else has changed meanwhile; their ids. Nothing of it may be committed."""

    def __init__(self, tasks: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(tasks)))
        self.tasks = tasks


class Stamp(NamedTuple):
    """What rows are marked with when they are first written."""

    node: str
    epoch: int


QUARTER: Final = 900
"""Seconds: the midnights of all time zones are at the beginning of one."""

_CALL_STAMP: Final = CallRow._fields.index("node")


class Batch:
    """Gathers units in their order and writes them. `events`, with their seq, grows with every `write`."""

    def __init__(self, stamp: Stamp, outbox: Outbox) -> None:
        """`outbox`: whether events are kept."""
        self.seq = 0
        """The last one given to an event; 0: none was."""
        self.events: list[Event] = []
        self.published = 0
        self.policy: SavePolicy | None = None
        """The last one of those that were written."""
        self._stamp, self._outbox = stamp, outbox
        self._calls: dict[str, CallRow] = {}
        self._records: dict[tuple[str, str], Record | RemoveRecord | None] = {}
        """None: put and removed again, so it goes whatever is there; else one that was touched meanwhile stays."""
        self._new_events: list[Event] = []
        self._policies: list[SavePolicy] = []
        self._alarms: dict[str, StandingAlarm | None] = {}
        self._users: list[UserRow] = []
        self._tokens: list[TokenRow] = []
        self._audit: list[AuditRow] = []
        self._pauses: dict[str, PauseRow | None] = {}
        self._callbacks = _Callbacks(stamp)
        self._takers: dict[type, Callable[[Any], None]] = {
            CallRow: self._call, Record: self._record, RemoveRecord: self._remove, Event: self._new_events.append,
            SavePolicy: self._policies.append, ForgetEvents: self._forget, StandingAlarm: self._alarm,
            ClearAlarm: self._clear, PauseRow: self._pause, DropPause: self._resume, UserRow: self._users.append,
            TokenRow: self._tokens.append, AuditRow: self._audit.append, **self._callbacks.takers,
        }

    def stamped(self, attempt: AttemptRow) -> AttemptRow:
        """Return an attempt marked with the start of the node that it begins in."""
        return attempt if attempt.epoch else attempt._replace(epoch=self._stamp.epoch)

    def add(self, unit: Unit) -> None:
        """Take a unit in. A policy that nobody is said to have saved was, with a line of the audit log, by who that
        says.
        """
        takers = self._takers
        for write in unit.writes:
            if type(write) is SavePolicy and not write.by:
                write = write._replace(by=next((row.who for row in unit.writes if type(row) is AuditRow), ""))
            takers[type(write)](write)

    def _call(self, call: CallRow) -> None:
        self._calls[call.id] = call

    def _record(self, record: Record) -> None:
        self._records[record[:2]] = record

    def _remove(self, write: RemoveRecord) -> None:
        key = write.record[:2]
        self._records[key] = None if key in self._records else write

    def _forget(self, write: ForgetEvents) -> None:
        self.published = max(self.published, write.upto)

    def _alarm(self, alarm: StandingAlarm) -> None:
        self._alarms[alarm.name] = alarm

    def _clear(self, write: ClearAlarm) -> None:
        self._alarms[write.name] = None

    def _pause(self, pause: PauseRow) -> None:
        self._pauses[pause.agent] = pause

    def _resume(self, write: DropPause) -> None:
        self._pauses[write.agent] = None

    def write(self, connection: sqlite3.Connection) -> None:
        """Write what was gathered since the last time."""
        for policy in self._policies:
            connection.execute(schema.PUT_POLICY, (policy.saved_at, policy.text, policy.by))
            self.policy = policy
        if self._alarms:
            connection.executemany(schema.DROP_ALARM, [(name,) for name in self._alarms])
            connection.executemany(schema.PUT_ALARM, [alarm for alarm in self._alarms.values() if alarm is not None])
        if self._users or self._tokens or self._audit:
            connection.executemany(people_sql.PUT_USER, [people_sql.from_user(row) for row in self._users])
            connection.executemany(people_sql.PUT_TOKEN, [people_sql.from_token(row) for row in self._tokens])
            connection.executemany(people_sql.PUT_AUDIT, [people_sql.from_audit(row) for row in self._audit])
        if self._pauses:
            connection.executemany(schema.DROP_PAUSE, [(name,) for name, row in self._pauses.items() if row is None])
            connection.executemany(schema.PUT_PAUSE, [
                row if row.node else row._replace(node=self._stamp.node)
                for row in self._pauses.values() if row is not None])
        if self._calls:
            stamp = self._stamp
            connection.executemany(schema.PUT_CALL, [call if call.epoch else
                                                     (*call[:_CALL_STAMP], *stamp, *call[_CALL_STAMP + 2:])
                                                     for call in self._calls.values()])
        if self._records:
            self._write_records(connection)
        numbers = self._callbacks.write(connection)
        if self._new_events:
            self._write_events(connection, numbers)
        for gathered in (self._policies, self._alarms, self._pauses, self._users, self._tokens, self._audit,
                         self._calls, self._records, self._new_events):
            gathered.clear()

    def _write_records(self, connection: sqlite3.Connection) -> None:
        kept = [record for record in self._records.values() if isinstance(record, Record)]
        if kept:
            connection.executemany(schema.PUT_RECORD, kept)
        if len(kept) < len(self._records):
            connection.executemany(schema.REMOVE_RECORD, [
                (*key, inf if write is None else write.record.touched_at)
                for key, write in self._records.items() if not isinstance(write, Record)])

    def _write_events(self, connection: sqlite3.Connection, numbers: dict[str, int]) -> None:
        """Give the events their seq, which is the database's to give, and keep them."""
        last = connection.execute(schema.LAST_EVENT).fetchone()
        begin = last[0] if last is not None else 0
        fresh = []
        for seq, event in enumerate(self._new_events, begin + 1):
            data = event.data
            if event.kind == "ticket.opened" and data.get("ticket") in numbers:
                data = {**data, TICKET_NUMBER: numbers[data["ticket"]]}
            fresh.append(Event(event.kind, event.time, event.id, data, event.node, seq))
        self.seq = begin + len(fresh)
        self.events += fresh
        if self._outbox:
            connection.executemany(schema.PUT_EVENT, [
                (event.seq, event.id, event.time, event.kind, self._text(event), self._stamp.node, int(self._outbox))
                for event in fresh])
        else:
            schema.raise_sequence(connection, "outbox", self.seq)

    def _text(self, event: Event) -> str:
        if self._outbox is Outbox.MASKED:
            event = event._replace(data=masked(event.data))
        return event.to_json()


class _Callbacks:
    """The rows of callbacks among it."""

    def __init__(self, stamp: Stamp) -> None:
        self._stamp = stamp
        self._any = False
        self._tasks: dict[str, tuple[TaskRow, ChangeTask | None]] = {}
        """As they are to be, and the first of the changes that led there; None: whatever is there."""
        self._attempts: dict[str, AttemptRow] = {}
        self._closed: list[AttemptRow] = []
        self._legs: dict[str, LegRow | None] = {}
        self._journal: list[JournalRow] = []
        self._tickets: dict[str, Ticket] = {}
        self._comments: dict[str, TicketComment] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._do_not_call: dict[str, DoNotCallRow | None] = {}
        self._offers: Counter[tuple[float, str, str]] = Counter()
        """By quarter of an hour, group and number."""
        self.takers: dict[type, Callable[[Any], None]] = {
            TaskRow: self._task, ChangeTask: self._change, AttemptRow: self._by_id(self._attempts),
            CloseAttempt: self._close, LegRow: self._leg, DropLeg: self._drop_leg, JournalRow: self._line,
            Ticket: self._by_id(self._tickets), TicketComment: self._by_id(self._comments),
            Delivery: self._by_id(self._deliveries), DoNotCallRow: self._add_do_not_call,
            RemoveDoNotCall: self._remove_do_not_call, CountOffer: self._count_offer,
        }

    def _task(self, task: TaskRow) -> None:
        self._any = True
        self._tasks[task.id] = task, None

    def _change(self, change: ChangeTask) -> None:
        self._any = True
        _, first = self._tasks.get(change.task.id, (None, change))
        self._tasks[change.task.id] = change.task, first

    def _by_id(self, rows: dict[str, Any]) -> Callable[[Any], None]:
        def take(row: Any) -> None:
            self._any = True
            rows[row.id] = row

        return take

    def _close(self, write: CloseAttempt) -> None:
        self._any = True
        self._closed.append(write.attempt)

    def _leg(self, leg: LegRow) -> None:
        self._any = True
        self._legs[leg.call] = leg

    def _drop_leg(self, write: DropLeg) -> None:
        self._any = True
        self._legs[write.call] = None

    def _line(self, line: JournalRow) -> None:
        self._any = True
        self._journal.append(line)

    def _add_do_not_call(self, row: DoNotCallRow) -> None:
        self._any = True
        self._do_not_call[row.customer] = row

    def _remove_do_not_call(self, write: RemoveDoNotCall) -> None:
        self._any = True
        self._do_not_call[write.customer] = None

    def _count_offer(self, write: CountOffer) -> None:
        self._any = True
        self._offers[write.at // QUARTER * QUARTER, write.group, write.number or ""] += 1

    def write(self, connection: sqlite3.Connection) -> dict[str, int]:
        """Write all; return the numbers of the tickets among it, by their ids. Raises StaleError."""
        if not self._any:
            return {}
        many, stamp = connection.executemany, self._stamp
        if self._tasks:
            self._write_tasks(connection)
        # What ends goes before what begins, as with tasks.
        attempts = sorted(self._attempts.values(), key=lambda attempt: attempt.ended_at is None)
        many(sql.PUT_ATTEMPT, [row if row.epoch else row._replace(epoch=stamp.epoch) for row in attempts])
        many(sql.END_ATTEMPT, [(row.step, row.ended_at, row.result, row.id) for row in self._closed])
        legs = [leg if leg.epoch else leg._replace(node=stamp.node, epoch=stamp.epoch)
                for leg in self._legs.values() if leg is not None]
        many(sql.PUT_LEG, legs)
        many(sql.DROP_LEG, [(call,) for call, leg in self._legs.items() if leg is None])
        many(sql.PUT_JOURNAL, [sql.from_journal(line) for line in self._journal])
        many(sql.PUT_TICKET, [sql.from_ticket(ticket) for ticket in self._tickets.values()])
        many(sql.PUT_COMMENT, self._comments.values())
        many(sql.PUT_DELIVERY, [(*delivery, stamp.node) for delivery in self._deliveries.values()])
        many(sql.PUT_DO_NOT_CALL, [row for row in self._do_not_call.values() if row is not None])
        many(sql.DROP_DO_NOT_CALL, [(customer,) for customer, row in self._do_not_call.items() if row is None])
        many(sql.COUNT_OFFERS, [(*of, made) for of, made in self._offers.items()])
        numbers = {name: connection.execute(sql.TICKET, (name,)).fetchone()[1] for name in self._tickets}
        for gathered in (self._tasks, self._attempts, self._closed, self._legs, self._journal, self._tickets,
                         self._comments, self._deliveries, self._do_not_call, self._offers):
            gathered.clear()
        self._any = False
        return numbers

    def _write_tasks(self, connection: sqlite3.Connection) -> None:
        node, stale = self._stamp.node, set()
        # What ends goes before what begins: of one customer and group only one may be open.
        ordered = sorted(self._tasks.values(), key=lambda found: found[0].state in ("open", "held"))
        if not any(first for _, first in ordered):
            connection.executemany(sql.PUT_TASK, [sql.from_task(row, node) for row, _ in ordered])
            return
        for row, first in ordered:
            values = sql.from_task(row, node)
            if first is None:
                connection.execute(sql.PUT_TASK, values)
                continue
            if first.base == 0:
                done = connection.execute(sql.NEW_TASK, values)
            else:
                done = connection.execute(sql.CHANGE_TASK, (*values[1:], row.id, node, first.base, first.base_by))
                if not done.rowcount and not connection.execute(sql.TASK, (row.id,)).fetchone():
                    done = connection.execute(sql.NEW_TASK, values)  # lost, and changed by nobody: it stands again
            if not done.rowcount:
                stale.add(row.id)
        if stale:
            raise StaleError(frozenset(stale))
