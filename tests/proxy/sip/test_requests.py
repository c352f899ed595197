from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from proxy.sip.requests import build_request, make_ack, make_cancel, make_stray_ack
from tests.proxy.sip.transaction_kit import request, response

ROUTES = "route:  <sip:a.example;lr> ,\r\n\t<sip:b.example;lr>\r\nRoute: <sip:c.example>\r\n"


def invite() -> Request:
    data = (
        b"INVITE sip:600@pbx.example;x=1 SIP/2.0\r\n"
        b"v:  SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1 \r\n"
        b"Via: SIP/2.0/TCP phone.example;branch=z9hG4bK0\r\n"
        b"Record-Route: <sip:p.example;lr>\r\n" + ROUTES.encode() +
        b'f: "Eve, E." <sip:eve@trunk.example> ;tag=f1\r\n'
        b"t: <sip:600@pbx.example>\r\n"
        b"i: c1@trunk.example\r\n"
        b"CSeq: 0007   INVITE\r\n"
        b"Max-Forwards: 3\r\n"
        b"Contact: <sip:eve@192.0.2.1>\r\n"
        b"Content-Type: application/sdp\r\n"
        b"Content-Length: 5\r\n\r\nv=0\r\n"
    )
    message = parse(data)
    assert isinstance(message, Request)
    return message


def expected(method: bytes, to: bytes) -> bytes:
    return (
        method + b" sip:600@pbx.example;x=1 SIP/2.0\r\n"
        b"v:  SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1 \r\n"
        b"Max-Forwards: 70\r\n" + ROUTES.encode() +
        b'f: "Eve, E." <sip:eve@trunk.example> ;tag=f1\r\n' + to + b"\r\n"
        b"i: c1@trunk.example\r\n"
        b"CSeq: 7 " + method + b"\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


def test_ack_has_the_to_of_the_response_and_all_else_of_the_invite() -> None:
    assert make_ack(invite(), response(invite(), 486)) == expected(b"ACK", b"t: <sip:600@pbx.example>;tag=t1")


def test_cancel_is_the_invite_without_what_it_may_not_have() -> None:
    assert make_cancel(invite()) == expected(b"CANCEL", b"t: <sip:600@pbx.example>")


def test_only_the_top_via_is_taken_from_a_field_with_several() -> None:
    folded = request()
    folded.replace(b"via", b'Via: SIP/2.0/UDP a;branch=z9hG4bK1;x="1,2", SIP/2.0/UDP b;branch=z9hG4bK0')
    assert b'\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1;x="1,2"\r\n' in make_cancel(folded)


def test_a_refusal_without_to_is_acknowledged_all_the_same() -> None:
    broken = Response(486, b"Busy", b"SIP/2.0 486 Busy", [], [], b"")
    assert make_ack(invite(), broken) == expected(b"ACK", b"t: <sip:600@pbx.example>")


def test_the_ack_of_a_refusal_whose_invite_is_gone() -> None:
    ack = parse(make_stray_ack(response(invite(), 486)))
    assert isinstance(ack, Request)
    assert (ack.method, ack.uri, ack.cseq) == (b"ACK", b"sip:600@pbx.example", (7, b"ACK"))
    assert (ack.via.branch, ack.names.count(b"via"), ack.to.tag) == (b"z9hG4bK1", 1, b"t1")
    assert (ack.from_.tag, ack.call_id, ack.max_forwards) == (b"f1", b"c1@trunk.example", 70)


def test_a_request_of_our_own() -> None:
    data = build_request(b"OPTIONS", b"sip:pbx.example", b"Via: SIP/2.0/UDP h;branch=z9hG4bK2", b"<sip:us@h>;tag=1",
                         b"<sip:pbx.example>", b"id@h", 5, [b"Accept: application/sdp"], b"hello")
    message = parse(data)
    assert isinstance(message, Request)
    assert data == message.to_bytes()
    assert (message.method, message.uri, message.body) == (b"OPTIONS", b"sip:pbx.example", b"hello")
    assert (message.cseq.number, message.cseq.method, message.max_forwards) == (5, b"OPTIONS", 70)
    assert (message.from_.tag, message.to.tag, message.call_id) == (b"1", None, b"id@h")
    assert message.value(b"accept") == b"application/sdp"
    assert message.value(b"content-length") == b"5"
