"""Following events as they are committed, and how much the log says while the daemon runs.

An event that nobody hears is not made (`Ledger.listen_to`): MQTT hears all, the log what its level shows, and whoever
follows events all of them for as long as they do.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Any, Final, get_args

from proxy import log
from proxy.control import ControlError, Handler
from proxy.daemon.arguments import shown, word
from proxy.daemon.journal import HEARD
from routing.events import SCHEMA, Event, Kind

KINDS: Final = get_args(Kind)
QUEUE_LIMIT: Final = 10_000
"""Events that wait for one who follows them; what comes then is left out, and they are told how many."""
MOST_KINDS: Final = 100
"""Words that a follower may name."""


class _Follower:
    def __init__(self, kinds: Collection[str]) -> None:
        self.kinds = kinds
        self.waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue(QUEUE_LIMIT)
        self.missed = 0

    def add(self, event: Event) -> None:
        if event.kind not in self.kinds:
            return
        if self.waiting.full():
            self.missed += 1
            return
        item: dict[str, Any] = {"schema": SCHEMA, "id": event.id, "seq": event.seq, "time": event.time,
                                "kind": event.kind, "node": event.node, "data": event.data}
        if self.missed:
            item["missed"] = self.missed
            self.missed = 0
        self.waiting.put_nowait(item)


class EventFollowing:
    """Handlers of `events` and `log.level`."""

    def __init__(self, level: log.Level, everything: bool, listen_to: Callable[[frozenset[str] | None], None]) -> None:
        """`level`: of the log. `everything`: whether somebody else hears every event. `listen_to`: see Ledger."""
        self._level: log.Level = level
        self._everything = everything
        self._listen_to = listen_to
        self._followers: list[_Follower] = []
        self._listen()

    def table(self) -> dict[str, Handler]:
        """Every verb and its handler."""
        return {"events": self.events, "log.level": self.log_level}

    def told(self, events: Sequence[Event]) -> None:
        """Hand committed events to those who follow."""
        for follower in self._followers:
            for event in events:
                follower.add(event)

    async def events(self, args: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Yield events for ever: those of the kinds that are named, all where none is."""
        follower = _Follower(_kinds(args.get("kinds")))
        self._followers.append(follower)
        self._listen()
        try:
            yield {"following": sorted(follower.kinds)}
            while True:
                yield await follower.waiting.get()
        finally:
            self._followers.remove(follower)
            self._listen()

    def log_level(self, args: dict[str, Any]) -> dict[str, Any]:
        """Say how much the log says; with `level` change that, until the process ends."""
        wanted = word(args, "level")
        for level in get_args(log.Level):
            if wanted == level:
                log.set_level(level)
                self._level = level
                self._listen()
        if wanted not in (None, self._level):
            raise ControlError(f"level: {wanted!r} is none of {', '.join(get_args(log.Level))}")
        return {"level": self._level}

    def _listen(self) -> None:
        everything = self._everything or bool(self._followers)
        self._listen_to(None if everything else HEARD.get(self._level, frozenset()))


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
