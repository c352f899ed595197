"""What the desk is told when a call is over, and what a customer who rings in meanwhile meets."""

from collections.abc import Callable
from typing import Any

import pytest

from routing.facts import Ending, Target, Watched
from routing.ledger import GLARE_PATIENCE
from routing.rows import EndedBy
from tests.routing.listening import Ears
from tests.routing.test_attendance import in_queue, own, takes
from tests.routing.world import BEGIN, CUSTOMER, DIRECT, POLICY, SHARED, World, pai

Worlds = Callable[..., World]


@pytest.fixture
def ears(world: World) -> Ears:
    return world.connect()


def queue(worlds: Worlds, watched: bool = True, policy: str = POLICY) -> tuple[World, Ears]:
    world = worlds(answers="before_queue", policy=policy)
    desk = world.connect()
    for agent in ("201", "202") if watched else ():
        world.ledger.dialog_event(agent, "free", None, world.now)
    return world, desk


def journal(world: World, call: str) -> list[str]:
    world.commit()
    return [line.kind for line in world.store.callbacks.journal(call)]


# Missed


def test_a_missed_call_of_a_group(world: World, ears: Ears) -> None:
    world.customer_calls(rings=20.0, cause=480)
    (missed,) = ears.missed_calls
    assert (missed.customer, missed.number, missed.group, missed.pbx, missed.trunk) == \
        (CUSTOMER, SHARED, "sales", "office", "main")
    assert (missed.began_at, missed.ended_at, missed.why, missed.weight) == (BEGIN, BEGIN + 20, "refused", "certain")
    assert missed.evidence == ("status_480", "rang")
    assert journal(world, missed.call) == ["missed"], "committed with the end of the call"
    (ended,) = world.told("call.ended")
    assert {key: ended[1][key] for key in ("verdict", "missed_why", "shown_by", "weight")} == \
        {"verdict": "missed", "missed_why": "refused", "shown_by": ["status_480", "rang"], "weight": "certain"}


@pytest.mark.parametrize("change", [
    {"dialled": "+3614440000"}, {"dialled": DIRECT}, {"customer": "anonymous"}, {"cause": 407}, {"talk": 2.0},
])
def test_what_is_no_missed_call_of_a_group_is_not_told(world: World, ears: Ears, change: dict[str, Any]) -> None:
    world.customer_calls(**change)
    assert (ears.missed_calls, ears.talks) == ([], [])


@pytest.mark.parametrize(("cause", "by", "why"), [(487, "caller", "hung_up"), (503, "proxy", "down"),
                                                  (408, "proxy", "down"), (486, "callee", "refused")])
def test_why(world: World, ears: Ears, cause: int, by: EndedBy, why: str) -> None:
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    world.ledger.ended(call.id, Ending(cause, by), world.now)
    assert [missed.why for missed in ears.missed_calls] == [why]


def test_who_talks_in_another_call_is_not_missed(world: World, ears: Ears) -> None:
    talking, second = world.calls_out("202"), world.calls_in()
    for call in (talking, second):
        world.ledger.decide(call, world.now)
    world.ledger.answered(talking.id, 0, (), None, world.now)
    world.now += 3
    world.ledger.ended(second.id, Ending(486, "callee"), world.now)
    assert ears.missed_calls == []
    world.now += 60
    world.ledger.ended(talking.id, Ending(200, "callee"), world.now)
    assert [talk.agent for talk in ears.talks] == ["202"]


def test_who_waits_in_another_call_is_missed_in_this_one(worlds: Worlds) -> None:
    world, ears = queue(worlds)
    first, second = in_queue(world), world.calls_in()
    world.ledger.decide(second, world.now)
    world.ledger.ended(second.id, Ending(486, "callee"), world.now)
    assert [missed.call for missed in ears.missed_calls] == [second.id]
    assert first.id != second.id


def test_abandoned_in_a_queue_that_is_watched(worlds: Worlds) -> None:
    world, ears = queue(worlds)
    call = in_queue(world)
    world.now += 30
    world.ledger.dialog_event("201", "ringing", CUSTOMER, world.now)
    world.ledger.connected_line(call.id, (pai("201"),), world.now)
    world.now += 20
    world.ledger.dialog_event("201", "free", None, world.now)
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    assert [(missed.why, missed.evidence, missed.weight) for missed in ears.missed_calls] == \
        [("abandoned", ("no_dialog_event",), "certain")]


def test_who_is_taken_out_of_the_queue_talks(worlds: Worlds) -> None:
    world, ears = queue(worlds)
    call = in_queue(world)
    world.now += 30
    takes(world, "201", CUSTOMER)
    world.now += 40
    world.ledger.ended(call.id, Ending(200, "callee"), world.now)
    assert [(talk.agent, talk.began_at, talk.seconds) for talk in ears.talks] == [("201", world.now - 40, 40.0)]
    assert ears.missed_calls == []
    assert world.told("call.ended")[0][1]["verdict"] == "talked"


@pytest.mark.parametrize(("pause", "missed"), [(3.0, True), (60.0, False)])
def test_a_phone_that_nobody_watches_rang(worlds: Worlds, pause: float, missed: bool) -> None:
    world, ears = queue(worlds, watched=False)
    call = in_queue(world)
    world.now += 60
    world.ledger.connected_line(call.id, (pai("201"),), world.now)
    world.now += pause
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    assert [one.weight for one in ears.missed_calls] == (["likely"] if missed else [])
    assert ears.talks == []
    (ended,) = world.told("call.ended")
    assert (ended[1]["verdict"], ended[1]["agent"]) == ("missed" if missed else "uncertain", None)
    assert ended[1]["evidence"] == (None if missed else "connected_line")


def test_dialogs_that_were_not_seen_all_the_time_prove_nothing_by_silence(worlds: Worlds) -> None:
    world, ears = queue(worlds)
    call = in_queue(world)
    world.ledger.connected_line(call.id, (pai("201"),), world.now + 1)
    world.ledger.dialog_event("201", None, None, world.now + 2)
    world.ledger.dialog_event("201", "free", None, world.now + 3)
    world.now += 60
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    assert (ears.missed_calls, ears.talks) == ([], [])


# A PBX that shows nothing

CALLED_BACK = POLICY.replace('target = "600"', 'target = "600"\nmissed_callback = { enabled = true }')
BLIND = "pbx office answers before it queues and shows no agent: talks count as missed"


def abandons(world: World, customer: str = CUSTOMER, wait: float = 60.0) -> None:
    call = in_queue(world, customer)
    world.now += wait
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)


def blind(world: World) -> list[tuple[str, str, str | None]]:
    """Alarms that were told since the last look."""
    told = [(alarm.kind, alarm.data["alarm"], alarm.data["text"]) for alarm in world.alarms]
    world.alarms.clear()
    return told


def test_a_pbx_that_shows_nothing_is_an_alarm(worlds: Worlds) -> None:
    world, ears = queue(worlds, watched=False, policy=CALLED_BACK)
    abandons(world, wait=4.0)
    assert blind(world) == [], "who hangs up at once is not called back"
    for serial in range(3):
        abandons(world, f"+3620123456{serial}")
    assert blind(world) == [("alarm.raised", "blind_queue_office", BLIND)], "said once"
    assert [missed.weight for missed in ears.missed_calls] == ["likely"] * 3
    world.ledger.turn(world.now)
    assert world.ledger.alarms.up() == {"blind_queue_office": BLIND}


def test_the_first_connected_line_clears_it_for_good(worlds: Worlds) -> None:
    world, _ = queue(worlds, watched=False, policy=CALLED_BACK)
    abandons(world)
    call = in_queue(world, "+36201234500")
    world.ledger.connected_line(call.id, (pai("+36201234500"),), world.now)
    assert len(blind(world)) == 1, "that is nobody of ours"
    world.ledger.connected_line(call.id, (pai("201"),), world.now)
    assert blind(world) == [("alarm.cleared", "blind_queue_office", None)]
    abandons(world)
    assert blind(world) == [], "it shows who rings: that caller was left alone"


def test_agents_that_are_watched_clear_it_as_long_as_they_are(worlds: Worlds) -> None:
    world, _ = queue(worlds, watched=False, policy=CALLED_BACK)
    abandons(world)
    world.ledger.dialog_event("309", "free", None, world.now)
    world.ledger.turn(world.now)
    assert [kind for kind, _, _ in blind(world)] == ["alarm.raised"], "that is no agent of the group"
    states: tuple[tuple[Watched | None, list[str]], ...] = (("free", ["alarm.cleared"]), (None, ["alarm.raised"]))
    for state, told in states:
        world.ledger.dialog_event("202", state, None, world.now)
        world.ledger.turn(world.now)
        abandons(world)
        assert [kind for kind, _, _ in blind(world)] == told


def test_a_group_that_is_called_back_no_more_clears_it(worlds: Worlds) -> None:
    world, _ = queue(worlds, watched=False, policy=CALLED_BACK)
    abandons(world)
    world.policy(policy=POLICY)
    world.ledger.turn(world.now)
    assert [kind for kind, _, _ in blind(world)] == ["alarm.raised", "alarm.cleared"]
    abandons(world)
    assert blind(world) == []


@pytest.mark.parametrize(("watched", "policy", "by"), [
    (True, CALLED_BACK, "caller"), (False, POLICY, "caller"), (False, CALLED_BACK, "callee")])
def test_where_nothing_is_taken_for_missed_there_is_no_alarm(worlds: Worlds, watched: bool, policy: str,
                                                             by: EndedBy) -> None:
    """The agents are watched; nobody is called back; the far end hung up, so that nobody knows."""
    world, _ = queue(worlds, watched=watched, policy=policy)
    call = in_queue(world)
    world.now += 60
    world.ledger.ended(call.id, Ending(200, by), world.now)
    assert blind(world) == []


def test_a_pbx_that_answers_with_the_agent_is_not_blind(worlds: Worlds) -> None:
    world = worlds(policy=CALLED_BACK)
    world.connect()
    world.customer_calls(rings=20.0)
    assert blind(world) == []


# Of a group


def test_min_wait_is_the_groups_own(worlds: Worlds) -> None:
    text = POLICY.replace('target = "600"', 'target = "600"\nmissed_callback = { min_wait = "20s" }')
    world, ears = queue(worlds, policy=text)
    for seconds in (19.0, 20.0):
        call = in_queue(world)
        world.now += seconds
        world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    assert [round(missed.ended_at - missed.began_at) for missed in ears.missed_calls] == [20]


def test_what_a_restart_leaves_of_a_queued_call_is_not_judged(worlds: Worlds) -> None:
    world, _ = queue(worlds)
    call = in_queue(world)
    world.commit()
    again, heard = queue(worlds)
    again.ledger.restore(again.now)
    again.ledger.ended(call.id, Ending(200, "caller"), again.now + 60)
    assert (heard.missed_calls, heard.talks) == ([], [])
    assert again.told("call.ended")[0][1]["verdict"] == "uncertain"


def test_a_call_that_rang_over_a_restart_is_missed(worlds: Worlds) -> None:
    world = worlds()
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    world.commit()
    again = worlds()
    heard = again.connect()
    again.ledger.restore(again.now)
    again.ledger.ended(call.id, Ending(487, "caller"), again.now + 10)
    assert [missed.call for missed in heard.missed_calls] == [call.id]


# Talks


@pytest.mark.parametrize(("seconds", "told"), [(4.9, 0), (5.0, 1)])
def test_talks_in_both_directions_are_told(world: World, ears: Ears, seconds: float, told: int) -> None:
    world.dial("201", talk=seconds)
    world.customer_calls(talk=seconds, identities=[pai("202")])
    world.customer_calls(talk=seconds, dialled="+3614440000")
    assert [(talk.direction, talk.agent, talk.group) for talk in ears.talks] == \
        [("outbound", "201", "sales"), ("inbound", "202", "sales"), ("inbound", None, None)][:3 * told]
    assert {talk.attempt for talk in ears.talks} <= {None}


def test_a_talk_is_stored_with_the_end_of_its_call(world: World, ears: Ears) -> None:
    world.dial("201", talk=60)
    assert journal(world, ears.talks[0].call) == ["talked"]


def test_min_talk_is_the_agents_own(worlds: Worlds) -> None:
    world = worlds(policy=POLICY.replace('name = "Anna"', 'name = "Anna"\ndirect_callback = { min_talk = "30s" }'))
    desk = world.connect()
    world.dial("201", talk=20)
    world.dial("202", talk=20)
    assert [talk.agent for talk in desk.talks] == ["202"]


# A bug of the desk


def test_a_bug_of_the_desk_costs_no_call(world: World, ears: Ears) -> None:
    ears.broken = True
    world.dial("201")
    assert world.customer_calls(talk=60).targets[0].user == "201"
    assert world.store.direct.records(CUSTOMER) == [], "what else follows from the talk does follow"
    world.customer_calls()
    world.commit()
    assert {row.cause for row in world.store.calls.newest(9)} == {486, 200, 487}
    assert len(world.parts.bugs) == 4, "asked before two calls, told of a talk and of a missed call"
    assert "ZeroDivisionError" in world.ledger.alarms.up()["callbacks"]
    ears.broken = False
    world.customer_calls()
    assert list(world.ledger.alarms.up()) == ["callbacks"], "talks were not asked again"
    world.customer_calls(talk=60)
    assert world.ledger.alarms.up() == {}


# The customer rings in


def test_a_customer_who_rings_in_is_joined_with_the_attempt(worlds: Worlds) -> None:
    world = worlds("type = 2")
    ears = world.connect()
    ears.attempts[CUSTOMER] = "a1"
    agent, customer = own(world, "inbound"), own(world, "outbound")
    for leg in (agent, customer):
        world.ledger.place(leg, world.now)
    world.ledger.answered(agent.id, 0, (), None, world.now)
    call = world.calls_in()
    decision = world.ledger.decide(call, world.now)
    assert (decision.reason, decision.peer) == ("glare", "office")
    assert decision.targets == (Target(ring_for=GLARE_PATIENCE, local="a1"), Target())
    world.ledger.ended(customer.id, Ending(487, "proxy"), world.now)
    assert [record.agent for record in world.store.direct.records(CUSTOMER)] == ["201"]
    world.ledger.ringing(call.id, 0, world.now)
    world.ledger.answered(call.id, 0, (), None, world.now)
    assert world.ledger.attendance.agent_state("201") == "busy"
    world.now += 60
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    world.ledger.ended(agent.id, Ending(200, "proxy"), world.now)
    assert world.ledger.attendance.agent_state("201") == "free"
    (talk,) = ears.talks
    assert (talk.agent, talk.attempt, talk.seconds, talk.direction) == ("201", "a1", 60.0, "inbound")
    assert (world.store.direct.records(CUSTOMER), ears.missed_calls) == ([], [])


def test_who_is_not_joined_goes_on_as_if_nobody_had_called(world: World, ears: Ears) -> None:
    world.dial("201")
    ears.attempts[CUSTOMER] = "a1"
    world.told()
    call = world.calls_in()
    decision = world.ledger.decide(call, world.now)
    assert [(target.user, target.local) for target in decision.targets] == [(None, "a1"), ("201", None), (None, None)]
    assert world.told("direct.used") == []
    world.ledger.target_failed(call.id, 0, 480, world.now)
    assert [data["agent"] for _, data in world.told("direct.used")] == ["201"]
    world.ledger.ringing(call.id, 1, world.now)
    world.ledger.target_failed(call.id, 1, 486, world.now)
    assert world.ledger.attendance.engaged(CUSTOMER)
    world.ledger.ringing(call.id, 2, world.now)
    world.ledger.ended(call.id, Ending(487, "caller"), world.now)
    assert [missed.call for missed in ears.missed_calls] == [call.id]
    assert world.told("call.ended")[0][1]["tried_status"] == 486


def test_who_is_not_joined_and_has_no_record(world: World, ears: Ears) -> None:
    ears.attempts[CUSTOMER] = "a1"
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    world.ledger.target_failed(call.id, 0, 480, world.now)
    assert world.ledger.calls()[0].sent.tried_status is None
    world.ledger.answered(call.id, 1, (pai("202"),), None, world.now)
    assert world.ledger.taken_by(call.id) == "202"


def test_joined_with_an_attempt_whose_leg_is_gone(world: World, ears: Ears) -> None:
    ears.attempts[CUSTOMER] = "a1"
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    world.ledger.answered(call.id, 0, (), None, world.now)
    assert world.ledger.taken_by(call.id) is None
    world.now += 60
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    assert [(talk.agent, talk.attempt) for talk in ears.talks] == [(None, "a1")]


def test_who_calls_a_direct_number_or_is_not_known_is_not_joined(world: World, ears: Ears) -> None:
    ears.attempts[CUSTOMER] = "a1"
    assert world.customer_calls(dialled=DIRECT).reason == "number"
    assert world.customer_calls(customer="anonymous").reason == "normal"
    assert ears.asked == []
    assert world.customer_calls(dialled="+3614440000").reason == "glare"


# A trunk that does not know us


def customers_leg_ends(world: World, cause: int, rings: bool = False) -> None:
    leg = own(world, "outbound")
    world.ledger.place(leg, world.now)
    if rings:
        world.ledger.ringing(leg.id, 0, world.now)
    world.now += 1
    world.ledger.ended(leg.id, Ending(cause, "callee"), world.now)


@pytest.mark.parametrize("cause", [401, 407])
def test_a_trunk_that_refuses_our_login_is_an_alarm(world: World, cause: int) -> None:
    for _ in range(2):
        customers_leg_ends(world, cause)
    text = f"trunk main refuses our login ({cause}): no callback reaches its customer"
    assert blind(world) == [("alarm.raised", "login_main", text)], "said once"
    customers_leg_ends(world, 503)
    assert blind(world) == [], "of our login that says nothing"
    customers_leg_ends(world, 486, rings=True)
    assert blind(world) == [("alarm.cleared", "login_main", None)]


def test_the_login_of_somebody_else_is_no_alarm(world: World) -> None:
    world.dial(cause=401)
    leg = own(world, "inbound")
    world.ledger.place(leg, world.now)
    world.ledger.ended(leg.id, Ending(401, "callee"), world.now)
    assert blind(world) == []
