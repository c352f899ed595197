"""Each example and rule of callbacks as the product says it: missed calls, responsible agents, campaigns."""

import pytest

from routing.callbacks.facts import AttemptOrder
from tests.routing.callbacks.shop import CUSTOMER, OTHER, OURS, Shop, at, clock


def tried(shop: Shop, most: int = 20) -> list[str]:
    """Let every attempt fail and return when each was made."""
    made: list[str] = []
    while len(made) < most and (order := shop.until_ordered(3 * 86_400)) is not None:
        made.append(clock(shop.now))
        shop.fails(order)
    return made


# Section 2


def test_no_hours_six_attempts_spread_evenly() -> None:
    shop = Shop(missed='window = "24h"\nattempts = 6')
    shop.missed()
    assert tried(shop) == ["Mon 12:00", "Mon 16:00", "Mon 20:00", "Tue 00:00", "Tue 04:00", "Tue 08:00"]
    assert (shop.task().state, shop.task().reason, shop.task().attempts) == ("failed", "unreached", 6)


def test_six_attempts_spread_over_opening_hours() -> None:
    shop = Shop(missed='window = "24h"\nattempts = 6', sales='hours = ["mon-fri 08:00-17:00"]')
    shop.missed()
    assert tried(shop) == ["Mon 12:00", "Mon 13:30", "Mon 15:00", "Mon 16:30", "Tue 09:00", "Tue 10:30"]


@pytest.mark.parametrize(("window", "hours", "ends"), [
    ("end_of_day", "", "Tue 00:00"), ("end_of_day", 'hours = ["mon-fri 08:00-17:00"]', "Mon 17:00"),
    ("24h", "", "Tue 12:00"), ("48h", "", "Wed 12:00"),
])
def test_window(window: str, hours: str, ends: str) -> None:
    shop = Shop(missed=f'window = "{window}"', sales=hours)
    shop.missed()
    assert clock(shop.task().expires_at) == ends


def test_closed_all_through_the_window_no_attempt_but_a_ticket() -> None:
    shop = Shop(at("2026-11-28 12:00"), missed='window = "24h"', sales='hours = ["mon-fri 08:00-17:00"]',
                tickets="true")
    shop.missed()
    assert tried(shop) == []
    assert (shop.task().state, shop.task().reason) == ("expired", "closed")
    assert [queue.kind for queue in shop.journal()] == ["missed", "queued", "closed", "ended", "ticket"]
    assert [ticket.subject for ticket in shop.store.tickets.newest(9)] == [f"Callback {CUSTOMER}"]
    assert shop.events("ticket.opened")[0]["reason"] == "closed"


def test_closed_all_through_without_tickets_only_the_journal_says_so() -> None:
    shop = Shop(at("2026-11-28 12:00"), sales='hours = ["mon-fri 08:00-17:00"]')
    shop.missed()
    assert shop.store.tickets.newest(9) == []
    assert [queue.kind for queue in shop.journal()] == ["missed", "queued", "closed", "ended"]


def test_a_talk_with_anyone_ends_the_tasks_of_every_group() -> None:
    shop = Shop()
    shop.missed()
    shop.missed(group="support")
    shop.missed(OTHER)
    shop.talked(agent="555")
    states = {(task.customer, task.group): (task.state, task.reason) for task in shop.store.callbacks.tasks(9)}
    assert states == {(CUSTOMER, "sales"): ("done", "talk"), (CUSTOMER, "support"): ("done", "talk"),
                      (OTHER, "sales"): ("open", "")}
    assert [order.customer for order in shop.until(shop.now + 100)] == [OTHER]


def test_a_later_missed_call_makes_a_new_task() -> None:
    shop = Shop()
    first = shop.missed()
    shop.talked()
    shop.now += 600
    second = shop.missed()
    assert first is not None
    assert second is not None
    assert first.id != second.id
    assert second.missed_at == shop.now


def test_one_open_task_a_customer_and_group_another_missed_call_adds_to_it() -> None:
    shop = Shop()
    first = shop.missed()
    assert first is not None
    shop.now += 600
    shop.missed()
    shop.missed(group="support")
    assert len(shop.store.callbacks.open_tasks()) == 2
    again = shop.task(group="sales")
    assert (again.id, again.missed, again.missed_at, again.expires_at) == \
        (first.id, 2, first.missed_at, first.expires_at)
    assert len(shop.journal("missed", first.id)) == 2


def test_group_that_has_it_off_promises_nothing() -> None:
    shop = Shop(missed="", more='[group.off]\nmissed_callback = { enabled = false }')
    shop.missed(group="off")
    shop.missed(group=None)
    assert shop.store.callbacks.tasks(9) == []


def test_no_free_agent_is_no_attempt() -> None:
    shop = Shop()
    shop.floor.states = {"201": "busy", "202": "ringing"}
    shop.missed()
    assert shop.until(shop.now + 3600) == []
    assert shop.task().attempts == 0
    shop.floor.states["202"] = "free"
    assert [order.agent for order in shop.wait(2)] == ["202"]


def test_a_decline_is_no_attempt_and_does_not_come_back_to_the_same_agent() -> None:
    shop = Shop(sales="")
    shop.missed()
    [first] = shop.turn()
    assert shop.step(first, "agent")
    shop.end(first, "declined")
    [second] = shop.turn()
    assert {first.agent, second.agent} == {"201", "202"}
    assert shop.task().attempts == 0
    assert shop.task().declined == (first.agent,)
    shop.fails(second)
    assert shop.task().declined == ()


def test_when_all_have_declined_the_round_begins_again() -> None:
    shop = Shop(callback='retry_agent = "60s"')
    shop.missed()
    for _ in range(2):
        [order] = shop.turn()
        shop.end(order, "declined")
    assert shop.task().declined == ()
    assert shop.until(shop.now + 58, 2) == []
    assert len(shop.wait(5)) == 1


# Section 3


@pytest.mark.parametrize(("setting", "current", "holds"), [
    ('responsible = "fixed"\nresponsible_agent = "202"', None, "202"),
    ('responsible = "last_talk"', None, "202"),
    ("", "202", "202"),
])
def test_waits_for_its_responsible_then_anybody(setting: str, current: str | None, holds: str) -> None:
    shop = Shop(missed=f'{setting}\nresponsible_wait = "5m"')
    shop.store.calls.last_talk = lambda customer, min_talk: ("202", 1.0)  # type: ignore[method-assign]
    shop.floor.states["202"] = "busy"
    if current is None:
        shop.missed()
    else:
        shop.desk.admin.add(CUSTOMER, "sales", shop.now, responsible=current)
    due = shop.now
    assert shop.until(due + 299, 10) == []
    [order] = shop.until(due + 303, 1)
    assert order.agent == "201"
    task = shop.task()
    assert (task.responsible, task.responsible_since) == (holds, due)
    assert task.released_at == pytest.approx(due + 300, abs=1)
    assert [queue.agent for queue in shop.journal("released")] == [holds]
    assert shop.store.callbacks.released_counts(0) == {holds: 1}
    assert [event["responsible"] for event in shop.events("callback.released")] == [holds]


def test_the_responsible_gets_it_although_others_are_free_longer() -> None:
    shop = Shop(missed='responsible = "fixed"\nresponsible_agent = "202"')
    shop.floor.since = {"201": 1.0, "202": 2.0}
    shop.missed()
    assert [order.agent for order in shop.turn()] == ["202"]
    assert shop.journal("released") == []


def test_a_responsible_outside_the_group_is_rung() -> None:
    shop = Shop(missed='responsible = "fixed"\nresponsible_agent = "301"')
    shop.floor.states = {"201": "busy", "202": "busy"}
    shop.missed()
    assert [order.agent for order in shop.turn()] == ["301"]


def test_a_responsible_who_declines_is_released_at_once() -> None:
    shop = Shop(missed='responsible = "fixed"\nresponsible_agent = "202"')
    shop.missed()
    [order] = shop.turn()
    shop.end(order, "declined")
    assert [order.agent for order in shop.turn()] == ["201"]
    assert [queue.data["why"] for queue in shop.journal("released")] == ["declined"]


def test_a_group_is_responsible_before_anyone_else() -> None:
    shop = Shop(missed='responsible = "group"\nresponsible_group = "support"\nresponsible_wait = "60s"')
    shop.floor.states["301"] = "busy"
    shop.missed()
    shop.missed(OTHER)
    assert shop.until(shop.now + 50, 10) == []
    shop.floor.states["301"] = "free"
    assert [order.agent for order in shop.wait(5)] == ["301"]
    assert [order.agent for order in shop.until(shop.now + 10, 1)] == ["201"]


def test_the_wait_of_a_task_itself_wins() -> None:
    shop = Shop()
    shop.floor.states["202"] = "busy"
    row = shop.desk.admin.add(CUSTOMER, "sales", shop.now, responsible="202")
    row = row._replace(options={"responsible_wait": 30})
    shop.desk._tasks.index.tasks[row.id].row = row
    assert shop.until(shop.now + 28, 1) == []
    assert len(shop.until(shop.now + 5, 1)) == 1


def test_detail_says_who_is_responsible_since_when_and_what_happened() -> None:
    shop = Shop(missed='responsible = "fixed"\nresponsible_agent = "202"')
    shop.floor.states["202"] = "busy"
    row = shop.missed()
    shop.turn()
    assert row is not None
    detail = shop.desk.admin.task(row.id)
    assert detail is not None
    assert (detail.task.responsible, detail.task.responsible_since) == ("202", shop.now)
    assert detail.waits_until == shop.now + 300
    assert [queue.kind for queue in detail.journal] == ["missed", "queued", "due"]


# Section 5


def campaign(*queues: str, name: str = "10001") -> str:
    return f'[campaign.{name}]\ngroup = "sales"\n' + "\n".join(queues)


def first(shop: Shop) -> AttemptOrder:
    order = shop.until_ordered(step=1)
    assert order is not None
    return order


def test_delay() -> None:
    shop = Shop(more=campaign('delay = "90s"'))
    shop.missed()
    begin = shop.now
    assert first(shop).campaign == "10001"
    assert shop.now == begin + 90
    assert shop.task().kind == "campaign"


def test_retries_and_minutes_between_them() -> None:
    shop = Shop(more=campaign("retries = 2", 'retry_after = "30m"'))
    shop.missed()
    assert tried(shop) == ["Mon 12:00", "Mon 12:30", "Mon 13:00"]
    assert shop.task().state == "failed"


def test_remove_after_counts_from_the_missed_call() -> None:
    shop = Shop(more=campaign('remove_after = "10m"', 'delay = "5m"'))
    shop.floor.states = {"201": "busy", "202": "busy"}
    shop.missed()
    shop.until(shop.now + 599)
    assert shop.task().state == "open"
    shop.wait(2)
    assert (shop.task().state, shop.task().reason) == ("expired", "no_agent")


@pytest.mark.parametrize(("waited", "joins"), [(29.0, False), (30.0, True)])
def test_add_after_so_long_in_the_queue(waited: float, joins: bool) -> None:
    shop = Shop(more=campaign('add_after = "30s"'))
    shop.missed(waited=waited)
    assert shop.task().campaign == ("10001" if joins else None)


def test_dates_and_the_switch() -> None:
    shop = Shop(more=campaign('to = "2026-11-22"') + "\n" + campaign('from = "2026-11-24"', name="10002") + "\n" +
                campaign("enabled = false", name="10003") + "\n" + campaign(name="10004"))
    shop.missed()
    assert shop.task().campaign == "10004"


def test_do_not_call() -> None:
    shop = Shop(more=campaign(f'do_not_call = ["{CUSTOMER}"]'))
    shop.missed()
    shop.missed(OTHER)
    assert (shop.task().state, shop.task().reason) == ("failed", "do_not_call")
    assert [order.customer for order in shop.turn()] == [OTHER]


def test_as_a_ticket() -> None:
    shop = Shop(more=campaign("as_ticket = true", 'ticket_subject = "Ring %number%"'))
    shop.missed()
    assert shop.until(shop.now + 3600) == []
    assert [ticket.subject for ticket in shop.store.tickets.newest(9)] == [f"Ring {CUSTOMER}"]
    assert (shop.task().state, shop.task().reason) == ("done", "ticket")


def called_by_nobody(**policy: str) -> str:
    """A policy whose group sales calls nobody back."""
    on = "[group.sales.missed_callback]\nenabled = true"
    return Shop.write(**policy).replace(on, on.replace("true", "false"))


def test_a_group_that_calls_nobody_back_opens_a_ticket_for_a_missed_caller() -> None:
    for on_missed, subjects in (("", []), ('on_missed = "nothing"', []),
                                ('on_missed = "ticket"', [f"Callback {CUSTOMER}"] * 2)):
        shop = Shop(text=called_by_nobody(sales=on_missed))
        for _ in range(2):
            shop.missed()
            shop.wait(60)
        assert shop.until(shop.now + 3600) == []
        assert [ticket.subject for ticket in shop.store.tickets.newest(9)] == subjects
        if subjects:
            assert (shop.task().state, shop.task().reason) == ("done", "ticket")
            assert [event["reason"] for event in shop.events("ticket.opened")] == ["missed", "missed"]


def test_a_group_that_calls_back_opens_no_ticket_beside() -> None:
    shop = Shop(sales='on_missed = "ticket"')
    shop.missed()
    assert len(shop.turn()) == 1
    assert shop.store.tickets.newest(9) == []


def test_callers_whom_the_flood_guard_turns_away_get_no_ticket_either() -> None:
    shop = Shop(text=called_by_nobody(sales='on_missed = "ticket"', guard="tasks_per_hour = 3"))
    for number in range(5):
        shop.missed(f"+3620111111{number}")
    assert len(shop.store.tickets.newest(9)) == 3


@pytest.mark.parametrize(("order", "expected"), [("oldest", ["1", "2", "3"]), ("newest", ["3", "2", "1"])])
def test_order(order: str, expected: list[str]) -> None:
    shop = Shop(more=campaign(f'order = "{order}"', "agents_share = 1"))
    shop.floor.states = {"201": "busy", "202": "busy"}
    for number in "123":
        shop.missed(f"+3620111111{number}")
        shop.wait(10)
    shop.floor.states.clear()
    called = []
    for _ in range(3):
        order_given = first(shop)
        called.append(order_given.customer[-1])
        shop.talks(order_given)
    assert called == expected


def test_random_order_is_some_order() -> None:
    shop = Shop(more=campaign('order = "random"', "agents_share = 1"))
    for number in range(8):
        shop.missed(f"+3620111111{number}")
    called = []
    while (order := shop.until_ordered(100, 1)) is not None:
        called.append(order.customer)
        shop.talks(order)
    assert sorted(called) == [f"+3620111111{number}" for number in range(8)]


def test_agents_share_always_at_least_one() -> None:
    agents = ", ".join(f'"{number}"' for number in range(210, 220))
    many = f'[group.many]\nagents = [{agents}]\nmissed_callback = {{ enabled = true }}\n' \
        '[campaign.10001]\ngroup = "many"\nagents_share = {share}\n'
    for share, legs in ((35, 3), (5, 1), (100, 10)):
        shop = Shop(more=many.replace("{share}", str(share)), guard="all_per_hour = 1000")
        for number in range(12):
            shop.missed(f"+36201111{number:03d}", group="many")
        assert len(shop.until(shop.now + 10, 1)) == legs


def test_parity_shares_the_calls_among_campaigns_of_one_rank() -> None:
    shop = Shop(more=campaign("parity = 3", 'add_after = "100s"') + "\n" + campaign("parity = 1", name="10002"))
    shop.floor.states["202"] = "busy"
    for number in range(40):
        shop.missed(f"+36201111{number:03d}", waited=200 if number % 2 else 1)
    served = []
    for _ in range(16):
        order = first(shop)
        served.append(order.campaign)
        shop.talks(order)
    assert (served.count("10001"), served.count("10002")) == (12, 4)


def test_smaller_rank_first() -> None:
    shop = Shop(more=campaign("rank = 2", 'add_after = "100s"') + "\n" + campaign("rank = 3", name="10002"))
    shop.floor.states = {"201": "busy", "202": "busy"}
    shop.missed(OTHER, waited=1)
    shop.missed(waited=200)
    shop.wait(1)
    shop.floor.states = {"201": "busy"}
    assert [order.campaign for order in shop.wait(3)] == ["10001"]


@pytest.mark.parametrize(("priority", "waiting", "elsewhere", "begun"), [
    ("always", 5, 5, 2), ("agents_free", 0, 0, 2), ("agents_free", 1, 0, 1), ("agents_free", 2, 0, 0),
    ("queue_empty", 0, 0, 2), ("queue_empty", 1, 0, 0), ("queue_empty", 0, 1, 0),
])
def test_priority(priority: str, waiting: int, elsewhere: int, begun: int) -> None:
    shop = Shop(more=campaign(f'priority = "{priority}"') + '\n[group.kin]\nagents = ["201"]')
    shop.floor.queues = {"sales": waiting, "kin": elsewhere}
    for customer in (CUSTOMER, OTHER):
        shop.missed(customer)
    assert len(shop.turn()) == begun


def test_preview_and_recording_and_language_go_with_the_order() -> None:
    shop = Shop(more=campaign('preview = "15s"', "record = true", 'language = "hu"'))
    shop.missed()
    [order] = shop.turn()
    assert (order.preview, order.record, order.language, order.number) == (15.0, True, "hu", OURS)
    assert [event["preview_s"] for event in shop.events("callback.assigned")] == [15.0]


def test_wrap_up_begins_when_the_call_is_over() -> None:
    shop = Shop(more=campaign('wrap_up = "40s"'))
    shop.missed()
    [order] = shop.turn()
    shop.talks(order)
    assert shop.floor.wraps == [(order.agent, shop.now + 40)]


def test_what_is_left_of_a_wrap_up_goes_on_after_a_restart() -> None:
    shop = Shop(more=campaign('wrap_up = "40s"'))
    shop.missed()
    [order] = shop.turn()
    shop.talks(order)
    agent, over = order.agent, shop.now + 40
    assert agent is not None
    again = Shop(store=shop.store, now=shop.now + 15, text=shop.text)
    assert again.floor.wraps == [(agent, over)]
    assert again.desk.admin.end_wrap_up(agent, again.now + 1), "and is ended as any other"
    assert again.floor.wraps[1:] == [(agent, again.now + 1)]
    assert not again.desk.admin.end_wrap_up(agent, again.now + 2)
    assert Shop(store=shop.store, now=shop.now + 20, text=shop.text).floor.wraps == [], "done is done"


def test_a_wrap_up_that_is_done_does_not_come_back_with_a_restart() -> None:
    shop = Shop(more=campaign('wrap_up = "40s"'))
    shop.missed()
    [order] = shop.turn()
    shop.talks(order)
    assert order.agent is not None
    assert shop.desk.admin.end_wrap_up(order.agent, shop.now + 5)
    assert [line.agent for line in shop.journal("finished")] == [order.agent]
    assert Shop(store=shop.store, now=shop.now + 6, text=shop.text).floor.wraps == []


def test_a_wrap_up_that_has_passed_does_not_come_back() -> None:
    shop = Shop(more=campaign('wrap_up = "40s"'))
    shop.missed()
    [order] = shop.turn()
    shop.talks(order)
    assert Shop(store=shop.store, now=shop.now + 40, text=shop.text).floor.wraps == []


def test_working_hours_of_the_campaign_win() -> None:
    shop = Shop(sales='hours = ["mon-fri 08:00-17:00"]', more=campaign('hours = ["mon-sun 18:00-20:00"]'))
    shop.missed()
    first(shop)
    assert clock(shop.now) == "Mon 18:00"


def test_a_campaign_that_is_switched_off_makes_no_more_calls() -> None:
    shop = Shop(more=campaign())
    shop.floor.states = {"201": "busy", "202": "busy"}
    shop.missed()
    shop.wait(1)
    shop.policy(more=campaign("enabled = false"))
    shop.floor.states.clear()
    assert shop.until(shop.now + 7200) == []
    assert len(shop.journal("refused")) == 1
    shop.policy(more=campaign())
    assert len(shop.until(shop.now + 120)) == 1
