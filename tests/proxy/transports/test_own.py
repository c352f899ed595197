"""What counts as our own address, and what is only near it."""

import asyncio
from pathlib import Path

import pytest

from proxy.sip.hop import Flow, Hop, Listener
from proxy.transports import own
from proxy.transports.network import ListenSpec
from proxy.transports.own import OwnAddresses, is_local
from tests.kit.builds import replaces_parts
from tests.proxy.transports.support import peer_socket, run, running, tcp, until

ONE = OwnAddresses([Listener(0, "udp", "127.0.0.1", 5060, "127.0.0.1", 5060)])
NAT = OwnAddresses([Listener(0, "udp", "sip.test", 5080, "192.0.2.7", 5060),
                    Listener(1, "tls", "[2001:db8::7]", 5061, "2001:db8::7", 5061)])
ALL = OwnAddresses([Listener(0, "udp", "127.0.0.1", 5060, "0.0.0.0", 5060),
                    Listener(1, "tcp", "[::1]", 5070, "::", 5070)])
TCP = OwnAddresses([Listener(0, "tcp", "127.0.0.1", 5060, "127.0.0.1", 5060)])

CLUSTER = OwnAddresses([Listener(0, "udp", "127.0.0.1", 5060, "127.0.0.1", 5060),
                        Listener(1, "tls", "127.0.0.1", 5061, "127.0.0.1", 5061)],
                       (("203.0.113.6", 5070), ("Edge2.test", None), ("2001:db8:0::6", None)))


@pytest.mark.parametrize(("ours", "host", "port", "transport", "expected"), [
    (ONE, "127.0.0.1", 5060, "udp", True),
    (ONE, "127.0.0.1", None, "udp", True),
    (ONE, "127.0.0.1", None, None, True),
    (ONE, "127.0.0.2", 5060, "udp", False),  # a PBX on another address of the same machine
    (ONE, "127.0.0.1", 5060, "tcp", False),  # and on the other transport
    (ONE, "127.0.0.1", 5061, "udp", False),
    (ONE, "127.0.0.1", None, "tls", False),
    (ONE, "::ffff:127.0.0.1", 5060, "udp", True),
    (ONE, "localhost", 5060, "udp", False),
    (NAT, "sip.test", 5080, "udp", True),
    (NAT, "SIP.test", 5080, None, True),
    (NAT, "sip.test", 5060, "udp", False),  # what is advertised is host and port together
    (NAT, "192.0.2.7", 5060, "udp", True),
    (NAT, "192.0.2.7", 5080, "udp", False),
    (NAT, "[2001:DB8:0::7]", None, "tls", True),
    (NAT, "2001:db8::7", 5061, "tls", True),
    (NAT, "2001:db8::7", 5061, "tcp", False),
    (ALL, "127.0.0.2", 5060, "udp", True),  # bound to all: every address of the machine is ours
    (ALL, "127.0.0.2", 5060, "tcp", False),
    (ALL, "127.0.0.2", 5070, "tcp", False),
    (ALL, "::1", 5070, "tcp", True),
    (ALL, "::1", 5060, "udp", False),
    (ALL, "0.0.0.0", 5060, "udp", True),
    (ALL, "198.51.100.77", 5060, "udp", False),
    (TCP, "127.0.0.1", None, None, True),  # without UDP of ours an address without transport may mean what we have
    (TCP, "127.0.0.1", 5060, "sctp", False),
    (CLUSTER, "203.0.113.6", 5070, "udp", True),
    (CLUSTER, "203.0.113.6", 5070, "tls", True),
    (CLUSTER, "203.0.113.6", 5070, None, True),
    (CLUSTER, "203.0.113.6", 5070, "tcp", False),  # nobody speaks it here
    (CLUSTER, "203.0.113.6", 5060, "udp", False),
    (CLUSTER, "edge2.TEST", None, "udp", True),
    (CLUSTER, "edge2.test", 5060, "udp", True),
    (CLUSTER, "edge2.test", 5061, "tls", True),
    (CLUSTER, "edge2.test", 5061, "udp", False),
    (CLUSTER, "[2001:DB8::6]", 5060, "udp", True),
    (CLUSTER, "127.0.0.1", 5060, "udp", True),
])
def test_own(ours: OwnAddresses, host: str, port: int | None, transport: str | None, expected: bool) -> None:
    assert ours.holds(host, port, transport) is expected


@replaces_parts
def test_addresses_of_this_machine_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    here: set[str] = set()
    monkeypatch.setattr(own, "is_local", lambda address: address in here)
    assert not ALL.holds("198.51.100.1", 5060, "udp")
    here.add("198.51.100.1")
    ALL.forget()
    assert ALL.holds("198.51.100.1", 5060, "udp")
    ALL.forget()


def test_verdicts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "VERDICTS_MAX", 10)
    for last in range(30):
        assert not ALL.holds(f"198.51.100.{last}", 5060, "udp")
        assert len(ALL._verdicts) <= 10


def test_a_machine_that_binds_to_anything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With ip_nonlocal_bind a bind proves nothing: the route does then."""
    setting = tmp_path / "ip_nonlocal_bind"
    setting.write_text("1\n")
    monkeypatch.setattr(own, "NONLOCAL_BIND", setting)
    assert is_local("127.0.0.1")
    assert not is_local("198.51.100.77")
    monkeypatch.setattr(own, "NONLOCAL_BIND", tmp_path / "missing")
    assert is_local("127.0.0.9")
    assert not is_local("198.51.100.77")


def test_neighbour_on_this_machine_with_our_port() -> None:
    """Real sockets: the port is the same, the address is not."""

    async def scenario() -> None:
        with peer_socket() as pbx:
            port = pbx.getsockname()[1]
            async with running(ListenSpec("udp", "127.0.0.2", port), tcp("127.0.0.2")) as (net, inbox):
                hop = Hop("udp", "127.0.0.1", port)
                assert not net.is_own(*hop[1:3], hop.transport)
                assert net.is_own("127.0.0.2", port, "udp")
                assert not net.is_own("127.0.0.2", port, "tcp")
                net.send(b"message", hop, inbox.failures.append)
                assert await asyncio.get_running_loop().sock_recv(pbx, 100) == b"message"
                await asyncio.get_running_loop().sock_sendto(pbx, b"answer", ("127.0.0.2", port))
                await until(lambda: inbox.messages)
                assert inbox.messages[0][1] == Flow(net.listeners[0], "127.0.0.1", port)

    run(scenario())
