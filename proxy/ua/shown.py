"""What of a far end's response is for whoever made the call that ours stands for."""

from typing import Final

from proxy.sip.message import Message, Request, Response
from proxy.ua.contract import Stack
from proxy.ua.leg_events import Asked, Shown
from proxy.ua.wiring import Far

OWN_FIELDS: Final = frozenset(name.encode() for name in (
    "via", "from", "to", "call-id", "cseq", "contact", "max-forwards", "route", "record-route", "require",
    "proxy-require", "supported", "unsupported", "allow", "allow-events", "session-expires", "min-se", "rack", "rseq",
    "authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate", "authentication-info", "accept",
    "accept-encoding", "mime-version", "timestamp", "path",
))
"""Headers that are about the leg itself; all others pass, as they do on the proxy path."""
REDIRECTIONS: Final = (300, 399)
"""First and last status of a response that says where to call instead."""


def passing_fields(message: Message) -> tuple[tuple[bytes, bytes], ...]:
    """Give the fields that are not about the leg itself, nor about its body: canonical name, and the field unfolded."""
    return tuple(
        (name, field.partition(b":")[0].strip() + b": " + b" ".join(field.partition(b":")[2].split()))
        for name, field in zip(message.names, message.fields, strict=True)
        if name not in OWN_FIELDS and not name.startswith(b"content-"))


def asked_of(request: Request, stack: Stack, far: Far) -> Asked:
    """Read a request of a far end that is for whoever is at the other end."""
    about_body = tuple(field for name, field in zip(request.names, request.fields, strict=True)
                       if name.startswith(b"content-") and name != b"content-length")
    return Asked(request.method, (*_crossing(request, stack, far), *about_body), request.body)


def shown_of(response: Response, stack: Stack, far: Far) -> Shown:
    """Read what a response of a far end shows."""
    fields = _crossing(response, stack, far)
    if REDIRECTIONS[0] <= response.status <= REDIRECTIONS[1]:  # where to call instead is for whoever made the call
        fields += tuple(field for name, field in zip(response.names, response.fields, strict=True)
                        if name == b"contact")
    return Shown(response.status, response.reason.decode("utf-8", "replace"), fields)


def _crossing(message: Message, stack: Stack, far: Far) -> tuple[bytes, ...]:
    return tuple(field for name, field in passing_fields(message)
                 if stack.may_cross(name, far.side, far.name, far.hop))
