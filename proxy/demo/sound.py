"""What the demo's phones say and listen for: tones, and the recordings that Boomerang's prompts are made of."""

import math
from array import array
from collections.abc import Sequence
from typing import Final

from proxy.media.contract import SAMPLE_RATE, Clip
from proxy.media.library import Library
from proxy.media.rtp import codec

CODEC: Final = "PCMA"
PEAK: Final = 8000
TONE_SECONDS: Final = 1
"""A tone of a whole number of hertz begins again after this without a click."""
PURE: Final = 0.8
"""Part of the power that is at a tone's frequency where nothing else is to be heard; A-law leaves more than 0.99."""
FOREIGN: Final = 0.05
"""Part of the power below which a frequency is not there."""


def pause(size: int) -> bytes:
    """Return `size` bytes of silence in A-law."""
    return codec(CODEC).encode(bytes(2 * size))


def tone(hertz: int) -> bytes:
    """Return one second of a tone in A-law."""
    step = 2 * math.pi * hertz / SAMPLE_RATE
    return codec(CODEC).encode(array("h", (
        round(PEAK * math.sin(step * place)) for place in range(TONE_SECONDS * SAMPLE_RATE))).tobytes())


def power(payload: bytes, hertz: int) -> float:
    """Return how much of the power in A-law audio is at a frequency, 0 to 1 (Goertzel's algorithm)."""
    samples = array("h", codec(CODEC).decode(payload))
    total = sum(sample * sample for sample in samples)
    factor = 2 * math.cos(2 * math.pi * hertz / SAMPLE_RATE)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + factor * last - before
    found = last * last + before * before - factor * last * before
    return 2 * found / (len(samples) * total) if total else 0.0


def is_tone(payload: bytes, hertz: int, others: Sequence[int] = ()) -> bool:
    """Say whether A-law audio is this tone, with nothing of the others in it."""
    return power(payload, hertz) > PURE and all(power(payload, other) < FOREIGN for other in others)


def spoken(*clips: Clip) -> list[bytes]:
    """Return the recordings of prompts as they come in A-law, pauses left out, in the order in which they are said."""
    library = Library(None, lambda path, text: None)
    try:
        sounds = [sound.encoded(CODEC) for clip in clips for sound in library.sounds(clip)]
    finally:
        library.close()
    return [sound for sound in sounds if sound.strip(pause(1))]
