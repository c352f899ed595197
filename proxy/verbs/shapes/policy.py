"""The policy: what changes while the daemon runs."""

import json
from typing import Annotated, Any, Final, Literal, NotRequired, TypedDict

from config.limits import FILE_BYTES
from proxy.verbs.shapes.fields import (
    Field,
    Make,
    Schema,
    flag_field,
    ident_field,
    limit_field,
    line_field,
    shown,
    text_field,
    value_field,
    whole_field,
)
from proxy.verbs.shapes.kinds import Moment
from proxy.verbs.shapes.verb import NOT_BY_MQTT, In, Nothing, Verb

PATH: Final = 4096
"""Characters of a file's name."""
KEY: Final = 500
"""Characters of a setting's key."""
VALUE: Final = 65_536
"""Characters of a setting's value."""
MOST_STEPS: Final = 100
"""Versions that are compared for one answer."""


MOST_CHANGES: Final = 2_000
"""Settings that one edit changes at the most."""


class Toml(TypedDict):
    """The policy as one text."""

    toml: str
    version: Annotated[int | None, "Of this text, for policy.edit; null: it is not on disk yet"]
    free_campaign: Annotated[str | None, "An id that no campaign has, not even one that is not shown; null: all are "
                                         "taken"]


class Change(TypedDict):
    """A setting that is another now."""

    key: Annotated[str, "Dotted key as TOML writes it"]
    old: Annotated[bool | int | str | list[str] | None, "null: it was not set"]
    new: Annotated[bool | int | str | list[str] | None, "null: it is not set any more"]
    means: NotRequired[Annotated[str, "What the new value does, where it does not say so itself"]]


class Doubt(TypedDict):
    """One thing that is doubtful."""

    file: str
    key: Annotated[str, "Dotted key as TOML writes it; empty: the whole text"]
    line: Annotated[int, "Line of the text, from 1; 0: of no line"]
    text: str
    level: Annotated[Literal["error", "warning"], "warning: it is in force, but hardly anybody wants it so"]


class SavedPolicy(TypedDict):
    """A policy that was in force from then on."""

    version: Annotated[int, "Counted up from 1"]
    time: Annotated[Moment, "When it was saved"]
    by: Annotated[str | None, "Who saved it; null: nobody has said it"]


class PolicyStep(SavedPolicy):
    """A policy that was saved, and in what it differs from the one before."""

    changes: Annotated[list[Change], "Of the first one that is kept: nothing"]


class PolicyText(SavedPolicy):
    """A policy that was in force from then on, as one text."""

    toml: str


class Changes(TypedDict):
    """Everything that is in force otherwise than before; nothing where the policy was the same."""

    changes: list[Change]
    warnings: NotRequired[Annotated[list[Doubt], "What is doubtful; left out where nothing is"]]


class Apply(In):
    """A whole policy."""

    toml: str = text_field("The text of a policy.toml.", most=FILE_BYTES, default="")
    name: str = line_field("What problems call the text.", most=PATH, default="policy.toml")
    version: int | None = whole_field("The version that this was made from (policy.export); refused where there is a "
                                      "newer one. Left out: whatever is in force.", 1, 2**53)


class Set(In):
    """One setting of the policy."""

    key: str = line_field('Dotted key, such as number."+3614445555".kind.', most=KEY, required=True, place="KEY")
    value: bool | int | str | list[str] = value_field(
        'The value, or its text as TOML writes it: 3 or "3", 8h, ["201"].', most=VALUE, required=True,
        place="VALUE")
    new: bool = flag_field("Make the agent, number, group or campaign that the key names, where it is not listed; else "
                           "it is taken for a typing error.")


class Edits(Field):
    """Several settings with their values."""

    metavar = "JSON"

    def take(self, value: Any) -> Any:
        """Give (key, value) pairs; a value of None takes the setting out."""
        if not isinstance(value, list):
            raise self.refuse(' is no list such as [{"key": "missed_callback.attempts", "value": 6}]')
        if len(value) > MOST_CHANGES:
            raise self.refuse(f" has {len(value)} entries, {MOST_CHANGES} at most")
        return [self._one(one) for one in value] or None

    def _one(self, entry: Any) -> tuple[str, Any]:
        if not isinstance(entry, dict) or set(entry) != {"key", "value"}:
            raise self.refuse(f": {shown(entry)} is no key with its value")
        key, value = _KEY.take(entry["key"]), entry["value"]
        if key is None:
            raise self.refuse(": a key is empty")
        return key, None if value is None else "" if value == "" else _VALUE.take(value)

    def from_text(self, text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text

    def schema(self) -> Schema:
        value = {"oneOf": [*_VALUE.schema()["oneOf"], {"type": "null"}]}
        return {"type": "array", "maxItems": MOST_CHANGES, "items": {
            "type": "object", "required": ["key", "value"], "additionalProperties": False,
            "properties": {"key": {"type": "string", "maxLength": KEY}, "value": value}}}


_KEY: Final = line_field("", most=KEY)
_VALUE: Final = value_field("", most=VALUE)
_KEY.name, _VALUE.name = "changes", "changes"
edits_field: Final[Make] = Edits


class Edit(In):
    """Several settings, changed at once or not at all."""

    changes: list[tuple[str, Any]] = edits_field(
        "Dotted keys with their values; null takes a setting out, or all of an agent, number, group or campaign.",
        required=True, place="CHANGES")
    version: int | None = whole_field("The version that this was made from (policy.export); refused where there is a "
                                      "newer one. Left out: whatever is in force.", 1, 2**53)
    new: bool = flag_field("Make the agent, number, group or campaign that a key names, where it is not listed; else "
                           "it is taken for a typing error.")


class Unset(In):
    """What is taken out of the policy."""

    key: str = line_field("Dotted key of a setting (agent.201.name), or of an agent, number, group or campaign "
                          "(group.sales).", most=KEY, required=True, place="KEY")


class History(In):
    """Which versions."""

    limit: int = limit_field("At most so many; each costs a moment.")
    before: int | None = whole_field("Only versions before this one.", 1, 2**53)


class OneVersion(In):
    """Which version."""

    version: str = ident_field("Of the policy, as the history counts them.", required=True, place="VERSION")


SHOW: Final = Verb("policy.show", Nothing, dict[str, Any], "supervisor",
                   "Every setting; to a supervisor the company's and those of their groups", doors=NOT_BY_MQTT)
EXPORT: Final = Verb("policy.export", Nothing, Toml, "supervisor", "The policy as TOML; to a supervisor the company's "
                     "settings and those of their groups", doors=NOT_BY_MQTT)
APPLY: Final = Verb("policy.apply", Apply, Changes, "admin", "Make a policy.toml the policy, whole", changes=True,
                    doors=NOT_BY_MQTT)
SET: Final = Verb("policy.set", Set, Changes, "supervisor", "Change one setting", changes=True, doors=NOT_BY_MQTT)
EDIT: Final = Verb("policy.edit", Edit, Changes, "supervisor", "Change several settings at once, or none",
                   changes=True, doors=NOT_BY_MQTT)
UNSET: Final = Verb("policy.unset", Unset, Changes, "supervisor",
                    "Take a setting, or an agent, number, group or campaign, out", changes=True, doors=NOT_BY_MQTT)

HISTORY: Final = Verb("policy.history", History, list[PolicyStep], "supervisor",
                      "Policies that were in force, the newest first: who saved each, when, and what it changed",
                      doors=NOT_BY_MQTT)
AT: Final = Verb("policy.at", OneVersion, PolicyText, "supervisor", "A policy that was in force, as TOML",
                 doors=NOT_BY_MQTT, key="version")

VERBS: Final[tuple[Verb[Any, Any], ...]] = (SHOW, EXPORT, APPLY, SET, EDIT, UNSET, HISTORY, AT)
