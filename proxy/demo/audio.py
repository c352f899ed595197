"""The audio of one phone of the demo: an RTP end that speaks, presses keys, and keeps everything that it hears.

The packets are written here and read here, not by Boomerang's media process: what is proved is what came by the socket.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from proxy.demo.endpoint import LOOPBACK
from proxy.demo.sound import is_tone, pause
from proxy.demo.waiting import DemoError, News
from proxy.media.ports import PortPair, PortRange
from proxy.media.rtp import HEADER, HEADER_BYTES, MARKER, PLAIN, WORD, build_event, payload_of
from proxy.sip.sdp_audio import TELEPHONE_EVENT, read_sections

PORTS: Final = (18_000, 19_998)
PCMA: Final = 8
FRAME: Final = 160
"""RTP ticks, and bytes, of one packet."""
PTIME: Final = 0.02
"""Seconds of it."""
LATE_MAX: Final = 0.5
"""Seconds of audio that are made up for after this process was held up; what is older is left out."""
PRESS: Final = 5
"""Packets for which a key is down."""
ENDS: Final = 3
"""Times its last packet is sent (RFC 4733 section 2.5.1.4)."""
WINDOW: Final = 2400
"""Bytes of audio in which a tone is looked for: 0.3 s."""


class Audio(asyncio.DatagramProtocol):
    """One RTP end. It sends from `connect` to `close`, silence where there is nothing to say."""

    def __init__(self, news: News) -> None:
        self.heard = bytearray()
        """The audio that came, as it came."""
        self._news = news
        self._loop = asyncio.get_running_loop()
        self._ports: PortPair | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._target = (LOOPBACK, 0)
        self._events = 101
        """Payload type of keys."""
        self._says = self._quiet = pause(FRAME)
        self._place = 0
        self._keys: deque[tuple[bytes, bool]] = deque()
        """Payloads of the key that is pressed, each with whether it is the first."""
        self._pressed_at = 0
        self._ssrc = secrets.randbits(32)
        self._sequence = secrets.randbits(16)
        self._timestamp = secrets.randbits(32)
        self._due = 0.0

    async def open(self) -> None:
        """Bind to a free port."""
        self._ports = PortRange(LOOPBACK, *PORTS).take()
        if self._ports is None:
            raise DemoError(f"no free port for audio on {LOOPBACK}")
        self._transport, _ = await self._loop.create_datagram_endpoint(lambda: self, sock=self._ports.rtp)

    def close(self) -> None:
        """Fall silent and give the port back."""
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.close()
        if self._ports is not None:
            self._ports.rtcp.close()

    # -- what was agreed

    def offer(self) -> bytes:
        """Return an offer; what is answered goes to `agree`."""
        return self._description()

    def answer(self, offer: bytes) -> bytes:
        """Take an offer, begin to send, and return the answer (RFC 3264)."""
        self.agree(offer)
        return self._description()

    def agree(self, theirs: bytes) -> None:
        """Take their address and their number for keys, and begin to send."""
        audio = next((section for section in read_sections(theirs) or () if section.usable), None)
        if audio is None or audio.address is None:
            raise DemoError(f"the offer has no audio: {theirs!r}")
        known = {known.name: known.payload_type for known in audio.formats}
        if known.get("PCMA") != PCMA or TELEPHONE_EVENT not in known:
            raise DemoError(f"the offer has {', '.join(known)} and not PCMA with telephone-event")
        self._target, self._events = (audio.address, audio.port), known[TELEPHONE_EVENT]
        self._due = self._loop.time()
        self._tick()

    def _description(self) -> bytes:
        assert self._ports is not None
        return (b"v=0\r\no=- 8 1 IN IP4 %(host)s\r\ns=-\r\nc=IN IP4 %(host)s\r\nt=0 0\r\n"
                b"m=audio %(port)d RTP/AVP 8 %(keys)d\r\na=rtpmap:8 PCMA/8000\r\n"
                b"a=rtpmap:%(keys)d telephone-event/8000\r\n") % {
            b"host": LOOPBACK.encode(), b"port": self._ports.port, b"keys": self._events}

    # -- out

    def say(self, audio: bytes) -> None:
        """Say this over and over from now on."""
        self._says, self._place = audio, 0

    def press(self, digit: str) -> None:
        """Press a key (RFC 4733)."""
        self._pressed_at = self._timestamp
        self._keys.extend((build_event(digit, False, FRAME * number), number == 1) for number in range(1, PRESS + 1))
        self._keys.extend([(build_event(digit, True, FRAME * (PRESS + 1)), False)] * ENDS)

    def _tick(self) -> None:
        now = self._loop.time()
        self._due = max(self._due, now - LATE_MAX)
        while self._due <= now:
            self._step()
            self._due += PTIME
        self._timer = self._loop.call_at(self._due, self._tick)

    def _step(self) -> None:
        """Send one packet: a key's, where one is pressed, else audio."""
        if self._keys:
            payload, first = self._keys.popleft()
            self._send(self._events | (MARKER if first else 0), self._pressed_at, payload)
        else:
            self._send(PCMA, self._timestamp, self._piece())
        self._timestamp = (self._timestamp + FRAME) & WORD

    def _piece(self) -> bytes:
        piece = (self._says[self._place :] + self._says)[:FRAME]
        self._place = (self._place + FRAME) % len(self._says)
        return piece

    def _send(self, kind: int, timestamp: int, payload: bytes) -> None:
        if self._transport is not None:
            self._transport.sendto(HEADER.pack(PLAIN, kind, self._sequence, timestamp, self._ssrc) + payload,
                                   self._target)
        self._sequence = (self._sequence + 1) & 0xFFFF

    # -- in

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Take one packet; only audio counts."""
        if len(data) > HEADER_BYTES and data[1] & ~MARKER == PCMA:
            self.heard += payload_of(data) or b""
            self._news.happened()

    def error_received(self, exc: Exception) -> None:
        """Nobody listens at the other port any more: the call is about to end."""

    async def hears(self, what: str, pieces: Sequence[bytes], since: int = 0) -> int:
        """Wait until all pieces were heard, byte for byte and in this order; return where the last one ended.

        `since`: place in `heard` where to begin to look.
        """
        for number, piece in enumerate(pieces, 1):
            def found(since: int = since, piece: bytes = piece) -> int | None:
                place = self.heard.find(piece, since)
                return None if place < 0 else place + len(piece)

            since = await self._news.until(found, f"{what} ({number} of {len(pieces)} recordings)")
        return since

    async def hears_tone(self, what: str, hertz: int, others: Sequence[int] = ()) -> None:
        """Wait until the last 0.3 s were this tone, with nothing of the others in it."""
        self.heard.clear()
        looked = 0

        def found() -> bool | None:
            nonlocal looked
            if len(self.heard) < max(WINDOW, looked + FRAME):
                return None
            looked = len(self.heard)
            return is_tone(bytes(self.heard[-WINDOW:]), hertz, others) or None

        await self._news.until(found, f"{what}, {hertz} Hz,")
