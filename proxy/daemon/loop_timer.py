"""The loop's one wake-up for all timers of a node."""

import asyncio
from collections.abc import Callable
from typing import Final

from proxy.core.contract import Journal
from proxy.sip.timers import Timers

TIMER_GRAIN: Final = 0.05
"""Seconds; timers that are due closer together share one wake-up. A tenth of T1: no far end can tell."""


class LoopTimer:
    """Runs the timers when the first of them is due, or with others that are due before it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, behind: Callable[[], float], journal: Journal) -> None:
        """`behind`: by how many seconds what is read is older than now. `journal` hears of timers that fail."""
        self._loop, self._behind, self._journal = loop, behind, journal
        self.timers = Timers(self._wake_at)
        self._armed: asyncio.TimerHandle | None = None
        self._armed_at = 0.0

    def _wake_at(self, due: float) -> None:
        if self._armed is not None and self._armed_at <= due:
            return
        at = max(due, self._loop.time() + TIMER_GRAIN)
        if self._armed is not None:
            if self._armed_at <= at:
                return  # not put off: under load this is asked more often than once a grain
            self._armed.cancel()
        self._armed_at = at
        self._armed = self._loop.call_at(self._armed_at, self._due)

    def _due(self) -> None:
        self._armed = None
        try:
            # What has arrived before a timer was due is heard before the timer: nothing is repeated, and nobody given
            # up, whose answer only waits to be read.
            self.timers.run(self._loop.time() - self._behind())
        except Exception as error:
            self._journal.failure("timer", error)
        due = self.timers.next()
        if due is not None:
            self._wake_at(due)
