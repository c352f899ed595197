import time

import pytest

from proxy.sip.framing import Framer
from proxy.sip.limits import MAX_MESSAGE, OWN_OCTETS
from proxy.sip.parser import parse
from proxy.sip.request_error import RequestError
from tests.proxy.sip.samples import HEADERS, raw, refusal

ONE = raw(*HEADERS, b"Content-Length: 0")
TWO = raw(*HEADERS, b"L :\r\n\t 7", body=b"v\r\n\r\n=0")
ACK = raw(*HEADERS, start=b"ACK sip:600@pbx.example SIP/2.0")


def test_whole_messages() -> None:
    framer = Framer()
    assert framer.feed(ONE + TWO + ONE[:50]) == [ONE, TWO]
    assert framer.pending == 50
    assert framer.feed(ONE[50:]) == [ONE]
    assert framer.pending == 0
    assert parse(TWO, stream=True).body == b"v\r\n\r\n=0"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64])
def test_any_piece_size(size: int) -> None:
    data = b"\r\n\r\n" + ONE + b"\r\n" + TWO + b"\r\n\r\n\r\n\r\n" + ONE + TWO
    framer = Framer()
    messages = []
    for start in range(0, len(data), size):
        messages += framer.feed(data[start : start + size])
    assert messages == [ONE, TWO, ONE, TWO]
    assert framer.pings == 3


@pytest.mark.parametrize(
    ("data", "pings"), [(b"\r\n", 0), (b"\r\n\r\n", 1), (b"\r\n\r\n\r\n", 1), (b"\r\n\r\n" * 5, 5), (b"\r\n" + ONE, 0)]
)
def test_pings(data: bytes, pings: int) -> None:
    framer = Framer()
    framer.feed(data)
    assert framer.pings == pings
    assert framer.pending == 0


def test_a_message_between_two_line_ends_makes_no_ping() -> None:
    framer = Framer()
    framer.feed(b"\r\n" + ONE + b"\r\n")
    assert framer.pings == 0


@pytest.mark.parametrize(
    "length",
    [
        (),
        (b"Content-Length: 3", b"l: 4"),
        (b"Content-Length: 3", b"l: x"),
        (b"Content-Length:",),
        (b"Content-Length: -1",),
        (b"Content-Length: 1_0",),
        (b"Content-Length: 0000000",),
        (b"Content-Length: 1\r\n 2",),
        ("Content-Length: ٣".encode(),),
        (b"X: y\nContent-Length: 0",),
        (b"Content-Lengthx: 0",),
    ],
)
def test_no_usable_length(length: tuple[bytes, ...]) -> None:
    framer = Framer()
    with pytest.raises(RequestError) as caught:
        framer.feed(raw(*HEADERS, *length, body=b"1234"))
    assert caught.value.status == 400
    assert caught.value.request is not None
    assert caught.value.request.call_id == b"c1@trunk.example"
    with pytest.raises(RequestError) as again:
        framer.feed(ONE)
    assert again.value is caught.value
    assert framer.pending == 0


def test_same_length_twice() -> None:
    data = raw(*HEADERS, b"l: 1", b"Content-Length: 01", body=b"x")
    assert Framer().feed(data) == [data]


def test_ack_is_not_answered() -> None:
    with pytest.raises(RequestError) as caught:
        Framer().feed(ACK)
    assert caught.value.request is None


def test_messages_before_a_fault_are_given() -> None:
    framer = Framer()
    assert framer.feed(ONE + raw(*HEADERS)) == [ONE]
    assert framer.fault is not None
    with pytest.raises(RequestError):
        framer.feed(b"")


def test_what_is_cut_is_what_is_parsed() -> None:
    """A length that the framer and the parser read differently would let a message hide in a body."""
    hidden = raw(*HEADERS, b"X: \r\n Content-Length: 5", b"Content-Length: 0")
    assert Framer().feed(hidden) == [hidden]
    assert parse(hidden, stream=True).body == b""
    assert refusal(raw(*HEADERS, b"l: 3", b"Content-Length : 2", body=b"xxx"), stream=True).status == 400


@pytest.mark.parametrize("piece", [1000, MAX_MESSAGE + 1])
def test_endless_header_section(piece: int) -> None:
    framer = Framer()
    for _ in range(MAX_MESSAGE // piece):
        framer.feed(b"x" * piece)
    with pytest.raises(RequestError) as caught:
        framer.feed(b"x" * piece)
    assert caught.value.status == 513


def test_too_large_before_the_body_comes() -> None:
    with pytest.raises(RequestError) as caught:
        Framer().feed(raw(*HEADERS, b"Content-Length: 999999"))
    assert caught.value.status == 513
    assert caught.value.request is not None


def test_an_answer_may_be_larger_than_its_request_by_what_we_added() -> None:
    answer = raw(*HEADERS, b"Content-Length: 64000", start=b"SIP/2.0 200 OK", body=b"x" * 64_000)
    assert len(answer) < MAX_MESSAGE
    larger = raw(*HEADERS, b"Content-Length: 65300", start=b"SIP/2.0 200 OK", body=b"x" * 65_300)
    assert MAX_MESSAGE < len(larger) < MAX_MESSAGE + OWN_OCTETS
    assert Framer().feed(answer + larger) == [answer, larger]
    with pytest.raises(RequestError):
        Framer().feed(raw(*HEADERS, b"Content-Length: 65300"))
    with pytest.raises(RequestError):
        Framer().feed(raw(*HEADERS, b"Content-Length: 66560", start=b"SIP/2.0 200 OK"))


def test_octet_by_octet_is_linear() -> None:
    header = raw(*HEADERS, b"X: " + b"y" * 30000, b"Content-Length: 30000", body=b"z" * 30000)
    framer = Framer()
    messages = []
    started = time.process_time()
    for octet in header:
        messages += framer.feed(bytes((octet,)))
    assert messages == [header]
    assert time.process_time() - started < 0.5


def test_many_in_one_piece_are_linear() -> None:
    started = time.process_time()
    assert len(Framer().feed(ONE * 10000)) == 10000
    assert time.process_time() - started < 1
