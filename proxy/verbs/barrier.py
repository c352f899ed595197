"""The barrier `settled`: what was answered can be read, at any door, in whatever thread or process."""

import asyncio
from collections.abc import Callable
from typing import Protocol


class Settling(Protocol):
    """What of the store the barrier asks."""

    def settled(self, done: Callable[[], None]) -> None:
        """See `routing.storage.Store.settled`."""


class Barrier:
    """Stands between what a verb did and its answer."""

    def __init__(self, store: Settling, refresh: Callable[[], None]) -> None:
        """`refresh`: makes anew what other threads see of the daemon without asking it."""
        self._store, self._refresh = store, refresh

    async def settled(self) -> None:
        """Return once whatever was put before this is committed, or at once while the database is in trouble.

        From then on every reader sees it: the writer's own, one of another thread, one of another process.
        """
        committed = asyncio.Event()
        self._store.settled(committed.set)
        await committed.wait()
        self._refresh()
