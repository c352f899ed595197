"""The adapter between sockets and the engine: owns every socket, knows nothing of SIP but where a message goes.

In: `receive(data, flow, waited)`, one call a message, in the loop; `waited`: the seconds until it was read. Out: `send`
for requests, `reply` for responses; neither blocks, awaits or raises. Whatever goes wrong comes back later: a message
that did not leave to whoever sent it, the end of a connection and what ICMP says to whoever owns all this.
"""

import asyncio
import functools
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from proxy.logger import get_logger
from proxy.sip.hop import Flow, Hop, Listener, Transport
from proxy.transports.acceptor import Acceptor, bind_stream, prepare_stream
from proxy.transports.addresses import address_towards, bracketed, is_wildcard
from proxy.transports.connections import Connections
from proxy.transports.error_fence import ErrorFence
from proxy.transports.limits import StreamLimits
from proxy.transports.own import OwnAddresses
from proxy.transports.stream import Failed
from proxy.transports.tls import client_context, server_context
from proxy.transports.udp import UdpSocket, bind_udp, prepare_udp

ROUTES_MAX = 4_096
"""Destinations whose listener is remembered; all are forgotten together."""
ROUTES_PAUSE = 60.0
"""Seconds after which they are forgotten anyway: routes change."""
OUTSIDE = {False: "192.0.2.1", True: "2001:db8::1"}
"""Addresses that are nobody's (RFC 5737, RFC 3849): the route to them is the default route."""
LOOPBACK = {False: "127.0.0.1", True: "::1"}

log = get_logger()


@dataclass(frozen=True, slots=True)
class ListenSpec:
    """One listening socket as the operator wants it."""

    transport: Transport
    host: str
    """IP address or name to bind to; "0.0.0.0" and "::" stand for all of their family."""
    port: int
    """0: any free one."""
    advertise_host: str | None = None
    """Host for Via and Record-Route where it is not the bound one (NAT)."""
    advertise_port: int | None = None
    certificate: str | None = None
    """TLS: file with our certificate and its chain (PEM)."""
    private_key: str | None = None
    """TLS: file with its key; None where the certificate's file holds it."""
    ca: str | None = None
    """TLS: file with the authorities that peers' certificates must come from; None: those of the system."""
    verify_client: bool = False
    """TLS: a client must show a certificate (mutual TLS)."""

    @property
    def uri(self) -> str:
        """The listener as the configuration writes it."""
        return f"{self.transport}://{bracketed(self.host)}:{self.port}"


class Network:
    """All sockets of the daemon."""

    def __init__(
        self,
        listen: Sequence[ListenSpec],
        limits: StreamLimits | None = None,
        siblings: Sequence[tuple[str, int | None]] = (),
    ) -> None:
        """Note what to listen on; nothing happens before `bind`. `siblings`: as in `OwnAddresses`."""
        self.listeners: tuple[Listener, ...] = ()
        self.sockets: tuple[socket.socket, ...] = ()
        """Of the listeners, in their order."""
        self._adopted: dict[int, socket.socket] = {}
        self.error_fence = ErrorFence()
        self._specs = tuple(listen)
        self._siblings = tuple(siblings)
        self._limits = limits or StreamLimits()
        self._udp: dict[int, UdpSocket] = {}
        self._acceptors: list[Acceptor] = []
        self._server_contexts: dict[int, ssl.SSLContext] = {}
        self._client_contexts: dict[int, ssl.SSLContext] = {}
        self._routes: dict[tuple[Transport, str], Listener] = {}
        self._own = OwnAddresses((), ())
        self._forget: asyncio.TimerHandle | None = None

    def adopt(self, take: Callable[[Literal["datagram", "stream"], str, int], socket.socket | None]) -> None:
        """Use sockets that another process has bound. `take(kind, address, port)`: gives the one that fits, or None.

        To be called before `bind`, which binds the others.
        """
        for number, spec in enumerate(self._specs):
            sock = take("datagram" if spec.transport == "udp" else "stream", spec.host, spec.port)
            if sock is not None:
                self._adopted[number] = sock

    async def bind(self) -> None:
        """Bind every listener. Raises OSError naming the uri that cannot be had; nothing stays open then.

        What comes waits until `serve`, and nothing can be sent before it.
        """
        self._loop = asyncio.get_running_loop()
        bound: list[tuple[ListenSpec, Listener, socket.socket]] = []
        try:
            for number, spec in enumerate(self._specs):
                try:
                    self._load_contexts(number, spec)
                    sock = self._adopted.pop(number, None) or await self._bind(spec)
                    _prepare(sock)
                except OSError as error:
                    raise OSError(error.errno, f"cannot listen on {spec.uri}: {error.strerror or error}") from error
                bound.append((spec, _listener(number, spec, sock), sock))
        except BaseException:
            for sock in (*(sock for _, _, sock in bound), *self._adopted.values()):
                sock.close()
            raise
        self.listeners = tuple(listener for _, listener, _ in bound)
        self._own = OwnAddresses(self.listeners, self._siblings)
        self.sockets = tuple(sock for _, _, sock in bound)
        self._forget_routes()

    def serve(self, receive: Callable[[bytes, Flow, float], None], *, failed: Callable[[int, Hop, str], None],
              unreachable: Callable[[Hop], None]) -> None:
        """Hand on what comes, from `resume` on; send from now on.

        `failed(connection, hop, reason)`: a connection of ours broke or never came up, also an idle one; so did one
        that a peer opened and that carried requests of ours.
        `unreachable(hop)`: ICMP says that a datagram to this hop was in vain. A hint: anyone on the path can forge it.
        """
        self.connections = Connections(receive, failed, self.error_fence, self._limits)
        for listener, sock in zip(self.listeners, self.sockets, strict=True):
            if listener.transport == "udp":
                self._udp[listener.number] = UdpSocket(listener, sock, receive, unreachable, self.error_fence)
            else:
                tls = self._server_contexts.get(listener.number)
                accept = functools.partial(self.connections.accept, listener, tls=tls)
                self._acceptors.append(Acceptor(sock, accept))

    def resume(self) -> None:
        """Read and accept from now on."""
        for udp in self._udp.values():
            udp.resume()
        for acceptor in self._acceptors:
            acceptor.resume()

    def pause(self) -> None:
        """Read no datagram and accept no connection any more: they wait for whoever has the sockets next.

        Sending goes on, and so do the connections that are open.
        """
        for udp in self._udp.values():
            udp.pause()
        for acceptor in self._acceptors:
            acceptor.pause()

    async def close(self) -> None:
        """Stop listening, write what is buffered for at most `StreamLimits.close` seconds, close everything."""
        if self._forget is not None:
            self._forget.cancel()
            self._forget = None
        for acceptor in self._acceptors:
            acceptor.close()
        self._acceptors.clear()
        await self.connections.close()
        for udp in self._udp.values():
            udp.close()

    @property
    def behind(self) -> float:
        """By how many seconds what is read is older than now, where datagrams wait: what came before may be among them.
        """
        return max((udp.behind for udp in self._udp.values()), default=0.0)

    def listener_for(self, hop: Hop) -> Listener | None:
        """Return the listener that a message to `hop` names in Via and Record-Route; None where there is none.

        It has the hop's transport and address family and, if several have, the address that the kernel would use.

        Where a listener is bound to all addresses and advertises none, `host` is the address that the kernel uses
        towards this hop. So compare listeners by `number`.
        """
        listener = self._routes.get((hop.transport, hop.host))
        return listener if listener is not None else self._choose(hop)

    def is_own(self, host: str, port: int | None, transport: str | None) -> bool:
        """Say whether host and port are ours on a transport (see `OwnAddresses.holds`)."""
        return self._own.holds(host, port, transport)

    def send(self, data: bytes, hop: Hop, failed: Failed) -> int:
        """Send a request. `failed(reason)` is called later if it is known not to have left.

        Gives the number of the stream connection that it takes; 0 on UDP, and where it cannot leave.
        """
        listener = self.listener_for(hop)
        if listener is None:
            self._loop.call_soon(failed, f"no {hop.transport} listener for {hop.host}")
        elif hop.transport == "udp":
            self._udp[listener.number].send(data, hop.host, hop.port, failed)
        else:
            return self._stream(data, listener, hop, frozenset((hop.name or hop.host,)), failed)
        return 0

    def reply(self, data: bytes, flow: Flow, via_host: str, via_port: int) -> None:
        """Send a response the way its request came, or to the Via's address if that stream is gone (18.2.2)."""
        transport = flow.listener.transport
        if transport == "udp":
            self._udp[flow.listener.number].send(data, via_host, via_port)
            return
        connection = self.connections.find(flow.connection)
        if connection is not None:
            connection.send(data)
            return
        # Whoever proved a name when it asked may prove the same one when it is answered.
        hop, names = Hop(transport, via_host, via_port), flow.names | {via_host}
        self._stream(data, flow.listener, hop, names, _forgotten, for_reply=True)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _stream(
        self,
        data: bytes,
        listener: Listener,
        hop: Hop,
        wanted: frozenset[str],
        failed: Failed,
        *,
        for_reply: bool = False,
    ) -> int:
        connection = self.connections.towards(hop, wanted)
        if connection is None:
            tls = self._client_contexts[listener.number] if hop.transport == "tls" else None
            connection = self.connections.open(listener, hop, tls, wanted, for_reply)
        if connection is None:
            self._loop.call_soon(failed, "too many connections")
            return 0
        connection.carries_ours = connection.carries_ours or not for_reply
        connection.send(data, failed)
        return connection.flow.connection

    def _choose(self, hop: Hop) -> Listener | None:
        ipv6 = ":" in hop.host
        fitting = [own for own in self.listeners if own.transport == hop.transport and (":" in own.bound_host) == ipv6]
        if not fitting:
            return None
        chosen = fitting[0]
        if len(fitting) > 1 or self._takes_any(chosen):
            towards = address_towards(hop.host)
            exact = [own for own in fitting if own.bound_host == towards]
            chosen = (exact or [own for own in fitting if is_wildcard(own.bound_host)] or fitting)[0]
            if towards is not None and self._takes_any(chosen):
                chosen = chosen._replace(host=bracketed(towards))
        if len(self._routes) >= ROUTES_MAX:
            self._routes.clear()
        self._routes[hop.transport, hop.host] = chosen
        return chosen

    def _takes_any(self, listener: Listener) -> bool:
        return is_wildcard(listener.bound_host) and self._specs[listener.number].advertise_host is None

    def _forget_routes(self) -> None:
        self._routes.clear()
        self._own.forget()
        self._forget = self._loop.call_later(ROUTES_PAUSE, self._forget_routes)

    def _load_contexts(self, number: int, spec: ListenSpec) -> None:
        if spec.transport != "tls":
            return
        if spec.certificate is None:
            raise OSError("tls needs a certificate")
        self._server_contexts[number] = server_context(spec.certificate, spec.private_key, spec.ca, spec.verify_client)
        self._client_contexts[number] = client_context(spec.certificate, spec.private_key, spec.ca)

    async def _bind(self, spec: ListenSpec) -> socket.socket:
        kind = socket.SOCK_DGRAM if spec.transport == "udp" else socket.SOCK_STREAM
        found = await self._loop.getaddrinfo(spec.host, spec.port, type=kind, flags=socket.AI_PASSIVE)
        host = str(found[0][4][0])
        return bind_udp(host, spec.port) if spec.transport == "udp" else bind_stream(host, spec.port)


def _prepare(sock: socket.socket) -> None:
    if sock.type == socket.SOCK_DGRAM:
        prepare_udp(sock)
    else:
        prepare_stream(sock)


def _listener(number: int, spec: ListenSpec, sock: socket.socket) -> Listener:
    host, port = sock.getsockname()[:2]
    shown = spec.advertise_host
    if shown is None:
        ipv6 = ":" in host
        shown = (address_towards(OUTSIDE[ipv6]) or LOOPBACK[ipv6]) if is_wildcard(host) else host
    return Listener(number, spec.transport, bracketed(shown), spec.advertise_port or port, host, port)


def _forgotten(reason: str) -> None:
    """Nobody waits to hear that a response could not be sent: the transaction's timers see to it."""
    log.debug("response not sent", reason=reason)
