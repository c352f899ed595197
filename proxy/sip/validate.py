"""What a request must be before it is routed (RFC 3261 section 16.3 steps 1, 2, 3 and 5).

Only what routing, transactions and dialogs rest on is looked at; every other header passes unseen. The verdicts on
the messages of RFC 4475 and 5118 stand in the tests beside this.
"""

import re
from collections.abc import Collection
from typing import Final

from proxy.sip.errors import SipError
from proxy.sip.message import Request
from proxy.sip.parser import answerable
from proxy.sip.request_error import RequestError
from proxy.sip.uri import Uri

UNDERSTOOD_SCHEMES: Final = frozenset((b"sip", b"sips", b"tel", b"urn"))
"""Schemes of a Request-URI that can be passed on; `urn` for emergency calls (RFC 5031 `urn:service:sos`)."""

_SINGLE: Final = (b"via", b"to", b"from", b"cseq", b"call-id")
_MANDATORY: Final = frozenset(_SINGLE)
_SHOWN: Final = {b"via": "Via", b"to": "To", b"from": "From", b"cseq": "CSeq", b"call-id": "Call-ID"}
_AT_MOST_ONCE: Final = ((b"to", "To"), (b"from", "From"), (b"cseq", "CSeq"), (b"call-id", "Call-ID"),
                 (b"max-forwards", "Max-Forwards"), (b"date", "Date"))

_PLAIN_URI: Final = re.compile(
    rb"sips?:(?:[-A-Za-z0-9_.!~*'()+&=$,#%]++@)?[A-Za-z0-9][-A-Za-z0-9.]*+(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}))?")
_DATE: Final = re.compile(
    rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} "
    rb"[0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
    re.IGNORECASE,
)


def validate(request: Request) -> None:
    """Check syntax and scheme (steps 1 and 2). Raises RequestError: 400 with the fault, or 416."""
    try:
        seen = _check_counts(request)
        if request.cseq.method != request.method:
            raise SipError(400, "CSeq method does not match")
        _ = request.via, request.from_, request.to, request.call_id, request.max_forwards
        _check_request_uri(request.uri)
        if b"contact" in seen:
            _ = request.contacts
        if b"route" in seen:
            _ = request.routes
        if b"record-route" in seen:
            _ = request.record_routes
        if b"date" in seen and not _DATE.fullmatch(request.value(b"date") or b""):
            raise SipError(400, "Bad Date")
    except SipError as error:
        raise RequestError(error.status, error.reason, answerable(request), error.fields) from None


def validate_forwarding(request: Request, extensions: Collection[bytes] = ()) -> None:
    """Check what only concerns a request that is passed on (steps 3 and 5), not one that we answer ourselves.

    `extensions`: option tags that this proxy supports, lower case. Raises RequestError 483, or 420 whose `fields` carry
    Unsupported. ACK and CANCEL are never held up by Proxy-Require (section 8.2.2.3).
    """
    if request.max_forwards == 0:
        raise RequestError(483, "Too Many Hops", answerable(request))
    if b"proxy-require" in request.names and request.method not in (b"ACK", b"CANCEL"):
        missing = [tag for tag in request.option_tags(b"proxy-require") if tag not in extensions]
        if missing:
            fields = (b"Unsupported: " + b", ".join(missing),)
            raise RequestError(420, "Bad Extension", answerable(request), fields)


def _check_counts(request: Request) -> set[bytes]:
    """Give the names that there are. Raises SipError(400) where one is missing, or stands there too often."""
    names = request.names
    seen = set(names)
    if not seen >= _MANDATORY:
        raise SipError(400, "Missing " + next(_SHOWN[name] for name in _SINGLE if name not in seen))
    if len(seen) != len(names):
        for name, shown in _AT_MOST_ONCE:
            if names.count(name) > 1:
                raise SipError(400, "More than one " + shown)
    return seen


def _check_request_uri(raw: bytes) -> None:
    """Look at the Request-URI; the usual form is known by one pattern (`%` is in it: escapes are not looked into)."""
    if _PLAIN_URI.fullmatch(raw):
        return
    if raw[:1] == b"<":
        raise SipError(400, "Angle brackets around Request-URI")
    uri = Uri.parse(raw)
    if uri.scheme not in UNDERSTOOD_SCHEMES:
        raise SipError(416, "Unsupported URI Scheme")
    if uri.headers is not None:
        raise SipError(400, "Header part in Request-URI")
