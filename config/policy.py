"""The policy: what the operator may change while calls pass (policy.toml, and the database that it is kept in).

Levels of `direct_callback`: the agent's own value, else that of the first group that lists the agent, else the
global one; each key for itself.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

from pydantic import Field

from config.fields import (
    E164,
    AsciiName,
    Attempts,
    Expiry,
    Extension,
    Extensions,
    Hours,
    MinTalk,
    Name,
    Region,
    Ring,
    TimeZone,
    Type,
)
from config.hours import Open, parse_hours
from config.lines import format_key, split_key
from config.loading import WRITTEN, Found, Section, build, locate, parse_toml
from config.problem import ConfigError, Problem
from config.settings import ANY, settings
from config.toml import to_toml

TYPES: Final[Mapping[int, str]] = {
    0: "off: no record is ever made",
    1: "a record when the agent did not reach the customer; its expiry stays; a talk between the two removes it",
    2: "as 1, and each new failed try of the same agent starts the expiry again",
    3: "a record after every call of the agent, reached or not; a talk does not remove it; the agent's next call "
    "starts the expiry again",
    4: "as 3, and every call of the customer starts the expiry again too",
}
"""What each type does, in the words that help and console show."""


class DirectCallback(Section):
    """When a customer who calls back goes straight to the agent who tried to reach them."""

    type: Type = Field(
        default=1, description="When a record is made, refreshed and removed: 0 (off) to 4, see the table."
    )
    expires_after: Expiry = Field(
        default=8 * 3600.0, description="How long a record lives, counted from the end of a call."
    )
    ring_for: Ring = Field(
        default=20.0, description="How long the agent rings before the call goes on to where it was headed."
    )
    min_talk: MinTalk = Field(default=5.0, description="An answered call shorter than this is no talk.")
    inbound_creates: bool = Field(
        default=False, description="Types 3 and 4 also make a record when a customer calls and an agent answers."
    )


class DirectCallbackOverride(Section):
    """The keys of `direct_callback` that an agent or a group sets for itself; None leaves the level above in force."""

    type: Type | None = Field(default=None, description="Overrides direct_callback.type.")
    expires_after: Expiry | None = Field(default=None, description="Overrides direct_callback.expires_after.")
    ring_for: Ring | None = Field(default=None, description="Overrides direct_callback.ring_for.")
    min_talk: MinTalk | None = Field(default=None, description="Overrides direct_callback.min_talk.")
    inbound_creates: bool | None = Field(default=None, description="Overrides direct_callback.inbound_creates.")


class MissedCallback(Section):
    """The callback of missed calls of one group."""

    enabled: bool = Field(default=False, description="A missed caller of this group is called back.")
    window: Literal["end_of_day", "24h", "48h"] = Field(
        default="24h", description="How long after the missed call attempts are made: end_of_day, 24h or 48h."
    )
    attempts: Attempts = Field(default=4, description="How often the customer is called at most, 1 to 10.")


class Agent(Section):
    """What is known of one extension; an extension that is not listed is an agent all the same."""

    name: str = Field(default="", max_length=128, description="The agent's name, as logs and status show it.")
    direct_callback: DirectCallbackOverride = Field(
        default=DirectCallbackOverride(), description="The agent's own direct_callback settings."
    )


class Number(Section):
    """One number of ours on the trunk."""

    kind: Literal["shared", "direct"] = Field(
        default="shared",
        description="shared: a front desk, IVR or queue, where records apply; direct: always goes where it says.",
    )
    group: Name | None = Field(default=None, description="The group that this number belongs to.")
    agent: Extension | None = Field(default=None, description="The agent that a direct number belongs to.")
    pbx: AsciiName | None = Field(
        default=None, description="PBX that calls to this number go to; the first one unless set."
    )
    trunk: AsciiName | None = Field(
        default=None, description="Trunk that calls from this number go to; the first one unless set."
    )


class Group(Section):
    """Agents who share numbers and settings."""

    target: Extension | None = Field(default=None, description="The group's queue extension on the PBX.")
    agents: Extensions = Field(default=(), description="The extensions that belong to this group.")
    hours: Hours = Field(
        default=(), description='Opening hours, such as "mon-fri 08:00-17:00"; none means always open.'
    )
    missed_callback: MissedCallback = Field(default=MissedCallback(), description="The callback of missed calls.")
    direct_callback: DirectCallbackOverride = Field(
        default=DirectCallbackOverride(), description="The group's own direct_callback settings."
    )

    @cached_property
    def open_hours(self) -> tuple[Open, ...]:
        """The opening hours as stretches of the week; empty means always open."""
        return tuple(sorted({stretch for line in self.hours for stretch in parse_hours(line)}))


_SET: Final = "policy"
"""What problems of a single change name in place of a file."""

SHARED: Final = Number()
"""What a number that is not listed is."""


class Policy(Section):
    """The whole policy."""

    region: Region = Field(
        default="", description="Country (ISO 3166) in which numbers without + are read; empty: they are unreadable."
    )
    timezone: TimeZone = Field(
        default="UTC", description="Time zone (IANA name) of opening hours and of the day that is counted."
    )
    direct_callback: DirectCallback = Field(default=DirectCallback(), description="Direct callback for everybody.")
    agent: dict[Extension, Agent] = Field(default={}, description="Agents by extension.")
    number: dict[E164, Number] = Field(default={}, description="Our numbers by E.164 form.")
    group: dict[Name, Group] = Field(default={}, description="Groups by name.")

    def direct_for(self, extension: str) -> DirectCallback:
        """Return the settings in force for an agent."""
        return self._direct.get(extension, self.direct_callback)

    def group_of(self, extension: str) -> str | None:
        """Return the name of the first group that lists the agent."""
        return self._groups.get(extension)

    def number_for(self, e164: str) -> Number:
        """Return what is known of one of our numbers; one that is not listed is shared and in no group."""
        return self.number.get(e164, SHARED)

    @cached_property
    def _groups(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, group in self.group.items():
            for extension in group.agents:
                found.setdefault(extension, name)
        return found

    @cached_property
    def _direct(self) -> dict[str, DirectCallback]:
        """Settings of every extension that may differ from the global ones: bounded, whoever calls."""
        return {extension: self._merge(extension) for extension in (*self._groups, *self.agent)}

    def _merge(self, extension: str) -> DirectCallback:
        levels = [self.direct_callback.model_dump()]
        if extension in self._groups:
            levels.append(self.group[self._groups[extension]].direct_callback.model_dump(exclude_none=True))
        if extension in self.agent:
            levels.append(self.agent[extension].direct_callback.model_dump(exclude_none=True))
        return DirectCallback.model_validate({key: value for level in levels for key, value in level.items()})


def parse_policy(text: str, name: str = "policy.toml") -> Policy:
    """Read policy.toml; ConfigError with every problem where it cannot be used."""
    raw = parse_toml(text, name)
    policy, found = check_policy(raw)
    if policy is None:
        raise ConfigError(locate(found, text, name))
    return policy


def check_policy(raw: Mapping[str, Any]) -> tuple[Policy | None, list[Found]]:
    """Return the policy of parsed TOML or JSON, or None and what is wrong as (path, text)."""
    policy, found = build(Policy, raw, {WRITTEN: True})
    found += _contradictions(raw)
    return (None if found else policy), found


def unknown_names(policy: Policy, trunks: Iterable[str], pbxs: Iterable[str]) -> Iterator[Found]:
    """Yield what a policy names that boomerang.toml does not have, as (path, text)."""
    trunks, pbxs = set(trunks), set(pbxs)
    for e164, number in policy.number.items():
        if number.trunk is not None and number.trunk not in trunks:
            yield ("number", e164, "trunk"), f"there is no trunk {number.trunk!r}"
        if number.pbx is not None and number.pbx not in pbxs:
            yield ("number", e164, "pbx"), f"there is no PBX {number.pbx!r}"


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
    return _pruned(policy.model_dump(mode="json", exclude_none=True))


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


def set_key(policy: Policy | str, key: str, value: str) -> Policy:
    """Return the policy with one setting changed.

    `key` is dotted, names with other signs than letters and digits in quotes (`number."+3614445555".kind`); agents,
    numbers and groups that it names come into being. `value` is text as TOML writes it, or a bare word where the
    setting is text. ConfigError where there is no such setting or the policy would not hold together.
    """
    base = parse_policy(policy) if isinstance(policy, str) else policy
    try:
        path = split_key(key)
    except ValueError as error:
        raise ConfigError([Problem(_SET, "", 0, str(error))]) from None
    raw = plain_policy(base)
    place = raw
    for name in path[:-1]:
        place = place.setdefault(name, {})
        if not isinstance(place, dict):
            raise ConfigError([Problem(_SET, key, 0, "there is no such setting")])
    place[path[-1]] = _read_value(path, value)
    changed, found = check_policy(raw)
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


def _contradictions(raw: Mapping[str, Any]) -> list[Found]:
    """Find what no single value shows. Works on unchecked values, so that it adds to their problems."""
    groups = raw.get("group")
    names = groups if isinstance(groups, dict) else {}
    found: list[Found] = []
    numbers = raw.get("number")
    for e164, number in numbers.items() if isinstance(numbers, dict) else ():
        if not isinstance(number, dict):
            continue
        group = number.get("group")
        if isinstance(group, str) and group not in names:
            found.append((("number", e164, "group"), f"there is no group {group!r}"))
        if "agent" in number and number.get("kind", "shared") == "shared":
            found.append((("number", e164, "agent"), 'only a number of kind "direct" belongs to an agent'))
    return found
