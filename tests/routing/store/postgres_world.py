"""A store on a PostgreSQL server, with a thread that runs when told."""

from routing.events import Outbox
from routing.storage import Fault
from routing.writes import Unit
from tests.kit.told import Told
from tests.routing.world import BEGIN, Loop


class PostgresWorld:
    """One node, whose clock stands still."""

    def __init__(self, where: str, node: str = "edge1", outbox: Outbox = Outbox.PLAIN) -> None:
        from routing.store.postgres.store import postgres_store

        self.loop = Loop()
        self.faults: list[Fault] = []
        told = Told(outbox)
        self.events = told.events
        self.store = postgres_store(where, self.loop.post, lambda: BEGIN, node, told)
        self.store.tell_faults_to(self)

    def on_fault(self, fault: Fault) -> None:
        self.faults.append(fault)

    def commit(self) -> None:
        """Wait until everything so far is committed and told."""
        done: list[bool] = []
        self.store.put(Unit(), lambda: done.append(True))
        self.loop.until(lambda: done)

    def close(self) -> None:
        self.store.close()
        self.loop.run()
