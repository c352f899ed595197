"""The barrier `settled`: what was answered can be read, at any door, in whatever thread or process."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

SHARE: Final = 4.0
"""A refresh comes no sooner after the last than this many times what that took: many who change things do not keep the
signalling thread busy with it."""


class Settling(Protocol):
    """What of the store the barrier asks."""

    def settled(self, done: Callable[[], None]) -> None:
        """See `routing.storage.Store.settled`."""


async def committed(store: Settling) -> None:
    """Return once whatever was put before this is committed, or at once while the database is in trouble."""
    done = asyncio.Event()
    store.settled(done.set)
    await done.wait()


class Barrier:
    """Stands between what a verb did and its answer."""

    def __init__(self, store: Settling, refresh: Callable[[], None]) -> None:
        """`refresh`: makes anew what other threads see of the daemon without asking it."""
        self._store, self._refresh = store, refresh
        self._next: asyncio.Event | None = None
        """Set by the refresh that those who wait now share."""
        self._not_before = 0.0

    async def settled(self) -> None:
        """Return once whatever was put before this is committed, or at once while the database is in trouble.

        From then on every reader sees it: the writer's own, one of another thread, one of another process.
        """
        await committed(self._store)
        if self._next is None:
            self._next = asyncio.Event()
            asyncio.get_running_loop().call_at(self._not_before, self._renew)
        await self._next.wait()

    def _renew(self) -> None:
        waiting, self._next = self._next, None
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            self._refresh()
        finally:
            ended = loop.time()
            self._not_before = ended + SHARE * (ended - began)
            if waiting is not None:
                waiting.set()
