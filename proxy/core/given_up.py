"""Calls that a process before this one began, or another node, and whose caller has hung up: the CANCEL came here.

The failure that it brings about is the caller's doing, as it is where the whole call is ours. It may never come here,
for it goes to where the Via of the INVITE leads: then the call is over when every answer to the CANCEL is too late.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from proxy.core.relay import CANCEL_PATIENCE
from proxy.core.reporter import Reporter
from proxy.sip.timers import Timers
from routing.facts import Ending

MOST: Final = 10_000
"""Calls that are remembered."""


class GivenUp:
    """Remembers them until their end is known."""

    __slots__ = ("_calls", "_reporter", "_timers")

    def __init__(self, reporter: Reporter, timers: Timers) -> None:
        self._reporter, self._timers = reporter, timers
        self._calls: dict[bytes, tuple[str | None, Ending]] = {}
        """By Call-ID: our name of it, where we know it, and its end."""

    def note(self, call_id: bytes, call: str | None, elsewhere: bool, now: float) -> None:
        """Remember that the caller has hung up. `call`: our name of the call, None: nobody knows it here; `elsewhere`:
        because somebody else had answered."""
        if call_id not in self._calls:
            if len(self._calls) >= MOST:
                return
            self._timers.at(now + CANCEL_PATIENCE, partial(self._end, call_id))
        self._calls[call_id] = call, Ending(487, "caller", elsewhere)

    def take(self, call_id: bytes) -> Ending | None:
        """Return how a call ends, for its end has come, or its answer; None: its caller has not hung up here."""
        found = self._calls.pop(call_id, None)
        return None if found is None else found[1]

    def _end(self, call_id: bytes, now: float) -> None:
        call, ending = self._calls.pop(call_id, (None, None))
        if call is not None and ending is not None:
            self._reporter.ended(call, ending)
