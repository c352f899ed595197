"""Puts a past into a data folder, before the daemon starts on it: through the store, as all that is kept."""

import queue
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher

from proxy.demo.company.house import LOG_INS
from proxy.demo.waiting import DemoError
from routing.events import Event, Outbox
from routing.rows import UserRow
from routing.storage import Fault
from routing.store.queue import StoreQueue
from routing.store.sqlite import sqlite_store
from routing.writes import Unit

FILE: Final = "boomerang.db"
"""The database in a data folder."""
AT_ONCE: Final = 5000
"""Units that are written before the next ones are made: fewer than the store lets wait."""
PATIENCE: Final = 60.0
"""Seconds for these."""


class Nobody:
    """Nobody hears what was long ago."""

    outbox = Outbox.OFF

    def on_committed(self, events: Sequence[Event]) -> None:
        """Take no note."""


class Faults:
    """What the database would not take."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_fault(self, fault: Fault) -> None:
        """Take note of it."""
        if fault.text is not None:
            self.told.append(fault.text)


def log_ins(password: str, now: float) -> Unit:
    """Return the rows of everybody who may log in, all with one password."""
    kept = PasswordHasher().hash(password)
    return Unit(tuple(UserRow(one.name, one.role, one.groups, one.agent, kept, now, None) for one in LOG_INS))


def keep(data: Path, node: str, past: Iterable[Unit]) -> None:
    """Write all units into the database of the data folder, which is made where there is none. DemoError where it
    cannot be written. No daemon may run there meanwhile.
    """
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
    store = sqlite_store(data / FILE, posted.put, time.time, node, Nobody())
    faults = Faults()
    store.tell_faults_to(faults)
    units = iter(past)
    try:
        while some := list(islice(units, AT_ONCE)):
            for unit in some:
                store.put(unit)
            _settle(store, posted)
            if faults.told or not store.well:
                raise DemoError(f"{data / FILE}: {(*faults.told, 'cannot be written')[0]}")
    finally:
        store.close()


def _settle(store: StoreQueue, posted: "queue.SimpleQueue[Callable[[], None]]") -> None:
    """Wait until all that was put is written."""
    written: list[bool] = []
    store.settled(lambda: written.append(True))
    while not written:
        try:
            posted.get(timeout=PATIENCE)()
        except queue.Empty:
            raise DemoError(f"the past was not written within {PATIENCE:g} s") from None
    while not posted.empty():
        posted.get()()
