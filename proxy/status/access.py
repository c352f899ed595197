"""Who may use the API, told from the head of a request alone.

- With a token (`http.token`) every request of this API needs `Authorization: Bearer TOKEN`.
- Without one only whoever connects from this machine may, by a name of this machine: a page in somebody's browser
  cannot (its Origin is another, and a name that was bent to 127.0.0.1 is no name of this machine), nor can whoever
  comes through a proxy on this machine that says so. One that does not must not be put before an API without a token.
"""

import hmac
import ipaddress
from typing import Final, NamedTuple

from starlette.datastructures import Headers

API: Final = "/api/v1/"
"""Paths below this one are for those who may, but for those of `OPEN`."""
OPEN: Final = frozenset({"/api/v1/status"})
HERE: Final = ("localhost", "127.0.0.1", "[::1]")
"""Names of this machine in a Host header."""
BEARER: Final = "bearer "
PASSED_ON: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""Headers with which a reverse proxy says that somebody else is asking (RFC 7239, and what was there before it)."""


class NotAllowed(NamedTuple):
    """Why a request is refused."""

    status: int
    detail: str
    headers: dict[str, str]


def is_open(path: str) -> bool:
    """Whether a path is for everybody: probes, figures, and the page that describes the API."""
    return path in OPEN or not path.startswith(API)


def refusal(headers: Headers, peer: str, token: str | None) -> NotAllowed | None:
    """Return why whoever connects from the address `peer` may not use the API; None: they may.

    `token`: what a caller must show; None: only this machine may.
    """
    if token is not None:
        given = headers.get("authorization", "")
        if given[:len(BEARER)].lower() != BEARER or not hmac.compare_digest(
                given[len(BEARER):].strip().encode(), token.encode()):
            return NotAllowed(401, "this API needs its token", {"WWW-Authenticate": "Bearer"})
        return None
    host = headers.get("host", "")
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    origin = headers.get("origin")
    if not _loopback(peer) or name.lower() not in HERE or (origin is not None and origin.partition("//")[2] != host) \
            or any(header in headers for header in PASSED_ON):
        return NotAllowed(403, "without http.token this API serves this machine only", {})
    return None


def _loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
