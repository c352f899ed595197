"""Ending a call: one whose dialogs are known is ended, another is not, and both are said. Messages: of which calls."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from proxy.control_client import ControlError
from proxy.daemon.message_book import Found
from proxy.verbs.handlers.call_details import CallDetailAnswers
from proxy.verbs.handlers.calls import CallAnswers
from proxy.verbs.handlers.looking import Sides
from proxy.verbs.shapes.calls import EndCall, Ended, MessagesOf, OneCall
from proxy.verbs.shapes.errors import UnknownError
from routing.calls import Call
from routing.facts import Ending
from routing.ids import beside7
from routing.rows import CallRow
from routing.store.reader import Reader
from tests.routing.world import World


class Ender:
    """Whoever knows dialogs: those of one call."""

    def __init__(self, ours: str) -> None:
        self.ours = ours
        self.ended: list[str] = []

    def end(self, call: Call) -> bool:
        self.ended += [call.id] * (call.id == self.ours)
        return call.id == self.ours


def ending(world: World, ender: Ender) -> Callable[[str], Ended]:
    """What `calls.end` does, asked with an id."""
    room = CallAnswers(world.ledger.calls, ender.end)
    return lambda name: room.end(EndCall.read({"id": name}))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def test_a_call_is_ended_by_its_id_or_the_end_of_it(world: World) -> None:
    ours, older = world.calls_in(), world.calls_out()
    for call in (ours, older):
        world.ledger.decide(call, world.now)
    ender = Ender(ours.id)
    verb = ending(world, ender)
    assert verb(ours.id[-8:]) == verb(ours.id) == {"id": ours.id}
    assert ender.ended == [ours.id] * 2
    with pytest.raises(ControlError, match="before a restart"):
        verb(older.id)
    with pytest.raises(UnknownError, match="is in progress"):
        verb("nobody")
    with pytest.raises(ControlError, match="id is missing"):
        verb("")


def test_an_end_that_two_calls_have_is_none(world: World) -> None:
    for name in ("one-77", "two-77", "77"):
        world.ledger.decide(world.calls_in()._replace(id=name), world.now)
    ender = Ender("77")
    verb = ending(world, ender)
    with pytest.raises(ControlError, match="the end of 3 calls"):
        verb("7")
    assert verb("77") == {"id": "77"}, "the whole of one"


def test_a_call_is_shown_with_the_node_that_it_began_at(tmp_path: Path) -> None:
    a, b = (World(tmp_path, node=name, shared=True) for name in "ab")
    call = a.calls_in()
    a.ledger.decide(call, a.now)
    a.commit()
    reader = Reader(b.path, "b")
    room = CallDetailAnswers(b.ledger.calls, reader, NoMessages(), Sides((), "b", ()))

    def shown() -> tuple[str, str, str]:
        one = asyncio.run(room.show(OneCall.read({"id": call.id})))
        return one["node"], one["state"], one["reason"]

    assert shown() == ("a", "ringing", "normal"), "in progress, and not here"
    a.ledger.answered(call.id, 0, (), None, a.now)
    a.commit()
    assert shown() == ("a", "talking", "normal")
    b.ledger.adopt(call, True, b.now)
    assert shown() == ("a", "talking", "normal"), "in progress here"
    b.ledger.ended(call.id, Ending(200, "caller"), b.now + 9)
    b.commit()
    assert shown() == ("a", "ended", "normal")
    found = b.calls_in()
    b.ledger.adopt(found, True, b.now)
    b.commit()
    call = found
    assert shown() == ("b", "talking", "adopted")
    reader.close()
    for world in (a, b):
        world.close()


class NoMessages:
    """A book without messages: keeps of which calls they were looked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def look(self, calls: Sequence[CallRow]) -> Callable[[], Found]:
        self.asked = [call.sip_call_id for call in calls]
        return lambda: Found([], "nowhere", None)


@pytest.mark.parametrize("over", [False, True])
def test_a_caller_and_their_place_are_shown_together(world: World, over: bool) -> None:
    """Whichever of the two is asked for, while it goes on and afterwards; and the PBX's side of a caller whose place
    became no call of its own."""
    caller, other = world.calls_in(), world.calls_in("+36301112233")
    for call in (caller, other):
        world.ledger.decide(call, world.now)
    name = beside7(caller.id)[1]
    entry = world.ledger.place_entry(caller.id, name)
    assert entry is not None
    world.ledger.place(entry._replace(task="task-1"), world.now)
    if over:
        for one in (caller.id, name, other.id):
            world.ledger.ended(one, Ending(487, "caller"), world.now)
    world.commit()
    book, reader = NoMessages(), Reader(world.path, "edge1", strict=True)
    verb = CallDetailAnswers(world.ledger.calls, reader, book, Sides(("main",), "edge1", ("office",)))

    def of(name: str) -> tuple[set[str], set[str]]:
        told = asyncio.run(verb.messages(MessagesOf.read({"id": name})))
        return {one["id"] for one in told["calls"]}, {*book.asked}

    both = {caller.id, name}
    assert [of(one)[0] for one in (caller.id, name, "task-1")] == [both] * 3
    assert of(caller.id)[1] >= {caller.sip_call_id, name}
    assert of(other.id) == ({other.id}, {other.sip_call_id, *beside7(other.id)})
    reader.close()
