"""Every change is a line of the audit log, whatever it is and whoever made it; questions are none."""

import asyncio
import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypedDict, cast

import pytest

from config.policy import Policy, parse_policy
from proxy.control_client import ControlError
from proxy.verbs.audit import SECRET, TRAILS, Audit
from proxy.verbs.barrier import Barrier
from proxy.verbs.doors import Handlers
from proxy.verbs.scope import Row, Scope
from proxy.verbs.shapes.caller import Caller
from proxy.verbs.shapes.catalogue import ALL, BY_NAME
from proxy.verbs.shapes.errors import ForbiddenError
from proxy.verbs.shapes.fields import flag_field, line_field, lines_field, whole_field
from proxy.verbs.shapes.verb import In, Verb
from routing.rows import AuditRow, PauseRow, Record, TaskRow, Ticket, TokenRow, UserRow
from routing.writes import DropLeg, Unit, Write
from tests.kit.answering import NoThings
from tests.routing.memory_store import MemoryStore

BOSS = Caller("boss", "admin", "console")
ANNA = Caller("anna", "agent", "api", agent="201")
NOW = 1_795_000_000.0


class Done(TypedDict):
    """What came of it."""

    done: bool


class Thing(In):
    """Which thing."""

    name: str = line_field("Of it.", required=True, place="NAME")
    password: str | None = lines_field("Secret.", most=64)
    note: str | None = line_field("Said of it.")
    times: int | None = whole_field("How often.", 0, 9)
    sure: bool = flag_field("Whether.")


DO = Verb("things.do", Thing, Done, "supervisor", "Do it", changes=True, key="name")
LATER = Verb("things.later", Thing, Done, "agent", "Do it later", changes=True, key="name")
LOOK = Verb("things.look", Thing, Done, "agent", "Look", key="name")
FAIL = Verb("things.fail", Thing, Done, "agent", "Fail", changes=True, key="name")
POLICY = Verb("policy.same", Thing, Done, "agent", "Save a policy", changes=True, key="name")


class Kept(MemoryStore):
    """Remembers what was put, unit by unit, and what was held back with what."""

    def __init__(self) -> None:
        super().__init__()
        self.units: list[list[Any]] = []
        self.held: list[Unit] | None = None
        self.lines: list[Any] = []

    def put(self, unit: Unit, done: Any = None) -> None:
        if self.held is not None:
            self.held.append(unit)
        else:
            self.units.append([type(write).__name__ for write in unit.writes])
            super().put(unit)
        if done is not None:
            done()

    def settled(self, done: Any) -> None:
        done()

    @contextlib.contextmanager
    def together(self, more: list[Write]) -> Iterator[None]:
        assert self.held is None
        held: list[Unit] = []
        self.held = held
        try:
            yield
        finally:
            self.held = None
            if more:
                held = [*held[:-1], (held[-1] if held else Unit()).joined(Unit(tuple(more)))]
            for unit in held:
                self.put(unit)
            self.lines += more


class Room:
    """Verbs that put something, and the log of them."""

    def __init__(self) -> None:
        self.store, self.things = Kept(), NoThings()
        self.given = 0
        audit = Audit(self.store, self.things, self.name, lambda: NOW)
        scope = Scope(self.things, dict.fromkeys(
            (verb.name for verb in (DO, LATER, LOOK, FAIL, POLICY)), Row("a thing")))
        self.handlers = Handlers(Barrier(self.store, lambda: None), scope, audit, [
            DO.by(self.do), LATER.by(self.later), LOOK.by(self.do), FAIL.by(self.fail), POLICY.by(self.save)])

    def name(self, now: float) -> str:
        self.given += 1
        return f"id{self.given}"

    def do(self, args: Thing) -> Done:
        self.store.put(Unit((DropLeg(args.name),)))
        return {"done": True}

    async def later(self, args: Thing) -> Done:
        await asyncio.sleep(0)
        self.store.put(Unit((DropLeg("first"),)))
        await asyncio.sleep(0)
        return self.do(args)

    def fail(self, args: Thing) -> Done:
        self.store.put(Unit((DropLeg(args.name),)))
        raise ControlError("it cannot be done")

    def save(self, args: Thing) -> Done:
        self.things.policy = parse_policy('region = "HU"') if args.note else Policy()
        self.store.put(Unit((DropLeg("policy"),)))
        return {"done": True}

    def ask(self, verb: str, caller: Caller = BOSS, **args: Any) -> Any:
        return asyncio.run(self.handlers.one(verb, {"name": "x", **args}, caller))

    @property
    def lines(self) -> list[AuditRow]:
        return self.store.lines


def test_a_line_goes_with_the_last_of_what_is_put() -> None:
    room = Room()
    room.ask("things.do", note="hello", password="correct horse")
    assert room.store.units == [["DropLeg", "AuditRow"]]
    assert room.lines == [
        AuditRow("id1", NOW, "boss", "admin", "console", "things.do", "x", None, {"note": "hello"}, "")]
    room.ask("things.later", ANNA)
    assert room.store.units[1:] == [["DropLeg"], ["DropLeg", "AuditRow"]]
    assert (room.lines[1].who, room.lines[1].door, room.lines[1].after) == ("anna", "api", {})


@pytest.mark.parametrize("given", [{"times": 0}, {"times": 3, "sure": True}, {"note": "x"}, {}])
def test_what_was_given_is_written_down_also_where_it_is_nought(given: dict[str, Any]) -> None:
    room = Room()
    room.ask("things.do", **given)
    assert room.lines[0].after == given


def test_what_others_put_while_a_handler_waits_is_not_held_back() -> None:
    room = Room()

    async def play() -> None:
        asked = asyncio.ensure_future(room.handlers.one("things.later", {"name": "x"}, BOSS))
        await asyncio.sleep(0)
        assert room.store.held is None
        room.store.put(Unit((DropLeg("other"),)))
        await asked

    asyncio.run(play())
    assert room.store.units[-1] == ["DropLeg", "AuditRow"]
    assert len(room.store.units) == 3


def test_a_question_is_no_change_and_neither_is_what_could_not_be_done() -> None:
    room = Room()
    room.ask("things.look")
    with pytest.raises(ControlError, match="it cannot be done"):
        room.ask("things.fail")
    assert (room.lines, room.store.units) == ([], [["DropLeg"], ["DropLeg"]])


def test_whoever_is_cancelled_while_a_handler_waits_leaves_no_line() -> None:
    room = Room()

    async def play() -> None:
        asked = asyncio.ensure_future(room.handlers.one("things.later", {"name": "x"}, BOSS))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    asyncio.run(play())
    assert (room.lines, room.store.held) == ([], None)


def test_a_change_that_was_refused_is_a_line_with_why() -> None:
    room = Room()
    with pytest.raises(ForbiddenError):
        room.ask("things.do", ANNA)
    (line,) = room.lines
    assert (line.who, line.before, line.after) == ("anna", None, None)
    assert line.refused == "things.do is for the role supervisor, and anna is agent"
    assert room.store.units == [["AuditRow"]]


def test_of_the_policy_it_has_what_changed_and_nothing_where_nothing_did() -> None:
    room = Room()
    room.ask("policy.same", note="HU")
    (line,) = room.lines
    assert (line.about, line.before, line.after) == ("region", {"region": ""}, {"region": "HU"})
    room.ask("policy.same", note="HU")
    assert len(room.lines) == 1


class World(NoThings):
    """One of everything that a change may be about."""

    policy = parse_policy('region = "HU"')

    async def task(self, name: str) -> TaskRow | None:
        return (await self.tasks([name])).get(name)

    async def tasks(self, names: Collection[str]) -> Mapping[str, TaskRow]:
        return {name: TaskRow(name, "+36201234567", "sales", None, "missed", None, "office", "main", "open", "", 1.0,
                              2.0, 1, 2.0, 1.0, 0, 4, "fixed", "202", None, None, (), {}, None)
                for name in names if name == "t1"}

    async def ticket(self, name: str) -> Ticket | None:
        return Ticket("id7", 7, None, "+36201234567", "sales", None, "s", "open", 1.0, None)

    def records(self, customer: str) -> Sequence[Record]:
        return [Record(customer, "201", 1, 1.0, 1.0, 2.0), Record(customer, "202", 1, 1.0, 1.0, 2.0)]

    def pause(self, agent: str) -> PauseRow | None:
        return PauseRow(agent, 5.0, "lunch") if agent == "202" else None

    def do_not_call(self, customer: str) -> bool:
        return customer == "+36201111111"

    async def prompt(self, name: str, language: str | None) -> int | None:
        return 900 if name == "old" else None

    async def users(self) -> Sequence[UserRow]:
        return [UserRow("anna", "agent", None, "201", "hash", 1.0, None)]

    async def tokens(self) -> Sequence[TokenRow]:
        return [TokenRow("k1", "crm", "supervisor", frozenset({"sales"}), None, "hash", 1.0, None, None)]


class Change(NamedTuple):
    """A change as it is asked for, what is answered, and what the log says of it."""

    verb: str
    args: dict[str, Any]
    answer: Any
    about: str
    before: dict[str, Any] | None
    after: dict[str, Any]


TASK = {"id": "t1", "state": "cancelled", "reason": "cancelled", "due": None, "responsible": "202"}
TASK_WAS = {"state": "open", "reason": "", "due": 1.0, "responsible": "202"}
AS_USER = {"role": "agent", "groups": None, "agent": "201"}
CHANGES = (
    *(Change(f"callbacks.{act}", {"id": "t1"}, TASK, "callback t1", TASK_WAS,
             {key: one for key, one in TASK.items() if key != "id"})
      for act in ("cancel", "hold", "resume", "call-now", "reassign")),
    Change("callbacks.bulk", {"act": "reassign", "ids": ["t1", "t9"], "responsible": "201"}, [
        {"id": "t1", "done": True, "state": "open", "text": ""},
        {"id": "t9", "done": False, "state": None, "text": "there is none"}], "2 callbacks",
        {"callbacks": {"t1": {"state": "open", "responsible": "202"}}},
        {"act": "reassign", "responsible": "201", "callbacks": {"t1": "open"}, "refused": {"t9": "there is none"}}),
    Change("callbacks.add", {"customer": "+36201234567", "group": "sales"},
           {"id": "t2", "customer": "+36201234567", "group": "sales", "state": "open"}, "callback t2", None,
           {"customer": "+36201234567", "group": "sales", "state": "open"}),
    Change("callbacks.accept", {"id": "t1", "agent": "201"}, {}, "t1", None, {"agent": "201"}),
    Change("callbacks.decline", {"id": "t1", "agent": "201", "reason": "busy"}, {}, "t1", None,
           {"agent": "201", "reason": "busy"}),
    Change("agents.pause", {"agent": "202", "reason": "training"}, {"state": "paused"}, "202",
           {"paused": True, "since": 5.0, "reason": "lunch"}, {"paused": True, "reason": "training"}),
    Change("agents.pause", {"agent": "201", "reason": ""}, {"state": "paused"}, "201", {"paused": False},
           {"paused": True, "reason": ""}),
    Change("agents.resume", {"agent": "202"}, {"state": "free"}, "202",
           {"paused": True, "since": 5.0, "reason": "lunch"}, {"paused": False}),
    Change("agents.done", {"agent": "202"}, {"state": "free"}, "202", None, {"state": "free"}),
    Change("calls.end", {"id": "c1"}, {}, "c1", None, {}),
    Change("direct.remove", {"customer": "+36201234567", "agent": "201"}, {"removed": 1}, "customer +36201234567",
           {"agents": ["201"]}, {"removed": 1}),
    Change("dnc.add", {"customer": "+36201111111", "reason": "asked"}, {"customer": "+36201111111"}, "+36201111111",
           {"listed": True}, {"listed": True, "reason": "asked"}),
    Change("dnc.add", {"customer": "06 20 222 2222"}, {"customer": "+36202222222"}, "+36202222222",
           {"listed": False}, {"listed": True, "reason": ""}),
    Change("dnc.remove", {"customer": "+36201111111"}, {"customer": "+36201111111", "removed": 1}, "+36201111111",
           {"listed": True}, {"listed": False}),
    Change("dnc.import", {"text": "+36201111111", "reason": "list"},
           {"added": 1, "known": 0, "refused": [], "refused_lines": 0}, "the do-not-call list", None,
           {"added": 1, "known": 0, "refused_lines": 0}),
    Change("tickets.close", {"id": "7"}, {"number": 7, "state": "closed"}, "ticket 7", {"state": "open"},
           {"state": "closed"}),
    Change("tickets.comment", {"id": "7", "text": "hello"}, {"number": 7}, "ticket 7", None,
           {"text": "hello", "internal": False}),
    Change("tickets.call", {"id": "7"}, {"id": "t3", "group": "sales", "state": "open"}, "ticket 7", None,
           {"callback": "t3", "group": "sales", "state": "open"}),
    Change("prompts.add", {"name": "old", "language": "en", "data": "x"},
           {"name": "old", "language": "en", "bytes": 950, "seconds": 1.0}, "old", {"language": "en", "bytes": 900},
           {"language": "en", "bytes": 950, "seconds": 1.0}),
    Change("prompts.add", {"name": "new", "data": "x"}, {"name": "new", "language": None, "bytes": 9, "seconds": None},
           "new", {"language": None, "bytes": None}, {"language": None, "bytes": 9, "seconds": None}),
    Change("prompts.remove", {"name": "old"}, {"name": "old", "language": None}, "old",
           {"language": None, "bytes": 900}, {"language": None, "bytes": None}),
    Change("alarms.clear", {"name": "disk"}, {}, "disk", None, {}),
    Change("users.add", {"name": "ben", "role": "agent", "agent": "203"}, {}, "ben", None,
           {"name": "ben", "role": "agent", "agent": "203"}),
    Change("users.change", {"name": "anna", "role": "admin"}, {"role": "admin", "groups": None, "agent": None}, "anna",
           AS_USER, {"role": "admin", "groups": None, "agent": None}),
    Change("users.passwd", {"name": "anna"}, {}, "anna", None, {}),
    Change("users.disable", {"name": "anna"}, {"disabled": 3.0}, "anna", {"disabled": False}, {"disabled": True}),
    Change("users.enable", {"name": "anna"}, {"disabled": None}, "anna", {"disabled": False}, {"disabled": False}),
    Change("account.passwd", {"name": "boss", "password": "correct horse"}, {}, "boss", None, {}),
    Change("tokens.add", {"name": "crm", "role": "agent"}, {}, "crm", None, {"name": "crm", "role": "agent"}),
    Change("tokens.revoke", {"name": "crm"}, {"revoked": 3.0}, "crm",
           {"role": "supervisor", "groups": ["sales"], "agent": None, "revoked": False}, {"revoked": True}),
)
OF_SETTINGS = {verb.name for verb in ALL if verb.changes and verb.noun in ("policy", "campaigns")}
"""Each setting that differs is in their line."""


def _line(verb: str, args: dict[str, Any], answer: Any) -> AuditRow:
    store, world = Kept(), World()
    audit = Audit(store, world, lambda now: "id", lambda: NOW)
    handlers = Handlers(Barrier(store, lambda: None), Scope(world), audit, [BY_NAME[verb].by(lambda args: answer)])
    asyncio.run(handlers.one(verb, args, BOSS))
    (line,) = store.lines
    return cast(AuditRow, line)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change.verb}")
def test_a_line_says_what_was_before_and_what_is_now(change: Change) -> None:
    line = _line(change.verb, change.args, change.answer)
    assert (line.about, line.before, line.after) == (change.about, change.before, change.after)


def test_the_table_has_every_change() -> None:
    assert {change.verb for change in CHANGES} | OF_SETTINGS | {"log.level"} == {
        verb.name for verb in ALL if verb.changes}


def test_of_the_logs_level_it_says_which_it_was_and_a_question_is_no_line() -> None:
    level = "info"

    def answer(args: Any) -> Any:
        nonlocal level
        level = args.level or level
        return {"level": level}

    store, world = Kept(), World()
    audit = Audit(store, world, lambda now: "id", lambda: NOW)
    handlers = Handlers(Barrier(store, lambda: None), Scope(world), audit, [BY_NAME["log.level"].by(answer)])
    asyncio.run(handlers.one("log.level", {}, BOSS))
    assert store.lines == []
    assert asyncio.run(handlers.one("log.level", {"level": "debug"}, BOSS)) == {"level": "debug"}
    assert [(line.before, line.after) for line in store.lines] == [({"level": "info"}, {"level": "debug"})]


def test_every_argument_that_is_secret_by_its_name_is_left_out_and_every_trail_is_of_a_change() -> None:
    assert {name for verb in ALL if verb.changes for name in verb.takes.fields
            if any(word in name for word in ("password", "secret", "token"))} <= SECRET
    assert [name for name in TRAILS if not BY_NAME[name].changes] == []
