"""Final answers that wait until what follows from them is stored: whoever has seen one can rely on the record."""

from __future__ import annotations

from collections.abc import Callable

from proxy.core.pending import Pending
from proxy.core.reporter import Reporter
from proxy.sip.timers import Timers
from routing.facts import Ending

COMMIT_PATIENCE = 0.25
"""Seconds that an answer waits for the store; then it leaves all the same."""


class HeldAnswers:
    """Reports the ends of calls, and lets their answers go."""

    __slots__ = ("_clock", "_pending", "_reporter", "_timers")

    def __init__(self, reporter: Reporter, timers: Timers, pending: Pending, clock: Callable[[], float]) -> None:
        self._reporter = reporter
        self._timers = timers
        self._pending = pending
        self._clock = clock

    def end(self, call: str, ending: Ending, send: Callable[[float], None], now: float) -> None:
        """Report the end of a call; `send(now)` follows once, when that is stored or has taken too long."""
        self._reporter.ended_and_stored(call, ending, self.hold(send, now))

    def hold(self, send: Callable[[float], None], now: float) -> Callable[[], None]:
        """Give what is to be called when all is stored: `send(now)` follows once, then or after the patience."""
        return _Held(send, self._timers, self._pending, self._clock, now).stored


class _Held:
    """One answer."""

    __slots__ = ("_clock", "_pending", "_send", "_timer")

    def __init__(self, send: Callable[[float], None], timers: Timers, pending: Pending, clock: Callable[[], float],
                 now: float) -> None:
        self._send: Callable[[float], None] | None = send
        self._clock = clock
        self._pending = pending
        self._timer = timers.at(now + COMMIT_PATIENCE, self.release)
        pending.count += 1

    def stored(self) -> None:
        """Take note that all is stored."""
        if self._send is not None:
            self.release(self._clock())

    def release(self, now: float) -> None:
        """Send it, the first time this is called."""
        send, self._send = self._send, None
        if send is not None:
            self._timer.cancel()
            self._pending.count -= 1
            send(now)
