"""Lists of any length, a page at a time, as SQL: what a row must have, in which order, and where a page begins.

How a page is found quickly among a million rows
- What a row must have is told as conditions, each of one or more alternatives. The search begins with one of them, the
  one that the fewest rows can be expected to have (`Condition.lead`): every index begins with such a column and goes on
  with the key, so that rows come in their order and no more are read than are shown. The columns of the others are
  written with a plus sign, which keeps SQLite from guessing.
- A condition of several alternatives that leads (a supervisor's groups and agents) is looked up one by one, each for a
  page; of these the page is made.
- A page begins after the last row of the one before by its values, not by counting: rows that come and go meanwhile
  are neither shown twice nor passed over. What is not known (NULL) comes last, in either direction.
"""

import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from routing.events import write_json
from routing.rows import (
    AuditRow,
    CallRow,
    DoNotCallRow,
    JournalRow,
    PolicyVersion,
    Record,
    TaskRow,
    Ticket,
    TokenRow,
    UserRow,
)
from routing.storage import StoreError
from routing.store import callback_sql as sql
from routing.store import people_sql
from routing.store.reader import BUSY

Value = str | int | float | None
MOST_ARMS: Final = 200
"""Alternatives that are looked up one by one; more are asked for at once."""
PATIENCE: Final = 5.0
"""Seconds that a query has. One that lasts keeps the write-ahead log from being emptied."""
STEPS: Final = 20_000
"""Instructions of SQLite's machine between two looks at the clock."""


class Arm(NamedTuple):
    """One alternative: a test of a column, or of several where `column` is empty."""

    column: str
    test: str
    """SQL that follows the column, such as `=?`."""
    values: tuple[Value, ...] = ()

    def sql(self, leads: bool) -> str:
        """Return the test; an index of the column is used where it leads."""
        return f"{'' if leads or not self.column else '+'}{self.column}{self.test}"


class Condition(NamedTuple):
    """What a row must have: one of these."""

    arms: tuple[Arm, ...]
    lead: int = 0
    """The greater, the fewer rows are expected to have it; 0: the search never begins with it."""


class Sort(NamedTuple):
    """An order in which a list can be asked for."""

    column: str
    open: bool = False
    """Whether the column may be NULL."""


class Listing(NamedTuple):
    """A table that is listed."""

    table: str
    columns: tuple[str, ...]
    """As `routing.rows` has them."""
    key: tuple[str, ...]
    """Columns that no two rows have alike."""
    sorts: Mapping[str, Sort]
    """By the name that they are asked for by. The first is the usual one."""


class Asked(NamedTuple):
    """Which rows of a listing."""

    conditions: tuple[Condition, ...]
    sort: Sort
    descending: bool
    after: tuple[Value, ...] | None
    """Sort's value and key of the last row of the page before."""
    limit: int


class Found(NamedTuple):
    """Rows as they were read: the listing's columns, and behind them where each stands."""

    read: list[tuple[Any, ...]]
    width: int
    """How many columns the listing has."""

    def rows(self, most: int) -> list[tuple[Any, ...]]:
        """Return the columns of the first ones."""
        return [row[:self.width] for row in self.read[:most]]

    def place(self, number: int) -> tuple[Value, ...]:
        """Return `Asked.after` of what follows a row."""
        return self.read[number][self.width:]


def _quoted(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f'"{name}"' for name in names)


CALLS: Final = Listing("calls", _quoted(CallRow._fields), ("id",), {
    "time": Sort("id"), "talk": Sort("talk_s", open=True)})
"""A call's id says when it began."""
TASKS: Final = Listing("tasks", _quoted(TaskRow._fields), ("id",), {
    "created": Sort("id"), "due": Sort("due_at", open=True), "missed_at": Sort("missed_at"),
    "expires": Sort("expires_at"), "ended": Sort("ended_at", open=True), "attempts": Sort("attempts"),
    "customer": Sort("customer"), "group": Sort('"group"'), "state": Sort("state"),
    "responsible": Sort("responsible", open=True)})
DIRECT: Final = Listing("direct", _quoted(Record._fields), ("customer", "agent"), {
    "touched": Sort("touched_at"), "expires": Sort("expires_at"), "created": Sort("made_at"),
    "customer": Sort("customer"), "agent": Sort("agent")})
TICKETS: Final = Listing("tickets", _quoted(Ticket._fields), ("id",), {
    "number": Sort("number"), "created": Sort("created_at"), "ended": Sort("closed_at", open=True),
    "customer": Sort("customer"), "subject": Sort("subject"), "group": Sort('"group"', open=True)})
DO_NOT_CALL: Final = Listing("do_not_call", _quoted(DoNotCallRow._fields), ("customer",), {
    "since": Sort("added_at"), "customer": Sort("customer"), "reason": Sort("reason")})
USERS: Final = Listing("users", _quoted(UserRow._fields), ("name",), {
    "name": Sort("name"), "role": Sort("role"), "created": Sort("created_at"),
    "disabled": Sort("disabled_at", open=True)})
TOKENS: Final = Listing("tokens", _quoted(TokenRow._fields), ("id",), {
    "created": Sort("id"), "name": Sort("name"), "role": Sort("role"), "expires": Sort("expires_at", open=True)})
AUDIT: Final = Listing("audit", _quoted(AuditRow._fields), ("id",), {"time": Sort("id")})
POLICIES: Final = Listing("policy", _quoted(PolicyVersion._fields), ("version",), {"version": Sort("version")})


def ask(reader: "ListReader", listing: Listing, asked: Asked) -> Found:
    """Return at most `limit` rows. Raises StoreError."""
    found: list[tuple[Any, ...]] = []
    value = None if asked.after is None else asked.after[0]
    for known in (True, False):
        if len(found) >= asked.limit or (not known and not asked.sort.open):
            break
        if known and asked.after is not None and value is None:
            continue  # the page before ended among those that have none
        begins = asked.after if known == (value is not None) else None
        statement, values = _statement(listing, asked, known, begins, asked.limit - len(found))
        found += reader.read(statement, values)
    return Found(found, len(listing.columns))


def _statement(listing: Listing, asked: Asked, known: bool, after: tuple[Value, ...] | None,
               limit: int) -> tuple[str, list[Value]]:
    """Return the query of those whose sort's value is known, or of those that have none."""
    sort, key = asked.sort, listing.key
    lead = max((one for one in asked.conditions if one.lead), key=lambda one: one.lead, default=None)
    if lead is not None and len(lead.arms) > MOST_ARMS:
        lead = None
    by = [] if not known or sort.column in key else [sort.column]
    way = "DESC" if asked.descending else "ASC"
    order = ", ".join(f"{name} {way}" for name in (*by, *key))
    shape, place = [], []
    if sort.open:
        shape.append(f"{sort.column} IS {'NOT ' if known else ''}NULL")
    if after is not None:
        names, place = ((*by, *key), [*after[0 if by else 1:]])
        shape.append(f"({', '.join(names)}){'<' if asked.descending else '>'}({', '.join('?' * len(names))})")
    rest = [_any(one) for one in asked.conditions if one is not lead]
    others = [text for text, _ in rest]
    values = [value for _, found in rest for value in found]

    def select(columns: Sequence[str], arm: Arm | None) -> tuple[str, list[Value]]:
        where = [*([] if arm is None else [arm.sql(True)]), *shape, *others]
        text = f"SELECT {', '.join(columns)} FROM {listing.table}{' WHERE ' + ' AND '.join(where) if where else ''}"
        return f"{text} ORDER BY {order} LIMIT ?", [*(() if arm is None else arm.values), *place, *values, limit]

    wanted = (*listing.columns, sort.column if known else "NULL", *key)
    if lead is None or len(lead.arms) == 1:
        return select(wanted, None if lead is None else lead.arms[0])
    arms = [select(key, arm) for arm in lead.arms]
    union = " UNION ".join(f"SELECT * FROM ({text})" for text, _ in arms)
    text = (f"SELECT {', '.join(wanted)} FROM {listing.table} WHERE ({', '.join(key)}) IN ({union}) "
            f"ORDER BY {order} LIMIT ?")
    return text, [*(value for _, found in arms for value in found), limit]


def _any(condition: Condition) -> tuple[str, list[Value]]:
    """Return a condition that does not lead. None of no alternatives is never so."""
    text = " OR ".join(arm.sql(False) for arm in condition.arms) or "0"
    return f"({text})", [value for arm in condition.arms for value in arm.values]


class Recorded(NamedTuple):
    """What is known of the attempt that a recording is of."""

    attempt: str
    customer: str
    agent: str | None
    task: str
    group: str | None
    """Of its task; None: that is gone."""
    claimed_at: float
    talk_s: float | None


def tasks_of(rows: Sequence[tuple[Any, ...]]) -> list[TaskRow]:
    """Return tasks of rows of `TASKS`."""
    return [sql.to_task(row, "") for row in rows]


def users_of(rows: Sequence[tuple[Any, ...]]) -> list[UserRow]:
    """Return users of rows of `USERS`."""
    return [people_sql.to_user(row) for row in rows]


def tokens_of(rows: Sequence[tuple[Any, ...]]) -> list[TokenRow]:
    """Return tokens of rows of `TOKENS`."""
    return [people_sql.to_token(row) for row in rows]


def audit_of(rows: Sequence[tuple[Any, ...]]) -> list[AuditRow]:
    """Return lines of the audit log of rows of `AUDIT`."""
    return [people_sql.to_audit(row) for row in rows]


def pickups(reader: "ListReader", tasks: Sequence[str]) -> list[JournalRow]:
    """Return what journals tell of agents who took places, or declined. Raises StoreError."""
    return [sql.to_journal(row) for row in reader.read(sql.PICKUPS, (write_json(tasks),))] if tasks else []


def recorded(reader: "ListReader", attempts: Sequence[str]) -> dict[str, Recorded]:
    """Return what is known of attempts, by id. Raises StoreError."""
    return {row[0]: Recorded._make(row) for row in reader.read(_RECORDED, (write_json(attempts),))} if attempts else {}


_RECORDED: Final = (
    'SELECT a.id, a.customer, a.agent, a.task, t."group", a.claimed_at, a.talk_s FROM attempts AS a '
    "LEFT JOIN tasks AS t ON t.id=a.task WHERE a.id IN (SELECT value FROM json_each(?))"
)


class ListReader:
    """Reads a database for lists. Any thread, several at a time: each has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = threading.local()

    def read(self, statement: str, values: Sequence[Value]) -> list[Any]:
        """Return rows. Raises StoreError where the database cannot be read, or not in time."""
        deadline = time.monotonic() + PATIENCE
        try:
            connection = self._connection()
            connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
            return connection.execute(statement, values).fetchall()
        except (sqlite3.Error, OSError, OverflowError) as error:
            self._drop()
            said = f"it took longer than {PATIENCE:g} s" if "interrupted" in str(error) else str(error)
            raise StoreError(said) from error

    def _connection(self) -> sqlite3.Connection:
        inode = self._path.stat().st_ino
        own = self._own
        if getattr(own, "connection", None) is None or own.inode != inode:
            self._drop()
            own.connection = sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY)
            own.inode = inode
        found: sqlite3.Connection = own.connection
        return found

    def _drop(self) -> None:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is not None:
            connection.close()
            self._own.connection = None
