"""The live hub: one stream of the daemon's, told to all who follow."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any

import pytest

from proxy.console import live
from proxy.console.live import Following, LiveHub, Told
from proxy.console.reaches import Reaches
from proxy.control_client import NotRunningError
from proxy.verbs.shapes.caller import Caller
from tests.kit.waiting import PATIENCE

ADMIN = Caller("root", "admin", "console")
ANNA = Caller("anna", "agent", "console", agent="201")
SUE = Caller("sue", "supervisor", "console", frozenset({"sales"}))


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in a loop of its own."""

    @wraps(test)
    def run(**given: Any) -> None:
        asyncio.run(test(**given))

    return run


class PlayedDaemon:
    """The daemon's events, said by the test; None: it goes away."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.asked = 0

    async def stream(self, verb: str, args: Mapping[str, Any], caller: Caller) -> AsyncIterator[Any]:
        assert (verb, caller.role) == ("events", "admin")
        self.asked += 1
        while (item := await self.said.get()) is not None:
            yield item
        raise NotRunningError("gone")

    def happen(self, number: int, **data: Any) -> None:
        self.said.put_nowait({"id": f"id-{number}", "kind": "call.ended", "data": data})


AGENTS = [{"extension": "201", "groups": ["sales"]}, {"extension": "301", "groups": ["support"]}]


class Agents:
    """The daemon's `agents.list`."""

    async def call(self, verb: str, args: Mapping[str, Any], caller: Caller) -> Any:
        assert (verb, caller.role) == ("agents.list", "admin")
        return AGENTS


@asynccontextmanager
async def hub(monkeypatch: pytest.MonkeyPatch, kept: int = 100) -> AsyncGenerator[tuple[PlayedDaemon, LiveHub], None]:
    monkeypatch.setattr(live, "PAUSES", (0.0,))
    daemon = PlayedDaemon()
    made = LiveHub(daemon, Reaches(Agents()), kept)
    running = asyncio.ensure_future(made.run())
    daemon.said.put_nowait({"following": []})
    try:
        with made.follow(ADMIN) as one:  # until the daemon has taken us on
            while (await anext(one)).word != "back":
                pass
        yield daemon, made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def words(one: AsyncIterator[Told], number: int) -> list[str]:
    async with asyncio.timeout(PATIENCE):
        told = [await anext(one) for _ in range(number)]
    return [each.id or f"{each.word}{'' if each.missed is None else f' {each.missed}'}" for each in told]


@in_a_loop
async def test_everybody_hears_what_happens_by_one_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    async with hub(monkeypatch) as (daemon, made):
        with made.follow(ADMIN) as one, made.follow(ADMIN) as other:
            daemon.happen(1)
            daemon.happen(2)
            assert await words(one, 2) == await words(other, 2) == ["id-1", "id-2"]
            assert made.followers == 2
        assert made.followers == 0
        assert daemon.asked == 1


@in_a_loop
async def test_who_comes_back_hears_what_came_after_the_last_that_they_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    async with hub(monkeypatch) as (daemon, made):
        with made.follow(ADMIN) as one:
            for number in range(5):
                daemon.happen(number)
            await words(one, 5)
        with made.follow(ADMIN, "id-2") as again:
            daemon.happen(5)
            assert await words(again, 3) == ["id-3", "id-4", "id-5"]


@in_a_loop
async def test_who_was_away_for_too_long_is_told_that_something_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with hub(monkeypatch, kept=3) as (daemon, made):
        with made.follow(ADMIN) as one:
            for number in range(5):
                daemon.happen(number)
            await words(one, 5)
        with made.follow(ADMIN, "id-0") as again:
            daemon.happen(5)
            assert await words(again, 2) == ["missed", "id-5"]


@in_a_loop
async def test_who_does_not_read_loses_events_and_is_told_how_many() -> None:
    one = Following(ADMIN, Reaches(Agents()), limit=2)
    for number in range(5):
        one.tell(Told("event", f"id-{number}", {"data": {}}))
    assert await words(one, 3) == ["id-0", "id-1", "missed 3"]
    one.tell(Told("event", "id-5", {"data": {}}))
    assert await words(one, 1) == ["id-5"]


@in_a_loop
async def test_that_the_daemon_goes_away_and_comes_back_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with hub(monkeypatch) as (daemon, made):
        with made.follow(ADMIN) as one:
            daemon.happen(1)
            daemon.said.put_nowait(None)
            assert await words(one, 2) == ["id-1", "away"]
            with made.follow(ADMIN) as late:
                assert await words(late, 1) == ["away"]
                daemon.said.put_nowait({"following": []})
                daemon.happen(2)
                assert await words(one, 2) == await words(late, 2) == ["back", "id-2"]


@in_a_loop
async def test_nobody_is_told_what_is_not_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    async with hub(monkeypatch) as (daemon, made):
        with made.follow(ANNA) as agent, made.follow(SUE) as supervisor, made.follow(ADMIN) as admin:
            daemon.happen(1, agent="301", group="support")
            daemon.happen(2, agent="202", group="sales")
            daemon.happen(3, agent="201")
            daemon.happen(4, name="main")
            assert await words(admin, 4) == ["id-1", "id-2", "id-3", "id-4"]
            assert await words(supervisor, 2) == ["id-2", "id-3"]
            assert await words(agent, 1) == ["id-3"]


def test_before_the_daemon_has_answered_nothing_is_anybodys() -> None:
    reaches = Reaches(Agents())
    assert not reaches.sees(SUE, {"agent": "201"})
    assert reaches.sees(ADMIN, {"name": "main"})
    reaches.learn(AGENTS)
    assert reaches.sees(SUE, {"agent": "201"})
