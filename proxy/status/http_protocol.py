"""One HTTP connection (RFC 9112) to those who ask for health and figures: a request at a time, its answer whole.

Nothing that is asked here has a body, so none is read: a request that brings one all the same is answered by its head
alone, and its connection ends.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

import h11

from proxy.status.pages import Answer
from proxy.web.connections import Connections

HEAD_BYTES: Final = 64 * 1024
"""Longest head of a request."""

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Ask = Callable[[str, str], Awaitable[Answer]]
"""Answers a method and a path."""


class HttpProtocol(asyncio.Protocol):
    """Reads requests and writes answers; `Connections` around it says how long each may take."""

    def __init__(self, ask: Ask, connections: Connections) -> None:
        self._ask, self._connections = ask, connections
        self._wire = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        self._transport: asyncio.Transport | None = None
        self._answering: asyncio.Task[None] | None = None
        self._unread = False
        """The client reads its answers slower than it asks."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # `Connections` gives one of its own

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answering is not None:
            self._answering.cancel()

    def pause_writing(self) -> None:
        self._unread = True

    def resume_writing(self) -> None:
        self._unread = False
        self._go_on()

    def data_received(self, data: bytes) -> None:
        self._wire.receive_data(data)
        self._go_on()

    def eof_received(self) -> None:
        """Let the connection end: nothing is read while an answer is made, so none is under way."""

    def _go_on(self) -> None:
        """Take the next request, once the answer to the last one was given and is read."""
        if self._transport is None or self._answering is not None or self._unread:
            return
        try:
            request = self._wire.next_event()
        except h11.RemoteProtocolError:
            self._refuse("invalid HTTP request")
            return
        if not isinstance(request, h11.Request):
            self._transport.resume_reading()
            return
        names = {name for name, _ in request.headers}
        if {b"content-length", b"transfer-encoding"} <= names:  # who stands before us may see another end
            self._refuse("a body has a Content-Length or a Transfer-Encoding, not both")
            return
        self._transport.pause_reading()
        self._answering = asyncio.get_running_loop().create_task(self._answer(request))

    async def _answer(self, request: h11.Request) -> None:
        assert self._transport is not None
        address = self._transport.get_extra_info("peername")
        connection = self._connections.find((address[0], address[1]))
        if connection is not None:
            connection.begin_work()
        method, path = request.method.decode(), request.target.partition(b"?")[0].decode()
        answer = await self._ask(method, path)
        has_no_body = self._wire.their_state is h11.SEND_BODY and isinstance(self._wire.next_event(), h11.EndOfMessage)
        if not has_no_body and connection is not None:
            connection.read_on()
        self._write(answer, head_only=method == "HEAD", last=not has_no_body)
        self._answering = None
        if connection is not None:
            connection.end_work()
        if self._wire.our_state is h11.DONE:
            self._wire.start_next_cycle()
            self._go_on()
        else:
            self._transport.close()

    def _refuse(self, reason: str) -> None:
        """Answer what is no request, and end the connection."""
        assert self._transport is not None
        self._write(Answer(400, "text/plain; charset=utf-8", f"{reason}\n".encode()), last=True)
        self._transport.close()

    def _write(self, answer: Answer, *, head_only: bool = False, last: bool) -> None:
        assert self._transport is not None
        headers = [("date", _date(time.gmtime())), ("content-type", answer.content_type),
                   ("content-length", str(len(answer.body)))]
        headers += [("allow", answer.allow)] if answer.allow else []
        headers += [("connection", "close")] if last else []
        reason = HTTPStatus(answer.status).phrase
        head = h11.Response(status_code=answer.status, headers=headers, reason=reason.encode())
        parts: list[h11.Event] = [head, h11.EndOfMessage()]
        if not head_only:
            parts.insert(1, h11.Data(data=answer.body))
        self._transport.write(b"".join(self._wire.send(part) or b"" for part in parts))


def _date(now: time.struct_time) -> str:
    """Write a moment as a Date (RFC 9110 section 5.6.7), whatever the locale."""
    return (f"{_DAYS[now.tm_wday]}, {now.tm_mday:02} {_MONTHS[now.tm_mon - 1]} {now.tm_year} "
            f"{now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02} GMT")
