"""One deadline that moves with almost every message, on few timers of the event loop."""

import asyncio
from collections.abc import Callable


class Deadline:
    """Calls `passed(reason)` once the latest deadline set has passed. Times are those of the loop.

    A later deadline leaves the timer as it is: it looks again when it rings. Only an earlier one replaces it.
    """

    __slots__ = ("_at", "_loop", "_passed", "_reason", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, passed: Callable[[str], None]) -> None:
        self._loop = loop
        self._passed = passed
        self._timer: asyncio.TimerHandle | None = None
        self._at = 0.0
        self._reason = ""

    def set(self, at: float, reason: str) -> None:
        """Replace the deadline."""
        self._at, self._reason = at, reason
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._ring)

    def cancel(self) -> None:
        """Forget the deadline."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        if self._loop.time() < self._at:
            self.set(self._at, self._reason)
        else:
            self._passed(self._reason)
