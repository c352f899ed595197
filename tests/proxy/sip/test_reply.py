import pytest

from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from proxy.sip.reply import REASONS, build_response, with_received
from proxy.sip.request_error import request_of
from proxy.sip.via import Via
from tests.proxy.sip.samples import HEADERS, raw, refusal, request


def read(data: bytes) -> Response:
    message = parse(data, stream=True)
    assert isinstance(message, Response)
    return message


def test_copies_octet_for_octet() -> None:
    via = b"v :  SIP/2.0/UDP a ;branch=z9hG4bKx,\r\n SIP/2.0/TCP b"
    answer = build_response(request(via, b"Timestamp: 54"), 180, to_tag=b"t1", fields=(b"Server: x",))
    assert answer == b"\r\n".join(
        (
            b"SIP/2.0 180 Ringing",
            HEADERS[0],
            via,
            *HEADERS[2:3],
            HEADERS[3] + b";tag=t1",
            *HEADERS[4:6],
            b"Server: x",
            b"Content-Length: 0",
            b"",
            b"",
        )
    )


def test_trying_has_timestamp_and_no_tag() -> None:
    answer = read(build_response(request(b"Timestamp: 54"), 100, to_tag=b"t1"))
    assert answer.value(b"timestamp") == b"54"
    assert answer.to.tag is None
    assert answer.reason == b"Trying"


@pytest.mark.parametrize(
    "to",
    [b"To: <sip:a@b>;tag=x", b"t: sip:a@b ; Tag = x", b"To: <sip:a@b>\r\n ;\r\n tag=x", b'To: "open <sip:a>;tag=x'],
)
def test_a_tag_that_is_there_stays(to: bytes) -> None:
    answer = build_response(request(to, without=b"To"), 404, to_tag=b"new")
    assert b"\r\n" + to + b"\r\nContent-Length" in answer
    assert b"new" not in answer


def test_reason_of_our_own() -> None:
    assert read(build_response(request(), 400, "Bad CSeq")).reason == b"Bad CSeq"
    assert read(build_response(request(), 499)).reason == b"Unknown"
    assert all(phrase.isascii() for phrase in REASONS.values())


def test_answer_to_a_bad_request() -> None:
    view = request_of(refusal(raw(*HEADERS, HEADERS[4], b"broken", start=b"INVITE <sip:a> SIP/2.0")))
    assert view is not None
    answer = read(build_response(view, 400, "Header line without colon", b"t"))
    assert answer.names.count(b"call-id") == 1
    assert answer.cseq == (7, b"INVITE")


def test_answer_to_next_to_nothing() -> None:
    assert build_response(Request.create(b"X", b"y", (b"v: a",)), 400, to_tag=b"t") == (
        b"SIP/2.0 400 Bad Request\r\nv: a\r\nContent-Length: 0\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("field", "after"),
    [
        (b"Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z", b"Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z"),
        (b"Via: SIP/2.0/UDP a;branch=z", b"Via: SIP/2.0/UDP a;branch=z;received=192.0.2.9"),
        (
            b"Via: SIP/2.0/UDP 192.0.2.9;rport;branch=z",
            b"Via: SIP/2.0/UDP 192.0.2.9;received=192.0.2.9;rport=4060;branch=z",
        ),
        (b"Via: SIP/2.0/UDP a;rport", b"Via: SIP/2.0/UDP a;received=192.0.2.9;rport=4060"),
        (b"Via: SIP/2.0/UDP a;rport=", b"Via: SIP/2.0/UDP a;received=192.0.2.9;rport=4060"),
        (
            b"v :SIP / 2.0 / UDP a ; RPORT ; branch = z , SIP/2.0/UDP b;rport",
            b"v :SIP / 2.0 / UDP a  ; branch = z;received=192.0.2.9;rport=4060 , SIP/2.0/UDP b;rport",
        ),
        (
            b"Via: SIP/2.0/UDP a;x=1\r\n ;rport,SIP/2.0/UDP b",
            b"Via: SIP/2.0/UDP a;x=1\r\n ;received=192.0.2.9;rport=4060,SIP/2.0/UDP b",
        ),
        (
            b'Via: SIP/2.0/UDP a;x=";rport;received=1";rport',
            b'Via: SIP/2.0/UDP a;x=";rport;received=1";received=192.0.2.9;rport=4060',
        ),
        (
            b"Via: SIP/2.0/UDP a;received=203.0.113.1;rport=9;branch=z",
            b"Via: SIP/2.0/UDP a;branch=z;received=192.0.2.9;rport=4060",
        ),
        (b"Via: SIP/2.0/UDP 192.0.2.9;received=203.0.113.1", b"Via: SIP/2.0/UDP 192.0.2.9"),
        (b"Via: SIP/2.0/UDP a;;rport", b"Via: SIP/2.0/UDP a;;rport"),
        (b"Via: SIP/2.0/UDP a;rportx;rport", b"Via: SIP/2.0/UDP a;rportx;received=192.0.2.9;rport=4060"),
    ],
)
def test_with_received(field: bytes, after: bytes) -> None:
    message = request(field, b"Via: SIP/2.0/UDP last;rport", without=b"Via")
    with_received(message, "192.0.2.9", 4060)
    assert message.fields[-2:] == [after, b"Via: SIP/2.0/UDP last;rport"]
    if after != field:
        assert message.via == Via.parse(message.values(b"via")[0].partition(b",")[0].strip())


def test_with_received_ipv6() -> None:
    message = request(b"Via: SIP/2.0/UDP [2001:DB8::9];branch=z", without=b"Via")
    with_received(message, "2001:db8::9", 5060)
    assert b"received" not in message.via.params
    with_received(message, "2001:db8::7", 5060)
    assert message.via.received == b"2001:db8::7"
    assert message.fields[-1].endswith(b";branch=z;received=2001:db8::7")


def test_with_received_without_via() -> None:
    message = Request.create(b"X", b"y", ())
    with_received(message, "192.0.2.9", 4060)
    assert message.fields == []
