"""Requests inside a dialog: routed from the Route alone (RFC 3261 section 16.4); no dialog is remembered for it.

Who may send one is for `dialog_gate` to say.
"""

from __future__ import annotations

from functools import partial

from proxy.core.dialog_gate import DialogGate
from proxy.core.local import LocalDoor
from proxy.core.onward import Onward
from proxy.core.pass_on import Bye, DialogParts, PassOn, Refresh
from proxy.core.relay import Relay, RelayOwner, Relays
from proxy.core.seals import NO_LOOP_MARK, Speaker, Token
from proxy.sip.dialog import REFRESHES
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow, Hop
from proxy.sip.identities import CONNECTED, identities
from proxy.sip.message import Request


class InDialog:
    """Takes every request with a To tag that is left."""

    __slots__ = ("_domains", "_gate", "_local", "_onward", "_parts", "_pass_on", "_relays", "_sender")

    def __init__(self, gate: DialogGate, onward: Onward, relays: Relays, parts: DialogParts, pass_on: PassOn,
                 local: LocalDoor, domains: frozenset[str]) -> None:
        """`pass_on`: owner of the relays from which nothing follows. `local`: whoever had dialogs of our own in an
        earlier process. `domains`: as in `engine.Parts`.
        """
        self._gate = gate
        self._onward = onward
        self._relays = relays
        self._sender = relays.sender
        self._parts = parts
        self._pass_on = pass_on
        self._local = local
        self._domains = domains

    def take(self, request: Request, flow: Flow, now: float) -> bool:
        """Send it on, or refuse it."""
        token = self._gate.open_route(request)
        if token is None:
            self._without_token(request, flow, now)
            return True
        speaker = token.speaker(request.from_.tag, request.to.tag)
        why = self._gate.let_in(request, token, speaker, flow)
        if speaker is None or why is not None:
            self._not_inside(request, flow, why or "another_dialog")
        elif request.method == b"ACK":
            self._acknowledge(request, flow, token, speaker)
        else:
            self._send_on(request, flow, token, speaker, now)
        return True

    def _acknowledge(self, request: Request, flow: Flow, token: Token, speaker: Speaker) -> None:
        try:
            self._parts.acks.forward(request, flow, token, speaker)
        except SipError:
            return  # nobody answers an ACK

    def _send_on(self, request: Request, flow: Flow, token: Token, speaker: Speaker, now: float) -> None:
        self._sender.prepare(request, trusted=self._sender.flow_trusted(flow))
        owner: RelayOwner = self._pass_on
        if token.is_call:
            self._parts.passing.count(token.call, speaker, request.cseq.number)
            owner = self._owner_of(request, speaker)
        relay = Relay(self._relays, request, flow, token.call, owner, NO_LOOP_MARK, None, now)
        try:
            self._onward.locate(request, partial(self._located, relay))
        except SipError as error:
            relay.refuse(error.status, now)

    def _owner_of(self, request: Request, speaker: Speaker) -> RelayOwner:
        if request.method == b"BYE":
            return Bye(self._parts, speaker)
        if request.method in REFRESHES:
            shown = identities(request, CONNECTED, self._domains) if speaker.side == "callee" else ()
            return Refresh(self._parts, request, speaker, shown)
        return self._pass_on

    def _located(self, relay: Relay, hops: tuple[Hop, ...]) -> None:
        now = self._relays.transactions.clock()
        if not relay.done and not relay.set_out(0, hops, now):
            relay.refuse(503, now)

    def _not_inside(self, request: Request, flow: Flow, why: str) -> None:
        """Refuse a request whose token verifies and opens nothing for it. A peer's is late, and no attack."""
        if request.method == b"ACK" or self._sender.peers.candidates(flow):
            self._sender.counters.refused.add(why)
            if request.method != b"ACK":
                self._sender.answer(request, flow, 481)
        else:
            self._sender.refuse(request, flow, 481, why)

    def _without_token(self, request: Request, flow: Flow, now: float) -> None:
        """Refuse a request inside a dialog that nothing proves. A peer may go on with what an earlier process began."""
        if request.method == b"ACK":
            self._sender.counters.refused.add("ack_without_token")
        elif self._sender.peers.candidates(flow) and self._local.take_unknown(request, flow, now):
            return
        elif self._sender.peers.candidates(flow) and request.method == b"NOTIFY":
            self._sender.answer(request, flow, 481)
        else:
            self._sender.refuse(request, flow, 481, "no_token")
