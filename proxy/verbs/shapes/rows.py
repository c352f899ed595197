"""Rows as the verbs show them, for whoever answers by a row: handlers, and lists that are read from the database."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from proxy.verbs.shapes import audit, callbacks, calls, direct, do_not_call, people, policy, tickets
from routing.rows import (
    IN_QUEUE,
    OWN,
    AttemptRow,
    AuditRow,
    CallRow,
    Delivery,
    DoNotCallRow,
    JournalRow,
    PolicyVersion,
    Record,
    TaskRow,
    Ticket,
    TicketComment,
    TokenRow,
    UserRow,
)

UNKNOWN: Final = "unknown"
"""An agent whom nothing shows."""
NOBODY: Final[Mapping[str, str]] = {}
CALL_KINDS: Final[dict[str, calls.Kind]] = {OWN: "callback", IN_QUEUE: "place"}
"""Legs of ours, by the reason of their calls."""


def tasks_of(rows: Iterable[TaskRow], lines: Iterable[JournalRow], taken: Mapping[str, str]) -> list[callbacks.Task]:
    """Return tasks as they are shown; the rest as `task_of` has it."""
    of_task: dict[str, list[JournalRow]] = {}
    for line in lines:
        of_task.setdefault(line.task, []).append(line)
    return [task_of(row, of_task.get(row.id, ()), taken) for row in rows]


def task_of(row: TaskRow, lines: Iterable[JournalRow] = (), taken: Mapping[str, str] = NOBODY) -> callbacks.Task:
    """Return a task as commands, MQTT and the API show it. `lines`: of its journal, in order, those at least that tell
    of agents who took its place or declined it; `taken`: `Admin.places_taken`.
    """
    lines = tuple(lines)
    pickups = [line.agent or UNKNOWN for line in lines if line.kind == "place_taken"]
    declined_by = Counter(line.agent or UNKNOWN for line in lines if line.kind == "declined")
    return {
        "id": row.id, "customer": row.customer, "group": row.group, "campaign": row.campaign, "kind": row.kind,
        "number": row.number, "pbx": row.pbx, "trunk": row.trunk, "state": row.state, "reason": row.reason,
        "created": row.created_at, "missed_at": row.missed_at, "missed": row.missed, "due": row.due_at,
        "expires": row.expires_at, "attempts": row.attempts, "attempts_max": row.attempts_max,
        "responsible_kind": row.responsible_kind, "responsible": row.responsible,
        "responsible_since": row.responsible_since, "released": row.released_at, "declined": [*row.declined],
        "declined_by": dict(declined_by), "place": None if row.kind != "queue" else {
            "held_since": _held_since(row),
            "taken_by": taken.get(row.id) or (pickups[-1] if pickups else None), "rounds": len(pickups)},
        "options": {name: value for name, value in row.options.items() if name != "place"}, "ended": row.ended_at,
    }


def _held_since(row: TaskRow) -> float | None:
    """Return since when a leg of ours holds its place, as its options have it; None: none does."""
    found = row.options.get("place")
    try:
        return None if found is None else float(found["since"])
    except (KeyError, TypeError, ValueError):
        return 0.0  # as `routing.callbacks.task.held`: it is taken for gone


def attempt_of(row: AttemptRow) -> callbacks.Try:
    """Return an attempt as the detail of its task shows it."""
    return {"id": row.id, "serial": row.serial, "agent": row.agent, "node": row.node, "step": row.step,
            "claimed": row.claimed_at, "customer_at": row.customer_at, "answered": row.answered_at,
            "ended": row.ended_at, "result": row.result, "cause": row.cause, "talk": row.talk_s}


def line_of(row: JournalRow) -> callbacks.JournalLine:
    """Return a line of a journal as the detail of its task shows it."""
    return {"time": row.at, "kind": row.kind, "agent": row.agent, "data": row.data}


def ticket_of(row: Ticket) -> tickets.Ticket:
    """Return a ticket as commands, MQTT and the API show it."""
    return {"id": row.id, "number": row.number, "task": row.task, "customer": row.customer, "group": row.group,
            "agent": row.agent, "subject": row.subject, "state": row.state, "created": row.created_at,
            "ended": row.closed_at}


def comment_of(row: TicketComment) -> tickets.Comment:
    """Return a comment as its ticket shows it."""
    return {"id": row.id, "time": row.at, "author": row.author, "internal": row.internal, "text": row.text}


def delivery_of(row: Delivery) -> tickets.Delivery:
    """Return where a ticket was sent as its detail shows it."""
    return {"id": row.id, "channel": row.channel, "comment": row.comment, "tries": row.tries, "next": row.next_at,
            "delivered": row.delivered_at, "error": row.error}


def record_of(one: Record) -> direct.Direct:
    """Return a direct callback as it is shown."""
    return {"customer": one.customer, "agent": one.agent, "type": one.type, "created": one.made_at,
            "touched": one.touched_at, "expires": one.expires_at}


def call_of(row: CallRow, state: calls.State) -> calls.Call:
    """Return a call as it is shown."""
    return {"id": row.id, "time": row.started_at, "kind": CALL_KINDS.get(row.reason, "call"),
            "direction": row.direction, "customer": row.customer, "number": row.number, "group": row.group,
            "agent": row.agent or row.tried, "dialled": row.dialled, "trunk": row.trunk, "pbx": row.pbx,
            "state": state, "cause": row.cause, "by": row.ended_by, "talk": row.talk_s}


def do_not_call_of(row: DoNotCallRow) -> do_not_call.DoNotCallRow:
    """Return a number of the do-not-call list as it is shown."""
    return {"customer": row.customer, "since": row.added_at, "reason": row.reason}


def policy_of(row: PolicyVersion) -> policy.SavedPolicy:
    """Return a version of the policy as a list of them shows it."""
    return {"version": row.version, "time": row.saved_at, "by": row.saved_by or None}


def user_of(row: UserRow) -> people.User:
    """Return a user as they are shown: never with their password."""
    return {"name": row.name, "role": row.role, "groups": _groups(row), "agent": row.agent,
            "created": row.created_at, "disabled": row.disabled_at}


def token_of(row: TokenRow) -> people.Token:
    """Return a token as it is shown: never itself, nor its hash."""
    return {"id": row.id, "name": row.name, "role": row.role, "groups": _groups(row), "agent": row.agent,
            "created": row.created_at, "expires": row.expires_at, "revoked": row.revoked_at}


def _groups(row: UserRow | TokenRow) -> list[str] | None:
    return None if row.groups is None else sorted(row.groups)


def audit_of(row: AuditRow) -> audit.AuditLine:
    """Return a line of the audit log as it is shown."""
    return {"id": row.id, "time": row.at, "who": row.who, "role": row.role, "door": row.door, "verb": row.verb,
            "about": row.about, "before": row.before, "after": row.after, "refused": row.refused}
