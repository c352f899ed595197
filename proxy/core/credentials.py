"""Calls that were answered 401 or 407: the same call is expected again, with credentials."""

from functools import partial

from proxy.core.reporter import Reporter
from proxy.sip.timers import Timer, Timers
from routing.facts import Ending

CREDENTIALS_PATIENCE = 10.0
"""Seconds after a 401 or 407 in which the same call is expected again."""

DialogName = tuple[bytes, bytes]
"""Call-ID and From tag (`headers.dialog_key`): an INVITE has them in common with its repetition."""


class ExpectedCredentials:
    """Their names, for as long as each may come again."""

    __slots__ = ("_calls", "_reporter", "_timers")

    def __init__(self, timers: Timers, reporter: Reporter) -> None:
        self._timers = timers
        self._reporter = reporter
        self._calls: dict[DialogName, tuple[str, Timer]] = {}

    def expect(self, name: DialogName, call: str, now: float) -> None:
        """Keep our name of a challenged call; it ends with 407 if nothing follows."""
        self.take(name)
        self._calls[name] = call, self._timers.at(now + CREDENTIALS_PATIENCE, partial(self._missing, name))

    def take(self, name: DialogName) -> str | None:
        """Our name of a challenged call whose INVITE comes again; it is expected no more."""
        if not self._calls:
            return None
        call, timer = self._calls.pop(name, (None, None))
        if timer is not None:
            timer.cancel()
        return call

    def _missing(self, name: DialogName, now: float) -> None:
        self._reporter.ended(self._calls.pop(name)[0], Ending(407, "callee"))

    def __len__(self) -> int:
        """How many are expected."""
        return len(self._calls)
