"""SQLite's words for each query, and how its rows become those of `routing.rows`."""

from typing import Final

from routing.rows import (
    AttemptRow,
    CallRow,
    Delivery,
    DoNotCallRow,
    EndedWith,
    LegRow,
    PastAttempt,
    PauseRow,
    PolicyVersion,
    Record,
    StandingAlarm,
    Ticket,
)
from routing.store import callback_sql as sql
from routing.store import people_sql, schema
from routing.store.queries import (
    CallbackQuery,
    CallQuery,
    DayQuery,
    DirectQuery,
    NodeQuery,
    PeopleQuery,
    Query,
    TicketQuery,
)
from routing.store.wording import Statement, Wording

_STATEMENTS: Final[dict[Query, Statement]] = {
    DirectQuery.RECORDS: Statement(schema.RECORDS, Record._make),
    DirectQuery.EXPIRED: Statement(schema.EXPIRED, Record._make),
    DirectQuery.LIVE_RECORDS: Statement(schema.NEWEST, Record._make),
    DirectQuery.OF_AGENT: Statement(schema.OF_AGENT, Record._make),
    DirectQuery.COUNT_RECORDS: Statement(schema.COUNT_RECORDS),
    DirectQuery.COUNT_LIVE: Statement(schema.COUNT_LIVE),
    CallQuery.OPEN_CALLS: Statement(schema.OPEN_CALLS, CallRow._make),
    CallQuery.CALL: Statement(schema.CALL, CallRow._make),
    CallQuery.CALLS: Statement(schema.CALLS, CallRow._make),
    CallQuery.CALLS_OF: Statement(schema.CALLS_OF, CallRow._make),
    CallQuery.CALLS_OF_ATTEMPT: Statement(schema.CALLS_OF_ATTEMPT, CallRow._make),
    CallQuery.ENDED_THEN: Statement(schema.ENDED_THEN, CallRow._make),
    CallQuery.COUNTS: Statement(schema.COUNTS),
    CallQuery.LAST_TALK: Statement(sql.LAST_TALK),
    CallQuery.TAKEN_SINCE: Statement(schema.TAKEN_SINCE),
    CallbackQuery.OPEN_TASKS: Statement(sql.OPEN_TASKS, of_tasks=True),
    CallbackQuery.TASK: Statement(sql.TASK, of_tasks=True),
    CallbackQuery.TASKS_ENDING: Statement(sql.TASKS_ENDING),
    CallbackQuery.TASKS_SINCE: Statement(sql.TASKS_SINCE),
    CallbackQuery.ATTEMPT: Statement(sql.ATTEMPT, AttemptRow._make),
    CallbackQuery.ATTEMPTS_OF: Statement(sql.ATTEMPTS_OF, AttemptRow._make),
    CallbackQuery.OPEN_ATTEMPTS: Statement(sql.OPEN_ATTEMPTS, AttemptRow._make),
    CallbackQuery.ATTEMPTS_SINCE: Statement(sql.ATTEMPTS_SINCE, PastAttempt._make),
    CallbackQuery.ENDED_WITH: Statement(sql.ENDED_WITH, EndedWith._make),
    CallbackQuery.LEGS: Statement(sql.LEGS, LegRow._make),
    CallbackQuery.JOURNAL: Statement(sql.JOURNAL, sql.to_journal),
    CallbackQuery.PICKUPS: Statement(sql.PICKUPS, sql.to_journal),
    CallbackQuery.DO_NOT_CALL: Statement(sql.DO_NOT_CALL, DoNotCallRow._make),
    CallbackQuery.RELEASED: Statement(sql.RELEASED),
    TicketQuery.TICKET: Statement(sql.TICKET, Ticket._make),
    TicketQuery.TICKET_NUMBERED: Statement(sql.TICKET_NUMBERED, Ticket._make),
    TicketQuery.COMMENTS: Statement(sql.COMMENTS, sql.to_comment),
    TicketQuery.DELIVERIES_DUE: Statement(sql.DELIVERIES_DUE, Delivery._make),
    TicketQuery.NEXT_DELIVERY: Statement(sql.NEXT_DELIVERY),
    TicketQuery.DELIVERIES_OF: Statement(sql.DELIVERIES_OF, Delivery._make),
    PeopleQuery.USERS: Statement(people_sql.USERS, people_sql.to_user),
    PeopleQuery.TOKENS: Statement(people_sql.TOKENS, people_sql.to_token),
    NodeQuery.EVENTS: Statement(schema.EVENTS, sql.to_event),
    NodeQuery.EVENT_TEXTS: Statement(schema.EVENT_TEXTS, sql.to_event_text),
    NodeQuery.POLICIES: Statement(schema.POLICIES, PolicyVersion._make),
    NodeQuery.POLICIES_BEFORE: Statement(schema.POLICIES_BEFORE, PolicyVersion._make),
    NodeQuery.PAUSES: Statement(schema.PAUSES, PauseRow._make),
    NodeQuery.ALARMS: Statement(schema.ALARMS, StandingAlarm._make),
    DayQuery.OFFERED: Statement(sql.OFFERED),
    DayQuery.PROMISED: Statement(sql.PROMISED),
    DayQuery.DIALLED: Statement(sql.DIALLED),
    DayQuery.ENDED: Statement(sql.ENDED),
    DayQuery.KEPT: Statement(sql.KEPT),
    DayQuery.OPEN: Statement(sql.OPEN),
}

WORDING: Final = Wording(_STATEMENTS, {
    CallbackQuery.TASKS: (Statement(sql.EVERY_TASK, of_tasks=True), "id"),
    TicketQuery.TICKETS: (Statement(sql.EVERY_TICKET, Ticket._make), "number"),
    PeopleQuery.AUDIT: (Statement(people_sql.AUDIT, people_sql.to_audit), "id"),
}, ":{}")
