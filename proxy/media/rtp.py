"""RTP, RTCP and codecs as bytes: the only module that knows aiortp and G722.

The RTP clock of all our codecs is 8000 Hz and each takes 8 bytes a millisecond; for G.722 too, whose samples are 16 kHz
(RFC 3551 section 4.5.2). That is why time and bytes need no conversion anywhere else.
"""

import struct
from array import array
from typing import Final, NamedTuple, Protocol

from aiortp import (
    DtmfEvent,
    RtcpPacket,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSrPacket,
    StreamStatistics,
)
from aiortp.clock import current_ntp_time
from aiortp.codecs import PcmaCodec, PcmuCodec
from aiortp.dtmf import DTMF_EVENTS
from aiortp.packet import RtcpReceiverInfo, RtcpSenderInfo, RtcpSourceInfo
from G722 import G722  # type: ignore[import-not-found]

from proxy.media.contract import SAMPLE_RATE, CodecName

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
CNAME_ITEM: Final = 1
"""RFC 3550 section 6.5.1."""
WORD: Final = 0xFFFFFFFF
LOST_ALL: Final = 255

assert all(DTMF_EVENTS[digit] == code for code, digit in enumerate(DIGITS))


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
    event = DtmfEvent.parse(payload)
    return Event(DIGITS[event.event], event.end, event.duration)


def build_event(digit: str, end: bool, duration: int, volume: int = 10) -> bytes:
    """Write a telephone-event; `volume` in -dBm0."""
    return DtmfEvent(DIGITS.index(digit), end, volume, duration).serialize()


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


class ALaw:
    """PCMA. The library takes for a minus what is a plus in G.711 table 1 (the sign bit): it is turned over here."""

    TURNED: Final = bytes(code ^ 0x80 for code in range(256))

    def __init__(self) -> None:
        self._codec = PcmaCodec()

    def encode(self, pcm: bytes) -> bytes:
        """PCM to payload."""
        return self._codec.encode(pcm).translate(self.TURNED)

    def decode(self, payload: bytes) -> bytes:
        """Payload to PCM."""
        return self._codec.decode(payload.translate(self.TURNED))


_G711: Final[dict[CodecName, Codec]] = {"PCMA": ALaw(), "PCMU": PcmuCodec()}


def codec(name: CodecName) -> Codec:
    """Return a codec for one direction of one stream."""
    return _G711.get(name) or WideCodec()


class _Seen:
    """What `StreamStatistics` reads of a packet."""

    __slots__ = ("sequence_number", "timestamp")

    def __init__(self) -> None:
        self.sequence_number = 0
        self.timestamp = 0


class Reception:
    """What we hear of one source, for the reports we owe it (RFC 3550 section 6.4)."""

    def __init__(self, ssrc: int) -> None:
        self.ssrc = ssrc
        self._seen = _Seen()
        self._statistics = StreamStatistics(CLOCK)
        self._report = 0
        """Middle 32 bits of the NTP time in its last sender report."""
        self._report_at = 0.0

    def add(self, sequence: int, timestamp: int) -> None:
        """Count a packet."""
        self._seen.sequence_number = sequence
        self._seen.timestamp = timestamp
        self._statistics.add(self._seen)  # type: ignore[arg-type]

    def report(self, now: float) -> RtcpReceiverInfo | None:
        """Return the block about this source; every field is cut to its width, for the sender chooses its numbers."""
        statistics = self._statistics
        if statistics.max_seq is None:
            return None
        delay = int((now - self._report_at) * 65536) if self._report else 0
        return RtcpReceiverInfo(
            ssrc=self.ssrc,
            fraction_lost=min(statistics.fraction_lost, LOST_ALL),
            packets_lost=statistics.packets_lost,
            highest_sequence=(statistics.cycles + statistics.max_seq) & WORD,
            jitter=min(statistics.jitter, WORD),
            lsr=self._report,
            dlsr=delay & WORD,
        )

    def heard(self, data: bytes, now: float) -> None:
        """Take note of a sender report; anything else, and what cannot be read, is nothing to us."""
        try:
            packets = RtcpPacket.parse(data)
        except (ValueError, struct.error, IndexError):
            return
        for packet in packets:
            if isinstance(packet, RtcpSrPacket) and packet.ssrc == self.ssrc:
                self._report = (packet.sender_info.ntp_timestamp >> 16) & WORD
                self._report_at = now


def report(ssrc: int, timestamp: int, packets: int, octets: int, name: str, block: RtcpReceiverInfo | None) -> bytes:
    """Write our report, a sender's where we sent anything, with the canonical name (RFC 3550 section 6.1)."""
    blocks = [block] if block is not None else []
    head: RtcpSrPacket | RtcpRrPacket
    if packets:
        sender = RtcpSenderInfo(current_ntp_time(), timestamp & WORD, packets & WORD, octets & WORD)
        head = RtcpSrPacket(ssrc, sender, blocks)
    else:
        head = RtcpRrPacket(ssrc, blocks)
    return bytes(head) + bytes(RtcpSdesPacket([RtcpSourceInfo(ssrc, [(CNAME_ITEM, name.encode())])]))
