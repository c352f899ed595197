"""What is to happen to a task at which moment: one heap."""

import heapq
from typing import Final, Literal

from routing.callbacks.task import Task

What = Literal["due", "release", "expire", "wake"]
"""`due`: it may be tried; `release`: its responsible had time enough; `expire`: its window is over; `wake`: look again
whether it can be placed."""

_RANK: Final[dict[What, int]] = {"expire": 0, "due": 1, "release": 2, "wake": 3}
"""Which comes first of one moment: who has expired is not tried."""


class DueTimes:
    """Moments of tasks, in order. Whoever takes one looks whether it still holds: times change."""

    __slots__ = ("_heap", "_serial")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, int, What, Task]] = []
        self._serial = 0

    def __len__(self) -> int:
        return len(self._heap)

    def note(self, at: float, what: What, task: Task) -> None:
        """Have something happen at a moment."""
        self._serial += 1
        heapq.heappush(self._heap, (at, _RANK[what], self._serial, what, task))

    def first(self) -> float | None:
        """Return the next moment; None: none."""
        return self._heap[0][0] if self._heap else None

    def take(self, now: float) -> tuple[What, Task] | None:
        """Return the next thing whose moment has come; None: nothing has."""
        if not self._heap or self._heap[0][0] > now:
            return None
        found = heapq.heappop(self._heap)
        return found[3], found[4]

    def clear(self) -> None:
        """Forget everything."""
        self._heap.clear()
