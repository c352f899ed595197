"""Connections of HTTP clients: how many there are, and how long each may take for what it does.

A client that says nothing, a head or a body that comes drop by drop, an answer that nobody reads: each has its time,
and then the connection ends. Where no more connections may be (in all, or from one address), the one that does least
makes room for the newcomer: whoever asks at once, such as a probe, is answered while any number of others idle. Where
all of them are streams, whoever has most of these gives up the oldest, so nobody shuts others out by streams.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from enum import IntEnum
from typing import Any, Final

MOST: Final = 256
"""Connections at a time."""
MOST_OF_ONE: Final = 64
"""Connections at a time from one address."""
MOST_STREAMS: Final = 64
"""Answers that come in pieces at a time for one who asks: their oldest makes room."""


class Phase(IntEnum):
    """What a connection is about, the one that makes room first first."""

    LEAVING = 0
    """Its answer was sent; what it still sends is thrown away."""
    IDLE = 1
    """Nothing of a request has come yet."""
    HEAD = 2
    """A part of a head has come."""
    ANSWERED = 3
    """Its answer waits to be read."""
    BODY = 4
    """It may send its body."""
    SERVED = 5
    """Somebody works on its answer: it makes no room."""
    STREAMED = 6
    """Its answer comes in pieces, for as long as they are read: it makes room where all others are worked on."""


SECONDS: Final = {Phase.LEAVING: 2.0, Phase.IDLE: 5.0, Phase.HEAD: 5.0, Phase.ANSWERED: 10.0, Phase.BODY: 10.0,
                  Phase.SERVED: 30.0}
"""How long a connection may be in a phase before it is cut."""
UNSERVED: Final = frozenset({Phase.IDLE, Phase.HEAD, Phase.BODY, Phase.STREAMED})
"""Phases that a server which stops waits for no end of."""
UNREAD: Final = 30.0
"""Seconds for which nothing of an answer that comes in pieces may be read."""

Address = tuple[str, int]


class Connections:
    """All connections of one server."""

    def __init__(self, most: int = MOST, most_of_one: int = MOST_OF_ONE, most_streams: int = MOST_STREAMS) -> None:
        self._most, self._most_of_one, self._most_streams = most, most_of_one, most_streams
        self._open: dict[Address, Connection] = {}
        self._order = 0

    def __len__(self) -> int:
        return len(self._open)

    def watch(self, protocol: Callable[..., asyncio.Protocol]) -> Callable[..., asyncio.Protocol]:
        """Return a factory of the same protocols, each with its connection watched."""
        return lambda *args, **kwargs: Connection(self, protocol(*args, **kwargs))

    def find(self, address: Address | None) -> "Connection | None":
        """Return the connection from an address and port."""
        return None if address is None else self._open.get(address)

    def admit(self, newcomer: "Connection") -> bool:
        """Take a connection in; whether there is room for it, or could be made."""
        own = [one for one in self._open.values() if one.address[0] == newcomer.address[0]]
        crowd = own if len(own) >= self._most_of_one else self._open.values() if len(self._open) >= self._most else ()
        if crowd:
            least = min(crowd, key=lambda one: (one.phase, one.since))
            spared = least if least.phase < Phase.SERVED else _oldest_of_most(crowd)
            if spared is None:
                return False
            spared.cut()
        self._open[newcomer.address] = newcomer
        return True

    def limit_streams(self, newest: "Connection") -> None:
        """End the oldest stream of whoever began one, where they have too many."""
        own = [one for one in self._open.values() if one.phase is Phase.STREAMED and one.owner == newest.owner]
        if newest.owner is not None and len(own) > self._most_streams:
            min(own, key=lambda one: one.since).cut()

    def forget(self, one: "Connection") -> None:
        """A connection is over."""
        if self._open.get(one.address) is one:
            del self._open[one.address]

    def next_moment(self) -> int:
        """Number the changes of phase: what changed earlier has the smaller number."""
        self._order += 1
        return self._order

    def cut_unserved(self) -> None:
        """End every connection of which no answer is worked on or waits to be read: those that have sent nothing or a
        part of a request, and those whose answer comes in pieces, for it would never end by itself."""
        for one in [*self._open.values()]:
            if one.phase in UNSERVED:
                one.cut()

    def cut_all(self) -> None:
        """End every connection at once."""
        for one in [*self._open.values()]:
            one.cut()


class Connection(asyncio.Protocol):
    """One connection, around the protocol that reads and answers its requests."""

    def __init__(self, book: Connections, inner: asyncio.Protocol) -> None:
        self._book, self._inner = book, inner
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reads_on = False
        self.address: Address = ("", 0)
        self.phase = Phase.IDLE
        self.since = 0
        """When it came to this phase, in `Connections.next_moment`."""
        self.owner: Hashable = None
        """Whose its last stream is; None: nobody knows."""

    # From the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's transports have bases of their own
        peer = transport.get_extra_info("peername") or ("", id(self))
        self.address = (str(peer[0]), int(peer[1]))
        if not self._book.admit(self):
            transport.abort()  # type: ignore[attr-defined]
            self._transport = None
            return
        self._enter(Phase.IDLE)
        self._inner.connection_made(_Ending(self._transport, self._end))  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        if self._transport is None or self.phase is Phase.LEAVING:
            return
        if self.phase in (Phase.IDLE, Phase.ANSWERED):
            self._enter(Phase.HEAD)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return None if self._transport is None else self._inner.eof_received()

    def pause_writing(self) -> None:
        if self.phase is Phase.STREAMED:
            self._cut_after(UNREAD)
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self.phase is Phase.STREAMED:
            self._stop_timer()
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._book.forget(self)
        self._stop_timer()
        if self._transport is not None:
            self._transport = None
            self._inner.connection_lost(exc)

    # From the application.

    def begin_body(self, seconds: float = SECONDS[Phase.BODY]) -> None:
        """A head was read, and its body is welcome for so many seconds."""
        self._enter(Phase.BODY)
        if self._transport is not None:
            self._cut_after(seconds)

    def begin_work(self) -> None:
        """All of a request is here."""
        self._enter(Phase.SERVED)

    def begin_stream(self, owner: Hashable = None) -> None:
        """From now on the answer comes in pieces. `owner`: who asked, whose oldest stream may make room for this."""
        self.owner = owner
        self._enter(Phase.STREAMED)
        self._book.limit_streams(self)

    def end_work(self) -> None:
        """The answer was given."""
        if self._transport is not None and self.phase is not Phase.LEAVING:
            self._enter(Phase.ANSWERED if self._transport.get_write_buffer_size() else Phase.IDLE)

    def read_on(self) -> None:
        """Let the connection end only after what the client is still sending was read and thrown away.

        A connection that is closed with something unread is reset, and takes the answer with it (RFC 9112 section 9.6).
        """
        self._reads_on = True

    def cut(self) -> None:
        """End the connection now."""
        self._book.forget(self)
        self._stop_timer()
        if self._transport is not None:
            self._transport.abort()

    def _end(self) -> None:
        transport = self._transport
        if transport is None:
            return
        if not self._reads_on:
            self._enter(Phase.ANSWERED)
            transport.close()
            return
        self._enter(Phase.LEAVING)
        try:
            transport.write_eof()
            transport.resume_reading()
        except OSError:  # the client has reset the connection already
            transport.abort()

    def _enter(self, phase: Phase) -> None:
        if self._transport is None:
            return
        self.phase, self.since = phase, self._book.next_moment()
        self._stop_timer()
        if phase is not Phase.STREAMED:
            self._cut_after(SECONDS[phase])

    def _cut_after(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.cut)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _oldest_of_most(crowd: Iterable[Connection]) -> Connection | None:
    """Return the oldest stream of whoever has most of them."""
    streams = [one for one in crowd if one.phase is Phase.STREAMED]
    count = Counter(one.owner for one in streams)
    return min(streams, key=lambda one: (-count[one.owner], one.since), default=None)


class _Ending(asyncio.Transport):
    """A transport whose `close` is up to the connection."""

    def __init__(self, transport: asyncio.Transport, end: Callable[[], None]) -> None:
        super().__init__()
        self._transport, self._end = transport, end
        self._ended = False

    def close(self) -> None:
        if not self._ended:
            self._ended = True
            self._end()

    def is_closing(self) -> bool:
        return self._ended or self._transport.is_closing()

    def write(self, data: Any) -> None:
        if not self._ended:
            self._transport.write(data)

    def abort(self) -> None:
        self._ended = True
        self._transport.abort()

    def pause_reading(self) -> None:
        if not self.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if not self.is_closing():
            self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._transport.set_write_buffer_limits(high, low)

    def can_write_eof(self) -> bool:
        return False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._transport.get_protocol()
