"""Which call it is that comes in: one that was challenged and comes again, one that an earlier process began, or a new
one."""

from __future__ import annotations

from collections.abc import Callable

from proxy.core.credentials import ExpectedCredentials
from proxy.core.headers import dialog_key
from proxy.core.relay import CANCEL_PATIENCE, TIMER_C
from proxy.core.reporter import Reporter
from proxy.sip.message import Request

AGE = TIMER_C + CANCEL_PATIENCE
"""Seconds that the last INVITE of a process before this one can still be answered in."""


class CallNames:
    """Gives them their names."""

    __slots__ = ("_credentials", "_new_id", "_reporter", "_started", "begun")

    def __init__(self, reporter: Reporter, credentials: ExpectedCredentials, new_id: Callable[[], str],
                 started: float) -> None:
        """`new_id`: as in `engine.Parts`. `started`: monotonic seconds."""
        self._reporter = reporter
        self._credentials = credentials
        self._new_id = new_id
        self._started = started
        self.begun: set[bytes] = set()
        """Call-IDs of this process, in its first minutes: no others can have been lost with the one before it."""

    def name(self, request: Request, now: float) -> str:
        """Our name of the call that an INVITE begins, or goes on with."""
        if now - self._started < AGE:
            self.begun.add(request.call_id)
        else:
            self.begun.clear()
        known = self._reporter.open_call(request)
        return self._credentials.take(dialog_key(request)) or (known.id if known is not None else self._new_id())

    def may_be_lost(self, call_id: bytes, now: float) -> bool:
        """Whether a call that the ledger does not know can have begun before this process did."""
        return now - self._started < AGE and call_id not in self.begun
