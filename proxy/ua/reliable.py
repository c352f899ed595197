"""Provisional responses of ours: plain, or reliable where the caller requires it (RFC 3262 section 3).

One reliable response at a time: the next waits for the PRACK of the one before it, and only the newest waiting one is
kept.
"""

import re
from collections.abc import Callable

from proxy.sip.message import Request
from proxy.ua.contract import Incoming, Stack
from proxy.ua.repeater import Repeater, nothing

FIRST_RSEQ = 1
_RACK = re.compile(rb"([0-9]{1,10})[ \t]++([0-9]{1,10})[ \t]++INVITE")

Write = Callable[[tuple[bytes, ...]], bytes]
"""Writes the response with these additional fields."""


class ReliableResponses:
    """The provisional responses to one INVITE."""

    def __init__(self, stack: Stack, incoming: Incoming, unacknowledged: Callable[[float], None]) -> None:
        """`unacknowledged`: told when a reliable one never got its PRACK."""
        self.required = b"100rel" in incoming.request.option_tags(b"require")
        self.count = 0
        """Reliable ones sent so far."""
        self._stack, self._incoming, self._unacknowledged = stack, incoming, unacknowledged
        self._repeater: Repeater | None = None
        self._with_description = False
        self._next: tuple[Write, int, bool] | None = None

    @property
    def holds_back(self) -> bool:
        """Whether one with a description is still unacknowledged, so that no 2xx may leave."""
        return self._repeater is not None and self._with_description

    def send(self, write: Write, status: int, description: bool, now: float) -> None:
        """Send a provisional response. `description`: it holds one."""
        if not self.required:
            self._incoming.respond(write(()), status, now)
        elif self._repeater is not None:
            self._next = (write, status, description)
        else:
            rseq = FIRST_RSEQ + self.count
            self.count += 1
            data = write((b"Require: 100rel", b"RSeq: %d" % rseq))
            self._with_description = description
            self._repeater = Repeater(self._stack, lambda at: self._incoming.respond(data, status, at),
                                      self._unacknowledged, now, limited=False)
            self._incoming.respond(data, status, now)

    def acknowledge(self, prack: Request, now: float) -> bool:
        """Take a PRACK; False where it acknowledges nothing."""
        match = _RACK.fullmatch(prack.value(b"rack") or b"")
        rseq = FIRST_RSEQ + self.count - 1
        if match is None or self._repeater is None or int(match[1]) != rseq or (
                int(match[2]) != self._incoming.request.cseq.number):
            return False
        self._repeater.stop()
        self._repeater = None
        waiting, self._next = self._next, None
        if waiting is not None:
            self.send(*waiting, now)
        return True

    def stop(self) -> None:
        """The final response is on its way."""
        self._next = None
        self._unacknowledged = nothing
        if self._repeater is not None:
            self._repeater.stop()
            self._repeater = None
