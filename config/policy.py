"""The policy: what the operator may change while calls pass (policy.toml, and the database that it is kept in).

Its models stand in policy_sections.py; here it is read, written, compared and changed.
"""

import tomllib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from config.callbacks import (
    Callback,
    CallbackOverride,
    MissedCallback,
    MissedCallbackOverride,
    Tickets,
    TicketsOverride,
)
from config.campaign import Campaign
from config.contradictions import Peers, contradictions
from config.direct import TYPES, DirectCallback, DirectCallbackOverride
from config.guard import Guard
from config.lines import format_key, split_key
from config.loading import WRITTEN, Found, build, locate, parse_toml
from config.policy_sections import SHARED, Agent, Group, Number, Policy
from config.problem import ConfigError, Problem
from config.settings import ANY, settings
from config.toml import to_toml

__all__ = [
    "SHARED",
    "TYPES",
    "Agent",
    "Callback",
    "CallbackOverride",
    "Campaign",
    "Change",
    "DirectCallback",
    "DirectCallbackOverride",
    "Group",
    "Guard",
    "MissedCallback",
    "MissedCallbackOverride",
    "Number",
    "Peers",
    "Policy",
    "Tickets",
    "TicketsOverride",
    "check_policy",
    "diff_policies",
    "export_policy",
    "flat",
    "parse_policy",
    "plain_policy",
    "set_key",
]

_SET: Final = "policy"
"""What problems of a single change name in place of a file."""


def parse_policy(text: str, name: str = "policy.toml", peers: Peers | None = None) -> Policy:
    """Read policy.toml; ConfigError with every problem where it cannot be used. `peers`: what it may name."""
    raw = parse_toml(text, name)
    policy, found = check_policy(raw, peers)
    if policy is None:
        raise ConfigError(locate(found, text, name))
    return policy


def check_policy(raw: Mapping[str, Any], peers: Peers | None = None) -> tuple[Policy | None, list[Found]]:
    """Return the policy of parsed TOML or JSON, or None and what is wrong as (path, text)."""
    policy, found = build(Policy, raw, {WRITTEN: True})
    found += contradictions(raw, peers)
    return (None if found else policy), found


class Change(NamedTuple):
    """One setting that differs between two policies."""

    key: str
    """Dotted key as TOML writes it."""
    old: Any
    """Value as TOML writes it (durations as text); None where it was not set."""
    new: Any
    """As `old`; None where it is no longer set."""


def plain_policy(policy: Policy) -> dict[str, Any]:
    """Return the policy as TOML and JSON hold it: durations as text, what is not set left out."""
    return _pruned(policy.model_dump(mode="json", by_alias=True, exclude_none=True))


def export_policy(policy: Policy) -> str:
    """Write a policy as TOML; `parse_policy` makes an equal policy of it."""
    return to_toml(plain_policy(policy))


def diff_policies(old: Policy, new: Policy) -> list[Change]:
    """Return every setting that differs, sorted by key."""
    before, after = flat(plain_policy(old)), flat(plain_policy(new))
    keys = sorted(before.keys() | after.keys())
    return [
        Change(format_key(key), before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)
    ]


def set_key(policy: Policy, key: str, value: str, peers: Peers | None = None) -> Policy:
    """Return the policy with one setting changed.

    `key` is dotted, names with other signs than letters and digits in quotes (`number."+3614445555".kind`); agents,
    numbers and groups that it names come into being. `value` is text as TOML writes it, or a bare word where the
    setting is text. ConfigError where there is no such setting or the policy would not hold together.
    """
    try:
        path = split_key(key)
    except ValueError as error:
        raise ConfigError([Problem(_SET, "", 0, str(error))]) from None
    raw = plain_policy(policy)
    place = raw
    for name in path[:-1]:
        place = place.setdefault(name, {})
        if not isinstance(place, dict):
            raise ConfigError([Problem(_SET, key, 0, "there is no such setting")])
    place[path[-1]] = _read_value(path, value)
    changed, found = check_policy(raw, peers)
    if changed is None:
        raise ConfigError([Problem(_SET, format_key(at), 0, text) for at, text in found])
    return changed


def _read_value(path: tuple[str, ...], value: str) -> Any:
    """Read the text of a value as the type of its setting asks for."""
    setting = next((setting for setting in settings(Policy) if _matches(setting.key, path)), None)
    if setting is None:
        raise ConfigError([Problem(_SET, format_key(path), 0, "there is no such setting")])
    try:
        read = tomllib.loads(f"value = {value}")
    except (ValueError, RecursionError):
        return value
    given = read.pop("value")
    return value if read or (setting.is_text and not isinstance(given, str)) else given


def _matches(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    return len(pattern) == len(path) and all(part in (ANY, name) for part, name in zip(pattern, path, strict=True))


def flat(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Return the settings of nested tables by their paths."""
    found: dict[tuple[str, ...], Any] = {}
    for name, value in table.items():
        found |= flat(value, (*above, name)) if isinstance(value, dict) else {(*above, name): value}
    return found


def _pruned(table: dict[str, Any]) -> dict[str, Any]:
    """Leave out empty tables that say nothing (an override without a key)."""
    kept = {name: _pruned(value) if isinstance(value, dict) else value for name, value in table.items()}
    return {name: value for name, value in kept.items() if value != {}}
