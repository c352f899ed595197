"""A console as a test meets it: its application with people who are made up, or a real daemon with its process."""

import asyncio
import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

import uvicorn
from argon2 import PasswordHasher
from fastapi import APIRouter
from uvicorn.protocols.http.h11_impl import H11Protocol

from proxy.console.app import build
from proxy.console.lists import Lists
from proxy.console.settings import ConsoleSettings
from proxy.control_client import ControlClient
from proxy.verbs.shapes.verb import Role
from proxy.web.connections import Connections
from tests.kit.boomerang import Boomerang
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.waiting import PATIENCE, eventually

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Hashes that are as good as none, so that tests are quick."""
PASSWORD = "correct horse"


@dataclass
class SomeUser:
    """A user's row."""

    name: str
    role: Role = "admin"
    groups: frozenset[str] | None = None
    agent: str | None = None
    password: str = field(default_factory=lambda: QUICK.hash(PASSWORD))
    disabled: bool = False


@dataclass
class SomeToken:
    """An API token's row."""

    id: str = "1"
    name: str = "reports"
    role: Role = "admin"
    groups: frozenset[str] | None = None
    agent: str | None = None
    expires: float | None = None
    revoked: bool = False


@dataclass
class SomePeople:
    """Users by name, tokens by hash."""

    users: dict[str, SomeUser] = field(default_factory=dict)
    tokens: dict[str, SomeToken] = field(default_factory=dict)

    def user(self, name: str) -> SomeUser | None:
        return self.users.get(name)

    def token(self, sha256: str) -> SomeToken | None:
        return self.tokens.get(sha256)


@dataclass
class Answer:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: dict[str, str]

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Visitor:
    """Somebody with a browser that keeps cookies and shows nothing; `headers` go with every request."""

    def __init__(self, port: int, **headers: str) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def connect(self) -> http.client.HTTPConnection:
        """Open a connection of one's own for each request."""
        return http.client.HTTPConnection(LOOPBACK, self.port, timeout=PATIENCE)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = self.connect()
        try:
            said = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
            if self.cookies:
                said["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            connection.request(method, path, body, said)
            answer = connection.getresponse()
            content = answer.read()
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    self._keep(value)
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, content, dict(self.cookies))
        finally:
            connection.close()

    def _keep(self, line: str) -> None:
        for name, morsel in SimpleCookie(line).items():
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, None, **headers)

    def post(self, path: str, fields: dict[str, str] | None = None, **headers: str) -> Answer:
        """Send a form as a page of the console's own does."""
        said = {"Content_Type": "application/x-www-form-urlencoded", "Sec_Fetch_Site": "same-origin", **headers}
        return self.ask("POST", path, urlencode(fields or {}).encode(), **said)

    def log_in(self, name: str, password: str = PASSWORD) -> Answer:
        return self.post("/login", {"name": name, "password": password})


@dataclass
class Served:
    """A console that is served."""

    port: int
    people: SomePeople
    node: "SilentNode"


class SilentNode:
    """The control socket of a daemon of which nothing is known but that it is there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = await asyncio.start_unix_server(self._answer, str(self._path))

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in (*self.writers,):
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        self._path.unlink(missing_ok=True)

    def go(self) -> None:
        """Go away."""
        self._run(self.stop())

    def come(self) -> None:
        """Be there again."""
        self._run(self.start())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        try:
            asked = json.loads(await reader.readline())
            follows = asked.get("verb") == "events"
            said = {"ok": True, "data": {"following": True}} if follows else {"ok": False, "error": "nothing is known"}
            writer.write(json.dumps(said).encode() + b"\n")
            if follows:
                await reader.read()
        except (ValueError, OSError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()


@contextmanager
def serve_console(folder: Path, people: SomePeople, *routers: APIRouter,
                  wall: Callable[[], float] = time.time) -> Iterator[Served]:
    """Serve the application in a thread, beside a node of which nothing is known. `routers`: further pages; `wall`:
    its clock."""
    settings = ConsoleSettings("edge1", "0", folder, folder / "control.sock", folder / "boomerang.db",
                               hosts=("console.example.com",), proxies=("192.0.2.0/24", "127.0.0.2"))
    connections, node = Connections(), SilentNode(settings.socket)
    with ThreadPoolExecutor(1) as beside:  # as in the console, where a loop runs in this one already
        application = beside.submit(build, settings, people, Lists(settings.database, folder, wall), connections,
                                    wall).result()
    for router in routers:
        application.pages.include_router(router)
    server = uvicorn.Server(uvicorn.Config(
        application.entry, log_config=None, access_log=False, ws="none", server_header=False, proxy_headers=False,
        http=cast(type[asyncio.Protocol], connections.watch(H11Protocol)), timeout_graceful_shutdown=1))

    async def serve() -> None:
        await node.start()
        await server.serve(sockets=[sock])
        await node.stop()

    with socket.create_server((LOOPBACK, 0)) as sock:
        thread = threading.Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        try:
            yield Served(sock.getsockname()[1], people, node)
        finally:
            server.should_exit = True
            thread.join()
            application.console.lists.close()
            application.console.database.close()


class Company(NamedTuple):
    """A daemon with its console, and who is known there."""

    daemon: Boomerang
    port: int

    def visitor(self, name: str) -> Visitor:
        visitor = Visitor(self.port)
        assert visitor.log_in(name).status == 303
        return visitor

    def ask(self, verb: str, **args: object) -> Any:
        return ControlClient(self.daemon.data / "control.sock").call(verb, **args)


def with_console(folder: Path, *, console: dict[str, Any] | None = None, **more: Any) -> tuple[Boomerang, int]:
    """Return a daemon, not started yet, whose console has a port of its own; and that port."""
    port = free_port()
    peers = {"trunks": {"main": {"peers": [f"sip:{LOOPBACK}:{free_port()}"]}},
             "pbxs": {"office": {"peers": [f"sip:{LOOPBACK}:{free_port()}"]}}}
    extra = {"console": {"listen": f"{LOOPBACK}:{port}", **(console or {})}, **more.pop("extra", {})}
    return Boomerang(folder, extra=extra, **{**peers, **more}), port


def wait_for_console(port: int) -> None:
    """Wait until the console answers."""
    eventually(lambda: _answers(port), "a console that answers")


def _answers(port: int) -> bool:
    try:
        return Visitor(port).get("/login").status == 200
    except (OSError, http.client.HTTPException):
        return False
