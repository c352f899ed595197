"""A form of the policy: made from one version of it, filled in, and turned into the changes that were typed.

What stood in the inputs when the page was made comes back with it. So a form changes only what somebody changed in it,
and knows what others have saved meanwhile. Nothing here asks or tells anybody.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from config.lines import format_key, split_key
from proxy.console.forms.fields import LONGEST, FormField, TypedError, path_of, texts_of
from proxy.console.levels import Path, Raw, value_at

WAS: Final = "was"
"""The input that holds what stood in the others."""
_INDEX: Final = re.compile(r"\[[0-9]+\]")


@dataclass(frozen=True)
class Section:
    """Fields under one heading."""

    name: str
    """Of its place in the page."""
    heading: str
    """Msgid."""
    fields: tuple[FormField, ...]
    lead: str = ""
    """What the section is about. Msgid."""
    folded: bool = False
    """Shown when it is opened."""


@dataclass(frozen=True)
class Filled:
    """What stands in a form, and what is said about it."""

    texts: Mapping[str, str]
    was: Mapping[str, str]
    """What stood there when the page was made."""
    errors: Mapping[str, str] = field(default_factory=dict)
    """By the name of a field: a msgid, or the daemon's sentence."""
    others: tuple[str, ...] = ()
    """What is wrong with no field of this form."""
    meanwhile: frozenset[str] = frozenset()
    """Fields that somebody else has changed since the page was made."""

    @property
    def was_json(self) -> str:
        """What stands in the input `was`."""
        return json.dumps(dict(self.was), ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True)
class Form:
    """Fields of one thing: the company (an empty base), a group, a number, an agent or a campaign."""

    base: Path
    sections: tuple[Section, ...]

    @property
    def fields(self) -> tuple[FormField, ...]:
        """Every field, in order."""
        return tuple(one for section in self.sections for one in section.fields)

    def made(self, raw: Raw) -> Filled:
        """Return the form as a policy has it."""
        texts = texts_of(self.fields, self.base, raw)
        return Filled(texts, texts)

    def typed(self, posted: Mapping[str, str]) -> Filled:
        """Return the form as somebody sent it."""
        inputs = [name for one in self.fields for name in one.inputs]
        was = _read_was(posted.get(WAS, ""))
        texts = {name: posted.get(name, "")[:LONGEST].replace("\r\n", "\n") for name in inputs}
        return Filled(texts, {name: was.get(name, "") for name in inputs})

    def differing(self, filled: Filled, raw: Raw) -> frozenset[str]:
        """Return the fields whose value in a policy is another than when the page was made."""
        now = texts_of(self.fields, self.base, raw)
        return frozenset(one.name for one in self.fields
                         if any(now[name] != filled.was.get(name) for name in one.inputs))

    def touched(self, filled: Filled) -> list[FormField]:
        """Return the fields in which somebody has typed something else."""
        return [one for one in self.fields
                if any(filled.texts[name] != filled.was.get(name, "") for name in one.inputs)]

    def changes(self, filled: Filled, raw: Raw) -> tuple[dict[str, Any], dict[str, str]]:
        """Return what was typed as changes (dotted key: value, None takes it out), and by field what cannot be read."""
        found: dict[str, Any] = {}
        errors: dict[str, str] = {}
        for one in self.touched(filled):
            path = path_of(one, self.base)
            before = value_at(raw, path)
            try:
                value = one.read(filled.texts, before)
            except TypedError as error:
                errors[one.name] = str(error)
                continue
            if value != before:
                found[format_key(path)] = value
        return found, errors

    def anew(self, filled: Filled, raw: Raw, meanwhile: frozenset[str]) -> Filled:
        """Return the form as it is shown when somebody else has saved: what was typed stays; where nothing was typed
        stands what they saved."""
        now = texts_of(self.fields, self.base, raw)
        touched = {name for one in self.touched(filled) for name in one.inputs}
        texts = {name: filled.texts[name] if name in touched else now[name] for name in now}
        return Filled(texts, now, meanwhile=meanwhile)

    def refused(self, filled: Filled, problems: Sequence[Mapping[str, Any]], text: str) -> Filled:
        """Return the form with what the daemon says against it, each sentence at its field; `text`: where it names
        none."""
        errors: dict[str, str] = {}
        others: list[str] = []
        for problem in problems:
            said, name = str(problem.get("text", "")), self._named(str(problem.get("key", "")))
            if name is None:
                others.append(f"{problem['key']}: {said}" if problem.get("key") else said)
            else:
                errors[name] = said
        return Filled(filled.texts, filled.was, errors, tuple(others) if problems else (text,), filled.meanwhile)

    def _named(self, key: str) -> str | None:
        try:
            path = split_key(_INDEX.sub("", key))
        except ValueError:
            return None
        return next((one.name for one in self.fields if path_of(one, self.base) == path), None)


def _read_was(text: str) -> Mapping[str, str]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
