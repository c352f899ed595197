"""Slow and broken TCP clients, while a trunk's calls go on over UDP: none of those fails, and every client is ended."""

import contextlib
import random
import select
import socket
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.hostile.conftest import neighbour
from tests.hostile.test_flood import invite
from tests.hostile.traffic import Calling
from tests.hostile.wire import Stream, Wire, options, status, value
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.sip_socket import SipSocket
from tests.kit.site import SHARED, peer
from tests.kit.waiting import eventually
from tests.survival.scene import Faulty

DEADLINE = 1.0
"""Seconds that the daemon waits for a first byte and for a whole message (see `faulty.impatient`)."""
LATE = 20.0
"""Seconds after which a client that was to be ended fails the test: far less than one may stay that is silent for as
long as the product bears it."""
CONNECTIONS = 200
PER_SOURCE = 100
"""Connections that one source may have (proxy/transports/limits.py)."""


class Yard(NamedTuple):
    boomerang: Faulty
    tcp: tuple[str, int]
    trunk: Wire
    """A trunk whose address may also connect by TCP."""
    calling: Calling


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """A daemon that is impatient, and calls that pass it until the last test is over."""
    tcp = free_port()
    with SipSocket() as carrier, SipSocket() as pbx, neighbour() as trunk:
        boomerang = Faulty(
            tmp_path_factory.mktemp("streams"),
            trunks={"main": peer(carrier.port), "other": {"peers": [f"sip:{trunk.host}"]}},
            pbxs={"office": peer(pbx.port)}, listen=[{"uri": f"tcp://{LOOPBACK}:{tcp}"}],
            extra={"log": {"level": "warning"}},
        )  # fmt: skip
        boomerang.faults = {"impatient": True}
        with boomerang:
            trunk.alive(boomerang.hop)
            with Calling(carrier, pbx, boomerang.hop, SHARED) as calling:
                yield Yard(boomerang, (LOOPBACK, tcp), trunk, calling)
            boomerang.kill9()
            assert calling.failed == []
            assert not boomerang.logged("internal_error")
            assert not boomerang.logged("message handling failed")


@pytest.fixture
def stream(yard: Yard) -> Iterator[Stream]:
    """A connection from the trunk; afterwards a new one works, and calls were made all the while."""
    made = yard.calling.made
    with Stream(yard.trunk.host, yard.tcp) as opened:
        yield opened
    with Stream(yard.trunk.host, yard.tcp) as another:
        another.alive()
    yard.trunk.alive(yard.boomerang.hop)
    eventually(lambda: yard.calling.made > made or yard.calling.failed, "a call beside it")
    assert yard.calling.failed == []


def ended(stream: Stream) -> float:
    """Seconds from its beginning until the daemon ends the connection."""
    while (message := stream.read(LATE)):
        pass
    assert message == b"", "it is not ended"
    return time.monotonic() - stream.opened


def test_octet_by_octet(stream: Stream) -> None:
    """A slow but whole message is as good as any."""
    request, call_id = options(stream.at, stream.hop, "TCP")
    for at in range(len(request)):
        stream.socket.sendall(request[at : at + 1])
    answer = stream.read()
    assert answer
    assert (status(answer), value(answer, "call-id")) == (200, call_id)


def test_many_in_one_segment(stream: Stream) -> None:
    requests = [options(stream.at, stream.hop, "TCP") for _ in range(50)]
    stream.socket.sendall(b"\r\n\r\n".join(request for request, _ in requests))
    for _, call_id in requests:
        answer = stream.read()
        assert answer
        assert (status(answer), value(answer, "call-id")) == (200, call_id)


def test_half_a_message(stream: Stream) -> None:
    request, _ = options(stream.at, stream.hop, "TCP")
    stream.socket.sendall(request[: len(request) // 2])
    assert ended(stream) >= DEADLINE / 2


def test_a_trickle_that_never_ends(stream: Stream) -> None:
    """An octet now and then does not put the deadline off."""
    began = time.monotonic()
    with contextlib.suppress(OSError):
        stream.socket.sendall(b"OPTIONS sip:a SIP/2.0\r\nSubject: ")
        while time.monotonic() - began < LATE:
            stream.socket.sendall(b"x")
            if select.select([stream.socket], [], [], 0.05)[0] and not stream.socket.recv(1):
                break
    assert DEADLINE / 2 < time.monotonic() - began < LATE


def test_a_body_that_does_not_come(stream: Stream) -> None:
    request, _ = options(stream.at, stream.hop, "TCP")
    stream.socket.sendall(request.replace(b"Content-Length: 0", b"Content-Length: 9999"))
    assert ended(stream) >= DEADLINE / 2


def test_not_a_word(stream: Stream) -> None:
    assert ended(stream) >= DEADLINE / 2


def test_a_client_that_does_not_read(yard: Yard, stream: Stream) -> None:
    """Answers pile up for it until it is cut; others get theirs at once."""
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stream.socket.settimeout(DEADLINE / 4)
    request, _ = options(stream.at, stream.hop, "TCP")
    before = yard.boomerang.rss()
    # An answer repeats every Via: as much comes back as was sent.
    further = b"Via: SIP/2.0/TCP a.example;branch=z9hG4bK" + b"x" * 7_000
    request = request.replace(b"Max-Forwards", further + b"\r\nMax-Forwards", 1)
    data, began = request * 16, time.monotonic()
    with contextlib.suppress(ConnectionError):
        while time.monotonic() - began < LATE:
            try:
                stream.socket.sendall(data)
            except TimeoutError:
                with Stream(yard.trunk.host, yard.tcp) as another:
                    another.alive()
    assert time.monotonic() - began < LATE, "it was not cut"
    assert yard.boomerang.rss() - before < 32 * 1024


@pytest.mark.parametrize(
    "length",
    ["-1", "+0", "0x0", "0 0", "1_0", "\N{ARABIC-INDIC DIGIT THREE}", "\N{SUPERSCRIPT TWO}", "1e1", "9999999", "",
     "99999", "0\r\nContent-Length: 1", "0\r\nl: 1", "0\r\n 1"],
)  # fmt: skip
def test_a_bad_content_length(stream: Stream, length: str) -> None:
    """400 (513 where it is only too large) and the end: nothing behind it is read as a message."""
    request, _ = options(stream.at, stream.hop, "TCP")
    bad = request.replace(b"Content-Length: 0", b"Content-Length: " + length.encode())
    stream.socket.sendall(bad + options(stream.at, stream.hop, "TCP")[0])
    answer = stream.read()
    assert answer
    assert status(answer) == (513 if length == "99999" else 400)
    assert stream.read() == b""


def test_no_content_length(stream: Stream) -> None:
    request, _ = options(stream.at, stream.hop, "TCP")
    stream.socket.sendall(request.replace(b"Content-Length: 0\r\n", b""))
    answer = stream.read()
    assert answer
    assert status(answer) == 400
    assert stream.read() == b""


@pytest.mark.parametrize(
    "noise",
    [
        random.Random(5118).randbytes(100_000),
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        bytes.fromhex("16030100a5010000a10303") + bytes(200),
        b"\0" * 70_000,
        b"x" * 70_000,
        b"\r\n" * 5_000 + b"\r\n\r\n",
        b"INVITE sip:a SIP/2.0\r\n" + b"X: y\r\n" * 20_000,
        b"\n\n\n\n",
    ],
    ids=["random", "http", "tls", "nul", "letters", "line ends", "headers without end", "newlines"],
)
def test_noise(stream: Stream, noise: bytes) -> None:
    """What is no SIP ends the connection, at once or at its deadline; line ends are keep-alives and no crime."""
    with contextlib.suppress(ConnectionError):
        stream.socket.sendall(noise)
        if not noise.strip(b"\r\n"):
            stream.alive()
        else:
            ended(stream)


def test_two_hundred_idle_connections(yard: Yard, stream: Stream) -> None:
    """One source gets no more than its share, and those it gets are ended; a trunk gets in all the while."""
    with neighbour() as idle:
        connections = [Stream(idle.host, yard.tcp) for _ in range(CONNECTIONS)]
        stream.alive()
        with Stream(yard.trunk.host, yard.tcp) as another:
            another.alive()
        for each in connections:
            assert each.read(LATE) == b""
            each.close()
    with neighbour() as again:
        kept = []
        for _ in range(PER_SOURCE):
            kept.append(Stream(again.host, yard.tcp))
            kept[-1].alive()  # so that none is ended meanwhile
        beyond = Stream(again.host, yard.tcp)
        with contextlib.suppress(ConnectionError):
            beyond.socket.sendall(options(beyond.at, beyond.hop, "TCP")[0])
        assert beyond.read(LATE) == b"", "nobody has read what it asks"
        for each in (*kept, beyond):
            each.close()


def test_a_call_over_tcp_beside_it(yard: Yard, stream: Stream) -> None:
    """The trunk's INVITE by TCP, in pieces, is a call like any other."""
    data = invite(yard.trunk, yard.boomerang.hop)
    for at in range(0, len(data), 7):
        stream.socket.sendall(data[at : at + 7])
    answer = stream.read()
    assert answer
    assert status(answer) == 100
