"""What is to come of a task, against what then really comes."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.hours import parse_all
from routing.callbacks.admin import DeskError
from routing.callbacks.outlook import LeftOut, Outlook, PlannedTry
from routing.callbacks.quiet import QuietHours
from tests.routing.callbacks.shop import CUSTOMER, Shop, at, clock

NIGHT = 'quiet_hours = ["mon-sun 20:00-24:00", "mon-sun 00:00-08:00"]'
HOURS = 'hours = ["mon-fri 08:00-17:00"]'


def outlook(shop: Shop) -> Outlook:
    return shop.desk.admin.outlook(shop.task(), shop.now)


def clocks(found: Outlook) -> list[str]:
    return [clock(one.at) for one in found.tries]


def test_the_two_examples_of_missed_at_noon() -> None:
    shop = Shop(missed='window = "24h"\nattempts = 6')
    shop.missed()
    assert clocks(outlook(shop)) == ["Mon 12:00", "Mon 16:00", "Mon 20:00", "Tue 00:00", "Tue 04:00", "Tue 08:00"]
    shop = Shop(sales=HOURS, missed='window = "24h"\nattempts = 6')
    shop.missed()
    found = outlook(shop)
    assert clocks(found) == ["Mon 12:00", "Mon 13:30", "Mon 15:00", "Mon 16:30", "Tue 09:00", "Tue 10:30"]
    assert [(clock(one.start), clock(one.end)) for one in found.open] == \
        [("Mon 12:00", "Mon 17:00"), ("Tue 08:00", "Tue 12:00")]
    assert (found.begin, found.expires_at, found.refusal) == (shop.now, shop.now + 86_400, None)


@pytest.mark.parametrize("policy", [
    {"missed": 'window = "24h"\nattempts = 6'}, {"missed": 'window = "48h"\nattempts = 4', "sales": HOURS},
    {"missed": 'window = "end_of_day"\nattempts = 5', "sales": HOURS},
    {"missed": 'window = "24h"\nattempts = 4', "guard": NIGHT},
    {"more": '[campaign.10001]\ngroup = "sales"\nname = "W"\ndelay = "10m"\nretries = 2\nretry_after = "25m"\n'},
])
@settings(max_examples=4, deadline=None)
@given(minutes=st.integers(0, 480))
def test_it_comes_as_it_was_said(policy: dict[str, str], minutes: int) -> None:
    """Agents are free, nobody answers: each attempt begins within a turn of when it was said to begin."""
    shop = Shop(at("2026-11-23 08:00") + 60 * minutes, text=Shop.write(**policy))
    shop.missed()
    said = [one.at for one in outlook(shop).tries]
    came: list[float] = []
    while (order := shop.until_ordered(most=3 * 86_400, step=60.0)) is not None:
        came.append(shop.now)
        shop.fails(order)
        rest = [one.at for one in outlook(shop).tries] if shop.task().state == "open" else []
        assert len(rest) == len(said) - len(came)
    assert len(came) == len(said) > 0
    assert all(0 <= one - other <= 120 for one, other in zip(came, said, strict=True)), (came, said)


def test_quiet_hours_move_an_attempt_and_say_so() -> None:
    shop = Shop(missed='window = "24h"\nattempts = 3', guard=NIGHT)
    shop.missed()
    assert outlook(shop).tries == (
        PlannedTry(shop.now, None), PlannedTry(at("2026-11-24 08:00"), at("2026-11-23 20:00")),
        PlannedTry(at("2026-11-24 10:00"), None))


def test_what_falls_away_says_why() -> None:
    """The last one would be in the second night, after which the window is over before it is day."""
    shop = Shop(at("2026-11-23 02:24"), missed='window = "24h"\nattempts = 4', guard=NIGHT)
    shop.missed()
    found = outlook(shop)
    assert clocks(found) == ["Mon 08:00", "Mon 09:30", "Mon 14:24"]
    assert found.left_out == LeftOut(1, "quiet_hours", at("2026-11-23 20:24"))
    assert [(clock(one.start), clock(one.end)) for one in found.quiet] == [
        ("Mon 02:24", "Mon 08:00"), ("Mon 20:00", "Tue 02:24")]
    shop = Shop(more='[campaign.10001]\ngroup = "sales"\nname = "W"\nretries = 5\nretry_after = "7h"\n'
                     'remove_after = "24h"')
    shop.missed()
    found = outlook(shop)
    assert (len(found.tries), found.left_out, found.quiet) == (4, LeftOut(2, "window", None), ())
    shop = Shop(missed='window = "24h"\nattempts = 6')
    shop.missed()
    assert outlook(shop).left_out is None


@given(first=st.integers(0, 167), second=st.integers(0, 167), ask=st.integers(0, 167))
def test_it_is_quiet_when_it_is_quiet_in_one_of_the_zones(first: int, second: int, ask: int) -> None:
    hours = parse_all(["mon-sun 20:00-24:00", "mon-sun 00:00-08:00"])
    zones, begin = ("America/New_York", "America/Los_Angeles"), at("2026-10-28 00:00")
    start, end = begin + 3600 * min(first, second), begin + 3600 * max(first, second)
    found = QuietHours(hours).stretches(zones, start, end)
    assert all(one.end < other.start for one, other in pairwise(found))
    moment = begin + 3600 * ask + 1800
    quiet = QuietHours(hours).now(zones, moment) is not None and start <= moment < end
    assert any(one.start <= moment < one.end for one in found) == quiet


def test_why_it_is_not_called_now() -> None:
    shop = Shop(at("2026-11-23 07:00"), sales=HOURS, missed='window = "24h"')
    shop.missed()
    found = outlook(shop).refusal
    assert found is not None
    assert (found.reason, found.until) == ("closed", at("2026-11-23 08:00"))
    shop = Shop(guard="stop = true")
    shop.missed()
    found = outlook(shop).refusal
    assert found is not None
    assert found.reason == "stop"
    shop.desk.admin.hold(shop.task().id, shop.now)
    assert outlook(shop).refusal is None, "that it is held is said elsewhere"


def test_nothing_is_to_come_of_what_is_over_or_has_a_place() -> None:
    shop = Shop()
    shop.missed()
    shop.desk.admin.cancel(shop.task().id, shop.now)
    assert (outlook(shop).tries, outlook(shop).refusal) == ((), None)
    shop = Shop(sales="queue_callback = { enabled = true }")
    assert shop.request().terms is not None
    assert outlook(shop).tries == ()


def test_an_attempt_under_way_is_not_to_come() -> None:
    shop = Shop(missed='window = "24h"\nattempts = 3')
    shop.missed()
    [order] = shop.turn()
    assert clocks(outlook(shop)) == ["Mon 20:00", "Tue 04:00"]
    assert shop.dial(order)
    assert clocks(outlook(shop)) == ["Mon 20:00", "Tue 04:00"], "it counts once"
    shop.end(order, "customer_no_answer", 487)
    assert clocks(outlook(shop)) == ["Mon 20:00", "Tue 04:00"]


def test_what_waits_for_an_agent_counts_from_now() -> None:
    shop = Shop(missed='window = "24h"\nattempts = 3')
    shop.floor.states = {"201": "busy", "202": "busy"}
    shop.missed()
    shop.until(shop.now + 600)
    assert clocks(outlook(shop)) == ["Mon 12:10", "Mon 20:00", "Tue 04:00"]


def test_an_example_of_settings_that_nobody_has_saved() -> None:
    shop = Shop(sales=HOURS, missed='window = "48h"\nattempts = 2')
    desk, noon = shop.desk.admin, shop.now
    assert clocks(desk.example("sales", noon, {})) == ["Mon 12:00", "Tue 12:00"]
    assert clocks(desk.example("sales", noon, {"window": None, "attempts": 5})) == \
        [f"Mon {hour}:00" for hour in (12, 13, 14, 15, 16)]
    company = desk.example(None, noon, {"window": 86_400.0, "attempts": 6})
    assert [clock(one.at)[:3] for one in company.tries] == ["Mon"] * 3 + ["Tue"] * 3
    assert desk.example("sales", at("2026-11-28 12:00"), {"window": None}).tries == ()
    assert shop.newest(CUSTOMER) is None, "nothing was promised"
    with pytest.raises(DeskError, match="there is no group 'nobody'"):
        desk.example("nobody", noon, {})
