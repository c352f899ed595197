"""Tones made by us: ringback, busy, comfort noise, keys for a far end without telephone-events, and the last resort."""

import math
import random
from array import array
from functools import cache
from typing import Final, Literal

from proxy.media.contract import SAMPLE_RATE
from proxy.media.sound import Sound

Tone = Literal["ringback", "comfort", "busy", "silence"]

CALL_TONE_HZ: Final = 425
"""Ringing and busy tone over most of Europe (ETSI TR 101 041-2); in all our languages' countries but Britain."""
RING_ON, RING_OFF = 1.0, 4.0
BUSY_ON, BUSY_OFF = 0.5, 0.5
TONE_PEAK: Final = 3200
"""About -20 dBm0."""
NOISE_PEAK: Final = 24
"""About -68 dBm0: heard as an open line, not as noise."""
NOISE_SECONDS: Final = 3
FADE: Final = 40
"""Samples (5 ms) over which a tone comes and goes: an edge would be a click."""
KEY_HZ: Final = {
    digit: (low, high)
    for low, row in zip((697, 770, 852, 941), ("123A", "456B", "789C", "*0#D"), strict=True)
    for digit, high in zip(row, (1209, 1336, 1477, 1633), strict=True)
}
"""ITU-T Q.23."""
KEY_SECONDS, KEY_PAUSE = 0.1, 0.08
KEY_PEAK: Final = 7000
"""Each of the two, about -13 dBm0."""
BEEP_HZ, BEEP_SECONDS = 440, 0.4


def wave(hertz: tuple[float, ...], seconds: float, peak: int) -> bytes:
    """Return PCM of sines of that peak each, faded in and out."""
    count = round(seconds * SAMPLE_RATE)
    turns = [2 * math.pi * value / SAMPLE_RATE for value in hertz]
    return array("h", (
        int(peak * min(1.0, (i + 1) / FADE, (count - i) / FADE) * sum(math.sin(turn * i) for turn in turns))
        for i in range(count)
    )).tobytes()


def pause(seconds: float) -> bytes:
    """Return PCM of nothing."""
    return bytes(2 * round(seconds * SAMPLE_RATE))


@cache
def tone(kind: Tone) -> Sound:
    """Return one period of a tone."""
    if kind == "ringback":
        return Sound(wave((CALL_TONE_HZ,), RING_ON, TONE_PEAK) + pause(RING_OFF))
    if kind == "busy":
        return Sound(wave((CALL_TONE_HZ,), BUSY_ON, TONE_PEAK) + pause(BUSY_OFF))
    if kind == "comfort":
        chance = random.Random(0)
        count = NOISE_SECONDS * SAMPLE_RATE
        return Sound(array("h", (chance.randint(-NOISE_PEAK, NOISE_PEAK) for _ in range(count))).tobytes())
    return Sound(pause(1.0))


@cache
def key(digit: str) -> Sound:
    """Return a key as the tone of ITU-T Q.23, with a pause after it."""
    return Sound(wave(KEY_HZ[digit], KEY_SECONDS, KEY_PEAK) + pause(KEY_PAUSE))


@cache
def beep() -> Sound:
    """Return what is heard where not even an English prompt is there."""
    return Sound(wave((BEEP_HZ,), BEEP_SECONDS, TONE_PEAK))
