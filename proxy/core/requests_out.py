"""A request made ready for the next hop: RFC 3261 section 16.6, items 2 to 8.

Everything that is not named here leaves as it came, byte for byte.
"""

from typing import NamedTuple

from proxy.core.seals import Seals
from proxy.sip.hop import Hop, Listener
from proxy.sip.message import Request
from proxy.sip.requests import authority, own_via


class Outgoing(NamedTuple):
    """A request and where it goes."""

    request: Request
    data: bytes
    hop: Hop
    listener: Listener


def record_route(listener: Listener, token: bytes, secure: bool) -> bytes:
    """Record-Route field that brings the rest of the dialog to this listener (RFC 3261 section 16.6 item 4)."""
    scheme = b"sips" if secure else b"sip"
    transport = b"" if listener.transport == "udp" or secure else b";transport=" + listener.transport.encode()
    return b"Record-Route: <%s:%s@%s%s;lr>" % (scheme, token, authority(listener), transport)


def add_record_route(request: Request, came_by: Listener, goes_by: Listener, token: bytes) -> None:
    """Write one Record-Route, or two where the request changes listeners (RFC 5658 section 3)."""
    secure = request.uri[:5].lower() == b"sips:"
    if came_by.number != goes_by.number:
        request.insert_before(b"record-route", record_route(came_by, token, secure))
    request.insert_before(b"record-route", record_route(goes_by, token, secure))


def add_via(request: Request, listener: Listener, branch: bytes) -> None:
    """Write our Via on top (RFC 3261 section 16.6 item 8), asking for rport (RFC 3581 section 3)."""
    request.push_via(*own_via(listener, branch))


def make_outgoing(request: Request, came_by: Listener, goes_by: Listener, hop: Hop, *, uri: bytes | None,
                  branch: bytes, token: bytes | None, fields: tuple[bytes, ...]) -> Outgoing:
    """Copy the prepared request for one hop. `token`: None where the request makes no dialog of ours."""
    copy = request.copy()
    if uri is not None:
        copy.set_uri(uri)
    if token is not None:
        add_record_route(copy, came_by, goes_by, token)
    for field in fields:
        copy.append(field.partition(b":")[0].lower(), field)
    add_via(copy, goes_by, branch)
    return Outgoing(copy, copy.to_bytes(), hop, goes_by)


def token_for(seals: Seals, request: Request, call: str) -> bytes | None:
    """Record-Route token of a request that may make a dialog; None for the others.

    INVITE, SUBSCRIBE and REFER make dialogs (RFC 3261 section 12.1, RFC 6665); only requests without a To tag do.
    """
    if request.method not in (b"INVITE", b"SUBSCRIBE", b"REFER") or request.to.tag is not None:
        return None
    return seals.token(call, request.from_.tag, request.call_id, is_call=request.method == b"INVITE")
