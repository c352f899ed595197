"""RTP and codecs as bytes: the only module that knows G722.

The RTP clock of all our codecs is 8000 Hz and each takes 8 bytes a millisecond; for G.722 too, whose samples are 16 kHz
(RFC 3551 section 4.5.2). That is why time and bytes need no conversion anywhere else.
"""

import struct
from array import array
from typing import Final, NamedTuple, Protocol

from G722 import G722  # type: ignore[import-not-found]

from proxy.media.contract import SAMPLE_RATE, CodecName
from proxy.media.g711 import A_LAW, MU_LAW

HEADER: Final = struct.Struct("!BBHII")
"""Version and flags, marker and payload type, sequence number, timestamp, SSRC (RFC 3550 section 5.1)."""
HEADER_BYTES: Final = 12
PLAIN: Final = 0x80
"""First byte of a packet without padding, extension and contributing sources: all that phones send."""
PADDING, EXTENSION, SOURCES = 0x20, 0x10, 0x0F
"""Flags of the first byte, and the number of contributing sources in it."""
MARKER: Final = 0x80
CLOCK: Final = 8000
"""RTP ticks a second, and bytes a second of each codec."""
STATIC_TYPES: Final[dict[int, CodecName]] = {0: "PCMU", 8: "PCMA", 9: "G722"}
"""RFC 3551 table 4."""
BITRATE_G722: Final = 64_000
DIGITS: Final = "0123456789*#ABCD"
"""RFC 4733 table 3: a digit's place is its event code."""
EVENT_BYTES: Final = 4
WORD: Final = 0xFFFFFFFF
EVENT: Final = struct.Struct("!BBH")
"""Event, end and volume, duration (RFC 4733 section 2.3)."""
EVENT_END: Final = 0x80
VOLUME: Final = 0x3F


def payload_of(data: bytes) -> bytes | None:
    """Return the payload of an RTP packet of version 2; None where its header says more than there is.

    What stands in a header extension is nothing to us, so it is not read.
    """
    begin, end = HEADER_BYTES + 4 * (data[0] & SOURCES), len(data)
    if data[0] & EXTENSION:
        if end < begin + 4:
            return None
        begin += 4 + 4 * int.from_bytes(data[begin + 2 : begin + 4], "big")
    if data[0] & PADDING:
        end -= data[-1] or len(data)
    return data[begin:end] if begin <= end else None


def is_rtcp(data: bytes) -> bool:
    """Tell RTCP from RTP on one port (RFC 5761 section 4)."""
    return len(data) > 1 and 192 <= data[1] <= 223


class Event(NamedTuple):
    """A telephone-event payload (RFC 4733 section 2.3)."""

    digit: str
    end: bool
    duration: int
    """RTP ticks since the timestamp of its packet."""


def parse_event(payload: bytes) -> Event | None:
    """Read a telephone-event; None for what is no key (flash hook, tones) and what is too short."""
    if len(payload) < EVENT_BYTES or payload[0] >= len(DIGITS):
        return None
    code, flags, duration = EVENT.unpack_from(payload)
    return Event(DIGITS[code], bool(flags & EVENT_END), duration)


def build_event(digit: str, end: bool, duration: int, volume: int = 10) -> bytes:
    """Write a telephone-event; `volume` in -dBm0."""
    return EVENT.pack(DIGITS.index(digit), (EVENT_END if end else 0) | volume & VOLUME, duration)


class Codec(Protocol):
    """One direction of one stream, 8 kHz PCM on the other side. G.722 has a memory: an object belongs to one stream."""

    def encode(self, pcm: bytes) -> bytes:
        """PCM to payload."""

    def decode(self, payload: bytes) -> bytes:
        """Payload to PCM."""


class WideCodec:
    """G.722 between its 64 kbit/s and 8 kHz PCM: the codec's own narrow-band mode, the upper band is left out."""

    def __init__(self) -> None:
        self._engine = G722(SAMPLE_RATE, BITRATE_G722)

    def encode(self, pcm: bytes) -> bytes:
        """PCM to payload."""
        encoded: bytes = self._engine.encode(array("h", pcm))
        return encoded

    def decode(self, payload: bytes) -> bytes:
        """Payload to PCM."""
        decoded: bytes = self._engine.decode(payload).tobytes()
        return decoded


_G711: Final[dict[CodecName, Codec]] = {"PCMA": A_LAW, "PCMU": MU_LAW}


def codec(name: CodecName) -> Codec:
    """Return a codec for one direction of one stream."""
    return _G711.get(name) or WideCodec()
