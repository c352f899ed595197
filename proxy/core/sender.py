"""What leaves: answers, requests for a next hop, responses on their way back; and what is believed of whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from proxy.core.challengers import Challengers
from proxy.core.contract import IsOwn, Journal, Network, Tracer
from proxy.core.counters import METHODS, OTHER, STATUS_CLASSES, Counters
from proxy.core.headers import clean, prepare
from proxy.core.health import Health
from proxy.core.peers import Peer, PeerTable
from proxy.core.requests_out import Outgoing, make_outgoing
from proxy.core.seals import Seals
from proxy.sip.hop import Flow, Hop, Listener
from proxy.sip.message import Message, Request, Response
from proxy.sip.reply import build_response
from proxy.sip.uri import at_host

UDP_LIMIT: Final = 1300
"""Bytes: an MTU of 1500 less the 200 of RFC 3261 section 18.1.1. Larger requests prefer a stream."""


class Sender:
    """The way out."""

    __slots__ = ("_all_trusted", "_draw", "_is_own", "_private", "challengers", "counters", "health", "journal",
                 "network", "peers", "seals", "tracer")

    def __init__(self, network: Network, peers: PeerTable, seals: Seals, health: Health, counters: Counters,
                 journal: Journal, tracer: Tracer, draw: Callable[[], float],
                 is_own: IsOwn, private: frozenset[bytes]) -> None:
        """`draw`, `is_own`, `private`: as in `engine.Parts`."""
        self.network = network
        self.peers = peers
        self.seals = seals
        self.health = health
        self.challengers = Challengers()
        self.counters = counters
        self.journal = journal
        self.tracer = tracer
        self._draw = draw
        self._is_own = is_own
        self._private = private
        self._all_trusted = all(peer.trusted for peer in peers)

    # -- answers

    def answer(self, request: Request, flow: Flow, status: int, reason: str | None = None,
               fields: tuple[bytes, ...] = ()) -> None:
        """Answer a request, but no ACK, without a transaction (RFC 3261 section 8.2.7): every copy gets the same."""
        host, port = return_address(request, flow)
        self.send_back(flow, host, port, build_response(request, status, reason, self.seals.tag(request), fields))

    def refuse(self, request: Request, flow: Flow, status: int, reason: str) -> None:
        """Turn a request away, with a line for fail2ban."""
        self.counters.refused.add(reason)
        self.journal.refused(flow, reason)
        self.answer(request, flow, status)

    def send_back(self, flow: Flow, host: str, port: int, data: bytes) -> None:
        """Send a response by this flow."""
        self.counters.sent_responses[STATUS_CLASSES[data[8] - 48]] += 1
        if self.tracer.active:
            self.tracer.sent(data, flow.listener.transport, host, port)
        self.network.reply(data, flow, host, port)

    def upstream(self, response: Response, hop: Hop) -> bytes:
        """Bytes of a response of this hop for the previous one: our Via taken off, what may not cross taken out."""
        response.drop_first_value(b"via")
        clean(response, self._private, trusted=self.hop_trusted(hop))
        return response.to_bytes()

    # -- requests

    def prepare(self, request: Request, *, trusted: bool) -> None:
        """Everything that is done once, whatever the target: RFC 3261 section 16.6 items 1 to 3, and hygiene.

        `trusted`: what the sender asserts is believed.
        """
        prepare(request, self._private, trusted=trusted)

    def prepare_new(self, request: Request, uri: bytes | None, target: Peer | None, *, trusted: bool) -> None:
        """The same for a request outside dialogs. `uri`: its Request-URI as it goes on, None: as it came.

        `target`: the peer whose wish for a host in the Request-URI counts; None: nobody's.
        """
        if uri is not None and uri != request.uri:
            request.set_uri(uri)
        if target is not None and target.request_host is not None:
            request.set_uri(at_host(request.uri, target.request_host))
        request.remove(b"route")
        prepare(request, self._private, trusted=trusted)

    def outgoing(self, request: Request, flow: Flow, hop: Hop, *, uri: bytes | None, target: int, tried: int,
                 loop: bytes, token: bytes | None, call: str, fields: tuple[bytes, ...]) -> Outgoing | None:
        """Make the copy of a request for one hop; None where no listener of ours can reach it, or it is ourselves.

        `uri`: Request-URI, None: as it came. `target`, `tried`, `loop`: what the branch is made of (see `seals`).
        `token`: for Record-Route; None where the request makes no dialog. `call`: for the log.
        """
        if self._is_own(hop.host, hop.port, hop.transport):
            self.journal.note("own_address_as_next_hop", call=call, hop=str(hop[:3]))
            return None
        listener = self.network.listener_for(hop)
        if listener is None:
            return None
        branch = self.seals.branch(request, 0, target, tried, loop)
        out = make_outgoing(request, flow.listener, listener, hop, uri=uri, branch=branch, token=token, fields=fields)
        if len(out.data) <= UDP_LIMIT or hop.transport != "udp":
            return out
        twin = self.stream_twin(hop)
        if twin is not None:
            return make_outgoing(request, flow.listener, twin[1], twin[0], uri=uri, branch=branch, token=token,
                                 fields=fields)
        self.journal.note("larger_than_mtu", call=call, bytes=len(out.data), hop=str(hop[:3]))
        return out

    def ways(self, request: Request, to: Peer | Sequence[Hop], now: float) -> list[Hop]:
        """Give the addresses of a peer, or those that a name stands for, in the order in which a request tries them."""
        hops = to.drawn(self._draw) if isinstance(to, Peer) else to
        return self.challengers.first(request, self.health.order(hops, now))

    def ways_of_ours(self, peer: Peer, now: float) -> list[Hop]:
        """The same for a request of the user agent, which sees to its credentials itself."""
        return self.health.order(peer.drawn(self._draw), now)

    def stream_twin(self, hop: Hop) -> tuple[Hop, Listener] | None:
        """A stream to the host of a UDP hop, where its peer is configured with one (RFC 3261 section 18.1.1)."""
        for peer in self.peers:
            for other in peer.hops:
                if other.transport != "udp" and other.host == hop.host and hop in peer.hops:
                    listener = self.network.listener_for(other)
                    if listener is not None:
                        return other, listener
        return None

    def send(self, data: bytes, hop: Hop, failed: Callable[[str], None]) -> int:
        """Send a request. Gives the number of the stream connection that it takes; 0 on UDP."""
        self.counters.sent_requests[METHODS.get(data[:data.find(b" ")], OTHER)] += 1
        if self.tracer.active:
            self.tracer.sent(data, hop.transport, hop.host, hop.port)
        return self.network.send(data, hop, failed)

    def send_alone(self, data: bytes, hop: Hop) -> None:
        """Send a message that no transaction stands behind; if it could not be sent that is written about."""
        self.send(data, hop, lambda reason: self.journal.note("not_sent", hop=str(hop[:3]), reason=reason))

    # -- what is believed

    def hop_trusted(self, hop: Hop) -> bool:
        """Whether what a hop asserts is believed; nothing is of one that is no peer's."""
        found = self.peers.at(hop)
        return bool(found) and (self._all_trusted or all(peer.trusted for peer in found))

    def flow_trusted(self, flow: Flow) -> bool:
        """Whether what a source asserts is believed; nothing is of one that is no peer's."""
        found = self.peers.candidates(flow)
        return bool(found) and (self._all_trusted or all(peer.trusted for peer in found))


def return_address(request: Message, flow: Flow) -> tuple[str, int]:
    """Where a response goes (RFC 3261 section 18.2.2); on UDP the source where rport was asked for (RFC 3581)."""
    if flow.listener.transport == "udp":
        via = request.via
        return flow.host, flow.port if via.wants_rport else via.port or 5060
    port = request.via.port
    return flow.host, port or (5061 if flow.listener.transport == "tls" else 5060)
