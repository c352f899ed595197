"""TCP over real loopback sockets: framing, deadlines, caps, peers that misbehave."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from proxy.sip.hop import Flow, Hop
from proxy.transports.limits import StreamLimits
from proxy.transports.network import Network
from proxy.transports.stream import READ_SIZE
from tests.kit.logged import capture_logs
from tests.kit.waiting import PATIENCE
from tests.proxy.transports.support import free_port, options, peer_socket, run, running, server, tcp, udp, until

SHORT = 0.08
HOSTS = ["127.0.0.1", "::1"]


def _nobody(reason: str) -> None:
    raise AssertionError(reason)


@asynccontextmanager
async def client(
    network: Network, number: int = 0
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    listener = network.listeners[number]
    reader, writer = await asyncio.open_connection(listener.bound_host, listener.bound_port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def _state(network: Network, hop: Hop) -> str:
    connection = network.connections.towards(hop, frozenset())
    return connection.state if connection is not None else "none"


async def _eof(reader: asyncio.StreamReader) -> bytes:
    """Read until the far end hangs up, by FIN or RST."""
    kept = b""
    try:
        while data := await reader.read(65536):
            kept += data
    except ConnectionResetError:
        pass
    return kept


async def without_hold_up(work: Callable[[], Awaitable[bool]]) -> None:
    """Do it anew until it was in time: where the machine held the test up, it says nothing of the deadlines."""
    async with asyncio.timeout(PATIENCE):
        while not await work():
            pass


@pytest.mark.parametrize("host", HOSTS)
def test_request_in_response_back(host: str) -> None:
    async def scenario() -> None:
        async with running(tcp(host)) as (network, inbox), client(network) as (reader, writer):
            writer.write(options())
            await until(lambda: inbox.messages)
            data, flow = inbox.messages[0]
            assert data == options()
            assert flow == Flow(network.listeners[0], host, writer.get_extra_info("sockname")[1], flow.connection)
            assert flow.connection > 0
            network.reply(b"response", flow, "192.0.2.9", 1)
            assert await reader.readexactly(8) == b"response"

    run(scenario())


def test_byte_by_byte() -> None:
    async def scenario() -> None:
        async with running(tcp()) as (network, inbox), client(network) as (_, writer):
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            message = options(body=b"v=0\r\n")
            for byte in message:
                writer.write(bytes((byte,)))
                await asyncio.sleep(0)
            await until(lambda: inbox.messages)
            assert inbox.bodies == [message]

    run(scenario())


def test_two_messages_and_a_half_in_one_segment() -> None:
    async def scenario() -> None:
        async with running(tcp()) as (network, inbox), client(network) as (_, writer):
            third = options(3)
            writer.write(options(1, b"one") + options(2) + third[:50])
            await until(lambda: len(inbox.messages) == 2)
            writer.write(third[50:])
            await until(lambda: len(inbox.messages) == 3)
            assert inbox.bodies == [options(1, b"one"), options(2), third]

    run(scenario())


def test_double_crlf_is_answered() -> None:
    async def scenario() -> None:
        async with running(tcp()) as (network, inbox), client(network) as (reader, writer):
            writer.write(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"\r\n"
            writer.write(options())
            await until(lambda: inbox.messages)

    run(scenario())


@pytest.mark.parametrize(
    ("length", "status"), [(b"-1", b"400"), (b"1_0", b"400"), (b"9999999", b"400"), (b"999999", b"513")]
)
def test_broken_framing_is_answered_then_closed(length: bytes, status: bytes) -> None:
    async def scenario() -> None:
        async with running(tcp()) as (network, inbox), client(network) as (reader, writer):
            # What follows the fault must not be taken for a message, and must not make the kernel cut off the answer.
            writer.write(options(1) + options(2, length=length) + options(3) * 100)
            answer = await reader.read(65536)
            assert answer.startswith(b"SIP/2.0 " + status)
            assert b"Call-ID: 2@peer.test" in answer
            assert b"Content-Length: 0" in answer
            assert await _eof(reader) == b""
            assert inbox.bodies == [options(1)]
            writer.close()
            await until(lambda: not network.connections)

    run(scenario())


def test_peer_that_does_not_hang_up_after_its_fault_is_cut() -> None:
    async def scenario() -> None:
        async with (
            running(tcp(), limits=StreamLimits(linger=SHORT)) as (network, inbox),
            client(network) as (_, writer),
        ):
            writer.write(options(length=b"x"))
            await until(lambda: len(network.connections) == 1)
            await until(lambda: not network.connections)
            assert not inbox.messages

    run(scenario())


def test_what_cannot_be_answered_is_closed() -> None:
    async def scenario() -> None:
        async with running(tcp()) as (network, inbox), client(network) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: proxy.test\r\n\r\n")
            assert await _eof(reader) == b""
            assert not inbox.messages

    run(scenario())


@pytest.mark.parametrize(
    ("limits", "sent"),
    [
        (StreamLimits(first_byte=SHORT), b""),
        (StreamLimits(message=SHORT), options()[:60]),
        (StreamLimits(message=SHORT), options() + options()[:60]),
        (StreamLimits(idle=SHORT), options()),
        (StreamLimits(idle=SHORT), b"\r\n\r\n"),
    ],
)
def test_deadlines_close(limits: StreamLimits, sent: bytes) -> None:
    async def scenario() -> None:
        async with running(tcp(), limits=limits) as (network, _), client(network) as (reader, writer):
            begun = asyncio.get_running_loop().time()
            writer.write(sent)
            await _eof(reader)
            assert asyncio.get_running_loop().time() - begun >= SHORT * 0.9

    run(scenario())


def test_dripping_does_not_move_the_deadline_of_a_message() -> None:
    async def scenario() -> None:
        limits = StreamLimits(message=SHORT)
        async with running(tcp(), limits=limits) as (network, inbox), client(network) as (reader, writer):
            gone = asyncio.ensure_future(_eof(reader))
            for byte in options():
                if gone.done():
                    break
                writer.write(bytes((byte,)))
                await asyncio.sleep(SHORT / 20)
            assert gone.done()
            assert not inbox.messages

    run(scenario())


def test_complete_messages_move_the_deadline() -> None:
    async def scenario() -> None:
        limits = StreamLimits(message=5 * SHORT, first_byte=5 * SHORT)

        async def in_time() -> bool:
            async with running(tcp(), limits=limits) as (network, inbox), client(network) as (_, writer):
                for number in range(15):
                    began = time.monotonic()
                    writer.write(options(number)[50:] if number else options())
                    writer.write(options(number + 1)[:50])
                    await asyncio.sleep(SHORT / 2)
                    if time.monotonic() - began > SHORT:
                        return False
                await until(lambda: len(inbox.messages) == 15)
                return True

        await without_hold_up(in_time)

    run(scenario())


def test_sending_keeps_a_connection_alive() -> None:
    async def scenario() -> None:
        async def in_time() -> bool:
            async with running(tcp(), limits=StreamLimits(idle=5 * SHORT)) as (network, inbox), server() as peer:
                hop = Hop("tcp", "127.0.0.1", peer.port)
                for _ in range(15):
                    began = time.monotonic()
                    network.send(options(), hop, inbox.failures.append)
                    await asyncio.sleep(SHORT / 2)
                    if time.monotonic() - began > SHORT:
                        return False
                assert len(peer.received) == 1
                await until(lambda: inbox.lost)
                assert inbox.lost[0][1:] == (hop, "idle")
                return True

        await without_hold_up(in_time)

    run(scenario())


def test_peer_that_does_not_read_is_cut_and_delays_nobody() -> None:
    async def scenario() -> None:
        limits = StreamLimits(buffer=64 * 1024)
        async with (
            running(tcp(), limits=limits) as (network, inbox),
            client(network) as (deaf, deaf_writer),
            client(network) as (reader, writer),
        ):
            deaf._transport.pause_reading()  # type: ignore[attr-defined]
            inbox.answer = lambda data, flow: network.reply(data, flow, flow.host, flow.port)
            deaf_writer.write(options(1))
            writer.write(options(2))
            assert await reader.readexactly(len(options(2))) == options(2)
            flow = next(flow for data, flow in inbox.messages if data == options(1))
            block = bytes(32 * 1024)
            for _ in range(2_000):
                network.reply(block, flow, flow.host, free_port(socket.SOCK_STREAM))
                if network.connections.find(flow.connection) is None:
                    break
            else:
                raise AssertionError("64 MB taken for a peer that does not read")
            writer.write(options(3))
            assert await reader.readexactly(len(options(3))) == options(3)

    run(scenario())


def test_message_stuck_in_the_buffer_fails_when_the_connection_goes() -> None:
    async def scenario() -> None:
        async with running(tcp(), limits=StreamLimits(buffer=4 * 1024 * 1024)) as (network, inbox):
            deaf = socket.socket()
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(1)
            hop = Hop("tcp", "127.0.0.1", deaf.getsockname()[1])
            network.send(b"first", hop, _nobody)
            await until(lambda: _state(network, hop) == "open")
            count = 0
            own = network.connections.towards(hop, frozenset())
            assert own is not None
            while own.usable:  # the kernel takes some, the buffer the rest
                network.send(bytes(256 * 1024), hop, inbox.failures.append)
                count += 1
            await until(lambda: inbox.failures)
            assert 0 < len(inbox.failures) <= count
            assert set(inbox.failures) == {"peer does not read"}
            deaf.close()

    run(scenario())


def test_written_messages_do_not_fail_when_the_connection_goes() -> None:
    async def scenario() -> None:
        async with running(tcp()) as (network, inbox), server() as peer:
            network.send(b"x" * 200_000, Hop("tcp", "127.0.0.1", peer.port), _nobody)
            await until(lambda: peer.received and len(peer.received[0]) == 200_000)
            peer.writers[0].transport.abort()
            await until(lambda: inbox.lost)

    run(scenario())


def test_cap_per_source() -> None:
    async def scenario() -> None:
        async with (
            running(tcp(), tcp(), tcp("::1"), limits=StreamLimits(per_source=3)) as (network, inbox),
            client(network),
            client(network),
            client(network, 1) as (_, third),
        ):
            await until(lambda: len(network.connections) == 3)
            for number in (0, 1):
                async with client(network, number) as (reader, _):
                    assert await _eof(reader) == b""
            assert network.connections.refused == 2
            async with client(network, 2) as (_, other):
                other.write(options())
                await until(lambda: inbox.messages)
            third.transport.abort()
            await until(lambda: len(network.connections) == 2)
            async with client(network) as (_, again):
                again.write(options(2))
                await until(lambda: len(inbox.messages) == 2)

    run(scenario())


def test_cap_in_all_spares_our_own() -> None:
    async def scenario() -> None:
        both = tcp(), tcp("::1")
        async with running(*both, limits=StreamLimits(inbound=1)) as (network, _), server() as peer, client(network):
            await until(lambda: len(network.connections) == 1)
            async with client(network, 1) as (reader, _):
                assert await _eof(reader) == b""
            network.send(b"message", Hop("tcp", "127.0.0.1", peer.port), _nobody)
            await until(lambda: peer.received and peer.received[0] == b"message")

    run(scenario())


def test_cap_of_our_own() -> None:
    async def scenario() -> None:
        async with running(tcp(), limits=StreamLimits(outbound=1)) as (network, inbox), server() as peer:
            network.send(b"message", Hop("tcp", "127.0.0.1", peer.port), _nobody)
            network.send(b"message", Hop("tcp", "127.0.0.1", peer.port + 1), inbox.failures.append)
            await until(lambda: inbox.failures)
            assert inbox.failures == ["too many connections"]

    run(scenario())


def test_files_limit_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda which: (1024, 4096))
    assert StreamLimits().inbound_allowed() == 1024 - 256 - 500
    monkeypatch.setattr("resource.getrlimit", lambda which: (-1, -1))
    assert StreamLimits().inbound_allowed() == 2_000


@pytest.mark.parametrize("host", HOSTS)
def test_one_connection_serves_all_messages_to_a_hop(host: str) -> None:
    async def scenario() -> None:
        async with running(tcp(host)) as (network, inbox), server(host=host) as peer:
            hop = Hop("tcp", host, peer.port)
            network.send(options(1), hop, _nobody)
            network.send(options(2), hop, _nobody)  # still connecting
            await until(lambda: peer.received and peer.received[0] == options(1) + options(2))
            network.send(options(3), hop, _nobody)
            await until(lambda: peer.received[0].endswith(options(3)))
            assert len(peer.received) == 1
            peer.writers[0].write(options(4))
            await until(lambda: inbox.messages)
            data, flow = inbox.messages[0]
            assert (data, flow.listener, flow.host, flow.port) == (options(4), network.listeners[0], host, peer.port)

    run(scenario())


def test_connection_from_a_hop_serves_messages_to_it() -> None:
    async def scenario() -> None:
        async with running(tcp()) as (network, inbox), client(network) as (reader, writer):
            writer.write(options())
            await until(lambda: inbox.messages)
            _, flow = inbox.messages[0]
            network.send(b"request", Hop("tcp", flow.host, flow.port), _nobody)
            assert await reader.readexactly(7) == b"request"

    run(scenario())


def test_lost_connection_is_told_and_made_again() -> None:
    async def scenario() -> None:
        async with running(tcp()) as (network, inbox), server() as peer:
            hop = Hop("tcp", "127.0.0.1", peer.port)
            network.send(options(1), hop, _nobody)
            await until(lambda: peer.received and peer.received[0])
            peer.writers[0].close()
            await until(lambda: inbox.lost)
            number, lost, reason = inbox.lost[0]
            assert (number > 0, lost, reason) == (True, hop, "closed by the peer")
            network.send(options(2), hop, _nobody)
            await until(lambda: len(peer.received) == 2 and peer.received[1] == options(2))

    run(scenario())


def test_refused_connection_fails_every_message_later() -> None:
    async def scenario() -> None:
        async with running(tcp()) as (network, inbox):
            hop = Hop("tcp", "127.0.0.1", free_port(socket.SOCK_STREAM))
            network.send(options(1), hop, inbox.failures.append)
            network.send(options(2), hop, inbox.failures.append)
            assert not inbox.failures
            await until(lambda: len(inbox.failures) == 2)
            assert "127.0.0.1" in inbox.failures[0]
            assert [lost[1] for lost in inbox.lost] == [hop]
            assert not network.connections

    run(scenario())


def test_connection_that_does_not_come_up_fails_in_time() -> None:
    async def scenario() -> None:
        async with running(tcp(), limits=StreamLimits(connect=SHORT)) as (network, inbox):
            full = socket.socket()
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            fillers = [socket.socket() for _ in range(3)]
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            network.send(options(), Hop("tcp", "127.0.0.1", full.getsockname()[1]), inbox.failures.append)
            await until(lambda: inbox.failures)
            assert "no connection in time" in inbox.failures[0]
            for sock in (*fillers, full):
                sock.close()

    run(scenario())


def test_queue_of_a_connection_coming_up_is_bounded() -> None:
    async def scenario() -> None:
        async with running(tcp(), limits=StreamLimits(buffer=1_000)) as (network, inbox), server() as peer:
            hop = Hop("tcp", "127.0.0.1", peer.port)
            network.send(bytes(900), hop, _nobody)
            network.send(bytes(900), hop, inbox.failures.append)
            await until(lambda: inbox.failures and peer.received and len(peer.received[0]) == 900)
            assert inbox.failures == ["send queue is full"]

    run(scenario())


def test_reply_after_the_connection_closed_goes_to_the_via() -> None:
    async def scenario() -> None:
        async with running(tcp()) as (network, inbox), server() as peer:
            async with client(network) as (_, writer):
                writer.write(options())
                await until(lambda: inbox.messages)
            await until(lambda: not network.connections)
            network.reply(b"response", inbox.messages[0][1], "127.0.0.1", peer.port)
            await until(lambda: peer.received and peer.received[0] == b"response")

    run(scenario())


def test_replies_cannot_use_up_our_connections() -> None:
    async def scenario() -> None:
        limits = StreamLimits(replies=2)
        async with running(tcp(), limits=limits) as (network, inbox), server() as peer:
            async with client(network) as (_, writer):
                writer.write(options())
                await until(lambda: inbox.messages)
            await until(lambda: not network.connections)
            for port in (peer.port, 1, 2, 3):  # nobody listens on those below
                network.reply(b"response", inbox.messages[0][1], "127.0.0.1", port)
            assert len(network.connections) == 2
            network.send(options(), Hop("tcp", "127.0.0.1", peer.port), _nobody)  # by the same connection
            await until(lambda: len(network.connections) == 1 and peer.received)
            await until(lambda: peer.received[0] == b"response" + options())
            network.reply(b"response", inbox.messages[0][1], "127.0.0.1", 4)
            assert len(network.connections) == 2

    run(scenario())


def test_keep_alives_of_a_peer_that_does_not_read_are_bounded() -> None:
    async def scenario() -> None:
        async with running(tcp(), limits=StreamLimits(buffer=100)) as (network, _), client(network) as (_, writer):
            await until(lambda: len(network.connections) == 1)
            (own,) = network.connections._by_number.values()
            assert own._transport is not None
            own._transport.get_write_buffer_size = lambda: 101  # type: ignore[method-assign]
            writer.write(b"\r\n\r\n")
            await until(lambda: not network.connections)

    run(scenario())


def test_our_own_fault_while_refusing_ends_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bytes:
        raise ValueError("our own bug")

    monkeypatch.setattr("proxy.transports.stream.build_response", broken)

    async def scenario() -> None:
        async with running(tcp()) as (network, _), client(network) as (reader, writer):
            writer.write(options(length=b"x"))
            assert await _eof(reader) == b""
            assert network.error_fence.count == 1

    with capture_logs():
        run(scenario())


def test_write_that_finds_the_connection_broken_fails() -> None:
    async def scenario() -> None:
        async with running(tcp()) as (network, inbox), server() as peer:
            hop = Hop("tcp", "127.0.0.1", peer.port)
            network.send(options(1), hop, _nobody)
            await until(lambda: peer.received and peer.received[0])
            own = network.connections.towards(hop, frozenset())
            assert own is not None
            assert own._transport is not None
            own._transport.get_extra_info("socket")._sock.shutdown(socket.SHUT_WR)
            network.send(options(2), hop, inbox.failures.append)
            assert not inbox.failures
            await until(lambda: inbox.failures)

    run(scenario())


@pytest.mark.parametrize("via", [("peer.test", 5060), ("127.0.0.1", 1), ("127.0.0.1", 99_999), ("::1", 5060), ("", 1)])
def test_reply_that_cannot_be_delivered_harms_nobody(via: tuple[str, int]) -> None:
    async def scenario() -> None:
        async with running(tcp()) as (network, inbox):
            async with client(network) as (_, writer):
                writer.write(options())
                await until(lambda: inbox.messages)
            await until(lambda: not network.connections)
            network.reply(b"response", inbox.messages[0][1], *via)
            await until(lambda: not network.connections)

    run(scenario())


def test_receiver_that_raises_ends_nothing() -> None:
    async def scenario() -> int:
        async with running(tcp()) as (network, inbox), client(network) as (_, writer):
            inbox.answer = lambda data, flow: _nobody("our own bug")
            writer.write(options(1) + options(2))
            await until(lambda: len(inbox.messages) == 2)
            writer.write(options(3))
            await until(lambda: len(inbox.messages) == 3)
            return network.error_fence.count

    with capture_logs() as logs:
        assert run(scenario()) == 3
    assert len([line for line in logs if line["log_level"] == "error"]) == 1


def test_no_more_files_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with running(tcp()) as (network, inbox):
            monkeypatch.setattr("proxy.transports.acceptor.FILES_PAUSE", SHORT)
            acceptor = network._acceptors[0]
            real = acceptor._sock

            class Exhausted:
                def accept(self) -> None:
                    acceptor._sock = real
                    raise OSError(24, "Too many open files")

                def fileno(self) -> int:
                    return real.fileno()

            acceptor._sock = Exhausted()  # type: ignore[assignment]
            async with client(network) as (_, writer):
                writer.write(options())
                await until(lambda: inbox.messages)

    with capture_logs() as logs:
        run(scenario())
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["cannot accept connections"]


def test_close_writes_what_is_buffered_and_waits_for_nobody() -> None:
    async def scenario() -> None:
        async with server() as peer:
            limits = StreamLimits(close=SHORT)
            async with running(tcp(), udp(), limits=limits) as (network, inbox), client(network) as (deaf, writer):
                deaf._transport.pause_reading()  # type: ignore[attr-defined]
                writer.write(options())
                await until(lambda: inbox.messages)
                flow = inbox.messages[0][1]
                own = network.connections.find(flow.connection)
                assert own is not None
                while own._transport is not None and not own._transport.get_write_buffer_size():
                    own.send(bytes(100_000))
                network.send(b"message", Hop("tcp", "127.0.0.1", peer.port), _nobody)
                await until(lambda: peer.received)
                await network.close()
                assert not network.connections
            await until(lambda: peer.received[0] == b"message")

    run(scenario())


def test_no_delay() -> None:
    async def scenario() -> None:
        async with running(tcp()) as (network, inbox), client(network) as (_, writer), server() as peer:
            writer.write(options())
            await until(lambda: inbox.messages)
            network.send(b"message", Hop("tcp", "127.0.0.1", peer.port), _nobody)
            await until(lambda: peer.received and peer.received[0])
            for connection in network.connections._by_number.values():
                assert connection._transport is not None
                sock = connection._transport.get_extra_info("socket")
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    run(scenario())


def test_udp_goes_on_beside_a_broken_stream() -> None:
    async def scenario() -> None:
        async with running(udp(), tcp()) as (network, inbox), client(network, 1) as (_, writer):
            peer = peer_socket()
            writer.write(options()[:100])
            await asyncio.get_running_loop().sock_sendto(peer, b"datagram", ("127.0.0.1", network.listeners[0].port))
            await until(lambda: inbox.messages)
            assert inbox.bodies == [b"datagram"]
            peer.close()

    run(scenario())


def test_how_long_a_message_has_waited_at_least() -> None:
    """More than one read could take was there: what comes with the next reads has waited since the first one."""
    async def scenario() -> None:
        async with running(tcp()) as (network, inbox):
            held_up = 0.06
            inbox.answer = lambda data, flow: time.sleep(held_up) if len(inbox.messages) == 1 else None
            _, writer = await asyncio.open_connection("127.0.0.1", network.listeners[0].port)
            count = 4 * READ_SIZE // len(options())
            writer.write(options() * count)
            await until(lambda: len(inbox.messages) == count)
            assert inbox.waited[0] == 0.0
            assert max(inbox.waited) >= held_up
            del inbox.messages[:], inbox.waited[:]
            inbox.answer = None
            await asyncio.sleep(0.01)
            writer.write(options())
            await until(lambda: inbox.messages)
            assert inbox.waited == [0.0]  # it came alone
            writer.close()

    run(scenario())


def test_one_connection_waits_for_another() -> None:
    """In one turn of the loop: what is read after the others has waited as long as they took."""
    async def scenario() -> None:
        async with running(tcp()) as (network, inbox):
            held_up = 0.06
            port = network.listeners[0].port
            writers = [(await asyncio.open_connection("127.0.0.1", port))[1] for _ in range(2)]
            for writer in writers:  # both are served already
                writer.write(options())
            await until(lambda: len(inbox.messages) == 2)
            del inbox.messages[:], inbox.waited[:]
            inbox.answer = lambda data, flow: time.sleep(held_up)
            for writer in writers:
                os.write(writer.get_extra_info("socket").fileno(), options())
            await until(lambda: len(inbox.messages) == 2)
            assert inbox.waited[0] == 0.0
            assert inbox.waited[1] >= held_up
            for writer in writers:
                writer.close()

    run(scenario())
