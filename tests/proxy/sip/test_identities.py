import pytest

from proxy.sip.identities import CONNECTED, identities, user_of, withheld
from proxy.sip.message import Request
from proxy.sip.parser import parse

START = b"INVITE sip:600@pbx SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\n"
OURS = frozenset({"ours.example"})


def message(*fields: bytes, from_: bytes = b'From: "Eve" <sip:+361@carrier.example>;tag=f') -> Request:
    found = parse(START + b"\r\n".join((from_, b"To: <sip:b@x>", b"Call-ID: c", b"CSeq: 1 INVITE", *fields, b"", b"")))
    assert isinstance(found, Request)
    return found


@pytest.mark.parametrize(
    ("uri", "user", "host"),
    [
        (b"sip:+361@X.Example:5060", "+361", "x.example"),
        (b"tel:+36-1", "+361", ""),
        (b"sip:x", "", "x"),
        (b"nonsense", "", ""),
        (b"sip:%2B361;phone-context=x@y", "+361", "y"),
        (b"sip:%23361%3B9;ext=x@y", "#361;9", "y"),
        (b"sip:201;phone-context=ours.example@y", "201", "y"),
        (b"sip:201;phone-context=Ours.Example.@y", "201", "y"),
        (b"sip:201;phone-context=x@y", "201;phone-context=x", "y"),
        (b"sip:201;phone%2Dcontext=x@y", "201;phone-context=x", "y"),
        (b"sip:201;phone-context=+49@y", "+49201", "y"),
        (b"sip:20-1;phone-context=%2B4-9@y", "+49201", "y"),
        (b"sip:201@y;phone-context=+49", "+49201", "y"),
        (b"sip:201;phone-context=+49@y;phone-context=+36", "201;phone-context=+36,+49", "y"),
        (b"sip:*21;phone-context=+49@y", "*21;phone-context=+49", "y"),
        (b"sip:anna;phone-context=+49@y", "anna;phone-context=+49", "y"),
        (b"sip:201;phone-context@y", "201;phone-context=", "y"),
        (b"sip:201;phone-context=+" + b"9" * 16 + b"@y", "201;phone-context=+" + "9" * 16, "y"),
        (b"tel:2-0-1;ext=5", "201", ""),
        (b"sip:2-0-1@y;user=phone", "201", "y"),
        (b"sip:2-0-1@y", "2-0-1", "y"),
        (b"tel:201;phone-context=+49;isub=1", "+49201", ""),
        (b"urn:service:sos", "", ""),
        (b"sip:J%C3%B3zsi@y", "J\u00f3zsi", "y"),
        (b"sip:a%0d%0aX@y", "a\r\nX", "y"),
        (b"sip:%ff@y", "\ufffd", "y"),
    ],
)
def test_user_of(uri: bytes, user: str, host: str) -> None:
    assert user_of(uri, OURS) == (user, host)


@pytest.mark.parametrize(
    ("field", "found"),
    [
        (b"X-Agent: 201", ("x-agent", "201", "", "")),
        (b'X-Agent: "201"', ("x-agent", "201", "", "")),
        (b"X-Agent: <sip:201@pbx>", ("x-agent", "201", "pbx", "")),
        (b"X-Agent: sip:201@pbx;x=y", ("x-agent", "201", "pbx", "")),
        (b'X-Agent: "A <sip:1@x>" <sip:201@pbx>', ("x-agent", "201", "pbx", "A <sip:1@x>")),
    ],
)
def test_identity(field: bytes, found: tuple[str, ...]) -> None:
    assert identities(message(field), (b"x-agent",), OURS) == (found,)


def test_identities_in_the_order_asked_for() -> None:
    one = message(
        b'P-Asserted-Identity: "A, B" <sip:1@x>, <tel:+362>', b"P-Asserted-Identity: <sip:3@x>", b"X-Agent: 4"
    )
    names = (b"x-agent", b"from", b"p-asserted-identity", b"remote-party-id")
    assert [(each.header, each.user) for each in identities(one, names, OURS)] == [
        ("x-agent", "4"),
        ("from", "+361"),
        ("p-asserted-identity", "1"),
        ("p-asserted-identity", "+362"),
        ("p-asserted-identity", "3"),
    ]


@pytest.mark.parametrize("value", [b"201", b'"a, <sip:1@x>, " b', b"<sip:1@x", b'"x"', b"", b"<nonsense>", b"a:b c"])
def test_what_cannot_be_read_is_left_out(value: bytes) -> None:
    found = identities(
        message(b"P-Asserted-Identity: " + value, b"P-Asserted-Identity: <sip:2@x>"), (b"p-asserted-identity",), OURS
    )
    assert [each.user for each in found if each.user] == ["2"]


@pytest.mark.parametrize(
    ("fields", "hidden"),
    [
        ((), False),
        ((b"Privacy: id",), True),
        ((b"Privacy: none",), False),
        ((b"privacy: critical; USER",), True),
        ((b"Privacy: none", b"Privacy: header"), True),
        ((b"Privacy: session",), False),
        ((b"Privacy: history;critical",), False),
        ((b"Privacy: critical,id",), True),
        ((b'Privacy: "id"',), True),
        ((b"Privacy:",), False),
        ((b"Remote-Party-ID: <sip:1@x>;privacy=full",), True),
        ((b"Remote-Party-ID: <sip:1@x>;privacy=off;screen=yes",), False),
        ((b"Remote-Party-ID: <sip:1@x>;party=called;privacy=full",), False),
        ((b'Remote-Party-ID: "unbalanced, <sip:1@x>;privacy=full',), True),
        ((b"Remote-Party-ID: <sip:anonymous@x>;party=calling",), True),
        ((b"P-Asserted-Identity: <sip:anonymous@anonymous.invalid>", b"X-Agent: 201"), True),
        ((b"P-Asserted-Identity: <sip:1@x>, <sip:2@x>", b"X-Agent: anonymous"), False),
    ],
)
def test_withheld(fields: tuple[bytes, ...], hidden: bool) -> None:
    request = message(*fields)
    assert withheld(request, OURS) is hidden
    for names in ((b"from",), (b"x-agent", b"p-asserted-identity", b"from"), (b"remote-party-id",), CONNECTED):
        assert withheld(request, OURS, identities(request, names, OURS)) is hidden


@pytest.mark.parametrize("uri", [b"sip:anonymous@anonymous.invalid", b"sip:x@ANONYMOUS.invalid", b"sip:Anonymous@x"])
def test_anonymous_from(uri: bytes) -> None:
    assert withheld(message(from_=b"From: <%s>;tag=1" % uri), OURS)


def test_a_context_beside_the_address_counts() -> None:
    one = message(b"P-Asserted-Identity: tel:201234567;phone-context=+49",
                  b"P-Asserted-Identity: <tel:1>;phone-context=z", from_=b"From: sip:201@x;phone-context=+49;tag=f")
    assert [each.user for each in identities(one, (b"from", b"p-asserted-identity"), OURS)] == [
        "+49201", "+49201234567", "1;phone-context=z"]
