"""What follows from one fact, gathered until it is put into the store as one unit."""

from collections.abc import Callable
from typing import Any

from routing.callbacks.task import task_data
from routing.events import Event
from routing.rows import AttemptRow, JournalKind, JournalRow, TaskRow
from routing.teller import Teller
from routing.writes import ChangeTask, Unit


class Changes:
    """Rows, journal lines and events that belong together."""

    __slots__ = ("_attempts", "_beside", "_events", "_journal", "_tasks", "_teller", "now")

    def __init__(self, teller: Teller, now: float) -> None:
        self.now = now
        self._teller = teller
        self._tasks: dict[str, ChangeTask] = {}
        self._attempts: dict[str, AttemptRow] = {}
        self._journal: list[JournalRow] = []
        self._events: list[Event] = []
        self._beside: Unit | None = None

    def task(self, row: TaskRow, before: TaskRow | None) -> None:
        """Keep a task as it is now; `before`: as it was until now, None: it is new."""
        known = self._tasks.get(row.id)
        if known is not None:
            self._tasks[row.id] = known._replace(task=row)
        else:
            self._tasks[row.id] = ChangeTask(row, 0, "") if before is None else \
                ChangeTask(row, before.version, before.changed_by)

    def attempt(self, row: AttemptRow) -> None:
        """Keep an attempt as it is now."""
        self._attempts[row.id] = row

    def note(self, task: str, kind: JournalKind, agent: str | None = None, **data: Any) -> None:
        """Write a line into a task's journal; details that are None say nothing and are left out."""
        told = {name: value for name, value in data.items() if value is not None}
        self._journal.append(JournalRow(task, self.now, kind, agent, told))

    def tell(self, kind: str, row: TaskRow, agent: str | None = None, **more: Any) -> None:
        """Tell the world of a task."""
        self.say(kind, lambda: task_data(row, agent, **more))

    def say(self, kind: str, data: Callable[[], dict[str, Any]]) -> None:
        """Make an event of what `data()` returns, where anybody listens."""
        if self._teller.wants(kind):
            self._events.append(self._teller.event(kind, data(), self.now))

    @property
    def empty(self) -> bool:
        """Whether nothing follows."""
        return not (self._tasks or self._attempts or self._journal or self._events or self._beside)

    def beside(self, unit: Unit) -> None:
        """Add what somebody else has made of the same fact."""
        self._beside = unit if self._beside is None else self._beside.joined(unit)

    def unit(self, durable: bool = False) -> Unit:
        """Return all of it. `durable`: a promise is given or taken back, so it must outlive a loss of power."""
        own = Unit((*self._events, *self._tasks.values(), *self._attempts.values(), *self._journal), durable=durable)
        return own if self._beside is None else own.joined(self._beside)


class ChangeSets:
    """Begins sets of changes, and remembers the latest moment that anybody told of."""

    __slots__ = ("_teller", "now")

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self.now = 0.0
        """Seconds since the epoch: what the store answers comes without a moment of its own."""

    def begin(self, now: float) -> Changes:
        """Begin one for a fact of this moment."""
        self.now = now
        return Changes(self._teller, now)
