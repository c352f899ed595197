"""Every change is a line of the audit log, whatever it is and whoever made it; questions are none."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any, TypedDict

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
from routing.rows import AuditRow
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


def test_every_argument_that_is_secret_by_its_name_is_left_out_and_every_trail_is_of_a_change() -> None:
    assert {name for verb in ALL if verb.changes for name in verb.takes.fields
            if any(word in name for word in ("password", "secret", "token"))} <= SECRET
    assert [name for name in TRAILS if not BY_NAME[name].changes] == []
