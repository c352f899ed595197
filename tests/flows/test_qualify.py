"""OPTIONS to every address of every peer: who is up, how far away, and what follows for the calls."""

from collections.abc import Iterator

import pytest

from proxy.core.peers import Peer
from proxy.core.qualify import INTERVAL, INTERVAL_DOWN, PATIENCE, Qualifier
from tests.kit.actor import Actor
from tests.kit.script import Script
from tests.kit.world import PBX, PBX_2, World, address


class Watch:
    def __init__(self) -> None:
        self.told: list[tuple[str, str, bool, float | None]] = []

    def peer_state(self, side: str, name: str, up: bool, latency_ms: float | None) -> None:
        self.told.append((side, name, up, latency_ms))


class Asked:
    """A PBX with one or two addresses, alone in the world, that is asked."""

    def __init__(self, *places: tuple[str, int]) -> None:
        self.watch = Watch()
        self.call = Script(World(peers=[Peer("trunk", "main"), Peer("pbx", "office", addresses=tuple(
            address(place) for place in places))]))
        self.call.add(Actor("spare", PBX_2))
        self.start()

    def start(self) -> None:
        self.qualifier = Qualifier(self.call.world.proxy.transactions, self.watch)
        self.qualifier.start(self.call.world.now)

    def told(self) -> list[tuple[str, str, bool, float | None]]:
        """What was told of the PBX."""
        told, self.watch.told = self.watch.told, []
        return [one for one in told if one[1] == "office"]


@pytest.fixture
def one() -> Iterator[Asked]:
    asked = Asked(PBX)
    yield asked
    proxy = asked.call.world.proxy
    asked.call.world.wire.listeners.clear()  # nothing can be asked any more
    asked.call.world.wait(40)
    assert (proxy.transactions.clients, len(proxy.timers)) == ({}, 2)  # the next round of each peer


def test_question(one: Asked) -> None:
    one.call.play("wait 0 : OPTIONS > pbx")
    options = one.call["pbx"].request("OPTIONS")
    assert (options.uri, options.max_forwards, options.to.tag) == (b"sip:127.0.0.1:5080", 70, None)
    one.call.play("pbx > 200 OPTIONS")
    one.call.play(f"pbx > 200 OPTIONS\nwait {INTERVAL_DOWN} : OPTIONS > pbx\npbx > 200 OPTIONS")
    assert one.call["pbx"].request("OPTIONS").via.branch != options.via.branch


def test_up_with_its_latency(one: Asked) -> None:
    one.call.play("""
        wait 0.02          : OPTIONS > pbx
        pbx > 100 OPTIONS
        pbx > 200 OPTIONS
        pbx > again
    """)
    assert one.told() == [("pbx", "office", True, 20.0)]
    one.call.play(f"wait {INTERVAL_DOWN}  : OPTIONS > pbx")
    one.call.play("pbx > 404 OPTIONS")
    assert [latency for *_, latency in one.told()] == [20.0]
    one.call.play(f"wait {INTERVAL - 0.1}\nwait 0.2 : OPTIONS > pbx\npbx > 200 OPTIONS")


def test_peer_that_goes_down_is_asked_more_often(one: Asked) -> None:
    one.call.play(f"""
        wait 0                   : OPTIONS > pbx
        pbx > 200 OPTIONS
        wait {INTERVAL_DOWN}     : OPTIONS > pbx
        pbx > 200 OPTIONS
        wait {INTERVAL}          : OPTIONS > pbx
        pbx > 503 OPTIONS
        wait {INTERVAL_DOWN}     : OPTIONS > pbx
        pbx > 200 OPTIONS
    """)
    assert [up for _, _, up, _ in one.told()] == [True, True, False, True]


@pytest.mark.parametrize("status", [408, 503])
def test_down_by_its_own_word(one: Asked, status: int) -> None:
    one.call.play(f"wait 0 : OPTIONS > pbx\npbx > {status} OPTIONS")
    assert one.told() == [("pbx", "office", False, None)]


def test_down_and_up_again(one: Asked) -> None:
    one.call.play(f"""
        wait 0                     : OPTIONS > pbx
        wait {PATIENCE}            : 3x OPTIONS > pbx
    """)
    assert one.told() == [("pbx", "office", False, None)]
    one.call.play(f"wait {INTERVAL_DOWN - PATIENCE}     : OPTIONS > pbx")
    one.call.play(f"wait {PATIENCE} : 3x OPTIONS > pbx")
    assert one.told() == []
    one.call.play(f"""
        wait {INTERVAL_DOWN - PATIENCE} : OPTIONS > pbx
        pbx > 200 OPTIONS
    """)
    assert one.told() == [("pbx", "office", True, 0.0)]


def test_cannot_be_reached(one: Asked) -> None:
    one.call.world.wire.dead.add(PBX)
    one.call.world.wait(INTERVAL_DOWN)
    assert one.told() == [("pbx", "office", False, None)]


def test_up_while_one_address_is() -> None:
    both = Asked(PBX, PBX_2)
    both.call.play(f"""
        wait 0                    : OPTIONS > pbx, OPTIONS > spare
        spare > 200 OPTIONS
        wait {PATIENCE}           : 3x OPTIONS > pbx
    """)
    assert both.told() == [("pbx", "office", True, 0.0)]
    world = both.call.world
    assert world.proxy.health.order([address(PBX).hop, address(PBX_2).hop], world.now) == [address(PBX_2).hop]


def test_address_that_is_gone_says_nothing_any_more() -> None:
    both = Asked(PBX, PBX_2)
    both.call.play(f"""
        wait 0                    : OPTIONS > pbx, OPTIONS > spare
        spare > 200 OPTIONS
        wait {PATIENCE}           : 3x OPTIONS > pbx
    """)
    both.told()
    world = both.call.world
    world.table.set_addresses(next(iter(world.table.pbxs.values())), (address(PBX),))
    both.call.play(f"wait {INTERVAL_DOWN - PATIENCE} : OPTIONS > pbx\nwait {PATIENCE} : 3x OPTIONS > pbx")
    assert both.told() == [("pbx", "office", False, None)]


def test_what_a_peer_allows_is_kept(one: Asked) -> None:
    pbx = one.call.world.table.pbxs["office"]
    one.call.step("wait 0 : OPTIONS > pbx")
    assert pbx.allows == frozenset()
    one.call.step("pbx > 200 OPTIONS", b"Allow: INVITE, ack", b"Allow: SUBSCRIBE")
    assert pbx.allows == {b"INVITE", b"ACK", b"SUBSCRIBE"}
