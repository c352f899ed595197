"""Each list: what it is filtered by, whose rows somebody is shown, and how a row is told."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from proxy.console import filters
from proxy.verbs.shapes import audit, callbacks, calls, direct, do_not_call, people, policy, rows, tickets
from proxy.verbs.shapes.errors import ArgumentError
from proxy.verbs.shapes.fields import shown
from proxy.verbs.shapes.theirs import Reach
from proxy.verbs.shapes.verb import In, Role
from routing.ids import floor7
from routing.numbers import Numbers
from routing.rows import IN_QUEUE, OWN, CallRow, DoNotCallRow, PolicyVersion, Record, Ticket
from routing.store import listing
from routing.store.listing import Arm, Condition, Listing, ListReader

LATEST: Final = 2.0 ** 47 / 1000
"""Seconds since the epoch: no id tells of a later moment."""
KINDS: Final[Mapping[str, tuple[Arm, ...]]] = {
    "call": (Arm("", "reason NOT IN (?,?)", (OWN, IN_QUEUE)),), "callback": (Arm("", "reason=?", (OWN,)),),
    "place": (Arm("", "reason=?", (IN_QUEUE,)),)}
RESULTS: Final[Mapping[str, tuple[Arm, ...]]] = {
    "answered": (Arm("", "answered_at IS NOT NULL"),),
    "missed": (Arm("", "(direction='inbound' AND answered_at IS NULL AND ended_at IS NOT NULL)"),),
    "failed": (Arm("", "(direction='outbound' AND answered_at IS NULL AND ended_at IS NOT NULL)"),),
    "active": (Arm("", "ended_at IS NULL"),)}

UNANSWERED: Final = frozenset(("missed", "failed"))
MOST_END_WITH: Final = 200
"""The status of calls that were answered."""


class Now(NamedTuple):
    """When and by which policy a list is asked for."""

    now: float
    region: str

    def number(self, key: str, typed: str | None) -> str | None:
        """Return a number in E.164. ArgumentError where it is none."""
        found = None if typed is None else Numbers(self.region).e164(typed)
        if typed is not None and found is None:
            raise ArgumentError(
                key, f"{key}: {shown(typed)} cannot be read as a number; write it with + and country code")
        return found


class Plan(NamedTuple):
    """How one list is made."""

    role: Role
    """Who may see it, at the least."""
    takes: type[In]
    """Its filters."""
    gives: Any
    """The shape of an item."""
    listing: Listing
    conditions: Callable[[Any, Now], Sequence[Condition]]
    """Makes conditions of what `takes` has read."""
    theirs: Callable[[Reach], Sequence[Condition]]
    """Makes those that keep a list to what is somebody's who has not everything."""
    tell: Callable[[ListReader, Sequence[tuple[Any, ...]]], list[Any]]
    """Makes items of rows."""


def equal(column: str, value: str | int | None, lead: int = 0) -> list[Condition]:
    """Return that a column has a value; nothing where none is asked for."""
    return [] if value is None else [Condition((Arm(column, "=?", (value,)),), lead)]


def among(column: str, values: Collection[str] | None, lead: int = 0) -> list[Condition]:
    """Return that a column has one of some values; nothing where none is asked for."""
    return [] if values is None else [Condition(tuple(Arm(column, "=?", (one,)) for one in sorted(values)), lead)]


def one_of(table: Mapping[str, tuple[Arm, ...]], words: Collection[str] | None) -> list[Condition]:
    """Return what some words stand for; nothing where none is said."""
    return [] if words is None else [Condition(tuple(arm for word in words for arm in table[word]))]


def since(of: filters.InTime, column: str = "") -> list[Condition]:
    """Return a stretch of time, by when a row's id was given, or by a column."""
    found = []
    for name, test, at in (("from", ">=?", of.from_), ("to", "<?", of.to)):
        if at is not None and not math.isfinite(at):
            raise ArgumentError(name, f"{name}: {at} is no moment")
        if at is not None:
            value = at if column else floor7(min(max(at, 0.0), LATEST))
            found.append(Condition((Arm("", f"{column or 'id'}{test}", (value,)),)))
    return found


def having(column: str, text: str | None) -> list[Condition]:
    """Return that a column has a text somewhere, in either case."""
    if text is None:
        return []
    pattern = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return [Condition((Arm("", f"{column} LIKE ? ESCAPE '\\'", (f"%{pattern}%",)),))]


def _calls(of: filters.CallFilters, at: Now) -> list[Condition]:
    agent = [] if of.agent is None else [
        Condition((Arm("agent", "=?", (of.agent,)), Arm("tried", "=?", (of.agent,))), 8)]
    return [*equal("customer", at.number("customer", of.customer), 9), *agent,
            *_ended_with(of.cause), *equal("number", at.number("number", of.number), 6),
            *equal('"group"', of.group, 5), *equal("direction", of.direction), *equal("trunk", of.trunk),
            *equal("pbx", of.pbx), *one_of(KINDS, of.kind), *one_of(RESULTS, of.result), *since(of),
            *([Condition((Arm("", "ended_at IS NULL"),), 10)] if of.result == ("active",) else []),
            *([Condition((Arm("", "answered_at IS NULL AND ended_at IS NOT NULL"),), 2)]
              if UNANSWERED.issuperset(of.result or ("",)) else [])]


def _ended_with(cause: int | None) -> list[Condition]:
    """Return that calls ended with a status. Most end with 200: those are found without an index, and have none."""
    if cause is None or cause == MOST_END_WITH:
        return equal("cause", cause)
    return [Condition((Arm("cause", f"=? AND cause<>{MOST_END_WITH}", (cause,)),), 7)]


def _their_calls(reach: Reach) -> list[Condition]:
    agents = [Arm(column, "=?", (one,)) for one in sorted(reach.agents or ()) for column in ("agent", "tried")]
    groups = [] if reach.role == "agent" else [Arm('"group"', "=?", (one,)) for one in sorted(reach.groups or ())]
    return [Condition((*agents, *groups), 1)]


def _tell_calls(reader: ListReader, found: Sequence[tuple[Any, ...]]) -> list[calls.Call]:
    return [rows.call_of(row, "ended" if row.ended_at is not None else
                         "ringing" if row.answered_at is None else "talking") for row in map(CallRow._make, found)]


_ATTEMPTED: Final = "id IN (SELECT task FROM attempts WHERE agent=?)"
_HELD_FOR: Final = "(responsible=? AND responsible_kind<>'group')"


def _of_agent(agent: str) -> Condition:
    return Condition((Arm("", _HELD_FOR, (agent,)), Arm("", _ATTEMPTED, (agent,))), 4)


def _tasks(of: filters.TaskFilters, at: Now) -> list[Condition]:
    due = {"now": "due_at<=?", "later": "due_at>?"}
    return [*equal("customer", at.number("customer", of.customer), 9),
            *([] if of.agent is None else [_of_agent(of.agent)]),
            *equal('"group"', of.group, 2), *among("state", of.state, 3), *equal("campaign", of.campaign),
            *among("kind", of.kind), *equal("responsible", of.responsible),
            *equal("number", at.number("number", of.number)), *equal("reason", of.reason), *since(of),
            *([] if of.due is None else [Condition((Arm("", due[of.due], (at.now,)),))])]


def _their_tasks(reach: Reach) -> list[Condition]:
    if reach.role == "agent":
        return [_of_agent(reach.agent or "")]
    return among('"group"', reach.groups, 1)


def _tell_tasks(reader: ListReader, found: Sequence[tuple[Any, ...]]) -> list[callbacks.Task]:
    made = listing.tasks_of(found)
    return rows.tasks_of(made, listing.pickups(reader, [row.id for row in made]), rows.NOBODY)


def _direct(of: filters.DirectFilters, at: Now) -> list[Condition]:
    return [Condition((Arm("", "expires_at>?", (at.now,)),)), *equal("customer", at.number("customer", of.customer), 9),
            *equal("agent", of.agent, 8), *equal("type", of.type)]


def _tell_direct(reader: ListReader, found: Sequence[tuple[Any, ...]]) -> list[direct.Direct]:
    return [rows.record_of(Record._make(row)) for row in found]


def _tickets(of: filters.TicketFilters, at: Now) -> list[Condition]:
    return [*equal("customer", at.number("customer", of.customer), 9), *equal("task", of.task, 8),
            *equal("state", of.state), *equal('"group"', of.group), *equal("agent", of.agent),
            *having("subject", of.text), *since(of)]


def _their_tickets(reach: Reach) -> list[Condition]:
    agents = [Arm("agent", "=?", (one,)) for one in sorted(reach.agents or ())]
    nobodys = " AND agent IS NULL" if reach.role == "agent" else ""
    groups = [Arm("", f'("group"=?{nobodys})', (one,)) for one in sorted(reach.groups or ())]
    return [Condition((*agents, *groups))]


def _tell_tickets(reader: ListReader, found: Sequence[tuple[Any, ...]]) -> list[tickets.Ticket]:
    return [rows.ticket_of(Ticket._make(row)) for row in found]


def _do_not_call(of: filters.DoNotCallFilters, at: Now) -> list[Condition]:
    return [*equal("customer", at.number("customer", of.customer), 9), *having("customer", of.digits),
            *having("reason", of.text), *since(of, "added_at")]


def _tell_do_not_call(reader: ListReader, found: Sequence[tuple[Any, ...]]) -> list[do_not_call.DoNotCallRow]:
    return [rows.do_not_call_of(DoNotCallRow._make(row)) for row in found]


def _policies(of: filters.PolicyFilters, at: Now) -> list[Condition]:
    return [*equal("saved_by", of.by), *since(of, "saved_at")]


def _tell_policies(reader: ListReader, found: Sequence[tuple[Any, ...]]) -> list[policy.SavedPolicy]:
    return [rows.policy_of(PolicyVersion._make(row)) for row in found]


YES_OR_NO: Final[Mapping[str, Mapping[str, str]]] = {
    "disabled": {"yes": "disabled_at IS NOT NULL", "no": "disabled_at IS NULL"},
    "refused": {"yes": "refused<>''", "no": "refused=''"}}


def is_so(what: str, said: str | None) -> list[Condition]:
    """Return that something is so, or is not; nothing where neither is asked for."""
    return [] if said is None else [Condition((Arm("", YES_OR_NO[what][said]),))]


def _users(of: filters.UserFilters, at: Now) -> list[Condition]:
    return [*equal("role", of.role), *equal("agent", of.agent), *is_so("disabled", of.disabled)]


def _tell_users(reader: ListReader, found: Sequence[tuple[Any, ...]]) -> list[people.User]:
    return [rows.user_of(row) for row in listing.users_of(found)]


def _tokens(of: filters.TokenFilters, at: Now) -> list[Condition]:
    states = {"good": Arm("", "(revoked_at IS NULL AND coalesce(expires_at>?, 1))", (at.now,)),
              "expired": Arm("", "(revoked_at IS NULL AND expires_at<=?)", (at.now,)),
              "revoked": Arm("", "revoked_at IS NOT NULL")}
    return [*equal("role", of.role), *([] if of.state is None else [Condition((states[of.state],))])]


def _tell_tokens(reader: ListReader, found: Sequence[tuple[Any, ...]]) -> list[people.Token]:
    return [rows.token_of(row) for row in listing.tokens_of(found)]


def _audit(of: filters.AuditFilters, at: Now) -> list[Condition]:
    return [*equal("who", of.who), *equal("door", of.door), *equal("verb", of.verb), *equal("about", of.about),
            *since(of), *is_so("refused", of.refused)]


def _tell_audit(reader: ListReader, found: Sequence[tuple[Any, ...]]) -> list[audit.AuditLine]:
    return [rows.audit_of(row) for row in listing.audit_of(found)]


def _everybodys(reach: Reach) -> list[Condition]:
    return []


PLANS: Final[Mapping[str, Plan]] = {
    "calls": Plan("agent", filters.CallFilters, calls.Call, listing.CALLS, _calls, _their_calls, _tell_calls),
    "callbacks": Plan("agent", filters.TaskFilters, callbacks.Task, listing.TASKS, _tasks, _their_tasks, _tell_tasks),
    "direct": Plan("agent", filters.DirectFilters, direct.Direct, listing.DIRECT, _direct,
                   lambda reach: among("agent", reach.agents, 7), _tell_direct),
    "tickets": Plan("agent", filters.TicketFilters, tickets.Ticket, listing.TICKETS, _tickets, _their_tickets,
                    _tell_tickets),
    "do-not-call": Plan("supervisor", filters.DoNotCallFilters, do_not_call.DoNotCallRow, listing.DO_NOT_CALL,
                        _do_not_call, _everybodys, _tell_do_not_call),
    "users": Plan("admin", filters.UserFilters, people.User, listing.USERS, _users, _everybodys, _tell_users),
    "tokens": Plan("admin", filters.TokenFilters, people.Token, listing.TOKENS, _tokens, _everybodys, _tell_tokens),
    "audit": Plan("admin", filters.AuditFilters, audit.AuditLine, listing.AUDIT, _audit, _everybodys, _tell_audit),
    "policy-versions": Plan("supervisor", filters.PolicyFilters, policy.SavedPolicy, listing.POLICIES, _policies,
                            _everybodys, _tell_policies),
}
"""By the name that the list's path in the API has."""
