"""What reaches HTTP without being allowed to, or without ever coming to an end: it takes nothing from the others."""

import asyncio
import contextlib
import json
import socket
import struct
import threading
import tracemalloc
from collections.abc import Iterator
from typing import cast

import httpx
import pytest

from proxy.status.source import HttpSettings
from proxy.web import connections
from proxy.web.connections import Connections, Phase
from tests.kit.waiting import eventually
from tests.proxy.status.conftest import Start
from tests.proxy.status.fake_commands import FakeCommands

TOKEN = "s3cret"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
HEAD = "POST /api/v1/callbacks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture
def commands() -> FakeCommands:
    return FakeCommands()


@pytest.fixture
def port(start: Start, commands: FakeCommands) -> int:
    service = start(http=HttpSettings(port=0, token=TOKEN), commands=commands)
    found = eventually(lambda: service.http_port, "HTTP listens", 20)
    assert found is not None
    return found


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every phase of a connection has a fraction of its time."""
    for phase in (Phase.IDLE, Phase.HEAD, Phase.LEAVING):
        monkeypatch.setitem(connections.SECONDS, phase, 0.5)


def say(port: int, *parts: bytes) -> bytes:
    """Send and return all that comes back until the server ends the connection."""
    with socket.create_connection(("127.0.0.1", port), 20) as sock:
        for part in parts:
            sock.sendall(part)
        return read_all(sock)


def read_all(sock: socket.socket) -> bytes:
    said = b""
    while part := sock.recv(65536):
        said += part
    return said


def status_of(said: bytes) -> int:
    return int(said.split(b" ", 2)[1])


@contextlib.contextmanager
def many(port: int, count: int, first: bytes) -> Iterator[list[socket.socket]]:
    socks = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(count)]
    try:
        for sock in socks:
            sock.sendall(first)
        yield socks
    finally:
        for sock in socks:
            sock.close()


@pytest.mark.parametrize(("head", "status"), [
    ("Content-Length: 400000000\r\n\r\n", 401),
    ("Content-Length: 99999999999999999999\r\n\r\n", 401),
    ("Transfer-Encoding: chunked\r\n\r\n", 401),
    (f"Authorization: Bearer {TOKEN}x\r\nContent-Length: 100\r\n\r\n", 401),
    (f"Authorization: Bearer {TOKEN}\r\nContent-Length: 65537\r\n\r\n", 413),
    (f"Authorization: Bearer {TOKEN}\r\nContent-Length: 400000000\r\n\r\n", 413),
])
def test_the_answer_comes_before_the_body(port: int, commands: FakeCommands, head: str, status: int) -> None:
    """Nothing of the body is ever sent: the head alone is answered, and the connection ends."""
    said = say(port, (HEAD + head).encode())
    assert status_of(said) == status
    assert b"\r\nconnection: close\r\n" in said
    assert commands.asked == []


def test_a_body_without_a_length_is_read_as_far_as_it_may_go(port: int, commands: FakeCommands) -> None:
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    head = f"{HEAD}Authorization: Bearer {TOKEN}\r\nTransfer-Encoding: chunked\r\n\r\n"
    said = say(port, head.encode(), *[chunk] * 5)
    assert (status_of(said), commands.asked) == (413, [])


def test_who_sends_on_gets_the_answer_all_the_same(port: int) -> None:
    """A connection that is closed with unread bytes in it is reset, and the answer is lost with it."""
    big = b'{"customer": "' + b"1" * 20_000_000 + b'"}'
    said = httpx.post(f"http://127.0.0.1:{port}/api/v1/callbacks", content=big,
                      headers={"Content-Type": "application/json"}, timeout=20)
    assert said.status_code == 401


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
            await asyncio.wait_for(refuser.lost.wait(), 10)
        assert (len(book), faults) == (0, [])

    asyncio.run(run())


def test_an_unwelcome_body_costs_no_memory(port: int) -> None:
    part = b"1" * 1_000_000
    tracemalloc.start()
    try:
        with socket.create_connection(("127.0.0.1", port), 20) as sock, contextlib.suppress(OSError):
            sock.sendall(f"{HEAD}Content-Length: 400000000\r\n\r\n".encode())
            for _ in range(60):
                sock.sendall(part)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8_000_000


def test_a_policy_may_be_larger(port: int, commands: FakeCommands) -> None:
    text = "# " + "x" * 100_000
    said = httpx.put(f"http://127.0.0.1:{port}/api/v1/policy", content=text, headers=AUTHORIZED)
    assert said.status_code == 200
    assert commands.asked == [("policy.apply", {"toml": text, "name": "policy.toml"})]
    larger = httpx.put(f"http://127.0.0.1:{port}/api/v1/policy", content=b"#" * (4 << 20 | 1), headers=AUTHORIZED)
    assert larger.status_code == 413


@pytest.mark.parametrize(("first", "count"), [
    (b"", 64), (b"GET /api", 64), (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 100),
    (f"{HEAD}Content-Length: 100\r\n\r\n".encode(), 100),
    (f"{HEAD}Authorization: Bearer {TOKEN}\r\nContent-Length: 100\r\n\r\n{{".encode(), 100),
    (b"", 400),
])
def test_who_idles_takes_no_health_away(port: int, first: bytes, count: int) -> None:
    with many(port, count, first):
        for path in ("healthz", "readyz", "metrics"):
            assert httpx.get(f"http://127.0.0.1:{port}/{path}", timeout=20).status_code == 200


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("first", [b"", b"GET /healthz HTTP/1.1\r\nHost:", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_idle_connections_end(port: int, first: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), 20) as sock:
        sock.sendall(first)
        with contextlib.suppress(ConnectionResetError):
            read_all(sock)


@pytest.mark.usefixtures("hasty")
def test_a_head_drop_by_drop_ends(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 20) as sock:
        def drip() -> bool:
            try:
                sock.sendall(b"x")
            except OSError:
                return True
            return False

        eventually(drip, "the server ends it", 20)


def test_a_body_drop_by_drop_ends(port: int, commands: FakeCommands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.web.bodies.BODY_SECONDS", 0.5)
    over = threading.Event()

    def drip() -> None:
        with contextlib.suppress(OSError):
            while not over.wait(0.05):
                sock.sendall(b" ")

    with socket.create_connection(("127.0.0.1", port), 20) as sock:
        sock.sendall(f"{HEAD}Authorization: Bearer {TOKEN}\r\nContent-Length: 60000\r\n\r\n".encode())
        dripping = threading.Thread(target=drip)
        dripping.start()
        said = read_all(sock)
        over.set()
        dripping.join()
    assert (status_of(said), commands.asked) == (408, [])


def test_half_a_body_is_no_command(port: int, commands: FakeCommands) -> None:
    """Who goes away in the middle of a policy has not put the half of it."""
    head = f"PUT /api/v1/policy HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
    with socket.create_connection(("127.0.0.1", port), 20) as sock:
        sock.sendall(f"{head}Content-Length: 100\r\n\r\nregion = 'HU'".encode())
    assert httpx.get(f"http://127.0.0.1:{port}/api/v1/agents", headers=AUTHORIZED).status_code == 200
    assert commands.asked == [("agents.list", {})]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/api/v1/status", "/api/docs"])
def test_head_is_get_without_a_body(port: int, path: str) -> None:
    head, get = (httpx.request(method, f"http://127.0.0.1:{port}{path}") for method in ("HEAD", "GET"))
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


def test_a_probe_with_a_body(port: int) -> None:
    said = say(port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 400000000\r\n\r\n")
    assert status_of(said) == 200


@pytest.mark.parametrize("body", [
    r'{"customer": "+36\ud800"}', r'{"\ud800": 1}', r'{"customer": "1", "note": "\ud800"}', '{"responsible_wait": NaN}',
    '{"customer": "1", "responsible_wait": NaN}', '{"customer": "1", "responsible_wait": Infinity}',
    '{"customer": "1", "responsible_wait": -1e999}', '{"customer": "1", "responsible_wait": 1e999}',
    '{"customer": "1", "attempts": 1' + "0" * 400 + "}", '{"customer": "1", "attempts": 1' + "0" * 5000 + "}",
    "[" * 30_000, '{"customer": ' * 5000, "", "nothing", "\x00", '"text"', "{", '{"customer": 1e9}', "null",
])
def test_what_cannot_be_read_or_written_is_422(port: int, commands: FakeCommands, body: str) -> None:
    said = httpx.post(f"http://127.0.0.1:{port}/api/v1/callbacks", content=body,
                      headers={**AUTHORIZED, "Content-Type": "application/json"})
    assert said.status_code == 422
    assert json.loads(said.content)["detail"]
    assert commands.asked == []


def test_bytes_that_are_no_text(port: int) -> None:
    for body in (b"\xff\xfe", b'{"customer": "\xff"}', b'{"customer": "\xed\xa0\x80"}'):
        said = httpx.post(f"http://127.0.0.1:{port}/api/v1/callbacks", content=body,
                          headers={**AUTHORIZED, "Content-Type": "application/json"})
        assert said.status_code == 422, body
