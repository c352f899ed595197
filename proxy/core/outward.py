"""The way out: what the layers above use to send, answer and keep transactions. The lowest layer of the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from proxy.core.challengers import Challengers
from proxy.core.counters import OTHER, STATUS_CLASSES, Counters
from proxy.core.credentials import ExpectedCredentials
from proxy.core.headers import clean
from proxy.core.health import Health
from proxy.core.held import HeldAnswers
from proxy.core.named import NamedAddresses
from proxy.core.passing import PassingCalls
from proxy.core.peers import Peer, PeerTable
from proxy.core.pending import Pending
from proxy.core.ports import Journal, Locator, Network, Tracer
from proxy.core.reporter import Reporter
from proxy.core.requests_out import Outgoing, make_outgoing, token_for
from proxy.core.seals import NO_LOOP_MARK, Seals
from proxy.sip.hop import Flow, Hop, Listener
from proxy.sip.keys import kin_key, named_key
from proxy.sip.message import Message, Request, Response
from proxy.sip.reply import build_response
from proxy.sip.requests import as_request, make_cancel
from proxy.sip.timers import Timers, TimerValues
from proxy.sip.transaction import ClientBystander, ClientOwner, ClientTransaction, ServerTransaction
from routing.facts import Router

if TYPE_CHECKING:
    from proxy.core.relay import Relay

UDP_LIMIT = 1300
"""Bytes: an MTU of 1500 less the 200 of RFC 3261 section 18.1.1. Larger requests prefer a stream."""
METHODS = {name.encode(): name for name in (
    "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "PRACK", "UPDATE", "INFO", "REFER", "NOTIFY", "SUBSCRIBE", "MESSAGE",
    "REGISTER", "PUBLISH")}
"""Methods that are counted by name."""


@dataclass(slots=True)
class Parts:
    """What the proxy is built from."""

    network: Network
    locator: Locator
    router: Router
    peers: PeerTable
    seals: Seals
    journal: Journal
    tracer: Tracer
    clock: Callable[[], float]
    """Monotonic seconds, for every protocol timer."""
    wall: Callable[[], float]
    """Seconds since the epoch, for what is remembered."""
    new_id: Callable[[], str]
    """A new UUID version 7 in text form."""
    draw: Callable[[], float]
    """A random number in [0, 1): the choice among servers of equal rank."""
    wake_at: Callable[[float], None]
    """Called when the first moment at which a timer is due has become this one: `timers.run` is wanted then."""
    is_own: Callable[[str, int | None, str | None], bool]
    """Whether host (IPv6 without brackets), port and transport (None: the usual ones) are an address of ours."""
    domains: frozenset[str] = frozenset()
    """Domains that mean ourselves, lower case: local numbers in their context are ours to read (RFC 3966)."""
    private: frozenset[bytes] = frozenset()
    """Canonical names of headers that may not cross (`headers.private_names`)."""
    agent_from: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    """By PBX: canonical names of the headers that may say which agent calls."""
    values: TimerValues = field(default_factory=TimerValues)


class Outward:
    """Everything that leaves, and the tables of what is under way."""

    def __init__(self, parts: Parts) -> None:
        self.network = parts.network
        self.locator = parts.locator
        self.peers = parts.peers
        self.seals = parts.seals
        self.journal = parts.journal
        self.tracer = parts.tracer
        self.clock = parts.clock
        self.wall = parts.wall
        self.new_id = parts.new_id
        self.domains = parts.domains
        self.private = parts.private
        self.agent_from = parts.agent_from
        self.values = parts.values
        self.is_own = parts.is_own
        self._all_trusted = all(peer.trusted for peer in parts.peers)
        self.timers = Timers(parts.wake_at)
        self.health = Health()
        self.challengers = Challengers()
        self._draw = parts.draw
        self.counters = Counters()
        self.clients: dict[tuple[Any, ...], ClientTransaction] = {}
        self.places: dict[tuple[Any, ...], Hop] = {}
        """Where each of these was sent."""
        self.carriers: dict[tuple[Any, ...], int] = {}
        """The stream connection that each of these left by, where it did."""
        self.relays: dict[tuple[Any, ...], Relay] = {}
        """By the key of their server transaction."""
        self.servers: dict[tuple[Any, ...], ServerTransaction] = {}
        """Of requests inside dialogs of our own, by their key."""
        self.kin: dict[tuple[Any, ...], tuple[tuple[Any, ...], Flow]] = {}
        """The keys of both, and where each request came from, by the names that do without sent-by."""
        self.named = NamedAddresses(parts.peers)
        self.passing = PassingCalls()
        self.pending = Pending()
        self.reporter = Reporter(parts.router, self.journal, self.counters, self.clock, self.wall, self.domains)
        self.credentials = ExpectedCredentials(self.timers, self.reporter)
        self.held = HeldAnswers(self.reporter, self.timers, self.pending, self.clock)

    def answer(self, request: Request, flow: Flow, status: int, reason: str | None = None,
               fields: tuple[bytes, ...] = ()) -> None:
        """Answer a request, but no ACK, without a transaction (RFC 3261 section 8.2.7): every copy gets the same."""
        host, port = return_address(request, flow)
        self.send_back(flow, host, port, build_response(request, status, reason, self.seals.tag(request), fields))

    def send_back(self, flow: Flow, host: str, port: int, data: bytes) -> None:
        """Send a response by this flow."""
        self.counters.sent_responses.add(STATUS_CLASSES[data[8] - 48])
        if self.tracer.active:
            self.tracer.sent(data, flow.listener.transport, host, port)
        self.network.reply(data, flow, host, port)

    def outgoing(self, request: Request, flow: Flow, hop: Hop, *, uri: bytes | None, target: int, tried: int,
                 loop: bytes, call: str, fields: tuple[bytes, ...]) -> Outgoing | None:
        """Make the copy of a request for one hop; None where no listener of ours can reach it, or it is ourselves."""
        if self.is_own(hop.host, hop.port, hop.transport):
            self.journal.note("own_address_as_next_hop", call=call, hop=str(hop[:3]))
            return None
        listener = self.network.listener_for(hop)
        if listener is None:
            return None
        branch = self.seals.branch(request, 0, target, tried, loop)
        token = token_for(self.seals, request, call)
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

    def send_ack(self, request: Request, flow: Flow, hops: tuple[Hop, ...]) -> None:
        """Forward an ACK to a 2xx: no transaction, nothing comes back (RFC 3261 section 16.6, 17.1)."""
        for hop in hops:
            out = self.outgoing(request, flow, hop, uri=None, target=0, tried=0, loop=NO_LOOP_MARK, call="",
                                fields=())
            if out is not None:
                self.send(out.data, out.hop, lambda reason: self.journal.note("not_sent", reason=reason))
                return
        self.counters.refused.add("ack_without_next_hop")

    def send(self, data: bytes, hop: Hop, failed: Callable[[str], None]) -> int:
        """Send a request. Gives the number of the stream connection that it takes; 0 on UDP."""
        self.counters.sent_requests.add(METHODS.get(data[:data.find(b" ")], OTHER))
        if self.tracer.active:
            self.tracer.sent(data, hop.transport, hop.host, hop.port)
        return self.network.send(data, hop, failed)

    def start_client(self, out: Outgoing, owner: ClientOwner, now: float) -> ClientTransaction:
        """Open a client transaction and send its request."""
        holder: list[ClientTransaction] = []

        def failed(reason: str) -> None:
            self.journal.note("not_sent", hop=str(out.hop[:3]), reason=reason)
            holder[0].transport_failed(self.clock())

        hop = out.hop
        stream = hop.transport != "udp"
        send = (partial(self._send_by_stream, holder, hop, failed) if stream
                else partial(self._send_datagram, hop, failed))
        tx = ClientTransaction(out.request, out.data, send, stream, self.timers, owner, self.values)
        holder.append(tx)
        self.clients[tx.key] = tx
        self.places[tx.key] = hop
        tx.start(now)
        return tx

    def _send_datagram(self, hop: Hop, failed: Callable[[str], None], data: bytes) -> None:
        self.send(data, hop, failed)

    def _send_by_stream(self, holder: list[ClientTransaction], hop: Hop, failed: Callable[[str], None],
                        data: bytes) -> None:
        self.carriers[holder[0].key] = self.send(data, hop, failed)

    def send_cancel(self, out: Outgoing, now: float) -> None:
        """Cancel an INVITE that was sent (RFC 3261 section 9.1): same branch, its own transaction."""
        data = make_cancel(out.request)
        self.start_client(out._replace(request=as_request(data), data=data), _Canceller(self), now)

    def upstream(self, response: Response, hop: Hop) -> bytes:
        """Bytes of a response for the previous hop: our Via taken off, what may not cross taken out."""
        response.drop_first_value(b"via")
        clean(response, self.private, trusted=self.hop_trusted(hop))
        return response.to_bytes()

    def hop_trusted(self, hop: Hop) -> bool:
        """Whether what a hop asserts is believed; nothing is of one that is no peer's."""
        found = self.peers.at(hop)
        return bool(found) and (self._all_trusted or all(peer.trusted for peer in found))

    def flow_trusted(self, flow: Flow) -> bool:
        """Whether what a source asserts is believed; nothing is of one that is no peer's."""
        found = self.peers.candidates(flow)
        return bool(found) and (self._all_trusted or all(peer.trusted for peer in found))

    def forget_client(self, tx: ClientTransaction) -> None:
        """Drop a client transaction that is over."""
        self.clients.pop(tx.key, None)
        self.places.pop(tx.key, None)
        self.carriers.pop(tx.key, None)

    def keep_server(self, tx: ServerTransaction, flow: Flow, relay: Relay | None) -> None:
        """Keep a server transaction where its request finds it when it comes again.

        `relay`: its owner on the proxy path; None for a request in a dialog of our own.
        """
        if relay is None:
            self.servers[tx.key] = tx
        else:
            self.relays[tx.key] = relay
        self.kin[tx.kin] = tx.key, flow

    def find_server(self, request: Request, flow: Flow, method: bytes) -> tuple[Any, ...]:
        """Give the key of the server transaction of `method` that a request belongs to; it may name none.

        RFC 3261 section 17.2.3 first; then the same branch, Call-ID, From tag and CSeq number from the same peer.
        """
        key = named_key(request, method)
        if key in self.relays or key in self.servers:
            return key
        found = self.kin.get(kin_key(request, method))
        return found[0] if found is not None and self.peers.are_one(found[1], flow) else key

    def forget_server(self, tx: ServerTransaction) -> None:
        """Drop a server transaction that is over."""
        self.relays.pop(tx.key, None)
        self.servers.pop(tx.key, None)
        if self.kin.get(tx.kin, (None,))[0] == tx.key:
            del self.kin[tx.kin]


class _Canceller(ClientBystander):
    """Owner of a CANCEL: whatever becomes of it, the INVITE tells the rest."""

    __slots__ = ("_core",)

    def __init__(self, core: Outward) -> None:
        self._core = core

    def on_terminated(self, tx: ClientTransaction, now: float) -> None:
        self._core.forget_client(tx)


def return_address(request: Message, flow: Flow) -> tuple[str, int]:
    """Where a response goes (RFC 3261 section 18.2.2); on UDP the source where rport was asked for (RFC 3581)."""
    if flow.listener.transport == "udp":
        via = request.via
        return flow.host, flow.port if via.wants_rport else via.port or 5060
    port = request.via.port
    return flow.host, port or (5061 if flow.listener.transport == "tls" else 5060)
