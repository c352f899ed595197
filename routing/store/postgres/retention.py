"""What is removed because it is older than it is to be kept, a slice a transaction: what `routing.store.retention` says
of it holds here too.
"""

from typing import Final

from routing.storage import Forgotten
from routing.store.old_rows import Family, OldRows, RetentionWords
from routing.store.postgres.session import Session

CALLS: Final = (
    "SELECT count(*), max(id) FROM (SELECT id FROM calls WHERE id>%s AND id<%s ORDER BY id LIMIT %s) AS old"
)
"""A call's id says when it began, and none ended before."""
DROP_CALLS: Final = "DELETE FROM calls WHERE id>%s AND id<=%s AND ended_at<%s"
DROP_OFFERS: Final = "DELETE FROM offers WHERE ctid IN (SELECT ctid FROM offers WHERE quarter<%s LIMIT %s)"
DROP_AUDIT: Final = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id<%s ORDER BY id LIMIT %s)"


TASKS: Final = Family(
    "SELECT ended_at, id FROM tasks WHERE ended_at<%(before)s AND (ended_at, id)>(%(at)s, %(id)s) "
    "ORDER BY ended_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED",
    "SELECT EXISTS (SELECT 1 FROM tasks WHERE id=%(id)s AND state IN ('open', 'held')) "
    "OR EXISTS (SELECT 1 FROM attempts WHERE task=%(id)s AND (ended_at IS NULL OR ended_at>=%(before)s)) "
    "OR EXISTS (SELECT 1 FROM tickets AS t JOIN deliveries AS d ON d.ticket=t.id "
    "WHERE t.task=%(id)s AND d.next_at IS NOT NULL)",
    ("DELETE FROM journal WHERE seq IN (SELECT seq FROM journal WHERE task=%(id)s LIMIT %(limit)s)",
     "DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE task=%(id)s LIMIT %(limit)s)"),
    ("DELETE FROM tasks WHERE id=%(id)s",),
)

TICKETS: Final = Family(
    "SELECT closed_at, id FROM tickets WHERE closed_at<%(before)s AND (closed_at, id)>(%(at)s, %(id)s) "
    "ORDER BY closed_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED",
    "SELECT EXISTS (SELECT 1 FROM tickets WHERE id=%(id)s AND state='open') "
    "OR EXISTS (SELECT 1 FROM deliveries WHERE ticket=%(id)s AND next_at IS NOT NULL) "
    "OR EXISTS (SELECT 1 FROM comments WHERE ticket=%(id)s AND at>=%(before)s)",
    ("DELETE FROM comments WHERE seq IN (SELECT seq FROM comments WHERE ticket=%(id)s LIMIT %(limit)s)",
     "DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries WHERE ticket=%(id)s LIMIT %(limit)s)"),
    ("DELETE FROM tickets WHERE id=%(id)s",),
)

WORDS: Final = RetentionWords(CALLS, DROP_CALLS, DROP_OFFERS, DROP_AUDIT, TASKS, TICKETS)


class Retention:
    """Slices of one transaction each. Used by the thread that writes."""

    def __init__(self) -> None:
        self._old = OldRows(WORDS)

    def slice(self, session: Session, before: float, rows: int) -> Forgotten:
        """Remove some of what ended before `before`, as one transaction that looks at about `rows` rows at most.

        Raises psycopg.Error, OSError or UncertainError, and what was to be removed is left to the next look then.
        """
        with session.transaction() as connection:
            gone = self._old.remove(connection, before, rows)
        self._old.committed(gone)
        return gone
