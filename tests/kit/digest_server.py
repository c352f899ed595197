"""The server's side of digest authentication (RFC 7616, RFC 8760), without a line of the product's."""

import hashlib
import re

_PARAM = re.compile(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')


def challenge(realm: str, nonce: str, algorithm: str, *, stale: bool = False) -> bytes:
    """Value of a WWW-Authenticate or Proxy-Authenticate field."""
    end = ", stale=true" if stale else ""
    return f'Digest realm="{realm}", nonce="{nonce}", algorithm={algorithm}, qop="auth"{end}'.encode()


def read(value: bytes) -> dict[str, str]:
    """Parameters of an Authorization or Proxy-Authorization field."""
    scheme, _, rest = value.decode("utf-8", "surrogateescape").partition(" ")
    assert scheme == "Digest", value
    return {name: quoted or plain for name, quoted, plain in _PARAM.findall(rest)}


def is_good(value: bytes, method: bytes, uri: bytes, *, username: str, password: str, realm: str, nonce: str) -> bool:
    """Whether these credentials are right for this request, with `qop=auth` and the nonce that was given."""
    said = read(value)
    if (said["realm"], said["nonce"], said["uri"].encode(), said.get("qop")) != (realm, nonce, uri, "auth"):
        return False
    how = said.get("algorithm", "MD5")
    ha1 = _hash(how, f"{username}:{realm}:{password}")
    if how.endswith("-sess"):
        ha1 = _hash(how, f"{ha1}:{nonce}:{said['cnonce']}")
    ha2 = _hash(how, f"{method.decode()}:{said['uri']}")
    return said["response"] == _hash(how, f"{ha1}:{nonce}:{said['nc']}:{said['cnonce']}:auth:{ha2}")


def _hash(algorithm: str, text: str) -> str:
    name = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}[algorithm.removesuffix("-sess")]
    return hashlib.new(name, text.encode()).hexdigest()
