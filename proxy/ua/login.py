"""Answers to challenges: RFC 3261 section 22, RFC 7616 and RFC 8760.

Rules
- Credentials go to the peer that they are configured for, for its realm, in a request of our own. The realm is the
  configured one, else the first that this peer ever asked with, and stays.
- Inside a dialog a challenge is answered only where the peer itself is the far end: no Route in between, and the
  request went to an address of it. Behind a proxy anybody could have asked, with a nonce of their choice.
- A BYE behind the peer's own Record-Route carries the answer to a nonce that the peer itself gave before: a challenge
  to it could not be answered, and would leave the far end in a call.
- At most MAX_TRIES times for one request; the same challenge again means a wrong password, unless it is `stale`.
"""

from proxy.sip.digest import Challenge, NonceCount, answer, parse_challenges
from proxy.sip.hop import Hop, PeerSide
from proxy.sip.message import Response
from proxy.ua.contract import Account, Stack

MAX_TRIES = 2
CHALLENGES = frozenset((401, 407))
_HEADERS = {401: (b"www-authenticate", b"Authorization"), 407: (b"proxy-authenticate", b"Proxy-Authorization")}


class _Asked:
    """What a peer has asked for so far."""

    def __init__(self, realm: str | None) -> None:
        self.realm = realm
        """The only one that is answered; None: not known yet."""
        self.challenges: dict[int, list[Challenge]] = {}
        """The newest ones that were answered, by status."""
        self.counts: dict[int, NonceCount] = {}

    def answer(self, account: Account, status: int, method: bytes, uri: bytes, cnonce: bytes) -> bytes | None:
        """Answer the challenges of a status once more; None where that cannot be."""
        mine = self.challenges[status]
        count = self.counts.setdefault(status, NonceCount())
        credentials = answer(mine, account.username, account.password, method, uri, cnonce.decode(), self.realm or "",
                             count.next(mine[0].nonce))
        return None if credentials is None else _HEADERS[status][1] + b": " + credentials.to_bytes()


class Accounts:
    """Our accounts at all peers, and what they have asked for."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._asked: dict[tuple[PeerSide, str], _Asked] = {}

    def login(self, side: PeerSide | None, name: str) -> "Login":
        """Make the answers to the challenges of one request to a peer; `side` None: a stranger, never answered."""
        account = None if side is None else self._stack.account(side, name)
        if account is None or side is None:
            return Login(None, _Asked(None))
        return Login(account, self._asked.setdefault((side, name), _Asked(account.realm)))

    def unasked(self, side: PeerSide | None, name: str, method: bytes, uri: bytes) -> tuple[bytes, ...]:
        """Credentials for a request of this method and Request-URI before anybody asks (RFC 7616 section 3.6).

        They answer the nonces of the peer itself, from challenges to requests that went to nobody else; none where it
        never asked.
        """
        account = None if side is None else self._stack.account(side, name)
        asked = None if side is None else self._asked.get((side, name))
        if account is None or asked is None:
            return ()
        found = (asked.answer(account, status, method, uri, self._stack.token()) for status in asked.challenges)
        return tuple(field for field in found if field is not None)

    def is_address_of(self, hop: Hop, side: PeerSide | None, name: str) -> bool:
        """Whether a hop is one of a peer's own addresses."""
        return side is not None and self._stack.is_address_of(hop, side, name)


class Login:
    """The answers to the challenges of one request, sent again and again."""

    def __init__(self, account: Account | None, asked: _Asked) -> None:
        self._account = account
        self._asked = asked
        self._tries = 0
        self._statuses: set[int] = set()
        self._fields: dict[int, bytes] = {}

    @property
    def fields(self) -> tuple[bytes, ...]:
        """Credentials of the newest try: also those of an ACK to its 2xx (RFC 3261 section 22.1)."""
        return tuple(self._fields.values())

    def answer(self, response: Response, method: bytes, uri: bytes, cnonce: bytes) -> bool:
        """Take a 401 or 407; True: send the request again, with `fields`, to this Request-URI."""
        if self._account is None or self._tries >= MAX_TRIES:
            return False
        status, asked = response.status, self._asked
        found = parse_challenges(response.values(_HEADERS[status][0]))
        realm = asked.realm or next((one.realm for one in found if one.usable), None)
        if realm is None:
            return False
        mine = [one for one in found if one.realm == realm and one.usable]
        if not mine or (status in self._statuses and not any(one.stale for one in mine)):
            return False
        asked.realm, asked.challenges[status] = realm, mine
        field = asked.answer(self._account, status, method, uri, cnonce)
        if field is None:
            return False
        self._tries += 1
        self._statuses.add(status)
        self._fields[status] = field
        return True
