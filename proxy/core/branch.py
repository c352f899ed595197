"""One branch of a request that is forwarded (RFC 3261 section 16.6): what was sent to one address of one target."""

from __future__ import annotations

from typing import Protocol

from proxy.core.requests_out import Outgoing
from proxy.core.transactions import ClientEntry
from proxy.sip.hop import Hop
from proxy.sip.message import Response
from proxy.sip.transaction import ClientTransaction


class BranchOwner(Protocol):
    """Whoever sent a request on by branches."""

    def response(self, branch: Branch, response: Response, now: float) -> None:
        """Take a response of a branch."""

    def silent(self, branch: Branch, now: float) -> None:
        """A branch got no answer in time."""

    def unsent(self, branch: Branch, now: float) -> None:
        """What was sent by a branch could not be delivered, or whoever it was sent to is gone."""

    def slow(self, branch: Branch, now: float) -> None:
        """Nobody has begun to answer by a branch: the next address is to be tried, where there is one."""


class Branch:
    """The request sent to one address: owner of its client transaction."""

    __slots__ = ("cancel_wanted", "cancelled", "heard", "hop", "hops_left", "out", "over", "owner", "target", "tx")

    def __init__(self, owner: BranchOwner, target: int, out: Outgoing, hops_left: list[Hop]) -> None:
        self.owner = owner
        self.target = target
        """Index of the target."""
        self.hop = out.hop
        self.out: Outgoing | None = out
        """What was sent; None after the final response and after the transaction's end."""
        self.hops_left = hops_left
        self.tx: ClientEntry | None = None
        self.heard = False
        """A provisional response came."""
        self.cancel_wanted = False
        self.cancelled = False
        self.over = False
        """Nothing but a 2xx of it counts any more."""

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        self.owner.response(self, response, now)

    def on_timeout(self, tx: ClientTransaction, now: float) -> None:
        self.owner.silent(self, now)

    def on_transport_error(self, tx: ClientTransaction, now: float) -> None:
        self.owner.unsent(self, now)

    def on_terminated(self, tx: ClientTransaction, now: float) -> None:
        self.tx = None
        self.out = None
