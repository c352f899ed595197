"""Attempts that other nodes run: their tasks are left alone meanwhile, and closed attempts of the dead free them.

Of an attempt whose node has died nobody knows how it ended: what it told last may be a second old. So it is closed as
`unknown`, by the node that has the lease of its group, and nobody is dialled again at once.
"""

from routing.callbacks.attempt_outcomes import AttemptOutcomes
from routing.callbacks.changes import ChangeSets
from routing.callbacks.charge import Charge
from routing.callbacks.tasks import Tasks
from routing.rows import AttemptRow
from routing.storage import ChangedRows, Store, StoreError

NOBODYS = ""
"""The group of an attempt whose task is over."""


class AttemptsElsewhere:
    """Turned by the desk."""

    def __init__(self, tasks: Tasks, charge: Charge, outcomes: AttemptOutcomes, store: Store, sets: ChangeSets,
                 node: str) -> None:
        """`node`: our name."""
        self._tasks, self._charge, self._outcomes = tasks, charge, outcomes
        self._store, self._sets, self._node = store, sets, node
        self._changed = False

    def on_changed(self, changed: ChangedRows) -> None:
        """Another node has changed this."""
        self._changed |= "attempts" in changed.tables

    def restore(self, rows: list[AttemptRow]) -> None:
        """Begin with the attempts that other nodes run."""
        self._tasks.index.set_elsewhere(rows)

    def turn(self, now: float) -> None:
        """Take note of what runs elsewhere; close what ran at a node that is dead."""
        if self._changed:
            try:
                self._look()
            except StoreError:
                return
            self._changed = False
        for row in tuple(self._tasks.index.elsewhere.values()):
            if self._charge.is_gone(row.node):
                self._give_up(row, now)

    def _look(self) -> None:
        tasks, index = self._tasks, self._tasks.index
        rows = self._store.callbacks.open_attempts()
        begun, over = index.set_elsewhere([row for row in rows if row.node != self._node])
        for name in begun:
            if name in index.tasks:
                tasks.queues.leave(index.tasks[name])
        for name in over:
            if name in index.tasks:
                tasks.resume(index.tasks[name])
        run = {row.id for row in rows}
        for attempt in tuple(index.attempts.values()):
            if attempt.begun and attempt.row.id not in run and self._is_over(attempt.row):
                tasks.stop(attempt, "other_node")  # we have been taken for dead

    def _is_over(self, ours: AttemptRow) -> bool:
        return any(row.id == ours.id and row.ended_at is not None
                   for row in self._store.callbacks.attempts_of(ours.task))

    def _give_up(self, row: AttemptRow, now: float) -> None:
        tasks = self._tasks
        task = tasks.index.tasks.get(row.task)
        if not self._charge.has(NOBODYS if task is None else task.row.group):
            return
        changes = self._sets.begin(now)
        tasks.index.set_elsewhere([other for other in tasks.index.elsewhere.values() if other.id != row.id])
        self._outcomes.give_up(row, changes)
        self._store.put(changes.unit(durable=True))
