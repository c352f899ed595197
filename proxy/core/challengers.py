"""Who asked for credentials: a request repeated with them goes to that server first (RFC 3261 section 22.3).

A nonce is its server's own: another one of the same peer would ask again, and the caller give up. So it is the nonce
that names the server, whatever else of the request was written anew.
"""

import re
from typing import Final

from proxy.sip.hop import Hop
from proxy.sip.message import Message, Request, Response

LIMIT = 10_000
"""Nonces remembered; the oldest goes first."""
NONCE_MAX = 256
"""Octets of a nonce that are looked at."""

_NONCE: Final = re.compile(rb'(?<![A-Za-z])nonce[ \t]*+=[ \t\r\n]*+"([^"]{1,%d})' % NONCE_MAX, re.IGNORECASE)
_ASKS: Final = (b"www-authenticate", b"proxy-authenticate")
_ANSWERS: Final = (b"authorization", b"proxy-authorization")


class Challengers:
    """The servers behind the newest nonces."""

    def __init__(self) -> None:
        self._asked: dict[bytes, Hop] = {}

    def note(self, response: Response, hop: Hop) -> None:
        """Remember where a 401 or 407 came from."""
        for nonce in _nonces(response, _ASKS):
            self._asked.pop(nonce, None)
            if len(self._asked) >= LIMIT:
                del self._asked[next(iter(self._asked))]
            self._asked[nonce] = hop

    def first(self, request: Request, hops: list[Hop]) -> list[Hop]:
        """Put the hop that asked for the credentials of a request first; as they are where none of them did."""
        if len(hops) < 2 or not self._asked or not any(name in request.names for name in _ANSWERS):
            return hops
        for nonce in _nonces(request, _ANSWERS):
            asked = self._asked.get(nonce)
            if asked is not None:
                # A large request went to the same host by a stream, and its hop is not in the list.
                return sorted(hops, key=lambda hop: 0 if hop == asked else 1 if hop.host == asked.host else 2)
        return hops


def _nonces(message: Message, names: tuple[bytes, ...]) -> list[bytes]:
    return [nonce for name in names for field in message.values(name) for nonce in _NONCE.findall(field)]
