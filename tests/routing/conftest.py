from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from routing.store import queue
from tests.routing.world import World


@pytest.fixture(autouse=True)
def uncalm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The alarm of the database goes down the moment all is well."""
    monkeypatch.setattr(queue, "CALM", 0.0)


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Make worlds on one folder; all are closed at the end."""
    made: list[World] = []

    def make(*arguments: Any, folder: Path = tmp_path, **named: Any) -> World:
        made.append(World(folder, *arguments, **named))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(worlds: Callable[..., World]) -> World:
    return worlds()
