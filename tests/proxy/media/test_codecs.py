"""Codecs and the ways between them, held to G.711's definition as the test kit writes it down."""

from array import array

import pytest
from G722 import G722  # type: ignore[import-not-found]
from hypothesis import given
from hypothesis import strategies as st

from proxy.media.codecs import converter, loudness
from proxy.media.contract import CodecName
from proxy.media.rtp import codec
from tests.kit.tones import alaw_decode, alaw_encode, power, sine, ulaw_decode, ulaw_encode

EVERY = bytes(range(256))
REFERENCE = {"PCMA": (alaw_encode, alaw_decode), "PCMU": (ulaw_encode, ulaw_decode)}


@pytest.mark.parametrize("name", ["PCMA", "PCMU"])
def test_every_code_word_decodes_as_g711_says(name: CodecName) -> None:
    assert codec(name).decode(EVERY) == REFERENCE[name][1](EVERY)


@pytest.mark.parametrize("name", ["PCMA", "PCMU"])
def test_every_sample_is_encoded_to_a_word_beside_the_nearest(name: CodecName) -> None:
    samples = array("h", range(-32768, 32768, 7))
    ours = array("h", codec(name).decode(codec(name).encode(samples.tobytes())))
    best = array("h", REFERENCE[name][1](REFERENCE[name][0](samples.tobytes())))
    for sample, got, nearest in zip(samples, ours, best, strict=True):
        # Tables of the standard cut at decision values; half a step more than the best is the most that can make.
        assert abs(got - sample) <= abs(nearest - sample) * 2 + 16 + abs(sample) // 32


@pytest.mark.parametrize("source", ["PCMA", "PCMU", "G722"])
@pytest.mark.parametrize("target", ["PCMA", "PCMU", "G722"])
def test_a_tone_passes_from_any_codec_to_any(source: CodecName, target: CodecName) -> None:
    way = converter(source, target)
    assert (way is None) == (source == target)
    data = codec(source).encode(sine(1000, 1.0))
    pieces = [data[place : place + 160] for place in range(0, len(data), 160)]
    passed = b"".join(pieces if way is None else map(way, pieces))
    assert len(passed) == len(data)
    pcm = codec(target).decode(passed)
    assert power(pcm[3200:], 1000) > 0.95
    assert 0.8 < max(array("h", pcm)) / 8000 < 1.2


def test_wide_band_phones_understand_our_g722() -> None:
    wide = G722(16000, 64000).decode(codec("G722").encode(sine(1000, 1.0))).tobytes()
    assert power(wide[6400:], 1000, rate=16000) > 0.95


def test_we_understand_wide_band_phones() -> None:
    data = G722(16000, 64000).encode(array("h", sine(1000, 1.0, rate=16000)))
    assert power(codec("G722").decode(data)[3200:], 1000) > 0.95


@given(st.binary(max_size=400))
def test_any_bytes_can_be_converted(payload: bytes) -> None:
    for source in ("PCMA", "PCMU", "G722"):
        for target in ("PCMA", "PCMU", "G722"):
            way = converter(source, target)
            if way is not None:
                assert len(way(payload)) == len(payload)


@pytest.mark.parametrize("name", ["PCMA", "PCMU", "G722"])
@pytest.mark.parametrize(("peak", "low", "high"), [(0, 0, 20), (60, 10, 90), (8000, 2000, 8000)])
def test_loudness(name: CodecName, peak: int, low: float, high: float) -> None:
    data = codec(name).encode(sine(700, 0.5, peak))
    assert low <= loudness(name)(data[800:]) <= high


@pytest.mark.parametrize("name", ["PCMA", "PCMU", "G722"])
def test_loudness_of_nothing(name: CodecName) -> None:
    assert loudness(name)(b"") == 0
