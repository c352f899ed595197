import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.headers import clean, count_hop, private_names, session_interval
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
