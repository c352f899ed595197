"""What product.md promises of campaigns (section 5) and of placing the call (section 6): real calls, a short clock."""

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from tests.kit.callback_floor import (
    ACCEPTS,
    AGENT_TONE,
    CUSTOMER_TONE,
    LISTENS,
    STAYS,
    TALKS,
    Floor,
    Group,
    Running,
    refuses,
)
from tests.kit.far_call import FarCall, Plan
from tests.kit.mosquitto import MISSING
from tests.kit.tones import heard, loudness, power
from tests.kit.waiting import eventually, stays

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

FLOOR = Floor(tickets={"enabled": True}, callback={"agent_ring_for": "5s", "customer_ring_for": "10s"},
              guard={"number_per_hour": 6, "quiet_hours": []})
BRIEF = replace(ACCEPTS, hang_up=1.2)
"""An agent who takes it and hangs up soon, as when nobody answers."""


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with FLOOR.running(tmp_path_factory.mktemp("floor")) as running:
        yield running


def campaign(ident: str, agents: int = 1, group: dict[str, Any] | None = None, **table: object) -> Group:
    """Declare a campaign with a group of its own."""
    made = FLOOR.group(f"of_{ident}", agents, **(group or {}))
    FLOOR.campaign(ident, made, **table)
    return made


# Section 5

DELAY = campaign("10001", delay="2s")


def test_delay(it: Running) -> None:
    it.pbx.plans[DELAY.agent] = ACCEPTS
    it.carrier.plans[DELAY.customer] = TALKS
    missed = it.miss(DELAY).over_at or 0
    assert 1.9 < it.rings(DELAY.agent).began_at - missed < 3.5
    assert it.task(DELAY.customer, state="done")["campaign"] == "10001"


SHARE = campaign("10002", agents=3, agents_share=34)
ONE = campaign("10003", agents=3, agents_share=1)


def test_agents_share_always_at_least_one(it: Running) -> None:
    for group in (SHARE, ONE):
        for agent in group.agents:
            it.pbx.plans[agent] = LISTENS
        for customer in group.others[:3]:
            it.miss(group, customer)

    def rung(group: Group) -> int:
        return sum(len(it.pbx.to(agent)) for agent in group.agents)

    eventually(lambda: rung(ONE) == 1 and rung(SHARE) == 1, "as many are rung as the share allows")
    stays(lambda: rung(ONE) == 1 and rung(SHARE) == 1, "no more are rung", 1.5)


ORDERS = {name: campaign(ident, order=name) for name, ident in (("oldest", "10004"), ("newest", "10005"))}
ORDER_DIRECT = {name: FLOOR.direct(group.agent) for name, group in ORDERS.items()}


@pytest.mark.parametrize("order", list(ORDERS))
def test_order(it: Running, order: str) -> None:
    group, own = ORDERS[order], ORDER_DIRECT[order]
    it.pbx.plans[own] = Plan(answer=0.02)
    it.pbx.plans[group.agent] = LISTENS
    live = it.up(it.dial(group.others[4], own))
    for customer in group.others[:3]:
        it.miss(group, customer)
        it.task(customer)
        time.sleep(0.05)
    it.hang_up(live)
    assert it.rings(group.agent).shown == {"oldest": group.others[0], "newest": group.others[2]}[order]


PREVIEW = campaign("10006", preview="2s")


def test_preview_the_card_comes_first_then_the_call(it: Running) -> None:
    it.miss(PREVIEW)
    card = it.event("callback.assigned", PREVIEW.customer)
    seen = time.monotonic()
    assert (card["agent"], card["preview_s"], card["customer"]) == (PREVIEW.agent, 2.0, PREVIEW.customer)
    assert 1.5 < it.rings(PREVIEW.agent).began_at - seen < 3.0


EMPTY = campaign("10007", agents=2, priority="queue_empty")
FREE = campaign("10008", agents=1, priority="agents_free")


def test_priority(it: Running) -> None:
    for group in (EMPTY, FREE):
        waiting = it.dial(group.others[0], group.number)
        eventually(lambda: 180 in waiting.statuses, "somebody waits")  # noqa: B023
        it.miss(group)
        stays(lambda: not it.pbx.to(group.agent), "nobody is rung while somebody waits", 1.5)  # noqa: B023
        it.hang_up(waiting)
        eventually(lambda: [call for agent in group.agents for call in it.pbx.to(agent)], "now somebody is rung", 4)  # noqa: B023


BARRED = campaign("10009", do_not_call=["+36201230001"])


def test_do_not_call(it: Running) -> None:
    it.pbx.plans[BARRED.agent] = ACCEPTS
    it.api("dnc", {"customer": BARRED.customer, "reason": "asked for it"})
    it.miss(BARRED, "+36201230001")
    it.miss(BARRED)
    for customer in ("+36201230001", BARRED.customer):
        assert "do_not_call" in str(it.event("callback.failed", customer))
    time.sleep(1.0)
    assert it.pbx.to(BARRED.agent) == []


REMOVED = campaign("10010", remove_after="2s")


def test_remove_after_counts_from_the_missed_call(it: Running) -> None:
    it.pbx.plans[REMOVED.agent] = refuses(480)
    missed = time.monotonic()
    it.miss(REMOVED)
    row = it.task(REMOVED.customer, state="expired")
    assert 1.5 < time.monotonic() - missed < 4.0
    assert row["attempts"] == 0
    assert it.event("callback.expired", REMOVED.customer)["reason"]
    assert it.event("ticket.opened", REMOVED.customer)["reason"] == "expired"


RETRIES = campaign("10011", retries=2, retry_after="2s", remove_after="60s")


def test_retries_and_the_time_between_them(it: Running) -> None:
    it.pbx.plans[RETRIES.agent] = BRIEF
    it.carrier.plans[RETRIES.customer] = refuses(486)
    it.miss(RETRIES)
    row = it.task(RETRIES.customer, state="failed", attempts=3, timeout=20)
    began = [call.began_at for call in it.carrier.to(RETRIES.customer)]
    assert all(2.0 <= later - earlier < 5.0 for earlier, later in pairwise(began)), began
    assert row["reason"] == "unreached"


LONG = campaign("10012", add_after="1s", group={"pbx": "queue"})


def test_added_when_they_hung_up_after_so_long_in_the_queue(it: Running) -> None:
    it.queue.plans[LONG.number] = Plan(answer=0.02)
    short, long = LONG.others[:2]
    calls = [it.up(it.dial(customer, LONG.number)) for customer in (short, long)]
    time.sleep(0.3)
    it.hang_up(calls[0])
    time.sleep(1.2)
    it.hang_up(calls[1])
    assert it.task(long)["campaign"] == "10012"
    assert [one["campaign"] for one in it.tasks(short)] in ([], [None])


WRAP = campaign("10013", wrap_up="3s")


def test_wrap_up_the_agent_counts_as_busy(it: Running) -> None:
    it.pbx.plans[WRAP.agent] = ACCEPTS
    first, second = WRAP.others[:2]
    it.carrier.plans[first] = TALKS
    it.miss(WRAP, first)
    it.task(first, state="done")
    over = it.over(it.rings(WRAP.agent)).over_at or 0
    eventually(lambda: it.state(WRAP.agent)["state"] == "wrap_up", "wrap-up begins")
    eventually(lambda: '"wrap_up"' in it.mqtt.topics().get(f"boomerang/edge1/agent/{WRAP.agent}", ""), "its topic")
    it.miss(WRAP, second)
    assert 2.5 < it.rings(WRAP.agent, 2).began_at - over < 5.0


TICKET = campaign("10014", as_ticket=True, ticket_subject="Please call %number% (%group%)")


def test_as_a_ticket(it: Running) -> None:
    it.pbx.plans[TICKET.agent] = ACCEPTS
    it.miss(TICKET)
    ticket = it.event("ticket.opened", TICKET.customer)
    assert (ticket["subject"], ticket["reason"]) == (f"Please call {TICKET.customer} (of_10014)", "campaign")
    assert it.api("tickets?customer=%2B" + TICKET.customer[1:])[0]["subject"] == ticket["subject"]
    time.sleep(0.7)
    assert it.pbx.to(TICKET.agent) == []


GROUPED = FLOOR.group("both", agents=1)
FLOOR.campaign("10020", GROUPED, parity=3, add_after="0s")
FLOOR.campaign("10021", GROUPED, parity=1, enabled=True, add_after="0s")
FLOOR.campaign("10022", GROUPED, rank=1, enabled=False)
FLOOR.campaign("10023", GROUPED, **{"from": "2020-01-01", "to": "2020-12-31"})


def test_campaigns_of_one_order_share_by_parity(it: Running) -> None:
    own = GROUPED
    made = {}
    it.pbx.plans[own.agent] = replace(ACCEPTS, hang_up=0.6)
    for ident, numbers in (("10020", range(1, 5)), ("10021", range(5, 7))):
        for each in numbers:
            customer = f"+3620777000{each}"
            it.carrier.plans[customer] = refuses(404)
            made[customer] = ident
            it.api("callbacks", {"customer": customer, "group": own.name, "campaign": ident})
    eventually(lambda: len(it.pbx.to(own.agent)) >= 4, "four are called", 20)
    served = [made[call.shown] for call in it.pbx.to(own.agent)[:4]]
    assert sorted(served) == ["10020"] * 3 + ["10021"], served
    assert {one["id"]: one["active"] for one in it.api("campaigns") if one["group"] == "both"} == {
        "10020": True, "10021": True, "10022": False, "10023": False}


# Section 6

PLACED = FLOOR.group("placed", callback={"record": True, "show": "+3614999999"})


def test_agent_first_ringing_meanwhile_from_the_right_number_recorded(it: Running) -> None:
    it.pbx.plans[PLACED.agent] = LISTENS
    it.carrier.plans[PLACED.customer] = replace(STAYS, answer=1.5)
    it.miss(PLACED)
    agent = it.up(it.rings(PLACED.agent))
    eventually(lambda: loudness(it.heard(agent, 0.2)) > 300, "the agent hears who it is about")
    assert agent.shown == PLACED.customer
    assert it.carrier.to(PLACED.customer) == []
    it.press(agent, "1")
    customer = it.reaches(PLACED.customer)
    assert customer.shown == PLACED.number
    eventually(lambda: power(it.heard(agent, 0.2), 425) > 0.5, "the agent hears ringing", 1.4)
    assert customer.state == "ringing"
    it.up(customer)
    for call, hears, says in ((agent, CUSTOMER_TONE, AGENT_TONE), (customer, AGENT_TONE, CUSTOMER_TONE)):
        eventually(lambda: heard(it.heard(call), hears, [says]), f"{call.user} hears {hears:g} Hz", 5)  # noqa: B023
    time.sleep(1.0)
    it.hang_up(agent)
    it.over(customer)
    it.task(PLACED.customer, state="done")
    assert list((it.boomerang.data / "recordings").rglob("*.wav"))


SHOWN = FLOOR.group("shown", callback={"show": "+3614999998"})


def test_the_customer_is_shown_the_number_of_the_group_where_they_dialled_none(it: Running) -> None:
    it.pbx.plans[SHOWN.agent] = ACCEPTS
    it.carrier.plans[SHOWN.customer] = TALKS
    it.api("callbacks", {"customer": SHOWN.customer, "group": SHOWN.name})
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
        it.event("callback.attempted", group.customer, 10)
        if status in (404, 484, 604):
            row = it.task(group.customer, state="failed")
            assert row["reason"] == "number", (status, row)
    soon = CAUSES[486]
    it.reaches(soon.customer, 2, timeout=6)
    for status in (480, 503, 404, 484, 604, 603, 607):
        assert len(it.carrier.to(CAUSES[status].customer)) == 1, status
    for status in (480, 503):
        assert it.task(CAUSES[status].customer)["state"] == "open"


MAILBOX = FLOOR.group("mailbox", callback={"min_talk": "2s", "retry_busy": "60s"})


def test_a_voicemail_that_picks_up_shortly_is_no_success(it: Running) -> None:
    it.pbx.plans[MAILBOX.agent] = ACCEPTS
    it.carrier.plans[MAILBOX.customer] = Plan(tone=CUSTOMER_TONE, hang_up=0.7)
    it.miss(MAILBOX)
    attempted = it.event("callback.attempted", MAILBOX.customer, 10)
    assert (attempted["result"], attempted["counted"]) == ("short", True)
    row = it.task(MAILBOX.customer)
    assert (row["state"], row["attempts"]) == ("open", 1)


PROOF = FLOOR.group("proof", callback={"confirm_key": "5"})


def test_a_key_that_the_customer_must_press(it: Running) -> None:
    for customer, keys in zip(PROOF.others, ((), ((0.4, "5"),)), strict=False):
        agent = len(it.pbx.to(PROOF.agent)) + 1
        it.pbx.plans[PROOF.agent] = ACCEPTS
        it.carrier.plans[customer] = Plan(tone=CUSTOMER_TONE, hang_up=2.5, keys=keys)
        it.miss(PROOF, customer)
        it.over(it.rings(PROOF.agent, agent))
    assert it.task(PROOF.others[0])["state"] == "open"
    it.task(PROOF.others[1], state="done")


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
