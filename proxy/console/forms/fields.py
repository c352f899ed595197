"""A field of a form: which setting it is for, the words beside it, and how its value is typed and read back."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, NamedTuple

from config.duration import format_duration, parse_duration
from proxy.console.levels import Path, Raw, value_at
from proxy.console.words import mark as _

Kind = Literal["switch", "number", "duration", "choice", "text", "names", "lines", "hours", "day", "member"]
"""How it is typed: on or off; a whole number; a number and its unit; one of some; a line; words; lines; opening hours,
or those of the level above; a day; whether an agent is of a group."""
Source = Literal["groups", "agents", "numbers", "prompts"]
"""Where the names come from that may be typed."""

UNITS: Final = ("s", "m", "h", "d")
"""Units of durations that are offered; finer ones only where one is set."""
NONE: Final = "none"
"""How the choice is written that means an empty text, where an empty field means the level above."""
ALWAYS: Final = "always"
OWN: Final = "own"
LONGEST: Final = 65_536
"""Characters of what is typed into one field that are heeded."""

_DURATION: Final = re.compile(r"([0-9]+)(ms|s|m|h|d)")
_WORDS: Final = re.compile(r"[\s,;]+")


class Choice(NamedTuple):
    """One of the values of a choice."""

    value: str
    label: str
    """Msgid."""
    sentence: str = ""
    """What it does, where the label does not say so. Msgid."""


class TypedError(Exception):
    """What was typed cannot be read; the text is a msgid."""


@dataclass(frozen=True)
class FormField:
    """One field."""

    key: Path
    """Of its setting, below what the form is about."""
    kind: Kind
    label: str
    """Msgid, as the others."""
    hint: str
    unit: str = ""
    """Of a number: `%` or a word (msgid); of a duration: the one that is offered first."""
    choices: tuple[Choice, ...] = ()
    radios: bool = False
    """The choices stand one below the other, with their sentences."""
    source: Source | None = None
    built_in: tuple[str, ...] = ()
    """Recordings that are heard, one after the other, where none is named."""
    blank: bool = False
    """An empty text is a value of its own: the choice `none`."""
    whole: bool = False
    """The values of its choices are numbers in the policy."""
    bounds: tuple[int, int] | None = None
    """Least and greatest of a number."""
    member: str = ""
    """Whose membership of a group it is (`kind` member): an extension."""

    @property
    def name(self) -> str:
        """Of its input."""
        return ".".join(self.key)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of everything that is typed for it."""
        if self.kind == "duration":
            return self.name, f"{self.name}.unit"
        return (self.name, f"{self.name}.mode") if self.kind == "hours" else (self.name,)

    def texts(self, value: Any) -> dict[str, str]:
        """Return what stands in its inputs where that is its own value; None: nothing is set."""
        if self.kind == "duration":
            number, unit = _parted(value, self.unit or "s")
            return {self.name: number, f"{self.name}.unit": unit}
        if self.kind == "hours":
            mode = "" if value is None else OWN if value else ALWAYS
            return {self.name: "\n".join(value or ()), f"{self.name}.mode": mode}
        return {self.name: self._text(value)}

    def _text(self, value: Any) -> str:
        if value is None:
            return ""
        if self.kind == "member":
            return "yes" if self.member in value else ""
        if self.kind == "switch":
            return "true" if value else "false"
        if isinstance(value, list | tuple):
            return ("\n" if self.kind == "lines" else " ").join(map(str, value))
        return NONE if self.blank and value == "" else str(value)

    def read(self, typed: Mapping[str, str], before: Any) -> Any:
        """Return the value that was typed, as JSON has it; None: it is not set. Raises TypedError.

        `before`: its own value until now.
        """
        text = typed.get(self.name, "").strip()
        if self.kind == "hours":
            return _hours(text, typed.get(f"{self.name}.mode", ""))
        if self.kind == "member":
            others = [one for one in before or () if one != self.member]
            return [*others, self.member] if text else others
        if self.kind == "lines":
            return [line.strip() for line in text.splitlines() if line.strip()] or None
        if self.kind == "names":
            return [word for word in _WORDS.split(text) if word] or None
        if not text:
            return None
        if self.kind == "duration":
            return _duration(text, typed.get(f"{self.name}.unit", self.unit or "s"))
        if self.kind == "switch":
            return text == "true"
        if self.kind == "number" or self.whole:
            return _whole(text)
        return "" if self.blank and text == NONE else text


def texts_of(fields: Sequence[FormField], base: Path, raw: Raw) -> dict[str, str]:
    """Return what stands in every input of some fields for what a policy itself has at `base`."""
    found: dict[str, str] = {}
    for field in fields:
        found |= field.texts(value_at(raw, path_of(field, base)))
    return found


def path_of(field: FormField, base: Path) -> Path:
    """Return where the value of a field stands."""
    return ("group", field.key[-1], "agents") if field.kind == "member" else (*base, *field.key)


def _hours(text: str, mode: str) -> list[str] | None:
    if mode == ALWAYS:
        return []
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if mode == OWN and not lines:
        raise TypedError(_("Write the hours, one line for days that have the same: mon-fri 08:00-17:00"))
    return lines if mode == OWN else None


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise TypedError(_("Write a whole number, such as 5."))
    return int(text)


def _duration(text: str, unit: str) -> str:
    try:
        number = Decimal(text.replace(",", "."))
        if not number.is_finite() or not 0 <= number < 10**9:
            raise InvalidOperation
        return format_duration(float(number * Decimal(str(parse_duration(f"1{unit}")))))
    except (InvalidOperation, ValueError):
        raise TypedError(_("Write a number that is not below zero, such as 20 or 1.5.")) from None


def _parted(value: Any, unit: str) -> tuple[str, str]:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return "", unit
    return (match[1], unit) if match[1] == "0" else (match[1], match[2])
