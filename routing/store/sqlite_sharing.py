"""What a file that is shared does beside: what is committed waits in it until the other nodes have it, and what they
have committed is taken.

What waits stands in the transaction that it was committed with: a crash loses both or neither, and the order of serials
is that of the commits.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

from routing.rows import AttemptRow, CallRow, PauseRow, TaskRow, Ticket
from routing.store import schema
from routing.store.batch import Batch, Stamp
from routing.store.engine import Queued
from routing.store.sqlite_batch import BatchWriter, claim
from routing.store.sqlite_takes import take
from routing.store.unit_text import is_shared, to_text
from routing.writes import OF_SHARING, ChangeTask, Unit, Write

_NUMBER: Final = "SELECT number FROM tickets WHERE id=?"


class Sharing:
    """Writes batches of a node that shares. Used by the thread that writes."""

    def __init__(self, clock: Callable[[], float], wake: Callable[[], object]) -> None:
        """`clock`: seconds since the epoch. `wake` is called after a commit that left something to share."""
        self._clock, self._wake = clock, wake
        self._left = False
        """Whether the last batch left something."""

    def write(self, connection: sqlite3.Connection, batch: Sequence[Queued], gathered: Batch, writer: BatchWriter,
              stale: frozenset[str]) -> frozenset[int]:
        """Write a batch but for changes of tasks that are stale; return the serials of promises that were refused."""
        refused: set[int] = set()
        waiting: list[Unit] = []
        for queued in batch:
            unit = queued.standing(stale)
            if unit is None:
                refused.add(queued.serial)
                continue
            if queued.claim is not None:
                self._write(connection, gathered, writer)  # a claim sees all that was queued before it
                if not claim(connection, writer.stamp.on_attempt(queued.claim)):
                    refused.add(queued.serial)
                    continue
            if not OF_SHARING.isdisjoint([type(each) for each in unit.writes]):
                self._write(connection, gathered, writer)  # what is younger than what is taken must be there
            gathered.add(unit)
            take(connection, gathered.takes, writer.stamp)
            gathered.takes.clear()
            if not queued.shared:
                waiting.append(unit if queued.claim is None else Unit((queued.claim, *unit.writes), unit.durable))
        self._write(connection, gathered, writer)
        self._leave(connection, waiting, writer.stamp)
        return frozenset(refused)

    def committed(self) -> None:
        """The last batch is committed: say so where it left something to share."""
        if self._left:
            self._left = False
            self._wake()

    @staticmethod
    def _write(connection: sqlite3.Connection, gathered: Batch, writer: BatchWriter) -> None:
        if gathered.shared:
            connection.execute(schema.DROP_SHARED, (gathered.shared,))
        writer.write(connection, gathered)

    def _leave(self, connection: sqlite3.Connection, waiting: Sequence[Unit], stamp: Stamp) -> None:
        """Leave what is shared of these units, as it has come to be: with its marks and numbers."""
        now = self._clock()
        texts = []
        for unit in waiting:
            writes = tuple(_marked(connection, write, stamp) for write in unit.writes if is_shared(write))
            if writes:
                texts.append((to_text(Unit(writes, unit.durable)), now))
        self._left = bool(texts)
        connection.executemany(schema.PUT_TO_SHARE, texts)


def _marked(connection: sqlite3.Connection, write: Write, stamp: Stamp) -> Write:
    """Return a write as it has come to be here.

    A task that is put, whatever was there, is put again because it lives here: elsewhere it may have changed.
    """
    match write:
        case CallRow():
            return CallRow._make(stamp.on_call(write))
        case AttemptRow():
            return stamp.on_attempt(write)
        case PauseRow():
            return stamp.on_pause(write)
        case TaskRow():
            return ChangeTask(write, write.version, write.changed_by)
        case Ticket():
            found: Any = connection.execute(_NUMBER, (write.id,)).fetchone()
            return write if found is None else write._replace(number=found[0])
    return write
