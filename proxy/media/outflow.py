"""The RTP stream of one leg: one SSRC, one sequence, one timeline, whoever makes the audio (RFC 3550 section 5.1)."""

from collections.abc import Callable
from typing import Final

from proxy.media.rtp import CLOCK, HEADER, MARKER, PLAIN, WORD

TURN: Final = 0x10000
"""Sequence numbers are 16 bits wide."""
HALF: Final = 0x8000
JUMP: Final = 500
"""A step in a relayed sequence beyond which it counts as a new one, not as loss: ten seconds of packets."""


class Outflow:
    """Numbers packets. `send` writes one packet to the far end."""

    __slots__ = (
        "_at",
        "_length",
        "_relayed",
        "_relayed_at",
        "_send",
        "_sequence",
        "_sequence_shift",
        "_source",
        "_ssrc",
        "_timestamp",
        "_timestamp_shift",
        "octets",
        "packets",
    )  # fmt: skip

    def __init__(self, send: Callable[[bytes], None], ssrc: int, sequence: int, timestamp: int, now: float) -> None:
        self._send = send
        self._ssrc = ssrc
        self._sequence = sequence
        """Of the last packet."""
        self._timestamp = timestamp
        self._length = 0
        """RTP ticks that the last packet stands for."""
        self._at = self._relayed_at = now
        """When the last timestamp began to hold, and when the last packet was relayed."""
        self._relayed = False
        """The last packet was relayed: the shifts below hold."""
        self._source = 0
        self._sequence_shift = self._timestamp_shift = 0
        self.packets = self.octets = 0

    def close(self) -> None:
        """Send nothing any more."""
        self._send = _nowhere

    @property
    def ssrc(self) -> int:
        """Our synchronization source."""
        return self._ssrc

    @property
    def timestamp(self) -> int:
        """Of the last packet."""
        return self._timestamp

    def quiet(self, now: float) -> float:
        """Seconds since the last packet was relayed."""
        return now - self._relayed_at

    def own(self, payload_type: int, payload: bytes, length: int, now: float, fresh: bool = False) -> int:
        """Send a packet of our own that stands for `length` ticks, after the one before; its timestamp.

        `fresh`: audio begins here after a pause, and is marked so (RFC 3551 section 4.1).
        """
        if self._relayed or fresh or now - self._at > 1.0:
            self._relayed = False
            fresh = True
            self._resume(now)
        else:
            self._timestamp = (self._timestamp + self._length) & WORD
        self._at = now
        self._length = length
        self._emit(payload_type | (MARKER if fresh else 0), payload, now)
        return self._timestamp

    def again(self, payload_type: int, payload: bytes, length: int, now: float) -> None:
        """Send a packet with the timestamp of the one before, which both together stand for `length` ticks."""
        self._length = length
        self._emit(payload_type, payload, now)

    def relay(self, source: int, sequence: int, timestamp: int, second: int, payload: bytes, now: float) -> None:
        """Send a packet of another stream on as part of ours: its gaps, its order and its timing stay as they are.

        `second`: marker and payload type.
        """
        number = (sequence + self._sequence_shift) % TURN
        step = (number - self._sequence) % TURN
        if source != self._source or not self._relayed or JUMP < step < TURN - JUMP:
            self._relayed = True
            self._source = source
            self._resume(now)
            step = 1
            number = (self._sequence + 1) % TURN
            self._sequence_shift = number - sequence
            self._timestamp_shift = self._timestamp - timestamp
            second |= MARKER
        stamp = (timestamp + self._timestamp_shift) & WORD
        self._relayed_at = now
        if step < HALF:
            if stamp != self._timestamp:
                self._at = now
            self._sequence, self._timestamp = number, stamp
            self._length = len(payload)
        self.packets += 1
        self.octets += len(payload)
        self._send(HEADER.pack(PLAIN, second, number, stamp, self._ssrc) + payload)

    def _resume(self, now: float) -> None:
        """Move the timeline on by the time that has passed, at least by the last packet."""
        passed = max(self._length, round((now - self._at) * CLOCK))
        self._timestamp = (self._timestamp + passed) & WORD

    def _emit(self, second: int, payload: bytes, now: float) -> None:
        self._sequence = (self._sequence + 1) % TURN
        self.packets += 1
        self.octets += len(payload)
        self._send(HEADER.pack(PLAIN, second, self._sequence, self._timestamp, self._ssrc) + payload)


def _nowhere(packet: bytes) -> None:
    """Where what is sent goes once it is closed."""
