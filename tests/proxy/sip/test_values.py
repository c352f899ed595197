"""Via, addresses and CSeq."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.address import NameAddr, address_of, addresses_of
from proxy.sip.cseq import CSeq, cseq_of
from proxy.sip.errors import SipError
from proxy.sip.text import delta_seconds, field_value, holds, parse_params, unquote, value_end
from proxy.sip.via import Via, topmost


def test_via() -> None:
    via = Via.parse(b"SIP/2.0/udp Host.Example:5070;rport=1234;Received=192.0.2.7;branch=z9hG4bK1;x")
    assert (via.transport, via.host, via.port) == (b"UDP", b"Host.Example", 5070)
    assert via.branch == b"z9hG4bK1"
    assert via.is_rfc3261
    assert via.sent_by == b"host.example:5070"
    assert (via.wants_rport, via.rport, via.received) == (True, 1234, b"192.0.2.7")
    assert via.params[b"x"] is None


def test_via_with_white_space() -> None:
    via = Via.parse(b'sip  /   2.0  / TCP     spindle.example.com : 5060  ;  branch  =   z9hG4bK9ikj8 ; a = "b;c"')
    assert via == Via(b"TCP", b"spindle.example.com", 5060, {b"branch": b"z9hG4bK9ikj8", b"a": b'"b;c"'})


VIA_FIELDS = st.tuples(
    st.sampled_from((b"Via: ", b"v:", b"VIA : ", b"Via:  ", b"Via:\r\n ")),
    st.sampled_from((b"SIP/2.0/UDP ", b"SIP/2.0/tls ", b"sip / 2.0 / TCP\t", b"SIP/2.0/UDP  ", b"SIP/2.0UDP ")),
    st.sampled_from((b"192.0.2.1", b"[2001:db8::1]", b"Host.example", b"-a", b"")),
    st.sampled_from((b"", b":5060", b":49152", b":59999", b":60000", b":65535", b":0", b":05060", b":65536",
                     b" : 5060")),
    st.lists(st.sampled_from((b";rport", b";rport=7", b";branch=z9hG4bK-1.a", b";branch=z9hG4bK", b";branch=",
                              b";branch", b"; branch=b", b";received=192.0.2.7", b";Branch=c", b";branch=a/b",
                              b';x="q,"', b";")),
             max_size=4).map(b"".join),
    st.sampled_from((b"", b" ", b", SIP/2.0/UDP a;branch=z9hG4bK2", b",", b"\r\n ;lr")),
).map(b"".join)


@given(field=VIA_FIELDS)
def test_the_usual_via_is_read_as_any_other(field: bytes) -> None:
    def by_the_grammar() -> Via:
        value = field_value(field)
        return Via.parse(value[:value_end(value)].rstrip(b" \t"))

    try:
        expected = by_the_grammar()
    except SipError as error:
        with pytest.raises(SipError, match=re.escape(error.reason)):
            topmost(field)
    else:
        read = topmost(field)
        assert (read, list(read.params)) == (expected, list(expected.params))


@given(text=st.lists(st.sampled_from((b"a", b",", b'"', b"\\", b"<", b">", b";", b" ")), max_size=12).map(b"".join))
def test_a_value_ends_at_the_comma_that_the_grammar_ends_it_at(text: bytes) -> None:
    match = re.match(rb'(?:[^",<]++|"(?:[^"\\]++|\\.)*"|<[^<>]*+>)*', text)
    assert match is not None
    if b"," in text and match.end() < len(text) and text[match.end():match.end() + 1] != b",":
        with pytest.raises(SipError, match="Unbalanced"):
            value_end(text)
    else:
        assert value_end(text) == (match.end() if b"," in text else len(text))
        assert value_end(b"x:" + text, 2) == value_end(text) + 2


@given(text=st.binary(max_size=6), part=st.binary(max_size=2))
def test_holds(text: bytes, part: bytes) -> None:
    assert holds(text, part) == (part in text)


def test_fields_of_addresses_are_read_as_their_values() -> None:
    folded = b"f : Bob\r\n <sip:bob@example.com>\r\n\t;tag=1 "
    assert address_of(folded) == NameAddr.parse(b"Bob <sip:bob@example.com> ;tag=1")
    assert address_of(folded) is address_of(bytes(bytearray(folded)))
    assert addresses_of(b'm:"a, b" <sip:a>,\r\n <sip:b,c>;q=1') == (
        NameAddr.parse(b'"a, b" <sip:a>'), NameAddr.parse(b"<sip:b,c>;q=1"))
    for _ in range(2):  # what cannot be read is not remembered as if it could
        with pytest.raises(SipError, match="Bad address"):
            addresses_of(b"Contact: <sip:a>, *")
        with pytest.raises(SipError, match="Bad CSeq"):
            cseq_of(b"CSeq: 1")
    assert cseq_of(b"CSeq :\r\n 7  ACK") == (7, b"ACK")


@pytest.mark.parametrize("value", [b"z9hG4bK", b""])
def test_branch_that_is_none(value: bytes) -> None:
    via = Via.parse(b"SIP/2.0/UDP a;branch=" + value)
    assert via.branch is None
    assert not via.is_rfc3261


def test_branch_of_rfc2543() -> None:
    assert Via.parse(b"SIP/2.0/UDP a;branch=1").branch == b"1"
    assert not Via.parse(b"SIP/2.0/UDP a;branch=1").is_rfc3261
    assert Via.parse(b"SIP/2.0/UDP a").branch is None


@pytest.mark.parametrize("rport", [b"", b"=", b"=x", b"=0", b"=65536", b"=1_0", b"=999999"])
def test_rport_that_is_no_port(rport: bytes) -> None:
    via = Via.parse(b"SIP/2.0/UDP a;rport" + rport)
    assert via.wants_rport
    assert via.rport is None


@pytest.mark.parametrize("received", [b"2001:db8::9", b"[2001:db8::9]"])
def test_received_ipv6(received: bytes) -> None:
    via = Via.parse(b"SIP/2.0/UDP [2001:db8::1];received=" + received)
    assert via.received == b"2001:db8::9"
    assert via.sent_by == b"[2001:db8::1]"


@pytest.mark.parametrize(
    "raw", [b"SIP/2.0/TLS [2001:db8::1]:5061;branch=z9hG4bK;a;b=c", b"SIP/2.0/UDP h", b'SIP/2.0/WS h:1;x="a,b"']
)
def test_via_round_trip(raw: bytes) -> None:
    assert Via.parse(raw).to_bytes() == raw


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SIP/2.0/UDP",
        b"SIP/2.0/UDP ",
        b"SIP/2.0 UDP h",
        b"SIP/3.0/UDP h",
        b"SIP/7.0/UDP h",
        b"SIP/2.0/UDP h:0",
        b"SIP/2.0/UDP h:65536",
        b"SIP/2.0/UDP h:x",
        b"SIP/2.0/UDP h h",
        b"SIP/2.0/UDP h;;",
        b"SIP/2.0/UDP h;",
        b"SIP/2.0/UDP h;branch=a b",
        b"SIP/2.0/UDP h;branch=a\0b",
        b'SIP/2.0/UDP h;branch="a',
        b"SIP/2.0/UDP 2001:db8::1",
        b"SIP/2.0/U DP h",
    ],
)
def test_bad_via(raw: bytes) -> None:
    with pytest.raises(SipError):
        Via.parse(raw)


@pytest.mark.parametrize(
    ("raw", "display", "uri", "params"),
    [
        (b"<sip:a@b>", b"", b"sip:a@b", {}),
        (b'"A \\"x\\" \\\\" <sip:a@b;lr>;tag=1;x="y;z"', b'A "x" \\', b"sip:a@b;lr", {b"tag": b"1", b"x": b'"y;z"'}),
        (b"caller<sip:a@b>;TAG=3", b"caller", b"sip:a@b", {b"tag": b"3"}),
        (b"J. M\xc3\xbcller (201@x) <sip:a@b>", b"J. M\xc3\xbcller (201@x)", b"sip:a@b", {}),
        (b"sip:a@b;tag=1", b"", b"sip:a@b", {b"tag": b"1"}),
        (b"sip:a@b ;   tag    = 1918", b"", b"sip:a@b", {b"tag": b"1918"}),
        (b'"" <sip:a?Route=%3Cx%3E>', b"", b"sip:a?Route=%3Cx%3E", {}),
        (b"tel:+36;tag=a;tag=b;x=", b"", b"tel:+36", {b"tag": b"a", b"x": b""}),
        (b'"<sip:x>" <sip:y>', b"<sip:x>", b"sip:y", {}),
        (b"<http://www.example.com>;tag=3", b"", b"http://www.example.com", {b"tag": b"3"}),
    ],
)
def test_address(raw: bytes, display: bytes, uri: bytes, params: dict[bytes, bytes | None]) -> None:
    address = NameAddr.parse(raw)
    assert address == (display, uri, params)
    assert NameAddr.parse(address.to_bytes()) == address


def test_address_parts() -> None:
    address = NameAddr.parse(b"<sip:6%300@PBX>;tag=")
    assert address.tag is None
    assert address.parsed_uri.unescaped_user() == b"600"
    assert address.parsed_uri.host == b"pbx"
    assert NameAddr.parse(b"<sip:a>;tag=t").tag == b"t"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"*",
        b"x",
        b"<sip:a",
        b"sip:a>",
        b"<>",
        b"< sip:a >",
        b"<sip:a b>",
        b'"open <sip:a>',
        b'"a" "b" <sip:a>',
        b"Bell, Alexander <sip:a>",
        b"a;b <sip:a>",
        b"<sip:a> x",
        b"<sip:a>;;",
        b"<sip:a>;tag=a b",
        b"<sip:a>;tag=\x01",
        b"sip:a?Route=x",
        b"sip:a,b",
        b"a\x01b <sip:a>",
        b"<sip:a><sip:b>",
    ],
)
def test_bad_address(raw: bytes) -> None:
    with pytest.raises(SipError):
        NameAddr.parse(raw)


def test_cseq() -> None:
    assert CSeq.parse(b"0009  INVITE") == (9, b"INVITE")
    assert CSeq.parse(b"0 ACK") == (0, b"ACK")
    assert CSeq.parse(b"0000000000000000002147483647 x") == (2147483647, b"x")
    assert CSeq(7, b"BYE").to_bytes() == b"7 BYE"


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"1", b"A", b" A", b"-1 A", b"+1 A", b"1_0 A", b"2147483648 A", b"9" * 5000 + b" A", b"1 A B", b"1A"),
        *("٣ A".encode(), b"1 (", b"1\x0bA", b"0x1 A"),
    ],
)
def test_bad_cseq(raw: bytes) -> None:
    with pytest.raises(SipError):
        CSeq.parse(raw)


def test_unquote() -> None:
    assert unquote(b'"a\\\\b\\""') == b'a\\b"'
    assert unquote(b'"') == b'"'
    assert unquote(b"a") == b"a"


NAMES = st.text("abcXYZ-.!%*_+`'~09", min_size=1).map(str.encode)
VALUES = st.none() | st.text("abcXYZ-.[]:/=@?", max_size=9).map(str.encode) | st.just(b'"q;\\",= "')


@given(st.lists(st.tuples(NAMES, VALUES)), st.sampled_from([b"", b" ", b"\t "]))
def test_params_with_and_without_white_space(pairs: list[tuple[bytes, bytes | None]], gap: bytes) -> None:
    """The short way and the long way through the parameters read the same."""
    raw = b""
    expected: dict[bytes, bytes | None] = {}
    for name, value in pairs:
        raw += gap + b";" + gap + name + (b"" if value is None else gap + b"=" + gap + value)
        expected.setdefault(name.lower(), value)
    assert parse_params(raw + gap) == expected


@pytest.mark.parametrize(("value", "seconds"), [
    (b"120", 120.0), (b"120 (busy);duration=3", 120.0), (b"5;duration=3", 5.0), (b"0", 0.0),
    (b"4294967295", 2.0**32 - 1), (b"", None), (None, None), (b"12345678901", None), (b"1_0", None), (b"+7", None),
    (b"7s", None), (b"\xd9\xa3", None),
])
def test_delta_seconds(value: bytes | None, seconds: float | None) -> None:
    assert delta_seconds(value) == seconds
