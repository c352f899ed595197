"""Timers on injected time, and the timer values of RFC 3261 table 4.

Rules
- Nobody here reads a clock: `when` and `now` are seconds on one monotonic clock that the caller owns.
- Timers run in the order of their moment, those of the same moment in the order they were set.
- A cancelled timer is only marked, and leaves the heap when it reaches the top. Nearly every protocol timer is
  cancelled long before it is due (timer B lives 32 s, an answer comes in 20 ms), so when the marked ones are the
  majority the heap is rebuilt without them: it never holds more than twice the live ones (plus COMPACT_FROM).
- A timer that ran or was cancelled holds its action no more: nothing is kept alive by a timer that is over.
"""

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

COMPACT_FROM = 64
"""Cancelled timers below this number are not worth a rebuild."""

TIMEOUT_FACTOR = 64
"""Timers B, F, H, J, L and M are this many T1 (RFC 3261 table 4, RFC 6026 section 8.7)."""


class Timer:
    """One moment to act at; made by `Timers.at`."""

    __slots__ = ("_action", "_timers", "when")

    def __init__(self, when: float, action: Callable[[float], None], timers: "Timers") -> None:
        self.when = when
        self._action: Callable[[float], None] | None = action
        self._timers = timers

    @property
    def live(self) -> bool:
        """Whether it is still to run."""
        return self._action is not None

    def cancel(self) -> None:
        """Make sure that it does not run; nothing happens when it is over already."""
        if self._action is not None:
            self._action = None
            self._timers._cancelled()

    def _take(self) -> Callable[[float], None] | None:
        action, self._action = self._action, None
        return action


class Timers:
    """All timers of one engine."""

    __slots__ = ("_dead", "_earlier", "_heap", "_serial")

    def __init__(self, earlier: Callable[[float], None] | None = None) -> None:
        """`earlier(when)` is called whenever a timer is set that comes before all others: its owner wakes up then.

        None: the owner looks at `next` by itself.
        """
        self._earlier = earlier
        self._heap: list[tuple[float, int, Timer]] = []
        self._serial = 0
        self._dead = 0

    def __len__(self) -> int:
        """Count the live ones."""
        return len(self._heap) - self._dead

    def at(self, when: float, action: Callable[[float], None]) -> Timer:
        """Have `action(now)` called by the first `run` at or after `when`."""
        timer = Timer(when, action, self)
        self._serial += 1
        heappush(self._heap, (when, self._serial, timer))
        if self._earlier is not None and self._heap[0][2] is timer:
            self._earlier(when)
        return timer

    def next(self) -> float | None:
        """Moment of the earliest live timer, None where there is none."""
        heap = self._heap
        while heap:
            when, _, timer = heap[0]
            if timer.live:
                return when
            heappop(heap)
            self._dead -= 1
        return None

    def run(self, now: float) -> None:
        """Run all that are due, in order; also those that an action sets for a moment not after `now`.

        An exception of an action leaves through here; what is still due runs at the next call.
        """
        heap = self._heap
        while heap and heap[0][0] <= now:
            action = heappop(heap)[2]._take()
            if action is None:
                self._dead -= 1
            else:
                action(now)

    def _cancelled(self) -> None:
        self._dead += 1
        if self._dead > COMPACT_FROM and self._dead * 2 > len(self._heap):
            # In place: `run` may be under way and holds this very list.
            self._heap[:] = [entry for entry in self._heap if entry[2].live]
            heapify(self._heap)
            self._dead = 0


@dataclass(frozen=True, slots=True)
class TimerValues:
    """The three base values of RFC 3261 table 4, in seconds, and the timers made of them."""

    T1: float = 0.5
    """Estimate of the round-trip time."""
    T2: float = 4.0
    """Longest interval between retransmissions of a non-INVITE request or an INVITE's final response."""
    T4: float = 5.0
    """Longest time that a message stays in the network."""

    @property
    def timeout(self) -> float:
        """64*T1: the wait of timers B, F and H, and how long a 2xx is repeated (RFC 3261 section 13.3.1.4)."""
        return TIMEOUT_FACTOR * self.T1

    @property
    def b(self) -> float:
        """INVITE client: wait for a first response."""
        return self.timeout

    @property
    def d(self) -> float:
        """INVITE client: wait for repeated finals; "at least 32 s", which is 64*T1. 0 on reliable transports."""
        return self.timeout

    @property
    def e_at_t2(self) -> float:
        """When the Timer E of a non-INVITE client that hears nothing has come to T2: 3.5 s (RFC 4320 section 4.1)."""
        spent, interval = 0.0, self.T1
        while interval < self.T2:
            spent += interval
            interval *= 2
        return spent

    @property
    def f(self) -> float:
        """Non-INVITE client: wait for the final response."""
        return self.timeout

    @property
    def h(self) -> float:
        """INVITE server: wait for the ACK."""
        return self.timeout

    @property
    def i(self) -> float:
        """INVITE server: wait for repeated ACKs. 0 on reliable transports."""
        return self.T4

    @property
    def j(self) -> float:
        """Non-INVITE server: wait for repeated requests. 0 on reliable transports."""
        return self.timeout

    @property
    def k(self) -> float:
        """Non-INVITE client: wait for repeated responses. 0 on reliable transports."""
        return self.T4

    @property
    def l(self) -> float:  # noqa: E743 - the RFC's letter
        """INVITE server: stay for 2xx of the user and for repeated INVITEs, on every transport (RFC 6026)."""
        return self.timeout

    @property
    def m(self) -> float:
        """INVITE client: stay for further 2xx, on every transport (RFC 6026)."""
        return self.timeout
