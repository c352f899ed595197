"""SIP, SIPS and tel URIs (RFC 3261 section 19.1, RFC 3966); other schemes keep their opaque part.

Lenient on purpose: user, password and parameters may hold any visible octet that cannot be taken for a delimiter
(raw `#` of star codes, UTF-8), because they are passed on and not interpreted. Strict on what a message is routed
by: scheme, host and port.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from proxy.sip.errors import SipError
from proxy.sip.limits import MAX_PORT, REMEMBERED_VALUES
from proxy.sip.text import PERCENT, Params, format_params, unescape

HOST = rb"(?:[A-Za-z0-9_](?:[-A-Za-z0-9_.]*+)|\[[0-9A-Fa-f:.]{2,45}\])"
"""Host name (underscores as container names have them), IPv4, or IPv6 in brackets. Brackets are not looked into, so
`[2001:db8:::192.0.2.1]`, which the grammar of RFC 3261 produces by mistake, passes (RFC 5118 section 4.10)."""

_VISIBLE = rb'\x00-\x20\x7f"<>@'
_PARAMS = rb"(?:;[^" + _VISIBLE + rb"?;=]++(?:=[^" + _VISIBLE + rb"?;=]*+)?)*"
_SIP: Final = re.compile(
    rb"([Ss][Ii][Pp][Ss]?):(?:([^" + _VISIBLE + rb":]++)(?::([^" + _VISIBLE + rb":]*+))?@)?(" + HOST + rb")"
    rb"(?::([0-9]{1,5}))?(" + _PARAMS + rb")(?:\?([^" + _VISIBLE + rb"]++))?"
)
_AT: Final = re.compile(rb"(sips?:(?:[^@]*@)?)(?:\[[^\]]*\]|[^:;?\[\]]*)(?::[0-9]+)?([;?].*)?", re.IGNORECASE)
_TEL: Final = re.compile(rb"([Tt][Ee][Ll]):([^" + _VISIBLE + rb";?]++)(" + _PARAMS + rb")")
_OTHER: Final = re.compile(rb"([A-Za-z][-A-Za-z0-9+.]*+):([^\x00-\x20\x7f\"<>]++)")
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_RESERVED: Final = frozenset(b";/?:@&=+$,")
_COMPARED: Final = frozenset((b"user", b"ttl", b"method", b"maddr", b"transport"))
"""Parameters that make two URIs differ when only one of them has it. RFC 3261 names the first four; `transport` is
added because it chooses another next hop (section 19.1.4 itself lists its absence as no match)."""


@dataclass(frozen=True, slots=True, eq=False)
class Uri:
    """One URI. Octets as they came, but scheme, host and parameter names in lower case."""

    scheme: bytes
    """`sip`, `sips`, `tel`, or any other."""
    user: bytes = b""
    """User part without password, escapes in place; the number of a tel URI; the opaque part of any other scheme."""
    password: bytes | None = None
    host: bytes = b""
    """IPv6 with its brackets; empty for anything but sip and sips."""
    port: int | None = None
    params: Params = field(default_factory=dict)
    headers: bytes | None = None
    """What stands behind `?`, without it."""

    @classmethod
    @lru_cache(REMEMBERED_VALUES)
    def parse(cls, raw: bytes) -> Uri:
        """Read a URI without angle brackets. Raises SipError(400) with a reason that names the part at fault."""
        match = _SIP.fullmatch(raw)
        if match is None:
            return _parse_other(raw)
        scheme, user, password, host, port, params, headers = match.groups()
        if port is not None and not 0 < int(port) <= MAX_PORT:
            raise SipError(400, "Bad port in URI")
        return cls(
            scheme.lower(),
            user or b"",
            password,
            host.lower(),
            None if port is None else int(port),
            _uri_params(params),
            headers,
        )

    def to_bytes(self) -> bytes:
        """Write the URI."""
        parts = [self.scheme, b":", self.user]
        if self.password is not None:
            parts += (b":", self.password)
        if self.host:
            if self.user:
                parts.append(b"@")
            parts.append(self.host)
        if self.port is not None:
            parts.append(b":%d" % self.port)
        parts.append(format_params(self.params))
        if self.headers is not None:
            parts += (b"?", self.headers)
        return b"".join(parts)

    def unescaped_user(self) -> bytes:
        """Give the user part with its escapes resolved and its parameters (`;phone-context=`...) removed."""
        return unescape(self.user.partition(b";")[0])

    @property
    def name(self) -> bytes:
        """The user part without its parameters, escapes in place."""
        return self.user.partition(b";")[0]

    @property
    def user_params(self) -> bytes:
        """Parameters of the user part with their semicolons, as they came; those of a tel URI, for a SIP URI made of it
        has them there (RFC 3261 section 19.1.6)."""
        return format_params(self.params) if self.scheme == b"tel" else self.user[len(self.name):]

    @property
    def plain_host(self) -> str:
        """The host as text, IPv6 without its brackets."""
        return _plain(self.host)

    @property
    def transport(self) -> str | None:
        """The transport it asks for, in lower case: `tls` for sips; None where it leaves the choice (RFC 3263)."""
        return "tls" if self.scheme == b"sips" else self._named_transport

    @property
    def _named_transport(self) -> str | None:
        named = self.params.get(b"transport")
        return named.decode("ascii", "replace").lower() if named else None

    def destination(self) -> tuple[str, int | None, str | None, bool]:
        """Give what RFC 3263 section 4 asks of it: host (that of `maddr` first), port, transport, whether it is sips.

        Raises SipError(416) where it is neither sip nor sips: only these lead anywhere.
        """
        if self.scheme not in (b"sip", b"sips"):
            raise SipError(416, "Unsupported URI Scheme")
        params = self.params
        return _plain(params.get(b"maddr") or self.host), self.port, self._named_transport, self.scheme == b"sips"

    def __eq__(self, other: object) -> bool:
        """Compare as RFC 3261 section 19.1.4 says. Not transitive, as the RFC itself notes."""
        if not isinstance(other, Uri):
            return NotImplemented
        return (
            self.scheme == other.scheme
            and self.host == other.host
            and self.port == other.port
            and _normal(self.user) == _normal(other.user)
            and _normal(self.password or b"") == _normal(other.password or b"")
            and _same_params(self.params, other.params)
            and _normal_headers(self.headers) == _normal_headers(other.headers)
        )

    def __hash__(self) -> int:
        return hash((self.scheme, _normal(self.user), self.host, self.port))


def at_host(uri: bytes, host: bytes) -> bytes:
    """Put another `host` or `host:port` into a SIP URI and leave the rest as it came; other URIs have none."""
    match = _AT.fullmatch(uri)
    return uri if match is None else match[1] + host + (match[2] or b"")


def _plain(host: bytes) -> str:
    return host.decode("ascii", "replace").strip("[]")


def _parse_other(raw: bytes) -> Uri:
    match = _TEL.fullmatch(raw)
    if match is not None:
        return Uri(b"tel", match[2], params=_uri_params(match[3]))
    match = _OTHER.fullmatch(raw)
    if match is None:
        raise SipError(400, "Bad URI")
    scheme = match[1].lower()
    if scheme in (b"sip", b"sips", b"tel"):
        raise SipError(400, "Bad " + scheme.decode() + " URI")
    return Uri(scheme, match[2])


def _uri_params(raw: bytes) -> Params:
    params: Params = {}
    if not raw:
        return params
    for part in raw.split(b";")[1:]:
        name, equals, value = part.partition(b"=")
        params.setdefault(name.lower(), value if equals else None)
    return params


def _normal_escape(match: re.Match[bytes]) -> bytes:
    octet = int(match[1], 16)
    return match[0].upper() if octet in _RESERVED else bytes((octet,))


def _normal(text: bytes) -> bytes:
    """Resolve the escapes that do not change the meaning: those of characters that are not reserved."""
    return _ESCAPE.sub(_normal_escape, text) if PERCENT in text else text


def _normal_param(value: bytes | None) -> bytes | None:
    return None if value is None else _normal(value).lower()


def _same_params(ours: Params, theirs: Params) -> bool:
    if not ours and not theirs:
        return True
    mine = {_normal(name).lower(): _normal_param(value) for name, value in ours.items()}
    yours = {_normal(name).lower(): _normal_param(value) for name, value in theirs.items()}
    both = mine.keys() & yours.keys()
    only_one = mine.keys() ^ yours.keys()
    return not only_one & _COMPARED and all(mine[name] == yours[name] for name in both)


def _normal_headers(headers: bytes | None) -> list[tuple[bytes, bytes]]:
    if not headers:
        return []
    pairs = (part.partition(b"=") for part in headers.split(b"&"))
    return sorted((_normal(name).lower(), _normal(value)) for name, _, value in pairs)
