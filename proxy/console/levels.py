"""Which value of a setting is in force, and from which level it comes.

Works on a policy as JSON has it (`config.policy.plain_policy`). Levels, the strongest first: a campaign's, a number's
or an agent's own value, else its group's, else the company's. Each setting for itself.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, Literal, NamedTuple

from config.callbacks import Callback
from config.duration import format_duration
from config.policy import LEVELS, NAMED, Policy
from config.settings import ANY, Setting, settings

Path = tuple[str, ...]
"""Key of a setting as names: `("group", "sales", "missed_callback", "window")`."""
Raw = Mapping[str, Any]
Level = Literal["campaign", "number", "agent", "group", "company"]

_BELOW: Final[Mapping[str, tuple[Level, ...]]] = {
    "missed_callback": ("group",), "callback": ("group",), "tickets": ("group",),
    "queue_callback": ("group", "number"), "direct_callback": ("group", "agent"),
    "timezone": ("group",), "holidays": ("group",),
}
"""Who may have a setting of the company's for itself, by its section."""


class Place(NamedTuple):
    """Where a value may stand."""

    level: Level
    name: str
    """Of the campaign, number, agent or group; empty: the company."""
    path: Path


class InForce(NamedTuple):
    """A value that holds."""

    value: Any
    """As JSON has it (durations as text); None: not set anywhere."""
    place: Place
    """Where it stands; where it stands nowhere, the weakest level."""


def value_at(raw: Raw, path: Path) -> Any:
    """Return what stands at a path itself; None: nothing."""
    place: Any = raw
    for name in path:
        place = place.get(name) if isinstance(place, Mapping) else None
    return place


def chain(raw: Raw, path: Path) -> tuple[Place, ...]:
    """Return every place that a setting's value may stand at, the strongest first; `path` is the first."""
    kind = path[0]
    if kind not in NAMED:
        return (Place("company", "", path),)
    own = Place(_level(kind), path[1], path)
    inner = _inner(kind, path[2:])
    if inner is None:
        return (own,)
    group = path[1] if kind == "group" else _group_of(raw, kind, path[1])
    above = [Place("group", group, ("group", group, *inner))] if group is not None and kind != "group" else []
    return (own, *above, Place("company", "", inner))


def in_force(raw: Raw, path: Path) -> InForce:
    """Return the value that holds at a path."""
    places = chain(raw, path)
    return _first(raw, places)


def inherited(raw: Raw, path: Path) -> InForce | None:
    """Return the value that would hold if nothing stood at the path itself; None: no level is above it."""
    places = chain(raw, path)[1:]
    return _first(raw, places) if places else None


def set_below(raw: Raw, path: Path) -> list[InForce]:
    """Return who below has a value of its own that wins over the one at this path, by level and name."""
    if path[0] in ("group", "campaign", "number", "agent"):
        return _of_group(raw, path) if path[0] == "group" else []
    return [InForce(value, Place(level, name, (level, name, *path)))
            for level in _BELOW.get(path[0], ()) for name in _names(raw, level)
            if (value := value_at(raw, (level, name, *path))) is not None]


def default_of(path: Path) -> Any:
    """Return the default of a setting as JSON has it; None: it has none, or there is no such setting."""
    found = _by_pattern().get(_pattern(path))
    if found is None or found.default is None:
        return None
    if found.kind == "duration":
        return format_duration(found.default)
    return list(found.default) if isinstance(found.default, tuple) else found.default


def kind_of(path: Path) -> str:
    """Return the type of a setting in the operator's words (`duration`, `whole number`, ...). Raises KeyError."""
    return _by_pattern()[_pattern(path)].kind


def _first(raw: Raw, places: tuple[Place, ...]) -> InForce:
    for place in places:
        value = value_at(raw, place.path)
        if value is None and place.level == "company":
            value = default_of(place.path)
        if value is not None:
            return InForce(value, place)
    language = places[-1].path[-2:] == ("queue_callback", "language")
    if language:  # the prompts of a queue speak the callbacks' language unless they have one of their own
        return _first(raw, tuple(place._replace(path=(*place.path[:-2], "callback", "language")) for place in places
                                 if place.level in ("group", "company")))
    return InForce(default_of(places[0].path) if len(places) == 1 else None, places[-1])


def _of_group(raw: Raw, path: Path) -> list[InForce]:
    """Numbers, agents and campaigns of a group that have for themselves what stands at the group's path."""
    group, inner = path[1], path[2:]
    found: list[InForce] = []
    if len(inner) < 2:  # what stands in no section is the group's alone
        return found
    for kind in ("campaign", "number", "agent"):
        for name in _names(raw, kind):
            own = (kind, name, *(inner[1:] if kind == "campaign" else inner))
            value = value_at(raw, own)
            if value is not None and _group_of(raw, kind, name) == group and _inner(kind, own[2:]) == inner:
                found.append(InForce(value, Place(_level(kind), name, own)))
    return found


def _inner(kind: str, rest: Path) -> Path | None:
    """Return where the company keeps what an agent, number, group or campaign has at `rest`; None: it has no such."""
    if kind == "campaign":
        if rest[0] in Callback.model_fields and rest[0] != "remove_after":
            return ("callback", rest[0])
        return ("missed_callback", rest[0]) if rest[0].startswith("responsible") else None
    shared = (rest[0] in LEVELS and len(rest) > 1) or (kind == "group" and rest in (("timezone",), ("holidays",)))
    return rest if shared else None


def _group_of(raw: Raw, kind: str, name: str) -> str | None:
    """Return the group whose level is above a number, an agent (the first that lists it) or a campaign."""
    if kind == "agent":
        return next((group for group, own in raw.get("group", {}).items() if name in own.get("agents", ())), None)
    found = value_at(raw, (kind, name, "group"))
    return found if isinstance(found, str) and found in raw.get("group", {}) else None


def _level(kind: str) -> Level:
    found: Mapping[str, Level] = {"campaign": "campaign", "number": "number", "agent": "agent", "group": "group"}
    return found[kind]


def _names(raw: Raw, kind: str) -> Iterator[str]:
    yield from raw.get(kind, {})


def _pattern(path: Path) -> Path:
    return (path[0], ANY, *path[2:]) if path[0] in NAMED else path


@cache
def _by_pattern() -> Mapping[Path, Setting]:
    return {setting.key: setting for setting in settings(Policy)}


