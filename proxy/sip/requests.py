"""Requests that we make: whole messages as bytes, ready to send."""

from collections.abc import Iterable
from functools import lru_cache

from proxy.sip.hop import Listener
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from proxy.sip.text import value_end
from proxy.sip.via import Via

REMEMBERED_LISTENERS = 64
"""Listeners whose Via is kept; one that is bound to all addresses is a listener for each of ours."""
MAX_FORWARDS = 70
"""RFC 3261 section 8.1.1.6."""


def authority(listener: Listener) -> bytes:
    """`host:port` of a listener as the outside sees it."""
    return b"%s:%d" % (listener.host.encode(), listener.port)


def via_field(listener: Listener, branch: bytes) -> bytes:
    """Via field of a request that leaves by this listener, asking for rport (RFC 3581)."""
    return b"%s%s;rport" % (_via_start(listener)[0], branch)


def own_via(listener: Listener, branch: bytes) -> tuple[bytes, Via]:
    """Give the same with what it reads as."""
    start, transport, host = _via_start(listener)
    return b"%s%s;rport" % (start, branch), Via(transport, host, listener.port, {b"branch": branch, b"rport": None})


@lru_cache(REMEMBERED_LISTENERS)
def _via_start(listener: Listener) -> tuple[bytes, bytes, bytes]:
    """Via of a listener up to its branch; its transport and host."""
    transport = listener.transport.upper().encode()
    return b"Via: SIP/2.0/%s %s;branch=" % (transport, authority(listener)), transport, listener.host.encode()


def contact_field(user: bytes, listener: Listener) -> bytes:
    """Contact field that leads back to this listener; `user` is escaped already."""
    transport = b"" if listener.transport == "udp" else b";transport=" + listener.transport.encode()
    return b"Contact: <sip:%s@%s%s>" % (user, authority(listener), transport)


def as_request(data: bytes) -> Request:
    """Read a request of our own, for its transaction."""
    message = parse(data)
    assert isinstance(message, Request)
    return message


def make_ack(invite: Request, response: Response) -> bytes:
    """Make the ACK of a non-2xx (RFC 3261 section 17.1.1.3): the To of the response, all else from the INVITE."""
    return _of_invite(b"ACK", invite, response)


def make_stray_ack(refusal: Response) -> bytes:
    """Make the ACK of a non-2xx whose INVITE nobody has any more: branch and tags are what counts (section 17.2.3)."""
    names = refusal.names
    return b"\r\n".join((
        b"ACK %s SIP/2.0" % refusal.to.uri,
        b"Via: " + refusal.via.to_bytes(),
        b"Max-Forwards: %d" % MAX_FORWARDS,
        *(refusal.fields[names.index(name)] for name in (b"from", b"to", b"call-id")),
        b"CSeq: %d ACK" % refusal.cseq.number,
        b"Content-Length: 0",
        b"",
        b"",
    ))


def make_cancel(invite: Request) -> bytes:
    """Make the CANCEL of an INVITE as it was sent (RFC 3261 section 9.1)."""
    return _of_invite(b"CANCEL", invite, invite)


def build_request(method: bytes, uri: bytes, via_field: bytes, from_: bytes, to: bytes, call_id: bytes, cseq: int,
                  fields: Iterable[bytes] = (), body: bytes = b"", forwards: int = MAX_FORWARDS) -> bytes:
    """Make a request of our own (RFC 3261 section 8.1.1).

    `via_field` and `fields` are whole header fields without CRLF; `from_` and `to` are values with their tags.
    Max-Forwards (`forwards`) and Content-Length are added.
    """
    return b"\r\n".join((
        b"%s %s SIP/2.0" % (method, uri),
        via_field,
        b"Max-Forwards: %d" % forwards,
        b"From: " + from_,
        b"To: " + to,
        b"Call-ID: " + call_id,
        b"CSeq: %d %s" % (cseq, method),
        *fields,
        b"Content-Length: %d" % len(body),
        b"",
        body,
    ))


def _of_invite(method: bytes, invite: Request, to_from: Request | Response) -> bytes:
    """Make a request that belongs to an INVITE's transaction; fields are copied as they stand."""
    names, fields = invite.names, invite.fields
    if not to_from.has(b"to"):
        to_from = invite  # a response so broken must still be acknowledged, or it comes again for 32 s
    via = fields[names.index(b"via")]
    if b"," in via:
        # Ours is a field of its own, but an INVITE taken from elsewhere may hold several values in one.
        via = via[:value_end(via, via.find(b":") + 1)]
    return b"\r\n".join((
        b"%s %s SIP/2.0" % (method, invite.uri),
        via,
        b"Max-Forwards: %d" % MAX_FORWARDS,
        *[field for name, field in zip(names, fields, strict=True) if name == b"route"],
        fields[names.index(b"from")],
        to_from.fields[to_from.names.index(b"to")],
        fields[names.index(b"call-id")],
        b"CSeq: %d %s" % (invite.cseq.number, method),
        b"Content-Length: 0",
        b"",
        b"",
    ))
