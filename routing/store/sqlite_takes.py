"""What is taken from the shared database, in SQLite's tables: rows in the place of ours, but for what is younger here.

There are no foreign keys, so rows come in any order of tables. The unique indexes hold all the same: what stands in the
way of a row that is taken cannot be there any more, or will not come to be.
"""

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, NamedTuple

from routing.rows import (
    AttemptRow,
    AuditRow,
    CallRow,
    Delivery,
    DoNotCallRow,
    JournalRow,
    OfferCount,
    PauseRow,
    Record,
    TaskRow,
    Ticket,
    TicketComment,
    TokenRow,
    UserRow,
)
from routing.store import callback_sql, people_sql, schema
from routing.store.batch import Stamp
from routing.store.unit_text import UnitTextError, to_unit
from routing.writes import ChangeTask, SavePolicy, Take, TakeAway, TakenUpto, TakeOnly, TakeRow, TakeSlot, Write

_Take = Callable[[sqlite3.Connection, Any, TakeRow, Stamp], None]


def take(connection: sqlite3.Connection, takes: Iterable[Take], stamp: Stamp) -> None:
    """Take what comes from the shared database, in its order, but attempts that go on there last: what they stand in
    the way of here has ended by then. `stamp`: of the node that takes it.
    """
    for each in sorted(takes, key=_goes_on):
        match each:
            case TakeRow(row):
                _ROWS[type(row)](connection, row, each, stamp)
            case TakeAway(kind, key, at):
                _take_away(connection, kind, key, at)
            case TakeOnly():
                _take_only(connection, each)
            case TakenUpto():
                connection.execute(schema.PUT_MARK, each)
            case TakeSlot():
                connection.execute(schema.PUT_SLOT, each)


def _goes_on(each: Take) -> bool:
    return isinstance(each, TakeRow) and isinstance(each.row, AttemptRow) and each.row.ended_at is None


# Rows


def _put(table: str, fields: Iterable[str], key: int = 1, where: str = "") -> str:
    """Return a statement that puts a row, or puts it in the place of the one with the key in the first fields."""
    names = [f'"{name}"' for name in fields]
    later = ", ".join(f"{name}=excluded.{name}" for name in names[key:])
    return (f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "
            f"ON CONFLICT ({', '.join(names[:key])}) DO UPDATE SET {later}{where and ' WHERE '}{where}")


_MINE: Final = "SELECT node, ended_at FROM {} WHERE id=?"


def _is_ours(connection: sqlite3.Connection, table: str, row: CallRow | AttemptRow, node: str) -> bool:
    """Whether what is here of a call or an attempt says more than what is taken: it has ended here alone, or it goes
    on here, and nobody but us tells of it."""
    found = connection.execute(_MINE.format(table), (row.id,)).fetchone()
    if found is None:
        return False
    whose, ended_at = found
    return row.ended_at is None and (ended_at is not None or whose == node)


_PUT_CALL: Final = _put("calls", CallRow._fields)


def _call(connection: sqlite3.Connection, row: CallRow, _: TakeRow, stamp: Stamp) -> None:
    if not _is_ours(connection, "calls", row, stamp.node):
        connection.execute(_PUT_CALL, row)


_PUT_RECORD: Final = _put("direct", Record._fields, 2, "(excluded.touched_at, excluded.expires_at)"
                          ">=(direct.touched_at, direct.expires_at)")


def _record(connection: sqlite3.Connection, row: Record, _: TakeRow, stamp: Stamp) -> None:
    connection.execute(_PUT_RECORD, row)


_NEWEST_POLICY: Final = "SELECT version, text, origin FROM policy ORDER BY version DESC LIMIT 1"
_POLICY_TAKEN: Final = "SELECT text FROM policy WHERE origin=? AND origin<>0"
_LINK_POLICY: Final = "UPDATE policy SET origin=? WHERE version=?"
_UNLINK_POLICY: Final = "UPDATE policy SET origin=0 WHERE origin=?"
_PUT_POLICY: Final = "INSERT INTO policy (saved_at, text, saved_by, origin) VALUES (?,?,?,?)"


def _policy(connection: sqlite3.Connection, row: SavePolicy, taken: TakeRow, stamp: Stamp) -> None:
    number = taken.number
    found = connection.execute(_POLICY_TAKEN, (number,)).fetchone()
    if found is not None:
        if found[0] == row.text:
            return
        connection.execute(_UNLINK_POLICY, (number,))  # of a shared database that another one has taken the place of
    newest = connection.execute(_NEWEST_POLICY).fetchone()
    if newest is not None and newest[1] == row.text and 0 in (newest[2], number):
        connection.execute(_LINK_POLICY, (number or newest[2], newest[0]))  # ours comes back
    else:
        connection.execute(_PUT_POLICY, (row.saved_at, row.text, row.by, number))


_TASK_HERE: Final = "SELECT version, changed_by FROM tasks WHERE id=?"
_MAKE_ROOM_FOR_TASK: Final = (
    'DELETE FROM tasks WHERE customer=? AND "group"=? AND state IN (\'open\', \'held\') AND id<>?')


def _task(connection: sqlite3.Connection, row: TaskRow, taken: TakeRow, stamp: Stamp) -> None:
    found = connection.execute(_TASK_HERE, (row.id,)).fetchone()
    if found is not None and found[0] > row.version and not (taken.corrects and found[1] == stamp.node):
        return
    if row.state in ("open", "held"):  # of two there the other has ended, or was refused: that is still to come
        connection.execute(_MAKE_ROOM_FOR_TASK, (row.customer, row.group, row.id))
    connection.execute(callback_sql.PUT_TASK, callback_sql.from_task(row, taken.node))


_PUT_ATTEMPT: Final = _put("attempts", AttemptRow._fields)
_IN_THE_WAY: Final = "ended_at IS NULL AND id<>? AND (customer=? OR task=?)"
_RUNS_HERE: Final = f"SELECT 1 FROM attempts WHERE node=? AND {_IN_THE_WAY}"
_END_OTHERS: Final = f"UPDATE attempts SET ended_at=?, result='crashed' WHERE {_IN_THE_WAY}"
_SET_FREE: Final = "UPDATE attempts SET engages=NULL WHERE ended_at IS NULL AND engages=? AND id<>?"


def _attempt(connection: sqlite3.Connection, row: AttemptRow, _: TakeRow, stamp: Stamp) -> None:
    if _is_ours(connection, "attempts", row, stamp.node):
        return
    if row.ended_at is None:  # there it is the only one
        way = row.id, row.customer, row.task
        if connection.execute(_RUNS_HERE, (stamp.node, *way)).fetchone() is not None:
            return  # it had to end before ours could begin: how it ended is still to come
        connection.execute(_END_OTHERS, (row.claimed_at, *way))  # how they ended is
        connection.execute(_SET_FREE, (row.engages, row.id))
    connection.execute(_PUT_ATTEMPT, stamp.on_attempt(row))


_LINE_TAKEN: Final = "SELECT task, at, kind FROM journal WHERE origin=? AND origin<>0"
_UNLINK_LINE: Final = "UPDATE journal SET origin=0 WHERE origin=?"
_LINK_LINE: Final = (
    "UPDATE journal SET origin=? WHERE seq=(SELECT seq FROM journal WHERE task=? AND at=? AND kind=? AND agent IS ? "
    "AND data=? AND origin=0 ORDER BY seq LIMIT 1)")
_PUT_LINE: Final = "INSERT INTO journal (task, at, kind, agent, data, origin) VALUES (?,?,?,?,?,?)"


def _line(connection: sqlite3.Connection, row: JournalRow, taken: TakeRow, stamp: Stamp) -> None:
    number = taken.number
    found = connection.execute(_LINE_TAKEN, (number,)).fetchone()
    if found is not None:
        if found == (row.task, row.at, row.kind):
            return
        connection.execute(_UNLINK_LINE, (number,))  # of a shared database that another one has taken the place of
    values = callback_sql.from_journal(row)
    if not connection.execute(_LINK_LINE, (number, *values)).rowcount:  # else it is one of ours that comes back
        connection.execute(_PUT_LINE, (*values, number))


_PUT_TICKET: Final = _put("tickets", Ticket._fields)
_HAS_NUMBER: Final = "SELECT id FROM tickets WHERE number=? AND id<>?"
_TAKE_NUMBER: Final = "UPDATE tickets SET number=? WHERE id=?"
_AFTER_ALL: Final = (
    "SELECT max(coalesce((SELECT max(last) FROM ticket_numbers), 0), coalesce((SELECT max(number) FROM tickets), 0))+1")


def _ticket(connection: sqlite3.Connection, row: Ticket, _: TakeRow, stamp: Stamp) -> None:
    other = connection.execute(_HAS_NUMBER, (row.number, row.id)).fetchone()
    if other is not None:
        connection.execute(_TAKE_NUMBER, (*connection.execute(_AFTER_ALL).fetchone(), *other))
    connection.execute(_PUT_TICKET, row)


_PUT_DELIVERY: Final = _put(
    "deliveries", (*Delivery._fields, "node"), 1, "excluded.delivered_at IS NOT NULL OR "
    "(deliveries.delivered_at IS NULL AND (deliveries.node<>excluded.node OR excluded.node<>?))")
"""One that is on its way stays as it is where it is this node's own."""


def _delivery(connection: sqlite3.Connection, row: Delivery, taken: TakeRow, stamp: Stamp) -> None:
    connection.execute(_PUT_DELIVERY, (*row, taken.node, stamp.node))


_PUT_DO_NOT_CALL: Final = _put("do_not_call", DoNotCallRow._fields, 1, "excluded.added_at>=do_not_call.added_at")
_PUT_PAUSE: Final = _put("pauses", PauseRow._fields, 1, "excluded.since>=pauses.since")
_PUT_OFFERS: Final = _put("offers", OfferCount._fields, 3)
_PUT_COMMENT: Final = _put("comments", TicketComment._fields)
_PUT_USER: Final = _put("users", UserRow._fields)
_PUT_TOKEN: Final = _put("tokens", TokenRow._fields)
_DROP_SAME_HASH: Final = "DELETE FROM tokens WHERE hash=? AND id<>?"


def _plain(statement: str) -> _Take:
    def put(connection: sqlite3.Connection, row: Any, taken: TakeRow, stamp: Stamp) -> None:
        connection.execute(statement, row)

    return put


def _user(connection: sqlite3.Connection, row: UserRow, _: TakeRow, stamp: Stamp) -> None:
    connection.execute(_PUT_USER, people_sql.from_user(row))


def _token(connection: sqlite3.Connection, row: TokenRow, _: TakeRow, stamp: Stamp) -> None:
    connection.execute(_DROP_SAME_HASH, (row.hash, row.id))
    connection.execute(_PUT_TOKEN, people_sql.from_token(row))


def _audit(connection: sqlite3.Connection, row: AuditRow, _: TakeRow, stamp: Stamp) -> None:
    connection.execute(people_sql.PUT_AUDIT, people_sql.from_audit(row))


_ROWS: Final[dict[type, _Take]] = {
    CallRow: _call, Record: _record, SavePolicy: _policy, TaskRow: _task, AttemptRow: _attempt, JournalRow: _line,
    Ticket: _ticket, TicketComment: _plain(_PUT_COMMENT), Delivery: _delivery, DoNotCallRow: _plain(_PUT_DO_NOT_CALL),
    OfferCount: _plain(_PUT_OFFERS), UserRow: _user, TokenRow: _token, AuditRow: _audit,
    PauseRow: _plain(_PUT_PAUSE),
}


# What is gone

_AWAY: Final[dict[str, tuple[str, ...]]] = {
    "calls": ("DELETE FROM calls WHERE id=:id",),
    "direct": ("DELETE FROM direct WHERE customer=:id AND agent=:agent AND touched_at<=:at",),
    "tasks": ("DELETE FROM journal WHERE task=:id", "DELETE FROM attempts WHERE task=:id",
              "DELETE FROM tasks WHERE id=:id"),
    "attempts": ("DELETE FROM attempts WHERE id=:id",),
    "tickets": ("DELETE FROM comments WHERE ticket=:id", "DELETE FROM deliveries WHERE ticket=:id",
                "UPDATE ticket_numbers SET last=max(last, coalesce((SELECT number FROM tickets WHERE id=:id), 0))",
                "DELETE FROM tickets WHERE id=:id"),
    "comments": ("DELETE FROM comments WHERE id=:id",),
    "deliveries": ("DELETE FROM deliveries WHERE id=:id",),
    "do_not_call": ("DELETE FROM do_not_call WHERE customer=:id AND added_at<=:at",),
    "users": ("DELETE FROM users WHERE name=:id",),
    "tokens": ("DELETE FROM tokens WHERE id=:id",),
    "audit": ("DELETE FROM audit WHERE id=:id",),
    "pauses": ("DELETE FROM pauses WHERE agent=:id AND since<=:at",),
}


def _take_away(connection: sqlite3.Connection, kind: str, key: tuple[str, ...], at: float) -> None:
    for statement in _AWAY[kind]:
        connection.execute(statement, {"id": key[0], "agent": key[-1], "at": at})


class _Table(NamedTuple):
    """A table of which a copy says which rows there are."""

    name: str
    key: tuple[str, ...]
    stamp: str
    """When a row was touched or made."""
    among: str = "1"
    """Which of its rows are meant."""


_TABLES: Final = {table.name: table for table in (
    _Table("direct", ("customer", "agent"), "touched_at"), _Table("do_not_call", ("customer",), "added_at"),
    _Table("tasks", ("id",), "created_at", "state IN ('open', 'held')"), _Table("pauses", ("agent",), "since"),
    _Table("users", ("name",), "created_at"), _Table("tokens", ("id",), "created_at"))}


def _take_only(connection: sqlite3.Connection, only: TakeOnly) -> None:
    table = _TABLES[only.kind]
    columns, places = ", ".join(table.key), ", ".join("?" * len(table.key))
    [[since, *_]] = connection.execute(schema.SHARING)
    statement = (f"SELECT {columns}, {table.stamp} FROM {table.name} WHERE {table.among} AND {table.stamp}>=? "
                 f"AND {table.stamp}<?")
    values: list[object] = [since, only.before]
    for key, sign in ((only.after or None, ">"), (only.upto, "<=")):
        if key is not None:
            statement += f" AND ({columns}){sign}({places})"
            values += key
    gone = [row for row in connection.execute(statement, values).fetchall() if row[:-1] not in only.keys]
    if gone:
        waiting = _waiting(connection, only.kind)
        for *key, stamp in gone:
            if tuple(key) not in waiting:
                _take_away(connection, only.kind, tuple(key), stamp)


def _waiting(connection: sqlite3.Connection, kind: str) -> set[tuple[str, ...]]:
    """Return the keys of what waits to be shared, of one table."""
    found = set()
    for (text,) in connection.execute("SELECT unit FROM to_share"):
        with suppress(UnitTextError):
            found |= {key for write in to_unit(text).writes for name, key in [_key(write)] if name == kind}
    return found


def _key(write: Write) -> tuple[str, tuple[str, ...]]:
    match write:
        case Record():
            return "direct", write[:2]
        case DoNotCallRow():
            return "do_not_call", (write.customer,)
        case ChangeTask(task):
            return "tasks", (task.id,)
        case PauseRow():
            return "pauses", (write.agent,)
        case UserRow():
            return "users", (write.name,)
        case TokenRow():
            return "tokens", (write.id,)
    return "", ()
