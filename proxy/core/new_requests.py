"""New requests: who may send them, where calls go.

Order (the spec's "who may talk"): a configured peer, not too much at a time, no loop; then a call begins (`new_calls`),
and any other request goes to the other side.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.core.admission import Admission
from proxy.core.new_calls import NewCalls
from proxy.core.ourselves import ALLOWED
from proxy.core.pass_on import PassOn
from proxy.core.peers import Peer
from proxy.core.relay import Relay, Relays
from proxy.core.requests_out import token_for
from proxy.core.seals import first_vias
from proxy.sip.hop import Flow
from proxy.sip.keys import named_key
from proxy.sip.limits import MAX_HOPS
from proxy.sip.message import Request
from proxy.sip.text import holds


class NewRequests:
    """Takes every request outside dialogs that is left."""

    __slots__ = ("_admission", "_calls", "_new_id", "_pass_on", "_peers", "_relays", "_sender")

    def __init__(self, admission: Admission, calls: NewCalls, relays: Relays, pass_on: PassOn,
                 new_id: Callable[[], str]) -> None:
        """`pass_on`: owner of the relays of what is no call. `new_id`: as in `engine.Parts`."""
        self._admission = admission
        self._calls = calls
        self._relays = relays
        self._sender = relays.sender
        self._peers = relays.sender.peers
        self._pass_on = pass_on
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
            self._calls.begin(request, flow, peer, mark, now)
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
            if holds(field, mark):
                break
        else:
            return False
        seals = self._sender.seals
        return any(seals.loop_mark_of(via.branch) == mark for via in first_vias(request, MAX_HOPS))

    def _pass(self, request: Request, flow: Flow, target: Peer, source: Peer, mark: bytes, now: float) -> None:
        """Forward a new request that is no call."""
        call = self._new_id()
        relay = Relay(self._relays, request, flow, call, self._pass_on, mark,
                      token_for(self._sender.seals, request, call), now)
        self._sender.prepare_new(request, None, None if request.method == b"REGISTER" else target,
                                 trusted=source.trusted)
        if not relay.set_out(0, target, now):
            relay.refuse(503, now)
