import time
from contextlib import suppress

import pytest

from proxy.sip.errors import SipError
from proxy.sip.limits import (
    MAX_HEADERS,
    MAX_HOPS,
    MAX_KNOWN_SPELLINGS,
    MAX_LINE,
    MAX_MESSAGE,
    OWN_FIELDS,
    OWN_HOPS,
    OWN_OCTETS,
)
from proxy.sip.message import Request, Response
from proxy.sip.names import known_spellings
from proxy.sip.parser import is_keepalive, parse, tolerant_request
from proxy.sip.request_error import request_of
from tests.proxy.sip.samples import HEADERS, raw, refusal, request, response


@pytest.mark.parametrize("data", [b"\r\n\r\n", b"\r\n", b"\0", b"\0\0\0\0\0\0", b"jaK", b"", b"\r\n\0\0\r\n"])
def test_keepalive(data: bytes) -> None:
    assert is_keepalive(data)


@pytest.mark.parametrize("data", [b"OPTIONS", b"\r\n\r\nOPTIONS", b"\0\0\0\0x"])
def test_no_keepalive(data: bytes) -> None:
    assert not is_keepalive(data)


def test_request() -> None:
    message = parse(raw(*HEADERS, b"Content-Length: 3", body=b"v=0"))
    assert isinstance(message, Request)
    assert (message.method, message.uri, message.body) == (b"INVITE", b"sip:600@pbx.example", b"v=0")
    assert message.names[:3] == [b"via", b"max-forwards", b"from"]
    assert message.fields[1] == b"Max-Forwards: 70"


def test_response() -> None:
    message = response(start=b"SIP/2.0 486 Busy Here")
    assert (message.status, message.reason) == (486, b"Busy Here")


@pytest.mark.parametrize("start", [b"SIP/2.0 100 ", b"SIP/2.0 100", b"sip/2.0 100 "])
def test_response_without_reason(start: bytes) -> None:
    message = response(start=start)
    assert (message.status, message.reason) == (100, b"")


@pytest.mark.parametrize(
    "start",
    [b"SIP/2.0 99 x", b"SIP/2.0 700 x", b"SIP/2.0 4294967301 x", b"SIP/2.0 2000 OK", b"SIP/3.0 200 OK", b"SIP/2.0"],
)
def test_bad_status_line_is_not_answered(start: bytes) -> None:
    assert request_of(refusal(raw(*HEADERS, start=start))) is None


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"INVITE sip:a@b SIP/3.0", 505),
        (b"INVITE sip:a@b SIP/2.1", 505),
        (b"INVITE  sip:a@b SIP/2.0", 400),
        (b"INVITE sip:a@b  SIP/2.0", 400),
        (b"INVITE sip:a@b SIP/2.0 ", 400),
        (b"INVITE sip:a b SIP/2.0", 400),
        (b"IN<VITE sip:a@b SIP/2.0", 400),
        (b"INVITE sip:a@b", 400),
        (b"INVITE", 400),
        (b"INVITE sip:a@b HTTP/1.1", 400),
        (b" INVITE sip:a@b SIP/2.0", 400),
    ],
)
def test_bad_request_line(start: bytes, status: int) -> None:
    assert refusal(raw(*HEADERS, start=start)).status == status


def test_leading_line_ends_are_skipped() -> None:
    assert parse(b"\r\n\r\n" + raw(*HEADERS)).to_bytes() == raw(*HEADERS)


@pytest.mark.parametrize(
    ("field", "name"),
    [
        (b"v: x", b"via"),
        (b"X:1800", b"session-expires"),
        (b"VIA : x", b"via"),
        (b"p-ASSERTED-identity\t : x", b"p-asserted-identity"),
        (b"k:", b"supported"),
        (b"C%6Fntact: x", b"c%6fntact"),
    ],
)
def test_name_in_every_spelling(field: bytes, name: bytes) -> None:
    for _ in range(2):  # the second time from the table of spellings
        message = request(field)
        assert message.names[-1] == name
        assert message.fields[-1] == field


@pytest.mark.parametrize(
    "field",
    [b"To\x01: x", b"To\0:", b": x", b"To", b"Via", b"A name: x", b"T\xc3\xb6: x", b"To(: x", b"\x0bTo: x", b"\x85: x"],
)
def test_bad_header_name(field: bytes) -> None:
    error = refusal(raw(*HEADERS, field))
    assert error.status == 400
    assert request_of(error) is not None


@pytest.mark.parametrize("field", [b"Subject: a\rb", b"Subject: a\nb", b"Subject: a\n b", b"Subject: a\r\r\n b"])
def test_cr_or_lf_alone(field: bytes) -> None:
    error = refusal(raw(*HEADERS, field))
    assert error.status == 400
    refused = request_of(error)
    assert refused is not None
    assert field not in refused.fields


def test_folding_is_kept() -> None:
    field = b"Subject: first\r\n\t second\r\n  third"
    message = request(field)
    assert message.fields[-1] == field
    assert message.value(b"subject") == b"first second third"


def test_start_line_is_not_continued() -> None:
    assert refusal(raw(b" more", *HEADERS)).status == 400


def test_no_empty_line() -> None:
    assert refusal(b"\r\n".join((b"OPTIONS sip:a@b SIP/2.0", *HEADERS, b""))).status == 400


def test_datagram_is_cut_to_content_length() -> None:
    assert parse(raw(*HEADERS, b"l: 3", body=b"v=0 and more")).body == b"v=0"


def test_datagram_without_content_length() -> None:
    assert parse(raw(*HEADERS, body=b"all of it")).body == b"all of it"


@pytest.mark.parametrize(
    "length",
    [b"4", b"-1", b"+3", b"1_0", "٣".encode(), "²".encode(), b"", b"3 3", b"0000003", b"9" * 5000, b"0x3", b"3,3"],
)
def test_bad_content_length(length: bytes) -> None:
    assert refusal(raw(*HEADERS, b"Content-Length: " + length, body=b"v=0")).status == 400


@pytest.mark.parametrize("body", [b"v=", b"v=0 "])
def test_stream_demands_the_exact_length(body: bytes) -> None:
    assert refusal(raw(*HEADERS, b"Content-Length: 3", body=body), stream=True).status == 400


def test_stream_demands_content_length() -> None:
    assert refusal(raw(*HEADERS), stream=True).status == 400
    assert parse(raw(*HEADERS, b"l:\r\n 0"), stream=True).body == b""


def test_content_length_twice() -> None:
    assert parse(raw(*HEADERS, b"l: 3", b"Content-Length: 03", body=b"v=0")).body == b"v=0"
    assert refusal(raw(*HEADERS, b"l: 3", b"Content-Length: 2", body=b"v=0")).status == 400
    assert refusal(raw(*HEADERS, b"l: 3", b"Content-Length: x", body=b"v=0")).status == 400


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (raw(*HEADERS, body=b"x" * MAX_MESSAGE), 513),
        (raw(*HEADERS, *(b"X: y" for _ in range(MAX_HEADERS))), 400),
        (raw(*HEADERS, b"Subject: " + b"x" * MAX_LINE), 400),
        (raw(*HEADERS, b"Subject: x" + b"\r\n x" * (MAX_LINE // 4)), 400),
        (raw(*HEADERS, start=b"INVITE sip:" + b"x" * MAX_LINE + b" SIP/2.0"), 400),
        (raw(*HEADERS, *(HEADERS[0] for _ in range(MAX_HOPS))), 400),
        (raw(*HEADERS, b"v: " + b",".join([b"SIP/2.0/UDP a"] * MAX_HOPS)), 400),
    ],
)
def test_limits(data: bytes, status: int) -> None:
    assert refusal(data).status == status


def test_within_the_limits() -> None:
    more = MAX_HEADERS - len(HEADERS)
    assert len(request(*(b"X: y,,,,,,,," for _ in range(more))).fields) == MAX_HEADERS
    assert len(request(*(HEADERS[0] for _ in range(MAX_HOPS - 1))).values(b"via")) == MAX_HOPS


ANSWER = b"SIP/2.0 200 OK"


def test_the_answer_to_what_is_within_the_limits() -> None:
    """It brings back what we added to the request, and so may hold so much more."""
    more = MAX_HEADERS - len(HEADERS) + OWN_FIELDS
    assert len(response(*(b"X: y" for _ in range(more)), start=ANSWER).fields) == MAX_HEADERS + OWN_FIELDS
    assert len(response(*(HEADERS[0] for _ in range(MAX_HOPS)), start=ANSWER).values(b"via")) == MAX_HOPS + 1
    folded = b"v: " + b", ".join([b"SIP/2.0/UDP a;x=" + b"y" * 100] * 69) + b";z=" + b"y" * 300
    assert MAX_LINE < len(folded) < MAX_LINE + OWN_OCTETS
    assert response(folded, start=ANSWER).value(b"via")
    assert response(*(b"Subject: " + b"y" * 8000 for _ in range(8)), b"X: " + b"y" * 2000, start=ANSWER).status == 200
    for too_much in ([b"X: y"] * (more + 1), [HEADERS[0]] * (MAX_HOPS + OWN_HOPS), [b"X: " + b"y" * MAX_LINE],
                     [b"Record-Route: <sip:a;x=" + b"y" * MAX_LINE + b">"], [b"v: " + b"x," * (MAX_LINE // 2 + 600)],
                     [b"Subject: " + b"y" * 8000] * 9):
        assert request_of(refusal(raw(*HEADERS, *too_much, start=ANSWER))) is None


def test_spellings_remembered_are_bounded() -> None:
    kept = dict(known_spellings)
    try:
        for number in range(0, 3 * MAX_KNOWN_SPELLINGS, 100):
            request(*(b"X-%d: y" % each for each in range(number, number + 100)))
        assert len(known_spellings) == MAX_KNOWN_SPELLINGS
        request(b"z" * 4000 + b": y")
        assert request(b"X-nEw : y").names[-1] == b"x-new"
        assert b"X-nEw " not in known_spellings
    finally:
        known_spellings.clear()
        known_spellings.update(kept)


@pytest.mark.parametrize(
    "data",
    [
        raw(*HEADERS[1:], b"bad", start=b"INVITE sip:a@b SIP/2.0"),
        raw(*HEADERS, b"bad", start=b"ACK sip:a@b SIP/2.0"),
        raw(*HEADERS, b"bad", start=b"SIP/2.0 200 OK"),
        b"\x16\x03\x01 tls hello",
        b"\r\n a: b",
        b"x" * 100,
    ],
)
def test_what_is_never_answered(data: bytes) -> None:
    assert request_of(refusal(data)) is None


def test_tolerant_view() -> None:
    view = tolerant_request(raw(*HEADERS, b"bad\x01: x", b"Subject: a\nb", start=b"INVITE <sip:a b>  SIP/2.0  "))
    assert view is not None
    assert (view.method, view.uri, view.body) == (b"INVITE", b"<sip:a b> ", b"")
    assert view.fields == list(HEADERS)


HOSTILE = [
    raw(*HEADERS, b"Subject: " + b" " * 8000 + b"x"),
    raw(*HEADERS, *(b"Subject: x" + b" " * 8000 + b"\r\n x" for _ in range(7))),
    raw(*HEADERS, start=b"A x" + b" " * 60000 + b"y"),
    raw(*HEADERS, start=b"A" + b" SIP/2.0" * 7000 + b"x"),
    raw(*HEADERS, *(b"\t" * 8000 for _ in range(7))),
    raw(*HEADERS, b"\r\n".join([b"a"] * 10000)),
    raw(*HEADERS, *[b"x" + b" " * 8000] * 7),
    raw(*HEADERS, b"\r\n ".join([b"a:"] * 12000)),
    b"\r\n" * 30000 + b"x",
    b"INVITE " + b"\r" * 60000,
]


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_shapes_cost_little(data: bytes) -> None:
    """60 KiB that would take many seconds where anything is quadratic; linear work is a hundredth of the bound."""
    started = time.process_time()
    with suppress(SipError):
        message = parse(data)
        for name in set(message.names):
            message.values(name)
    assert time.process_time() - started < 2.0


def test_response_is_a_response() -> None:
    assert isinstance(parse(raw(*HEADERS, start=b"SIP/2.0 200 OK")), Response)
