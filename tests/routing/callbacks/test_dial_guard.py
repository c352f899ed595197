"""What the guard refuses, why, and until when."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.policy import Policy, parse_policy
from routing.callbacks.dial_guard import (
    DAY,
    HOUR,
    STOPPED_PAUSE,
    TRUNK_PAUSE,
    DialGuard,
    Dialled,
    GuardFacts,
    RateWindow,
)
from routing.rows import PastAttempt

CUSTOMER = "+36301234567"
NOW = datetime(2026, 6, 1, 12, tzinfo=ZoneInfo("Europe/Budapest")).timestamp()
TEXT = """
region = "HU"
timezone = "Europe/Budapest"
[callback]
show = "+3614446666"
[number."+3614445555"]
group = "sales"
[group.sales]
callback = { show = "+3614447777" }
[campaign.10001]
group = "sales"
do_not_call = ["+36301234567"]
[guard]
"""


def gate(keys: str = "", region: str = "HU") -> DialGuard:
    return DialGuard(parse_policy(TEXT.replace('region = "HU"', f'region = "{region}"') + keys, kept=True))


def facts(*dialled: tuple[str, float], **keys: object) -> GuardFacts:
    past = Dialled()
    past.restore((PastAttempt(*each) for each in dialled), NOW)
    return GuardFacts(past, frozenset(), 0, 0)._replace(**keys)  # type: ignore[arg-type]  # names are the test's


def reason(found: object) -> str | None:
    return getattr(found, "reason", None)


def test_a_customer_may_be_dialled() -> None:
    assert gate().check(CUSTOMER, NOW, facts()) is None
    assert gate().check_number(CUSTOMER, ()) is None


def test_the_stop_switch_concerns_everybody() -> None:
    refusal = gate("stop = true").check(CUSTOMER, NOW, facts())
    assert refusal is not None
    assert refusal[0::2] == ("stop", NOW + STOPPED_PAUSE)
    assert refusal.scope == "all"


@pytest.mark.parametrize(
    ("customer", "keys", "region", "expected"),
    [
        ("+3614445555", "", "HU", "own_number"),
        ("+3614446666", "", "HU", "own_number"),
        ("+3614447777", "", "HU", "own_number"),
        ("+36301234567", "", "HU", None),
        ("+36690123456", "", "HU", "number_type"),
        ("+3690123456", "", "HU", "number_type"),
        ("+36140", "", "HU", "number_type"),
        ("+41796345678", "", "HU", "country"),
        ("+41796345678", 'countries = ["HU", "CH"]', "HU", None),
        ("+36301234567", 'countries = ["CH"]', "HU", "country"),
        ("+41796345678", "", "", "country"),
        ("+18765551234", 'countries = ["US"]', "US", "country"),
        ("+12125550100", "", "US", None),
        ("+19005551234", "", "US", "number_type"),
        ("+883510012345", "", "HU", "country"),
        ("+883510012345", "", "", "country"),
        ("+883510012345", 'countries = ["001"]', "", None),
        ("+447400123456", 'refuse_types = ["mobile"]', "GB", "number_type"),
        ("+448431234567", "", "GB", "number_type"),
        ("+441212345678", 'refuse_types = ["mobile"]', "GB", None),
        ("+36690123456", "refuse_types = []", "HU", None),
        ("nonsense", "", "", "country"),
        ("nonsense", "refuse_types = []", "HU", "country"),
    ],
)
def test_what_is_never_dialled(customer: str, keys: str, region: str, expected: str | None) -> None:
    refusal = gate(keys, region).check(customer, NOW, facts())
    assert reason(refusal) == expected
    assert refusal is None or (refusal.until is None and refusal.scope == "customer" and refusal.text)
    assert gate(keys, region).check_number(customer, ()) == refusal


def test_the_number_that_the_customer_dialled_is_ours() -> None:
    assert reason(gate().check(CUSTOMER, NOW, facts(number=CUSTOMER))) == "own_number"


def test_the_do_not_call_lists() -> None:
    assert reason(gate().check(CUSTOMER, NOW, facts(do_not_call={CUSTOMER}))) == "do_not_call"
    assert reason(gate().check(CUSTOMER, NOW, facts(campaign="10001"))) == "do_not_call"
    assert gate().check(CUSTOMER, NOW, facts(campaign="10002")) is None
    assert reason(gate().check_number(CUSTOMER, (), "10001")) == "do_not_call"


def test_caps_of_one_number() -> None:
    rules = gate("number_per_hour = 2\nnumber_per_day = 3")
    hour = facts((CUSTOMER, NOW - HOUR + 1), (CUSTOMER, NOW - 5))
    refusal = rules.check(CUSTOMER, NOW, hour)
    assert refusal is not None
    assert (refusal.reason, refusal.until, refusal.scope) == ("number_cap", NOW + 1, "customer")
    assert rules.check(CUSTOMER, NOW + 1, hour) is None
    assert rules.check("+36301234568", NOW, hour) is None
    day = facts(*((CUSTOMER, NOW - ago) for ago in (20 * HOUR, 10 * HOUR, 5 * HOUR)))
    refusal = rules.check(CUSTOMER, NOW, day)
    assert refusal is not None
    assert (refusal.reason, refusal.until) == ("number_cap", NOW + 4 * HOUR)


def test_caps_of_all() -> None:
    rules = gate("all_per_hour = 2\nall_per_day = 3")
    refusal = rules.check(CUSTOMER, NOW, facts(("+36301", NOW - 100), ("+36302", NOW - 50)))
    assert refusal is not None
    assert (refusal.reason, refusal.until, refusal.scope) == ("all_cap", NOW + HOUR - 100, "all")
    day = facts(*((f"+3630{ago}", NOW - ago * HOUR) for ago in (20, 10, 5)))
    refusal = rules.check(CUSTOMER, NOW, day)
    assert refusal is not None
    assert (refusal.reason, refusal.until) == ("all_cap", NOW + 4 * HOUR)


def test_channels_of_a_trunk() -> None:
    rules = gate("trunk_legs = 2\ntrunk_channels = 10\ntrunk_kept = 3")
    assert rules.check(CUSTOMER, NOW, facts(own_on_trunk=1, on_trunk=6)) is None
    refusal = rules.check(CUSTOMER, NOW, facts(own_on_trunk=2, on_trunk=2))
    assert refusal is not None
    assert (refusal.reason, refusal.until, refusal.scope) == ("trunk_legs", NOW + TRUNK_PAUSE, "trunk")
    assert reason(rules.check(CUSTOMER, NOW, facts(on_trunk=7))) == "trunk_channels"
    assert gate().check(CUSTOMER, NOW, facts(own_on_trunk=999, on_trunk=999)) is None


def test_the_caps_that_all_nodes_keep_together() -> None:
    rules = gate("number_per_hour = 2\nnumber_per_day = 3\nall_per_hour = 4\nall_per_day = 5\ntrunk_legs = 6")
    assert rules.caps("main") == (2, 3, 4, 5, "main", 6)


def test_a_flood_of_callers() -> None:
    rules = gate("open_tasks = 10\ntasks_per_hour = 3")
    made = RateWindow(HOUR)
    assert rules.admit(9, made, NOW) is None
    assert reason(rules.admit(10, made, NOW)) == "open_tasks"
    for ago in (3000, 2000, 1000):
        made.add(NOW - ago)
    refusal = rules.admit(0, made, NOW)
    assert refusal is not None
    assert (refusal.reason, refusal.until) == ("flood", NOW + 600)
    assert rules.admit(0, made, NOW + 600) is None


def test_a_thousand_forged_callers_from_as_many_numbers() -> None:
    """Only those of our country and with a number of a usual type get a task, and no more than the hour allows."""
    rules, made, refused = gate("tasks_per_hour = 50"), RateWindow(HOUR), []
    for caller in range(1000):
        prefix = ("+3630", "+3690", "+8816", "+4179")[caller % 4]
        customer = f"{prefix}{1_000_000 + caller}"
        refusal = rules.check_number(customer, ()) or rules.admit(made.count(NOW + caller), made, NOW + caller)
        if refusal is None:
            made.add(NOW + caller)
        else:
            refused.append(refusal.reason)
    assert made.count(NOW + 1000) == 50
    assert set(refused) == {"country", "number_type", "flood"}


# Quiet hours, in the customer's own zone

QUIET = 'quiet_hours = ["mon-sun 21:00-24:00", "mon-sun 00:00-08:00"]'


def moment(text: str, zone: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("customer", "now", "until"),
    [
        ("+36301234567", ("2026-06-01T20:59", "Europe/Budapest"), None),
        ("+36301234567", ("2026-06-01T21:00", "Europe/Budapest"), ("2026-06-02T08:00", "Europe/Budapest")),
        ("+36301234567", ("2026-06-01T07:59", "Europe/Budapest"), ("2026-06-01T08:00", "Europe/Budapest")),
        ("+36301234567", ("2026-06-01T08:00", "Europe/Budapest"), None),
        ("+36301234567", ("2026-10-24T23:00", "Europe/Budapest"), ("2026-10-25T08:00", "Europe/Budapest")),
        ("+12125550100", ("2026-06-01T12:00", "Europe/Budapest"), ("2026-06-01T08:00", "America/New_York")),
        ("+14155550100", ("2026-06-01T09:00", "America/New_York"), ("2026-06-01T08:00", "America/Los_Angeles")),
    ],
)
def test_quiet_hours_are_the_customers(customer: str, now: tuple[str, str], until: tuple[str, str] | None) -> None:
    rules = gate(QUIET + '\ncountries = ["HU", "US", "AU"]')
    refusal = rules.check(customer, moment(*now), facts())
    if until is None:
        assert refusal is None
    else:
        assert refusal is not None
        assert (refusal.reason, refusal.until, refusal.scope) == ("quiet_hours", moment(*until), "customer")


def test_a_mobile_may_be_anywhere_in_its_country() -> None:
    """Russia, at its widest: Kaliningrad gets up last and Kamchatka goes to bed first."""
    rules = gate(QUIET, "RU")
    refusal = rules.check("+79161234567", moment("2026-06-01T21:00", "Asia/Kamchatka"), facts())
    assert refusal is not None
    assert refusal.until is not None
    assert refusal.until >= moment("2026-06-02T08:00", "Europe/Moscow")
    assert rules.check("+79161234567", refusal.until, facts()) is None


def test_a_number_of_no_zone_is_judged_by_ours() -> None:
    rules = gate(QUIET + '\ncountries = ["001"]', "")
    night = moment("2026-06-01T22:00", "Europe/Budapest")
    assert reason(rules.check("+883510012345", night, facts())) == "quiet_hours"
    assert rules.check("+883510012345", NOW, facts()) is None


def test_it_may_always_be_quiet() -> None:
    refusal = gate('quiet_hours = ["mon-sun 00:00-24:00"]').check(CUSTOMER, NOW, facts())
    assert refusal is not None
    assert (refusal.reason, refusal.until) == ("quiet_hours", None)


def test_somewhere_it_may_always_be_quiet() -> None:
    """A toll-free number of North America may be answered between Newfoundland and Guam."""
    rules = gate('quiet_hours = ["mon-sun 16:00-24:00", "mon-sun 00:00-10:00"]', "US")
    refusal = rules.check("+18005550123", NOW, facts())
    assert refusal is not None
    assert (refusal.reason, refusal.until) == ("quiet_hours", None)


@given(st.integers(0, 400 * 86_400), st.sampled_from([CUSTOMER, "+61412345678", "+12125550100", "+79161234567"]))
def test_after_the_quiet_hours_it_is_not_quiet(later: int, customer: str) -> None:
    rules = RULES
    refusal = rules.check(customer, NOW + later, facts())
    if refusal is not None:
        assert refusal.until is not None
        assert refusal.until > NOW + later
        assert rules.check(customer, refusal.until, facts()) is None
        assert rules.check(customer, refusal.until - 1, facts()) is not None


RULES = gate(QUIET + '\ncountries = ["HU", "US", "AU", "RU"]')


# How often


@given(st.lists(st.integers(0, 3 * 86_400), max_size=30), st.integers(0, 3 * 86_400), st.integers(1, 5))
def test_times_are_counted_in_any_order(times: list[int], now: int, limit: int) -> None:
    counted = RateWindow(DAY)
    for at in times:
        counted.add(at)
    expected = [at for at in times if now - HOUR < at]
    assert counted.count(now, HOUR) == len(expected)
    again = counted.below(limit, now, HOUR)
    assert again <= now + HOUR
    counted.tidy(now)
    assert counted.count(now, HOUR) == len(expected)
    assert again >= now
    if len(expected) < limit:
        assert again == now
    elif max(expected) <= now:
        assert counted.count(again, HOUR) < limit <= counted.count(again - 1, HOUR)


@pytest.mark.parametrize("by", [-400 * DAY, -DAY, -HOUR, HOUR, 3 * DAY, 400 * DAY])
def test_a_clock_that_is_set_takes_along_what_was_counted(by: float) -> None:
    times = RateWindow(DAY)
    for ago in (7200, 1800, 60):
        times.add(NOW - ago)
    times.shift(by)
    assert (times.count(NOW + by), times.count(NOW + by, HOUR)) == (3, 2)
    assert times.below(2, NOW + by, HOUR) == NOW + by + HOUR - 1800
    times.shift(-by)
    times.tidy(NOW)
    assert (times.count(NOW), times.count(NOW, HOUR), times.count(NOW + DAY)) == (3, 2, 0)


@pytest.mark.parametrize("by", [-400 * DAY, 3 * DAY])
def test_counting_by_a_wrong_clock_forgets_nothing(by: float) -> None:
    """Before anybody knows that the clock was set, and after it was set right again."""
    times = RateWindow(DAY)
    times.add(NOW)
    times.count(NOW + by)
    times.below(1, NOW + by)
    assert times.count(NOW) == 1


def test_what_a_process_with_a_wrong_clock_dialled_counts_as_of_now() -> None:
    """And for no longer: nobody is blocked for as long as that clock was ahead."""
    dialled = Dialled()
    dialled.restore([PastAttempt(CUSTOMER, NOW + 400 * DAY), PastAttempt(CUSTOMER, NOW - HOUR)], NOW)
    assert dialled.of(CUSTOMER).count(NOW) == 2
    assert dialled.of(CUSTOMER).count(NOW, HOUR) == 1
    assert dialled.of(CUSTOMER).count(NOW + DAY) == 0


def test_customers_are_forgotten() -> None:
    dialled = Dialled()
    dialled.add(CUSTOMER, NOW)
    dialled.add("+36301", NOW - DAY)
    dialled.tidy(NOW)
    assert dialled.of(CUSTOMER).count(NOW) == 1
    assert dialled.of("+36301") is not dialled.of("+36301")
    dialled.tidy(NOW + DAY)
    assert dialled.of(CUSTOMER).count(NOW + DAY) == 0


def test_what_is_known_of_numbers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routing.callbacks.dial_guard.CACHE_SIZE", 3)
    rules = DialGuard(Policy(region="HU"))
    for number in range(10):
        assert rules.check_number(f"+3630123456{number}", ()) is None
        assert len(rules._known) <= 3
