"""SQLite's words for each query, and how its rows become those of `routing.rows`."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from routing.rows import (
    AttemptRow,
    CallRow,
    Delivery,
    DoNotCallRow,
    LegRow,
    PastAttempt,
    PolicyVersion,
    Record,
    StandingAlarm,
    Ticket,
)
from routing.store import callback_sql as sql
from routing.store import schema
from routing.store.queries import (
    CallbackQuery,
    CallQuery,
    DayQuery,
    DirectQuery,
    NodeQuery,
    Parameters,
    Query,
    TicketQuery,
)


class Statement(NamedTuple):
    """How a query is asked."""

    text: str
    make: Callable[[Any], Any] | None = None
    """Makes the row that is answered; None: the columns as they are."""


_STATEMENTS: Final[dict[Query, Statement]] = {
    DirectQuery.RECORDS: Statement(schema.RECORDS, Record._make),
    DirectQuery.EXPIRED: Statement(schema.EXPIRED, Record._make),
    DirectQuery.LIVE_RECORDS: Statement(schema.NEWEST, Record._make),
    DirectQuery.COUNT_RECORDS: Statement(schema.COUNT_RECORDS),
    DirectQuery.COUNT_LIVE: Statement(schema.COUNT_LIVE),
    CallQuery.OPEN_CALLS: Statement(schema.OPEN_CALLS, CallRow._make),
    CallQuery.CALL: Statement(schema.CALL, CallRow._make),
    CallQuery.CALLS: Statement(schema.CALLS, CallRow._make),
    CallQuery.CALLS_OF: Statement(schema.CALLS_OF, CallRow._make),
    CallQuery.COUNTS: Statement(schema.COUNTS),
    CallQuery.LAST_TALK: Statement(sql.LAST_TALK),
    CallbackQuery.OPEN_TASKS: Statement(sql.OPEN_TASKS, sql.to_task),
    CallbackQuery.TASK: Statement(sql.TASK, sql.to_task),
    CallbackQuery.TASKS_ENDING: Statement(sql.TASKS_ENDING),
    CallbackQuery.TASKS_SINCE: Statement(sql.TASKS_SINCE),
    CallbackQuery.ATTEMPT: Statement(sql.ATTEMPT, AttemptRow._make),
    CallbackQuery.ATTEMPTS_OF: Statement(sql.ATTEMPTS_OF, AttemptRow._make),
    CallbackQuery.OPEN_ATTEMPTS: Statement(sql.OPEN_ATTEMPTS, AttemptRow._make),
    CallbackQuery.ATTEMPTS_SINCE: Statement(sql.ATTEMPTS_SINCE, PastAttempt._make),
    CallbackQuery.LEGS: Statement(sql.LEGS, LegRow._make),
    CallbackQuery.JOURNAL: Statement(sql.JOURNAL, sql.to_journal),
    CallbackQuery.DO_NOT_CALL: Statement(sql.DO_NOT_CALL, DoNotCallRow._make),
    CallbackQuery.RELEASED: Statement(sql.RELEASED),
    TicketQuery.TICKET: Statement(sql.TICKET, Ticket._make),
    TicketQuery.TICKET_NUMBERED: Statement(sql.TICKET_NUMBERED, Ticket._make),
    TicketQuery.COMMENTS: Statement(sql.COMMENTS, sql.to_comment),
    TicketQuery.DELIVERIES_DUE: Statement(sql.DELIVERIES_DUE, Delivery._make),
    TicketQuery.NEXT_DELIVERY: Statement(sql.NEXT_DELIVERY),
    TicketQuery.DELIVERIES_OF: Statement(sql.DELIVERIES_OF, Delivery._make),
    NodeQuery.EVENTS: Statement(schema.EVENTS, sql.to_event),
    NodeQuery.POLICIES: Statement(schema.POLICIES, PolicyVersion._make),
    NodeQuery.ALARMS: Statement(schema.ALARMS, StandingAlarm._make),
    DayQuery.PROMISED: Statement(sql.PROMISED),
    DayQuery.DIALLED: Statement(sql.DIALLED),
    DayQuery.ENDED: Statement(sql.ENDED),
    DayQuery.KEPT: Statement(sql.KEPT),
}

_FILTERED: Final[dict[Query, tuple[str, str, Callable[[Any], Any]]]] = {
    CallbackQuery.TASKS: (sql.EVERY_TASK, "id", sql.to_task),
    TicketQuery.TICKETS: (sql.EVERY_TICKET, "number", Ticket._make),
}
"""Those that ask for the newest rows of those that filters let pass: all rows, in which order, what they become."""


def ask(execute: Callable[[str, Parameters], list[Any]], query: Query, parameters: Parameters) -> list[Any]:
    """Answer a query; `execute` runs a statement and returns what it found."""
    statement = _STATEMENTS.get(query)
    if statement is None:
        assert isinstance(parameters, Mapping)
        every, order, make = _FILTERED[query]
        given = {name: value for name, value in parameters.items() if name != "limit" and value is not None}
        where = " AND ".join(f'"{name}"=:{name}' for name in given)
        text = f"{every}{' WHERE ' + where if where else ''} ORDER BY {order} DESC LIMIT :limit"
        return [make(row) for row in execute(text, {**given, "limit": parameters["limit"]})]
    found = execute(statement.text, parameters)
    return [statement.make(row) for row in found] if found and statement.make is not None else found
