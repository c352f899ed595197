"""Where a request inside a dialog goes next: its Route, else its Request-URI (RFC 3261 section 16.6 items 6 and 7)."""

from __future__ import annotations

from collections.abc import Callable

from proxy.core.contract import IsOwn, Locator
from proxy.core.peers import PeerTable
from proxy.sip.hop import Hop
from proxy.sip.message import Request
from proxy.sip.request_error import RequestError
from proxy.sip.uri import Uri


class Onward:
    """Finds the next hop."""

    __slots__ = ("_is_own", "_locator", "_peers")

    def __init__(self, locator: Locator, peers: PeerTable, is_own: IsOwn) -> None:
        self._locator = locator
        self._peers = peers
        self._is_own = is_own

    def locate(self, request: Request, done: Callable[[tuple[Hop, ...]], None]) -> None:
        """Call `done` with the hops of a prepared request, now or later; none where its name leads nowhere.

        Raises SipError(482) where it would come back to us, and what a URI that cannot be read raises.
        """
        uri = _next_uri(request)
        host, port, transport, secure = uri.destination()
        if self._is_own(host, port, uri.transport):
            raise RequestError(482, "Loop Detected", request)
        self._locator.locate(host, port, transport, secure, lambda hops: done(self._proven(hops)))

    def _proven(self, hops: tuple[Hop, ...]) -> tuple[Hop, ...]:
        return tuple(map(self._peers.proven, hops)) if hops and hops[0].transport == "tls" else hops


def _next_uri(request: Request) -> Uri:
    """Where the request goes next; serves a strict router its own way."""
    routes = request.routes
    if not routes:
        return Uri.parse(request.uri)
    first = routes[0].parsed_uri
    if b"lr" not in first.params:
        request.drop_first_value(b"route")
        request.append(b"route", b"Route: <%s>" % request.uri)
        request.set_uri(routes[0].uri)
    return first
