"""What sharing costs: processor time of the thread that writes, with and without, and of the one that reads it."""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from routing.events import Event, Outbox
from routing.store.database import Owner
from routing.store.engine import Queued
from routing.store.sqlite_engine import SqliteEngine
from routing.store.unshared import Unshared
from routing.writes import ChangeTask, Unit
from tests.routing.store.pages import call, number
from tests.routing.store.rows import a_line, a_task, name
from tests.routing.store.test_sqlite import record
from tests.routing.world import BEGIN

CALLS = 5
"""Calls in one commit: each with three units, the last with a promise and a direct callback."""


def batch(first: int) -> list[Queued]:
    """What some calls come to."""
    found = []
    for index in range(first, first + CALLS):
        row, task = call(index), a_task(customer=number(index))
        units = (Unit((row._replace(ended_at=None), told())), Unit((row._replace(answered_at=BEGIN), told())),
                 Unit((row, ChangeTask(task, 0, ""), a_line(task.id), record("201")._replace(customer=number(index)),
                       told(), told())))
        found += [Queued(3 * index + at, unit) for at, unit in enumerate(units)]
    return found


def told() -> Event:
    return Event("call.ended", BEGIN, name(), {"customer": number(1), "why": "x" * 40}, "a")


def cost(folder: Path, batches: list[list[Queued]], sharing: Callable[[], object] | None) -> float:
    """Return microseconds of processor time a call."""
    path = folder / f"{'shared' if sharing else 'alone'}.db"
    engine = SqliteEngine(path, Owner("a"), Outbox.PLAIN, lambda: BEGIN, time.monotonic, sharing)
    engine.open()
    begin = time.thread_time()
    for each in batches:
        engine.apply(each)
    found = (time.thread_time() - begin) / len(batches) / CALLS * 1e6
    if sharing is not None:
        unshared = Unshared(path)
        begin = time.thread_time()
        units = unshared.read(0, 10**9)
        print(f"to read what waits: {(time.thread_time() - begin) / len(batches) / CALLS * 1e6:.0f} us a call, "
              f"{len(units) / len(batches) / CALLS:.1f} units")
        unshared.close()
    engine.close()
    path.unlink()
    return found


def main() -> None:
    """Measure; the least of some runs, for others may use the machine."""
    rounds, many = (int(value) for value in (sys.argv[1:] or ("7", "300")))
    batches = [batch(CALLS * at) for at in range(many)]
    with tempfile.TemporaryDirectory() as folder:
        alone = min(cost(Path(folder), batches, None) for _ in range(rounds))
        shared = min(cost(Path(folder), batches, lambda: None) for _ in range(rounds))
    print(f"to write: {alone:.0f} us a call alone, {shared:.0f} us shared")


if __name__ == "__main__":
    main()
