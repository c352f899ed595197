"""Who of a campaign would be called next, and why not now: asked, never acted upon."""

from typing import Final, NamedTuple

from routing.callbacks.campaigns import Hindrance, sort_key
from routing.callbacks.dispatch import Dispatcher
from routing.callbacks.effective_settings import EffectiveSettings
from routing.callbacks.eligibility import Eligibility
from routing.callbacks.refusal import Refusal
from routing.callbacks.task import Task
from routing.callbacks.tasks import Tasks
from routing.rows import TaskRow

HINDRANCES: Final[dict[Hindrance, str]] = {
    "queue_empty": "callers wait, and it calls only while nobody does",
    "agents_free": "no more agents are free than callers wait",
    "queue_legs": "as many calls into the queue as may be go on already",
    "no_agent": "no agent may be rung now",
    "share": "as many agents as may be are in callbacks already",
    "reserve": "the agents who are free are kept for live calls",
}


class Candidate(NamedTuple):
    """A task of a campaign."""

    task: TaskRow
    obstacle: Refusal | None
    """Why it is not called now; None: nothing about the task keeps it."""


class Preview(NamedTuple):
    """How a campaign stands."""

    obstacle: Refusal | None
    """Why nobody of it is called now; None: who comes first is."""
    tasks: int
    """Open and held."""
    candidates: tuple[Candidate, ...]
    """Those that come first, the first first."""


class Previews:
    """Asks the rules that decide, without deciding."""

    def __init__(self, tasks: Tasks, eligibility: Eligibility, dispatcher: Dispatcher) -> None:
        self._tasks, self._eligibility, self._dispatcher = tasks, eligibility, dispatcher

    def of(self, group: str, campaign: str, now: float, limit: int) -> Preview:
        """Return how a campaign of a group stands, with `limit` of its tasks. In random order, those that are due stand
        as if the oldest came first: chance has not spoken yet."""
        settings = self._tasks.book.of(group, campaign)
        found = sorted((task for task in self._tasks.index.live() if task.row.campaign == campaign),
                       key=lambda task: _place(task, settings, now))
        return Preview(self._of_all(settings, campaign, now), len(found), tuple(
            Candidate(task.row, self._obstacle(task, settings, now)) for task in found[:limit]))

    def _of_all(self, settings: EffectiveSettings, campaign: str, now: float) -> Refusal | None:
        if not settings.runs(now):
            return Refusal("campaign", "it does not run now", None)
        if not settings.open_time.is_open(now):
            return Refusal("closed", "it is closed now", settings.open_time.next_open(now))
        halted = self._eligibility.halt_reason(now)
        if halted is not None:
            return Refusal(halted, "nobody at all is called now", None)
        hindrance = self._dispatcher.hindrance(settings, campaign, now)
        return None if hindrance is None else Refusal(hindrance, HINDRANCES[hindrance], None)

    def _obstacle(self, task: Task, settings: EffectiveSettings, now: float) -> Refusal | None:
        row = task.row
        if task.attempt is not None:
            return Refusal("under_way", "it is being called", None)
        if task.place is not None:
            return Refusal("place", "its place in the queue is held, and it is called from there", None)
        if not task.open:
            return Refusal("held", row.reason or "it is held", None)
        if not task.ready and row.due_at is not None and row.due_at > now:
            return Refusal("later", "it is tried later", row.due_at)
        refused = self._eligibility.refusal(task, settings, now)
        if refused is not None:
            return refused
        if task.responsible is not None and row.responsible_since is not None:
            until = row.responsible_since + self._tasks.patience(task)
            if until > now:
                return Refusal("responsible", f"it waits for {task.responsible}", until)
        return None


def _place(task: Task, settings: EffectiveSettings, now: float) -> tuple[int, float, str]:
    """Return what tasks are sorted by: those under way, those that are due in the campaign's order, those to come."""
    row = task.row
    if task.attempt is not None:
        return 0, row.missed_at, row.id
    if task.open and (task.ready or (row.due_at is not None and row.due_at <= now)):
        order = settings.callback.order
        return (1 if task.urgent else 2), sort_key(order, row.missed_at, row.missed_at), row.id
    return (3, row.due_at, row.id) if task.open and row.due_at is not None else (4, row.missed_at, row.id)
