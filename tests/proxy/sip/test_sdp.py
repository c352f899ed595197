import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.sdp import MAX_LINES, SdpMedia, describe

SESSION = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"


def test_describe() -> None:
    summary = describe(
        SESSION
        + b"a=sendonly\r\nm=audio 6000/2 RTP/SAVP 0 8\r\na=rtpmap:0 PCMU/8000\r\n"
        + b"m=video 0 RTP/AVP 31\r\nc=IN IP6 2001:db8::1/127\r\na=inactive\r\nm=image 7000 udptl t38\r\na=sendrecv\r\n"
    )
    assert summary is not None
    assert summary.address == "192.0.2.1"
    assert summary.media == (
        SdpMedia("audio", 6000, "192.0.2.1", "sendonly"),
        SdpMedia("video", 0, "2001:db8::1", "inactive"),
        SdpMedia("image", 7000, "192.0.2.1", "sendrecv"),
    )
    assert not summary.held


@pytest.mark.parametrize(
    ("lines", "held"),
    [
        (b"m=audio 6000 RTP/AVP 0\r\na=sendonly", True),
        (b"a=inactive\nm=audio 6000 RTP/AVP 0\nm=video 0 RTP/AVP 31\na=sendrecv", True),
        (b"m=audio 6000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0", True),
        (b"m=audio 6000 RTP/AVP 0\r\na=recvonly", False),
        (b"m=audio 6000 RTP/AVP 0", False),
        (b"m=audio 0 RTP/AVP 0\r\na=inactive", False),
        (b"", False),
    ],
)
def test_held(lines: bytes, held: bool) -> None:
    summary = describe(SESSION + lines)
    assert summary is not None
    assert summary.held is held


@pytest.mark.parametrize("body", [b"", b"<xml/>", b"\0v=0", b"o=1\r\nv=0"])
def test_no_sdp(body: bytes) -> None:
    assert describe(body) is None


@pytest.mark.parametrize(
    "line",
    [b"m=audio", b"m=", b"m=audio x RTP", b"m=audio 999999 RTP", "m=audio ٣ R".encode(), b"m=audio 1_0 R"],
)
def test_lines_that_make_no_sense_are_passed_over(line: bytes) -> None:
    summary = describe(SESSION + line + b"\r\nc=nonsense\r\nm=audio 1 x\r\nc=nonsense")
    assert summary is not None
    assert [media.port for media in summary.media] == [1]


def test_lines_are_bounded() -> None:
    summary = describe(b"v=0\n" + b"a=x\n" * MAX_LINES + b"m=audio 1 x")
    assert summary is not None
    assert summary.media == ()


@given(st.lists(st.sampled_from([b"v=0", b"m=", b"c=IN IP4 ", b"a=sendonly", b"\r\n", b"\n", b" ", b"9", b"\xff"])))
def test_never_raises(parts: list[bytes]) -> None:
    describe(b"v=0" + b"".join(parts))
