"""One media session: two sockets, what comes from the far end, and where that goes."""

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from proxy.media import rtcp, rtp
from proxy.media.beeps import BeepWatch
from proxy.media.codecs import Convert, converter
from proxy.media.contract import CodecName, StreamTerms
from proxy.media.farend import Address, FarEnd
from proxy.media.inband import ToneKeyListener
from proxy.media.keys import KeyListener
from proxy.media.outflow import Outflow
from proxy.media.ports import PortPair
from proxy.media.silence import SilenceWatch
from proxy.media.speaker import Speaker

DATAGRAM_MAX: Final = 2048
VERSION: Final = 2
QUIET: Final = 0.4
"""Seconds without a packet from the other stream after which comfort noise takes its place: a line that sends nothing
at all counts as dead to many."""
CNAME: Final = "boomerang"
SAME_PRESS: Final = 1.0
"""Seconds within which a key that was heard as a tone and then comes as RFC 4733 is the same press: gateways let the
begin of a tone through."""
OFFERED_EVENTS: Final = 101
"""What our offers call telephone-events. A far end may answer with a number of its own and send with ours."""

Tap = Callable[[int, bytes, float], None]
"""Told what a stream says: RTP timestamp, PCM, now."""


class StreamListener(Protocol):
    """Who hears of a stream."""

    def digit(self, stream: "Stream", digit: str) -> None:
        """A key was pressed."""

    def heard(self, stream: "Stream") -> None:
        """The first packet came."""

    def silent(self, stream: "Stream", seconds: float) -> None:
        """Nothing, or nothing but silence, for so long."""

    def tone_heard(self, stream: "Stream", seconds: float) -> None:
        """A single tone, as a machine makes it."""


class Route(NamedTuple):
    """How payloads of one type pass to the joined stream."""

    payload_type: int
    convert: Convert | None


class Stream:
    """A media session. `pair` are its sockets, which it closes; `ours`: SSRC and port of all sessions, kept by them."""

    def __init__(self, name: str, pair: PortPair, listener: StreamListener, ours: dict[int, int],
                 loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self.name = name
        self.terms: StreamTerms | None = None
        """What was agreed on last."""
        self.other: Stream | None = None
        """The stream it is joined with."""
        self.tap: Tap | None = None
        """The recorder."""
        self.received = 0
        """Packets taken."""
        self.silence = SilenceWatch(now)
        self.out = Outflow(self._send, random.getrandbits(32), random.getrandbits(16), random.getrandbits(32), now)
        self.speaker = Speaker(self.out)
        self._ours = ours
        ours[self.out.ssrc] = pair.port
        self._pair = pair
        self._listener = listener
        self._loop = loop
        self._clock = loop.time
        self._far = FarEnd(pair.rtp.family)
        self._codecs: dict[int, CodecName] = {}
        self._events: frozenset[int] = frozenset()
        self._routes: dict[int, Route] = {}
        self._decode: dict[CodecName, Convert] = {}
        self._keys = KeyListener()
        self._tone_keys: ToneKeyListener | None = None
        """Keys in the audio; None: they are not asked for, or it is known to send them as RFC 4733."""
        self._tone_key = ("", 0.0)
        """The one heard last, and when."""
        self._sends_events = False
        self._beeps: BeepWatch | None = None
        self._pressed_to: Stream | None = None
        """The stream it was joined with when the press heard last began."""
        self._reception: rtcp.Reception | None = None
        loop.add_reader(pair.rtp.fileno(), self._readable)
        loop.add_reader(pair.rtcp.fileno(), self._report_readable)

    def close(self) -> None:
        """Give the sockets back, and forget what knows it: nothing is left for the collector of cycles."""
        self.tap = self._pressed_to = None
        self.speaker.player = None
        self.out.close()
        self._loop.remove_reader(self._pair.rtp.fileno())
        self._loop.remove_reader(self._pair.rtcp.fileno())
        self._pair.close()
        self._ours.pop(self.out.ssrc, None)

    @property
    def sending(self) -> bool:
        """Whether anything may be sent."""
        return self._far.target is not None and self.terms is not None and self.terms.sending

    def connect(self, terms: StreamTerms) -> None:
        """Take a new agreement over."""
        before, self.terms = self.terms, terms
        if before is None or (before.host, before.port) != (terms.host, terms.port):
            self._far.aim(terms.host, terms.port)
        # What else may be in our SDP is understood too: the far end may change its mind without a word (RFC 3264 7).
        self._codecs = {**rtp.STATIC_TYPES, terms.payload_type: terms.codec}
        self._events = frozenset() if terms.dtmf is None else frozenset({terms.dtmf, OFFERED_EVENTS})
        self.silence.restart(self._clock())
        self.reroute()
        if self.other is not None:
            self.other.reroute()

    def reroute(self) -> None:
        """Work out anew how what comes passes to the joined stream."""
        self._routes = {}
        if self.other is not None and self.other.terms is not None:
            target = self.other.terms
            for number, name in self._codecs.items():
                self._routes[number] = Route(target.payload_type, converter(name, target.codec))

    def watch_keys(self, on: bool) -> None:
        """Hear keys in the audio, or not; a far end that sends them as RFC 4733 is not asked twice."""
        if not on:
            self._tone_keys = None
        elif self._tone_keys is None and not self._sends_events:
            self._tone_keys = ToneKeyListener()

    def watch_tone(self, on: bool) -> None:
        """Hear single tones, or not."""
        self._beeps = BeepWatch() if on else None

    def press(self, digits: str) -> None:
        """Send keys to the far end."""
        if self.terms is not None:
            self.speaker.press(digits, self.terms.dtmf)

    def tick(self, now: float) -> None:
        """Send what is due of what we play ourselves, and tell silence: once every `TICK`."""
        terms = self.terms
        if terms is None:
            return
        if self.silence.seconds:
            self._look(terms, now)
        if self._beeps is not None:
            self._tell_tone(self._beeps.due(now))
        if self.other is None or self.speaker.busy or self.out.quiet(now) >= QUIET:
            self.speaker.tick(terms, self.sending, self.other is not None, now)

    def _look(self, terms: StreamTerms, now: float) -> None:
        if not terms.receiving:
            self.silence.restart(now)
            return
        seconds = self.silence.due(now)
        if seconds is not None:
            self._listener.silent(self, seconds)

    # What comes

    def _readable(self) -> None:
        try:
            data, address = self._pair.rtp.recvfrom(DATAGRAM_MAX)
        except OSError:
            return
        if len(data) < rtp.HEADER_BYTES or data[0] >> 6 != VERSION or self.terms is None:
            return
        if rtp.is_rtcp(data):
            self._report(data, address)
            return
        _, second, sequence, timestamp, ssrc = rtp.HEADER.unpack_from(data)
        if ssrc == self.out.ssrc or self._ours.get(ssrc) == address[1]:
            return  # a loop (RFC 3550 section 8.2): an address that was signalled to us is our own
        number = second & 0x7F
        payload = data[rtp.HEADER_BYTES :] if data[0] == rtp.PLAIN else rtp.payload_of(data)
        if payload is None or (number in self._events and not self._far.may_press(address)):
            return
        if address != self._far.source and not self._far.believe(address):
            return
        now = self._clock()
        self.received += 1
        reception = self._reception
        if reception is None or reception.ssrc != ssrc:
            reception = self._new_source(ssrc)
        reception.add(sequence, timestamp, now)
        if number in self._events:
            self._key(ssrc, sequence, timestamp, second, payload, now)
            return
        name = self._codecs.get(number)
        if name is None or not payload:
            return
        self._far.speaks()
        if self.silence.seconds:
            self.silence.hear(name, payload, now)
        if self.tap is not None or self._tone_keys is not None or self._beeps is not None:
            self._listen(timestamp, self._decoded(name, payload), now)
        other = self.other
        way = self._routes.get(number)
        if other is not None and way is not None and other.sending and not other.speaker.busy:
            passed = payload if way.convert is None else way.convert(payload)
            other.out.relay(ssrc, sequence, timestamp, second & rtp.MARKER | way.payload_type, passed, now)

    def _listen(self, timestamp: int, pcm: bytes, now: float) -> None:
        """Take audio: it is recorded, keys and beeps are heard in it."""
        if self.tap is not None:
            self.tap(timestamp, pcm, now)
        if self._tone_keys is not None:
            digit = self._tone_keys.hear(timestamp, pcm)
            if digit is not None:
                self._tone_key = (digit, now)
                self._listener.digit(self, digit)
        if self._beeps is not None:
            self._tell_tone(self._beeps.hear(pcm, now))

    def _tell_tone(self, seconds: float | None) -> None:
        if seconds is not None:
            self._listener.tone_heard(self, seconds)

    def _new_source(self, ssrc: int) -> rtcp.Reception:
        if self._reception is None:
            self._listener.heard(self)
        self._keys = KeyListener()
        if self._tone_keys is not None:
            self._tone_keys = ToneKeyListener()
        self._reception = rtcp.Reception(ssrc)
        return self._reception

    def _key(self, ssrc: int, sequence: int, timestamp: int, second: int, payload: bytes, now: float) -> None:
        """Take a telephone-event: told once a press, passed on as it is, or as a tone where that is all there is.

        A key that was down before the legs were joined was meant for us: nothing of it passes.
        """
        event = rtp.parse_event(payload)
        if event is None:
            return
        self.silence.restart(now)
        digit = self._keys.hear(timestamp, second >= rtp.MARKER, event)
        other = self.other
        if digit is not None:
            self._pressed_to = other
            self._sends_events, self._tone_keys = True, None
            heard, at = self._tone_key
            if digit != heard or now - at > SAME_PRESS:
                self._listener.digit(self, digit)
            self._tone_key = ("", 0.0)
        if other is None or other is not self._pressed_to or other.terms is None:
            return
        if other.terms.dtmf is None:
            if digit is not None:
                other.press(digit)
        elif other.sending and not other.speaker.busy:
            other.out.relay(ssrc, sequence, timestamp, second & rtp.MARKER | other.terms.dtmf, payload, now)

    def _decoded(self, name: CodecName, payload: bytes) -> bytes:
        decode = self._decode.get(name)
        if decode is None:
            decode = self._decode[name] = rtp.codec(name).decode
        return decode(payload)

    # What goes

    def _send(self, data: bytes) -> None:
        # No route, a full buffer, an ICMP error of a packet before: what is late is not worth sending again.
        with contextlib.suppress(OSError):
            self._pair.rtp.sendto(data, self._far.target)  # type: ignore[arg-type]

    # Reports

    def report(self, now: float) -> None:
        """Send an RTCP report where there is anything to tell."""
        block = self._reception.report(now) if self._reception is not None else None
        if self._far.reports_to is None or (block is None and not self.out.packets):
            return
        data = rtcp.report(self.out.ssrc, self.out.timestamp, self.out.packets, self.out.octets, CNAME, block)
        with contextlib.suppress(OSError):
            self._pair.rtcp.sendto(data, self._far.reports_to)

    def _report_readable(self) -> None:
        with contextlib.suppress(OSError):
            self._report(*self._pair.rtcp.recvfrom(DATAGRAM_MAX))

    def _report(self, data: bytes, address: Address) -> None:
        if self._reception is not None and self._far.reports_from(address):
            self._reception.heard(data, self._clock())
