import pytest

from proxy.sip.errors import SipError
from proxy.sip.limits import MAX_HOPS, OWN_HOPS
from proxy.sip.message import CSeq, Message, Request, split_values
from proxy.sip.parser import parse
from tests.proxy.sip.samples import HEADERS, raw, request, response


def test_to_bytes_is_what_came() -> None:
    data = raw(b"v:SIP/2.0/UDP a", b"X-odd  :  y\r\n\tz", b"x-ODD:", body=b"\0\r\n\r\nbody")
    assert parse(data).to_bytes() == data


def test_create() -> None:
    made = Request.create(b"CANCEL", b"sip:a@b", iter([b"v: SIP/2.0/UDP a;branch=z9hG4bK1"]), b"x")
    assert made.to_bytes() == b"CANCEL sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP a;branch=z9hG4bK1\r\n\r\nx"
    assert made.via.branch == b"z9hG4bK1"


def test_value_and_values() -> None:
    message = request(b"Subject:", b"X-A: 1, 2", b"x-a :\r\n 3")
    assert message.value(b"subject") == b""
    assert message.value(b"x-a") == b"1, 2"
    assert message.values(b"x-a") == [b"1, 2", b"3"]
    assert message.value(b"x-b") is None
    assert message.values(b"x-b") == []
    assert message.has(b"x-a")
    assert not message.has(b"x-b")


def test_set_uri() -> None:
    message = request(start=b"INVITE sip:a@b sip/2.0")
    message.set_uri(b"sip:201@pbx")
    assert message.uri == b"sip:201@pbx"
    assert message.to_bytes().startswith(b"INVITE sip:201@pbx SIP/2.0\r\nVia")


def test_insert_before() -> None:
    message = request()
    message.insert_before(b"via", b"Via: SIP/2.0/TCP proxy;branch=z9hG4bKnew")
    assert message.via.transport == b"TCP"
    message.insert_before(b"cseq", b"X: before CSeq")
    message.insert_before(b"record-route", b"Record-Route: <sip:proxy;lr>")
    assert message.names[:2] == [b"record-route", b"via"]
    assert message.fields[message.names.index(b"cseq")] == b"X: before CSeq"
    assert message.names.count(b"cseq") == 2


def test_append_remove_replace() -> None:
    message = request()
    message.append(b"x-a", b"X-A: 1")
    message.append(b"x-a", b"x-a: 2")
    message.append(b"x-b", b"X-B: 3")
    message.replace(b"x-a", b"X-A: 4")
    assert message.fields[-2:] == [b"X-A: 4", b"X-B: 3"]
    message.replace(b"x-c", b"X-C: 5")
    assert message.fields[-1] == b"X-C: 5"
    message.append(b"x-a", b"x-a: 6")
    assert message.remove(b"x-a") == 2
    assert message.remove(b"x-a") == 0
    assert message.names[-2:] == [b"x-b", b"x-c"]
    assert len(message.names) == len(message.fields) == len(HEADERS) + 2


@pytest.mark.parametrize(
    ("field", "left"),
    [
        (b"Route: <sip:a>, <sip:b>", b"Route: <sip:b>"),
        (b'route :"x,<y" <sip:a,b;lr>;p="1,2",<sip:b>', b"route :<sip:b>"),
        (b"Route: <sip:a>\r\n ,\r\n  <sip:b>,<sip:c>", b"Route:\r\n  <sip:b>,<sip:c>"),
        (b"Route: <sip:a>", None),
    ],
)
def test_drop_first_value(field: bytes, left: bytes | None) -> None:
    message = request(field, b"Route: <sip:z>")
    message.drop_first_value(b"route")
    expected = [b"Route: <sip:z>"] if left is None else [left, b"Route: <sip:z>"]
    assert message.fields == [*HEADERS, *expected]
    assert message.routes[-1].uri == b"sip:z"


def test_drop_first_value_of_nothing() -> None:
    message = request()
    message.drop_first_value(b"route")
    assert message.fields == list(HEADERS)


def test_drop_first_value_without_end() -> None:
    with pytest.raises(SipError):
        request(b'Route: "a, <sip:b>').drop_first_value(b"route")


def test_drop_first_via() -> None:
    message = request(b"v: SIP/2.0/TCP b, SIP/2.0/TLS c", without=b"Via")
    assert message.via.host == b"b"
    message.drop_first_value(b"via")
    assert message.via.host == b"c"


def test_values_read_once() -> None:
    message = request(b"Route: <sip:a;lr>, <sip:b>", b"Route: <sip:c>", b"Record-Route: <sip:r>")
    assert message.via is message.via
    assert message.from_ is message.from_
    assert message.to is message.to
    assert message.cseq is message.cseq
    assert message.call_id == b"c1@trunk.example" == message.call_id
    assert [route.uri for route in message.routes] == [b"sip:a;lr", b"sip:b", b"sip:c"]
    assert message.record_routes is message.record_routes
    assert [route.uri for route in message.record_routes] == [b"sip:r"]
    assert [contact.uri for contact in message.contacts] == [b"sip:eve@192.0.2.1:5060"]
    assert message.cseq == CSeq(7, b"INVITE")
    assert message.max_forwards == 70


@pytest.mark.parametrize(
    ("name", "field", "shown"),
    [
        (b"from", b"From: <sip:new>", "from_"),
        (b"to", b"To: <sip:new>", "to"),
        (b"call-id", b"Call-ID: new", "call_id"),
        (b"cseq", b"CSeq: 8 INVITE", "cseq"),
        (b"contact", b"Contact: <sip:new>", "contacts"),
        (b"via", b"Via: SIP/2.0/UDP new", "via"),
    ],
)
def test_an_edit_is_seen(name: bytes, field: bytes, shown: str) -> None:
    message = request()
    before = getattr(message, shown)
    copy = message.copy()
    copy.replace(name, field)
    assert getattr(copy, shown) != before
    assert getattr(message, shown) == before


@pytest.mark.parametrize("message", [request(), response()])
def test_copy_is_apart(message: Message) -> None:
    _ = message.via, message.contacts
    copy = message.copy()  # type: ignore[attr-defined]  # both kinds have it
    assert type(copy) is type(message)
    assert copy.via is message.via
    copy.append(b"x", b"X: 1")
    copy.replace(b"contact", b"Contact: <sip:other>")
    assert message.fields == list(HEADERS)
    assert message.contacts != copy.contacts


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("via", b"Via: SIP/2.0/UDP"),
        ("from_", b"From: <sip:a"),
        ("to", b"To: "),
        ("call_id", b"Call-ID: a b"),
        ("call_id", b"Call-ID:"),
        ("call_id", b"Call-ID: a\0b"),
        ("cseq", b"CSeq: 1"),
        ("max_forwards", b"Max-Forwards: 256"),
        ("max_forwards", b"Max-Forwards: -1"),
        ("max_forwards", b"Max-Forwards: 1_0"),
        ("max_forwards", b"Max-Forwards: " + b"9" * 5000),
        ("max_forwards", "Max-Forwards: ٣".encode()),
        ("contacts", b"Contact: <sip:a"),
        ("contacts", b'Contact: <sip:a>, "x'),
        ("routes", b"Route: <sip:a>,,<sip:b>"),
        ("routes", b"Route: " + b",".join([b"<sip:a>"] * (MAX_HOPS + OWN_HOPS + 1))),
        ("record_routes", b"Record-Route: "),
    ],
)
def test_malformed_is_400(name: str, field: bytes) -> None:
    message = request(field, without=field[: field.find(b":")])
    with pytest.raises(SipError) as caught:
        getattr(message, name)
    assert caught.value.status == 400


@pytest.mark.parametrize("name", ["via", "from_", "to", "call_id", "cseq"])
def test_missing_is_400(name: str) -> None:
    message = Request.create(b"INVITE", b"sip:a", ())
    with pytest.raises(SipError, match="Missing"):
        getattr(message, name)
    assert message.max_forwards is None
    assert message.routes == message.contacts == ()


def test_contact_star() -> None:
    assert request(b"m: *", without=b"Contact").contacts == ()


def test_option_tags() -> None:
    message = request(b"k: timer,100REL", b"Supported:", b"Supported: , path")
    assert message.option_tags(b"supported") == [b"timer", b"100rel", b"path"]
    assert message.option_tags(b"require") == []


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (b"", [b""]),
        (b" a ", [b"a"]),
        (b"a, b,c", [b"a", b"b", b"c"]),
        (b"a,,b", [b"a", b"", b"b"]),
        (b'"a,b" , <c,d>,e', [b'"a,b"', b"<c,d>", b"e"]),
        (b'"a\\",b",<c">', [b'"a\\",b"', b'<c">']),
        (b'"a\\\\",b', [b'"a\\\\"', b"b"]),
    ],
)
def test_split_values(value: bytes, parts: list[bytes]) -> None:
    assert split_values(value) == parts


@pytest.mark.parametrize("value", [b'"a, b', b"x,<a,b", b'"a\\",b', b"<a<,b>"])
def test_split_values_without_end(value: bytes) -> None:
    with pytest.raises(SipError):
        split_values(value)
