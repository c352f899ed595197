"""Every change is one line of the audit log, by whichever door it came: who, when, what before and after.

The line is committed with what it tells of: what a handler puts is held back until it is done (`Store.together`), and
the line goes with the last of it, in one transaction. A change that was refused to somebody is a line too, with why;
one that could not be done for another reason is none, for nothing has changed.

Passwords, tokens and whole files are never in it. Of the policy it has each setting that changed, of a task, a ticket,
a user or a token what the verb may have changed of it, of anything else the arguments.
"""

import contextlib
import inspect
import types
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from config.policy import Policy
from proxy.control_client import ControlError
from proxy.verbs.scope import Things
from proxy.verbs.shapes.caller import Caller
from proxy.verbs.shapes.fields import SENTENCE
from proxy.verbs.shapes.rows import token_of, user_of
from proxy.verbs.shapes.verb import Verb
from routing.audit import policy_line
from routing.rows import AuditRow, UserRow
from routing.writes import Write

SECRET: Final = frozenset({"password", "toml", "data", "token"})
"""Arguments that are never written down."""
OF_POLICY: Final = frozenset({"policy", "campaigns"})
"""Nouns of the verbs that change the policy: where it is the same afterwards nothing was changed."""
ASKING: Final[Mapping[str, str]] = {"log.level": "level"}
"""Verbs that only ask where this argument is left out, and answer at once how it is."""


class Keeping(Protocol):
    """What of the store the log asks."""

    def together(self, more: list[Write]) -> AbstractContextManager[None]:
        """See `routing.storage.Store.together`."""


@dataclass(frozen=True)
class Trail:
    """What of one verb the log says."""

    about: Callable[[Any, Any], str]
    """What it was done to, of the arguments and the answer (None: there is none, it was refused)."""
    before: "Callable[[Things, Any], Awaitable[dict[str, Any] | None]] | None" = None
    after: Callable[[Any, Any], dict[str, Any] | None] | None = None
    """Of the arguments and the answer; None: the arguments."""


TASK_KEYS: Final = ("state", "reason", "due", "responsible")


async def _task_before(things: Things, args: Any) -> dict[str, Any] | None:
    row = await things.task(args.id)
    return None if row is None else {"state": row.state, "reason": row.reason, "due": row.due_at,
                                     "responsible": row.responsible}


async def _ticket_before(things: Things, args: Any) -> dict[str, Any] | None:
    row = await things.ticket(args.id)
    return None if row is None else {"state": row.state}


async def _direct_before(things: Things, args: Any) -> dict[str, Any] | None:
    found = [one.agent for one in things.records(args.customer) if args.agent in (None, one.agent)]
    return {"agents": sorted(found)}


async def _many_before(things: Things, args: Any) -> dict[str, Any] | None:
    rows = await things.tasks(args.ids)
    more = things.living([name for name in args.ids if name not in rows])
    return {"callbacks": {row.id: {"state": row.state, "responsible": row.responsible}
                          for row in (*rows.values(), *more.values())}}


def _many_after(args: Any, answer: Any) -> dict[str, Any]:
    after = {"act": args.act, "callbacks": {one["id"]: one["state"] for one in answer if one["done"]},
             "refused": {one["id"]: one["text"] for one in answer if not one["done"]}}
    return {**after, "responsible": args.responsible} if args.act == "reassign" else after


async def _pause_before(things: Things, args: Any) -> dict[str, Any] | None:
    pause = things.pause(args.agent)
    return {"paused": False} if pause is None else {"paused": True, "since": pause.since, "reason": pause.reason}


async def _barred_before(things: Things, args: Any) -> dict[str, Any] | None:
    return {"listed": things.do_not_call(args.customer)}


async def _prompt_before(things: Things, args: Any) -> dict[str, Any] | None:
    return {"language": args.language, "bytes": await things.prompt(args.name, args.language)}


RIGHTS: Final = ("role", "groups", "agent")


async def _rights_before(things: Things, args: Any) -> dict[str, Any] | None:
    found = await _user(things, args.name)
    return None if found is None else _some(user_of(found), RIGHTS)


async def _disabled_before(things: Things, args: Any) -> dict[str, Any] | None:
    found = await _user(things, args.name)
    return None if found is None else {"disabled": found.disabled_at is not None}


async def _user(things: Things, name: str) -> UserRow | None:
    return next((row for row in await things.users() if row.name == name), None)


async def _token_before(things: Things, args: Any) -> dict[str, Any] | None:
    """As `PeopleAnswers.revoke` takes it: the one of an id, else the latest of a name."""
    rows = await things.tokens()
    found = next((row for row in rows if row.id == args.name), None) or next(
        (row for row in reversed(rows) if row.name == args.name), None)
    return None if found is None else {**_some(token_of(found), RIGHTS), "revoked": found.revoked_at is not None}


def _some(answer: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: answer[key] for key in keys if key in answer}


def _of_task(args: Any, answer: Any) -> str:
    return f"callback {args.id if answer is None else answer['id']}"


def _of_ticket(args: Any, answer: Any) -> str:
    return f"ticket {args.id if answer is None else answer.get('number') or args.id}"


def _of_name(args: Any, answer: Any) -> str:
    return f"{args.name}"


def _of_agent(args: Any, answer: Any) -> str:
    return f"{args.agent}"


def _of_customer(args: Any, answer: Any) -> str:
    return f"{args.customer if answer is None else answer['customer']}"


DISABLED: Final = Trail(_of_name, _disabled_before,
                        lambda args, answer: {"disabled": answer["disabled"] is not None})
TASK: Final = Trail(_of_task, _task_before, lambda args, answer: _some(answer, TASK_KEYS))
TRAILS: Final[Mapping[str, Trail]] = {
    **{f"callbacks.{act}": TASK for act in ("cancel", "hold", "resume", "call-now", "reassign")},
    "callbacks.bulk": Trail(lambda args, answer: f"{len(args.ids)} callbacks", _many_before, _many_after),
    "agents.pause": Trail(_of_agent, _pause_before, lambda args, answer: {"paused": True, "reason": args.reason}),
    "agents.resume": Trail(_of_agent, _pause_before, lambda args, answer: {"paused": False}),
    "agents.done": Trail(_of_agent, None, lambda args, answer: _some(answer, ("state",))),
    "dnc.add": Trail(_of_customer, _barred_before, lambda args, answer: {"listed": True, "reason": args.reason}),
    "dnc.remove": Trail(_of_customer, _barred_before, lambda args, answer: {"listed": False}),
    "prompts.add": Trail(_of_name, _prompt_before,
                         lambda args, answer: _some(answer, ("language", "bytes", "seconds"))),
    "prompts.remove": Trail(_of_name, _prompt_before, lambda args, answer: {"language": args.language, "bytes": None}),
    "callbacks.add": Trail(lambda args, answer: "callback" if answer is None else f"callback {answer['id']}", None,
                           lambda args, answer: _some(answer, ("customer", "group", "state", "due", "responsible"))),
    "tickets.close": Trail(_of_ticket, _ticket_before, lambda args, answer: _some(answer, ("state",))),
    "tickets.comment": Trail(_of_ticket, None, lambda args, answer: {"text": args.text, "internal": args.internal}),
    "tickets.call": Trail(lambda args, answer: f"ticket {args.id}", None,
                          lambda args, answer: {"callback": answer["id"], **_some(answer, ("group", "state"))}),
    "dnc.import": Trail(lambda args, answer: "the do-not-call list", None, lambda args, answer: _some(
        answer, ("added", "known", "refused_lines"))),
    "users.change": Trail(_of_name, _rights_before, lambda args, answer: _some(answer, RIGHTS)),
    "users.disable": DISABLED,
    "users.enable": DISABLED,
    "tokens.revoke": Trail(_of_name, _token_before, lambda args, answer: {"revoked": answer["revoked"] is not None}),
    "direct.remove": Trail(lambda args, answer: f"customer {args.customer}", _direct_before,
                           lambda args, answer: _some(answer, ("removed",))),
}
"""Verbs of which more is known than their arguments."""


def _plain(verb: Verb[Any, Any], args: Any) -> str:
    if verb.key and getattr(args, verb.key, None) is not None:
        return f"{getattr(args, verb.key)}"
    for key in ("customer", "name", "agent", "key", "id"):
        if isinstance(getattr(args, key, None), str):
            return f"{getattr(args, key)}"
    return ""


def _given(verb: Verb[Any, Any], args: Any) -> dict[str, Any]:
    """Return the arguments that were given, without secrets and without the one that names what it is about."""
    found = {name: getattr(args, name, getattr(args, f"{name}_", None)) for name in args.fields
             if name not in SECRET and name != verb.key}
    return {name: [*value] if isinstance(value, tuple) else value for name, value in found.items()
            if value is not None and value != args.fields[name].default}


class Audit:
    """Writes the log. In the daemon's loop."""

    def __init__(self, keeping: Keeping, things: Things, name: Callable[[float], str],
                 wall: Callable[[], float]) -> None:
        """`name` gives a new UUID of a moment; `wall`: seconds since the epoch."""
        self._keeping, self._things, self._name, self._wall = keeping, things, name, wall

    async def record(self, verb: Verb[Any, Any], args: Any, caller: Caller, handler: Callable[[Any], Any]) -> Any:
        """Have a handler do what changes something, and write down what it did. Returns its answer, raises as it."""
        trail = TRAILS.get(verb.name)
        before = None
        if verb.name in ASKING and getattr(args, ASKING[verb.name]) is not None:
            before = handler(verb.takes.read({}))
        elif trail is not None and trail.before is not None:
            with contextlib.suppress(ControlError):  # a database that cannot be read now keeps nobody from changing
                before = await trail.before(self._things, args)
        return await _Doing(self, verb, args, caller, before).run(handler)

    def refused(self, verb: Verb[Any, Any], args: Any, caller: Caller, why: str) -> None:
        """Write down that a change was refused to somebody. `args`: as they were read, or as they came (a mapping)."""
        trail = TRAILS.get(verb.name)
        if isinstance(args, Mapping):
            about = str(args.get(verb.key, ""))
        else:
            about = _plain(verb, args) if trail is None else trail.about(args, None)
        with self._keeping.together([self._row(verb, caller, about, None, None, why)]):
            pass

    def _row(self, verb: Verb[Any, Any], caller: Caller, about: str, before: dict[str, Any] | None,
             after: dict[str, Any] | None, refused: str = "") -> AuditRow:
        now = self._wall()
        return AuditRow(self._name(now), now, caller.name, caller.role, caller.door, verb.name, about[:SENTENCE],
                        before, after, refused)

    def line(self, verb: Verb[Any, Any], args: Any, caller: Caller, before: dict[str, Any] | None,
             answer: Any, policies: tuple[Policy, Policy]) -> AuditRow | None:
        """Return the line of what was done; None where nothing has changed. `policies`: before and after."""
        if policies[0] is not policies[1] or verb.noun in OF_POLICY:
            at = self._wall()
            return policy_line(self._name(at), at, caller.name, caller.role, caller.door, verb.name, *policies)
        if verb.name in ASKING and getattr(args, ASKING[verb.name]) is None:
            return None
        trail = TRAILS.get(verb.name)
        if trail is None:
            return self._row(verb, caller, _plain(verb, args), before, _given(verb, args))
        after = _given(verb, args) if trail.after is None else trail.after(args, answer)
        return self._row(verb, caller, trail.about(args, answer), before, after)

    @property
    def policy(self) -> Policy:
        """The one in force."""
        return self._things.policy

    def together(self, more: list[Write]) -> AbstractContextManager[None]:
        """Hold back what is put within."""
        return self._keeping.together(more)


class _Doing:
    """One order while it is done: in steps, between which its handler waits."""

    def __init__(self, audit: Audit, verb: Verb[Any, Any], args: Any, caller: Caller,
                 before: dict[str, Any] | None) -> None:
        self._audit, self._verb, self._args, self._caller, self._before = audit, verb, args, caller, before
        self._was = self._now = audit.policy
        """The policy before the first step that changed it, and after the last step."""
        self._more: list[Write] = []

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """Hold back what is put within: what others do while the handler waits is none of its own."""
        if self._was is self._now:
            self._was = self._now = self._audit.policy
        with self._audit.together(self._more):
            yield
            self._now = self._audit.policy

    def over(self, answer: Any) -> None:
        """Write down what was done, within its last step."""
        policies = self._was, self._audit.policy
        line = self._audit.line(self._verb, self._args, self._caller, self._before, answer, policies)
        if line is not None:
            self._more.append(line)

    @types.coroutine
    def run(self, handler: Callable[[Any], Any]) -> Generator[Any, Any, Any]:
        """Have the handler do it, step by step; return its answer."""
        with self.step():
            answer = handler(self._args)
            if not inspect.isawaitable(answer):
                self.over(answer)
                return answer
        steps: Any = answer.__await__()
        go_on: Callable[[], Any] = partial(steps.send, None)
        while True:
            with self.step():
                try:
                    waits_for = go_on()
                except StopIteration as end:
                    self.over(end.value)
                    return end.value
            try:
                sent = yield waits_for
            except BaseException as error:
                go_on = partial(steps.throw, error)
            else:
                go_on = partial(steps.send, sent)
