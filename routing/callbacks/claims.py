"""How an attempt begins: its claim is committed, and then the runner is told to run it."""

from collections.abc import Callable
from functools import partial

from routing.callbacks.agent_pool import AgentPool
from routing.callbacks.attempt_life import AttemptLife
from routing.callbacks.attempt_outcomes import REFUSED_REST
from routing.callbacks.changes import Changes, ChangeSets
from routing.callbacks.charge import Charge
from routing.callbacks.effective_settings import EffectiveSettings
from routing.callbacks.eligibility import ENGAGED_PAUSE, Eligibility
from routing.callbacks.facts import AttemptOrder, Outcome
from routing.callbacks.other_nodes import take_row
from routing.callbacks.refusal import Refusal
from routing.callbacks.task import Attempt, Task
from routing.callbacks.tasks import Tasks
from routing.duty import Fence
from routing.ids import Names
from routing.rows import AttemptRow
from routing.storage import Store, StoreError
from routing.writes import CloseAttempt, Unit

Go = Callable[[AttemptOrder], None]
"""Runs an attempt that is committed."""


class Claims:
    """Claims attempts."""

    def __init__(self, tasks: Tasks, charge: Charge, eligibility: Eligibility, pool: AgentPool, life: AttemptLife,
                 store: Store, sets: ChangeSets, names: Names, node: str) -> None:
        self._charge = charge
        self._tasks, self._eligibility, self._pool, self._life = tasks, eligibility, pool, life
        self._store, self._sets, self._names, self._node = store, sets, names, node

    def claim(self, task: Task, agent: str | None, settings: EffectiveSettings, now: float, go: Go) -> bool:
        """Begin an attempt; False where the guard says no (the task has been put elsewhere) or nothing can be known.

        `go` is called where it is committed.
        """
        if not self._charge.may_claim(task.row.group):
            self._tasks.rest(task, now + REFUSED_REST)
            return False
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
        changes = self._sets.begin(now)
        attempt = self._begin(task, agent, settings, serial, changes)
        self._tasks.change(task, changes)  # so that it is refused where another node has changed the task
        self._put(attempt, changes, lambda order: None if order is None else go(order),
                  self._charge.fence(task.row.group))
        return True

    def claim_place(self, task: Task, agent: str | None, now: float, go: Callable[[AttemptOrder | None], None]) -> None:
        """Begin an attempt whose agent has the task's place in a PBX's queue, and pressed 1; see PlaceFacts."""
        settings, changes = self._tasks.settings(task), self._sets.begin(now)
        refusal = self._eligibility.refusal(task, settings, now, at_place=True)
        if refusal is None and self._tasks.index.calling(task.row.customer) is not None:
            refusal = Refusal("engaged", "the customer is being called", now + ENGAGED_PAUSE)
        if refusal is not None:
            self._tasks.places.lose(task, refusal.reason, changes)
            if task.open:
                self._tasks.make_ready(task, changes)
            self._eligibility.put_aside(task, settings, refusal, changes)
            self._store.put(changes.unit())
            go(None)
            return
        try:
            serial = self._serial(task)
        except StoreError:
            self._tasks.places.lose(task, "database", changes)
            self._store.put(changes.unit())
            go(None)
            return
        attempt = self._begin(task, agent, settings, serial, changes, from_place=True)
        self._tasks.places.accept(task, changes)
        self._put(attempt, changes, go)

    def _begin(self, task: Task, agent: str | None, settings: EffectiveSettings, serial: int, changes: Changes,
               from_place: bool = False) -> Attempt:
        """Take up an attempt, and write down that it is assigned."""
        busy = agent is not None and self._tasks.index.occupied(agent)
        row = AttemptRow(self._names.new(changes.now), task.row.id, task.row.customer, serial, agent, self._node,
                         "claimed", changes.now, None, None, None, None, None, None, engages=None if busy else agent)
        order = self._order(task, row, settings)
        attempt = Attempt(row, order._replace(preview=0.0) if from_place else order, task, from_place)
        self._tasks.index.begin(attempt)
        task.serial, task.refused = serial, ""
        changes.note(row.task, "assigned", agent, attempt=row.id, preview_s=attempt.order.preview or None)
        changes.tell("callback.assigned", task.row, agent, attempt=row.id, preview_s=attempt.order.preview,
                     missed=task.row.missed, note=attempt.order.note)
        return attempt

    def _put(self, attempt: Attempt, changes: Changes, go: Callable[[AttemptOrder | None], None],
             fence: Fence | None = None) -> None:
        self._store.claim(attempt.row, changes.unit(), partial(self._on_claim_answered, attempt, go),
                          self._eligibility.caps(attempt.order.trunk), fence)

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

    def _on_claim_answered(self, attempt: Attempt, go: Callable[[AttemptOrder | None], None],
                           committed: bool) -> None:
        """Go on with an attempt once its claim is committed, or forget it."""
        if not committed:
            self._tasks.index.end(attempt)
            over = attempt.row._replace(step="ended", ended_at=self._sets.now, result="stopped")
            self._store.put(Unit((CloseAttempt(over),)))
            self._after_refused_claim(attempt)
            self._lose_accepted(attempt.task)
            go(None)
            return
        self._tasks.places.forget(attempt.task)
        if attempt.stopping or not attempt.task.open:
            outcome = Outcome("stopped", text=attempt.stopping or "not_open")
            self._life.ended(attempt.row.id, outcome, self._sets.now)
            go(None)
            return
        attempt.begun = True
        go(attempt.order)

    def _lose_accepted(self, task: Task) -> None:
        """The place of a task is over with the agent who accepted in vain."""
        if task.place is not None:
            changes = self._sets.begin(self._sets.now)
            self._tasks.places.lose(task, "refused" if self._store.well else "database", changes)
            self._store.put(changes.unit())

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
                    tasks.enqueue(task)
                    return
        if task.open and task.ready:
            tasks.rest(task, self._sets.now + REFUSED_REST)
        elif task.row.ended_at is None:  # held meanwhile, and maybe resumed
            tasks.resume(task)
