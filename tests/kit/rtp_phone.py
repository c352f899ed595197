"""The far end of a media session: a socket that speaks RTP, remembers what it hears, and presses keys."""

import asyncio
import socket
import struct
from array import array
from collections.abc import Sequence
from typing import NamedTuple

from G722 import G722  # type: ignore[import-not-found]

from tests.kit.ports import LOOPBACK
from tests.kit.tones import PEAK, RATE, alaw_decode, alaw_encode, sine, ulaw_decode, ulaw_encode

PAYLOAD_TYPES = {"PCMU": 0, "PCMA": 8, "G722": 9}
KEYS = 101
KEY_SIGNS = "0123456789*#ABCD"
FRAME = 160
PTIME = 0.02


class Packet(NamedTuple):
    """One RTP packet that came."""

    at: float
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def packet(payload_type: int, sequence: int, timestamp: int, ssrc: int, payload: bytes, marker: bool = False) -> bytes:
    """RFC 3550 section 5.1."""
    second = payload_type | (0x80 if marker else 0)
    return struct.pack("!BBHII", 0x80, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload


def is_report(data: bytes) -> bool:
    """Whether a datagram is RTCP (RFC 5761 section 4): reports to the phone whose port is the one below come here."""
    return 64 <= data[1] & 127 < 96


class RtpPhone:
    """One end of a stream. In a running loop; `target` is where it sends."""

    def __init__(self, codec: str = "PCMA", host: str = LOOPBACK, keys: int = KEYS, port: int = 0) -> None:
        self.codec = codec
        self.keys = keys
        self.peak = PEAK
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, port))
        self.sock.setblocking(False)
        self.host, self.port = host, int(self.sock.getsockname()[1])
        self.target: tuple[str, int] = (host, 9)
        self.ssrc = 0x1000 + self.port
        self.sequence, self.timestamp = 65_530, 0xFFFFFF00  # both wrap soon
        self.heard: list[Packet] = []
        if codec == "G722":
            self._wide = G722(16000, 64000)
        asyncio.get_running_loop().add_reader(self.sock.fileno(), self._read)

    def close(self) -> None:
        if self.sock.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self.sock.fileno())
            self.sock.close()

    def _read(self) -> None:
        try:
            data = self.sock.recv(4096)
        except OSError:  # the media process is gone
            return
        if is_report(data):
            return
        _, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", data)
        now = asyncio.get_running_loop().time()
        self.heard.append(Packet(now, second & 127, second > 127, sequence, timestamp, ssrc, data[12:]))

    # Speaking

    def encoded(self, hertz: float, seconds: float) -> bytes:
        """A tone in its codec; G.722 with all of its 16 kHz."""
        if self.codec == "G722":
            return bytes(self._wide.encode(array("h", sine(hertz, seconds, self.peak, 2 * RATE))))
        return {"PCMA": alaw_encode, "PCMU": ulaw_encode}[self.codec](sine(hertz, seconds, self.peak))

    def send(self, payload: bytes, payload_type: int | None = None, marker: bool = False) -> None:
        """Send one packet and move on."""
        number = PAYLOAD_TYPES[self.codec] if payload_type is None else payload_type
        self.sock.sendto(packet(number, self.sequence, self.timestamp, self.ssrc, payload, marker), self.target)
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + len(payload)) & 0xFFFFFFFF

    async def speak(self, hertz: float, seconds: float) -> None:
        """Send a tone in real time."""
        await self.stream(self.encoded(hertz, seconds))

    async def say(self, samples: Sequence[float]) -> None:
        """Send 8 kHz samples in real time, as A-law or mu-law."""
        pcm = array("h", map(round, samples)).tobytes()
        await self.stream({"PCMA": alaw_encode, "PCMU": ulaw_encode}[self.codec](pcm))

    async def stream(self, data: bytes) -> None:
        """Send what is encoded in real time."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        for place in range(0, len(data) - FRAME + 1, FRAME):
            self.send(data[place : place + FRAME])
            due += PTIME
            await asyncio.sleep(max(0.0, due - loop.time()))

    def event(self, digit: str, duration: int, end: bool = False, marker: bool = False) -> None:
        """Send one telephone-event packet; the timestamp stays."""
        payload = struct.pack("!BBH", KEY_SIGNS.index(digit), 0x8A if end else 0x0A, duration)
        self.sock.sendto(packet(self.keys, self.sequence, self.timestamp, self.ssrc, payload, marker), self.target)
        self.sequence = (self.sequence + 1) & 0xFFFF

    def press(self, digit: str, packets: int = 4, ends: int = 3) -> None:
        """Press a key, all its packets at once."""
        for number in range(packets):
            self.event(digit, FRAME * (number + 1), marker=number == 0)
        for _ in range(ends):
            self.event(digit, FRAME * (packets + 1), end=True)
        self.timestamp = (self.timestamp + FRAME * (packets + 10)) & 0xFFFFFFFF

    # Listening

    def audio(self, since: int = 0) -> bytes:
        """What was heard, as 8 kHz PCM (G.722: 16 kHz), in the order it came."""
        payload = b"".join(p.payload for p in self.heard[since:] if p.payload_type == PAYLOAD_TYPES[self.codec])
        if self.codec == "G722":
            return bytes(G722(16000, 64000).decode(payload).tobytes())
        return {"PCMA": alaw_decode, "PCMU": ulaw_decode}[self.codec](payload)

    def key_packets(self) -> list[Packet]:
        return [p for p in self.heard if p.payload_type == self.keys]
