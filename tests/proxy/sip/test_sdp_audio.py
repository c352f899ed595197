import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.parser import parse
from proxy.sip.sdp_audio import (
    MAX_LINES,
    Format,
    Section,
    read_sections,
    session_of,
    write_audio,
    write_refused,
    write_session,
)
from tests.proxy.sip.transaction_kit import request

HEAD = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"


def sections(rest: bytes) -> list[Section]:
    found = read_sections(HEAD + rest)
    assert found is not None
    return found


def test_formats() -> None:
    audio = sections(
        b"m=audio 6000 RTP/AVP 3 8 0 96 97 98\r\na=rtpmap:96 telephone-event/8000\r\na=rtpmap:97 opus/48000/2\r\n"
        b"a=rtpmap:8 pcma/8000/1\r\na=ptime:30\r\na=fmtp:96 0-15\r\n")[0]
    assert audio.formats == (Format(8, "PCMA", 8000), Format(0, "PCMU", 8000), Format(96, "TELEPHONE-EVENT", 8000))
    assert (audio.usable, audio.held, audio.ptime, audio.direction) == (True, False, 30, "sendrecv")


@pytest.mark.parametrize(("rest", "usable"), [
    (b"m=audio 6000 RTP/AVP 8", True),
    (b"m=audio 6000/2 RTP/AVPF 8", True),
    (b"m=audio 0 RTP/AVP 8", False),
    (b"m=audio 6000 RTP/SAVP 8", False),
    (b"m=audio 70000 RTP/AVP 8", False),
    (b"m=audio x RTP/AVP 8", False),
    (b"m=video 6000 RTP/AVP 31", False),
    (b"m=", False),
    (b"m=audio", False),
])
def test_usable(rest: bytes, usable: bool) -> None:
    assert [one.usable for one in sections(rest + b"\r\n")] == [usable]


def test_no_address_is_not_usable() -> None:
    found = read_sections(b"v=0\nm=audio 6000 RTP/AVP 8\n")
    assert found is not None
    assert not found[0].usable


@pytest.mark.parametrize(("rest", "held", "address"), [
    (b"a=sendonly\nm=audio 6000 RTP/AVP 8\n", True, "192.0.2.1"),
    (b"a=sendonly\nm=audio 6000 RTP/AVP 8\na=sendrecv\n", False, "192.0.2.1"),
    (b"m=audio 6000 RTP/AVP 8\nc=IN IP4 0.0.0.0\n", True, "0.0.0.0"),
    (b"m=audio 6000 RTP/AVP 8\nc=IN IP6 2001:db8::1/127\na=inactive\n", True, "2001:db8::1"),
    (b"m=audio 6000 RTP/AVP 8\nc=nonsense\na=recvonly\n", False, "192.0.2.1"),
])
def test_hold_and_address(rest: bytes, held: bool, address: str) -> None:
    audio = sections(rest)[0]
    assert (audio.held, audio.address) == (held, address)


@pytest.mark.parametrize(("value", "ptime"), [(b"10", 10), (b"60", 60), (b"61", 20), (b"5", 20), (b"2_0", 20)])
def test_ptime(value: bytes, ptime: int) -> None:
    assert sections(b"m=audio 6000 RTP/AVP 8\r\na=ptime:" + value + b"\r\n")[0].ptime == ptime


def test_written_reads_back() -> None:
    formats = (Format(8, "PCMA", 8000), Format(101, "TELEPHONE-EVENT", 8000))
    body = write_session(b"7", 3, "2001:db8::5", [write_audio(16384, "RTP/AVP", formats, "recvonly"),
                                                  write_refused(sections(b"m=video 5 RTP/AVP 31 32\r\n")[0])])
    assert b"o=- 7 3 IN IP6 2001:db8::5\r\n" in body
    assert b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n" in body
    found = read_sections(body)
    assert found is not None
    audio, video = found
    assert (audio.formats, audio.port, audio.address, audio.direction) == (formats, 16384, "2001:db8::5", "recvonly")
    assert (video.kind, video.port, video.raw_formats) == ("video", 0, b"31 32")


def test_refused_section_without_formats() -> None:
    assert write_refused(sections(b"m=message 5 TCP/MSRP\r\n")[0]) == b"m=message 0 TCP/MSRP 0\r\n"


def test_no_description() -> None:
    assert read_sections(b"hello") is None


def test_bounded() -> None:
    assert len(sections(b"m=audio 6000 RTP/AVP 8\r\n" * (2 * MAX_LINES))) < MAX_LINES


@given(st.binary(max_size=300))
def test_never_raises(rest: bytes) -> None:
    for one in read_sections(b"v=0\r\nm=audio 1 RTP/AVP 8\r\n" + rest) or ():
        assert isinstance(one.formats, tuple)


@pytest.mark.parametrize(("kind", "body", "expected"), [
    ("application/sdp", HEAD, HEAD),
    ("Application/SDP;charset=utf-8", HEAD, HEAD),
    ("text/plain", HEAD, None),
    ("application/sdp", b"", None),
    ("application/sdp", b"\r\n", None),
    ("multipart/mixed;boundary=x", b"--x\r\nContent-Type: application/sdp\r\n\r\n" + HEAD + b"--x--\r\n", HEAD),
    ("multipart/mixed;boundary=x", b"--x\r\nContent-Type: application/isup\r\n\r\n1\r\n--x--\r\n", None),
    ("multipart/mixed", b"--x\r\nContent-Type: application/sdp\r\n\r\n" + HEAD, None),
])
def test_session_of(kind: str, body: bytes, expected: bytes | None) -> None:
    assert session_of(request(extra=f"Content-Type: {kind}\r\n", body=body)) == expected


def test_session_of_without_a_type() -> None:
    message = parse(request(body=HEAD).to_bytes())
    assert session_of(message) == HEAD
