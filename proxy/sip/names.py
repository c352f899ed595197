"""Header names: one canonical form (long, lower case) for every spelling that RFC 3261 section 7.3 allows."""

import re
from typing import Final

from proxy.sip.errors import SipError
from proxy.sip.limits import MAX_KNOWN_SPELLING, MAX_KNOWN_SPELLINGS
from proxy.sip.text import TOKEN

COMPACT: Final[dict[bytes, bytes]] = {
    b"a": b"accept-contact",
    b"b": b"referred-by",
    b"c": b"content-type",
    b"d": b"request-disposition",
    b"e": b"content-encoding",
    b"f": b"from",
    b"i": b"call-id",
    b"j": b"reject-contact",
    b"k": b"supported",
    b"l": b"content-length",
    b"m": b"contact",
    b"n": b"identity-info",
    b"o": b"event",
    b"r": b"refer-to",
    b"s": b"subject",
    b"t": b"to",
    b"u": b"allow-events",
    b"v": b"via",
    b"x": b"session-expires",
    b"y": b"identity",
}
"""Compact forms of the IANA registry "SIP Parameters: Header Fields"."""

_COMMON = (
    b"Via From To Call-ID CSeq Max-Forwards Contact Content-Length Content-Type Route Record-Route Allow Supported "
    b"Require Proxy-Require Unsupported User-Agent Server Date Expires Session-Expires Min-SE Accept Accept-Encoding "
    b"Accept-Language Allow-Events Event Subscription-State Authorization Proxy-Authorization WWW-Authenticate "
    b"Proxy-Authenticate Authentication-Info P-Asserted-Identity P-Preferred-Identity Remote-Party-ID Privacy "
    b"Diversion History-Info Identity Reason Refer-To Referred-By Replaces RSeq RAck Retry-After Warning Timestamp "
    b"Subject Organization MIME-Version Content-Disposition Content-Encoding X-Boomerang X-Agent"
).split()

_FIELD_NAME = re.compile(rb"((" + TOKEN + rb"++)[ \t]*+):")


def canonical(name: bytes) -> bytes:
    """Give the long, lower-case form of a header name that is already free of white space."""
    lower = name.lower()
    return COMPACT.get(lower, lower)


def _starting_spellings() -> dict[bytes, bytes]:
    spellings = [*_COMMON, *COMPACT]
    spellings += [spelling.lower() for spelling in _COMMON] + [spelling.upper() for spelling in COMPACT]
    return {spelling: canonical(spelling) for spelling in spellings}


known_spellings: Final[dict[bytes, bytes]] = _starting_spellings()
"""Name as it was seen, up to its colon -> canonical name. Filled by `field_name`, bounded; read it, never write it."""


def field_name(field: bytes) -> bytes:
    """Give the canonical name of a header field; white space before the colon is legal (RFC 3261 section 7.3.1).

    Raises SipError(400) where there is no name: anything but token characters, so also a control character.
    """
    match = _FIELD_NAME.match(field)
    if match is None:
        raise SipError(400, "Bad header name" if b":" in field else "Header line without colon")
    name = canonical(match[2])
    if len(known_spellings) < MAX_KNOWN_SPELLINGS and match.end(1) <= MAX_KNOWN_SPELLING:
        known_spellings[match[1]] = name
    return name
