import pytest

from proxy.core.requests_out import make_outgoing, token_for
from proxy.core.seals import Seals
from proxy.sip.hop import Hop, Listener
from proxy.sip.message import Request
from proxy.sip.parser import parse

UDP = Listener(0, "udp", "203.0.113.5", 5060, "10.0.0.5", 5060)
TCP = Listener(1, "tcp", "203.0.113.5", 5060, "10.0.0.5", 5060)
TLS = Listener(2, "tls", "edge.example", 5061, "10.0.0.5", 5061)
SIX = Listener(3, "udp", "[2001:db8::5]", 5060, "2001:db8::5", 5060)
HOP = Hop("udp", "192.0.2.1", 5060)
BODY = b"\x00\xffbody"


def request(
    method: bytes = b"INVITE", uri: bytes = b"sip:600@pbx", to: bytes = b"<sip:b@x>", more: bytes = b""
) -> Request:
    found = parse(
        b"%s %s SIP/2.0\r\nv: SIP/2.0/UDP x;branch=z9hG4bK1\r\n%sFrom: <sip:a@x>;tag=f\r\nTo: %s\r\nCall-ID: c\r\n"
        b"CSeq: 1 %s\r\nX-Odd :  kept\r\n\r\n%s" % (method, uri, more, to, method, BODY)
    )
    assert isinstance(found, Request)
    return found


@pytest.mark.parametrize(
    ("came", "goes", "routes"),
    [
        (UDP, UDP, [b"<sip:t@203.0.113.5:5060;lr>"]),
        (TCP, TCP, [b"<sip:t@203.0.113.5:5060;transport=tcp;lr>"]),
        (UDP, TLS, [b"<sip:t@edge.example:5061;transport=tls;lr>", b"<sip:t@203.0.113.5:5060;lr>"]),
        (UDP, SIX, [b"<sip:t@[2001:db8::5]:5060;lr>", b"<sip:t@203.0.113.5:5060;lr>"]),
    ],
)
def test_record_route(came: Listener, goes: Listener, routes: list[bytes]) -> None:
    out = make_outgoing(request(), came, goes, HOP, uri=None, branch=b"z9hG4bKb", token=b"t", fields=())
    assert out.request.values(b"record-route") == routes
    sips = make_outgoing(request(uri=b"SIPS:600@pbx"), came, goes, HOP, uri=None, branch=b"b", token=b"t", fields=())
    assert all(
        value.startswith(b"<sips:t@") and b"transport" not in value for value in sips.request.values(b"record-route")
    )


def test_ours_comes_first() -> None:
    out = make_outgoing(
        request(more=b"Record-Route: <sip:other;lr>\r\n"),
        UDP,
        UDP,
        HOP,
        uri=None,
        branch=b"z9hG4bKb",
        token=b"t",
        fields=(),
    ).request
    assert out.values(b"record-route") == [b"<sip:t@203.0.113.5:5060;lr>", b"<sip:other;lr>"]
    assert out.values(b"via") == [
        b"SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bKb;rport",
        b"SIP/2.0/UDP x;branch=z9hG4bK1",
    ]
    assert out.via == parse(out.to_bytes()).via


def test_nothing_else_changes() -> None:
    original = request()
    before = original.to_bytes()
    out = make_outgoing(
        original, UDP, UDP, HOP, uri=b"sip:201@pbx", branch=b"b", token=None, fields=(b"X-Boomerang: why",)
    )
    assert original.to_bytes() == before
    assert out.data == out.request.to_bytes()
    assert out.request.start == b"INVITE sip:201@pbx SIP/2.0"
    assert out.request.body == BODY
    assert out.request.fields[1:] == [*original.fields, b"X-Boomerang: why"]
    assert out.request.value(b"x-boomerang") == b"why"


@pytest.mark.parametrize(
    ("method", "to", "made"),
    [
        (b"INVITE", b"<sip:b@x>", True),
        (b"SUBSCRIBE", b"<sip:b@x>", True),
        (b"REFER", b"<sip:b@x>", True),
        (b"MESSAGE", b"<sip:b@x>", False),
        (b"INVITE", b"<sip:b@x>;tag=t", False),
    ],
)
def test_token_for_what_makes_a_dialog(method: bytes, to: bytes, made: bool) -> None:
    seals = Seals(b"k" * 16)
    token = token_for(seals, request(method, to=to), "018bcfe5-6be8-7000-8000-000000000000")
    assert (token is not None) == made
    if token is not None:
        assert seals.read_token(token, b"c") is not None
