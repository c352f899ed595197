"""Tickets: what stands in for a call that was not made, or is opened beside one (product.md section 8).

A ticket is written into the unit of the fact that opens it, with one delivery for each channel that is set up; MQTT
hears of it by its event `ticket.opened`. Its first comment says why it is there and is delivered with it; each later
one is delivered by itself, after the ticket.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from config.fields import PLACEHOLDERS
from routing.events import rfc3339
from routing.rows import Delivery, TaskRow, Ticket, TicketComment
from routing.teller import Teller
from routing.writes import Unit

Channel = Literal["webhook", "smtp"]

Why = Literal["closed", "unreached", "expired", "guard", "started", "campaign", "missed"]
"""Why a ticket is opened: the ends that `tickets.on` names, an agent who started a callback, a campaign that opens
tickets instead of calling, a group that calls nobody back but wants to know of missed calls."""

REASONS: Final[dict[Why, str]] = {
    "closed": "closed all through the window",
    "unreached": "not reached",
    "expired": "not called in time",
    "guard": "must not be called",
    "started": "an agent is calling back",
    "campaign": "to be called by hand",
    "missed": "missed",
}
"""What `%reason%` says."""

AUTHOR: Final = "boomerang"
"""Who writes the comments that are ours."""

SUBJECT_MAX: Final = 250
"""Characters of a subject, once filled in."""


def clock_text(at: float, zone: str) -> str:
    """Return a time as people of a zone read it: `2026-11-23 12:00`."""
    return f"{datetime.fromtimestamp(at, ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def fill_subject(template: str, values: dict[str, str]) -> str:
    """Fill in a subject (`config.fields.PLACEHOLDERS`); what is filled in is not looked at again.

    It stays one line of text whatever the values hold.
    """
    parts = template.split("%")
    text, index = parts[0], 1
    while index < len(parts):
        if index + 1 < len(parts) and parts[index] in PLACEHOLDERS:
            text += values[parts[index]] + parts[index + 1]
            index += 2
        else:
            text += "%" + parts[index]
            index += 1
    return "".join(sign if sign.isprintable() else " " for sign in text)[:SUBJECT_MAX]


def story(row: TaskRow, why: Why, zone: str) -> str:
    """Return what the first comment of a ticket says."""
    calls = "a missed call" if row.missed == 1 else f"{row.missed} missed calls"
    number = f" to {row.number}" if row.number is not None else ""
    caller = row.options.get("caller")
    by = f" by {caller}" if caller not in (None, row.customer) else ""
    begun = {"missed": f"{calls}{number}", "campaign": f"{calls}{number}, campaign {row.campaign}",
             "queue": f"asked for a callback in the queue{by}", "manual": "callback asked for by an operator"}[row.kind]
    lines = [f"{row.customer}, {clock_text(row.missed_at, zone)}: {begun}.",
             f"Group {row.group}: {REASONS[why]}{f' ({row.reason})' if row.reason else ''}."]
    if why not in ("closed", "campaign", "missed"):
        lines.append(f"Attempts: {row.attempts} of {row.attempts_max}.")
    return "\n".join(lines)


class TicketOffice:
    """Writes tickets. Everything it returns is a unit to be put with the fact that it belongs to."""

    def __init__(self, teller: Teller, names: Callable[[float], str], channels: tuple[Channel, ...] = ()) -> None:
        """`names`: gives a new UUID version 7 for a moment. `channels`: where tickets are sent on to."""
        self._teller, self._name = teller, names
        self.channels = channels

    def open(self, row: TaskRow, why: Why, subject: str, zone: str, now: float,
             agent: str | None = None) -> tuple[Ticket, Unit]:
        """Open the ticket of a task.

        `subject`: its template. `zone`: that of the group. `agent`: whom it concerns, where somebody took the task.
        Its number is 0 until the unit is stored.
        """
        filled = fill_subject(subject, {
            "number": row.customer, "group": row.group, "agent": agent or "", "reason": REASONS[why],
            "time": clock_text(row.missed_at, zone),
        })
        ticket = Ticket(self._name(now), 0, row.id, row.customer, row.group, agent, filled, "open", now, None)
        first = TicketComment(self._name(now), ticket.id, now, AUTHOR, story(row, why, zone), True)
        events = () if not self._teller.wants("ticket.opened") else (
            self._teller.event("ticket.opened", ticket_data(ticket, why), now),)
        return ticket, Unit((*events, ticket, first, *self._deliveries(ticket.id, None, now)), durable=True)

    def comment(self, ticket: str, text: str, now: float, author: str = AUTHOR, internal: bool = True) -> Unit:
        """Write a comment under a ticket, known by its id."""
        comment = TicketComment(self._name(now), ticket, now, author, text, internal)
        return Unit((comment, *self._deliveries(ticket, comment.id, now)), durable=True)

    @staticmethod
    def close(ticket: Ticket, now: float) -> Unit:
        """Close a ticket; one that is closed stays as it is."""
        if ticket.state == "closed":
            return Unit()
        return Unit((ticket._replace(state="closed", closed_at=now),), durable=True)

    def _deliveries(self, ticket: str, comment: str | None, now: float) -> tuple[Delivery, ...]:
        return tuple(Delivery(self._name(now), ticket, comment, channel, 0, now, None, "") for channel in self.channels)


def attempt_note(result: str, agent: str | None, at: float, zone: str) -> str:
    """Return the internal note that a try was made and how it ended, in words of `facts.Result`."""
    by = f" by {agent}" if agent else ""
    return f"Callback tried{by}, {clock_text(at, zone)}: {result.replace('_', ' ')}."


def ticket_data(ticket: Ticket, why: Why) -> dict[str, object]:
    """Return what `ticket.opened` says; its number is added when it is stored."""
    return {"ticket": ticket.id, "task": ticket.task, "customer": ticket.customer, "group": ticket.group,
            "agent": ticket.agent, "subject": ticket.subject, "reason": why, "created_at": rfc3339(ticket.created_at)}
