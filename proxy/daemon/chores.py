"""What is done again and again while a node runs. A chore that fails is a line in the log, and is done again."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from proxy.core.contract import Journal

TICK: Final = 0.25
"""Seconds between two rounds of what is looked at all the time. One round, because waking up costs more than most of
what there is to do."""


class Chores:
    """Tasks of the loop, begun one by one and ended together."""

    def __init__(self, journal: Journal) -> None:
        """`journal` hears of chores that fail."""
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Begin something that goes on by itself; it ends with the others."""
        task = self._loop.create_task(work)
        self._tasks.append(task)
        return task

    def every(self, pause: float, chore: Callable[[], None]) -> None:
        """Do something each `pause` seconds from now on."""
        self.begin(self._every(pause, chore))

    def each_round(self, late: Callable[[float], None], chores: Sequence[Callable[[], None]]) -> None:
        """Do all of these each `TICK`; before them `late` is told how many seconds too late the round comes."""
        self.begin(self._rounds(late, chores))

    async def stop(self) -> None:
        """End them all, in the order in which they began."""
        for task in self._tasks:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _every(self, pause: float, chore: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(pause)
            self._do(chore)

    async def _rounds(self, late: Callable[[float], None], chores: Sequence[Callable[[], None]]) -> None:
        while True:
            before = self._loop.time()
            await asyncio.sleep(TICK)
            late(self._loop.time() - before - TICK)
            for chore in chores:
                self._do(chore)

    def _do(self, chore: Callable[[], None]) -> None:
        try:
            chore()
        except Exception as error:
            self._journal.failure(getattr(chore, "__name__", "chore"), error)
