"""What other nodes on the same database do to tasks: theirs is taken as it is, what we knew beside is told again."""

from collections.abc import Sequence, Set

from routing.callbacks.call_intake import CallIntake
from routing.callbacks.changes import Changes, ChangeSets
from routing.callbacks.eligibility import Eligibility
from routing.callbacks.facts import Missed
from routing.callbacks.task import Task, held, within_reach
from routing.callbacks.tasks import Tasks
from routing.rows import JournalRow, TaskRow
from routing.storage import ChangedRows, Store, StoreError
from routing.writes import ChangeTask, Unit


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
        self._changed = False

    def on_stale(self, units: Sequence[Unit]) -> None:
        """Changes of tasks in these units were refused: somebody else was first."""
        self._refused += units

    def on_changed(self, changed: ChangedRows) -> None:
        """Another node has changed this."""
        self._changed |= not changed.tables.isdisjoint(("tasks", "do_not_call"))

    def turn(self, now: float) -> None:
        """Take what others have done; what cannot be read now is taken with a later turn."""
        try:
            while self._refused:
                for change in self._refused[0].of(ChangeTask):
                    self._reconcile(change.task, self._refused[0], now)
                del self._refused[0]
            if self._changed:
                self._look(now)
                self._changed = False
        except StoreError:
            return

    def _look(self, now: float) -> None:
        """Take every task that another node has made or changed last, and whom it has put on the do-not-call list."""
        index, kept = self._tasks.index, self._store.callbacks
        rows = {row.id: row for row in kept.open_tasks()}
        do_not_call = {row.customer for row in kept.do_not_call()}
        ended = [(task, kept.task(task.row.id)) for task in tuple(index.live()) if task.row.id not in rows]
        for task, row in ended:
            if row is not None and row.changed_by and row.ended_at is not None:
                take_row(self._tasks, task, row)
        for row in rows.values():
            known = index.tasks.get(row.id)
            if not row.changed_by:
                continue
            if known is None:
                if row.version > index.gone.get(row.id, 0):
                    self._add(row, now)
            elif row.version > known.row.version:  # else ours is on its way, and is refused if theirs was first
                take_row(self._tasks, known, row)
        self._eligibility.do_not_call |= do_not_call

    def _add(self, row: TaskRow, now: float) -> None:
        """Take up a task of another node. Where we have one of the customer and group, ours is about to be refused."""
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
