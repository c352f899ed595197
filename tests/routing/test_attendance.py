"""Who attends to whom: legs of ours, calls out of a queue, and what goes on now."""

import os
from collections.abc import Callable

import pytest

from routing import evidence
from routing.callbacks.facts import LegRecords, LiveState, OwnCall
from routing.facts import Ending, NewCall, Router
from routing.ids import uuid7
from tests.kit.builds import replaces_parts
from tests.routing.listening import Ears
from tests.routing.world import CUSTOMER, DIRECT, SHARED, World, pai

Worlds = Callable[..., World]
OTHER = "+36309999999"


@pytest.fixture
def queue(worlds: Worlds) -> World:
    """A PBX that answers before it queues, and shows the dialogs of both agents."""
    world = worlds(answers="before_queue")
    world.connect()
    for agent in ("201", "202"):
        world.ledger.dialog_event(agent, "free", None, world.now)
    world.now += 1
    return world


def own(world: World, direction: str, agent: str | None = "201", attempt: str = "a1") -> OwnCall:
    name = uuid7(world.now, os.urandom)
    return OwnCall(name, "inbound" if direction == "inbound" else "outbound", "main", "office", CUSTOMER, SHARED, agent,
                   "sales", attempt)


def in_queue(world: World, customer: str = CUSTOMER) -> NewCall:
    call = world.calls_in(customer)
    world.ledger.decide(call, world.now)
    world.ledger.answered(call.id, 0, (), None, world.now)
    return call


def takes(world: World, agent: str, remote: str | None, rings: float = 5.0) -> None:
    """An agent's phone rings for somebody and is taken up."""
    world.ledger.dialog_event(agent, "ringing", remote, world.now)
    world.now += rings
    world.ledger.dialog_event(agent, "busy", None, world.now)


def row(world: World, call: str) -> tuple[str | None, str | None]:
    world.commit()
    found = next(one for one in world.store.calls.newest(50) if one.id == call)
    return found.agent, found.evidence


def test_the_ledger_is_what_it_promises_to_be(world: World) -> None:
    def takes_all(floor: LiveState, records: LegRecords, router: Router) -> bool:
        return all((floor, records, router))

    assert takes_all(world.ledger.attendance, world.ledger, world.ledger)


# Legs of ours


def test_our_leg_engages_its_agent_from_the_first_moment(world: World) -> None:
    leg = own(world, "inbound")
    world.ledger.place(leg, world.now)
    assert world.ledger.attendance.agent_state("201") == "ringing"
    world.ledger.ringing(leg.id, 0, world.now)
    world.ledger.answered(leg.id, 0, (), None, world.now)
    assert (world.ledger.attendance.agent_state("201"), world.ledger.taken_by(leg.id)) == ("busy", "201")
    world.ledger.ended(leg.id, Ending(200, "proxy"), world.now)
    assert (world.ledger.attendance.agent_state("201"), world.ledger.taken_by(leg.id)) == ("free", None)
    started = world.told("call.started")[0][1]
    assert (started["reason"], started["customer"], started["dialled"], started["direction"]) == \
        ("callback", CUSTOMER, "201", "inbound")


def test_an_agent_who_refuses_our_leg_is_not_called_free(world: World) -> None:
    leg = own(world, "inbound")
    world.ledger.place(leg, world.now)
    world.ledger.ended(leg.id, Ending(486, "callee"), world.now)
    assert world.ledger.attendance.agent_state("201") == "unknown"


def test_a_leg_without_a_number_of_ours(world: World) -> None:
    world.ledger.place(own(world, "outbound")._replace(number=None, group="gone"), world.now)
    assert (world.ledger.calls()[0].number, world.ledger.calls()[0].sent.number_facts.kind) == (None, "shared")


def test_the_same_leg_is_placed_once(world: World) -> None:
    leg = own(world, "inbound")
    world.ledger.place(leg, world.now)
    world.ledger.place(leg, world.now)
    world.ledger.ended(leg.id, Ending(487, "proxy"), world.now)
    assert world.ledger.attendance.agent_state("201") == "free"
    assert world.ledger.attendance.on_trunk("main") == 0


@pytest.mark.parametrize("direct", ["type = 1", "type = 4\ninbound_creates = true"])
def test_the_leg_to_the_agent_is_no_talk_and_touches_no_record(worlds: Worlds, direct: str) -> None:
    world = worlds(direct)
    world.dial("201")
    world.dial("202", customer=OTHER)
    before = world.store.direct.records(CUSTOMER)
    ears = world.connect()
    leg = own(world, "inbound")
    world.ledger.place(leg, world.now)
    world.ledger.answered(leg.id, 0, (), None, world.now)
    world.now += 60
    world.ledger.ended(leg.id, Ending(200, "callee"), world.now)
    assert world.store.direct.records(CUSTOMER) == before
    assert (ears.talks, ears.missed_calls) == ([], [])
    assert world.told("call.ended")[-1][1]["verdict"] == "neither"


def test_the_leg_to_the_customer_is_a_call_of_the_agent(worlds: Worlds) -> None:
    world = worlds("type = 2")
    ears = world.connect()
    world.dial("201")
    agent, customer = own(world, "inbound"), own(world, "outbound")
    world.ledger.place(agent, world.now)
    world.ledger.answered(agent.id, 0, (), None, world.now)
    world.now += 10
    world.ledger.place(customer, world.now)
    world.now += 5
    world.ledger.answered(customer.id, 0, (), None, world.now)
    world.now += 60
    world.ledger.ended(customer.id, Ending(200, "callee"), world.now)
    assert world.store.direct.records(CUSTOMER) == [], "they talked"
    (talk,) = ears.talks
    assert (talk.agent, talk.attempt, talk.seconds, talk.direction, talk.group) == \
        ("201", "a1", 60.0, "outbound", "sales")
    assert row(world, customer.id) == ("201", "callback")


def test_a_customer_whom_the_callback_did_not_reach_comes_back_to_the_agent(world: World) -> None:
    agent, customer = own(world, "inbound"), own(world, "outbound")
    for leg in (agent, customer):
        world.ledger.place(leg, world.now)
    world.ledger.answered(agent.id, 0, (), None, world.now)
    world.ledger.ended(customer.id, Ending(486, "callee"), world.now)
    world.ledger.ended(agent.id, Ending(200, "proxy"), world.now)
    assert world.reaches() == "201"


def test_customer_first_the_talk_begins_with_the_agent(world: World) -> None:
    ears = world.connect()
    customer, agent = own(world, "outbound", None), own(world, "inbound", None)
    world.ledger.place(customer, world.now)
    world.ledger.answered(customer.id, 0, (), None, world.now)
    world.now += 30
    world.ledger.place(agent, world.now)
    world.ledger.answered(agent.id, 0, (pai("202"),), None, world.now)
    assert (world.ledger.taken_by(agent.id), world.ledger.taken_by(customer.id)) == ("202", "202")
    world.now += 20
    world.ledger.ended(agent.id, Ending(200, "proxy"), world.now)
    world.ledger.ended(customer.id, Ending(200, "callee"), world.now)
    assert [(talk.agent, talk.seconds) for talk in ears.talks] == [("202", 20.0)]


def test_customer_first_without_an_agent_is_no_talk(world: World) -> None:
    ears = world.connect()
    customer = own(world, "outbound", None)
    world.ledger.place(customer, world.now)
    world.ledger.answered(customer.id, 0, (), None, world.now)
    world.now += 60
    world.ledger.ended(customer.id, Ending(200, "callee"), world.now)
    assert ears.talks == []
    world.commit()
    assert world.store.calls.newest(1)[0].talk_s == 0.0


def test_who_took_our_leg_to_a_queue_is_seen_in_the_dialogs(queue: World) -> None:
    leg = own(queue, "inbound", None)
    queue.ledger.place(leg, queue.now)
    assert queue.told("call.started")[0][1]["dialled"] == "600"
    queue.ledger.answered(leg.id, 0, (pai("600"),), None, queue.now)
    assert queue.ledger.taken_by(leg.id) is None
    takes(queue, "202", CUSTOMER)
    assert queue.ledger.taken_by(leg.id) == "202"
    queue.ledger.dialog_event("202", "free", None, queue.now)
    assert queue.ledger.attendance.agent_state("202") == "free"


def test_who_rings_in_meets_the_agent_of_a_queue_once_they_are_known(queue: World) -> None:
    desk = queue.ears
    desk.attempts[CUSTOMER] = "a1"
    leg, glare = own(queue, "inbound", None), queue.calls_in()
    queue.ledger.place(leg, queue.now)
    queue.ledger.answered(leg.id, 0, (), None, queue.now)
    queue.ledger.decide(glare, queue.now)
    queue.ledger.answered(glare.id, 0, (), None, queue.now)
    queue.ledger.place(own(queue, "inbound", "203", "a2"), queue.now)
    takes(queue, "202", CUSTOMER)
    assert queue.ledger.taken_by(glare.id) == "202"
    queue.now += 10
    queue.ledger.ended(leg.id, Ending(200, "callee"), queue.now)
    queue.ledger.ended(glare.id, Ending(200, "proxy"), queue.now)
    assert [(talk.agent, talk.seconds) for talk in desk.talks] == [("202", 15.0)], "since they were joined"


def test_legs_of_ours_end_with_the_process_that_placed_them(worlds: Worlds) -> None:
    world = worlds("type = 1")
    legs = [own(world, "inbound"), own(world, "outbound")]
    for leg in legs:
        world.ledger.place(leg, world.now)
        world.ledger.answered(leg.id, 0, (), None, world.now)
    glare = world.calls_in()
    ears = world.connect()
    ears.attempts[CUSTOMER] = "a1"
    world.ledger.decide(glare, world.now)
    world.ledger.answered(glare.id, 0, (), None, world.now)
    passing = world.calls_out("202", OTHER)
    world.ledger.decide(passing, world.now)
    world.commit()
    again = worlds("type = 1")
    heard = again.connect()
    assert again.ledger.restore(again.now + 100) == 1
    assert [call.id for call in again.ledger.calls()] == [passing.id]
    assert again.ledger.attendance.agent_state("201") == "unknown"
    assert (heard.talks, heard.missed_calls, again.ledger.attendance.engaged(CUSTOMER)) == ([], [], False)
    again.commit()
    assert {(found.ended_by, found.talk_s) for found in again.store.calls.newest(9, CUSTOMER)} == {("lost", None)}
    assert again.store.direct.records(CUSTOMER) == []


# Out of a queue


def test_ringing_for_this_customer_and_then_taken_up_is_proof(queue: World) -> None:
    call = in_queue(queue)
    assert (queue.ledger.attendance.waiting("sales"), queue.ledger.taken_by(call.id)) == (1, None)
    queue.now += 30
    takes(queue, "201", "06201234567")
    assert (queue.ledger.attendance.waiting("sales"), queue.ledger.taken_by(call.id)) == (0, "201")
    queue.now += 60
    queue.ledger.ended(call.id, Ending(200, "caller"), queue.now)
    queue.ledger.dialog_event("201", "free", None, queue.now)
    assert row(queue, call.id) == ("201", "dialog_event")
    assert queue.store.calls.newest(1)[0].talk_s == 60.0
    assert queue.ledger.attendance.agent_state("201") == "free"


@pytest.mark.parametrize("shown", ["906201234567", "0201234567", "0006201234567", "9006201234567", "0+36201234567"])
def test_a_number_made_to_be_dialled_back_is_the_customers(queue: World, shown: str) -> None:
    """The dialplan has put the digits for an outside line before it: whoever talked is not called back for that."""
    in_queue(queue, OTHER)
    call = in_queue(queue)
    takes(queue, "201", shown)
    assert queue.ledger.taken_by(call.id) == "201"


@pytest.mark.parametrize("shown", ["90201234567", "9906301112233", "201", "99999906201234567"])
def test_digits_before_it_prove_nobody_who_does_not_wait(queue: World, shown: str) -> None:
    call = in_queue(queue, "+36209999999")
    takes(queue, "201", shown)
    assert queue.ledger.taken_by(call.id) is None


@pytest.mark.parametrize(("ring", "then"), [
    (CUSTOMER, "free"), (OTHER, "busy"), ("anonymous", "busy"), ("gr\udcff", "busy"), (None, "busy"), (CUSTOMER, None),
])
def test_anything_less_proves_nothing(queue: World, ring: str | None, then: str | None) -> None:
    call = in_queue(queue)
    queue.ledger.dialog_event("201", "ringing", ring, queue.now)
    queue.ledger.dialog_event("201", "free" if then == "free" else "busy" if then else None, None, queue.now)
    assert (queue.ledger.attendance.waiting("sales"), queue.ledger.taken_by(call.id)) == (1, None)


def test_busy_without_ringing_and_ringing_from_long_ago_prove_nothing(queue: World) -> None:
    call = in_queue(queue)
    queue.ledger.dialog_event("201", "busy", CUSTOMER, queue.now)
    assert queue.ledger.taken_by(call.id) is None
    queue.ledger.dialog_event("202", "ringing", CUSTOMER, queue.now)
    queue.ledger.dialog_event("202", "free", None, queue.now)
    queue.ledger.dialog_event("202", "busy", None, queue.now)
    assert queue.ledger.taken_by(call.id) is None


def test_everybody_rings_and_one_takes_it(queue: World) -> None:
    call = in_queue(queue)
    for agent in ("201", "202"):
        queue.ledger.dialog_event(agent, "ringing", CUSTOMER, queue.now)
    queue.ledger.dialog_event("202", "busy", None, queue.now)
    queue.ledger.dialog_event("201", "free", None, queue.now)
    assert queue.ledger.taken_by(call.id) == "202"


def test_of_two_calls_from_one_number_nobody_knows_which_was_taken(queue: World) -> None:
    first, second = in_queue(queue), in_queue(queue)
    takes(queue, "201", CUSTOMER)
    assert [queue.ledger.taken_by(call.id) for call in (first, second)] == [None, None]
    assert queue.ledger.attendance.waiting("sales") == 1
    takes(queue, "202", CUSTOMER)
    assert [queue.ledger.taken_by(call.id) for call in (first, second)] == [None, None]
    assert queue.ledger.attendance.waiting("sales") == 0
    queue.now += 60
    for call in (first, second):
        queue.ledger.ended(call.id, Ending(200, "caller"), queue.now)
    desk = queue.ears
    assert ([talk.agent for talk in desk.talks], desk.missed_calls) == ([None, None], [])


def test_the_connected_line_tells_which_of_two_calls_it_was(queue: World) -> None:
    first, second = in_queue(queue), in_queue(queue)
    queue.ledger.connected_line(second.id, (pai("201"),), queue.now)
    takes(queue, "201", CUSTOMER)
    assert [queue.ledger.taken_by(call.id) for call in (first, second)] == [None, "201"]


def test_a_pbx_that_does_not_say_who_rings_but_shows_the_connected_line(queue: World) -> None:
    call = in_queue(queue)
    queue.ledger.connected_line(call.id, (pai("201"),), queue.now)
    takes(queue, "201", None)
    assert queue.ledger.taken_by(call.id) == "201"


def test_a_connected_line_of_another_time_tells_nothing(queue: World) -> None:
    call = in_queue(queue)
    queue.ledger.connected_line(call.id, (pai("201"),), queue.now)
    queue.ledger.dialog_event("201", "ringing", CUSTOMER, queue.now)
    queue.ledger.dialog_event("201", "free", None, queue.now + 10)
    queue.now += 60
    takes(queue, "201", None)
    assert queue.ledger.taken_by(call.id) is None, "an internal call, maybe"


def test_a_connected_line_of_another_customers_call_does_not_mislead(queue: World) -> None:
    other, call = in_queue(queue, OTHER), in_queue(queue)
    queue.ledger.connected_line(other.id, (pai("201"),), queue.now)
    takes(queue, "201", CUSTOMER)
    assert [queue.ledger.taken_by(one.id) for one in (other, call)] == [None, "201"]
    third = in_queue(queue, OTHER)
    queue.ledger.connected_line(third.id, (pai("201"),), queue.now)
    queue.ledger.ended(other.id, Ending(200, "caller"), queue.now)
    takes(queue, "201", None)
    assert queue.ledger.taken_by(third.id) == "201", "the phone is shown at the newer call still"


def test_connected_lines_that_say_nothing(queue: World) -> None:
    call = in_queue(queue)
    outbound = queue.calls_out("202", OTHER)
    queue.ledger.decide(outbound, queue.now)
    queue.ledger.connected_line("?", (pai("201"),), queue.now)
    queue.ledger.connected_line(outbound.id, (pai("201"),), queue.now)
    queue.ledger.connected_line(call.id, (pai("600"), pai("+36301111111")), queue.now)
    assert [entry.seen.signs for entry in queue.ledger.calls()] == [None, None]


@replaces_parts
def test_phones_that_are_remembered_are_bounded(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "SIGNS_MAX", 2)
    world = worlds(answers="before_queue")
    call = in_queue(world)
    for agent in ("201", "202", "203", "201"):
        world.now += 1
        world.ledger.connected_line(call.id, (pai(agent),), world.now)
    assert world.ledger.calls()[0].seen.signs == {"202": world.now - 2, "201": world.now}
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    assert world.ledger._evidence._shown == {}


@pytest.mark.parametrize("early", [True, False])
def test_a_queue_that_answers_with_the_agent_and_does_not_name_them(worlds: Worlds, early: bool) -> None:
    world = worlds()
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    world.ledger.dialog_event("202", "ringing", CUSTOMER, world.now)
    for step in (("dialog", "answer") if early else ("answer", "dialog")):
        if step == "dialog":
            world.ledger.dialog_event("202", "busy", None, world.now)
        else:
            world.ledger.answered(call.id, 0, (), None, world.now)
        world.now += 0.5
    assert world.ledger.taken_by(call.id) == "202"
    world.now += 60
    world.ledger.dialog_event("201", "ringing", CUSTOMER, world.now)
    world.ledger.dialog_event("201", "busy", None, world.now)
    assert world.ledger.taken_by(call.id) == "202", "another call rings there, of the same number"
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    assert row(world, call.id) == ("202", "dialog_event")
    assert world.store.calls.newest(1)[0].talk_s == (60.5 if early else 61.0), "since the answer"


def test_long_after_the_answer_a_phone_rings_for_another_call(world: World) -> None:
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    world.ledger.answered(call.id, 0, (), None, world.now)
    world.now += evidence.NOTIFY_LATE + 0.1
    takes(world, "201", CUSTOMER, 0.0)
    assert world.ledger.taken_by(call.id) is None


# What goes on now


def test_engaged_counts_others_calls_alone(world: World) -> None:
    assert not world.ledger.attendance.engaged(CUSTOMER)
    leg = own(world, "outbound")
    world.ledger.place(leg, world.now)
    assert not world.ledger.attendance.engaged(CUSTOMER)
    call = world.calls_out("202")
    world.ledger.decide(call, world.now)
    assert world.ledger.attendance.engaged(CUSTOMER)
    world.ledger.ended(call.id, Ending(486, "callee"), world.now)
    assert not world.ledger.attendance.engaged(CUSTOMER)


def test_waiting_until_somebody_answers_or_they_hang_up(worlds: Worlds) -> None:
    world = worlds()
    first, second = world.calls_in(), world.calls_in(OTHER)
    for call in (first, second, world.calls_in(dialled=DIRECT), world.calls_in(dialled="+3614440000")):
        world.ledger.decide(call, world.now)
    assert (world.ledger.attendance.waiting("sales"), world.ledger.attendance.waiting("?")) == (2, 0)
    world.ledger.answered(first.id, 0, (), None, world.now)
    assert world.ledger.attendance.waiting("sales") == 1
    world.ledger.ended(second.id, Ending(487, "caller"), world.now)
    assert world.ledger.attendance.waiting("sales") == 0
    world.ledger.ended(first.id, Ending(200, "caller"), world.now)
    assert world.ledger.attendance.waiting("sales") == 0


def test_who_is_shown_at_a_phone_that_nobody_watches_waits_no_longer(worlds: Worlds) -> None:
    world = worlds(answers="before_queue")
    call = in_queue(world)
    assert world.ledger.attendance.waiting("sales") == 1
    world.ledger.connected_line(call.id, (pai("201"),), world.now)
    assert world.ledger.attendance.waiting("sales") == 0


def test_calls_on_a_trunk_are_those_that_it_carries(world: World) -> None:
    legs = [own(world, "inbound"), own(world, "outbound")]
    for leg in legs:
        world.ledger.place(leg, world.now)
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    assert world.ledger.attendance.on_trunk("main") == 2, "the customer's leg, and the call that passes"
    for name in (legs[0].id, legs[1].id, call.id):
        world.ledger.ended(name, Ending(487, "caller"), world.now)
    assert world.ledger.attendance.on_trunk("main") == 0


def test_the_floor_after_a_restart(worlds: Worlds) -> None:
    world = worlds()
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    world.commit()
    again = worlds()
    again.ledger.restore(again.now)
    floor = again.ledger.attendance
    assert (floor.engaged(CUSTOMER), floor.waiting("sales"), floor.on_trunk("main")) == (True, 1, 1)
    again.ledger.ended(call.id, Ending(487, "caller"), again.now)
    assert (floor.engaged(CUSTOMER), floor.waiting("sales"), floor.on_trunk("main")) == (False, 0, 0)


def test_wrap_up_is_told_and_ends_by_itself(world: World) -> None:
    told: list[bool] = []
    world.parts.connect(Ears(), lambda: told.append(True))
    world.ledger.attendance.wrap_up("201", world.now + 30, world.now)
    assert world.ledger.attendance.agent_state("201") == "wrap_up"
    world.ledger.turn(world.now + 29)
    assert world.ledger.attendance.agent_state("201") == "wrap_up"
    world.ledger.turn(world.now + 30)
    floor = world.ledger.attendance
    assert (floor.agent_state("201"), floor.agent_since("201")) == ("unknown", world.now + 30)
    assert [data["state"] for _, data in world.told("agent.state")] == ["wrap_up", "unknown"]
    assert told == [True, True]
    world.ledger.attendance.wrap_up("201", world.now + 40, world.now)
    world.ledger.sweep(world.now + 40)
    assert world.ledger.attendance.agent_state("201") == "unknown", "at the latest with the sweep"


def test_what_dialogs_show_is_told(world: World) -> None:
    assert world.ledger.attendance.agent_since("201") is None
    world.ledger.dialog_event("201", "free", None, world.now)
    world.ledger.dialog_event("201", "busy", None, world.now)
    world.ledger.dialog_event("201", "busy", None, world.now)
    assert [(data["state"], data["name"], data["call"]) for _, data in world.told("agent.state")] == \
        [("free", "Anna", None), ("busy", "Anna", None)]
