"""One connection against a broker of a few lines: what it does when the other side is not as it should be."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from proxy.status import packets
from proxy.status.commands import Reply
from proxy.status.link import Link, LinkError
from proxy.status.packets import Cutter, Outgoing, Version
from proxy.status.source import MqttSettings
from tests.kit.waiting import PATIENCE

WELCOME = b"\x20\x03\0\0\0"
HASTY = b"\x20\x06\0\0\x03\x13\0\x01"
"""A welcome that asks for a sign of life every second."""


class Broker(asyncio.Protocol):
    """Welcomes who connects, acknowledges what is published, and answers no ping."""

    def __init__(self, welcome: bytes) -> None:
        self._welcome = welcome
        self.heard: list[tuple[int, bytes]] = []
        self.ended = asyncio.Event()
        self.transport: asyncio.Transport | None = None
        self._cutter = Cutter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        for first, body in self._cutter.cut(data):
            self.heard.append((first, body))
            self.answer(first, body)

    def answer(self, first: int, body: bytes) -> None:
        """Say what a broker says."""
        if first == packets.CONNECT:
            self.say(self._welcome)
        elif first & 0xF0 == packets.PUBLISH:
            message = packets.read_publish(first, body, Version.V5)
            self.say(packets.write_puback(message.packet or 0))
        elif first == packets.SUBSCRIBE:
            self.say(b"\x90\x04" + body[:2] + b"\0\x01")

    def say(self, octets: bytes) -> None:
        assert self.transport is not None
        self.transport.write(octets)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()


class Mute(Broker):
    """Acknowledges nothing until it is told to, and from then on everything."""

    def __init__(self, welcome: bytes) -> None:
        super().__init__(welcome)
        self._kept: list[tuple[int, bytes]] | None = []

    def answer(self, first: int, body: bytes) -> None:
        if self._kept is not None and first & 0xF0 == packets.PUBLISH:
            self._kept.append((first, body))
        else:
            super().answer(first, body)

    def acknowledge(self) -> None:
        kept, self._kept = self._kept or [], None
        for first, body in kept:
            self.answer(first, body)


def with_link(visit: Callable[[Link, Any], Awaitable[None]], welcome: bytes = WELCOME,
              broker: Broker | None = None) -> None:
    """Visit a link that is open, and see that it leaves no connection behind."""
    broker = broker or Broker(welcome)

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: broker, "127.0.0.1", 0)
        link = Link(MqttSettings("edge1", port=server.sockets[0].getsockname()[1]), "b/edge1/status", Version.V5)
        async with asyncio.timeout(PATIENCE):
            await link.open()
            try:
                await visit(link, broker)
            finally:
                await link.abandon()
            await broker.ended.wait()
        server.close()

    asyncio.run(run())


def test_an_address_that_nobody_answers_does_not_shut_out_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is a listener whose backlog is full: the kernel lets whoever tries wait."""
    monkeypatch.setattr("proxy.status.link.CONNECT_TIMEOUT", 1.0)

    async def run() -> None:
        broker = Broker(WELCOME)
        server = await asyncio.get_running_loop().create_server(lambda: broker, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with contextlib.ExitStack() as stack:
            silent = stack.enter_context(socket.socket())
            silent.bind(("127.0.0.2", port))
            silent.listen(0)
            for _ in range(4):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.2", port))
            found = [*socket.getaddrinfo("127.0.0.2", port, type=socket.SOCK_STREAM),
                     *socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
            link = Link(MqttSettings("edge1", host="broker.example", port=port), "b/edge1/status", Version.V5)
            async with asyncio.timeout(PATIENCE):
                await link.open()
                await link.abandon()
                await broker.ended.wait()
        server.close()

    asyncio.run(run())


def test_a_broker_that_answers_no_ping_is_left() -> None:
    async def visit(link: Link, broker: Broker) -> None:
        with pytest.raises(LinkError, match="ping"):
            await link.lost()
        assert (0xC0, b"") in broker.heard

    with_link(visit, HASTY)


@pytest.mark.parametrize(("asked", "seconds"), [(None, 7.5), (0, 7.5), (1, 0.5), (10, 5), (60_000, 7.5)])
def test_a_broker_that_is_gone_is_noticed_however_few_signs_of_life_it_wants(asked: int | None, seconds: float) -> None:
    assert Link._tick_after(asked) == seconds


def test_the_end_says_goodbye_and_closes() -> None:
    async def visit(link: Link, broker: Broker) -> None:
        assert await link.deliver([Outgoing("t", b"last", retain=True)]) == 1
        await link.close()
        await broker.ended.wait()
        assert broker.heard[-1] == (0xE0, b"")
        assert await link.deliver([Outgoing("t", b"later")]) == 0

    with_link(visit)


def test_what_the_broker_says_at_the_end_is_the_reason() -> None:
    async def visit(link: Link, broker: Broker) -> None:
        broker.say(b"\xe0\x01\x8b")
        with pytest.raises(LinkError, match="server shutting down"):
            await link.lost()
        assert "shutting down" in link.reason()

    with_link(visit)


def test_garbage_ends_the_connection() -> None:
    async def visit(link: Link, broker: Broker) -> None:
        broker.say(b"\x00" * 100)
        with pytest.raises(LinkError, match="the broker sent"):
            await link.lost()

    with_link(visit)


def test_an_answer_that_cannot_be_written_hurts_nobody() -> None:
    async def visit(link: Link, broker: Broker) -> None:
        link.reply(Reply("\ud800", b"x", None))
        link.reply(Reply("x" * 70_000, b"x", None))
        link.reply(Reply("there", b"yes", b"id"))
        assert await link.deliver([Outgoing("t", b"1"), Outgoing("t", b"2")]) == 2
        told = [packets.read_publish(*each, Version.V5).payload for each in broker.heard if each[0] & 0xF0 == 0x30]
        assert told == [b"yes", b"1", b"2"]

    with_link(visit)


def test_no_more_commands_are_done_than_the_broker_takes_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """One message may be under way, and nothing is acknowledged until the end: then every command has its answer."""
    monkeypatch.setattr("proxy.status.session.ANSWERS", 3)
    count = 12

    async def visit(link: Link, broker: Mute) -> None:
        asked: list[str] = []

        async def serve() -> None:
            async for message in link.commands("b/edge1"):
                asked.append(message.verb)
                link.reply(Reply("r", message.verb.encode(), None))

        serving = asyncio.ensure_future(serve())
        for packet in range(1, count + 1):
            broker.say(packets.write_publish(Outgoing(f"b/n/cmd/{packet}", b""), packet, Version.V5))
        while (packets.PUBACK, count.to_bytes(2)) not in broker.heard:
            await asyncio.sleep(0)
        assert asked == ["1", "2", "3", "4"], "one is under way, three wait"
        broker.acknowledge()
        told: list[bytes] = []
        while len(told) < count:
            await asyncio.sleep(0)
            told = [packets.read_publish(*each, Version.V5).payload for each in broker.heard if each[0] & 0xF0 == 0x30]
        assert told == [str(number).encode() for number in range(1, count + 1)]
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    with_link(visit, broker=Mute(b"\x20\x06\0\0\x03\x21\0\x01"))


def test_of_commands_that_nobody_reads_no_more_are_kept_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.status.link.COMMAND_OCTETS", 3_000)

    async def visit(link: Link, broker: Broker) -> None:
        commands = link.commands("b/edge1")
        for packet in range(1, 7):
            broker.say(packets.write_publish(Outgoing(f"b/n/cmd/{packet}", bytes(900)), packet, Version.V5))
        while (packets.PUBACK, b"\0\x06") not in broker.heard:
            await asyncio.sleep(0)
        assert [(await anext(commands)).verb for _ in range(3)] == ["1", "2", "3"]
        broker.say(packets.write_publish(Outgoing("b/n/cmd/again", bytes(900)), 7, Version.V5))
        assert (await anext(commands)).verb == "again"

    with_link(visit)


def test_a_retained_command_is_not_done_and_a_long_one_is_cut() -> None:
    async def visit(link: Link, broker: Broker) -> None:
        commands = link.commands("b/edge1")
        coming = asyncio.ensure_future(anext(commands))
        while not any(first == packets.SUBSCRIBE for first, _ in broker.heard):
            await asyncio.sleep(0)
        broker.say(b"\x31\x0c\0\x09b/n/cmd/x\0")
        broker.say(packets.write_publish(Outgoing("b/n/cmd/y", bytes(1_000_000)), 5, Version.V5))
        message = await coming
        assert message.verb == "y"
        assert packets.KEPT > len(message.payload) > packets.KEPT - 100
        while (packets.PUBACK, b"\0\x05") not in broker.heard:
            await asyncio.sleep(0)

    with_link(visit)
