import pytest

from proxy.media.contract import MediaAddress
from proxy.sip.sdp_audio import read_sections
from proxy.ua.offer import Negotiation
from tests.kit.legs import sdp

VIDEO = "m=video 50000 RTP/AVP 31\r\n"


@pytest.fixture
def ours() -> Negotiation:
    return Negotiation(MediaAddress("192.0.2.9", 16384), b"42")


def version(body: bytes) -> int:
    return int(body.split(b"\r\n")[1].split()[2])


def test_offer(ours: Negotiation) -> None:
    assert ours.offer() == (
        b"v=0\r\no=- 42 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
        b"m=audio 16384 RTP/AVP 8 0 9 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:9 G722/8000\r\n"
        b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n")


@pytest.mark.parametrize(("body", "codec", "payload_type", "dtmf"), [
    (sdp("8 PCMA"), "PCMA", 8, None),
    (sdp("0 PCMU", "8 PCMA", "101 telephone-event"), "PCMU", 0, 101),
    (sdp("18 G729", "9 G722", "96 telephone-event"), "G722", 9, 96),
    (sdp("118 PCMA"), "PCMA", 118, None),
])
def test_accept(ours: Negotiation, body: bytes, codec: str, payload_type: int, dtmf: int | None) -> None:
    ours.offer()
    found = ours.accept(body)
    assert found is not None
    stream = found.stream
    assert (stream.codec, stream.payload_type, stream.dtmf, found.held) == (codec, payload_type, dtmf, False)
    assert (stream.host, stream.port, stream.sending, stream.receiving) == ("127.0.0.1", 40000, True, True)


@pytest.mark.parametrize("body", [sdp("18 G729"), sdp("8 PCMA", port=0), b"", sdp("101 telephone-event"),
                                  sdp("8 PCMA").replace(b"RTP/AVP", b"RTP/SAVP"), sdp("97 opus")])
def test_nothing_for_us(ours: Negotiation, body: bytes) -> None:
    assert ours.accept(body) is None
    assert ours.answer(body) is None


@pytest.mark.parametrize(("direction", "mirrored", "sending", "receiving", "held"), [
    ("sendrecv", b"sendrecv", True, True, False),
    ("sendonly", b"recvonly", False, True, True),
    ("recvonly", b"sendonly", True, False, False),
    ("inactive", b"inactive", False, False, True),
])
def test_answer_directions(ours: Negotiation, direction: str, mirrored: bytes, sending: bool, receiving: bool,
                           held: bool) -> None:
    found = ours.answer(sdp("8 PCMA", direction=direction))
    assert found is not None
    body, agreement = found
    assert body.endswith(b"a=" + mirrored + b"\r\n")
    stream = agreement.stream
    assert (stream.sending, stream.receiving, agreement.held) == (sending, receiving, held)


def test_answer_takes_their_numbers_and_refuses_the_rest_in_place(ours: Negotiation) -> None:
    found = ours.answer(sdp("0 PCMU", "8 PCMA", "96 telephone-event", more=VIDEO + "m=audio 41000 RTP/AVP 8\r\n"))
    assert found is not None
    body, agreement = found
    assert b"m=audio 16384 RTP/AVP 0 96\r\n" in body
    sections = read_sections(body)
    assert sections is not None
    assert [(one.kind, one.port) for one in sections] == [("audio", 16384), ("video", 0), ("audio", 0)]
    assert agreement.stream.port == 40000
    later = read_sections(ours.offer())
    assert later is not None
    assert [(one.kind, one.port) for one in later] == [("audio", 16384), ("video", 0), ("audio", 0)]


def test_audio_behind_video(ours: Negotiation) -> None:
    body = sdp("8 PCMA").replace(b"m=audio", VIDEO.encode() + b"m=audio")
    found = ours.answer(body)
    assert found is not None
    for written in (found[0], ours.offer()):
        sections = read_sections(written)
        assert sections is not None
        assert [(one.kind, one.port) for one in sections] == [("video", 0), ("audio", 16384)]


def test_the_version_counts_changes(ours: Negotiation) -> None:
    assert [version(ours.offer()), version(ours.offer()), version(ours.same())] == [1, 1, 1]
    found = ours.answer(sdp("8 PCMA"))
    assert found is not None
    assert version(found[0]) == 2
    again = ours.answer(sdp("8 PCMA"))
    assert again is not None
    assert again[0] == found[0] == ours.same()
    held = ours.answer(sdp("8 PCMA", direction="sendonly"))
    assert held is not None
    assert version(held[0]) == 3


def test_same_is_an_offer_at_first(ours: Negotiation) -> None:
    assert b"RTP/AVP 8 0 9 101" in ours.same()


def test_ipv6() -> None:
    assert b"c=IN IP6 2001:db8::1\r\n" in Negotiation(MediaAddress("2001:db8::1", 20000), b"1").offer()
