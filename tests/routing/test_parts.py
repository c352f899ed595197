"""The parts of the ledger, each built alone."""

import os
from collections.abc import Callable

import pytest

from config.policy import Policy, parse_policy
from routing.alarms import Alarms
from routing.attendance import Attendance
from routing.call_judge import CallJudge
from routing.call_records import CallRecords
from routing.callbacks.facts import Missed, NewCaller
from routing.callbacks.queue_facts import CampaignKeys, QueueOffer
from routing.calls import Call
from routing.desk_listener import DeskListener
from routing.direct_records import DirectRecords
from routing.ended_calls import ENDED_MAX, ENDS_WITHIN, EndedCalls
from routing.events import Event
from routing.evidence import Evidence
from routing.facts import Ending, Target
from routing.identity import NO_PBX, PbxFacts
from routing.ids import uuid7
from routing.missed import NEITHER
from routing.pace import Pace
from routing.queued_callers import QueuedCallers
from routing.route import Rules
from routing.rows import OWN, Direction, Record
from routing.setup_alarms import SetupAlarms
from routing.taken_calls import TakenCalls
from routing.teller import Teller
from routing.writes import Unit
from tests.routing.listening import Ears
from tests.routing.memory_store import MemoryStore

NOW = 1_790_000_000.0
CUSTOMER = "+36201234567"
POLICY = """
region = "HU"
[number."+3614445555"]
group = "sales"
[group.sales]
target = "600"
agents = ["201"]
missed_callback = { enabled = true }
[campaign.10001]
group = "sales"
add_key = "5"
"""
PBX = PbxFacts.of("^2..$", ("From",))


class Bench:
    """One of each part, over the same world."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.store, self.rules = MemoryStore(), Rules(policy or parse_policy(POLICY), {"office": PBX})
        self.teller, self.records = Teller("edge1", os.urandom), CallRecords()
        self.told: list[Event] = []
        self.bugs: list[Exception] = []
        self.pokes: list[bool] = []
        self.alarms = Alarms(self.store, self.teller, self.told.append)
        self.desk, self.ears = DeskListener(self.alarms, self.bugs.append), Ears()
        self.pace = Pace()
        self.taken = TakenCalls(self.pace)
        self.attendance = Attendance(self.store, self.rules, self.records, self.teller, self.desk.poke, self.pace)
        self.setup = SetupAlarms(self.rules, self.attendance, self.alarms)
        self.evidence = Evidence(self.store, self.rules, self.records, self.attendance, self.setup, self.taken)

    def connect(self) -> None:
        self.desk.connect(self.ears, lambda: self.pokes.append(True))


def a_call(direction: Direction = "inbound", customer: str | None = CUSTOMER, group: str | None = "sales",
           name: str = "a") -> Call:
    call = Call(name, f"{name}@x", direction, "main", "office", "+3614445555", NOW)
    call.customer, call.group, call.number = customer, group, "+3614445555"
    return call


def a_leg(attempt: str = "try") -> Call:
    leg = a_call(name=f"leg of {attempt}")
    leg.own, leg.reason, leg.attempt = True, OWN, attempt
    return leg


# Records


def test_a_call_is_found_by_everything_until_it_leaves() -> None:
    records, call, leg = CallRecords(), a_call(), a_leg()
    records.enter(call)
    records.enter(leg)
    assert (records.of(CUSTOMER), records.of(None), records.of("+1")) == ((call, leg), (), ())
    assert (records.waiting("sales"), records.waiters("sales"), records.on_trunk("main")) == (1, (call,), 1)
    assert (records.leg_to_agent("try"), records.leg_to_agent("other"), records.leg_to_agent(None)) == (leg, None, None)
    assert records.engaged(CUSTOMER)
    records.attend(call)
    assert (records.waiting("sales"), records.of(CUSTOMER)) == (0, (call, leg))
    records.leave(call)
    assert not records.engaged(CUSTOMER), "what is left is an attempt of ours"
    records.leave(leg)
    assert (records.by_name, records.of(CUSTOMER), records.on_trunk("main")) == ({}, (), 0)
    assert records.leg_to_agent("try") is None


def test_whom_each_agent_talks_to() -> None:
    records, talks, rings = CallRecords(), a_call(), a_call(customer="+36209999999", name="b")
    talks.seen.held, rings.seen.rung = "201", "202"
    for call in (talks, rings, a_call(name="c")):
        records.enter(call)
    assert records.customers() == {"201": CUSTOMER, "202": "+36209999999"}


def test_how_a_call_stands_that_has_ended() -> None:
    ended, old = EndedCalls(MemoryStore()), uuid7(NOW - 8 * 86_400, os.urandom)
    name = uuid7(NOW, os.urandom)
    assert (ended.standing(name, NOW), ended.standing(old, NOW)) == ("unknown", "long_over")
    ended.add(name, NOW)
    assert (ended.standing(name, NOW + 1), ended.standing(name, NOW + ENDS_WITHIN)) == ("over", "long_over")
    for number in range(ENDED_MAX):
        ended.add(str(number), NOW)
    assert ended.standing(name, NOW + 1) == "unknown", "the oldest goes first; the database does not know it"


# Rules


def test_rules_hold_the_policy_in_force() -> None:
    rules = Rules(parse_policy(POLICY), {"office": PBX})
    assert (rules.pbx("office"), rules.pbx("other")) == (PBX, NO_PBX)
    assert (rules.is_extension("201"), rules.is_extension("600"), rules.is_extension("999")) == (True, False, False)
    numbers = rules.numbers
    rules.set_policy(parse_policy(POLICY.replace('"600"', '"202"')))
    assert (rules.is_extension("202"), rules.numbers is numbers) == (False, True)
    rules.set_policy(parse_policy(POLICY.replace('region = "HU"', 'region = "SK"')))
    assert rules.numbers.region == "SK"


# Alarms


def test_an_alarm_is_told_at_once_and_kept_as_an_event() -> None:
    bench = Bench()
    bench.alarms.report("disk", "it is full", NOW)
    bench.alarms.report("disk", "it is full", NOW + 1)
    bench.alarms.report("disk", None, NOW + 2)
    assert [event.kind for event in bench.told] == ["alarm.raised", "alarm.cleared"] == \
        [event.kind for event in bench.store.events]
    assert {event.data["since"] for event in bench.told} == {"2026-09-21T14:13:20.000Z"}


def test_an_alarm_that_stands_is_up_after_a_restart() -> None:
    bench = Bench()
    bench.alarms.stand("loss", "rows are lost", NOW)
    again = Alarms(bench.store, bench.teller, bench.told.append)
    again.restore()
    assert again.up() == {"loss": "rows are lost"}
    again.take_down("loss", NOW + 1)
    assert (again.up(), bench.store.standing()) == ({}, [])


def test_a_refused_login_is_an_alarm_until_a_leg_rings() -> None:
    bench, leg = Bench(), a_call("outbound")
    bench.setup.heed_login(a_leg(), Ending(401, "callee"), NOW)
    assert bench.alarms.up() == {}, "of a leg to an agent it is no trunk's"
    bench.setup.heed_login(leg, Ending(407, "callee"), NOW)
    assert list(bench.alarms.up()) == ["login_main"]
    bench.setup.heed_login(leg, Ending(503, "callee"), NOW)
    assert list(bench.alarms.up()) == ["login_main"]
    leg.seen.rang = True
    bench.setup.heed_login(leg, Ending(486, "callee"), NOW)
    assert bench.alarms.up() == {}


def test_a_blind_queue_is_an_alarm_until_a_phone_is_shown() -> None:
    bench = Bench()
    bench.setup.heed_abandoned("office", "sales", NOW)
    assert list(bench.alarms.up()) == ["blind_queue_office"]
    bench.setup.heed_shown("office", NOW)
    bench.setup.heed_abandoned("office", "sales", NOW)
    assert bench.alarms.up() == {}


# Agents


def test_a_change_of_an_agent_is_an_event_and_wakes_the_desk() -> None:
    bench = Bench()
    bench.connect()
    [event] = bench.attendance.count("201", 1, 0, NOW, "a")
    assert (event.data["state"], event.data["call"], bench.attendance.agent_state("201")) == ("ringing", "a", "ringing")
    assert bench.attendance.count("201", 1, 0, NOW, "b") == ()
    assert bench.pokes == [True]
    assert (bench.attendance.is_counted("201"), bench.attendance.is_counted("202")) == (True, False)


def test_a_leg_of_ours_rings_its_agent_before_anybody_says_so() -> None:
    bench, leg = Bench(), a_leg()
    bench.evidence.place(leg, "201", NOW)
    assert (leg.seen.rung, bench.attendance.agent_state("201")) == ("201", "ringing")
    assert bench.evidence.place(a_call(), "202", NOW) == []


# The desk


def test_nobody_is_asked_before_the_desk_listens() -> None:
    bench = Bench()
    missed = Missed("a", CUSTOMER, None, "sales", "office", "main", NOW, NOW, "hung_up", (), "certain")
    bench.desk.poke()
    assert (bench.desk.rang_in(NewCaller(CUSTOMER, None), NOW), bench.desk.missed(missed, NOW).writes) == (None, ())
    assert bench.desk.pressed(missed, NOW) == (None, bench.desk.missed(missed, NOW))
    bench.connect()
    bench.desk.poke()
    assert (bench.desk.listens, bench.pokes, bench.ears.missed_calls) == (True, [True], [])
    assert bench.desk.missed(missed, NOW).writes
    assert bench.ears.missed_calls == [missed]


def test_a_bug_of_the_desk_is_an_alarm_until_it_answers_the_like_again() -> None:
    bench = Bench()
    bench.connect()
    bench.ears.broken = True
    assert bench.desk.rang_in(NewCaller(CUSTOMER, None), NOW) is None
    assert (list(bench.alarms.up()), len(bench.bugs)) == (["callbacks"], 1)
    bench.ears.broken = False
    bench.desk.rang_in(NewCaller(CUSTOMER, None), NOW)
    assert bench.alarms.up() == {}


# What a call was


def test_a_missed_call_is_told_and_what_follows_is_given() -> None:
    bench, call = Bench(), a_call()
    bench.connect()
    judge = CallJudge(bench.rules, bench.evidence, bench.setup, bench.desk)
    judged = judge.judge(call, Ending(487, "caller"), NOW + 20)
    assert (judged.kind, judged.why) == ("missed", "hung_up")
    assert judge.follows(call, judged, NOW + 20).writes
    assert [missed.call for missed in bench.ears.missed_calls] == ["a"]
    assert judge.judge(a_leg(), Ending(487, "proxy"), NOW) == NEITHER


@pytest.mark.parametrize(("happens", "may"), [
    (lambda call: None, True),
    (lambda call: setattr(call, "agent", "201"), False),
    (lambda call: setattr(call, "asked", True), False),
    (lambda call: setattr(call.seen, "sign_at", NOW), False),
    (lambda call: setattr(call, "group", None), False),
])
def test_what_a_caller_may_press(happens: Callable[[Call], None], may: bool) -> None:
    bench, call = Bench(), a_call()
    keys = QueuedCallers(bench.store, bench.rules, bench.records, bench.evidence, bench.setup, bench.desk)
    bench.ears.may_press = QueueOffer(None, CampaignKeys("5", None, "en"))
    bench.records.enter(call)
    assert keys.offer("a", NOW) is None, "nobody would keep it"
    bench.connect()
    happens(call)
    assert keys.offer("a", NOW) == (bench.ears.may_press if may else None)
    promised: list[bool] = []
    keys.press("a", "5", NOW, promised.append)
    assert promised == [may]


def test_a_caller_who_is_told_of_the_key_again_and_again_was_offered_one_callback() -> None:
    bench = Bench()
    keys = QueuedCallers(bench.store, bench.rules, bench.records, bench.evidence, bench.setup, bench.desk)
    bench.connect()
    for name in ("a", "b"):
        bench.records.enter(a_call(name=name))
    for name in ("a", "a", "b", "a", "gone"):
        keys.note_offered(name, NOW)
    assert [line.task for line in bench.store.all_journal if line.kind == "offered"] == ["a", "b"]
    keys.forget("a")
    keys.note_offered("a", NOW)
    assert [line.task for line in bench.store.all_journal if line.kind == "offered"] == ["a", "b", "a"], "nothing stays"


# Direct callbacks


def test_records_in_use_are_not_tidied() -> None:
    bench, call = Bench(), a_call()
    direct = DirectRecords(bench.store, bench.rules, bench.teller)
    record = Record(CUSTOMER, "201", 1, NOW, NOW, NOW + 9)
    bench.store.put(Unit((record,)))
    direct.begin(call, direct.of(CUSTOMER), NOW)
    assert call.sent.live == ("201",)
    direct.tidy(NOW + 10)
    assert direct.of(CUSTOMER) == [record]
    direct.end(call)
    direct.tidy(NOW + 10)
    assert (direct.of(CUSTOMER), direct.of(None)) == ([], [])
    assert [event.kind for event in bench.store.events] == ["direct.expired"]


def test_no_record_where_the_database_cannot_be_read() -> None:
    bench = Bench()
    bench.store.broken = True
    assert DirectRecords(bench.store, bench.rules, bench.teller).of(CUSTOMER) == []


def test_a_call_knows_where_it_was_sent() -> None:
    assert a_call().sent.targets == (Target(),)
