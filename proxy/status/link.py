"""One connection to an MQTT broker: the socket and the clock around a `Session`.

A broker that closes during the handshake is noticed at once, one that never answers it after `HANDSHAKE_TIMEOUT`, and
one that is silent for longer than two pings after that. No way out leaves a socket behind.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import Final, cast

from proxy.logger import get_logger
from proxy.status import packets
from proxy.status.commands import PATTERN, Message, Reply
from proxy.status.packets import GOODBYE, Hello, Incoming, Outgoing, PacketError, Version, reason
from proxy.status.session import Delivery, Ended, Happening, Session, Unheard, Welcomed
from proxy.status.source import MqttSettings

CONNECT_TIMEOUT: Final = 3.0
"""Seconds for TCP and TLS to come up at one address, and for a name to be resolved."""
ADDRESSES: Final = 8
"""Addresses of a broker's name that are tried, one after the other: one that is never answered shuts out none."""
HANDSHAKE_TIMEOUT: Final = 5.0
"""Seconds from CONNECT to CONNACK, and from DISCONNECT to the end of the connection."""
ACK_TIMEOUT: Final = 10.0
"""Seconds without a single acknowledgement until the connection is given up."""
KEEPALIVE: Final = 15
"""Seconds between two packets of ours at the most; a broker publishes our last will after one and a half of these."""
COMMANDS_QUEUED: Final = 1_000
"""Commands that wait to be read; further ones are lost, as a flood should be."""
COMMAND_OCTETS: Final = 8 * 1024 * 1024
"""Octets of the commands that wait: a single one may have as many as are kept of a packet."""

QUICKACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)
"""Has TCP acknowledge at once what came (Linux). A broker's acknowledgements are small: each waits until TCP has
acknowledged the one before it, which else takes 40 ms where we have nothing to write."""

OFFLINE: Final = b"offline"
ONLINE: Final = b"online"

log = get_logger()


class LinkError(Exception):
    """There is no connection, or no more; the text says why."""


class RefusedError(LinkError):
    """The broker said no to CONNECT."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the broker refused us: {reason(code)}")
        self.code = code
        """Of CONNACK, of the version that the broker speaks."""


def _tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Certificate and name of the broker are checked. Raises OSError for a file that cannot be read."""
    return ssl.create_default_context(cafile=ca_file)


def _octets(message: Incoming) -> int:
    """What a message keeps in memory, but for what every message does."""
    beside = len(message.response_topic or "") + len(message.correlation or b"")
    return len(message.topic) + len(message.payload) + beside


class Link(asyncio.Protocol):
    """A connection that is used once: `open`, `deliver` as often as needed, then `close` or `abandon`."""

    def __init__(self, settings: MqttSettings, status_topic: str, protocol: Version) -> None:
        # A fixed name makes the broker end a half-dead connection of ours, and send its will, before this one is
        # accepted; with a new name each time that will would overwrite our `online` a minute later.
        hello = Hello(f"{settings.prefix}-{settings.node}", KEEPALIVE, Outgoing(status_topic, OFFLINE, retain=True),
                      settings.username, settings.password)
        self._settings = settings
        self._session = Session(hello, protocol)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._welcome: asyncio.Future[None] = self._loop.create_future()
        self._gone: asyncio.Future[None] = self._loop.create_future()
        """Done once the connection is over."""
        self._why: str | None = None
        self._refusal: str | None = None
        self._deliveries: dict[Delivery, asyncio.Future[None]] = {}
        self._commands: asyncio.Queue[Incoming] = asyncio.Queue(COMMANDS_QUEUED)
        self._may_ask = asyncio.Event()
        """Set while answers may be added to those that wait."""
        self._may_ask.set()
        self._command_octets = 0
        """Of those that wait."""
        self._timer: asyncio.TimerHandle | None = None
        self._has_written = False
        self.reached = False
        """Whether TCP and TLS came up, so that what failed was MQTT."""

    async def open(self) -> None:
        """Connect. Raises RefusedError where the broker said no, LinkError for everything else."""
        try:
            await self._connect()
            self._write()
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                await asyncio.wait({self._welcome, self._gone}, return_when=asyncio.FIRST_COMPLETED)
            if not self._welcome.done():
                raise LinkError(self._why or "the broker closed the connection during the handshake")
            self._welcome.result()
        except TimeoutError:
            await self.abandon()
            raise LinkError("the broker does not answer") from None
        except BaseException:
            await self.abandon()
            raise

    async def _connect(self) -> None:
        """Connect to the first of the broker's addresses that can be reached. Raises LinkError."""
        settings = self._settings
        try:
            context = _tls_context(settings.ca_file) if settings.tls else None
            async with asyncio.timeout(CONNECT_TIMEOUT):
                found = await self._loop.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
        except TimeoutError:
            raise LinkError(f"{settings.host} is not resolved: timed out") from None
        except (OSError, ValueError, ssl.SSLError) as error:
            raise LinkError(str(error)) from None
        faults: list[str] = []
        for family, _, _, _, address in found[:ADDRESSES]:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    await self._loop.create_connection(
                        lambda: self, str(address[0]), settings.port, ssl=context, family=family,
                        server_hostname=settings.host if context is not None else None)
                return
            except TimeoutError:
                faults.append("no connection: timed out")
            except (OSError, ValueError, ssl.SSLError) as error:
                faults.append(str(error))
            if self.reached:  # it was used, if only for a moment
                break
        raise LinkError("; ".join(faults))

    async def close(self) -> None:
        """Say goodbye to the broker: it forgets our last will."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(GOODBYE)
            transport.close()  # what was written goes first
        await asyncio.wait({self._gone}, timeout=HANDSHAKE_TIMEOUT)
        await self.abandon()

    async def abandon(self) -> None:
        """Let go without a goodbye: the broker sends our last will."""
        if self._welcome.done() and not self._welcome.cancelled():
            self._welcome.exception()  # seen: asyncio need not warn of it
        if self._transport is not None:
            self._transport.abort()
            await asyncio.wait({self._gone}, timeout=1)

    async def lost(self) -> None:
        """Wait until the connection is gone, then raise LinkError."""
        await asyncio.wait({self._gone})
        raise LinkError(self.reason())

    def reason(self) -> str:
        """Why messages went unacknowledged."""
        if self._refusal is not None:
            return f"the broker refused a message: {self._refusal}"
        if self._gone.done():
            return self._why or "disconnected"
        return "no acknowledgement"

    async def deliver(self, messages: Sequence[Outgoing]) -> int:
        """Publish in this order and wait; how many were acknowledged, counted from the first without a gap.

        Fewer than `len(messages)` means that the connection is of no more use; `reason()` says why.
        """
        fitting = self._session.fitting(messages)
        if fitting < len(messages):
            self._refusal = f"{messages[fitting].topic} is longer than the {self._session.longest} octets that it takes"
        delivery = self._session.put(messages[:fitting])
        if not fitting or self._gone.done():
            return 0
        over = self._deliveries[delivery] = self._loop.create_future()
        self._write()
        try:
            await self._acknowledged(over)
        finally:
            del self._deliveries[delivery]
            if not delivery.is_over:
                self._session.drop(delivery)
        self._refusal = delivery.refusal or self._refusal
        return delivery.acknowledged_in_front()

    async def _acknowledged(self, over: "asyncio.Future[None]") -> None:
        """Wait for a delivery, or until the connection failed, or no acknowledgement came for `ACK_TIMEOUT`."""
        before = -1
        while not over.done() and not self._gone.done() and self._session.acknowledged != before:
            before = self._session.acknowledged
            await asyncio.wait((over, self._gone), timeout=ACK_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)

    @property
    def room(self) -> int:
        """Octets that a message, its topic and its correlation data may have together."""
        return self._session.longest - packets.HEAD

    async def commands(self, base: str) -> AsyncIterator[Message]:
        """Subscribe to the command topics below `base` and yield what comes; it ends with the connection."""
        self._session.subscribe(f"{base}/{PATTERN}")
        self._write()
        while True:
            await self._may_ask.wait()
            message = await self._commands.get()
            self._command_octets -= _octets(message)
            if not message.retain:
                yield Message(message.topic.rpartition("/")[2], message.payload, message.response_topic,
                              message.correlation)

    def reply(self, reply: Reply) -> None:
        """Publish an answer; nobody waits for its acknowledgement."""
        try:
            self._session.answer(Outgoing(reply.topic, reply.payload, correlation=reply.correlation))
        except (PacketError, UnicodeError) as error:
            log.warning("no_answer_there", reason=str(error))
        self._write()
        if not self._session.has_room_for_answers:
            self._may_ask.clear()

    # The socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.reached = True
        self._acknowledge_at_once()

    def _acknowledge_at_once(self) -> None:
        if self._transport is None or QUICKACK is None:
            return
        sock: socket.socket | None = self._transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)

    def data_received(self, data: bytes) -> None:
        for happening in self._session.receive(data):
            self._happened(happening)
        if not self._write():
            self._acknowledge_at_once()

    def _happened(self, happening: Happening) -> None:
        if isinstance(happening, Delivery):
            over = self._deliveries.get(happening)
            if over is not None and not over.done():
                over.set_result(None)
        elif isinstance(happening, Incoming):
            octets = _octets(happening)
            if not self._commands.full() and self._command_octets + octets <= COMMAND_OCTETS:
                self._command_octets += octets
                self._commands.put_nowait(happening)
        elif isinstance(happening, Welcomed):
            self._answered(happening)
        elif isinstance(happening, Unheard):
            log.warning("no_commands", reason=f"the broker refused the subscription: {happening.reason}")
        else:
            self._end(happening)

    def _answered(self, welcomed: Welcomed) -> None:
        if self._welcome.done():
            return
        greeting = welcomed.greeting
        if greeting.code:
            self._welcome.set_exception(RefusedError(greeting.code))
            return
        self._welcome.set_result(None)
        # Whether something was written is looked at twice within the time: so no pause is longer than it. A broker that
        # wants fewer signs of life of us is asked for its own as often as any other.
        self._timer = self._loop.call_later(self._tick_after(greeting.keep_alive), self._tick, greeting.keep_alive)

    @staticmethod
    def _tick_after(keep_alive: int | None) -> float:
        return min(keep_alive or KEEPALIVE, KEEPALIVE) / 2

    def _tick(self, keep_alive: int | None) -> None:
        if not self._has_written and not self._session.ping():
            self._end(Ended("the broker does not answer a ping"))
            return
        self._write()
        self._has_written = False
        self._timer = self._loop.call_later(self._tick_after(keep_alive), self._tick, keep_alive)

    def _end(self, ended: Ended) -> None:
        self._why = self._why or ended.reason
        if self._transport is not None:
            self._transport.abort()

    def _write(self) -> bool:
        """Write what may go now; whether there was something."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        octets = self._session.take()
        if self._session.has_room_for_answers:
            self._may_ask.set()
        if octets:
            self._has_written = True
            transport.write(octets)
        return bool(octets)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        if exc is not None:
            self._why = self._why or str(exc)
        if not self._gone.done():
            self._gone.set_result(None)
