"""Which call it is that comes in: one that was challenged and comes again, one that an earlier process began, or a new
one. And which Call-IDs are this process's own, for what nobody knows here may have been begun elsewhere."""

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

    __slots__ = ("_before", "_credentials", "_new_id", "_others_begin", "_reporter", "_since", "_started", "begun")

    def __init__(self, reporter: Reporter, credentials: ExpectedCredentials, new_id: Callable[[], str],
                 started: float, others_begin: bool) -> None:
        """`new_id`: as in `engine.Parts`. `started`: monotonic seconds. `others_begin`: other nodes begin calls too."""
        self._reporter = reporter
        self._credentials = credentials
        self._new_id = new_id
        self._started = started
        self._others_begin = others_begin
        self._since = started
        self._before: set[bytes] = set()
        self.begun: set[bytes] = set()
        """Call-IDs of this process: no others can have been begun elsewhere. Kept in its first minutes, where it is
        alone; else those of the last minutes, the ones before them in `_before`."""

    def name(self, request: Request, now: float) -> str:
        """Our name of the call that an INVITE begins, or goes on with."""
        if self._others_begin and now - self._since >= AGE:
            self._before, self.begun, self._since = self.begun, set(), now
        if self._others_begin or now - self._started < AGE:
            self.begun.add(request.call_id)
        else:
            self.begun.clear()
        known = self._reporter.open_call(request)
        return self._credentials.take(dialog_key(request)) or (known.id if known is not None else self._new_id())

    def may_be_lost(self, call_id: bytes, now: float) -> bool:
        """Whether a call that the ledger does not know can have begun before this process did, or at another node.

        What began here so long ago that it is forgotten rings no more, or its transaction is here.
        """
        return (self._others_begin or now - self._started < AGE) and call_id not in self.begun and \
            call_id not in self._before
