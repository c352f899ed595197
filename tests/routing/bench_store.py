"""Measure the rules and the store on a million live records: `python tests/routing/bench_store.py [records]`.

Prints the time to start, the CPU of one decision with its look-up, and of a whole call (decide, answered, ended, with
its row and events) in all threads together, at full speed and at a paced rate, where commits have less company.
Then 10,000 open tasks: how long they take to write and to read, and a claim from the question to the answer.
"""

import os
import queue
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from config.policy import parse_policy
from routing.facts import Ending, Identity, NewCall
from routing.identity import PbxFacts
from routing.ids import uuid7
from routing.store.sqlite import sqlite_store
from routing.writes import Unit
from tests.kit.ledger_parts import new_ledger
from tests.kit.told import Told
from tests.routing.store.rows import a_line, a_task, an_attempt

CALLS = 5000
PACE = 100
TASKS = 10_000
CLAIMS = 200
DAY = 86_400.0


def customer(number: int) -> str:
    return f"+3620{number:07d}"


def fill(path: Path, count: int) -> None:
    """Put records of customers 0..count-1 into a database whose tables exist."""
    now = time.time()
    with sqlite3.connect(path) as db:
        db.executemany("INSERT INTO direct VALUES (?,?,?,?,?,?)",
                       ((customer(n), str(200 + n % 600), 1, now, now, now + DAY) for n in range(count)))
    db.close()


class Bench:
    """A ledger on a store, and a loop that runs what the store posts."""

    def __init__(self, path: Path) -> None:
        self.posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.path = path
        self.store = sqlite_store(path, self.posted.put, time.time, "bench", Told())
        policy = parse_policy('region = "HU"\n[number."+3614445555"]\nkind = "shared"\n')
        pbx = PbxFacts.of("^[2-7][0-9]{2}$", ("X-Agent", "P-Asserted-Identity", "From"))
        self.ledger = new_ledger(self.store, policy, {"office": pbx})
        self.ledger.restore(time.time())

    def new_call(self, who: str, inbound: bool) -> NewCall:
        name = uuid7(time.time(), os.urandom)
        if inbound:
            return NewCall(name, "inbound", "main", "office", "+3614445555", (Identity("from", who, "carrier", ""),),
                           False, name)
        return NewCall(name, "outbound", "main", "office", who, (Identity("from", "201", "pbx", ""),), False, name)

    def whole_call(self, who: str, inbound: bool) -> None:
        call = self.new_call(who, inbound)
        now = time.time()
        self.ledger.decide(call, now)
        self.ledger.ringing(call.id, 0, now + 1)
        self.ledger.answered(call.id, 0, (), None, now + 2)
        self.ledger.ended(call.id, Ending(200, "caller"), now + 12, lambda: None)

    def pump(self) -> None:
        while not self.posted.empty():
            self.posted.get()()

    def drain(self) -> None:
        done: list[bool] = []
        self.store.put(Unit(), lambda: done.append(True))
        while not done:
            self.posted.get()()


def bench_tasks(bench: Bench) -> None:
    tasks = [a_task(customer=customer(number)) for number in range(TASKS)]
    began = time.process_time()
    for task in tasks:
        bench.store.put(Unit((task, a_line(task.id))))
    bench.drain()
    print(f"a task with a line of its journal: {(time.process_time() - began) / TASKS * 1e6:.0f} us CPU")
    bench.store.close()
    again = Bench(bench.path)
    began = time.perf_counter()
    found = again.store.callbacks.open_tasks()
    print(f"{len(found)} open tasks read in {(time.perf_counter() - began) * 1e3:.0f} ms")
    waits = []
    for task in found[:CLAIMS]:
        began, said = time.perf_counter(), list[bool]()
        again.store.claim(an_attempt(task), Unit((a_line(task.id, "assigned"),)), said.append)
        while not said:
            again.posted.get()()
        waits.append(time.perf_counter() - began)
    waits.sort()
    median, longest = waits[CLAIMS // 2] * 1e3, waits[-1] * 1e3
    print(f"a claim, from question to answer: median {median:.1f} ms, longest {longest:.1f} ms")
    again.store.close()


def main(records: int) -> None:
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "boomerang.db"
        Bench(path).store.close()
        fill(path, records)
        began = time.perf_counter()
        bench = Bench(path)
        bench.ledger.decide(bench.new_call(customer(1), True), time.time())
        print(f"start with {records} records: {time.perf_counter() - began:.3f} s, "
              f"file {path.stat().st_size / 1e6:.0f} MB")
        bench.drain()

        whos = [customer(rng.randrange(records)) for _ in range(CALLS)]
        began = time.thread_time()
        for who in whos:
            bench.store.direct.records(who)
        print(f"look-up: {(time.thread_time() - began) / CALLS * 1e6:.1f} us")

        calls = [bench.new_call(who, True) for who in whos]
        began = time.thread_time()
        for call in calls:
            bench.ledger.decide(call, time.time())
        print(f"decide with look-up, proxy's thread: {(time.thread_time() - began) / CALLS * 1e6:.1f} us")
        for call in calls:
            bench.ledger.ended(call.id, Ending(487, "caller"), time.time())
        bench.drain()

        for label, inbound, stranger in (("inbound, no record", True, True), ("inbound, direct, record removed", True,
                                         False), ("outbound", False, True)):
            whos = [customer(records + n if stranger else rng.randrange(records)) for n in range(CALLS)]
            began = time.process_time()
            for who in whos:
                bench.whole_call(who, inbound)
                bench.pump()
            bench.drain()
            print(f"whole call at full speed, {label}: {(time.process_time() - began) / CALLS * 1e6:.0f} us CPU")

        began, start = time.process_time(), time.perf_counter()
        for index in range(PACE * 10):
            bench.whole_call(customer(rng.randrange(records)), True)
            time.sleep(max(0.0, start + index / PACE - time.perf_counter()))
            bench.pump()
        bench.drain()
        print(f"whole call at {PACE} a second: {(time.process_time() - began) / (PACE * 10) * 1e6:.0f} us CPU")
        bench_tasks(bench)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
