"""Settings of callers who ask for a callback in a queue: levels, and everything that contradicts something else."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.cautions import cautions
from config.lines import format_key
from config.policy import (
    Policy,
    QueueCallback,
    QueueCallbackOverride,
    check_policy,
    export_policy,
    parse_policy,
    set_key,
    unset_key,
)
from config.policy_sections import Group, Number
from config.problem import ConfigError

TEXT = """
region = "HU"
[number."+3614445555"]
group = "sales"
[number."+3614446666"]
[number."+3614447777"]
kind = "direct"
agent = "205"
[group.sales]
target = "600"
[group.empty]
[campaign.10001]
group = "sales"
add_key = "5"
"""
OURS = 'number."+3614445555".queue_callback'


def with_lines(*lines: str, text: str = TEXT) -> dict[str, Any]:
    """Return the policy's tables with these settings made, each as `KEY = VALUE`."""
    raw = tomllib.loads(text)
    for line in lines:
        _merge(raw, tomllib.loads(line))
    return raw


def _merge(raw: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(raw.get(key), dict):
            _merge(raw[key], value)
        else:
            raw[key] = value


def problems(*lines: str) -> list[tuple[str, str]]:
    """Return what is wrong once these settings are made."""
    policy, found = check_policy(with_lines(*lines))
    assert (policy is None) == bool(found)
    return [(format_key(path), text) for path, text in found]


@pytest.mark.parametrize(("lines", "key", "words"), [
    (('queue_callback.enabled = true', 'queue_callback.key = "5"'), "queue_callback.key", "campaign 10001"),
    ((f'{OURS}.enabled = true', f'{OURS}.key = "5"'), f"{OURS}.key", "campaign 10001"),
    (('group.empty.queue_callback.enabled = true',), "group.empty", "neither agents nor a target"),
    (('number."+3614446666".queue_callback.enabled = true',), 'number."+3614446666".queue_callback.enabled', "to none"),
    (('number."+3614447777".queue_callback.enabled = true',), 'number."+3614447777".queue_callback.enabled', "direct"),
    ((f'{OURS}.key = "12"',), f"{OURS}.key", "pattern"),
    ((f'{OURS}.tries = 0',), f"{OURS}.tries", "greater"),
    ((f'{OURS}.declined = "menu"',), f"{OURS}.declined", "queue"),
    ((f'{OURS}.offer_afterr = "1s"',), f"{OURS}.offer_afterr", "offer_after"),
])
def test_what_contradicts(lines: tuple[str, ...], key: str, words: str) -> None:
    found = dict(problems(*lines))
    assert key in found, found
    assert words in found[key] or key.endswith((".key", ".tries", ".declined")), found


def test_each_thing_is_said_once() -> None:
    found = problems('queue_callback = { enabled = true, key = "5" }')
    assert sorted(key for key, _ in found) == ["group.empty", "queue_callback.key"]


@pytest.mark.parametrize("lines", [
    ('queue_callback.key = "5"',),
    (f'{OURS} = {{ enabled = true, key = "6" }}', 'group.sales.queue_callback.key = "5"'),
    (f'{OURS} = {{ enabled = true, key = "5" }}', 'campaign.10001.enabled = false'),
    ('number."+3614446666".queue_callback.key = "5"',),
])
def test_what_does_not(lines: tuple[str, ...]) -> None:
    assert problems(*lines) == []


@pytest.mark.parametrize("key", ["queue_callback.enabled", "group.sales.queue_callback.enabled", f"{OURS}.enabled"])
def test_callbacks_need_a_country(key: str) -> None:
    bare = TEXT.replace('region = "HU"', "").replace("[group.empty]", "")
    _, found = check_policy(with_lines(f"{key} = true", "campaign.10001.as_ticket = true", text=bare))
    assert [(format_key(path), "countries" in text) for path, text in found] == [(key, True)]


def test_a_number_is_switched_on_by_one_command() -> None:
    policy = parse_policy(TEXT)
    assert not policy.offers_callbacks
    changed = set_key(policy, f"{OURS}.enabled", "true")
    assert changed.offers_callbacks
    assert changed.queue_for("sales", "+3614445555").enabled
    assert not changed.queue_for("sales", "+3614446666").enabled
    assert not changed.queue_for("sales", None).enabled
    changed = set_key(changed, f"{OURS}.offer_every", "0s")
    assert changed.queue_for("sales", "+3614445555").offer_every == 0.0
    assert parse_policy(export_policy(changed)) == changed
    assert unset_key(unset_key(changed, f"{OURS}.offer_every"), f"{OURS}.enabled") == policy
    with pytest.raises(ConfigError, match="campaign 10001"):
        set_key(changed, f"{OURS}.key", "5")


# Each key for itself


DURATIONS = st.sampled_from([0.0, 5.0, 45.0, 90.0])
OVERRIDE = st.builds(
    QueueCallbackOverride,
    enabled=st.none() | st.booleans(),
    key=st.none() | st.sampled_from(["1", "2", "*", "#"]),
    offer_after=st.none() | DURATIONS,
    offer_every=st.none() | DURATIONS,
    offer_from_wait=st.none() | DURATIONS,
    max_wait=st.none() | DURATIONS,
    announce_wait=st.none() | st.booleans(),
    other_number=st.none() | st.booleans(),
    tries=st.none() | st.integers(1, 10),
    language=st.none() | st.sampled_from(["en", "hu", "de"]),
    offer_prompt=st.none() | st.sampled_from(["a", "b"]),
    menu_prompt=st.none() | st.sampled_from(["a", "b"]),
    confirm_prompt=st.none() | st.sampled_from(["a", "b"]),
    limit=st.none() | st.sampled_from([60.0, 3600.0]),
    declined=st.none() | st.sampled_from(["queue", "dispatch"]),
    place_for=st.none() | DURATIONS,
    retries=st.none() | st.integers(0, 3),
    retry_after=st.none() | st.sampled_from([60.0, 120.0]),
    max_pending=st.none() | st.integers(0, 9),
    stop_before_close=st.none() | DURATIONS,
    per_live=st.none() | st.integers(0, 9),
)


@given(OVERRIDE, OVERRIDE, OVERRIDE)
def test_each_key_comes_from_the_nearest_level(
        number: QueueCallbackOverride, group: QueueCallbackOverride, everybody: QueueCallbackOverride) -> None:
    above = QueueCallback.model_validate(everybody.model_dump(exclude_none=True))
    policy = Policy(queue_callback=above, group={"a": Group(queue_callback=group)},
                    number={"+3614445555": Number(group="a", queue_callback=number)})
    for asked, levels in ((("a", "+3614445555"), (number, group)), (("a", None), (group,)), (("a", "+1"), (group,)),
                          ((None, "+3614445555"), (number,)), (("none", None), ())):
        found = policy.queue_for(*asked)
        for key in QueueCallback.model_fields:
            own = [getattr(level, key) for level in levels if getattr(level, key) is not None]
            assert getattr(found, key) == (own[0] if own else getattr(above, key)), key
    assert set(QueueCallback.model_fields) == set(QueueCallbackOverride.model_fields)
    assert policy.offers_callbacks == any((number.enabled, group.enabled, above.enabled))


# What can be used and hardly anybody wants


@pytest.mark.parametrize(("lines", "places"), [
    ((f'{OURS} = {{ enabled = true, place_for = "60m" }}',), [f"{OURS}.place_for"]),
    ((f'{OURS} = {{ enabled = true, place_for = "59m" }}',), []),
    ((f'{OURS}.place_for = "60m"',), []),
    ((f'{OURS} = {{ enabled = true, limit = "5m", offer_from_wait = "10m" }}',), [f"{OURS}.offer_from_wait"]),
    ((f'{OURS} = {{ enabled = true, retries = 1, limit = "30m" }}',), [f"{OURS}.retry_after"]),
    ((f'{OURS} = {{ enabled = true, retries = 1, retry_after = "2h" }}',), [f"{OURS}.retry_after"]),
    ((f'{OURS} = {{ enabled = true, retry_after = "2h" }}',), []),
    (('group.empty.agents = ["207"]', 'queue_callback = { enabled = true, place_for = "2h" }'),
     ["queue_callback.place_for"]),
])
def test_what_limit_leaves_without_a_meaning_is_a_warning(lines: tuple[str, ...], places: list[str]) -> None:
    policy, found = check_policy(with_lines(*lines))
    assert policy is not None, found
    assert [format_key(path) for path, text in cautions(policy) if "limit is" in text] == places


# Recordings that are not there


def test_recordings_that_are_named_and_not_there(tmp_path: Path) -> None:
    (tmp_path / "prompts" / "hu").mkdir(parents=True)
    (tmp_path / "prompts" / "hu" / "ours.wav").write_bytes(b"")
    (tmp_path / "prompts" / "all.wav").write_bytes(b"")
    policy, _ = check_policy(with_lines(
        'queue_callback.offer_prompt = "ours"',
        'group.sales.queue_callback = { offer_prompt = "ours", language = "hu", menu_prompt = "gone" }',
        f'{OURS}.confirm_prompt = "ours"', 'number."+3614446666".queue_callback.menu_prompt = "all"'))
    assert policy is not None
    found = {path: text for path, text in cautions(policy, None, tmp_path) if "recording" in text}
    assert set(found) == {("queue_callback", "offer_prompt"), ("group", "sales", "queue_callback", "menu_prompt")}, (
        "the first is looked for in English, the number's in the group's language")
    assert "prompts/hu/gone.wav" in found["group", "sales", "queue_callback", "menu_prompt"]
