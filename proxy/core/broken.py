"""What the wire says of itself: a connection that broke, ICMP that a datagram was in vain.

Rules
- A connection that breaks before any response to a request that it carried: the next address at once. Where there is no
  other the same request goes out once more by a new connection (the peer may just have closed an idle one); then it has
  failed.
- A connection that breaks after a 1xx is no failure by itself: the response may come by a new one. The peer is asked,
  and the request fails where the peer is gone. Else its caller would hear ringing until Timer C.
- ICMP is a hint that anybody on the path can forge: it leads to the next address at once, but what was sent still
  counts when it is answered after all; and it has the peer asked. Alone it ends nothing.
- Gone is who answers OPTIONS no more, nor anything else meanwhile (see `qualify`); or who refuses connections.
- Only peers are asked. ICMP comes as often as datagrams leave, so it is looked at in rounds.
"""

from __future__ import annotations

from proxy.core.qualify import Qualifier
from proxy.core.relay import Relays
from proxy.core.transactions import ClientEntry
from proxy.sip.hop import Hop
from proxy.sip.transaction import State

ROUND = 0.25
"""Seconds in which all ICMP together is looked at once."""
HINTS_MAX = 1_000
"""Addresses that one round looks at."""
WAITING = (State.CALLING, State.TRYING)
"""No response came yet."""
UNDER_WAY = (*WAITING, State.PROCEEDING)


class Breaks:
    """Draws the consequences for the requests under way."""

    def __init__(self, relays: Relays, qualifier: Qualifier) -> None:
        self._relays = relays
        self._transactions = relays.transactions
        self._sender = relays.sender
        self._qualifier = qualifier
        self._hints: set[Hop] = set()
        self._quiet_until = float("-inf")

    # -- streams

    def connection_failed(self, number: int, hop: Hop, now: float) -> None:
        """A connection of this number is no more; it led to this hop."""
        lost = [tx for tx in self._transactions.clients.values() if tx.carrier == number]
        elsewhere = {branch.tx for branch in self._relays.branches() if branch.hops_left}
        for tx in lost:
            if tx.state in WAITING:
                self._lost(tx, tx in elsewhere, now)
        for place in {hop} | {tx.hop for tx in lost}:
            self._ask(place, now)

    def _lost(self, tx: ClientEntry, elsewhere: bool, now: float) -> None:
        if elsewhere or tx.repeated:
            tx.transport_failed(now)
        else:
            tx.repeated = True
            tx.send_again()

    # -- ICMP

    def unreachable(self, hop: Hop, now: float) -> None:
        """ICMP says that nobody listens at this hop."""
        if len(self._hints) < HINTS_MAX:
            self._hints.add(hop)
        if now >= self._quiet_until:
            self._look(now)
        elif len(self._hints) == 1:
            self._transactions.timers.at(self._quiet_until, self._look)

    def _look(self, now: float) -> None:
        hints, self._hints = self._hints, set()
        if not hints:
            return
        self._quiet_until = now + ROUND
        for hop in hints:
            self._sender.health.failed(hop, now)
        for branch in self._relays.branches():
            if branch.hop in hints:
                branch.owner.slow(branch, now)
        for hop in hints:
            self._ask(hop, now)

    # -- whoever is asked

    def _ask(self, hop: Hop, now: float) -> None:
        self._qualifier.doubt(hop, self._gone, now)

    def _gone(self, hop: Hop, now: float) -> None:
        gone = [tx for tx in self._transactions.clients.values() if tx.hop == hop and tx.state in UNDER_WAY]
        if gone:
            self._sender.journal.note("peer_gone", hop=str(hop[:3]), requests=len(gone))
        given_up = {branch.tx for branch in self._relays.branches() if branch.over}
        for tx in gone:
            if tx not in given_up:  # one that is given up may still be answered
                tx.transport_failed(now)
