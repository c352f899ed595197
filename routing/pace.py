"""How fast agents take who waits for each group, callers and places: what a caller's wait is estimated by."""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

SPAN: Final = 3600.0
"""Seconds that are looked back upon."""
MOST: Final = 1000
"""Callers of a group, the last ones, that are looked at."""


class Pace:
    """When agents took callers and places of each group that waited, within the last hour."""

    __slots__ = ("_taken", "_times")

    def __init__(self) -> None:
        self._times: dict[str, list[float]] = {}
        self._taken: dict[str, int] = {}

    def add(self, group: str, at: float, live: bool = True) -> None:
        """An agent took a caller of a group (`live`), or a place in its queue. `at`: seconds since the epoch."""
        times = self._times.setdefault(group, [])
        times.append(at if not times else max(at, times[-1]))
        del times[:max(len(times) - MOST, bisect_right(times, times[-1] - SPAN))]
        if live:
            self._taken[group] = self._taken.get(group, 0) + 1

    def restore(self, past: Iterable[tuple[str, float]]) -> None:
        """Begin with whom agents took before this process did: groups and moments, oldest first."""
        earlier: dict[str, list[float]] = {}
        for group, at in past:
            earlier.setdefault(group, []).append(at)
        for group, times in earlier.items():
            own = self._times.get(group, [])
            self._times[group] = sorted((*times, *own))[-MOST:]

    def taken(self, group: str) -> int:
        """Return how many callers of a group agents have taken since the start."""
        return self._taken.get(group, 0)

    def interval(self, group: str, now: float) -> float | None:
        """Return the mean seconds from one who is taken to the next; None where the last hour had no two.

        The time since the last one counts: where nobody is taken any more, the wait grows.
        """
        times = self._times.get(group, [])
        first = bisect_right(times, now - SPAN)
        count = len(times) - first
        return None if count < 2 else max(0.0, now - times[first]) / (count - 1)

    def wait(self, group: str, ahead: int, now: float) -> float | None:
        """Return the seconds until a caller with so many before them is next; None: nothing is known."""
        interval = self.interval(group, now)
        return None if interval is None else ahead * interval
