"""The operator's verbs, and the figures."""

from collections.abc import Callable

import pytest

from config.policy import parse_policy
from routing.callbacks.admin import Admin, DeskError
from tests.routing.callbacks.shop import CUSTOMER, OTHER, OURS, Shop, at


def test_a_callback_made_by_hand() -> None:
    shop = Shop()
    shop.peers = lambda number: ("branch", "second" if number == OURS else "main")
    row = shop.desk.admin.add(CUSTOMER, "sales", shop.now, number=OURS, responsible="202", responsible_wait=30.0,
                              attempts=2, window="48h", language="sk", preview=7.0, note="ask for Eva", by="anna")
    assert (row.kind, row.pbx, row.trunk, row.attempts_max, row.expires_at) == \
        ("manual", "branch", "second", 2, shop.now + 48 * 3600)
    assert (row.responsible_kind, row.responsible) == ("current", "202")
    [order] = shop.turn()
    assert (order.agent, order.language, order.preview, order.note) == ("202", "sk", 7.0, "ask for Eva")
    assert [line.data["by"] for line in shop.journal("asked")] == ["anna"]


def test_by_hand_for_a_group_and_for_later() -> None:
    shop = Shop()
    shop.desk.admin.add(CUSTOMER, "sales", shop.now, responsible_group="support", at=shop.now + 3600)
    begin = shop.now
    order = shop.until_ordered(step=10)
    assert order is not None
    assert (order.agent, shop.now) == ("301", begin + 3600)


def test_by_hand_where_one_is_open_gives_that_one_to_whoever_is_named() -> None:
    shop = Shop()
    shop.floor.states = {"201": "busy", "202": "busy"}
    first = shop.missed()
    shop.turn()
    assert first is not None
    assert shop.desk.admin.add(CUSTOMER, "sales", shop.now, responsible="202").id == first.id
    shop.floor.states = {}
    assert [order.agent for order in shop.wait(3)] == ["202"]
    assert len(shop.store.callbacks.open_tasks()) == 1


def test_the_number_that_is_shown() -> None:
    shop = Shop(more='[group.bare]\nagents = ["211"]')
    shop.desk.admin.add(CUSTOMER, "support", shop.now)
    shop.desk.admin.add(OTHER, "bare", shop.now)
    assert [order.number for order in shop.turn()] in (["+3614446666", None], [None, "+3614446666"])
    shop = Shop(callback='show = "+3617777777"')
    shop.desk.admin.add(CUSTOMER, "sales", shop.now)
    assert [order.number for order in shop.turn()] == ["+3617777777"]


@pytest.mark.parametrize("wrong", [
    lambda desk, now: desk.add(CUSTOMER, "nobody", now),
    lambda desk, now: desk.add(CUSTOMER, "sales", now, campaign="10009"),
    lambda desk, now: desk.add(CUSTOMER, "sales", now, attempts=11),
    lambda desk, now: desk.add(CUSTOMER, "sales", now, window="soon"),
    lambda desk, now: desk.add(CUSTOMER, "sales", now, language="fr"),
    lambda desk, now: desk.add(CUSTOMER, "sales", now, responsible_group="nobody"),
    lambda desk, now: desk.cancel("nothing", now),
    lambda desk, now: desk.hold("nothing", now),
])
def test_what_cannot_be_done_is_said(wrong: Callable[[Admin, float], object]) -> None:
    shop = Shop()
    with pytest.raises(DeskError):
        wrong(shop.desk.admin, shop.now)
    assert shop.store.callbacks.tasks(9) == []


def test_call_now_goes_before_all_others() -> None:
    shop = Shop()
    shop.floor.states = {"201": "busy", "202": "busy"}
    shop.missed()
    shop.now += 10
    shop.missed(OTHER)
    shop.turn()
    shop.desk.admin.call_now(shop.task(OTHER).id, shop.now)
    shop.floor.states = {"201": "busy"}
    assert [order.customer for order in shop.wait(3)] == [OTHER]
    with pytest.raises(DeskError):
        shop.desk.admin.call_now(shop.task(OTHER).id, shop.now)


def test_call_now_moves_what_is_due_later() -> None:
    shop = Shop()
    shop.missed()
    [order] = shop.turn()
    shop.fails(order)
    assert shop.wait(60) == []
    shop.desk.admin.hold(shop.task().id, shop.now)
    shop.desk.admin.call_now(shop.task().id, shop.now)
    assert len(shop.turn()) == 1


def test_call_now_does_not_open_what_is_closed() -> None:
    shop = Shop(at("2026-11-23 18:00"), sales='hours = ["mon-fri 08:00-17:00"]')
    shop.missed()
    with pytest.raises(DeskError, match="closed"):
        shop.desk.admin.call_now(shop.task().id, shop.now)


def test_call_now_by_force_opens_what_is_closed_once() -> None:
    shop = Shop(at("2026-11-23 18:00"), sales='hours = ["mon-fri 08:00-17:00"]')
    shop.missed()
    shop.desk.admin.call_now(shop.task().id, shop.now, "boss", force=True)
    [order] = shop.turn()
    assert shop.dial(order)
    shop.end(order, "customer_no_answer", 480)
    assert shop.until(at("2026-11-24 07:59")) == [], "closed as ever after that"
    assert [line.data.get("force") for line in shop.journal("call_now")] == [True]


def test_force_is_stronger_than_opening_hours_and_nothing_else() -> None:
    closed = 'hours = ["mon-fri 08:00-17:00"]'
    shop = Shop(at("2026-11-23 18:00"), sales=closed, guard='quiet_hours = ["mon-sun 17:30-24:00"]')
    shop.missed()
    shop.desk.admin.call_now(shop.task().id, shop.now, force=True)
    assert shop.turn() == [], "the customer's night"
    shop = Shop(at("2026-11-23 18:00"), sales=closed, guard="stop = true")
    shop.missed()
    shop.desk.admin.call_now(shop.task().id, shop.now, force=True)
    assert shop.turn() == []


def test_a_campaign_with_another_id_keeps_its_callbacks_as_they_were_planned() -> None:
    winter = '[campaign.{}]\ngroup = "sales"\nname = "Winter"\ndelay = "1h"\n'
    shop = Shop(more=winter.format("10001"))
    shop.missed()
    shop.missed(OTHER)
    shop.desk.admin.hold(shop.task(OTHER).id, shop.now)
    before = shop.task().due_at
    for more in (winter.format("10001") + winter.format("10007"), winter.format("10007")):
        shop.desk.set_policy(parse_policy(shop.text.replace(winter.format("10001"), more)), shop.now)
        shop.desk.admin.renumber("10001", "10007", shop.now)
    assert [(row.campaign, row.due_at) for row in (shop.task(), shop.task(OTHER))] == [("10007", before)] * 2
    assert shop.turn() == []
    [order] = shop.until(shop.now + 3700)
    assert (order.campaign, order.customer) == ("10007", CUSTOMER)
    assert [line.data["before"] for line in shop.journal("renumbered")] == ["10001"] * 2
    assert shop.journal("replanned") == []


def test_figures() -> None:
    shop = Shop()
    for number in range(4):
        shop.missed(f"+3620111111{number}")
    one, two = shop.turn()
    shop.now += 10
    shop.talks(one)
    found = shop.desk.admin.figures()["sales"]
    assert (found.in_queue, found.due, found.running, found.total, found.kept) == \
        (3, 2, 1, 4, 1)
    assert [attempt.row.id for attempt in shop.desk.admin.attempts()] == [two.attempt]
    assert shop.desk.admin.figures()["support"].total == 0


def test_campaigns_are_listed_with_what_they_do() -> None:
    shop = Shop(more='[campaign.10001]\ngroup = "sales"\nname = "Winter"\n[campaign.10002]\ngroup = "support"')
    shop.missed()
    shop.missed(OTHER)
    shop.floor.states = {"202": "busy"}
    shop.turn()
    found = shop.desk.admin.campaigns()
    assert [(name, campaign.name, tasks, running) for name, campaign, tasks, running in found] == \
        [("10001", "Winter", 2, 1), ("10002", "", 0, 0)]


def test_next_turn_is_when_something_is_to_happen() -> None:
    shop = Shop()
    assert shop.desk.next_turn() is None
    shop.missed()
    assert shop.desk.next_turn() == shop.now
    [order] = shop.turn()
    shop.fails(order)
    assert shop.desk.next_turn() == shop.now + 6 * 3600


def test_next_turn_is_at_once_while_a_turn_was_too_short_for_all() -> None:
    shop = Shop()
    shop.floor.states = {"201": "busy", "202": "busy"}
    for number in range(150):
        shop.desk.admin.add(f"+3620111{number:04d}", "sales", shop.now)
    shop.turn()
    assert shop.desk.next_turn() == 0.0
    assert len(shop.journal("due")) == 100
    shop.turn()
    assert len(shop.journal("due")) == 150
    assert shop.desk.next_turn() == shop.now + 86_400
