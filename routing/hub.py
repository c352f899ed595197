"""The hub of events: what was committed is told to everybody who listens, in the order in which it was committed.

Rules
- There is one, made before the store, which hands it every event after its commit.
- Whoever listens says of which kinds; what nobody listens to and the outbox does not keep need not be made (`wanted`).
- A listener must not wait. One that raises is counted and reported, and the others hear the event all the same.
- Who takes their time follows instead of listening: their events wait in a queue of their own, which is bounded. What
  finds it full is left out and counted, and they are told how many.
- The outbox is no listener, because an event must stand in it in the very transaction of its fact; whether events are
  kept there at all is said here (`outbox`), and whoever fetches them listens to hear when to look.
"""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple, Protocol, get_args

from routing.events import Event, Kind, Outbox

KINDS: Final = get_args(Kind)
"""Every kind of event, in the order of the contract."""


class Listener(Protocol):
    """Who hears of events as they are committed."""

    def on_events(self, events: Sequence[Event]) -> None:
        """Take note of events, each with its seq, in order. Must not wait."""


class Faults(Protocol):
    """Where a fault of a listener is written down."""

    def failure(self, where: str, error: BaseException, call: str = "") -> None:
        """Take note of an exception that nobody expected; `where`: whose it was."""


class Interest(Protocol):
    """Which events are worth making."""

    @property
    def wanted(self) -> frozenset[str] | None:
        """Kinds that somebody hears; None: all."""


class _Everything(NamedTuple):
    wanted: frozenset[str] | None = None


EVERYTHING: Final = _Everything()
"""The interest of whoever wants every event."""


class Committed(Protocol):
    """Where the store tells what it has committed."""

    @property
    def outbox(self) -> Outbox:
        """Whether events are also kept in the outbox, until somebody has fetched them."""

    def on_committed(self, events: Sequence[Event]) -> None:
        """Take note of events that were committed, in order, each with its seq. Never raises."""


class Followed(NamedTuple):
    """An event that somebody who follows has taken."""

    event: Event
    missed: int
    """So many were left out before this one."""


class Hearing:
    """One listener's place in the hub."""

    __slots__ = ("_hub", "faults", "kinds", "listener", "name")

    def __init__(self, hub: "EventHub", name: str, listener: Listener, kinds: frozenset[str] | None) -> None:
        self._hub, self.name, self.listener, self.kinds = hub, name, listener, kinds
        self.faults = 0
        """How often it raised."""

    def change(self, kinds: frozenset[str] | None) -> None:
        """Hear other kinds from now on; None: all."""
        self.kinds = kinds
        self._hub.ask_again()

    def stop(self) -> None:
        """Hear nothing more."""
        self._hub.remove(self)


class Follower:
    """Events of some kinds on their way to somebody who takes their time."""

    def __init__(self, kinds: Collection[str], limit: int, wake: "Wake") -> None:
        """`limit`: how many wait at the most. `wake`: is set when there are some."""
        self._kinds, self._limit, self._wake = kinds, limit, wake
        self._waiting: deque[Followed] = deque()
        self._missed = 0
        self.left_out = 0
        """How many were left out in all."""

    def on_events(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.kind not in self._kinds:
                continue
            if len(self._waiting) >= self._limit:
                self._missed += 1
                self.left_out += 1
                continue
            self._waiting.append(Followed(event, self._missed))
            self._missed = 0
        if self._waiting:
            self._wake.set()

    def take(self) -> Followed | None:
        """Return the next event; None where none waits."""
        return self._waiting.popleft() if self._waiting else None


class Wake(Protocol):
    """Wakes whoever waits for events, such as an `asyncio.Event`."""

    def set(self) -> None:
        """There are some."""


class EventHub:
    """All who listen to one node."""

    def __init__(self, faults: Faults, outbox: Outbox) -> None:
        """`outbox`: whether events are kept until somebody has fetched them (MQTT)."""
        self.outbox: Final = outbox
        self.wanted: frozenset[str] | None = None if outbox else frozenset()
        """See Interest."""
        self._faults = faults
        self._hearings: tuple[Hearing, ...] = ()

    def listen(self, name: str, listener: Listener, kinds: Iterable[str] | None = None) -> Hearing:
        """Have somebody hear events of these kinds (None: all) from now on; `name`: for the reports of their faults."""
        hearing = Hearing(self, name, listener, None if kinds is None else frozenset(kinds))
        self._hearings = (*self._hearings, hearing)
        self.ask_again()
        return hearing

    def remove(self, hearing: Hearing) -> None:
        """Tell one of them nothing more; also one that was removed already."""
        self._hearings = tuple(one for one in self._hearings if one is not hearing)
        self.ask_again()

    def ask_again(self) -> None:
        """Work out anew what is worth making."""
        kinds = [hearing.kinds for hearing in self._hearings]
        self.wanted = None if self.outbox or None in kinds else frozenset().union(*filter(None, kinds))

    @property
    def faults(self) -> dict[str, int]:
        """How often each of those who listen now raised, where they did."""
        return {hearing.name: hearing.faults for hearing in self._hearings if hearing.faults}

    def on_committed(self, events: Sequence[Event]) -> None:
        """Tell everybody of events that were committed; called by the store alone. Never raises."""
        for hearing in self._hearings:  # who comes or goes meanwhile makes another tuple
            kinds = hearing.kinds
            heard = events if kinds is None else [event for event in events if event.kind in kinds]
            if not heard:
                continue
            try:
                hearing.listener.on_events(heard)
            except Exception as error:
                hearing.faults += 1
                self._faults.failure(f"events to {hearing.name}", error)
