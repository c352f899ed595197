"""Makes the store of a node that shares with others: its own file, and a PostgreSQL database."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from routing.events import Outbox
from routing.hub import Committed
from routing.store.cluster.store import ClusterStore, Sharing
from routing.store.database import Owner
from routing.store.postgres.changes import ChangeReader
from routing.store.postgres.connection import Address
from routing.store.postgres.engine import PostgresEngine
from routing.store.sqlite_engine import SqliteEngine
from routing.store.unshared import Unshared


def cluster_store(path: Path, address: str, post: Callable[[Callable[[], None]], object], clock: Callable[[], float],
                  node: str, events: Committed, steady: Callable[[], float] = time.monotonic) -> ClusterStore:
    """Make a store. `path`: the file; `address`: a `postgresql://` URL, ValueError where it is none; the rest as
    `StoreQueue` has it. Neither is waited for: a database in trouble heals behind us.
    """
    bell = threading.Event()
    engine = SqliteEngine(path, Owner(node, False), events.outbox, clock, steady, sharing=bell.set)
    where = Address(address, f"boomerang {node}")
    sharing = Sharing(bell, Unshared(path), PostgresEngine(where, node, Outbox.OFF, clock), Unshared(path),
                      ChangeReader(where, node, clock))
    return ClusterStore(engine, sharing, post, clock, node, events, steady)
