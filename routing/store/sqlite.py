"""The store on a SQLite file."""

import time
from collections.abc import Callable
from pathlib import Path

from routing.hub import Committed
from routing.store.database import Owner
from routing.store.queue import StoreQueue
from routing.store.sqlite_engine import SqliteEngine


def sqlite_store(path: Path, post: Callable[[Callable[[], None]], object], clock: Callable[[], float], node: str,
                 events: Committed, steady: Callable[[], float] = time.monotonic, shared: bool = False,
                 sharing: Callable[[], object] | None = None) -> StoreQueue:
    """Make a store. `shared`: whether other nodes, each with a name of its own, write to the file too; `sharing` as
    `SqliteEngine` has it; the rest as `StoreQueue` does.
    """
    engine = SqliteEngine(path, Owner(node, shared), events.outbox, clock, steady, sharing)
    return StoreQueue(engine, post, clock, node, events, steady)
