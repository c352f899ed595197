"""The addresses of peers, as DNS says them and says them anew."""

from config.address import parse_peer
from proxy.core.peers import Peer, PeerTable
from proxy.daemon.locating import PeerAddresses
from proxy.sip.choices import Choice
from proxy.sip.hop import Hop
from proxy.transports.resolver import Resolver
from tests.proxy.transports.dns_server import name_server
from tests.proxy.transports.support import run

A, B, C = (Hop("udp", f"192.0.2.{last}", 5060) for last in (1, 2, 3))


def test_servers_of_equal_rank_stay_to_be_drawn() -> None:
    async def scenario() -> None:
        async with name_server() as server:
            server.add("_sip._udp.carrier.test", "SRV", "10 50 5060 a.carrier.test.", "10 50 5060 b.carrier.test.")
            server.add("a.carrier.test", "A", A.host)
            server.add("b.carrier.test", "A", B.host)
            resolver = Resolver(nameservers=[("127.0.0.1", server.port)], transports=("udp",), families=("A",),
                                hosts=None, lifetime=0.6)
            trunk, pbx = Peer("trunk", "main"), Peer("pbx", "office")
            table = PeerTable([trunk, pbx])
            addresses = PeerAddresses(resolver, table, [
                (trunk, (parse_peer("sip:carrier.test"), parse_peer("sip:192.0.2.3"))),
                (pbx, (parse_peer("sip:192.0.2.1"), parse_peer("sip:192.0.2.3")))])
            assert await addresses.refresh()
            assert set(trunk.hops) == {A, B, C}
            assert trunk.hops[2] == C
            assert trunk.choices == (Choice(0, 50, (trunk.hops[0],)), Choice(0, 50, (trunk.hops[1],)),
                                     Choice(1, 0, (C,)))
            first = {tuple(trunk.drawn(lambda draw=draw: draw)) for draw in (0.1, 0.9)}  # type: ignore[misc]
            assert first == {(A, B, C), (B, A, C)}
            assert (pbx.hops, pbx.choices) == ((A, C), ())
            before = trunk.addresses
            assert await addresses.refresh()
            assert trunk.addresses is before  # nothing changed
            await resolver.close()

    run(scenario())
