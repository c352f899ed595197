"""RTCP (RFC 3550 section 6): what we hear of a source, and the reports that it and its like are owed."""

import struct
import time
from typing import Final, NamedTuple

CLOCK: Final = 8000
"""RTP ticks a second of every codec of ours."""
WORD: Final = 0xFFFFFFFF
SENDER, LISTENER, NAMES = 200, 201, 202
"""Types of packets: sender report, receiver report, source description."""
CNAME: Final = 1
"""RFC 3550 section 6.5.1."""
VERSION: Final = 2
LOST_ALL: Final = 255
LOST_MOST: Final = (1 << 23) - 1
"""The field has 24 bits, with a sign: duplicates are more than was sent."""
HALF: Final = 0x8000
NTP_BEGAN: Final = 2_208_988_800
"""Seconds from 1900 to 1970."""

_HEADER: Final = struct.Struct("!BBHI")
"""Version and count, type, length in words less one, SSRC."""
_SENT: Final = struct.Struct("!QIII")
"""NTP time, RTP time, packets, octets (section 6.4.1)."""
_BLOCK: Final = struct.Struct("!II4I")
"""SSRC, lost, highest sequence number, jitter, last report, delay since then."""
REPORT_WORDS: Final = 6
"""What a sender says of itself, and what anybody says of one source, have the same length."""


class Block(NamedTuple):
    """What is told of one source (section 6.4.1); each number fits its field."""

    ssrc: int
    fraction_lost: int
    """Of 256."""
    packets_lost: int
    highest_sequence: int
    jitter: int
    lsr: int
    """Middle 32 bits of the time in its last report."""
    dlsr: int
    """How long ago that was, in 65536ths of a second."""

    def __bytes__(self) -> bytes:
        lost = self.fraction_lost << 24 | self.packets_lost & 0xFFFFFF
        return _BLOCK.pack(self.ssrc, lost, self.highest_sequence, self.jitter, self.lsr, self.dlsr)


class Reception:
    """What we hear of one source, for the reports we owe it (section 6.4, appendices A.1, A.3 and A.8)."""

    def __init__(self, ssrc: int) -> None:
        self.ssrc = ssrc
        self._first: int | None = None
        self._highest = self._cycles = self._received = 0
        self._expected_before = self._received_before = 0
        """At the last report."""
        self._jitter = 0
        """Sixteen times as much, so that it can be kept in whole numbers."""
        self._arrived = self._timestamp = 0
        """Of the last packet in order."""
        self._report = 0
        self._report_at = 0.0

    def add(self, sequence: int, timestamp: int, now: float) -> None:
        """Count a packet; `now` in seconds of a steady clock."""
        self._received += 1
        arrived = int(now * CLOCK)
        if self._first is None:
            self._first = sequence
        elif 0 < sequence - self._highest & 0xFFFF < HALF:
            if sequence < self._highest:
                self._cycles += 1 << 16
            if timestamp != self._timestamp:
                change = abs(arrived - self._arrived - (timestamp - self._timestamp))
                self._jitter += change - (self._jitter + 8 >> 4)
        else:
            return
        self._highest, self._arrived, self._timestamp = sequence, arrived, timestamp

    def report(self, now: float) -> Block | None:
        """Return the block about this source; every field is cut to its width, for the sender chooses its numbers."""
        if self._first is None:
            return None
        highest = self._cycles + self._highest
        expected = highest - self._first + 1
        share = expected - self._expected_before
        lost = share - (self._received - self._received_before)
        self._expected_before, self._received_before = expected, self._received
        delay = int((now - self._report_at) * 65536) if self._report else 0
        return Block(
            self.ssrc, min((lost << 8) // share, LOST_ALL) if share and lost > 0 else 0,
            max(-LOST_MOST - 1, min(expected - self._received, LOST_MOST)), highest & WORD,
            min(self._jitter >> 4, WORD), self._report, delay & WORD)

    def heard(self, data: bytes, now: float) -> None:
        """Take note of a sender report; anything else, and what cannot be read, is nothing to us."""
        sent = sender_time(data, self.ssrc)
        if sent is not None:
            self._report, self._report_at = sent >> 16 & WORD, now


def sender_time(data: bytes, ssrc: int) -> int | None:
    """Return the NTP time of a source's last sender report in a compound packet; None where none can be read."""
    found, place = None, 0
    while place < len(data):
        if len(data) < place + _HEADER.size:
            return None
        first, kind, words, source = _HEADER.unpack_from(data, place)
        end = place + 4 * (words + 1)
        if first >> 6 != VERSION or end > len(data):
            return None
        if kind == SENDER and source == ssrc:
            if words < 1 + (REPORT_WORDS - 1) + REPORT_WORDS * (first & 0x1F):
                return None
            found = _SENT.unpack_from(data, place + _HEADER.size)[0]
        place = end
    return found


def report(ssrc: int, timestamp: int, packets: int, octets: int, name: str, block: Block | None) -> bytes:
    """Write our report, a sender's where we sent anything, with the canonical name (section 6.1)."""
    told = bytes(block) if block is not None else b""
    kind, said = LISTENER, told
    if packets:
        kind = SENDER
        said = _SENT.pack(_ntp(time.time()), timestamp & WORD, packets & WORD, octets & WORD) + told
    item = bytes((CNAME, len(name.encode()))) + name.encode()
    item += bytes(4 - len(item) % 4)  # at least one octet of none ends the list
    return _packet(kind, block is not None, ssrc, said) + _packet(NAMES, True, ssrc, item)


def _packet(kind: int, count: int, ssrc: int, rest: bytes) -> bytes:
    return _HEADER.pack(VERSION << 6 | count, kind, 1 + len(rest) // 4, ssrc) + rest


def _ntp(seconds: float) -> int:
    """Seconds since 1970 as an NTP time: seconds since 1900 and 32 bits of a fraction."""
    whole = int(seconds)
    return (whole + NTP_BEGAN & WORD) << 32 | int((seconds - whole) * (1 << 32))
