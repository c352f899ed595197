"""A look through everything that is older than it is to be kept, a slice at a time, whatever the engine.

What goes and what stays is said in `retention.py`; each engine has its words for it, and a transaction around a slice.
"""

from typing import Any, Final, NamedTuple, Protocol

from routing.ids import floor7
from routing.storage import Forgotten
from routing.store.queries import Parameters


class Family(NamedTuple):
    """A table and those whose rows go with one of its own. Parameters by name."""

    old: str
    """Finds at most `limit` ended before `before`, after `at` and `id`, that nobody else has in hand: when, and the
    id."""
    kept: str
    """Says whether the row `id` must stay all the same."""
    parts: tuple[str, ...]
    """Each removes at most `limit` rows of others that belong to `id`."""
    drop: tuple[str, ...]
    """Remove the row itself."""


class RetentionWords(NamedTuple):
    """Statements of an engine."""

    calls: str
    """Counts the calls of a slice and gives the last one's id (after, before which id, limit)."""
    drop_calls: str
    """Removes those of them that ended (after, last, before)."""
    drop_offers: str
    """Removes counts of offers (before, limit)."""
    drop_audit: str
    """Removes lines of the audit log (before which id, limit)."""
    tasks: Family
    tickets: Family


class Found(Protocol):
    """What a statement did."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""

    def fetchall(self) -> list[Any]:
        """Return the rows it found."""


class Connection(Protocol):
    """A connection within a transaction."""

    def execute(self, statement: str, parameters: Parameters, /) -> Found:
        """Run a statement."""


_START: Final = 0.0, ""
"""Before every row that has ended."""


class OldRows:
    """Remembers how far the look has come. Used by the thread that writes."""

    def __init__(self, words: RetentionWords) -> None:
        self._words = words
        self._begin()

    def _begin(self) -> None:
        self._call = ""
        self._task = self._ticket = _START
        self._left = 0

    def remove(self, connection: Connection, before: float, rows: int) -> Forgotten:
        """Remove some of what ended before `before`; look at about `rows` rows at most. Raises what the engine does."""
        words, self._left = self._words, rows
        calls = self._calls(connection, before)
        tasks, self._task = self._family(connection, words.tasks, before, self._task)
        tickets, self._ticket = self._family(connection, words.tickets, before, self._ticket)
        if self._left > 0:
            self._left -= connection.execute(words.drop_offers, (before, self._left)).rowcount
        if self._left > 0:
            self._left -= connection.execute(words.drop_audit, (floor7(before), self._left)).rowcount
        return Forgotten(calls, tasks, tickets, self._left <= 0)

    def committed(self, gone: Forgotten) -> None:
        """It stands: the next look begins anew where this was the last slice."""
        if not gone.more:
            self._begin()

    def _calls(self, connection: Connection, before: float) -> int:
        [[seen, last]] = connection.execute(self._words.calls, (self._call, floor7(before), self._left)).fetchall()
        if not seen:
            return 0
        removed = connection.execute(self._words.drop_calls, (self._call, last, before)).rowcount
        self._left -= seen
        self._call = last
        return removed

    def _family(self, connection: Connection, family: Family, before: float,
                after: tuple[float, str]) -> tuple[int, tuple[float, str]]:
        """Return how many went, and the last one that was looked at."""
        removed = 0
        if self._left <= 0:
            return removed, after
        where = {"before": before, "at": after[0], "id": after[1], "limit": self._left}
        for at, name in connection.execute(family.old, where).fetchall():
            if self._left <= 0:
                break
            self._left -= 1
            [[kept]] = connection.execute(family.kept, {"id": name, "before": before}).fetchall()
            if not kept:
                if not self._parts(connection, family, name):
                    break
                for statement in family.drop:
                    connection.execute(statement, {"id": name})
                removed += 1
            after = at, name
        return removed, after

    def _parts(self, connection: Connection, family: Family, name: str) -> bool:
        """Remove what belongs to a row; whether nothing of it is left."""
        for statement in family.parts:
            limit = max(self._left, 1)  # so that the last row of a slice may be one without parts
            removed = connection.execute(statement, {"id": name, "limit": limit}).rowcount
            self._left -= removed
            if removed == limit:
                return False
        return True
