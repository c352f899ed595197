"""New requests: who may send them, where calls go. The layer above the way out.

Order (the spec's "who may talk"): a configured peer, not too much at a time, no loop; then a call asks the router where
it goes, and any other request goes to the other side.
"""

from __future__ import annotations

from functools import partial

from proxy.core.headers import ASSERTED, clean, count_hop, dialog_key
from proxy.core.limiter import PEER_BURST, PEER_RATE, Buckets
from proxy.core.local import Local, Nobody
from proxy.core.outward import Outward, Parts, return_address
from proxy.core.overload import Overload, Refusals
from proxy.core.peers import Peer
from proxy.core.relay import CANCEL_PATIENCE, TIMER_C, Relay
from proxy.core.seals import first_vias
from proxy.core.setup import CallSetup
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow
from proxy.sip.identities import identities, user_of, withheld
from proxy.sip.keys import Key, named_key
from proxy.sip.limits import MAX_HOPS
from proxy.sip.message import Message, Request
from proxy.sip.reply import build_response
from proxy.sip.transaction import ServerTransaction
from proxy.sip.uri import Uri, at_host
from routing.facts import NewCall

AGE = TIMER_C + CANCEL_PATIENCE
"""Seconds that the last INVITE of a process before this one can still be answered in."""
RETRY_AFTER = 10
"""Seconds written into the Retry-After of a 503."""
ALLOWED = b"INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, SUBSCRIBE, MESSAGE"


class Newcomers(Outward):
    """Requests that belong to nothing yet."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.newcomers = Buckets(PEER_RATE, PEER_BURST)
        self.started = parts.clock()
        self.overload = Overload(self.started)
        self.refusals = Refusals()
        self.begun: set[bytes] = set()
        """Call-IDs of this process, in its first minutes: no others can have been lost with the one before it."""
        self.draining = False
        """We are stopping: OPTIONS get 503, so that who asks sends new calls elsewhere; those that come all the same
        pass, for calls outlive this process."""
        self.overloaded = False
        """The loop is late: see `Overload` for how that is mostly known before."""
        self.local: Local = Nobody()
        """Who has dialogs of our own; set by whoever builds the user agent."""

    def new_request(self, request: Request, flow: Flow, now: float) -> None:
        """Take a request that is in no dialog and no transaction."""
        peer = self.peers.identify(flow, request.via.port)
        if peer is None:
            self.refuse(request, flow, 403, "unknown_source")
            return
        invite = request.method == b"INVITE"
        if self.overloaded or self.pending.full or not self.newcomers.admit(flow.host, now):
            self.turn_away(request, flow, named_key(request, request.method) if invite else None, now)
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

    def turn_away(self, request: Request, flow: Flow, key: Key | None, now: float) -> None:
        """Answer 503 because there is too much to do. `key`: of an INVITE, which is remembered."""
        self.counters.refused.add("overload")
        if key is not None:
            self.refusals.add(key, now)
        self.answer(request, flow, 503, None, (b"Retry-After: %d" % RETRY_AFTER,))

    def refuse(self, request: Request, flow: Flow, status: int, reason: str) -> None:
        """Turn a request away, with a line for fail2ban."""
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

    def _is_loop(self, request: Request, mark: bytes) -> bool:
        """RFC 5393 section 4.2: one of our own marks in a Via below the top, over the same routing facts."""
        if not any(mark in field for field in request.fields):
            return False
        return any(self.seals.loop_mark_of(via.branch) == mark for via in first_vias(request, MAX_HOPS))

    def prepare(self, request: Request, *, trusted: bool) -> None:
        """Everything that is done once, whatever the target: RFC 3261 section 16.6 items 1 to 3, and hygiene.

        `trusted`: what the sender asserts is believed.
        """
        clean(request, self.private, trusted=trusted)
        count_hop(request)

    def open_relay(self, relay: Relay, request: Request, now: float) -> None:
        """Give a relay its server transaction; an INVITE gets its 100 at once."""
        flow = relay.flow
        host, port = return_address(request, flow)
        relay.back = partial(self.send_back, flow, host, port)
        tx = ServerTransaction(request, relay.back, flow.listener.transport != "udp", self.timers, relay, self.values)
        relay.server = tx
        self.keep_server(tx, flow, relay)
        tx.start(now)
        if request.method == b"INVITE":
            tx.respond(build_response(request, 100), 100, now)
        else:
            relay.expect_answer(now)

    def _new_call(self, request: Request, flow: Flow, source: Peer, mark: bytes, now: float) -> None:
        if now - self.started < AGE:
            self.begun.add(request.call_id)
        else:
            self.begun.clear()
        uri = _called(request, source)
        known = self.reporter.open_call(request)
        call = self.credentials.take(dialog_key(request)) or (known.id if known else self.new_id())
        decision = self.reporter.decide(self.describe(request, user_of(uri, self.domains)[0], source, call))
        side = self.peers.pbxs if source.side == "trunk" else self.peers.trunks
        relay = CallSetup(self, request, flow, call, decision, side.get(decision.peer) or self.other_side(source))
        relay.loop = mark
        self.open_relay(relay, request, now)
        if uri != request.uri:
            request.set_uri(uri)  # not before: without the magic cookie the URI that came names the transaction
        _name_host(request, relay.peer)
        request.remove(b"route")
        self.prepare(request, trusted=source.trusted)
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
            identities=identities(request, names, self.domains), withheld=withheld(request, self.domains),
            sip_call_id=request.call_id.decode("utf-8", "replace"))

    def _pass(self, request: Request, flow: Flow, target: Peer, source: Peer, mark: bytes, now: float) -> None:
        """Forward a new request that is no call."""
        relay = Relay(self, request, flow, self.new_id())
        relay.loop = mark
        self.open_relay(relay, request, now)
        if request.method != b"REGISTER":  # its Request-URI is the domain that it registers with
            _name_host(request, target)
        request.remove(b"route")
        self.prepare(request, trusted=source.trusted)
        if not relay.set_out(0, target, now):
            relay.refuse(503, now)


def _name_host(request: Request, target: Peer) -> None:
    """Write the host that a carrier wants to see into the Request-URI. After the server transaction has been made."""
    if target.request_host is not None:
        request.set_uri(at_host(request.uri, target.request_host))


def _called(request: Request, source: Peer) -> bytes:
    """Give the Request-URI of a call as it goes on.

    A call to the Contact that we registered shows the number in To alone: it is put where it belongs. The Contact is
    ours, so the URI is ours to replace (RFC 3261 section 16.5).
    """
    if source.account is None:
        return request.uri
    uri = Uri.parse(request.uri)
    try:
        called = request.to.parsed_uri
    except SipError:
        return request.uri
    if not called.user or called.user == uri.user or uri.unescaped_user() != source.account.encode():
        return request.uri
    return Uri(uri.scheme, called.name + called.user_params, None, uri.host, uri.port).to_bytes()
