"""Answers to challenges: RFC 3261 section 22, RFC 7616 and RFC 8760.

Rules
- Credentials go to the peer that they are configured for, for its realm, in a request of our own. The realm is the
  configured one, else the first that this peer ever asked with, and stays.
- Inside a dialog a challenge is answered only where the peer itself is the far end: no Route in between, and the
  request went to an address of it. Behind a proxy anybody could have asked, with a nonce of their choice.
- At most MAX_TRIES times for one request; the same challenge again means a wrong password, unless it is `stale`.
"""

from collections.abc import Callable

from proxy.agent.ports import Account, PeerSide, Stack
from proxy.sip.digest import NonceCount, answer, parse_challenges
from proxy.sip.hop import Hop
from proxy.sip.message import Response

MAX_TRIES = 2
CHALLENGES = frozenset((401, 407))
_HEADERS = {401: (b"www-authenticate", b"Authorization"), 407: (b"proxy-authenticate", b"Proxy-Authorization")}


class Accounts:
    """Our accounts at all peers, and the realms they have asked with."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._realms: dict[tuple[PeerSide, str], str] = {}

    def login(self, side: PeerSide | None, name: str) -> "Login":
        """Make the answers to the challenges of one request to a peer; `side` None: a stranger, never answered."""
        account = None if side is None else self._stack.account(side, name)
        if account is None or side is None:
            return Login(None, None, lambda realm: None)
        realm = account.realm or self._realms.get((side, name))
        return Login(account, realm, lambda used: self._learn((side, name), used))

    def is_address_of(self, hop: Hop, side: PeerSide | None, name: str) -> bool:
        """Whether a hop is one of a peer's own addresses."""
        return side is not None and any(hop[:3] == one[:3] for one in self._stack.hops(side, name))

    def _learn(self, peer: tuple[PeerSide, str], realm: str) -> None:
        self._realms.setdefault(peer, realm)


class Login:
    """The answers to the challenges of one request, sent again and again."""

    def __init__(self, account: Account | None, realm: str | None, learn: Callable[[str], None]) -> None:
        self._account = account
        self._realm = realm
        self._learn = learn
        self._tries = 0
        self._asked: set[int] = set()
        self._counts = NonceCount()
        self._fields: dict[int, bytes] = {}

    @property
    def fields(self) -> tuple[bytes, ...]:
        """Credentials of the newest try: also those of an ACK to its 2xx (RFC 3261 section 22.1)."""
        return tuple(self._fields.values())

    def answer(self, response: Response, method: bytes, uri: bytes, cnonce: bytes) -> bool:
        """Take a 401 or 407; True: send the request again, with `fields`, to this Request-URI."""
        if self._account is None or self._tries >= MAX_TRIES:
            return False
        asks, answers = _HEADERS[response.status]
        found = parse_challenges(response.values(asks))
        realm = self._realm or next((one.realm for one in found if one.usable), None)
        if realm is None:
            return False
        mine = [one for one in found if one.realm == realm and one.usable]
        if not mine or (response.status in self._asked and not any(one.stale for one in mine)):
            return False
        credentials = answer(mine, self._account.username, self._account.password, method, uri, cnonce.decode(), realm,
                             self._counts.next(mine[0].nonce))
        if credentials is None:
            return False
        self._tries += 1
        self._asked.add(response.status)
        self._realm = realm
        self._learn(realm)
        self._fields[response.status] = answers + b": " + credentials.to_bytes()
        return True
