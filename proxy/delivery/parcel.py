"""What is to be delivered: a ticket or a comment, with all that a receiver may want to know of it."""

from typing import Any, NamedTuple

from routing.events import rfc3339
from routing.rows import Delivery, Ticket, TicketComment
from routing.storage import CallbackReads, TicketReads


class Parcel(NamedTuple):
    """One delivery with what it is about."""

    id: str
    """The delivery's: the same each time it is tried."""
    kind: str
    """`ticket` or `comment`."""
    ticket: Ticket
    comment: TicketComment | None
    """The comment, or the first one of the ticket, which says why it was opened."""
    reason: str
    """Why the task ended; empty where there is none, or it is open."""
    node: str
    parent: str | None
    """Of a comment: the delivery of its ticket by the same channel."""

    @property
    def text(self) -> str:
        """What it says."""
        return self.comment.text if self.comment is not None else ""

    @property
    def made_at(self) -> float:
        """When the ticket was opened, or the comment written."""
        return self.comment.at if self.kind == "comment" and self.comment is not None else self.ticket.created_at

    def values(self) -> dict[str, Any]:
        """Return what stands for each placeholder of a template."""
        ticket, comment = self.ticket, self.comment
        return {
            "delivery": self.id, "kind": self.kind, "node": self.node, "ticket": ticket.id,
            "ticket_number": ticket.number, "subject": ticket.subject, "state": ticket.state,
            "number": ticket.customer, "group": ticket.group, "agent": ticket.agent, "task": ticket.task,
            "reason": self.reason, "time": rfc3339(self.made_at), "text": self.text,
            "comment": comment.id if comment is not None else None,
            "author": comment.author if comment is not None else None,
            "internal": comment.internal if comment is not None else None,
        }


def pack(tickets: TicketReads, callbacks: CallbackReads, delivery: Delivery, node: str) -> Parcel | None:
    """Gather what a delivery is about; None where its ticket or comment is not there. StoreError as theirs."""
    ticket = tickets.one(delivery.ticket)
    if ticket is None:
        return None
    comments = tickets.comments(ticket.id)
    wanted = comments[:1] if delivery.comment is None else [each for each in comments if each.id == delivery.comment]
    if delivery.comment is not None and not wanted:
        return None
    task = callbacks.task(ticket.task) if ticket.task is not None else None
    first = [each.id for each in tickets.deliveries_of(ticket.id)
             if each.comment is None and each.channel == delivery.channel]
    return Parcel(delivery.id, "ticket" if delivery.comment is None else "comment", ticket,
                  wanted[0] if wanted else None, task.reason if task is not None else "", node,
                  first[0] if first and delivery.comment is not None else None)
