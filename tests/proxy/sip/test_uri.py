import pytest

from proxy.sip.errors import SipError
from proxy.sip.text import unescape
from proxy.sip.uri import Uri


def test_every_part() -> None:
    uri = Uri.parse(b"SIP:al%69ce;x=1:se%63@Example.COM:5070;Transport=tcp;lr?Subject=a&Priority=b")
    assert uri.scheme == b"sip"
    assert uri.user == b"al%69ce;x=1"
    assert uri.unescaped_user() == b"alice"
    assert uri.password == b"se%63"
    assert uri.host == b"example.com"
    assert uri.port == 5070
    assert uri.params == {b"transport": b"tcp", b"lr": None}
    assert uri.headers == b"Subject=a&Priority=b"


@pytest.mark.parametrize(
    "raw",
    [
        b"sip:host",
        b"sips:user@host:5061;lr",
        b"sip:user:@host",
        b"sip:a:b@[2001:db8::1]:5060;transport=udp?h=v",
        b"sip:*21#@pbx_1.local",
        b"sip:j\xc3\xb3zsi@pbx",
        b"sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
        b"tel:+36-1-444-5555;phone-context=+36",
        b"urn:service:sos",
        b"http://www.example.com",
        b"isbn:2983792873",
    ],
)
def test_round_trip(raw: bytes) -> None:
    uri = Uri.parse(raw)
    assert uri.to_bytes() == raw
    assert Uri.parse(uri.to_bytes()) == uri


def test_tel() -> None:
    uri = Uri.parse(b"TEL:+3614445555;phone-context=example.com")
    assert (uri.scheme, uri.user, uri.host, uri.port) == (b"tel", b"+3614445555", b"", None)
    assert uri.params == {b"phone-context": b"example.com"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"sip",
        b"sip:",
        b"sip:@host",
        b"sip:user@",
        b"sip:a@b@c",
        b"sip:a b@c",
        b"sip:a@b c",
        b"sip:a@b;",
        b"sip:a@b;;lr",
        b"sip:a@b:",
        b"sip:a@b:0",
        b"sip:a@b:65536",
        b"sip:a@b:5_0",
        b"sip:a@b:123456",
        "sip:a@b:٣".encode(),
        b"sip:2001:db8::10",
        b"sip:[2001:db8::10",
        b"sip:[xyz]",
        b"sip:a@b\r\nX: y",
        b"<sip:a@b>",
        b'sip:"a"@b',
        b"sip:a@-b",
        b"tel:",
        b"tel:1;",
        b"1sip:a@b",
        b"//x",
    ],
)
def test_bad(raw: bytes) -> None:
    with pytest.raises(SipError) as caught:
        Uri.parse(raw)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"sip:%61lice@atlanta.com;transport=TCP", b"sip:alice@AtlanTa.CoM;Transport=tcp"),
        (b"sip:carol@chicago.com", b"sip:carol@chicago.com;newparam=5"),
        (b"sip:carol@chicago.com", b"sip:carol@chicago.com;security=on"),
        (b"sip:carol@chicago.com;newparam=5", b"sip:carol@chicago.com;security=on"),
        (
            b"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            b"sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (b"sip:alice@a?subject=x&priority=y", b"sip:alice@a?priority=y&Subject=x"),
        (b"sip:a%2fb@c", b"sip:a%2Fb@c"),
        (b"sip:a:%70@b", b"sip:a:p@b"),
    ],
)
def test_equal(one: bytes, other: bytes) -> None:
    """The pairs of RFC 3261 section 19.1.4, and some more."""
    assert Uri.parse(one) == Uri.parse(other)
    assert Uri.parse(other) == Uri.parse(one)
    assert hash(Uri.parse(one)) == hash(Uri.parse(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"SIP:ALICE@AtLanTa.CoM;Transport=udp", b"sip:alice@AtLanTa.CoM;Transport=UDP"),
        (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com:5060"),
        (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com;transport=udp"),
        (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com:6000;transport=tcp"),
        (b"sip:carol@chicago.com", b"sip:carol@chicago.com?Subject=next%20meeting"),
        (b"sip:bob@phone21.boxesbybob.com", b"sip:bob@192.0.2.4"),
        (b"sip:carol@c;security=on", b"sip:carol@c;security=off"),
        (b"sip:a@b;user=phone", b"sip:a@b"),
        (b"sip:a@b", b"sips:a@b"),
        (b"sip:a@b", b"sip:a:p@b"),
        (b"sip:a%2fb@c", b"sip:a/b@c"),
    ],
)
def test_not_equal(one: bytes, other: bytes) -> None:
    assert Uri.parse(one) != Uri.parse(other)
    assert Uri.parse(other) != Uri.parse(one)


def test_not_equal_to_anything_else() -> None:
    assert Uri.parse(b"sip:a") != b"sip:a"


@pytest.mark.parametrize(
    ("escaped", "plain"), [(b"a%2Bb", b"a+b"), (b"%00%fF", b"\0\xff"), (b"%Z%45%", b"%ZE%"), (b"a+b", b"a+b")]
)
def test_unescape(escaped: bytes, plain: bytes) -> None:
    assert unescape(escaped) == plain


@pytest.mark.parametrize(("raw", "asked"), [
    (b"sip:201@PBX.example", ("pbx.example", None, None, False)),
    (b"sip:201@[2001:db8::1]:5070;transport=TCP", ("2001:db8::1", 5070, "tcp", False)),
    (b"sips:pbx.example;maddr=192.0.2.1;transport", ("192.0.2.1", None, None, True)),
])
def test_what_is_asked_to_find_it(raw: bytes, asked: tuple[str, int | None, str | None, bool]) -> None:
    assert Uri.parse(raw).destination() == asked


@pytest.mark.parametrize("raw", [b"tel:+3612345", b"urn:service:sos"])
def test_what_leads_nowhere(raw: bytes) -> None:
    with pytest.raises(SipError, match="416"):
        Uri.parse(raw).destination()
