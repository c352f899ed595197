"""Measure two nodes on a throw-away PostgreSQL: `python tests/routing/bench_staleness.py [calls a second] [seconds]`.

Each node is a process of its own. Both write calls at this rate, each a row that is put three times, and one in ten
makes a direct callback. Prints how long after the commit at one node the other one can read it, how long a claim takes,
and what sharing costs of each process's time. `alone` is the same load on a file that is not shared.
"""

import multiprocessing
import os
import queue
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path

from routing.events import Outbox
from routing.ids import uuid7
from routing.rows import CallRow, Record
from routing.storage import ChangedRows
from routing.store.cluster.opening import cluster_store
from routing.store.queue import StoreQueue
from routing.store.sqlite import sqlite_store
from routing.writes import ChangeTask, Unit
from tests.kit.postgres import server
from tests.kit.told import Told
from tests.routing.store.rows import a_task, an_attempt

CLAIMS = 0.5
"""Seconds between two claims of a node."""

Measured = tuple[str, list[float], list[float], float]
"""Name, staleness of what the other one committed, how long claims took, the processor's time."""


class Loop:
    """The proxy's thread."""

    def __init__(self) -> None:
        self._posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.post = self._posted.put

    def run_until(self, at: float) -> None:
        while (left := at - time.time()) > 0:
            try:
                self._posted.get(timeout=left)()
            except queue.Empty:
                return


class Node:
    """Writes calls, and looks for the other one's direct callbacks when it hears of changes."""

    def __init__(self, name: str, store: StoreQueue, loop: Loop) -> None:
        self.name, self._store, self._loop = name, store, loop
        self.stale: list[float] = []
        self.claims: list[float] = []
        self._seen = 0
        store.tell_changes_to(self)

    def on_changed(self, changed: ChangedRows) -> None:
        """Read what is new: of each the time at which it was committed stands in it."""
        if "direct" not in changed.tables:
            return
        while records := self._store.direct.records(_customer("b" if self.name == "a" else "a", self._seen)):
            self.stale.append(time.time() - records[0].touched_at)
            self._seen += 1

    def load(self, rate: float, seconds: float) -> None:
        begin = time.time()
        made = 0
        claim_at = begin + 1
        for number in range(int(rate * seconds)):
            self._loop.run_until(begin + number / rate)
            now = time.time()
            call = _call(self.name, now)
            for row in (call, call._replace(answered_at=now), call._replace(answered_at=now, ended_at=now, cause=200)):
                self._store.put(Unit((row,)))
            if number % 10 == 0:
                self._commit_record(made)
                made += 1
            if now >= claim_at:
                claim_at += CLAIMS
                self._claim(now)
            self._store.release() if number % max(1, int(rate / 2)) == 0 else None
        self._loop.run_until(time.time() + 3)

    def _commit_record(self, number: int) -> None:
        """Put one, which says when that was."""
        record = Record(_customer(self.name, number), "201", 1, 0.0, 0.0, time.time() + 9_999)
        self._store.put(Unit((record._replace(touched_at=time.time()),)))

    def _claim(self, now: float) -> None:
        task = a_task(customer=f"+3630{int(now * 1000) % 10**7:07d}", group=self.name)
        self._store.put(Unit((ChangeTask(task, 0, ""),)))
        attempt = an_attempt(task, node=self.name, epoch=0)
        began = time.perf_counter()

        def answered(is_given: bool) -> None:
            if is_given:
                self.claims.append(time.perf_counter() - began)
                self._store.put(Unit((attempt._replace(step="ended", ended_at=time.time()),)))

        self._store.claim(attempt, Unit(), answered)


def _customer(node: str, number: int) -> str:
    return f"+362{'ab'.index(node)}{number:07d}"


def _call(node: str, now: float) -> CallRow:
    name = uuid7(now, os.urandom)
    return CallRow(name, f"{name}@{node}", "inbound", "main", "office", "+36201234567", "+3614445555", "+3614445555",
                   "201", "dialled", "sales", "direct", None, now, None, None, None, None, None, None)


def node(name: str, address: str, folder: str, rate: float, seconds: float, start: Barrier,
         told: "multiprocessing.Queue[Measured]") -> None:
    loop = Loop()
    path = Path(folder) / f"{name}.db"
    store = cluster_store(path, address, loop.post, time.time, name, Told(Outbox.PLAIN)) if address else \
        sqlite_store(path, loop.post, time.time, name, Told(Outbox.PLAIN))
    measured = Node(name, store, loop)
    loop.run_until(time.time() + 2)
    start.wait()
    used = time.process_time()
    measured.load(rate, seconds)
    told.put((name, measured.stale, measured.claims, time.process_time() - used))
    store.close()


def run(address: str, rate: float, seconds: float) -> list[Measured]:
    with tempfile.TemporaryDirectory() as folder:
        start = multiprocessing.Barrier(2)
        told: multiprocessing.Queue[Measured] = multiprocessing.Queue()
        processes = [multiprocessing.Process(target=node, args=(name, address, folder, rate, seconds, start, told))
                     for name in "ab"]
        for process in processes:
            process.start()
        found = sorted(told.get() for _ in processes)
        for process in processes:
            process.join()
    return found


def main(rate: float, seconds: float) -> None:
    with server("synchronous_commit=on\n") as running:
        shared = run(running.url(), rate, seconds)
    alone = run("", rate, seconds)
    for (name, stale, claims, used), (*_, before) in zip(shared, alone, strict=True):
        calls = rate * seconds
        print(f"{name}: {rate:g} calls/s for {seconds:g} s; {used / calls * 1e6:.0f} us of CPU a call, "
              f"alone {before / calls * 1e6:.0f} us")
        print(f"   readable at this node after its put at the other one: {_spread(stale)}, of {len(stale)}")
        print(f"   a claim: {_spread(claims)}, of {len(claims)}")


def _spread(values: list[float]) -> str:
    ordered = sorted(values)
    if not ordered:
        return "never"
    return (f"median {ordered[len(ordered) // 2] * 1000:.0f} ms, 99 of 100 below "
            f"{ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000:.0f} ms, longest "
            f"{ordered[-1] * 1000:.0f} ms")


if __name__ == "__main__":
    threading.current_thread().name = "proxy"
    main(*(float(argument) for argument in (*sys.argv[1:], *("50", "20")[len(sys.argv) - 1:])))
