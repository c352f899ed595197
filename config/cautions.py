"""What can be used but hardly anybody wants: warnings about a policy that holds together.

Works on the policy that was made, because it asks what is in force, not what stands where.
"""

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from config.contradictions import Peers
from config.duration import format_duration
from config.fields import ONE_BY_ONE
from config.hours import DAYS, MINUTES_A_DAY, Open
from config.loading import Found
from config.patterns import is_range
from config.policy_sections import Policy
from config.queue_callback import QueueCallback, QueueCallbackOverride

NAMED_AGENTS: Final = 5
"""Most agents that are named where a pattern leaves them out."""

PROMPTS: Final = "prompts"
"""Folder of uploaded recordings in the data folder."""

NIGHT: Final = ((0, 6 * 60), (22 * 60, MINUTES_A_DAY))
"""Minutes of the day at which nobody expects a call."""

QUIET_EXAMPLE: Final = 'guard.quiet_hours = ["mon-sun 00:00-08:00", "mon-sun 20:00-24:00"]'


def cautions(policy: Policy, peers: Peers | None = None, data: Path | None = None) -> list[Found]:
    """Return everything that is doubtful, as (path, text).

    `peers`: what boomerang.toml says; `data`: the data folder, with the prompts that were uploaded. None: not known.
    """
    found = [*_nights(policy), *_vain_queues(policy)]
    if peers is not None:
        found += _strange_agents(policy, peers)
    if data is not None:
        found += _mute_prompts(policy, data / PROMPTS)
    return found


def _mute_prompts(policy: Policy, folder: Path) -> Iterator[Found]:
    """Find recordings that are named and not there: callers would hear a beep."""
    for path, name, language in _recordings(policy):
        places = [folder / language / f"{name}.wav", folder / f"{name}.wav"]
        try:
            there = any(place.exists() for place in places)
        except OSError:
            there = True  # not ours to look at: whoever runs the daemon may
        if not there:
            yield path, f"there is no recording {name!r}, so who waits hears a beep in its place: put it at {places[0]}"


def _recordings(policy: Policy) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Give the recordings that are named, with their place and the language that they are looked for in."""
    for key, campaign in policy.campaign.items():
        for setting in ("add_prompt", "confirm_prompt"):
            name = getattr(campaign, setting)
            if name is not None:
                yield ("campaign", key, setting), name, policy.callback_for(campaign.group, key).language
    for path, group, number in _queues(policy):
        own: QueueCallback | QueueCallbackOverride = policy.queue_callback
        if len(path) > 1:
            own = (policy.group if path[0] == "group" else policy.number)[path[1]].queue_callback
        language = policy.queue_for(group, number).language or policy.callback_for(group or "").language
        for setting in ("offer_prompt", "menu_prompt", "confirm_prompt"):
            name = getattr(own, setting)
            if name is not None:
                yield (*path, setting), name, language


def _vain_queues(policy: Policy) -> Iterator[Found]:
    """Find settings of callbacks from the queue that `limit` leaves without a meaning, said once for each value."""
    said: set[tuple[str, object, float]] = set()
    for path, group, number in _queues(policy):
        terms = policy.queue_for(group, number)
        limit = format_duration(terms.limit)
        for setting, vain, text in (
                ("place_for", terms.place_for >= terms.limit, f"the request is over before that: limit is {limit}"),
                ("offer_from_wait", terms.offer_from_wait >= terms.limit,
                 f"who has to wait that long cannot be called back in time: limit is {limit}"),
                ("retry_after", terms.retries > 0 and terms.retry_after >= terms.limit,
                 f"no second try is made, for the request is over before that: limit is {limit}")):
            value = (setting, getattr(terms, setting), terms.limit)
            if terms.enabled and vain and value not in said:
                said.add(value)
                yield (*path, setting), text


def _queues(policy: Policy) -> Iterator[tuple[tuple[str, ...], str | None, str | None]]:
    """Give each level of callbacks from the queue: its path, its group and its number, the nearest ones last."""
    yield ("queue_callback",), None, None
    for name in policy.group:
        yield ("group", name, "queue_callback"), name, None
    for e164, number in policy.number.items():
        yield ("number", e164, "queue_callback"), number.group, e164


def _nights(policy: Policy) -> Iterator[Found]:
    """Find who is called at night. One sentence for all that have no hours, for they have one cure."""
    bare: list[tuple[str, ...]] = []
    for path, hours in _calling(policy):
        minute = _exposed(hours, policy.guard.quiet)
        if minute is None:
            continue
        if not hours and not policy.guard.quiet_hours:
            bare.append(path)
            continue
        when = f"{DAYS[minute // MINUTES_A_DAY]} {minute % MINUTES_A_DAY // 60:02}:{minute % 60:02}"
        yield path, f"customers may be called at night, {when} for one: widen the quiet hours, {QUIET_EXAMPLE}"
    if bare:
        others = f", here and in {len(bare) - 1} more" if bare[1:] else ""
        yield bare[0], (
            f"neither hours nor guard.quiet_hours are set{others}: attempts are spread over the whole day, so "
            f"customers are called at 00:00 and 04:00 too; write {QUIET_EXAMPLE}"
        )


def _calling(policy: Policy) -> Iterator[tuple[tuple[str, ...], tuple[Open, ...]]]:
    """Give the groups and campaigns that call customers back, with their hours."""
    for name in policy.group:
        if policy.missed_for(name).enabled:
            yield ("group", name), policy.hours_for(name)
    for key, campaign in policy.campaign.items():
        if campaign.enabled and not campaign.as_ticket:
            yield ("campaign", key), policy.hours_for(campaign.group, key)


def _exposed(hours: Collection[Open], quiet: Collection[Open]) -> int | None:
    """Return the first minute of the week that is open, at night, and not quiet."""
    for day in range(len(DAYS)):
        for first, last in NIGHT:
            minutes = set(range(first, last))
            if hours:
                minutes &= _minutes(hours, day)
            minutes -= _minutes(quiet, day)
            if minutes:
                return day * MINUTES_A_DAY + min(minutes)
    return None


def _minutes(stretches: Collection[Open], day: int) -> set[int]:
    return {minute for one in stretches if one.day == day for minute in range(one.start, one.end)}


def _strange_agents(policy: Policy, peers: Peers) -> Iterator[Found]:
    """Find agents whom no PBX's pattern lets through: a call of theirs is nobody's."""
    patterns = [re.compile(text, re.ASCII) for text in peers.extensions]
    strange: dict[str, tuple[str | int, ...]] = {}
    for path, extension in _agents(policy) if patterns else ():
        if not any(pattern.fullmatch(extension) for pattern in patterns):
            strange.setdefault(extension, path)
    ranges = [extension for extension in strange if is_range(extension)]
    for extension in ranges:
        yield strange.pop(extension), f"{extension!r} is one extension of that name: {ONE_BY_ONE}"
    if strange:
        first, *others = strange
        more = f" (nor {', '.join(others[:NAMED_AGENTS])}{', ...' if others[NAMED_AGENTS:] else ''})" if others else ""
        shown = " or ".join(repr(pattern.pattern) for pattern in patterns)
        yield strange[first], (
            f"{first!r}{more} is not matched by pbx.*.extensions, {shown}: its calls are no agent's, so they make no "
            "direct callback and end no task; widen the pattern in boomerang.toml, or correct the extension"
        )


def _agents(policy: Policy) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Give every extension that is named as an agent, with its place."""
    for extension in policy.agent:
        yield ("agent", extension), extension
    for e164, number in policy.number.items():
        if number.agent is not None:
            yield ("number", e164, "agent"), number.agent
    for name, group in policy.group.items():
        for place, extension in enumerate(group.agents):
            yield ("group", name, "agents", place), extension
        if group.missed_callback.responsible_agent is not None:
            yield ("group", name, "missed_callback", "responsible_agent"), group.missed_callback.responsible_agent
    if policy.missed_callback.responsible_agent is not None:
        yield ("missed_callback", "responsible_agent"), policy.missed_callback.responsible_agent
    for key, campaign in policy.campaign.items():
        if campaign.responsible_agent is not None:
            yield ("campaign", key, "responsible_agent"), campaign.responsible_agent
