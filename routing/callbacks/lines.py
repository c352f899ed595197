"""Lines of tasks that are due and wait for an agent, each in its campaign's order."""

import heapq
from collections.abc import Callable
from itertools import count
from typing import Final

from config.callbacks import Sort
from routing.callbacks.campaigns import sort_key
from routing.callbacks.task import Task

URGENT: Final = float("-inf")
"""Sorts before every time."""


class Line:
    """Tasks that wait for the same agents. Who leaves does so at once, its entry is passed over later."""

    __slots__ = ("_entries", "_serial", "order", "size")

    def __init__(self, order: Sort, serial: "count[int]") -> None:
        self.order = order
        self.size = 0
        self._entries: list[tuple[float, int, Task]] = []
        self._serial = serial

    def push(self, task: Task, random: Callable[[], float]) -> None:
        """Put a task into its place in the order."""
        row = task.row
        at = URGENT if task.urgent else sort_key(self.order, row.missed_at,
                                                 random() if self.order == "random" else 0.0)
        entry = (at, next(self._serial), task)
        task.place = entry[1]
        heapq.heappush(self._entries, entry)
        self.size += 1

    def pop(self) -> Task | None:
        """Take the first one out; None: nobody waits."""
        while self._entries:
            _, serial, task = heapq.heappop(self._entries)
            if task.place == serial:
                task.place = None
                self.size -= 1
                return task
        return None

    def left(self) -> None:
        """Count one that left without being taken."""
        self.size -= 1
        if not self.size:
            self._entries.clear()


class Lines:
    """Every line by its name. A task stands in one at most."""

    __slots__ = ("_lines", "_random", "_serial", "_where")

    def __init__(self, random: Callable[[], float]) -> None:
        """`random`: a number from 0 to 1."""
        self._random = random
        self._serial = count()
        self._lines: dict[tuple[str, ...], Line] = {}
        self._where: dict[str, tuple[str, ...]] = {}

    def join(self, task: Task, name: tuple[str, ...], order: Sort) -> None:
        """Let a task stand in a line, and in no other."""
        self.leave(task)
        line = self._lines.get(name)
        if line is None:
            line = self._lines[name] = Line(order, self._serial)
        line.order = order
        line.push(task, self._random)
        self._where[task.row.id] = name

    def leave(self, task: Task) -> None:
        """Let a task stand in none."""
        name = self._where.pop(task.row.id, None)
        if name is not None:
            task.place = None
            line = self._lines[name]
            line.left()
            if not line.size:
                del self._lines[name]

    def take(self, name: tuple[str, ...]) -> Task | None:
        """Take the first task out of a line."""
        line = self._lines.get(name)
        task = line.pop() if line is not None else None
        if line is not None and not line.size:
            del self._lines[name]
        if task is not None:
            del self._where[task.row.id]
        return task

    def names(self) -> list[tuple[str, ...]]:
        """Return the lines in which somebody stands."""
        return list(self._lines)

    def __contains__(self, name: tuple[str, ...]) -> bool:
        return name in self._lines

    def clear(self) -> None:
        """Send everybody away."""
        self._lines.clear()
        self._where.clear()
