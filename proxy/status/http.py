"""Health and metrics over HTTP, on the configured address alone.

`/healthz` asks the loop that carries the calls, also while draining; `/readyz` says whether to send new calls here.
The address is taken by ourselves, because uvicorn ends the whole process where a port is taken.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final, cast

import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

from proxy.core.counters import Counters
from proxy.status import metrics
from proxy.status.door import Door
from proxy.status.models import Health
from proxy.status.source import HttpSettings, StatusSource
from proxy.web.connections import Connections

BACKLOG: Final = 64
"""Connections that wait to be taken."""
KEEP_ALIVE: Final = 5
"""Seconds an idle connection is kept."""
PATIENCE: Final = 2.0
"""Seconds in which the loop that carries the calls must answer; whoever probes waits three or more."""
GOODBYE: Final = 1
"""Seconds a request in progress gets when the server stops."""

log = structlog.get_logger("boomerang.http")


class HttpServer:
    """One server on one address."""

    def __init__(self, settings: HttpSettings, source: StatusSource, counters: Counters,
                 connection: metrics.Connection, version: str) -> None:
        self._settings = settings
        self._connections = Connections()
        self._app = Door(build_app(source, counters, connection, version), self._connections)
        self._server: uvicorn.Server | None = None
        self.port: int | None = None
        """The port it listens on, None while it does not."""

    async def run(self, listening: Callable[[], None]) -> None:
        """Serve until `stop`; `listening` is called when the address is ours. Raises OSError where it is not."""
        sock = listen(self._settings)
        config = uvicorn.Config(
            self._app, log_config=None, access_log=False, lifespan="off", ws="none", server_header=False,
            http=cast(type[asyncio.Protocol], self._connections.watch(H11Protocol)), backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE, timeout_graceful_shutdown=GOODBYE,
        )
        self._server = uvicorn.Server(config)
        self.port = sock.getsockname()[1]
        log.info("http_listening", host=self._settings.host, port=self.port)
        listening()
        try:
            await self._server.serve(sockets=[sock])
        finally:
            self.port = None
            self._connections.cut_all()
            sock.close()

    def stop(self) -> None:
        """Let `run` end."""
        if self._server is not None:
            self._server.should_exit = True


def listen(settings: HttpSettings) -> socket.socket:
    """Take the configured address. Raises OSError with a text that names it."""
    try:
        family, _, _, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM,
                                                      flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        raise OSError(f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}") from error


def build_app(source: StatusSource, counters: Counters, connection: metrics.Connection, version: str) -> FastAPI:
    """Build the application; every path answers from memory and touches no disk and no network."""
    app = FastAPI(title="Boomerang", version=version, docs_url=None, redoc_url=None, openapi_url=None)
    registry = metrics.registry(source, counters, connection, version)

    @app.get("/healthz", summary="Calls are carried", response_model=Health, tags=["health"],
             responses={503: {"model": Health, "description": "What carries the calls does not answer"}})
    async def healthz() -> Response:
        # `wait` and not `wait_for`: the question is one for all who ask, and must not be cancelled by one of them.
        answered, _ = await asyncio.wait({asyncio.wrap_future(source.ask_loop())}, timeout=PATIENCE)
        if answered:
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "stuck"}, status_code=503)

    @app.get("/readyz", summary="New calls are welcome", response_model=Health, tags=["health"],
             responses={503: {"model": Health, "description": "Starting or draining"}})
    async def readyz() -> Response:
        state = source.snapshot().state
        if state == "running":
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": state}, status_code=503)

    @app.get("/metrics", summary="Figures for Prometheus", response_class=PlainTextResponse, tags=["health"])
    async def figures() -> Response:
        return Response(metrics.text(registry), media_type=metrics.CONTENT_TYPE)

    @app.api_route("/api/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    async def elsewhere(path: str) -> Response:
        return JSONResponse({"detail": "the API is the console's: see console.listen"}, status_code=404)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        log.error("http_request_failed", path=request.url.path, reason=repr(error))
        return JSONResponse({"detail": "internal error"}, status_code=500)

    return app
