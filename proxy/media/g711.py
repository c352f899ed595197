"""G.711 (ITU-T), as tables: A-law (PCMA) and mu-law (PCMU) to and from PCM of 16 bits, little endian.

Each octet stands for a stretch of samples, twice as long from one segment to the next: a table of all samples is put
together of 256 stretches.
"""

from array import array
from operator import itemgetter
from typing import Final, NamedTuple

SEGMENTS: Final = 8
STEPS: Final = 16
"""Of one segment."""
LAST: Final = 0x8000
"""Magnitude of the lowest sample."""
BIAS: Final = 132
"""Of mu-law: what is added to a magnitude, so that the first segment is like the others (33 of 14 bits)."""


class Stretch(NamedTuple):
    """Magnitudes from `first` to below `end` are `middle` after coding."""

    first: int
    end: int
    middle: int


class Law:
    """One of the two laws."""

    def __init__(self, stretches: list[Stretch], positive: int, flip: int) -> None:
        """`stretches`: by code. `positive`: sign bit of positive samples; `flip`: bits that go over the wire turned."""
        codes = bytearray(1 << 16)
        low, high = bytearray(256), bytearray(256)
        for code, (first, end, middle) in enumerate(stretches):
            plus, minus = (code | positive) ^ flip, (code | positive ^ 0x80) ^ flip
            codes[first:min(end, LAST)] = bytes((plus,)) * (min(end, LAST) - first)
            begin = max(first, 1)
            codes[0x10000 - end + 1:0x10000 - begin + 1] = bytes((minus,)) * (end - begin)
            low[plus], high[plus] = middle.to_bytes(2, "little", signed=True)
            low[minus], high[minus] = (-middle).to_bytes(2, "little", signed=True)
        self._codes, self._low, self._high = bytes(codes), bytes(low), bytes(high)

    def encode(self, pcm: bytes) -> bytes:
        """PCM to payload; half a sample at the end is left out."""
        # One look-up for all of them; two more, so that there are several.
        return bytes(itemgetter(*array("H", pcm[:len(pcm) & ~1]), 0, 0)(self._codes))[:-2]

    def decode(self, payload: bytes) -> bytes:
        """Payload to PCM."""
        pcm = bytearray(2 * len(payload))
        pcm[::2] = payload.translate(self._low)
        pcm[1::2] = payload.translate(self._high)
        return bytes(pcm)


def _a_law() -> list[Stretch]:
    """The first two segments have steps of 16, each further one steps twice as long."""
    found = []
    for segment in range(SEGMENTS):
        size = 16 << max(segment - 1, 0)
        begin = STEPS * size if segment else 0
        found += [Stretch(begin + step * size, begin + (step + 1) * size, begin + step * size + size // 2)
                  for step in range(STEPS)]
    found[-1] = found[-1]._replace(end=LAST + 1)
    return found


def _mu_law() -> list[Stretch]:
    """The steps are 8 in the first segment, twice as long in each further one; what is too loud is the loudest."""
    found = []
    for segment in range(SEGMENTS):
        size = 8 << segment
        begin = STEPS * size - BIAS
        found += [Stretch(max(begin + step * size, 0), begin + (step + 1) * size, begin + step * size + size // 2)
                  for step in range(STEPS)]
    found[-1] = found[-1]._replace(end=LAST + 1)
    return found


A_LAW: Final = Law(_a_law(), positive=0x80, flip=0x55)
MU_LAW: Final = Law(_mu_law(), positive=0, flip=0xFF)
