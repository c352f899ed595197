"""Digest access authentication, the client's side: RFC 7616 and RFC 8760, as SIP uses it (RFC 3261 section 22).

Rules
- SHA-512-256 and SHA-256 go before MD5, whatever the order of the challenges (a man in the middle may put MD5 first);
  among the SHA-2 ones, and among the MD5 ones, the topmost wins (RFC 8760 section 2.4).
- `qop=auth` always, but for one case: a server that offers no qop at all is answered as in RFC 2069, with MD5 only.
- A challenge of a realm that is not ours is never answered: the answer would let a stranger guess the password.
- No clock and no random numbers here: the cnonce comes from the caller.
- Text is UTF-8; octets that are not pass unharmed (surrogateescape). Realm, nonce and opaque are kept as they stand
  between their quotes, backslashes included, and go back like that.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

_LWS = rb"[ \t\r\n]*+"
_TOKEN = rb"[-A-Za-z0-9.!%*_+`'~]++"
_ITEM = re.compile(
    _LWS + rb"(?:(" + _TOKEN + rb")[ \t\r\n]++(?!=))?"
    rb"(" + _TOKEN + rb")" + _LWS + rb"=" + _LWS
    + rb'(?:"([^"\\]*+(?:\\.[^"\\]*+)*)"|([^",\x00-\x20\x7f]++))' + _LWS + rb"(?:,|\Z)",
    re.DOTALL,
)
"""One parameter, with the scheme before it where a new challenge begins."""
_EMPTY = re.compile(_LWS + rb",")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_HASHES: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "SHA-512-256": lambda data: hashlib.new("sha512_256", data).hexdigest(),
}
ALGORITHMS = (*_HASHES, *(name + "-sess" for name in _HASHES))
"""Every algorithm known here, in the RFC's spelling; it is compared without case."""
_BY_UPPER = {name.upper(): name for name in ALGORITHMS}


@dataclass(frozen=True, slots=True)
class Challenge:
    """One Digest challenge of a WWW-Authenticate or Proxy-Authenticate field."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    """As in ALGORITHMS where it is known, else as it came."""
    qop: tuple[str, ...] = ()
    """Offered qualities of protection, lower case; empty where the server sends none."""
    opaque: str | None = None
    stale: bool = False
    """The credentials were right but for the age of their nonce: try again, do not ask the user."""
    userhash: bool = False

    @property
    def usable(self) -> bool:
        """Whether it can be answered here."""
        if self.algorithm not in ALGORITHMS:
            return False
        return "auth" in self.qop if self.qop else self.algorithm == "MD5"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The value of an Authorization or Proxy-Authorization field."""

    username: str
    """In clear, or H(username:realm) where `userhash` is set."""
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = "MD5"
    qop: str | None = None
    cnonce: str | None = None
    count: int = 0
    """The nonce count `nc`; 0 where there is none."""
    opaque: str | None = None
    userhash: bool = False

    def to_bytes(self) -> bytes:
        """Write the field value. Raises ValueError when the username holds control characters."""
        if _CONTROL.search(self.username):
            raise ValueError("control character in the username")
        username = self.username.replace("\\", "\\\\").replace('"', '\\"')
        parts = [f'Digest username="{username}"', f'realm="{self.realm}"', f'nonce="{self.nonce}"', f'uri="{self.uri}"',
                 f'response="{self.response}"', f"algorithm={self.algorithm}"]
        if self.qop is not None:
            parts += [f"qop={self.qop}", f'cnonce="{self.cnonce}"', f"nc={self.count:08x}"]
        if self.opaque is not None:
            parts.append(f'opaque="{self.opaque}"')
        if self.userhash:
            parts.append("userhash=true")
        return ", ".join(parts).encode("utf-8", "surrogateescape")


def parse_challenges(values: Iterable[bytes]) -> list[Challenge]:
    """Read the values of all WWW-Authenticate or Proxy-Authenticate fields, each with one challenge or several.

    What is malformed or of another scheme is left out: the rest may do, and nobody would be told of the fault.
    """
    challenges: list[Challenge] = []
    for value in values:
        try:
            challenges += [_challenge(params) for params in _digests(value) if "realm" in params and "nonce" in params]
        except ValueError:
            continue
    return challenges


def answer(challenges: Iterable[Challenge], username: str, password: str, method: bytes, uri: bytes, cnonce: str,
           allowed_realm: str, count: int = 1) -> Credentials | None:
    """Answer the best of the challenges that are of the allowed realm; None where none is, or none can be used.

    `uri` is the Request-URI of the request that will carry the credentials, `cnonce` fresh random hex, `count` how
    many requests with this nonce there are, this one included (`NonceCount`).
    """
    usable = [challenge for challenge in challenges if challenge.usable and challenge.realm == allowed_realm]
    if not usable:
        return None
    challenge = min(usable, key=lambda each: each.algorithm.startswith("MD5"))  # the first of the smallest
    secret = _hash(challenge.algorithm, username, challenge.realm, password)
    if challenge.userhash:
        username = _hash(challenge.algorithm, username, challenge.realm)
    qop = "auth" if challenge.qop else None
    text = uri.decode("utf-8", "surrogateescape")
    return Credentials(
        username, challenge.realm, challenge.nonce, text,
        _response(challenge.algorithm, secret, challenge.nonce, qop, cnonce, count, method, text),
        challenge.algorithm, qop, cnonce if qop else None, count if qop else 0, challenge.opaque, challenge.userhash,
    )


class NonceCount:
    """Counts the requests sent with the nonce now in use (RFC 7616 section 3.4, `nc`)."""

    __slots__ = ("_count", "_nonce")

    def __init__(self) -> None:
        self._nonce: str | None = None
        self._count = 0

    def next(self, nonce: str) -> int:
        """Give the count for one more request with this nonce; another nonce starts at 1."""
        self._count = self._count + 1 if nonce == self._nonce else 1
        self._nonce = nonce
        return self._count


def _response(algorithm: str, secret: str, nonce: str, qop: str | None, cnonce: str, count: int, method: bytes,
              uri: str) -> str:
    """RFC 7616 section 3.4.1; without qop its older form (RFC 2069)."""
    if algorithm.endswith("-sess"):
        secret = _hash(algorithm, secret, nonce, cnonce)
    ha2 = _hash(algorithm, method.decode("ascii", "surrogateescape"), uri)
    if qop is None:
        return _hash(algorithm, secret, nonce, ha2)
    return _hash(algorithm, secret, nonce, f"{count:08x}", cnonce, qop, ha2)


def _hash(algorithm: str, *parts: str) -> str:
    return _HASHES[algorithm.removesuffix("-sess")](":".join(parts).encode("utf-8", "surrogateescape"))


def _challenge(params: dict[str, str]) -> Challenge:
    offered = tuple(option.strip().lower() for option in params.get("qop", "").split(",") if option.strip())
    return Challenge(params["realm"], params["nonce"], _algorithm(params), offered, params.get("opaque"),
                     _lower(params.get("stale")) == "true", _lower(params.get("userhash")) == "true")


def _algorithm(params: dict[str, str]) -> str:
    name = params.get("algorithm", "MD5")
    return _BY_UPPER.get(name.upper(), name)


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _digests(value: bytes) -> Iterator[dict[str, str]]:
    """Yield the parameters of each Digest challenge or credentials in a field value. Raises ValueError."""
    scheme, params = b"", dict[str, str]()
    end = 0
    while end < len(value):
        empty = _EMPTY.match(value, end)
        if empty is not None:  # an empty list element is legal (RFC 9110 section 5.6.1)
            end = empty.end()
            continue
        item = _ITEM.match(value, end)
        if item is None:
            raise ValueError(value)
        end = item.end()
        if item[1] is not None:
            if scheme == b"digest":
                yield params
            scheme, params = item[1].lower(), {}
        name = item[2].decode().lower()
        if name in params:
            raise ValueError(value)
        params[name] = (item[3] if item[3] is not None else item[4]).decode("utf-8", "surrogateescape")
    if scheme == b"digest":
        yield params
