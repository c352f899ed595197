"""Who may use the API of versions before the console, told from the head of a request alone.

It is there where its token is set (`http.token`), and every request of it shows that: `Authorization: Bearer TOKEN`.
"""

import hmac
from typing import Final, NamedTuple

from starlette.datastructures import Headers

API: Final = "/api/v1/"
"""Paths below this one are for those who may, but for those of `OPEN`."""
OPEN: Final = frozenset({"/api/v1/status"})
BEARER: Final = "bearer "


class NotAllowed(NamedTuple):
    """Why a request is refused."""

    status: int
    detail: str
    headers: dict[str, str]


def is_open(path: str) -> bool:
    """Whether a path is for everybody: probes, figures, and the page that describes the API."""
    return path in OPEN or not path.startswith(API)


def refusal(headers: Headers, token: str | None) -> NotAllowed | None:
    """Return why whoever asks may not use the API; None: they may. `token`: what they must show."""
    given = headers.get("authorization", "")
    if token is not None and (given[:len(BEARER)].lower() != BEARER or not hmac.compare_digest(
            given[len(BEARER):].strip().encode(), token.encode())):
        return NotAllowed(401, "this API needs its token", {"WWW-Authenticate": "Bearer"})
    return None
