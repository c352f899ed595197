"""Who is offered a callback while they wait, and on which terms."""

import pytest

from routing.callbacks.facts import QueuedCaller
from routing.callbacks.queue_facts import MenuTerms, QueueOffer
from routing.writes import CountOffer
from tests.routing.callbacks.shop import CUSTOMER, MONDAY_NOON, OURS, Shop, at

ON = "[group.sales.queue_callback]\nenabled = true\n"
CAMPAIGN = '[campaign.10001]\ngroup = "sales"\nadd_key = "5"\n'


def shop(*lines: str, now: float = MONDAY_NOON, guard: str = "", sales: str = "", callback: str = "") -> Shop:
    """A shop where callers to sales may ask; `lines`: what else is said there."""
    more = ON + "\n".join(lines) + "\n"
    return Shop(now, text=Shop.write(more=more, guard=guard, sales=sales, callback=callback))


def offer(shop: Shop, customer: str | None = CUSTOMER, waited: float = 30.0, number: str | None = OURS,
          group: str = "sales") -> QueueOffer | None:
    return shop.desk.calls.queue_offer(QueuedCaller(customer, group, number, "call", shop.now - waited), shop.now)


def menu(shop: Shop, customer: str | None = CUSTOMER, waited: float = 30.0,
         number: str | None = OURS) -> MenuTerms | None:
    found = offer(shop, customer, waited, number)
    return None if found is None else found.menu


def test_the_terms() -> None:
    assert menu(shop()) == MenuTerms("1", True, 20.0, 60.0, 0.0, True, True, 3, "en", None, None, None, None)
    said = menu(shop(
        'key = "9"', 'offer_after = "5s"', 'offer_every = "0s"', 'max_wait = "2m"', 'tries = 2', 'language = "hu"',
        'offer_prompt = "a"', 'menu_prompt = "b"', 'confirm_prompt = "c"', 'other_number = false'))
    assert said == MenuTerms("9", True, 5.0, 0.0, 120.0, True, False, 2, "hu", None, "a", "b", "c")
    found = menu(shop(callback='language = "sk"'))
    assert found is not None
    assert found.language == "sk"


@pytest.mark.parametrize("customer", [OURS, "+14155550100", "+3690123456", "+3680123456"])
def test_whom_the_guard_refuses_is_offered_nothing(customer: str) -> None:
    refuse = 'refuse_types = ["premium_rate", "toll_free"]'
    assert offer(shop(guard=refuse), customer) is None


def test_who_is_never_to_be_called_is_offered_nothing() -> None:
    here = shop()
    here.desk.admin.add_do_not_call(CUSTOMER, here.now)
    assert offer(here) is None


@pytest.mark.parametrize("guard", ["stop = true", 'quiet_hours = ["mon-sun 11:00-14:00"]', "open_tasks = 1"])
def test_whom_the_guard_would_not_let_be_called_now_is_offered_nothing(guard: str) -> None:
    here = shop(guard=guard)
    here.missed("+36301111111")
    assert offer(here) is None
    withheld = menu(here, None)
    assert (withheld is None) == ("quiet" not in guard), "of a number that is not typed yet nobody knows"
    if "quiet" in guard:
        here.now = at("2026-11-23 14:00")
        assert menu(here) is not None


def test_who_was_called_as_often_as_may_be_is_offered_nothing() -> None:
    here = Shop(text=Shop.write(more=ON).replace("number_per_hour = 100", "number_per_hour = 1"))
    assert menu(here) is not None
    assert here.request(customer="+36301111111", caller="+36302222222").terms is not None
    assert (menu(here, "+36301111111"), menu(here) is None) == (None, False)
    capped = shop(guard="all_per_hour = 1")
    capped.missed("+36301111111")
    order = capped.until_ordered(7200)
    assert order is not None
    capped.fails(order)
    assert offer(capped) is None


def test_a_withheld_caller_has_to_name_a_number() -> None:
    found = menu(shop(), None)
    assert found is not None
    assert (found.this_number, found.other_number) == (False, True)
    assert offer(shop("other_number = false"), None) is None


def test_only_where_it_is_switched_on() -> None:
    assert offer(Shop()) is None
    assert offer(shop(), group="support") is None
    assert offer(shop(), group="nobody") is None
    own = '[number."+3614445555".queue_callback]\nenabled = {}\n'
    assert menu(Shop(more=own.format("true"))) is not None
    assert offer(Shop(more=own.format("true")), number="+3614446666") is None
    assert offer(shop(own.format("false"))) is None
    assert menu(shop(own.format("false")), number=None) is not None


@pytest.mark.parametrize(("moment", "hours", "found"), [
    ("2026-11-23 12:00", '["mon-fri 08:00-17:00"]', True),
    ("2026-11-23 16:49", '["mon-fri 08:00-17:00"]', True),
    ("2026-11-23 16:51", '["mon-fri 08:00-17:00"]', False),
    ("2026-11-23 17:00", '["mon-fri 08:00-17:00"]', None),
    ("2026-11-23 07:59", '["mon-fri 08:00-17:00"]', None),
    ("2026-11-28 12:00", '["mon-fri 08:00-17:00"]', None),
    ("2026-11-23 11:55", '["mon 08:00-12:00", "mon 13:00-17:00"]', False),
    ("2026-11-23 12:30", '["mon 08:00-12:00", "mon 13:00-17:00"]', None),
    ("2026-11-23 23:55", '["mon 08:00-24:00"]', False),
    ("2026-11-23 23:55", '["mon 08:00-24:00", "tue 00:00-09:00"]', True),
    ("2026-11-23 23:55", '["mon-sun 00:00-24:00"]', True),
    ("2026-10-22 23:55", '["mon-sun 00:00-24:00"]', False),
    ("2026-10-23 12:00", '["mon-sun 00:00-24:00"]', None),
    ("2026-11-23 12:00", "[]", True),
])
def test_none_in_the_last_minutes_of_the_opening_hours(moment: str, hours: str, found: bool | None) -> None:
    """The 23rd of October is closed; None: nothing at all, for it is closed now."""
    here = shop('stop_before_close = "10m"', now=at(moment), sales=f'hours = {hours}\nholidays = "HU"')
    terms = menu(here)
    assert (None if terms is None else terms.now) == found


@pytest.mark.parametrize(("wait", "waited", "now"), [
    (None, 30.0, False), (None, 300.0, True), (299.0, 900.0, False), (300.0, 1.0, True), (0.0, 0.0, False)])
def test_only_where_the_wait_is_long(wait: float | None, waited: float, now: bool) -> None:
    here = shop('offer_from_wait = "5m"', "announce_wait = true")
    here.floor.wait = wait
    terms = menu(here, waited=waited)
    assert terms is not None
    assert terms.now == now
    assert terms.wait_minutes == (None if wait is None else max(1, -(-wait // 60)))


def test_so_many_requests_may_wait() -> None:
    here = shop("max_pending = 1")
    terms = menu(here)
    assert terms is not None
    assert terms.now
    asked = here.request(customer="+36301111111")
    assert asked.terms is not None
    terms = menu(here)
    assert terms is not None
    assert not terms.now, "they may be fewer while this caller waits"
    here.desk.admin.cancel(asked.terms.task, here.now)
    terms = menu(here)
    assert terms is not None
    assert terms.now


def test_the_key_of_a_campaign_beside_the_menu() -> None:
    both = offer(shop(CAMPAIGN))
    assert both is not None
    assert both.menu is not None
    assert both.campaign is not None
    assert both.campaign.keys == "5"
    alone = offer(Shop(more=CAMPAIGN))
    assert alone is not None
    assert alone.menu is None
    withheld = offer(shop(CAMPAIGN), None)
    assert withheld is not None
    assert withheld.campaign is None, "nobody to call back"


def test_an_offer_is_counted_and_told() -> None:
    here = shop()
    here.floor.wait = 61.4
    unit = here.desk.calls.offered(QueuedCaller(None, "sales", OURS, "call", here.now - 20.5), here.now)
    assert [write for write in unit.writes if isinstance(write, CountOffer)] == [CountOffer(here.now, "sales", OURS)]
    here.store.put(unit)
    [event] = [event for event in here.store.events if event.kind == "queue.offered"]
    assert event.data == {"call": "call", "customer": None, "number": OURS, "group": "sales", "waited_s": 20.5,
                          "estimated_wait_s": 61.4}
