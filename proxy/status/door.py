"""What comes before the application: who may ask, how much they may send, and how long they may take for it.

All is decided by the head of a request. What is refused is answered before a byte of its body is read, and the
connection ends. Only the body of whoever may ask is read, whole and bounded, before anything looks at it: parsing is
what holds the interpreter, and with it the calls.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proxy.status import access
from proxy.status.connections import SECONDS, Connection, Connections, Phase

MOST_BODY: Final = 65_536
"""Bytes of a request's body, where nothing else is said of its path."""
BODY_SECONDS: Final = SECONDS[Phase.BODY] * 0.9
"""How long a body may take in all: its sender is told before the connection is cut."""
LENGTH_DIGITS: Final = 18
"""Digits of a Content-Length that is read; one of more is too long in any case."""
CLOSE: Final = (b"connection", b"close")


class Door:
    """An ASGI application around the one that answers."""

    def __init__(self, app: ASGIApp, connections: Connections, token: str | None,
                 uploads: Mapping[tuple[str, str], int]) -> None:
        """`token`: see `access.refusal`. `uploads`: the most bytes of a body, by method and path."""
        self._app, self._connections, self._token, self._uploads = app, connections, token, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        connection = self._connections.find(None if client is None else (client[0], client[1]))
        try:
            await self._answer(scope, receive, send, connection)
        finally:
            if connection is not None:
                connection.end_work()

    async def _answer(self, scope: Scope, receive: Receive, send: Send, connection: Connection | None) -> None:
        headers, method, path = Headers(scope=scope), scope["method"], scope["path"]
        if method == "HEAD":  # the server leaves out the body
            scope = {**scope, "method": "GET"}
        length = _length(headers)
        if access.is_open(path):
            if length != 0:
                send = _closing(send, connection)
            _begin_work(connection)
            await self._app(scope, _nothing, send)
            return
        client = scope.get("client")
        most = self._uploads.get((method, path), MOST_BODY)
        refused = access.refusal(headers, client[0] if client is not None else "", self._token)
        if refused is None and length is not None and length > most:
            refused = _too_long(most)
        body: bytes | None = b""
        if refused is None and length != 0:
            if connection is not None:
                connection.begin_body()
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    body = await _read(receive, most)
            except ConnectionError:
                return
            except TimeoutError:
                refused = access.NotAllowed(408, f"a body has {BODY_SECONDS:g} s to come", {})
            else:
                refused = _too_long(most) if body is None else None
        _begin_work(connection)
        if refused is not None:
            response = JSONResponse({"detail": refused.detail}, refused.status, refused.headers)
            await response(scope, receive, _closing(send, connection))
            return
        await self._app(scope, _once(body or b"", receive), send)


def _begin_work(connection: Connection | None) -> None:
    if connection is not None:
        connection.begin_work()


def _too_long(most: int) -> access.NotAllowed:
    return access.NotAllowed(413, f"a body has at most {most} bytes here", {})


def _length(headers: Headers) -> int | None:
    """Return how long a body is; None where only its end will tell."""
    if "transfer-encoding" in headers:
        return None
    text = headers.get("content-length", "0")
    return int(text) if len(text) <= LENGTH_DIGITS and text.isascii() and text.isdigit() else 10 ** LENGTH_DIGITS


async def _read(receive: Receive, most: int) -> bytes | None:
    """Return a body; None where it is longer than `most`. Raises ConnectionError where its sender went away."""
    read = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionError
        read += message.get("body", b"")
        if len(read) > most:
            return None
        if not message.get("more_body", False):
            return bytes(read)


async def _nothing() -> Message:
    """Receive for what reads no body."""
    return {"type": "http.request", "body": b"", "more_body": False}


def _once(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read, then what follows it."""
    bodies = [body]

    async def take() -> Message:
        return {"type": "http.request", "body": bodies.pop(), "more_body": False} if bodies else await receive()

    return take


def _closing(send: Send, connection: Connection | None) -> Send:
    """Give an answer after which the connection ends, whatever of the request is still to come."""
    if connection is not None:
        connection.read_on()

    async def give(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), CLOSE]}
        await send(message)

    return give
