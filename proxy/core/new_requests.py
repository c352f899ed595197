"""New requests: who may send them, where calls go.

Order (the spec's "who may talk"): a configured peer, not too much at a time, no loop; then a call asks the router where
it goes, and any other request goes to the other side.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.core.admission import Admission
from proxy.core.begun import CallsBegun
from proxy.core.call_facts import CallFacts, called_uri
from proxy.core.call_setup import CallSetup, SetupParts
from proxy.core.headers import dialog_key
from proxy.core.ourselves import ALLOWED
from proxy.core.pass_on import PassOn
from proxy.core.peers import Peer
from proxy.core.relay import Relay
from proxy.core.seals import first_vias
from proxy.sip.hop import Flow
from proxy.sip.keys import named_key
from proxy.sip.limits import MAX_HOPS
from proxy.sip.message import Request
from proxy.sip.uri import at_host


class NewRequests:
    """Takes every request outside dialogs; the last that is asked."""

    __slots__ = ("_admission", "_begun", "_clock", "_facts", "_new_id", "_parts", "_pass_on", "_peers", "_sender")

    def __init__(self, parts: SetupParts, admission: Admission, begun: CallsBegun, facts: CallFacts,
                 new_id: Callable[[], str]) -> None:
        """`new_id`: as in `engine.Parts`."""
        self._parts = parts
        self._sender = parts.relays.sender
        self._peers = self._sender.peers
        self._clock = parts.relays.transactions.clock
        self._pass_on = PassOn(parts.acks)
        self._admission = admission
        self._begun = begun
        self._facts = facts
        self._new_id = new_id

    def take(self, request: Request, flow: Flow, now: float) -> bool:
        """Send it where it goes, or refuse it. An ACK of nothing means nothing."""
        if request.method != b"ACK":
            self._take(request, flow, now)
        return True

    def _take(self, request: Request, flow: Flow, now: float) -> None:
        peer = self._peers.identify(flow, request.via.port)
        if peer is None:
            self._sender.refuse(request, flow, 403, "unknown_source")
            return
        invite = request.method == b"INVITE"
        if not self._admission.takes_on(flow, now):
            key = named_key(request, request.method) if invite else None
            self._admission.turn_away(request, flow, key, now)
            return
        if request.method == b"REGISTER":
            self._register(request, flow, peer, now)
            return
        mark = self._sender.seals.loop_mark(peer.name, request.uri, request)
        if self._is_loop(request, mark):
            self._sender.answer(request, flow, 482)
        elif invite:
            self._new_call(request, flow, peer, mark, now)
        else:
            self._pass(request, flow, self._peers.other_side(peer), peer, mark, now)

    def _register(self, request: Request, flow: Flow, peer: Peer, now: float) -> None:
        if peer.side == "pbx" and peer.register_to is not None:
            mark = self._sender.seals.loop_mark(peer.name, request.uri, request)
            self._pass(request, flow, self._peers.trunks[peer.register_to], peer, mark, now)
        else:
            self._sender.answer(request, flow, 405, None, (b"Allow: " + ALLOWED,))

    def _is_loop(self, request: Request, mark: bytes) -> bool:
        """RFC 5393 section 4.2: one of our own marks in a Via below the top, over the same routing facts."""
        for field in request.fields:
            if mark in field:
                break
        else:
            return False
        seals = self._sender.seals
        return any(seals.loop_mark_of(via.branch) == mark for via in first_vias(request, MAX_HOPS))

    def _new_call(self, request: Request, flow: Flow, source: Peer, mark: bytes, now: float) -> None:
        parts = self._parts
        self._begun.note(request.call_id, now)
        uri = called_uri(request, source)
        known = parts.reporter.open_call(request)
        call = parts.credentials.take(dialog_key(request)) or (known.id if known else self._new_id())
        decision = parts.reporter.decide(self._facts.describe(request, uri, source, call))
        peer = self._peers.other_side(source, decision.peer)
        setup = CallSetup(parts, request, flow, call, decision, peer, mark, now)
        if uri != request.uri:
            request.set_uri(uri)
        self._make_ready(request, peer, source)
        if decision.reason == "direct":
            parts.counters.direct_used += 1
        setup.start(now)
        parts.counters.setup_seconds.observe(self._clock() - now)

    def _pass(self, request: Request, flow: Flow, target: Peer, source: Peer, mark: bytes, now: float) -> None:
        """Forward a new request that is no call."""
        relay = Relay(self._parts.relays, request, flow, self._new_id(), self._pass_on, mark, now)
        self._make_ready(request, None if request.method == b"REGISTER" else target, source)
        if not relay.set_out(0, target, now):
            relay.refuse(503, now)

    def _make_ready(self, request: Request, target: Peer | None, source: Peer) -> None:
        """Do what is the same for all targets. `target`: None where the Request-URI is the domain registered with."""
        if target is not None and target.request_host is not None:  # the host that a carrier wants to see
            request.set_uri(at_host(request.uri, target.request_host))
        request.remove(b"route")
        self._sender.prepare(request, trusted=source.trusted)
