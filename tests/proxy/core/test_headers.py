import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.headers import (
    clean,
    count_hop,
    identities,
    private_names,
    session_interval,
    user_of,
    withheld,
)
from proxy.sip.message import Request
from proxy.sip.parser import parse
from proxy.sip.requests import MAX_FORWARDS

START = b"INVITE sip:600@pbx SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\n"


def message(*fields: bytes, from_: bytes = b'From: "Eve" <sip:+361@carrier.example>;tag=f') -> Request:
    found = parse(START + b"\r\n".join((from_, b"To: <sip:b@x>", b"Call-ID: c", b"CSeq: 1 INVITE", *fields, b"", b"")))
    assert isinstance(found, Request)
    return found


def test_private_names() -> None:
    assert private_names(["X-Agent", "P-Asserted-Identity", "from", "Contact", "X-Other"]) == {b"x-agent", b"x-other"}


@given(
    st.sets(
        st.sampled_from(
            [
                b"X-Agent: 1",
                b"x-aGENT : 1",
                b"X-Boomerang-A:1",
                b"P-Asserted-Identity: <sip:a@b>",
                b"Remote-Party-ID: <sip:a@b>",
                b"X-Other: 1",
                b"Subject: x",
                b"x: 90",
            ]
        )
    ),
    st.booleans(),
)
def test_clean(fields: set[bytes], trusted: bool) -> None:
    one = message(*fields)
    clean(one, frozenset({b"x-agent"}), trusted=trusted)
    gone = (b"x-agent", b"x-boomerang") if trusted else (b"x-agent", b"x-boomerang", b"p-asserted", b"remote-party")
    assert {field for field in one.fields if field in fields} == {
        field for field in fields if not field.lower().startswith(gone)
    }
    assert len(one.fields) == len(one.names)


@pytest.mark.parametrize(
    ("field", "after"),
    [
        (b"Max-Forwards: 70", b"Max-Forwards: 69"),
        (b"max-forwards :\r\n 1", b"Max-Forwards: 0"),
        (b"X: y", b"Max-Forwards: %d" % MAX_FORWARDS),
    ],
)
def test_count_hop(field: bytes, after: bytes) -> None:
    one = message(field)
    count_hop(one)
    assert after in one.fields
    assert one.names.count(b"max-forwards") == 1


@pytest.mark.parametrize(
    ("uri", "user", "host"),
    [
        (b"sip:+361@X.Example:5060", "+361", "x.example"),
        (b"tel:+36-1", "+36-1", ""),
        (b"sip:x", "", "x"),
        (b"nonsense", "", ""),
        (b"sip:%2B361;phone-context=x@y", "+361", "y"),
        (b"sip:%23361%3B9;phone-context=x@y", "#361;9", "y"),
        (b"sip:J%C3%B3zsi@y", "J\u00f3zsi", "y"),
        (b"sip:a%0d%0aX@y", "a\r\nX", "y"),
        (b"sip:%ff@y", "\ufffd", "y"),
    ],
)
def test_user_of(uri: bytes, user: str, host: str) -> None:
    assert user_of(uri) == (user, host)


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
    assert identities(message(field), (b"x-agent",)) == (found,)


def test_identities_in_the_order_asked_for() -> None:
    one = message(
        b'P-Asserted-Identity: "A, B" <sip:1@x>, <tel:+362>', b"P-Asserted-Identity: <sip:3@x>", b"X-Agent: 4"
    )
    names = (b"x-agent", b"from", b"p-asserted-identity", b"remote-party-id")
    assert [(each.header, each.user) for each in identities(one, names)] == [
        ("x-agent", "4"),
        ("from", "+361"),
        ("p-asserted-identity", "1"),
        ("p-asserted-identity", "+362"),
        ("p-asserted-identity", "3"),
    ]


@pytest.mark.parametrize("value", [b"201", b'"a, <sip:1@x>, " b', b"<sip:1@x", b'"x"', b"", b"<nonsense>", b"a:b c"])
def test_what_cannot_be_read_is_left_out(value: bytes) -> None:
    found = identities(
        message(b"P-Asserted-Identity: " + value, b"P-Asserted-Identity: <sip:2@x>"), (b"p-asserted-identity",)
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
    ],
)
def test_withheld(fields: tuple[bytes, ...], hidden: bool) -> None:
    assert withheld(message(*fields)) is hidden


@pytest.mark.parametrize("uri", [b"sip:anonymous@anonymous.invalid", b"sip:x@ANONYMOUS.invalid", b"sip:Anonymous@x"])
def test_anonymous_from(uri: bytes) -> None:
    assert withheld(message(from_=b"From: <%s>;tag=1" % uri))


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        (b"Session-Expires: 1800", 1800.0),
        (b"x: 90;refresher=uac", 90.0),
        (b"Session-Expires:  60 ;x", 60.0),
        (b"Session-Expires: 1_0", None),
        (b"Session-Expires: +7", None),
        (b"Session-Expires: \xd9\xa3", None),
        (b"Session-Expires: 99999999", 86_400.0),
        (b"Session-Expires:", None),
        (b"X-Y: 1", None),
    ],
)
def test_session_interval(field: bytes, seconds: float | None) -> None:
    assert session_interval(message(field)) == seconds
