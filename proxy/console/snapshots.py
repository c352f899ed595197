"""How the node stands, for all who look at the board at a time: one snapshot a second at most, none while nobody looks.

A snapshot is what the verbs say to an admin; what somebody is shown of it is what is theirs (`Standing.seen_by`). A new
one is taken as soon as something happens, and every few seconds because waits grow.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol

from proxy.console.live import LiveHub
from proxy.console.reaches import CONSOLE, Reaches
from proxy.control_client import ControlError
from proxy.verbs.shapes.caller import Caller
from proxy.verbs.shapes.theirs import Reach

LEAST: Final = 1.0
"""Seconds from one snapshot to the next at least."""
MOST: Final = 5.0
"""Seconds after which one is taken though nothing happened."""
VERBS: Final = ("status", "alarms.list", "queues.list", "agents.list", "callbacks.figures")

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Peer:
    """A trunk or a PBX."""

    side: str
    """`trunk` or `pbx`."""
    name: str
    state: str
    since: float
    """Seconds since the epoch, as every moment here."""
    latency_ms: float | None


@dataclass(frozen=True)
class Standing:
    """How the node stands at a moment."""

    at: float
    there: bool
    """The daemon answered; else this is how it stood when it last did."""
    state: str
    calls: Facts
    """As `status` has them; empty where the daemon never answered."""
    peers: tuple[Peer, ...]
    """Those that fail first."""
    alarms: tuple[Facts, ...]
    queues: tuple[Facts, ...]
    """As `queues.list` has them."""
    agents: tuple[Facts, ...]
    """As `agents.list` has them; `since` is seconds since the epoch."""
    figures: Facts
    """As `callbacks.figures` has them: day, timezone, total, groups, numbers, campaigns."""

    def seen_by(self, reach: Reach, figures: Facts) -> "Standing":
        """Return what somebody is shown. `figures`: those that are theirs."""
        return replace(
            self, queues=tuple(one for one in self.queues if reach.has_group(one["group"])),
            agents=tuple(one for one in self.agents if reach.has_agent(one["extension"])),
            alarms=() if reach.role == "agent" else self.alarms, figures=figures)

    @property
    def unattended(self) -> int:
        """Callbacks that are due and that nobody has."""
        return sum(one["callbacks_due"] for one in self.queues)


COUNT_AGE: Final = 4.0
"""Seconds for which the number in a page's title is good enough."""
NOTHING: Final = Standing(0.0, False, "starting", {}, (), (), (), (), {})


class Asks(Protocol):
    """The way to the daemon."""

    async def call(self, verb: str, args: Mapping[str, Any], caller: Caller) -> Any:
        """Return the answer's data; raises ControlError."""


class Snapshots:
    """Takes snapshots for whoever looks. In one event loop."""

    def __init__(self, node: Asks, live: LiveHub, reaches: Reaches) -> None:
        self._node, self._live, self._reaches = node, live, reaches
        self._last = NOTHING
        self._taken_at = -LEAST
        self._taking = asyncio.Lock()
        self._viewers: set[asyncio.Event] = set()
        self._someone = asyncio.Event()
        self.taken = 0
        """How many were taken."""
        self._shown: dict[tuple[Any, ...], str] = {}

    async def latest(self, most_age: float = LEAST) -> Standing:
        """Return a snapshot that is no older than so many seconds; while the daemon is away the last one, which says
        so."""
        async with self._taking:
            if time.monotonic() - self._taken_at >= most_age:
                self._last = await self._take()
                self._taken_at = time.monotonic()
        return self._last

    async def of(self, caller: Caller, most_age: float = LEAST) -> Standing:
        """Return what somebody is shown of it."""
        return await self.seen(await self.latest(most_age), caller)

    async def unattended(self, caller: Caller) -> int | None:
        """Return how many callbacks wait for an agent, of those that somebody may see; None: the daemon is away."""
        standing = await self.latest(COUNT_AGE)
        return standing.seen_by(self._reaches.of(caller), {}).unattended if standing.there else None

    async def queues(self, caller: Caller) -> tuple[Facts, ...]:
        """Return the groups that somebody may see, as `queues.list` has them."""
        standing = await self.latest()
        return standing.seen_by(self._reaches.of(caller), {}).queues

    async def seen(self, standing: Standing, caller: Caller) -> Standing:
        """Return what somebody is shown of a snapshot."""
        reach = self._reaches.of(caller)
        if reach.everything:
            return standing
        figures: Facts = {}
        with contextlib.suppress(ControlError):
            figures = await self._node.call("callbacks.figures", {}, caller)
        return standing.seen_by(reach, figures)

    async def shown(self, standing: Standing, caller: Caller, language: str,
                    show: Callable[[Standing], str]) -> str:
        """Return how the last snapshot looks to somebody, made once for all to whom it looks alike."""
        key = (standing.at, standing.there, language, caller.role, caller.groups, caller.agent)
        text = self._shown.get(key)
        if text is None:
            seen = await self.seen(standing, caller)
            if any(one[:2] != key[:2] for one in self._shown):
                self._shown.clear()
            text = self._shown[key] = show(seen)
        return text

    async def watch(self) -> AsyncIterator[Standing]:
        """Yield a snapshot now and each new one, for as long as somebody looks."""
        come = asyncio.Event()
        self._viewers.add(come)
        self._someone.set()
        try:
            yield await self.latest()
            while True:
                await come.wait()
                come.clear()
                yield self._last
        finally:
            self._viewers.discard(come)
            if not self._viewers:
                self._someone.clear()

    async def run(self) -> None:
        """Take snapshots while somebody looks, until this is cancelled."""
        with self._live.follow(CONSOLE) as happening:
            coming: asyncio.Future[Any] = asyncio.ensure_future(anext(happening))
            try:
                while True:
                    await self._someone.wait()
                    await asyncio.wait({coming}, timeout=MOST)
                    if coming.done():
                        coming = asyncio.ensure_future(anext(happening))
                    await asyncio.sleep(max(0.0, self._taken_at + LEAST - time.monotonic()))
                    happening.forget()  # all that has happened until now is in what is taken now
                    await self.latest(0.0)
                    for come in self._viewers:
                        come.set()
            finally:
                coming.cancel()

    async def _take(self) -> Standing:
        self.taken += 1
        try:
            status, alarms, queues, agents, figures = await asyncio.gather(
                *(self._node.call(verb, {}, CONSOLE) for verb in VERBS))
        except ControlError:
            return replace(self._last, there=False)
        self._reaches.learn(agents)
        peers = [Peer(side, name, one["state"], epoch(one["since"]), one["latency_ms"])
                 for side, key in (("trunk", "trunks"), ("pbx", "pbxs")) for name, one in status[key].items()]
        return Standing(
            time.time(), True, status["state"], status["calls"],
            tuple(sorted(peers, key=lambda one: one.state == "up")),
            tuple({**one, "since": epoch(one["since"])} for one in alarms), tuple(queues),
            tuple({**one, "since": None if one["since"] is None else epoch(one["since"])} for one in agents), figures)


def epoch(moment: str) -> float:
    """Return seconds since the epoch of a moment as verbs write it (RFC 3339)."""
    return datetime.fromisoformat(moment).timestamp()
