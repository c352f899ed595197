"""What the wire says of itself, on the virtual clock: connections that end, and ICMP, true or forged."""

import pytest

from proxy.core.broken import ROUND, Breaks
from proxy.core.health import FIRST_PAUSE
from proxy.core.peers import Address, Peer
from proxy.core.qualify import DOUBT_PATIENCE, INTERVAL_DOWN, Qualifier
from proxy.core.relay import DOWN_PATIENCE
from proxy.sip.hop import Hop, Transport
from tests.kit.actor import Actor
from tests.kit.script import Script
from tests.kit.world import PBX, PBX_2, TRUNK, World, address

RINGING = "trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 180 : 180 > trunk"
TAKEN = """
    {0} > 200         : 200 > trunk
    trunk > ACK       : ACK > {0}
    trunk > BYE       : BYE > {0}
    {0} > 200 BYE     : 200 BYE > trunk
"""
PORT = Hop("udp", *PBX)


class Watch:
    def peer_state(self, side: str, name: str, up: bool, latency_ms: float | None) -> None:
        pass


class Line:
    """A PBX with one or two addresses that was asked and answered (unless `mute`), behind a wire that may break."""

    def __init__(self, *places: tuple[str, int], transport: Transport = "udp", mute: bool = False) -> None:
        addresses: tuple[Address, ...] = tuple(address(place, transport) for place in places or (PBX,))
        self.world = World(peers=[Peer("trunk", "main", addresses=(address(TRUNK),), qualify=False),
                                  Peer("pbx", "office", addresses=addresses)])
        self.call = Script(self.world, pbx=transport)
        self.call.add(Actor("spare", PBX_2, transport=transport))
        qualifier = Qualifier(self.world.proxy.transactions, Watch())
        self.breaks = Breaks(self.world.proxy.relays, qualifier)
        self.world.wire.connections = {PBX: 7, PBX_2: 8}
        if mute:
            return
        qualifier.start(self.world.now)
        names = ["pbx", "spare"][:len(addresses)]
        for pause in (0, INTERVAL_DOWN):  # after the second round nobody is asked by the clock for 30 s
            self.play(f"wait {pause} : " + ", ".join(f"OPTIONS > {name}" for name in names))
            for name in names:
                self.play(f"{name} > 200 OPTIONS")

    def play(self, text: str) -> None:
        self.call.play(text)

    def icmp(self, wanted: str = "", hop: Hop = PORT) -> None:
        """ICMP comes; `wanted`: what leaves because of it."""
        self.breaks.unreachable(hop, self.world.now)
        self.play(f"wait 0 : {wanted}")

    def ends(self, wanted: str = "", number: int = 7, place: tuple[str, int] = PBX) -> None:
        """A connection ends."""
        self.breaks.connection_failed(number, Hop("tcp", *place), self.world.now)
        self.play(f"wait 0 : {wanted}")


def test_icmp_leads_to_the_next_address_at_once() -> None:
    line = Line(PBX, PBX_2)
    line.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    line.icmp("INVITE > spare, OPTIONS > pbx")
    line.play(TAKEN.format("spare"))


def test_what_icmp_was_told_of_may_answer_after_all() -> None:
    """Anybody on the path can forge it: the call is not lost, nor rung in two places."""
    line = Line(PBX, PBX_2)
    line.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    line.icmp("INVITE > spare, OPTIONS > pbx")
    line.play("""
        pbx > 200 OPTIONS
        spare > 180       : 180 > trunk
        pbx > 200         : CANCEL > spare, 200 > trunk
        trunk > ACK       : ACK > pbx
        spare > 200 CANCEL
        spare > 487       : ACK > spare
    """)


def test_forged_icmp_ends_nothing_where_there_is_no_other_address() -> None:
    line = Line()
    line.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    line.icmp("OPTIONS > pbx")
    line.icmp()
    line.play(f"pbx > 200 OPTIONS\nwait {ROUND} : OPTIONS > pbx")
    line.play("pbx > 404 OPTIONS\nwait 0.4 : INVITE > pbx\npbx > 180 : 180 > trunk")
    for _ in range(5):
        line.play("wait 3")
        line.icmp("OPTIONS > pbx")
        line.play("pbx > 200 OPTIONS")
    line.play(TAKEN.format("pbx"))
    assert line.call.facts == ["ringing 0", "answered 0", "ended 200 caller"]


@pytest.mark.parametrize("ringing", [False, True])
def test_who_is_asked_and_silent_is_gone(ringing: bool) -> None:
    line = Line()
    line.play(RINGING if ringing else RINGING.partition("\n")[0])
    line.icmp("OPTIONS > pbx")
    repeated = "2x OPTIONS > pbx" if ringing else "INVITE > pbx, OPTIONS > pbx, INVITE > pbx, OPTIONS > pbx"
    line.play(f"""
        wait {DOUBT_PATIENCE - 0.1}   : {repeated}
        wait 0.2                      : 503 > trunk
        trunk > ACK
    """)
    assert line.call.facts[-1] == "ended 503 proxy"


def test_who_answers_a_call_meanwhile_is_not_gone() -> None:
    line = Line()
    line.play(RINGING)
    line.icmp("OPTIONS > pbx")
    line.play(f"""
        wait 0.1
        pbx > 183                     : 183 > trunk
        wait {DOUBT_PATIENCE}         : 2x OPTIONS > pbx
    """)
    line.play(TAKEN.format("pbx"))


def test_silence_of_who_never_answered_options_proves_nothing() -> None:
    """It carries calls and ignores OPTIONS: a forged ICMP finds no accomplice in it."""
    line = Line(mute=True)
    line.play(RINGING)
    line.icmp("OPTIONS > pbx")
    line.play("wait 5 : 2x OPTIONS > pbx\n" + TAKEN.format("pbx"))


def test_icmp_by_the_thousand_is_looked_at_in_rounds() -> None:
    line = Line()
    line.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    line.icmp("OPTIONS > pbx")
    for port in range(3_000):
        line.breaks.unreachable(Hop("udp", "192.0.2.1", 10_000 + port), line.world.now)
        line.breaks.unreachable(PORT, line.world.now)
    assert len(line.breaks._hints) <= 1_000
    line.play(f"wait {ROUND}\npbx > 200 OPTIONS\nwait 0.3 : INVITE > pbx")


def test_strangers_are_not_asked() -> None:
    line = Line()
    line.icmp("", Hop("udp", "192.0.2.1", 5060))


def test_a_broken_connection_leads_to_the_next_address_at_once() -> None:
    line = Line(PBX, PBX_2, transport="tcp")
    line.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    line.ends("INVITE > spare, OPTIONS > pbx")
    line.play("pbx > 200 OPTIONS\n" + TAKEN.format("spare"))


def test_without_another_address_the_request_goes_out_once_more() -> None:
    """An idle connection that the peer closed just then costs no call."""
    line = Line(transport="tcp")
    line.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    branch = line.call["pbx"].request().via.branch
    line.world.wire.connections[PBX] = 9
    line.ends("INVITE > pbx, OPTIONS > pbx")
    assert line.call["pbx"].request().via.branch == branch
    line.play("pbx > 200 OPTIONS\n" + TAKEN.format("pbx"))
    line.world.wait(40)
    line.breaks.connection_failed(9, Hop("tcp", *PBX), line.world.now)
    repeated = [tx.key[1] for tx in line.world.proxy.transactions.clients.values() if tx.repeated]
    assert repeated == [b"OPTIONS"]  # nothing is kept of what is over


def test_a_listener_that_accepts_and_dies() -> None:
    line = Line(transport="tcp")
    line.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    line.world.wire.connections[PBX] = 9
    line.ends("INVITE > pbx, OPTIONS > pbx")
    line.ends("503 > trunk, OPTIONS > pbx", 9)
    line.play("trunk > ACK")


def test_another_connection_to_the_same_place_is_not_meant() -> None:
    line = Line(transport="tcp")
    line.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    line.ends("OPTIONS > pbx", 6)
    line.play("pbx > 200 OPTIONS\n" + TAKEN.format("pbx"))


@pytest.mark.parametrize("alive", [True, False])
def test_a_connection_that_breaks_while_it_rings(alive: bool) -> None:
    line = Line(transport="tcp")
    line.play(RINGING)
    line.ends("OPTIONS > pbx")
    if alive:
        line.play(f"pbx > 200 OPTIONS\nwait {DOUBT_PATIENCE}\n" + TAKEN.format("pbx"))
    else:
        line.play(f"wait {DOUBT_PATIENCE - 0.1}\nwait 0.2 : 503 > trunk\ntrunk > ACK")


def test_the_next_target_where_the_peer_is_gone() -> None:
    """The agent's phone rings at a PBX that is gone: its other address gets the call."""
    line = Line(PBX, PBX_2, transport="tcp")
    line.play(RINGING)
    line.ends("OPTIONS > pbx")
    line.world.wire.dead.add(PBX)
    line.play(f"wait {DOUBT_PATIENCE} : INVITE > spare\n" + TAKEN.format("spare"))


@pytest.mark.parametrize("places", [(PBX,), (PBX, PBX_2)])
@pytest.mark.parametrize("pause", [0.0, FIRST_PAUSE])
def test_nobody_waits_for_a_peer_that_is_known_to_be_down(places: tuple[tuple[str, int], ...], pause: float) -> None:
    """503 within four seconds, whatever its addresses and targets, also for the call that tries it again."""
    line = Line(*places)
    call, world = line.call, line.world
    for place in places:
        world.proxy.health.failed(Hop("udp", *place), world.now, hard=True)
    world.wait(pause)
    call.direct_to_agent()
    began = world.now
    world.give(call["trunk"].write("INVITE"), TRUNK)
    seen: list[str] = []
    while "503 INVITE" not in seen and world.now < began + 40:
        seen += [one.title for one in world.wait(0.05)]
    assert "503 INVITE" in seen
    assert world.now - began <= DOWN_PATIENCE + 0.5 <= 4.0
    assert world.router.told("ended")


def test_a_peer_in_doubt_that_answers_gets_its_time() -> None:
    line = Line()
    line.world.proxy.health.failed(PORT, line.world.now, hard=True)
    line.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        wait 3            : 2x INVITE > pbx
        pbx > 100
        wait 20
        pbx > 180         : 180 > trunk
    """)
    line.play(TAKEN.format("pbx"))
    assert not line.world.proxy.health.in_doubt(PORT)


def test_other_requests_to_a_peer_that_is_down() -> None:
    line = Line(mute=True)
    line.world.proxy.health.failed(PORT, line.world.now, hard=True)
    line.play("""
        trunk > MESSAGE   : MESSAGE > pbx
        wait 3.6          : 2x MESSAGE > pbx, 100 MESSAGE > trunk, 503 MESSAGE > trunk, MESSAGE > pbx
    """)
