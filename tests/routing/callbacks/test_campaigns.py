"""Which callback comes first, and how many at a time."""

from collections import Counter
from datetime import datetime
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.callbacks import Priority, Sort
from config.policy import Callback, Campaign, parse_policy
from routing.callbacks.campaigns import (
    NO_CAMPAIGN,
    Crowd,
    active,
    adds,
    choose,
    hindrance,
    max_legs,
    room,
    share,
    sort_key,
)


def campaign(**keys: object) -> Campaign:
    return Campaign.model_validate({"group": "sales", **keys})


@pytest.mark.parametrize(
    ("keys", "moment", "expected"),
    [
        ({}, "2026-06-01T12:00", True),
        ({"enabled": False}, "2026-06-01T12:00", False),
        ({"from": "2026-06-02"}, "2026-06-01T23:59:59", False),
        ({"from": "2026-06-02"}, "2026-06-02T00:00", True),
        ({"to": "2026-06-02"}, "2026-06-02T23:59:59", True),
        ({"to": "2026-06-02"}, "2026-06-03T00:00", False),
        ({"from": "2026-06-02", "to": "2026-06-02"}, "2026-06-02T12:00", True),
    ],
)
def test_a_campaign_runs_between_its_days(keys: dict[str, object], moment: str, expected: bool) -> None:
    now = datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo("Europe/Budapest")).timestamp()
    assert active(campaign(**keys), now, "Europe/Budapest") == expected


def test_the_days_are_those_of_the_groups_zone() -> None:
    now = datetime(2026, 6, 1, 23, 0, tzinfo=ZoneInfo("UTC")).timestamp()
    assert active(campaign(**{"from": "2026-06-02"}), now, "Europe/Budapest")
    assert not active(campaign(**{"from": "2026-06-02"}), now - 1, "Europe/London")


@pytest.mark.parametrize(
    ("keys", "waited", "key", "expected"),
    [
        ({}, 0.0, None, True),
        ({"add_after": 10.0}, 9.9, None, False),
        ({"add_after": 10.0}, 10.0, None, True),
        ({"add_key": "5"}, 100.0, None, False),
        ({"add_key": "5"}, 0.0, "5", True),
        ({"add_key": "5"}, 0.0, "4", False),
        ({"add_key": "5", "add_after": 10.0}, 10.0, None, True),
        ({"add_key": "5", "add_after": 10.0}, 0.0, "5", True),
        ({"add_key": "5", "add_after": 10.0}, 0.0, None, False),
    ],
)
def test_who_joins_a_campaign(keys: dict[str, object], waited: float, key: str | None, expected: bool) -> None:
    assert adds(campaign(**keys), waited, key) == expected


def test_order() -> None:
    missed = {"a": (1.0, 0.5), "b": (2.0, 0.1), "c": (3.0, 0.9)}

    def by(order: Sort) -> str:
        return "".join(sorted(missed, key=lambda name: sort_key(order, *missed[name])))

    assert (by("oldest"), by("newest"), by("random")) == ("abc", "cba", "bac")


@given(st.dictionaries(st.sampled_from("abcde"), st.integers(1, 20), min_size=1))
def test_each_gets_its_share_and_nobody_waits_long(weights: dict[str, int]) -> None:
    total = sum(weights.values())
    credit: dict[str, float] = {}
    served: Counter[str] = Counter()
    for turn in range(1, 2 * total + 1):
        chosen, credit = share(weights, credit)
        served[chosen] += 1
        assert all(abs(served[name] - turn * weight / total) < len(weights) for name, weight in weights.items())
    assert served == {name: 2 * weight for name, weight in weights.items()}


def test_shares_are_mixed() -> None:
    credit: dict[str, float] = {}
    row = ""
    for _ in range(8):
        chosen, credit = share({"a": 3, "b": 1}, credit)
        row += chosen
    assert row == "aabaaaba"


def test_rank_then_parity() -> None:
    first, second, other = campaign(rank=1, parity=2), campaign(rank=2), campaign(rank=1, parity=1)
    credit: dict[str, float] = {}
    row = []
    for _ in range(6):
        chosen, credit = choose({"10001": first, "10002": second, "10003": other}, credit)
        row.append(chosen)
    assert Counter(row) == {"10001": 4, "10003": 2}
    assert choose({"10002": second}, credit) == ("10002", credit)
    assert choose({"10001": first, NO_CAMPAIGN: None}, credit)[0] == NO_CAMPAIGN
    with pytest.raises(ValueError, match="nothing"):
        choose({}, credit)


def test_who_had_nothing_due_does_not_catch_up() -> None:
    both = {"a": 1, "b": 1}
    credit: dict[str, float] = {}
    for _ in range(100):
        chosen, credit = choose({"a": campaign()}, credit)
        assert chosen == "a"
    row = ""
    for _ in range(4):
        chosen, credit = share(both, credit)
        row += chosen
    assert row == "abab"


@pytest.mark.parametrize(
    ("agents", "percent", "expected"),
    [(0, 100, 0), (1, 1, 1), (3, 50, 1), (4, 50, 2), (10, 25, 2), (10, 100, 10), (3, 99, 2), (200, 1, 2)],
)
def test_agents_share(agents: int, percent: int, expected: int) -> None:
    assert max_legs(agents, percent) == expected


@pytest.mark.parametrize(
    ("crowd", "keys", "expected"),
    [
        (Crowd(10, 5, 0, 0, 0), {}, 5),
        (Crowd(10, 5, 0, 9, 9), {}, 5),
        (Crowd(10, 5, 0, 0, 0), {"reserve": 2}, 3),
        (Crowd(10, 5, 0, 0, 0), {"reserve": 7}, 0),
        (Crowd(10, 0, 0, 0, 0), {}, 0),
        (Crowd(10, 5, 2, 0, 0), {"agents_share": 40}, 2),
        (Crowd(10, 5, 5, 0, 0), {"agents_share": 40}, 0),
        (Crowd(10, 5, 5, 0, 0, 1), {"agents_share": 40}, 3),
        (Crowd(1, 1, 0, 0, 0), {"agents_share": 1}, 1),
        (Crowd(10, 5, 0, 3, 3), {"priority": "agents_free"}, 2),
        (Crowd(10, 3, 0, 3, 3), {"priority": "agents_free"}, 0),
        (Crowd(10, 5, 0, 3, 3), {"priority": "agents_free", "reserve": 3}, 2),
        (Crowd(10, 5, 0, 0, 4), {"priority": "agents_free"}, 5),
        (Crowd(10, 5, 0, 0, 1), {"priority": "queue_empty"}, 0),
        (Crowd(10, 5, 0, 0, 0), {"priority": "queue_empty"}, 5),
        (Crowd(0, 0, 0, 0, 0), {}, 1),
        (Crowd(0, 0, 1, 0, 0), {}, 0),
        (Crowd(0, 0, 1, 0, 0), {"queue_legs": 3}, 2),
        (Crowd(0, 0, 0, 1, 1), {"priority": "agents_free"}, 0),
        (Crowd(0, 0, 0, 1, 1), {"priority": "queue_empty"}, 0),
    ],
)
def test_room_for_callbacks(crowd: Crowd, keys: dict[str, object], expected: int) -> None:
    assert room(crowd, Callback.model_validate(keys)) == expected


@given(
    st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(1, 100),
    st.integers(0, 20), st.sampled_from(["always", "agents_free", "queue_empty"]),
)  # fmt: skip
def test_never_more_legs_than_free_agents(
    agents: int, free: int, running: int, waiting: int, percent: int, reserve: int, priority: Priority
) -> None:
    agents = max(agents, 1)
    free = min(free, agents)
    settings = Callback(agents_share=percent, reserve=reserve, priority=priority)
    found = room(Crowd(agents, free, running, waiting, waiting), settings)
    assert 0 <= found <= free
    assert found == 0 or found + reserve <= free
    assert found == 0 or found + running <= max(1, agents * percent // 100)


def test_campaigns_of_a_policy() -> None:
    policy = parse_policy('region = "HU"\n[group.a]\n[group.b]\n' + "".join(
        f'[campaign.{key}]\ngroup = "{group}"\nrank = {rank}\n'
        for key, group, rank in (("10003", "a", 1), ("10001", "a", 2), ("10002", "a", 1), ("10005", "b", 1))
    ))
    assert [key for key, _ in policy.campaigns_of("a")] == ["10002", "10003", "10001"]
    assert policy.campaigns_of("c") == ()


@pytest.mark.parametrize(("crowd", "keys", "why"), [
    (Crowd(2, 2, 0, 0, 0), {}, None),
    (Crowd(2, 0, 0, 0, 0), {}, "no_agent"),
    (Crowd(2, 2, 1, 0, 0), {"agents_share": 49}, "share"),
    (Crowd(2, 1, 0, 0, 0), {"reserve": 1}, "reserve"),
    (Crowd(2, 2, 0, 2, 2), {"priority": "agents_free"}, "agents_free"),
    (Crowd(2, 2, 0, 0, 1), {"priority": "queue_empty"}, "queue_empty"),
    (Crowd(0, 0, 1, 0, 0), {}, "queue_legs"),
    (Crowd(0, 0, 0, 1, 1), {"priority": "agents_free"}, "agents_free"),
])
def test_why_there_is_no_room(crowd: Crowd, keys: dict[str, object], why: str | None) -> None:
    assert hindrance(crowd, Callback.model_validate(keys)) == why


FEW = st.integers(0, 4)


@given(crowd=st.builds(Crowd, FEW, FEW, FEW, FEW, FEW, st.none() | FEW),
       priority=st.sampled_from(get_args(Priority)), percent=st.integers(1, 100), reserve=FEW)
def test_where_there_is_no_room_there_is_a_reason(crowd: Crowd, priority: Priority, percent: int, reserve: int) -> None:
    settings = Callback(priority=priority, agents_share=percent, reserve=reserve)
    assert (hindrance(crowd, settings) is None) == (room(crowd, settings) > 0)
