"""How a request of ours leaves: by UDP, or where it is too large for that by a stream to the same peer.

Rules (RFC 3261 section 18.1.1)
- Its Request-URI stays, and with it what a digest says of it. Its Via names the listener of the stream, and so does the
  Contact of whatever makes or refreshes a dialog.
- Where the stream cannot be had it leaves by UDP all the same: too large is better than not at all.
"""

from proxy.sip.hop import Hop
from proxy.sip.message import Request
from proxy.sip.requests import contact_field, via_field
from proxy.ua.contract import Stack


class Way:
    """The way of one request to one address, in each form that it takes."""

    __slots__ = ("_stack", "_streams", "hop", "taken")

    def __init__(self, stack: Stack, hop: Hop) -> None:
        self.hop = hop
        """The address."""
        self.taken = hop
        """Where it went, or goes as far as is known: the address, or the stream that stands in for it."""
        self._stack = stack
        self._streams = True

    def choose(self, request: Request, user: bytes | None = None) -> Hop:
        """Choose how a request leaves that was written for the address; it is written anew for a stream.

        `user`: escaped user part of its Contact, where that leads to whatever listener it leaves by; None: it stays.
        """
        way = self._stack.way(self.hop, len(request.to_bytes())) if self._streams else self.hop
        listener = None if way == self.hop else self._stack.listener_for(way)
        if listener is None:
            self.taken = self.hop
            return self.hop
        self.taken = way
        request.replace(b"via", via_field(listener, request.via.branch or b""))
        if user is not None:
            request.replace(b"contact", contact_field(user, listener))
        return way

    def give_up_stream(self) -> bool:
        """The request could not be sent; True: its next form leaves by UDP, for it had taken a stream."""
        if self.taken == self.hop:
            return False
        self._streams, self.taken = False, self.hop
        return True
