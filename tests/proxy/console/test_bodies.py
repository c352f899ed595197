"""Bodies that are too long, too slow, or never end: whoever sends them takes nothing from the others."""

import contextlib
import hashlib
import http.client
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter, Request

from proxy.console.api.answering import body_of
from proxy.console.entry import MOST_BODY, UPLOAD_BODY
from tests.kit.console import Served, SomePeople, SomeToken, serve_console
from tests.kit.ports import LOOPBACK
from tests.kit.raw_http import read_all, say, status_of
from tests.kit.waiting import PATIENCE

TOKEN = "s3cret"
KNOWN = f"Authorization: Bearer {TOKEN}\r\n"
HEAD = "POST /api/v1/taken HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

router = APIRouter()
taken: list[Any] = []


@router.post("/api/v1/taken")
@router.put("/api/v1/policy/taken")
async def take(request: Request) -> dict[str, int]:
    """Keep what came, as it was read."""
    if request.method == "PUT":
        taken.append(await request.body())
    else:
        taken.append(await body_of(request))
    return {"taken": len(taken)}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    people = SomePeople(tokens={hashlib.sha256(TOKEN.encode()).hexdigest(): SomeToken()})
    with serve_console(tmp_path_factory.mktemp("bodies"), people, router) as console:
        yield console


@pytest.fixture(autouse=True)
def nothing_taken() -> None:
    taken.clear()


def send(port: int, method: str, path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(("head", "status"), [
    (f"{KNOWN}Content-Length: {MOST_BODY + 1}\r\n\r\n", 413), (f"{KNOWN}Content-Length: 400000000\r\n\r\n", 413),
    (f"{KNOWN}Content-Length: 99999999999999999999\r\n\r\n", 413), ("Content-Length: 400000000\r\n\r\n", 413),
])
def test_the_answer_comes_before_the_body(served: Served, head: str, status: int) -> None:
    """Nothing of the body is ever sent: the head alone is answered, and the connection ends."""
    said = say(served.port, (HEAD + head).encode())
    assert (status_of(said), taken) == (status, [])
    assert b"\r\nconnection: close\r\n" in said


@pytest.mark.parametrize("who", [KNOWN, ""])
@pytest.mark.parametrize("heads", ["Content-Length: 7\r\nTransfer-Encoding: chunked",
                                   "Transfer-Encoding: chunked\r\nContent-Length: 7"])
def test_a_body_with_two_ends_is_refused(served: Served, who: str, heads: str) -> None:
    """A proxy before us might see the other one, and take what follows for a request of somebody else."""
    body = b"7\r\n{\"a\":1}\r\n0\r\n\r\nGET /login HTTP/1.1\r\nHost: localhost\r\n\r\n"
    said = say(served.port, f"{HEAD}{who}{heads}\r\n\r\n".encode() + body)
    assert (status_of(said), taken) == (400, [])
    assert said.count(b"HTTP/1.1 ") == 1


def test_a_body_without_a_length_is_read_as_far_as_it_may_go(served: Served) -> None:
    size = 0x10000
    chunk = f"{size:x}\r\n".encode() + b" " * size + b"\r\n"
    said = say(served.port, f"{HEAD}{KNOWN}Transfer-Encoding: chunked\r\n\r\n".encode(),
               *[chunk] * (MOST_BODY // size + 1))
    assert (status_of(said), taken) == (413, [])


def test_who_sends_on_gets_the_answer_all_the_same(served: Served) -> None:
    """A connection that is closed with unread bytes in it is reset, and the answer is lost with it."""
    status, _ = send(served.port, "POST", "/api/v1/taken", b"1" * 20_000_000, Authorization=f"Bearer {TOKEN}")
    assert (status, taken) == (413, [])


def test_an_unwelcome_body_costs_no_memory(served: Served) -> None:
    part = b"1" * 1_000_000
    tracemalloc.start()
    try:
        with socket.create_connection((LOOPBACK, served.port), PATIENCE) as sock, contextlib.suppress(OSError):
            sock.sendall(f"{HEAD}Content-Length: 400000000\r\n\r\n".encode())
            for _ in range(60):
                sock.sendall(part)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8_000_000


def test_a_policy_may_be_larger(served: Served) -> None:
    text = b"# " + b"x" * (MOST_BODY + 1)
    assert send(served.port, "PUT", "/api/v1/policy/taken", text, Authorization=f"Bearer {TOKEN}")[0] == 200
    assert taken == [text]
    larger = f"PUT /api/v1/policy HTTP/1.1\r\nHost: localhost\r\n{KNOWN}Content-Length: {UPLOAD_BODY + 1}\r\n\r\n"
    assert status_of(say(served.port, larger.encode())) == 413


def test_a_body_drop_by_drop_ends(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.console.entry.BODY_SECONDS", 1.0)
    over = threading.Event()

    def drip() -> None:
        with contextlib.suppress(OSError):
            while not over.wait(0.05):
                sock.sendall(b" ")

    with socket.create_connection((LOOPBACK, served.port), PATIENCE) as sock:
        sock.sendall(f"{HEAD}{KNOWN}Content-Length: 60000\r\n\r\n".encode())
        dripping = threading.Thread(target=drip)
        dripping.start()
        said = read_all(sock)
        over.set()
        dripping.join()
    assert (status_of(said), taken) == (408, [])


def test_half_a_body_is_no_command(served: Served) -> None:
    """Who goes away in the middle of a policy has not put the half of it."""
    head = f"PUT /api/v1/policy/taken HTTP/1.1\r\nHost: localhost\r\n{KNOWN}"
    with socket.create_connection((LOOPBACK, served.port), PATIENCE) as sock:
        sock.sendall(f"{head}Content-Length: 100\r\n\r\nregion = 'HU'".encode())
    assert send(served.port, "POST", "/api/v1/taken", b'{"a": 1}', Authorization=f"Bearer {TOKEN}")[0] == 200
    assert taken == [{"a": 1}]


@pytest.mark.parametrize("body", [
    rb'{"customer": "+36\ud800"}', rb'{"\ud800": 1}', b'{"wait": NaN}', b'{"wait": Infinity}', b'{"wait": -1e999}',
    b'{"wait": 1e999}', b'{"attempts": 1' + b"0" * 5000 + b"}", b"[" * 30_000, b'{"customer": ' * 5000, b"nothing",
    b"\x00", b'"text"', b"{", b"null", b"\xff\xfe", b'{"customer": "\xff"}', b'{"customer": "\xed\xa0\x80"}',
])
def test_what_cannot_be_read_or_written_is_422(served: Served, body: bytes) -> None:
    status, said = send(served.port, "POST", "/api/v1/taken", body, Authorization=f"Bearer {TOKEN}")
    assert (status, taken) == (422, [])
    assert b'"detail"' in said
