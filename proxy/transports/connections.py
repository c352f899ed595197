"""All stream connections: accepted within caps, opened on demand, found again by number or by peer."""

import asyncio
import itertools
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine

from proxy.logger import get_logger
from proxy.sip.hop import Flow, Hop, Listener, Transport
from proxy.transports.addresses import family_of, is_wildcard, plain_host, source_of
from proxy.transports.error_fence import ErrorFence
from proxy.transports.limits import StreamLimits
from proxy.transports.stream import Connection, Port

log = get_logger()

Peer = tuple[Transport, str, int]


class Connections:
    """The stream connections of a network."""

    def __init__(
        self,
        receive: Callable[[bytes, Flow, float], None],
        failed: Callable[[int, Hop, str], None],
        error_fence: ErrorFence,
        limits: StreamLimits,
    ) -> None:
        self.refused = 0
        """Connections closed at once because of a cap, for the metrics."""
        self._port = Port(receive, self._opened, self._closed, error_fence, limits)
        self._failed = failed
        self._limits = limits
        self._inbound_allowed = limits.inbound_allowed()
        self._inbound = 0
        self._numbers = itertools.count(1)
        self._by_number: dict[int, Connection] = {}
        self._by_peer: dict[Peer, list[Connection]] = {}
        self._replies = 0
        self._sources: Counter[bytes] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._empty = asyncio.Event()

    def __len__(self) -> int:
        """Return the number of connections, those coming up included."""
        return len(self._by_number)

    def accept(
        self, listener: Listener, sock: socket.socket, address: tuple[str, int], tls: ssl.SSLContext | None
    ) -> None:
        """Take an accepted socket, or close it if a cap says so."""
        host = plain_host(address[0])
        source = source_of(host)
        if self._closing or self._inbound >= self._inbound_allowed or self._sources[source] >= self._limits.per_source:
            self.refused += 1
            sock.close()
            return
        self._inbound += 1
        self._sources[source] += 1
        connection = Connection(Flow(listener, host, address[1], next(self._numbers)), self._port, outgoing=False)
        self._by_number[connection.flow.connection] = connection
        self._start(self._serve(connection, sock, tls), connection)

    def find(self, number: int) -> Connection | None:
        """Return the connection with this number if it can still be written to."""
        connection = self._by_number.get(number)
        return connection if connection is not None and connection.usable else None

    def towards(self, hop: Hop, wanted: frozenset[str]) -> Connection | None:
        """Return a connection to `hop`: ours, or one that came from that very address and port.

        Over TLS the far end must have proved one of the `wanted` names (RFC 5923 section 5 wants that of aliases).
        """
        for connection in self._by_peer.get((hop.transport, hop.host, hop.port), ()):
            if connection.usable and (hop.transport == "tcp" or connection.speaks_for(wanted)):
                return connection
        return None

    def open(
        self,
        listener: Listener,
        hop: Hop,
        tls: ssl.SSLContext | None,
        wanted: frozenset[str],
        for_reply: bool = False,
    ) -> Connection | None:
        """Begin a connection of our own to `hop` on behalf of `listener`; None when there are too many.

        `wanted`: TLS names of which the server's certificate must carry one.
        """
        if self._closing or len(self._by_number) - self._inbound >= self._limits.outbound:
            return None
        if for_reply and self._replies >= self._limits.replies:
            return None
        self._replies += for_reply
        flow = Flow(listener, hop.host, hop.port, next(self._numbers))
        names = wanted if tls is not None else frozenset()
        connection = Connection(flow, self._port, outgoing=True, wanted=names, for_reply=for_reply)
        self._by_number[flow.connection] = connection
        self._by_peer.setdefault((hop.transport, hop.host, hop.port), []).append(connection)
        self._start(self._connect(connection, hop, tls), connection)
        return connection

    async def close(self) -> None:
        """End all connections, after what is buffered is written or `close` seconds have passed."""
        self._closing = True
        self._empty.clear()
        for connection in list(self._by_number.values()):
            connection.finish()
        if self._by_number:
            try:
                async with asyncio.timeout(self._limits.close):
                    await self._empty.wait()
            except TimeoutError:
                for connection in list(self._by_number.values()):
                    connection.cut("closing")
                await asyncio.sleep(0)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- coming up --------------------------------------------------------------------------------------------------

    def _start(self, opening: Coroutine[None, None, None], connection: Connection) -> None:
        task = self._port.loop.create_task(opening, name=f"connection {connection.flow.connection}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: Connection, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        handshake = self._limits.handshake if tls is not None else None
        try:
            await self._port.loop.connect_accepted_socket(
                lambda: connection,
                sock,
                ssl=tls,
                ssl_handshake_timeout=handshake,
                ssl_shutdown_timeout=self._limits.linger if tls is not None else None,
            )
        except OSError as error:  # also what is no TLS, a certificate refused, a handshake too slow
            connection.ended(str(error))
        except BaseException:
            connection.ended("closing")
            raise

    async def _connect(self, connection: Connection, hop: Hop, tls: ssl.SSLContext | None) -> None:
        bound = connection.flow.listener.bound_host
        try:
            # asyncio would look a name up in a thread of its pool, by rules that are not those of RFC 3263.
            socket.inet_pton(family_of(hop.host), hop.host)
            async with asyncio.timeout(self._limits.connect):
                await self._port.loop.create_connection(
                    lambda: connection,
                    hop.host,
                    hop.port,
                    local_addr=None if is_wildcard(bound) else (bound, 0),
                    ssl=tls,
                    server_hostname=(hop.name or hop.host) if tls is not None else None,
                    ssl_shutdown_timeout=self._limits.linger if tls is not None else None,
                )
        except TimeoutError:
            connection.ended(f"{hop.transport} to {hop.host} port {hop.port}: no connection in time")
        except (OSError, ValueError, OverflowError) as error:
            connection.ended(f"{hop.transport} to {hop.host} port {hop.port}: {error}")
        except BaseException:
            connection.ended("closing")
            raise

    def _opened(self, connection: Connection) -> None:
        if not connection.outgoing:
            flow = connection.flow
            self._by_peer.setdefault((flow.listener.transport, flow.host, flow.port), []).append(connection)

    def _closed(self, connection: Connection, reason: str) -> None:
        flow = connection.flow
        self._by_number.pop(flow.connection, None)
        peer: Peer = (flow.listener.transport, flow.host, flow.port)
        same = self._by_peer.get(peer, [])
        if connection in same:
            same.remove(connection)
            if not same:
                del self._by_peer[peer]
        if connection.outgoing:
            self._replies -= connection.for_reply
        else:
            self._inbound -= 1
            source = source_of(flow.host)
            self._sources[source] -= 1
            if not self._sources[source]:
                del self._sources[source]
        if (connection.outgoing or connection.carries_ours) and not self._closing:
            self._port.loop.call_soon(self._failed, flow.connection, connection.hop, reason)
        log.debug("connection closed", transport=peer[0], host=peer[1], port=peer[2], reason=reason)
        if not self._by_number:
            self._empty.set()
