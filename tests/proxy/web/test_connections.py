"""Who makes room where there are too many streams."""

import asyncio
from typing import NamedTuple

from proxy.web.connections import Connections
from tests.kit.waiting import PATIENCE


class Streamer(asyncio.Protocol):
    """Gives whoever says their name a stream without an end."""

    def __init__(self, book: Connections) -> None:
        self._book = book
        self._transport: asyncio.Transport | None = None
        self._begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        if not self._begun:
            self._begun = True
            connection = self._book.find(self._transport.get_extra_info("peername"))
            assert connection is not None
            connection.begin_stream(data.decode())
        self._transport.write(b".")


class Client(NamedTuple):
    """One connection, at its own end."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ended(self) -> bool:
        """Whether it was cut: it has ended, or goes on for as long as a word takes to and fro."""
        try:
            self.writer.write(b"again")
            return not await asyncio.wait_for(self.reader.read(1), PATIENCE)
        except ConnectionError:
            return True


async def ask(port: int, name: str) -> Client:
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    client.writer.write(name.encode())
    assert await asyncio.wait_for(client.reader.read(1), PATIENCE) == b"."
    return client


def who_is_cut(book: Connections, names: str) -> list[int]:
    """Have people come one after the other, each for a stream; the places of those that are cut."""

    async def run() -> list[int]:
        server = await asyncio.get_running_loop().create_server(book.watch(lambda: Streamer(book)), "127.0.0.1", 0)
        async with server:
            clients = [await ask(server.sockets[0].getsockname()[1], name) for name in names]
            cut = [place for place, one in enumerate(clients) if await one.ended()]
            for one in clients:
                one.writer.close()
            book.cut_all()
        return cut

    return asyncio.run(run())


class Teller(asyncio.Protocol):
    """Brings its connection into the phase that it is told, and says so."""

    def __init__(self, book: Connections) -> None:
        self._book = book
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b".")

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        connection = self._book.find(self._transport.get_extra_info("peername"))
        assert connection is not None
        match data:
            case b"body":
                connection.begin_body()
            case b"work":
                connection.begin_work()
            case b"stream":
                connection.begin_stream()
        self._transport.write(b".")


def test_a_server_that_stops_waits_for_answers_that_are_worked_on_and_for_nothing_else() -> None:
    async def run() -> list[str]:
        book, cut = Connections(), []
        server = await asyncio.get_running_loop().create_server(book.watch(lambda: Teller(book)), "127.0.0.1", 0)
        async with server:
            clients = {}
            for word in ("", "a part of a head", "body", "stream", "work"):
                clients[word] = Client(*await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1]))
                assert await asyncio.wait_for(clients[word].reader.read(1), PATIENCE) == b"."
                if word:
                    clients[word].writer.write(word.encode())
                    assert await asyncio.wait_for(clients[word].reader.read(1), PATIENCE) == b"."
            book.cut_unserved()
            cut = [word for word, one in clients.items() if await one.ended()]
            book.cut_all()
            for one in clients.values():
                one.writer.close()
        return cut

    assert asyncio.run(run()) == ["", "a part of a head", "body", "stream"]


def test_the_oldest_stream_of_who_has_too_many_makes_room() -> None:
    assert who_is_cut(Connections(most_streams=2), "abacaa") == [0, 2]


def test_in_a_crowd_of_streams_who_has_most_makes_room() -> None:
    assert who_is_cut(Connections(most=4), "baaac") == [1]
    assert who_is_cut(Connections(most_of_one=4), "baaac") == [1]
