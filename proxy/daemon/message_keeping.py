"""Puts the messages of attempts and places on disk, so that the detail of a callback has them next week. Hears of them
from the hub. While they are under way what is new goes there again and again, all together: the memory of a busy node
reaches back less than a minute. Once one is over, the last answers are waited for. Writes in another thread.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Final, Protocol

from proxy.daemon.message_book import MessageBook
from proxy.logger import get_logger
from routing.events import Event
from routing.rows import CallRow

BEGINS: Final = ("callback.assigned", "place.held", "place.returned")
"""Events after which there are legs."""
ENDS: Final = ("callback.attempted", "callback.done", "callback.failed", "callback.expired", "callback.cancelled",
               "place.lost")
"""Events after which legs are over."""
KINDS: Final = (*BEGINS, *ENDS)
AGAIN: Final = 15.0
"""Seconds between two looks at what is under way."""
LONGEST: Final = 12 * 3600.0
"""Seconds after which something counts as over that nobody has told the end of."""
SETTLE: Final = 5.0
"""Seconds after such an event: a BYE and its answer, and the row of the call, have come by then."""
MOST: Final = 5_000
"""Attempts and requests that wait; further ones are left out."""


class Calls(Protocol):
    """Where rows of calls are read."""

    def calls_of(self, name: str) -> list[CallRow]:
        """Return the calls of an attempt, or of a request. Raises StoreError, or finds nothing."""

    def callers_of(self, calls: Sequence[CallRow]) -> list[CallRow]:
        """Return the calls of those whose places are among some. Raises StoreError, or finds nothing."""


class MessageKeeping:
    """A listener of the hub, and a chore. In the daemon's thread."""

    def __init__(self, book: MessageBook, reader: Calls, wall: Callable[[], float]) -> None:
        self._book, self._reader, self._wall = book, reader, wall
        self._due: dict[str, float] = {}
        """By attempt or request: when its messages are written."""
        self._under_way: dict[str, float] = {}
        """By attempt or request: since when."""
        self._again_at = wall()
        self._log = get_logger()

    def on_events(self, events: Sequence[Event]) -> None:
        for event in events:
            names = (event.data.get("attempt"), event.data.get("task"))
            for name in names:
                if not isinstance(name, str):
                    continue
                if event.kind in BEGINS and len(self._under_way) < MOST:
                    self._under_way[name] = self._wall()
                elif event.kind in ENDS:
                    self._under_way.pop(name, None)
                if event.kind not in BEGINS and len(self._due) < MOST:
                    self._due[name] = self._wall() + SETTLE

    async def turn(self) -> None:
        """Write what is due."""
        now = self._wall()
        due = [name for name, at in self._due.items() if at <= now or at > now + 2 * SETTLE]
        for name in due:
            del self._due[name]
        names = {*due, *self._open(now)}
        if not names:
            return
        calls = {call.id: call for call in await asyncio.to_thread(self._rows, names)}
        if calls:
            await asyncio.to_thread(self._book.save([*calls.values()]))

    def _open(self, now: float) -> list[str]:
        """Return what is under way, if it is time to look at it."""
        if self._again_at - AGAIN <= now < self._again_at:
            return []
        self._again_at = now + AGAIN
        for name in [name for name, since in self._under_way.items() if now - since > LONGEST]:
            del self._under_way[name]
        return [*self._under_way]

    def _rows(self, names: Collection[str]) -> list[CallRow]:
        calls = [call for name in names for call in self._reader.calls_of(name)]
        return [*calls, *self._reader.callers_of(calls)]

    async def run(self, pause: float) -> None:
        """Take turns until this is cancelled; what fails is a line in the log."""
        while True:
            await asyncio.sleep(pause)
            try:
                await self.turn()
            except Exception as error:
                self._log.warning("messages_not_kept", reason=str(error))
