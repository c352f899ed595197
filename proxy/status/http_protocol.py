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
from proxy.web.connections import Connection, Connections

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
            # No body: h11 says so at once, without anything more from the client.
            is_whole = isinstance(request, h11.Request) and isinstance(self._wire.next_event(), h11.EndOfMessage)
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint, "invalid HTTP request")
            return
        if not isinstance(request, h11.Request):
            self._transport.resume_reading()
            return
        names = {name for name, _ in request.headers}
        if {b"content-length", b"transfer-encoding"} <= names:  # who stands before us may see another end
            self._refuse(400, "a body has a Content-Length or a Transfer-Encoding, not both")
            return
        self._transport.pause_reading()
        self._answering = asyncio.get_running_loop().create_task(self._answer(request, is_whole))

    async def _answer(self, request: h11.Request, is_whole: bool) -> None:
        """Answer a request. `is_whole`: it has no body, so that another one may follow."""
        assert self._transport is not None
        connection = self._connection()
        if connection is not None:
            connection.begin_work()
        method = request.method.decode()
        answer = await self._ask(method, _path(request.target.decode()))
        if not is_whole and connection is not None:
            connection.read_on()
        self._write(answer, head_only=method == "HEAD", last=not is_whole)
        self._answering = None
        if connection is not None:
            connection.end_work()
        if self._wire.our_state is h11.DONE:
            self._wire.start_next_cycle()
            self._go_on()
        else:
            self._transport.close()

    def _refuse(self, status: int, reason: str) -> None:
        """Answer what is no request, and end the connection once what still comes was thrown away."""
        assert self._transport is not None
        connection = self._connection()
        if connection is not None:
            connection.read_on()
        self._write(Answer(status, "text/plain; charset=utf-8", f"{reason}\n".encode()), last=True)
        self._transport.close()

    def _connection(self) -> Connection | None:
        """Ours; None where the client was gone before we could see its address."""
        peer = None if self._transport is None else self._transport.get_extra_info("peername")
        return None if peer is None else self._connections.find((peer[0], peer[1]))

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


def _path(target: str) -> str:
    """Return the path of a request's target: `/path`, or of a whole URI as a proxy gets it (RFC 9112 section 3.2)."""
    path = target.partition("?")[0]
    if path.startswith("/") or "://" not in path:
        return path
    return "/" + path.partition("://")[2].partition("/")[2]


def _date(now: time.struct_time) -> str:
    """Write a moment as a Date (RFC 9110 section 5.6.7), whatever the locale."""
    return (f"{_DAYS[now.tm_wday]}, {now.tm_mday:02} {_MONTHS[now.tm_mon - 1]} {now.tm_year} "
            f"{now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02} GMT")
