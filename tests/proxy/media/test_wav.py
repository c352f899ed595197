"""WAV files as people upload them."""

from __future__ import annotations  # array takes a parameter only in annotations before Python 3.12

import struct
import time
from array import array
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.media import wav as module
from proxy.media.wav import WavError, read_wav, resampled
from tests.kit.tones import alaw_encode, heard, power, sine, ulaw_encode

HERTZ = 700


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def file(code: int, rate: int, bits: int, data: bytes, channels: int = 1, between: bytes = b"",
         tail: bytes = b"") -> bytes:
    form = struct.pack("<HHIIHH", code, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits) + tail
    body = b"WAVE" + chunk(b"fmt ", form) + between + chunk(b"data", data)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tone(rate: int) -> array[int]:
    return array("h", sine(HERTZ, 0.5, rate=rate))


def wide(samples: array[int], size: int) -> bytes:
    """Samples of 16 bits as larger ones."""
    return b"".join(bytes(size - 2) + sample.to_bytes(2, "little", signed=True) for sample in samples)


def stereo(left: array[int], right: array[int]) -> bytes:
    return array("h", [sample for pair in zip(left, right, strict=True) for sample in pair]).tobytes()


GUID = b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
GOOD = {
    "8 kHz, 16 bit": file(1, 8000, 16, tone(8000).tobytes()),
    "8 bit": file(1, 8000, 8, bytes((sample >> 8) + 128 for sample in tone(8000))),
    "24 bit": file(1, 8000, 24, wide(tone(8000), 3)),
    "32 bit": file(1, 8000, 32, wide(tone(8000), 4)),
    "floats": file(3, 8000, 32, array("f", (sample / 32768 for sample in tone(8000))).tobytes()),
    "A-law": file(6, 8000, 8, alaw_encode(tone(8000).tobytes())),
    "mu-law": file(7, 8000, 8, ulaw_encode(tone(8000).tobytes())),
    "44.1 kHz": file(1, 44_100, 16, tone(44_100).tobytes()),
    "22.05 kHz": file(1, 22_050, 16, tone(22_050).tobytes()),
    "48 kHz stereo": file(1, 48_000, 16, stereo(tone(48_000), tone(48_000)), channels=2),
    "9,999 Hz": file(1, 9_999, 16, tone(9_999).tobytes()),
    "6 kHz": file(1, 6_000, 16, tone(6_000).tobytes()),
    "extensible": file(0xFFFE, 8000, 16, tone(8000).tobytes(), tail=struct.pack("<HHI", 22, 16, 4) + b"\1\0" + GUID),
    "chunks between": file(1, 8000, 16, tone(8000).tobytes(), between=chunk(b"LIST", b"odd") + chunk(b"fact", b"1234")),
    "size of a stream": file(1, 8000, 16, tone(8000).tobytes()).replace(
        b"data" + struct.pack("<I", 8000), b"data" + b"\xff" * 4),
}


@pytest.mark.parametrize("name", GOOD)
def test_all_that_people_have_is_heard(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(GOOD[name])
    pcm = read_wav(path)
    assert abs(len(pcm) - 8000) <= 4
    assert heard(pcm, HERTZ)
    assert 7000 < max(array("h", pcm[800:-800])) < 9000


def test_channels_are_mixed(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(file(1, 8000, 16, stereo(tone(8000), array("h", sine(1500, 0.5))), channels=2))
    pcm = read_wav(path)
    assert power(pcm, HERTZ) > 0.45
    assert power(pcm, 1500) > 0.45


BAD = {
    "empty": b"",
    "text": b"this is no audio at all",
    "mp3": b"ID3\x04" + bytes(100),
    "header only": b"RIFF\x04\0\0\0WAVE",
    "no data": file(1, 8000, 16, b""),
    "data before format": b"RIFF\x20\0\0\0WAVE" + chunk(b"data", bytes(100)),
    "no channels": file(1, 8000, 16, bytes(100), channels=0),
    "no rate": file(1, 0, 16, bytes(100)),
    "too high a rate": file(1, 1_000_000, 16, bytes(100)),
    "ADPCM": file(2, 8000, 4, bytes(100)),
    "12 bit": file(1, 8000, 12, bytes(100)),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_says_so(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(BAD[name])
    with pytest.raises(WavError):
        read_wav(path)


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SIZE_MAX", 1000)
    path = tmp_path / "a.wav"
    path.write_bytes(GOOD["8 kHz, 16 bit"])
    with pytest.raises(WavError, match="larger"):
        read_wav(path)


@settings(deadline=None, max_examples=60)  # a rate beside the usual ones needs its own filters
@given(st.binary(max_size=100), st.integers(0, 60))
def test_damaged_files_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.wav"
    path.write_bytes(GOOD["8 kHz, 16 bit"][:place] + noise + GOOD["8 kHz, 16 bit"][place + len(noise) : 400])
    try:
        read_wav(path)
    except WavError:
        return


def test_what_a_telephone_cannot_carry_is_left_out() -> None:
    """A tone above 4 kHz must not come back as another one."""
    passed = resampled(array("h", sine(5500, 0.3, rate=16_000)), 16_000).tobytes()
    assert max(map(abs, array("h", passed[200:-200]))) < 300


def test_a_long_upload_does_not_take_for_ever() -> None:
    began = time.process_time()
    resampled(array("h", bytes(2 * 5 * 44_100)), 44_100)
    assert time.process_time() - began < 5
