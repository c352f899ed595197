"""From octets to a message (RFC 3261 section 7), in linear time.

Lines end with CRLF; a CR or LF alone is a fault, for it means different things to different parsers. The header
section is cut into fields and their names are known; values are read later, by whoever needs them.
"""

import re
from typing import Final

from proxy.sip.errors import SipError
from proxy.sip.limits import (
    MAX_CONTENT_LENGTH_DIGITS,
    MAX_HEADERS,
    MAX_HOPS,
    MAX_LINE,
    MAX_MESSAGE,
    OWN_FIELDS,
    OWN_HOPS,
    OWN_OCTETS,
)
from proxy.sip.message import Request, Response
from proxy.sip.names import field_name, known_spellings
from proxy.sip.request_error import RequestError
from proxy.sip.text import CR, LF, TOKEN, field_value

_spelled: Final = known_spellings.get
_MIN_DATAGRAM: Final = 4
"""Shorter datagrams are keep-alives of some kind (RFC 5626 section 4.4.1 knows CRLF; others send what they like)."""

_REQUEST_LINE: Final = re.compile(rb"(" + TOKEN + rb"++) ([^ \t]++) [Ss][Ii][Pp]/2\.0")
_STATUS_LINE: Final = re.compile(rb"[Ss][Ii][Pp]/2\.0 ([1-6][0-9][0-9])(?: (.*))?", re.DOTALL)
_ANY_REQUEST_LINE: Final = re.compile(rb"(" + TOKEN + rb"++)[ \t]++(.*)", re.DOTALL)
_OTHER_VERSION: Final = re.compile(rb".*[ \t]SIP/[0-9]++\.[0-9]++[ \t]*+", re.IGNORECASE | re.DOTALL)
_SAME_VERSION: Final = re.compile(rb".*[ \t]SIP/2\.0[ \t]*+", re.IGNORECASE | re.DOTALL)


def is_keepalive(data: bytes) -> bool:
    """Say whether a datagram is no message but a keep-alive: line ends or NULs only, or next to nothing."""
    return len(data) < _MIN_DATAGRAM or (data[0] in b"\r\n\x00" and not data.strip(b"\r\n\x00"))


def parse(data: bytes, stream: bool = False) -> Request | Response:
    """Read one datagram, or with `stream` one message as the Framer cut it.

    A datagram's body is cut to Content-Length and what follows is ignored; without Content-Length the rest of the
    datagram is the body (section 18.3). Raises RequestError, with a view of the request where it can be answered.
    """
    if data[:1] == b"\r":
        data = data.lstrip(b"\r\n")  # section 7.5: empty lines before the start line are ignored
    if len(data) > MAX_MESSAGE and (len(data) > MAX_MESSAGE + OWN_OCTETS or not _is_response(data)):
        raise RequestError(513, "Message too large", tolerant_request(data))
    end = data.find(b"\r\n\r\n")
    if end < 0:
        raise RequestError(400, "No end of header section", tolerant_request(data))
    try:
        start, fields, names = _cut(data[:end])
        body = data[end + 4 :]
        length = content_length(names, fields)
        if length is None:
            if stream:
                raise SipError(400, "Missing Content-Length")
        elif length != len(body):
            if stream or length > len(body):
                raise SipError(400, "Content-Length does not match body")
            body = body[:length]
        vias = names.count(b"via")
        if vias + data.count(b",", 0, end) > MAX_HOPS and _via_values(names, fields) > MAX_HOPS + _own(start, OWN_HOPS):
            raise SipError(400, "Too many Via")
        return _with_start_line(start, names, fields, body)
    except SipError as error:
        raise RequestError(error.status, error.reason, tolerant_request(data), error.fields) from None


def _with_start_line(start: bytes, names: list[bytes], fields: list[bytes], body: bytes) -> Request | Response:
    match = _REQUEST_LINE.fullmatch(start)
    if match is not None:
        method, uri = match.groups()
        return Request(method, uri, start, names, fields, body)
    match = _STATUS_LINE.fullmatch(start)
    if match is not None:
        status, phrase = match.groups()
        return Response(int(status), phrase or b"", start, names, fields, body)
    if _SAME_VERSION.fullmatch(start):
        raise SipError(400, "White space or bad method in request line")
    if _OTHER_VERSION.fullmatch(start):
        raise SipError(505, "Version not supported")
    raise SipError(400, "Bad start line")


def _cut(head: bytes) -> tuple[bytes, list[bytes], list[bytes]]:
    """Cut a header section, without the empty line that ends it, into start line, fields and their names.

    Raises SipError(400) on a CR or LF alone, on what is no header field and on what exceeds the limits.
    """
    lines = head.split(b"\r\n")
    joined = b"".join(lines)
    if CR in joined or LF in joined:
        raise SipError(400, "CR or LF alone in header section")
    start = lines.pop(0)
    names = _known_names(lines)
    if names is None:
        lines = _unfold(lines)  # a continuation line begins with white space, so it has no name that is known
        names = [*map(field_name, lines)]
    if len(lines) > MAX_HEADERS and len(lines) > MAX_HEADERS + _own(start, OWN_FIELDS):
        raise SipError(400, "Too many header fields")
    if len(head) > MAX_LINE and (len(start) > MAX_LINE or _too_long(start, names, lines)):
        raise SipError(400, "Header line too long")
    return start, lines, names


def _known_names(lines: list[bytes]) -> list[bytes] | None:
    """Give the canonical name of each field; None where one of them has no name that was seen before."""
    names = []
    for line in lines:
        colon = line.find(b":")
        name = _spelled(line[:colon]) if colon > 0 else None
        if name is None:
            return None
        names.append(name)
    return names


def _is_response(data: bytes) -> bool:
    return data[:4].upper() == b"SIP/"


def _own(start: bytes, more: int) -> int:
    """Give how much more than a request a message may hold: a response brings back what we added."""
    return more if _is_response(start) else 0


def _too_long(start: bytes, names: list[bytes], lines: list[bytes]) -> bool:
    """Say whether a field is too long; of those that we add to, only where a single value is, or all in a request."""
    for name, line in zip(names, lines, strict=True):
        if len(line) > MAX_LINE and (name not in (b"via", b"record-route") or len(line) > MAX_LINE + _own(
                start, OWN_OCTETS) or max(map(len, line.split(b","))) > MAX_LINE - OWN_OCTETS):
            return True
    return False


def _unfold(lines: list[bytes]) -> list[bytes]:
    """Join continuation lines to their field, CRLF and all (section 7.3.1)."""
    groups: list[list[bytes]] = []
    for line in lines:
        if line[:1] not in (b" ", b"\t"):
            groups.append([line])
        elif groups:
            groups[-1].append(line)
        else:
            raise SipError(400, "Continuation of the start line")
    return [b"\r\n".join(group) for group in groups]


def content_length(names: list[bytes], fields: list[bytes]) -> int | None:
    """Give the value of Content-Length, None where it is missing; the same value twice is tolerated.

    Raises SipError(400) where it is no number of at most six digits, or two differ.
    """
    count = names.count(b"content-length")
    if count == 0:
        return None
    if count == 1:
        value = field_value(fields[names.index(b"content-length")])
        if value.isdigit() and len(value) <= MAX_CONTENT_LENGTH_DIGITS:
            return int(value)
    values = [field_value(field) for name, field in zip(names, fields, strict=True) if name == b"content-length"]
    if not all(value.isdigit() and len(value) <= MAX_CONTENT_LENGTH_DIGITS for value in values):
        raise SipError(400, "Bad Content-Length")
    lengths = set(map(int, values))
    if len(lengths) > 1:
        raise SipError(400, "Differing Content-Length")
    return lengths.pop()


def _via_values(names: list[bytes], fields: list[bytes]) -> int:
    """Count Via values, too many where a quoted parameter holds a comma, which nobody sends."""
    return sum(1 + field.count(b",") for name, field in zip(names, fields, strict=True) if name == b"via")


def answerable(request: Request) -> Request | None:
    """Give the request back if it may be answered: it has a Via and is no ACK (section 17.1.1.3)."""
    return request if b"via" in request.names and request.method.upper() != b"ACK" else None


def tolerant_request(data: bytes) -> Request | None:
    """Make of a bad request what a response can be built from: the fields that can be read, no body.

    None where it is no request or cannot be answered. Never raises.
    """
    head = data[:MAX_MESSAGE].lstrip(b"\r\n").partition(b"\r\n\r\n")[0]
    start, *lines = _unfold_leniently(head)
    match = _ANY_REQUEST_LINE.fullmatch(start)
    if match is None or start[:4].upper() == b"SIP/":
        return None
    names, fields = [], []
    for field in lines[:MAX_HEADERS]:
        try:
            name = field_name(field)
        except SipError:
            continue
        bare = field.replace(b"\r\n", b"")
        if b"\r" not in bare and b"\n" not in bare and len(field) <= MAX_LINE:
            names.append(name)
            fields.append(field)
    uri = match[2].rstrip(b" \t")
    return answerable(Request(match[1], uri.rpartition(b" ")[0] or uri, start, names, fields, b""))


def _unfold_leniently(head: bytes) -> list[bytes]:
    start, *lines = head.split(b"\r\n")
    while lines and lines[0][:1] in (b" ", b"\t"):
        del lines[0]
    return [start, *_unfold(lines)]
