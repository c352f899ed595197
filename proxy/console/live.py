"""Events as they happen, for pages and API: one stream from the daemon for the whole process, told to all who follow.

Rules
- The daemon is asked once, whoever follows: by the verb `events`, in the console's own name. Who is shown which event
  is judged here, by the rule of the daemon's own doors.
- The last events are kept, so that who was away for a moment and says which one they heard last misses none.
- Each who follows has a queue of their own. One that is full loses what comes, and they are told how many; nobody
  waits for them.
- While the daemon is away they are told so, once; the hub asks again after a pause, and tells them when it is back.
  What happened meanwhile is not told: whoever shows a state reads it anew then.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from proxy.console.reaches import CONSOLE
from proxy.control_client import ControlError
from proxy.verbs.shapes.caller import Caller

KEPT: Final = 2_000
"""Events that are kept for who comes back."""
WAITING: Final = 1_000
"""Events that wait for one who follows."""
PAUSES: Final = (0.2, 0.5, 1.0, 2.0)
"""Seconds until the daemon is asked again, the last one for ever."""
RENEWED: Final = 5.0
"""Seconds after which it is asked again who belongs to which group, while somebody follows."""

Word = Literal["event", "missed", "away", "back"]


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that a follower is told."""

    word: Word
    """`event`; `missed`: some were left out; `away`, `back`: the daemon."""
    id: str = ""
    """Of an event, UUID version 7; it is what a Last-Event-ID holds."""
    item: Mapping[str, Any] | None = None
    """An event as on MQTT: schema, id, seq, time (RFC 3339), kind, node, data."""
    missed: int | None = None
    """So many were left out; None: nobody knows how many."""


class Asks(Protocol):
    """The way to the daemon."""

    def stream(self, verb: str, args: Mapping[str, Any], caller: Caller) -> AsyncIterator[Any]:
        """Yield the items of a verb that streams; raises ControlError."""


class Sees(Protocol):
    """Who is shown what."""

    async def refresh(self) -> None:
        """Ask anew what is whose. Raises nothing while the daemon is away."""

    def sees(self, caller: Caller, data: Mapping[str, Any]) -> bool:
        """Whether an event with these facts is shown to somebody."""


class Following:
    """One who follows; an asynchronous iterator of `Told`, without an end."""

    def __init__(self, caller: Caller, sees: Sees, limit: int = WAITING) -> None:
        self.caller, self._sees, self._limit = caller, sees, limit
        self._waiting: deque[Told] = deque()
        self._missed = 0
        self._come = asyncio.Event()

    def tell(self, told: Told) -> None:
        """Have them told something, if they may know."""
        if told.item is not None and not self._sees.sees(self.caller, told.item.get("data") or {}):
            return
        if len(self._waiting) >= self._limit:
            self._missed += 1
            return
        if self._missed:
            self._waiting.append(Told("missed", missed=self._missed))
            self._missed = 0
        self._waiting.append(told)
        self._come.set()

    def forget(self) -> None:
        """Leave out what waits, unsaid."""
        self._waiting.clear()
        self._missed = 0

    def __aiter__(self) -> "Following":
        return self

    async def __anext__(self) -> Told:
        while not self._waiting:
            if self._missed:
                missed, self._missed = self._missed, 0
                return Told("missed", missed=missed)
            self._come.clear()
            await self._come.wait()
        return self._waiting.popleft()


class LiveHub:
    """The events of one daemon, for all who follow them in this process. In one event loop."""

    def __init__(self, node: Asks, sees: Sees, kept: int = KEPT) -> None:
        """`sees`: who is shown what."""
        self._node, self._sees = node, sees
        self._kept: deque[Told] = deque(maxlen=kept)
        self._following: set[Following] = set()
        self.there = False
        """Whether the daemon's events come."""

    async def run(self) -> None:
        """Follow the daemon until this is cancelled."""
        tries = 0
        while True:
            with contextlib.suppress(ControlError):
                async for item in self._node.stream("events", {}, CONSOLE):
                    tries = 0
                    if "following" in item:  # the daemon has taken us on: whatever happens from now on is told
                        await self._sees.refresh()
                        self.there = True
                        self._tell(Told("back"))
                    else:
                        self._on_item(item)
            if self.there:
                self.there = False
                self._tell(Told("away"))
            await asyncio.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1

    async def renew(self) -> None:
        """Ask now and then what is whose, while somebody follows who does not see everything."""
        while True:
            await asyncio.sleep(RENEWED)
            if any(one.caller.role != "admin" for one in self._following):
                await self._sees.refresh()

    def _on_item(self, item: Mapping[str, Any]) -> None:
        if item.get("missed"):
            self._kept.clear()
            self._tell(Told("missed", missed=int(item["missed"])))
        told = Told("event", str(item["id"]), {key: value for key, value in item.items() if key != "missed"})
        self._kept.append(told)
        self._tell(told)

    def _tell(self, told: Told) -> None:
        if told.word != "event":
            self._kept.append(told)  # who comes back over such a moment is told of it too
        for one in self._following:
            one.tell(told)

    @property
    def followers(self) -> int:
        """How many follow, the console itself left out."""
        return sum(one.caller is not CONSOLE for one in self._following)

    @contextlib.contextmanager
    def follow(self, caller: Caller, last: str | None = None) -> Iterator[Following]:
        """Have somebody follow for as long as the context lasts: first what came after the event `last` (its id), then
        everything that happens. `missed` comes first where that event is not kept any more; `away` where the daemon is.
        """
        one = Following(caller, self._sees, WAITING + len(self._kept))
        if last is not None:
            for told in self._after(last):
                one.tell(told)
        if not self.there:
            one.tell(Told("away"))
        self._following.add(one)
        try:
            yield one
        finally:
            self._following.discard(one)

    def _after(self, last: str) -> list[Told]:
        kept = list(self._kept)
        place = next((place for place, told in enumerate(kept) if told.id == last), None)
        return [Told("missed")] if place is None else kept[place + 1:]
