"""One media session: two sockets, where the far end is, what comes from it and what goes to it.

Symmetric RTP (RFC 4961): the far end is where its packets come from. The first source is believed, once; after
that only the very address that the far end signalled may still take its place, everything else is ignored.
"""

import asyncio
import contextlib
import ipaddress
import random
import socket
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from proxy.agent.ports import CodecName, Stream
from proxy.media import rtp
from proxy.media.codecs import Convert, converter, loudness
from proxy.media.keys import EventKeys, KeyListener, Keys
from proxy.media.outflow import Outflow
from proxy.media.ports import PortPair
from proxy.media.sound import Player
from proxy.media.tones import key, tone

DATAGRAM_MAX: Final = 2048
TICK: Final = 0.02
"""Seconds between two steps of what we play."""
QUIET: Final = 0.4
"""Seconds without a packet from the other leg after which its listener gets comfort noise: a line that sends nothing at
all counts as dead to many."""
LOUD: Final = 100.0
"""Mean magnitude from which on audio is no silence: about -50 dBm0."""
PTIMES: Final = range(10, 101, 10)
"""Packet times we send, in milliseconds."""

Address = tuple[str, int] | tuple[str, int, int, int]
Tap = Callable[[int, bytes, float], None]
"""Told what a leg says: RTP timestamp, PCM, now."""


class Told(Protocol):
    """Who hears of a leg."""

    def digit(self, leg: "Leg", digit: str) -> None:
        """A key was pressed."""

    def heard(self, leg: "Leg") -> None:
        """The first packet came."""

    def silent(self, leg: "Leg", seconds: float) -> None:
        """Nothing, or nothing but silence, for so long."""


class Route(NamedTuple):
    """How payloads of one type pass to the joined leg."""

    payload_type: int
    convert: Convert | None


class Leg:
    """A media session. `pair` are its sockets, which it closes."""

    def __init__(self, name: str, pair: PortPair, told: Told, loop: asyncio.AbstractEventLoop) -> None:
        self.name = name
        self.port = pair.port
        self.stream: Stream | None = None
        self.other: Leg | None = None
        """The leg it is joined with."""
        self.received = 0
        self.tap: Tap | None = None
        self._pair = pair
        self._told = told
        self._loop = loop
        self._clock = loop.time
        self._source: Address | None = None
        """Where its packets come from."""
        self._signalled: Address | None = None
        self._final = False
        """No other source can be believed any more."""
        self._target: Address | None = None
        """Where ours go."""
        self._reports_to: Address | None = None
        self._codecs: dict[int, CodecName] = {}
        self._routes: dict[int, Route] = {}
        self._keys_route: int | None = None
        self._decode: dict[CodecName, Convert] = {}
        self._loudness: dict[CodecName, Callable[[bytes], float]] = {}
        self._listener = KeyListener()
        self._reception: rtp.Reception | None = None
        self.player: Player | None = None
        self._keys: list[Keys | Player] = []
        self._idle = Player([tone("silence")], repeat=True)
        self._comfort = Player([tone("comfort")], repeat=True)
        self._due = 0.0
        """Ticks of audio owed to the far end."""
        self._watched = 0.0
        self._loud_at = self._warned_at = loop.time()
        self.out = Outflow(self._send, random.getrandbits(32), random.getrandbits(15), random.getrandbits(32),
                           loop.time())
        loop.add_reader(pair.rtp.fileno(), self._readable)
        loop.add_reader(pair.rtcp.fileno(), self._report_readable)

    def close(self) -> None:
        """Give the sockets back."""
        self._loop.remove_reader(self._pair.rtp.fileno())
        self._loop.remove_reader(self._pair.rtcp.fileno())
        self._pair.close()

    # What was agreed on

    def connect(self, stream: Stream) -> None:
        """Take a new agreement over."""
        before, self.stream = self.stream, stream
        if before is None or (before.host, before.port) != (stream.host, stream.port):
            self._aim(stream)
        self._codecs = {**rtp.STATIC_TYPES, stream.payload_type: stream.codec}
        self._loud_at = self._warned_at = self._clock()
        self.reroute()
        if self.other is not None:
            self.other.reroute()

    def _aim(self, stream: Stream) -> None:
        self._source = None
        self._final = False
        self._signalled = self._target = _resolved(self._pair.rtp.family, stream.host, stream.port)
        self._reports_to = _next(self._target)

    def reroute(self) -> None:
        """Work out anew how what comes passes to the joined leg."""
        self._routes = {}
        self._keys_route = None
        other = self.other
        if other is None or other.stream is None:
            return
        target = other.stream
        self._routes = {
            number: Route(target.payload_type, converter(name, target.codec)) for number, name in self._codecs.items()
        }
        self._keys_route = target.dtmf

    # What comes

    def _readable(self) -> None:
        try:
            data, address = self._pair.rtp.recvfrom(DATAGRAM_MAX)
        except OSError:
            return
        if len(data) < rtp.HEADER_BYTES or data[0] >> 6 != 2 or self.stream is None:
            return
        if rtp.is_rtcp(data):
            self._report(data, address)
            return
        _, second, sequence, timestamp, ssrc = rtp.HEADER.unpack_from(data)
        number = second & 0x7F
        payload = data[rtp.HEADER_BYTES :] if data[0] == rtp.PLAIN else rtp.payload_of(data)
        if payload is None or (address != self._source and not self._believe(address)):
            return
        now = self._clock()
        self.received += 1
        reception = self._reception
        if reception is None or reception.ssrc != ssrc:
            reception = self._new_source(ssrc)
        reception.add(sequence, timestamp)
        if number == self.stream.dtmf:
            self._key(ssrc, sequence, timestamp, second, payload, now)
            return
        name = self._codecs.get(number)
        if name is None or not payload:
            return
        if self._watched and self._measure(name, payload) >= LOUD:
            self._loud_at = self._warned_at = now
        if self.tap is not None:
            self.tap(timestamp, self._decoded(name, payload), now)
        other = self.other
        if other is not None and other.player is None and not other._keys and other.ready:
            way = self._routes.get(number)
            if way is not None:
                passed = payload if way.convert is None else way.convert(payload)
                other.out.relay(ssrc, sequence, timestamp, second & rtp.MARKER | way.payload_type, passed, now)

    def _believe(self, address: Address) -> bool:
        """Whether a packet from here is the far end's."""
        if self._final:
            return False
        exact = address == self._signalled
        if self._source is not None and not exact:
            return False
        self._final = exact
        self._source = self._target = address
        self._reports_to = _next(address)
        return True

    def _new_source(self, ssrc: int) -> rtp.Reception:
        if self._reception is None:
            self._told.heard(self)
        self._reception = rtp.Reception(ssrc)
        self._listener = KeyListener()
        return self._reception

    def _key(self, ssrc: int, sequence: int, timestamp: int, second: int, payload: bytes, now: float) -> None:
        event = rtp.parse_event(payload)
        if event is None:
            return
        self._loud_at = self._warned_at = now
        digit = self._listener.hear(timestamp, second >= rtp.MARKER, event)
        if digit is not None:
            self._told.digit(self, digit)
        other = self.other
        if other is None:
            return
        if self._keys_route is None:
            if digit is not None:
                other.press(digit)
        elif other.player is None and not other._keys and other.ready:
            other.out.relay(ssrc, sequence, timestamp, second & rtp.MARKER | self._keys_route, payload, now)

    def _decoded(self, name: CodecName, payload: bytes) -> bytes:
        decode = self._decode.get(name)
        if decode is None:
            decode = self._decode[name] = rtp.codec(name).decode
        return decode(payload)

    def _measure(self, name: CodecName, payload: bytes) -> float:
        measure = self._loudness.get(name)
        if measure is None:
            measure = self._loudness[name] = loudness(name)
        return measure(payload)

    # What goes

    @property
    def ready(self) -> bool:
        """Whether anything may be sent."""
        return self._target is not None and self.stream is not None and self.stream.sending

    def press(self, digits: str) -> None:
        """Send keys: as telephone-events, or as tones where the far end has none."""
        digits = "".join(digit for digit in digits.upper() if digit in rtp.DIGITS)
        if self.stream is None or not digits:
            return
        if self.stream.dtmf is None:
            self._keys.append(Player([key(digit) for digit in digits]))
        else:
            self._keys.append(EventKeys(digits, self.stream.dtmf))

    def tick(self, now: float) -> None:
        """Send what is due of what we play ourselves: called every `TICK`."""
        stream = self.stream
        if stream is None:
            return
        if self._watched:
            self._look(stream, now)
        if self.player is None and not self._keys and self.other is not None and self.out.quiet(now) < QUIET:
            return
        ptime = stream.ptime if stream.ptime in PTIMES else 20
        self._due = min(self._due + TICK * 1000, 5 * ptime)
        while self._due >= ptime:
            self._due -= ptime
            self._step(stream, ptime * 8, now)

    def _step(self, stream: Stream, size: int, now: float) -> None:
        if self._keys:
            first = self._keys[0]
            if isinstance(first, Player):
                if self._play(first, stream, size, now):
                    return
            elif first.step(self.out, size, now):
                return
            del self._keys[0]
        player = self.player
        if player is None:
            self._play(self._idle if self.other is None else self._comfort, stream, size, now)
        elif not self._play(player, stream, size, now):
            self.player = None
            if player.done is not None:
                player.done()

    def _play(self, player: Player, stream: Stream, size: int, now: float) -> bool:
        """Send one packet of a player; False where it is at its end. On hold time goes on and nothing is sent."""
        piece = player.take(size, stream.codec)
        if not piece:
            return False
        if self.ready:
            if len(piece) < size:
                piece += tone("silence").encoded(stream.codec)[: size - len(piece)]
            self.out.own(stream.payload_type, piece, size, now)
        return True

    def _send(self, data: bytes) -> None:
        # No route, a full buffer, an ICMP error of a packet before: what is late is not worth sending again.
        with contextlib.suppress(OSError):
            self._pair.rtp.sendto(data, self._target)  # type: ignore[arg-type]

    # Silence

    def watch(self, seconds: float) -> None:
        """Tell silence of so many seconds; 0: no more."""
        self._watched = seconds
        self._loud_at = self._warned_at = self._clock()

    def _look(self, stream: Stream, now: float) -> None:
        if not stream.receiving:
            self._loud_at = self._warned_at = now
        elif now - self._warned_at >= self._watched:
            self._warned_at = now
            self._told.silent(self, now - self._loud_at)

    # Reports

    def report(self, now: float) -> None:
        """Send an RTCP report where there is anything to tell."""
        block = self._reception.report(now) if self._reception is not None else None
        if self._reports_to is None or (block is None and not self.out.packets):
            return
        data = rtp.report(self.out.ssrc, self.out.timestamp, self.out.packets, self.out.octets, "boomerang", block)
        try:
            self._pair.rtcp.sendto(data, self._reports_to)
        except OSError:
            return

    def _report_readable(self) -> None:
        try:
            data, address = self._pair.rtcp.recvfrom(DATAGRAM_MAX)
        except OSError:
            return
        self._report(data, address)

    def _report(self, data: bytes, address: Address) -> None:
        if self._reception is not None and self._source is not None and address[0] == self._source[0]:
            self._reception.heard(data, self._clock())


def _resolved(family: socket.AddressFamily, host: str, port: int) -> Address | None:
    """Return an address for a socket; None for a name (a look-up would hold all legs up) and for the other family."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if not 0 < port < 65536 or address.is_unspecified or address.is_multicast:
        return None
    if family == socket.AF_INET6:
        return (host, port, 0, 0) if address.version == 6 else None
    return (host, port) if address.version == 4 else None


def _next(address: Address | None) -> Address | None:
    """Return where reports go: the port above (RFC 3550 section 11)."""
    if address is None or address[1] >= 65535:
        return None
    return (address[0], address[1] + 1, *address[2:])
