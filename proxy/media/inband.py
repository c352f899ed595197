"""Keys as tones in the audio (ITU-T Q.23, Q.24), for far ends without telephone-events.

The audio is looked at in blocks of 10 ms. What is quiet, or swings too slowly or too fast for two key tones, costs next
to nothing; else the share of each of the eight frequencies is measured (a discrete Fourier transform at one
frequency, as Goertzel's), and where three blocks in a row are of the same pair, two sines are fitted to the 30 ms.
The key counts where they explain nearly everything: speech and music have harmonics and change, and fail there.
"""

import math
from array import array
from collections.abc import Sequence
from itertools import pairwise
from operator import mul
from typing import Final, NamedTuple

from proxy.media.contract import SAMPLE_RATE
from proxy.media.tones import KEY_HZ

BLOCK: Final = 80
"""Samples looked at together: 10 ms."""
NEEDED: Final = 3
"""Blocks in a row of one pair: whole in every tone of 40 ms, and in none of 29 ms (Q.24: 40 ms count, 23 ms do not)."""
NEEDED_AFTER_LOSS: Final = 2
"""Of those, how many must be one after another where a packet was lost among them."""
RELEASE: Final = 3
"""Blocks without the pair after which the key is up: a break of 10 ms is none, one of 40 ms is (Q.24)."""
GAP_MAX: Final = 800
"""Samples that may be lost in a press; after more the key counts as up."""
LOSS_MAX: Final = 320
"""Samples that may be lost before a press is known, so that what came before them still counts."""
FLOOR: Final = 650.0
"""Peak of the weaker tone at least: -31 dBm0. Q.24 has -25 dBm0 for the least that counts."""
CROSSINGS: Final = range(11, 39)
"""Changes of sign in a block of two key tones, with noise."""
LOW_SHARE, HIGH_SHARE, BOTH_SHARE = 0.10, 0.05, 0.50
"""Of a block's power, before the exact fit."""
TWIST_HIGH: Final = 10 ** (5 / 10)
"""The high tone may be stronger by 4 dB (Q.24), with 1 dB for errors of measuring."""
TWIST_LOW: Final = 10 ** (9 / 10)
"""The low tone may be stronger by 8 dB."""
OFF_MAX: Final = 0.0215
"""How far off a frequency may be: between 1.5 %, which counts, and 3.5 %, which does not (Q.24)."""
REST_MAX: Final = 0.10
"""Share of the power that the two tones may leave unexplained, harmonics among it: noise 10 dB below them."""

HARMONIC_MAX: Final = 0.02
"""Share of its power that a tone's second and third harmonic may have: 17 dB below. An instrument's have more."""

LOW: Final = (697, 770, 852, 941)
HIGH: Final = (1209, 1336, 1477, 1633)
DIGIT_OF: Final = {(LOW.index(low), HIGH.index(high)): digit for digit, (low, high) in KEY_HZ.items()}

Waves = tuple[tuple[float, ...], tuple[float, ...]]


def _waves(hertz: float, count: int) -> Waves:
    turn = 2 * math.pi * hertz / SAMPLE_RATE
    return tuple(math.cos(turn * i) for i in range(count)), tuple(math.sin(turn * i) for i in range(count))


_LOW_WAVES: Final = tuple(_waves(hertz, BLOCK) for hertz in LOW)
_HIGH_WAVES: Final = tuple(_waves(hertz, BLOCK) for hertz in HIGH)
_TURN: Final = {hertz: complex(math.cos(2 * math.pi * hertz * BLOCK / SAMPLE_RATE),
                               math.sin(2 * math.pi * hertz * BLOCK / SAMPLE_RATE)) for hertz in (*LOW, *HIGH)}
"""How far the phase of a frequency goes in one block."""
_SIGNS: Final = bytes(0 if code < 128 else 1 for code in range(256))


def _dot(first: Sequence[float], second: Sequence[float]) -> float:
    return float(sum(map(mul, first, second)))


class _Pair(NamedTuple):
    """The strongest two tones of a block, and what the phase of each is."""

    low: int
    high: int
    low_phase: complex
    high_phase: complex


class ToneKeyListener:
    """Hears keys in the audio of one stream. A press is told once, some 40 ms after its begin."""

    __slots__ = ("_before", "_down", "_missed", "_next", "_rest", "_run", "_samples")

    def __init__(self) -> None:
        self._rest: array[int] = array("h")
        """Samples that do not make a block yet."""
        self._next: int | None = None
        """RTP timestamp that the next packet should have."""
        self._run: list[_Pair] = []
        self._samples: array[int] = array("h")
        """The blocks in a row of one pair, and their samples."""
        self._before: tuple[int, int] | None = None
        """The key of the blocks before a loss."""
        self._down: tuple[int, int] | None = None
        self._missed = 0
        """The key that is down, and the blocks since it was heard last."""

    def hear(self, timestamp: int, pcm: bytes) -> str | None:
        """Take a packet; the digit where a press is known by it. A late packet is nothing."""
        if self._next is not None and timestamp != self._next:
            ahead = (timestamp - self._next) & 0xFFFFFFFF
            if ahead > 0x7FFFFFFF:
                return None
            self._break(ahead)
        samples = array("h", pcm)
        self._next = (timestamp + len(samples)) & 0xFFFFFFFF
        if self._rest:
            samples = self._rest + samples
        whole = len(samples) - len(samples) % BLOCK
        self._rest = samples[whole:]
        digit: str | None = None
        for place in range(0, whole, BLOCK):
            digit = self._take(samples[place : place + BLOCK]) or digit
        return digit

    def _break(self, lost: int) -> None:
        """Samples are missing."""
        self._rest = array("h")
        if self._run and lost <= LOSS_MAX:
            self._before = self._run[-1].low, self._run[-1].high
            self._run, self._samples = [], array("h")
        else:
            self._forget()
        if lost > GAP_MAX:
            self._down = None

    def _forget(self) -> None:
        self._before = None
        if self._run:
            self._run, self._samples = [], array("h")

    def _take(self, block: "array[int]") -> str | None:
        pair = _pair_of(block)
        key = None if pair is None else (pair.low, pair.high)
        if self._down is not None:
            if key == self._down:
                self._missed = 0
                return None
            self._missed += 1
            if self._missed < RELEASE and key is None:
                return None
            if self._missed >= RELEASE:
                self._down = None
        if pair is None:
            self._forget()
            return None
        if key != ((self._run[-1].low, self._run[-1].high) if self._run else self._before):
            self._forget()
        self._run.append(pair)
        self._samples.extend(block)
        if len(self._run) < (NEEDED if self._before is None else NEEDED_AFTER_LOSS):
            return None
        told = _confirmed(self._run, self._samples)
        if told is None:
            del self._run[0]
            del self._samples[:BLOCK]
            return None
        self._forget()
        self._down, self._missed = key, 0
        return told


def _pair_of(block: "array[int]") -> _Pair | None:
    """Return the two tones of a block; None where it is nothing like a key."""
    high_bytes = block.tobytes()[1::2].translate(_SIGNS)
    if high_bytes.count(b"\x00\x01") + high_bytes.count(b"\x01\x00") not in CROSSINGS:
        return None
    power = float(sum(map(mul, block, block)))
    if power < BLOCK * FLOOR * FLOOR:  # two sines of that peak
        return None
    most = power * BLOCK / 2
    low, low_power, low_phase = _strongest(_LOW_WAVES, block)
    if low_power < LOW_SHARE * most:
        return None
    high, high_power, high_phase = _strongest(_HIGH_WAVES, block)
    if high_power < HIGH_SHARE * most or low_power + high_power < BOTH_SHARE * most:
        return None
    return _Pair(low, high, low_phase, high_phase)


def _strongest(waves: tuple[Waves, ...], block: "array[int]") -> tuple[int, float, complex]:
    best, best_power, best_phase = 0, -1.0, 0j
    for place, (cosines, sines) in enumerate(waves):
        real, imaginary = sum(map(mul, block, cosines)), -sum(map(mul, block, sines))
        power = real * real + imaginary * imaginary
        if power > best_power:
            best, best_power, best_phase = place, power, complex(real, imaginary)
    return best, best_power, best_phase


def _confirmed(run: Sequence[_Pair], samples: "array[int]") -> str | None:
    """Return the key of some blocks in a row, where two steady sines near its frequencies are nearly all there is."""
    low, high = LOW[run[0].low], HIGH[run[0].high]
    low_hertz = _exact(low, [pair.low_phase for pair in run])
    high_hertz = _exact(high, [pair.high_phase for pair in run])
    if abs(low_hertz - low) > OFF_MAX * low or abs(high_hertz - high) > OFF_MAX * high:
        return None
    low_power, high_power, rest, left = _fitted(samples, low_hertz, high_hertz)
    if min(low_power, high_power) < FLOOR * FLOOR:
        return None
    if rest > REST_MAX or high_power > TWIST_HIGH * low_power or low_power > TWIST_LOW * high_power:
        return None
    for hertz, power in ((low_hertz, low_power), (high_hertz, high_power)):
        harmonics = (times * hertz for times in (2, 3) if times * hertz < SAMPLE_RATE / 2)
        if any(_power_at(left, harmonic) > HARMONIC_MAX * power for harmonic in harmonics):
            return None
    return DIGIT_OF[run[0].low, run[0].high]


def _power_at(samples: Sequence[float], hertz: float) -> float:
    """Return the square of the peak of a frequency."""
    cosines, sines = _waves(hertz, len(samples))
    return (_dot(samples, cosines) ** 2 + _dot(samples, sines) ** 2) * 4 / len(samples) ** 2


def _exact(hertz: int, phases: Sequence[complex]) -> float:
    """Return the true frequency of a tone near `hertz`: by how its phase goes on from block to block."""
    turn = sum((after * before.conjugate() for before, after in pairwise(phases)), 0j)
    turn *= _TURN[hertz].conjugate()
    return hertz + math.atan2(turn.imag, turn.real) * SAMPLE_RATE / (2 * math.pi * BLOCK)


def _fitted(samples: "array[int]", low: float, high: float) -> tuple[float, float, float, list[float]]:
    """Fit two sines (least squares); the square of each one's peak, the share of power that is left, and what is."""
    waves = (*_waves(low, len(samples)), *_waves(high, len(samples)))
    rows = [[_dot(one, other) for other in waves] + [_dot(one, samples)] for one in waves]
    right = [row[-1] for row in rows]
    for step in range(4):  # Gauss without pivots: the matrix is symmetric and far from singular
        for place in range(step + 1, 4):
            factor = rows[place][step] / rows[step][step]
            rows[place] = [value - factor * above for value, above in zip(rows[place], rows[step], strict=True)]
    found = [0.0] * 4
    for step in reversed(range(4)):
        known = sum(rows[step][place] * found[place] for place in range(step + 1, 4))
        found[step] = (rows[step][4] - known) / rows[step][step]
    total = _dot(samples, samples)
    rest = 1 - _dot(found, right) / total
    left = [sample - sum(map(mul, found, values)) for sample, *values in zip(samples, *waves, strict=True)]
    return found[0] ** 2 + found[1] ** 2, found[2] ** 2 + found[3] ** 2, rest, left
