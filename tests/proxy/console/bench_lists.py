"""Measure lists: `python tests/proxy/console/bench_lists.py [calls] [callbacks]`; a million and 10,000 unless said.

Prints the slowest of five first pages, and of a page from the middle, of each filter that a page has.
"""

import asyncio
import os
import random
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from proxy.console.lists import ListQuery, Lists
from proxy.verbs.shapes.caller import Caller
from routing.events import write_json
from routing.ids import uuid7
from routing.rows import AttemptRow, CallRow, TaskRow
from routing.store import schema

DAY = 86_400.0
POLICY = "".join(f'[group.g{n}]\nagents = {[str(200 + 10 * n + k) for k in range(10)]}\n' for n in range(20)) + """
[group.none]
agents = ["999"]
"""
ADMIN = Caller("admin", "admin", "console")
CALLS: tuple[tuple[str, dict[str, str], Caller], ...] = (
    ("all", {}, ADMIN), ("customer", {"customer": "+36200000077"}, ADMIN), ("agent", {"agent": "215"}, ADMIN),
    ("agent who has none", {"agent": "999"}, ADMIN), ("group", {"group": "g3"}, ADMIN),
    ("group that has none", {"group": "none"}, ADMIN), ("number", {"number": "+3614445503"}, ADMIN),
    ("cause that is rare", {"cause": "503"}, ADMIN), ("missed", {"result": "missed"}, ADMIN),
    ("failed", {"result": "failed"}, ADMIN), ("active", {"result": "active"}, ADMIN),
    ("a day long ago", {"from": "2026-01-05T00:00:00Z", "to": "2026-01-06T00:00:00Z"}, ADMIN),
    ("a day, agent", {"from": "2026-01-05T00:00:00Z", "to": "2026-01-06T00:00:00Z", "agent": "215"}, ADMIN),
    ("supervisor of one group", {}, Caller("s", "supervisor", "console", frozenset({"g3"}))),
    ("supervisor of ten groups", {}, Caller("s", "supervisor", "console", frozenset(f"g{n}" for n in range(10)))),
    ("supervisor of none", {}, Caller("s", "supervisor", "console", frozenset({"none"}))),
    ("supervisor, missed", {"result": "missed"}, Caller("s", "supervisor", "console", frozenset({"g3"}))),
    ("agent's own", {}, Caller("a", "agent", "console", None, "217")),
)
TASKS: tuple[tuple[str, dict[str, str], str, Caller], ...] = (
    ("all", {}, "", ADMIN), ("open, by due", {"state": "open"}, "due", ADMIN), ("by customer", {}, "customer", ADMIN),
    ("group and state", {"state": "open,held", "group": "g3"}, "missed_at", ADMIN),
    ("agent", {"agent": "215"}, "", ADMIN), ("campaign", {"campaign": "10001"}, "", ADMIN),
    ("agent's own", {}, "", Caller("a", "agent", "console", None, "217")),
    ("supervisor", {}, "", Caller("s", "supervisor", "console", frozenset({"g3"}))),
)


def fill(path: Path, calls: int, tasks: int) -> None:
    """Make a database of a year."""
    end, rng = 1_795_000_000.0, random.Random(7)
    with sqlite3.connect(path) as db:
        schema.migrate(db)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(schema.PUT_POLICY, (1.0, POLICY, ""))

        def call(number: int) -> CallRow:
            at = end - 365 * DAY * (1 - number / calls)
            group, inbound, taken = rng.randrange(20), rng.random() < 0.7, rng.random() < 0.8
            agent = str(200 + 10 * group + rng.randrange(10)) if taken or not inbound else None
            return CallRow(
                uuid7(at, os.urandom), f"c{number}", "inbound" if inbound else "outbound", "main", "office",
                f"+3620{rng.randrange(300_000):07d}", f"+36144455{group:02d}", "600", agent, None, f"g{group}",
                "normal", None, at, at + 5 if taken else None, None, at + 60, 503 if rng.random() < 1e-4 else
                200 if taken else 487, "caller", 55.0 if taken else None, "edge1", 1)

        db.executemany(schema.PUT_CALL, (call(number) for number in range(calls)))
        names = [uuid7(end - 30 * DAY * (1 - number / tasks), os.urandom) for number in range(tasks)]
        for number, name in enumerate(names):
            at, group = end - 30 * DAY * (1 - number / tasks), rng.randrange(20)
            live = number > tasks * 0.7
            row = TaskRow(
                name, f"+3630{number:07d}", f"g{group}", "10001" if rng.random() < 0.1 else None, "missed",
                f"+36144455{group:02d}", "office", "main", "open" if live else "done", "" if live else "talked", at, at,
                1, at + DAY, at + 3600 if live else None, 1, 4, "none", None, None, None, (), {},
                None if live else at + 60)
            db.execute(f"INSERT INTO tasks VALUES ({','.join('?' * len(row))})",
                       [write_json(one) if isinstance(one, tuple | dict) else one for one in row])
            agent = str(200 + 10 * group + rng.randrange(10))
            attempt = AttemptRow(uuid7(at, os.urandom), name, row.customer, 1, agent, "edge1",
                                 "ended", at, at, at, at + 60, "talked", 200, 50.0)
            db.execute(f"INSERT INTO attempts ({','.join(attempt._fields)}) VALUES ({','.join('?' * len(attempt))})",
                       attempt)
    db.close()


async def measure(lists: Lists, name: str, what: str, query: ListQuery, caller: Caller) -> None:
    """Print how long pages take."""
    took, rows = [], 0
    for _ in range(5):
        began = time.perf_counter()
        page = await lists.page(name, caller, query)
        took.append(time.perf_counter() - began)
        rows = len(page.items)
    print(f"{name:10} {what:28} {1000 * max(took):7.1f} ms the slowest, {1000 * sorted(took)[2]:7.1f} ms usually, "
          f"{rows} rows")


async def main() -> None:
    """Fill and measure."""
    calls, tasks = (int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000,
                    int(sys.argv[2]) if len(sys.argv) > 2 else 10_000)
    with tempfile.TemporaryDirectory(prefix="bench-lists-") as folder:
        path = Path(folder) / "boomerang.db"
        fill(path, calls, tasks)
        print(f"{calls} calls, {tasks} callbacks, {path.stat().st_size / 1e6:.0f} MB")
        lists = Lists(path, Path(folder), lambda: 1_795_000_000.0)
        for what, filters, caller in CALLS:
            await measure(lists, "calls", what, ListQuery(filters), caller)
        for what, filters, sort, caller in TASKS:
            await measure(lists, "callbacks", what, ListQuery(filters, sort), caller)
        await measure(lists, "callbacks", "1,000 rows", ListQuery(limit=1_000), ADMIN)
        lists.close()


if __name__ == "__main__":
    asyncio.run(main())
