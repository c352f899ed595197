"""Timers by name, of which one may run under each."""

from collections.abc import Callable

from proxy.sip.timers import Timer, Timers


class NamedTimers:
    """Those of one attempt."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._running: dict[str, Timer] = {}

    def start(self, name: str, when: float, action: Callable[[float], None]) -> None:
        """Do something at a moment, in the place of what was to be done under that name."""
        self.stop(name)
        self._running[name] = self._timers.at(when, action)

    def stop(self, *names: str) -> None:
        """Do not do it."""
        for name in names:
            timer = self._running.pop(name, None)
            if timer is not None:
                timer.cancel()

    def stop_all(self) -> None:
        """Do nothing any more."""
        self.stop(*self._running)
