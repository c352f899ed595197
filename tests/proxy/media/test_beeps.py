"""Voicemail boxes are known by their beep; what rings, is busy, plays or speaks is none."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from proxy.media.beeps import ALONE, LONG, BeepWatch
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


@pytest.mark.parametrize("hertz", [300, 425, 440, 620, 950, 1_000, 1_400, 2_000])
def test_a_tone_of_two_seconds(hertz: float) -> None:
    for lead in (0.0, 0.013):
        assert told(nothing(lead) + sine(hertz, 3.0, QUIET)) == [TOLD], "once, while it lasts"
        assert told(nothing(lead) + sine(hertz, 1.9, QUIET)) == []
    assert told(sine(hertz, 2.2, QUIET) + nothing(20) + sine(hertz, 2.2, QUIET)) == [TOLD, TOLD]


@pytest.mark.parametrize("seconds", [0.25, 0.4, 0.65, 1.2])
@pytest.mark.parametrize("hertz", [440, 1_000, 1_400])
def test_a_beep_that_stands_alone(hertz: float, seconds: float) -> None:
    rings = hertz == 440 and seconds > 0.7
    beep = sine(hertz, seconds, QUIET)
    for told_by in (told(nothing(1) + beep, silence=ALONE + 1), told(nothing(1) + beep + nothing(ALONE + 1))):
        assert told_by == ([] if rings else [pytest.approx(seconds, abs=0.05)])
    assert told(beep, silence=ALONE - 0.5) == [], "not yet"
    assert told(beep + nothing(6) + beep, silence=ALONE + 1) == [], "again and again"
    assert told(beep + nothing(4) + sine(700, 0.1) + sine(1_700, 0.1), silence=ALONE + 1) == [], "somebody goes on"


def test_a_click_is_no_beep() -> None:
    assert told(sine(1_000, 0.15, QUIET), silence=ALONE + 1) == []
    assert told(sine(1_000, 1.0, 80), silence=ALONE + 1) == [], "nor is what can hardly be heard"


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
