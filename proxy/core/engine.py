"""The proxy: takes each message that came in, finds its transaction, and where there is none decides what it is.

Order of the checks on a request (RFC 3261 section 16.3, then the spec's "who may talk"): grammar, Max-Forwards,
Proxy-Require; then OPTIONS to ourselves; then a To tag needs a token of ours; a new request needs a configured peer
and must not be a loop.

The engine is one object in layers, each with a file: `outward` sends, `newcomers` takes new requests,
and this one takes everything.
"""

from __future__ import annotations

from proxy.core import in_dialog, orphans
from proxy.core.counters import OTHER, status_class
from proxy.core.headers import answered_elsewhere
from proxy.core.limiter import STRANGER_BURST, STRANGER_RATE, Buckets
from proxy.core.newcomers import ALLOWED, RETRY_AFTER, Newcomers
from proxy.core.outward import METHODS, Parts, return_address
from proxy.core.relay import Relay
from proxy.core.seals import Speaker
from proxy.core.setup import Bye, CallSetup, Refresh
from proxy.sip.dialog import REFRESHES
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow
from proxy.sip.identities import CONNECTED, identities
from proxy.sip.keys import client_key, likely_client_key, named_key
from proxy.sip.message import Request, Response
from proxy.sip.parser import is_keepalive, parse
from proxy.sip.reply import build_response, with_received
from proxy.sip.request_error import request_of
from proxy.sip.uri import Uri
from proxy.sip.validate import validate, validate_forwarding

__all__ = ["Parts", "Proxy"]


class Proxy(Newcomers):
    """A transaction-stateful, record-routing proxy between trunks and PBXs."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.strangers = Buckets(STRANGER_RATE, STRANGER_BURST)

    def receive(self, data: bytes, flow: Flow, waited: float = 0.0) -> None:
        """Take one datagram or one framed message. Raises nothing that a sender can cause.

        `waited`: seconds since it had arrived, as far as that is known.
        """
        now = self.clock()
        late = self.overload.late(waited, now) or self.overloaded
        if not self.peers.candidates(flow):
            if not self.strangers.admit(flow.host, now):
                self.counters.refused.add("flood")
                return
            late = False  # who is not to call is told so
        if self.tracer.active:
            self.tracer.received(data, flow)
        try:
            if is_keepalive(data):
                return
            message = parse(data, flow.connection != 0)
            if isinstance(message, Request):
                self.counters.received_requests.add(METHODS.get(message.method, OTHER))
                if (late or self.refusals) and self._turned_away(message, flow, now, late):
                    return
                validate(message)
                self._request(message, flow, now)
            else:
                self.counters.received_responses.add(status_class(message.status))
                self._response(message, flow, now)
        except SipError as error:
            self._malformed(error, flow)

    def _turned_away(self, request: Request, flow: Flow, now: float, late: bool) -> bool:
        """Refuse a new call, or what repeats or acknowledges one that was refused; False: it is to be served.

        This is the cheap way, for when there are more calls than can be served: nothing is looked at that the answer
        does not need.
        """
        try:
            return self._turn_away(request, flow, now, late)
        except SipError:
            return False  # who validates it says what is wrong

    def _turn_away(self, request: Request, flow: Flow, now: float, late: bool) -> bool:
        method = request.method
        if method == b"INVITE":
            key = self.find_server(request, flow, method)
            if not self.refusals.has(key, now) and not (
                    late and request.to.tag is None and key not in self.relays and key not in self.servers):
                return False
            with_received(request, flow.host, flow.port)
            self.turn_away(request, flow, key, now)
            return True
        if method == b"ACK" and self.refusals.has(named_key(request, b"INVITE"), now):
            self.counters.retransmissions_absorbed += 1
            return True
        if method == b"CANCEL" and self.refusals.has(named_key(request, b"INVITE"), now):
            with_received(request, flow.host, flow.port)
            self.answer(request, flow, 200)  # the INVITE has its answer
            return True
        return False

    def _malformed(self, error: SipError, flow: Flow) -> None:
        self.counters.parse_errors.add(error.reason)
        self.journal.note("malformed", source=flow.host, port=flow.port, status=error.status, reason=error.reason)
        request = request_of(error)
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
        elif not (self.peers.candidates(flow) and self.local.response(response, flow, now)):
            self.counters.refused.add("stray_response")

    def _request(self, request: Request, flow: Flow, now: float) -> None:
        with_received(request, flow.host, flow.port)
        key = self.find_server(request, flow, b"INVITE" if request.method == b"ACK" else request.method)
        relay = self.relays.get(key)
        if relay is not None:
            if request.method != b"ACK":
                self.counters.retransmissions_absorbed += 1
            relay.server.receive(request, now)
            return
        own = self.servers.get(key)
        if own is not None:
            own.receive(request, now)
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
            self.new_request(request, flow, now)

    def _is_to_us(self, request: Request, flow: Flow) -> bool:
        if request.method != b"OPTIONS" or request.to.tag is not None:
            return False
        uri = Uri.parse(request.uri)
        if not uri.user:
            return True
        return self.is_own(uri.plain_host, uri.port, uri.transport or flow.listener.transport)

    def _options(self, request: Request, flow: Flow) -> None:
        if self.draining:
            self.answer(request, flow, 503, None, (b"Retry-After: %d" % RETRY_AFTER,))
        else:
            self.answer(request, flow, 200, None, (b"Allow: " + ALLOWED, b"Accept: application/sdp"))

    def _in_dialog(self, request: Request, flow: Flow, now: float) -> None:
        if self.local.request(request, flow, now):
            return
        token = in_dialog.open_route(self, request)
        if token is None:
            self._without_token(request, flow, now)
            return
        speaker = token.speaker(request.from_.tag, request.to.tag)
        why = in_dialog.refusal(self, request, token, speaker, flow)
        if speaker is None or why is not None:
            self._not_inside(request, flow, why or "another_dialog")
            return
        relay: Relay | None = None
        if request.method == b"ACK":
            self.reporter.acknowledged(token.call, speaker)
        elif not token.is_call:
            relay = Relay(self, request, flow, token.call)
        else:
            relay = self._in_call(request, flow, token.call, speaker)
        if relay is not None:
            self.open_relay(relay, request, now)
        self.prepare(request, trusted=self.flow_trusted(flow))
        if isinstance(relay, Refresh) and relay.speaker.side == "callee":
            relay.connected = identities(request, CONNECTED, self.domains)
        try:
            in_dialog.forward(self, request, flow, relay)
        except SipError as error:
            if relay is not None:
                relay.refuse(error.status, now)

    def _in_call(self, request: Request, flow: Flow, call: str, speaker: Speaker) -> Relay:
        self.passing.count(call, speaker, request.cseq.number)
        if request.method == b"BYE":
            return Bye(self, request, flow, call, speaker)
        if request.method in REFRESHES:
            return Refresh(self, request, flow, call, speaker)
        return Relay(self, request, flow, call)

    def _not_inside(self, request: Request, flow: Flow, why: str) -> None:
        """Refuse a request whose token verifies and opens nothing for it. A peer's is late, and no attack."""
        if request.method == b"ACK" or self.peers.candidates(flow):
            self.counters.refused.add(why)
            if request.method != b"ACK":
                self.answer(request, flow, 481)
        else:
            self.refuse(request, flow, 481, why)

    def _without_token(self, request: Request, flow: Flow, now: float) -> None:
        """Refuse a request inside a dialog that nothing proves. A peer may go on with what an earlier process began."""
        if request.method == b"ACK":
            self.counters.refused.add("ack_without_token")
        elif self.peers.candidates(flow) and self.local.unknown(request, flow, now):
            return
        elif self.peers.candidates(flow) and request.method == b"NOTIFY":
            self.answer(request, flow, 481)
        else:
            self.refuse(request, flow, 481, "no_token")

    def _cancel(self, request: Request, flow: Flow, now: float) -> None:
        key = self.find_server(request, flow, b"INVITE")
        relay = self.relays.get(key)
        if relay is None:
            if key in self.servers:
                self.answer(request, flow, 200)  # a re-INVITE to a dialog of ours, which was answered at once
            elif not orphans.cancel(self, request, flow, now):
                self.answer(request, flow, 481)
        elif not self.peers.are_one(relay.flow, flow):
            self.answer(request, flow, 481)
        else:
            self.answer(request, flow, 200)
            if isinstance(relay, CallSetup):
                relay.elsewhere = answered_elsewhere(request)
            relay.cancel(now)
