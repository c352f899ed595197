"""Health and metrics over HTTP, on the configured address alone.

`/healthz` asks the loop that carries the calls, also while draining; `/readyz` says whether to send new calls here.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from proxy.core.counters import Counters
from proxy.logger import get_logger
from proxy.status.http_protocol import HttpProtocol
from proxy.status.metrics import Connection, DaemonCollector
from proxy.status.pages import Pages
from proxy.status.source import HttpSettings, StatusSource
from proxy.web.connections import Connections
from routing.nodes_seen import Sight

BACKLOG: Final = 64
"""Connections that wait to be taken."""
ACCEPT_TURNS: Final = 3
"""Turns of the loop from a connection that was taken until its protocol knows it."""

log = get_logger()


class HttpServer:
    """One server on one address."""

    def __init__(self, settings: HttpSettings, source: StatusSource, counters: Counters,
                 connection: Connection, version: str, sight: Sight | None) -> None:
        """`sight`: None where this node shares with nobody."""
        self._settings = settings
        self._connections = Connections()
        self._pages = Pages(source, DaemonCollector(source, counters, connection, version, sight))
        self._stopping = asyncio.Event()
        self.port: int | None = None
        """The port it listens on, None while it does not."""

    async def run(self, listening: Callable[[], None]) -> None:
        """Serve until `stop`; `listening` is called when the address is ours. Raises OSError where it is not."""
        sock = listen(self._settings)
        protocol = self._connections.watch(lambda: HttpProtocol(self._pages.answer, self._connections))
        server = await asyncio.get_running_loop().create_server(protocol, sock=sock, backlog=BACKLOG)
        self.port = sock.getsockname()[1]
        log.info("http_listening", host=self._settings.host, port=self.port)
        listening()
        try:
            await self._stopping.wait()
        finally:
            self.port = None
            server.close()
            for _ in range(ACCEPT_TURNS):
                await asyncio.sleep(0)
            self._connections.cut_all()

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping.set()


def listen(settings: HttpSettings) -> socket.socket:
    """Take the configured address. Raises OSError with a text that names it."""
    try:
        family, _, _, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM,
                                                      flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        raise OSError(f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}") from error
