"""Responses of our own, and what a request learns on arrival about where it came from."""

import re
from collections.abc import Sequence
from typing import Final

from proxy.sip.errors import SipError
from proxy.sip.message import Request
from proxy.sip.text import QUOTE, QUOTED, TOKEN, WS, value_end

REASONS: Final[dict[int, str]] = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK",
    202: "Accepted",
    204: "No Notification",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    430: "Flow Failed",
    433: "Anonymity Disallowed",
    437: "Unsupported Credential",
    438: "Invalid Identity Header",
    440: "Max-Breadth Exceeded",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    493: "Undecipherable",
    494: "Security Agreement Required",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    580: "Precondition Failure",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",
    608: "Rejected",
}
"""Default reason phrases (IANA registry "SIP Parameters: Response Codes")."""

_TAG: Final = re.compile(rb";[ \t\r\n]*+tag[ \t\r\n]*+=", re.IGNORECASE)
_LWS = rb"[ \t\r\n]*+"
_BARE_RPORT: Final = re.compile(rb";rport(?=;|\Z)")
_VIA_PARAM: Final = re.compile(
    rb";" + _LWS + rb"(" + TOKEN + rb"++)(?:" + _LWS + rb"=" + _LWS + rb"(?:" + QUOTED + rb'|[^\x00-\x20\x7f;,"]*+))?',
    re.DOTALL,
)


def build_response(
    request: Request,
    status: int,
    reason: str | None = None,
    to_tag: bytes | None = None,
    fields: Sequence[bytes] = (),
    body: bytes = b"",
) -> bytes:
    """Write a response (RFC 3261 section 8.2.6), the copied fields octet for octet.

    `to_tag` is added to To when it has no tag yet, never to a 100. `fields` are whole header fields without CRLF,
    with the Content-Type where there is a body.
    Works for what `RequestError.request` holds too: what is missing there is missing here.
    """
    phrase = REASONS.get(status, "Unknown") if reason is None else reason
    vias: list[bytes] = []
    single: dict[bytes, bytes] = {}
    for name, field in zip(request.names, request.fields, strict=True):
        if name == b"via":
            vias.append(field)
        elif name in (b"from", b"to", b"call-id", b"cseq") or (name == b"timestamp" and status == 100):
            single.setdefault(name, field)
    if to_tag is not None and status != 100 and b"to" in single and not _has_to_tag(request, single[b"to"]):
        single[b"to"] = single[b"to"].rstrip(WS) + b";tag=" + to_tag
    start = b"SIP/2.0 %d %s" % (status, phrase.encode("utf-8", "replace"))
    return b"\r\n".join((start, *vias, *single.values(), *fields, b"Content-Length: %d" % len(body), b"", body))


def _has_to_tag(request: Request, field: bytes) -> bool:
    try:
        return request.to.tag is not None
    except SipError:
        return _TAG.search(field) is not None


def with_received(request: Request, host: str, port: int) -> None:
    """Write into the topmost Via where the request came from; every other octet of the field stays.

    `host` is the source address, IPv6 without brackets. `received` is added when it differs from sent-by (RFC 3261
    section 18.2.1) and always when `rport` is there to be filled in (RFC 3581 section 4). What the sender itself wrote
    into these two is replaced. A Via that cannot be read stays as it is.
    """
    try:
        via = request.via
    except SipError:
        return
    source = host.encode("ascii", "replace")
    asked = b"rport" in via.params
    forged = b"received" in via.params
    if not asked and not forged and via.host == source:
        return
    params = {name: value for name, value in via.params.items() if name not in (b"received", b"rport")}
    added = b""
    if asked or not _same_address(via.host, source):
        params[b"received"] = source
        added = b";received=" + source
    if asked:
        params[b"rport"] = b"%d" % port
        added += b";rport=%d" % port
    field = request.fields[request.names.index(b"via")]
    request.set_via(_with_source(field, added, asked and not forged), via.with_params(params))


def _with_source(field: bytes, added: bytes, replace_rport: bool) -> bytes:
    """Put `added` into the first value of a Via field, in the place of its bare `;rport` where there is one."""
    end = value_end(field, field.find(b":") + 1)
    if replace_rport and QUOTE not in field:
        match = _BARE_RPORT.search(field, 0, end)
        if match is not None:
            return field[: match.start()] + added + field[match.end() :]
    value = _VIA_PARAM.sub(_without_source, field[:end])
    kept = value.rstrip(WS)
    return kept + added + value[len(kept) :] + field[end:]


def _without_source(match: re.Match[bytes]) -> bytes:
    return b"" if match[1].lower() in (b"received", b"rport") else match[0]


def _same_address(sent_by: bytes, source: bytes) -> bool:
    """Compare a sent-by host with a source address; two spellings of one IPv6 address are not told to be one,
    which adds a `received` that does no harm."""
    return sent_by.strip(b"[]").lower() == source.lower()
