import ipaddress

import pytest

from proxy.core.peers import CACHE_LIMIT, Address, Peer, PeerTable, SourceRule
from proxy.sip.hop import Flow, Hop, Listener, Transport

TRUNK = Peer(
    "trunk",
    "main",
    (SourceRule(ipaddress.ip_network("198.51.100.0/24")), SourceRule(ipaddress.ip_network("203.0.113.9/32"), 5066)),
    frozenset({"sip.carrier.example"}),
    addresses=(Address(Hop("udp", "192.0.2.10", 5060), b"carrier"),),
)
PBX = Peer(
    "pbx",
    "office",
    (SourceRule(ipaddress.ip_network("2001:db8::/32")),),
    addresses=(
        Address(Hop("udp", "192.0.2.20", 5060), b"pbx:5060"),
        Address(Hop("tcp", "192.0.2.20", 5070), b"pbx"),
        Address(Hop("udp", "fe80::1", 5060), b"link"),
    ),
)
LAB = Peer("pbx", "lab", addresses=(Address(Hop("tcp", "192.0.2.20", 5080), b"lab"),))
TABLE = PeerTable([TRUNK, PBX, LAB])


def flow(transport: Transport, host: str, port: int, names: frozenset[str] = frozenset()) -> Flow:
    return Flow(
        Listener(0, transport, "edge", 5060, "0.0.0.0", 5060), host, port, 0 if transport == "udp" else 1, names
    )


@pytest.mark.parametrize(
    ("transport", "host", "port", "via", "name"),
    [
        ("udp", "192.0.2.10", 5060, None, "main"),
        ("udp", "192.0.2.10", 5061, None, None),
        ("udp", "192.0.2.20", 5060, None, "office"),
        ("udp", "192.0.2.20", 5080, None, "lab"),
        ("udp", "198.51.100.1", 1, None, "main"),
        ("udp", "198.51.101.1", 5060, None, None),
        ("udp", "203.0.113.9", 5066, None, "main"),
        ("udp", "203.0.113.9", 5067, None, None),
        ("udp", "2001:db8::7", 999, None, "office"),
        ("udp", "fe80::1%eth0", 999, None, None),
        ("tcp", "192.0.2.10", 41000, None, "main"),
        ("tcp", "203.0.113.9", 41000, None, "main"),
        ("tcp", "192.0.2.20", 41000, 5060, "office"),
        ("tcp", "192.0.2.20", 41000, 5070, "office"),
        ("tcp", "192.0.2.20", 41000, 5080, "lab"),
        ("tcp", "192.0.2.20", 41000, None, "office"),
        ("tcp", "192.0.2.20", 41000, 5099, None),
        ("tcp", "192.0.2.20", 5080, 5099, "lab"),
        ("tls", "192.0.2.20", 41000, None, None),
        ("tls", "192.0.2.20", 41000, 5080, "lab"),
        ("tcp", "192.0.2.99", 41000, 5060, None),
    ],
)
def test_who_it_is(transport: Transport, host: str, port: int, via: int | None, name: str | None) -> None:
    for _ in range(2):  # the second time from memory
        peer = TABLE.identify(flow(transport, host, port), via)
        assert (peer.name if peer else None) == name


NETWORK = ipaddress.ip_network
WIDE = Peer("trunk", "wide", (SourceRule(NETWORK("10.0.0.0/8")), SourceRule(NETWORK("10.9.9.9/32"))),
            frozenset({"sip.wide.example"}), addresses=(Address(Hop("udp", "192.0.2.10", 5060), b"wide"),))
INNER = Peer("pbx", "inner", (SourceRule(NETWORK("10.1.0.0/16")), SourceRule(NETWORK("10.9.9.9/32"), 5062)),
             frozenset({"pbx.inner.example"}),
             addresses=(Address(Hop("udp", "10.2.0.1", 5060), b"inner"), Address(Hop("udp", "10.9.9.9", 5064), b"in")))
DESK = Peer("pbx", "desk", (SourceRule(NETWORK("10.1.2.0/24")),),
            addresses=(Address(Hop("tcp", "10.2.0.1", 5060), b"desk"), Address(Hop("tcp", "10.2.0.1", 5070), b"desk")))
OVERLAPPING = (WIDE, INNER, DESK)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize(
    ("transport", "host", "port", "via", "name"),
    [
        ("udp", "10.0.0.1", 5060, None, "wide"),
        ("udp", "10.1.0.1", 5060, None, "inner"),  # the PBX's network lies in the trunk's: its calls go out
        ("udp", "10.1.2.1", 5060, None, "desk"),
        ("tcp", "10.1.0.1", 41000, 5060, "inner"),
        ("tcp", "10.1.2.1", 41000, 5060, "desk"),
        ("udp", "10.2.0.1", 5060, None, "inner"),
        ("tcp", "10.2.0.1", 5060, 5099, "desk"),  # one host and port, two transports: two peers
        ("tcp", "10.2.0.1", 41000, 5070, "desk"),  # at the address of peers the trunk's network says nothing
        ("tcp", "10.2.0.1", 41000, 5060, "desk"),
        ("tcp", "10.2.0.1", 41000, 5099, None),
        ("udp", "10.9.9.9", 5062, None, "inner"),
        ("udp", "10.9.9.9", 5064, None, "inner"),
        ("udp", "10.9.9.9", 5066, None, "wide"),  # named to the last bit by the trunk
        ("tcp", "10.9.9.9", 41000, 5064, "inner"),
    ],
)
def test_the_narrower_network_wins(order: tuple[int, ...], transport: Transport, host: str, port: int, via: int | None,
                                   name: str | None) -> None:
    table = PeerTable([OVERLAPPING[number] for number in order])
    peer = table.identify(flow(transport, host, port), via)
    assert (peer.name if peer else None) == name


def test_a_pbx_in_the_trunks_network_from_another_port() -> None:
    table = PeerTable([WIDE, Peer("pbx", "lone", addresses=(Address(Hop("udp", "10.3.0.1", 5060), b"lone"),))])
    for transport, via in (("udp", None), ("tcp", 5060)):
        peer = table.identify(flow(transport, "10.3.0.1", 41000), via)  # type: ignore[arg-type]
        assert peer is not None
        assert peer.name == "lone"


def test_a_proved_name_goes_before_a_network() -> None:
    table = PeerTable([WIDE, INNER])
    proved = flow("tls", "10.0.0.1", 41000, frozenset({"pbx.inner.example"}))
    assert table.identify(proved, 5061) is INNER
    assert table.identify(proved._replace(names=frozenset({"sip.wide.example"})), 5061) is WIDE
    assert table.identify(proved._replace(names=frozenset({"else.example"})), 5061) is WIDE


def test_name_of_a_client_certificate() -> None:
    somewhere = flow("tls", "192.0.2.99", 41000, frozenset({"x.example", "sip.carrier.example"}))
    assert TABLE.identify(somewhere, None) is TRUNK
    assert TABLE.identify(somewhere._replace(names=frozenset({"x.example"})), None) is None


def test_names_that_prove_two_peers() -> None:
    both = [Peer(side, name, host_names=frozenset({"x.example"})) for side, name in (("trunk", "a"), ("pbx", "b"))]  # type: ignore[arg-type]
    assert PeerTable(both).identify(flow("tls", "192.0.2.99", 41000, frozenset({"x.example"})), 5060) is None


def test_name_that_a_server_must_prove() -> None:
    """An address that is a configured peer's stands for the peer's name; nothing else changes."""
    own = Hop("tls", "192.0.2.30", 5061, "pbx.example")
    table = PeerTable([TRUNK, Peer("pbx", "sure", addresses=(Address(own, b"pbx.example"),))])
    assert table.proven(Hop("tls", "192.0.2.30", 5061, "192.0.2.30")) == own
    for other in (
        Hop("tls", "192.0.2.30", 5062, "192.0.2.30"),
        Hop("tls", "192.0.2.30", 5061, "elsewhere.example"),
        Hop("tls", "192.0.2.31", 5061, "192.0.2.31"),
        Hop("udp", "192.0.2.10", 5060),
    ):
        assert table.proven(other) == other


def test_the_way_back_of_a_message() -> None:
    """Over TLS a connection that is used or made again must be the peer's: by the name it proved, or has to prove."""
    own = Hop("tls", "192.0.2.30", 5061, "pbx.example")
    table = PeerTable([TRUNK, Peer("pbx", "sure", addresses=(Address(own, b"pbx.example"),))])
    assert table.way_back(flow("udp", "192.0.2.30", 5061)) == Hop("udp", "192.0.2.30", 5061)
    assert table.way_back(flow("tls", "192.0.2.30", 5061)) == own
    assert table.way_back(flow("tls", "192.0.2.99", 41000)) == Hop("tls", "192.0.2.99", 41000, "192.0.2.99")
    named = flow("tls", "192.0.2.99", 41000, frozenset({"x.example", "sip.carrier.example"}))
    assert table.way_back(named) == Hop("tls", "192.0.2.99", 41000, "sip.carrier.example")


def test_addresses_change() -> None:
    peer = Peer("trunk", "main")
    table = PeerTable([peer])
    source = flow("udp", "192.0.2.1", 5060)
    assert table.identify(source, None) is None
    table.set_addresses(peer, (Address(Hop("udp", "192.0.2.1", 5060), b"x"),))
    assert table.identify(source, None) is peer
    assert peer.hops == (Hop("udp", "192.0.2.1", 5060),)
    table.set_addresses(peer, ())
    assert table.identify(source, None) is None


def test_memory_is_bounded() -> None:
    table = PeerTable([TRUNK])
    for port in range(CACHE_LIMIT + 10):
        table.candidates(flow("udp", "192.0.2.99", port))
    assert len(table._cache) <= CACHE_LIMIT


@pytest.mark.parametrize(
    ("hop", "host"),
    [
        (PBX.hops[0], b"pbx:5060"),
        (PBX.hops[1], b"pbx"),
        (Hop("udp", "192.0.2.1", 5060), b"192.0.2.1:5060"),
        (Hop("udp", "::1", 5062), b"[::1]:5062"),
    ],
)
def test_host_of_a_request_uri(hop: Hop, host: bytes) -> None:
    assert PBX.uri_host(hop) == host


def test_sides() -> None:
    assert (list(TABLE.trunks), list(TABLE.pbxs), list(TABLE)) == (["main"], ["office", "lab"], [TRUNK, PBX, LAB])
