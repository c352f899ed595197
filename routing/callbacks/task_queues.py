"""Queues of tasks that are due and wait for an agent, each in its campaign's order."""

import heapq
from collections.abc import Callable
from itertools import count
from typing import Final

from config.callbacks import Sort
from routing.callbacks.campaigns import sort_key
from routing.callbacks.task import Task

URGENT: Final = float("-inf")
"""Sorts before every time."""


class TaskQueue:
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
        task.entry = entry[1]
        heapq.heappush(self._entries, entry)
        self.size += 1

    def pop(self) -> Task | None:
        """Take the first one out; None: nobody waits."""
        while self._entries:
            _, serial, task = heapq.heappop(self._entries)
            if task.entry == serial:
                task.entry = None
                self.size -= 1
                return task
        return None

    def first(self) -> Task | None:
        """Return the first one, who stays; None: nobody waits."""
        while self._entries:
            _, serial, task = self._entries[0]
            if task.entry == serial:
                return task
            heapq.heappop(self._entries)
        return None

    def leave(self) -> None:
        """Count one that left without being taken."""
        self.size -= 1
        if not self.size:
            self._entries.clear()


class TaskQueues:
    """Every queue by its name. A task stands in one at most."""

    __slots__ = ("_queues", "_random", "_serial", "_where")

    def __init__(self, random: Callable[[], float]) -> None:
        """`random`: a number from 0 to 1."""
        self._random = random
        self._serial = count()
        self._queues: dict[tuple[str, ...], TaskQueue] = {}
        self._where: dict[str, tuple[str, ...]] = {}

    def join(self, task: Task, name: tuple[str, ...], order: Sort) -> None:
        """Let a task stand in a queue, and in no other."""
        self.leave(task)
        queue = self._queues.get(name)
        if queue is None:
            queue = self._queues[name] = TaskQueue(order, self._serial)
        queue.order = order
        queue.push(task, self._random)
        self._where[task.row.id] = name

    def leave(self, task: Task) -> None:
        """Let a task stand in none."""
        name = self._where.pop(task.row.id, None)
        if name is not None:
            task.entry = None
            queue = self._queues[name]
            queue.leave()
            if not queue.size:
                del self._queues[name]

    def take(self, name: tuple[str, ...]) -> Task | None:
        """Take the first task out of a queue."""
        queue = self._queues.get(name)
        task = queue.pop() if queue is not None else None
        if queue is not None and not queue.size:
            del self._queues[name]
        if task is not None:
            del self._where[task.row.id]
        return task

    def first(self, name: tuple[str, ...]) -> Task | None:
        """Return the first task of a queue, which stays in it."""
        queue = self._queues.get(name)
        return None if queue is None else queue.first()

    def names(self) -> list[tuple[str, ...]]:
        """Return the queues in which somebody stands."""
        return list(self._queues)

    def __contains__(self, name: tuple[str, ...]) -> bool:
        return name in self._queues

    def clear(self) -> None:
        """Send everybody away."""
        self._queues.clear()
        self._where.clear()
