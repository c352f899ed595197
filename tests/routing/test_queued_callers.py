"""Callers who wait, as the ledger sees them: what they are asked and promised, who takes them, how long it takes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from config.policy import parse_policy
from routing.callbacks.facts import OwnCall
from routing.callbacks.queue_facts import (
    CallerStayed,
    MenuTerms,
    PlaceTerms,
    QueueOffer,
    RequestAnswer,
    TypedNumber,
)
from routing.facts import PLACE, QUEUE_ROOM, SERVICE, Decision, Ending, Identity, NewCall, Target
from routing.identity import Answers
from routing.pace import Pace
from tests.kit.desk_parts import new_desk
from tests.routing.world import CUSTOMER, DIRECT, World, pai

POLICY = """
region = "HU"
timezone = "Europe/Budapest"
[queue_callback]
enabled = true
[number."+3614445555"]
group = "sales"
[number."+3614445599"]
kind = "direct"
agent = "205"
[group.sales]
target = "600"
agents = ["201", "202"]
"""
OTHER = "+36309999999"
MENU = MenuTerms("1", True, 20.0, 60.0, 0.0, True, True, 3, "hu", None, None, None, None)
TERMS = PlaceTerms("task", CUSTOMER, "sales", "hu", 15.0, 0.0)
HERE = (Target(local=QUEUE_ROOM), Target())

New = Callable[..., World]


@pytest.fixture
def new(tmp_path: Path) -> Iterator[New]:
    worlds: list[World] = []

    def make(answers: Answers = "before_queue", policy: str = POLICY) -> World:
        worlds.append(World(tmp_path, policy=policy, answers=answers))
        ears = worlds[-1].connect()
        ears.may_press, ears.answer = QueueOffer(MENU, None), RequestAnswer(TERMS)
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


def rings(world: World, customer: str = CUSTOMER) -> NewCall:
    """A customer calls and is in the queue."""
    call = world.calls_in(customer)
    decision = world.ledger.decide(call, world.now)
    world.ledger.ringing(call.id, len(decision.targets) - 2, world.now)
    world.ledger.answered(call.id, len(decision.targets) - 2, (), None, world.now)
    return call


def asks(world: World, call: NewCall, number: str | None = None) -> list[RequestAnswer]:
    answers: list[RequestAnswer] = []
    world.ledger.queue.ask(call.id, number, "place", world.now, answers.append)
    return answers


# Where calls go


def test_who_may_ask_goes_through_the_room(new: New) -> None:
    world = new()
    assert world.ledger.decide(world.calls_in(), world.now).targets == HERE
    withheld = world.new_call("inbound", "+3614445555", Identity("from", "anonymous", "", ""), withheld=True)
    assert world.ledger.decide(withheld, world.now).targets == HERE, "they may name a number"
    assert world.ledger.decide(world.calls_in(dialled=DIRECT), world.now).targets == (Target(),)
    world.ears.may_press = None
    assert world.ledger.decide(world.calls_in(), world.now).targets == (Target(),)


def test_a_house_without_an_offer_asks_nobody(new: New) -> None:
    world = new(policy=POLICY.replace("enabled = true", "enabled = false"))
    world.ears.broken = False
    world.ears.queue_offer = None  # type: ignore[method-assign, assignment]
    world.ears.place_of = None  # type: ignore[method-assign, assignment]
    assert world.ledger.decide(world.calls_in(), world.now).targets == (Target(),)
    assert world.parts.bugs == []


def test_who_rings_in_again_is_joined_to_their_place(new: New) -> None:
    world = new()
    world.ears.places[CUSTOMER] = "task"
    decision = world.ledger.decide(world.calls_in(), world.now)
    assert (decision.targets, decision.reason) == ((Target(local=PLACE + "task"), *HERE), "place")
    world.ears.attempts[CUSTOMER] = "try"
    decision = world.ledger.decide(world.calls_in(), world.now)
    assert (decision.targets[0].local, decision.reason) == ("try", "glare"), "they are being called by now"


def from_pbx(world: World, dialled: str, *shown: str) -> tuple[NewCall, Decision]:
    call = world.new_call("outbound", dialled, *(Identity("from", user, "pbx", "") for user in shown))
    return call, world.ledger.decide(call, world.now)


def test_the_service_number(new: New) -> None:
    world = new()
    waiting = rings(world)
    world.now += 30
    call, decision = from_pbx(world, "callback-sales", CUSTOMER)
    assert (decision.targets, decision.reason, decision.customer) == (
        (Target(local=SERVICE + "sales"),), "on_behalf", CUSTOMER)
    world.ledger.answered(call.id, 0, (), None, world.now)
    assert world.ledger.queue.offer(call.id, world.now) is not None, "our answer is no agent's"
    answers = asks(world, call)
    world.commit()
    assert answers == [RequestAnswer(TERMS)]
    request = world.ears.requests[-1]
    assert (request.customer, request.number, request.began_at) == (CUSTOMER, "+3614445555", world.now - 30)
    world.ledger.ended(call.id, Ending(200, "proxy"), world.now)
    world.ledger.ended(waiting.id, Ending(200, "caller"), world.now)
    assert (world.ears.missed_calls, world.ears.talks) == ([], []), "they asked, and were no missed call"


TWO_GROUPS = POLICY.replace("[group.sales]", """
[number."+3614446666"]
group = "support"
[group.support]
target = "700"
agents = ["301"]
[group.sales]""")


def hands_over(world: World, group: str = "sales") -> None:
    """The PBX calls the service number; the caller asks, and hears our BYE."""
    call, _ = from_pbx(world, f"callback-{group}", CUSTOMER)
    world.ledger.answered(call.id, 0, (), None, world.now)
    answers = asks(world, call)
    world.commit()
    assert answers == [RequestAnswer(TERMS)]
    world.ledger.ended(call.id, Ending(200, "proxy"), world.now)


def test_who_asked_by_the_service_number_may_be_taken_yet(new: New) -> None:
    world = new()
    for agent in ("201", "202"):
        world.ledger.dialog_event(agent, "free", None, world.now)
    world.now += 1
    waiting = rings(world)
    world.now += 30
    hands_over(world)
    assert world.ledger.attendance.waiting("sales") == 0
    world.now += 5
    world.ledger.dialog_event("201", "ringing", CUSTOMER, world.now)
    world.ledger.dialog_event("201", "busy", None, world.now)
    assert world.ledger.taken_by(waiting.id) == "201"
    assert world.ledger.attendance.engaged(CUSTOMER), "not to be called while they talk"
    world.now += 60
    world.ledger.ended(waiting.id, Ending(200, "caller"), world.now)
    [talk] = world.ears.talks
    assert (talk.agent, talk.seconds) == ("201", 60)
    assert not world.ledger.attendance.engaged(CUSTOMER)


@pytest.mark.parametrize("first", ["+3614445555", "+3614446666"])
def test_only_the_call_that_is_handed_over_is_no_missed_one(new: New, first: str) -> None:
    world = new(policy=TWO_GROUPS)
    calls = {}
    for dialled in (first, *({"+3614445555", "+3614446666"} - {first})):
        call = calls[dialled] = world.calls_in(dialled=dialled)
        decision = world.ledger.decide(call, world.now)
        world.ledger.answered(call.id, len(decision.targets) - 2, (), None, world.now)
        world.now += 1
    world.ledger.place(OwnCall("place", "inbound", "main", "office", CUSTOMER, "+3614446666", None, "support", None,
                               "task"), world.now)
    world.now += 30
    hands_over(world)
    assert world.ears.requests[-1].number == "+3614445555"
    for call in calls.values():
        world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    assert [missed.group for missed in world.ears.missed_calls] == ["support"]


@pytest.mark.parametrize("dialled", ["callback-", "callback-nobody", "callback", "+36201112233"])
def test_what_is_no_service_number(new: New, dialled: str) -> None:
    _, decision = from_pbx(new(), dialled, "201")
    assert decision.targets == (Target(),)


def test_a_caller_of_the_service_number_whom_nobody_knows(new: New) -> None:
    world = new()
    assert from_pbx(world, "callback-sales", "+36701112233")[1].customer == "+36701112233"
    assert from_pbx(world, "callback-sales", "anonymous")[1].customer is None
    assert from_pbx(world, "callback-sales", "+3614445555")[1].customer is None, "our own number is nobody's"


# Requests


def test_a_request_is_told_when_it_is_on_disk(new: New) -> None:
    world = new()
    call = rings(world)
    answers = asks(world, call)
    assert answers == []
    world.commit()
    assert answers == [RequestAnswer(TERMS)]
    assert world.ledger.queue.offer(call.id, world.now) is None, "once"
    world.ledger.ended(call.id, Ending(200, "proxy"), world.now)
    assert (world.ears.missed_calls, world.ears.talks, world.ears.stays) == ([], [], [])
    assert world.ears.promised_tasks == ["task"]
    assert world.ledger.attendance.waiting("sales") == 0


def test_an_agent_who_takes_the_call_meanwhile(new: New) -> None:
    world = new()
    for agent in ("201", "202"):
        world.ledger.dialog_event(agent, "free", None, world.now)
    call = rings(world)
    world.ledger.dialog_event("201", "ringing", CUSTOMER, world.now)
    answers = asks(world, call)
    world.ledger.dialog_event("201", "busy", None, world.now)
    world.commit()
    assert answers == [RequestAnswer(None, "taken")]
    assert (world.ears.stays, world.ears.promised_tasks) == ([CallerStayed("task", "taken")], [])
    world.now += 60
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    assert [talk.agent for talk in world.ears.talks] == ["201"], "and it is judged like any other"
    assert asks(world, call) == [RequestAnswer(None, "taken")]


CAMPAIGN = POLICY + """
missed_callback = { enabled = true }
[campaign.10001]
name = "keys"
group = "sales"
enabled = true
add_key = "7"
"""


@pytest.mark.parametrize("way", ["key", "menu"])
def test_what_the_database_refuses_is_promised_to_nobody(new: New, way: str) -> None:
    world, policy = new(policy=CAMPAIGN), parse_policy(CAMPAIGN)
    ours, others = (new_desk(world.store, policy, world.ledger.attendance, Random(seed).randbytes,
                             peers=lambda _: ("office", "main")) for seed in (1, 2))
    for desk in (ours, others):
        desk.turn(world.now)
    world.parts.connect(ours.calls)
    call = rings(world)
    others.admin.add(CUSTOMER, "sales", world.now)  # by another node, and we have not heard of it yet
    world.commit()
    told: list[object] = []
    if way == "key":
        world.ledger.queue.press(call.id, "7", world.now, told.append)
    else:
        world.ledger.queue.ask(call.id, None, "place", world.now, told.append)
    world.commit()
    assert told == [False if way == "key" else RequestAnswer(None, "database")]
    assert ours.admin.open_tasks() == (), "nor is it kept in memory"
    world.commit()
    assert [row.kind for row in world.store.callbacks.open_tasks()] == ["manual"]
    assert world.ledger.queue.offer(call.id, world.now) is not None, "they wait on"


def test_a_request_that_is_refused(new: New) -> None:
    world = new()
    world.ears.answer = RequestAnswer(None, "flood")
    call = rings(world)
    assert asks(world, call) == [RequestAnswer(None, "flood")]
    assert world.ledger.queue.offer(call.id, world.now) is not None
    world.ears.broken = True
    assert asks(world, call) == [RequestAnswer(None, "failed")]


def test_who_hangs_up_before_it_was_kept_is_missed(new: New) -> None:
    world = new()
    call = rings(world)
    world.now += 40
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    assert [missed.why for missed in world.ears.missed_calls] == ["abandoned"]


def test_a_withheld_caller_has_to_name_a_number(new: New) -> None:
    world = new()
    call = world.new_call("inbound", "+3614445555", Identity("from", "anonymous", "", ""), withheld=True)
    world.ledger.decide(call, world.now)
    world.ledger.answered(call.id, 0, (), None, world.now)
    assert asks(world, call) == [RequestAnswer(None, "taken")]
    asks(world, call, OTHER)
    world.commit()
    assert (world.ears.requests[-1].caller, world.ears.requests[-1].customer) == (None, OTHER)


def test_typed_numbers_are_asked_about_once_each(new: New) -> None:
    world = new()
    call = rings(world)
    world.ears.refused = {"+3690123456"}
    queue = world.ledger.queue
    assert queue.typed(call.id, "06309999999", world.now) == TypedNumber(OTHER)
    assert queue.typed(call.id, "0690123456", world.now) == TypedNumber(None, "not_called")
    assert queue.typed(call.id, "*3690123456", world.now) == TypedNumber(None, "not_called")
    assert queue.typed(call.id, "112", world.now) == TypedNumber(None, "impossible")
    assert [request.customer for request in world.ears.requests] == [OTHER, "+3690123456"]
    assert queue.typed("nobody", "06309999999", world.now) == TypedNumber(None, "impossible")
    world.ears.broken = True
    assert queue.typed(call.id, "06308888888", world.now) == TypedNumber(None, "not_called"), "a bug calls nobody"


# Who takes them


def test_who_watches_a_call_hears_once_who_took_it(new: New) -> None:
    world = new()
    for agent in ("201", "202"):
        world.ledger.dialog_event(agent, "free", None, world.now)
    call, told = rings(world), list[str | None]()
    world.ledger.watch_pickup(call.id, told.append)
    world.ledger.dialog_event("202", "ringing", CUSTOMER, world.now)
    assert told == []
    world.ledger.dialog_event("202", "busy", None, world.now)
    assert told == ["202"]
    world.ledger.dialog_event("202", "free", None, world.now)
    world.ledger.dialog_event("201", "busy", None, world.now)
    assert told == ["202"]
    late = list[str | None]()
    world.ledger.watch_pickup(call.id, late.append)
    world.ledger.watch_pickup("nobody", late.append)
    assert late == ["202"], "at once, where somebody has it"


def test_nobody_is_told_of_a_call_that_ended(new: New) -> None:
    world = new()
    call, told = rings(world), list[str | None]()
    world.ledger.watch_pickup(call.id, told.append)
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    assert told == []


@pytest.mark.parametrize(("shown", "agent"), [((), None), ((pai("202"),), "202")])
def test_an_answer_where_the_agent_answers(new: New, shown: tuple[Identity, ...], agent: str | None) -> None:
    world = new("on_agent")
    call, told = world.calls_in(), list[str | None]()
    world.ledger.decide(call, world.now)
    world.ledger.watch_pickup(call.id, told.append)
    world.now += 30
    world.ledger.place_answered(call.id, shown, world.now)
    assert (told, world.ledger.taken_by(call.id)) == ([agent], agent)
    world.now += 60
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    assert [(talk.agent, talk.seconds) for talk in world.ears.talks] == [(agent, 60.0)], "from the agent's answer on"


def test_who_hangs_up_after_we_answered_and_before_an_agent_did(new: New) -> None:
    world = new("on_agent")
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    world.ledger.ringing(call.id, 0, world.now)
    world.now += 40
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    assert [missed.why for missed in world.ears.missed_calls] == ["hung_up"]


def a_place(world: World, customer: str | None = CUSTOMER, name: str = "place", began_at: float | None = None) -> None:
    world.ledger.place(OwnCall(name, "inbound", "main", "office", customer, "+3614445555", None, "sales", None, "task",
                               began_at), world.now)


def test_a_place_is_taken_as_a_call_is(new: New) -> None:
    world = new()
    for agent in ("201", "202"):
        world.ledger.dialog_event(agent, "free", None, world.now)
    a_place(world)
    told = list[str | None]()
    world.ledger.answered("place", 0, (), None, world.now)
    world.ledger.watch_pickup("place", told.append)
    assert not world.ledger.attendance.engaged(CUSTOMER), "nobody is in it"
    assert world.ledger.attendance.on_trunk("main") == 0
    world.ledger.dialog_event("201", "ringing", CUSTOMER, world.now)
    world.ledger.dialog_event("201", "busy", None, world.now)
    assert (told, world.ledger.taken_by("place")) == (["201"], "201")
    assert world.ledger.attendance.agent_state("201") == "busy"


def test_the_place_of_a_withheld_caller_is_taken_by_a_connected_line(new: New) -> None:
    world = new()
    for agent in ("201", "202"):
        world.ledger.dialog_event(agent, "free", None, world.now)
    a_place(world, None)
    world.ledger.answered("place", 0, (), None, world.now)
    told = list[str | None]()
    world.ledger.watch_pickup("place", told.append)
    world.ledger.connected_line("place", (pai("201"),), world.now)
    world.ledger.dialog_event("201", "ringing", None, world.now)
    world.now += 4
    world.ledger.dialog_event("201", "busy", None, world.now)
    assert told == ["201"]


# The wait


def test_the_pace_of_a_group() -> None:
    pace = Pace()
    assert pace.wait("sales", 3, 0.0) is None
    pace.add("sales", 1000.0)
    assert pace.wait("sales", 3, 1060.0) is None, "one tells nothing of the time between two"
    pace.add("sales", 1060.0)
    assert (pace.wait("sales", 3, 1060.0), pace.wait("sales", 0, 1060.0)) == (180.0, 0.0)
    assert pace.wait("sales", 1, 1180.0) == 180.0, "nobody is taken any more"
    assert pace.wait("sales", 1, 1000.0 + 3601) is None, "an hour ago"
    assert (pace.taken("sales"), pace.taken("other")) == (2, 0)
    pace.add("sales", 10.0)
    assert pace.interval("sales", 1060.0) == 30.0, "the clock was set back: counted as of the last one"


def test_the_wait_of_who_is_in_the_queue(new: New) -> None:
    world = new("on_agent")
    for _ in range(3):  # taken a minute apart
        call = world.calls_in("+36201111111")
        world.ledger.decide(call, world.now)
        world.ledger.answered(call.id, 1, (), None, world.now)
        world.ledger.ended(call.id, Ending(200, "caller"), world.now)
        world.now += 60
    waiting = [world.calls_in(f"+3620222222{last}") for last in range(3)]
    for call in waiting:
        world.ledger.decide(call, world.now)
        world.now += 1
    wait = world.ledger.attendance.estimated_wait
    interval = 183 / 2
    assert [wait("sales", call.id, world.now) for call in waiting] == [0.0, interval, 2 * interval]
    assert wait("sales", None, world.now) == 3 * interval
    assert wait("other", None, world.now) is None


def test_an_offer_is_counted_once_a_call(new: New) -> None:
    world = new()
    call = rings(world)
    for _ in range(3):
        world.ledger.queue.note_offered(call.id, world.now)
    world.ledger.queue.note_offered("nobody", world.now)
    world.commit()
    assert [line.kind for line in world.store.callbacks.journal(call.id)] == ["offered"]


def test_the_wait_is_known_after_a_restart(tmp_path: Path) -> None:
    world = World(tmp_path, policy=POLICY, answers="on_agent")
    for _ in range(3):
        call = world.calls_in("+36201111111")
        world.ledger.decide(call, world.now)
        world.now += 10
        world.ledger.answered(call.id, 1, (pai("201"),), None, world.now)
        world.now += 50
        world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    world.customer_calls(cause=487)
    world.close()
    again = World(tmp_path, policy=POLICY, answers="on_agent")
    again.now = world.now
    again.ledger.restore(again.now)
    pace = 170 / 2
    for _ in range(2):
        again.ledger.decide(again.calls_in("+36202222222"), again.now)
    assert again.ledger.attendance.estimated_wait("sales", None, again.now) == 2 * pace
    assert again.ledger.attendance.taken("sales") == 0, "by this process"
    again.close()


def terms(world: World, call: NewCall) -> MenuTerms:
    offer = world.ledger.queue.offer(call.id, world.now)
    assert offer is not None
    assert offer.menu is not None
    return offer.menu


def test_where_nobody_would_see_an_agent_take_the_call_it_is_said_once(new: New) -> None:
    world = new()
    world.ears.may_press = QueueOffer(MENU._replace(max_wait=90.0), None)
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    assert terms(world, call).offer_every == 60.0, "nobody can have taken it yet"
    world.ledger.answered(call.id, 0, (), None, world.now)
    assert (terms(world, call).offer_every, terms(world, call).max_wait) == (0.0, 0.0)
    world.ledger.dialog_event("202", "free", None, world.now)
    assert terms(world, call).offer_every == 0.0, "nobody sees the phone of 201"
    world.ledger.connected_line(rings(world, OTHER).id, (pai("201"),), world.now)
    assert terms(world, call).offer_every == 0.0, "though the PBX shows whom it rings for another"
    world.ledger.dialog_event("201", "free", None, world.now)
    assert (terms(world, call).offer_every, terms(world, call).max_wait) == (60.0, 90.0), "all their phones are watched"
    world.ledger.dialog_event("202", None, None, world.now)
    assert terms(world, call).offer_every == 0.0


def test_where_nothing_says_which_call_an_agent_takes_it_is_said_once(new: New) -> None:
    world = new()
    for agent in ("201", "202"):
        world.ledger.dialog_event(agent, "free", None, world.now)
    world.now += 1
    withheld = world.new_call("inbound", "+3614445555", Identity("from", "anonymous", "", ""), withheld=True)
    world.ledger.decide(withheld, world.now)
    world.ledger.answered(withheld.id, 0, (), None, world.now)
    assert terms(world, withheld).offer_every == 0.0, "an agent's phone shows nobody"
    world.ledger.connected_line(withheld.id, (pai("201"),), world.now)
    world.now += 1
    assert terms(world, withheld).offer_every == 60.0, "the PBX shows for this very call whom it rings"
    first = rings(world)
    assert terms(world, first).offer_every == 60.0
    second = rings(world)
    world.now += 5
    assert [terms(world, call).offer_every for call in (first, second)] == [0.0, 0.0], "one of a switchboard's"
    world.ledger.ended(second.id, Ending(200, "caller"), world.now)
    assert terms(world, first).offer_every == 60.0


def test_a_blind_queue_is_an_alarm_where_callers_may_ask(new: New) -> None:
    world = new()
    call = rings(world)
    world.now += 60
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    assert [event.data["alarm"] for event in world.alarms] == ["blind_queue_office"]
