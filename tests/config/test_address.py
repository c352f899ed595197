"""Addresses: listeners, peers, sources, brokers."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.address import (
    SipPeer,
    Source,
    parse_host_port,
    parse_listen,
    parse_peer,
    parse_port,
    parse_server,
    parse_source,
)
from config.broker import BrokerAddress, parse_broker


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("a.example", ("a.example", None)),
        ("A.Example:5060", ("a.example", 5060)),
        ("a_b.example.", ("a_b.example.", None)),
        ("192.0.2.1:65535", ("192.0.2.1", 65535)),
        ("[2001:DB8::1]:5060", ("2001:db8::1", 5060)),
        ("[::]", ("::", None)),
    ],
)
def test_host_port(text: str, parsed: tuple[str, int | None]) -> None:
    assert parse_host_port(text) == parsed


BAD_HOSTS = [
    "",
    ":5060",
    "a:",
    "a:0",
    "a:65536",
    "a:٣",
    "a:1_0",
    "a b",
    "-a",
    "a-",
    "a..b",
    "192.0.2.300",
    "1.2.3",
    "[192.0.2.1]",
    "[::1",
    "2001:db8::1",
    "[gg::]",
    "a@b",
    "a/b",
    "é.example",
    "x" * 64,
    "a\n",
]


@pytest.mark.parametrize("text", BAD_HOSTS)
def test_no_host_port(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_host_port(text)


def test_listeners() -> None:
    assert parse_listen("udp://0.0.0.0:5070") == ("udp", "0.0.0.0", 5070)
    assert parse_listen("tcp://[::]") == ("tcp", "::", 5060)
    assert parse_listen("tls://192.0.2.1") == ("tls", "192.0.2.1", 5061)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "udp:0.0.0.0",
        "ws://0.0.0.0",
        "udp://",
        "udp://localhost:5060",
        "udp://0.0.0.0:0",
        "udp://0.0.0.0/x",
        "UDP://0.0.0.0",
    ],
)
def test_no_listener(uri: str) -> None:
    with pytest.raises(ValueError, match=r"listener|port"):
        parse_listen(uri)


@pytest.mark.parametrize(
    ("uri", "peer"),
    [
        ("sip:a.example", SipPeer(None, "a.example", None, False)),
        ("SIP:192.0.2.1:5070", SipPeer(None, "192.0.2.1", 5070, False)),
        ("sip:[2001:db8::1]:5070;transport=TCP", SipPeer("tcp", "2001:db8::1", 5070, False)),
        ("sip:a.example;transport=tls", SipPeer("tls", "a.example", None, False)),
        ("sips:a.example", SipPeer("tls", "a.example", None, True)),
        ("sips:a.example:5061;transport=tcp", SipPeer("tls", "a.example", 5061, True)),
    ],
)
def test_peers(uri: str, peer: SipPeer) -> None:
    assert parse_peer(uri) == peer


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "a.example",
        "tel:+361",
        "sip:",
        "sip:a;transport=sctp",
        "sip:a;lr",
        "sip:a;",
        "sip:a?x=1",
        "sips:a;transport=udp",
        "sip:a:99999",
    ],
)
def test_no_peer(uri: str) -> None:
    with pytest.raises(ValueError, match=r"peer|meaning|udp|port"):
        parse_peer(uri)


def test_a_password_in_a_peer_is_not_shown() -> None:
    with pytest.raises(ValueError, match="no user part") as caught:
        parse_peer("sip:acme:s3cret@a.example")
    assert "s3cret" not in str(caught.value)


def test_sources() -> None:
    assert parse_source("192.0.2.1") == Source(ipaddress.ip_network("192.0.2.1/32"), None)
    assert parse_source("192.0.2.0/24") == Source(ipaddress.ip_network("192.0.2.0/24"), None)
    assert parse_source("192.0.2.1:5070") == Source(ipaddress.ip_network("192.0.2.1/32"), 5070)
    assert parse_source("[2001:db8::1]:5070") == Source(ipaddress.ip_network("2001:db8::1/128"), 5070)
    assert parse_source("2001:db8::/32") == Source(ipaddress.ip_network("2001:db8::/32"), None)


@pytest.mark.parametrize(
    "text", ["", "a.example", "192.0.2.1/24", "192.0.2.1:0", "192.0.2.0/24:5060", "[a]:1", "1.2.3.4/33"]
)
def test_no_source(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a|bits"):
        parse_source(text)


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)), st.integers(1, 65535))
def test_any_address_is_a_source_and_a_peer(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> None:
    text = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    assert parse_source(text) == Source(ipaddress.ip_network(address), port)
    peer = parse_peer(f"sip:{text}")
    assert (ipaddress.ip_address(peer.host), peer.port) == (address, port)


@given(st.text(max_size=8))
def test_a_port_is_ascii_digits(text: str) -> None:
    try:
        port = parse_port(text)
    except ValueError:
        return
    assert text.isascii()
    assert text.isdigit()
    assert 0 < port < 65536


def test_name_servers() -> None:
    assert parse_server("192.0.2.1") == ("192.0.2.1", 53)
    assert parse_server("127.0.0.1:5353") == ("127.0.0.1", 5353)
    assert parse_server("2001:db8::1") == ("2001:db8::1", 53)
    assert parse_server("[2001:db8::1]:54") == ("2001:db8::1", 54)


@pytest.mark.parametrize("text", ["", "dns.example", "dns.example:53", "192.0.2.1:0", "192.0.2.1:x", "[::1"])
def test_no_name_server(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not|is a name"):
        parse_server(text)


def test_brokers() -> None:
    assert parse_broker("off") is None
    assert parse_broker("mqtt://Broker.example") == BrokerAddress("broker.example", 1883, False, False)
    assert parse_broker("mqtts://[::1]:8884/") == BrokerAddress("::1", 8884, True, False)
    assert parse_broker("embedded") == BrokerAddress("127.0.0.1", 1883, False, True)
    assert parse_broker("embedded://127.0.0.1:2883") == BrokerAddress("127.0.0.1", 2883, False, True)


@pytest.mark.parametrize("url", ["", "on", "mqtt:", "mqtt://", "http://a", "mqtt://a/b", "mqtt://a:0"])
def test_no_broker(url: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_broker(url)


def test_a_password_in_a_broker_is_not_shown() -> None:
    with pytest.raises(ValueError, match="settings of their own") as caught:
        parse_broker("mqtt://acme:s3cret@a.example")
    assert "s3cret" not in str(caught.value)
