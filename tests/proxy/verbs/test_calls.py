"""Ending a call: one whose dialogs are known is ended, another is not, and both are said."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proxy.control_client import ControlError
from proxy.verbs.handlers.calls import CallAnswers
from proxy.verbs.shapes.calls import EndCall, Ended
from proxy.verbs.shapes.errors import UnknownError
from routing.calls import Call
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
        call = world.calls_in()
        object.__setattr__(call, "id", name)
        world.ledger.decide(call, world.now)
    ender = Ender("77")
    verb = ending(world, ender)
    with pytest.raises(ControlError, match="the end of 3 calls"):
        verb("7")
    assert verb("77") == {"id": "77"}, "the whole of one"
