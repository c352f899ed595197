"""What the rules may ask, put as queries, for every thread that has a connection to read with."""

from collections.abc import Sequence

from routing.events import write_json
from routing.ids import floor7
from routing.rows import (
    AttemptRow,
    AuditRow,
    CallRow,
    Delivery,
    DoNotCallRow,
    EndedWith,
    JournalRow,
    LegRow,
    PastAttempt,
    TaskKind,
    TaskRow,
    TaskState,
    Ticket,
    TicketComment,
    TokenRow,
    UserRow,
)
from routing.storage import Counts
from routing.store.queries import CallbackQuery, CallQuery, PeopleQuery, Read, TicketQuery


class CallReads:
    """`storage.CallReads` by queries."""

    def __init__(self, read: Read, node: str) -> None:
        """`node`: whose calls are open and counted."""
        self._read, self._node = read, node

    def open(self) -> list[CallRow]:
        return self._read(CallQuery.OPEN_CALLS, (self._node,))

    def open_elsewhere(self, sip_call_id: str) -> CallRow | None:
        return next(iter(self._read(CallQuery.OPEN_ELSEWHERE, (sip_call_id, self._node))), None)

    def one(self, name: str) -> CallRow | None:
        return next(iter(self._read(CallQuery.CALL, (name,))), None)

    def newest(self, limit: int, customer: str | None = None) -> list[CallRow]:
        return self._read(CallQuery.CALLS, (limit,)) if customer is None else \
            self._read(CallQuery.CALLS_OF, (customer, limit))

    def counts(self, since: float, before: float) -> Counts:
        [found] = self._read(CallQuery.COUNTS, {"first": floor7(since), "since": since, "before": before,
                                                "node": self._node})
        return Counts(*found)

    def last_talk(self, customer: str, min_talk: float) -> tuple[str, float] | None:
        return next(iter(self._read(CallQuery.LAST_TALK, (customer, min_talk))), None)

    def taken_since(self, since: float, limit: int) -> list[tuple[str, float]]:
        found = self._read(CallQuery.TAKEN_SINCE, (floor7(since), self._node, limit))
        return sorted(((group, at) for group, at in found), key=lambda taken: taken[1])


class CallbackReads:
    """`storage.CallbackReads` by queries."""

    def __init__(self, read: Read, node: str) -> None:
        """`node`: whose legs are meant."""
        self._read, self._node = read, node

    def open_tasks(self) -> list[TaskRow]:
        return self._read(CallbackQuery.OPEN_TASKS, ())

    def task(self, task: str) -> TaskRow | None:
        return next(iter(self._read(CallbackQuery.TASK, (task,))), None)

    def tasks(self, limit: int, state: TaskState | None = None, customer: str | None = None,
              group: str | None = None, kind: TaskKind | None = None) -> list[TaskRow]:
        return self._read(CallbackQuery.TASKS, {"limit": limit, "state": state, "customer": customer, "group": group,
                                                "kind": kind})

    def attempts_of(self, task: str) -> list[AttemptRow]:
        return self._read(CallbackQuery.ATTEMPTS_OF, (task,))

    def open_attempts(self) -> list[AttemptRow]:
        return self._read(CallbackQuery.OPEN_ATTEMPTS, ())

    def attempt(self, attempt: str) -> AttemptRow | None:
        return next(iter(self._read(CallbackQuery.ATTEMPT, (attempt,))), None)

    def attempts_since(self, at: float) -> list[PastAttempt]:
        return self._read(CallbackQuery.ATTEMPTS_SINCE, (at,))

    def ended_with(self, since: float, dialled: float) -> list[EndedWith]:
        return self._read(CallbackQuery.ENDED_WITH, (dialled, since, self._node))

    def tasks_since(self, at: float) -> list[float]:
        return [row[0] for row in self._read(CallbackQuery.TASKS_SINCE, (floor7(at),))]

    def journal(self, task: str) -> list[JournalRow]:
        return self._read(CallbackQuery.JOURNAL, (task,))

    def pickups(self, tasks: Sequence[str]) -> list[JournalRow]:
        return self._read(CallbackQuery.PICKUPS, (write_json(tasks),)) if tasks else []

    def legs(self) -> list[LegRow]:
        return self._read(CallbackQuery.LEGS, (self._node,))

    def do_not_call(self, limit: int = -1) -> list[DoNotCallRow]:
        return self._read(CallbackQuery.DO_NOT_CALL, (limit,))

    def released_counts(self, since: float) -> dict[str, int]:
        return dict(self._read(CallbackQuery.RELEASED, (since,)))


class TicketReads:
    """`storage.TicketReads` by queries."""

    def __init__(self, read: Read, node: str) -> None:
        """`node`: whose deliveries are meant."""
        self._read, self._node = read, node

    def newest(self, limit: int, state: str | None = None, customer: str | None = None) -> list[Ticket]:
        return self._read(TicketQuery.TICKETS, {"limit": limit, "state": state, "customer": customer})

    def one(self, name: str | int) -> Ticket | None:
        numbered = isinstance(name, int) or (name.isascii() and name.isdigit() and len(name) < 16)
        found = self._read(TicketQuery.TICKET_NUMBERED, (int(name),)) if numbered else \
            self._read(TicketQuery.TICKET, (name,))
        return next(iter(found), None)

    def comments(self, ticket: str) -> list[TicketComment]:
        return self._read(TicketQuery.COMMENTS, (ticket,))

    def deliveries_due(self, now: float, limit: int, channel: str | None = None) -> list[Delivery]:
        return self._read(TicketQuery.DELIVERIES_DUE, (self._node, channel, now, limit))

    def next_delivery(self, channel: str | None = None) -> float | None:
        found = self._read(TicketQuery.NEXT_DELIVERY, (self._node, channel))
        return found[0][0] if found else None

    def deliveries_of(self, ticket: str) -> list[Delivery]:
        return self._read(TicketQuery.DELIVERIES_OF, (ticket,))


class PeopleReads:
    """Users, tokens and the audit log by queries."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def users(self) -> list[UserRow]:
        """Return every user by name, those who are disabled too."""
        return self._read(PeopleQuery.USERS, ())

    def tokens(self) -> list[TokenRow]:
        """Return every token, the oldest first, those that are good no more too."""
        return self._read(PeopleQuery.TOKENS, ())

    def audit(self, limit: int, who: str | None = None, door: str | None = None,
              verb: str | None = None) -> list[AuditRow]:
        """Return the newest lines of the audit log, newest first, of one name, door and verb where they are given."""
        return self._read(PeopleQuery.AUDIT, {"limit": limit, "who": who, "door": door, "verb": verb})
