"""Who may say a verb about what: one row for each verb of the catalogue, checked in the daemon whatever the door.

The role comes first (`Verb.role`), then whose the thing is (`proxy.verbs.shapes.theirs`). A row says what the verb
touches, how an order is checked before anything is done (`check`), and how an answer is narrowed to what is the
caller's (`narrow`). Nothing of it is asked for an admin, nor of a door that knows nobody by name.

What a supervisor may change of the policy: of their groups all but where its calls go, which agents and numbers are
its own and what a customer is shown (`target`, `agents`, `callback.show`); of a number of theirs its `queue_callback`;
of an agent of theirs the name and `direct_callback`; campaigns of their groups whole, but for moving one elsewhere.
Everything else (what holds for the company, the guard, trunks and PBXs, who belongs to whom) is an admin's.
What they are shown of it is the company's values, which show what wins where, and what is of their groups.
"""

import asyncio
import tomllib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol

from config.lines import split_key
from config.policy import Policy
from config.toml import to_toml
from proxy.verbs.prompt_uses import is_built_in, uses_of
from proxy.verbs.shapes.caller import Caller
from proxy.verbs.shapes.errors import ArgumentError, ForbiddenError
from proxy.verbs.shapes.fields import MOST_ROWS, shown
from proxy.verbs.shapes.theirs import Reach, may_set, policy_part, reach, sees_setting
from proxy.verbs.shapes.verb import Verb
from routing.numbers import Numbers
from routing.rows import AttemptRow, PauseRow, Record, TaskRow, Ticket, TokenRow, UserRow


class Things(Protocol):
    """What a verb may be about, looked up by what the verb calls it."""

    @property
    def policy(self) -> Policy:
        """The one in force."""

    async def task(self, name: str) -> TaskRow | None:
        """Return the task of an id, or of the end of one, in whatever state; None: there is none, or several."""

    async def tasks(self, names: Collection[str]) -> Mapping[str, TaskRow]:
        """Return those of these tasks that there are, by id."""

    def living(self, ends: Collection[str]) -> Mapping[str, TaskRow]:
        """Return the open tasks that are meant by their ids or the ends of these; an end of several means none."""

    async def tried(self, tasks: Collection[str]) -> Mapping[str, Collection[str | None]]:
        """Return who had an attempt of each of these tasks."""

    def call(self, name: str) -> tuple[str, str | None, tuple[str | None, ...]] | None:
        """Return id, group and agents of a call in progress, by its id or the end of it."""

    async def passed(self, name: str) -> Sequence[tuple[str, str | None, tuple[str | None, ...]]]:
        """Return id, group and agents of a call, in progress or over, or of all calls of an attempt or a task."""

    async def ticket(self, name: str) -> Ticket | None:
        """Return the ticket of a number or an id."""

    async def attempt(self, recording: str) -> AttemptRow | None:
        """Return the attempt that a recording is of; None: nobody knows."""

    def records(self, customer: str) -> Sequence[Record]:
        """Return the direct callbacks of a customer, whose number is as it was typed."""

    def pause(self, agent: str) -> PauseRow | None:
        """Return the pause of an agent; None: they are on none."""

    def do_not_call(self, customer: str) -> bool:
        """Whether a number, as it was typed, is never called back."""

    async def prompt(self, name: str, language: str | None) -> int | None:
        """Return how many bytes an uploaded recording has; None: there is none."""

    async def users(self) -> Sequence[UserRow]:
        """Return everybody who may log in, or might."""

    async def tokens(self) -> Sequence[TokenRow]:
        """Return every token."""


@dataclass(frozen=True)
class Asked:
    """One order of somebody who does not have everything."""

    caller: Caller
    reach: Reach
    things: Things
    verb: Verb[Any, Any]
    args: Any
    """What `verb.takes` has read. A check may put in the id that it has looked up, so that what is done is done with
    what was checked, and the caller's name where it says who asks."""

    def refuse(self, what: str) -> ForbiddenError:
        """Return the error that says what is not theirs."""
        return ForbiddenError(f"{self.verb.name}: {what} is not {self.caller.name}'s")

    def want_group(self, group: str | None) -> None:
        """Refuse a group that is not theirs."""
        if not self.reach.has_group(group):
            raise self.refuse("what is of no group" if group is None else f"group {shown(group)}")

    def want_agent(self, agent: str | None) -> None:
        """Refuse an agent who is not theirs."""
        if not self.reach.has_agent(agent):
            raise self.refuse("what is of no agent" if agent is None else f"agent {shown(agent)}")


Check = Callable[[Asked], Awaitable[None]]
Narrow = Callable[[Asked, Any], Awaitable[Any]]


@dataclass(frozen=True)
class Row:
    """What a verb touches and who may."""

    touches: str
    """What it is about."""
    check: Check | None = None
    narrow: Narrow | None = None
    listed: bool = False
    """The answer is a list that is cut to `limit` after it was narrowed."""
    always: bool = False
    """It is checked for those too from whom nothing is kept."""


# Checks

async def _task(asked: Asked) -> None:
    row = await asked.things.task(asked.args.id)
    if row is None:
        return  # there is none, and that is what they are told
    asked.args.id = row.id
    if "by" in asked.args.fields:
        asked.args.by = asked.caller.name
    tried = (await asked.things.tried([row.id])).get(row.id, ()) if asked.reach.role == "agent" else ()
    held_for = row.responsible if row.responsible_kind != "group" else None
    if not asked.reach.has_task(row.group, held_for, tried):
        raise asked.refuse(f"callback {row.id}")
    if "by" in asked.args.fields:
        asked.args.by = asked.caller.name


async def _reassign(asked: Asked) -> None:
    await _task(asked)
    _want_responsible(asked, asked.args.responsible)


async def _many_tasks(asked: Asked) -> None:
    """What is not theirs refuses all of it: whoever names it has made it up, for no page of theirs shows it. The end of
    an id means what is open alone, as it does where it is done: in what is over each would be looked for row by row.
    """
    args, known = asked.args, await asked.things.tasks(asked.args.ids)
    living = asked.things.living([name for name in args.ids if name not in known])
    rows = {name: known.get(name) or living.get(name) for name in args.ids}
    for row in rows.values():
        if row is not None and not asked.reach.has_group(row.group):
            raise asked.refuse(f"callback {row.id}")
    _want_responsible(asked, args.responsible)
    args.ids = tuple(name if row is None else row.id for name, row in rows.items())
    args.by = asked.caller.name


def _want_responsible(asked: Asked, wanted: str | None) -> None:
    if wanted is not None and wanted.startswith("group:"):
        asked.want_group(wanted.removeprefix("group:"))
    elif wanted is not None:
        asked.want_agent(wanted)


async def _example(asked: Asked) -> None:
    if asked.args.group is not None:
        asked.want_group(asked.args.group)


async def _new_task(asked: Asked) -> None:
    args, policy = asked.args, asked.things.policy
    args.group = _one_group(asked, args.group)
    campaign = policy.campaign.get(args.campaign) if args.campaign is not None else None
    if campaign is not None:
        asked.want_group(campaign.group)
    if args.number is not None:
        number = policy.number.get(Numbers(policy.region).e164(args.number) or "")
        if number is None or not asked.reach.has_group(number.group):
            raise asked.refuse(f"number {shown(args.number)}")
    _want_responsible(asked, args.responsible)
    args.by = asked.caller.name


def _one_group(asked: Asked, group: str | None) -> str:
    """Return the group that is meant: the one named, or the only one of theirs."""
    if group is None:
        theirs = sorted(asked.reach.groups or ())
        if len(theirs) != 1:
            raise ArgumentError("group", "group is missing: name one of " + ", ".join(theirs))
        return theirs[0]
    asked.want_group(group)
    return group


async def _call(asked: Asked) -> None:
    found = asked.things.call(asked.args.id)
    if found is None:
        return
    name, group, agents = found
    asked.args.id = name
    if not asked.reach.has_call(group, agents):
        raise asked.refuse(f"call {name}")


async def _past_call(asked: Asked) -> None:
    for name, group, agents in await asked.things.passed(asked.args.id):
        if not asked.reach.has_call(group, agents):
            raise asked.refuse(f"call {name}")


async def _ticket(asked: Asked) -> None:
    row = await asked.things.ticket(asked.args.id)
    if row is None:
        return
    asked.args.id = row.id
    if not asked.reach.has_ticket(row.group, row.agent):
        raise asked.refuse(f"ticket {row.number}")


async def _comment(asked: Asked) -> None:
    await _ticket(asked)
    asked.args.author = asked.caller.name


async def _call_from_ticket(asked: Asked) -> None:
    await _ticket(asked)
    if asked.args.group is not None:
        asked.want_group(asked.args.group)
    asked.args.by = asked.caller.name


async def _recording(asked: Asked) -> None:
    attempt = await asked.things.attempt(asked.args.name)
    tasks = {} if attempt is None else await asked.things.tasks([attempt.task])
    if not any(asked.reach.has_group(row.group) for row in tasks.values()) and not (
            attempt is not None and attempt.agent is not None and asked.reach.has_agent(attempt.agent)):
        raise asked.refuse(f"recording {shown(asked.args.name)}")


async def _remove_direct(asked: Asked) -> None:
    args = asked.args
    if args.agent is None and asked.reach.role == "agent":
        args.agent = asked.reach.agent or ""
    if args.agent is not None:
        asked.want_agent(args.agent)
        return
    for record in asked.things.records(args.customer):
        asked.want_agent(record.agent)


async def _agent(asked: Asked) -> None:
    asked.want_agent(asked.args.agent)


async def _group(asked: Asked) -> None:
    asked.want_group(asked.args.group)


async def _campaign(asked: Asked) -> None:
    campaign = asked.things.policy.campaign.get(asked.args.id)
    if campaign is not None:
        asked.want_group(campaign.group)


async def _new_campaign(asked: Asked) -> None:
    if isinstance(asked.args.group, str):
        asked.want_group(asked.args.group)  # what is no text the policy refuses


async def _policy_keys(asked: Asked) -> None:
    """Of a campaign that comes into being, the group says whose it is, wherever among the changes it stands."""
    begun: set[tuple[str, ...]] = set()
    for key, value in sorted(asked.args.changes, key=lambda one: not one[0].endswith(".group")):
        path = _path(key)
        if path is not None and path[0] == "campaign" and path[:2] in begun and len(path) == 3 and path[2] != "group":
            continue
        check_key(asked, key, value)
        if path is not None and path[0] == "campaign" and path[2:] == ("group",) and value is not None:
            begun.add(path[:2])


def _path(key: str) -> tuple[str, ...] | None:
    try:
        return split_key(key)
    except ValueError:
        return None


async def _prompt(asked: Asked) -> None:
    name = asked.args.name
    if is_built_in(name):
        raise asked.refuse(f"recording {shown(name)}, which everybody hears,")
    for used, _, group in uses_of(asked.things.policy):
        if used == name and not asked.reach.has_group(group):
            raise asked.refuse(f"recording {shown(name)}, which others use,")


async def _own_account(asked: Asked) -> None:
    """A program's token is no account, though it may have a user's name."""
    if asked.caller.door != "console" or asked.args.name != asked.caller.name:
        raise asked.refuse(f"the account {shown(asked.args.name)}")


async def _policy_key(asked: Asked) -> None:
    check_key(asked, asked.args.key, getattr(asked.args, "value", None))


def check_key(asked: Asked, key: str, value: object) -> None:
    """Refuse a setting of the policy that is not theirs to change; what is no key the policy refuses."""
    try:
        path = split_key(key)
    except ValueError:
        return
    policy, mine = asked.things.policy, False
    kind, name, rest = path[0], path[1] if len(path) > 1 else "", path[2:]
    if kind == "campaign":
        campaign = policy.campaign.get(name)
        group = value.strip("\"'") if isinstance(value, str) and rest == ("group",) else None
        if campaign is None:  # one that comes into being begins with its group; nothing is unset of one there is not
            mine = value is None or (group is not None and asked.reach.has_group(group))
        else:
            mine = asked.reach.has_group(campaign.group) and (group is None or asked.reach.has_group(group))
    else:
        number = policy.number.get(name) if kind == "number" else None
        mine = may_set(asked.reach, path, None if number is None else number.group)
    if not mine:
        raise asked.refuse(f"setting {shown(key)}")


# Narrowing

async def _tasks(asked: Asked, answer: Any) -> Any:
    tried: Mapping[str, Collection[str | None]] = {}
    if asked.reach.role == "agent":
        tried = await asked.things.tried([one["id"] for one in answer])
    return [one for one in answer if asked.reach.has_task(
        one["group"], one["responsible"] if one["responsible_kind"] != "group" else None, tried.get(one["id"], ()))]


async def _calls(asked: Asked, answer: Any) -> Any:
    return [one for one in answer if asked.reach.has_call(one["group"], (one["agent"],))]


async def _of_agents(asked: Asked, answer: Any) -> Any:
    return [one for one in answer if asked.reach.has_agent(one["agent"])]


async def _agents(asked: Asked, answer: Any) -> Any:
    return [one for one in answer if asked.reach.has_agent(one["extension"])]


async def _of_groups(asked: Asked, answer: Any) -> Any:
    return [one for one in answer if asked.reach.has_group(one["group"])]


async def _cards(asked: Asked, answer: Any) -> Any:
    return [one for one in answer if asked.reach.has_task(one["group"], None, (one["agent"],))]


async def _queue(asked: Asked, answer: Any) -> Any:
    if asked.reach.role != "agent":
        return answer
    return {**answer, "callers": [], "agents": await _agents(asked, answer["agents"]),
            "callbacks": await _tasks(asked, answer["callbacks"])}


async def _tickets(asked: Asked, answer: Any) -> Any:
    return [one for one in answer if asked.reach.has_ticket(one["group"], one["agent"])]


async def _recordings(asked: Asked, answer: Any) -> Any:
    tasks = await asked.things.tasks([one["task"] for one in answer if one["task"] is not None])
    return [one for one in answer
            if (one["task"] in tasks and asked.reach.has_group(tasks[one["task"]].group))
            or (one["agent"] is not None and asked.reach.has_agent(one["agent"]))]


async def _status(asked: Asked, answer: Any) -> Any:
    return {**answer, "queues": {name: one for name, one in answer["queues"].items() if asked.reach.has_group(name)}}


async def _figures(asked: Asked, answer: Any) -> Any:
    policy, mine = asked.things.policy, asked.reach
    groups = {name: one for name, one in answer["groups"].items() if mine.has_group(name)}
    numbers = {name: one for name, one in answer["numbers"].items()
               if name in policy.number and mine.has_group(policy.number[name].group)}
    campaigns = {name: one for name, one in answer["campaigns"].items()
                 if name in policy.campaign and mine.has_group(policy.campaign[name].group)}
    return {**answer, "total": total_of([*groups.values()]), "groups": groups, "numbers": numbers,
            "campaigns": campaigns, "kinds": {}}


COUNTED: Final = ("in_queue", "offers_made", "offers_taken", "promised", "dialled", "kept", "called_meanwhile",
                  "tickets", "failed", "expired", "cancelled")
"""Keys of `callbacks.Tally` that add up."""


def total_of(tallies: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what several groups come to; their average wait weighs by what each kept."""
    total: dict[str, Any] = {key: sum(one[key] for one in tallies) for key in COUNTED}
    waits = [(one["average_wait_s"], one["kept"]) for one in tallies if one["average_wait_s"] is not None]
    kept = sum(count for _, count in waits)
    total["average_wait_s"] = round(sum(wait * count for wait, count in waits) / kept, 1) if kept else None
    return total


async def _policy(asked: Asked, answer: Any) -> Any:
    return policy_part(asked.caller, answer)


async def _policy_text(asked: Asked, answer: Any) -> Any:
    """In a thread: reading a large policy takes longer than a call may wait."""
    return {**answer, "toml": await asyncio.to_thread(_part_of_text, answer["toml"], asked.caller)}


@lru_cache(maxsize=16)
def _part_of_text(toml: str, caller: Caller) -> str:
    return to_toml(policy_part(caller, tomllib.loads(toml)))


async def _policy_steps(asked: Asked, answer: Any) -> Any:
    return [{**step, "changes": [one for one in step["changes"] if _sees_key(asked, one["key"])]} for step in answer]


async def _prompts(asked: Asked, answer: Any) -> Any:
    return [{**one, "used": [key for key in one["used"] if _sees_key(asked, key)]} for one in answer]


def _sees_key(asked: Asked, key: str) -> bool:
    path, policy = split_key(key), asked.things.policy
    name = path[1] if len(path) > 1 else ""
    own = policy.campaign.get(name) if path[0] == "campaign" else policy.number.get(name)
    return sees_setting(asked.reach, path, None if own is None else own.group)


async def _events(asked: Asked, item: Any) -> Any:
    """None: it is not shown."""
    return item if "following" in item or asked.reach.has_event(item.get("data", {})) else None


NODE: Final = Row("the node")
TABLE: Final[Mapping[str, Row]] = {
    "status": Row("the node, and groups in it", narrow=_status),
    "alarms.list": NODE, "alarms.clear": NODE, "log.level": NODE, "trace": NODE,
    "nodes.here": NODE, "nodes.list": NODE,
    "calls.list": Row("calls", narrow=_calls, listed=True),
    "calls.end": Row("a call", _call),
    "calls.show": Row("a call", _past_call), "calls.messages": Row("calls", _past_call),
    "direct.list": Row("direct callbacks", narrow=_of_agents, listed=True),
    "direct.show": Row("direct callbacks", narrow=_of_agents),
    "direct.remove": Row("direct callbacks", _remove_direct),
    "agents.list": Row("agents", narrow=_agents),
    "agents.desk": Row("an agent", _agent), "agents.done": Row("an agent", _agent),
    "agents.pause": Row("an agent", _agent), "agents.resume": Row("an agent", _agent),
    "queues.list": Row("groups", narrow=_of_groups),
    "queues.show": Row("a group", _group, _queue),
    "callbacks.list": Row("tasks", narrow=_tasks, listed=True),
    "callbacks.running": Row("tasks", narrow=_cards),
    "callbacks.figures": Row("groups, numbers and campaigns", narrow=_figures),
    "callbacks.show": Row("a task", _task), "callbacks.cancel": Row("a task", _task),
    "callbacks.hold": Row("a task", _task), "callbacks.resume": Row("a task", _task),
    "callbacks.accept": Row("an agent", _agent), "callbacks.decline": Row("an agent", _agent),
    "callbacks.call-now": Row("a task", _task), "callbacks.plan": Row("a task", _task),
    "callbacks.reassign": Row("a task, and whom it is given to", _reassign),
    "callbacks.bulk": Row("tasks, and whom they are given to", _many_tasks),
    "callbacks.example": Row("a group", _example),
    "callbacks.add": Row("a group, its campaigns, numbers and agents", _new_task),
    "dnc.list": Row("the do-not-call list, which is everybody's"),
    "dnc.import": Row("the do-not-call list, which is everybody's"),
    "dnc.add": Row("the do-not-call list, which is everybody's"),
    "dnc.remove": Row("the do-not-call list, which is everybody's"),
    "campaigns.list": Row("campaigns", narrow=_of_groups),
    "campaigns.show": Row("a campaign", _campaign), "campaigns.remove": Row("a campaign", _campaign),
    "campaigns.preview": Row("a campaign", _campaign),
    "campaigns.renumber": Row("a campaign", _campaign), "campaigns.add": Row("a group", _new_campaign),
    "tickets.list": Row("tickets", narrow=_tickets, listed=True),
    "tickets.show": Row("a ticket", _ticket), "tickets.close": Row("a ticket", _ticket),
    "tickets.comment": Row("a ticket", _comment), "tickets.call": Row("a ticket and a group", _call_from_ticket),
    "recordings.list": Row("recordings", narrow=_recordings, listed=True),
    "recordings.get": Row("a recording", _recording),
    "prompts.list": Row("recordings, which supervisors may hear all, and the settings that name them",
                        narrow=_prompts),
    "prompts.get": Row("recordings, which supervisors may hear all"),
    "prompts.add": Row("a recording and the settings that name it", _prompt),
    "prompts.remove": Row("a recording and the settings that name it", _prompt),
    "policy.show": Row("the company's settings and those of groups", narrow=_policy),
    "policy.export": Row("the company's settings and those of groups", narrow=_policy_text),
    "policy.history": Row("policies that were in force", narrow=_policy_steps),
    "policy.at": Row("a policy that was in force", narrow=_policy_text),
    "policy.apply": Row("the policy"),
    "policy.edit": Row("settings", _policy_keys),
    "policy.set": Row("a setting", _policy_key), "policy.unset": Row("a setting", _policy_key),
    "events": Row("events", narrow=_events),
    **dict.fromkeys(("users.list", "users.add", "users.change", "users.passwd", "users.disable", "users.enable"),
                    Row("users")),
    **dict.fromkeys(("tokens.list", "tokens.add", "tokens.revoke"), Row("tokens")),
    "account.passwd": Row("one's own user", _own_account, always=True),
    "audit.list": Row("what everybody did"),
}
"""Every verb. One without a row is refused to everybody who is no admin."""


class Scope:
    """Holds the table against orders. In the daemon's loop."""

    def __init__(self, things: Things, table: Mapping[str, Row] = TABLE) -> None:
        self._things, self._table = things, table

    def admit(self, verb: Verb[Any, Any], caller: Caller) -> None:
        """Raise ForbiddenError where a verb is not for somebody's role."""
        if not caller.may(verb.role) or (caller.role != "admin" and verb.name not in self._table):
            raise ForbiddenError(f"{verb.name} is for the role {verb.role}, and {caller.name} is {caller.role}")

    async def check(self, verb: Verb[Any, Any], args: Any, caller: Caller) -> "Narrowing":
        """Check what an order is about; return what narrows its answer. Raises ForbiddenError."""
        sign(args, caller)
        asked = self.asked(verb, args, caller)
        row = self._table.get(verb.name)
        if row is None or (asked.reach.everything and not row.always):
            return Narrowing(asked, None)
        if row.check is not None:
            await row.check(asked)
        return Narrowing(asked, row)

    def asked(self, verb: Verb[Any, Any], args: Any, caller: Caller) -> Asked:
        """Return an order with what is its caller's."""
        members = {name: group.agents for name, group in self._things.policy.group.items()}
        return Asked(caller, reach(caller, members), self._things, verb, args)


def sign(args: Any, caller: Caller) -> None:
    """Put in who asks, where the door knows them by name and the arguments leave it open."""
    if caller.named:
        for key in ("by", "author"):
            if key in args.fields and getattr(args, key) in (None, args.fields[key].default):
                setattr(args, key, caller.name)


class Narrowing:
    """What becomes of one answer."""

    def __init__(self, asked: Asked, row: Row | None) -> None:
        self._asked, self._row = asked, row
        self._limit: int | None = None
        if row is not None and row.listed:
            self._limit, asked.args.limit = asked.args.limit, MOST_ROWS

    async def narrow(self, answer: Any) -> Any:
        """Return what of an answer is shown."""
        if self._row is None or self._row.narrow is None:
            return answer
        shown_ = await self._row.narrow(self._asked, answer)
        return shown_ if self._limit is None else shown_[:self._limit]

    async def stream(self, items: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
        """Yield the items of a stream that are shown."""
        try:
            async for item in items:
                if self._row is None or self._row.narrow is None:
                    yield item
                elif (shown_ := await self._row.narrow(self._asked, item)) is not None:
                    yield shown_
        finally:
            close = getattr(items, "aclose", None)
            if close is not None:
                await close()
