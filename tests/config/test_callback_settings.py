"""Settings of callbacks: levels, campaigns, and everything that can be wrong with them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.guard import REFUSED
from config.hours import parse_hours
from config.limits import LONGEST_WINDOW
from config.policy import (
    Callback,
    CallbackOverride,
    Campaign,
    Change,
    DialLimits,
    Group,
    MissedCallback,
    MissedCallbackOverride,
    Policy,
    Tickets,
    TicketsOverride,
    diff_policies,
    export_policy,
    parse_policy,
    set_key,
)
from config.problem import ConfigError

TEXT = """
timezone = "Europe/Budapest"
holidays = "HU"

[missed_callback]
window = "48h"
responsible = "fixed"
responsible_agent = "201"

[callback]
show = "+3614445555"
reserve = 1

[tickets]
enabled = true
subject = "Back to %number% for %group%"

[guard]
countries = ["HU", "SK", "001"]
refuse_types = ["premium_rate"]
quiet_hours = ["mon-sun 21:00-24:00"]
trunk_channels = 30
trunk_kept = 5

[group.sales]
target = "600"
agents = ["201", "202"]
timezone = "Europe/London"
holidays = "DE/BY"
hours = ["mon-fri 08:00-17:00"]
missed_callback = { enabled = true, attempts = 6 }
callback = { record = true, reserve = 0 }
tickets = { on = ["closed"] }

[group.vip]
agents = ["203"]
missed_callback = { responsible = "group", responsible_group = "sales", window = "end_of_day" }

[campaign.10001]
name = "Winter"
group = "sales"
from = 2026-11-01
to = "2026-12-31"
hours = ["sat 10:00-12:00"]
rank = 2
parity = 3
delay = "10s"
do_not_call = ["+36301234567"]
remove_after = "90m"
retries = 2
retry_after = "10m"
add_after = "20s"
add_key = "5"
add_prompt = "winter"
record = false
responsible = "last_talk"
"""


def problems(text: str) -> list[tuple[str, int, str]]:
    with pytest.raises(ConfigError) as caught:
        parse_policy(text)
    return [(problem.key, problem.line, problem.text) for problem in caught.value.problems]


def test_what_is_in_force_where() -> None:
    policy = parse_policy(TEXT)
    everybody = policy.missed_for("none")
    assert everybody is policy.missed_callback
    assert everybody == MissedCallback(window="48h", responsible="fixed", responsible_agent="201")
    assert policy.missed_for("sales") == MissedCallback(
        enabled=True, window="48h", attempts=6, responsible="fixed", responsible_agent="201"
    )
    assert policy.missed_for("vip").window_s is None
    assert policy.missed_for("sales").window_s == 48 * 3600
    assert policy.callback_for("sales") == Callback(show="+3614445555", reserve=0, record=True)
    assert policy.callback_for("vip") == policy.callback_for("none") == Callback(show="+3614445555", reserve=1)
    assert policy.tickets_for("sales") == Tickets(
        enabled=True, subject="Back to %number% for %group%", on=("closed",)
    )
    assert policy.tickets_for("none").on == ("closed", "unreached", "expired"), "no stranger makes tickets by forgery"
    assert (policy.zone_for("sales"), policy.zone_for("vip")) == ("Europe/London", "Europe/Budapest")
    assert (policy.holidays_for("sales"), policy.holidays_for("none")) == ("DE/BY", "HU")
    assert policy.guard.quiet == parse_hours("mon-sun 21:00-24:00")
    assert DialLimits().refuse_types == REFUSED


def test_what_is_in_force_in_a_campaign() -> None:
    policy = parse_policy(TEXT)
    missed = policy.missed_for("sales", "10001")
    assert (missed.window_s, missed.attempts, missed.responsible) == (5400.0, 3, "last_talk")
    assert missed.enabled
    callback = policy.callback_for("sales", "10001")
    assert (callback.record, callback.reserve, callback.remove_after) == (False, 0, 5400.0)
    assert policy.hours_for("sales", "10001") == parse_hours("sat 10:00-12:00")
    assert policy.hours_for("sales") == parse_hours("mon-fri 08:00-17:00")
    assert policy.hours_for("none") == ()
    campaign = policy.campaign["10001"]
    assert (campaign.first_day, campaign.last_day) == (date(2026, 11, 1), date(2026, 12, 31))
    assert policy.campaigns_of("sales") == (("10001", campaign),)
    assert policy.free_campaign() == "10002"
    assert Policy().free_campaign() == "10001"


def test_a_campaign_that_says_nothing_is_its_group() -> None:
    policy = parse_policy(TEXT + '[campaign.10007]\ngroup = "sales"\n')
    assert policy.hours_for("sales", "10007") == policy.hours_for("sales")
    assert policy.callback_for("sales", "10007") == policy.callback_for("sales").model_copy(
        update={"remove_after": 86_400.0}
    )
    assert policy.missed_for("sales", "10007").responsible == "fixed"
    assert policy.missed_for("sales", "99999") == policy.missed_for("sales")
    assert policy.callback_for("sales", "99999") == policy.callback_for("sales")
    assert (policy.campaign["10007"].first_day, policy.campaign["10007"].last_day) == (None, None)


def test_hours_of_a_campaign_may_be_none() -> None:
    text = '[group.a]\nhours = ["mon 08:00-09:00"]\n[campaign.10001]\ngroup = "a"\nhours = []\n'
    policy = parse_policy('region = "HU"\n' + text)
    assert policy.hours_for("a", "10001") == ()


def test_holidays_may_be_switched_off_for_a_group() -> None:
    assert parse_policy('holidays = "HU"\n[group.a]\nholidays = ""\n').holidays_for("a") == ""


def test_no_campaign_is_left() -> None:
    every = dict.fromkeys(map(str, range(10_001, 100_000)), Campaign(group="a"))
    with pytest.raises(ValueError, match="no id"):
        Policy().model_copy(update={"campaign": every}).free_campaign()


SECONDS = st.integers(1, 600).map(float)
MISSED = st.builds(
    MissedCallbackOverride,
    enabled=st.none() | st.booleans(),
    window=st.none() | st.sampled_from(["end_of_day", "24h", "90m"]),
    attempts=st.none() | st.integers(1, 10),
    min_wait=st.none() | SECONDS,
    responsible=st.none() | st.just("last_talk"),
    responsible_wait=st.none() | SECONDS,
)
CALLBACK = st.builds(
    CallbackOverride,
    agent_ring_for=st.none() | SECONDS,
    confirm_key=st.none() | st.sampled_from(["", "1", "#", "*"]),
    record=st.none() | st.booleans(),
    agents_share=st.none() | st.integers(1, 100),
    order=st.none() | st.sampled_from(["oldest", "newest", "random"]),
    preview=st.none() | SECONDS,
    remove_after=st.none() | SECONDS,
)
TICKETS = st.builds(TicketsOverride, enabled=st.none() | st.booleans(), on=st.none() | st.just(("closed",)))
CAMPAIGN = st.builds(
    Campaign,
    group=st.just("a"),
    retries=st.integers(0, 9),
    remove_after=SECONDS,
    to=st.none() | st.just("2026-12-31"),
    hours=st.none() | st.sampled_from([(), ("mon 08:00-09:00",)]),
    record=st.none() | st.booleans(),
    order=st.none() | st.sampled_from(["oldest", "newest"]),
    responsible_wait=st.none() | SECONDS,
)


@given(MISSED, MISSED, CALLBACK, CALLBACK, TICKETS, CAMPAIGN)
def test_each_key_comes_from_the_nearest_level(
    missed: MissedCallbackOverride,
    missed_of_all: MissedCallbackOverride,
    callback: CallbackOverride,
    callback_of_all: CallbackOverride,
    tickets: TicketsOverride,
    campaign: Campaign,
) -> None:
    policy = Policy(
        region="HU",
        missed_callback=MissedCallback.model_validate(missed_of_all.model_dump(exclude_none=True)),
        callback=Callback.model_validate(callback_of_all.model_dump(exclude_none=True)),
        group={"a": Group(agents=("201",), missed_callback=missed, callback=callback, tickets=tickets)},
        campaign={"10001": campaign},
    )
    for found, levels in [
        (policy.missed_for("a"), [missed, policy.missed_callback]),
        (policy.callback_for("a"), [callback, policy.callback]),
        (policy.callback_for("a", "10001"), [campaign, callback, policy.callback]),
        (policy.tickets_for("a"), [tickets, policy.tickets]),
    ]:
        for key in type(found).model_fields:
            values = (getattr(level, key, None) for level in levels)
            assert getattr(found, key) == next((value for value in values if value is not None), None)
    merged = policy.missed_for("a", "10001")
    assert (merged.window_s, merged.attempts) == (campaign.remove_after, campaign.retries + 1)
    assert merged.responsible_wait == (campaign.responsible_wait or policy.missed_for("a").responsible_wait)
    assert parse_policy(export_policy(policy)) == policy


@pytest.mark.parametrize(
    ("old", "new", "key", "text"),
    [
        ('"48h"', '"3 days"', "missed_callback.window",
         "'3 days' is not a window: write end_of_day, or a duration such as 24h or 48h"),
        ('"48h"', '"15d"', "missed_callback.window", "'15d' is not a window: 1s at least, 14d at most"),
        ('"48h"', '"0s"', "missed_callback.window", "'0s' is not a window: 1s at least, 14d at most"),
        ('responsible_agent = "201"', "", "missed_callback.responsible", '"fixed" needs responsible_agent'),
        ('responsible_group = "sales", ', "", "group.vip.missed_callback.responsible",
         '"group" needs responsible_group'),
        ('responsible_group = "sales"', 'responsible_group = "help"', "group.vip.missed_callback.responsible_group",
         "there is no group 'help'"),
        ('"fixed"', '"somebody"', "missed_callback.responsible",
         "must be 'none', 'last_talk', 'fixed', 'current' or 'group'"),
        ('responsible = "last_talk"', 'responsible = "group"', "campaign.10001.responsible",
         '"group" needs responsible_group'),
        ('agents = ["201", "202"]', "", "group.sales", None),
        ('group = "sales"\nfrom', 'group = "help"\nfrom', "campaign.10001.group", "there is no group 'help'"),
        ('group = "sales"\nfrom', "from", "campaign.10001.group", "is missing and has no default"),
        ("10001", "1001", "campaign.1001", "'1001' is not the id of a campaign: five digits, such as 10001"),
        ("10001", "100001", "campaign.100001", "'100001' is not the id of a campaign: five digits, such as 10001"),
        ("2026-11-01", "2027-01-01", "campaign.10001.to", "is before the first day, 2027-01-01"),
        ("2026-11-01", '"2027-01-01"', "campaign.10001.to", "is before the first day, 2027-01-01"),
        ("2026-11-01", '"2026-02-30"', "campaign.10001.from", "'2026-02-30' is not a date: write it as 2026-11-30"),
        ("2026-11-01", '"20261101"', "campaign.10001.from", "'20261101' is not a date: write it as 2026-11-30"),
        ("2026-11-01", "2026-11-01T10:00:00", "campaign.10001.from", "must be text, in quotes"),
        ('add_key = "5"', "", "campaign.10001.add_prompt", "tells of a key, but there is no add_key"),
        ('add_key = "5"', 'add_key = "*"', "campaign.10001.add_key", "string should match pattern '^[0-9]$'"),
        ('"+36301234567"', '"+36301234567", "+36301234567"', "campaign.10001.do_not_call",
         "+36301234567 stands here twice"),
        ("retries = 2", "retries = 10", "campaign.10001.retries", "must be 9 at most"),
        ('"10m"', '"0s"', "campaign.10001.retry_after", "must be 1s at least"),
        ('"HU", "SK"', '"HU", "hu"', "guard.countries[1]",
         "'hu' is not a country: write its two letters (ISO 3166), such as HU"),
        ('"HU", "SK"', '"HU", "HU"', "guard.countries", "HU stands here twice"),
        ('"HU", "SK"', '"HU", ""', "guard.countries[1]", "string should have at least 1 character"),
        ('"premium_rate"', '"premium"', "guard.refuse_types[0]", None),
        ("21:00-24:00", "21:00-08:00", "guard.quiet_hours[0]",
         "'21:00-08:00' does not end after it starts: hours that pass midnight are two lines, 21:00-24:00 of one day "
         "and 00:00-08:00 of the next"),
        ("trunk_kept = 5", "trunk_kept = 30", "guard.trunk_kept",
         "keeps all 30 channels: none is left for a callback"),
        ("trunk_channels = 30", "", "guard.trunk_kept", "needs trunk_channels"),
        ('holidays = "HU"', 'holidays = "XX"', "holidays",
         "'XX' is not a country whose holidays are known: write its two letters, such as HU"),
        ("DE/BY", "DE/XX", "group.sales.holidays", "'XX' is not a part of DE that has holidays of its own"),
        ("DE/BY", "DE/", "group.sales.holidays", "'' is not a part of DE that has holidays of its own"),
        ("%group%", "%grup%", "tickets.subject",
         "%grup% stands for nothing: there are %number%, %group%, %agent%, %time%, %reason%"),
        ("%group%", "%group%\\n", "tickets.subject", "a subject is one line of text"),
        ('["closed"]', '["opened"]', "group.sales.tickets.on[0]",
         "must be 'closed', 'unreached', 'expired' or 'guard'"),
        ("reserve = 1", 'confirm_key = "12"', "callback.confirm_key", "string should match pattern '^[0-9*#]?$'"),
        ("reserve = 1", "agents_share = 0", "callback.agents_share", "must be 1 at least"),
        ("reserve = 1", 'retry_busy = "0s"', "callback.retry_busy", "must be 1s at least"),
        ("reserve = 1", 'langage = "en"', "callback.langage", "unknown key; did you mean language?"),
    ],
)  # fmt: skip
def test_each_fault_has_its_key_and_line(old: str, new: str, key: str, text: str | None) -> None:
    changed = TEXT.replace(old, new, 1).replace('target = "600"\n', "" if key == "group.sales" else 'target = "600"\n')
    assert changed != TEXT
    found = {where: (line, what) for where, line, what in problems(changed)}
    assert key in found
    line, what = found[key]
    last = key.replace("[", ".").split(".")[-2 if key.endswith("]") else -1]
    assert last.strip('"') in changed.splitlines()[line - 1] or "missing" in what
    assert text is None or what == text


def test_faults_stand_beside_each_other() -> None:
    text = TEXT.replace("10001", "1").replace('"HU", "SK"', "5").replace("%group%", "%x%").replace("sales", "sale", 1)
    assert {key for key, _, _ in problems(text)} >= {
        "campaign.1", "campaign.1.group", "guard.countries[0]", "tickets.subject",
        "group.vip.missed_callback.responsible_group",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["missed_callback = 5", "campaign = 5", "[campaign]\n10001 = 5", "guard = 5", "[group.a]\nmissed_callback = 5",
     "[campaign.10001]\ngroup = 5", "[campaign.10001]\ngroup = []", "guard = { trunk_kept = true }",
     "missed_callback = { responsible = 5 }", "missed_callback = { responsible_group = 5 }"],
)  # fmt: skip
def test_what_is_of_the_wrong_type_is_told_once(text: str) -> None:
    found = problems(text)
    assert len(found) == 1
    assert found[0][2].startswith("must be")


def test_the_longest_window() -> None:
    assert MissedCallback(window="14d").window_s == LONGEST_WINDOW


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("campaign.10001.from", "2026-11-02", "2026-11-01", "2026-11-02"),
        ("campaign.10001.to", '"2027-01-01"', "2026-12-31", "2027-01-01"),
        ("guard.stop", "true", False, True),
        ("missed_callback.window", "24h", "48h", "24h"),
        ("group.sales.tickets.on", '["guard"]', ["closed"], ["guard"]),
        ("callback.confirm_key", "1", "", "1"),
        ("callback.wrap_up", "30s", "0s", "30s"),
    ],
)
def test_one_setting_is_changed(key: str, value: str, old: object, new: object) -> None:
    policy = parse_policy(TEXT)
    assert diff_policies(policy, set_key(policy, key, value)) == [Change(key, old, new)]


def test_dates_are_exported_as_text() -> None:
    exported = export_policy(parse_policy(TEXT))
    assert 'from = "2026-11-01"\n' in exported
    assert "from_ = " not in exported
    assert parse_policy(exported) == parse_policy(TEXT)


@pytest.mark.parametrize("level", ["group.sales.missed_callback", "campaign.10001"])
def test_who_is_responsible_may_be_named_above(level: str) -> None:
    text = TEXT.replace('responsible = "fixed"\n', "").replace('responsible = "last_talk"\n', "")
    policy = set_key(parse_policy(text), f"{level}.responsible", "fixed")
    assert policy.missed_for("sales", "10001").responsible_agent == "201"
    with pytest.raises(ConfigError, match='"fixed" needs responsible_agent'):
        set_key(parse_policy(text.replace('responsible_agent = "201"\n', "")), f"{level}.responsible", "fixed")
