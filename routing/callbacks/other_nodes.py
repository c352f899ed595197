"""What other nodes on the same database do to tasks: theirs is taken as it is, what we knew beside is told again."""

from collections.abc import Sequence, Set
from typing import Final

from routing.callbacks.call_intake import CallIntake
from routing.callbacks.changes import Changes, ChangeSets
from routing.callbacks.dial_guard import DAY
from routing.callbacks.eligibility import Eligibility
from routing.callbacks.facts import Missed
from routing.callbacks.task import Task, held, within_reach
from routing.callbacks.tasks import Tasks
from routing.rows import JournalRow, PastAttempt, TaskRow
from routing.storage import NOTHING_CHANGED, ChangedRows, Store, StoreError
from routing.writes import ChangeTask, Unit

LOOKED_AT: Final = 100
"""Rows of each kind that are read in one turn: calls wait for no more than these."""


def take_row(tasks: Tasks, task: Task, row: TaskRow) -> None:
    """Take a task as another node has left it; an attempt of ours goes on unless the task is not open any more."""
    due = task.ready and row.state == "open" and row.due_at == task.row.due_at  # which is told already
    tasks.queues.leave(task)
    tasks.index.remove(task)
    place = held(row)
    if row.ended_at is not None or place is None or place.node != tasks.places.node:
        tasks.places.leave(task, row.reason or "other_node")
    task.row = row
    task.ready, task.urgent, task.forced = due, task.urgent and due, task.forced and due
    task.serial = None
    if row.ended_at is None:
        tasks.index.add(task)
        tasks.resume(task)
    if task.attempt is not None and not task.open:
        tasks.stop(task.attempt, row.reason)


class OtherNodes:
    """Keeps the tasks of a desk in step with what others have written. Turned by the desk."""

    def __init__(self, tasks: Tasks, eligibility: Eligibility, calls: CallIntake, store: Store,
                 sets: ChangeSets) -> None:
        self._tasks, self._eligibility, self._calls, self._store, self._sets = tasks, eligibility, calls, store, sets
        self._refused: list[Unit] = []
        self._changed = NOTHING_CHANGED
        """What is still to be looked at."""
        self._reads_list = False
        """The do-not-call list is read once what was put here before is committed."""

    @property
    def waits(self) -> bool:
        """Whether something is to be taken with the next turn."""
        changed = self._changed
        return bool(self._refused) or changed.tasks != frozenset() or changed.attempts != frozenset() or \
            ("do_not_call" in changed.tables and not self._reads_list)

    def on_stale(self, units: Sequence[Unit]) -> None:
        """Changes of tasks in these units were refused: somebody else was first."""
        self._refused += units

    def on_changed(self, changed: ChangedRows) -> None:
        """Another node has changed this."""
        self._changed = self._changed.and_then(changed)

    def turn(self, now: float) -> None:
        """Take what others have done; what cannot be read now is taken with a later turn, and so is what is too much
        for this one."""
        try:
            while self._refused:
                for change in self._refused[0].of(ChangeTask):
                    self._reconcile(change.task, self._refused[0], now)
                del self._refused[0]
            if self.waits:
                self._look(now)
        except StoreError:
            return

    def _look(self, now: float) -> None:
        changed = self._changed
        if changed.tasks is None:
            self._look_at_all(now)
            self._changed = changed = changed._replace(tasks=frozenset())
        elif changed.tasks:
            some = sorted(changed.tasks)[:LOOKED_AT]
            for name in some:
                row = self._store.callbacks.task(name)
                if row is not None:
                    self._look_at(row, now)
            self._changed = changed = changed._replace(tasks=(changed.tasks or frozenset()).difference(some))
        if changed.attempts is None:
            self._eligibility.keep_dials(self._store.callbacks.attempts_since(now - DAY), now)
            self._changed = changed = changed._replace(attempts=frozenset())
        elif changed.attempts:
            some = sorted(changed.attempts)[:LOOKED_AT]
            for name in some:
                self._look_at_attempt(name, now)
            self._changed = changed = changed._replace(attempts=(changed.attempts or frozenset()).difference(some))
        if "do_not_call" in changed.tables and not self._reads_list and self._store.well:
            self._reads_list = True
            said = self._eligibility.do_not_call.said
            self._store.settled(lambda: self._read_list(said))

    def _look_at_all(self, now: float) -> None:
        """Take every task that another node has made or changed last."""
        index, kept = self._tasks.index, self._store.callbacks
        rows = kept.open_tasks()
        there = {row.id for row in rows}
        ended = [kept.task(task.row.id) for task in tuple(index.live()) if task.row.id not in there]
        for row in (*ended, *rows):
            if row is not None:
                self._look_at(row, now)

    def _look_at(self, row: TaskRow, now: float) -> None:
        """Take a task that another node has made or changed last."""
        index = self._tasks.index
        known = index.tasks.get(row.id)
        if not row.changed_by:
            return
        if known is None:
            if row.ended_at is None and row.version > index.gone.get(row.id, 0):
                self._add(row, now)
        elif row.ended_at is not None or row.version > known.row.version:  # else ours is on its way, and is refused
            take_row(self._tasks, known, row)  # if theirs was first

    def _look_at_attempt(self, name: str, now: float) -> None:
        """Count whom another node has dialled."""
        row = self._store.callbacks.attempt(name)
        if row is None or row.customer_at is None:
            self._eligibility.forget_dial(name)
        elif row.node != self._tasks.places.node and row.customer_at >= now - DAY:
            self._eligibility.count_dial(PastAttempt(row.customer, row.customer_at, row.id, row.node), now)

    def _read_list(self, said: int) -> None:
        """Take the do-not-call list as it is kept, removals too; `said`: what had been said here when all of that was
        put. What was said since may not be there yet: then it is read again."""
        self._reads_list = False
        known = self._eligibility.do_not_call
        if known.said != said or not self._store.well:
            return
        try:
            known.restore(row.customer for row in self._store.callbacks.do_not_call())
        except StoreError:
            return
        self._changed = self._changed._replace(tables=self._changed.tables - {"do_not_call"})

    def _add(self, row: TaskRow, now: float) -> None:
        """Take up a task of another node. Where we have one of the customer and group, ours is about to be refused."""
        self._eligibility.count_promise(row.created_at, now)
        if self._tasks.index.of(row.customer, row.group) is None:
            task = Task(within_reach(row, now))
            self._tasks.index.add(task)
            self._tasks.resume(task)

    def _reconcile(self, ours: TaskRow, unit: Unit, now: float) -> None:
        """Take the row of a task as it is, in place of our refused change, and tell again what that was about."""
        index, kept = self._tasks.index, self._store.callbacks
        row, task = kept.task(ours.id), index.tasks.get(ours.id)
        if row is not None and not row.changed_by:
            return  # the change of another task in the unit was refused, or ours was written since
        if row is None:
            row = next((other for state in ("open", "held")
                        for other in kept.tasks(1, state, ours.customer, ours.group)), None)
            if row is None:  # it was crowded out while the database was in trouble
                if task is not None:
                    self._store.put(Unit((task.row,), durable=True))
                return
            if task is not None:
                take_row(self._tasks, task, ours._replace(state="cancelled", reason="stale", ended_at=now))
        elif task is not None:
            take_row(self._tasks, task, row)
        if row.ended_at is None and row.id not in index.tasks:
            self._add(row, now)
        changes = self._sets.begin(now)
        changes.note(row.id, "stale", None, node=row.changed_by, state=ours.state, reason=ours.reason or None)
        self._tell_again(ours, unit, changes.now, {
            line.data["call"] for line in kept.journal(row.id) if line.kind == "missed"})
        self._store.put(changes.unit())

    def _tell_again(self, ours: TaskRow, unit: Unit, now: float, known: Set[str]) -> None:
        """Calls that were missed are missed, and what is kept, taken back, held or resumed is so, whoever changed the
        task first. `known`: calls that its journal tells of as missed: two nodes may have ended one call."""
        queues = [queue for queue in unit.of(JournalRow) if queue.task == ours.id]
        for queue in queues:
            if queue.kind == "missed" and queue.data["call"] not in known:
                self._store.put(self._calls.missed(_fact(ours, queue), now))
        live = self._tasks.index.of(ours.customer, ours.group)
        if live is None:
            return
        changes = self._sets.begin(now)
        if ours.reason == "asked_in_queue":
            return  # the request that it gave way to was refused with it
        if ours.state not in ("done", "cancelled"):
            self._say_again(live, queues, changes)
            return
        told = next((queue for queue in reversed(queues) if queue.kind == "ended"), None)
        beside = {} if told is None else {name: value for name, value in told.data.items()
                                          if name not in ("state", "reason")}
        self._tasks.end(live, ours.state, ours.reason, changes, agent=None if told is None else told.agent, **beside)
        self._store.put(changes.unit(durable=True))

    def _say_again(self, live: Task, lines: Sequence[JournalRow], changes: Changes) -> None:
        """What an operator was told is so: a task that was held is held, one that was resumed goes on. A place that is
        lost is so too."""
        lost = next((line for line in reversed(lines) if line.kind == "place_lost"), None)
        place = held(live.row)
        if lost is not None and live.place is None and place is not None and place.node == self._tasks.places.node:
            self._tasks.places.lose(live, str(lost.data["why"]), changes)
            self._store.put(changes.unit(durable=True))
            changes = self._sets.begin(changes.now)
        said = next((line for line in reversed(lines) if line.kind in ("held", "resumed")), None)
        if said is None or (said.kind == "held") == (live.row.state == "held"):
            return
        act = self._tasks.hold if said.kind == "held" else self._tasks.unhold
        act(live, changes, str(said.data.get("by", "")))
        self._store.put(changes.unit(durable=True))


def _fact(row: TaskRow, queue: JournalRow) -> Missed:
    """Return the missed call that a line of a journal tells of."""
    data = queue.data
    return Missed(str(data["call"]), row.customer, data.get("number"), row.group, row.pbx, row.trunk,
                  queue.at - float(data.get("waited_s", 0.0)), queue.at, data["why"], tuple(data["evidence"]),
                  data["weight"])
