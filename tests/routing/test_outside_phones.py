"""A queue whose member is a mobile behind the same trunk: the PBX's own call to it passes, and shows the customer."""

from collections.abc import Callable

import pytest

from routing.facts import Ending, Identity, NewCall
from routing.identity import Answers
from tests.routing.listening import Ears
from tests.routing.test_attendance import OTHER, in_queue, own, row
from tests.routing.world import CUSTOMER, SHARED, World

Worlds = Callable[..., World]
MOBILE = "+36301112233"


@pytest.fixture
def queue(worlds: Worlds) -> World:
    return house(worlds, "before_queue")


def house(worlds: Worlds, answers: Answers) -> World:
    """Both agents are watched and free."""
    world = worlds("type = 3", answers=answers)
    world.connect()
    for agent in ("201", "202"):
        world.ledger.dialog_event(agent, "free", None, world.now)
    world.now += 1
    return world


def ears(world: World) -> Ears:
    return world.ears


def rings_the_mobile(world: World, *shown: Identity) -> NewCall:
    """The PBX calls the mobile, and shows these."""
    leg = world.new_call("outbound", MOBILE, *(shown or (Identity("p-asserted-identity", CUSTOMER, "pbx", ""),
                                                         Identity("from", SHARED, "pbx", ""))))
    world.ledger.decide(leg, world.now)
    world.ledger.ringing(leg.id, 0, world.now)
    world.now += 4
    return leg


def test_from_its_answer_on_it_is_a_talk(queue: World) -> None:
    call = in_queue(queue)
    queue.now += 20
    leg = rings_the_mobile(queue)
    assert queue.ledger.attendance.waiting("sales") == 1
    queue.ledger.answered(leg.id, 0, (), None, queue.now)
    assert queue.ledger.attendance.waiting("sales") == 0
    queue.now += 60
    queue.ledger.ended(call.id, Ending(200, "caller"), queue.now)
    queue.ledger.ended(leg.id, Ending(200, "caller"), queue.now)
    assert ([(talk.customer, talk.agent, talk.seconds) for talk in ears(queue).talks], ears(queue).missed_calls) == \
        ([(CUSTOMER, None, 60.0)], [])
    assert row(queue, call.id) == (None, "outside_phone")


def test_it_is_no_call_of_an_agent_and_none_to_the_mobile(queue: World) -> None:
    in_queue(queue)
    for cause in (486, 200):
        leg = rings_the_mobile(queue, Identity("x-agent", "201", "", ""), Identity("from", "06201234567", "pbx", ""))
        if cause == 200:
            queue.ledger.answered(leg.id, 0, (), None, queue.now)
            queue.now += 60
        queue.ledger.ended(leg.id, Ending(cause, "callee"), queue.now)
        assert queue.store.direct.records(MOBILE) == []
    queue.commit()
    assert [one.reason for one in queue.store.calls.newest(9, MOBILE)] == ["on_behalf", "on_behalf"]
    assert queue.store.direct.records(CUSTOMER) == []
    assert ears(queue).talks == []
    assert queue.ledger.attendance.agent_state("201") == "free"
    assert queue.reaches(MOBILE) is None


@pytest.mark.parametrize("end", ["486", "487"])
def test_a_mobile_that_does_not_take_it_changes_nothing(queue: World, end: str) -> None:
    call = in_queue(queue)
    leg = rings_the_mobile(queue)
    queue.ledger.ended(leg.id, Ending(int(end), "callee"), queue.now)
    queue.now += 20
    queue.ledger.ended(call.id, Ending(200, "caller"), queue.now)
    assert [(one.why, one.weight) for one in ears(queue).missed_calls] == [("abandoned", "certain")]


@pytest.mark.parametrize(("then", "missed"), [(2, [("abandoned", "likely")]), (20, [])])
def test_a_mobile_that_declines_by_key_leaves_the_customer_waiting(queue: World, then: float,
                                                                   missed: list[tuple[str, str]]) -> None:
    """Its answer was a sign all the same: nothing is claimed of who waits on."""
    call = in_queue(queue)
    leg = rings_the_mobile(queue)
    queue.ledger.answered(leg.id, 0, (), None, queue.now)
    queue.now += 3
    queue.ledger.ended(leg.id, Ending(200, "caller"), queue.now)
    queue.now += then
    queue.ledger.ended(call.id, Ending(200, "caller"), queue.now)
    assert ([(one.why, one.weight) for one in ears(queue).missed_calls], ears(queue).talks) == (missed, [])


def test_an_agent_may_take_it_after_the_mobile_has_declined(queue: World) -> None:
    call = in_queue(queue)
    leg = rings_the_mobile(queue)
    queue.ledger.answered(leg.id, 0, (), None, queue.now)
    queue.ledger.ended(leg.id, Ending(200, "caller"), queue.now + 3)
    queue.ledger.dialog_event("201", "ringing", CUSTOMER, queue.now + 4)
    queue.ledger.dialog_event("201", "busy", None, queue.now + 8)
    assert queue.ledger.taken_by(call.id) == "201"


@pytest.mark.parametrize("shown", [
    Identity("from", SHARED, "pbx", ""), Identity("p-asserted-identity", OTHER, "pbx", ""),
    Identity("from", "anonymous", "pbx", "")])
def test_who_is_not_shown_is_not_seen(queue: World, shown: Identity) -> None:
    call = in_queue(queue)
    leg = rings_the_mobile(queue, shown)
    queue.ledger.answered(leg.id, 0, (), None, queue.now)
    queue.now += 60
    queue.ledger.ended(call.id, Ending(200, "caller"), queue.now)
    assert len(ears(queue).missed_calls) == 1


def test_an_agent_who_calls_the_customer_who_waits_is_an_agent(queue: World) -> None:
    in_queue(queue)
    outward = queue.calls_out("201", CUSTOMER)
    assert queue.ledger.decide(outward, queue.now).agent == "201"
    shows_itself = queue.new_call("outbound", CUSTOMER, Identity("from", CUSTOMER, "pbx", ""))
    assert queue.ledger.decide(shows_itself, queue.now).reason == "normal"


def test_numbers_of_ours_are_what_agents_show(queue: World) -> None:
    """A call of ours went round by the carrier: its number is the caller of a call that waits."""
    in_queue(queue, SHARED)
    shown = Identity("x-agent", "201", "", ""), Identity("from", SHARED, "pbx", "")
    outward = queue.new_call("outbound", MOBILE, *shown)
    decision = queue.ledger.decide(outward, queue.now)
    assert (decision.reason, decision.agent) == ("normal", "201")


def test_a_customer_whom_an_agent_passes_on_outside(queue: World) -> None:
    """They had been taken before: the agent keeps the talk."""
    call = in_queue(queue)
    queue.ledger.dialog_event("201", "ringing", CUSTOMER, queue.now)
    queue.ledger.dialog_event("201", "busy", None, queue.now)
    leg = rings_the_mobile(queue)
    queue.ledger.answered(leg.id, 0, (), None, queue.now)
    queue.ledger.ended(leg.id, Ending(200, "caller"), queue.now + 2)
    assert queue.ledger.taken_by(call.id) == "201"
    queue.ledger.ended(call.id, Ending(200, "caller"), queue.now + 30)
    assert row(queue, call.id) == ("201", "dialog_event")


def test_of_two_calls_of_one_customer_the_one_that_waits_is_meant(queue: World) -> None:
    """The other was taken before."""
    first = in_queue(queue)
    queue.ledger.dialog_event("201", "ringing", CUSTOMER, queue.now)
    queue.ledger.dialog_event("201", "busy", None, queue.now)
    queue.now += 10
    second = in_queue(queue)
    leg = rings_the_mobile(queue)
    queue.ledger.answered(leg.id, 0, (), None, queue.now)
    for call in (first, second):
        queue.ledger.ended(call.id, Ending(200, "caller"), queue.now + 30)
    assert [row(queue, call.id) for call in (first, second)] == [("201", "dialog_event"), (None, "outside_phone")]


def test_the_invite_with_credentials_is_the_same_call(queue: World) -> None:
    call = in_queue(queue)
    leg = rings_the_mobile(queue)
    assert queue.ledger.decide(leg, queue.now).reason == "on_behalf"
    queue.ledger.answered(leg.id, 0, (), None, queue.now)
    queue.ledger.ended(leg.id, Ending(200, "caller"), queue.now + 30)
    queue.ledger.ended(call.id, Ending(200, "callee"), queue.now + 30)
    assert len(ears(queue).talks) == 1


def test_a_pbx_that_answers_with_the_mobile(worlds: Worlds) -> None:
    world = house(worlds, "on_agent")
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    leg = rings_the_mobile(world)
    world.ledger.answered(leg.id, 0, (), None, world.now)
    world.ledger.answered(call.id, 0, (Identity("p-asserted-identity", MOBILE, "pbx", ""),), None, world.now + 0.1)
    world.now += 30
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    assert [talk.agent for talk in ears(world).talks] == [None]


def test_a_pbx_that_asks_the_mobile_before_it_answers(worlds: Worlds) -> None:
    world = house(worlds, "on_agent")
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    leg = rings_the_mobile(world)
    world.ledger.answered(leg.id, 0, (), None, world.now)
    world.ledger.ended(call.id, Ending(487, "caller"), world.now + 1)
    assert [(one.why, one.weight) for one in ears(world).missed_calls] == [("hung_up", "likely")]


def test_a_queue_of_mobiles_is_not_blind(worlds: Worlds) -> None:
    policy = """
region = "HU"
[number."+3614445555"]
group = "sales"
[group.sales]
target = "600"
missed_callback = { enabled = true }
"""
    world = worlds(policy=policy, answers="before_queue")
    world.connect()
    for taken, blind in ((False, True), (True, False), (False, False)):
        call = in_queue(world)
        leg = rings_the_mobile(world)
        if taken:
            world.ledger.answered(leg.id, 0, (), None, world.now)
            assert world.ledger.alarms.up() == {}
        world.ledger.ended(leg.id, Ending(200 if taken else 486, "callee"), world.now + 30)
        world.now += 31
        world.ledger.ended(call.id, Ending(200, "caller"), world.now)
        assert ("blind_queue_office" in world.ledger.alarms.up()) == blind


def test_our_leg_into_a_queue_is_taken_by_a_mobile(queue: World) -> None:
    leg = own(queue, "inbound", None)
    queue.ledger.place(leg, queue.now)
    queue.ledger.answered(leg.id, 0, (), None, queue.now)
    out = rings_the_mobile(queue)
    queue.ledger.answered(out.id, 0, (), None, queue.now)
    assert queue.ledger.taken_by(leg.id) is None
    assert not queue.ledger.attendance.engaged(CUSTOMER)
    queue.ledger.ended(out.id, Ending(200, "callee"), queue.now + 30)
    queue.ledger.ended(leg.id, Ending(200, "callee"), queue.now + 30)
    assert (ears(queue).talks, ears(queue).missed_calls) == ([], [])


def test_it_is_counted_as_a_part_of_the_customers_call(queue: World, worlds: Worlds) -> None:
    in_queue(queue)
    leg = rings_the_mobile(queue)
    queue.ledger.answered(leg.id, 0, (), None, queue.now)
    counts = queue.ledger.counters(queue.now)
    assert (counts["active"], counts["today"], counts["inbound"], counts["outbound"], counts["answered"]) == \
        (1, 1, 1, 0, 1)
    queue.commit()
    queue.close()
    again = house(worlds, "before_queue")
    again.now = queue.now + 10
    again.ledger.restore(again.now)
    assert again.ledger.counters(again.now) == counts


def test_after_a_restart_it_is_no_talk_of_the_mobiles_number(queue: World, worlds: Worlds) -> None:
    in_queue(queue)
    leg = rings_the_mobile(queue)
    queue.ledger.answered(leg.id, 0, (), None, queue.now)
    queue.commit()
    queue.close()
    again = house(worlds, "before_queue")
    again.now = queue.now + 10
    assert again.ledger.restore(again.now) == 2
    again.ledger.ended(leg.id, Ending(200, "callee", dialog="x"), again.now + 30)
    assert (ears(again).talks, again.store.direct.records(MOBILE)) == ([], [])
