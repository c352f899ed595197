"""Whether a password is right: slow on purpose, so in a thread, few at a time, and as slow for who does not exist."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

AT_ONCE: Final = 2
"""Passwords that are looked at at a time: each takes 64 MiB and a tenth of a second of a processor."""
WAITING: Final = 32
"""Passwords that wait for it; whoever comes when there are as many is told to try again."""
LONGEST: Final = 1_000
"""Characters of a password that is looked at."""


class BusyError(Exception):
    """Too many log in just now."""


class Passwords:
    """Looks at passwords."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._hasher = PasswordHasher()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one's turn, and have it for as long as the context lasts. Raises BusyError."""
        if self._waiting >= WAITING:
            raise BusyError
        self._waiting += 1
        try:
            async with self._slots:
                yield
        finally:
            self._waiting -= 1

    async def fits(self, hashed: str | None, password: str) -> bool:
        """Whether a password is the one with this hash; None: there is no such user, which takes as long to say.

        To be called in one's `turn`.
        """
        return await asyncio.to_thread(self._fits, hashed, password[:LONGEST])

    def _fits(self, hashed: str | None, password: str) -> bool:
        if hashed is None:
            self._hasher.hash(password)
            return False
        with contextlib.suppress(VerificationError, InvalidHashError):
            return self._hasher.verify(hashed, password)
        return False
