"""One TCP or TLS connection: bytes in, whole messages out; bytes out without ever waiting for the peer.

connecting -> open -> ending -> closed. `connecting` queues what is to be sent, `open` reads and writes, `ending` has
been told 400 and discards what comes until the peer has hung up. There is no way back, and no resync after a framing
error: what follows it may be anything, also a request smuggled in a body.
"""

import asyncio
import secrets
from collections.abc import Callable
from typing import Literal, NamedTuple, cast

from proxy.sip.framing import Framer
from proxy.sip.hop import Flow, Hop
from proxy.sip.reply import build_response, with_received
from proxy.sip.request_error import RequestError
from proxy.transports.deadline import Deadline
from proxy.transports.error_fence import ErrorFence
from proxy.transports.limits import StreamLimits
from proxy.transports.tls import carries, certificate_names

READ_SIZE = 16 * 1024
"""Bytes read at a time, so that one flood leaves others their turn; into one buffer that all connections share."""
TAG_BYTES = 8
"""Random bytes in the To tag of an answer to a broken message."""
PONG = b"\r\n"
"""Answer to a CRLFCRLF keep-alive (RFC 5626 section 4.4.1)."""

Failed = Callable[[str], None]
State = Literal["connecting", "open", "ending", "closed"]


class Unsent(NamedTuple):
    """A message that waits for its connection to come up."""

    data: bytes
    failed: Failed | None


class Port:
    """What all connections of a network share: where messages go, limits, the read buffer."""

    __slots__ = ("_turn", "buffer", "closed", "error_fence", "limits", "loop", "opened", "receive")

    def __init__(
        self,
        receive: Callable[[bytes, Flow, float], None],
        opened: Callable[["Connection"], None],
        closed: Callable[["Connection", str], None],
        error_fence: ErrorFence,
        limits: StreamLimits,
    ) -> None:
        self.receive = receive
        self.opened = opened
        self.closed = closed
        self.error_fence = error_fence
        self.limits = limits
        self.loop = asyncio.get_running_loop()
        self.buffer = memoryview(bytearray(READ_SIZE))
        self._turn: float | None = None
        """When the first connection was read in this turn of the loop."""

    def turn_seconds(self, now: float) -> float:
        """Return how long this turn of the loop has lasted since its first read: so long, at least, has waited what is
        read now.
        """
        if self._turn is None:
            self._turn = now
            self.loop.call_soon(self._turn_over)
        return now - self._turn

    def _turn_over(self) -> None:
        self._turn = None


class Connection(asyncio.BufferedProtocol):
    """A stream connection, ours or a peer's."""

    __slots__ = (
        "_deadline",
        "_filled_since",
        "_framer",
        "_message_due",
        "_port",
        "_queue",
        "_reason",
        "_transport",
        "_unwritten",
        "carries_ours",
        "flow",
        "for_reply",
        "names",
        "outgoing",
        "state",
        "wanted",
    )

    def __init__(
        self,
        flow: Flow,
        port: Port,
        *,
        outgoing: bool,
        wanted: frozenset[str] = frozenset(),
        for_reply: bool = False,
    ) -> None:
        self.flow = flow
        self.outgoing = outgoing
        self.for_reply = for_reply
        """Opened only to deliver a response."""
        self.wanted = wanted
        """TLS: names of which the server's certificate must carry one."""
        self.names: frozenset[str] = frozenset()
        """TLS: names that the peer's verified certificate carries."""
        self.carries_ours = False
        """Requests of ours went by it."""
        self.state: State = "connecting"
        self._port = port
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._queue: list[Unsent] = []
        self._unwritten: list[Failed] = []
        self._reason = ""
        self._deadline = Deadline(port.loop, self.cut)
        self._filled_since: float | None = None
        """Since when each read has filled the buffer: more was waiting."""
        self._message_due = 0.0
        """When the message that is coming in must be complete; 0 between two messages."""

    # -- for the owner ----------------------------------------------------------------------------------------------

    @property
    def usable(self) -> bool:
        """Whether a message given to `send` has a chance to get out."""
        if self._transport is None:
            return self.state == "connecting"
        return self.state == "open" and not self._transport.is_closing()

    def speaks_for(self, wanted: frozenset[str]) -> bool:
        """TLS: whether the far end has proved to be one of `wanted`, or will have to."""
        if self.state == "connecting":
            return self.wanted == wanted
        return carries(self.names, wanted)

    def send(self, data: bytes, failed: Failed | None = None) -> None:
        """Write, or queue while connecting. `failed` is called later if the connection goes before the bytes do.

        Over TLS the last 64 KiB that OpenSSL has already encrypted count as written.
        """
        if self._transport is None:
            self._send_later(Unsent(data, failed))
            return
        self._transport.write(data)
        waiting = self._transport.get_write_buffer_size()
        if self._transport.is_closing():  # this write found the connection broken
            if failed is not None:
                self._port.loop.call_soon(failed, "connection broke")
        elif waiting:
            if failed is not None:
                self._unwritten.append(failed)
            if waiting > self._port.limits.buffer:
                self.cut("peer does not read")
        elif self.state == "open" and not self._message_due:
            self._deadline.set(self._port.loop.time() + self._port.limits.idle, "idle")

    def cut(self, reason: str) -> None:
        """End the connection at once; what is buffered is lost."""
        self._reason = self._reason or reason
        if self._transport is None:
            self.ended(reason)
        else:
            self._transport.abort()

    def finish(self) -> None:
        """End the connection after what is buffered is written."""
        if self._transport is None:
            self.ended("closing")
        else:
            self._reason = self._reason or "closing"
            self._transport.close()

    def ended(self, reason: str) -> None:
        """Note that the connection is gone, or never came up; everybody who is owed a word gets it."""
        if self.state == "closed":
            return
        self.state = "closed"
        self._deadline.cancel()
        waiting = [unsent.failed for unsent in self._queue if unsent.failed is not None] + self._unwritten
        self._queue.clear()
        self._unwritten.clear()
        for failed in waiting:
            self._port.loop.call_soon(failed, reason)
        self._port.closed(self, reason)

    @property
    def hop(self) -> Hop:
        """The far end, as a hop."""
        name = next(iter(self.wanted)) if len(self.wanted) == 1 else None
        return Hop(self.flow.listener.transport, self.flow.host, self.flow.port, name)

    # -- called by the event loop -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a transport whose handshake, if any, is done."""
        self._transport = cast(asyncio.Transport, transport)
        if self.state == "closed":  # given up meanwhile
            self._transport.abort()
            return
        # With a high-water mark of 0, resume_writing() means: every byte is with the kernel.
        self._transport.set_write_buffer_limits(high=0)
        session = transport.get_extra_info("ssl_object")
        if session is not None:
            self.names = certificate_names(session.getpeercert())
            self.flow = self.flow._replace(names=self.names)
        if self.wanted and not carries(self.names, self.wanted):
            self.cut(f"certificate of {self.flow.host} is not for {' or '.join(sorted(self.wanted))}")
            return
        self.state = "open"
        limits, now = self._port.limits, self._port.loop.time()
        if self.outgoing:
            self._deadline.set(now + limits.idle, "idle")
        else:
            self._deadline.set(now + limits.first_byte, "no byte came")
        queue, self._queue = self._queue, []
        self._port.opened(self)
        for data, failed in queue:
            self.send(data, failed)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the shared read buffer."""
        return self._port.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Cut what came into messages and hand them on."""
        if self.state != "open":
            return
        framer, port, flow = self._framer, self._port, self.flow
        waited = self._waited(nbytes)
        pings = framer.pings
        try:
            messages = framer.feed(bytes(port.buffer[:nbytes]))
        except RequestError as error:
            self._refuse(error)
            return
        if framer.pings != pings:
            self.send(PONG)
        for message in messages:
            try:
                port.receive(message, flow, waited)
            except Exception as error:
                port.error_fence.report(flow.listener.transport, error)
        if framer.fault is not None:
            self._refuse(framer.fault)
        else:
            self._set_deadline(bool(messages))

    def _waited(self, nbytes: int) -> float:
        """Return how many seconds, at least, what was read now has waited."""
        now = self._port.loop.time()
        if nbytes < READ_SIZE:
            self._filled_since = None
            return self._port.turn_seconds(now)
        if self._filled_since is None:
            self._filled_since = now
        return max(now - self._filled_since, self._port.turn_seconds(now))

    def eof_received(self) -> None:
        """Let the transport close: half a SIP connection is of no use."""
        self._reason = self._reason or "closed by the peer"

    def resume_writing(self) -> None:
        """Note that everything is written."""
        self._unwritten.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone."""
        self.ended(self._reason or str(exc or "") or "closed")

    # -- inside -----------------------------------------------------------------------------------------------------

    def _send_later(self, unsent: Unsent) -> None:
        waiting = sum(len(data) for data, _ in self._queue)
        if self.state != "connecting" or waiting + len(unsent.data) > self._port.limits.buffer:
            if unsent.failed is not None:
                self._port.loop.call_soon(unsent.failed, "send queue is full")
            return
        self._queue.append(unsent)

    def _refuse(self, error: RequestError) -> None:
        """Answer a broken message if it can be answered, then hang up.

        A close with unread bytes in our kernel would send RST, which can overtake the answer. So only our half is
        closed, and what still comes is read and thrown away for `linger` seconds.
        """
        self._reason = f"framing error: {error}"
        transport = self._transport
        if transport is None or error.request is None or transport.is_closing():
            self.cut(self._reason)
            return
        try:
            with_received(error.request, self.flow.host, self.flow.port)
            to_tag = secrets.token_hex(TAG_BYTES).encode()
            transport.write(build_response(error.request, error.status, error.reason, to_tag, error.fields))
        except Exception as ours:
            self._port.error_fence.report(self.flow.listener.transport, ours)
            self.cut(self._reason)
            return
        self.state = "ending"
        self._deadline.set(self._port.loop.time() + self._port.limits.linger, self._reason)
        if transport.can_write_eof():
            transport.write_eof()
        else:  # TLS: its close_notify does the same
            transport.close()

    def _set_deadline(self, complete: bool) -> None:
        """Choose the deadline after bytes came; `complete`: with them ended a message."""
        if self.state != "open":
            return
        limits, now = self._port.limits, self._port.loop.time()
        if not self._framer.pending:
            self._message_due = 0.0
            self._deadline.set(now + limits.idle, "idle")
        elif complete or not self._message_due:
            self._message_due = now + limits.message
            self._deadline.set(self._message_due, "message not completed in time")
