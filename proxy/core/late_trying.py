"""The 100 for requests other than INVITE that stay without an answer (RFC 4320 section 4.1).

All of them get the same patience, so they stand in one line, and the first in it has the only timer: a request that is
answered in time, as nearly every one is, costs no timer of its own.
"""

from collections import deque
from typing import Protocol

from proxy.sip.timers import Timers


class Unanswered(Protocol):
    """A request on its way."""

    done: bool
    """A final response was chosen."""

    def still_trying(self, now: float) -> None:
        """Send the 100."""


class LateTrying:
    """The line of those that wait. `patience`: seconds from a request's arrival."""

    __slots__ = ("_line", "_patience", "_timers")

    def __init__(self, timers: Timers, patience: float) -> None:
        self._timers = timers
        self._patience = patience
        self._line: deque[tuple[float, Unanswered]] = deque()

    def expect(self, request: Unanswered, now: float) -> None:
        """Send a 100 for a request unless it is answered by then."""
        self._line.append((now + self._patience, request))
        if len(self._line) == 1:
            self._timers.at(now + self._patience, self._due)

    def _due(self, now: float) -> None:
        line = self._line
        try:
            while line and (line[0][1].done or line[0][0] <= now):
                request = line.popleft()[1]
                if not request.done:
                    request.still_trying(now)
        finally:  # a fault costs one request its 100, not all that follow
            if line:
                self._timers.at(line[0][0], self._due)
