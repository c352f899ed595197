"""A place in a queue as the ledger has it: who takes it, and whose call it is once its customer is back."""

from collections.abc import Callable

import pytest

from routing.callbacks.facts import OwnCall
from routing.facts import Ending, NewCall
from tests.routing.world import CUSTOMER, SHARED, World, pai

Worlds = Callable[..., World]


@pytest.fixture
def world(worlds: Worlds) -> World:
    """A PBX that answers before it queues, and shows what its phones do."""
    world = worlds(answers="before_queue")
    world.connect()
    for agent in ("201", "202"):
        world.ledger.dialog_event(agent, "free", None, world.now)
    world.now += 1
    return world


def place(world: World, customer: str | None = CUSTOMER, name: str = "place-1") -> str:
    """A place that waits in the queue."""
    world.ledger.place(OwnCall(name, "inbound", "main", "office", customer, SHARED, None, "sales", None, "task-1"),
                       world.now)
    world.ledger.answered(name, 0, (), None, world.now)
    world.now += 5
    return name


def picks_up(world: World, agent: str, customer: str | None = CUSTOMER) -> None:
    world.ledger.dialog_event(agent, "ringing", customer, world.now)
    world.now += 2
    world.ledger.dialog_event(agent, "busy", None, world.now)


def watch(world: World, call: str) -> list[str | None]:
    told: list[str | None] = []
    world.ledger.watch_pickup(call, told.append)
    return told


def test_who_takes_it_is_proved_as_of_any_call(world: World) -> None:
    told = watch(world, place(world))
    assert told == []
    picks_up(world, "201")
    assert told == ["201"]
    assert world.ledger.taken_by("place-1") == "201"
    assert world.ledger.attendance.agent_state("201") == "busy"
    assert world.ledger.counters(world.now)["callbacks"] == 0, "it is no callback yet"


def test_it_is_the_leg_of_the_attempt_that_takes_its_agent(world: World) -> None:
    place(world)
    picks_up(world, "201")
    other = "+4930123456"
    given = OwnCall("place-1", "inbound", "main", "office", other, SHARED, None, "sales", "attempt-1", "task-1")
    world.ledger.place(given, world.now)
    assert world.ledger.counters(world.now)["callbacks"] == 1
    assert world.ledger.taken_by("place-1") == "201"
    world.ledger.place(OwnCall("leg-2", "outbound", "main", "office", other, SHARED, None, "sales", "attempt-1"),
                       world.now)
    world.ledger.answered("leg-2", 0, (), None, world.now)
    assert world.ledger.taken_by("leg-2") == "201", "the customer's call is that agent's"
    world.ledger.place(given._replace(attempt="attempt-2", customer=CUSTOMER), world.now)
    for leg in ("place-1", "leg-2"):
        world.ledger.ended(leg, Ending(200, "callee"), world.now)
    assert world.ledger.calls() == ()
    assert not world.ledger.attendance.engaged(other)


def test_a_place_engages_nobody(world: World) -> None:
    place(world)
    assert not world.ledger.attendance.engaged(CUSTOMER), "they may be called"


def comes_back(world: World) -> NewCall:
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    world.ledger.queue.came_back("place-1", call.id, world.now)
    world.ledger.ended("place-1", Ending(200, "proxy"), world.now)
    world.ledger.answered(call.id, 0, (), None, world.now)
    return call


def test_who_is_back_in_it_is_taken_by_whom_takes_it(world: World) -> None:
    place(world)
    world.ledger.connected_line("place-1", (pai("201"),), world.now)
    call = comes_back(world)
    told = watch(world, call.id)
    picks_up(world, "201")
    assert told == ["201"]
    assert world.ledger.taken_by(call.id) == "201"


@pytest.mark.parametrize("known", [True, False])
def test_who_has_it_has_the_caller_who_is_back(world: World, known: bool) -> None:
    place(world)
    picks_up(world, "201", CUSTOMER if known else None)
    if not known:
        world.ledger.connected_line("place-1", (pai("201"),), world.now)
    call = comes_back(world)
    if known:
        assert world.ledger.taken_by(call.id) == "201"
        assert world.ledger.attendance.agent_state("201") == "busy"
    world.now += 30
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    if known:
        [talk] = world.ears.talks
        assert (talk.agent, talk.seconds) == ("201", 30)
    assert world.ledger.attendance.agent_state("202") == "free"


def test_it_is_held_again_by_its_name(world: World) -> None:
    place(world)
    call = comes_back(world)
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    place(world)
    told = watch(world, "place-1")
    picks_up(world, "202")
    assert told == ["202"]
    world.ledger.ended("place-1", Ending(200, "callee"), world.now)
    world.commit()
    assert list(world.store.calls.open()) == []


def test_a_place_that_nobody_has(world: World) -> None:
    world.ledger.queue.came_back("place-1", "nobody", world.now)
    place(world)
    world.ledger.queue.came_back("place-1", "nobody", world.now)
    assert [entry.id for entry in world.ledger.calls()] == ["place-1"]


def test_who_hangs_up_in_their_place_is_not_missed(world: World) -> None:
    place(world)
    call = comes_back(world)
    world.now += 60
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    assert world.ears.missed_calls == [], "their request stands"


@pytest.mark.parametrize("agent", [None, "201"])
def test_another_call_of_theirs_is_not_taken_with_it(world: World, agent: str | None) -> None:
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    world.ledger.answered(call.id, 0, (), None, world.now)
    place(world)
    if agent is not None:
        world.ledger.connected_line("place-1", (pai(agent),), world.now)
        picks_up(world, agent)
        assert world.ledger.taken_by("place-1") == agent
    assert world.ledger.taken_by(call.id) is None
    world.now += 60
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    assert world.ears.talks == []


def test_places_stand_in_front_of_who_comes_later(world: World) -> None:
    wait = world.ledger.attendance.estimated_wait
    for last in range(3):
        call = world.calls_in(f"+3620111111{last}")
        world.ledger.decide(call, world.now)
        world.ledger.answered(call.id, 0, (), None, world.now)
        picks_up(world, "202", f"+3620111111{last}")
        world.ledger.ended(call.id, Ending(200, "caller"), world.now)
        world.ledger.dialog_event("202", "free", None, world.now)
        world.now += 58
    first, since = world.calls_in("+36202222222"), world.now
    world.ledger.decide(first, world.now)
    world.now += 10
    world.ledger.place(OwnCall("place-1", "inbound", "main", "office", CUSTOMER, SHARED, None, "sales", None, "task-1",
                               since - 30), world.now)
    each = (world.now - since + 60 * 3 - 2) / 2
    assert wait("sales", first.id, world.now) == pytest.approx(each), "it was there before them"
    assert wait("sales", None, world.now) == pytest.approx(2 * each)
    world.ledger.answered("place-1", 0, (), None, world.now)
    picks_up(world, "201")
    assert wait("sales", first.id, world.now) == 0


def test_places_that_are_taken_make_the_wait_of_who_comes_later_shorter(world: World) -> None:
    for last in range(4):  # a caller and a place in turn, one a minute
        customer = f"+3620111111{last}"
        if last % 2:
            call = place(world, customer, f"place-{last}")
        else:
            comes = world.calls_in(customer)
            world.ledger.decide(comes, world.now)
            call = comes.id
            world.ledger.answered(call, 0, (), None, world.now)
            world.now += 5
        picks_up(world, "202", customer)
        world.ledger.ended(call, Ending(200, "caller"), world.now)
        world.ledger.dialog_event("202", "free", None, world.now)
        world.now += 53
    for last in range(10):
        world.ledger.place(OwnCall(f"place-1{last}", "inbound", "main", "office", f"+3620222222{last}", SHARED, None,
                                   "sales", None, "task"), world.now)
    assert world.ledger.attendance.estimated_wait("sales", None, world.now) == pytest.approx(10 * 233 / 3)
    assert world.ledger.attendance.taken("sales") == 2, "live callers only"


@pytest.mark.parametrize("customer", [CUSTOMER, None])
def test_who_answers_it_is_proved_by_their_identity(worlds: Worlds, customer: str | None) -> None:
    world = worlds(answers="on_agent")
    world.connect()
    world.ledger.place(OwnCall("place-1", "inbound", "main", "office", customer, SHARED, None, "sales", None, "task-1"),
                       world.now)
    told = watch(world, "place-1")
    world.ledger.ringing("place-1", 0, world.now)
    assert told == []
    world.now += 20
    world.ledger.answered("place-1", 0, (pai("202"),), None, world.now)
    assert (told, world.ledger.taken_by("place-1")) == (["202"], "202")


def test_who_answers_it_may_be_proved_a_moment_later(worlds: Worlds) -> None:
    world = worlds(answers="on_agent")
    world.connect()
    for agent in ("201", "202"):
        world.ledger.dialog_event(agent, "free", None, world.now)
    world.ledger.place(OwnCall("place-1", "inbound", "main", "office", CUSTOMER, SHARED, None, "sales", None, "task-1"),
                       world.now)
    told = watch(world, "place-1")
    world.ledger.dialog_event("201", "ringing", CUSTOMER, world.now)
    world.ledger.answered("place-1", 0, (), None, world.now)
    world.now += 0.1
    world.ledger.dialog_event("201", "busy", None, world.now)
    assert (told, world.ledger.taken_by("place-1")) == ([None], "201"), "told once; who asks later knows more"


def test_it_is_picked_up_from_a_colleagues_phone(world: World) -> None:
    told = watch(world, place(world))
    world.ledger.dialog_event("201", "ringing", CUSTOMER, world.now)
    world.now += 3
    world.ledger.dialog_event("202", "busy", None, world.now)
    world.ledger.dialog_event("201", "free", None, world.now)
    world.ledger.connected_line("place-1", (pai("202"),), world.now)
    assert (told, world.ledger.taken_by("place-1")) == (["202"], "202")


def test_two_places_of_callers_who_are_withheld_are_not_guessed_at(world: World) -> None:
    first, second = place(world, None), place(world, None, "place-2")
    told = [watch(world, first), watch(world, second)]
    picks_up(world, "201", None)
    assert told == [[], []]
    assert world.ledger.taken_by(first) is None


@pytest.mark.parametrize("shown", [CUSTOMER, "+4930123456"])
def test_a_pbx_need_not_heed_that_another_number_is_to_be_shown(world: World, shown: str) -> None:
    world.ledger.place(OwnCall("place-1", "inbound", "main", "office", "+4930123456", SHARED, None, "sales", None,
                               "task-1", asker=CUSTOMER), world.now)
    world.ledger.answered("place-1", 0, (), None, world.now)
    world.now += 5
    told = watch(world, "place-1")
    picks_up(world, "201", shown)
    assert told == ["201"]
    assert not world.ledger.attendance.engaged(shown)
    world.ledger.ended("place-1", Ending(200, "callee"), world.now)
    assert world.ledger.calls() == ()


TWO_GROUPS = """
region = "HU"
timezone = "Europe/Budapest"
[queue_callback]
enabled = true
[number."+3614445555"]
group = "sales"
[number."+3614446666"]
group = "support"
[group.sales]
target = "600"
agents = ["201", "202"]
[group.support]
target = "700"
agents = ["301"]
"""


def calls_too(world: World, dialled: str) -> NewCall:
    """The customer of a place waits in a call of their own beside it."""
    call = world.calls_in(dialled=dialled)
    decision = world.ledger.decide(call, world.now)
    world.ledger.answered(call.id, len(decision.targets) - 1, (), None, world.now)
    world.now += 10
    return call


def in_two_groups(worlds: Worlds) -> World:
    world = worlds(policy=TWO_GROUPS, answers="before_queue")
    world.connect()
    for agent in ("201", "202", "301", "401"):
        world.ledger.dialog_event(agent, "free", None, world.now)
    world.now += 1
    return world


def test_an_agent_of_another_group_takes_the_call_and_not_the_place(worlds: Worlds) -> None:
    world = in_two_groups(worlds)
    of_place = watch(world, place(world))
    call = calls_too(world, "+3614446666")
    of_call = watch(world, call.id)
    picks_up(world, "301")
    assert (of_place, of_call) == ([], ["301"]), "no other can have been meant"
    world.now += 120
    world.ledger.dialog_event("301", "free", None, world.now)
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    assert (len(world.ears.talks), world.ears.missed_calls) == (1, [])
    picks_up(world, "202")
    assert of_place == ["202"]


def test_an_agent_of_the_group_takes_the_place(worlds: Worlds) -> None:
    world = in_two_groups(worlds)
    of_place = watch(world, place(world))
    of_call = watch(world, calls_too(world, "+3614446666").id)
    picks_up(world, "201")
    assert (of_place, of_call) == ([None], []), "who it was is not sure"


@pytest.mark.parametrize("agent", ["201", "401"])
def test_of_two_in_one_group_the_customers_own_call_is_the_one_they_talk_in(worlds: Worlds, agent: str) -> None:
    world = in_two_groups(worlds)
    of_place = watch(world, place(world))
    of_call = watch(world, calls_too(world, SHARED).id)
    picks_up(world, agent)
    assert (of_place, of_call) == ([], [None])
