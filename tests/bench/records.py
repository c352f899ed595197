"""Puts live records into a database of Boomerang, as the version that runs it writes them."""

import time
from pathlib import Path

from routing.events import Outbox
from routing.rows import Record
from routing.store.sqlite import sqlite_store
from routing.writes import Unit
from tests.kit.told import Told

CHUNK = 5_000
"""Records written in one go."""


def fill(path: Path, records: int) -> None:
    """Put live direct callbacks into a database; none of them belongs to a caller of the benches."""
    path.parent.mkdir(parents=True, exist_ok=True)
    store = sqlite_store(path, lambda done: done(), time.time, "bench", Told(outbox=Outbox.OFF))
    now = time.time()
    for first in range(0, records, CHUNK):
        store.put(Unit((*(
            Record(f"+3630{number:08}", "201", 1, now, now, now + 8 * 3600)
            for number in range(first, min(first + CHUNK, records))),)))
        store.direct.count()
    store.close()
