"""One connection to an MQTT broker: aiomqtt, with what our outbox needs on top of it.

- A batch is handed over in order and counts as sent as far as it was acknowledged without a gap: what the outbox may
  forget. A PUBACK that carries a failure (MQTT 5 section 3.4.2.1) is no acknowledgement.
- A broker that closes during the handshake, or never answers it, is noticed at once, respectively after
  `HANDSHAKE_TIMEOUT`, and leaves no socket behind.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from proxy.status.commands import PATTERN, Message, Reply
from proxy.status.payload import Outgoing
from proxy.status.source import MqttSettings

CONNECT_TIMEOUT: Final = 3.0
"""Seconds for TCP and TLS to come up."""
HANDSHAKE_TIMEOUT: Final = 5.0
"""Seconds from CONNECT to CONNACK, and from DISCONNECT to the end of the connection."""
ACK_TIMEOUT: Final = 10.0
"""Seconds without a single acknowledgement until the connection is given up."""
KEEPALIVE: Final = 15
"""Seconds between PINGREQs; a broker publishes our last will after one and a half of these."""
IN_FLIGHT: Final = 20
"""Messages sent and not acknowledged yet; brokers allow 20 unless told otherwise."""
READ_AHEAD: Final = 65_536
"""Octets read from the connection at a time."""
COMMANDS_QUEUED: Final = 1_000
"""Commands that wait to be read; further ones are lost, as a flood should be."""

OFFLINE: Final = b"offline"
ONLINE: Final = b"online"

QUIET: Final = logging.getLogger("boomerang.mqtt")
"""What the library says; we say it ourselves, once."""
QUIET.setLevel(logging.CRITICAL)
QUIET.propagate = False


class _Batch:
    """Messages under way together."""

    __slots__ = ("finished", "open", "order")

    def __init__(self, finished: asyncio.Future[None]) -> None:
        self.order: list[int] = []
        self.open: set[int] = set()
        self.finished = finished

    def acknowledged_in_front(self) -> int:
        """How many messages, counted from the first, are acknowledged without a gap."""
        return next((n for n, mid in enumerate(self.order) if mid in self.open), len(self.order))


class Gathered:
    """A socket that is read in large pieces; the library below asks for a single octet at a time.

    `pending` tells it what is here already, as with TLS.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._came = b""

    def recv(self, count: int) -> bytes:
        """See `socket.socket`. Raises BlockingIOError where nothing is here."""
        came = self._came or self._sock.recv(READ_AHEAD)
        self._came = came[count:]
        return bytes(came[:count])

    def pending(self) -> int:
        """How many octets were read from the connection and not asked for yet."""
        return len(self._came) or (self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _TidySocket(ssl.SSLSocket):
    """Closes itself where the handshake fails; the library below would leave it to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        """See `ssl.SSLSocket`."""
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def _tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Certificate and name of the broker are checked. Raises OSError for a file that cannot be read."""
    context = ssl.create_default_context(cafile=ca_file)
    context.sslsocket_class = _TidySocket
    return context


class Link(aiomqtt.Client):
    """A connection that is used once: `open`, `deliver` as often as needed, then `close` or `abandon`."""

    def __init__(self, settings: MqttSettings, status_topic: str, protocol: aiomqtt.ProtocolVersion) -> None:
        super().__init__(
            settings.host,
            settings.port,
            username=settings.username,
            password=settings.password,
            # A fixed name makes the broker end a half-dead connection of ours, and send its will, before this one is
            # accepted; with a new name each time that will would overwrite our `online` a minute later.
            identifier=f"{settings.prefix}-{settings.node}",
            protocol=protocol,
            will=aiomqtt.Will(status_topic, OFFLINE, qos=1, retain=True),
            clean_session=None if protocol is aiomqtt.ProtocolVersion.V5 else True,
            timeout=HANDSHAKE_TIMEOUT,
            keepalive=KEEPALIVE,
            max_inflight_messages=IN_FLIGHT,
            max_queued_incoming_messages=COMMANDS_QUEUED,
            tls_context=_tls_context(settings.ca_file) if settings.tls else None,
            logger=QUIET,
            # Else a small message waits until TCP has acknowledged the one before it.
            socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
        )
        self._client.connect_timeout = CONNECT_TIMEOUT
        self._batches: dict[int, _Batch] = {}
        self.refusal: str | None = None
        """Why the broker would not take a message, where it said so."""

    @property
    def reached(self) -> bool:
        """Whether TCP and TLS came up, so that what failed was MQTT."""
        return self._misc_task is not None

    async def open(self) -> None:
        """Connect.

        Raises `aiomqtt.MqttCodeError` where the broker refused, another `aiomqtt.MqttError` for everything else.
        """
        try:
            await self.__aenter__()
        except (ssl.SSLError, ValueError) as error:
            await self.abandon()
            raise aiomqtt.MqttError(str(error)) from None
        except BaseException:
            await self.abandon()
            raise

    async def close(self) -> None:
        """Say goodbye to the broker: it forgets our last will."""
        try:
            await self.__aexit__(None, None, None)
        except aiomqtt.MqttError:
            await self.abandon()

    async def abandon(self) -> None:
        """Let go without a goodbye: the broker sends our last will."""
        sock: Any = self._client.socket()
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        if self._misc_task is not None:
            await asyncio.wait({self._misc_task}, timeout=1)
        for future in (self._connected, self._disconnected):
            if future.done() and not future.cancelled():
                future.exception()  # seen: asyncio need not warn of it

    async def lost(self) -> None:
        """Wait until the connection is gone, then raise `aiomqtt.MqttError`."""
        await asyncio.wait({self._disconnected})
        raise aiomqtt.MqttError(self.reason())

    def reason(self) -> str:
        """Why messages went unacknowledged."""
        if self.refusal is not None:
            return f"the broker refused a message: {self.refusal}"
        if self._disconnected.done():
            return str(self._disconnected.exception() or "disconnected")
        return "no acknowledgement"

    async def deliver(self, messages: Sequence[Outgoing]) -> int:
        """Publish in this order and wait; how many were acknowledged, counted from the first without a gap.

        Fewer than `len(messages)` means that the connection is of no more use; `reason()` says why.
        """
        batch = _Batch(self._loop.create_future())
        for message in messages:
            info = self._client.publish(message.topic, message.payload, 1, message.retain)
            if info.rc:
                break
            batch.order.append(info.mid)
            batch.open.add(info.mid)
            self._batches[info.mid] = batch
        await self._acknowledged(batch)
        for mid in batch.open:
            self._batches.pop(mid, None)
        return batch.acknowledged_in_front()

    async def commands(self, base: str) -> AsyncIterator[Message]:
        """Subscribe to the command topics below `base` and yield what comes. Raises `aiomqtt.MqttError` at the end."""
        topics = f"{base}/{PATTERN}"
        await self.subscribe(topics, qos=1)
        async for message in self.messages:
            if message.retain or not isinstance(message.payload, bytes):
                continue
            properties = message.properties
            yield Message(message.topic.value.rpartition("/")[2], message.payload,
                          getattr(properties, "ResponseTopic", None), getattr(properties, "CorrelationData", None))

    def reply(self, reply: Reply) -> None:
        """Publish an answer; nobody waits for its acknowledgement."""
        properties = None
        if reply.correlation is not None:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # the library has no types here
            properties.CorrelationData = reply.correlation
        self._client.publish(reply.topic, reply.payload, 1, False, properties)

    async def _acknowledged(self, batch: _Batch) -> None:
        """Wait for the batch, or until the connection failed, or no acknowledgement came for `ACK_TIMEOUT`."""
        missing = len(batch.open) + 1
        ends = (batch.finished, self._disconnected)
        while 0 < len(batch.open) < missing and not any(end.done() for end in ends):
            missing = len(batch.open)
            await asyncio.wait(ends, timeout=ACK_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Any) -> None:
        batch = self._batches.get(mid)
        if batch is None:
            return
        if reason_code.is_failure:
            self.refusal = str(reason_code)
            if not batch.finished.done():
                batch.finished.set_result(None)
            return
        del self._batches[mid]
        batch.open.discard(mid)
        if not batch.open and not batch.finished.done():
            batch.finished.set_result(None)

    def _on_socket_open(self, client: Any, userdata: Any, sock: Any) -> None:
        client._sock = Gathered(sock)
        super()._on_socket_open(client, userdata, client._sock)

    def _on_disconnect(self, client: Any, userdata: Any, flags: Any, reason_code: ReasonCode,
                       properties: Any = None) -> None:
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttError("the broker closed the connection during the handshake"))
            return
        super()._on_disconnect(client, userdata, flags, reason_code, properties)
