"""One session with a broker, without I/O: what arrives goes in, what happened and what is to be written come out.

Rules
- Messages go out in the order in which they were put, with QoS 1, but for answers, which go before what still waits.
- At most so many are under way as the broker allows and `WINDOW`. Room is filled again when half of it is free, and
  what then goes is written as one: neither side wakes up for each message.
- Nothing is sent that is longer than the broker takes (MQTT 5 section 3.2.2.3.6): it would end the connection.
- A delivery counts as far as it was acknowledged without a gap: what the outbox may forget. A PUBACK that carries a
  failure (MQTT 5 section 3.4.2.1) is no acknowledgement.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from proxy.status import packets
from proxy.status.packets import Cutter, Greeting, Hello, Incoming, Outgoing, PacketError, Version

WINDOW: Final = 100
"""Messages under way at the most, however many the broker would take."""
WINDOW_311: Final = 20
"""The same for 3.1.1, where no broker says it: brokers allow 20 unless told otherwise."""
ANSWERS = 100
"""Answers that wait before no more commands are taken: a broker brings them faster than it takes what they ask for."""
IDENTIFIERS: Final = 65_535
"""The greatest packet identifier; there is no 0."""


class Delivery:
    """Messages that were put together, on their way."""

    __slots__ = ("_open", "count", "refusal")

    def __init__(self, count: int) -> None:
        self.count = count
        """How many there are."""
        self._open = set(range(count))
        self.refusal: str | None = None
        """Why the broker would not take one of them, where it said so."""

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is waited for any more."""
        return not self._open or self.refusal is not None

    def acknowledged_in_front(self) -> int:
        """How many, counted from the first, are acknowledged without a gap."""
        return min(self._open, default=self.count)

    def acknowledge(self, index: int) -> None:
        """The broker has taken this one."""
        self._open.discard(index)


class Welcomed(NamedTuple):
    """The broker has answered CONNECT."""

    greeting: Greeting


class Ended(NamedTuple):
    """The broker ends the session, or what it says makes no sense."""

    reason: str


class Unheard(NamedTuple):
    """The broker does not let us subscribe."""

    reason: str


Happening = Welcomed | Ended | Unheard | Incoming | Delivery
"""What comes of octets: among it a message, and a delivery that is over."""


class Session:
    """From CONNECT to the end of the connection."""

    def __init__(self, hello: Hello, version: Version) -> None:
        self._hello, self._version = hello, version
        self._cutter = Cutter()
        self._window = WINDOW_311
        self._waiting: deque[tuple[Delivery, int, Outgoing]] = deque()
        self._answers: deque[tuple[Delivery, int, Outgoing]] = deque()
        self._under_way: dict[int, tuple[Delivery, int]] = {}
        self._last = 0
        self._aside: list[bytes] = [packets.write_connect(hello, version)]
        """Packets that the window does not count: they go first."""
        self.acknowledged = 0
        """How many acknowledgements have come."""
        self.is_welcome = False
        self.longest = packets.LONGEST
        """Octets of the longest packet that the broker takes."""
        self._is_pinged = False

    # What is to go

    def fitting(self, messages: Sequence[Outgoing]) -> int:
        """How many of these messages, counted from the first, the broker takes: up to one that is too long."""
        for index, message in enumerate(messages):
            # No character has more than four octets; nothing but the topic and the payload has more than a few.
            if (len(message.payload) + 4 * len(message.topic) + packets.HEAD > self.longest
                    and len(packets.write_publish(message, 1, self._version)) > self.longest):
                return index
        return len(messages)

    def put(self, messages: Sequence[Outgoing]) -> Delivery:
        """Queue messages."""
        delivery = Delivery(len(messages))
        self._waiting.extend((delivery, index, message) for index, message in enumerate(messages))
        return delivery

    def answer(self, message: Outgoing) -> None:
        """Queue an answer, before what waits; nobody waits for its acknowledgement.

        Raises PacketError or UnicodeError for a topic that cannot be written, or too long a message.
        """
        octets = len(packets.write_publish(message, 1, self._version))
        if octets > self.longest:
            raise PacketError(f"{octets} octets, and the broker takes {self.longest}")
        self._answers.append((Delivery(1), 0, message))

    @property
    def has_room_for_answers(self) -> bool:
        """Whether fewer wait than `ANSWERS`."""
        return len(self._answers) < ANSWERS

    def drop(self, delivery: Delivery) -> None:
        """Do not send what of it still waits."""
        self._waiting = deque(each for each in self._waiting if each[0] is not delivery)

    def subscribe(self, pattern: str) -> None:
        """Ask for the messages of a topic filter."""
        self._aside.append(packets.write_subscribe(pattern, self._identifier(), self._version))

    def ping(self) -> bool:
        """Ask the broker for a sign of life; whether it has answered the one before."""
        answered, self._is_pinged = not self._is_pinged, True
        self._aside.append(packets.PING)
        return answered

    def take(self) -> bytes:
        """Return what is to be written now; empty: nothing."""
        if not self._aside and not self._waiting and not self._answers:
            return b""
        parts, self._aside = self._aside, []
        room = self._window - len(self._under_way)
        if self.is_welcome and (self._answers or len(self._under_way) <= self._window // 2):
            for queue in (self._answers, self._waiting):
                while queue and room > 0:
                    delivery, index, message = queue.popleft()
                    packet = self._identifier()
                    self._under_way[packet] = delivery, index
                    parts.append(packets.write_publish(message, packet, self._version))
                    room -= 1
        return b"".join(parts)

    def _identifier(self) -> int:
        """Return a packet identifier that is free."""
        while True:
            self._last = self._last % IDENTIFIERS + 1
            if self._last not in self._under_way:
                return self._last

    # What came

    def receive(self, data: bytes) -> list[Happening]:
        """Take octets in; return what happened. After `Ended` the connection is of no more use."""
        happened: list[Happening] = []
        try:
            for first, body in self._cutter.cut(data):
                if first == packets.PUBACK:
                    self._acknowledge(body, happened)
                else:
                    self._read(first, body, happened)
        except PacketError as error:
            happened.append(Ended(f"the broker sent {error}"))
        return happened

    def _acknowledge(self, body: bytes, happened: list[Happening]) -> None:
        packet, code = packets.read_puback(body)
        found = self._under_way.pop(packet, None)
        if found is None:
            return
        delivery, index = found
        was_over = delivery.is_over
        if code < packets.FAILURE:
            self.acknowledged += 1
            delivery.acknowledge(index)
        else:
            delivery.refusal = packets.reason(code)
        if delivery.is_over and not was_over:
            happened.append(delivery)

    def _read(self, first: int, body: bytes, happened: list[Happening]) -> None:
        kind = first & 0xF0
        if kind == packets.CONNACK and not self.is_welcome:
            greeting = packets.read_connack(body, self._version)
            self.is_welcome = not greeting.code
            if self._version is Version.V5:
                self._window = min(WINDOW, greeting.receive_maximum)
                self.longest = greeting.longest
            happened.append(Welcomed(greeting))
        elif not self.is_welcome:
            raise PacketError("something else than the answer to CONNECT")
        elif kind == packets.PUBLISH:
            message = packets.read_publish(first, body, self._version)
            if message.packet is not None:
                self._aside.append(packets.write_puback(message.packet))
            happened.append(message)
        elif kind == packets.PINGRESP:
            self._is_pinged = False
        elif kind == packets.SUBACK:
            code = packets.read_suback(body, self._version)
            if code >= packets.FAILURE:
                happened.append(Unheard(packets.reason(code)))
        elif kind == packets.DISCONNECT and self._version is Version.V5:
            happened.append(Ended(f"the broker ended it: {packets.reason(packets.read_disconnect(body))}"))
        else:
            raise PacketError(f"a packet of kind {kind >> 4}")
