"""The database read from another thread: a connection of its own, so that neither waits for the other."""

import contextlib
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from routing.events import Event, EventText
from routing.figures import DayFigures, gather
from routing.ids import beside7, floor7
from routing.rows import IN_QUEUE, AttemptRow, CallRow, PolicyVersion, Record
from routing.storage import StoreError
from routing.store.queries import CallbackQuery, CallQuery, DayQuery, DirectQuery, NodeQuery, Parameters, Query
from routing.store.reads import CallbackReads, CallReads, PeopleReads, TicketReads
from routing.store.sqlite_queries import WORDING

BUSY = 1.0
"""Seconds to wait for a lock; WAL readers hardly ever meet one."""


class Reader:
    """Reads what is committed. Any thread, one at a time."""

    def __init__(self, path: Path, node: str, strict: bool = False) -> None:
        """`strict`: raise StoreError while the database cannot be read, instead of finding nothing."""
        self._path = path
        self._strict = strict
        self._node = node
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self.calls = CallReads(self._read, node)
        self.callbacks = CallbackReads(self._read, node)
        self.tickets = TicketReads(self._read, node)
        self.people = PeopleReads(self._read)

    def events_after(self, seq: int, limit: int) -> list[Event]:
        """Return at most `limit` events of this node after `seq`, in order; none while the database cannot be read."""
        return self._read(NodeQuery.EVENTS, (self._node, seq, limit))

    def texts_after(self, seq: int, limit: int) -> list[EventText]:
        """Return the same events as they go out."""
        return self._read(NodeQuery.EVENT_TEXTS, (self._node, seq, limit))

    def count_direct(self, now: float) -> int | None:
        """Count the live direct callbacks; None while the database cannot be read. Slow with many."""
        rows = self._read(DirectQuery.COUNT_LIVE, (now,))
        return int(rows[0][0]) if rows else None

    def newest_records(self, now: float, limit: int) -> list[Record]:
        """Return the live records touched last, the latest first. Slow with many."""
        return self._read(DirectQuery.LIVE_RECORDS, (now, limit))

    def records_of_agent(self, agent: str, now: float, limit: int) -> list[Record]:
        """Return the live direct callbacks of one agent, the one touched last first."""
        return self._read(DirectQuery.OF_AGENT, (agent, now, limit))

    def tasks_ending(self, end: str) -> list[str]:
        """Return the ids of at most two tasks that end so: one is the one that is meant. Looks at every id."""
        return [row[0] for row in self._read(CallbackQuery.TASKS_ENDING, (end, end))]

    def calls_of(self, name: str) -> list[CallRow]:
        """Return the calls of an attempt, or of the places of a request, in the order in which they began."""
        return self._read(CallQuery.CALLS_OF_ATTEMPT, {"name": name})

    def callers_of(self, calls: Sequence[CallRow]) -> list[CallRow]:
        """Return the calls of those who asked for a callback and whose places are among some calls."""
        names = [name for call in calls if call.reason == IN_QUEUE for name in beside7(call.id)]
        return [call for call in map(self.calls.one, names) if call is not None]

    def ended_then(self, customer: str, at: float) -> list[CallRow]:
        """Return the calls of a customer that ended at a moment: a record of direct callback says when its call did."""
        return self._read(CallQuery.ENDED_THEN, (customer, at))

    def attempt(self, name: str) -> AttemptRow | None:
        """Return one attempt."""
        return next(iter(self._read(CallbackQuery.ATTEMPT, (name,))), None)

    def day(self, since: float) -> DayFigures:
        """Return what became of callbacks since a midnight. Raises StoreError, strict or not. Slow with many."""
        args = {"first": floor7(since), "since": since}
        offered, promised, dialled, ended, kept, opened = (self._ask(query, args) for query in DayQuery)
        return gather(since, offered, promised, dialled, ended, kept, dict(self._ask(CallbackQuery.RELEASED, (since,))),
                      opened)

    def policies(self, limit: int, before: int | None = None) -> list[PolicyVersion]:
        """Return the newest policies that were in force, those before a version where one is named."""
        return self._read(NodeQuery.POLICIES, (limit,)) if before is None else \
            self._read(NodeQuery.POLICIES_BEFORE, (before, limit))

    def newest_policy(self) -> str | None:
        """Return the text of the policy in force; None where there is none, or the database cannot be read."""
        rows = self._read(NodeQuery.POLICIES, (1,))
        return str(rows[0].text) if rows else None

    def _read(self, query: Query, parameters: Parameters) -> list[Any]:
        try:
            return self._ask(query, parameters)
        except StoreError:
            if self._strict:
                raise
            return []

    def _ask(self, query: Query, parameters: Parameters) -> list[Any]:
        return WORDING.ask(self._execute, query, parameters, self._node)

    def _execute(self, statement: str, parameters: Parameters) -> list[Any]:
        with self._lock:
            try:
                return self._open().execute(statement, parameters).fetchall()
            except (sqlite3.Error, OSError) as error:
                self._drop()
                raise StoreError(str(error)) from error

    def _open(self) -> sqlite3.Connection:
        inode = self._path.stat().st_ino
        if self._connection is None or inode != self._inode:
            self._drop()
            self._connection = sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY,
                                               check_same_thread=False)
            self._inode = inode
        return self._connection

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
