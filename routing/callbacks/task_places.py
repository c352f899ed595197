"""The places that requests have in the queues of PBXs: which of them this process holds, and what rows say of them."""

from collections.abc import Callable
from typing import Any, Final

from routing.callbacks.changes import Changes
from routing.callbacks.due_times import DueTimes
from routing.callbacks.task import Held, Place, Task, held
from routing.callbacks.task_queues import TaskQueues
from routing.rows import TaskRow

LEASE: Final = 180.0
"""Seconds after which other processes take a place for gone, unless it was written down again that it is held."""

RENEWAL: Final = 60.0
"""Seconds between two such lines."""


class TaskPlaces:
    """Holds and loses places. A task that has one is called from there alone: it stands in no queue of ours."""

    def __init__(self, node: str, change: Callable[..., None], queues: TaskQueues, due_times: DueTimes) -> None:
        """`node`: our name. `change`: `Tasks.change`."""
        self.node, self._change, self._queues, self._due_times = node, change, queues, due_times
        self.held: dict[str, Task] = {}
        """Requests for which this process holds a place, by name."""
        self.leaving: list[tuple[str, str]] = []
        """Places that the room must be told to leave: the name of the request, and why."""

    def hold(self, task: Task, place: Place, changes: Changes) -> None:
        """Let a task wait in a PBX's queue."""
        self._queues.leave(task)
        task.ready = task.urgent = task.forced = False
        self.put(task, place)
        self.renew(task, changes, due_at=None)

    def put(self, task: Task, place: Place | None) -> None:
        """Note that a task has this place; None: none."""
        self.forget(task)
        if place is not None:
            task.place = place
            self.held[task.row.id] = task

    def renew(self, task: Task, changes: Changes, **fields: Any) -> None:
        """Write down that a task's place is held."""
        place = task.place
        if place is not None:
            place.renew_at = changes.now + RENEWAL
            said = Held(self.node, place.since, changes.now + LEASE)._asdict()
            self._change(task, changes, options={**task.row.options, "place": said}, **fields)

    def accept(self, task: Task, changes: Changes) -> None:
        """Let an attempt that is claimed have the place of its task."""
        self._change(task, changes, options=without_place(task.row), due_at=changes.now)

    def lose(self, task: Task, why: str, changes: Changes, leave: bool = False) -> None:
        """A task has no place any more, whoever held it: it is due at once. `leave`: the room holds it yet."""
        was, place = held(task.row), task.place
        if was is None and place is None:
            return
        if leave:
            self.leave(task, why)
        self.forget(task)
        since = place.since if place is not None else was.since if was is not None else changes.now
        told: dict[str, Any] = {
            "why": why, "held_s": round(max(0.0, changes.now - since), 3),
            "round": None if place is None else place.round, "place": None if place is None else place.call}
        self._change(task, changes, options=without_place(task.row), due_at=changes.now)
        changes.note(task.row.id, "place_lost", None, **told)
        changes.tell("place.lost", task.row, **told)
        if task.open and task.attempt is None:
            self._due_times.note(changes.now, "due", task)

    def leave(self, task: Task, reason: str) -> None:
        """Have the place of a task left with the next turn, where this process holds one."""
        place = self.forget(task)
        if place is not None and place.way != "accepted":
            self.leaving.append((task.row.id, reason))

    def forget(self, task: Task) -> Place | None:
        """Forget the place of a task; return what it was."""
        place, task.place = task.place, None
        self.held.pop(task.row.id, None)
        return place


def without_place(row: TaskRow) -> dict[str, Any]:
    """Return the options of a row that says of no place."""
    return {name: value for name, value in row.options.items() if name != "place"} if "place" in row.options \
        else row.options
