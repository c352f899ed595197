"""What an operator, MQTT and the API may ask about tickets; the shapes stand in `proxy.control`."""

from collections.abc import Callable
from typing import Any, Final

from proxy.control import ControlError, Handler
from proxy.daemon.arguments import (
    COMMENT,
    NOTE,
    ArgumentError,
    UnknownError,
    do,
    flag,
    kept,
    limit_of,
    lines,
    look_up,
    number_of,
    one_of,
    read,
    word,
)
from proxy.daemon.callback_verbs import DeskHolder, task_json
from routing.callbacks.tickets import TicketOffice
from routing.ledger import Ledger
from routing.rows import Delivery, Ticket, TicketComment
from routing.storage import Store
from routing.store.reader import Reader

STATES: Final = ("open", "closed")
MOST_NUMBERS: Final = 10 ** 15
"""Numbers that tickets may have."""


class TicketVerbs:
    """Handlers of `tickets.*`."""

    def __init__(self, callbacks: DeskHolder, store: Store, reader: Reader, ledger: Ledger,
                 wall: Callable[[], float]) -> None:
        self._callbacks, self._store, self._reader = callbacks, store, reader
        self._ledger, self._wall = ledger, wall

    @property
    def _office(self) -> TicketOffice:
        return self._callbacks.desk.admin.tickets

    def table(self) -> dict[str, Handler]:
        """Every verb and its handler."""
        return {"tickets.list": self.tickets, "tickets.show": self.ticket,
                "tickets.comment": kept(self.comment, self._store), "tickets.close": kept(self.close, self._store),
                "tickets.call": kept(self.call, self._store)}

    async def tickets(self, args: dict[str, Any]) -> list[dict[str, Any]]:
        """Tickets, newest first."""
        customer = number_of(args, "customer", self._ledger.policy.region) if args.get("customer") else None
        state, limit = one_of(args, "state", STATES), limit_of(args)
        rows = await look_up(lambda: self._reader.tickets.newest(limit, state, customer))
        return [ticket_json(row) for row in rows]

    def ticket(self, args: dict[str, Any]) -> dict[str, Any]:
        """One ticket, its comments and where it was sent."""
        row = self._ticket(args)
        comments = read(lambda: self._store.tickets.comments(row.id))
        deliveries = read(lambda: self._store.tickets.deliveries_of(row.id))
        return {**ticket_json(row), "comments": [_comment(one) for one in comments],
                "deliveries": [_delivery(one) for one in deliveries]}

    def comment(self, args: dict[str, Any]) -> dict[str, Any]:
        """Comment on a ticket; the comment is sent on like the ticket was."""
        text = lines(args, "text", COMMENT) or ""
        author, internal = word(args, "author") or "operator", flag(args, "internal")
        row = self._ticket(args)
        if not text.strip():
            raise ArgumentError("text", "text is missing")
        self._store.put(self._office.comment(row.id, text, self._wall(), author, internal))
        self._callbacks.poke()
        return ticket_json(row)

    def close(self, args: dict[str, Any]) -> dict[str, Any]:
        """Close a ticket."""
        row = self._ticket(args)
        now = self._wall()
        self._store.put(self._office.close(row, now))
        return ticket_json(row if row.state == "closed" else row._replace(state="closed", closed_at=now))

    def call(self, args: dict[str, Any]) -> dict[str, Any]:
        """Promise the customer of a ticket a callback; what comes of it is written under the ticket."""
        row, now = self._ticket(args), self._wall()
        if row.state == "closed":
            raise ControlError(f"ticket {row.number} is closed")
        group, note = word(args, "group") or row.group, lines(args, "note", NOTE) or row.subject
        if group is None:
            raise ControlError(f"group is missing: ticket {row.number} is of none")
        by = word(args, "by") or "operator"
        self._callbacks.want_media()
        task = do(lambda: self._callbacks.desk.admin.add(row.customer, group, now, by=by, ticket=row.id, note=note))
        self._store.put(self._office.comment(row.id, f"Callback asked for by {by}: {task.state}.", now))
        self._callbacks.poke()
        return task_json(task)

    def _ticket(self, args: dict[str, Any]) -> Ticket:
        given = args.get("id")
        if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < MOST_NUMBERS:
            given = str(given)
        name = word({"id": given}, "id") or ""
        row = read(lambda: self._store.tickets.one(name))
        if row is None:
            raise UnknownError(f"there is no ticket {name!r}")
        return row


def ticket_json(row: Ticket) -> dict[str, Any]:
    """Return a ticket as commands, MQTT and the API show it."""
    return {"id": row.id, "number": row.number, "task": row.task, "customer": row.customer, "group": row.group,
            "agent": row.agent, "subject": row.subject, "state": row.state, "created": row.created_at,
            "ended": row.closed_at}


def _comment(row: TicketComment) -> dict[str, Any]:
    return {"id": row.id, "time": row.at, "author": row.author, "internal": row.internal, "text": row.text}


def _delivery(row: Delivery) -> dict[str, Any]:
    return {"id": row.id, "channel": row.channel, "comment": row.comment, "tries": row.tries, "next": row.next_at,
            "delivered": row.delivered_at, "error": row.error}
