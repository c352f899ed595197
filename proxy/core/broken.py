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

from typing import TYPE_CHECKING

from proxy.core.branch import Branch
from proxy.core.qualify import Qualifier
from proxy.sip.hop import Hop
from proxy.sip.transaction import ClientTransaction, State

if TYPE_CHECKING:
    from proxy.core.outward import Outward

ROUND = 0.25
"""Seconds in which all ICMP together is looked at once."""
HINTS_MAX = 1_000
"""Addresses that one round looks at."""
WAITING = (State.CALLING, State.TRYING)
"""No response came yet."""
UNDER_WAY = (*WAITING, State.PROCEEDING)


class Breaks:
    """Draws the consequences for the requests under way."""

    def __init__(self, core: Outward, qualifier: Qualifier) -> None:
        self._core = core
        self._qualifier = qualifier
        self._hints: set[Hop] = set()
        self._quiet_until = float("-inf")
        self._repeated: set[tuple[object, ...]] = set()
        """Requests that went out once more."""

    # -- streams

    def connection_failed(self, number: int, hop: Hop, now: float) -> None:
        """A connection of this number is no more; it led to this hop."""
        core = self._core
        lost = [key for key, carrier in core.carriers.items() if carrier == number]
        elsewhere = {branch.tx.key for branch in self._branches() if branch.tx is not None and branch.hops_left}
        self._repeated &= core.carriers.keys()
        for key in lost:
            tx = core.clients.get(key)
            if tx is not None and tx.state in WAITING:
                self._lost(tx, key in elsewhere, now)
        for place in {hop} | {core.places[key] for key in lost if key in core.places}:
            self._ask(place, now)

    def _lost(self, tx: ClientTransaction, elsewhere: bool, now: float) -> None:
        if elsewhere or tx.key in self._repeated:
            tx.transport_failed(now)
        else:
            self._repeated.add(tx.key)
            tx.send_again()

    # -- ICMP

    def unreachable(self, hop: Hop, now: float) -> None:
        """ICMP says that nobody listens at this hop."""
        if len(self._hints) < HINTS_MAX:
            self._hints.add(hop)
        if now >= self._quiet_until:
            self._look(now)
        elif len(self._hints) == 1:
            self._core.timers.at(self._quiet_until, self._look)

    def _look(self, now: float) -> None:
        hints, self._hints = self._hints, set()
        if not hints:
            return
        self._quiet_until = now + ROUND
        for hop in hints:
            self._core.health.failed(hop, now)
        for branch in self._branches():
            if branch.hop in hints:
                branch.relay.slow(branch, now)
        for hop in hints:
            self._ask(hop, now)

    # -- whoever is asked

    def _ask(self, hop: Hop, now: float) -> None:
        self._qualifier.doubt(hop, self._gone, now)

    def _gone(self, hop: Hop, now: float) -> None:
        core = self._core
        gone = [tx for key, tx in core.clients.items() if core.places[key] == hop and tx.state in UNDER_WAY]
        if gone:
            core.journal.note("peer_gone", hop=str(hop[:3]), requests=len(gone))
        given_up = {branch.tx.key for branch in self._branches() if branch.tx is not None and branch.over}
        for tx in gone:
            if tx.key not in given_up:  # one that is given up may still be answered
                tx.transport_failed(now)

    def _branches(self) -> list[Branch]:
        return [branch for relay in self._core.relays.values() for branch in relay.branches]
