"""Our own bugs cost no call: whatever the rules raise, the call goes its normal way and is written about."""

from collections.abc import Callable

import pytest

from routing.facts import Decision, NewCall
from tests.kit.script import Script
from tests.kit.world import World


def broken(*facts: object) -> None:
    raise ZeroDivisionError("a bug")


def cleared(call: Script, *places: str) -> None:
    """Take note of the failures that were written about, so that the end of the flow finds none."""
    assert {where for where, _ in call.world.notes.failures} == set(places)
    call.world.notes.failures.clear()


def test_decision_raises(call: Script) -> None:
    call.world.router.broken = True
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > pbx
        pbx > 200         : 200 > trunk
        trunk > ACK       : ACK > pbx
        trunk > BYE       : BYE > pbx
        pbx > 200 BYE     : 200 BYE > trunk
    """)
    call["pbx"].dialog = None
    call.play("pbx > INVITE : 100 > pbx, INVITE > trunk\ntrunk > 486 : ACK > trunk, 486 > pbx\npbx > ACK")
    assert call.world.proxy.counters.fail_open == {"decide": 2}
    cleared(call, "decide")


@pytest.mark.parametrize("decision", [Decision((), "office", "normal"), None])
def test_decision_is_nonsense(call: Script, decision: Decision | None) -> None:
    def decide(new: NewCall) -> Decision:
        return decision  # type: ignore[return-value]  # that is the bug

    call.world.router.decision = decide
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK")
    cleared(call, "decide")


def test_decision_names_a_peer_that_is_not_there(call: Script) -> None:
    call.world.router.decision = lambda new: Decision(World().router.decide(new, 0.0).targets, "elsewhere", "normal")
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK")


def test_every_fact_raises(call: Script) -> None:
    call.direct_to_agent()
    for name in ("ringing", "target_failed", "answered", "alive", "ended", "open_call"):
        setattr(call.world.router, name, broken)
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > agent
        agent > 180       : 180 > trunk
        agent > 486       : ACK > agent, INVITE > pbx
        pbx > 183         : 183 > trunk
        pbx > 200         : 200 > trunk
        trunk > ACK       : ACK > pbx
        pbx > UPDATE      : UPDATE > trunk
        trunk > 200 UPDATE : 200 UPDATE > pbx
        trunk > BYE       : BYE > pbx
        pbx > 200 BYE     : 200 BYE > trunk
    """)
    call["trunk"].dialog = None
    call.play("""
        trunk > INVITE    : 100 > trunk, INVITE > agent
        agent > 404       : ACK > agent, INVITE > pbx
        pbx > 486         : ACK > pbx, 486 > trunk
        trunk > ACK
    """)
    call["pbx"].dialog = call.world.router.decision = None
    call.play("""
        pbx > INVITE      : 100 > pbx, INVITE > trunk
        trunk > 407       : ACK > trunk, 407 > pbx
        pbx > ACK
        wait 10
    """)
    assert call.world.proxy.counters.fail_open["ledger"] > 9
    cleared(call, "ledger")


@pytest.mark.parametrize("name", ["decide", "answered", "ended", "open_call"])
def test_after_a_restart(call: Script, name: str) -> None:
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 180 : 180 > trunk")
    call.world.restart()
    setattr(call.world.router, name, broken)
    call.play("pbx > 183 : 183 > trunk\npbx > 486 : ACK > pbx, 486 > trunk")
    call.world.notes.failures.clear()


def test_store_calls_back_and_then_the_rule_raises(call: Script) -> None:
    def ended(name: str, ending: object, now: float, stored: Callable[[], None]) -> None:
        stored()
        raise ZeroDivisionError("a bug")

    call.world.router.ended = ended  # type: ignore[method-assign, assignment]
    call.play("trunk > INVITE : 100 > trunk, INVITE > pbx\npbx > 486 : ACK > pbx, 486 > trunk\ntrunk > ACK")
    cleared(call, "ledger")
