"""What is wrong with a policy although each single value is right.

Works on unchecked values, so that what is found here stands beside the problems of single values.
"""

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from config.loading import Found

_NEEDS: Final = {"fixed": "responsible_agent", "group": "responsible_group"}
"""The key that names whom `responsible` means."""

NO_COUNTRY_SAID: Final = (
    "customers are called back, but neither region nor guard.countries says in which countries, so whoever forges a "
    'number chooses whom you pay for: write region = "HU", or guard.countries = ["HU"]'
)


class Peers(NamedTuple):
    """What boomerang.toml calls its trunks and PBXs: a policy can name no others."""

    trunks: Collection[str]
    pbxs: Collection[str]
    extensions: Collection[str] = ()
    """The pattern of each PBX that says what an agent is."""


def contradictions(raw: Mapping[str, Any], peers: Peers | None = None) -> list[Found]:
    """Return everything that contradicts something else, as (path, text). `peers`: None where they are not known."""
    found = [*_numbers(raw), *_missed(raw), *_groups(raw), *_queues(raw), *_campaigns(raw), *_channels(raw)]
    return found if peers is None else [*found, *_strangers(raw, peers)]


def unbounded(raw: Mapping[str, Any]) -> list[Found]:
    """Return where callers are called back although nothing says in which countries, as (path, text).

    Apart from the other contradictions, because a policy that was kept before this was one must stay in force: its
    calls pass, and the guard dials nobody.
    """
    if raw.get("region") or _table(raw, "guard").get("countries"):
        return []
    places: list[tuple[str, ...]] = []
    for section in ("missed_callback", "queue_callback"):
        places.append((section, "enabled"))
        places += [("group", name, section, "enabled") for name in _table(raw, "group")]
    places += [("number", e164, "queue_callback", "enabled") for e164 in _table(raw, "number")]
    calling = next((path for path in places if _table(raw, *path[:-1]).get("enabled") is True), None) or next(
        (("campaign", key) for key in _table(raw, "campaign") if not _rests(_table(raw, "campaign", key))), None)
    return [] if calling is None else [(calling, NO_COUNTRY_SAID)]


def _rests(campaign: Mapping[str, Any]) -> bool:
    """Say whether a campaign dials nobody: it is off, opens tickets instead, or is wrong in itself."""
    return campaign.get("enabled") is False or campaign.get("as_ticket") is True or \
        not isinstance(campaign.get("group"), str)


def _table(raw: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """Return the table at a path; an empty one where there is none."""
    place: Any = raw
    for name in path:
        place = place.get(name) if isinstance(place, Mapping) else None
    return place if isinstance(place, Mapping) else {}


def _has_group(raw: Mapping[str, Any], name: object) -> bool:
    """Say whether a group exists; what is no text at all is told elsewhere."""
    return not isinstance(name, str) or name in _table(raw, "group")


def _no_group(raw: Mapping[str, Any], name: object) -> str:
    near = difflib.get_close_matches(str(name), _table(raw, "group"), n=1)
    return f"there is no group {name!r}" + (f"; did you mean {near[0]}?" if near else "")


def _numbers(raw: Mapping[str, Any]) -> Iterator[Found]:
    for e164 in _table(raw, "number"):
        number = _table(raw, "number", e164)
        group = number.get("group")
        if not _has_group(raw, group):
            yield ("number", e164, "group"), _no_group(raw, group)
        if "agent" in number and number.get("kind", "shared") == "shared":
            yield ("number", e164, "agent"), 'only a number of kind "direct" belongs to an agent'


def _strangers(raw: Mapping[str, Any], peers: Peers) -> Iterator[Found]:
    for e164 in _table(raw, "number"):
        for key, kind, known in (("trunk", "trunk", peers.trunks), ("pbx", "PBX", peers.pbxs)):
            name = _table(raw, "number", e164).get(key)
            if isinstance(name, str) and name not in known:
                yield ("number", e164, key), f"there is no {kind} {name!r}"


def _missed(raw: Mapping[str, Any]) -> Iterator[Found]:
    yield from _responsible(raw, ("missed_callback",), ())
    for name in _table(raw, "group"):
        yield from _responsible(raw, ("group", name, "missed_callback"), (("missed_callback",),))


def _responsible(raw: Mapping[str, Any], path: tuple[str, ...], above: tuple[tuple[str, ...], ...]) -> Iterator[Found]:
    """Whoever is responsible must be named on the same level or above it."""
    own = _table(raw, *path)
    levels = [own, *(_table(raw, *level) for level in above)]
    kind = own.get("responsible")
    needed = _NEEDS.get(kind) if isinstance(kind, str) else None
    if needed is not None and not any(needed in level for level in levels):
        yield (*path, "responsible"), f'"{kind}" needs {needed}'
    group = own.get("responsible_group")
    if not _has_group(raw, group):
        yield (*path, "responsible_group"), _no_group(raw, group)


def _groups(raw: Mapping[str, Any]) -> Iterator[Found]:
    for name in _table(raw, "group"):
        group = _table(raw, "group", name)
        enabled = _table(group, "missed_callback").get("enabled", _table(raw, "missed_callback").get("enabled"))
        if enabled is True and not group.get("agents") and not group.get("target"):
            yield ("group", name), "missed callers are called back here, but it has neither agents nor a target"


QUEUE: Final = "queue_callback"


def _queues(raw: Mapping[str, Any]) -> Iterator[Found]:
    """What callers who wait may ask for, group by group and number by number, each key where it is set."""
    for e164 in _table(raw, "number"):
        number, own = _table(raw, "number", e164), _table(raw, "number", e164, QUEUE)
        if own.get("enabled") is True and number.get("kind", "shared") == "direct":
            yield ("number", e164, QUEUE, "enabled"), "callers to a direct number do not wait for a group"
        elif own.get("enabled") is True and "group" not in number:
            yield ("number", e164, QUEUE, "enabled"), "callers wait for a group, but this number belongs to none"
    seen: set[tuple[str | int, ...]] = set()
    for levels in _callers(raw):
        for path, text in _queue(raw, levels):
            if path not in seen:
                seen.add(path)
                yield path, text


def _callers(raw: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], ...]]:
    """Give who is called: the levels of a group, then of each of its numbers, the nearest one first."""
    for name in _table(raw, "group"):
        above = ("group", name, QUEUE), (QUEUE,)
        yield above
        for e164 in _table(raw, "number"):
            number = _table(raw, "number", e164)
            if number.get("group") == name and number.get("kind", "shared") == "shared":
                yield ("number", e164, QUEUE), *above


def _queue(raw: Mapping[str, Any], levels: tuple[tuple[str, ...], ...]) -> Iterator[Found]:
    enabled, _ = _in_force(raw, levels, "enabled", False)
    if enabled is not True:
        return
    name = levels[-2][1]
    group = _table(raw, "group", name)
    if not group.get("agents") and not group.get("target"):
        yield ("group", name), "callers who wait may ask for a callback here, but it has neither agents nor a target"
    key, where = _in_force(raw, levels, "key", "1")
    for campaign in _table(raw, "campaign"):
        one = _table(raw, "campaign", campaign)
        if one.get("group") == name and one.get("enabled") is not False and one.get("add_key") == key:
            yield where or ("campaign", campaign, "add_key"), (
                f"{key!r} is the key of the queue's menu and of campaign {campaign} of group {name}: one of the two")


def _in_force(raw: Mapping[str, Any], levels: tuple[tuple[str, ...], ...], key: str,
              default: object) -> tuple[object, tuple[str, ...] | None]:
    """Return what holds, and where it is set; None: nowhere."""
    for level in levels:
        own = _table(raw, *level)
        if key in own:
            return own[key], (*level, key)
    return default, None


def _campaigns(raw: Mapping[str, Any]) -> Iterator[Found]:
    for key in _table(raw, "campaign"):
        campaign = _table(raw, "campaign", key)
        path = ("campaign", key)
        group = campaign.get("group")
        if not _has_group(raw, group):
            yield (*path, "group"), _no_group(raw, group)
        above = (("group", group, "missed_callback"),) if isinstance(group, str) else ()
        yield from _responsible(raw, path, (*above, ("missed_callback",)))
        first, last = str(campaign.get("from", "")), str(campaign.get("to", ""))
        if len(first) == len(last) == len("2026-11-01") and last < first:
            yield (*path, "to"), f"is before the first day, {first}"
        for prompt in ("add_prompt", "confirm_prompt"):
            if prompt in campaign and "add_key" not in campaign:
                yield (*path, prompt), "tells of a key, but there is no add_key"


def _channels(raw: Mapping[str, Any]) -> Iterator[Found]:
    guard = _table(raw, "guard")
    kept, channels = guard.get("trunk_kept", 0), guard.get("trunk_channels", 0)
    if type(kept) is int and type(channels) is int and 0 <= channels <= kept and kept > 0:
        yield ("guard", "trunk_kept"), (
            f"keeps all {channels} channels: none is left for a callback" if channels else "needs trunk_channels")
