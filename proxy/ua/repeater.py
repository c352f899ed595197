"""Sends a response again and again until it is acknowledged: a 2xx to INVITE, and a reliable 1xx."""

from collections.abc import Callable

from proxy.sip.timers import Timer
from proxy.ua.contract import Stack


def nothing(now: float) -> None:
    """Stands for what is told nobody any more."""


class Repeater:
    """One response on its way.

    First after T1, then after twice the last interval; a 2xx never waits longer than T2 (RFC 3261 section 13.3.1.4), a
    reliable 1xx has no such limit (RFC 3262 section 3). After 64*T1 it gives up.
    """

    def __init__(self, stack: Stack, send: Callable[[float], None], gave_up: Callable[[float], None], now: float, *,
                 limited: bool = True) -> None:
        """`send` sends it once more; it was sent once already. `limited`: T2 is the longest interval."""
        self._stack, self._send, self._gave_up = stack, send, gave_up
        self._limit = stack.values.T2 if limited else stack.values.timeout
        self._interval = stack.values.T1
        self._end = now + stack.values.timeout
        self._timer: Timer | None = None
        self._plan(now)

    @property
    def live(self) -> bool:
        """Whether it is still unacknowledged."""
        return self._timer is not None

    def stop(self) -> None:
        """It is acknowledged, or wanted no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._let_go()

    def _let_go(self) -> None:
        """It is over: forget whom it would tell, who knows it in turn."""
        self._timer = None
        self._send = self._gave_up = nothing

    def _plan(self, now: float) -> None:
        self._timer = self._stack.timers.at(min(now + self._interval, self._end), self._due)

    def _due(self, now: float) -> None:
        if now >= self._end:
            gave_up = self._gave_up
            self._let_go()
            gave_up(now)
            return
        self._interval = min(2 * self._interval, self._limit)
        self._plan(now)
        self._send(now)
