"""What may be asked and changed of tickets."""

from collections.abc import Callable

from proxy.control_client import ControlError
from proxy.verbs.handlers.callbacks import DeskHolder
from proxy.verbs.handlers.reading import do, e164_or_none, look_up, read
from proxy.verbs.shapes import callbacks
from proxy.verbs.shapes import tickets as shapes
from proxy.verbs.shapes.errors import ArgumentError, UnknownError
from proxy.verbs.shapes.rows import comment_of, delivery_of, task_of, ticket_of
from proxy.verbs.shapes.verb import Bound
from routing.callbacks.tickets import TicketOffice
from routing.ledger import Ledger
from routing.rows import Ticket
from routing.storage import Store
from routing.store.reader import Reader


class TicketAnswers:
    """Answers `tickets.*`."""

    def __init__(self, callbacks: DeskHolder, store: Store, reader: Reader, ledger: Ledger,
                 wall: Callable[[], float]) -> None:
        self._callbacks, self._store, self._reader = callbacks, store, reader
        self._ledger, self._wall = ledger, wall

    @property
    def _office(self) -> TicketOffice:
        return self._callbacks.desk.admin.tickets

    def bound(self) -> list[Bound]:
        """Every verb that is answered here."""
        return [shapes.LIST.by(self.tickets), shapes.SHOW.by(self.ticket), shapes.COMMENT_ON.by(self.comment),
                shapes.CLOSE.by(self.close), shapes.CALL.by(self.call)]

    async def tickets(self, args: shapes.ListTickets) -> list[shapes.Ticket]:
        """Tickets, newest first."""
        customer = e164_or_none("customer", args.customer, self._ledger.policy.region)
        rows = await look_up(lambda: self._reader.tickets.newest(args.limit, args.state, customer))
        return [ticket_of(row) for row in rows]

    def ticket(self, args: shapes.OneTicket) -> shapes.TicketDetail:
        """One ticket, its comments and where it was sent."""
        row = self._ticket(args.id)
        comments = read(lambda: self._store.tickets.comments(row.id))
        deliveries = read(lambda: self._store.tickets.deliveries_of(row.id))
        return {**ticket_of(row), "comments": [comment_of(one) for one in comments],
                "deliveries": [delivery_of(one) for one in deliveries]}

    def comment(self, args: shapes.AddComment) -> shapes.Ticket:
        """Comment on a ticket; the comment is sent on like the ticket was."""
        row = self._ticket(args.id)
        if not args.text.strip():
            raise ArgumentError("text", "text is missing")
        self._store.put(self._office.comment(row.id, args.text, self._wall(), args.author, args.internal))
        self._callbacks.poke()
        return ticket_of(row)

    def close(self, args: shapes.OneTicket) -> shapes.Ticket:
        """Close a ticket."""
        row = self._ticket(args.id)
        now = self._wall()
        self._store.put(self._office.close(row, now))
        return ticket_of(row if row.state == "closed" else row._replace(state="closed", closed_at=now))

    def call(self, args: shapes.CallTicket) -> callbacks.Task:
        """Promise the customer of a ticket a callback; what comes of it is written under the ticket."""
        row, now = self._ticket(args.id), self._wall()
        if row.state == "closed":
            raise ControlError(f"ticket {row.number} is closed")
        group, note = args.group or row.group, args.note or row.subject
        if group is None:
            raise ControlError(f"group is missing: ticket {row.number} is of none")
        by = args.by or "operator"
        self._callbacks.want_media()
        task = do(lambda: self._callbacks.desk.admin.add(row.customer, group, now, by=by, ticket=row.id, note=note))
        self._store.put(self._office.comment(row.id, f"Callback asked for by {by}: {task.state}.", now))
        self._callbacks.poke()
        return task_of(task)

    def _ticket(self, name: str) -> Ticket:
        row = read(lambda: self._store.tickets.one(name))
        if row is None:
            raise UnknownError(f"there is no ticket {name!r}")
        return row
