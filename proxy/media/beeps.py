"""Whether a machine is at the other end: a single tone that lasts, or speech, one beep, and silence.

A voicemail box greets, beeps and then listens. What rings or is busy beeps again and again, for two seconds at most; a
ringing tone (340 to 500 Hz) for two and a half within the limits of ITU-T E.180 section 4, so that only one that goes
on is none of it. A queue may be silent but for a beep now and then: nobody spoke before that. 425 Hz for a second may
come only every ten seconds (Serbia), and is never a beep. Music and speech are no single tones for that long: they have
harmonics, and do not stay where they are.
"""

import math
from array import array
from collections.abc import Sequence
from operator import mul
from typing import Final, NamedTuple

from proxy.media.contract import SAMPLE_RATE

LONG: Final = 2.0
"""Seconds of a single tone that are told at once."""
LONG_RING: Final = 2.8
"""As `LONG`, where the tone may be a ringing one: 2.0 s in Turkey, 2.5 s are the most that is accepted."""
SHORT: Final = 0.2
"""Seconds that a beep takes at least."""
ALONE: Final = 8.0
"""Seconds of silence that must follow on a beep, and of anything but another tone before it."""
FRAME_MIN: Final = 80
"""Samples that can be judged."""
LOUD: Final = 150.0
"""Root mean square from which on there is a sound: about -46 dBm0."""
PURE: Final = 0.92
"""Share of the power at one frequency that makes a single tone."""
HERTZ: Final = (280.0, 2200.0)
"""Where beeps are."""
DRIFT: Final = 0.015
"""How far the frequency may move."""
STEADY: Final = (0.5, 2.0)
"""How much the power may change: 3 dB."""
SPOKEN: Final = 1.0
"""Seconds of sound other than a tone that must have come before a beep: a greeting."""
BEFORE: Final = 10.0
"""Seconds without such a sound after which what was said before does not count any more."""
RINGING: Final = (335.0, 505.0, 0.6)
"""Lowest and highest frequency of ringing tones, and the seconds from which on a tone can be one (ITU-T E.180)."""
HOLE: Final = 0.06
"""Seconds of a tone that may be lost."""


class Tone(NamedTuple):
    """One frequency, as far as it is nearly all there is."""

    hertz: float
    power: float


class BeepWatch:
    """Hears single tones in the audio of one stream; `hear` and `due` say how long one was, in seconds."""

    def __init__(self) -> None:
        self._tone: Tone | None = None
        """What is heard now."""
        self._length = 0.0
        self._hole = 0.0
        """Its seconds, and those since it was heard last."""
        self._told = False
        self._heard_at = 0.0
        """When the last packet came."""
        self._ended_at = -math.inf
        """When the last tone of any length ended."""
        self._beep: float | None = None
        """Seconds of a beep that has been followed by nothing so far."""
        self._spoken, self._spoken_at = 0.0, -math.inf
        """Seconds of sound other than a tone, and when the last of it came."""

    def hear(self, pcm: bytes, now: float) -> float | None:
        """Take a packet; the seconds of a tone that has just become long."""
        samples = array("h", pcm)
        if len(samples) < FRAME_MIN:
            return None
        seconds = len(samples) / SAMPLE_RATE
        self._heard_at = now
        power = sum(map(mul, samples, samples)) / len(samples)
        found = single(samples, power) if power >= LOUD * LOUD else None
        if found is not None and self._tone is not None and _same(found, self._tone):
            self._length += seconds + self._hole
            self._hole = 0.0
            return self._long()
        if self._tone is not None:
            self._hole += seconds
            if found is None and self._hole <= HOLE:
                return None  # the end of the tone, or something beside it for a moment
            self._end(now)
        elif found is None and power >= LOUD * LOUD:
            self._speak(seconds, now)
        if found is not None:
            self._tone, self._length, self._beep = found, seconds, None
        return None

    def due(self, now: float) -> float | None:
        """Return the seconds of a beep that has stood alone for long enough: asked again and again."""
        if self._tone is not None and now - self._heard_at > HOLE:
            self._end(self._heard_at)  # nothing comes at all
        if self._beep is None or now - self._ended_at < ALONE:
            return None
        beep, self._beep = self._beep, None
        return beep

    def _long(self) -> float | None:
        if self._told or self._length < (LONG_RING if self._may_ring() else LONG):
            return None
        self._told = True
        return round(self._length, 2)

    def _may_ring(self) -> bool:
        """Whether the tone may be a ringing one, by its frequency."""
        lowest, highest, _ = RINGING
        return self._tone is not None and lowest <= self._tone.hertz <= highest

    def _speak(self, seconds: float, now: float) -> None:
        """There is sound, and it is no tone."""
        self._beep = None
        self._spoken = seconds if now - self._spoken_at > BEFORE else self._spoken + seconds
        self._spoken_at = now

    def _end(self, now: float) -> None:
        """The tone is over: it may have been a beep."""
        rings = self._may_ring() and self._length >= RINGING[2]
        began = now - self._length
        greeted = self._spoken >= SPOKEN and began - self._spoken_at <= BEFORE
        if self._length >= SHORT:
            if not self._told:
                alone = began - self._ended_at >= ALONE
                self._beep = round(self._length, 2) if alone and greeted and not rings else None
            self._ended_at = now
        self._tone, self._length, self._hole, self._told = None, 0.0, 0.0, False


def single(samples: Sequence[int], power: float) -> Tone | None:
    """Return the frequency that is nearly all of some samples; `power`: their mean square."""
    first, second = sum(map(mul, samples, samples[1:])), sum(map(mul, samples, samples[2:]))
    if not first:
        return None
    cosine = (second + math.copysign(math.sqrt(second * second + 8.0 * first * first), first)) / (4.0 * first)
    if not -1.0 < cosine < 1.0:
        return None
    turn = math.acos(cosine)  # after Pisarenko: white noise does not move it
    hertz = turn * SAMPLE_RATE / (2 * math.pi)
    if not HERTZ[0] <= hertz <= HERTZ[1]:
        return None
    count = len(samples)
    real = sum(map(mul, samples, [math.cos(turn * place) for place in range(count)]))
    imaginary = sum(map(mul, samples, [math.sin(turn * place) for place in range(count)]))
    share = 2 * (real * real + imaginary * imaginary) / (count * count * power)
    return Tone(hertz, power) if share >= PURE else None


def _same(found: Tone, before: Tone) -> bool:
    least, most = STEADY
    return abs(found.hertz - before.hertz) <= DRIFT * before.hertz and least <= found.power / before.power <= most
