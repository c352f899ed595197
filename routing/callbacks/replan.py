"""Another policy is in force: what waits is planned anew, as if it had been so when the call was missed.

Window, number of attempts and the next moment follow from the new settings; what has happened stays: attempts that were
made count, and after each of them the customer is left alone for as long as its cause asks for. A task whose group is
gone goes to the group that its number belongs to now.
"""

from itertools import islice
from typing import Final, NamedTuple

from routing.callbacks.attempt_outcomes import AttemptOutcomes
from routing.callbacks.changes import Changes
from routing.callbacks.charge import Charge
from routing.callbacks.effective_settings import EffectiveSettings, SettingsBook
from routing.callbacks.facts import Outcome
from routing.callbacks.plan import TaskTimes, later, times
from routing.callbacks.schedule import within
from routing.callbacks.task import Task
from routing.callbacks.tasks import Tasks
from routing.storage import Store, StoreError

MOST: Final = 25
"""Tasks that are planned anew in one turn; the others follow with the next."""


class _Waiting(NamedTuple):
    task: Task
    version: int | None
    """In which it was left to another node; None: it was ours."""


class Replanner:
    """Plans tasks anew, some in each turn."""

    def __init__(self, tasks: Tasks, charge: Charge, outcomes: AttemptOutcomes, store: Store) -> None:
        self._tasks, self._charge, self._outcomes, self._store = tasks, charge, outcomes, store
        self._waiting: dict[str, _Waiting] = {}
        self._aside: dict[str, _Waiting] = {}
        """Those that another node brings forward now."""

    def begin(self, old: SettingsBook, new: SettingsBook) -> None:
        """Note the tasks whose time is another under the new policy."""
        found: dict[tuple[str, str | None], bool] = {}
        self._aside = {name: one for name, one in self._aside.items() if one.task.row.ended_at is None}
        for task in self._tasks.index.live():
            key = task.row.group, task.row.campaign
            if key not in found:
                found[key] = key[0] not in new.policy.group or old.timing(*key) != new.timing(*key)
            if found[key] and not (task.asked and key[0] in new.policy.group):
                ours = self._charge.has(task.row.group)
                self._waiting[task.row.id] = _Waiting(task, None if ours else task.row.version)

    def turn(self, changes: Changes) -> bool:
        """Plan some tasks anew; return whether others are left."""
        for name, one in tuple(islice(self._waiting.items(), MOST)):
            if self._is_ours(one.task, changes.now):
                self.one(one.task, changes)
            else:
                self._aside[name] = self._waiting.pop(name)
        return bool(self._waiting)

    def look_again(self) -> None:
        """Other tasks may be ours to bring forward than were."""
        self._waiting |= self._aside
        self._aside = {}

    def _is_ours(self, task: Task, now: float) -> bool:
        return task.row.ended_at is not None or (
            task.row.id not in self._tasks.index.elsewhere and self._charge.minds(task, now))

    def one(self, task: Task, changes: Changes) -> None:
        """Plan a task anew if that is still to be done."""
        found = self._waiting.pop(task.row.id, None) or self._aside.pop(task.row.id, None)
        if found is None or task.row.ended_at is not None:
            return
        if found.version is not None and task.row.changed_by and task.row.version > found.version:
            return  # whoever it was left to has planned it anew
        if task.attempt is None and not self._has_group(task, changes):
            return
        tasks, row = self._tasks, task.row
        if task.asked:  # until when they will be called was said to them
            return
        settings = tasks.settings(task)
        plan = times(settings, row.missed_at, row.options)
        if (plan.attempts, plan.expires_at) != (row.attempts_max, row.expires_at):
            tasks.change(task, changes, attempts_max=plan.attempts, expires_at=plan.expires_at)
            tasks.due_times.note(plan.expires_at, "expire", task)
        if task.attempt is None and plan.expires_at > changes.now:
            self._due(task, settings, plan, changes)
        after = task.row
        if after.ended_at is None and after != row:
            changes.note(row.id, "replanned", None, due_at=after.due_at, expires_at=after.expires_at,
                         attempts_max=after.attempts_max)

    def _due(self, task: Task, settings: EffectiveSettings, plan: TaskTimes, changes: Changes) -> None:
        """Say when a task that is in no attempt is tried next."""
        row, now, last = task.row, changes.now, self._last(task)
        if task.ready:
            at = now if settings.open_time.is_open(now) else within(now, row.expires_at, settings.open_time)
            if at == now:
                return
        elif row.attempts == 0:
            at = plan.due_at
        elif last is not None:
            verdict = later(row, settings, self._tasks.book.queue_of(row), *last)
            at = self._outcomes.follow(task, verdict, changes, last[0].agent, last[0].cause)
            if at is None:
                return
        else:
            at = row.due_at if row.due_at is not None else now
        if at is not None:
            at = within(max(at, now, task.not_before), row.expires_at, settings.open_time)
        if at is None:
            changes.note(row.id, "closed", None, until=settings.open_time.next_open(row.expires_at))
            self._tasks.end(task, "expired", "closed", changes, "closed")
        elif at != row.due_at and not (row.due_at is not None and row.due_at <= now == at):
            self._tasks.schedule(task, at, changes)

    def _last(self, task: Task) -> tuple[Outcome, float] | None:
        """How the last attempt that counted ended, and when; None: there was none, or nobody can say now."""
        if not task.row.attempts or task.last is not None:
            return task.last
        try:
            made = self._store.callbacks.attempts_of(task.row.id)
        except StoreError:
            return None
        for attempt in sorted(made, key=lambda one: one.serial, reverse=True):
            if attempt.customer_at is not None and attempt.ended_at is not None and attempt.result is not None:
                return Outcome(attempt.result, attempt.cause, attempt.agent), attempt.ended_at
        return None

    def _has_group(self, task: Task, changes: Changes) -> bool:
        """Bring a task whose group is gone to the group of its number; False where that has one for this customer."""
        tasks, policy = self._tasks, self._tasks.book.policy
        if task.row.group in policy.group or task.row.number is None:
            return True
        group = policy.number_for(task.row.number).group
        if group is None:
            return True
        if tasks.index.of(task.row.customer, group) is not None:
            tasks.end(task, "cancelled", "group", changes, into=group)
            return False
        tasks.move(task, group, changes)
        return True
