"""What is removed because it is older than it is to be kept, a slice a transaction: what `routing.store.retention` says
of it holds here too.

A look goes through each table once, in the order in which things ended, each slice on from where the last one came to.
Rows that must stay are passed by.
"""

from typing import Final, NamedTuple

from routing.ids import floor7
from routing.storage import Forgotten
from routing.store.postgres.connection import Connection
from routing.store.postgres.session import Session

CALLS: Final = (
    "SELECT count(*), max(id) FROM (SELECT id FROM calls WHERE id>%s AND id<%s ORDER BY id LIMIT %s) AS old"
)
"""A call's id says when it began, and none ended before."""
DROP_CALLS: Final = "DELETE FROM calls WHERE id>%s AND id<=%s AND ended_at<%s"
DROP_OFFERS: Final = "DELETE FROM offers WHERE ctid IN (SELECT ctid FROM offers WHERE quarter<%s LIMIT %s)"
DROP_AUDIT: Final = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id<%s ORDER BY id LIMIT %s)"


class Family(NamedTuple):
    """A table and those whose rows go with one of its own. Parameters by name."""

    old: str
    """Finds at most `limit` ended before `before`, after `at` and `id`, that nobody else has in hand: when, and the
    id."""
    kept: str
    """Says whether the row `id` must stay all the same."""
    parts: tuple[str, ...]
    """Each removes at most `limit` rows of others that belong to `id`."""
    drop: str
    """Removes the row itself."""


TASKS: Final = Family(
    "SELECT ended_at, id FROM tasks WHERE ended_at<%(before)s AND (ended_at, id)>(%(at)s, %(id)s) "
    "ORDER BY ended_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED",
    "SELECT EXISTS (SELECT 1 FROM tasks WHERE id=%(id)s AND state IN ('open', 'held')) "
    "OR EXISTS (SELECT 1 FROM attempts WHERE task=%(id)s AND (ended_at IS NULL OR ended_at>=%(before)s)) "
    "OR EXISTS (SELECT 1 FROM tickets AS t JOIN deliveries AS d ON d.ticket=t.id "
    "WHERE t.task=%(id)s AND d.next_at IS NOT NULL)",
    ("DELETE FROM journal WHERE seq IN (SELECT seq FROM journal WHERE task=%(id)s LIMIT %(limit)s)",
     "DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE task=%(id)s LIMIT %(limit)s)"),
    "DELETE FROM tasks WHERE id=%(id)s",
)

TICKETS: Final = Family(
    "SELECT closed_at, id FROM tickets WHERE closed_at<%(before)s AND (closed_at, id)>(%(at)s, %(id)s) "
    "ORDER BY closed_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED",
    "SELECT EXISTS (SELECT 1 FROM tickets WHERE id=%(id)s AND state='open') "
    "OR EXISTS (SELECT 1 FROM deliveries WHERE ticket=%(id)s AND next_at IS NOT NULL) "
    "OR EXISTS (SELECT 1 FROM comments WHERE ticket=%(id)s AND at>=%(before)s)",
    ("DELETE FROM comments WHERE seq IN (SELECT seq FROM comments WHERE ticket=%(id)s LIMIT %(limit)s)",
     "DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries WHERE ticket=%(id)s LIMIT %(limit)s)"),
    "DELETE FROM tickets WHERE id=%(id)s",
)

_START: Final = 0.0, ""
"""Before every row that has ended."""


class Retention:
    """Remembers how far the look has come. Used by the thread that writes."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._call = ""
        self._task = self._ticket = _START
        self._left = 0

    def slice(self, session: Session, before: float, rows: int) -> Forgotten:
        """Remove some of what ended before `before`, as one transaction that looks at about `rows` rows at most.

        Raises psycopg.Error, OSError or UncertainError, and what was to be removed is left to the next look then.
        """
        self._left = rows
        with session.transaction(False, set()) as connection:
            calls = self._calls(connection, before)
            tasks, self._task = self._family(connection, TASKS, before, self._task)
            tickets, self._ticket = self._family(connection, TICKETS, before, self._ticket)
            if self._left > 0:
                self._left -= connection.execute(DROP_OFFERS, (before, self._left)).rowcount
            if self._left > 0:
                self._left -= connection.execute(DROP_AUDIT, (floor7(before), self._left)).rowcount
        gone = Forgotten(calls, tasks, tickets, self._left <= 0)
        if not gone.more:
            self._begin()
        return gone

    def _calls(self, connection: Connection, before: float) -> int:
        [[seen, last]] = connection.execute(CALLS, (self._call, floor7(before), self._left)).fetchall()
        if not seen:
            return 0
        removed: int = connection.execute(DROP_CALLS, (self._call, last, before)).rowcount
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
                connection.execute(family.drop, {"id": name})
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
