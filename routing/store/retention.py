"""What is removed because it is older than it is to be kept: in slices, so that no commit waits long for one.

- Calls, tasks and tickets that ended; a task goes with its attempts and its journal, a ticket with its comments and
  deliveries, the parts first: what a crash leaves half removed is removed by the next slice that comes there.
- How many offers were made so long ago, and lines of the audit log.
- Never what is open, nor a task of which an attempt ended later, nor a ticket with a later comment or one that is
  still to be delivered, nor the task that such a ticket tells of.
- A look goes through everything once, each slice on from where the last one ended: rows that must stay are passed by
  once a look, and not by every slice.
"""

import contextlib
import sqlite3
from typing import Final

from routing.storage import Forgotten
from routing.store.old_rows import Family, OldRows, RetentionWords
from routing.store.people_sql import DROP_AUDIT

CALLS: Final = "SELECT count(*), max(id) FROM (SELECT id FROM calls WHERE id>? AND id<? ORDER BY id LIMIT ?)"
"""A call's id says when it began, and none ended before."""
DROP_CALLS: Final = "DELETE FROM calls WHERE id>? AND id<=? AND ended_at<?"
DROP_OFFERS: Final = (
    'DELETE FROM offers WHERE (quarter, "group", number) IN '
    '(SELECT quarter, "group", number FROM offers WHERE quarter<? LIMIT ?)'
)

CHECKPOINT: Final = "PRAGMA wal_checkpoint(PASSIVE)"
"""What a slice wrote goes into the file with it, else the commit of somebody who waits pays for ten slices at once."""


TASKS: Final = Family(
    "SELECT ended_at, id FROM tasks WHERE ended_at<:before AND (ended_at, id)>(:at, :id) "
    "ORDER BY ended_at, id LIMIT :limit",
    "SELECT EXISTS (SELECT 1 FROM tasks WHERE id=:id AND state IN ('open', 'held')) "
    "OR EXISTS (SELECT 1 FROM attempts WHERE task=:id AND (ended_at IS NULL OR ended_at>=:before)) "
    # CROSS: SQLite keeps this order, and does not begin with all that waits for delivery.
    "OR EXISTS (SELECT 1 FROM tickets AS t CROSS JOIN deliveries AS d ON d.ticket=t.id "
    "WHERE t.task=:id AND d.next_at IS NOT NULL)",
    ("DELETE FROM journal WHERE seq IN (SELECT seq FROM journal WHERE task=:id LIMIT :limit)",
     "DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE task=:id LIMIT :limit)"),
    ("DELETE FROM tasks WHERE id=:id",),
)

TICKETS: Final = Family(
    "SELECT closed_at, id FROM tickets WHERE closed_at<:before AND (closed_at, id)>(:at, :id) "
    "ORDER BY closed_at, id LIMIT :limit",
    "SELECT EXISTS (SELECT 1 FROM tickets WHERE id=:id AND state='open') "
    "OR EXISTS (SELECT 1 FROM deliveries WHERE ticket=:id AND next_at IS NOT NULL) "
    "OR EXISTS (SELECT 1 FROM comments WHERE ticket=:id AND at>=:before)",
    ("DELETE FROM comments WHERE seq IN (SELECT seq FROM comments WHERE ticket=:id LIMIT :limit)",
     "DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries WHERE ticket=:id LIMIT :limit)"),
    ("UPDATE ticket_numbers SET last=max(last, (SELECT number FROM tickets WHERE id=:id))",
     "DELETE FROM tickets WHERE id=:id"),
)

WORDS: Final = RetentionWords(CALLS, DROP_CALLS, DROP_OFFERS, DROP_AUDIT, TASKS, TICKETS)


class Retention:
    """Slices of one transaction each. Used by the thread that writes."""

    def __init__(self) -> None:
        self._old = OldRows(WORDS)

    def slice(self, connection: sqlite3.Connection, before: float, rows: int) -> Forgotten:
        """Remove some of what ended before `before`, as one transaction that looks at about `rows` rows at most.

        Raises sqlite3.Error, and then nothing was removed; what it would have is left to the next look.
        """
        connection.execute("BEGIN IMMEDIATE")
        try:
            gone = self._old.remove(connection, before, rows)
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        self._old.committed(gone)
        if gone != Forgotten():
            with contextlib.suppress(sqlite3.Error):  # it is committed; the log goes into the file some other time
                connection.execute(CHECKPOINT)
        return gone
