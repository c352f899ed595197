"""Measure what a slice of history costs the thread that writes: `python tests/routing/bench_retention.py [calls]`.

A million calls and 200,000 tasks (five lines of journal and two attempts each) with 50,000 tickets over 800 days, half
of them too old; the file in the page cache. Prints the slices' time, with the checkpoint, and how long a promise waits
for its commit meanwhile.
"""

import os
import queue
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from proxy.daemon.history import ROWS
from routing.ids import uuid7
from routing.storage import Forgotten
from routing.store import callback_sql as sql
from routing.store import schema
from routing.store.retention import Retention
from routing.store.sqlite import sqlite_store
from routing.writes import Unit
from tests.kit.told import Told
from tests.routing.store.rows import a_comment, a_delivery, a_line, a_task, a_ticket, an_attempt

DAY = 86_400.0
NOW = time.time()
SPAN, KEEP = 800 * DAY, 400 * DAY
SLICES = 300


def customer() -> str:
    return f"+3620{random.randrange(10_000_000):07d}"


def calls(count: int) -> Iterator[tuple[Any, ...]]:
    for number in range(count):
        at = NOW - SPAN + SPAN * number / count
        yield (uuid7(at, os.urandom), os.urandom(16).hex(), "inbound", "main", "office", customer(), "+3614445555",
               "+3614445555", "201", "dialog", "sales", "number", None, at, at + 5, None, at + 90, 200, "caller", 85.0)


def fill(path: Path, count: int) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    schema.migrate(db)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("BEGIN")
    db.executemany(schema.PUT_CALL, calls(count))
    tasks = count // 5
    for number in range(tasks):
        at = NOW - SPAN + SPAN * number / tasks
        task = a_task(created_at=at, customer=customer(), state="done", reason="talked", ended_at=at + 3600)
        db.execute(sql.PUT_TASK, sql.from_task(task, "edge1"))
        for serial in (1, 2):
            db.execute(sql.PUT_ATTEMPT, an_attempt(task, id=uuid7(at, os.urandom), serial=serial, claimed_at=at,
                                                   customer_at=at, ended_at=at + 60, result="customer_busy"))
        db.executemany(sql.PUT_JOURNAL, [sql.from_journal(a_line(task.id, "attempt", "201", at, status=486,
                                                                 text="Busy Here")) for _ in range(5)])
        if number % 4 == 0:
            ticket = a_ticket(id=uuid7(at, os.urandom), task=task.id, state="closed", created_at=at,
                              closed_at=at + 7200)
            values = sql.from_ticket(ticket)
            db.execute("INSERT INTO tickets VALUES (?,?,?,?,?,?,?,?,?,?)", (values[0], number + 1, *values[1:]))
            db.execute(sql.PUT_COMMENT, a_comment(ticket)._replace(at=at))
            db.execute(sql.PUT_DELIVERY, a_delivery(ticket, next_at=None, delivered_at=at))
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def show(what: str, seconds: list[float]) -> None:
    ranked = sorted(seconds)
    p95, p99 = (ranked[len(ranked) * share // 100] * 1000 for share in (95, 99))
    print(f"{what}: median {statistics.median(ranked) * 1000:.2f} ms, p95 {p95:.2f}, p99 {p99:.2f}, "
          f"longest {ranked[-1] * 1000:.2f} ({len(ranked)})")


def slices(path: Path, sweep: Retention, count: int) -> tuple[list[float], Forgotten]:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous=NORMAL")
    db.execute("PRAGMA secure_delete=ON")
    took, gone = [], Forgotten(more=True)
    for _ in range(count):
        if not gone.more:
            break
        begin = time.perf_counter()
        gone = sweep.slice(db, NOW - KEEP, ROWS)
        took.append(time.perf_counter() - begin)
    db.close()
    return took, gone


def promises(path: Path, sweeping: bool) -> list[float]:
    """Return how long promises wait, one after another, while a slice comes five times as often as it would."""
    posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
    store = sqlite_store(path, posted.put, time.time, "bench", Told())
    waits, forgotten = [], time.perf_counter()
    for _ in range(SLICES):
        if sweeping and time.perf_counter() - forgotten > 0.1:
            forgotten = time.perf_counter()
            store.forget(NOW - KEEP, ROWS, lambda gone: None)
        begin, done = time.perf_counter(), list[bool]()
        store.commit(Unit((a_task(id=uuid7(time.time(), os.urandom), customer=customer(), created_at=NOW),)),
                     done.append)
        while not done:
            posted.get()()
        waits.append(time.perf_counter() - begin)
    store.close()
    return waits


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "boomerang.db")
        fill(path, count)
        print(f"{path.stat().st_size / 1e6:.0f} MB")
        show("a promise, nothing removed", promises(path, False))
        show("a promise while slices are removed", promises(path, True))
        sweep = Retention()
        show(f"a slice of {ROWS} rows, of calls", slices(path, sweep, SLICES)[0])
        everything, gone = slices(path, sweep, 1_000_000)
        show("all that were left", everything)
        assert not gone.more
        show("a look that finds nothing", [slices(path, sweep, 1)[0][0] for _ in range(100)])
        with sqlite3.connect(path) as db:
            print({table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                   for table in ("calls", "tasks", "attempts", "journal", "tickets", "comments", "deliveries")})
        db.close()


if __name__ == "__main__":
    main()
