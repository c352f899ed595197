"""What stands behind a store, for tests that break it."""

from routing.store.queue import StoreQueue
from routing.store.sqlite_engine import SqliteEngine


def engine_of(store: StoreQueue) -> SqliteEngine:
    engine = store._engine
    assert isinstance(engine, SqliteEngine)
    return engine
