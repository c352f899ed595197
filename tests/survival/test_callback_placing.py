"""What product.md promises of placing the call (section 6): real calls, a short clock."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.kit.callback_floor import (
    ACCEPTS,
    AGENT_TONE,
    BRIEF,
    CUSTOMER_TONE,
    LISTENS,
    STAYS,
    TALK,
    TALKS,
    Floor,
    Running,
    refuses,
)
from tests.kit.far_call import FarCall, Plan
from tests.kit.mosquitto import MISSING
from tests.kit.tones import RATE, heard, loudness, power
from tests.kit.waiting import eventually, stays

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

FLOOR = Floor(tickets={"enabled": True})
FIFTH = 2 * RATE // 5
"""Octets of a fifth of a second of PCM."""


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with FLOOR.running(tmp_path_factory.mktemp("floor")) as running:
        yield running


PLACED = FLOOR.group("placed", callback={"record": True, "show": "+3614999999"})


def test_agent_first_ringing_meanwhile_from_the_right_number_recorded(it: Running) -> None:
    it.pbx.plans[PLACED.agent] = LISTENS
    it.carrier.plans[PLACED.customer] = replace(STAYS, answer=3.0)
    it.miss(PLACED)
    agent = it.up(it.rings(PLACED.agent))
    eventually(lambda: loudness(it.heard(agent, 0.2)) > 300, "the agent hears who it is about")
    assert agent.shown == PLACED.customer
    assert it.carrier.to(PLACED.customer) == []
    before = it.heard_so_far(agent)
    it.press(agent, "1")
    customer = it.reaches(PLACED.customer)
    assert customer.shown == PLACED.number
    it.up(customer)
    meanwhile = it.heard_since(agent, before)
    parts = [meanwhile[begin:begin + FIFTH] for begin in range(0, len(meanwhile), FIFTH)]
    assert any(loudness(part) > 300 and power(part, 425) > 0.5 for part in parts), "the agent heard ringing"
    for call, hears, says in ((agent, CUSTOMER_TONE, AGENT_TONE), (customer, AGENT_TONE, CUSTOMER_TONE)):
        eventually(lambda: heard(it.heard(call), hears, [says]), f"{call.user} hears {hears:g} Hz")  # noqa: B023
    time.sleep(TALK)
    it.hang_up(agent)
    it.over(customer)
    it.task(PLACED.customer, state="done")
    eventually(lambda: list((it.boomerang.data / "recordings").rglob("*.wav")), "a recording")


SHOWN = FLOOR.group("shown", callback={"show": "+3614999998"})


def test_the_customer_is_shown_the_number_of_the_group_where_they_dialled_none(it: Running) -> None:
    it.pbx.plans[SHOWN.agent] = ACCEPTS
    it.carrier.plans[SHOWN.customer] = TALKS
    it.ask("callbacks.add", customer=SHOWN.customer, group=SHOWN.name)
    assert it.reaches(SHOWN.customer).shown == "+3614999998"


TWICE, TWICE_TOO = FLOOR.group("twice"), FLOOR.group("twice_too")


def test_a_customer_is_never_in_two_attempts_at_once(it: Running) -> None:
    it.pbx.plans[TWICE.agent] = it.pbx.plans[TWICE_TOO.agent] = LISTENS
    customer = TWICE.customer
    it.miss(TWICE)
    it.miss(TWICE_TOO, customer)
    eventually(lambda: len(it.tasks(customer)) == 2, "two promises")

    def rung() -> list[FarCall]:
        return [call for call in it.pbx.to(TWICE.agent) + it.pbx.to(TWICE_TOO.agent) if call.state != "over"]

    eventually(rung, "one agent is rung")
    stays(lambda: len(rung()) == 1, "the other is not", 1.5)
    it.carrier.plans[customer] = TALKS
    it.press(rung()[0], "1")
    eventually(lambda: {one["state"] for one in it.tasks(customer)} == {"done"}, "the talk keeps both")
    assert len(it.carrier.to(customer)) == 1


RESERVE = FLOOR.group("reserve", agents=3, callback={"reserve": 1})
RESERVE_DIRECT = FLOOR.direct(RESERVE.agents[0])


def test_never_more_legs_than_free_agents_less_the_reserve(it: Running) -> None:
    for agent in RESERVE.agents:
        it.pbx.plans[agent] = LISTENS
    it.pbx.plans[RESERVE_DIRECT] = Plan(answer=0.02)
    it.up(it.dial(RESERVE.others[4], RESERVE_DIRECT))
    eventually(lambda: it.state(RESERVE.agents[0])["state"] == "busy", "one talks")
    for customer in RESERVE.others[:3]:
        it.miss(RESERVE, customer)

    def rung() -> int:
        return sum(len(it.pbx.to(agent)) for agent in RESERVE.agents)

    eventually(lambda: rung() == 1, "one of the two free ones is rung")
    stays(lambda: rung() == 1, "the other is kept", 1.5)


CAUSES = {status: FLOOR.group(f"cause_{status}", missed_callback={"window": "1h", "attempts": 4})
          for status in (486, 480, 503, 404, 484, 604, 603, 607)}


def test_the_cause_decides_the_retry(it: Running) -> None:
    for status, group in CAUSES.items():
        it.pbx.plans[group.agent] = BRIEF
        it.carrier.plans[group.customer] = refuses(status)
        it.miss(group)
    for status, group in CAUSES.items():
        it.event("callback.attempted", group.customer)
        if status in (404, 484, 604):
            row = it.task(group.customer, state="failed")
            assert row["reason"] == "number", (status, row)
    soon = CAUSES[486]
    it.reaches(soon.customer, 2)
    for status in (480, 503, 404, 484, 604, 603, 607):
        assert len(it.carrier.to(CAUSES[status].customer)) == 1, status
    for status in (480, 503):
        assert it.task(CAUSES[status].customer)["state"] == "open"


MAILBOX = FLOOR.group("mailbox", callback={"min_talk": "10s", "retry_busy": "60s"})


def test_a_voicemail_that_picks_up_shortly_is_no_success(it: Running) -> None:
    it.pbx.plans[MAILBOX.agent] = ACCEPTS
    it.carrier.plans[MAILBOX.customer] = Plan(tone=CUSTOMER_TONE, hang_up=0.7)
    it.miss(MAILBOX)
    attempted = it.event("callback.attempted", MAILBOX.customer)
    assert (attempted["result"], attempted["counted"]) == ("short", True)
    row = it.task(MAILBOX.customer)
    assert (row["state"], row["attempts"]) == ("open", 1)


PROOF = FLOOR.group("proof", agents=2, callback={"confirm_key": "5"})


def test_a_key_that_the_customer_must_press(it: Running) -> None:
    without, pressing = PROOF.others[:2]
    for agent in PROOF.agents:
        it.pbx.plans[agent] = ACCEPTS
    it.carrier.plans[without] = Plan(tone=CUSTOMER_TONE, hang_up=4.0)
    it.carrier.plans[pressing] = Plan(tone=CUSTOMER_TONE, hang_up=7.0, keys=((0.4, "5"), (1.5, "5"), (3.0, "5")))
    for customer in (without, pressing):
        it.miss(PROOF, customer)
    it.task(pressing, state="done")
    assert it.event("callback.attempted", without)["result"] == "no_key"
    assert it.task(without)["state"] == "open"


GUARDED = FLOOR.group("guarded")


@pytest.mark.parametrize(("customer", "word"), [
    ("+36901234567", "type"), ("+37120000000", "country"), ("+88216123456", "country"), ("+3614445", "type"),
    (GUARDED.number, "own"),
])
def test_the_guard_says_no_with_a_reason(it: Running, customer: str, word: str) -> None:
    it.pbx.plans[GUARDED.agent] = ACCEPTS
    it.miss(GUARDED, customer)
    failed = it.event("callback.failed", customer)
    assert word in failed["reason"], failed
    assert failed["text"]
    assert it.carrier.to(customer) == []
