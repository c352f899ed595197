"""What stands behind a store, for tests that break it."""

from typing import TYPE_CHECKING

from routing.events import Outbox
from routing.store.queue import StoreQueue
from routing.store.sqlite_engine import SqliteEngine
from tests.routing.world import BEGIN

if TYPE_CHECKING:
    from routing.store.postgres.engine import PostgresEngine


def engine_of(store: StoreQueue) -> SqliteEngine:
    engine = store._engine
    assert isinstance(engine, SqliteEngine)
    return engine


def postgres_engine(where: str, node: str, outbox: Outbox = Outbox.PLAIN) -> "PostgresEngine":
    """One on a PostgreSQL server, not open yet. Imported only now: not every installation has its driver."""
    from routing.store.postgres.connection import Address
    from routing.store.postgres.engine import PostgresEngine

    return PostgresEngine(Address(where, f"boomerang {node}"), node, outbox, lambda: BEGIN)
