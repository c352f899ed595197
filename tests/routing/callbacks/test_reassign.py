"""A supervisor gives a callback to somebody else."""

import pytest

from routing.callbacks.admin import DeskError
from routing.callbacks.responsible import NOBODY, Responsible
from tests.routing.callbacks.shop import CUSTOMER, Shop

TO_202 = Responsible("current", "202")
TO_SUPPORT = Responsible("group", "support")


@pytest.fixture
def shop() -> Shop:
    """A callback is due, and everybody is busy."""
    shop = Shop(missed='responsible_wait = "60s"')
    shop.floor.states = {"201": "busy", "202": "busy", "301": "busy"}
    shop.missed()
    shop.turn()
    return shop


def reassign(shop: Shop, who: Responsible, by: str = "boss") -> None:
    shop.desk.admin.reassign(shop.task().id, who, shop.now, by)


def test_it_waits_for_whom_it_was_given_to_and_then_for_anybody(shop: Shop) -> None:
    shop.now += 300
    reassign(shop, TO_202)
    row = shop.task()
    assert (row.responsible_kind, row.responsible, row.responsible_since) == ("current", "202", shop.now)
    shop.floor.states = {"202": "busy", "301": "busy"}
    assert shop.until(shop.now + 55, 5) == [], "201 is free, and it is not theirs"
    assert [order.agent for order in shop.until(shop.now + 10, 5)] == ["201"]
    assert [(line.agent, line.data["waited_s"]) for line in shop.journal("released")] == [("202", 60.0)]


def test_the_journal_says_who_gave_it_to_whom(shop: Shop) -> None:
    reassign(shop, TO_202, "boss: knows them")
    reassign(shop, TO_SUPPORT)
    reassign(shop, NOBODY, "")
    assert [(line.agent, line.data) for line in shop.journal("reassigned")] == [
        ("202", {"by": "boss: knows them", "responsible": "202"}),
        (None, {"by": "boss", "responsible": "support", "before": "202"}),
        (None, {"before": "support"}),
    ]


def test_an_agent_of_another_group_may_be_named(shop: Shop) -> None:
    reassign(shop, TO_SUPPORT)
    shop.floor.states = {"201": "free", "202": "free"}
    assert [order.agent for order in shop.wait(10)] == ["301"] or shop.journal("released") == []
    shop.floor.states = {}
    assert "301" in [order.agent for order in shop.runner.orders] or \
        [order.agent for order in shop.until(shop.now + 10, 2)] == ["301"]


def test_nobody_is_anybody(shop: Shop) -> None:
    reassign(shop, TO_202)
    reassign(shop, NOBODY)
    row = shop.task()
    assert (row.responsible_kind, row.responsible, row.responsible_since) == ("none", None, None)
    shop.floor.states = {"202": "busy"}
    assert [order.agent for order in shop.until(shop.now + 5, 1)] == ["201"]


def test_whoever_declined_may_be_named_all_the_same() -> None:
    shop = Shop()
    shop.missed()
    [order] = shop.turn()
    shop.floor.states = {"201": "busy", "202": "busy"}
    assert shop.step(order, "agent")
    shop.end(order, "declined")
    assert shop.task().declined == ("201",)
    reassign(shop, Responsible("current", "201"))
    assert shop.task().declined == ()
    shop.floor.states = {}
    assert [order.agent for order in shop.until(shop.now + 10, 1)] == ["201"]


def test_the_same_again_changes_nothing(shop: Shop) -> None:
    reassign(shop, TO_202)
    before = shop.task()
    shop.now += 10
    reassign(shop, TO_202)
    assert (shop.task(), len(shop.journal("reassigned"))) == (before, 1)


def test_once_released_the_same_may_be_named_anew(shop: Shop) -> None:
    reassign(shop, TO_202)
    shop.until(shop.now + 70, 5)
    assert shop.task().released_at is not None
    reassign(shop, TO_202)
    assert (shop.task().released_at, shop.task().responsible_since) == (None, shop.now)


def test_one_that_is_held_or_comes_later_waits_for_them_when_it_is_due(shop: Shop) -> None:
    shop.desk.admin.hold(shop.task().id, shop.now)
    reassign(shop, TO_202)
    assert (shop.task().state, shop.task().responsible_since) == ("held", None)
    shop.floor.states = {}
    assert shop.wait(10) == []
    shop.desk.admin.resume(shop.task().id, shop.now)
    assert [order.agent for order in shop.until(shop.now + 5, 1)] == ["202"]


def test_what_is_under_way_is_not_given_away() -> None:
    shop = Shop()
    shop.missed()
    [order] = shop.turn()
    with pytest.raises(DeskError, match=f"agent {order.agent} has it"):
        reassign(shop, TO_202)
    with pytest.raises(DeskError, match="there is no group 'nobody'"):
        reassign(shop, Responsible("group", "nobody"))
    shop.end(order, "agent_no_answer")
    reassign(shop, TO_202)
    assert shop.task().responsible == "202"


def test_it_outlives_a_crash(shop: Shop) -> None:
    reassign(shop, TO_202)
    again = shop.reborn()
    shop.floor.states = {"202": "busy"}
    assert again.until(again.now + 30, 5) == []
    shop.floor.states = {}
    assert [order.agent for order in again.until(again.now + 5, 1)] == ["202"]
    assert again.task(CUSTOMER).responsible == "202"
