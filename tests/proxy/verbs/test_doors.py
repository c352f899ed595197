"""The doors: what may be asked for where, and when a verb that changes something is answered."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypedDict

import pytest

from config.problem import ConfigError, Problem
from proxy.control_client import ControlError
from proxy.status.commands import CommandError
from proxy.verbs.barrier import Barrier
from proxy.verbs.doors import CommandDoor, Handlers
from proxy.verbs.scope import Scope
from proxy.verbs.shapes.errors import ArgumentError, UnknownError
from proxy.verbs.shapes.verb import NOT_BY_MQTT, Nothing, Verb
from tests.kit.answering import Forgetful, NoThings, log_in


class Done(TypedDict):
    """What came of it."""

    done: bool


LOOK = Verb("things.list", Nothing, Done, "agent", "Look")
DO = Verb("things.do", Nothing, Done, "agent", "Do it", changes=True)
SECRET = Verb("things.secret", Nothing, Done, "admin", "Do it in secret", doors=NOT_BY_MQTT)
FOLLOW = Verb("things", Nothing, Done, "agent", "Follow them", streams=True)


class SlowStore:
    """What was put is committed when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def settled(self, done: Callable[[], None]) -> None:
        self.waiting.append(done)


class Room:
    """Answers, and remembers."""

    def __init__(self) -> None:
        self.store, self.seen = SlowStore(), list[str]()
        self.handlers = Handlers(Barrier(self.store, lambda: self.seen.append("shown anew")), Scope(NoThings()),
                                 log_in(Forgetful()), [
            LOOK.by(self.answer), DO.by(self.later), SECRET.by(self.answer), FOLLOW.streamed_by(self.follow)])

    def answer(self, args: Nothing) -> Done:
        self.seen.append("answered")
        return {"done": True}

    async def later(self, args: Nothing) -> Done:
        await asyncio.sleep(0)
        self.seen.append("done")
        return {"done": True}

    async def follow(self, args: Nothing) -> AsyncIterator[Done]:
        yield {"done": True}

    async def ask(self, name: str) -> Any:
        answer = self.handlers.call("socket", name, {})
        assert not isinstance(answer, AsyncIterator)
        return await answer


def test_what_changes_something_is_answered_when_every_reader_sees_it() -> None:
    async def play() -> None:
        room = Room()
        assert await room.ask("things.list") == {"done": True}
        assert room.store.waiting == [], "a question waits for nothing"
        asked = asyncio.ensure_future(room.ask("things.do"))
        for _ in range(5):
            await asyncio.sleep(0)
        assert (room.seen, asked.done(), len(room.store.waiting)) == (["answered", "done"], False, 1)
        room.store.waiting[0]()
        assert await asked == {"done": True}
        assert room.seen == ["answered", "done", "shown anew"]

    asyncio.run(play())


def test_a_door_has_its_own_verbs_and_no_others() -> None:
    handlers = Room().handlers
    assert handlers.names("socket") == handlers.names("api") == ["things", "things.do", "things.list", "things.secret"]
    assert handlers.names("mqtt") == ["things", "things.do", "things.list"]
    for name in ("things.secret", "nothing", "x" * 1000):
        with pytest.raises(UnknownError, match=r"there is no command '.*: things, things.do, things.list$") as error:
            handlers.call("mqtt", name, {})
        assert len(str(error.value)) < 200
    with pytest.raises(ArgumentError, match="there is no argument 'of': none"):
        handlers.call("socket", "things.list", {"of": 1})


def test_what_was_refused_goes_through_the_door_of_another_thread() -> None:
    """With everything that it says: which problem it is, and whether there is nothing of that name."""
    def refuse(error: Exception) -> Callable[[Nothing], Done]:
        def handler(args: Nothing) -> Done:
            raise error

        return handler

    problem = Problem("policy", "region", 0, "is wrong")
    errors = {"config": ConfigError([problem]), "no": ControlError("not now"), "none": UnknownError("no such thing")}
    verbs = {name: Verb(f"things.{name}", Nothing, Done, "agent", "Fail") for name in errors}
    handlers = Handlers(Barrier(SlowStore(), lambda: None), Scope(NoThings()), log_in(Forgetful()), [
        *(verbs[name].by(refuse(error)) for name, error in errors.items()), FOLLOW.streamed_by(Room().follow)])

    async def play() -> None:
        door = CommandDoor(handlers, asyncio.get_running_loop(), "api")
        said: dict[str, CommandError] = {}
        for name in ("things.config", "things.no", "things.none", "things"):
            with pytest.raises(CommandError) as error:
                await door.run(name, {})
            said[name] = error.value
        assert said["things.config"].problems == [problem._asdict()]
        assert [said[f"things.{name}"].unknown for name in errors] == [False, False, True]
        assert "for as long as somebody listens" in str(said["things"])

    asyncio.run(play())
