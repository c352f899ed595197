"""Voicemail boxes are known by their beep; what rings, is busy, plays or speaks is none."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from proxy.media.beeps import ALONE, BEFORE, LONG, LONG_RING, BeepWatch
from tests.kit import sounds
from tests.kit.tones import alaw_decode, alaw_encode, sine
from tests.proxy.media.support import run, speak_until, studio

QUIET = 3_000
TOLD = pytest.approx(LONG, abs=0.07)


def told(pcm: bytes, *, silence: float = 0.0, lost: Sequence[int] = ()) -> list[float]:
    """What is told of audio in packets of 20 ms that came through A-law, and while nothing at all comes behind it."""
    pcm = alaw_decode(alaw_encode(pcm))
    watch, result = BeepWatch(), []
    for number, place in enumerate(range(0, len(pcm) - 319, 320)):
        now = number / 50
        heard = watch.hear(pcm[place : place + 320], now) if number not in lost else None
        result += [seconds for seconds in (heard, watch.due(now)) if seconds is not None]
    for step in range(round(silence * 50)):
        seconds = watch.due(len(pcm) / 16_000 + step / 50)
        result += [seconds] if seconds is not None else []
    return result


def nothing(seconds: float) -> bytes:
    return bytes(2 * round(8_000 * seconds))


def voice(seconds: float) -> bytes:
    """A vowel: sound with harmonics."""
    return sounds.scaled(sounds.played(140, seconds, (1.0, 0.9, 0.7, 0.8, 0.5, 0.4), 0.0), 0.5)


@pytest.mark.parametrize("hertz", [300, 425, 440, 620, 950, 1_000, 1_400, 2_000])
def test_a_tone_of_two_seconds(hertz: float) -> None:
    long = LONG_RING if 335 < hertz < 505 else LONG
    expected = pytest.approx(long, abs=0.07)
    for lead in (0.0, 0.013):
        assert told(nothing(lead) + sine(hertz, 4.0, QUIET)) == [expected], "once, while it lasts"
        assert told(nothing(lead) + sine(hertz, long - 0.1, QUIET)) == []
    assert told(sine(hertz, 3.0, QUIET) + nothing(20) + sine(hertz, 3.0, QUIET)) == [expected, expected]


@pytest.mark.parametrize("seconds", [0.25, 0.4, 0.65, 1.2])
@pytest.mark.parametrize("hertz", [440, 1_000, 1_400])
def test_a_beep_that_stands_alone(hertz: float, seconds: float) -> None:
    rings = hertz == 440 and seconds > 0.6
    greeting = voice(3.0) + nothing(1)
    beep = sine(hertz, seconds, QUIET)
    for told_by in (told(greeting + beep, silence=ALONE + 1), told(greeting + beep + nothing(ALONE + 1))):
        assert told_by == ([] if rings else [pytest.approx(seconds, abs=0.05)])
    assert told(greeting + beep, silence=ALONE - 0.5) == [], "not yet"
    assert told(greeting + beep + nothing(6) + beep, silence=ALONE + 1) == [], "again and again"
    assert told(greeting + beep + nothing(4) + sine(700, 0.1) + sine(1_700, 0.1), silence=ALONE + 1) == [], \
        "somebody goes on"


@pytest.mark.parametrize("every", [10.0, 15.0, 20.0, 45.0])
@pytest.mark.parametrize(("hertz", "seconds"), [(1_400, 0.5), (1_000, 0.25), (440, 0.4), (700, 0.4)])
def test_a_silent_queue_that_beeps_now_and_then(hertz: float, seconds: float, every: float) -> None:
    beep = sine(hertz, seconds, QUIET) + nothing(every - seconds)
    for lead in (0.0, 0.013, 5.0):
        assert told(nothing(lead) + 3 * beep, silence=ALONE + 1) == []
    assert told(voice(3.0) + nothing(BEFORE + 1) + 3 * beep) == [], "what was said long before is no greeting"


def test_a_beep_needs_a_greeting() -> None:
    beep = nothing(0.5) + sine(700, 0.4, QUIET)
    assert told(voice(0.3) + beep, silence=ALONE + 1) == [], "a click or a cough is none"
    sentence = voice(0.6) + nothing(2)
    assert told(2 * sentence + beep, silence=ALONE + 1) == [pytest.approx(0.4, abs=0.05)], "with pauses"
    assert told(b"".join(voice(0.1) + nothing(BEFORE + 1) for _ in range(12)) + beep, silence=ALONE + 1) == []


def test_a_click_is_no_beep() -> None:
    assert told(voice(2.0) + sine(1_000, 0.15, QUIET), silence=ALONE + 1) == []
    assert told(voice(2.0) + sine(1_000, 1.0, 80), silence=ALONE + 1) == [], "nor is what can hardly be heard"


def test_a_tone_with_holes() -> None:
    assert told(sine(1_000, 3.0, QUIET), lost=(20, 21, 60)) == [TOLD]


@pytest.mark.parametrize("name", [*sounds.RINGBACKS, *sounds.OTHER_TONES])
@pytest.mark.parametrize("loud", [0.1, 0.5])
def test_tones_of_networks(name: str, loud: float) -> None:
    """What rings or is busy, as long as it goes on, and ringing that ends."""
    hertz, times = {**sounds.RINGBACKS, **sounds.OTHER_TONES}[name]
    assert told(sounds.scaled(sounds.cadence(hertz, times, 5), loud)) == []
    if name in sounds.RINGBACKS:
        assert told(sounds.scaled(sounds.cadence(hertz, times, 2), loud), silence=ALONE + 1) == []


def test_music_on_hold() -> None:
    pieces = list(sounds.music(11, 60.0))
    assert told(b"".join(pieces)) == []


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_a_greeting_and_then_the_beep() -> None:
    greeting = b"".join(sounds.speech(5, 40.0))
    assert told(greeting, silence=ALONE + 1) == []
    assert told(greeting + nothing(0.5) + sine(1_000, 0.4, QUIET), silence=ALONE + 1) == [pytest.approx(0.4, abs=0.05)]


def test_it_is_told_to_who_asked(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with studio(tmp_path) as it:
            a, b = await it.session("a"), await it.session("b")
            it.media.watch_tone("a", True)
            await a.phone.speak(1_000, 1.0)
            b.phone.send(bytes(160))
            await speak_until(a.phone, 1_000, lambda: a.ears.tones, "the tone")
            assert a.ears.tones == [TOLD]
            it.media.watch_tone("a", False)
            await a.phone.speak(1_200, 2.2)
            assert a.ears.tones == [TOLD]
            assert b.ears.tones == []

    run(scenario())
