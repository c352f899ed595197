"""The store on a PostgreSQL server: what several nodes share."""

import time
from collections.abc import Callable

from routing.hub import Committed
from routing.store.postgres.connection import Address
from routing.store.postgres.engine import PostgresEngine
from routing.store.queue import StoreQueue


def postgres_store(address: str, post: Callable[[Callable[[], None]], object], clock: Callable[[], float], node: str,
                   events: Committed, steady: Callable[[], float] = time.monotonic) -> StoreQueue:
    """Make a store. `address`: a `postgresql://` URL; the rest as `StoreQueue` has it.

    Raises ValueError where that is none. A server that cannot be reached is waited for by the store's own thread; only
    the first try to connect is the caller's.
    """
    engine = PostgresEngine(Address(address, f"boomerang {node}"), node, events.outbox, clock)
    return StoreQueue(engine, post, clock, node, events, steady)
