"""How an attempt begins: its claim is committed, and then the runner is told to run it."""

from functools import partial

from routing.callbacks.agent_pool import AgentPool
from routing.callbacks.attempt_life import AttemptLife
from routing.callbacks.attempt_outcomes import REFUSED_REST
from routing.callbacks.changes import ChangeSets
from routing.callbacks.effective_settings import EffectiveSettings
from routing.callbacks.eligibility import Eligibility
from routing.callbacks.facts import AttemptOrder, Orders, Outcome
from routing.callbacks.other_nodes import take_row
from routing.callbacks.task import Attempt, Task
from routing.callbacks.tasks import Tasks
from routing.ids import Names
from routing.rows import AttemptRow
from routing.storage import Store, StoreError
from routing.writes import CloseAttempt, Unit


class Claims:
    """Claims attempts."""

    def __init__(self, tasks: Tasks, eligibility: Eligibility, pool: AgentPool, life: AttemptLife, orders: Orders,
                 store: Store, sets: ChangeSets, names: Names, node: str) -> None:
        self._tasks, self._eligibility, self._pool, self._life, self._orders = tasks, eligibility, pool, life, orders
        self._store, self._sets, self._names, self._node = store, sets, names, node

    def claim(self, task: Task, agent: str | None, settings: EffectiveSettings, now: float) -> bool:
        """Begin an attempt; False where the guard says no (the task has been put elsewhere) or nothing can be known."""
        refusal = self._eligibility.refusal(task, settings, now)
        if refusal is not None:
            changes = self._sets.begin(now)
            self._eligibility.put_aside(task, settings, refusal, changes)
            if not changes.empty:
                self._store.put(changes.unit())
            return False
        try:
            serial = self._serial(task)
        except StoreError:
            self._tasks.rest(task, now + REFUSED_REST)
            return False
        row = AttemptRow(self._names.new(now), task.row.id, task.row.customer, serial, agent, self._node, "claimed",
                         now, None, None, None, None, None, None, engages=agent)
        attempt = Attempt(row, self._order(task, row, settings), task)
        self._tasks.index.begin(attempt)
        task.serial, task.refused = serial, ""
        changes = self._sets.begin(now)
        self._tasks.change(task, changes)  # so that it is refused where another node has changed the task
        changes.note(row.task, "assigned", agent, attempt=row.id, preview_s=attempt.order.preview or None)
        changes.tell("callback.assigned", task.row, agent, attempt=row.id, preview_s=attempt.order.preview,
                     missed=task.row.missed, note=attempt.order.note)
        self._store.claim(row, changes.unit(), partial(self._on_claim_answered, attempt))
        return True

    def _serial(self, task: Task) -> int:
        """Return the number of a task's next attempt; what a process before this one made is asked for once."""
        if task.serial is None:
            task.serial = max((attempt.serial for attempt in self._store.callbacks.attempts_of(task.row.id)), default=0)
        return task.serial + 1

    def _is_taken(self, claimed: AttemptRow) -> bool:
        """Whether another attempt has the agent of one that could not be claimed."""
        return claimed.engages is not None and any(
            other.engages == claimed.engages and other.id != claimed.id
            for other in self._store.callbacks.open_attempts())

    def _order(self, task: Task, row: AttemptRow, settings: EffectiveSettings) -> AttemptOrder:
        own, callback = task.row.options, settings.callback
        return AttemptOrder(
            row.id, row.task, row.serial, row.customer, task.row.number or settings.number, task.row.group,
            task.row.campaign, task.row.pbx, task.row.trunk, row.agent, row.agent or settings.target or "",
            float(own.get("preview", callback.preview)), callback.agent_ring_for, callback.accept_within,
            callback.customer_ring_for, callback.min_talk, callback.confirm_key, callback.customer_first,
            str(own.get("language", callback.language)), callback.record, task.row.missed_at,
            str(own.get("note", "")),
        )

    def _on_claim_answered(self, attempt: Attempt, committed: bool) -> None:
        """Go on with an attempt once its claim is committed, or forget it."""
        if not committed:
            self._tasks.index.end(attempt)
            over = attempt.row._replace(step="ended", ended_at=self._sets.now, result="stopped")
            self._store.put(Unit((CloseAttempt(over),)))
            self._after_refused_claim(attempt)
            return
        if attempt.stopping or not attempt.task.open:
            outcome = Outcome("stopped", text=attempt.stopping or "not_open")
            self._life.ended(attempt.row.id, outcome, self._sets.now)
            return
        attempt.begun = True
        self._orders.begin(attempt.order, self._sets.now)

    def _after_refused_claim(self, attempt: Attempt) -> None:
        """See whether the task is still ours to try, and who has its agent: another node may have been first."""
        tasks, task = self._tasks, attempt.task
        task.serial = None
        if self._store.well:
            try:
                row, taken = self._store.callbacks.task(task.row.id), self._is_taken(attempt.row)
            except StoreError:
                row, taken = task.row, False
            if row is None:  # it was crowded out while the database was in trouble
                self._store.put(Unit((task.row,), durable=True))
            elif row.state not in ("open", "held") or (row.changed_by and row.version >= task.row.version):
                take_row(tasks, task, row)
                return
            elif row.changed_by:  # the claim alone was refused: nobody has changed the task since
                task.row = task.row._replace(version=row.version, changed_by=row.changed_by)
            if taken:  # somebody else may be free for it at once
                self._pool.skip(attempt.row.agent, attempt.order.group, self._sets.now + REFUSED_REST)
                if task.open and task.ready:
                    tasks.place(task)
                    return
        if task.open and task.ready:
            tasks.rest(task, self._sets.now + REFUSED_REST)
        elif task.row.ended_at is None:  # held meanwhile, and maybe resumed
            tasks.resume(task)
