"""Phones that are not there, and extensions that the PBX does not know."""

import os
from collections.abc import Callable

import pytest

from routing.absence import is_absent, is_unknown
from routing.agents import AWAY_FOR
from routing.callbacks.facts import OwnCall
from routing.facts import Ending
from routing.ids import uuid7
from tests.routing.world import CUSTOMER, POLICY, SHARED, World


@pytest.mark.parametrize(("status", "q850", "rang", "absent"), [
    (480, None, False, True), (480, None, True, False), (480, 20, True, True), (480, 19, False, False),
    (480, 17, False, False), (480, 31, False, True), (503, 20, False, True), (486, None, False, False),
    (408, None, False, False), (404, None, False, False), (487, None, False, False),
])
def test_what_says_that_a_phone_is_not_there(status: int, q850: int | None, rang: bool, absent: bool) -> None:
    assert is_absent(status, q850, rang) is absent


@pytest.mark.parametrize(("status", "q850", "unknown"), [
    (404, None, True), (604, None, True), (484, None, True), (500, 1, True), (480, 20, False), (486, 17, False),
    (200, 1, False),
])
def test_what_says_that_there_is_no_such_extension(status: int, q850: int | None, unknown: bool) -> None:
    assert is_unknown(status, q850) is unknown


def leg(world: World, agent: str | None = "201") -> OwnCall:
    one = OwnCall(uuid7(world.now, os.urandom), "inbound", "main", "office", CUSTOMER, SHARED, agent, "sales", "a1")
    world.ledger.place(one, world.now)
    return one


def rung(world: World, status: int, q850: int | None = None, rings: bool = False, agent: str | None = "201") -> str:
    """A leg of ours to an agent ends so; give the agent's state after it."""
    one = leg(world, agent)
    if rings:
        world.ledger.ringing(one.id, 0, world.now)
    world.now += 0.2
    world.ledger.ended(one.id, Ending(status, "callee", q850=q850), world.now)
    return world.ledger.attendance.agents()[agent].state if agent is not None else ""


def test_an_agent_whose_phone_is_not_registered_is_away_until_there_is_a_sign(world: World) -> None:
    assert rung(world, 480) == "away"
    assert world.told("agent.state")[-1][1]["state"] == "away"
    world.ledger.turn(world.now + AWAY_FOR - 1)
    assert world.ledger.attendance.agent_state("201") == "away"
    world.ledger.turn(world.now + AWAY_FOR)
    assert world.ledger.attendance.agent_state("201") == "unknown", "and is tried again"
    assert world.told("agent.state")[-1][1]["state"] == "unknown"
    assert rung(world, 480, 20, rings=True) == "away"
    world.dial("201")
    assert world.ledger.attendance.agent_state("201") == "free", "they called somebody"
    assert rung(world, 480, 19) == "unknown"
    assert rung(world, 486, rings=True) == "unknown"


def test_a_phone_that_rings_is_there(world: World) -> None:
    rung(world, 480)
    one = leg(world)
    world.ledger.ringing(one.id, 0, world.now)
    world.ledger.ended(one.id, Ending(487, "proxy"), world.now)
    assert world.ledger.attendance.agent_state("201") == "free"


def test_a_direct_callback_that_finds_no_phone_says_so(world: World) -> None:
    world.dial("201")
    call = world.calls_in()
    assert world.ledger.decide(call, world.now).agent == "201"
    world.ledger.target_failed(call.id, 0, 480, world.now)
    assert world.ledger.attendance.agent_state("201") == "away"
    world.ledger.ended(call.id, Ending(487, "caller"), world.now)
    assert world.ledger.attendance.agent_state("201") == "away"


@pytest.mark.parametrize("agent", ["201", None])
def test_an_extension_that_the_pbx_does_not_know_is_an_alarm_that_names_it(world: World, agent: str | None) -> None:
    name = agent or "600"
    rung(world, 404, agent=agent)
    rung(world, 404, agent=agent)
    assert world.ledger.alarms.up() == {
        f"extension_{name}": f"PBX office does not know extension {name} (404): nobody is rung there; correct the "
                             "policy or the PBX"}
    assert len(world.alarms) == 1
    rung(world, 486, agent=agent)
    assert len(world.ledger.alarms.up()) == 1, "busy may be anything"
    one = leg(world, agent)
    world.ledger.ringing(one.id, 0, world.now)
    assert world.ledger.alarms.up() == {}


def test_an_extension_that_is_listed_no_more_needs_no_alarm(worlds: Callable[..., World]) -> None:
    world = worlds()
    rung(world, 404, agent="202")
    world.ledger.turn(world.now)
    assert list(world.ledger.alarms.up()) == ["extension_202"]
    world.policy(policy=POLICY.replace(', "202"', ""))
    world.ledger.turn(world.now)
    assert world.ledger.alarms.up() == {}


def test_what_a_customer_dials_is_no_alarm(world: World) -> None:
    call = world.calls_in(dialled="209")
    world.ledger.decide(call, world.now)
    world.ledger.ended(call.id, Ending(404, "callee"), world.now)
    assert world.ledger.alarms.up() == {}
