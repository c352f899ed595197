"""What several units come to, in PostgreSQL's tables.

Each table is written in the order of its keys, and the tables in one order: of two batches that meet one waits, and
never each for the other. What a claim must see is written before it; all else once, at the end, and what takes numbers
last: whoever needs numbers waits for the commit of whoever has taken some.
"""

from collections.abc import Sequence
from math import inf
from typing import Any, Final, NamedTuple

import psycopg

from routing.duty import Fence
from routing.events import Event, Outbox
from routing.rows import AttemptRow, DoNotCallRow, LegRow, Record, StandingAlarm, TaskRow
from routing.storage import Caps
from routing.store import callback_sql, people_sql
from routing.store.batch import Batch, Callbacks, StaleError, Stamp, numbered, outbox_row
from routing.store.engine import Queued
from routing.store.postgres import statements as sql
from routing.store.postgres.connection import Connection
from routing.writes import (
    ChangeTask,
    ClearAlarm,
    CloseAttempt,
    DropLeg,
    ForgetEvents,
    RemoveDoNotCall,
    SavePolicy,
    Shared,
    SharedKind,
    Unit,
)

_OWN: Final = frozenset((Event, ForgetEvents, StandingAlarm, ClearAlarm, LegRow, DropLeg, Shared))
"""Kinds of writes of which other nodes read nothing."""


def locks_of(batch: Sequence[Queued]) -> set[str]:
    """Return whom a batch claims for, and whose tasks and attempts it makes, changes or ends: customers, and agents
    who are rung. One at a time has each of them.
    """
    names: set[str] = set()
    for queued in batch:
        if queued.claim is not None:
            names |= _of_attempt(queued.claim) | _of_trunk(queued.caps)
        for write in queued.unit.writes:
            match write:
                case ChangeTask(task):
                    names.add(task.customer)
                case AttemptRow():
                    names |= _of_attempt(write)
                case CloseAttempt(attempt):
                    names.add(attempt.customer)
                case TaskRow() | DoNotCallRow() | RemoveDoNotCall():
                    names.add(write.customer)
    return names


def is_told(batch: Sequence[Queued]) -> bool:
    """Return whether anything of a batch is what nodes share."""
    return any(queued.claim is not None or any(type(write) not in _OWN for write in queued.unit.writes)
               for queued in batch)


def _of_attempt(attempt: AttemptRow) -> set[str]:
    return {attempt.customer} if attempt.engages is None else {attempt.customer, f"agent {attempt.engages}"}


def _of_trunk(caps: Caps | None) -> set[str]:
    """Return whose legs are counted: whoever claims counts, and nobody else meanwhile."""
    return {f"trunk {caps.trunk}"} if caps is not None and caps.trunk_legs else set()


class CrowdedError(Exception):
    """Too little is left of the caps of all for claims to be counted beside those of others: it must be done alone."""


class _Asked(NamedTuple):
    """A claim on its way; the unit goes with it if it is won."""

    serial: int
    unit: Unit
    caps: Caps | None
    cursor: psycopg.Cursor[tuple[Any, ...]]
    """Has a row where it is."""


class _Changing(NamedTuple):
    """A change of a task on its way."""

    change: ChangeTask
    values: list[object]
    cursor: psycopg.Cursor[tuple[Any, ...]]
    """Has a row where nobody else had changed it."""


class _Newest(NamedTuple):
    """Rows that were put or removed unless others have touched them later."""

    cursor: psycopg.Cursor[tuple[Any, ...]]
    kind: SharedKind
    keys: list[list[Any]]


class BatchWriter:
    """Writes a batch within a transaction that has the locks for it, and that is a pipeline: the server is waited for
    where it must answer before anything else can be said.
    """

    def __init__(self, connection: Connection, stamp: Stamp, outbox: Outbox, spare: int) -> None:
        """`outbox`: whether events are kept. `spare`: how many attempts each node may be about to begin beside these;
        0: nobody is."""
        self._connection, self._stamp, self._outbox, self._spare = connection, stamp, outbox, spare
        self._asked: dict[str, _Asked] = {}
        """By customer."""
        self._changing: list[_Changing] = []
        self._newest: list[_Newest] = []
        self.events: list[Event] = []
        """Those that were written, with the numbers that they have got."""
        self.policy: SavePolicy | None = None
        """The last one of those that were written."""

    def write(self, batch: Sequence[Queued], stale: frozenset[str], gathered: Batch) -> frozenset[int]:
        """Write a batch but for changes of tasks that are stale; return the serials of promises that were refused.

        Raises StaleError, or CrowdedError.
        """
        refused: set[int] = set()
        for queued in batch:
            unit = queued.standing(stale)
            if unit is None:
                refused.add(queued.serial)
                continue
            claim = queued.claim
            alone = claim is not None and locks_of([Queued(0, unit)]) <= {claim.customer}
            if claim is None or not alone or claim.customer in self._asked:
                refused |= self._hear(gathered)  # which of them were won changes what this one finds
            if claim is None:
                gathered.add(unit)
                continue
            self._write_claimable(gathered.callbacks)
            self._asked[claim.customer] = _Asked(queued.serial, unit, queued.caps, self._claim(
                self._stamp.on_attempt(claim), queued.caps, queued.fence))
            if not alone:
                refused |= self._hear(gathered)
        refused |= self._hear(gathered)
        if gathered.takes:
            raise TypeError("what was taken from what nodes share is not shared again")
        self._write_claimable(gathered.callbacks)
        self._write_rest(gathered)
        self._check_changes()
        self._tell_of_newest()
        return frozenset(refused)

    def _hear(self, gathered: Batch) -> set[int]:
        """Gather what goes with claims that were won; return the serials of those that were not."""
        refused: set[int] = set()
        for asked in self._asked.values():
            if asked.cursor.fetchone() is not None:
                gathered.add(asked.unit)
                continue
            refused.add(asked.serial)
            if self._spare and asked.caps is not None and self._is_crowded(asked.caps):
                raise CrowdedError
        self._asked.clear()
        return refused

    def _is_crowded(self, caps: Caps) -> bool:
        asked = caps._asdict() | {"spare": self._spare}
        return self._connection.execute(sql.IS_FAR, asked).fetchone() is None

    def _claim(self, attempt: AttemptRow, caps: Caps | None,
               fence: Fence | None) -> psycopg.Cursor[tuple[Any, ...]]:
        """Begin an attempt, where it may be."""
        asked = attempt._asdict() | (
            {"trunk": None} if caps is None else caps._asdict() | {"spare": self._spare})
        if fence is not None:
            asked |= {"lease": fence.name, "lease_epoch": fence.epoch, "holder": self._stamp.node}
        return self._connection.execute(sql.CLAIMS[caps is not None, fence is not None], asked)

    def _many(self, statement: str, rows: Sequence[Sequence[Any]], key: int = 1,
              is_raw: bool = False) -> psycopg.Cursor[tuple[Any, ...]] | None:
        """Run a statement for each row, in the order of the first `key` columns; `is_raw`: one with $1."""
        if not rows:
            return None
        cursor = psycopg.RawCursor(self._connection) if is_raw else self._connection.cursor()
        if len(rows) == 1:
            return cursor.execute(statement, rows[0])
        ordered: Sequence[Sequence[Any]] = sorted(rows, key=lambda row: tuple(row[:key])) if key else rows
        cursor.executemany(statement, ordered)
        return cursor

    # What claims see

    def _write_claimable(self, rows: Callbacks) -> None:
        """Write what decides whether an attempt may begin, and forget it: it is written."""
        if rows.tasks:
            self._write_tasks(rows)
        self._many(sql.PUT_ATTEMPT, [self._stamp.on_attempt(row) for row in rows.ordered_attempts()], 0)
        self._many(sql.END_ATTEMPT, [(row.step, row.ended_at, row.result, row.id) for row in rows.closed], 0)
        self._write_newest("do_not_call", sql.PUT_DO_NOT_CALL,
                           [row for row in rows.do_not_call.values() if row is not None])
        self._many(sql.DROP_DO_NOT_CALL, [(name,) for name, row in rows.do_not_call.items() if row is None])
        for gathered in (rows.tasks, rows.attempts, rows.closed, rows.do_not_call):
            gathered.clear()

    def _write_tasks(self, rows: Callbacks) -> None:
        execute = self._connection.execute
        for row, first in rows.ordered_tasks():
            values = callback_sql.from_task(row, self._stamp.node)
            if first is None:
                execute(sql.PUT_TASK, values)
            elif first.base == 0:
                self._changing.append(_Changing(first, values, execute(sql.NEW_TASK, values)))
            else:
                named = dict(zip(TaskRow._fields, values, strict=True), base=first.base, base_by=first.base_by)
                self._changing.append(_Changing(first, values, execute(sql.CHANGE_TASK, named)))

    def _check_changes(self) -> None:
        """Raise StaleError where others had changed tasks meanwhile."""
        stale = {each.change.task.id for each in self._changing
                 if each.cursor.fetchone() is None and not self._stands_again(each)}
        if stale:
            raise StaleError(frozenset(stale))

    def _stands_again(self, changing: _Changing) -> bool:
        """Make a task that is lost, and changed by nobody; False: that is not so."""
        execute = self._connection.execute
        if changing.change.base == 0 or execute(sql.TASK_IS_THERE, (changing.change.task.id,)).fetchone():
            return False
        return execute(sql.NEW_TASK, changing.values).fetchone() is not None

    # All else

    def _write_rest(self, batch: Batch) -> None:
        stamp, many = self._stamp, self._many
        many(sql.DROP_ALARM, [(name,) for name, row in batch.alarms.items() if row is None])
        many(sql.PUT_ALARM, [row for row in batch.alarms.values() if row is not None])
        many(sql.PUT_USER, [people_sql.from_user(row) for row in batch.users])
        many(sql.PUT_TOKEN, [people_sql.from_token(row) for row in batch.tokens])
        many(sql.PUT_AUDIT, [people_sql.from_audit(row) for row in batch.audit])
        many(sql.DROP_PAUSE, [(name,) for name, row in batch.pauses.items() if row is None])
        self._write_newest("pauses", sql.PUT_PAUSE,
                           [stamp.on_pause(row) for row in batch.pauses.values() if row is not None])
        many(sql.PUT_CALL, [(*stamp.on_call(call), stamp.node) for call in batch.calls.values()],
             is_raw=True)
        if batch.records:
            self._write_records(batch)
        numbers = self._write_callbacks(batch.callbacks) if batch.callbacks.any else {}
        for version, policy in self._numbered("policies", batch.policies):
            self._connection.execute(sql.PUT_POLICY, (version, policy.saved_at, policy.text, policy.by))
            self.policy = policy
        if batch.events:
            self._write_events(batch.events, numbers)
        if batch.shared:
            self._connection.execute(sql.SHARE_UPTO, (batch.shared, stamp.node))

    def _write_newest(self, kind: SharedKind, statement: str, rows: Sequence[Sequence[Any]], key: int = 1) -> None:
        """Write rows of which the one stays that was touched last."""
        cursor = self._many(statement, rows, key)
        if cursor is not None:
            self._newest.append(_Newest(cursor, kind, [list(row[:key]) for row in rows]))

    def _tell_of_newest(self) -> None:
        """Where others have touched one of these rows later, everybody is told of all of them: this node, too, takes
        them as they stand."""
        if self._newest:
            self._connection.settle()
        for each in self._newest:
            if each.cursor.rowcount < len(each.keys):
                self._many(sql.TELL_OF, [(each.kind, key) for key in each.keys], 0)

    def _write_records(self, batch: Batch) -> None:
        self._write_newest("direct", sql.PUT_RECORD,
                           [row for row in batch.records.values() if isinstance(row, Record)], 2)
        self._write_newest("direct", sql.REMOVE_RECORD, [
            (*key, inf if write is None else write.record.touched_at)
            for key, write in batch.records.items() if not isinstance(write, Record)], 2)

    def _write_callbacks(self, rows: Callbacks) -> dict[str, int]:
        """Write what no claim looks at; return the numbers of the tickets among it, by their ids."""
        many = self._many
        many(sql.PUT_LEG, [self._stamp.on_leg(leg) for leg in rows.legs.values() if leg is not None])
        many(sql.DROP_LEG, [(call,) for call, leg in rows.legs.items() if leg is None])
        many(sql.PUT_JOURNAL, [callback_sql.from_journal(line) for line in rows.journal], 0)
        many(sql.PUT_COMMENT, list(rows.comments.values()), 0)
        many(sql.PUT_DELIVERY, [(*delivery, self._stamp.node) for delivery in rows.deliveries.values()], 0)
        many(sql.COUNT_OFFERS, [(*of, made) for of, made in rows.offers.items()], 3)
        if not rows.tickets:
            return {}
        numbers = dict(self._connection.execute(sql.TICKET_NUMBERS, (list(rows.tickets),)).fetchall())
        given = {name: row.number for name, row in rows.tickets.items() if row.number and name not in numbers}
        numbers |= given
        fresh = [name for name in rows.tickets if name not in numbers]
        numbers |= {name: number for number, name in self._numbered("tickets", fresh)}
        many(sql.PUT_TICKET, [row._replace(number=numbers[name]) for name, row in rows.tickets.items()])
        return numbers

    def _write_events(self, events: list[Event], tickets: dict[str, int]) -> None:
        """Give the events their seq, which is the database's to give, and keep them."""
        begin = self._take("events", len(events))
        self.events = numbered(events, begin, tickets)
        if self._outbox:
            self._many(sql.PUT_EVENT, [outbox_row(event, self._outbox, self._stamp.node) for event in self.events])

    def _numbered(self, of: str, things: Sequence[Any]) -> Sequence[tuple[int, Any]]:
        return list(enumerate(things, self._take(of, len(things)))) if things else []

    def _take(self, of: str, many: int) -> int:
        """Take numbers in a row; return the first of them."""
        [last] = self._connection.execute(sql.TAKE_NUMBERS, (many, of)).fetchone() or (0,)
        return int(last) - many + 1
