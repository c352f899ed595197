"""The policy: what the operator may change while calls pass (policy.toml, and the database that it is kept in).

Its models stand in policy_sections.py; here it is read, written, compared and changed.
"""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
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
from config.contradictions import Peers, contradictions, unbounded
from config.direct import TYPES, DirectCallback, DirectCallbackOverride
from config.guard import DialLimits
from config.lines import format_key, split_key
from config.loading import WRITTEN, Found, build, locate, parse_toml
from config.policy_sections import SHARED, Agent, Group, Number, Policy
from config.problem import ConfigError, Problem, shorten
from config.queue_callback import QueueCallback, QueueCallbackOverride
from config.settings import ANY, Setting, fields_at, settings
from config.toml import to_toml

__all__ = [
    "SHARED",
    "TYPES",
    "Agent",
    "Callback",
    "CallbackOverride",
    "Campaign",
    "Change",
    "DialLimits",
    "DirectCallback",
    "DirectCallbackOverride",
    "Group",
    "MissedCallback",
    "MissedCallbackOverride",
    "Number",
    "Peers",
    "Policy",
    "QueueCallback",
    "QueueCallbackOverride",
    "Tickets",
    "TicketsOverride",
    "check_policy",
    "diff_policies",
    "diff_texts",
    "edit_policy",
    "export_policy",
    "flat",
    "in_policy",
    "means",
    "parse_policy",
    "plain_policy",
    "read_part",
    "set_key",
    "unset_key",
]

NODE_SECTIONS: Final = ("node", "listen", "trunk", "pbx", "dns", "mqtt", "http", "media", "policy", "log", "console")
"""Sections of the other file."""

LEVELS: Final = ("direct_callback", "missed_callback", "queue_callback", "callback", "tickets")
"""Sections that groups have for themselves, of the first one agents too, of the third one numbers."""

NAMED: Final = ("agent", "number", "group", "campaign")
"""Tables whose keys are names that the operator chooses."""

_NEVER_WRITTEN: Final = ('"""', "'''", "[[", "#")
"""Signs of TOML that `to_toml` has no use for (a name may hold them: then the slower way is taken)."""
_SET: Final = "policy"
"""What problems of a single change name in place of a file."""


def heeds_missed(policy: Policy, group: str) -> bool:
    """Whether anything follows from a missed call of a group, so that it matters who was missed."""
    return group in policy.group and (
        policy.missed_for(group).enabled or policy.group[group].on_missed == "ticket"
        or any(one.group == group for one in policy.campaign.values()))


def parse_policy(text: str, name: str = "policy.toml", peers: Peers | None = None, kept: bool = False) -> Policy:
    """Read policy.toml; ConfigError with every problem where it cannot be used.

    `peers`: what it may name. `kept`: it was accepted once, by a version that may have asked for less.
    """
    raw = parse_toml(text, name)
    policy, found = check_policy(raw, peers, kept)
    if policy is None:
        raise ConfigError(locate(found, text, name))
    return policy


def read_part(text: str) -> Policy:
    """Read what somebody is shown of a policy that was accepted: it may name what it does not have. Raises ConfigError.
    """
    policy, found = build(Policy, parse_toml(text, "policy.toml"), {WRITTEN: True}, _home)
    if policy is None or found:
        raise ConfigError(locate(found, text, "policy.toml"))
    return policy


def check_policy(
    raw: Mapping[str, Any], peers: Peers | None = None, kept: bool = False
) -> tuple[Policy | None, list[Found]]:
    """Return the policy of parsed TOML or JSON, or None and what is wrong as (path, text)."""
    policy, found = build(Policy, raw, {WRITTEN: True}, _home)
    found += [(path, shorten(text)) for path, text in contradictions(raw, peers)]
    if not kept:
        found += unbounded(raw)
    return (None if found else policy), found


def in_policy(path: Sequence[str | int]) -> bool:
    """Say whether policy.toml has a section or setting at that path."""
    return str(path[-1]) in fields_at(Policy, path[:-1])


def _home(path: tuple[str | int, ...]) -> str | None:
    """Say where a key belongs that policy.toml does not know."""
    section, name = str(path[0]), str(path[-1])
    if len(path) == 1 and section in NODE_SECTIONS:
        return f"[{section}] stands in boomerang.toml"
    if len(path) == 2 and section in LEVELS and name not in fields_at(Policy, ("group", ANY, section)):
        kind = "agent" if section == "direct_callback" and name[:1].isdigit() else "group"
        if kind == "agent" or difflib.get_close_matches(name, fields_at(Policy, (section,)), n=1) == []:
            place = format_key((kind, name, section))
            return f"what one {kind} has for itself stands with it, [{place}]"
    return None


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
    before, after = (flat(plain_policy(policy)) for policy in _apart(old, new))
    keys = sorted(before.keys() | after.keys())
    return [
        Change(format_key(key), before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)
    ]


def _apart(*policies: Policy) -> tuple[Policy, ...]:
    """Leave out what stands in all of them under one name: of thousands of numbers one edit changes a few."""
    kept: list[dict[str, dict[str, Any]]] = [{} for _ in policies]
    for section in NAMED:
        tables: list[dict[str, Any]] = [getattr(policy, section) for policy in policies]
        alike = {name for name, value in tables[0].items() if all(table.get(name) == value for table in tables[1:])}
        for own, table in zip(kept, tables, strict=True):
            own[section] = {name: value for name, value in table.items() if name not in alike}
    return tuple(policy.model_copy(update=own) for policy, own in zip(policies, kept, strict=True))


def diff_texts(old: str, new: str) -> list[Change] | None:
    """Return what `diff_policies` would of two policies as `export_policy` wrote them, reading only tables that differ.

    None where that cannot be told of these tables alone: a setting on one side only may be a default of the other.
    """
    before, after = _tables(old), _tables(new)
    if before is None or after is None:
        return None
    try:
        was = flat(tomllib.loads("\n".join(table for table in before if table not in after)))
        now = flat(tomllib.loads("\n".join(table for table in after if table not in before)))
    except tomllib.TOMLDecodeError:
        return None
    for one, other in ((was, now), (now, was)):
        tables = {key[:-1] for key in other}
        if any(key not in other and (key[0] not in NAMED or key[:-1] in tables) for key in one):
            return None
    return [Change(format_key(key), was.get(key), now.get(key)) for key in sorted(was.keys() | now.keys())
            if was.get(key) != now.get(key)]


def _tables(text: str) -> dict[str, None] | None:
    """Return the tables of what `to_toml` wrote, in order; None where somebody else has written it."""
    tables = [table for table in (one.strip("\n") for one in text.split("\n\n")) if table]
    strange = any(not table.startswith("[") for table in tables[1:]) or any(sign in text for sign in _NEVER_WRITTEN)
    return None if strange else dict.fromkeys(tables)


def set_key(policy: Policy, key: str, value: str, peers: Peers | None = None, new: bool = False) -> Policy:
    """Return the policy with one setting changed.

    `key` is dotted, names with other signs than letters and digits in quotes (`number."+3614445555".kind`). `value` is
    text as TOML writes it, or a bare word where the setting is text. `new`: an agent, number, group or campaign that
    the policy does not list comes into being; else it is taken for a typing error. ConfigError where there is no such
    setting or the policy would not hold together.
    """
    path = _split(key)
    setting = _setting_at(path)
    raw = plain_policy(policy)
    if not new:
        _must_be_listed(raw, path, may_be_new=True)
    place = raw
    for name in path[:-1]:
        place = place.setdefault(name, {})
    place[path[-1]] = _read_value(setting, value)
    return _checked(raw, peers)


def unset_key(policy: Policy, key: str, peers: Peers | None = None) -> Policy:
    """Return the policy without one setting, or without all of an agent, number, group or campaign (`group.sales`).

    What has a default falls back to it. ConfigError where it is not set or the policy would not hold together.
    """
    path = _split(key)
    raw = plain_policy(policy)
    if not (len(path) == 2 and path[0] in NAMED):
        _setting_at(path)
    _must_be_listed(raw, path)
    place = raw
    for name in path[:-1]:
        place = place.get(name, {})
    if path[-1] not in place:
        raise ConfigError([Problem(_SET, format_key(path), 0, "is not set")])
    del place[path[-1]]
    return _checked(raw, peers)


def edit_policy(policy: Policy, changes: Sequence[tuple[str, Any]], peers: Peers | None = None,
                new: bool = False) -> Policy:
    """Return the policy with several settings changed at once: all of them, or ConfigError with everything wrong.

    `changes`: dotted keys with values as JSON has them, text also as TOML writes it; None takes out a setting, or all
    of an agent, number, group or campaign, whether it was set or not. The later one of a key wins. `new`: as of
    `set_key`.
    """
    raw = plain_policy(policy)
    wrong: list[Problem] = []
    for key, value in changes:
        try:
            _edit_one(raw, _split(key), value, new)
        except ConfigError as error:
            wrong += error.problems
    changed, found = check_policy(raw, peers)
    wrong += [Problem(_SET, format_key(at), 0, text) for at, text in found]
    if changed is None or wrong:
        raise ConfigError(wrong)
    return changed


def _edit_one(raw: dict[str, Any], path: tuple[str, ...], value: Any, new: bool) -> None:
    whole = len(path) == 2 and path[0] in NAMED
    if value is None and whole:
        raw.get(path[0], {}).pop(path[1], None)
        return
    setting = _setting_at(path)
    if not new and value is not None:
        _must_be_listed(raw, path, may_be_new=True)
    place = raw
    for name in path[:-1]:
        place = place.setdefault(name, {})
    if value is None:
        place.pop(path[-1], None)
    else:
        place[path[-1]] = _read_value(setting, value) if isinstance(value, str) and not setting.is_text else value


def means(key: str, value: object) -> str | None:
    """Say in a sentence what the value of a setting does; None where it says so itself."""
    path = split_key(key)
    return TYPES.get(value) if path[-2:] == ("direct_callback", "type") and isinstance(value, int) else None


def _checked(raw: Mapping[str, Any], peers: Peers | None) -> Policy:
    changed, found = check_policy(raw, peers)
    if changed is None:
        raise ConfigError([Problem(_SET, format_key(at), 0, text) for at, text in found])
    return changed


def _split(key: str) -> tuple[str, ...]:
    try:
        return split_key(key)
    except ValueError as error:
        raise ConfigError([Problem(_SET, "", 0, str(error))]) from None


def _must_be_listed(raw: Mapping[str, Any], path: tuple[str, ...], may_be_new: bool = False) -> None:
    """Raise ConfigError where the path goes through a name that the policy does not list.

    `may_be_new`: whoever asks could have said that it is to be a new one.
    """
    kind, name = path[0], path[1] if len(path) > 1 else ""
    if kind not in NAMED or name in raw.get(kind, {}):
        return
    near = difflib.get_close_matches(name, raw.get(kind, {}), n=1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    remedy = ": to make a new one, say so with --new, or new in the API" if may_be_new else ""
    raise ConfigError([Problem(_SET, format_key(path), 0, f"the policy lists no {kind} {name!r}{meant}{remedy}")])


def _setting_at(path: tuple[str, ...]) -> Setting:
    """Return the setting that a path means; ConfigError where there is none."""
    setting = next((setting for setting in settings(Policy) if _matches(setting.key, path)), None)
    if setting is None:
        inside = fields_at(Policy, path)
        if inside:
            text = f"is a section: name one of its settings, such as {format_key((*path, inside[0]))}"
            raise ConfigError([Problem(_SET, format_key(path), 0, text)])
        known = fields_at(Policy, path[:-1])
        near = difflib.get_close_matches(path[-1], known, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError([Problem(_SET, format_key(path), 0, f"there is no such setting{meant}")])
    return setting


def _read_value(setting: Setting, value: str) -> Any:
    """Read the text of a value as the type of its setting asks for."""
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
