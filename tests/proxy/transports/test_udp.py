"""UDP over real loopback sockets."""

import asyncio
import itertools
import socket
import time
from collections.abc import Callable

import pytest

from proxy.sip.hop import Flow, Hop
from proxy.transports import udp as module
from tests.kit.logged import capture_logs
from tests.proxy.transports.support import free_port, peer_socket, run, running, udp, until

BURST = 2_000
LOOPBACK = ["127.0.0.1", "::1"]


def _nobody(reason: str) -> None:
    raise AssertionError(reason)


@pytest.mark.parametrize("host", LOOPBACK)
def test_request_in_response_back(host: str) -> None:
    async def scenario() -> None:
        async with running(udp(host)) as (network, inbox):
            loop = asyncio.get_running_loop()
            peer = peer_socket(host)
            port = network.listeners[0].port
            await loop.sock_sendto(peer, b"request", (host, port))
            await until(lambda: inbox.messages)
            data, flow = inbox.messages[0]
            assert data == b"request"
            assert flow == Flow(network.listeners[0], host, peer.getsockname()[1])
            network.reply(b"response", flow, flow.host, flow.port)
            answer, source = await loop.sock_recvfrom(peer, 100)
            assert (answer, source[:2]) == (b"response", (host, port))
            peer.close()

    run(scenario())


@pytest.mark.parametrize("host", LOOPBACK)
def test_more_sources_than_are_kept(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FLOWS_MAX", 2)

    async def scenario() -> None:
        async with running(udp(host)) as (network, inbox):
            peers = [peer_socket(host) for _ in range(5)]
            heard: list[int] = []

            async def send(peer: socket.socket) -> None:
                heard.append(peer.getsockname()[1])
                await asyncio.get_running_loop().sock_sendto(peer, b"request", (host, network.listeners[0].port))
                await until(lambda: len(inbox.messages) == len(heard))

            for peer in (*peers, *peers, peers[4]):
                await send(peer)
            assert [flow for _, flow in inbox.messages] == [Flow(network.listeners[0], host, port) for port in heard]
            assert inbox.messages[-1][1] is inbox.messages[-2][1]
            for peer in peers:
                peer.close()

    run(scenario())


@pytest.mark.parametrize("host", LOOPBACK)
def test_request_out_from_the_listening_port(host: str) -> None:
    async def scenario() -> None:
        async with running(udp(host)) as (network, _):
            peer = peer_socket(host)
            network.send(b"request", Hop("udp", host, peer.getsockname()[1]), _nobody)
            data, source = await asyncio.get_running_loop().sock_recvfrom(peer, 100)
            assert (data, source[1]) == (b"request", network.listeners[0].bound_port)
            peer.close()

    run(scenario())


def test_burst_arrives_whole_and_in_order() -> None:
    async def scenario() -> None:
        async with running(udp()) as (network, inbox):
            peer = peer_socket()
            peer.setblocking(True)
            for number in range(BURST):
                peer.sendto(b"%05d" % number + bytes(800), ("127.0.0.1", network.listeners[0].port))
            await until(lambda: len(inbox.messages) == BURST)
            assert [int(data[:5]) for data in inbox.bodies] == list(range(BURST))
            peer.close()

    run(scenario())


def test_a_flood_leaves_others_their_turn() -> None:
    """One wake-up takes at most BATCH datagrams; a timer that is due runs before the rest."""

    async def scenario() -> None:
        async with running(udp()) as (network, inbox):
            peer = peer_socket()
            peer.setblocking(True)
            for _ in range(10 * module.BATCH):
                peer.sendto(b"flood", ("127.0.0.1", network.listeners[0].port))
            seen: list[int] = []
            asyncio.get_running_loop().call_soon(lambda: seen.append(len(inbox.messages)))
            for _ in range(3):
                await asyncio.sleep(0)
                seen.append(len(inbox.messages))
            assert max(b - a for a, b in itertools.pairwise(seen)) <= module.BATCH
            peer.close()

    run(scenario())


def test_receiver_that_raises_ends_nothing() -> None:
    async def scenario() -> int:
        async with running(udp()) as (network, inbox):
            inbox.answer = lambda data, flow: _nobody("our own bug")
            peer = peer_socket()
            loop = asyncio.get_running_loop()
            for _ in range(5):
                await loop.sock_sendto(peer, b"request", ("127.0.0.1", network.listeners[0].port))
            await until(lambda: len(inbox.messages) == 5)
            peer.close()
            return network.error_fence.count

    with capture_logs() as logs:
        assert run(scenario()) == 5
    (line,) = [line for line in logs if line["log_level"] == "error"]
    assert str(line["exc_info"]) == "our own bug"


def test_keep_alives_are_not_messages() -> None:
    async def scenario() -> None:
        async with running(udp()) as (network, inbox):
            loop, peer = asyncio.get_running_loop(), peer_socket()
            for data in (b"", b"\r\n\r\n", b"\0\0\0\0", b"message"):
                await loop.sock_sendto(peer, data, ("127.0.0.1", network.listeners[0].port))
            await until(lambda: inbox.messages)
            assert inbox.bodies == [b"message"]
            peer.close()

    run(scenario())


@pytest.mark.parametrize("host", LOOPBACK)
def test_unreachable_port_is_reported_and_hurts_nobody_else(host: str) -> None:
    async def scenario() -> None:
        async with running(udp(host)) as (network, inbox):
            peer, gone = peer_socket(host), peer_socket(host)
            dead = Hop("udp", host, gone.getsockname()[1])
            gone.close()
            for number in range(20):
                network.send(b"to nobody", dead, inbox.failures.append)
                network.send(b"%d" % number, Hop("udp", host, peer.getsockname()[1]), _nobody)
            await until(lambda: dead in inbox.unreachable)
            for number in range(20):
                assert await asyncio.get_running_loop().sock_recv(peer, 100) == b"%d" % number
            assert set(inbox.unreachable) == {dead}
            peer.close()

    run(scenario())


def test_error_queue_does_not_keep_the_loop_busy() -> None:
    async def scenario() -> None:
        async with running(udp()) as (network, inbox):
            network.send(b"x" * 10, Hop("udp", "127.0.0.1", free_port(socket.SOCK_DGRAM)), inbox.failures.append)
            await until(lambda: inbox.unreachable)
            before = time.process_time()
            await asyncio.sleep(0.1)
            assert time.process_time() - before < 0.05

    run(scenario())


@pytest.mark.parametrize(
    "hop",
    [
        Hop("udp", "proxy.example.com", 5060),
        Hop("udp", "127.0.0.1", 0),
        Hop("udp", "127.0.0.1", 70_000),
        Hop("udp", "127.0.0.1\0", 5060),
        Hop("udp", "", 5060),
        Hop("udp", "\u0661.1.1.1", 5060),
        Hop("udp", "::1", 5060),
        Hop("tcp", "127.0.0.1", 5060),
    ],
)
def test_what_cannot_be_sent_fails_later(hop: Hop) -> None:
    async def scenario() -> None:
        async with running(udp()) as (network, inbox):
            network.send(b"request", hop, inbox.failures.append)
            assert not inbox.failures
            await until(lambda: inbox.failures)
            assert len(inbox.failures) == 1

    run(scenario())


def test_too_large_datagram_fails_later() -> None:
    async def scenario() -> None:
        async with running(udp()) as (network, inbox):
            network.send(bytes(70_000), Hop("udp", "127.0.0.1", 5060), inbox.failures.append)
            await until(lambda: inbox.failures)
            assert "127.0.0.1" in inbox.failures[0]

    run(scenario())


class Full:
    """A socket that has no room for a while."""

    def __init__(self, sock: socket.socket, refusals: list[int]) -> None:
        self._sock = sock
        self._refusals = refusals

    def sendto(self, data: bytes, address: tuple[str, int]) -> int:
        if self._refusals:
            raise OSError(self._refusals.pop(0), "no room")
        return self._sock.sendto(data, address)

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)


def _with_refusals(refusals: list[int], check: Callable[[list[bytes], list[str]], None], count: int = 50) -> None:
    async def scenario() -> None:
        async with running(udp()) as (network, inbox):
            peer = peer_socket()
            own = network._udp[0]
            own._sock = Full(own._sock, refusals)  # type: ignore[assignment]
            for number in range(count):
                network.send(b"%d" % number, Hop("udp", "127.0.0.1", peer.getsockname()[1]), inbox.failures.append)
            loop = asyncio.get_running_loop()
            got = [await loop.sock_recv(peer, 100)]
            while len(got) + len(inbox.failures) < count:
                got.append(await loop.sock_recv(peer, 100))
            check(got, inbox.failures)
            peer.close()

    run(scenario())


@pytest.mark.parametrize("code", [11, 105])
def test_full_socket_queues_in_order(code: int) -> None:
    def check(got: list[bytes], failures: list[str]) -> None:
        assert got == [b"%d" % number for number in range(50)]
        assert not failures

    _with_refusals([code, code, code], check)


def test_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(got: list[bytes], failures: list[str]) -> None:
        assert got == [b"%d" % number for number in range(5)]
        assert set(failures) == {"udp: send queue is full"}

    monkeypatch.setattr(module, "SEND_QUEUE_BYTES", 5)
    _with_refusals([11], check)


def test_error_while_the_queue_is_flushed_costs_one_datagram() -> None:
    def check(got: list[bytes], failures: list[str]) -> None:
        assert got == [b"%d" % number for number in range(1, 50)]
        assert len(failures) == 1

    _with_refusals([11, 1], check)


def test_closing_from_within_the_receiver() -> None:
    async def scenario() -> None:
        async with running(udp()) as (network, inbox):
            inbox.answer = lambda data, flow: network._udp[0].close()
            peer = peer_socket()
            peer.setblocking(True)
            for _ in range(3):
                peer.sendto(b"request", ("127.0.0.1", network.listeners[0].port))
            await until(lambda: inbox.messages)
            await asyncio.sleep(0)
            assert len(inbox.messages) == 1
            peer.close()

    run(scenario())


async def send_all(loop: asyncio.AbstractEventLoop, peer: socket.socket, count: int, port: int) -> None:
    for number in range(count):
        await loop.sock_sendto(peer, b"datagram %05d" % number, ("127.0.0.1", port))


HELD_UP = 0.12
"""Seconds for which the loop is held up, so that what comes has waited at least as long."""


def test_how_long_they_have_waited() -> None:
    """The kernel says it of those that wait together; one that comes alone is read at once."""
    async def scenario() -> None:
        async with running(udp()) as (network, inbox):
            loop = asyncio.get_running_loop()
            peer, port = peer_socket(), network.listeners[0].port
            behind: list[float] = []
            inbox.answer = lambda data, flow: behind.append(network.behind)
            await send_all(loop, peer, 300, port)
            time.sleep(HELD_UP)
            await until(lambda: len(inbox.messages) == 300)
            assert max(inbox.waited) >= HELD_UP
            assert sum(waited >= HELD_UP for waited in inbox.waited) > 200
            assert max(behind) >= HELD_UP
            await until(lambda: network.behind == 0)
            await loop.sock_sendto(peer, b"alone", ("127.0.0.1", port))
            await until(lambda: len(inbox.messages) == 301)
            peer.close()

    run(scenario())


def test_a_clock_that_was_set_back_makes_nothing_old(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with running(udp()) as (network, inbox):
            wall = time.time
            monkeypatch.setattr(time, "time", lambda: wall() - 3600)
            peer = peer_socket()
            await send_all(asyncio.get_running_loop(), peer, 200, network.listeners[0].port)
            await until(lambda: len(inbox.messages) == 200)
            assert max(inbox.waited) < HELD_UP
            peer.close()

    run(scenario())


def test_a_full_buffer_counts_as_a_wait() -> None:
    """A small one loses what comes before anything in it is old."""
    async def scenario() -> None:
        async with running(udp()) as (network, inbox):
            loop = asyncio.get_running_loop()
            peer, port = peer_socket(), network.listeners[0].port
            network.pause()
            network.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 262_144)
            for _ in range(400):
                await loop.sock_sendto(peer, b"x" * 1_000, ("127.0.0.1", port))
            network.resume()
            await until(lambda: max(inbox.waited, default=0) > module.FULL_WAIT / 2)
            peer.close()

    run(scenario())
