"""The proxy: takes each message that came in, finds its transaction, and where there is none decides what it is.

Order of the checks on a request (RFC 3261 section 16.3, then the spec's "who may talk"): grammar, Max-Forwards,
Proxy-Require; then OPTIONS to ourselves; then a To tag needs a token of ours; a new request needs a configured peer
and must not be a loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from proxy.core import in_dialog, orphans
from proxy.core.counters import OTHER, STATUS_CLASSES, Counters, status_class
from proxy.core.headers import ASSERTED, clean, count_hop, identities, session_interval, user_of, withheld
from proxy.core.health import Health
from proxy.core.limiter import PEER_BURST, PEER_RATE, STRANGER_BURST, STRANGER_RATE, Buckets
from proxy.core.peers import Peer, PeerTable
from proxy.core.ports import Journal, Locator, Network, Tracer
from proxy.core.relay import NO_LOOP_MARK, Relay
from proxy.core.requests_out import Outgoing, make_outgoing, token_for
from proxy.core.seals import Seals, first_vias
from proxy.core.setup import Bye, CallSetup, Held
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow, Hop, Listener
from proxy.sip.keys import cancel_key, client_key, likely_client_key, server_key
from proxy.sip.limits import MAX_HOPS
from proxy.sip.message import Message, Request, Response
from proxy.sip.parser import is_keepalive, parse
from proxy.sip.reply import build_response, with_received
from proxy.sip.requests import make_cancel
from proxy.sip.timers import Timer, Timers, TimerValues
from proxy.sip.transaction import ClientOwner, ClientTransaction, ServerTransaction
from proxy.sip.uri import Uri
from proxy.sip.validate import validate, validate_forwarding
from routing.facts import NORMAL_TARGETS, Decision, Ending, NewCall, OpenCall, Router

PENDING_LIMIT = 10_000
"""Requests that may wait for their final response at a time; above it new calls get 503."""
RETRY_AFTER = 10
"""Seconds written into the Retry-After of a 503."""
CREDENTIALS_PATIENCE = 10.0
"""Seconds after a 401 or 407 in which the same call is expected again."""
UDP_LIMIT = 1300
"""Bytes: an MTU of 1500 less the 200 of RFC 3261 section 18.1.1. Larger requests prefer a stream."""
METHODS = {name.encode(): name for name in (
    "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "PRACK", "UPDATE", "INFO", "REFER", "NOTIFY", "SUBSCRIBE", "MESSAGE",
    "REGISTER", "PUBLISH")}
"""Methods that are counted by name."""
ALLOWED = b"INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, SUBSCRIBE, MESSAGE"


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
    is_own: Callable[[str, int | None], bool]
    """Whether a host (IPv6 without brackets) and port (None: the default one) are an address of ours."""
    private: frozenset[bytes] = frozenset()
    """Canonical names of headers that may not cross (`headers.private_names`)."""
    agent_from: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    """By PBX: canonical names of the headers that may say which agent calls."""
    values: TimerValues = field(default_factory=TimerValues)


class Proxy:
    """A transaction-stateful, record-routing proxy between trunks and PBXs."""

    def __init__(self, parts: Parts) -> None:
        self.network = parts.network
        self.locator = parts.locator
        self.router = parts.router
        self.peers = parts.peers
        self.seals = parts.seals
        self.journal = parts.journal
        self.tracer = parts.tracer
        self.clock = parts.clock
        self.wall = parts.wall
        self.new_id = parts.new_id
        self.private = parts.private
        self.agent_from = parts.agent_from
        self.values = parts.values
        self.timers = Timers()
        self.health = Health()
        self.counters = Counters()
        self.clients: dict[tuple[Any, ...], ClientTransaction] = {}
        self.relays: dict[tuple[Any, ...], Relay] = {}
        """By the key of their server transaction."""
        self.strangers = Buckets(STRANGER_RATE, STRANGER_BURST)
        self.newcomers = Buckets(PEER_RATE, PEER_BURST)
        self.challenged: dict[tuple[bytes, bytes], tuple[str, Timer]] = {}
        """Calls whose INVITE was answered 401 or 407, by Call-ID and From tag; with each, the end of the wait."""
        self.started = parts.clock()
        self.begun: set[bytes] = set()
        """Call-IDs of this process, in its first minutes: no others can have been lost with the one before it."""
        self.pending = 0
        """Requests without a final response."""
        self.draining = False
        self.overloaded = False
        self.is_own = parts.is_own

    # -- in

    def receive(self, data: bytes, flow: Flow) -> None:
        """Take one datagram or one framed message. Raises nothing that a sender can cause."""
        now = self.clock()
        if not self.peers.candidates(flow) and not self.strangers.admit(flow.host, now):
            self.counters.refused.add("flood")
            return
        if self.tracer.active:
            self.tracer.received(data, flow)
        try:
            if is_keepalive(data):
                return
            message = parse(data, flow.connection != 0)
            if isinstance(message, Request):
                self.counters.received_requests.add(METHODS.get(message.method, OTHER))
                validate(message)
                self._request(message, flow, now)
            else:
                self.counters.received_responses.add(status_class(message.status))
                self._response(message, flow, now)
        except SipError as error:
            self._malformed(error, flow)

    def _malformed(self, error: SipError, flow: Flow) -> None:
        self.counters.parse_errors.add(error.reason)
        self.journal.note("malformed", source=flow.host, port=flow.port, status=error.status, reason=error.reason)
        request = error.request
        if request is None or request.method == b"ACK":
            return
        tag = self.seals.mark(b"malformed", *request.fields)[:16]
        with_received(request, flow.host, flow.port)
        try:
            host, port = return_address(request, flow)
        except SipError:
            host, port = flow.host, flow.port  # not even its Via can be read
        self.send_back(flow, host, port, build_response(request, error.status, error.reason, tag, error.fields))

    def _response(self, response: Response, flow: Flow, now: float) -> None:
        tx = self.clients.get(likely_client_key(response)) or self.clients.get(client_key(response))
        if tx is not None:
            tx.receive(response, now)
        elif self.seals.made(response):
            orphans.response(self, response, flow, now)
        else:
            self.counters.refused.add("stray_response")

    def _request(self, request: Request, flow: Flow, now: float) -> None:
        with_received(request, flow.host, flow.port)
        relay = self.relays.get(server_key(request))
        if relay is not None:
            if request.method != b"ACK":
                self.counters.retransmissions_absorbed += 1
            relay.server.receive(request, now)
            return
        if request.method == b"CANCEL":
            self._cancel(request, flow, now)
            return
        if request.method != b"ACK":
            validate_forwarding(request)
            if self._is_to_us(request, flow):
                self._options(request, flow)
                return
        if request.to.tag is not None:
            self._in_dialog(request, flow, now)
        elif request.method != b"ACK":
            self._new(request, flow, now)

    def _is_loop(self, request: Request, mark: bytes) -> bool:
        """RFC 5393 section 4.2: one of our own marks in a Via below the top, over the same routing facts."""
        if not any(mark in field for field in request.fields):
            return False
        return any(self.seals.loop_mark_of(via.branch) == mark for via in first_vias(request, MAX_HOPS))

    # -- requests to ourselves

    def _is_to_us(self, request: Request, flow: Flow) -> bool:
        if request.method != b"OPTIONS" or request.to.tag is not None:
            return False
        uri = Uri.parse(request.uri)
        if not uri.user:
            return True
        return self.is_own(uri.host.decode("ascii", "replace").strip("[]"), uri.port)

    def _options(self, request: Request, flow: Flow) -> None:
        if self.draining:
            self.answer(request, flow, 503, None, (b"Retry-After: %d" % RETRY_AFTER,))
        else:
            self.answer(request, flow, 200, None, (b"Allow: " + ALLOWED, b"Accept: application/sdp"))

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

    # -- new requests

    def _new(self, request: Request, flow: Flow, now: float) -> None:
        peer = self.peers.identify(flow, request.via.port)
        if peer is None:
            self._refuse(request, flow, 403, "unknown_source")
            return
        invite = request.method == b"INVITE"
        if ((invite and self.draining) or self.overloaded or self.pending >= PENDING_LIMIT
                or not self.newcomers.admit(flow.host, now)):
            self.counters.refused.add("draining" if self.draining else "overload")
            self.answer(request, flow, 503, None, (b"Retry-After: %d" % RETRY_AFTER,))
            return
        if request.method == b"REGISTER":
            self._register(request, flow, peer, now)
            return
        mark = self.seals.loop_mark(peer.name, request.uri, request)
        if self._is_loop(request, mark):
            self.answer(request, flow, 482)
            return
        if invite:
            self._new_call(request, flow, peer, mark, now)
        else:
            self._pass(request, flow, self.other_side(peer), peer, mark, now)

    def _refuse(self, request: Request, flow: Flow, status: int, reason: str) -> None:
        self.counters.refused.add(reason)
        self.journal.refused(flow, reason)
        self.answer(request, flow, status)

    def other_side(self, peer: Peer) -> Peer:
        """Where calls of a peer go unless a number says otherwise: the first peer of the other side."""
        side = self.peers.pbxs if peer.side == "trunk" else self.peers.trunks
        return next(iter(side.values()))

    def _register(self, request: Request, flow: Flow, peer: Peer, now: float) -> None:
        if peer.side == "pbx" and peer.register_to is not None:
            mark = self.seals.loop_mark(peer.name, request.uri, request)
            self._pass(request, flow, self.peers.trunks[peer.register_to], peer, mark, now)
        else:
            self.answer(request, flow, 405, None, (b"Allow: " + ALLOWED,))

    def _prepare(self, request: Request, source: Peer | None) -> None:
        """Everything that is done once, whatever the target: RFC 3261 section 16.6 items 1 to 3, and hygiene."""
        clean(request, self.private, trusted=self._believed([] if source is None else [source]))
        count_hop(request)

    def _open(self, relay: Relay, request: Request, now: float) -> None:
        """Give a relay its server transaction; an INVITE gets its 100 at once."""
        flow = relay.flow
        host, port = return_address(request, flow)
        relay.back = partial(self.send_back, flow, host, port)
        tx = ServerTransaction(request, relay.back, flow.listener.transport != "udp", self.timers, relay, self.values)
        relay.server = tx
        self.relays[tx.key] = relay
        tx.start(now)
        if request.method == b"INVITE":
            tx.respond(build_response(request, 100), 100, now)

    def _new_call(self, request: Request, flow: Flow, source: Peer, mark: bytes, now: float) -> None:
        if now - self.started < orphans.AGE:
            self.begun.add(request.call_id)
        else:
            self.begun.clear()
        known = self.open_call(request)
        call = self._call_repeated(dialog_key(request)) or (known.id if known else self.new_id())
        decision = self._decide(self.describe(request, user_of(request.uri)[0], source, call), call)
        side = self.peers.pbxs if source.side == "trunk" else self.peers.trunks
        relay = CallSetup(self, request, flow, call, decision, side.get(decision.peer) or self.other_side(source))
        relay.loop = mark
        self._open(relay, request, now)
        request.remove(b"route")
        self._prepare(request, source)
        if decision.reason == "direct":
            self.counters.direct_used += 1
        relay.start(now)
        self.counters.setup_seconds.observe(self.clock() - now)

    def describe(self, request: Message, dialled: str, source: Peer, call: str) -> NewCall:
        """What the rules may know of a call that came from `source`."""
        other = self.other_side(source)
        inbound = source.side == "trunk"
        names: tuple[bytes, ...] = (b"p-asserted-identity", b"remote-party-id", b"from")
        if not inbound:
            extra = self.agent_from.get(source.name, ())
            names = (*extra, *(name for name in names if name not in extra))
        elif not source.trusted:
            names = tuple(name for name in names if name not in ASSERTED)
        return NewCall(
            id=call, direction="inbound" if inbound else "outbound", trunk=source.name if inbound else other.name,
            pbx=other.name if inbound else source.name, dialled=dialled,
            identities=identities(request, names), withheld=withheld(request),
            sip_call_id=request.call_id.decode("utf-8", "replace"))

    def _decide(self, facts: NewCall, call: str) -> Decision:
        began = self.clock()
        try:
            decision = self.router.decide(facts, self.wall())
            if not decision.targets:
                raise ValueError("a decision without targets")
            self.counters.decision_seconds.observe(self.clock() - began)
            return decision
        except Exception as error:  # a bug in a rule must not cost a call
            self.journal.failure("decide", error, call)
            self.counters.fail_open.add("decide")
            return Decision(NORMAL_TARGETS, facts.pbx if facts.direction == "inbound" else facts.trunk, "failed_open")

    def _pass(self, request: Request, flow: Flow, target: Peer, source: Peer, mark: bytes, now: float) -> None:
        """Forward a new request that is no call."""
        relay = Relay(self, request, flow, self.new_id())
        relay.loop = mark
        self._open(relay, request, now)
        request.remove(b"route")
        self._prepare(request, source)
        if not relay.try_hops(0, self.health.order(target.hops, now), now):
            relay.refuse(503, now)

    # -- requests inside a dialog

    def _in_dialog(self, request: Request, flow: Flow, now: float) -> None:
        token = in_dialog.open_route(self, request)
        if token is None:
            if request.method == b"ACK":
                self.counters.refused.add("ack_without_token")
            else:
                self._refuse(request, flow, 481, "no_token")
            return
        relay: Relay | None = None
        if request.method == b"BYE":
            by_caller = token.by_caller(request.from_.tag)
            relay = Bye(self, request, flow, token.call, "caller" if by_caller else "callee")
        elif request.method != b"ACK":
            relay = Relay(self, request, flow, token.call)
        if relay is not None:
            self._open(relay, request, now)
        self._prepare(request, self.peers.identify(flow, request.via.port))
        try:
            in_dialog.forward(self, request, flow, relay)
        except SipError as error:
            if relay is not None:
                relay.refuse(error.status, now)

    def in_dialog_ack(self, request: Request, flow: Flow) -> None:
        """Forward an ACK to a 2xx that used the branch of its INVITE (RFC 6026 section 7.1)."""
        if request.to.tag is not None and in_dialog.open_route(self, request) is not None:
            self._prepare(request, None)
            in_dialog.forward(self, request, flow, None)

    def _cancel(self, request: Request, flow: Flow, now: float) -> None:
        relay = self.relays.get(cancel_key(request))
        if relay is None:
            if not orphans.cancel(self, request, flow, now):
                self.answer(request, flow, 481)
        elif relay.flow.host != flow.host:
            self.answer(request, flow, 481)
        else:
            self.answer(request, flow, 200)
            relay.cancel(now)

    # -- out: what relays ask for

    def outgoing(self, request: Request, flow: Flow, hop: Hop, *, uri: bytes | None, target: int, tried: int,
                 loop: bytes, call: str, fields: tuple[bytes, ...]) -> Outgoing | None:
        """Make the copy of a request for one hop; None where no listener of ours can reach it, or it is ourselves."""
        if self.is_own(hop.host, hop.port):
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
        twin = self._stream_twin(hop)
        if twin is not None:
            return make_outgoing(request, flow.listener, twin[1], twin[0], uri=uri, branch=branch, token=token,
                                 fields=fields)
        self.journal.note("larger_than_mtu", call=call, bytes=len(out.data), hop=str(hop[:3]))
        return out

    def _stream_twin(self, hop: Hop) -> tuple[Hop, Listener] | None:
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

    def send(self, data: bytes, hop: Hop, failed: Callable[[str], None]) -> None:
        """Send a request."""
        self.counters.sent_requests.add(METHODS.get(data[:data.find(b" ")], OTHER))
        if self.tracer.active:
            self.tracer.sent(data, hop.transport, hop.host, hop.port)
        self.network.send(data, hop, failed)

    def start_client(self, out: Outgoing, owner: ClientOwner, now: float) -> ClientTransaction:
        """Open a client transaction and send its request."""
        holder: list[ClientTransaction] = []

        def failed(reason: str) -> None:
            self.journal.note("not_sent", hop=str(out.hop[:3]), reason=reason)
            holder[0].transport_failed(self.clock())

        hop = out.hop
        tx = ClientTransaction(out.request, out.data, partial(self.send, hop=hop, failed=failed),
                               hop.transport != "udp", self.timers, owner, self.values)
        holder.append(tx)
        self.clients[tx.key] = tx
        tx.start(now)
        return tx

    def send_cancel(self, out: Outgoing, now: float) -> None:
        """Cancel an INVITE that was sent (RFC 3261 section 9.1): same branch, its own transaction."""
        data = make_cancel(out.request)
        cancel = parse(data)
        assert isinstance(cancel, Request)
        self.start_client(out._replace(request=cancel, data=data), _Bystander(self), now)

    def upstream(self, response: Response, hop: Hop) -> bytes:
        """Bytes of a response for the previous hop: our Via taken off, what may not cross taken out."""
        response.drop_first_value(b"via")
        clean(response, self.private, trusted=self.hop_trusted(hop))
        return response.to_bytes()

    def hop_trusted(self, hop: Hop) -> bool:
        """Whether what a hop asserts is believed."""
        return self._believed([peer for peer in self.peers if hop in peer.hops])

    def _believed(self, peers: list[Peer]) -> bool:
        """Whether all of these are trusted; of somebody who is no peer nobody knows whose side it is, so all count."""
        return all(peer.trusted for peer in peers or self.peers)

    def forget_client(self, tx: ClientTransaction) -> None:
        """Drop a client transaction that is over."""
        self.clients.pop(tx.key, None)

    def forget_server(self, tx: ServerTransaction) -> None:
        """Drop a server transaction that is over."""
        self.relays.pop(tx.key, None)

    # -- the ledger

    def tell(self, what: Callable[..., object], *facts: object, call: str) -> None:
        """Tell the router a fact; a bug in a rule must not cost a call."""
        try:
            what(*facts)
        except Exception as error:
            self.journal.failure("ledger", error, call)
            self.counters.fail_open.add("ledger")

    def open_call(self, message: Message) -> OpenCall | None:
        """The call that a process before this one began with this Call-ID."""
        try:
            return self.router.open_call(message.call_id.decode("utf-8", "replace"))
        except Exception as error:
            self.journal.failure("ledger", error)
            self.counters.fail_open.add("ledger")
            return None

    def call_over(self, call: str, ending: Ending, server: ServerTransaction, status: int, data: bytes,
                  now: float) -> None:
        """Report the end of a call, and answer when it is stored."""
        held = Held(self, server, status, data, now)
        try:
            self.router.ended(call, ending, self.wall(), lambda: held.release(self.clock()))
        except Exception as error:
            self.journal.failure("ledger", error, call)
            self.counters.fail_open.add("ledger")
            held.release(now)

    def alive(self, call: str, response: Response, now: float) -> None:
        """Report a sign of life of a call."""
        self.tell(self.router.alive, call, session_interval(response), self.wall(), call=call)

    def expect_credentials(self, key: tuple[bytes, bytes], call: str, now: float) -> None:
        """Keep the name of a call that was answered 401 or 407; it ends with that cause if nothing follows."""
        self._call_repeated(key)
        self.challenged[key] = call, self.timers.at(now + CREDENTIALS_PATIENCE, partial(self._credentials_missing, key))

    def _call_repeated(self, key: tuple[bytes, bytes]) -> str | None:
        call, timer = self.challenged.pop(key, (None, None))
        if timer is not None:
            timer.cancel()
        return call

    def _credentials_missing(self, key: tuple[bytes, bytes], now: float) -> None:
        call = self.challenged.pop(key)[0]
        self.tell(self.router.ended, call, Ending(407, "callee"), self.wall(), call=call)


class _Bystander:
    """Owner of a CANCEL: whatever becomes of it, the INVITE tells the rest."""

    __slots__ = ("_core",)

    def __init__(self, core: Proxy) -> None:
        self._core = core

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        pass

    def on_timeout(self, tx: ClientTransaction, now: float) -> None:
        pass

    def on_transport_error(self, tx: ClientTransaction, now: float) -> None:
        pass

    def on_terminated(self, tx: ClientTransaction, now: float) -> None:
        self._core.forget_client(tx)


def dialog_key(request: Message) -> tuple[bytes, bytes]:
    """Call-ID and From tag: the same in an INVITE and in its repetition with credentials."""
    return request.call_id, request.from_.tag or b""


def return_address(request: Message, flow: Flow) -> tuple[str, int]:
    """Where a response goes (RFC 3261 section 18.2.2); on UDP the source where rport was asked for (RFC 3581)."""
    if flow.listener.transport == "udp":
        via = request.via
        if b"rport" in via.params:
            return flow.host, flow.port
        return flow.host, via.port or 5060
    port = request.via.port
    return flow.host, port or (5061 if flow.listener.transport == "tls" else 5060)
