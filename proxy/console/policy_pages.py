"""How pages read and change the policy: by verbs, said by whoever asks, from one version to the next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from fastapi import HTTPException

from config.lines import format_key
from config.policy import Policy, plain_policy, read_part
from proxy.console.asking import Asking
from proxy.console.forms.form import Filled, Form
from proxy.console.forms.recordings import NO_RECORDINGS, Recordings
from proxy.console.forms.shown import Known
from proxy.console.levels import Path, Raw, value_at
from proxy.console.node_client import ConflictError, ForbiddenError
from proxy.control_client import ControlError
from proxy.verbs.shapes.theirs import Reach, may_set, reach

TRIES: Final = 3
"""How often a change is said again that another one came before, which touched nothing of the form."""
NAMED: Final = 500
"""Agents and numbers that a field proposes."""
MISSING: Final = 404
CONFLICT: Final = 409
UNPROCESSABLE: Final = 422
FORBIDDEN: Final = 403
OK: Final = 200


@dataclass(frozen=True)
class Kept:
    """What whoever asks is shown of the policy in force, at one moment: the company's values, and what is theirs."""

    policy: Policy
    raw: Raw
    """As JSON has it."""
    version: int | None
    free_campaign: str
    """An id that no campaign has; empty: all are taken."""


@dataclass(frozen=True)
class Saved:
    """What was typed is in force."""

    changes: int
    """How many settings are others now."""
    warnings: tuple[str, ...] = ()
    """What is doubtful about it."""


@dataclass(frozen=True)
class Again:
    """What was typed is not in force, and the form is shown again with the reason."""

    kept: Kept
    filled: Filled
    status: int
    """Of the answer, as HTTP has it."""


async def policy_of(asking: Asking) -> Kept:
    """Return the policy in force. Raises ControlError."""
    answer = await asking.node.call("policy.export", {}, asking.caller)
    policy, raw = _read(answer["toml"])
    return Kept(policy, raw, answer.get("version"), answer.get("free_campaign") or "")


@lru_cache(maxsize=16)
def _read(toml: str) -> tuple[Policy, Raw]:
    policy = read_part(toml)
    return policy, plain_policy(policy)


def want(asking: Asking, kept: Kept, kind: str, name: str) -> None:
    """Say that there is no such number, group, agent or campaign, be it that it is somebody else's. Whoever has an
    extension is an agent, listed or not. Raises HTTPException."""
    there = _reach(asking, kept).has_agent(name) if kind == "agent" else there_is(kept, kind, name)
    if not there:
        raise HTTPException(MISSING)


def _reach(asking: Asking, kept: Kept) -> Reach:
    return reach(asking.caller, {name: group.agents for name, group in kept.policy.group.items()})


def may_of(asking: Asking, kept: Kept) -> Callable[[Path], bool]:
    """Return which settings whoever asks may change. The daemon asks the same again."""
    policy, mine = kept.policy, _reach(asking, kept)

    def may(path: Path) -> bool:
        kind, name = path[0], path[1] if len(path) > 1 else ""
        number, campaign = policy.number.get(name), policy.campaign.get(name)
        group = number.group if kind == "number" and number is not None else \
            campaign.group if kind == "campaign" and campaign is not None else None
        fresh = kind == "campaign" and campaign is None  # one that is made is of whichever group of theirs they choose
        return (fresh and mine.role == "supervisor") or may_set(mine, path, group)

    return may


async def known_to(asking: Asking, kept: Kept) -> Known:
    """Return what there is to be typed where names are asked for; of agents and numbers, so many as a page has room
    for."""
    return Known({"groups": sorted(kept.policy.group), "agents": agents_of(kept)[:NAMED],
                  "numbers": sorted(kept.policy.number)[:NAMED]}, await _recordings(asking))


def agents_of(kept: Kept) -> list[str]:
    """Return the extensions that the policy names."""
    return sorted({*kept.policy.agent, *(one for group in kept.policy.group.values() for one in group.agents)})


async def _recordings(asking: Asking) -> Recordings:
    """Return the recordings that were uploaded."""
    try:
        found = await asking.node.call("prompts.list", {}, asking.caller)
    except ForbiddenError:
        return NO_RECORDINGS
    return Recordings(frozenset((one["name"], one["language"]) for one in found if not one["built_in"]))


async def save(asking: Asking, form: Form, posted: Mapping[str, str], *, new: Mapping[str, Any] | None = None,
               unlisted: bool = False) -> Saved | Again:
    """Put what was typed in force. `new`: the form makes the thing it is about, and this is what it always has.
    `unlisted`: it may be about what the policy does not list, which comes into being with what is typed."""
    kept = await policy_of(asking)
    for _ in range(TRIES):
        filled = form.typed(posted)
        differing = form.differing(filled, kept.raw) if new is None else frozenset()
        if differing and form.touched(filled):
            return Again(kept, form.anew(filled, kept.raw, differing), CONFLICT)
        changes, errors = form.changes(filled, kept.raw)
        if errors:
            return Again(kept, replace(filled, errors=errors), UNPROCESSABLE)
        if new is not None:
            changes = {**{format_key((*form.base, name)): value for name, value in new.items()}, **changes}
        if not changes:
            return Saved(0)
        try:
            return await _edit(asking, changes, kept, unlisted or new is not None)
        except ConflictError:
            kept = await policy_of(asking)
        except ControlError as error:
            status = FORBIDDEN if isinstance(error, ForbiddenError) else UNPROCESSABLE
            return Again(kept, form.refused(filled, error.problems or [], str(error)), status)
    return Again(kept, form.typed(posted), CONFLICT)


async def take_out(asking: Asking, *path: str) -> None:
    """Take an agent, number or group out of the policy. Raises ControlError."""
    for left in reversed(range(TRIES)):
        kept = await policy_of(asking)
        try:
            await _edit(asking, {format_key(path): None}, kept, False)
            return
        except ConflictError:
            if not left:
                raise


async def change(asking: Asking, changes: Mapping[str, Any]) -> Saved:
    """Put some settings in force, whatever they are now. Raises ControlError."""
    return await _edit(asking, changes, await policy_of(asking), False)


def there_is(kept: Kept, *path: str) -> bool:
    """Whether the policy lists an agent, number, group or campaign."""
    return value_at(kept.raw, path) is not None


async def _edit(asking: Asking, changes: Mapping[str, Any], kept: Kept, new: bool) -> Saved:
    said = [{"key": key, "value": value} for key, value in changes.items()]
    answer = await asking.node.call("policy.edit", {"changes": said, "version": kept.version, "new": new},
                                    asking.caller)
    doubts = tuple(f"{one['key']}: {one['text']}" for one in answer.get("warnings", ()))
    return Saved(len(answer["changes"]), doubts)
