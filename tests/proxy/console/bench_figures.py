"""How long a report takes: a year of a busy house, 2,740 calls and 550 callbacks a day.

    PYTHONPATH=. python tests/proxy/console/bench_figures.py
"""

import asyncio
import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from proxy.console.console_database import ConsoleDatabase
from proxy.console.figures import Asked, Figures
from proxy.console.pages.reports import AT_ONCE
from proxy.verbs.shapes.caller import OPERATOR
from proxy.verbs.shapes.theirs import reach
from routing.ids import uuid7
from routing.rows import AttemptRow, CallRow, TaskRow
from routing.store.figures import FigureReads
from routing.store.sqlite import sqlite_store
from routing.writes import Unit
from tests.kit.told import Told
from tests.kit.waiting import eventually

DAYS, CALLS, TASKS = 365, 2_740, 550


def fill(path: Path, now: float) -> None:
    """A year: a fifth of the calls is missed and called back, most of these with a talk."""
    random = Random(1)
    store = sqlite_store(path, lambda what: what(), time.time, "edge1", Told())
    eventually(lambda: store.well, "the database is open")
    for day in range(DAYS):
        begin = now - (day + 1) * 86_400
        rows: list[CallRow | TaskRow | AttemptRow] = []
        for number in range(CALLS):
            at = begin + random.uniform(0, 86_400)
            missed = number < TASKS
            group = f"group{number % 10}"
            rows.append(CallRow(uuid7(at, os.urandom), "x", "inbound", "main", "office", f"+36201{number:06}",
                                f"+361444{number % 20:04}", "1", None if missed else f"2{number % 50:02}", "response",
                                group, "normal", None, at, None if missed else at + 9, None, at + 60, 487 if missed else
                                200, "caller", None if missed else 50.0, judged="missed" if missed else "talked"))
            if missed:
                name, talked = uuid7(at + 61, os.urandom), number % 4 > 0
                rows.append(TaskRow(
                    name, f"+36201{number:06}", group, None, "missed", f"+361444{number % 20:04}", "office", "main",
                    "done" if talked else "failed", "talked" if talked else "unreached", at + 61, at + 60, 1,
                    at + 86_400, None, 1, 4, "none", None, None, None, (), {}, at + 900))
                rows.append(AttemptRow(
                    uuid7(at + 300, os.urandom), name, f"+36201{number:06}", 1, f"2{number % 50:02}", "edge1", "ended",
                    at + 300, at + 310, at + 320 if talked else None, at + 900, "talked" if talked else "customer_busy",
                    200, 80.0 if talked else None))
        done: list[bool] = []
        store.put(Unit(tuple(rows)), partial(done.append, True))
        eventually(partial(list, done), "it is written", 120)
    store.close()


def main() -> None:
    """Fill, and ask twice for a year, by day and by agent."""
    with tempfile.TemporaryDirectory() as folder:
        path, now = Path(folder) / "boomerang.db", time.time()
        fill(path, now)
        print(f"{path.stat().st_size / 1e6:.0f} MB, {DAYS * CALLS:,} calls, {DAYS * TASKS:,} callbacks")
        kept = ConsoleDatabase(Path(folder) / "console.db")
        reads = FigureReads(path)
        figures = Figures(reads, kept, lambda: ZoneInfo("UTC"), time.time, time.monotonic)
        last = datetime.now(UTC).date()
        began, used = time.perf_counter(), time.process_time()
        some = asyncio.run(figures.some(Asked(last - timedelta(days=364), last).days, AT_ONCE))
        print(f"a page's first answer: {len(some.days)} days, {some.left} left, {time.perf_counter() - began:.2f} s, "
              f"{time.process_time() - used:.2f} s of CPU")
        for by in ("day", "agent", "agent"):
            async def ask(by: str = by) -> int:
                asked = Asked(last - timedelta(days=364), last, by)  # type: ignore[arg-type]
                return len([row async for row in figures.rows(asked, reach(OPERATOR, {}))])

            began, used = time.perf_counter(), time.process_time()
            found = asyncio.run(ask())
            print(f"a year by {by}: {found} rows, {time.perf_counter() - began:.2f} s, "
                  f"{time.process_time() - used:.2f} s of CPU")
        began = time.perf_counter()
        reads.cells(now - 86_400, now)
        print(f"one day: {1000 * (time.perf_counter() - began):.1f} ms")
        kept.close()
        reads.close()


if __name__ == "__main__":
    main()
