"""Whether more comes than can be carried: a loop that is late, calls that were refused for it."""

from collections.abc import Callable
from typing import Final

from proxy.core.admission import Admission
from proxy.core.counters import Counters

LAG_OVERLOAD: Final = 0.4
"""Seconds by which two rounds must come too late for new calls to get 503."""
LAG_CALM: Final = 0.05
OVERLOAD_CALM: Final = 5.0
"""Seconds without a refused call after which there are no longer too many."""


class LoadWatch:
    """Refuses new calls while the loop is late (the spec's "what survives"), and raises the alarm `overload`.

    That is the last resort: what waits in the sockets tells of too many calls before (`core/overload.py`). The alarm is
    for both.
    """

    def __init__(self, admission: Admission, counters: Counters, alarm: Callable[[str, str | None], None],
                 clock: Callable[[], float]) -> None:
        """`alarm(name, text)`: None clears it. `clock`: monotonic seconds."""
        self._admission, self._counters, self._alarm, self._clock = admission, counters, alarm, clock
        self._late_before = False
        self._refused = 0
        self._calm_at = 0.0

    def look(self, lag: float) -> None:
        """Take note that a round of chores came so many seconds too late."""
        admission, late = self._admission, lag > LAG_OVERLOAD
        if late and self._late_before and not admission.overloaded:
            admission.overloaded = True
            self._alarm("overload", f"the loop is {lag:.1f} s late: new calls get 503")
        elif lag < LAG_CALM:
            admission.overloaded = False
        self._late_before = late
        self._look_at_refused(self._clock())

    def _look_at_refused(self, now: float) -> None:
        refused = self._counters.refused.get("overload", 0)
        if refused > self._refused:
            self._refused = refused
            self._calm_at = now + OVERLOAD_CALM
            self._alarm("overload", "more calls come than can be carried: new ones get 503")
        elif not self._admission.overloaded and now >= self._calm_at:
            self._alarm("overload", None)
