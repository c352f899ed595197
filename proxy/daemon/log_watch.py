"""Whether anybody reads the log: lines that were lost are counted, and are an alarm."""

from collections.abc import Callable
from typing import Final

from proxy import output
from proxy.core.counters import Counters

LOG_CALM: Final = 5.0
"""Seconds without a lost line after which the log counts as read again."""


class LogWatch:
    """Looks at the lines that nobody read."""

    def __init__(self, counters: Counters, alarm: Callable[[str, str | None], None],
                 clock: Callable[[], float]) -> None:
        """`alarm(name, text)`: None clears it. `clock`: monotonic seconds."""
        self._counters, self._alarm, self._clock = counters, alarm, clock
        self._calm_at = 0.0

    def look(self) -> None:
        """Count them; the alarm goes down when some time has passed without."""
        lost, now = output.lost_lines(), self._clock()
        if lost > self._counters.log_lines_lost:
            self._counters.log_lines_lost = lost
            self._calm_at = now + LOG_CALM
            self._alarm("log", "nobody reads the log: lines are lost")
        elif self._calm_at and now >= self._calm_at:
            self._calm_at = 0.0
            self._alarm("log", None)
