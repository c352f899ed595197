"""Which calls began in this process, in its first minutes: no others can have been lost with the one before it."""

from __future__ import annotations

from proxy.core.relay import CANCEL_PATIENCE, TIMER_C

AGE = TIMER_C + CANCEL_PATIENCE
"""Seconds that the last INVITE of a process before this one can still be answered in."""


class CallsBegun:
    """Their Call-IDs. `started`: monotonic seconds."""

    __slots__ = ("_started", "call_ids")

    def __init__(self, started: float) -> None:
        self._started = started
        self.call_ids: set[bytes] = set()

    def note(self, call_id: bytes, now: float) -> None:
        """Take note of a call that begins."""
        if now - self._started < AGE:
            self.call_ids.add(call_id)
        else:
            self.call_ids.clear()

    def may_be_lost(self, call_id: bytes, now: float) -> bool:
        """Whether a call that the ledger does not know can have begun before this process did."""
        return now - self._started < AGE and call_id not in self.call_ids
