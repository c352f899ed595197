"""What an engine can be asked for, by name: each engine has its own words for it, and gives rows as `routing.rows` has
them. In brackets what a query is to be told.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Any

Parameters = Sequence[object] | Mapping[str, object]
"""In the order in which a query names them, or by name."""


class DirectQuery(Enum):
    """Of direct callbacks."""

    RECORDS = auto()
    """Direct callbacks of a customer (customer)."""
    EXPIRED = auto()
    """Direct callbacks that have expired, oldest expiry first (now, limit)."""
    LIVE_RECORDS = auto()
    """Those that have not, the one touched last first (now, limit)."""
    OF_AGENT = auto()
    """Those of one agent that have not, the one touched last first (agent, now, limit)."""
    COUNT_RECORDS = auto()
    """How many there are ()."""
    COUNT_LIVE = auto()
    """How many of them have not expired (now)."""


class CallQuery(Enum):
    """Of calls that passed and legs of ours."""

    OPEN_CALLS = auto()
    """Calls of a node that have not ended (node)."""
    OPEN_ELSEWHERE = auto()
    """Calls with a Call-ID that other nodes began and that have not ended (Call-ID, node), the newest first."""
    CALL = auto()
    """One call (id)."""
    CALLS = auto()
    """The newest calls (limit)."""
    CALLS_OF = auto()
    """The newest calls of a customer (customer, limit)."""
    CALLS_OF_ATTEMPT = auto()
    """Calls of an attempt, or of a request's places (name), in their order."""
    ENDED_THEN = auto()
    """The calls of a customer that ended at a moment (customer, moment)."""
    COUNTS = auto()
    """Calls of a stretch of time of a node, by name: first: smallest id of it, since, before, node."""
    LAST_TALK = auto()
    """Agent and beginning of the last talk with a customer (customer, seconds at least)."""
    TAKEN_SINCE = auto()
    """Group and moment of the newest calls to us that agents took (smallest id, node, limit), newest first."""


class CallbackQuery(Enum):
    """Of tasks, attempts, journals and the do-not-call list."""

    OPEN_TASKS = auto()
    """Tasks that are open or held ()."""
    TASK = auto()
    """One task (id)."""
    TASKS = auto()
    """The newest tasks, by name: limit; state, customer, group, kind where they are given."""
    TASKS_ENDING = auto()
    """Ids of at most two tasks that end so (end, end)."""
    TASKS_SINCE = auto()
    """When tasks were made (smallest id)."""
    ATTEMPT = auto()
    """One attempt (id)."""
    ATTEMPTS_OF = auto()
    """Attempts of a task in order (task)."""
    OPEN_ATTEMPTS = auto()
    """Attempts that have not ended ()."""
    ATTEMPTS_SINCE = auto()
    """Attempts that dialled a customer (since)."""
    ENDED_WITH = auto()
    """Attempts of a node that have ended, with their agent (dialled since, ended since, node)."""
    LEGS = auto()
    """Legs of a node that may be up (node)."""
    JOURNAL = auto()
    """Journal of a task (task)."""
    PICKUPS = auto()
    """Lines of journals that tell of agents who took places, or declined (JSON list of tasks)."""
    DO_NOT_CALL = auto()
    """The do-not-call list, newest first (limit, -1: all)."""
    RELEASED = auto()
    """Agent and how many tasks were taken from them (since)."""


class TicketQuery(Enum):
    """Of tickets and their deliveries."""

    TICKETS = auto()
    """The newest tickets, by name: limit; state, customer where they are given."""
    TICKET = auto()
    """One ticket (id)."""
    TICKET_NUMBERED = auto()
    """One ticket (number)."""
    COMMENTS = auto()
    """Comments of a ticket in order (ticket)."""
    DELIVERIES_DUE = auto()
    """Deliveries to be tried (node, channel or None, now, limit)."""
    NEXT_DELIVERY = auto()
    """When the next one is (node, channel or None)."""
    DELIVERIES_OF = auto()
    """Deliveries of a ticket in order (ticket)."""


class DayQuery(Enum):
    """What became of callbacks in a day, by owner: group, number, campaign and kind.

    By name: `first`, the smallest id of the day, and `since`.
    """

    OFFERED = auto()
    """Owner, and how many callers were told in a queue that they may ask for one."""
    PROMISED = auto()
    """Owner, and how many tasks were made."""
    DIALLED = auto()
    """Owner, and how many attempts dialled a customer."""
    ENDED = auto()
    """Owner, state, reason, and how many tasks ended so."""
    KEPT = auto()
    """Owner, how many tasks a callback kept, and the seconds that they waited in all."""
    OPEN = auto()
    """Owner, and how many tasks are open or held now, whatever the day."""


class NodeQuery(Enum):
    """Of the node and its database."""

    EVENTS = auto()
    """Events of the outbox of a node in order (node, after, limit)."""
    EVENT_TEXTS = auto()
    """The same, as they go out."""
    POLICIES_BEFORE = auto()
    """The newest policies before a version (version, limit)."""
    POLICIES = auto()
    """The newest policies (limit)."""
    PAUSES = auto()
    """Agents who are not to be rung, the longest first ()."""
    ALARMS = auto()
    """Alarms that stand, the oldest first ()."""


class PeopleQuery(Enum):
    """Of users, tokens and the audit log."""

    USERS = auto()
    """Every user by name ()."""
    TOKENS = auto()
    """Every token, the oldest first ()."""
    AUDIT = auto()
    """The newest lines of the audit log, by name: limit; who, door, verb where they are given."""


Query = PeopleQuery | DirectQuery | CallQuery | CallbackQuery | TicketQuery | DayQuery | NodeQuery

Read = Callable[[Query, Parameters], list[Any]]
"""Answers a query with rows. Raises `StoreError` where the database cannot be read."""
