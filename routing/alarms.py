"""Which alarms are up, and who is told of them."""

from collections.abc import Callable
from typing import Literal

from routing.events import Event, rfc3339
from routing.rows import StandingAlarm
from routing.storage import Fault, Store
from routing.teller import Teller
from routing.writes import ClearAlarm, Unit


class RaisedAlarms:
    """Each alarm is said once when it goes up and once when it goes down."""

    __slots__ = ("_cleared", "_up")

    def __init__(self) -> None:
        self._up: dict[str, tuple[str, float]] = {}
        self._cleared: dict[str, float] = {}

    def change(self, name: str, text: str | None, now: float) -> Literal["alarm.raised", "alarm.cleared"] | None:
        """Raise (text) or clear (None) an alarm; return the kind of event, None where nothing changed."""
        if text is not None:
            if name in self._up:
                return None
            self._up[name] = text, now
            return "alarm.raised"
        if name not in self._up:
            return None
        self._cleared[name] = self._up.pop(name)[1]
        return "alarm.cleared"

    def since(self, name: str, now: float) -> float:
        """Return when an alarm that is up, or was the last time, went up."""
        return self._up[name][1] if name in self._up else self._cleared.get(name, now)

    def up(self) -> dict[str, str]:
        """Return the alarms that are up, and what each says."""
        return {name: text for name, (text, _) in self._up.items()}


class Alarms:
    """The alarms of a node: each change is an event in the outbox, and told at once.

    A database in trouble hides none; its own trouble is one of them.
    """

    __slots__ = ("_on_event", "_raised", "_store", "_teller")

    def __init__(self, store: Store, teller: Teller, on_event: Callable[[Event], None]) -> None:
        """`on_event`: told of each change at once, with the event that also goes to the outbox."""
        self._store, self._teller, self._on_event = store, teller, on_event
        self._raised = RaisedAlarms()
        store.tell_faults_to(self)

    def on_fault(self, fault: Fault) -> None:
        self.report(fault.alarm, fault.text, fault.at)

    def report(self, name: str, text: str | None, now: float) -> None:
        """Raise an alarm (`text` says what is wrong) or clear it (None). Said once, however often it is called."""
        change = self._raised.change(name, text, now)
        if change is not None:
            since = rfc3339(self._raised.since(name, now))
            event = self._teller.event(change, {"alarm": name, "text": text, "since": since}, now)
            self._on_event(event)
            self._store.put(Unit((event,)))

    def stand(self, name: str, text: str, now: float) -> None:
        """Raise an alarm that stays up, over restarts too, until an operator takes it down."""
        self._store.put(Unit((StandingAlarm(name, text, now),)))
        self.report(name, text, now)

    def take_down(self, name: str, now: float) -> None:
        """Take an alarm down because an operator says so: one that stands does not go by itself."""
        self._store.put(Unit((ClearAlarm(name),)))
        self.report(name, None, now)

    def restore(self) -> None:
        """Raise the alarms that stand in the database. Raises StoreError."""
        for alarm in self._store.standing():
            self.report(alarm.name, alarm.text, alarm.raised_at)

    def up(self) -> dict[str, str]:
        """Return the alarms that are up, and what each says."""
        return self._raised.up()
