"""The ledger through a whole call: where it goes, what is kept, what is told."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from config.policy import parse_policy
from routing import direct_records
from routing.calls import LONGEST_CALL, RESTORED_UNANSWERED, row_of
from routing.dialogs import RESTORED_ANSWERED
from routing.facts import Ending, Identity, NewCall, Target
from routing.identity import PbxFacts
from routing.ids import time7, uuid7
from routing.storage import Store
from tests.kit.builds import replaces_parts
from tests.kit.ledger_parts import new_ledger
from tests.routing.memory_store import MemoryStore
from tests.routing.world import BEGIN, CUSTOMER, DIRECT, POLICY, SHARED, World, pai

Worlds = Callable[..., World]


# Where a call goes


def test_redirected_call_says_why(worlds: Worlds) -> None:
    world = worlds('type = 2\nring_for = "25s"')
    world.dial("201")
    decision = world.ledger.decide(world.calls_in(), world.now)
    assert (decision.reason, decision.peer, decision.customer, decision.agent) == ("direct", "office", CUSTOMER, "201")
    first, last = decision.targets
    assert (first.user, first.ring_for) == ("201", 25.0)
    assert first.headers == (("X-Boomerang", f"direct; agent=201; type=2; dialled={SHARED}"),)
    assert last == Target()


@pytest.mark.parametrize(("dialled", "told"), [
    ("06 1 444 5555", SHARED),
    ("frontdesk", "frontdesk"),
    ("a;b=\r\nX-Evil: 1", "a%3Bb%3D%0D%0AX-Evil%3A%201"),
    ("\udcffx", "%3Fx"),
    ("x" * 100, "x" * 64),
])
def test_dialled_number_as_it_is_told_to_the_pbx(world: World, dialled: str, told: str) -> None:
    world.dial("201")
    decision = world.ledger.decide(world.calls_in(dialled=dialled), world.now)
    assert decision.targets[0].headers[0][1] == f"direct; agent=201; type=1; dialled={told}"
    world.commit()


def test_customer_in_any_spelling(world: World) -> None:
    world.dial("201", customer="06 20 123 4567")
    assert world.reaches("+36-20-1234567") == world.reaches("0036201234567") == "201"


def test_direct_number_always_goes_where_it_says(world: World) -> None:
    world.dial("201")
    decision = world.ledger.decide(world.calls_in(dialled=DIRECT), world.now)
    assert (decision.reason, decision.agent, len(decision.targets)) == ("number", "205", 1)
    assert decision.targets[0].user is None


def test_number_that_is_not_listed_is_shared(world: World) -> None:
    world.dial("201")
    assert world.reaches(dialled="+3614440000") == "201"


def test_withheld_caller_never_matches(world: World) -> None:
    world.dial("201")
    call = world.new_call("inbound", SHARED, Identity("from", CUSTOMER, "c", ""), withheld=True)
    decision = world.ledger.decide(call, world.now)
    assert (decision.reason, decision.customer, decision.targets[0].user) == ("withheld", None, None)


def test_the_agents_own_extension_is_not_rung_twice(world: World) -> None:
    world.dial("201")
    assert world.ledger.decide(world.calls_in(dialled="201"), world.now).targets[0].user is None


def test_type_0_now_and_an_extension_of_another_pbx_are_not_used(worlds: Worlds) -> None:
    world = worlds()
    world.dial("201")
    world.policy("type = 0")
    assert world.reaches() is None
    world.policy(policy=POLICY.replace('target = "600"', 'target = "201"'))
    assert world.reaches() is None
    world.policy()
    assert world.reaches() == "201"


def test_a_busy_agent_is_rung_all_the_same(world: World) -> None:
    world.dial("201")
    world.ledger.decide(world.calls_out("201", "+36307654321"), world.now)
    assert world.ledger.attendance.agents()["201"].state == "busy"
    assert world.reaches() == "201"


def test_number_names_pbx_and_trunk(worlds: Worlds) -> None:
    world = worlds(policy=POLICY.replace('kind = "shared"', 'kind = "shared"\npbx = "branch"\ntrunk = "second"'))
    assert world.ledger.decide(world.calls_in(), world.now).peer == "branch"
    shown = world.new_call("outbound", CUSTOMER, Identity("x-agent", "201", "", ""), Identity("from", SHARED, "p", ""))
    decision = world.ledger.decide(shown, world.now)
    assert (decision.peer, decision.agent) == ("second", "201")
    row = row_of(world.ledger.calls()[-1])
    assert (row.number, row.trunk, row.group, row.evidence) == (SHARED, "second", "sales", "x-agent")


def test_a_pbx_that_is_not_there_is_not_where_calls_go(worlds: Worlds) -> None:
    world = worlds(policy=POLICY.replace('kind = "shared"', 'kind = "shared"\npbx = "gone"'))
    assert world.ledger.decide(world.calls_in(), world.now).peer == "office"


def test_nobody_is_agent_of_a_pbx_that_is_not_configured(world: World) -> None:
    call = NewCall("id", "outbound", "main", "elsewhere", CUSTOMER, (Identity("from", "201", "p", ""),), False, "cid")
    assert world.ledger.decide(call, world.now).agent is None


# Levels


def test_agent_before_group_before_global(worlds: Worlds) -> None:
    text = POLICY.replace('name = "Anna"', 'name = "Anna"\ndirect_callback = { type = 3 }').replace(
        'target = "600"', 'target = "600"\ndirect_callback = { type = 2, ring_for = "7s" }')
    world = worlds("type = 0", policy=text)
    for agent, kind in (("201", 3), ("202", 2), ("203", None)):
        customer = f"+3620{agent}0000"
        world.dial(agent, customer=customer)
        records = world.store.direct.records(customer)
        assert [record.type for record in records] == ([] if kind is None else [kind])
    decision = world.ledger.decide(world.calls_in("+36202010000"), world.now)
    assert decision.targets[0].ring_for == 7.0


# What makes a record, and what does not


@pytest.mark.parametrize(("cause", "made"), [(486, True), (408, True), (487, True), (404, True), (503, True),
                                             (401, False), (407, False)])
def test_endings(world: World, cause: int, made: bool) -> None:
    world.dial("201", cause=cause)
    assert (world.reaches() == "201") is made


def test_no_agent_no_record(world: World) -> None:
    call = world.new_call("outbound", CUSTOMER, Identity("from", "600", "p", ""))
    world.play(call, None, 486, 0, (), 0)
    assert world.store.direct.records(CUSTOMER) == []


def test_short_codes_and_emergency_calls_make_no_record(world: World) -> None:
    for dialled in ("112", "1234", "201"):
        call = world.new_call("outbound", dialled, Identity("from", "201", "p", ""))
        assert world.ledger.decide(call, world.now).customer is None
        world.ledger.ended(call.id, Ending(486, "callee"), world.now)
    assert world.told("direct.created") == []


def test_expiry_counts_from_the_end_of_the_call(worlds: Worlds) -> None:
    world = worlds('type = 3\nexpires_after = "1h"')
    world.dial("201", talk=600, rings=30)
    assert world.store.direct.records(CUSTOMER)[0].expires_at == BEGIN + 630 + 3600


def test_agent_of_the_queue_is_known_by_the_identity_in_the_answer(worlds: Worlds) -> None:
    world = worlds()
    world.dial("201")
    world.customer_calls(talk=60, target=1)
    assert world.reaches() == "201", "somebody answered, nobody knows who"
    world.customer_calls(talk=60, target=1, identities=[pai("600")])
    assert world.reaches() == "201"
    world.customer_calls(talk=60, target=1, identities=[pai("201")])
    assert world.reaches() is None


def test_pbx_that_answers_before_it_queues_proves_nothing_by_the_queues_answer(worlds: Worlds) -> None:
    world = worlds(answers="before_queue")
    world.dial("201")
    world.customer_calls(talk=60, target=1, identities=[pai("201")])
    assert world.reaches() == "201"
    world.customer_calls(talk=60, target=0)
    assert world.reaches() is None, "the extension itself was dialled"


def test_type_4_restarts_every_live_record_by_any_call(worlds: Worlds) -> None:
    world = worlds('type = 4\nexpires_after = "1h"')
    world.dial("201")
    world.now += 60
    world.dial("202")
    world.now += 60
    world.customer_calls(dialled=DIRECT, cause=486)
    found = {record.agent: record for record in world.store.direct.records(CUSTOMER)}
    assert {record.expires_at for record in found.values()} == {world.now + 3600}
    assert (found["201"].touched_at, found["202"].touched_at) == (BEGIN, BEGIN + 60)


def test_type_4_lives_on_when_it_expires_during_the_customers_call_and_a_sweep_passes(worlds: Worlds) -> None:
    world = worlds('type = 4\nexpires_after = "1h"')
    world.dial("201")
    calls = [world.calls_in(), world.calls_in()]
    for call in calls:
        world.ledger.decide(call, world.now + 3599)
    world.now += 3700
    world.ledger.ended(calls[0].id, Ending(407, "callee"), world.now)
    world.commit()
    world.ledger.sweep(world.now)
    world.ledger.ended(calls[1].id, Ending(487, "caller"), world.now)
    assert world.store.direct.records(CUSTOMER)[0].expires_at == world.now + 3600
    world.now += 3600
    world.commit()
    world.ledger.sweep(world.now)
    assert world.store.direct.records(CUSTOMER) == []


def test_a_record_in_place_of_an_expired_one_tells_of_both(worlds: Worlds) -> None:
    world = worlds('type = 1\nexpires_after = "1h"')
    world.dial("201")
    world.now += 3600
    world.dial("201")
    assert [kind for kind, _ in world.told("direct.created", "direct.expired")] == \
        ["direct.created", "direct.expired", "direct.created"]


def test_operator_removes(world: World) -> None:
    world.dial("201")
    world.ledger.direct.remove(world.store.direct.records(CUSTOMER)[0], world.now)
    assert world.reaches() is None
    assert world.told("direct.removed")[0][1]["call"] is None


# What is kept and told


def test_events_and_row_of_a_redirected_call(worlds: Worlds) -> None:
    world = worlds()
    world.dial("201")
    world.told()
    world.now += 60
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    world.ledger.ringing(call.id, 0, world.now + 1)
    world.ledger.ringing(call.id, 0, world.now + 2)
    world.ledger.answered(call.id, 0, (), None, world.now + 3)
    world.ledger.answered(call.id, 0, (pai("202"),), None, world.now + 4)
    stored: list[bool] = []
    world.ledger.ended(call.id, Ending(200, "caller"), world.now + 63, lambda: stored.append(True))
    assert stored == []
    world.loop.until(lambda: stored)
    told = world.told()
    assert [kind for kind, _ in told] == ["call.started", "direct.used", "agent.state", "call.answered", "agent.state",
                                          "call.ended", "direct.removed", "agent.state"]
    assert [data["state"] for kind, data in told if kind == "agent.state"] == ["ringing", "busy", "free"]
    used, ended = told[1][1], told[5][1]
    assert (used["agent"], used["dialled"], used["call"]) == ("201", SHARED, call.id)
    assert {key: ended[key] for key in ("customer", "number", "agent", "evidence", "group", "tried", "talk_s", "by",
                                        "cause", "duration_s", "tried_status", "reason")} == {
        "customer": CUSTOMER, "number": SHARED, "agent": "201", "evidence": "dialled", "group": "sales",
        "tried": "201", "talk_s": 60.0, "by": "caller", "cause": 200, "duration_s": 63.0, "tried_status": None,
        "reason": "direct"}
    row = world.store.calls.newest(1)[0]
    assert (row.id, row.cause, row.ended_by, row.talk_s, row.answered_at) == (call.id, 200, "caller", 60.0, BEGIN + 63)
    assert world.store.calls.open() == []


def test_try_that_failed_is_told(world: World) -> None:
    world.dial("201")
    world.told()
    world.customer_calls(talk=60, target=1)
    told = world.told()
    assert [data["state"] for kind, data in told if kind == "agent.state"] == ["ringing", "free"]
    ended = next(data for kind, data in told if kind == "call.ended")
    assert (ended["tried"], ended["tried_status"], ended["agent"]) == ("201", 408, None)


@pytest.mark.parametrize(("status", "state"), [(486, "unknown"), (480, "unknown"), (408, "free"), (603, "free")])
def test_agent_whose_ringing_ended(world: World, status: int, state: str) -> None:
    world.dial("201")
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    world.ledger.ringing(call.id, 0, world.now)
    assert world.ledger.attendance.agents()["201"].state == "ringing"
    world.ledger.target_failed(call.id, 0, status, world.now)
    assert world.ledger.attendance.agents()["201"].state == state


def test_agents_are_unknown_until_seen(world: World) -> None:
    floor = world.ledger.attendance
    assert {agent: seen.state for agent, seen in floor.agents().items()} == {"201": "unknown", "202": "unknown"}
    call = world.calls_in(dialled=DIRECT)
    world.ledger.decide(call, world.now)
    world.ledger.ringing(call.id, 0, world.now)
    assert world.ledger.attendance.agents()["205"].state == "ringing"
    world.ledger.answered(call.id, 0, (pai("202"),), None, world.now)
    assert (floor.agents()["205"].state, floor.agents()["202"].state) == ("free", "busy")
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    assert world.ledger.attendance.agents()["202"].state == "free"


def test_a_queue_rings_at_nobody_known(world: World) -> None:
    world.told()
    world.dial("201")
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    world.ledger.target_failed(call.id, 0, 503, world.now)
    world.ledger.ringing(call.id, 1, world.now)
    world.ledger.ended(call.id, Ending(487, "caller"), world.now)
    assert [data["state"] for kind, data in world.told("agent.state")] == ["busy", "free"]


def test_another_target_that_fails_is_not_the_one_tried(world: World) -> None:
    world.dial("201")
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    world.ledger.target_failed(call.id, 1, 503, world.now)
    assert world.ledger.calls()[0].sent.tried_status is None


def test_caller_gives_up_while_it_rings(world: World) -> None:
    world.dial("201")
    world.customer_calls()
    assert world.ledger.attendance.agents()["201"].state == "free"


def test_call_nobody_knows(world: World) -> None:
    stored: list[bool] = []
    world.ledger.ringing("?", 0, 0)
    world.ledger.target_failed("?", 0, 486, 0)
    world.ledger.answered("?", 0, (), None, 0)
    world.ledger.alive("?", 90, 0)
    world.ledger.ended("?", Ending(200, "caller"), 0)
    world.ledger.ended("?", Ending(200, "caller"), 0, lambda: stored.append(True))
    assert stored == [True]
    assert world.ledger.open_call("?") is None


def test_text_from_the_wire_that_is_no_utf8(world: World) -> None:
    call = world.new_call("inbound", "gr\udcfc\xdfe", Identity("from", "\udcff", "c", ""))
    world.ledger.decide(call, world.now)
    world.ledger.ended(call.id, Ending(404, "callee"), world.now)
    world.commit()
    assert world.store.calls.newest(1)[0].dialled == "gr\ufffd\xdfe"


def test_counters_of_the_day(world: World) -> None:
    world.dial("201", talk=10)
    world.customer_calls()
    world.dial("201")
    world.customer_calls()
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    assert world.ledger.counters(world.now) == {"active": 1, "today": 5, "inbound": 3, "outbound": 2, "answered": 1,
                                                "direct": 2, "callbacks": 0, "dialled": 0, "dialled_answered": 0}
    assert world.ledger.counters(world.now + 86_400)["today"] == 0


def test_facts_of_others_go_out_in_order(world: World) -> None:
    world.ledger.tell("pbx.state", {"name": "office", "state": "up"}, world.now)
    world.dial("201")
    assert [kind for kind, _ in world.told()][:2] == ["pbx.state", "call.started"]
    assert [event.seq for event in world.store.events_after(0, 100)] == list(range(1, 7))


def test_alarm_is_said_once(world: World) -> None:
    world.ledger.alarms.report("mqtt", "no broker", world.now)
    world.ledger.alarms.report("mqtt", "still none", world.now + 1)
    assert world.ledger.alarms.up() == {"mqtt": "no broker"}
    world.ledger.alarms.report("mqtt", None, world.now + 2)
    world.ledger.alarms.report("mqtt", None, world.now + 3)
    assert [(event.kind, event.data["since"]) for event in world.alarms] == \
        [("alarm.raised", "2026-09-21T14:13:20.000Z"), ("alarm.cleared", "2026-09-21T14:13:20.000Z")]
    world.ledger.alarms.report("mqtt", "again", world.now + 4)
    assert world.alarms[-1].data["since"] == "2026-09-21T14:13:24.000Z"


def test_policy_is_in_force_at_once(worlds: Worlds) -> None:
    world = worlds("type = 1")
    call = world.calls_out("201")
    world.ledger.decide(call, world.now)
    world.policy("type = 0")
    world.ledger.ended(call.id, Ending(486, "callee"), world.now)
    assert world.store.direct.records(CUSTOMER) == []
    assert world.ledger.policy.direct_callback.type == 0
    world.policy("type = 1", POLICY.replace('region = "HU"', 'region = "DE"'))
    assert world.ledger.decide(world.calls_in("030123456"), world.now).customer == "+4930123456"


# What nobody ended


def test_lost_call_is_ended_by_the_sweep(world: World) -> None:
    call = world.calls_out("201")
    world.ledger.decide(call, world.now)
    world.ledger.answered(call.id, 0, (), 90.0, world.now)
    world.ledger.sweep(world.now + 164)
    world.ledger.alive(call.id, None, world.now + 100)
    world.ledger.sweep(world.now + 264)
    assert len(world.ledger.calls()) == 1
    world.ledger.alive(call.id, 60.0, world.now + 264)
    world.ledger.sweep(world.now + 264 + 119)
    assert len(world.ledger.calls()) == 1
    world.ledger.sweep(world.now + 264 + 120)
    assert world.ledger.calls() == ()
    ended = next(data for kind, data in world.told("call.ended"))
    assert (ended["by"], ended["cause"]) == ("lost", 200)
    assert world.ledger.attendance.agents()["201"].state == "free"


def test_call_without_session_timer_lives_a_day(world: World) -> None:
    call = world.calls_out("201")
    world.ledger.decide(call, world.now)
    world.ledger.answered(call.id, 0, (), None, world.now)
    world.ledger.sweep(world.now + LONGEST_CALL - 1)
    assert len(world.ledger.calls()) == 1
    world.ledger.sweep(world.now + LONGEST_CALL)
    assert world.ledger.calls() == ()


@replaces_parts
def test_expired_records_are_tidied_in_slices(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct_records, "SWEEP_SLICE", 4)
    world = worlds('type = 1\nexpires_after = "1h"')
    for number in range(10):
        world.dial("201", customer=f"+3630000000{number}")
    world.commit()
    world.now += 3600
    left = []
    for _ in range(4):
        world.ledger.sweep(world.now)
        world.commit()
        left.append(world.store.direct.count())
    assert left == [6, 2, 0, 0]
    assert len(world.told("direct.expired")) == 10


@replaces_parts
def test_records_in_use_do_not_stop_the_others_from_being_tidied(worlds: Worlds,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct_records, "SWEEP_SLICE", 2)
    world = worlds('type = 1\nexpires_after = "1h"')
    for number in range(6):
        world.dial("201", customer=f"+3630000000{number}")
        if number < 3:
            world.ledger.decide(world.calls_in(f"+3630000000{number}"), world.now)
        world.now += 1
    world.commit()
    world.now += 3600
    for _ in range(5):
        world.ledger.sweep(world.now)
        world.commit()
    assert world.store.direct.count() == 3


# After a restart


def test_calls_go_on_after_a_restart(worlds: Worlds) -> None:
    world = worlds("type = 4")
    world.dial("201")
    inbound, outbound = world.calls_in(), world.calls_out("202", "+36301111111")
    world.ledger.decide(inbound, world.now)
    world.ledger.answered(inbound.id, 0, (), 90.0, world.now)
    world.ledger.decide(outbound, world.now)
    world.commit()
    again = worlds("type = 4")
    again.now = world.now + 1
    assert again.ledger.restore(again.now) == 2
    floor = again.ledger.attendance
    assert {agent: seen.state for agent, seen in floor.agents().items()} == {"201": "busy", "202": "busy"}
    assert again.ledger.counters(again.now) == {"active": 2, "today": 3, "inbound": 1, "outbound": 2, "answered": 1,
                                                "direct": 1, "callbacks": 0, "dialled": 0, "dialled_answered": 0}
    found = again.ledger.open_call(inbound.sip_call_id)
    assert found is not None
    assert (found.id, found.tried) == (inbound.id, "201")
    again.now += 60
    again.ledger.ended(inbound.id, Ending(200, "caller"), again.now)
    again.ledger.ended(outbound.id, Ending(486, "callee"), again.now)
    assert again.store.direct.records(CUSTOMER)[0].expires_at == again.now + 8 * 3600
    assert again.reaches("+36301111111") == "202"
    again.commit()
    assert again.store.calls.open() == []
    assert {row.id: row.talk_s for row in again.store.calls.newest(5, CUSTOMER)}[inbound.id] == 61.0


def test_answer_missed_while_down_changes_nothing_for_types_that_ask(worlds: Worlds) -> None:
    world = worlds()
    world.dial("201")
    before = world.store.direct.records(CUSTOMER)
    call = world.calls_out("201")
    world.ledger.decide(call, world.now)
    world.commit()
    again = worlds()
    again.ledger.restore(again.now)
    again.ledger.ended(call.id, Ending(200, "caller"), again.now + 100)
    assert again.store.direct.records(CUSTOMER) == before


def test_a_call_that_another_node_began_is_one_row_by_its_name(worlds: Worlds) -> None:
    world = worlds()
    inbound, outbound = world.calls_in()._replace(withheld=True), world.calls_out("202")
    for call in (inbound, outbound):
        world.ledger.adopt(call, True, world.now)
        assert world.ledger.standing(call.id, world.now) == "open"
        world.ledger.adopt(call, False, world.now + 5)
    found = world.ledger.open_call(inbound.sip_call_id)
    assert found is not None
    assert (found.id, world.ledger.attendance.agent_state("202")) == (inbound.id, "busy")
    counted = world.ledger.counters(world.now)
    assert (counted["active"], counted["today"]) == (2, 0)
    for call in (inbound, outbound):
        world.ledger.ended(call.id, Ending(200, "callee", dialog="whichever"), world.now + 30)
    world.commit()
    rows = {row.id: row for row in world.store.calls.newest(5)}
    assert {row.reason for row in rows.values()} == {"adopted"}
    assert [(rows[call.id].customer, rows[call.id].agent, rows[call.id].talk_s, rows[call.id].cause)
            for call in (inbound, outbound)] == [(None, None, 30.0, 200), (CUSTOMER, "202", 30.0, 200)]
    assert rows[inbound.id].started_at == time7(inbound.id)
    assert world.store.direct.records(CUSTOMER) == []


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_of_a_call_that_is_found_with_its_bye_nothing_follows(worlds: Worlds, direction: str) -> None:
    world = worlds()
    world.dial("201")
    before = world.store.direct.records(CUSTOMER)
    call = world.calls_in() if direction == "inbound" else world.calls_out("201")
    world.ledger.adopt(call, False, world.now)
    world.ledger.ended(call.id, Ending(200, "caller", dialog="whichever"), world.now)
    world.commit()
    row = world.store.calls.one(call.id)
    assert row is not None
    assert (row.judged, row.talk_s, row.answered_at) == ("uncertain", None, None)
    assert world.store.direct.records(CUSTOMER) == before


def test_what_is_written_is_not_found_again(worlds: Worlds) -> None:
    """Given up as lost, or ended: its row stays as it is."""
    world = worlds()
    lost, over = world.calls_in(), world.calls_in()
    for call, by in ((lost, "lost"), (over, "caller")):
        world.ledger.decide(call, world.now)
        world.ledger.ended(call.id, Ending(408, by), world.now)  # type: ignore[arg-type]  # who ended it
    world.commit()
    before = [world.store.calls.one(call.id) for call in (lost, over)]
    for call in (lost, over):
        world.ledger.adopt(call, True, world.now + 9)
    world.commit()
    assert (world.ledger.calls(), [world.store.calls.one(call.id) for call in (lost, over)]) == ((), before)


def test_where_the_database_cannot_be_read_no_call_is_taken_over() -> None:
    store = MemoryStore()
    ledger = new_ledger(store, parse_policy(POLICY.replace("{direct}", "")), {"office": PbxFacts.of("2..", ("From",))})
    store.broken = True
    call = NewCall(uuid7(BEGIN, os.urandom), "outbound", "main", "office", CUSTOMER, (), False, "cid")
    ledger.adopt(call, True, BEGIN)
    assert ledger.calls() == ()


def test_restored_call_that_nobody_hears_of_is_lost(worlds: Worlds) -> None:
    world = worlds()
    ringing, talking = world.calls_out("201"), world.calls_in()
    world.ledger.decide(ringing, world.now)
    world.ledger.decide(talking, world.now)
    world.ledger.answered(talking.id, 0, (), 90.0, world.now)
    world.commit()
    again = worlds()
    again.ledger.restore(again.now)
    again.ledger.sweep(again.now + 165)
    assert [call.id for call in again.ledger.calls()] == [ringing.id]
    again.ledger.sweep(again.now + RESTORED_UNANSWERED)
    assert again.ledger.calls() == ()
    assert again.store.direct.records(CUSTOMER) == []


def test_restored_talk_without_session_timer_lives_for_some_hours(worlds: Worlds) -> None:
    """Its BYE may have come while nobody was there: nobody is engaged for a day by that."""
    world = worlds()
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    world.ledger.answered(call.id, 0, (), None, world.now)
    world.commit()
    again = worlds()
    again.ledger.restore(again.now)
    again.ledger.alive(call.id, None, again.now + 600)
    again.ledger.sweep(again.now + 599 + RESTORED_ANSWERED)
    assert again.ledger.attendance.engaged(CUSTOMER)
    again.ledger.sweep(again.now + 600 + RESTORED_ANSWERED)
    assert not again.ledger.attendance.engaged(CUSTOMER)


def test_an_agent_whose_call_ended_while_we_were_down_is_free_as_soon_as_their_dialogs_say_so(worlds: Worlds) -> None:
    world = worlds()
    world.ledger.decide(world.calls_out("202"), world.now)
    world.commit()
    again = worlds()
    again.ledger.restore(again.now)
    assert again.ledger.attendance.agent_state("202") == "busy"
    again.ledger.dialog_event("202", "free", None, again.now + 1)
    assert again.ledger.attendance.agent_state("202") == "free"


def test_restore_waits_for_the_database() -> None:
    store = MemoryStore()
    engine: Store = store
    policy = parse_policy(POLICY.replace("{direct}", ""))
    facts = {"office": PbxFacts.of("2..", ("From",))}
    call = NewCall("a", "outbound", "main", "office", CUSTOMER, (Identity("from", "201", "p", ""),), False, "cid")
    new_ledger(engine, policy, facts).decide(call, BEGIN)
    store.broken = True
    again = new_ledger(engine, policy, facts)
    assert again.restore(BEGIN + 1) == 0
    inbound = NewCall("b", "inbound", "main", "office", SHARED, (Identity("from", CUSTOMER, "c", ""),), False, "cid2")
    assert again.decide(inbound, BEGIN + 1).reason == "normal"
    again.ended("b", Ending(487, "caller"), BEGIN + 1)
    again.sweep(BEGIN + 1)
    assert again.calls() == ()
    assert again.counters(BEGIN + 1)["today"] == 1
    store.broken = False
    again.sweep(BEGIN + 2)
    assert [entry.id for entry in again.calls()] == ["a"]
    assert again.counters(BEGIN + 2)["today"] == 2, "the one of before the restart, and the one since"


def test_a_record_is_made_although_the_database_cannot_be_read(worlds: Worlds, tmp_path: Path) -> None:
    store = MemoryStore()
    engine: Store = store
    ledger = new_ledger(engine, parse_policy(POLICY.replace("{direct}", "")),
                        {"office": PbxFacts.of("2..", ("From",))})
    store.broken = True
    call = NewCall("a", "outbound", "main", "office", CUSTOMER, (Identity("from", "201", "p", ""),), False, "cid")
    ledger.decide(call, BEGIN)
    ledger.ended("a", Ending(486, "callee"), BEGIN)
    assert list(store.all_direct) == [(CUSTOMER, "201")]


def test_the_invite_with_credentials_is_the_same_call(world: World) -> None:
    call = NewCall("same", "outbound", "main", "office", CUSTOMER, (Identity("from", "201", "p", ""),), False, "cid")
    first = world.ledger.decide(call, world.now)
    again = world.ledger.decide(call, world.now + 1)
    assert again == first
    assert world.ledger.counters(world.now)["today"] == 1
    world.ledger.ended("same", Ending(486, "callee"), world.now + 2)
    assert world.ledger.attendance.agents()["201"].state == "free"


def test_only_what_somebody_listens_to_is_told(world: World) -> None:
    world.interest.wanted = frozenset({"direct.created"})
    world.dial("201")
    assert [kind for kind, _ in world.told()] == ["direct.created"]
    world.interest.wanted = frozenset()
    world.customer_calls(talk=60)
    assert world.told("call.started", "call.answered", "call.ended", "agent.state", "direct.removed") == []
    assert world.store.direct.records(CUSTOMER) == []
    assert {row.cause for row in world.store.calls.newest(2)} == {486, 200}
