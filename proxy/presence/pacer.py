"""So many a second and no more: what hundreds of agents ask of one PBX is spread out."""

from collections import deque
from collections.abc import Callable

from proxy.sip.timers import Timers


class Pacer:
    """A queue of actions, each done a while after the one before."""

    __slots__ = ("_due", "_free_at", "_interval", "_queue", "_timers")

    def __init__(self, timers: Timers, rate: float) -> None:
        """`rate`: actions a second."""
        self._timers = timers
        self._interval = 1.0 / rate
        self._queue: deque[Callable[[float], None]] = deque()
        self._free_at = 0.0
        self._due = False

    def put(self, action: Callable[[float], None], now: float) -> None:
        """Have `action(now)` done in its turn, by a timer in any case: nothing happens before this returns."""
        self._queue.append(action)
        self._wait(now)

    def _wait(self, now: float) -> None:
        if self._queue and not self._due:
            self._due = True
            self._timers.at(max(now, self._free_at), self._next)

    def _next(self, now: float) -> None:
        self._due = False
        action = self._queue.popleft()
        self._free_at = now + self._interval
        try:
            action(now)
        finally:
            self._wait(now)
