"""Nothing a sender does lets another exception out than SipError, and whatever that carries can be answered."""

import random
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.sip.errors import SipError
from proxy.sip.framing import Framer
from proxy.sip.message import NameAddr, Request, Response
from proxy.sip.parser import is_keepalive, parse, tolerant_request
from proxy.sip.reply import build_response, with_received
from proxy.sip.request_error import request_of
from proxy.sip.sdp_audio import read_sections
from proxy.sip.validate import validate, validate_forwarding
from tests.kit.twisted import MESSAGES
from tests.proxy.sip.samples import HEADERS, raw

MUTATED_MESSAGES = 100_000
SEED = 3261

CORPUS = [
    *MESSAGES.values(),
    raw(*HEADERS, b"Route: <sip:a;lr>, <sip:b>", b"Date: Sat, 13 Nov 2010 23:29:00 GMT", b"l: 5", body=b"v=0\r\n"),
    raw(*HEADERS, b"Record-Route: <sip:a;lr>", b"Content-Length: 0", start=b"SIP/2.0 200 OK"),
]
SPLICES = (
    *(b"\r\n", b"\r", b"\n", b"\r\n ", b"\r\n\r\n", b"\0", b"\x01", b"\x0b", b"\x1c", b"\x85", b"\xff", b" ", b"\t"),
    *(b";", b";;", b",", b'"', b"\\", b"<", b">", b"@", b":", b"=", b"%", b"%00", b"?", b"[", b"]", b"*", b"_"),
    *(b"\xd9\xa3", b"\xc2\xb2", b"+7", b"-1", b"1_0", b"9" * 400),
    *(b"Via: ", b"v:", b"To: a\r\n", b"l: 1\r\n", b"SIP/2.0", b"sip:", b";tag=", b";rport", b";received=x"),
)


def look_at_everything(message: Request | Response) -> None:
    """Read all that anybody may read; each value may fail on its own."""
    for attribute in ("via", "from_", "to", "call_id", "cseq", "max_forwards", "routes", "record_routes", "contacts"):
        with suppress(SipError):
            value: Any = getattr(message, attribute)
            for address in value if isinstance(value, list) else [value]:
                if isinstance(address, NameAddr):
                    assert address.parsed_uri == address.parsed_uri
    with suppress(SipError):
        message.option_tags(b"supported")
    read_sections(message.body)


def swallow(data: bytes) -> bool:
    """Take a datagram as the proxy would; True where it was good."""
    if is_keepalive(data):
        return False
    try:
        message = parse(data)
        assert data.lstrip(b"\r\n").startswith(message.to_bytes())
        if isinstance(message, Response):
            _ = message.via, message.cseq, message.call_id  # all that a response is routed by
        else:
            validate(message)
            validate_forwarding(message)
            with_received(message, "192.0.2.99", 4060)
            assert message.via.received in (b"192.0.2.99", None)
            parse(build_response(message, 200, to_tag=b"t"), stream=True)
    except SipError as error:
        answer(error)
        return False
    look_at_everything(message)
    return True


def answer(error: SipError) -> None:
    assert error.reason.isascii()
    assert "\r" not in error.reason
    assert "\n" not in error.reason
    refused = request_of(error)
    if refused is not None:
        with_received(refused, "192.0.2.99", 4060)
        answer = build_response(refused, error.status, error.reason, b"t", error.fields)
        assert answer.endswith(b"\r\nContent-Length: 0\r\n\r\n")
        assert b"\r\n\r\n" not in answer[:-4]


def mutate(rng: random.Random, data: bytes) -> bytes:
    """Change a message in one to four places."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(changed) + 1)
        kind = rng.randrange(6)
        if kind == 0:
            changed[at : at + 1] = bytes((rng.randrange(256),))
        elif kind == 1:
            changed[at:at] = rng.choice(SPLICES)
        elif kind == 2:
            del changed[at : at + rng.randint(1, 30)]
        elif kind == 3:
            changed[at : at + 1] = rng.choice(SPLICES)
        elif kind == 4:
            other = rng.choice(CORPUS)
            start = rng.randrange(len(other))
            changed[at:at] = other[start : start + rng.randint(1, 120)]
        else:
            del changed[at:]
    return bytes(changed)


def test_mutated_messages() -> None:
    rng = random.Random(SEED)
    corpus = [data[:2500] if len(data) > 3000 else data for data in CORPUS]
    good = sum(swallow(mutate(rng, rng.choice(corpus))) for _ in range(MUTATED_MESSAGES))
    assert MUTATED_MESSAGES // 20 < good < MUTATED_MESSAGES  # both ways are walked


def test_mutated_streams() -> None:
    rng = random.Random(SEED)
    for _ in range(2000):
        framer = Framer()
        data = b"".join(mutate(rng, rng.choice(CORPUS)) for _ in range(3))
        try:
            for at in range(0, len(data), 700):
                for message in framer.feed(data[at : at + 700]):
                    with suppress(SipError):
                        parse(message, stream=True)
        except SipError as error:
            answer(error)


PIECES = st.sampled_from(SPLICES) | st.binary(max_size=6) | st.sampled_from(HEADERS)
FRAGMENTS = st.lists(PIECES, max_size=12).map(b"".join)
READ = st.sampled_from([b"Via", b"from", b"t", b"CSeq", b"i", b"m", b"Route", b"Record-Route", b"Date", b"l"])


@given(st.binary(max_size=300))
def test_noise(data: bytes) -> None:
    swallow(data)
    tolerant_request(data)


@settings(max_examples=300)
@given(READ, FRAGMENTS)
def test_any_value(name: bytes, value: bytes) -> None:
    kept = [header for header in HEADERS if not header.lower().startswith(name.lower()[:2])]
    swallow(raw(*kept, name + b": " + value))


@settings(max_examples=300)
@given(FRAGMENTS)
def test_any_start_line(start: bytes) -> None:
    swallow(raw(*HEADERS, start=start))
    swallow(raw(*HEADERS, start=b"INVITE sip:" + start + b" SIP/2.0"))


@settings(max_examples=300)
@given(FRAGMENTS, FRAGMENTS)
def test_any_field(name: bytes, value: bytes) -> None:
    swallow(raw(*HEADERS, name + b":" + value))
