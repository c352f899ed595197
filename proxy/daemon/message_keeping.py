"""Puts the messages of attempts and places on disk once these are over, so that the detail of a callback has them next
week. Hears of them from the hub, waits until the last answers have passed, and writes in another thread.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog

from proxy.daemon.message_book import MessageBook
from routing.events import Event
from routing.rows import CallRow

KINDS: Final = ("callback.attempted", "callback.done", "callback.failed", "callback.expired", "callback.cancelled",
                "place.lost", "place.returned")
"""Events after which legs are over."""
SETTLE: Final = 5.0
"""Seconds after such an event: a BYE and its answer, and the row of the call, have come by then."""
MOST: Final = 5_000
"""Attempts and requests that wait; further ones are left out."""


class Calls(Protocol):
    """Where rows of calls are read."""

    def calls_of(self, name: str) -> list[CallRow]:
        """Return the calls of an attempt, or of a request. Raises StoreError, or finds nothing."""


class MessageKeeping:
    """A listener of the hub, and a chore. In the daemon's thread."""

    def __init__(self, book: MessageBook, reader: Calls, wall: Callable[[], float]) -> None:
        self._book, self._reader, self._wall = book, reader, wall
        self._due: dict[str, float] = {}
        """By attempt or request: when its messages are written."""
        self._log = structlog.get_logger()

    def on_events(self, events: Sequence[Event]) -> None:
        for event in events:
            names = (event.data.get("attempt"), event.data.get("task"))
            for name in names:
                if isinstance(name, str) and len(self._due) < MOST:
                    self._due[name] = self._wall() + SETTLE

    async def turn(self) -> None:
        """Write what is due."""
        now = self._wall()
        names = [name for name, at in self._due.items() if at <= now or at > now + 2 * SETTLE]
        if not names:
            return
        for name in names:
            del self._due[name]
        calls = {call.id: call for call in await asyncio.to_thread(self._rows, names)}
        if calls:
            await asyncio.to_thread(self._book.save([*calls.values()]))

    def _rows(self, names: Sequence[str]) -> list[CallRow]:
        return [call for name in names for call in self._reader.calls_of(name)]

    async def run(self, pause: float) -> None:
        """Take turns until this is cancelled; what fails is a line in the log."""
        while True:
            await asyncio.sleep(pause)
            try:
                await self.turn()
            except Exception as error:
                self._log.warning("messages_not_kept", reason=str(error))
