"""One branch of a request that is forwarded (RFC 3261 section 16.6): what was sent to one address of one target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.core.requests_out import Outgoing
from proxy.sip.hop import Hop
from proxy.sip.message import Response
from proxy.sip.transaction import ClientTransaction

if TYPE_CHECKING:
    from proxy.core.relay import Relay


class Branch:
    """The request sent to one address: owner of its client transaction."""

    __slots__ = ("cancel_wanted", "cancelled", "heard", "hop", "hops_left", "out", "over", "relay", "target", "tx")

    def __init__(self, relay: Relay, target: int, out: Outgoing, hops_left: list[Hop]) -> None:
        self.relay = relay
        self.target = target
        self.hop = out.hop
        self.out: Outgoing | None = out
        """What was sent; None after the final response and after the transaction's end."""
        self.hops_left = hops_left
        self.tx: ClientTransaction | None = None
        self.heard = False
        """A provisional response came."""
        self.cancel_wanted = False
        self.cancelled = False
        self.over = False
        """Nothing but a 2xx of it counts any more."""

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        self.relay.response(self, response, now)

    def on_timeout(self, tx: ClientTransaction, now: float) -> None:
        if not self.over:
            self.relay.core.health.failed(self.hop, now)
        self.relay.silent(self, 408, now)

    def on_transport_error(self, tx: ClientTransaction, now: float) -> None:
        self.relay.core.health.failed(self.hop, now, hard=True)
        self.relay.silent(self, 503, now)

    def on_terminated(self, tx: ClientTransaction, now: float) -> None:
        self.relay.core.forget_client(tx)
        self.tx = None
        self.out = None
