"""A ledger over a real database file, for verbs that are asked in a loop of their own."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from config.policy import parse_policy
from routing.store.reader import Reader
from routing.store.sqlite import sqlite_store
from tests.kit.ledger_parts import LedgerParts
from tests.kit.told import Told
from tests.kit.waiting import eventually

NOW = 1_795_000_000.0


class OnDisk:
    """What the store tells comes in the loop that is running, else at once."""

    def __init__(self, path: Path, policy: str) -> None:
        self.path = path
        self.loop: asyncio.AbstractEventLoop | None = None
        self.store = sqlite_store(path, self.post, lambda: NOW, "edge1", Told())
        eventually(lambda: self.store.well, "the database is open")
        self.parts = LedgerParts(self.store, parse_policy(policy), {})
        self.ledger = self.parts.ledger
        self.reader = Reader(path, "edge1", strict=True)

    def post(self, what: Callable[[], None]) -> None:
        what() if self.loop is None else self.loop.call_soon_threadsafe(what)

    def close(self) -> None:
        self.reader.close()
        self.store.close()
