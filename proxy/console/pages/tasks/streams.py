"""A part of a page that stays true: rendered anew when something happens that it shows, and sent where it has changed.

Rules
- What is shown is asked for when somebody opens the stream, so that nothing between the page and its stream is lost.
- Several things that happen at once are one rendering, and the same text is not sent twice.
- While the daemon is away nothing is sent; once it is back the part is rendered anew.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

from sse_starlette import EventSourceResponse, ServerSentEvent

from proxy.console.asking import Asking
from proxy.console.live import Following
from proxy.control_client import ControlError

GATHER: Final = 0.15
"""Seconds in which what happens is one rendering."""
PING: Final = 15
"""Seconds between two signs of life."""

Render = Callable[[], Awaitable[str]]
"""Asks for what is shown, and makes it HTML. Raises ControlError."""
Shows = Callable[[str, Mapping[str, Any]], bool]
"""Whether a part shows what an event tells: its kind and its data."""


def part_stream(asking: Asking, name: str, render: Render, shows: Shows, every: Callable[[], float]) -> Any:
    """Return a stream of events called `name` with a part of a page.

    `every`: seconds after which it is rendered anew though nothing was told.
    """
    return EventSourceResponse(_parts(asking, name, render, shows, every), ping=PING,
                               headers={"cache-control": "no-store", "x-accel-buffering": "no"})


async def _parts(asking: Asking, name: str, render: Render, shows: Shows,
                 every: Callable[[], float]) -> AsyncIterator[ServerSentEvent]:
    last = None
    with asking.console.live.follow(asking.caller) as following:
        changes = _Changes(following, shows)
        try:
            while True:
                text = None
                with contextlib.suppress(ControlError):
                    text = await render()
                if text is not None and text != last:
                    last = text
                    yield ServerSentEvent(text, event=name)
                await changes.wait(every())
        finally:
            changes.close()


class _Changes:
    """Waits for what a part shows."""

    def __init__(self, following: Following, shows: Shows) -> None:
        self._shows = shows
        self._come = asyncio.Event()
        self._task = asyncio.ensure_future(self._read(following))

    async def wait(self, most: float) -> None:
        """Return once something has happened, or after `most` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most):
                await self._come.wait()
                await asyncio.sleep(GATHER)
        self._come.clear()

    def close(self) -> None:
        """Listen no more."""
        self._task.cancel()

    async def _read(self, following: Following) -> None:
        async for told in following:
            if told.item is None:
                if told.word != "away":
                    self._come.set()
            elif self._shows(str(told.item.get("kind", "")), told.item.get("data") or {}):
                self._come.set()
