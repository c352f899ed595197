"""Who may speak inside a dialog that passes. Whoever saw a token once knows it for ever, so it opens nothing by itself.

- One of the two tags is the caller's, which the token knows, and the Call-ID is its own.
- The call is in progress. Once it is over, only what ends transactions and dialogs passes, ACK and BYE, and that for a
  while. A call that nobody wrote down, or that was given up as lost, may go on: peers may speak in it. What another
  node began is such a call, until the first word of it here.
- The sender is a peer, at an address that it has or had (names may lead elsewhere by now), or is where Contact or
  Record-Route of this very call say that its requests come from. What somebody who is no peer asserts is never
  believed.
- In a subscription that passes, which nobody writes down, only peers speak.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from proxy.core.adoption import Adoption
from proxy.core.contract import IsOwn
from proxy.core.named import NamedAddresses
from proxy.core.peers import PeerTable
from proxy.core.reporter import Reporter
from proxy.core.seals import TOKEN_MARK, Seals, Speaker, Token
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow
from proxy.sip.message import Request
from proxy.sip.parser import answerable
from proxy.sip.request_error import RequestError
from proxy.sip.text import holds
from proxy.sip.uri import Uri

ENDS: Final = frozenset((b"ACK", b"BYE"))
"""What may still be under way when a call is over: a 2xx that crossed its CANCEL is acknowledged and hung up."""
PLACES_REMEMBERED: Final = 64
"""Places behind our tokens whose reading is remembered: our listeners, as messages spell them."""
OWN_ROUTES: Final = 2
"""Route values of ours that one request may carry: two where the call changes transports (RFC 5658)."""

_WITH_TOKEN: Final = re.compile(rb"sip:(bm-[A-Za-z0-9_-]{40})@([^@]*+)")
"""A URI whose user may be a token of ours; then what stands behind the `@`."""


class DialogGate:
    """Reads our token off a request, and says whether its sender may use it."""

    __slots__ = ("_adoption", "_is_own", "_named", "_peers", "_reporter", "_seals")

    def __init__(self, seals: Seals, peers: PeerTable, reporter: Reporter, named: NamedAddresses,
                 is_own: IsOwn, adoption: Adoption) -> None:
        self._adoption = adoption
        self._seals = seals
        self._peers = peers
        self._reporter = reporter
        self._named = named
        self._is_own = is_own

    def open_route(self, request: Request) -> Token | None:
        """Take our own Route values off a request and return what their token says.

        None, and the request is to be refused, where none is ours or one is forged. Raises SipError(400) on a bad
        Route.
        """
        if request.method == b"ACK" and request.max_forwards == 0:
            return None  # RFC 3261 section 16.3 item 3: it goes no further, and nobody answers an ACK
        token = None
        if holds(request.uri, TOKEN_MARK):
            token = self._seals.read_token(Uri.parse(request.uri).user, request.call_id)
            if token is not None:
                _undo_strict_routing(request)
        for route in request.routes[:OWN_ROUTES]:
            try:
                user, host, port, transport = read_route(route.uri)
            except SipError:
                raise RequestError(400, "Bad Route", answerable(request)) from None
            if not self._is_own(host, port, transport):
                break
            token = self._seals.read_token(user, request.call_id)
            if token is None:
                return None
            request.drop_first_value(b"route")
        return token

    def let_in(self, request: Request, token: Token, speaker: Speaker | None, flow: Flow) -> str | None:
        """Let a request with a token that verifies pass (None), or say why it may not.

        `speaker`: whose it says that it is. With it a call is taken over that nobody wrote down here.
        """
        if speaker is None:
            return "another_dialog"
        is_peer = bool(self._peers.candidates(flow))
        if not token.is_call:
            return None if is_peer else "stranger_in_subscription"
        standing = self._reporter.standing(token.call)
        if standing == "long_over" or (standing == "over" and request.method not in ENDS):
            return "call_is_over"
        if standing == "unknown" and is_peer:
            self._adoption.take_request(request, token.call, speaker, flow)
        if is_peer or self._named.holds(token.call, flow) or self._peers.was_at(flow):
            return None
        return "stranger_in_dialog"


def read_route(uri: bytes) -> tuple[bytes, str, int | None, str | None]:
    """Give user, host, port and transport of a Route URI, as `Uri` reads them. Raises SipError(400).

    A token is another one for each call, what stands behind it is not: it is read once.
    """
    ours = _WITH_TOKEN.fullmatch(uri)
    if ours is None:
        read = Uri.parse(uri)
        return read.user, read.plain_host, read.port, read.transport
    return (ours[1], *_read_place(ours[2]))


@lru_cache(PLACES_REMEMBERED)
def _read_place(place: bytes) -> tuple[str, int | None, str | None]:
    read = Uri.parse(b"sip:" + place)
    return read.plain_host, read.port, read.transport


def _undo_strict_routing(request: Request) -> None:
    """RFC 3261 section 16.4: a strict router put our URI where the target belongs, and the target last in the Route."""
    routes = request.routes
    if routes:
        request.set_uri(routes[-1].uri)
        kept = [b"Route: <%s>" % route.uri for route in routes[:-1]]
        request.remove(b"route")
        for field in reversed(kept):
            request.insert_before(b"route", field)
