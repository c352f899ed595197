"""Requests inside a dialog: routed from the Route alone (RFC 3261 section 16.4); no dialog is remembered for it.

Who may send one: whoever saw a token once knows it for ever, so it opens nothing by itself.
- One of the two tags is the caller's, which the token knows, and the Call-ID is its own.
- The call is in progress. Once it is over, only what ends transactions and dialogs passes, ACK and BYE, and that for a
  while. A call that nobody wrote down, or that was given up as lost, may go on: peers may speak in it.
- The sender is a peer, at an address that it has or had (names may lead elsewhere by now), or is where Contact or
  Record-Route of this very call say that its requests come from. What somebody who is no peer asserts is never
  believed.
- In a subscription that passes, which nobody writes down, only peers speak.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from proxy.core.seals import TOKEN_MARK, Speaker, Token
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow, Hop
from proxy.sip.message import Request
from proxy.sip.parser import answerable
from proxy.sip.request_error import RequestError
from proxy.sip.uri import Uri

if TYPE_CHECKING:
    from proxy.core.newcomers import Newcomers
    from proxy.core.relay import Relay

ENDS = frozenset((b"ACK", b"BYE"))
"""What may still be under way when a call is over: a 2xx that crossed its CANCEL is acknowledged and hung up."""
OWN_ROUTES = 2
"""Route values of ours that one request may carry: two where the call changes transports (RFC 5658)."""


def open_route(core: Newcomers, request: Request) -> Token | None:
    """Take our own Route values off a request and return what their token says.

    None, and the request is to be refused, where none is ours or one is forged. Raises SipError(400) on a bad Route.
    """
    if request.method == b"ACK" and request.max_forwards == 0:
        return None  # RFC 3261 section 16.3 item 3: it goes no further, and nobody answers an ACK
    token = None
    if TOKEN_MARK in request.uri:
        token = core.seals.read_token(Uri.parse(request.uri).user, request.call_id)
        if token is not None:
            _undo_strict_routing(request)
    for route in request.routes[:OWN_ROUTES]:
        try:
            uri = route.parsed_uri
        except SipError:
            raise RequestError(400, "Bad Route", answerable(request)) from None
        if not core.is_own(uri.plain_host, uri.port, uri.transport):
            break
        token = core.seals.read_token(uri.user, request.call_id)
        if token is None:
            return None
        request.drop_first_value(b"route")
    return token


def refusal(core: Newcomers, request: Request, token: Token, speaker: Speaker | None, flow: Flow) -> str | None:
    """Say why a request with a token that verifies may not pass; None: it may. `speaker`: whose it says that it is."""
    if speaker is None:
        return "another_dialog"
    is_peer = bool(core.peers.candidates(flow))
    if not token.is_call:
        return None if is_peer else "stranger_in_subscription"
    standing = core.reporter.standing(token.call)
    if standing == "long_over" or (standing == "over" and request.method not in ENDS):
        return "call_is_over"
    if is_peer or core.named.holds(token.call, flow) or core.peers.was_at(flow):
        return None
    return "stranger_in_dialog"


def _undo_strict_routing(request: Request) -> None:
    """RFC 3261 section 16.4: a strict router put our URI where the target belongs, and the target last in the Route."""
    routes = request.routes
    if routes:
        request.set_uri(routes[-1].uri)
        kept = [b"Route: <%s>" % route.uri for route in routes[:-1]]
        request.remove(b"route")
        for field in reversed(kept):
            request.insert_before(b"route", field)


def _next_uri(request: Request) -> Uri:
    """Where the request goes next (RFC 3261 section 16.6 items 6 and 7); serves a strict router its own way."""
    routes = request.routes
    if not routes:
        return Uri.parse(request.uri)
    first = routes[0].parsed_uri
    if b"lr" not in first.params:
        request.drop_first_value(b"route")
        request.append(b"route", b"Route: <%s>" % request.uri)
        request.set_uri(routes[0].uri)
    return first


def forward(core: Newcomers, request: Request, flow: Flow, relay: Relay | None) -> None:
    """Send a prepared in-dialog request on. `relay`: None for an ACK, which nothing answers."""
    uri = _next_uri(request)
    host, port, transport, secure = uri.destination()
    if core.is_own(host, port, uri.transport):
        raise RequestError(482, "Loop Detected", request)
    core.locator.locate(host, port, transport, secure, partial(_located, core, request, flow, relay))


def _located(core: Newcomers, request: Request, flow: Flow, relay: Relay | None, hops: tuple[Hop, ...]) -> None:
    now = core.clock()
    if hops and hops[0].transport == "tls":
        hops = tuple(map(core.peers.proven, hops))
    if relay is None:
        core.send_ack(request, flow, hops)
    elif not relay.done and not relay.set_out(0, hops, now):
        relay.refuse(503, now)


def acknowledge(core: Newcomers, request: Request, flow: Flow) -> None:
    """Forward an ACK to a 2xx that used the branch of its INVITE (RFC 6026 section 7.1)."""
    token = open_route(core, request) if request.to.tag is not None else None
    if token is None:
        return
    speaker = token.speaker(request.from_.tag, request.to.tag)
    if speaker is not None and refusal(core, request, token, speaker, flow) is None:
        core.reporter.acknowledged(token.call, speaker)
        core.prepare(request, trusted=core.flow_trusted(flow))
        forward(core, request, flow, None)
