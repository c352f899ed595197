"""Every flow ends the same way: nothing of it is left behind."""

from collections.abc import Callable, Iterator

import pytest

from routing.identity import Answers
from tests.kit.house import House
from tests.kit.script import Script


@pytest.fixture
def call() -> Iterator[Script]:
    """A script between a trunk and a PBX, both on UDP."""
    script = Script()
    yield script
    script.assert_nothing_left()


@pytest.fixture
def houses() -> Iterator[Callable[[Answers], House]]:
    made: list[House] = []

    def make(answers: Answers) -> House:
        made.append(House(answers))
        return made[-1]

    yield make
    for house in made:
        house.assert_nothing_left()


@pytest.fixture
def house(houses: Callable[[Answers], House]) -> House:
    return houses("on_agent")


@pytest.fixture
def queue(houses: Callable[[Answers], House]) -> House:
    return houses("before_queue")
