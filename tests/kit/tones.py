"""Tones to speak with and to listen for, and G.711 by its definition: without the product or its libraries."""

import math
from array import array
from collections.abc import Iterable

RATE = 8000
PEAK = 8000


def sine(hertz: float, seconds: float, peak: int = PEAK, rate: int = RATE) -> bytes:
    """Return 16 bit PCM of a tone."""
    return array("h", (
        round(peak * math.sin(2 * math.pi * hertz * i / rate)) for i in range(round(seconds * rate)))).tobytes()


def power(pcm: bytes, hertz: float, rate: int = RATE) -> float:
    """Return how much of the audio's power is at a frequency, 0 to 1 (Goertzel)."""
    samples = array("h", pcm)
    total = sum(sample * sample for sample in samples)
    if not total:
        return 0.0
    factor = 2 * math.cos(2 * math.pi * hertz / rate)
    older = old = 0.0
    for sample in samples:
        older, old = old, sample + factor * old - older
    magnitude = old * old + older * older - factor * old * older
    return 2 * magnitude / (len(samples) * total)


def loudness(pcm: bytes) -> float:
    """Return the root mean square."""
    samples = array("h", pcm)
    return math.sqrt(sum(sample * sample for sample in samples) / len(samples)) if samples else 0.0


def heard(pcm: bytes, hertz: float, others: Iterable[float] = (), rate: int = RATE) -> bool:
    """Say whether the audio is this tone, and none of the others."""
    return power(pcm, hertz, rate) > 0.8 and all(power(pcm, other, rate) < 0.05 for other in others)


def alaw_decode(payload: bytes) -> bytes:
    """The sample of each code word."""
    return array("h", map(_ALAW_SAMPLES.__getitem__, payload)).tobytes()


def alaw_encode(pcm: bytes) -> bytes:
    """The code word nearest to each sample."""
    return bytes(map(_ALAW_WORDS.__getitem__, array("H", pcm)))


def ulaw_decode(payload: bytes) -> bytes:
    """The sample of each code word."""
    return array("h", map(_ULAW_SAMPLES.__getitem__, payload)).tobytes()


def ulaw_encode(pcm: bytes) -> bytes:
    """The code word nearest to each sample."""
    return bytes(map(_ULAW_WORDS.__getitem__, array("H", pcm)))


def _alaw(word: int) -> int:
    """ITU-T G.711 table 1: sign, segment, step; even bits inverted."""
    code = word ^ 0x55
    segment, step = code >> 4 & 7, code & 15
    value = (step << 4) + 8 if segment == 0 else (step << 4) + 0x108 << segment - 1
    return value if code & 0x80 else -value


def _ulaw(word: int) -> int:
    """ITU-T G.711 table 2: all bits inverted, bias 132."""
    code = word ^ 0xFF
    value = (((code & 15) << 3) + 132 << (code >> 4 & 7)) - 132
    return -value if code & 0x80 else value


def _nearest(samples: list[int]) -> bytes:
    """Code word for each sample of 16 bits, of which the upper 13 count; negative ones behind the others."""
    table = sorted(zip(samples, range(256), strict=True))
    values = [value for value, _ in table]
    result, place = bytearray(), 0
    for sample in range(-32768, 32768, 8):
        while place + 1 < 256 and abs(values[place + 1] - sample) <= abs(values[place] - sample):
            place += 1
        result += bytes((table[place][1],)) * 8
    return bytes(result[32768:] + result[:32768])


# Minutes of audio go through these in some tests: by tables, a sample costs a look-up.
_ALAW_SAMPLES = [_alaw(word) for word in range(256)]
_ULAW_SAMPLES = [_ulaw(word) for word in range(256)]
_ALAW_WORDS = _nearest(_ALAW_SAMPLES)
_ULAW_WORDS = _nearest(_ULAW_SAMPLES)
