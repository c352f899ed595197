"""Removes what is older than it is to be kept, a slice a turn.

A clock that leaps is not believed for a while: what a wrong year removed would not come back with the right one.
"""

from collections.abc import Callable
from typing import Final, Protocol

from proxy.logger import get_logger
from routing.storage import Forgotten

SLICE_PAUSE: Final = 0.25
"""Seconds between two slices."""
ROWS: Final = 50
"""Rows that one slice looks at: 200 a second are 17 million a day, and a slice is a few milliseconds of one thread."""
LOOK_PAUSE: Final = 60.0
"""Seconds between two looks through everything, and before the first one."""
LEAP: Final = 3600.0
"""Seconds that the wall clock may go another way than the steady one between two turns."""
LEAP_REST: Final = 3600.0
"""Seconds after a leap in which nothing is removed: for whoever sets clocks right."""
LEAST: Final = 26 * 3600.0
"""Seconds that are kept whatever the setting: today's figures begin up to 25 hours ago, where a clock goes back."""


class Forgetful(Protocol):
    """Where history is."""

    def forget(self, before: float, rows: int, told: Callable[[Forgotten], None]) -> None:
        """See `storage.Store.forget`."""


class History:
    """The chore of `node.history_keep`. In the daemon's thread."""

    def __init__(self, store: Forgetful, keep: float, wall: Callable[[], float], clock: Callable[[], float],
                 prune: Callable[[float], object]) -> None:
        """`keep` in seconds; `wall` since the epoch, `clock` steady. `prune(before)`: removes files that are too old,
        after each look through everything."""
        self._store, self._keep = store, max(keep, LEAST)
        self._wall, self._clock = wall, clock
        self._log = get_logger()
        self._difference = wall() - clock()
        self._rest_until = clock() + LOOK_PAUSE
        self._gone = Forgotten()
        self._prune = prune

    def turn(self) -> None:
        """Have a slice removed, if it is time. For a timer, every `SLICE_PAUSE`."""
        wall, clock = self._wall(), self._clock()
        if abs(wall - clock - self._difference) > LEAP:
            self._rest_until = max(self._rest_until, clock + LEAP_REST)
            self._log.warning("clock_leapt", seconds=round(wall - clock - self._difference))
        self._difference = wall - clock
        if clock >= self._rest_until and wall > self._keep:
            self._store.forget(wall - self._keep, ROWS, self._told)

    def _told(self, gone: Forgotten) -> None:
        so_far = self._gone
        self._gone = Forgotten(so_far.calls + gone.calls, so_far.tasks + gone.tasks, so_far.tickets + gone.tickets)
        if gone.more:
            return
        if any(self._gone):
            self._log.info("history_removed", calls=self._gone.calls, callbacks=self._gone.tasks,
                           tickets=self._gone.tickets)
        self._gone = Forgotten()
        self._rest_until = max(self._rest_until, self._clock() + LOOK_PAUSE)
        self._prune(self._wall() - self._keep)
