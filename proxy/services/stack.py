"""The user agent's view of the proxy: one set of transactions, timers, sockets and peers for both."""

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from proxy.core.engine import Proxy
from proxy.core.headers import crosses
from proxy.core.named import name_source
from proxy.core.peers import Peer
from proxy.core.requests_out import Outgoing
from proxy.core.sender import UDP_LIMIT
from proxy.sip.client import ClientOwner, ClientTransaction
from proxy.sip.hop import Flow, Hop, Listener, PeerSide
from proxy.sip.message import Request
from proxy.sip.server import ServerOwner, ServerTransaction
from proxy.ua.contract import Account

TOKEN_BYTES = 10
BROADCAST = "255.255.255.255"


class ProxyStack:
    """`ua.contract.Stack` over the engine."""

    def __init__(self, proxy: Proxy, accounts: Mapping[tuple[PeerSide, str], Account],
                 random_bytes: Callable[[int], bytes],
                 from_hosts: Mapping[tuple[PeerSide, str], bytes] = MappingProxyType({})) -> None:
        """`accounts`: our credentials, by side and name of the peer. `random_bytes`: os.urandom or the like.

        `from_hosts`: what stands behind the @ of From where a peer wants a domain of its own there.
        """
        self.timers, self.values, self.domains = proxy.timers, proxy.parts.values, proxy.parts.domains
        self._proxy = proxy
        self._accounts = accounts
        self._from_hosts = from_hosts
        self._random = random_bytes

    def clock(self) -> float:
        return self._proxy.parts.clock()

    def wall(self) -> float:
        return self._proxy.parts.wall()

    def token(self) -> bytes:
        return self._random(TOKEN_BYTES).hex().encode()

    def hops(self, side: PeerSide, name: str) -> tuple[Hop, ...]:
        peer = self._peer(side, name)
        return () if peer is None else tuple(self._proxy.sender.ways_of_ours(peer, self._proxy.parts.clock()))

    def is_address_of(self, hop: Hop, side: PeerSide, name: str) -> bool:
        peer = self._peer(side, name)
        return peer is not None and any(hop[:3] == one[:3] for one in peer.hops)

    def report(self, hop: Hop, well: bool) -> None:
        if well:
            self._proxy.health.sign(hop, self._proxy.parts.clock())
        else:
            self._proxy.health.failed(hop, self._proxy.parts.clock())

    def uri_host(self, side: PeerSide, name: str, hop: Hop) -> bytes:
        peer = self._peer(side, name)
        return b"" if peer is None else peer.uri_host(hop)

    def from_host(self, side: PeerSide, name: str) -> bytes | None:
        return self._from_hosts.get((side, name))

    def may_cross(self, field: bytes, side: PeerSide | None, name: str, hop: Hop) -> bool:
        named = None if side is None else self._peer(side, name)
        found = self._proxy.parts.peers.at(hop) if side is None else () if named is None else (named,)
        return crosses(field, self._proxy.parts.private, trusted=bool(found) and all(peer.trusted for peer in found))

    def account(self, side: PeerSide, name: str) -> Account | None:
        return self._accounts.get((side, name))

    def locate(self, host: str, port: int | None, transport: str | None, secure: bool,
               done: Callable[[tuple[Hop, ...]], None]) -> None:
        """What a far end names may be ourselves, or nobody in particular: no message of ours goes there."""
        proven, is_own = self._proxy.parts.peers.proven, self._proxy.parts.is_own

        def found(hops: tuple[Hop, ...]) -> None:
            done(tuple(proven(hop) for hop in hops
                       if not is_own(hop.host, hop.port, hop.transport) and _is_somebody(hop.host)))

        self._proxy.parts.locator.locate(host, port, transport, secure, found)

    def may_speak(self, flow: Flow, named: Iterable[bytes]) -> bool:
        peers = self._proxy.parts.peers
        return bool(peers.candidates(flow)) or name_source(named, flow) or peers.was_at(flow)

    def way_back(self, flow: Flow) -> Hop:
        return self._proxy.parts.peers.way_back(flow)

    def listener_for(self, hop: Hop) -> Listener | None:
        return self._proxy.parts.network.listener_for(hop)

    def way(self, hop: Hop, size: int) -> Hop:
        if size <= UDP_LIMIT or hop.transport != "udp":
            return hop
        twin = self._proxy.sender.stream_twin(hop)
        return hop if twin is None or self._proxy.health.is_open(twin[0], self._proxy.parts.clock()) else twin[0]

    def start_client(self, request: Request, hop: Hop, owner: ClientOwner) -> ClientTransaction:
        """Raises ValueError where no listener of ours can reach the hop."""
        listener = self._proxy.parts.network.listener_for(hop)
        if listener is None:
            raise ValueError(f"no listener of ours reaches {hop[:3]}")
        data = request.to_bytes()
        if len(data) > UDP_LIMIT and hop.transport == "udp":
            self._proxy.parts.journal.note("larger_than_mtu", bytes=len(data), hop=str(hop[:3]))
        return self._proxy.transactions.start_client(Outgoing(request, data, hop, listener), owner,
                                                     self._proxy.parts.clock())

    def send(self, data: bytes, hop: Hop) -> None:
        self._proxy.sender.send_alone(data, hop)

    def open_server(self, request: Request, flow: Flow, owner: ServerOwner) -> ServerTransaction:
        return self._proxy.transactions.open_server(request, flow, owner, self._proxy.parts.clock())

    def note(self, event: str, /, call: str = "", **facts: object) -> None:
        self._proxy.parts.journal.note(event, call=call, **facts)

    def _peer(self, side: PeerSide, name: str) -> Peer | None:
        peers = self._proxy.parts.peers
        return (peers.trunks if side == "trunk" else peers.pbxs).get(name)


def _is_somebody(host: str) -> bool:
    """Whether an IP address is that of one host."""
    address = ipaddress.ip_address(host)
    return not (address.is_multicast or address.is_unspecified or host == BROADCAST)
