"""Snapshots: one for all who look, none while nobody does, and the last one while the daemon is away."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from proxy.console import snapshots as module
from proxy.console.live import LiveHub
from proxy.console.reaches import Reaches
from proxy.console.snapshots import Snapshots
from proxy.control_client import NotRunningError
from proxy.verbs.shapes.caller import Caller
from tests.kit.waiting import PATIENCE

MOMENT = "2026-11-23T12:00:00.000Z"
SUE = Caller("sue", "supervisor", "console", frozenset({"sales"}))
ADMIN = Caller("root", "admin", "console")
ANSWERS: Mapping[str, Any] = {
    "status": {"state": "running", "calls": {"active": 1}, "trunks": {
        "main": {"state": "up", "since": MOMENT, "latency_ms": 1.0},
        "second": {"state": "down", "since": MOMENT, "latency_ms": None}}, "pbxs": {}},
    "alarms.list": [{"name": "trunk_second", "text": "x", "since": MOMENT, "by_hand": False}],
    "queues.list": [{"group": "sales", "callbacks_due": 2}, {"group": "support", "callbacks_due": 3}],
    "agents.list": [{"extension": "201", "groups": ["sales"], "since": None},
                    {"extension": "301", "groups": ["support"], "since": MOMENT}],
    "callbacks.figures": {"total": {}},
}


class Daemon:
    """Answers, and says what happens."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.there = True
        self.happens: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def call(self, verb: str, args: Mapping[str, Any], caller: Caller) -> Any:
        self.asked[verb] += 1
        if not self.there:
            raise NotRunningError("gone")
        return ANSWERS[verb]

    async def stream(self, verb: str, args: Mapping[str, Any], caller: Caller) -> AsyncIterator[Any]:
        yield {"following": []}
        while True:
            yield await self.happens.get()

    def happen(self) -> None:
        self.happens.put_nowait({"id": "x", "kind": "call.ended", "data": {}})


class Stage:
    """Snapshots over a daemon that is played, going on."""

    def __init__(self) -> None:
        self.daemon = Daemon()
        reaches = Reaches(self.daemon)
        live = LiveHub(self.daemon, reaches)
        self.snapshots = Snapshots(self.daemon, live, reaches)
        self._tasks = [asyncio.ensure_future(work) for work in (live.run(), self.snapshots.run())]

    async def close(self) -> None:
        for one in self._tasks:
            one.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def play(monkeypatch: pytest.MonkeyPatch, act: Any, least: float = 0.0) -> None:
    async def run() -> None:
        stage = Stage()
        try:
            async with asyncio.timeout(PATIENCE):
                await act(stage)
        finally:
            await stage.close()

    monkeypatch.setattr(module, "LEAST", least)
    monkeypatch.setattr(module, "MOST", 3600.0)
    asyncio.run(run())


def test_nothing_is_asked_while_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(stage: Stage) -> None:
        for _ in range(5):
            stage.daemon.happen()
            await asyncio.sleep(0)
        while not stage.daemon.happens.empty():
            await asyncio.sleep(0)
        assert stage.daemon.asked["status"] == 0

    play(monkeypatch, act)


def test_all_who_look_see_one_snapshot_of_each_change(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(stage: Stage) -> None:
        looking = [stage.snapshots.watch() for _ in range(10)]
        await asyncio.gather(*map(anext, looking))
        before = stage.daemon.asked["status"]
        stage.daemon.happen()
        seen = await asyncio.gather(*map(anext, looking))
        assert len({id(one) for one in seen}) == 1
        assert stage.daemon.asked["status"] == before + 1

    play(monkeypatch, act)


def test_who_asks_at_once_shares_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(stage: Stage) -> None:
        await asyncio.gather(*(stage.snapshots.of(ADMIN, 3600.0) for _ in range(10)))
        assert stage.daemon.asked["status"] == 1

    play(monkeypatch, act, 3600.0)


def test_what_fails_comes_first_and_each_sees_what_is_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(stage: Stage) -> None:
        everything = await stage.snapshots.of(ADMIN)
        assert [peer.name for peer in everything.peers] == ["second", "main"]
        assert everything.unattended == 5
        theirs = await stage.snapshots.of(SUE)
        assert [one["group"] for one in theirs.queues] == ["sales"]
        assert [one["extension"] for one in theirs.agents] == ["201"]
        assert theirs.unattended == 2
        agents = await stage.snapshots.of(Caller("anna", "agent", "console", agent="201"))
        assert (agents.alarms, [one["extension"] for one in agents.agents]) == ((), ["201"])

    play(monkeypatch, act)


def test_while_the_daemon_is_away_the_last_one_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(stage: Stage) -> None:
        assert (await stage.snapshots.of(ADMIN)).there
        stage.daemon.there = False
        last = await stage.snapshots.of(ADMIN, 0.0)
        assert (last.there, len(last.queues)) == (False, 2)
        stage.daemon.there = True
        assert (await stage.snapshots.of(ADMIN, 0.0)).there

    play(monkeypatch, act)


def test_how_it_looks_is_made_once_for_all_to_whom_it_looks_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(stage: Stage) -> None:
        made: list[str] = []

        def show(standing: module.Standing) -> str:
            made.append("x")
            return f"{len(standing.queues)} queues"

        standing = await stage.snapshots.latest()
        for caller in (ADMIN, Caller("other", "admin", "console"), SUE, SUE):
            await stage.snapshots.shown(standing, caller, "hu", show)
        assert len(made) == 2
        assert await stage.snapshots.shown(standing, SUE, "hu", show) == "1 queues"
        assert await stage.snapshots.shown(standing, SUE, "de", show) == "1 queues"
        assert len(made) == 3

    play(monkeypatch, act)


def test_the_title_counts_what_somebody_may_see(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(stage: Stage) -> None:
        assert [await stage.snapshots.unattended(caller) for caller in (ADMIN, SUE)] == [5, 2]
        assert stage.snapshots.taken == 1, "one for all who ask within some seconds"
        stage.daemon.there = False
        monkeypatch.setattr(module, "COUNT_AGE", 0.0)
        assert await stage.snapshots.unattended(ADMIN) is None

    play(monkeypatch, act)
