import pytest

from proxy.core import named
from proxy.core.named import NamedAddresses
from proxy.core.peers import Address, Peer, PeerTable
from proxy.sip.hop import Flow, Hop, Listener, Transport

PEERS = PeerTable([Peer("trunk", "main", addresses=(Address(Hop("udp", "192.0.2.1", 5060), b"main"),
                                                    Address(Hop("udp", "2001:db8::1", 5060), b"main")))])


def flow(host: str, port: int = 5060, transport: Transport = "udp") -> Flow:
    return Flow(Listener(0, transport, "edge", 5060, "0.0.0.0", 5060), host, port, 0)


@pytest.mark.parametrize(("field", "there"), [
    (b"<sip:x@192.0.2.9>", True), (b"<sip:x@192.0.2.9:5060;transport=udp>;expires=5", True),
    (b"sip:192.0.2.9", True), (b'"A, B" <sip:192.0.2.9>', True), (b"<sip:x@192.0.2.8>, <sip:192.0.2.9;lr>", True),
    (b"<sip:x@gate.example;maddr=192.0.2.9>", True),
    (b"<sip:x@192.0.2.9:5061>", False), (b"<sips:x@192.0.2.9>", False), (b"<sip:192.0.2.9@192.0.2.8>", False),
    (b"<sip:x@gate.example>", False), (b"*", False), (b"<tel:+36192029>", False), (b"", False), (b"<nonsense", False),
])
def test_who_is_there(field: bytes, there: bool) -> None:
    names = NamedAddresses(PEERS)
    names.learn("c", (b"Contact: " + field,))
    assert names.holds("c", flow("192.0.2.9")) is there
    assert not names.holds("d", flow("192.0.2.9"))
    names.forget("c")
    assert not names.holds("c", flow("192.0.2.9"))


def test_on_streams_the_host_counts() -> None:
    names = NamedAddresses(PEERS)
    names.learn("c", (b"m:<sip:x@[2001:DB8::9]:5071;transport=tcp>",))
    assert names.holds("c", flow("2001:db8::9", 40000, "tcp"))
    assert not names.holds("c", flow("2001:db8::9", 40000))
    assert names.holds("c", flow("2001:db8::9", 5071))


@pytest.mark.parametrize(("field", "kept"), [
    (b"<sip:x@192.0.2.1:5060>", 0), (b"<sip:192.0.2.1:5060;lr>", 0), (b"<sip:x@[2001:db8::1]:5060>", 0),
    (b"<sip:x@192.0.2.1:50601>", 1), (b"<sip:x@1192.0.2.1:5060>", 1), (b"<sip:x@192.0.2.1:5060;maddr=192.0.2.9>", 1),
    (b"<sip:x@192.0.2.1:5060>, <sip:x@192.0.2.9>", 1),
])
def test_what_names_a_peer_is_not_kept(field: bytes, kept: int) -> None:
    names = NamedAddresses(PEERS)
    names.learn("c", (b"Contact: " + field,))
    assert len(names) == kept


def test_a_display_name_is_no_place() -> None:
    names = NamedAddresses(PEERS)
    names.learn("c", (b"Contact:192.0.2.1:5060 <sip:x@192.0.2.9>",))
    assert names.holds("c", flow("192.0.2.9"))


def test_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named, "CALLS_LIMIT", 3)
    names = NamedAddresses(PEERS)
    for call in range(9):
        for port in range(5061, 5061 + 40):
            names.learn(str(call), (b"Contact: <sip:x@192.0.2.9:%d>" % port,))
    assert len(names) == 3
    assert not names.holds("8", flow("192.0.2.9", 5061))
    assert names.holds("8", flow("192.0.2.9", 5100))
