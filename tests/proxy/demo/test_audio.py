"""The ears that the demo's claims about audio rest on: they must not hear what was not said, nor in another order."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import pytest

from proxy.demo import waiting
from proxy.demo.audio import Audio
from proxy.demo.sound import is_tone, pause, power, spoken, tone
from proxy.demo.waiting import DemoError, News
from proxy.media.contract import Clip
from proxy.media.rtp import codec, parse_event, payload_of
from tests.kit.tones import alaw_encode, sine
from tests.kit.waiting import PATIENCE

OFFER = (b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
         b"m=audio %d RTP/AVP 9 8 96\r\na=rtpmap:96 telephone-event/8000\r\n")
NUMBER = Clip("digits", digits="+3612")

Play = Callable[[], Coroutine[None, None, None]]


class Far(asyncio.DatagramProtocol):
    """Whoever the phone talks to: keeps the packets."""

    def __init__(self) -> None:
        self.came: list[bytes] = []
        self.news = asyncio.Event()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.came.append(data)
        self.news.set()

    async def packets(self, count: int) -> list[bytes]:
        async with asyncio.timeout(PATIENCE):
            while len(self.came) < count:
                self.news.clear()
                await self.news.wait()
        return self.came


@asynccontextmanager
async def phone() -> AsyncIterator[Audio]:
    audio = Audio(News())
    await audio.open()
    try:
        yield audio
    finally:
        audio.close()


@asynccontextmanager
async def talking() -> AsyncIterator[tuple[Audio, Far]]:
    """A phone that sends, and its far end."""
    loop = asyncio.get_running_loop()
    transport, far = await loop.create_datagram_endpoint(Far, local_addr=("127.0.0.1", 0))
    try:
        async with phone() as audio:
            answer = audio.answer(OFFER % transport.get_extra_info("sockname")[1])
            assert b"RTP/AVP 8 96\r\n" in answer
            yield audio, far
    finally:
        transport.close()


def test_tones_are_told_from_each_other_and_from_silence() -> None:
    for hertz in (600, 1000):
        assert is_tone(tone(hertz), hertz)
        assert is_tone(alaw_encode(sine(hertz, 0.3)), hertz)
        assert not is_tone(tone(hertz), 1600 - hertz)
    mixed = codec("PCMA").encode(bytes(16)) + tone(600)[:1200] + tone(1000)[:1200]
    assert not is_tone(mixed, 600)
    assert not is_tone(tone(600)[:2000] + tone(1000)[:400], 600, [1000])
    assert power(pause(2400), 600) < 0.001
    assert power(b"", 600) == 0


def test_a_number_is_a_recording_for_each_sign_without_pauses() -> None:
    said = spoken(NUMBER)
    assert len(said) == 5
    assert len(set(said)) == 5
    assert spoken(Clip("digits", digits="+3612")) == said
    assert spoken(Clip("digits", digits="3"), Clip("digits", digits="1")) == [said[1], said[3]]


def test_words_are_heard_in_their_order_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PATIENCE", 0.05)

    async def play() -> None:
        plus, three, six, one, two = spoken(NUMBER)
        async with phone() as audio:
            audio.heard += pause(100) + plus + pause(480) + three + six + one + two + pause(10)
            end = await audio.hears("it", [plus, three, six, one, two])
            assert end == len(audio.heard) - 10
            for wrong in ([plus, six, three], [two, two], [one, two, plus]):
                with pytest.raises(DemoError, match="did not come within"):
                    await audio.hears("it", wrong)
            audio.heard[len(pause(100)) + 50] ^= 1
            with pytest.raises(DemoError, match="1 of 1 recordings"):
                await audio.hears("it", [plus])

    asyncio.run(play())


def test_what_is_said_arrives_frame_by_frame() -> None:
    async def play() -> None:
        async with talking() as (audio, far):
            audio.say(tone(600))
            packets = await far.packets(20)
            sequence = [int.from_bytes(packet[2:4], "big") for packet in packets]
            assert [(one - sequence[0]) & 0xFFFF for one in sequence] == list(range(len(packets)))
            assert is_tone(b"".join(payload_of(packet) or b"" for packet in packets[3:]), 600)

    asyncio.run(play())


def test_a_key_is_one_press_in_the_number_that_was_offered() -> None:
    async def play() -> None:
        async with talking() as (audio, far):
            audio.press("1")
            await far.packets(14)
        keys = [packet for packet in far.came if packet[1] & 127 == 96]
        events = [parse_event(packet[12:]) for packet in keys]
        assert len({packet[4:8] for packet in keys}) == 1, "one timestamp is one press"
        assert [event.digit for event in events if event] == ["1"] * 8
        assert [event.end for event in events if event] == [False] * 5 + [True] * 3
        assert [packet[1] > 127 for packet in keys] == [True] + [False] * 7

    asyncio.run(play())


def test_a_tone_must_come_after_the_question() -> None:
    async def play() -> None:
        async with phone() as audio:
            audio.heard += tone(1000)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await audio.hears_tone("it", 1000)
            task = asyncio.create_task(audio.hears_tone("it", 1000, [600]))
            await asyncio.sleep(0)
            for said, heard in ((tone(600)[:3000], False), (tone(1000)[:3000], True)):
                for place in range(0, 3000, 160):
                    audio.datagram_received(b"\x80\x08" + bytes(10) + said[place : place + 160], ("127.0.0.1", 9))
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
                assert task.done() is heard
            await task

    asyncio.run(play())


@pytest.mark.parametrize("offer", [
    b"", b"v=0\r\n", OFFER.replace(b"RTP/AVP 9 8 96", b"RTP/SAVP 8 96") % 9, OFFER.replace(b" 8 96", b" 0 96") % 9,
    OFFER.replace(b"m=audio %d", b"m=audio 0"), OFFER.partition(b"a=")[0] % 9])
def test_an_offer_without_what_a_phone_needs_is_said(offer: bytes) -> None:
    async def play() -> None:
        async with phone() as audio:
            with pytest.raises(DemoError, match="the offer has"):
                audio.answer(offer)

    asyncio.run(play())
