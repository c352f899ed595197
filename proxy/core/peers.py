"""The configured neighbours: who a message comes from, and where one can be sent.

Rules (the spec's "who may talk")
- UDP: the source must be an address and port of a peer, or lie in its `sources`.
- TCP and TLS: the source port means nothing, so the address alone counts. Where one address belongs to several peers,
  the sent-by of the topmost Via chooses among just those.
- Where networks of several peers hold a source the narrowest wins. A peer's own address is the narrowest there is, so
  a PBX inside a trunk's network is never taken for the trunk, whatever port it calls from.
- TLS with a verified client certificate: a name in it that is a peer's host name counts wherever it comes from, and
  before any network.
"""

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from proxy.sip.choices import Choice, drawn
from proxy.sip.hop import Flow, Hop, PeerSide

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

LEFT_LIMIT: Final = 100
"""Addresses kept that peers have left."""
CACHE_LIMIT: Final = 10_000
"""Sources whose verdict is kept; the table is emptied when it is full."""


class SourceRule(NamedTuple):
    """One entry of `sources`: a network (a single address is one of full length), perhaps with one port."""

    network: IpNetwork
    port: int | None = None


class Address(NamedTuple):
    """One address of a peer: where to send, and what the operator calls the host."""

    hop: Hop
    uri_host: bytes
    """`host` or `host:port` for a Request-URI at this peer."""


@dataclass(slots=True)
class Peer:
    """A trunk or a PBX."""

    side: PeerSide
    name: str
    sources: tuple[SourceRule, ...] = ()
    host_names: frozenset[str] = frozenset()
    """Host names of its peers, lower case: what a client certificate may prove."""
    trusted: bool = True
    """Whether the P-Asserted-Identity that it sends is believed."""
    account: str | None = None
    """Trunk: user part of the Contact that we register with it; calls come in with it in their Request-URI."""
    register_to: str | None = None
    """PBX: the trunk that its REGISTER requests are passed to."""
    request_host: bytes | None = None
    """Trunk: what its Request-URIs have for a host, with a port where one is wanted; None: what they came with, and of
    requests of our own its address."""
    qualify: bool = True
    """Whether it is asked with OPTIONS if it is alive."""
    allows: frozenset[bytes] = frozenset()
    """Methods that it named in the Allow of its last answer to OPTIONS; empty where it named none."""
    addresses: tuple[Address, ...] = field(default=())
    """In the order they are tried; replaced as a whole when names resolve anew."""

    hops: tuple[Hop, ...] = field(init=False)
    """Its addresses without their names."""
    choices: tuple[Choice, ...] = ()
    """Where some of them are of equal rank: which of them is tried first is drawn for each request."""

    def __post_init__(self) -> None:
        self.hops = tuple(address.hop for address in self.addresses)

    def drawn(self, draw: Callable[[], float]) -> Sequence[Hop]:
        """Give its addresses in the order for one request. `draw` gives numbers in [0, 1)."""
        return drawn(self.choices, draw) if self.choices else self.hops

    def uri_host(self, hop: Hop) -> bytes:
        """What stands for one of its addresses in a Request-URI."""
        if self.request_host is not None:
            return self.request_host
        own = (b"[%s]:%d" if ":" in hop.host else b"%s:%d") % (hop.host.encode(), hop.port)
        return next((address.uri_host for address in self.addresses if address.hop == hop), own)


class PeerTable:
    """All peers, found by source."""

    __slots__ = ("_cache", "_left", "_peers", "pbxs", "places", "trunks")

    def __init__(self, peers: Sequence[Peer]) -> None:
        self._peers = tuple(peers)
        self.trunks = {peer.name: peer for peer in peers if peer.side == "trunk"}
        self.pbxs = {peer.name: peer for peer in peers if peer.side == "pbx"}
        self._cache: dict[tuple[str, str, int], tuple[Peer, ...]] = {}
        self._left: dict[tuple[str, str, int], None] = {}
        """Addresses that peers had before their names led elsewhere, the oldest first."""
        self.places = self._places()
        """Addresses of the peers as `host:port`, IPv6 in brackets: as a URI names them."""

    def __iter__(self) -> Iterator[Peer]:
        return iter(self._peers)

    def other_side(self, peer: Peer, name: str | None = None) -> Peer:
        """Where calls of a peer go: to the one of this name at the other side, else to the first one there."""
        side = self.pbxs if peer.side == "trunk" else self.trunks
        found = side.get(name) if name is not None else None
        return found or next(iter(side.values()))

    def set_addresses(self, peer: Peer, addresses: tuple[Address, ...], choices: tuple[Choice, ...] = ()) -> None:
        """Replace the addresses of a peer. Those it had stay known: calls that go on were begun there.

        `choices`: the same, where chance has a say in their order.
        """
        for hop in peer.hops:
            if hop not in (address.hop for address in addresses):
                if len(self._left) >= LEFT_LIMIT:
                    del self._left[next(iter(self._left))]
                self._left[hop[:3]] = None
        peer.addresses = addresses
        peer.choices = choices
        peer.hops = tuple(address.hop for address in addresses)
        self._cache.clear()
        self.places = self._places()

    def _places(self) -> tuple[bytes, ...]:
        return tuple({(b"[%s]:%d" if ":" in hop.host else b"%s:%d") % (hop.host.encode(), hop.port)
                      for peer in self._peers for hop in peer.hops})

    def was_at(self, flow: Flow) -> bool:
        """Whether a source is an address that a peer had, and has no more. On streams the port means nothing."""
        transport = flow.listener.transport
        return any(place[:2] == (transport, flow.host) and (transport != "udp" or place[2] == flow.port)
                   for place in self._left)

    def proven(self, hop: Hop) -> Hop:
        """Return the hop with the name that its certificate must carry.

        A Contact often says the address of a peer that is configured, and certified, by name: its name counts then.
        """
        if hop.transport == "tls" and hop.name == hop.host:
            for peer in self._peers:
                for own in peer.hops:
                    if own[:3] == hop[:3]:
                        return own
        return hop

    def way_back(self, flow: Flow) -> Hop:
        """Return where a message came from as a hop. TLS: with the peer's name that it has proved, or must prove."""
        transport = flow.listener.transport
        if transport != "tls":
            return Hop(transport, flow.host, flow.port)
        hop = self.proven(Hop(transport, flow.host, flow.port, flow.host))
        shown = [name for peer in self.candidates(flow) for name in sorted(peer.host_names & flow.names)]
        return hop._replace(name=shown[0]) if shown and hop.name == flow.host else hop

    def candidates(self, flow: Flow) -> tuple[Peer, ...]:
        """Peers that a message from this source may belong to; more than one only on streams."""
        key = (flow.listener.transport, flow.host, flow.port)
        found = self._cache.get(key)
        if found is None:
            found = self._look_up(key)
        if flow.names:
            named = tuple(peer for peer in self._peers if not flow.names.isdisjoint(peer.host_names))
            found = tuple(peer for peer in named if peer in found) or named or found
        return found

    def at(self, hop: Hop) -> tuple[Peer, ...]:
        """Peers that an address where we send to may belong to; on TLS also by the name that was proved there."""
        key = (hop.transport, hop.host, hop.port)
        found = self._cache.get(key)
        if found is None:
            found = self._look_up(key)
        if hop.name is not None and hop.name != hop.host:
            found = tuple(peer for peer in self._peers if hop.name in peer.host_names) or found
        return found

    def _look_up(self, key: tuple[str, str, int]) -> tuple[Peer, ...]:
        """Find who is at a place (transport, host, port) that nobody has asked for lately."""
        if len(self._cache) >= CACHE_LIMIT:
            self._cache.clear()
        found = self._cache[key] = self._search(*key)
        return found

    def are_one(self, one: Flow, other: Flow) -> bool:
        """Say whether two sources are the same neighbour: one address, or addresses of one peer."""
        if one.host == other.host:
            return True
        others = self.candidates(other)
        return any(peer in others for peer in self.candidates(one))

    def identify(self, flow: Flow, sent_by_port: int | None) -> Peer | None:
        """Return the peer that a message came from. `sent_by_port`: port in its topmost Via, if one is there."""
        found = self.candidates(flow)
        if len(found) < 2:
            return found[0] if found else None
        port = sent_by_port or (5061 if flow.listener.transport == "tls" else 5060)
        address = ipaddress.ip_address(flow.host.partition("%")[0])
        named = [peer for peer in found if _has_port(peer, address, flow.host, port)]
        if len(named) > 1:  # on one port, but on different transports
            place = (flow.listener.transport, flow.host, port)
            named = [peer for peer in named if any(hop[:3] == place for hop in peer.hops)]
        return named[0] if len(named) == 1 else None

    def _search(self, transport: str, host: str, port: int) -> tuple[Peer, ...]:
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:  # a name that a Via holds
            return ()
        exact = [peer for peer in self._peers if _has_port(peer, address, host, port)]
        if exact:
            place = (transport, host, port)
            return tuple(peer for peer in exact if any(hop[:3] == place for hop in peer.hops))[:1] or tuple(exact[:1])
        lengths = [_prefix(peer, address, transport) for peer in self._peers]
        longest = max(lengths, default=-1)
        inside = [peer for peer, length in zip(self._peers, lengths, strict=True) if length == longest >= 0]
        at_home = [peer for peer in self._peers if any(hop.host == host for hop in peer.hops)]
        narrow = longest == address.max_prefixlen
        if transport == "udp":
            if inside and not narrow:  # from another port of a peer's own address
                inside = [peer for peer in inside if peer in at_home] or at_home or inside
            return tuple(inside[:1])
        if narrow or not at_home:
            at_home += [peer for peer in inside if peer not in at_home]
        return tuple(at_home)


def _has_port(peer: Peer, address: IpAddress, host: str, port: int) -> bool:
    return (any(hop.host == host and hop.port == port for hop in peer.hops)
            or any(rule.port == port and address in rule.network for rule in peer.sources))


def _prefix(peer: Peer, address: IpAddress, transport: str) -> int:
    """Give the length of a peer's narrowest network that holds an address; -1 where none does."""
    any_port = transport != "udp"
    return max((rule.network.prefixlen for rule in peer.sources
                if (any_port or rule.port is None) and address in rule.network), default=-1)
