"""Which level a value comes from: tables of policies, and whatever the policy itself says is in force."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.policy import Policy, check_policy, plain_policy
from proxy.console.levels import InForce, Place, default_of, in_force, inherited, kind_of, set_below

RAW: dict[str, Any] = {
    "missed_callback": {"window": "24h", "attempts": 4}, "callback": {"language": "en", "preview": "0s"},
    "direct_callback": {"type": 1, "expires_after": "8h"}, "queue_callback": {"key": "1"},
    "timezone": "Europe/Budapest",
    "group": {
        "sales": {"agents": ["201", "202"], "missed_callback": {"window": "48h"}, "callback": {"preview": "10s"},
                  "direct_callback": {"type": 3}, "queue_callback": {"key": "5"}},
        "support": {"agents": ["202", "203"], "timezone": "Europe/Berlin", "callback": {"language": "de"}},
    },
    "agent": {"201": {"direct_callback": {"type": 0}}},
    "number": {"+3614445555": {"group": "sales", "queue_callback": {"key": "9"}}, "+3614445556": {"group": "support"}},
    "campaign": {"10001": {"group": "sales", "preview": "5s", "retries": 2}, "10002": {"group": "sales"}},
}

TABLE = [
    (("missed_callback", "window"), "24h", "company", ""),
    (("group", "sales", "missed_callback", "window"), "48h", "group", "sales"),
    (("group", "support", "missed_callback", "window"), "24h", "company", ""),
    (("group", "sales", "missed_callback", "attempts"), 4, "company", ""),
    (("agent", "201", "direct_callback", "type"), 0, "agent", "201"),
    (("agent", "202", "direct_callback", "type"), 3, "group", "sales"),
    (("agent", "203", "direct_callback", "type"), 1, "company", ""),
    (("agent", "299", "direct_callback", "expires_after"), "8h", "company", ""),
    (("number", "+3614445555", "queue_callback", "key"), "9", "number", "+3614445555"),
    (("number", "+3614445556", "queue_callback", "key"), "1", "company", ""),
    (("number", "+3614445556", "queue_callback", "language"), "de", "group", "support"),
    (("number", "+3614445555", "queue_callback", "language"), "en", "company", ""),
    (("campaign", "10001", "preview"), "5s", "campaign", "10001"),
    (("campaign", "10002", "preview"), "10s", "group", "sales"),
    (("campaign", "10002", "language"), "en", "company", ""),
    (("campaign", "10002", "responsible"), "none", "company", ""),
    (("campaign", "10001", "retries"), 2, "campaign", "10001"),
    (("campaign", "10002", "retries"), 3, "campaign", "10002"),
    (("group", "support", "timezone"), "Europe/Berlin", "group", "support"),
    (("group", "sales", "timezone"), "Europe/Budapest", "company", ""),
    (("group", "sales", "on_missed"), "nothing", "group", "sales"),
    (("queue_callback", "limit"), "1h", "company", ""),
    (("number", "+3614445556", "queue_callback", "offer_prompt"), None, "company", ""),
]


@pytest.mark.parametrize(("path", "value", "level", "name"), TABLE)
def test_the_strongest_level_wins(path: tuple[str, ...], value: Any, level: str, name: str) -> None:
    found = in_force(RAW, path)
    assert (found.value, found.place.level, found.place.name) == (value, level, name)


@pytest.mark.parametrize(("path", "value", "level"), [
    (("group", "sales", "missed_callback", "window"), "24h", "company"),
    (("agent", "201", "direct_callback", "type"), 3, "group"),
    (("campaign", "10001", "preview"), "10s", "group"),
    (("number", "+3614445555", "queue_callback", "key"), "5", "group"),
])
def test_what_would_hold_without_its_own(path: tuple[str, ...], value: Any, level: str) -> None:
    found = inherited(RAW, path)
    assert found is not None
    assert (found.value, found.place.level) == (value, level)


@pytest.mark.parametrize("path", [("missed_callback", "window"), ("group", "sales", "agents"),
                                  ("campaign", "10001", "enabled"), ("campaign", "10001", "retries"),
                                  ("campaign", "10001", "remove_after")])
def test_nothing_is_above_what_has_one_place(path: tuple[str, ...]) -> None:
    assert inherited(RAW, path) is None


@pytest.mark.parametrize(("path", "names"), [
    (("missed_callback", "window"), ["sales"]), (("direct_callback", "type"), ["sales", "201"]),
    (("queue_callback", "key"), ["sales", "+3614445555"]), (("timezone",), ["support"]), (("region",), []),
    (("group", "sales", "callback", "preview"), ["10001"]), (("group", "sales", "direct_callback", "type"), ["201"]),
    (("group", "sales", "queue_callback", "key"), ["+3614445555"]), (("group", "support", "callback", "preview"), []),
])
def test_who_below_wins_over_it(path: tuple[str, ...], names: list[str]) -> None:
    assert [found.place.name for found in set_below(RAW, path)] == names


def test_a_default_is_written_as_the_policy_writes_it() -> None:
    assert default_of(("direct_callback", "expires_after")) == "8h"
    assert default_of(("group", "x", "hours")) == []
    assert default_of(("campaign", "10001", "from")) is None
    assert default_of(("nothing",)) is None
    assert kind_of(("number", "+36", "queue_callback", "limit")) == "duration"
    assert in_force({}, ("group", "x", "hours")) == InForce([], Place("group", "x", ("group", "x", "hours")))


ATTEMPTS = st.none() | st.integers(1, 10)
TYPES = st.none() | st.integers(0, 4)


@given(company=ATTEMPTS, group=ATTEMPTS, types=st.tuples(TYPES, TYPES, TYPES), listed=st.booleans())
def test_as_the_policy_says(
    company: int | None, group: int | None, types: tuple[int | None, ...], listed: bool
) -> None:
    raw = {
        "missed_callback": {} if company is None else {"attempts": company},
        "direct_callback": {} if types[0] is None else {"type": types[0]},
        "group": {"sales": {"agents": ["201"] if listed else [], "target": "600",
                            "missed_callback": {} if group is None else {"attempts": group},
                            "direct_callback": {} if types[1] is None else {"type": types[1]}}},
        "agent": {"201": {"direct_callback": {} if types[2] is None else {"type": types[2]}}},
    }
    policy, found = check_policy(raw)
    assert isinstance(policy, Policy), found
    plain = plain_policy(policy)
    attempts = in_force(plain, ("group", "sales", "missed_callback", "attempts")).value
    assert attempts == policy.missed_for("sales").attempts
    assert in_force(plain, ("agent", "201", "direct_callback", "type")).value == policy.direct_for("201").type
