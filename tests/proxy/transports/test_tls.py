"""TLS over real loopback sockets: who is believed to be whom."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from proxy.sip.hop import Hop
from proxy.transports.limits import StreamLimits
from proxy.transports.network import ListenSpec, Network
from proxy.transports.tls import carries, certificate_names
from tests.proxy.transports.support import Authority, options, run, running, server, until

SHORT = 0.08


def _nobody(reason: str) -> None:
    raise AssertionError(reason)


def _spec(authority: Authority, *names: str, verify_client: bool = False, host: str = "127.0.0.1") -> ListenSpec:
    certificate = authority.issue(*(names or ("proxy.test", "127.0.0.1", "::1")))
    return ListenSpec("tls", host, 0, certificate=certificate, ca=authority.file, verify_client=verify_client)


@asynccontextmanager
async def client(
    network: Network, context: ssl.SSLContext
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    listener = network.listeners[0]
    reader, writer = await asyncio.open_connection(
        listener.bound_host, listener.bound_port, ssl=context, server_hostname="proxy.test"
    )
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_request_in_response_back(authority: Authority, host: str) -> None:
    async def scenario() -> None:
        async with (
            running(_spec(authority, host=host)) as (network, inbox),
            client(network, authority.client()) as (reader, writer),
        ):
            writer.write(options(1) + options(2))
            await until(lambda: len(inbox.messages) == 2)
            _, flow = inbox.messages[0]
            assert (flow.listener.transport, flow.host, flow.names) == ("tls", host, frozenset())
            network.reply(b"response", flow, "192.0.2.9", 1)
            assert await reader.readexactly(8) == b"response"

    run(scenario())


def test_mutual_tls_gives_the_names(authority: Authority) -> None:
    async def scenario() -> None:
        async with (
            running(_spec(authority, verify_client=True)) as (network, inbox),
            client(network, authority.client("Carrier.Test", "sip:trunk.carrier.test", "192.0.2.7")) as (_, writer),
        ):
            writer.write(options())
            await until(lambda: inbox.messages)
            assert inbox.messages[0][1].names == {"carrier.test", "trunk.carrier.test", "192.0.2.7"}

    run(scenario())


async def _ask(network: Network, context: ssl.SSLContext) -> None:
    async with client(network, context) as (reader, writer):
        writer.write(options())
        await reader.readexactly(1)


@pytest.mark.parametrize("names", [(), ("carrier.test",)])
def test_client_without_a_good_certificate_is_refused(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory, names: tuple[str, ...]
) -> None:
    stranger = Authority(tmp_path_factory.mktemp("stranger"), "Stranger")
    context = authority.client()
    if names:
        context.load_cert_chain(stranger.issue(*names))

    async def scenario() -> None:
        async with running(_spec(authority, verify_client=True)) as (network, inbox):
            with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                await _ask(network, context)
            await until(lambda: not network.connections)
            assert not inbox.messages

    run(scenario())


@pytest.mark.parametrize(
    ("certificate", "name"),
    [
        (("peer.test",), "peer.test"),
        (("peer.test",), "PEER.test"),
        (("sip:peer.test",), "peer.test"),
        (("*.test.example",), "peer.test.example"),
        (("127.0.0.1",), None),
    ],
)
def test_right_server_name(authority: Authority, certificate: tuple[str, ...], name: str | None) -> None:
    async def scenario() -> None:
        async with running(_spec(authority)) as (network, _), server(authority.server(*certificate)) as peer:
            hop = Hop("tls", "127.0.0.1", peer.port, name)
            network.send(options(1), hop, _nobody)
            await until(lambda: peer.received and peer.received[0] == options(1))
            network.send(options(2), hop, _nobody)
            await until(lambda: peer.received[0] == options(1) + options(2))
            assert len(peer.received) == 1

    run(scenario())


@pytest.mark.parametrize(
    ("certificate", "name"),
    [
        (("other.test",), "peer.test"),
        (("sip:user@peer.test",), "peer.test"),
        (("sips:peer.test",), "peer.test"),
        (("*.peer.test",), "peer.test"),
        (("*.peer.test",), "a.b.peer.test"),
        (("*.test",), "peer.test"),
        ((), "common.name.test"),
        (("peer.test",), None),
        (("192.0.2.1",), None),
    ],
)
def test_wrong_server_name(authority: Authority, certificate: tuple[str, ...], name: str | None) -> None:
    async def scenario() -> None:
        async with running(_spec(authority)) as (network, inbox), server(authority.server(*certificate)) as peer:
            hop = Hop("tls", "127.0.0.1", peer.port, name)
            network.send(options(), hop, inbox.failures.append)
            await until(lambda: inbox.failures)
            assert (name or "127.0.0.1") in inbox.failures[0]
            assert not any(peer.received)
            assert inbox.lost[0][1] == hop._replace(name=name or "127.0.0.1")

    run(scenario())


def test_server_of_a_strange_authority(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> None:
    stranger = Authority(tmp_path_factory.mktemp("stranger"), "Stranger")

    async def scenario() -> None:
        async with running(_spec(authority)) as (network, inbox), server(stranger.server("peer.test")) as peer:
            network.send(options(), Hop("tls", "127.0.0.1", peer.port, "peer.test"), inbox.failures.append)
            await until(lambda: inbox.failures)
            assert "certificate verify failed" in inbox.failures[0]

    run(scenario())


def test_two_names_at_one_address_are_two_connections(authority: Authority) -> None:
    async def scenario() -> None:
        async with running(_spec(authority)) as (network, inbox), server(authority.server("one.test")) as peer:
            network.send(options(1), Hop("tls", "127.0.0.1", peer.port, "one.test"), _nobody)
            network.send(options(2), Hop("tls", "127.0.0.1", peer.port, "two.test"), inbox.failures.append)
            await until(lambda: inbox.failures and peer.received and peer.received[0] == options(1))
            network.send(options(3), Hop("tls", "127.0.0.1", peer.port, "two.test"), inbox.failures.append)
            await until(lambda: len(inbox.failures) == 2)
            assert peer.received[0] == options(1)

    run(scenario())


def test_we_present_our_certificate(authority: Authority) -> None:
    async def scenario() -> None:
        async with (
            running(_spec(authority, "proxy.test")) as (network, _),
            server(authority.server("peer.test", verify_client=True)) as peer,
        ):
            network.send(options(), Hop("tls", "127.0.0.1", peer.port, "peer.test"), _nobody)
            await until(lambda: peer.received and peer.received[0])
            shown = peer.writers[0].get_extra_info("peercert")
            assert shown["subjectAltName"] == (("DNS", "proxy.test"),)

    run(scenario())


def test_connection_from_a_hop_serves_it_only_under_a_proved_name(authority: Authority) -> None:
    async def scenario() -> None:
        async with (
            running(_spec(authority, verify_client=True)) as (network, inbox),
            client(network, authority.client("carrier.test")) as (reader, writer),
        ):
            writer.write(options())
            await until(lambda: inbox.messages)
            _, flow = inbox.messages[0]
            network.send(b"request", Hop("tls", flow.host, flow.port, "carrier.test"), _nobody)
            assert await reader.readexactly(7) == b"request"
            network.send(b"request", Hop("tls", flow.host, flow.port, "bank.test"), inbox.failures.append)
            await until(lambda: inbox.failures)

    run(scenario())


@pytest.mark.parametrize("garbage", [b"\0" * 300, options(), b"\x16\x03\x01\x00\x05hello", bytes(range(256)) * 100])
def test_garbage_on_the_tls_port(authority: Authority, garbage: bytes) -> None:
    async def scenario() -> None:
        async with running(_spec(authority)) as (network, inbox):
            listener = network.listeners[0]
            reader, writer = await asyncio.open_connection(listener.bound_host, listener.bound_port)
            writer.write(garbage)
            writer.write_eof()
            try:
                while await reader.read(1000):
                    pass
            except ConnectionResetError:
                pass
            writer.transport.abort()
            await until(lambda: not network.connections)
            async with client(network, authority.client()) as (_, good):
                good.write(options())
                await until(lambda: inbox.bodies == [options()])

    run(scenario())


def test_silence_instead_of_a_handshake_is_counted_and_ended(authority: Authority) -> None:
    async def scenario() -> None:
        limits = StreamLimits(handshake=SHORT, per_source=1)
        async with running(_spec(authority), limits=limits) as (network, _):
            listener = network.listeners[0]
            reader, writer = await asyncio.open_connection(listener.bound_host, listener.bound_port)
            await until(lambda: len(network.connections) == 1)
            second, other = await asyncio.open_connection(listener.bound_host, listener.bound_port)
            assert await second.read() == b""
            assert network.connections.refused == 1
            assert await reader.read() == b""
            await until(lambda: not network.connections)
            writer.close()
            other.close()

    run(scenario())


def test_broken_framing_is_answered_then_closed(authority: Authority) -> None:
    async def scenario() -> None:
        async with (
            running(_spec(authority)) as (network, inbox),
            client(network, authority.client()) as (reader, writer),
        ):
            writer.write(options(length=b"x"))
            assert (await reader.read()).startswith(b"SIP/2.0 400 Bad Content-Length\r\n")
            await until(lambda: not network.connections)
            assert not inbox.messages

    run(scenario())


def test_old_tls_is_refused(authority: Authority) -> None:
    context = authority.client()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1

    async def scenario() -> None:
        async with running(_spec(authority)) as (network, _):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                async with client(network, context):
                    pass
            await until(lambda: not network.connections)

    run(scenario())


def test_reply_over_a_new_connection_wants_the_name_that_was_proved(authority: Authority) -> None:
    async def scenario() -> None:
        async with running(_spec(authority, verify_client=True)) as (network, inbox):
            async with client(network, authority.client("carrier.test")) as (_, writer):
                writer.write(options())
                await until(lambda: inbox.messages)
            await until(lambda: not network.connections)
            _, flow = inbox.messages[0]
            async with server(authority.server("carrier.test")) as peer, server(authority.server("bank.test")) as wrong:
                network.reply(b"response", flow, "127.0.0.1", wrong.port)
                network.reply(b"response", flow, "127.0.0.1", peer.port)
                await until(lambda: peer.received and peer.received[0] == b"response")
                await until(lambda: inbox.lost)
                assert not any(wrong.received)

    run(scenario())


def test_names_of_a_certificate() -> None:
    names = certificate_names(
        {
            "subjectAltName": (
                ("DNS", "A.test"),
                ("URI", "sip:b.test;transport=tls"),
                ("URI", "SIP:c.test:5061"),
                ("URI", "sip:[2001:DB8::1]:5061"),
                ("URI", "sip:user@d.test"),
                ("URI", "https://e.test"),
                ("URI", "sip:"),
                ("IP Address", "2001:DB8:0:0:0:0:0:2\n"),
                ("IP Address", "nonsense"),
                ("email", "f@g.test"),
            )
        }
    )
    assert names == {"a.test", "b.test", "c.test", "2001:db8::1", "2001:db8::2"}
    assert certificate_names(None) == certificate_names({}) == frozenset()


def test_an_address_is_matched_as_an_address() -> None:
    assert carries(frozenset({"2001:db8::1"}), ["2001:DB8:0::1"])
    assert carries(frozenset({"peer.test"}), ["peer.test."])
    assert not carries(frozenset({"*.0.0.1"}), ["127.0.0.1"])
    assert not carries(frozenset(), ["peer.test"])
