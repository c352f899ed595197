"""One request of ours other than INVITE until its answer counts: a challenge is met on the way (RFC 3261 section 22).

Rules
- A challenge is answered where we have an account at this peer, in its realm only: the configured one, else the first
  that this peer ever asked with. The answer to a challenge is tried once, and once more where the nonce was only stale.
- Each try is a transaction of its own with the next CSeq.
"""

from collections.abc import Callable, MutableMapping

from proxy.agent.ports import PeerSide, Stack
from proxy.sip.client import ClientTransaction
from proxy.sip.digest import answer, parse_challenges
from proxy.sip.hop import Hop, Listener
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse

Realms = MutableMapping[tuple[PeerSide, str], str]
"""The realm that each peer first asked with."""
Make = Callable[[bytes, tuple[bytes, ...]], bytes]
"""Writes a request: (Via field, further fields); each time with the next CSeq."""

_CHALLENGES = {
    401: (b"www-authenticate", b"Authorization: "),
    407: (b"proxy-authenticate", b"Proxy-Authorization: "),
}


def authority(listener: Listener) -> bytes:
    """`host:port` of a listener as the outside sees it."""
    return b"%s:%d" % (listener.host.encode(), listener.port)


def contact(user: bytes, listener: Listener) -> bytes:
    """Contact field that leads back to this listener."""
    transport = b"" if listener.transport == "udp" else b";transport=" + listener.transport.encode()
    return b"Contact: <sip:%s@%s%s>" % (user, authority(listener), transport)


class Exchange:
    """Owner of the transactions of one request (see proxy.sip.client.ClientOwner)."""

    __slots__ = ("_done", "_hop", "_listener", "_make", "_over", "_peer", "_realms", "_side", "_stack", "_tries")

    def __init__(self, stack: Stack, side: PeerSide, peer: str, realms: Realms,
                 done: Callable[[Response | None, float], None]) -> None:
        """`done` is told the final response that counts, or None where none came; once, and after `send` returned."""
        self._stack, self._side, self._peer, self._realms, self._done = stack, side, peer, realms, done
        self._tries = 0
        self._over = False
        self._hop: Hop
        self._listener: Listener
        self._make: Make

    def send(self, hop: Hop, listener: Listener, make: Make) -> None:
        """Send the request to a hop by a listener of ours that reaches it."""
        self._hop, self._listener, self._make = hop, listener, make
        self._send(())

    def _send(self, fields: tuple[bytes, ...]) -> None:
        if self._over:
            return
        via = b"Via: SIP/2.0/%s %s;branch=z9hG4bK%s;rport" % (
            self._listener.transport.upper().encode(), authority(self._listener), self._stack.token())
        request = parse(self._make(via, fields))
        assert isinstance(request, Request)
        self._stack.start_client(request, self._hop, self)

    def fail(self, now: float) -> None:
        """Give up: there is nowhere to send it."""
        self._finish(None, now)

    def forget(self) -> None:
        """Tell nobody of what still comes."""
        self._over = True

    # ClientOwner

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        if response.status < 200:
            return
        self._stack.report(self._hop, response.status != 503)
        credentials = self._credentials(tx, response)
        if credentials is not None and not self._over:
            self._tries += 1
            self._send((credentials,))
        else:
            self._finish(response, now)

    def on_timeout(self, tx: ClientTransaction, now: float) -> None:
        self._failed(now)

    def on_transport_error(self, tx: ClientTransaction, now: float) -> None:
        self._failed(now)

    def on_terminated(self, tx: ClientTransaction, now: float) -> None:
        """Nothing is left to do."""

    def _failed(self, now: float) -> None:
        self._stack.report(self._hop, False)
        self._finish(None, now)

    def _finish(self, response: Response | None, now: float) -> None:
        if not self._over:
            self._over = True
            self._done(response, now)

    def _credentials(self, tx: ClientTransaction, response: Response) -> bytes | None:
        names = _CHALLENGES.get(response.status)
        account = self._stack.account(self._side, self._peer)
        if names is None or account is None:
            return None
        challenges = parse_challenges(response.values(names[0]))
        if self._tries and not (self._tries == 1 and any(each.stale for each in challenges)):
            return None
        realm = account.realm or self._realms.get((self._side, self._peer))
        if realm is None:
            realm = next((each.realm for each in challenges if each.usable), None)
            if realm is None:
                return None
            self._realms[(self._side, self._peer)] = realm
        found = answer(challenges, account.username, account.password, tx.request.method, tx.request.uri,
                       self._stack.token().decode(), realm)
        return None if found is None else names[1] + found.to_bytes()
