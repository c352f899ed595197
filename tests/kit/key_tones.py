"""Keys as tones (ITU-T Q.23), by their definition and as bad as a test wants them."""

import math
import random
from collections.abc import Sequence

from tests.kit.tones import RATE

KEY_TONES = {
    digit: (low, high)
    for low, row in zip((697, 770, 852, 941), ("123A", "456B", "789C", "*0#D"), strict=True)
    for digit, high in zip(row, (1209, 1336, 1477, 1633), strict=True)
}


def key_tone(digit: str, seconds: float, *, peak: float = 4_000.0, twist: float = 0.0, off: float = 0.0,
             second: float = 0.0) -> list[float]:
    """Return one key.

    `peak`: of the low tone; `twist`: dB that the high one is stronger; `off`: share by which both frequencies are off;
    `second`: strength of the second harmonics.
    """
    result = [0.0] * round(seconds * RATE)
    for hertz, size in zip(KEY_TONES[digit], (peak, peak * 10 ** (twist / 20)), strict=True):
        turn = 2 * math.pi * hertz * (1 + off) / RATE
        for i in range(len(result)):
            result[i] += size * (math.sin(turn * i) + second * math.sin(2 * turn * i))
    return result


def noisy(chance: random.Random, samples: Sequence[float], decibels: float, peak: float = 4_000.0) -> list[float]:
    """Add white noise so many decibels below a key of that peak."""
    size = peak * 10 ** (-decibels / 20)  # two sines of one peak have its square as power
    return [value + chance.gauss(0, size) for value in samples]
