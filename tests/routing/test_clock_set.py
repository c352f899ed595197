"""The wall clock is set while calls go on: they are as old as they were, and nobody loses one by it."""

import pytest

from routing.calls import LONGEST_CALL, RESTORED_UNANSWERED
from routing.ended_calls import ENDS_WITHIN, LONGEST_UNSEEN
from routing.facts import Ending
from tests.routing.world import World

SET_BY = [-400 * 86_400.0, -3600.0, 3600.0, 30 * 86_400.0, 400 * 86_400.0]
SESSION = 60.0
"""Session-Expires: silent for longer than 120 s is over."""


def set_clock(world: World, by: float) -> None:
    """Set the wall clock, and let the node see it."""
    world.now += by
    world.ledger.turn(world.now, by)


@pytest.mark.parametrize("by", SET_BY)
@pytest.mark.parametrize("session", [None, SESSION])
def test_a_talk_goes_on_and_is_as_long_as_it_is(world: World, by: float, session: float | None) -> None:
    call = world.calls_out("201")
    world.ledger.decide(call, world.now)
    world.ledger.answered(call.id, 0, (), session, world.now)
    world.now += 30.0
    set_clock(world, by)
    world.ledger.sweep(world.now)
    assert world.ledger.standing(call.id, world.now) == "open"
    world.now += 10.0
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    ended = next(data for kind, data in world.told("call.ended"))
    assert (ended["talk_s"], ended["by"]) == (40.0, "caller")


@pytest.mark.parametrize("by", SET_BY)
@pytest.mark.parametrize(("session", "longest"), [(None, LONGEST_CALL), (SESSION, 2 * SESSION)])
def test_what_nobody_ended_is_lost_no_later_than_ever(world: World, by: float, session: float | None,
                                                      longest: float) -> None:
    call = world.calls_out("201")
    world.ledger.decide(call, world.now)
    world.ledger.answered(call.id, 0, (), session, world.now)
    world.now += 30.0
    set_clock(world, by)
    world.ledger.sweep(world.now + longest - 31)
    assert len(world.ledger.calls()) == 1
    world.ledger.sweep(world.now + longest - 30)
    assert world.ledger.calls() == ()


@pytest.mark.parametrize("by", SET_BY)
def test_a_call_that_rang_when_we_crashed_has_its_hour(world: World, by: float) -> None:
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    world.commit()
    again = World(world.path.parent)
    try:
        again.ledger.restore(again.now)
        set_clock(again, by)
        again.ledger.sweep(again.now + RESTORED_UNANSWERED - 1)
        assert len(again.ledger.calls()) == 1
        again.ledger.sweep(again.now + RESTORED_UNANSWERED)
        assert again.ledger.calls() == ()
    finally:
        again.close()


@pytest.mark.parametrize("by", SET_BY)
def test_the_last_messages_of_a_call_pass_and_for_no_longer(world: World, by: float) -> None:
    call = world.calls_out("201")
    world.ledger.decide(call, world.now)
    world.ledger.ended(call.id, Ending(486, "callee"), world.now)
    set_clock(world, by)
    assert world.ledger.standing(call.id, world.now + ENDS_WITHIN - 1) == "over"
    assert world.ledger.standing(call.id, world.now + ENDS_WITHIN) == "long_over"


@pytest.mark.parametrize("by", SET_BY)
def test_a_call_that_is_not_written_down_may_go_on(world: World, by: float) -> None:
    call = world.calls_out("201")  # nothing is known of it but its token
    set_clock(world, by)
    assert world.ledger.standing(call.id, world.now) == "unknown"
    assert world.ledger.standing(call.id, world.now + abs(by) + LONGEST_UNSEEN) == "long_over"


@pytest.mark.parametrize("by", SET_BY)
def test_a_wrap_up_is_as_long_as_it_was(world: World, by: float) -> None:
    world.ledger.attendance.wrap_up("201", world.now + 60.0, world.now)
    set_clock(world, by)
    world.ledger.turn(world.now + 59.0)
    assert world.ledger.attendance.agents()["201"].state == "wrap_up"
    world.ledger.turn(world.now + 60.0)
    assert world.ledger.attendance.agents()["201"].state != "wrap_up"
