"""What reaches HTTP without being allowed to, or without ever coming to an end: it takes nothing from the others."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import cast

import httpx
import pytest

from proxy.status.source import HttpSettings
from proxy.web import connections
from proxy.web.connections import Connections, Phase
from tests.kit.raw_http import read_all, say, status_of
from tests.kit.waiting import PATIENCE, eventually
from tests.proxy.status.conftest import Start

HEAD = "POST /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def port(start: Start) -> int:
    service = start(http=HttpSettings(port=0))
    found = eventually(lambda: service.http_port, "HTTP listens")
    assert found is not None
    return found


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every phase of a connection has a fraction of its time."""
    for phase in (Phase.IDLE, Phase.HEAD, Phase.LEAVING):
        monkeypatch.setitem(connections.SECONDS, phase, 0.5)


@contextlib.contextmanager
def many(port: int, count: int, first: bytes) -> Iterator[list[socket.socket]]:
    socks = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in range(count)]
    try:
        for sock in socks:
            sock.sendall(first)
        yield socks
    finally:
        for sock in socks:
            sock.close()


class Refuser(asyncio.Protocol):
    """Refuses whatever comes, after its sender has reset the connection."""

    def __init__(self, book: Connections, client: socket.socket) -> None:
        self.book, self.client, self.lost = book, client, asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end
        self.client.close()
        found = self.book.find(self.transport.get_extra_info("peername"))
        assert found is not None
        found.read_on()
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


def test_who_is_gone_before_the_answer_breaks_nothing() -> None:
    async def run() -> None:
        faults: list[object] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: faults.append(context))
        book, client = Connections(), socket.socket()
        refuser = Refuser(book, client)
        server = await loop.create_server(book.watch(lambda: refuser), "127.0.0.1", 0)
        async with server:
            client.connect(server.sockets[0].getsockname())
            client.sendall(b"x")
            await asyncio.wait_for(refuser.lost.wait(), PATIENCE)
        assert (len(book), faults) == (0, [])

    asyncio.run(run())


@pytest.mark.parametrize(("first", "count"), [
    (b"", 64), (b"GET /api", 64), (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 100),
    (f"{HEAD}Content-Length: 100\r\n\r\n".encode(), 100),
    (f"{HEAD}Content-Length: 100\r\n\r\n{{".encode(), 100),
    (b"", 400),
])
def test_who_idles_takes_no_health_away(port: int, first: bytes, count: int) -> None:
    with many(port, count, first):
        for path in ("healthz", "readyz", "metrics"):
            assert httpx.get(f"http://127.0.0.1:{port}/{path}", timeout=PATIENCE).status_code == 200


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("first", [b"", b"GET /healthz HTTP/1.1\r\nHost:", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_idle_connections_end(port: int, first: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
        sock.sendall(first)
        with contextlib.suppress(ConnectionResetError):
            read_all(sock)


@pytest.mark.usefixtures("hasty")
def test_a_head_drop_by_drop_ends(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
        def drip() -> bool:
            try:
                sock.sendall(b"x")
            except OSError:
                return True
            return False

        eventually(drip, "the server ends it")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_head_is_get_without_a_body(port: int, path: str) -> None:
    head, get = (httpx.request(method, f"http://127.0.0.1:{port}{path}") for method in ("HEAD", "GET"))
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize("length", ["Content-Length: 400000000", "Content-Length: 99999999999999999999",
                                    "Transfer-Encoding: chunked"])
@pytest.mark.parametrize(("asked", "status"), [("GET /healthz", 200), ("POST /healthz", 405), ("POST /api/v1/x", 404)])
def test_a_body_is_not_waited_for(port: int, asked: str, status: int, length: str) -> None:
    """Nothing of it is ever sent: the head alone is answered, and the connection ends."""
    said = say(port, f"{asked} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n".encode())
    assert status_of(said) == status
    assert b"\r\nconnection: close\r\n" in said


@pytest.mark.parametrize("heads", ["Content-Length: 5\r\nTransfer-Encoding: chunked",
                                   "Transfer-Encoding: chunked\r\nContent-Length: 5"])
def test_a_body_with_two_ends_is_refused(port: int, heads: str) -> None:
    said = say(port, f"GET /healthz HTTP/1.1\r\nHost: localhost\r\n{heads}\r\n\r\n0\r\n\r\nGET /readyz".encode())
    assert status_of(said) == 400
    assert said.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(("said", "status"), [
    ("POST /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n", 400),
    ("GET /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", 200),
    ("GET /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
    ("GET /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ("GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
    ("GET /healthz HTTP/1.1\r\n\r\n", 400),
    ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ("GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + "x" * 400_000, 431),
])
def test_what_is_no_request_is_answered_and_the_connection_ends(
        port: int, monkeypatch: pytest.MonkeyPatch, said: str, status: int) -> None:
    monkeypatch.setitem(connections.SECONDS, Phase.LEAVING, 30.0)
    assert status_of(say(port, said.encode("latin-1"))) == status


@pytest.mark.parametrize(("target", "status"), [
    ("http://any.example:8080/healthz?x=/metrics", 200), ("/healthz?http://a/", 200), ("http://any.example", 404),
    ("*", 404), ("/http://a/healthz", 404)])
def test_a_target_may_be_a_whole_uri(port: int, target: str, status: int) -> None:
    """RFC 9112 section 3.2.2: servers have to understand it."""
    assert status_of(say(port, f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())) == status
