"""Listeners: binding them, choosing one, what they advertise."""

import asyncio
import errno
import socket

import pytest

from proxy.sip.hop import Hop
from proxy.transports import addresses, network
from proxy.transports.addresses import canonical, plain_host
from proxy.transports.network import ListenSpec
from tests.proxy.transports.support import Inbox, options, peer_socket, run, running, tcp, udp, until


def test_taken_port_is_named_and_nothing_stays_open() -> None:
    async def scenario() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken, socket.socket() as free:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            free.bind(("127.0.0.1", 0))
            other = free.getsockname()[1]
            free.close()
            with pytest.raises(
                OSError, match=rf"cannot listen on udp://127.0.0.1:{port}: Address already in use"
            ) as info:
                async with running(ListenSpec("tcp", "127.0.0.1", other), ListenSpec("udp", "127.0.0.1", port)):
                    pass
            assert info.value.errno == errno.EADDRINUSE
            async with running(ListenSpec("tcp", "127.0.0.1", other)):
                pass

    run(scenario())


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (ListenSpec("tls", "::1", 5061), r"tls://\[::1\]:5061: tls needs a certificate"),
        (ListenSpec("tls", "127.0.0.1", 0, certificate="/nowhere.pem"), "/nowhere.pem|No such file"),
        (ListenSpec("udp", "no such host", 0), "udp://no such host:0"),
        (ListenSpec("udp", "192.0.2.1", 0), "udp://192.0.2.1:0: Cannot assign"),
    ],
)
def test_what_cannot_be_listened_on_is_said(spec: ListenSpec, said: str) -> None:
    async def scenario() -> None:
        async with running(spec):
            pass

    with pytest.raises(OSError, match=said):
        run(scenario())


def test_listeners_in_order_with_what_they_advertise() -> None:
    async def scenario() -> None:
        shown = udp(advertise_host="203.0.113.5", advertise_port=5070)
        async with running(shown, tcp("::1"), udp("localhost")) as (net, _):
            first, second, third = net.listeners
            assert (first.number, first.transport, first.host, first.port) == (0, "udp", "203.0.113.5", 5070)
            assert first.bound_host == "127.0.0.1"
            assert first.bound_port > 0
            assert (second.number, second.host, second.bound_host) == (1, "[::1]", "::1")
            assert second.port == second.bound_port > 0
            assert third.bound_host in ("127.0.0.1", "::1")

    run(scenario())


def test_listener_for_transport_and_family() -> None:
    async def scenario() -> None:
        async with running(udp(), udp("::1"), tcp()) as (net, _):
            four, six, stream = net.listeners
            assert net.listener_for(Hop("udp", "127.0.0.1", 5060)) == four
            assert net.listener_for(Hop("udp", "::1", 5060)) == six
            assert net.listener_for(Hop("tcp", "127.0.0.1", 5060)) == stream
            assert net.listener_for(Hop("tcp", "::1", 5060)) is None
            assert net.listener_for(Hop("tls", "127.0.0.1", 5061, "a.test")) is None

    run(scenario())


def test_listener_for_is_the_one_the_kernel_would_use(monkeypatch: pytest.MonkeyPatch) -> None:
    routes = {"10.0.0.10": "10.0.0.1", "198.51.100.10": "127.0.0.1", "192.0.2.1": "192.0.2.9"}
    asked = []

    def route(host: str) -> str | None:
        asked.append(host)
        return routes.get(host)

    async def scenario() -> None:
        async with running(udp(), udp()) as (net, _):
            # Nobody sends here, so the second may claim to be bound to another address of its family.
            first, second = net.listeners[0], net.listeners[1]._replace(host="10.0.0.1", bound_host="10.0.0.1")
            net.listeners = (first, second)
            monkeypatch.setattr(network, "address_towards", route)
            for _ in range(3):
                assert net.listener_for(Hop("udp", "10.0.0.10", 5060)) == second
                assert net.listener_for(Hop("udp", "198.51.100.10", 5060)) == first
            assert asked == ["10.0.0.10", "198.51.100.10"]
            assert net.listener_for(Hop("udp", "192.0.2.1", 5060)) == first
            assert net.listener_for(Hop("udp", "203.0.113.1", 5060)) == first
            net._forget_routes()
            routes["10.0.0.10"] = "127.0.0.1"
            assert net.listener_for(Hop("udp", "10.0.0.10", 5060)) == first

    run(scenario())


def test_remembered_routes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(network, "ROUTES_MAX", 10)
        async with running(udp()) as (net, _):
            for last in range(30):
                assert net.listener_for(Hop("udp", f"127.0.1.{last}", 5060)) == net.listeners[0]
                assert len(net._routes) <= 10

    run(scenario())


def test_bound_to_all_shows_the_address_of_the_route() -> None:
    async def scenario() -> None:
        async with running(udp("0.0.0.0"), udp("::")) as (net, inbox):
            assert net.listeners[0].host != "0.0.0.0"
            assert net.listeners[1].host not in ("[::]", "::")
            towards = net.listener_for(Hop("udp", "127.0.0.1", 5060))
            assert towards is not None
            assert (towards.number, towards.host) == (0, "127.0.0.1")
            six = net.listener_for(Hop("udp", "::1", 5060))
            assert six is not None
            assert (six.number, six.host) == (1, "[::1]")
            peer = peer_socket()
            await asyncio.get_running_loop().sock_sendto(peer, b"message", ("127.0.0.1", net.listeners[0].port))
            await until(lambda: inbox.messages)
            assert inbox.messages[0][1].host == "127.0.0.1"
            peer.close()

    run(scenario())


def test_bound_to_all_with_an_advertised_address_shows_that() -> None:
    async def scenario() -> None:
        async with running(udp("0.0.0.0", advertise_host="203.0.113.5")) as (net, _):
            assert net.listener_for(Hop("udp", "127.0.0.1", 5060)) == net.listeners[0]
            assert net.listeners[0].host == "203.0.113.5"
            assert net.listeners[0].port == net.listeners[0].bound_port

    run(scenario())


def test_streams_leave_from_the_bound_address() -> None:
    async def scenario() -> None:
        async with running(tcp()) as (net, inbox), running(tcp()) as (other, arrived):
            hop = Hop("tcp", "127.0.0.1", other.listeners[0].port)
            # The kernel would choose 127.0.0.1 anyway; an address that is not this machine's it cannot give.
            own, net.listeners = net.listeners, (net.listeners[0]._replace(bound_host="192.0.2.1"),)
            net.send(options(1), hop, inbox.failures.append)
            await until(lambda: inbox.failures)
            assert "address ('192.0.2.1', 0): cannot assign" in inbox.failures[0].lower()
            net.listeners = own
            net._routes.clear()
            net.send(options(2), hop, inbox.failures.append)
            await until(lambda: arrived.messages)
            assert (arrived.bodies, arrived.messages[0][1].host) == ([options(2)], "127.0.0.1")
            assert len(inbox.failures) == 1

    run(scenario())


def test_spellings_of_addresses() -> None:
    assert plain_host("::ffff:192.0.2.1") == "192.0.2.1"
    assert plain_host("fe80::1%eth0") == "fe80::1"
    assert plain_host("2001:db8::1") == "2001:db8::1"
    assert canonical("[2001:DB8::0001]") == "2001:db8::1"
    assert canonical("::ffff:192.0.2.1") == "192.0.2.1"
    assert canonical("192.0.2.1") == "192.0.2.1"
    assert canonical("127.1") is None
    assert canonical("[192.0.2.1") is None
    assert canonical("peer.test") is None
    assert (
        addresses.source_of("2001:db8::1")
        == addresses.source_of("2001:db8::ffff:2")
        != addresses.source_of("2001:db9::")
    )
    assert addresses.source_of("192.0.2.1") != addresses.source_of("192.0.2.2")
    assert addresses.address_towards("peer\0.test") is None


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_what_comes_during_a_pause_waits(host: str) -> None:
    """Datagrams and connections; sending goes on."""
    async def scenario() -> None:
        async with running(udp(host), tcp(host)) as (net, inbox):
            loop = asyncio.get_running_loop()
            datagrams, streams = net.listeners
            net.pause()
            peer = peer_socket(host)
            await loop.sock_sendto(peer, b"waits", (host, datagrams.port))
            _, writer = await asyncio.open_connection(host, streams.port)
            writer.write(options())
            net.send(b"leaves", Hop("udp", host, peer.getsockname()[1]), lambda reason: pytest.fail(reason))
            assert await loop.sock_recv(peer, 100) == b"leaves"
            assert inbox.messages == []
            net.resume()
            await until(lambda: len(inbox.messages) == 2)
            assert {flow.listener.transport for _, flow in inbox.messages} == {"udp", "tcp"}
            writer.close()
            peer.close()

    run(scenario())


def test_a_pause_begins_with_the_very_next_datagram() -> None:
    async def scenario() -> None:
        async with running(udp()) as (net, inbox):
            loop = asyncio.get_running_loop()
            inbox.answer = lambda data, flow: net.pause()
            peer = peer_socket()
            for number in range(20):
                await loop.sock_sendto(peer, b"datagram %02d" % number, ("127.0.0.1", net.listeners[0].port))
            await until(lambda: inbox.messages)
            await asyncio.sleep(0.02)
            assert inbox.bodies == [b"datagram 00"]
            inbox.answer = None
            net.resume()
            await until(lambda: len(inbox.messages) == 20)
            peer.close()

    run(scenario())


def test_sockets_of_another_process_are_used() -> None:
    """What came while nobody read is read; the options that every socket has are set; the rest is bound anew."""
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with running(udp(), tcp()) as (old, _):
            specs = [ListenSpec(each.transport, each.bound_host, each.bound_port) for each in old.listeners]
            old.pause()
            given = {(sock.type, sock.getsockname()[1]): sock.dup() for sock in old.sockets}
            peer = peer_socket()
            await loop.sock_sendto(peer, b"came early", ("127.0.0.1", specs[0].port))
            _, writer = await asyncio.open_connection("127.0.0.1", specs[1].port)
        for sock in given.values():
            sock.setblocking(True)
        seen: list[tuple[str, str]] = []

        def take(kind: str, host: str, port: int) -> socket.socket | None:
            seen.append((kind, host))
            return given.pop((socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_STREAM, port), None)

        inbox = Inbox()
        new = inbox.network(*specs, udp())
        new.adopt(take)
        await new.bind()
        inbox.serve(new)
        assert (given, seen) == ({}, [("datagram", "127.0.0.1"), ("stream", "127.0.0.1"), ("datagram", "127.0.0.1")])
        assert [sock.getblocking() for sock in new.sockets] == [False] * 3
        writer.write(options())
        await asyncio.sleep(0.02)
        assert inbox.messages == []
        new.resume()
        await until(lambda: len(inbox.messages) == 2)
        assert b"came early" in inbox.bodies
        writer.close()
        peer.close()
        await new.close()

    run(scenario())


def test_what_was_adopted_is_closed_with_the_rest() -> None:
    async def scenario() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            ours = peer_socket()
            net = Inbox().network(ListenSpec("udp", "127.0.0.1", taken.getsockname()[1]),
                                  ListenSpec("udp", "127.0.0.1", ours.getsockname()[1]))
            port = ours.getsockname()[1]
            net.adopt(lambda kind, host, wanted: ours if wanted == port else None)
            with pytest.raises(OSError, match="already in use"):
                await net.bind()
            assert ours.fileno() == -1

    run(scenario())
