"""Another policy while callbacks wait: hours, windows and groups plan them anew, and what has happened stays."""

import pytest

from routing.callbacks.replan import MOST
from routing.rows import TaskRow
from tests.routing.callbacks.shop import CUSTOMER, OTHER, Shop, at, clock

OPEN = 'hours = ["mon-fri 08:00-17:00"]'


def planned(shop: Shop, customer: str = CUSTOMER) -> tuple[str | None, str]:
    """When a task is tried next, and when its window ends."""
    shop.turn()
    row: TaskRow = shop.task(customer)
    return None if row.due_at is None else clock(row.due_at), clock(row.expires_at)


def test_shorter_hours_move_what_waits_into_them() -> None:
    shop = Shop(missed="attempts = 3", sales='hours = ["mon-fri 08:00-23:00"]')
    shop.missed()
    [order] = shop.turn()
    shop.fails(order)
    assert planned(shop) == ("Mon 17:00", "Tue 12:00"), "fifteen open hours, three attempts"
    shop.policy(missed="attempts = 3", sales=OPEN)
    assert planned(shop) == ("Mon 15:00", "Tue 12:00"), "nine open hours"
    [line] = shop.journal("replanned")
    assert (clock(line.data["due_at"]), clock(line.data["expires_at"])) == ("Mon 15:00", "Tue 12:00")
    assert shop.store.callbacks.open_tasks() == [shop.task()], "it is kept"
    assert shop.task().attempts == 1


def test_longer_hours_bring_what_waits_forward() -> None:
    shop = Shop(at("2026-11-23 20:00"), sales=OPEN)
    shop.missed()
    assert planned(shop) == ("Tue 08:00", "Tue 20:00")
    shop.now += 60
    shop.policy(sales='hours = ["mon-fri 08:00-22:00"]')
    [order] = shop.turn()
    assert order.customer == CUSTOMER, "it is open: at once"


def test_hours_that_close_now_put_off_who_is_due() -> None:
    shop = Shop()
    shop.floor.states = {"201": "busy", "202": "busy"}
    shop.missed()
    shop.turn()
    shop.policy(sales='hours = ["mon-fri 08:00-11:00"]')
    assert planned(shop) == ("Tue 08:00", "Tue 12:00")
    assert shop.until(at("2026-11-24 07:59")) == []


def test_closed_all_through_the_window_now_ends_it_with_a_ticket() -> None:
    shop = Shop(at("2026-11-23 18:00"), sales='hours = ["mon-fri 08:00-17:00"]', tickets="true")
    shop.missed()
    shop.policy(sales='hours = ["sat 08:00-12:00"]', tickets="true")
    shop.turn()
    assert (shop.task().state, shop.task().reason) == ("expired", "closed")
    assert shop.events("ticket.opened")[0]["reason"] == "closed"


@pytest.mark.parametrize(("before", "after", "ends"), [
    ('window = "24h"', 'window = "48h"', "Wed 12:00"), ('window = "48h"', 'window = "24h"', "Tue 12:00"),
    ('window = "24h"', 'window = "end_of_day"', "Tue 00:00"),
])
def test_another_window(before: str, after: str, ends: str) -> None:
    shop = Shop(missed=f"{before}\nattempts = 2")
    shop.missed()
    [order] = shop.turn()
    shop.fails(order)
    shop.policy(missed=f"{after}\nattempts = 2")
    due, expires = planned(shop)
    assert expires == ends
    assert due == {"Wed 12:00": "Tue 12:00", "Tue 12:00": "Tue 00:00", "Tue 00:00": "Mon 18:00"}[ends]


def test_a_window_that_is_over_ends_what_waits() -> None:
    shop = Shop(at("2026-11-23 18:00"), missed='window = "48h"', sales=OPEN, tickets="true")
    shop.missed()
    shop.turn()
    shop.now += 2 * 3600
    shop.policy(missed='window = "1h"', sales=OPEN, tickets="true")
    shop.turn()
    assert (shop.task().state, shop.task().reason) == ("expired", "window")
    assert len(shop.events("ticket.opened")) == 1


def test_a_longer_window_saves_who_would_be_over_in_this_very_turn() -> None:
    shop = Shop(missed='window = "1h"')
    shop.floor.states = {"201": "busy", "202": "busy"}
    for number in range(3 * MOST):
        shop.missed(f"+3620{number:07}")
    shop.turn()
    shop.now += 3600
    shop.policy(missed='window = "2h"')
    shop.until(shop.now + 10, 1.0)
    assert {row.state for row in shop.store.callbacks.tasks(999)} == {"open"}
    assert {clock(row.expires_at) for row in shop.store.callbacks.tasks(999)} == {"Mon 14:00"}


def test_more_attempts_and_fewer() -> None:
    shop = Shop(missed="attempts = 2")
    shop.missed()
    [order] = shop.turn()
    shop.fails(order)
    shop.now = at("2026-11-23 14:00")
    assert planned(shop)[0] == "Tue 00:00"
    shop.policy(missed="attempts = 6")
    assert (planned(shop)[0], shop.task().attempts_max) == ("Mon 16:00", 6)
    shop.policy(missed="attempts = 1")
    shop.turn()
    assert (shop.task().state, shop.task().reason) == ("failed", "unreached")


@pytest.mark.parametrize(("cause", "result", "due"), [
    (603, "customer_failed", "Tue 08:18"), (486, "customer_busy", "Mon 12:20")])
def test_what_the_customer_asked_for_holds_under_the_new_plan(cause: int, result: str, due: str) -> None:
    shop = Shop(missed="attempts = 4", sales=OPEN, callback='retry_busy = "20m"')
    shop.missed()
    [order] = shop.turn()
    shop.fails(order, result, cause)  # type: ignore[arg-type]  # one of its words
    shop.policy(missed="attempts = 8", sales='hours = ["mon-fri 08:00-18:00"]', callback='retry_busy = "20m"')
    assert planned(shop)[0] == due, "not today again; busy: soon"


def test_it_holds_after_a_restart_too() -> None:
    shop = Shop(missed="attempts = 3", sales='hours = ["mon-fri 08:00-23:00"]')
    shop.missed()
    [order] = shop.turn()
    shop.fails(order, "customer_failed", 603)
    shop = shop.reborn()
    shop.policy(missed="attempts = 9", sales='hours = ["mon-fri 08:00-22:00"]')
    due, _ = planned(shop)
    assert due is not None
    assert due.startswith("Tue"), "they declined: not again today"


def test_who_rang_in_meanwhile_is_left_alone() -> None:
    shop = Shop(callback='retry_busy = "20m"')
    shop.missed()
    [order] = shop.turn()
    shop.end(order, "glare", talk_s=1.0)
    assert planned(shop)[0] == "Mon 12:20"
    shop.policy(callback='retry_busy = "20m"', missed='window = "48h"')
    assert planned(shop)[0] == "Mon 12:20"


def test_what_was_asked_for_by_hand_keeps_its_own_window_and_attempts() -> None:
    shop = Shop(sales=OPEN)
    row = shop.desk.admin.add(CUSTOMER, "sales", shop.now, window="48h", attempts=3, at=at("2026-11-24 10:00"))
    shop.policy(sales='hours = ["mon-fri 12:00-17:00"]', missed='window = "1h"\nattempts = 9')
    assert planned(shop) == ("Tue 12:00", "Thu 10:00")
    assert shop.task().attempts_max == 3
    assert shop.task().id == row.id


def test_an_attempt_that_runs_is_not_touched_and_its_task_follows() -> None:
    shop = Shop(missed="attempts = 2")
    shop.missed()
    [order] = shop.turn()
    assert shop.dial(order)
    shop.policy(missed='attempts = 6\nwindow = "48h"')
    shop.turn()
    assert (shop.runner.stopped, shop.task().attempts_max, clock(shop.task().expires_at)) == ([], 6, "Wed 12:00")
    shop.end(order, "customer_no_answer", 487)
    assert planned(shop)[0] == "Mon 20:00", "six attempts in 48 hours"


def test_a_task_that_is_held_is_planned_and_stays_held() -> None:
    shop = Shop(at("2026-11-23 20:00"), sales=OPEN)
    row = shop.missed()
    assert row is not None
    shop.desk.admin.hold(row.id, shop.now)
    shop.policy(sales='hours = ["mon-fri 09:00-17:00"]')
    assert planned(shop)[0] == "Tue 09:00"
    assert shop.task().state == "held"
    assert shop.until(at("2026-11-24 10:00")) == []


def test_who_waits_for_a_group_that_has_another_name_now_goes_with_the_number() -> None:
    shop = Shop(at("2026-11-23 20:00"), sales=OPEN)
    shop.missed()
    shop.missed(OTHER, group="support")
    shop.text = shop.write(sales=OPEN).replace("[group.sales", "[group.vertrieb").replace('"sales"', '"vertrieb"')
    shop.renew()
    assert planned(shop)[0] == "Tue 08:00"
    assert (shop.task().group, shop.task(OTHER).group) == ("vertrieb", "support")
    assert shop.journal("moved")[0].data == {"group": "vertrieb", "before": "sales"}
    assert shop.desk.admin.figures()["vertrieb"].in_queue == 1
    [order] = [one for one in shop.until(at("2026-11-24 08:01")) if one.customer == CUSTOMER]
    assert order.group == "vertrieb"


def test_one_promise_is_kept_where_the_other_group_has_one_for_them_already() -> None:
    shop = Shop(at("2026-11-23 20:00"), sales=OPEN)
    shop.missed()
    shop.missed(group="support")
    text = shop.write(sales=OPEN)
    shop.text = text[: text.index("[group.sales")] + text[text.index("[group.support"):]
    shop.text = shop.text.replace('group = "sales"', 'group = "support"')
    shop.renew()
    shop.turn()
    assert {(row.group, row.state, row.reason) for row in shop.store.callbacks.tasks(9)} == {
        ("sales", "cancelled", "group"), ("support", "open", "")}


def test_nothing_is_written_where_no_plan_changes() -> None:
    shop = Shop(sales=OPEN)
    shop.missed()
    [order] = shop.turn()
    shop.fails(order)
    before = shop.task()
    shop.policy(sales=f'{OPEN}\ndirect_callback = {{ type = 3 }}')
    shop.turn()
    assert (shop.task(), shop.journal("replanned")) == (before, [])


def test_many_are_planned_some_in_a_turn() -> None:
    shop = Shop(at("2026-11-23 20:00"), sales=OPEN)
    for number in range(2 * MOST + 1):
        shop.missed(f"+3620{number:07}")
    shop.policy(sales='hours = ["mon-fri 09:00-17:00"]')
    counts = []
    for _ in range(4):
        shop.turn()
        counts.append(len(shop.journal("replanned")))
    assert counts == [MOST, 2 * MOST, 2 * MOST + 1, 2 * MOST + 1]
