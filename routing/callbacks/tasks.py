"""What can happen to one task from its promise to its end. It is written into a set of changes; nothing is sent."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from routing.callbacks.changes import Changes
from routing.callbacks.charge import Charge
from routing.callbacks.due_times import DueTimes
from routing.callbacks.effective_settings import EffectiveSettings, SettingsBook
from routing.callbacks.responsible import Responsible
from routing.callbacks.task import Attempt, Task, held
from routing.callbacks.task_index import TaskIndex
from routing.callbacks.task_places import TaskPlaces, without_place
from routing.callbacks.task_queues import TaskQueues
from routing.callbacks.tickets import TicketOffice, Why, attempt_note, story
from routing.rows import TaskRow, TaskState

TOLD_AS: Final[dict[TaskState, str]] = {
    "done": "callback.done", "failed": "callback.failed", "expired": "callback.expired",
    "cancelled": "callback.cancelled",
}
"""The event of each final state."""

DUE_SLACK: Final = 5000
"""Stale moments that the due times may hold beside four for each task, before they are made anew."""


class Tasks:
    """The tasks that live: who is due, in which queue they stand, and what the store must know of it."""

    def __init__(self, book: SettingsBook, random: Callable[[], float], tickets: TicketOffice, node: str,
                 charge: Charge) -> None:
        """`random`: a number from 0 to 1. `node`: our name. `charge`: which tasks are ours to bring forward."""
        self.book, self.tickets, self._charge = book, tickets, charge
        self.index = TaskIndex()
        self.due_times = DueTimes()
        self.queues = TaskQueues(random)
        self.made: Counter[str] = Counter()
        """Tasks made by this process, by group."""
        self.kept: Counter[str] = Counter()
        """Callbacks that were kept, by group."""
        self.stops: list[Attempt] = []
        """Attempts that the runner must be told to stop."""
        self.places = TaskPlaces(node, self.change, self.queues, self.due_times)

    def settings(self, task: Task) -> EffectiveSettings:
        """Return the settings of a task."""
        return self.book.of(task.row.group, task.row.campaign)

    def set_book(self, book: SettingsBook) -> None:
        """Put another policy in force: orders and waits may have changed."""
        self.book = book
        self.queues.clear()
        self.due_times.clear()
        for task in self.index.live():
            self.resume(task)

    # Beginning

    def begin(self, row: TaskRow, changes: Changes) -> Task:
        """Take up a new task."""
        task = Task(row)
        self.index.add(task)
        self.made[row.group] += 1
        changes.task(row, None)
        self.resume(task)
        return task

    def resume(self, task: Task) -> None:
        """Note what is to happen to a task that is as its row says."""
        row = task.row
        self.due_times.note(row.expires_at, "expire", task)
        if task.attempt is not None or not task.open or task.place is not None:
            return
        place = held(row)
        if place is not None:  # another process has it
            self.due_times.note(place.until, "wake", task)
        elif task.ready:
            self.enqueue(task)
        elif row.due_at is not None:
            self.due_times.note(row.due_at, "due", task)

    def change(self, task: Task, changes: Changes, **fields: Any) -> None:
        """Change columns of a task's row."""
        before = task.row
        task.row = before._replace(**fields, version=before.version + 1, changed_by="")
        changes.task(task.row, before)

    def move(self, task: Task, group: str, changes: Changes) -> None:
        """Give a task that is in no attempt to another group, which has none for its customer."""
        before = task.row.group
        self.queues.leave(task)
        self.index.remove(task)
        self.change(task, changes, group=group, campaign=None)
        self.index.add(task)
        changes.note(task.row.id, "moved", None, group=group, before=before)
        if task.ready:
            self.enqueue(task)

    # Waiting

    def schedule(self, task: Task, at: float | None, changes: Changes) -> None:
        """Try a task at another time: a new round, in which nobody has declined yet."""
        self.queues.leave(task)
        task.ready = task.urgent = task.forced = False
        self.change(task, changes, due_at=at, declined=(), responsible_since=None)
        if at is not None and task.open:
            self.due_times.note(at, "due", task)

    def make_ready(self, task: Task, changes: Changes) -> None:
        """Say that a task is due: it waits for an agent from now on."""
        task.ready = True
        planned = task.row.due_at
        if task.responsible is not None and task.row.responsible_since is None:
            self.change(task, changes, responsible_since=changes.now)
        changes.note(task.row.id, "due", task.responsible, planned=planned)
        changes.tell("callback.due", task.row)
        self.enqueue(task)

    def enqueue(self, task: Task) -> None:
        """Let a task that is due stand in the queue where it belongs, if it is for us to try it."""
        row, settings = task.row, self.settings(task)
        if not self._charge.has(row.group) or row.id in self.index.elsewhere:
            self.queues.leave(task)
            return
        responsible = task.responsible
        if responsible is not None and row.responsible_since is not None:
            self.due_times.note(row.responsible_since + self.patience(task), "release", task)
        if responsible is not None:
            name: tuple[str, ...] = "agents" if row.responsible_kind == "group" else "agent", responsible
        else:
            name = ("request", row.group) if task.asked else ("group", row.group, row.campaign or "")
        self.queues.join(task, name, "oldest" if task.asked else settings.callback.order)

    def rest(self, task: Task, until: float) -> None:
        """Look at a task again later: it cannot be placed now."""
        self.queues.leave(task)
        self.due_times.note(until, "wake", task)

    def assign(self, task: Task, who: Responsible, wait: float | None, changes: Changes) -> None:
        """Hold a task for somebody else from now on, for `wait` seconds where that is given."""
        own = {} if wait is None else {"responsible_wait": wait}
        since = changes.now if task.ready and who.name is not None else None
        self.change(task, changes, responsible_kind=who.kind, responsible=who.name, released_at=None,
                    responsible_since=since, options={**task.row.options, **own})
        if task.ready:
            self.enqueue(task)

    def patience(self, task: Task) -> float:
        """Return how many seconds a task that is due waits for its responsible."""
        own = task.row.options.get("responsible_wait")
        return float(own) if own is not None else self.settings(task).missed.responsible_wait

    def release(self, task: Task, why: str, changes: Changes) -> None:
        """Give a task that waited for its responsible to anybody."""
        row = task.row
        who = row.responsible if row.responsible_kind != "group" else None
        waited = None if row.responsible_since is None else round(changes.now - row.responsible_since, 3)
        self.change(task, changes, released_at=changes.now)
        changes.note(row.id, "released", who, responsible=row.responsible, waited_s=waited, why=why)
        changes.tell("callback.released", task.row, waited_s=waited, why=why)
        if task.ready and task.attempt is None and task.open:
            self.queues.leave(task)
            self.enqueue(task)

    def hold(self, task: Task, changes: Changes, by: str) -> None:
        """Do not try a task for now; an attempt whose customer has not answered is stopped.

        The place of a request is given up: no agent is asked to call who is not to be called.
        """
        self.queues.leave(task)
        task.ready = False
        self.places.lose(task, "held", changes, leave=True)
        self.change(task, changes, state="held", reason="operator", responsible_since=None)
        changes.note(task.row.id, "held", None, by=by or None)
        if task.attempt is not None:
            self.stop(task.attempt, "held")

    def unhold(self, task: Task, changes: Changes, by: str) -> None:
        """Try a task that was held again, as soon as it is due."""
        if task.open:
            return
        self.change(task, changes, state="open", reason="")
        changes.note(task.row.id, "resumed", None, by=by or None)
        if task.row.due_at is not None:
            self.due_times.note(task.row.due_at, "due", task)

    # Ending

    def end(self, task: Task, state: TaskState, reason: str, changes: Changes, ticket: Why | None = None,
            agent: str | None = None, **told: Any) -> None:
        """Bring a task to its end; an attempt that runs for it is stopped unless the customer answered."""
        self.queues.leave(task)
        task.ready = False
        self.places.leave(task, reason)
        self.index.remove(task)
        self.change(task, changes, state=state, reason=reason, due_at=None, ended_at=changes.now,
                    options=without_place(task.row))
        changes.note(task.row.id, "ended", agent, state=state, reason=reason, **told)
        changes.tell(TOLD_AS[state], task.row, agent, **told)
        if ticket is not None:
            self.ticket(task, ticket, changes, agent)
        if task.attempt is not None:
            self.stop(task.attempt, reason)

    def stop(self, attempt: Attempt, reason: str) -> None:
        """Have an attempt stopped with the next turn; one whose customer has answered goes on."""
        if not attempt.joined and not attempt.stopping:
            attempt.stopping = reason
            self.stops.append(attempt)

    # Tickets

    def ticket(self, task: Task, why: Why, changes: Changes, agent: str | None = None) -> None:
        """Open the ticket of a task where the policy wants one; where it has one, write what happened under that."""
        settings = self.settings(task)
        setting = settings.tickets
        wanted = setting.enabled and (setting.on_start if why == "started" else why in setting.on)
        if not wanted and not (task.asked and _is_unkept(task)):
            return
        known = task.row.options.get("ticket")
        if known is None:
            self._open_ticket(task, why, setting.subject, changes, agent)
        elif why != "started":
            changes.beside(self.tickets.comment(str(known), story(task.row, why, settings.zone), changes.now))

    def open_ticket_instead(self, task: Task, why: Why, subject: str, changes: Changes) -> None:
        """Open the ticket that a campaign or a group wants instead of a call."""
        self._open_ticket(task, why, subject, changes, None)

    def note_try(self, task: Task, result: str, agent: str | None, changes: Changes) -> None:
        """Write under the ticket of a task that a try was made and did not reach the customer."""
        known = task.row.options.get("ticket")
        if known is not None:
            note = attempt_note(result, agent, changes.now, self.settings(task).zone)
            changes.beside(self.tickets.comment(str(known), note, changes.now))

    def _open_ticket(self, task: Task, why: Why, subject: str, changes: Changes, agent: str | None) -> None:
        ticket, unit = self.tickets.open(task.row, why, subject, self.settings(task).zone, changes.now, agent)
        changes.beside(unit)
        changes.note(task.row.id, "ticket", agent, ticket=ticket.id, why=why)
        self.change(task, changes, options={**task.row.options, "ticket": ticket.id})

    def tidy(self) -> None:
        """Make the due times anew when most of what they hold is stale."""
        if len(self.due_times) > 4 * len(self.index.tasks) + DUE_SLACK:
            self.set_book(self.book)


def _is_unkept(task: Task) -> bool:
    """Whether a caller who was told that they will be called was not, by no doing of theirs."""
    return task.row.state == "expired" or (
        task.row.state == "failed" and task.last is not None
        and task.last[0].result in ("crashed", "unknown", "stopped"))
