"""How much is taken on: of strangers a little, of peers what a large carrier sends, of new calls what can be served.

The order of cheapness: a flood of a stranger is dropped unread; a new call that is too many is answered 503 before
anything of it is looked at that the answer does not need (see `overload`); what is within all bounds is taken.
"""

from __future__ import annotations

from typing import Final

from proxy.core.limiter import PEER_BURST, PEER_RATE, STRANGER_BURST, STRANGER_RATE, Buckets
from proxy.core.overload import Overload, Refusals
from proxy.core.pending import Pending
from proxy.core.sender import Sender
from proxy.core.transactions import Transactions
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow
from proxy.sip.keys import Key, named_key
from proxy.sip.message import Request
from proxy.sip.reply import with_received

RETRY_AFTER: Final = 10
"""Seconds written into the Retry-After of a 503."""
LATER: Final = (b"Retry-After: %d" % RETRY_AFTER,)


class Admission:
    """Who comes in."""

    __slots__ = ("_of_peers", "_pending", "_sender", "_strangers", "_transactions", "overload", "overloaded",
                 "refusals")

    def __init__(self, transactions: Transactions, pending: Pending, started: float) -> None:
        """`started`: monotonic seconds."""
        self._transactions = transactions
        self._sender: Sender = transactions.sender
        self._pending = pending
        self._strangers = Buckets(STRANGER_RATE, STRANGER_BURST)
        self._of_peers = Buckets(PEER_RATE, PEER_BURST)
        self.overload = Overload(started)
        self.refusals = Refusals()
        self.overloaded = False
        """The loop is late: see `Overload` for how that is mostly known before."""

    def hears(self, flow: Flow, waited: float, now: float) -> bool | None:
        """Whether a message that has waited this many seconds is turned away if it is a new call.

        None: it is not read at all. Who is no peer is not to call, and is told so.
        """
        late = self.overload.late(waited, now) or self.overloaded
        if self._sender.peers.candidates(flow):
            return late
        if self._strangers.admit(flow.host, now):
            return False
        self._sender.counters.refused.add("flood")
        return None

    def takes_on(self, flow: Flow, now: float) -> bool:
        """Whether a new request of a peer is taken on."""
        return not (self.overloaded or self._pending.full) and self._of_peers.admit(flow.host, now)

    def turned_away(self, request: Request, flow: Flow, now: float, late: bool) -> bool:
        """Refuse a new call, or what repeats or acknowledges one that was refused; False: it is to be served.

        This is the cheap way, for when there are more calls than can be served.
        """
        try:
            return self._turned_away(request, flow, now, late)
        except SipError:
            return False  # who validates it says what is wrong

    def _turned_away(self, request: Request, flow: Flow, now: float, late: bool) -> bool:
        method = request.method
        if method == b"INVITE":
            key = self._transactions.key_of(request, flow, method)
            if not self.refusals.has(key, now) and not (
                    late and request.to.tag is None and key not in self._transactions.servers):
                return False
            with_received(request, flow.host, flow.port)
            self.turn_away(request, flow, key, now)
            return True
        if method == b"ACK" and self.refusals.has(named_key(request, b"INVITE"), now):
            self._sender.counters.retransmissions_absorbed += 1
            return True
        if method == b"CANCEL" and self.refusals.has(named_key(request, b"INVITE"), now):
            with_received(request, flow.host, flow.port)
            self._sender.answer(request, flow, 200)  # the INVITE has its answer
            return True
        return False

    def turn_away(self, request: Request, flow: Flow, key: Key | None, now: float) -> None:
        """Answer 503 because there is too much to do. `key`: of an INVITE, which is remembered."""
        self._sender.counters.refused.add("overload")
        if key is not None:
            self.refusals.add(key, now)
        self._sender.answer(request, flow, 503, None, LATER)
