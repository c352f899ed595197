"""WAV files: any that people upload are read into 8 kHz PCM, recordings and prompts are written."""

from __future__ import annotations  # array takes a parameter only in annotations before Python 3.12

import math
import struct
from array import array
from functools import lru_cache
from operator import mul
from pathlib import Path
from typing import Final

from proxy.media.contract import SAMPLE_RATE

HEADER_BYTES: Final = 44
SIZE_MAX: Final = 64 * 1024 * 1024
"""Largest file that is read."""
SECONDS_MAX: Final = 300
"""Longest prompt; the rest of a longer one is left out."""
RATES: Final = range(4_000, 192_001)
PCM, FLOAT, ALAW, MULAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
"""Format codes (RFC 2361)."""
TAPS: Final = 16
"""Zero crossings of the low-pass filter on each side of a sample."""
PHASES_MAX: Final = 480
"""Places between two samples that are told apart: all that usual rates have, the nearest one for rates beside them."""
CUTOFF: Final = 0.92
"""Edge of the low-pass filter, as a part of the smaller of the two half rates."""


class WavError(Exception):
    """A file that is no WAV, or one in a form that is not read."""


def header(size: int, channels: int = 1, rate: int = SAMPLE_RATE) -> bytes:
    """Return the header of a 16 bit PCM file with `size` bytes of samples."""
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", HEADER_BYTES - 8 + size, b"WAVE", b"fmt ", 16, PCM, channels,
                       rate, rate * channels * 2, channels * 2, 16, b"data", size)


def read_wav(path: Path) -> bytes:
    """Return a file's audio as 8 kHz 16 bit PCM, its channels mixed into one. Raises WavError, OSError."""
    (code, channels, rate, width), samples = _chunks(_content(path))
    if not 1 <= channels <= 8 or rate not in RATES:
        raise WavError(f"it has {channels} channels at {rate} Hz")
    values = _values(code, width, samples)
    if channels > 1:
        frames = len(values) // channels
        tracks = [values[place : frames * channels : channels] for place in range(channels)]
        values = array("h", (sum(frame) // channels for frame in zip(*tracks, strict=True)))
    if not values:
        raise WavError("there is no audio in it")
    return resampled(values[: SECONDS_MAX * rate], rate).tobytes()


def plain_wav(path: Path) -> bytes | None:
    """Return a file's audio where it is 8 kHz 16 bit PCM of one channel already, else None. Raises as `read_wav`."""
    form, samples = _chunks(_content(path))
    if form != (PCM, 1, SAMPLE_RATE, 16) or len(samples) < 2:
        return None
    return samples[: min(len(samples) // 2, SECONDS_MAX * SAMPLE_RATE) * 2]


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(SIZE_MAX + 1)
    if len(data) > SIZE_MAX:
        raise WavError("it is larger than 64 MiB")
    return data


def _chunks(data: bytes) -> tuple[tuple[int, int, int, int], bytes]:
    """Return (format code, channels, rate, bits a sample) and the bytes of the samples."""
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise WavError("it is no WAV file")
    form: tuple[int, int, int, int] | None = None
    place = 12
    while place + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, place)
        body = data[place + 8 : place + 8 + size]
        if name == b"fmt " and len(body) >= 16:
            code, channels, rate, _, _, width = struct.unpack_from("<HHIIHH", body)
            if code == EXTENSIBLE and len(body) >= 26:
                code = struct.unpack_from("<H", body, 24)[0]
            form = (code, channels, rate, width)
        elif name == b"data" and form is not None:
            return form, body  # a size that is too large, as streaming writers leave it, ends with the file
        place += 8 + size + size % 2
    raise WavError("its format or its audio is missing")


def _values(code: int, width: int, data: bytes) -> array[int]:
    """Return samples of 16 bits, whatever they were."""
    if code == PCM and width == 16:
        return array("h", data[: len(data) // 2 * 2])
    if code == PCM and width == 8:
        return array("h", ((value - 128) << 8 for value in data))
    if code == PCM and width in (24, 32):
        step = width // 8
        whole = len(data) // step * step
        both = bytearray(whole // step * 2)
        both[0::2] = data[step - 2 : whole : step]
        both[1::2] = data[step - 1 : whole : step]
        return array("h", bytes(both))
    if code == FLOAT and width == 32:
        floats = array("f", data[: len(data) // 4 * 4])
        return array("h", (int(max(-1.0, min(1.0, value)) * 32767) if math.isfinite(value) else 0 for value in floats))
    if code in (ALAW, MULAW) and width == 8:
        from proxy.media.rtp import codec  # its tables take a while to make, and few files need one

        return array("h", codec("PCMA" if code == ALAW else "PCMU").decode(data))
    raise WavError(f"its format is {code} with {width} bits")


def resampled(samples: array[int], rate: int) -> array[int]:
    """Return samples at 8 kHz, by a windowed sinc for each of the places between two samples that occur."""
    if rate == SAMPLE_RATE:
        return samples
    common = math.gcd(rate, SAMPLE_RATE)
    up, down = SAMPLE_RATE // common, rate // common
    phases = min(up, PHASES_MAX)
    filters = _filters(phases, down / up)
    half = len(filters[0]) // 2
    padded = array("h", bytes(2 * half)) + samples + array("h", bytes(2 * half))
    result = array("h")
    for number in range(len(samples) * up // down):
        whole, phase = divmod(number * down, up)
        weights = filters[phase * phases // up]
        value = sum(map(mul, padded[whole + 1 : whole + 1 + len(weights)], weights))
        result.append(max(-32768, min(32767, round(value))))
    return result


@lru_cache(maxsize=8)
def _filters(count: int, step: float) -> tuple[tuple[float, ...], ...]:
    """Return a low-pass filter (Hann window) for each of `count` places between two samples.

    `step`: samples that come for each that goes.
    """
    edge = CUTOFF * min(1.0, 1 / step)
    half = math.ceil(TAPS / edge)
    phases = []
    for phase in range(count):
        weights = []
        for place in range(1 - half, half + 1):
            x = place - phase / count
            window = 0.5 + 0.5 * math.cos(math.pi * x / half) if abs(x) < half else 0.0
            weights.append(window * edge * (math.sin(math.pi * edge * x) / (math.pi * edge * x) if x else 1.0))
        scale = sum(weights)
        phases.append(tuple(weight / scale for weight in weights))
    return tuple(phases)
