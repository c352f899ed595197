"""Whether the wall clock was set: seen from a clock that only goes on."""

from collections.abc import Callable
from typing import Final

SLACK: Final = 1.0
"""Seconds by which the clocks may drift apart between two looks: a time server that slews, a look that was held up."""


class ClockWatch:
    """Compares two clocks, look by look."""

    def __init__(self, wall: Callable[[], float], clock: Callable[[], float]) -> None:
        """`wall`: seconds since the epoch; `clock`: monotonic."""
        self._wall, self._clock = wall, clock
        self._ahead = wall() - clock()

    def look(self) -> float:
        """Return by how many seconds the wall clock was set forward (back: negative) since the last look; 0: not."""
        before, self._ahead = self._ahead, self._wall() - self._clock()
        moved = self._ahead - before
        return moved if abs(moved) > SLACK else 0.0
