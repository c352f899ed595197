import pytest

from proxy.sip.errors import SipError
from proxy.sip.limits import MAX_HOPS, OWN_HOPS
from proxy.sip.message import Request
from proxy.sip.request_error import request_of
from proxy.sip.validate import validate, validate_forwarding
from tests.proxy.sip.samples import HEADERS, request


def verdict(message: Request) -> SipError:
    with pytest.raises(SipError) as caught:
        validate(message)
    return caught.value


@pytest.mark.parametrize(
    "uri",
    [
        b"sip:600@pbx.example",
        b"sip:pbx:5060",
        b"sips:600@[::1]:65535;transport=tcp",
        b"SIP:600@pbx",
        b"sip:*21#@pbx",
        b"sip:a;b=c@d;lr",
        b"tel:+3614445555",
        b"urn:service:sos",
    ],
)
def test_good_request_uri(uri: bytes) -> None:
    validate(request(start=b"INVITE " + uri + b" SIP/2.0"))


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        (b"<sip:a@b>", 400),
        (b"sip:a@b?Route=x", 400),
        (b"sip:a@b?", 400),
        (b"sip:a@b:0", 400),
        (b"sip:a@b:99999", 400),
        (b"sip:2001:db8::10", 400),
        (b"sip:a@b@c", 400),
        (b"sip:", 400),
        (b"sip:a\x01@b", 400),
        (b"600", 400),
        (b"http://x", 416),
        (b"nobodyKnowsThisScheme:x", 416),
    ],
)
def test_bad_request_uri(uri: bytes, status: int) -> None:
    error = verdict(request(start=b"INVITE " + uri + b" SIP/2.0"))
    assert error.status == status
    assert request_of(error) is not None


@pytest.mark.parametrize("name", [b"To", b"From", b"CSeq", b"Call-ID"])
def test_missing_or_double(name: bytes) -> None:
    missing = verdict(request(without=name))
    assert (missing.status, missing.reason) == (400, "Missing " + name.decode())
    assert request_of(missing) is not None
    field = next(header for header in HEADERS if header.startswith(name))
    assert verdict(request(field)).reason == "More than one " + name.decode()


def test_without_via_there_is_no_answer() -> None:
    error = verdict(request(without=b"Via"))
    assert (error.reason, request_of(error)) == ("Missing Via", None)


def test_an_ack_is_not_answered() -> None:
    assert request_of(verdict(request(start=b"ACK sip:a@b SIP/2.0"))) is None


@pytest.mark.parametrize(
    "field",
    [
        b"Max-Forwards: 300",
        b"CSeq: 7 BYE",
        b"CSeq: 7 invite",
        b"CSeq: 2147483648 INVITE",
        b"Via: SIP/2.0/UDP a;;",
        b"Call-ID: a b",
        b'To: "x <sip:a@b>',
        b"From: < sip:a@b >;tag=1",
        b"Contact: sip:a@b?x=y",
        b"Contact: <sip:a@b>;;",
    ],
)
def test_one_bad_field(field: bytes) -> None:
    error = verdict(request(field, without=field[: field.find(b":")]))
    assert error.status == 400
    assert request_of(error) is not None


@pytest.mark.parametrize(
    "field",
    [
        b"Max-Forwards: 70",
        b"Route: <sip:a",
        b"Route: " + b",".join([b"<sip:a>"] * (MAX_HOPS + OWN_HOPS + 1)),
        b"Record-Route: x",
        b"Date: Fri, 01 Jan 2010 16:00:00 EST",
        b"Date: yesterday",
        b"Date:",
    ],
)
def test_one_more_bad_field(field: bytes) -> None:
    assert verdict(request(field)).status == 400


@pytest.mark.parametrize(
    ("field", "left_out"),
    [
        (b"Date: Sat, 13 Nov 2010 23:29:00 GMT", b""),
        (b"X-Any: ;;,,\"", b""),
        (b"m: *", b"Contact"),
        (b"Contact: <sip:a>, <sip:b>;q=0.1", b"Contact"),
        (b"Supported:", b""),
        (b"P-Asserted-Identity: broken <<", b""),
        (b"Route: <sip:a;lr>,<sip:b;lr>", b"Max-Forwards"),
        (b"Via: utterly broken, further down", b""),
        (b"From: <sip:old@rfc2543>", b"From"),
    ],
)
def test_passes(field: bytes, left_out: bytes) -> None:
    validate(request(field, without=left_out))


def test_forwarding() -> None:
    validate_forwarding(request())
    validate_forwarding(request(without=b"Max-Forwards"))
    with pytest.raises(SipError) as caught:
        validate_forwarding(request(b"Max-Forwards: 0", without=b"Max-Forwards"))
    assert caught.value.status == 483


def test_proxy_require() -> None:
    message = request(b"Proxy-Require: Privacy, foo", b"proxy-require: bar")
    with pytest.raises(SipError) as caught:
        validate_forwarding(message, {b"privacy"})
    assert caught.value.status == 420
    assert caught.value.fields == (b"Unsupported: foo, bar",)
    validate_forwarding(message, {b"privacy", b"foo", b"bar"})
    validate_forwarding(request(b"Proxy-Require: foo", start=b"CANCEL sip:a@b SIP/2.0"))
    validate_forwarding(request(b"Require: foo"))


def test_error_reads_well() -> None:
    assert str(SipError(416, "Unsupported URI Scheme")) == "416 Unsupported URI Scheme"
