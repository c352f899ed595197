"""Keys in the audio: what ITU-T Q.24 says counts and what it says does not, noise, loss, speech and music."""

import random
import shutil
from array import array
from collections.abc import Sequence
from pathlib import Path

import pytest

from proxy.media.inband import ToneKeyListener
from proxy.media.rtp import codec
from tests.kit import sounds
from tests.kit.key_tones import KEY_TONES, key_tone, noisy
from tests.kit.tones import RATE, alaw_decode, alaw_encode
from tests.proxy.media.support import run, studio, until

ALL = "0123456789*#ABCD"


def silence(seconds: float) -> list[float]:
    return [0.0] * round(seconds * RATE)


def heard(samples: Sequence[float], *, lost: Sequence[int] = (), size: int = 160, start: int = 0) -> str:
    """What is heard of samples that came through A-law, in packets; `lost`: numbers of those that did not."""
    pcm = alaw_decode(alaw_encode(array("h", (max(-32_767, min(32_767, round(value))) for value in samples)).tobytes()))
    listener, digits = ToneKeyListener(), ""
    for number, place in enumerate(range(0, len(pcm) - 2 * size + 1, 2 * size)):
        if number not in lost:
            digits += listener.hear((start + place // 2) & 0xFFFFFFFF, pcm[place : place + 2 * size]) or ""
    return digits


def pressed(digit: str, seconds: float = 0.04, shift: int = 0, **tone: float) -> list[float]:
    """A key that begins at any place in a packet."""
    return [*silence(0.06), *[0.0] * shift, *key_tone(digit, seconds, **tone), *silence(0.08)]


@pytest.mark.parametrize("digit", ALL)
@pytest.mark.parametrize("shift", [0, 13, 39, 41, 77, 120])
def test_every_key_of_40_ms_wherever_it_begins(digit: str, shift: int) -> None:
    assert heard(pressed(digit, shift=shift)) == digit
    assert heard(pressed(digit, 1.5, shift)) == digit, "a long press is one"


@pytest.mark.parametrize("size", [80, 160, 240, 320, 100])
def test_packets_of_any_length(size: int) -> None:
    samples = [value for digit in ALL for value in pressed(digit, 0.06)]
    assert heard(samples, size=size) == ALL
    assert heard(samples, size=size, start=0xFFFFFF00) == ALL, "the timestamp may turn over"


@pytest.mark.parametrize(("tone", "counts"), [
    ({"off": 0.015}, True), ({"off": -0.015}, True), ({"off": 0.035}, False), ({"off": -0.035}, False),
    ({"twist": 4.0}, True), ({"twist": -8.0}, True), ({"twist": 7.0}, False), ({"twist": -11.0}, False),
    ({"peak": 1_259.0}, True), ({"peak": 16_000.0}, True), ({"peak": 300.0}, False),
    ({"second": 0.08}, True), ({"second": 0.2}, False), ({"second": 0.5}, False),
])  # fmt: skip
@pytest.mark.parametrize("digit", "159D*")
def test_what_a_key_may_be_like(tone: dict[str, float], counts: bool, digit: str) -> None:
    """Frequency, twist, level, second harmonic."""
    for shift in (0, 33):
        assert heard(pressed(digit, 0.05, shift, **tone)) == (digit if counts else "")


@pytest.mark.parametrize("shift", range(0, 160, 20))
def test_short_ones_do_not_count_and_short_breaks_part_nothing(shift: int) -> None:
    assert heard(pressed("5", 0.023, shift)) == ""
    tone = key_tone("5", 0.06)
    assert heard([*silence(0.05), *[0.0] * shift, *tone, *silence(0.01), *tone, *silence(0.1)]) == "5"
    assert heard([*silence(0.05), *[0.0] * shift, *tone, *silence(0.04), *tone, *silence(0.1)]) == "55"
    assert heard([*silence(0.05), *[0.0] * shift, *tone, *key_tone("6", 0.06), *silence(0.1)]) in ("5", "56")


def test_one_frequency_alone_is_no_key() -> None:
    for hertz in {value for pair in KEY_TONES.values() for value in pair}:
        assert heard([*silence(0.05), *sounds.played(hertz, 0.3, (8_000.0,), 0.0)]) == ""


def test_all_keys_in_noise() -> None:
    chance = random.Random(5)
    samples = noisy(chance, [value for digit in ALL * 6 for value in pressed(digit, 0.05, chance.randrange(160))], 15.0)
    assert heard(samples) == ALL * 6


def test_all_keys_where_a_packet_in_a_hundred_is_lost() -> None:
    chance = random.Random(6)
    digits = "".join(chance.choice(ALL) for _ in range(300))
    samples = [value for digit in digits for value in pressed(digit, 0.1, chance.randrange(160))]
    lost = [number for number in range(len(samples) // 160) if chance.random() < 0.01]
    assert len(lost) > 20
    assert heard(samples, lost=lost) == digits


@pytest.mark.parametrize("lost", range(10))
def test_any_packet_of_a_press_may_be_lost(lost: int) -> None:
    for shift in range(0, 160, 40):
        assert heard(pressed("7", 0.1, shift), lost=[lost]) == "7"


def test_late_packets_are_nothing() -> None:
    listener = ToneKeyListener()
    pcm = array("h", map(round, key_tone("3", 0.06))).tobytes()
    first, second, third = pcm[:320], pcm[320:640], pcm[640:]
    assert listener.hear(160, second) is None
    assert listener.hear(0, first) is None
    assert listener.hear(320, third) == "3"
    assert listener.hear(160, second) is None
    assert listener.hear(320, third) is None


@pytest.mark.parametrize("name", ["PCMU", "G722"])
def test_through_the_other_codecs(name: str) -> None:
    engine = codec("PCMU" if name == "PCMU" else "G722")
    other = codec("PCMU" if name == "PCMU" else "G722")
    samples = array("h", (round(value) for digit in ALL for value in pressed(digit, 0.06)))
    pcm = other.decode(engine.encode(samples.tobytes()))
    listener = ToneKeyListener()
    found = [listener.hear(place // 2, pcm[place : place + 320]) for place in range(0, len(pcm) - 319, 320)]
    assert "".join(filter(None, found)) == ALL


def test_no_key_in_music_and_in_tones_of_networks() -> None:
    """A slice: `python -m tests.bench.keys` takes the hours."""
    for piece in sounds.music(3, 40.0):
        assert heard(array("h", piece)) == ""


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_no_key_in_speech() -> None:
    for piece in sounds.speech(4, 45.0):
        assert heard(array("h", piece)) == ""


def test_a_phone_that_sends_tones_and_one_that_sends_both(tmp_path: Path) -> None:
    """Of a press that comes both ways RFC 4733 wins, and from then on nothing else is listened to."""

    async def scenario() -> None:
        async with studio(tmp_path, inband_keys=True) as it:
            a, b = await it.session("a"), await it.session("b")
            it.media.join("a", "b")
            await a.phone.say([*key_tone("1", 0.1), *silence(0.1), *key_tone("#", 0.1), *silence(0.1)])
            await until(lambda: a.ears.digits == "1#", "both are told")
            assert b.phone.key_packets() == [], "the tone itself has passed"
            await b.phone.say(key_tone("5", 0.04))
            await until(lambda: b.ears.digits == "5", "the begin of the tone that slipped through")
            b.phone.press("5")
            b.phone.press("6")
            await until(lambda: b.ears.digits == "56", "the same press once, and the next")
            await b.phone.say([*silence(0.1), *key_tone("7", 0.1), *silence(0.1)])
            it.media.watch_keys("a", False)
            await a.phone.say([*key_tone("2", 0.1), *silence(0.1)])
            it.media.watch_keys("a", True)
            await a.phone.say([*key_tone("3", 0.1), *silence(0.1)])
            await until(lambda: a.ears.digits == "1#3", "asked for again")
            assert b.ears.digits == "56"

    run(scenario())


def test_tones_are_no_keys_where_nobody_asked(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with studio(tmp_path) as it:
            a = await it.session("a")
            it.media.watch_keys("a", True)
            await a.phone.say([*key_tone("1", 0.1), *silence(0.1)])
            a.phone.press("9")
            await until(lambda: a.ears.digits == "9", "the other key")

    run(scenario())
