"""Rows of callbacks to put into a store."""

import os
from typing import Any

from routing.ids import uuid7
from routing.rows import AttemptRow, Delivery, DoNotCallRow, JournalRow, TaskRow, Ticket, TicketComment
from routing.writes import ClearAlarm, DropLeg, RemoveDoNotCall, RemoveRecord, Unit
from tests.routing.world import BEGIN, CUSTOMER, SHARED


def name(at: float = BEGIN) -> str:
    return uuid7(at, os.urandom)


def a_task(**changes: Any) -> TaskRow:
    at = changes.get("created_at", BEGIN)
    task = TaskRow(
        id=name(at), customer=CUSTOMER, group="sales", campaign=None, kind="missed", number=SHARED, pbx="office",
        trunk="main", state="open", reason="", created_at=at, missed_at=at, missed=1, expires_at=at + 86_400,
        due_at=at, attempts=0, attempts_max=4, responsible_kind="none", responsible=None, responsible_since=None,
        released_at=None, declined=(), options={}, ended_at=None,
    )
    return task._replace(**changes)


def an_attempt(task: TaskRow, **changes: Any) -> AttemptRow:
    attempt = AttemptRow(
        id=name(), task=task.id, customer=task.customer, serial=1, agent="201", node="edge1", step="claimed",
        claimed_at=BEGIN, customer_at=None, answered_at=None, ended_at=None, result=None, cause=None, talk_s=None,
        epoch=1,
    )
    return attempt._replace(**changes)


def a_line(task: str, kind: str = "missed", agent: str | None = None, at: float = BEGIN, **data: Any) -> JournalRow:
    return JournalRow(task, at, kind, agent, data)


def a_ticket(**changes: Any) -> Ticket:
    ticket = Ticket(name(), 0, None, CUSTOMER, "sales", None, f"Callback {CUSTOMER}", "open", BEGIN, None)
    return ticket._replace(**changes)


def a_comment(ticket: Ticket, text: str = "noted", internal: bool = True) -> TicketComment:
    return TicketComment(name(), ticket.id, BEGIN, "boomerang", text, internal)


def a_delivery(ticket: Ticket, **changes: Any) -> Delivery:
    return Delivery(name(), ticket.id, None, "webhook", 0, BEGIN, None, "")._replace(**changes)


def do_not_call(customer: str = CUSTOMER) -> DoNotCallRow:
    return DoNotCallRow(customer, BEGIN, "asked for it")


KEYS = {"removed": RemoveRecord, "legs_gone": DropLeg, "removed_do_not_call": RemoveDoNotCall,
        "alarms_gone": ClearAlarm}
"""What is not a row to be kept, by the word that the tests have for it."""


def a_unit(**rows: Any) -> Unit:
    """A unit of rows by their kinds: `tasks=(...)`, `legs_gone=("call",)`."""
    return Unit(tuple(KEYS[kind](row) if kind in KEYS else row for kind, group in rows.items() for row in group))
