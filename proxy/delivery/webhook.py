"""Delivery by HTTP POST, signed so that the receiver knows it is ours and fresh."""

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from proxy.delivery.failure import DeliveryError
from proxy.delivery.parcel import Parcel
from proxy.delivery.template import fill
from routing.events import write_json

if TYPE_CHECKING:
    import httpx

TIMEOUT: Final = 10.0
"""Seconds for connecting, sending, and each piece of the answer."""

ANSWER_SHOWN: Final = 200
"""Characters of an answer that says no that are kept."""

PASSING: Final = frozenset({408, 425, 429})
"""Refusals that are about the moment, not about what was sent (RFC 9110 15.5.9, RFC 8470, RFC 6585)."""


def sign(secret: bytes, body: bytes, at: int) -> str:
    """Return the value of X-Boomerang-Signature: HMAC-SHA256 over the time (seconds since the epoch), a dot, the body.

    To check: split at the comma, compute the same over what came, compare in constant time, refuse an old `t`.
    """
    digest = hmac.new(secret, b"%d." % at + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Webhook:
    """One receiver. Used by one thread."""

    def __init__(self, url: str, secret: str | None, template: Any, wall: Callable[[], float]) -> None:
        """`template`: as `template.fill` takes it. `wall`: seconds since the epoch, for the signature."""
        import httpx  # only who has a receiver pays for it

        self._url, self._template, self._wall = url, template, wall
        self._secret = secret.encode() if secret is not None else None
        self._client = httpx.Client(timeout=TIMEOUT, follow_redirects=False, headers={"User-Agent": "Boomerang"})

    def send(self, parcel: Parcel) -> str:
        """Deliver; `DeliveryError` where that did not succeed."""
        import httpx

        body = write_json(fill(self._template, parcel.values())).encode()
        headers = {"Content-Type": "application/json", "X-Boomerang-Delivery": parcel.id}
        if self._secret is not None:
            headers["X-Boomerang-Signature"] = sign(self._secret, body, int(self._wall()))
        try:
            with self._client.stream("POST", self._url, content=body, headers=headers) as answer:
                if not answer.is_success:
                    raise _refusal(answer)
        except httpx.HTTPError as error:
            raise DeliveryError("down", f"{type(error).__name__}: {error}") from error
        return ""

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()


def _refusal(answer: "httpx.Response") -> DeliveryError:
    passing = answer.status_code >= 500 or answer.status_code in PASSING
    asked = answer.headers.get("Retry-After", "")
    seconds = float(asked) if re.fullmatch(r"[0-9]{1,9}", asked) else None
    said = next(answer.iter_bytes(ANSWER_SHOWN), b"").decode("utf-8", "replace").strip()
    shown = "".join(sign if sign.isprintable() else " " for sign in said)
    return DeliveryError("down" if passing else "refused", f"answered {answer.status_code} {shown}".rstrip(), seconds)
