"""The thread that keeps this node's leases: it beats, and tells whoever should know how that goes."""

import threading
from collections.abc import Callable
from typing import Final, Protocol

from routing.duty import BEAT, Fence
from routing.nodes_seen import Lag, NodesSeen
from routing.store.cluster.leases import Leases
from routing.store.engine import TroubleError
from routing.store.postgres.connection import Address
from routing.store.postgres.lease_table import LeaseTable, OtherProcessError

AGAIN: Final = 1.0
"""Seconds after which a beat that failed is tried again."""

SETTLE: Final = 0.1
"""Seconds from a change here to the beat that tells of it: many come together."""

STOPPING: Final = 10.0
"""Seconds that are waited for the thread to end."""


class LeaseListener(Protocol):
    """Hears how it goes, in the keeper's thread."""

    def on_leases(self, held: dict[str, int]) -> None:
        """Told of the leases that are ours with their epochs, when others are than were."""

    def on_trouble(self, why: str | None) -> None:
        """Told of a beat that failed, and of the first one that came through again (None)."""


class LeaseKeeper:
    """`routing.duty.Duty` with its thread. All but `Duty` is called in one thread."""

    def __init__(self, address: str, node: str, version: str, steady: Callable[[], float],
                 listener: LeaseListener, lag: Callable[[], Lag]) -> None:
        """`address`: of the shared database, a `postgresql://` URL. `steady`: seconds that go on while the machine
        sleeps, too. `lag`: how far behind this node is; any thread.

        Raises ValueError where that is no address.
        """
        self._wake, self._ends = threading.Event(), threading.Event()
        self._table = LeaseTable(Address(address, f"boomerang {node} leases"), node, version)
        self._leases = Leases(self._table, node, steady, self._wake.set, lag)
        self._version = version
        self._listener = listener
        self._told: dict[str, int] = {}
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    # Duty

    def holds(self, name: str) -> bool:
        return self._leases.holds(name)

    def fence(self, name: str) -> Fence | None:
        return self._leases.fence(name)

    def goes_on(self, name: str) -> bool:
        return self._leases.goes_on(name)

    def may_dial(self) -> bool:
        return self._leases.may_dial()

    def is_gone(self, node: str) -> bool:
        return self._leases.is_gone(node)

    def gone(self) -> frozenset[str]:
        return self._leases.gone()

    def drain(self) -> None:
        self._leases.drain()

    def resume(self) -> None:
        self._leases.resume()

    # What is looked at

    def seen(self) -> NodesSeen:
        """Return all nodes as they were seen last. Never waits; any thread."""
        return self._leases.seen(self._version, self._trouble)

    # Its life

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Give everything back, and say that this node is not there any more."""
        self._ends.set()
        self._wake.set()
        self._thread.join(STOPPING)

    def _run(self) -> None:
        pause = 0.0
        while not self._ends.is_set():
            if self._wake.wait(pause):
                self._wake.clear()
                self._ends.wait(SETTLE)
            if not self._ends.is_set():
                pause = self._beat()
        try:
            self._leases.leave()
        except TroubleError:
            self._table.close()

    def _beat(self) -> float:
        try:
            pause = self._leases.beat()
        except TroubleError as error:
            self._tell(str(error))
            return BEAT if isinstance(error, OtherProcessError) else AGAIN
        self._tell(None)
        return pause

    def _tell(self, trouble: str | None) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._listener.on_trouble(trouble)
        held = self._leases.held
        if held != self._told:
            self._told = held
            self._listener.on_leases(held)
