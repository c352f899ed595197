"""product.md section 1: the table and the worked example, row by row, through the ledger and a real store.

E = 8 h; agent 201 calls at 09:00 and nobody answers. Hours here count from 09:00 = 0.
"""

from collections.abc import Callable

import pytest

from tests.routing.world import CUSTOMER, World

Worlds = Callable[..., World]
LAST_SECOND = 1 / 3600


def nine(worlds: Worlds, kind: int, talk: float | None = None, more: str = "") -> World:
    """Give a world in which 201 called at nine."""
    world = worlds(f'type = {kind}\nexpires_after = "8h"\n{more}')
    world.dial("201", talk)
    world.now -= talk or 0
    return world


def lives_until(world: World, hours: float) -> bool:
    """Whether the record lives to the last second before, and no longer."""
    now = world.now
    world.hour(hours - LAST_SECOND)
    before = world.reaches()
    world.hour(hours)
    at = world.reaches()
    world.now = now
    return (before, at) == ("201", None)


def test_type_0_makes_nothing(worlds: Worlds) -> None:
    world = nine(worlds, 0)
    assert world.reaches() is None
    assert world.store.direct.records(CUSTOMER) == []


def test_type_1_lives_until_17(worlds: Worlds) -> None:
    assert lives_until(nine(worlds, 1), 8)


def test_type_1_another_failed_try_at_12_changes_nothing(worlds: Worlds) -> None:
    world = nine(worlds, 1)
    world.hour(3)
    world.dial("201")
    assert lives_until(world, 8)


def test_type_1_customer_talks_at_10_and_the_call_at_11_is_normal(worlds: Worlds) -> None:
    world = nine(worlds, 1)
    world.hour(1)
    assert world.customer_calls(talk=60).targets[0].user == "201"
    world.hour(2)
    assert world.reaches() is None


def test_type_2_failed_try_at_12_makes_it_20(worlds: Worlds) -> None:
    world = nine(worlds, 2)
    world.hour(3)
    world.dial("201")
    assert lives_until(world, 11)


def test_type_3_talk_at_9_live_until_17(worlds: Worlds) -> None:
    world = nine(worlds, 3, talk=60)
    assert lives_until(world, 8 + 60 / 3600)


def test_type_3_customer_talks_at_10_still_17_and_201_again_at_12_until_20(worlds: Worlds) -> None:
    world = nine(worlds, 3)
    world.hour(1)
    world.customer_calls(talk=60)
    assert lives_until(world, 8)
    world.hour(3)
    world.dial("201")
    assert lives_until(world, 11)


def test_type_4_customer_at_16_makes_it_midnight(worlds: Worlds) -> None:
    world = nine(worlds, 4)
    world.hour(1)
    world.customer_calls(talk=60)
    world.hour(3)
    world.dial("201")
    assert lives_until(world, 11)
    world.hour(7)
    world.customer_calls(talk=None)
    assert lives_until(world, 15)


@pytest.mark.parametrize(("kind", "made"), [(0, False), (1, True), (2, True), (3, True), (4, True)])
def test_made_by_a_call_that_did_not_reach(worlds: Worlds, kind: int, made: bool) -> None:
    assert (nine(worlds, kind).reaches() == "201") is made


@pytest.mark.parametrize(("kind", "made"), [(0, False), (1, False), (2, False), (3, True), (4, True)])
def test_made_by_a_call_that_did_reach(worlds: Worlds, kind: int, made: bool) -> None:
    assert (nine(worlds, kind, talk=60).reaches() == "201") is made


@pytest.mark.parametrize(("kind", "until"), [(1, 8), (2, 10), (3, 10), (4, 10)])
def test_new_attempt(worlds: Worlds, kind: int, until: float) -> None:
    world = nine(worlds, kind)
    world.hour(2)
    world.dial("201")
    assert lives_until(world, until)


@pytest.mark.parametrize(("kind", "until"), [(1, None), (2, None), (3, 8), (4, 10)])
def test_customer_calls_and_they_talk(worlds: Worlds, kind: int, until: float | None) -> None:
    world = nine(worlds, kind)
    world.hour(2)
    world.customer_calls(talk=36, rings=-36)
    if until is None:
        assert world.reaches() is None
    else:
        assert lives_until(world, until)


@pytest.mark.parametrize(("kind", "until"), [(1, None), (2, None), (3, 10), (4, 10)])
def test_agent_calls_and_they_talk(worlds: Worlds, kind: int, until: float | None) -> None:
    world = nine(worlds, kind)
    world.hour(2)
    world.dial("201", talk=36, rings=-36)
    if until is None:
        assert world.reaches() is None
    else:
        assert lives_until(world, until)


@pytest.mark.parametrize(("kind", "until"), [(1, 8), (2, 8), (3, 8), (4, 10)])
def test_customer_calls_and_nobody_answers(worlds: Worlds, kind: int, until: float) -> None:
    world = nine(worlds, kind)
    world.hour(2)
    world.customer_calls()
    assert lives_until(world, until)


@pytest.mark.parametrize("kind", [1, 2])
def test_voicemail_of_three_seconds_is_no_talk(worlds: Worlds, kind: int) -> None:
    world = nine(worlds, kind, talk=3)
    assert world.reaches() == "201"
    world.customer_calls(talk=4.9)
    assert world.reaches() == "201"
    world.customer_calls(talk=5)
    assert world.reaches() is None


def test_the_one_touched_last_wins_and_an_agent_who_talks_clears_only_their_own(worlds: Worlds) -> None:
    world = nine(worlds, 1)
    world.hour(1)
    world.dial("202")
    assert world.reaches() == "202"
    world.hour(2)
    world.dial("201")
    assert world.reaches() == "201"
    world.customer_calls(talk=60)
    assert world.reaches() == "202"


@pytest.mark.parametrize(("kind", "made"), [(0, False), (1, False), (2, False), (3, True), (4, True)])
def test_inbound_creates(worlds: Worlds, kind: int, made: bool) -> None:
    world = worlds(f"type = {kind}\ninbound_creates = true")
    world.customer_calls(talk=2, dialled="+3614445599")
    assert (world.reaches() == "205") is made


def test_inbound_creates_is_off_unless_set(worlds: Worlds) -> None:
    world = worlds("type = 4")
    world.customer_calls(talk=60, dialled="+3614445599")
    assert world.reaches() is None
