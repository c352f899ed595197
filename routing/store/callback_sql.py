"""The statements about callbacks, and how their rows stand in the tables: lists and details as JSON text."""

import json
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from routing.events import Event, EventText, Outbox, write_json
from routing.rows import AttemptRow, Delivery, DoNotCallRow, JournalRow, LegRow, TaskRow, Ticket, TicketComment
from routing.writes import TICKET_SLOTS

T = TypeVar("T")


def _columns(fields: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in fields)


def _upsert(table: str, fields: tuple[str, ...], fixed: tuple[str, ...] = (), **values: str) -> str:
    """Return a statement that inserts a row, or changes the one with the key in the first field.

    `fixed`: what never changes. `values`: expressions in place of the value that comes.
    """
    places = ", ".join(values.get(name, "?") for name in fields)
    later = ", ".join(f'"{name}"=excluded."{name}"' for name in fields[1:] if name not in fixed)
    return (f'INSERT INTO {table} ({_columns(fields)}) VALUES ({places}) '
            f'ON CONFLICT ("{fields[0]}") DO UPDATE SET {later}')


PUT_TASK: Final = _upsert("tasks", TaskRow._fields)
NEW_TASK: Final = (
    f"INSERT INTO tasks ({_columns(TaskRow._fields)}) VALUES ({', '.join('?' * len(TaskRow._fields))}) "
    "ON CONFLICT DO NOTHING"
)
CHANGE_TASK: Final = (
    "UPDATE OR IGNORE tasks SET " + ", ".join(f'"{name}"=?' for name in TaskRow._fields[1:])
    + " WHERE id=? AND (changed_by=? OR (version=? AND changed_by=?))"
)
"""Where this node (the second last but two of the parameters) has changed it last, or nobody since the base."""
PUT_ATTEMPT: Final = _upsert("attempts", AttemptRow._fields, ("epoch",)) + (
    " WHERE attempts.ended_at IS NULL OR excluded.ended_at IS NOT NULL")
"""What has ended goes on no more: another node has closed it, whose own was taken for dead."""
END_ATTEMPT: Final = "UPDATE attempts SET step=?, ended_at=?, result=? WHERE id=? AND ended_at IS NULL"
PUT_LEG: Final = _upsert("legs", LegRow._fields, ("node", "epoch"))
DROP_LEG: Final = "DELETE FROM legs WHERE call=?"
PUT_JOURNAL: Final = f"INSERT INTO journal ({_columns(JournalRow._fields)}) VALUES (?,?,?,?,?)"
_LAST_NUMBER: Final = (
    "max(coalesce((SELECT max(last) FROM ticket_numbers), 0), coalesce((SELECT max(number) FROM tickets), 0))"
)
PUT_TICKET: Final = _upsert("tickets", Ticket._fields, ("number",),
                            number=f"(SELECT {_LAST_NUMBER} + 1)")
PUT_TICKET_OF_SLOT: Final = _upsert("tickets", Ticket._fields, ("number",), number=(
    "(SELECT next + ((coalesce((SELECT slot FROM sharing), next) - next) "
    f"% {TICKET_SLOTS} + {TICKET_SLOTS}) % {TICKET_SLOTS} FROM (SELECT {_LAST_NUMBER} + 1 AS next))"))
"""The next one that leaves the remainder of this node, where it has one."""
PUT_COMMENT: Final = _upsert("comments", TicketComment._fields)
PUT_DELIVERY: Final = _upsert("deliveries", (*Delivery._fields, "node"), ("node",))
PUT_DO_NOT_CALL: Final = _upsert("do_not_call", DoNotCallRow._fields)
DROP_DO_NOT_CALL: Final = "DELETE FROM do_not_call WHERE customer=?"
COUNT_OFFERS: Final = (
    'INSERT INTO offers (quarter, "group", number, made) VALUES (?,?,?,?) '
    'ON CONFLICT (quarter, "group", number) DO UPDATE SET made=made+excluded.made'
)

CLAIM: Final = (
    f"INSERT INTO attempts ({_columns(AttemptRow._fields)}) SELECT {', '.join('?' * len(AttemptRow._fields))} "
    "WHERE EXISTS (SELECT 1 FROM tasks WHERE id=? AND state='open') "
    "AND NOT EXISTS (SELECT 1 FROM attempts WHERE ended_at IS NULL AND customer=?) "
    "AND NOT EXISTS (SELECT 1 FROM attempts WHERE ended_at IS NULL AND task=?) "
    "AND NOT EXISTS (SELECT 1 FROM attempts WHERE ended_at IS NULL AND engages=?) "
    "AND NOT EXISTS (SELECT 1 FROM do_not_call WHERE customer=?) "
    "AND ?=(SELECT coalesce(max(serial), 0) + 1 FROM attempts WHERE task=?)"
)

EVERY_TASK: Final = f"SELECT {_columns(TaskRow._fields)} FROM tasks"
_ATTEMPT: Final = f"SELECT {_columns(AttemptRow._fields)} FROM attempts"
EVERY_TICKET: Final = f"SELECT {_columns(Ticket._fields)} FROM tickets"
_DELIVERY: Final = f"SELECT {_columns(Delivery._fields)} FROM deliveries AS d"

OPEN_TASKS: Final = f"{EVERY_TASK} WHERE state IN ('open', 'held') ORDER BY id"
TASK: Final = f"{EVERY_TASK} WHERE id=?"
TASKS_ENDING: Final = "SELECT id FROM tasks WHERE substr(id, -length(?))=? LIMIT 2"
ATTEMPT: Final = f"{_ATTEMPT} WHERE id=?"
ATTEMPTS_OF: Final = f"{_ATTEMPT} WHERE task=? ORDER BY serial"
OPEN_ATTEMPTS: Final = f"{_ATTEMPT} WHERE ended_at IS NULL ORDER BY +id"
"""The sign keeps SQLite from reading all attempts in their order instead of the few that its index has."""
ATTEMPTS_SINCE: Final = "SELECT customer, customer_at, id, node FROM attempts WHERE customer_at>=? ORDER BY customer_at"
ENDED_WITH: Final = (
    'SELECT a.task, a.agent, a.ended_at, t."group", t.campaign FROM attempts AS a JOIN tasks AS t ON t.id=a.task '
    "WHERE a.customer_at>=? AND a.ended_at>=? AND a.node=? AND a.agent IS NOT NULL "
    "AND a.result NOT IN ('crashed', 'unknown') "
    "AND NOT EXISTS (SELECT 1 FROM journal AS j WHERE j.task=a.task AND j.kind='finished' AND j.agent=a.agent "
    "AND j.at>=a.ended_at) ORDER BY a.ended_at")
UNPROMISED: Final = (
    "(t.kind='queue' AND (t.state='failed' AND t.ended_at=t.created_at "
    "OR t.state='cancelled' AND t.reason IN ('taken', 'database')))"
)
"""What was asked for in a queue and refused at once, or not promised after all, stands there to be seen alone."""
TASKS_SINCE: Final = f"SELECT created_at FROM tasks AS t WHERE id>=? AND NOT {UNPROMISED}"
JOURNAL: Final = f"SELECT {_columns(JournalRow._fields)} FROM journal WHERE task=? ORDER BY seq"
PICKUPS: Final = (
    f"SELECT {_columns(JournalRow._fields)} FROM journal WHERE task IN (SELECT value FROM json_each(?)) "
    "AND kind IN ('place_taken', 'declined') ORDER BY seq"
)
LEGS: Final = f"SELECT {_columns(LegRow._fields)} FROM legs WHERE node=? ORDER BY call"
TICKET: Final = f"{EVERY_TICKET} WHERE id=?"
TICKET_NUMBERED: Final = f"{EVERY_TICKET} WHERE number=?"
COMMENTS: Final = f"SELECT {_columns(TicketComment._fields)} FROM comments WHERE ticket=? ORDER BY seq"
_FIRST: Final = (
    "next_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM deliveries AS e WHERE e.ticket=d.ticket "
    "AND e.channel=d.channel AND e.seq<d.seq AND e.next_at IS NOT NULL)"
)
_BY: Final = "node=? AND channel=coalesce(?, channel)"
DELIVERIES_DUE: Final = f"{_DELIVERY} WHERE {_BY} AND next_at<=? AND {_FIRST} ORDER BY next_at, seq LIMIT ?"
NEXT_DELIVERY: Final = f"SELECT min(next_at) FROM deliveries AS d WHERE {_BY} AND {_FIRST}"
DELIVERIES_OF: Final = f"{_DELIVERY} WHERE ticket=? ORDER BY seq"
DO_NOT_CALL: Final = (
    f"SELECT {_columns(DoNotCallRow._fields)} FROM do_not_call ORDER BY added_at DESC, customer LIMIT ?")
LAST_TALK: Final = (
    "SELECT agent, answered_at FROM calls WHERE customer=? AND talk_s>=? AND agent IS NOT NULL "
    "AND NOT (reason IN ('callback', 'in_queue') AND direction='inbound') ORDER BY id DESC LIMIT 1"
)
"""Of a callback's two legs the one to the PBX (`inbound`) is a talk with the agent, not with the customer."""
RELEASED: Final = (
    "SELECT agent, count(*) FROM journal WHERE kind='released' AND at>=? AND agent IS NOT NULL GROUP BY agent"
)

_OWNER: Final = 't."group", t.number, t.campaign, t.kind'
OFFERED: Final = (
    """SELECT "group", nullif(number, ''), NULL, 'queue', sum(made) FROM offers WHERE quarter>=:since GROUP BY 1, 2"""
)
OPEN: Final = (
    f"SELECT {_OWNER}, count(*) FROM tasks AS t WHERE t.state IN ('open', 'held') GROUP BY 1, 2, 3, 4"
)
PROMISED: Final = (
    f"SELECT {_OWNER}, count(*) FROM tasks AS t WHERE t.id>=:first AND t.created_at>=:since AND NOT {UNPROMISED} "
    "GROUP BY 1, 2, 3, 4"
)
DIALLED: Final = (
    f"SELECT {_OWNER}, count(*) FROM attempts AS a JOIN tasks AS t ON t.id=a.task WHERE a.customer_at>=:since "
    "GROUP BY 1, 2, 3, 4"
)
ENDED: Final = (
    f"SELECT {_OWNER}, t.state, t.reason, count(*) FROM tasks AS t WHERE t.ended_at>=:since "
    f"AND NOT {UNPROMISED} GROUP BY 1, 2, 3, 4, 5, 6"
)
KEPT: Final = (
    f"SELECT {_OWNER}, count(*), sum(max(0.0, t.at-iif(t.kind='queue', t.created_at, t.missed_at))) FROM (SELECT t.*, "
    "max(coalesce(a.answered_at, t.ended_at)) AS at FROM tasks AS t JOIN attempts AS a ON a.task=t.id "
    "WHERE t.ended_at>=:since AND +t.state='done' AND t.reason='talked' "
    "AND (a.step='talked' OR a.result IN ('talked', 'glare')) GROUP BY +t.id) AS t GROUP BY 1, 2, 3, 4"
)
"""The signs keep SQLite from reading every task there is. Of the tasks of a customer whom a callback reached only the
one that it was made for: it has the attempt. They waited since the missed call, or since they asked for it in a queue.
"""


_DECLINED: Final = TaskRow._fields.index("declined")
_CHANGED_BY: Final = TaskRow._fields.index("changed_by")
_OPTIONS: Final = TaskRow._fields.index("options")


def read_json(text: Any, kind: Callable[[], T]) -> T:
    """Return what a column holds; an empty `kind` where that cannot be read: one bad row does not hide the others."""
    try:
        found = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return kind()
    return found if isinstance(found, type(kind())) else kind()


def from_task(task: TaskRow, node: str) -> list[object]:
    """Return what stands in the table for a task that this node changes."""
    values: list[object] = list(task)
    values[_CHANGED_BY] = node
    values[_DECLINED] = write_json(task.declined)
    values[_OPTIONS] = write_json(task.options)
    return values


def to_task(row: tuple[Any, ...], node: str) -> TaskRow:
    """Return the task of a row as this node sees it."""
    values = list(row)
    if values[_CHANGED_BY] == node:
        values[_CHANGED_BY] = ""
    values[_DECLINED] = tuple(read_json(row[_DECLINED], list)) if row[_DECLINED] != "[]" else ()
    values[_OPTIONS] = read_json(row[_OPTIONS], dict) if row[_OPTIONS] != "{}" else {}
    return TaskRow._make(values)


def from_journal(line: JournalRow) -> tuple[object, ...]:
    """Return what stands in the table for a line of a journal."""
    return line.task, line.at, line.kind, line.agent, write_json(line.data)


def to_journal(row: tuple[Any, ...]) -> JournalRow:
    """Return the line of a journal of a row."""
    task, at, kind, agent, data = row
    return JournalRow(task, at, kind, agent, read_json(data, dict))


def to_event(row: tuple[Any, ...]) -> Event:
    """Return the event of a row of the outbox."""
    kind, time, name, data, node, seq, form = row
    told: dict[str, Any] = read_json(data, dict)
    found = told.get("data") if form else told
    return Event(kind, time, name, found if isinstance(found, dict) else {}, node, seq)


def to_event_text(row: tuple[Any, ...]) -> EventText:
    """Return the event of a row of the outbox as it goes out; it is made anew where it does not stand there so."""
    kind, _, _, data, _, seq, form = row
    if form:
        return EventText(seq, kind, data, form == Outbox.MASKED)
    return EventText(seq, kind, to_event(row).to_json())


def from_ticket(ticket: Ticket) -> tuple[object, ...]:
    """Return what stands in the table for a ticket, without its number: that is the table's to give."""
    return ticket.id, *ticket[2:]


def to_comment(row: tuple[Any, ...]) -> TicketComment:
    """Return the comment of a row."""
    return TicketComment._make(row)._replace(internal=bool(row[-1]))
