"""What product.md promises of campaigns (section 5): real calls, a short clock."""

import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.kit.callback_floor import (
    ACCEPTS,
    BRIEF,
    LISTENS,
    TALKS,
    Floor,
    Group,
    Running,
    refuses,
)
from tests.kit.far_call import Plan
from tests.kit.mosquitto import MISSING
from tests.kit.waiting import eventually, stays

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

FLOOR = Floor(tickets={"enabled": True})
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


DELAY = campaign("10001", delay="4s")


def test_delay(it: Running) -> None:
    it.pbx.plans[DELAY.agent] = ACCEPTS
    it.carrier.plans[DELAY.customer] = TALKS
    missed = it.miss(DELAY).over_at or 0
    assert 2.0 < it.rings(DELAY.agent).began_at - missed < 30.0
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


PREVIEW = campaign("10006", preview="5s")


def test_preview_the_card_comes_first_then_the_call(it: Running) -> None:
    it.miss(PREVIEW)
    card = it.event("callback.assigned", PREVIEW.customer)
    seen = time.monotonic()
    assert (card["agent"], card["preview_s"], card["customer"]) == (PREVIEW.agent, 5.0, PREVIEW.customer)
    assert 2.0 < it.rings(PREVIEW.agent).began_at - seen < 30.0


EMPTY = campaign("10007", agents=2, priority="queue_empty")
FREE = campaign("10008", agents=1, priority="agents_free")


def test_priority(it: Running) -> None:
    for group in (EMPTY, FREE):
        waiting = it.dial(group.others[0], group.number)
        eventually(lambda: 180 in waiting.statuses, "somebody waits")  # noqa: B023
        it.miss(group)
        stays(lambda: not it.pbx.to(group.agent), "nobody is rung while somebody waits", 1.5)  # noqa: B023
        it.hang_up(waiting)
        eventually(lambda: [call for agent in group.agents for call in it.pbx.to(agent)], "now somebody is rung")  # noqa: B023


DO_NOT_CALL = campaign("10009", do_not_call=["+36201230001"])


def test_do_not_call(it: Running) -> None:
    it.pbx.plans[DO_NOT_CALL.agent] = ACCEPTS
    it.ask("dnc.add", customer=DO_NOT_CALL.customer, reason="asked for it")
    it.miss(DO_NOT_CALL, "+36201230001")
    it.miss(DO_NOT_CALL)
    for customer in ("+36201230001", DO_NOT_CALL.customer):
        assert "do_not_call" in str(it.event("callback.failed", customer))
    time.sleep(1.0)
    assert it.pbx.to(DO_NOT_CALL.agent) == []


REMOVED = campaign("10010", remove_after="2s")


def test_remove_after_counts_from_the_missed_call(it: Running) -> None:
    it.pbx.plans[REMOVED.agent] = refuses(480)
    missed = time.monotonic()
    it.miss(REMOVED)
    row = it.task(REMOVED.customer, state="expired")
    assert 1.5 < time.monotonic() - missed < 30.0
    assert row["attempts"] == 0
    assert it.event("callback.expired", REMOVED.customer)["reason"]
    assert it.event("ticket.opened", REMOVED.customer)["reason"] == "expired"


RETRIES = campaign("10011", retries=2, retry_after="2s", remove_after="60s")


def test_retries_and_the_time_between_them(it: Running) -> None:
    it.pbx.plans[RETRIES.agent] = BRIEF
    it.carrier.plans[RETRIES.customer] = refuses(486)
    it.miss(RETRIES)
    row = it.task(RETRIES.customer, state="failed", attempts=3)
    began = [call.began_at for call in it.carrier.to(RETRIES.customer)]
    assert all(1.0 < later - earlier < 30.0 for earlier, later in pairwise(began)), began
    assert row["reason"] == "unreached"


LONG = campaign("10012", add_after="5s", group={"pbx": "queue"})


def test_added_when_they_hung_up_after_so_long_in_the_queue(it: Running) -> None:
    it.queue.plans[LONG.number] = Plan(answer=0.02)
    short, long = LONG.others[:2]
    it.hang_up(it.up(it.dial(short, LONG.number)))
    waiting = it.up(it.dial(long, LONG.number))
    time.sleep(7.0)
    it.hang_up(waiting)
    assert it.task(long)["campaign"] == "10012"
    assert [one["campaign"] for one in it.tasks(short)] in ([], [None])


WRAP = campaign("10013", wrap_up="10s")


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
    assert 5.0 < it.rings(WRAP.agent, 2).began_at - over < 40.0


TICKET = campaign("10014", as_ticket=True, ticket_subject="Please call %number% (%group%)")


def test_as_a_ticket(it: Running) -> None:
    it.pbx.plans[TICKET.agent] = ACCEPTS
    it.miss(TICKET)
    ticket = it.event("ticket.opened", TICKET.customer)
    assert (ticket["subject"], ticket["reason"]) == (f"Please call {TICKET.customer} (of_10014)", "campaign")
    assert it.ask("tickets.list", customer=TICKET.customer)[0]["subject"] == ticket["subject"]
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
    it.pbx.plans[own.agent] = BRIEF
    for ident, numbers in (("10020", range(1, 5)), ("10021", range(5, 7))):
        for each in numbers:
            customer = f"+3620777000{each}"
            it.carrier.plans[customer] = refuses(404)
            made[customer] = ident
            it.ask("callbacks.add", customer=customer, group=own.name, campaign=ident)
    eventually(lambda: len(it.pbx.to(own.agent)) >= 4, "four are called")
    served = [made[call.shown] for call in it.pbx.to(own.agent)[:4]]
    assert sorted(served) == ["10020"] * 3 + ["10021"], served
    assert {one["id"]: one["active"] for one in it.ask("campaigns.list") if one["group"] == "both"} == {
        "10020": True, "10021": True, "10022": False, "10023": False}


RANKED = FLOOR.group("ranked")
RANKED_DIRECT = FLOOR.direct(RANKED.agent)
FLOOR.campaign("10030", RANKED, rank=2)
FLOOR.campaign("10031", RANKED, rank=1)


def test_the_smaller_rank_first_as_lists_show_it(it: Running) -> None:
    it.pbx.plans[RANKED_DIRECT] = Plan(answer=0.02)
    it.pbx.plans[RANKED.agent] = LISTENS
    live = it.up(it.dial(RANKED.others[4], RANKED_DIRECT))
    for customer, ident in zip(RANKED.others, ("10030", "10031"), strict=False):
        it.ask("callbacks.add", customer=customer, group=RANKED.name, campaign=ident)
    it.hang_up(live)
    assert it.rings(RANKED.agent).shown == RANKED.others[1]
    assert [one["id"] for one in it.ask("campaigns.list") if one["group"] == RANKED.name] == ["10031", "10030"]


SHUT = campaign("10032", hours=["mon-sun 00:00-00:01"], remove_after="1m")
HELD = FLOOR.group("of_10033", agents=2)
FLOOR.campaign("10033", HELD, delay="1s", record=True, responsible="fixed", responsible_agent="7011",
               responsible_wait="2s")


def test_working_hours_of_the_campaign(it: Running) -> None:
    it.pbx.plans[SHUT.agent] = ACCEPTS
    it.miss(SHUT)
    assert it.task(SHUT.customer, state="expired")["reason"] == "closed"
    assert it.pbx.to(SHUT.agent) == []


def test_a_campaigns_own_responsible_and_recording(it: Running) -> None:
    for agent in HELD.agents:
        it.pbx.plans[agent] = ACCEPTS
    it.carrier.plans[HELD.customer] = TALKS
    it.miss(HELD)
    own = it.rings("7011")
    assert it.event("callback.released", HELD.customer)["responsible"] == "7011"
    row = it.task(HELD.customer, state="done")
    assert row["tries"][0]["agent"] == "7011"
    assert all(call.began_at > own.began_at for agent in HELD.agents for call in it.pbx.to(agent))

    def recordings() -> list[Any]:
        lines = it.task(HELD.customer)["journal"]
        return [line["data"]["recording"] for line in lines if line["kind"] == "result" and "recording" in line["data"]]

    assert (it.boomerang.data / "recordings" / eventually(recordings, "its recording is named")[0]).exists()
