"""A console's application on a port of its own, with people who are made up."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from proxy.console.app import build
from proxy.console.lists import Lists
from proxy.console.settings import ConsoleSettings
from proxy.web.connections import Connections
from tests.kit.console import SomePeople, SomeUser
from tests.kit.ports import LOOPBACK


@dataclass
class Served:
    """A console that is served."""

    port: int
    people: SomePeople


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("console")
    people = SomePeople({
        "admin": SomeUser("admin"), "anna": SomeUser("anna", "supervisor", frozenset({"sales"})),
        "peter": SomeUser("peter", "agent", None, "201"), "gone": SomeUser("gone", disabled=True)})
    settings = ConsoleSettings("edge1", "0", folder, folder / "control.sock", folder / "boomerang.db",
                               hosts=("console.example.com",), proxies=("192.0.2.0/24", "127.0.0.2"))
    connections = Connections()
    application = build(settings, people, Lists(folder / "boomerang.db", folder, time.time), connections)
    server = uvicorn.Server(uvicorn.Config(
        application.entry, log_config=None, access_log=False, ws="none", server_header=False, proxy_headers=False,
        http=cast(type[asyncio.Protocol], connections.watch(H11Protocol)), timeout_graceful_shutdown=1))
    sock = socket.create_server((LOOPBACK, 0))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[sock])))
    thread.start()
    yield Served(sock.getsockname()[1], people)
    server.should_exit = True
    thread.join()
    application.console.lists.close()
    application.console.database.close()
