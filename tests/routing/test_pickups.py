"""Call pickup and forwarded phones: who took a call that rang somewhere else."""

from collections.abc import Callable

import pytest

from routing.facts import Ending, NewCall
from routing.identity import Answers
from routing.pickups import AT_ONCE, MOMENT
from tests.routing.listening import Ears
from tests.routing.test_attendance import in_queue, own, row
from tests.routing.world import CUSTOMER, DIRECT, World, pai

Worlds = Callable[..., World]
OTHER = "+36309999999"


@pytest.fixture
def watched(worlds: Worlds) -> Callable[[Answers], World]:
    """A PBX that shows the dialogs of both agents, and of the owner of the direct number."""
    def make(answers: Answers) -> World:
        world = worlds(answers=answers)
        world.connect()
        for agent in ("201", "202", "205"):
            world.ledger.dialog_event(agent, "free", None, world.now)
        world.now += 1
        return world

    return make


@pytest.fixture
def queue(watched: Callable[[Answers], World]) -> World:
    return watched("before_queue")


@pytest.fixture
def office(watched: Callable[[Answers], World]) -> World:
    return watched("on_agent")


def rings_at_201(world: World, customer: str = CUSTOMER) -> NewCall:
    """A caller waits, and 201's phone rings for them: connected line and dialog, a few seconds long."""
    call = in_queue(world, customer)
    world.now += 20
    world.ledger.connected_line(call.id, (pai("201"),), world.now)
    world.ledger.dialog_event("201", "ringing", customer, world.now)
    world.now += 4
    return call


def hangs_up(world: World, call: NewCall, after: float) -> Ears:
    world.now += after
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    return world.ears


def missed(ears: Ears) -> list[tuple[str, str]]:
    return [(one.why, one.weight) for one in ears.missed_calls]


@pytest.mark.parametrize("order", ["dial line silent", "line dial silent", "silent dial line", "silent line dial"])
def test_pickup_out_of_a_queue(queue: World, order: str) -> None:
    """The order on the wire is the first; datagrams overtake one another."""
    call = rings_at_201(queue)
    for what in order.split():
        match what:
            case "dial":
                queue.ledger.dialog_event("202", "busy", None, queue.now)
            case "line":
                queue.ledger.connected_line(call.id, (pai("202"),), queue.now)
            case "silent":
                queue.ledger.dialog_event("201", "free", None, queue.now)
        queue.now += 0.003
    assert queue.ledger.taken_by(call.id) == "202"
    assert (queue.ledger.attendance.agent_state("202"), queue.ledger.attendance.waiting("sales")) == ("busy", 0)
    ears = hangs_up(queue, call, 6)
    assert ([talk.agent for talk in ears.talks], missed(ears)) == (["202"], [])
    assert row(queue, call.id) == ("202", "pickup")
    assert 5.9 < (queue.store.calls.newest(1)[0].talk_s or 0) < 6.1, "the talk begins with the pickup"


def test_the_confirmed_state_told_twice_is_one_pickup(queue: World) -> None:
    call = rings_at_201(queue)
    queue.ledger.dialog_event("202", "busy", None, queue.now)
    queue.ledger.dialog_event("202", "busy", None, queue.now + 0.01)
    queue.now += 10
    queue.ledger.dialog_event("202", "busy", None, queue.now)
    queue.ledger.connected_line(call.id, (pai("202"),), queue.now)
    assert queue.ledger.taken_by(call.id) is None, "they were in a call for ten seconds then"


@pytest.mark.parametrize("apart", [MOMENT + 0.1, 30.0])
def test_a_connected_line_at_a_phone_in_a_call_is_a_sign(queue: World, apart: float) -> None:
    """It may have been the pickup, or call waiting: nothing is claimed, and nobody is called back."""
    call = rings_at_201(queue)
    queue.ledger.dialog_event("202", "busy", None, queue.now)
    queue.now += apart
    queue.ledger.dialog_event("201", "free", None, queue.now)
    queue.ledger.connected_line(call.id, (pai("202"),), queue.now)
    assert queue.ledger.taken_by(call.id) is None
    ears = hangs_up(queue, call, 6)
    assert (ears.talks, missed(ears)) == ([], [])
    assert row(queue, call.id) == (None, "connected_line")


def test_a_phone_that_is_in_a_call_soon_after_its_connected_line_is_a_sign(queue: World) -> None:
    call = rings_at_201(queue)
    queue.ledger.connected_line(call.id, (pai("202"),), queue.now)
    queue.now += MOMENT + 0.2
    queue.ledger.dialog_event("202", "busy", None, queue.now)
    assert queue.ledger.taken_by(call.id) is None
    assert missed(hangs_up(queue, call, 6)) == []


def test_one_who_hangs_up_at_once_after_a_mere_sign_was_missed(queue: World) -> None:
    call = rings_at_201(queue)
    queue.ledger.dialog_event("202", "busy", None, queue.now - 30)
    queue.ledger.connected_line(call.id, (pai("202"),), queue.now)
    assert missed(hangs_up(queue, call, 2)) == [("abandoned", "likely")]


@pytest.mark.parametrize("first", ["201", "202"])
def test_without_a_connected_line_a_pickup_is_a_sign(queue: World, first: str) -> None:
    """One phone falls silent and another is in a call without having rung, in one moment."""
    call = in_queue(queue)
    queue.ledger.dialog_event("201", "ringing", CUSTOMER, queue.now)
    queue.now += 4
    for agent in (first, "201" if first == "202" else "202"):
        queue.ledger.dialog_event(agent, "free" if agent == "201" else "busy", None, queue.now)
        queue.now += 0.003
    assert queue.ledger.taken_by(call.id) is None
    ears = hangs_up(queue, call, 6)
    assert (ears.talks, missed(ears)) == ([], [])


def test_a_colleague_who_dials_at_another_time_is_no_sign(queue: World) -> None:
    call = in_queue(queue)
    queue.ledger.dialog_event("201", "ringing", CUSTOMER, queue.now)
    queue.now += 4
    queue.ledger.dialog_event("202", "busy", None, queue.now)
    queue.now += AT_ONCE + 0.05
    queue.ledger.dialog_event("201", "free", None, queue.now)
    assert missed(hangs_up(queue, call, 6)) == [("abandoned", "certain")]


def test_a_colleague_whose_call_we_see_is_no_sign(queue: World) -> None:
    call = in_queue(queue)
    queue.ledger.dialog_event("201", "ringing", CUSTOMER, queue.now)
    queue.now += 4
    queue.ledger.decide(queue.calls_out("202", OTHER), queue.now)
    queue.ledger.dialog_event("202", "busy", None, queue.now)
    queue.ledger.dialog_event("201", "free", None, queue.now)
    assert missed(hangs_up(queue, call, 6)) == [("abandoned", "certain")]


def test_a_phone_that_rang_and_was_left_is_no_sign(queue: World) -> None:
    call = rings_at_201(queue)
    queue.ledger.dialog_event("201", "free", None, queue.now)
    assert missed(hangs_up(queue, call, 6)) == [("abandoned", "certain")]


# Where the answer is the agent's


def test_the_identity_of_the_answer_says_who_picked_it_up(office: World) -> None:
    call = office.calls_in(dialled=DIRECT)
    office.ledger.decide(call, office.now)
    office.ledger.ringing(call.id, 0, office.now)
    office.ledger.answered(call.id, 0, (pai("202"),), None, office.now)
    assert office.ledger.taken_by(call.id) == "202"


@pytest.mark.parametrize("order", ["dial silent answer", "dial answer silent", "silent answer", "answer silent"])
def test_where_it_was_dialled_is_not_who_answered(office: World, order: str) -> None:
    """The 2xx names nobody. 205's phone fell silent in that moment: it is not 205's talk."""
    call = office.calls_in(dialled=DIRECT)
    office.ledger.decide(call, office.now)
    office.ledger.ringing(call.id, 0, office.now)
    office.ledger.dialog_event("205", "ringing", CUSTOMER, office.now)
    office.now += 4
    for what in order.split():
        match what:
            case "dial":
                office.ledger.dialog_event("202", "busy", None, office.now)
            case "silent":
                office.ledger.dialog_event("205", "free", None, office.now)
            case "answer":
                office.ledger.answered(call.id, 0, (), None, office.now)
        office.now += 0.003
    who = "202" if "dial" in order else None
    assert office.ledger.taken_by(call.id) == who
    assert office.ledger.attendance.agent_state("205") == "free"
    ears = hangs_up(office, call, 30)
    assert [talk.agent for talk in ears.talks] == [who]
    assert row(office, call.id) == (who, "pickup" if who else None)


def test_of_two_who_are_in_a_call_at_that_moment_neither_is_named(office: World) -> None:
    call = office.calls_in(dialled=DIRECT)
    office.ledger.decide(call, office.now)
    office.ledger.dialog_event("205", "ringing", CUSTOMER, office.now)
    for agent in ("201", "202"):
        office.ledger.dialog_event(agent, "busy", None, office.now)
    office.ledger.dialog_event("205", "free", None, office.now)
    office.ledger.answered(call.id, 0, (), None, office.now)
    assert office.ledger.taken_by(call.id) is None


@pytest.mark.parametrize("order", ["answer busy", "busy answer"])
def test_whoever_was_dialled_and_took_it_up_has_it(office: World, order: str) -> None:
    call = office.calls_in(dialled=DIRECT)
    office.ledger.decide(call, office.now)
    office.ledger.ringing(call.id, 0, office.now)
    office.ledger.dialog_event("205", "ringing", CUSTOMER, office.now)
    for what in order.split():
        if what == "answer":
            office.ledger.answered(call.id, 0, (), None, office.now)
        else:
            office.ledger.dialog_event("205", "busy", None, office.now)
    assert office.ledger.taken_by(call.id) == "205"


def test_a_phone_that_forwards_to_a_colleague(office: World) -> None:
    call = office.calls_in(dialled=DIRECT)
    office.ledger.decide(call, office.now)
    office.ledger.dialog_event("202", "ringing", CUSTOMER, office.now)
    office.now += 3
    office.ledger.answered(call.id, 0, (), None, office.now)
    assert office.ledger.taken_by(call.id) == "205"
    office.ledger.dialog_event("202", "busy", None, office.now + 0.01)
    assert office.ledger.taken_by(call.id) == "202"
    floor = office.ledger.attendance
    assert (floor.agent_state("205"), floor.agent_state("202")) == ("free", "busy")


# Legs of ours


def test_the_customers_leg_is_of_whoever_picked_ours_up(office: World) -> None:
    """The customer is called first, on 201's behalf; 202 takes the leg that rings 201."""
    customer, agent = own(office, "outbound"), own(office, "inbound")
    office.ledger.place(customer, office.now)
    office.ledger.answered(customer.id, 0, (), None, office.now)
    office.ledger.place(agent, office.now)
    office.ledger.answered(agent.id, 0, (pai("202"),), None, office.now)
    assert [office.ledger.taken_by(leg.id) for leg in (agent, customer)] == ["202", "202"]
    floor = office.ledger.attendance
    assert (floor.agent_state("201"), floor.agent_state("202")) == ("free", "busy")


def test_a_leg_into_a_queue_that_a_colleague_picks_up(queue: World) -> None:
    leg = own(queue, "inbound", None)
    queue.ledger.place(leg, queue.now)
    queue.ledger.answered(leg.id, 0, (), None, queue.now)
    queue.now += 3
    queue.ledger.dialog_event("201", "ringing", CUSTOMER, queue.now)
    queue.now += 3
    queue.ledger.dialog_event("202", "busy", None, queue.now)
    queue.ledger.connected_line(leg.id, (pai("202"),), queue.now)
    assert queue.ledger.taken_by(leg.id) == "202"
