"""PostgreSQL's words for each query, and how its rows become those of `routing.rows`."""

from typing import Any, Final

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
    PauseRow,
    PolicyVersion,
    Record,
    StandingAlarm,
    TaskRow,
    Ticket,
    TicketComment,
    TokenRow,
    UserRow,
)
from routing.store import callback_sql, people_sql
from routing.store.postgres.statements import columns
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


def _all(row: Any, table: str) -> str:
    return f"SELECT {columns(row._fields)} FROM {table}"


_CALLS: Final = _all(CallRow, "calls")
_DIRECT: Final = _all(Record, "direct")
_TASKS: Final = _all(TaskRow, "tasks")
_ATTEMPTS: Final = _all(AttemptRow, "attempts")
_JOURNAL: Final = _all(JournalRow, "journal")
_TICKETS: Final = _all(Ticket, "tickets")
_DELIVERIES: Final = _all(Delivery, "deliveries AS d")
_EVENTS: Final = (
    "SELECT kind, time, id, data, node, seq, form FROM outbox WHERE node=%s AND seq>%s ORDER BY seq LIMIT %s")
_POLICIES: Final = "SELECT version, saved_at, text, saved_by FROM policy"
_UNPROMISED: Final = (
    "(t.kind='queue' AND (t.state='failed' AND t.ended_at=t.created_at "
    "OR t.state='cancelled' AND t.reason IN ('taken', 'database')))"
)
"""What was asked for in a queue and refused at once, or not promised after all, stands there to be seen alone."""
_FIRST: Final = (
    "next_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM deliveries AS e WHERE e.ticket=d.ticket "
    "AND e.channel=d.channel AND e.seq<d.seq AND e.next_at IS NOT NULL)"
)
_BY: Final = "node=%s AND channel=coalesce(%s, channel)"
_OWNER: Final = 't."group", t.number, t.campaign, t.kind'

_STATEMENTS: Final[dict[Query, Statement]] = {
    DirectQuery.RECORDS: Statement(f"{_DIRECT} WHERE customer=%s ORDER BY agent", Record._make),
    DirectQuery.EXPIRED: Statement(f"{_DIRECT} WHERE expires_at<=%s ORDER BY expires_at LIMIT %s", Record._make),
    DirectQuery.LIVE_RECORDS: Statement(f"{_DIRECT} WHERE expires_at>%s ORDER BY touched_at DESC LIMIT %s",
                                        Record._make),
    DirectQuery.OF_AGENT: Statement(f"{_DIRECT} WHERE agent=%s AND expires_at>%s ORDER BY touched_at DESC LIMIT %s",
                                    Record._make),
    DirectQuery.COUNT_RECORDS: Statement("SELECT count(*) FROM direct"),
    DirectQuery.COUNT_LIVE: Statement("SELECT count(*) FROM direct WHERE expires_at>%s"),
    CallQuery.OPEN_CALLS: Statement(f"{_CALLS} WHERE ended_at IS NULL AND node=%s ORDER BY id", CallRow._make),
    CallQuery.OPEN_ELSEWHERE: Statement(
        f"{_CALLS} WHERE ended_at IS NULL AND sip_call_id=%s AND node<>%s ORDER BY id DESC", CallRow._make),
    CallQuery.CALL: Statement(f"{_CALLS} WHERE id=%s", CallRow._make),
    CallQuery.CALLS: Statement(f"{_CALLS} ORDER BY id DESC LIMIT %s", CallRow._make),
    CallQuery.CALLS_OF: Statement(f"{_CALLS} WHERE customer=%s ORDER BY id DESC LIMIT %s", CallRow._make),
    CallQuery.CALLS_OF_ATTEMPT: Statement(
        f"{_CALLS} WHERE attempt=%(name)s UNION {_CALLS} WHERE task=%(name)s ORDER BY id", CallRow._make),
    CallQuery.ENDED_THEN: Statement(f"{_CALLS} WHERE customer=%s AND ended_at=%s ORDER BY id", CallRow._make),
    CallQuery.COUNTS: Statement(
        "SELECT count(*) FILTER (WHERE NOT leg), count(*) FILTER (WHERE NOT leg AND direction='inbound'), "
        "count(*) FILTER (WHERE NOT leg AND direction='outbound'), count(*) FILTER (WHERE NOT leg AND answered), "
        "count(tried) FILTER (WHERE NOT leg), count(*) FILTER (WHERE leg AND direction='outbound'), "
        "count(*) FILTER (WHERE leg AND direction='outbound' AND answered) FROM (SELECT direction, tried, "
        "reason IN ('callback', 'in_queue') AS leg, coalesce(answered_at<%(before)s, false) AS answered FROM calls "
        "WHERE id>=%(first)s AND started_at>=%(since)s AND started_at<%(before)s AND reason<>'on_behalf' "
        "AND node=%(node)s) AS counted"),
    CallQuery.LAST_TALK: Statement(
        "SELECT agent, answered_at FROM calls WHERE customer=%s AND talk_s>=%s AND agent IS NOT NULL "
        "AND NOT (reason IN ('callback', 'in_queue') AND direction='inbound') ORDER BY id DESC LIMIT 1"),
    CallQuery.TAKEN_SINCE: Statement(
        'SELECT "group", coalesce(ended_at-talk_s, answered_at) FROM calls WHERE id>=%s AND node=%s '
        "AND \"group\" IS NOT NULL AND direction='inbound' AND reason NOT IN ('callback', 'in_queue') "
        "AND agent IS NOT NULL AND answered_at IS NOT NULL ORDER BY id DESC LIMIT %s"),
    CallbackQuery.OPEN_TASKS: Statement(f"{_TASKS} WHERE state IN ('open', 'held') ORDER BY id", of_tasks=True),
    CallbackQuery.TASK: Statement(f"{_TASKS} WHERE id=%s", of_tasks=True),
    CallbackQuery.TASKS_ENDING: Statement("SELECT id FROM tasks WHERE right(id, length(%s::text))=%s LIMIT 2"),
    CallbackQuery.TASKS_SINCE: Statement(f"SELECT created_at FROM tasks AS t WHERE id>=%s AND NOT {_UNPROMISED}"),
    CallbackQuery.ATTEMPT: Statement(f"{_ATTEMPTS} WHERE id=%s", AttemptRow._make),
    CallbackQuery.ATTEMPTS_OF: Statement(f"{_ATTEMPTS} WHERE task=%s ORDER BY serial", AttemptRow._make),
    CallbackQuery.OPEN_ATTEMPTS: Statement(f"{_ATTEMPTS} WHERE ended_at IS NULL ORDER BY id", AttemptRow._make),
    CallbackQuery.ATTEMPTS_SINCE: Statement(
        "SELECT customer, customer_at, id, node FROM attempts WHERE customer_at>=%s ORDER BY customer_at",
        PastAttempt._make),
    CallbackQuery.ENDED_WITH: Statement(
        'SELECT a.task, a.agent, a.ended_at, t."group", t.campaign FROM attempts AS a JOIN tasks AS t ON t.id=a.task '
        "WHERE a.customer_at>=%s AND a.ended_at>=%s AND a.node=%s AND a.agent IS NOT NULL "
        "AND a.result NOT IN ('crashed', 'unknown') "
        "AND NOT EXISTS (SELECT 1 FROM journal AS j WHERE j.task=a.task AND j.kind='finished' AND j.agent=a.agent "
        "AND j.at>=a.ended_at) ORDER BY a.ended_at", EndedWith._make),
    CallbackQuery.LEGS: Statement(f"{_all(LegRow, 'legs')} WHERE node=%s ORDER BY call", LegRow._make),
    CallbackQuery.JOURNAL: Statement(f"{_JOURNAL} WHERE task=%s ORDER BY seq", callback_sql.to_journal),
    CallbackQuery.PICKUPS: Statement(
        f"{_JOURNAL} WHERE task IN (SELECT json_array_elements_text(%s::json)) "
        "AND kind IN ('place_taken', 'declined') ORDER BY seq", callback_sql.to_journal),
    CallbackQuery.DO_NOT_CALL: Statement(
        f"{_all(DoNotCallRow, 'do_not_call')} ORDER BY added_at DESC, customer LIMIT nullif(%s, -1)",
        DoNotCallRow._make),
    CallbackQuery.RELEASED: Statement(
        "SELECT agent, count(*) FROM journal WHERE kind='released' AND at>=%s AND agent IS NOT NULL GROUP BY agent"),
    TicketQuery.TICKET: Statement(f"{_TICKETS} WHERE id=%s", Ticket._make),
    TicketQuery.TICKET_NUMBERED: Statement(f"{_TICKETS} WHERE number=%s", Ticket._make),
    TicketQuery.COMMENTS: Statement(f"{_all(TicketComment, 'comments')} WHERE ticket=%s ORDER BY seq",
                                    TicketComment._make),
    TicketQuery.DELIVERIES_DUE: Statement(
        f"{_DELIVERIES} WHERE {_BY} AND next_at<=%s AND {_FIRST} ORDER BY next_at, seq LIMIT %s", Delivery._make),
    TicketQuery.NEXT_DELIVERY: Statement(f"SELECT min(next_at) FROM deliveries AS d WHERE {_BY} AND {_FIRST}"),
    TicketQuery.DELIVERIES_OF: Statement(f"{_DELIVERIES} WHERE ticket=%s ORDER BY seq", Delivery._make),
    PeopleQuery.USERS: Statement(f"{_all(UserRow, 'users')} ORDER BY name", people_sql.to_user),
    PeopleQuery.TOKENS: Statement(f"{_all(TokenRow, 'tokens')} ORDER BY id", people_sql.to_token),
    NodeQuery.EVENTS: Statement(_EVENTS, callback_sql.to_event),
    NodeQuery.EVENT_TEXTS: Statement(_EVENTS, callback_sql.to_event_text),
    NodeQuery.POLICIES: Statement(f"{_POLICIES} ORDER BY version DESC LIMIT %s", PolicyVersion._make),
    NodeQuery.POLICIES_BEFORE: Statement(f"{_POLICIES} WHERE version<%s ORDER BY version DESC LIMIT %s",
                                         PolicyVersion._make),
    NodeQuery.PAUSES: Statement(f"{_all(PauseRow, 'pauses')} ORDER BY since, agent", PauseRow._make),
    NodeQuery.ALARMS: Statement(f"{_all(StandingAlarm, 'alarms')} ORDER BY raised_at", StandingAlarm._make),
    DayQuery.OFFERED: Statement(
        "SELECT \"group\", nullif(number, ''), NULL, 'queue', sum(made)::bigint FROM offers "
        "WHERE quarter>=%(since)s GROUP BY 1, 2"),
    DayQuery.PROMISED: Statement(
        f"SELECT {_OWNER}, count(*) FROM tasks AS t WHERE t.id>=%(first)s AND t.created_at>=%(since)s "
        f"AND NOT {_UNPROMISED} GROUP BY 1, 2, 3, 4"),
    DayQuery.DIALLED: Statement(
        f"SELECT {_OWNER}, count(*) FROM attempts AS a JOIN tasks AS t ON t.id=a.task "
        "WHERE a.customer_at>=%(since)s GROUP BY 1, 2, 3, 4"),
    DayQuery.ENDED: Statement(
        f"SELECT {_OWNER}, t.state, t.reason, count(*) FROM tasks AS t WHERE t.ended_at>=%(since)s "
        f"AND NOT {_UNPROMISED} GROUP BY 1, 2, 3, 4, 5, 6"),
    DayQuery.KEPT: Statement(
        f"SELECT {_OWNER}, count(*), sum(greatest(0, t.over_at - CASE t.kind WHEN 'queue' THEN t.created_at "
        "ELSE t.missed_at END)) FROM (SELECT t.*, max(coalesce(a.answered_at, t.ended_at)) AS over_at "
        "FROM tasks AS t JOIN attempts AS a ON a.task=t.id WHERE t.ended_at>=%(since)s AND t.state='done' "
        "AND t.reason='talked' AND (a.step='talked' OR a.result IN ('talked', 'glare')) GROUP BY t.id) AS t "
        "GROUP BY 1, 2, 3, 4"),
    DayQuery.OPEN: Statement(
        f"SELECT {_OWNER}, count(*) FROM tasks AS t WHERE t.state IN ('open', 'held') GROUP BY 1, 2, 3, 4"),
}

WORDING: Final = Wording(_STATEMENTS, {
    CallbackQuery.TASKS: (Statement(_TASKS, of_tasks=True), "id"),
    TicketQuery.TICKETS: (Statement(_TICKETS, Ticket._make), "number"),
    PeopleQuery.AUDIT: (Statement(_all(AuditRow, "audit"), people_sql.to_audit), "id"),
}, "%({})s")
