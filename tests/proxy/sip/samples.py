"""Messages that the tests of the grammar share."""

import pytest

from proxy.sip.errors import SipError
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse

HEADERS = (
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKa1",
    b"Max-Forwards: 70",
    b'From: "Eve" <sip:eve@trunk.example>;tag=f1',
    b"To: <sip:600@pbx.example>",
    b"Call-ID: c1@trunk.example",
    b"CSeq: 7 INVITE",
    b"Contact: <sip:eve@192.0.2.1:5060>",
)


def raw(*headers: bytes, start: bytes = b"INVITE sip:600@pbx.example SIP/2.0", body: bytes = b"") -> bytes:
    return b"\r\n".join((start, *headers, b"", body))


def request(*more: bytes, without: bytes = b"", start: bytes = b"INVITE sip:600@pbx.example SIP/2.0") -> Request:
    """Make an INVITE; `without` is the beginning of the header field to leave out."""
    kept = [header for header in HEADERS if not (without and header.startswith(without))]
    message = parse(raw(*kept, *more, start=start))
    assert isinstance(message, Request)
    return message


def response(*more: bytes, start: bytes = b"SIP/2.0 200 OK") -> Response:
    message = parse(raw(*HEADERS, *more, start=start))
    assert isinstance(message, Response)
    return message


def refusal(data: bytes, stream: bool = False) -> SipError:
    with pytest.raises(SipError) as caught:
        parse(data, stream)
    assert caught.value.reason.isascii()
    assert not set(caught.value.reason) & set("\r\n")
    return caught.value
