"""Following events as they are committed, and how much the log says while the daemon runs.

Whoever follows events is a listener of the hub for as long as they do (`routing.hub`).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from proxy import log
from proxy.logger import Level
from proxy.verbs.shapes import events as shapes
from proxy.verbs.shapes.errors import ArgumentError
from proxy.verbs.shapes.fields import shown
from proxy.verbs.shapes.verb import Bound
from routing.events import SCHEMA
from routing.hub import KINDS, EventHub, Followed, Follower, Hearing

QUEUE_LIMIT: Final = 10_000
"""Events that wait for one who follows them; what comes then is left out, and they are told how many."""


class EventAnswers:
    """Answers `events` and `log.level`."""

    def __init__(self, level: Level, hub: EventHub, logged: Hearing,
                 kinds_at: Callable[[Level], frozenset[str] | None]) -> None:
        """`level`: of the log. `logged`: what of the events the log hears; `kinds_at`: what that is at a level."""
        self._level: Level = level
        self._hub, self._logged, self._kinds_at = hub, logged, kinds_at

    def bound(self) -> list[Bound]:
        """Every verb that is answered here."""
        return [shapes.EVENTS.streamed_by(self.events), shapes.LOG_LEVEL.by(self.log_level)]

    async def events(self, args: shapes.Follow) -> AsyncIterator[shapes.EventItem]:
        """Yield events for ever: those of the kinds that are named, all where none is."""
        kinds, come = _kinds(args.kinds), asyncio.Event()
        follower = Follower(kinds, QUEUE_LIMIT, come)
        hearing = self._hub.listen("follower", follower, kinds)
        try:
            yield {"following": sorted(kinds)}
            while True:
                await come.wait()
                come.clear()
                while (taken := follower.take()) is not None:
                    yield _item(taken)
        finally:
            hearing.stop()

    def log_level(self, args: shapes.LogLevel) -> shapes.LevelNow:
        """Say how much the log says; with `level` change that, until the process ends."""
        if args.level is not None:
            log.set_level(args.level)
            self._level = args.level
            self._logged.change(self._kinds_at(args.level))
        return {"level": self._level}


def _item(taken: Followed) -> shapes.EventItem:
    event, missed = taken
    item: shapes.EventItem = {"schema": SCHEMA, "id": event.id, "seq": event.seq, "time": event.time,
                              "kind": event.kind, "node": event.node, "data": event.data}
    if missed:
        item["missed"] = missed
    return item


def _kinds(named: Sequence[str]) -> frozenset[str]:
    """Return the kinds that are named, by themselves or by their first word. ArgumentError for one there is not."""
    if not named:
        return frozenset(KINDS)
    found: set[str] = set()
    for one in named:
        fitting = {kind for kind in KINDS if kind == one or kind.partition(".")[0] == one.removesuffix(".*")}
        if not fitting:
            raise ArgumentError("kinds", f"kinds: there is no event {shown(one)}: {', '.join(KINDS)}")
        found |= fitting
    return frozenset(found)
