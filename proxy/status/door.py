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
from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.status import access
from proxy.web import bodies
from proxy.web.connections import Connection, Connections

MOST_BODY: Final = 65_536
"""Bytes of a request's body, where nothing else is said of its path."""


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
        length = bodies.length_of(headers)
        if self._token is None or access.is_open(path):
            if length != 0:
                send = bodies.closing(send, connection)
            _begin_work(connection)
            await self._app(scope, bodies.nothing, send)
            return
        most = self._uploads.get((method, path), MOST_BODY)
        refused = access.refusal(headers, self._token)
        if refused is None and length is not None and length > most:
            refused = _too_long(most)
        body: bytes | None = b""
        if refused is None and length != 0:
            if connection is not None:
                connection.begin_body()
            try:
                async with asyncio.timeout(bodies.BODY_SECONDS):
                    body = await bodies.read(receive, most)
            except ConnectionError:
                return
            except TimeoutError:
                refused = access.NotAllowed(408, f"a body has {bodies.BODY_SECONDS:g} s to come", {})
            else:
                refused = _too_long(most) if body is None else None
        _begin_work(connection)
        if refused is not None:
            response = JSONResponse({"detail": refused.detail}, refused.status, refused.headers)
            await response(scope, receive, bodies.closing(send, connection))
            return
        await self._app(scope, bodies.once(body or b"", receive), send)


def _begin_work(connection: Connection | None) -> None:
    if connection is not None:
        connection.begin_work()


def _too_long(most: int) -> access.NotAllowed:
    return access.NotAllowed(413, f"a body has at most {most} bytes here", {})
