"""Nodes that share a database, each with a file of its own and a thread that runs when told."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from routing.rows import AttemptRow, TaskRow
from routing.storage import ChangedRows, Fault
from routing.writes import EMPTY_UNIT, Unit
from tests.kit.told import Told
from tests.kit.waiting import LOOK_EVERY, PATIENCE
from tests.routing.world import BEGIN, Loop

T = TypeVar("T")


class Node:
    """One node, whose clocks stand still until somebody sets them."""

    def __init__(self, folder: Path, address: str, name: str) -> None:
        from routing.store.cluster.opening import cluster_store

        folder.mkdir(parents=True, exist_ok=True)
        self.name, self.path = name, folder / f"{name}.db"
        self.loop = Loop()
        self.now = BEGIN
        self.faults: list[Fault] = []
        self.stale: list[Unit] = []
        self.changed: list[ChangedRows] = []
        self.anew = 0
        told = Told()
        self.events = told.events
        self.store = cluster_store(self.path, address, self.loop.post, lambda: self.now, name, told, lambda: self.now)
        self.store.tell_faults_to(self)
        self.store.tell_rows_to(self)
        self.store.tell_changes_to(self)

    def on_fault(self, fault: Fault) -> None:
        self.faults.append(fault)

    def on_anew(self) -> None:
        self.anew += 1

    def on_stale(self, units: Sequence[Unit]) -> None:
        self.stale += units

    def on_changed(self, changed: ChangedRows) -> None:
        self.changed.append(changed)

    def commit(self, *units: Unit) -> None:
        """Put these, and wait until all is committed in the file."""
        done: list[bool] = []
        for unit in units or (EMPTY_UNIT,):
            self.store.put(unit, lambda: done.append(True))
        self.loop.until(lambda: len(done) == max(1, len(units)))

    def claim(self, attempt: AttemptRow, unit: Unit = EMPTY_UNIT) -> list[bool]:
        """Ask for an attempt; what is given grows by the answer."""
        answers: list[bool] = []
        self.store.claim(attempt, unit, answers.append)
        return answers

    def task(self, name: str) -> TaskRow | None:
        return self.store.callbacks.task(name)

    @property
    def waits(self) -> int:
        """How many units its file holds that are not known to be shared."""
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            return int(connection.execute("SELECT count(*) FROM to_share").fetchone()[0])

    @property
    def alarms(self) -> dict[str, str]:
        """The alarms that are up."""
        up: dict[str, str] = {}
        for fault in self.faults:
            if fault.text is None:
                up.pop(fault.alarm, None)
            else:
                up[fault.alarm] = fault.text
        return up

    def close(self) -> None:
        self.store.close()
        self.loop.run()


class Nodes:
    """All of them, and what runs them."""

    def __init__(self, folder: Path, address: str) -> None:
        self._folder, self._address = folder, address
        self._made: list[Node] = []

    def start(self, name: str, address: str = "") -> Node:
        """Start one, or a process of the same name after it; `address`: where it finds the database."""
        node = Node(self._folder / name, address or self._address, name)
        self._made.append(node)
        return node

    def stop(self, node: Node) -> None:
        self._made.remove(node)
        node.close()

    def until(self, look: Callable[[], T | None], what: str) -> T:
        """Run all until something is so."""
        end = time.monotonic() + PATIENCE
        while True:
            for node in self._made:
                node.loop.run()
            found = look()
            if found:
                return found
            state = [(node.name, node.alarms, node.waits, node.store.lag) for node in self._made]
            assert time.monotonic() < end, f"it did not come: {what}; {state}"
            time.sleep(LOOK_EVERY)

    def close(self) -> None:
        while self._made:
            self._made.pop().close()
