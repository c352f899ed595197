"""A PBX with two addresses, one of which is in trouble."""

from collections.abc import Iterator

import pytest

from tests.kit.actor import Actor
from tests.kit.script import Script
from tests.kit.world import PBX, PBX_2, World, address


@pytest.fixture
def call() -> Iterator[Script]:
    script = Script(World(pbx=(address(PBX), address(PBX_2))))
    script.add(Actor("spare", PBX_2))
    yield script
    script.assert_nothing_left()


TAKEN = """
    spare > 200       : 200 > trunk
    trunk > ACK       : ACK > spare
    trunk > BYE       : BYE > spare
    spare > 200 BYE   : 200 BYE > trunk
"""


def test_first_is_silent(call: Script) -> None:
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        wait 3.9          : 3x INVITE > pbx
        wait 0.2          : INVITE > spare
    """ + TAKEN)
    assert call.facts == ["answered 0", "ended 200 caller"]


def test_first_was_only_slow_and_rings(call: Script) -> None:
    """Two phones must not ring for one call: the slow one is cancelled."""
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        wait 4.1          : 3x INVITE > pbx, INVITE > spare
        pbx > 180         : CANCEL > pbx
        pbx > 200 CANCEL
        spare > 180       : 180 > trunk
        pbx > 487         : ACK > pbx
    """ + TAKEN)


@pytest.mark.parametrize("status", [404, 486, 503])
def test_first_was_only_slow_and_refuses(call: Script, status: int) -> None:
    call.play(f"""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        wait 4.1          : 3x INVITE > pbx, INVITE > spare
        pbx > {status}    : ACK > pbx
    """ + TAKEN)


def test_first_was_only_slow_and_answers(call: Script) -> None:
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        wait 4.1          : 3x INVITE > pbx, INVITE > spare
        spare > 180       : 180 > trunk
        pbx > 200         : CANCEL > spare, 200 > trunk
        trunk > ACK       : ACK > pbx
        spare > 200 CANCEL
        spare > 487       : ACK > spare
    """)
    assert call.facts == ["ringing 0", "answered 0"]


def test_first_cannot_be_reached(call: Script) -> None:
    call.world.wire.dead.add(PBX)
    call.play("trunk > INVITE : 100 > trunk, INVITE > spare\n" + TAKEN)


def test_first_is_overloaded(call: Script) -> None:
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        pbx > 180         : 180 > trunk
        pbx > 503         : ACK > pbx, INVITE > spare
    """ + TAKEN)


def test_first_is_busy_which_is_an_answer(call: Script) -> None:
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        pbx > 486         : ACK > pbx, 486 > trunk
        trunk > ACK
    """)


def test_no_address_answers(call: Script) -> None:
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        wait 4.1          : 3x INVITE > pbx, INVITE > spare
        wait 2            : 2x INVITE > spare
        wait 2            : INVITE > pbx, INVITE > spare
        wait 27.7         : INVITE > spare, INVITE > pbx, INVITE > spare, INVITE > pbx, INVITE > spare
        wait 0.5          : 408 > trunk
        trunk > ACK
    """)
    assert call.facts == ["ended 408 proxy"]


def test_no_address_can_be_reached(call: Script) -> None:
    call.world.wire.dead.update((PBX, PBX_2))
    call.play("""
        trunk > INVITE    : 100 > trunk, 503 > trunk
        trunk > ACK
    """)
    assert call.facts == ["ended 503 proxy"]


def test_caller_hangs_up_before_the_next_address(call: Script) -> None:
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        wait 1            : INVITE > pbx
        trunk > CANCEL    : 200 CANCEL > trunk
        wait 31.1         : 5x INVITE > pbx, 487 > trunk
        trunk > ACK
    """)


def test_agents_time_is_over_before_the_next_address(call: Script) -> None:
    """The agent who did not answer here is not rung again there."""
    call.direct_to_agent(ring_for=2.0)
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > agent
        wait 2.1          : 2x INVITE > agent, INVITE > pbx
        pbx > 180         : 180 > trunk
        wait 10           : 2x INVITE > agent
        agent > 503       : ACK > agent
        pbx > 486         : ACK > pbx, 486 > trunk
        trunk > ACK
    """)


def test_agent_is_asked_for_at_each_address_by_its_own_name(call: Script) -> None:
    call.direct_to_agent()
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > agent
        agent > 503       : ACK > agent, INVITE > spare
    """)
    assert call["spare"].request().uri == b"sip:201@127.0.0.1:5082"
    assert call["spare"].request().has(b"x-boomerang")
    call.play("""
        spare > 486       : ACK > spare, INVITE > pbx
        pbx > 486         : ACK > pbx, 486 > trunk
        trunk > ACK
    """)
    assert call.facts == ["target_failed 0 486", "ended 486 callee"]


def test_circuit_opens_and_one_call_tries_again(call: Script) -> None:
    call.world.wire.dead.add(PBX)
    busy = """
        spare > 486       : ACK > spare, 486 > trunk
        trunk > ACK
    """
    for _ in range(3):
        call["trunk"].dialog = None
        call.play("trunk > INVITE : 100 > trunk, INVITE > spare" + busy)
    assert len([note for note in call.world.notes.lines if note[0] == "not_sent"]) == 1
    call.world.wire.dead.clear()
    call.play("wait 10")
    call["trunk"].dialog = None
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx")
    call["trunk"].dialog = None
    call.play("trunk > INVITE : 100 > trunk, INVITE > spare" + busy)
    call.play("pbx > 486 : ACK > pbx, 486 > trunk")
    call["trunk"].dialog = None
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        pbx > 486         : ACK > pbx, 486 > trunk
        trunk > ACK
    """)


def test_all_circuits_open_is_no_reason_to_refuse(call: Script) -> None:
    call.world.wire.dead.update((PBX, PBX_2))
    call.play("""
        trunk > INVITE    : 100 > trunk, 503 > trunk
        trunk > ACK
    """)
    call.world.wire.dead.clear()
    call["trunk"].dialog = None
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        pbx > 486         : ACK > pbx, 486 > trunk
        trunk > ACK
    """)


def test_connection_lost_while_ringing(call: Script) -> None:
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        pbx > 180         : 180 > trunk
    """)
    client = next(iter(call.world.proxy.transactions.clients.values()))
    client.transport_failed(call.world.now)
    call.play("wait 0 : INVITE > spare\n" + TAKEN)


def test_other_requests_fail_over_too(call: Script) -> None:
    call.play("""
        trunk > MESSAGE    : MESSAGE > pbx
        wait 4.1           : 2x MESSAGE > pbx, 100 MESSAGE > trunk, MESSAGE > pbx, MESSAGE > spare
        pbx > 100 MESSAGE
        spare > 200 MESSAGE : 200 MESSAGE > trunk
        pbx > 200 MESSAGE
    """)


def test_listener_that_we_do_not_have(call: Script) -> None:
    call.world.wire.listeners = [one for one in call.world.wire.listeners if one.transport == "tcp"]
    call["trunk"].transport = "tcp"
    call.play("""
        trunk > INVITE    : 100 > trunk, 503 > trunk
        trunk > ACK
    """)
    call["trunk"].dialog = None
    call["trunk"].dialled = b"sip:someone@pbx.example"
    call.play("trunk > MESSAGE : 503 MESSAGE > trunk")
