"""How the demo waits: for one thing at a time, never without a deadline."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

PATIENCE: Final = 20.0
"""Seconds that a wait may last."""

Found = TypeVar("Found")


class DemoError(Exception):
    """Something was not as it should be; the text says what, as the reason beside a proof."""


def expect(holds: bool, reason: str) -> None:
    """Raise DemoError(reason) unless it holds."""
    if not holds:
        raise DemoError(reason)


class News:
    """Wakes whoever waits when anything happened, on whatever socket."""

    def __init__(self) -> None:
        self._next = asyncio.Event()
        self.oddities: list[str] = []
        """What was heard and cannot be; a wait that fails tells of it."""

    def happened(self) -> None:
        """Let every waiter look again."""
        self._next.set()
        self._next = asyncio.Event()

    def odd(self, text: str) -> None:
        """Remember something that should not have come."""
        self.oddities.append(text)
        self.happened()

    async def until(self, look: Callable[[], Found | None], what: str) -> Found:
        """Wait until `look` gives something and return it; DemoError naming `what` after `PATIENCE`."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not (found := look()):
                    await self._next.wait()
        except TimeoutError:
            odd = f" ({'; '.join(self.oddities)})" if self.oddities else ""
            raise DemoError(f"{what} did not come within {PATIENCE:g} s{odd}") from None
        return found

    async def within(self, seconds: float, look: Callable[[], Found | None]) -> Found | None:
        """Wait until `look` gives something and return it; None where it has not after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while not (found := look()):
                    await self._next.wait()
        except TimeoutError:
            return None
        return found
