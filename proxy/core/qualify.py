"""OPTIONS to every address of every peer: is it alive, and how far away (RFC 3261 section 11).

Rules
- Any answer but 408 and 503 means alive: a peer that knows no OPTIONS still says so.
- An answer closes the address's circuit, silence opens it at once (see `health`).
- A peer is up while one of its addresses is. What nobody has asked yet is neither up nor down, and is tried.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from proxy.core.peers import Address, Peer
from proxy.core.ports import PeerWatch
from proxy.core.requests_out import Outgoing
from proxy.sip.hop import Hop
from proxy.sip.message import Response
from proxy.sip.requests import as_request, authority, build_request, via_field
from proxy.sip.timers import Timer
from proxy.sip.transaction import ClientTransaction

if TYPE_CHECKING:
    from proxy.core.outward import Outward

INTERVAL = 30.0
"""Seconds between two OPTIONS to an address of a peer that is up."""
INTERVAL_DOWN = 5.0
"""The same for a peer that is down: it is wanted back."""
PATIENCE = 4.0
"""Seconds after which an unanswered OPTIONS counts."""
NOT_ALIVE = (408, 503)


class Qualifier:
    """Asks all peers for ever, on the proxy's own timers."""

    def __init__(self, core: Outward, watch: PeerWatch) -> None:
        self._core = core
        self._watch = watch
        self._alive: dict[Hop, bool] = {}
        self._up: dict[tuple[str, str], bool] = {}
        self._next: dict[tuple[str, str], Timer] = {}
        self._serial = 0

    def start(self, now: float) -> None:
        """Ask every peer now, and go on."""
        for peer in self._core.peers:
            self._round(peer, now)

    def _round(self, peer: Peer, now: float) -> None:
        known = {address.hop for other in self._core.peers for address in other.addresses}
        for hop in [hop for hop in self._alive if hop not in known]:
            del self._alive[hop]
        for address in peer.addresses:
            self._ask(peer, address, now)
        self._ask_again(peer, now, INTERVAL if self._up.get((peer.side, peer.name), False) else INTERVAL_DOWN)

    def _ask_again(self, peer: Peer, now: float, interval: float) -> None:
        before = self._next.get((peer.side, peer.name))
        if before is not None:
            before.cancel()
        self._next[(peer.side, peer.name)] = self._core.timers.at(now + interval, partial(self._round, peer))

    def _ask(self, peer: Peer, address: Address, now: float) -> None:
        listener = self._core.network.listener_for(address.hop)
        if listener is None:
            return
        self._serial += 1
        seals = self._core.seals
        mark = seals.mark(b"options", b"%d" % self._serial, b"%f" % now)
        us = b"<sip:%s>" % authority(listener)
        uri = b"sip:" + address.uri_host
        data = build_request(b"OPTIONS", uri, via_field(listener, b"z9hG4bKq" + mark), us + b";tag=" + mark[:12],
                             b"<%s>" % uri, mark + b"@qualify", 1, (b"Contact: " + us, b"Accept: application/sdp"))
        out = Outgoing(as_request(data), data, address.hop, listener)
        tx = self._core.start_client(out, _Question(self, peer, address.hop, now), now)
        tx.give_up_at(now + PATIENCE)

    def heard(self, peer: Peer, hop: Hop, alive: bool, latency: float | None, now: float) -> None:
        """Take the outcome of one question. `latency` in seconds."""
        self._alive[hop] = alive
        if alive:
            self._core.health.succeeded(hop)
        else:
            self._core.health.failed(hop, now, hard=True)
        up = any(self._alive.get(each, False) for each in peer.hops)
        before = self._up.get((peer.side, peer.name))
        if before and not up:
            self._ask_again(peer, now, INTERVAL_DOWN)
        if up != before or latency is not None:
            self._up[(peer.side, peer.name)] = up
            self._watch.peer_state(peer.side, peer.name, up, None if latency is None else round(latency * 1000, 1))

    def forget(self, tx: ClientTransaction) -> None:
        """Drop a question's transaction."""
        self._core.forget_client(tx)


class _Question:
    """Owner of one OPTIONS."""

    __slots__ = ("_asked", "_hop", "_peer", "_qualifier")

    def __init__(self, qualifier: Qualifier, peer: Peer, hop: Hop, asked: float) -> None:
        self._qualifier = qualifier
        self._peer = peer
        self._hop = hop
        self._asked = asked

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        if response.status >= 200:
            alive = response.status not in NOT_ALIVE
            if response.has(b"allow"):
                self._peer.allows = frozenset(method.upper() for method in response.option_tags(b"allow"))
            self._qualifier.heard(self._peer, self._hop, alive, now - self._asked if alive else None, now)

    def on_timeout(self, tx: ClientTransaction, now: float) -> None:
        self._qualifier.heard(self._peer, self._hop, False, None, now)

    def on_transport_error(self, tx: ClientTransaction, now: float) -> None:
        self._qualifier.heard(self._peer, self._hop, False, None, now)

    def on_terminated(self, tx: ClientTransaction, now: float) -> None:
        self._qualifier.forget(tx)
