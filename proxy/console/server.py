"""Serves the console on a socket that the daemon listens on, and speaks with the daemon meanwhile."""

import asyncio
import contextlib
import gc
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from proxy import log as log_lines
from proxy.console.app import build
from proxy.console.lists import Lists
from proxy.console.rendering import warm
from proxy.console.settings import ConsoleSettings
from proxy.line_protocol import LineProtocol
from proxy.logger import get_logger
from proxy.web.connections import Connections
from routing.store.people import People

MOST: Final = 1_024
"""Connections at a time: a page that follows events holds one."""
MOST_OF_ONE: Final = 256
"""Connections at a time from one address."""
KEEP_ALIVE: Final = 5
"""Seconds an idle connection is kept."""
GOODBYE: Final = 1
"""Seconds a request in progress gets when the process ends."""
NICE: Final = 5
"""How far this process steps back where calls need the processor."""
OOM_SCORE: Final = 500
"""Where memory is short this process is ended before the one that carries calls: so much is its score above that one's
(proc(5), oom_score_adj).
"""
OOM_MOST: Final = 1_000
OOM_FILE: Final = Path("/proc/self/oom_score_adj")


class _Server(uvicorn.Server):
    """Leaves signals alone: the daemon says when to end."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve, and say so."""
        await super().startup(sockets)
        self._on_ready()


async def serve(listening: socket.socket, line: socket.socket) -> None:
    """Serve until the daemon's end of the line closes. The first word there is the settings."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, lambda: None)
    settings: asyncio.Future[ConsoleSettings] = loop.create_future()
    over: asyncio.Future[None] = loop.create_future()

    def heard(words: list[Any]) -> None:
        match words:
            case ["setup", str(text)]:
                settings.set_result(ConsoleSettings.from_json(text))
            case ["ping"]:
                link.send("pong")

    def end() -> None:
        if not over.done():
            over.set_result(None)

    link = LineProtocol(heard, end)
    await loop.create_unix_connection(lambda: link, sock=line)
    first: tuple[asyncio.Future[Any], ...] = (settings, over)
    await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    if settings.done():
        await _serve(settings.result(), listening, lambda: link.send("ready"), over)


async def _serve(settings: ConsoleSettings, listening: socket.socket, on_ready: Callable[[], None],
                 over: "asyncio.Future[None]") -> None:
    _begin(settings)

    def ready() -> None:
        on_ready()
        threading.Thread(target=_warm, name="warm", daemon=True).start()

    connections = Connections(MOST, MOST if settings.proxies else MOST_OF_ONE)
    lists = Lists(settings.database, settings.data, time.time)
    application = await asyncio.to_thread(build, settings, People(settings.database), lists, connections,
                                          time.time)
    server = _Server(uvicorn.Config(
        application.entry, log_config=None, access_log=False, ws="none", server_header=False, proxy_headers=False,
        http=cast(type[asyncio.Protocol], connections.watch(H11Protocol)), timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GOODBYE), ready)
    serving: asyncio.Future[None] = asyncio.ensure_future(server.serve(sockets=[listening]))
    gc.collect()
    gc.freeze()
    await asyncio.wait((serving, over), return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    connections.cut_unserved()
    await serving
    connections.cut_all()
    lists.close()
    application.console.figures.close()
    application.console.database.close()


def _warm() -> None:
    """Read what pages are made of; what cannot be read is said where it is needed."""
    try:
        warm()
    except Exception as error:
        get_logger().warning("console_not_warm", reason=repr(error))


def _begin(settings: ConsoleSettings) -> None:
    log_lines.configure(settings.log.level, json=settings.log.json, mask=settings.log.mask)
    log_lines.catch_strays()
    with contextlib.suppress(OSError):
        os.nice(NICE)
    with contextlib.suppress(OSError, ValueError):
        OOM_FILE.write_text(str(min(OOM_MOST, int(OOM_FILE.read_text()) + OOM_SCORE)))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.umask(0o077)
