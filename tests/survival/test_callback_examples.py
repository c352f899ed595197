"""What product.md promises of missed calls (section 2) and of their responsible (section 3): real calls, a short clock.

One daemon for all; each test has a group of its own. What cannot be shown in seconds (spread over opening hours, nights
when the clock changes, holidays) is in `tests/routing/callbacks`.
"""

import datetime
import time
import zoneinfo
from collections.abc import Iterator

import pytest

from tests.kit.callback_floor import (
    ACCEPTS,
    BRIEF,
    DECLINES,
    NOBODY,
    TALK,
    TALKS,
    Floor,
    Running,
    kinds,
    refuses,
)
from tests.kit.far_call import Plan
from tests.kit.mosquitto import MISSING
from tests.kit.waiting import eventually

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

ZONE = zoneinfo.ZoneInfo("Europe/Budapest")
FLOOR = Floor(tickets={"enabled": True})


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with FLOOR.running(tmp_path_factory.mktemp("floor")) as running:
        yield running


def weekday(days: int) -> str:
    """The name of the day so many days from today, as opening hours write it."""
    return (datetime.datetime.now(ZONE) + datetime.timedelta(days)).strftime("%a").lower()


# Section 2

SPREAD = FLOOR.group("spread", missed_callback={"window": "24s", "attempts": 4})


def test_attempts_are_spread_evenly_over_the_window_the_first_at_once(it: Running) -> None:
    it.pbx.plans[SPREAD.agent] = BRIEF
    it.carrier.plans[SPREAD.customer] = refuses(480)
    missed = it.miss(SPREAD).over_at or 0
    it.reaches(SPREAD.customer, 4)
    after = [call.began_at - missed for call in it.carrier.to(SPREAD.customer)]
    assert all(-1.0 < at - 6.0 * place < 5.0 for place, at in enumerate(after)), after
    done = it.task(SPREAD.customer, state="failed")
    assert (done["attempts"], done["attempts_max"]) == (4, 4)
    assert [one["cause"] for one in done["tries"]] == [480] * 4
    assert it.event("callback.failed", SPREAD.customer)["reason"] == "unreached"
    assert it.event("ticket.opened", SPREAD.customer)["reason"] == "unreached"
    assert len(it.carrier.to(SPREAD.customer)) == 4


OFF = FLOOR.group("off", missed_callback={"enabled": False})
GLOBAL = FLOOR.group("global")
OWN = FLOOR.group("own", missed_callback={"attempts": 7})
WINDOWS = {
    "24h": FLOOR.group("a_day", missed_callback={"window": "24h"}),
    "48h": FLOOR.group("two_days", missed_callback={"window": "48h"}),
    "midnight": FLOOR.group("today", missed_callback={"window": "end_of_day"}),
    "closing": FLOOR.group("till_closing", missed_callback={"window": "end_of_day"}, hours=["mon-sun 00:00-23:58"]),
}


def test_the_groups_setting_wins(it: Running) -> None:
    it.miss(OFF)
    for group, attempts in ((GLOBAL, 4), (OWN, 7)):
        it.miss(group)
        assert it.task(group.customer)["attempts_max"] == attempts
    assert it.tasks(OFF.customer) == []


def test_windows(it: Running) -> None:
    for name, group in WINDOWS.items():
        it.miss(group)
        row = it.task(group.customer)
        began = datetime.datetime.fromtimestamp(row["missed_at"], ZONE) if isinstance(row["missed_at"], float) else (
            datetime.datetime.fromisoformat(row["missed_at"]).astimezone(ZONE))
        ends = datetime.datetime.fromisoformat(row["expires"]).astimezone(ZONE)
        midnight = (began + datetime.timedelta(1)).replace(hour=0, minute=0, second=0, microsecond=0)
        closing = midnight - datetime.timedelta(minutes=2)
        wanted = {"24h": began + datetime.timedelta(hours=24), "48h": began + datetime.timedelta(hours=48),
                  "midnight": midnight, "closing": closing if began < closing else midnight}[name]
        assert abs((ends - wanted).total_seconds()) < 0.01, name


CLOSED = FLOOR.group("closed", hours=[f"{weekday(3)} 08:00-09:00"])


def test_closed_all_through_the_window(it: Running) -> None:
    it.pbx.plans[CLOSED.agent] = ACCEPTS
    it.miss(CLOSED)
    ticket = it.event("ticket.opened", CLOSED.customer)
    assert (ticket["reason"], ticket["subject"]) == ("closed", f"Callback {CLOSED.customer}")
    row = it.task(CLOSED.customer)
    assert "closed" in kinds(row), row
    assert row["attempts"] == 0
    assert it.pbx.to(CLOSED.agent) == []


TALK_IN, TALK_TOO = FLOOR.group("talk_in"), FLOOR.group("talk_in_too")
OUTSIDER = FLOOR.direct("7001")


def test_a_talk_with_anyone_ends_the_tasks_of_every_group(it: Running) -> None:
    it.miss(TALK_IN)
    it.miss(TALK_TOO, TALK_IN.customer)
    eventually(lambda: len(it.tasks(TALK_IN.customer)) == 2, "two groups, two tasks")
    it.pbx.plans[OUTSIDER] = Plan(answer=0.05, hang_up=0.0)
    it.over(it.dial(TALK_IN.customer, OUTSIDER))
    time.sleep(0.5)
    assert {one["state"] for one in it.tasks(TALK_IN.customer)} == {"open"}
    it.pbx.plans[OUTSIDER] = Plan(answer=0.05)
    long = it.up(it.dial(TALK_IN.customer, OUTSIDER))
    time.sleep(TALK)
    it.hang_up(long)
    eventually(lambda: {(one["state"], one["reason"]) for one in it.tasks(TALK_IN.customer)} == {("done", "talk")},
               "both are done")
    first = it.tasks(TALK_IN.customer)[0]["id"]
    it.miss(TALK_IN)
    assert it.task(TALK_IN.customer, state="open")["id"] != first


TALK_OUT = FLOOR.group("talk_out")


def test_a_talk_that_an_agent_began_ends_the_task(it: Running) -> None:
    it.miss(TALK_OUT)
    it.task(TALK_OUT.customer, state="open")
    it.carrier.plans[TALK_OUT.customer] = Plan(answer=0.05)
    call = it.up(it.agent_dials("7002", TALK_OUT.customer))
    time.sleep(TALK)
    it.hang_up(call)
    it.task(TALK_OUT.customer, state="done", reason="talk")


ADDS = FLOOR.group("adds")


def test_another_missed_call_adds_to_the_open_task(it: Running) -> None:
    it.miss(ADDS)
    first = it.task(ADDS.customer, missed=1)
    it.miss(ADDS)
    assert it.task(ADDS.customer, missed=2)["id"] == first["id"]
    assert len(it.tasks(ADDS.customer)) == 1


REFUSED = {status: FLOOR.group(f"refused_{status}") for status in (404, 408, 480, 486, 503, 600)}


def test_a_call_that_the_pbx_refused_is_missed(it: Running) -> None:
    for status, group in REFUSED.items():
        it.pbx.plans[group.number] = refuses(status)
        assert it.over(it.dial(group.customer, group.number)).statuses[-1] >= 400
        it.task(group.customer, missed=1)


QUEUED = FLOOR.group("queued", pbx="queue", missed_callback={"min_wait": "5s"})


def test_where_the_pbx_answers_first_who_hangs_up_in_the_queue_after_min_wait_is_missed(it: Running) -> None:
    it.queue.plans[QUEUED.number] = Plan(answer=0.05)
    soon, late = QUEUED.others[:2]
    it.hang_up(it.up(it.dial(soon, QUEUED.number)))
    waiting = it.up(it.dial(late, QUEUED.number))
    time.sleep(7.0)
    it.hang_up(waiting)
    it.task(late, missed=1)
    assert it.tasks(soon) == []


ELSEWHERE = FLOOR.group("elsewhere")
ELSEWHERE_TOO = FLOOR.direct("7003")


def test_a_caller_who_was_answered_elsewhere_meanwhile_is_not_missed(it: Running) -> None:
    it.pbx.plans[ELSEWHERE_TOO] = Plan(answer=0.05)
    waiting = it.dial(ELSEWHERE.customer, ELSEWHERE.number)
    eventually(lambda: 180 in waiting.statuses, "it rings")
    talking = it.up(it.dial(ELSEWHERE.customer, ELSEWHERE_TOO))
    time.sleep(TALK)
    it.hang_up(waiting)
    it.over(waiting)
    time.sleep(0.5)
    assert it.tasks(ELSEWHERE.customer) == []
    it.hang_up(talking)


HIDDEN = FLOOR.group("hidden")


def test_a_caller_without_a_number_is_promised_nothing(it: Running) -> None:
    it.miss(HIDDEN, "anonymous")
    time.sleep(0.3)
    assert it.ask("callbacks.list", group=HIDDEN.name) == []


BUSY = FLOOR.group("busy", agents=1)
BUSY_DIRECT = FLOOR.direct(BUSY.agent)


def test_no_free_agent_is_not_an_attempt(it: Running) -> None:
    it.pbx.plans[BUSY.agent] = ACCEPTS
    it.pbx.plans[BUSY_DIRECT] = Plan(answer=0.05)
    it.carrier.plans[BUSY.customer] = TALKS
    live = it.up(it.dial(BUSY.others[0], BUSY_DIRECT))
    eventually(lambda: it.state(BUSY.agent)["state"] == "busy", "the agent is busy")
    it.miss(BUSY)
    time.sleep(2.5)
    assert it.pbx.to(BUSY.agent) == []
    assert it.task(BUSY.customer)["attempts"] == 0
    it.hang_up(live)
    it.rings(BUSY.agent)
    it.task(BUSY.customer, state="done", attempts=1)


ROUND = FLOOR.group("round", agents=2)


def test_a_decline_is_not_an_attempt_and_goes_on_to_someone_else(it: Running) -> None:
    it.pbx.plans[ROUND.agents[0]] = it.pbx.plans[ROUND.agents[1]] = DECLINES
    it.miss(ROUND)
    first = eventually(lambda: it.pbx.to(ROUND.agents[0]) + it.pbx.to(ROUND.agents[1]), "somebody is rung")[0].user
    other = next(agent for agent in ROUND.agents if agent != first)
    it.rings(other)
    row = it.task(ROUND.customer)
    assert (row["attempts"], row["state"]) == (0, "open")
    assert it.carrier.to(ROUND.customer) == []
    it.pbx.plans[first] = it.pbx.plans[other] = NOBODY


# Section 3

LAST = FLOOR.group("last", agents=2, missed_callback={"responsible": "last_talk", "responsible_wait": "3s"})
FIXED = FLOOR.group("fixed", agents=3)
FIXED.table["missed_callback"] = {"responsible": "fixed", "responsible_agent": FIXED.agents[2],
                                  "responsible_wait": "3s"}
LAST_DIRECT = FLOOR.direct(LAST.agents[1])
FIXED_DIRECT = FLOOR.direct(FIXED.agents[2])


def test_who_talked_last_is_called_before_anyone_else(it: Running) -> None:
    it.pbx.plans[LAST_DIRECT] = Plan(answer=0.05)
    it.pbx.plans[LAST.agents[0]] = it.pbx.plans[LAST.agents[1]] = ACCEPTS
    it.carrier.plans[LAST.customer] = TALKS
    talk = it.up(it.dial(LAST.customer, LAST_DIRECT))
    time.sleep(TALK)
    it.hang_up(talk)
    it.over(talk)
    eventually(lambda: it.boomerang.sql("SELECT 1 FROM calls WHERE customer = ? AND talk_s > 0", LAST.customer),
               "the talk is written down")
    it.miss(LAST)
    row = it.task(LAST.customer, state="done")
    assert (row["responsible_kind"], row["responsible"]) == ("last_talk", LAST.agents[1])
    assert [one["agent"] for one in row["tries"]] == [LAST.agents[1]]
    assert it.pbx.to(LAST.agents[0]) == []


def test_a_responsible_who_is_not_free_loses_it_after_the_wait(it: Running) -> None:
    it.pbx.plans[FIXED_DIRECT] = Plan(answer=0.05)
    for agent in FIXED.agents:
        it.pbx.plans[agent] = ACCEPTS
    it.carrier.plans[FIXED.customer] = TALKS
    live = it.up(it.dial(FIXED.others[0], FIXED_DIRECT))
    eventually(lambda: it.state(FIXED.agents[2])["state"] == "busy", "the responsible is busy")
    missed = it.miss(FIXED).over_at or 0
    it.event("callback.due", FIXED.customer)
    held = it.task(FIXED.customer)
    assert (held["responsible_kind"], held["responsible"]) == ("fixed", FIXED.agents[2])
    assert held["responsible_since"] is not None
    assert held["waits_until"] is not None
    assert it.event("callback.due", FIXED.customer)["responsible"] == FIXED.agents[2]
    first = eventually(lambda: it.pbx.to(FIXED.agents[0]) + it.pbx.to(FIXED.agents[1]), "the others are rung")[0]
    assert 1.5 < first.began_at - missed < 30.0
    row = it.task(FIXED.customer, state="done")
    assert row["released"] is not None
    assert [kind for kind in kinds(row) if kind in ("due", "released", "ended")] == ["due", "released", "ended"]
    told = next(line["data"] for line in row["journal"] if line["kind"] == "queued")
    assert told["expires_at"] == row["expires"]
    released = it.event("callback.released", FIXED.customer)
    assert released["responsible"] == FIXED.agents[2]
    assert 2.8 < released["waited_s"] < 30.0
    assert eventually(lambda: it.state(FIXED.agents[2])["released_today"], "it is counted") == 1
    it.hang_up(live)


CURRENT = FLOOR.group("current", agents=2)
TEAM = FLOOR.group("team", agents=2)
TEAM_OF = FLOOR.group("team_of", agents=1, missed_callback={
    "responsible": "group", "responsible_group": "team", "responsible_wait": "3s"})


def test_whoever_makes_the_task_names_the_responsible(it: Running) -> None:
    for agent in CURRENT.agents:
        it.pbx.plans[agent] = ACCEPTS
    it.carrier.plans[CURRENT.customer] = TALKS
    made = it.ask("callbacks.add", customer=CURRENT.customer, group=CURRENT.name, responsible=CURRENT.agents[1],
                  responsible_wait=30.0, note="asked by mail")
    assert (made["responsible_kind"], made["responsible"]) == ("current", CURRENT.agents[1])
    card = it.event("callback.assigned", CURRENT.customer)
    assert (card["agent"], card["note"]) == (CURRENT.agents[1], "asked by mail")
    row = it.task(CURRENT.customer, state="done")
    assert [one["agent"] for one in row["tries"]] == [CURRENT.agents[1]]
    assert it.reaches(CURRENT.customer).shown == CURRENT.number


def test_a_group_is_responsible_any_of_them_before_anyone_else(it: Running) -> None:
    for agent in (*TEAM.agents, *TEAM_OF.agents):
        it.pbx.plans[agent] = refuses(486)
    it.miss(TEAM_OF)
    for agent in TEAM.agents:
        it.rings(agent)
    assert it.pbx.to(TEAM_OF.agent) == []
    assert it.task(TEAM_OF.customer)["responsible"] == "team"
    released = it.event("callback.released", TEAM_OF.customer)
    assert released["responsible"] == "team"
    it.rings(TEAM_OF.agent)
    it.pbx.plans[TEAM_OF.agent] = NOBODY
    it.pbx.plans[TEAM.agents[0]] = it.pbx.plans[TEAM.agents[1]] = NOBODY
