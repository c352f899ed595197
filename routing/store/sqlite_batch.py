"""What several units come to, in SQLite's tables."""

import sqlite3
from math import inf

from routing.events import Event, Outbox
from routing.rows import AttemptRow, Record
from routing.store import callback_sql as sql
from routing.store import people_sql, schema
from routing.store.batch import Batch, Callbacks, StaleError, Stamp, numbered, outbox_row
from routing.writes import SavePolicy


def claim(connection: sqlite3.Connection, attempt: AttemptRow) -> bool:
    """Begin an attempt, if it may; whether it did."""
    return connection.execute(sql.CLAIM, (
        *attempt, attempt.task, attempt.customer, attempt.task, attempt.engages, attempt.customer, attempt.serial,
        attempt.task)).rowcount == 1


class BatchWriter:
    """Writes what was gathered, as often as needed within a transaction. `events`, with their seq, grows with each."""

    def __init__(self, stamp: Stamp, outbox: Outbox, put_ticket: str) -> None:
        """`outbox`: whether events are kept. `put_ticket`: how a ticket is written, and gets its number."""
        self.seq = 0
        """The last one given to an event; 0: none was."""
        self.events: list[Event] = []
        self.policy: SavePolicy | None = None
        """The last one of those that were written."""
        self.stamp, self._outbox, self._put_ticket = stamp, outbox, put_ticket

    def write(self, connection: sqlite3.Connection, batch: Batch) -> None:
        """Write what was gathered since the last time, and clear it. Raises StaleError."""
        many = connection.executemany
        for policy in batch.policies:
            connection.execute(schema.PUT_POLICY, (policy.saved_at, policy.text, policy.by))
            self.policy = policy
        if batch.alarms:
            many(schema.DROP_ALARM, [(name,) for name in batch.alarms])
            many(schema.PUT_ALARM, [alarm for alarm in batch.alarms.values() if alarm is not None])
        if batch.users or batch.tokens or batch.audit:
            many(people_sql.PUT_USER, [people_sql.from_user(row) for row in batch.users])
            many(people_sql.PUT_TOKEN, [people_sql.from_token(row) for row in batch.tokens])
            many(people_sql.PUT_AUDIT, [people_sql.from_audit(row) for row in batch.audit])
        if batch.pauses:
            many(schema.DROP_PAUSE, [(name,) for name, row in batch.pauses.items() if row is None])
            many(schema.PUT_PAUSE, [self.stamp.on_pause(row) for row in batch.pauses.values() if row is not None])
        if batch.calls:
            many(schema.PUT_CALL, [self.stamp.on_call(call) for call in batch.calls.values()])
        if batch.records:
            self._write_records(connection, batch)
        numbers = _write_callbacks(connection, batch.callbacks, self.stamp, self._put_ticket)
        if batch.events:
            self._write_events(connection, batch.events, numbers)
        batch.clear()

    def _write_records(self, connection: sqlite3.Connection, batch: Batch) -> None:
        kept = [record for record in batch.records.values() if isinstance(record, Record)]
        if kept:
            connection.executemany(schema.PUT_RECORD, kept)
        if len(kept) < len(batch.records):
            connection.executemany(schema.REMOVE_RECORD, [
                (*key, inf if write is None else write.record.touched_at)
                for key, write in batch.records.items() if not isinstance(write, Record)])

    def _write_events(self, connection: sqlite3.Connection, events: list[Event], numbers: dict[str, int]) -> None:
        """Give the events their seq, which is the database's to give, and keep them."""
        last = connection.execute(schema.LAST_EVENT).fetchone()
        begin = last[0] if last is not None else 0
        fresh = numbered(events, begin + 1, numbers)
        self.seq = begin + len(fresh)
        self.events += fresh
        if self._outbox:
            connection.executemany(schema.PUT_EVENT,
                                   [outbox_row(event, self._outbox, self.stamp.node) for event in fresh])
        else:
            schema.raise_sequence(connection, "outbox", self.seq)


def _write_callbacks(connection: sqlite3.Connection, rows: Callbacks, stamp: Stamp,
                     put_ticket: str) -> dict[str, int]:
    """Write all and clear it; return the numbers of the tickets among it, by their ids. Raises StaleError."""
    if not rows.any:
        return {}
    many = connection.executemany
    if rows.tasks:
        _write_tasks(connection, rows, stamp.node)
    many(sql.PUT_ATTEMPT, [stamp.on_attempt(row) for row in rows.ordered_attempts()])
    many(sql.END_ATTEMPT, [(row.step, row.ended_at, row.result, row.id) for row in rows.closed])
    many(sql.PUT_LEG, [stamp.on_leg(leg) for leg in rows.legs.values() if leg is not None])
    many(sql.DROP_LEG, [(call,) for call, leg in rows.legs.items() if leg is None])
    many(sql.PUT_JOURNAL, [sql.from_journal(line) for line in rows.journal])
    many(put_ticket, [sql.from_ticket(ticket) for ticket in rows.tickets.values()])
    many(sql.PUT_COMMENT, rows.comments.values())
    many(sql.PUT_DELIVERY, [(*delivery, stamp.node) for delivery in rows.deliveries.values()])
    many(sql.PUT_DO_NOT_CALL, [row for row in rows.do_not_call.values() if row is not None])
    many(sql.DROP_DO_NOT_CALL, [(customer,) for customer, row in rows.do_not_call.items() if row is None])
    many(sql.COUNT_OFFERS, [(*of, made) for of, made in rows.offers.items()])
    numbers = {name: connection.execute(sql.TICKET, (name,)).fetchone()[1] for name in rows.tickets}
    rows.clear()
    return numbers


def _write_tasks(connection: sqlite3.Connection, rows: Callbacks, node: str) -> None:
    stale = set()
    ordered = rows.ordered_tasks()
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
