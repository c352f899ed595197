"""Following events as they are committed, and how much the log says while the daemon runs.

Whoever follows events is a listener of the hub for as long as they do (`routing.hub`).
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final, get_args

from proxy import log
from proxy.control import ControlError, Handler
from proxy.daemon.arguments import shown, word
from proxy.daemon.journal import kinds_at
from routing.events import SCHEMA
from routing.hub import KINDS, EventHub, Followed, Follower, Hearing

QUEUE_LIMIT: Final = 10_000
"""Events that wait for one who follows them; what comes then is left out, and they are told how many."""
MOST_KINDS: Final = 100
"""Words that a follower may name."""


class EventFollowing:
    """Handlers of `events` and `log.level`."""

    def __init__(self, level: log.Level, hub: EventHub, logged: Hearing) -> None:
        """`level`: of the log. `logged`: what of the events the log hears."""
        self._level: log.Level = level
        self._hub, self._logged = hub, logged

    def table(self) -> dict[str, Handler]:
        """Every verb and its handler."""
        return {"events": self.events, "log.level": self.log_level}

    async def events(self, args: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Yield events for ever: those of the kinds that are named, all where none is."""
        kinds, come = _kinds(args.get("kinds")), asyncio.Event()
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

    def log_level(self, args: dict[str, Any]) -> dict[str, Any]:
        """Say how much the log says; with `level` change that, until the process ends."""
        wanted = word(args, "level")
        for level in get_args(log.Level):
            if wanted == level:
                log.set_level(level)
                self._level = level
                self._logged.change(kinds_at(level))
        if wanted not in (None, self._level):
            raise ControlError(f"level: {wanted!r} is none of {', '.join(get_args(log.Level))}")
        return {"level": self._level}


def _item(taken: Followed) -> dict[str, Any]:
    event, missed = taken
    item: dict[str, Any] = {"schema": SCHEMA, "id": event.id, "seq": event.seq, "time": event.time,
                            "kind": event.kind, "node": event.node, "data": event.data}
    return {**item, "missed": missed} if missed else item


def _kinds(named: object) -> frozenset[str]:
    """Return the kinds that are named, by themselves or by their first word. ControlError for one that there is not."""
    if named is None or named == []:
        return frozenset(KINDS)
    if not isinstance(named, list) or len(named) > MOST_KINDS or not all(isinstance(one, str) for one in named):
        raise ControlError("kinds: a list of texts")
    found: set[str] = set()
    for one in named:
        fitting = {kind for kind in KINDS if kind == one or kind.partition(".")[0] == one.removesuffix(".*")}
        if not fitting:
            raise ControlError(f"kinds: there is no event {shown(one)}: {', '.join(KINDS)}")
        found |= fitting
    return frozenset(found)
