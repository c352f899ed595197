"""Reading what the database holds about callbacks, for every thread that has a connection to read with."""

from collections.abc import Sequence
from typing import Any

from routing.ids import floor7
from routing.rows import (
    AttemptRow,
    Barred,
    Delivery,
    JournalRow,
    LegRow,
    PastAttempt,
    TaskRow,
    TaskState,
    Ticket,
    TicketComment,
)
from routing.store import callback_sql as sql


class CallbackReads:
    """`storage.Promises` on a connection that whoever inherits it reads with."""

    def _read(self, statement: str, parameters: Sequence[object] = ()) -> list[Any]:
        raise NotImplementedError

    def open_tasks(self) -> list[TaskRow]:
        """See Promises."""
        return [sql.to_task(row) for row in self._read(sql.OPEN_TASKS)]

    def task(self, task: str) -> TaskRow | None:
        """See Promises."""
        rows = self._read(sql.TASK, (task,))
        return sql.to_task(rows[0]) if rows else None

    def tasks(self, limit: int, state: TaskState | None = None, customer: str | None = None,
              group: str | None = None) -> list[TaskRow]:
        """See Promises."""
        statement, parameters = sql.newest_tasks({"state": state, "customer": customer, "group": group})
        return [sql.to_task(row) for row in self._read(statement, (*parameters, limit))]

    def attempts_of(self, task: str) -> list[AttemptRow]:
        """See Promises."""
        return [AttemptRow(*row) for row in self._read(sql.ATTEMPTS_OF, (task,))]

    def open_attempts(self) -> list[AttemptRow]:
        """See Promises."""
        return [AttemptRow(*row) for row in self._read(sql.OPEN_ATTEMPTS)]

    def attempts_since(self, at: float) -> list[PastAttempt]:
        """See Promises."""
        return [PastAttempt(*row) for row in self._read(sql.ATTEMPTS_SINCE, (at,))]

    def tasks_since(self, at: float) -> list[float]:
        """See Promises."""
        return [row[0] for row in self._read(sql.TASKS_SINCE, (floor7(at),))]

    def journal(self, task: str) -> list[JournalRow]:
        """See Promises."""
        return [sql.to_journal(row) for row in self._read(sql.JOURNAL, (task,))]

    def legs(self) -> list[LegRow]:
        """See Promises."""
        return [LegRow(*row) for row in self._read(sql.LEGS)]

    def tickets(self, limit: int, state: str | None = None, customer: str | None = None) -> list[Ticket]:
        """See Promises."""
        statement, parameters = sql.newest_tickets({"state": state, "customer": customer})
        return [Ticket(*row) for row in self._read(statement, (*parameters, limit))]

    def ticket(self, name: str | int) -> Ticket | None:
        """See Promises."""
        numbered = isinstance(name, int) or (name.isascii() and name.isdigit() and len(name) < 16)
        rows = self._read(sql.TICKET_NUMBERED if numbered else sql.TICKET, (int(name) if numbered else name,))
        return Ticket(*rows[0]) if rows else None

    def comments(self, ticket: str) -> list[TicketComment]:
        """See Promises."""
        return [sql.to_comment(row) for row in self._read(sql.COMMENTS, (ticket,))]

    def deliveries_due(self, now: float, limit: int, channel: str | None = None) -> list[Delivery]:
        """See Promises."""
        return [Delivery(*row) for row in self._read(sql.DELIVERIES_DUE, (now, channel, limit))]

    def next_delivery(self, channel: str | None = None) -> float | None:
        """See Promises."""
        rows = self._read(sql.NEXT_DELIVERY, (channel,))
        return rows[0][0] if rows else None

    def deliveries_of(self, ticket: str) -> list[Delivery]:
        """See Promises."""
        return [Delivery(*row) for row in self._read(sql.DELIVERIES_OF, (ticket,))]

    def barred(self, limit: int = -1) -> list[Barred]:
        """See Promises."""
        return [Barred(*row) for row in self._read(sql.BARRED, (limit,))]

    def last_talk(self, customer: str, min_talk: float) -> tuple[str, float] | None:
        """See Promises."""
        rows = self._read(sql.LAST_TALK, (customer, min_talk))
        return rows[0] if rows else None

    def released_counts(self, since: float) -> dict[str, int]:
        """See Promises."""
        return dict(self._read(sql.RELEASED, (since,)))
