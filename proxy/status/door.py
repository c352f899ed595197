"""What comes before the application: nothing that is asked here has a body, so none is read.

A request that brings one all the same is answered by its head alone, and its connection ends.
"""

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.web import bodies
from proxy.web.connections import Connections


class Door:
    """An ASGI application around the one that answers."""

    def __init__(self, app: ASGIApp, connections: Connections) -> None:
        self._app, self._connections = app, connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        connection = self._connections.find(None if client is None else (client[0], client[1]))
        if scope["method"] == "HEAD":  # the server leaves out the body
            scope = {**scope, "method": "GET"}
        headers, app = Headers(scope=scope), self._app
        if bodies.is_ambiguous(headers):
            app = PlainTextResponse("a body has a Content-Length or a Transfer-Encoding, not both\n", 400)
        if bodies.length_of(headers) != 0:
            send = bodies.closing(send, connection)
        try:
            if connection is not None:
                connection.begin_work()
            await app(scope, bodies.nothing, send)
        finally:
            if connection is not None:
                connection.end_work()
