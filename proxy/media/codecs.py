"""What happens to a payload on its way from one codec to another, and how loud it is, at the least possible cost."""

from array import array
from collections.abc import Callable
from typing import Final

from proxy.media.contract import CodecName
from proxy.media.rtp import codec

Convert = Callable[[bytes], bytes]

ALL_BYTES: Final = bytes(range(256))
LEVEL_STEP: Final = 16
"""Unit of `loudness`: magnitudes of 16 bit samples divided by this, at most 255."""


def _table(source: CodecName, target: CodecName) -> bytes:
    """Every byte of one G.711 law in the other."""
    return codec(target).encode(codec(source).decode(ALL_BYTES))


def _levels(law: CodecName) -> bytes:
    """Magnitude of each byte of a G.711 law, in steps."""
    samples = array("h", codec(law).decode(ALL_BYTES))
    return bytes(min(255, abs(sample) // LEVEL_STEP) for sample in samples)


_TABLES: Final[dict[tuple[CodecName, CodecName], bytes]] = {
    ("PCMA", "PCMU"): _table("PCMA", "PCMU"),
    ("PCMU", "PCMA"): _table("PCMU", "PCMA"),
}
_LEVELS: Final[dict[CodecName, bytes]] = {"PCMA": _levels("PCMA"), "PCMU": _levels("PCMU")}


def converter(source: CodecName, target: CodecName) -> Convert | None:
    """Return what turns payloads of one stream into another codec; None where they pass as they are.

    A converter of G.722 belongs to one stream, because the codec has a memory.
    """
    if source == target:
        return None
    table = _TABLES.get((source, target))
    if table is not None:
        return lambda payload: payload.translate(table)
    decode, encode = codec(source).decode, codec(target).encode
    return lambda payload: encode(decode(payload))


def loudness(name: CodecName) -> Callable[[bytes], float]:
    """Return what measures a payload of one stream: mean magnitude of its samples, 0 to 32768 (G.711: to 4080)."""
    if name in _LEVELS:
        levels = _LEVELS[name]
        return lambda payload: LEVEL_STEP * sum(payload.translate(levels)) / (len(payload) or 1)
    decode = codec(name).decode

    def measure(payload: bytes) -> float:
        samples = array("h", decode(payload))
        return sum(map(abs, samples)) / (len(samples) or 1)

    return measure
