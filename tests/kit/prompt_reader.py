"""Says which prompts a phone heard, and which number: by comparing the audio with the recordings, wave by wave.

Nothing of the product is used but the files. What came over G.711, G.722, a jitter buffer or a resampler is still much
the same wave; another word is not.
"""

import math
import wave
from array import array
from collections.abc import Sequence
from functools import cache
from heapq import nlargest
from itertools import accumulate
from operator import mul
from pathlib import Path
from typing import NamedTuple

PROMPTS = Path(__file__).resolve().parents[2] / "proxy" / "media" / "prompts"
RATE = 8000
FRAME = 40
"""Samples that are loud or silent together: 5 ms."""
LOUD = 150
"""Mean magnitude of what is no pause, at full volume."""
PAUSE = 5
"""Silent frames before something begins."""
HEAD = 2_000
"""Samples from its begin on by which a recording is laid in place: a quarter of a second."""
COARSE = 4
"""Samples that are one at first."""
REACH = 360
"""Samples by which its begin may be mistaken: what is soft comes and goes."""
LIKELY, LIKELY_PLACES = 6, 4
"""Recordings that are compared as a whole, and where each of them may begin."""
ALIKE, HEAD_ALIKE = 0.6, 0.8
"""Correlation from which on two waves are the same: of a whole recording, and of its head where it was cut short."""
SIGNS = {**{digit: digit for digit in "0123456789"}, "plus": "+", "star": "*", "hash": "#"}


class Said(NamedTuple):
    """One recording that was heard."""

    name: str
    at: float
    """Seconds since the begin of the audio."""
    whole: bool
    """False: it was cut short."""


class _Recording(NamedTuple):
    name: str
    head: "_Wave"
    exact: "_Wave"
    """What comes first, from the first sample that is loud: coarse, and exactly."""
    halves: tuple["_Wave", "_Wave"]
    """All from there on."""
    length: int
    """Samples up to the pause behind it."""


class _Wave:
    """Samples, and their power."""

    def __init__(self, samples: Sequence[int]) -> None:
        self.samples = samples
        self.power = sum(map(mul, samples, samples))


class _Audio:
    """What was heard."""

    def __init__(self, samples: "array[int]") -> None:
        self.samples = samples
        self.coarse = coarse(samples)
        self._powers = list(accumulate(map(mul, samples, samples), initial=0))
        self._coarse_powers = list(accumulate(map(mul, self.coarse, self.coarse), initial=0))

    def alike(self, wave: _Wave, at: int) -> float:
        """Return how alike a wave and the audio from there on are, whatever their volume."""
        return self._alike(wave, self.samples, self._powers, at)

    def roughly_alike(self, wave: _Wave, at: int) -> float:
        """Return the same, coarse."""
        return self._alike(wave, self.coarse, self._coarse_powers, at // COARSE)

    def _alike(self, wave: _Wave, samples: "array[int]", powers: Sequence[int], at: int) -> float:
        end, last = at + len(wave.samples), len(powers) - 1
        power = wave.power * (powers[min(last, end)] - powers[min(last, at)])
        return sum(map(mul, wave.samples, samples[at:end])) / math.sqrt(power) if power else 0.0


def heard_prompts(pcm: bytes, language: str, rate: int = RATE, among: frozenset[str] = frozenset()) -> list[Said]:
    """Return the recordings of a language in the audio, in order. Other sounds are left out.

    `among`: names that can be there, which is faster; empty: all. A second of speech takes a third of a second.
    """
    samples = array("h", pcm)
    if rate == 2 * RATE:
        pairs = zip(samples[::2], samples[1::2], strict=False)
        samples = array("h", ((first + second) // 2 for first, second in pairs))
    audio = _Audio(samples)
    found: list[Said] = []
    behind = 0
    for begin in _begins(samples, max(map(abs, samples), default=0) / 16_000):
        if begin < behind:
            continue
        match = _match(audio, begin, _recordings(language, among))
        if match is not None:
            said, behind = match
            found.append(said)
    return found


def heard_names(pcm: bytes, language: str, rate: int = RATE, among: frozenset[str] = frozenset()) -> list[str]:
    """Return the names of the recordings, digits as signs: `["number_is", "+", "3", "6"]`."""
    return [SIGNS.get(said.name, said.name) for said in heard_prompts(pcm, language, rate, among)]


def heard_number(pcm: bytes, language: str, rate: int = RATE) -> str:
    """Return the signs that were read: `+36301234567`. Digits that a sentence names are none of them."""
    return "".join(name for name in heard_names(pcm, language, rate) if len(name) == 1)


def coarse(samples: Sequence[int]) -> "array[int]":
    """Return how the loudness rises and falls, a number for every few samples: it does not mind where they are cut."""
    sizes = list(map(abs, samples[: len(samples) - len(samples) % COARSE]))
    level = [sum(few) // COARSE for few in zip(*(sizes[place::COARSE] for place in range(COARSE)), strict=True)]
    padded = [0, 0, 0, *level]
    return array("h", (
        (now + before - old - older) // 4
        for now, before, old, older in zip(level, padded[2:], padded[1:], padded, strict=False)))


def _begins(samples: Sequence[int], volume: float) -> list[int]:
    """Return where something begins after a pause; `volume`: 1 for a recording as it is."""
    levels = [sum(map(abs, samples[place : place + FRAME])) / FRAME for place in range(0, len(samples), FRAME)]
    result, quiet = [], PAUSE
    for number, level in enumerate(levels):
        if level < LOUD * volume:
            quiet += 1
            continue
        if quiet >= PAUSE:
            result.append(number * FRAME)
        quiet = 0
    return result


@cache
def _recordings(language: str, among: frozenset[str]) -> list[_Recording]:
    result = []
    for path in sorted((PROMPTS / language).glob("*.wav")):
        if among and path.stem not in among:
            continue
        with wave.open(str(path)) as file:
            samples = array("h", file.readframes(file.getnframes()))
        begin = _begins(samples, 1.0)[0]
        head, rest = samples[begin : begin + HEAD], samples[begin:]
        halves = _Wave(rest[: len(rest) // 2]), _Wave(rest[len(rest) // 2 :])
        result.append(_Recording(path.stem, _Wave(coarse(head)), _Wave(head), halves, len(rest) - PAUSE * FRAME))
    return result


def _match(audio: _Audio, begin: int, recordings: Sequence[_Recording]) -> tuple[Said, int] | None:
    """Return the recording that begins about there, and where it ends."""
    places = range(max(0, begin - REACH), begin + REACH, COARSE)
    rough = []
    for recording in recordings:
        best = nlargest(LIKELY_PLACES, ((audio.roughly_alike(recording.head, at), at) for at in places))
        rough.append((best[0][0], best, recording))
    rough.sort(key=lambda one: -one[0])
    found = []
    for _, best, recording in rough[:LIKELY]:
        near = {at + step for _, at in best for step in range(-2 * COARSE, 2 * COARSE)}
        alike, at = max((audio.alike(recording.exact, at), at) for at in near if at >= 0)
        first, second = recording.halves
        whole = min(audio.alike(first, at), audio.alike(second, at + len(first.samples)))
        found.append((whole, alike, at, recording))
    whole, alike, at, recording = max(found, key=lambda one: one[0])
    if whole >= ALIKE:
        return Said(recording.name, at / RATE, True), at + recording.length
    _, alike, at, recording = max(found, key=lambda one: one[1])
    return (Said(recording.name, at / RATE, False), at + HEAD) if alike >= HEAD_ALIKE else None
