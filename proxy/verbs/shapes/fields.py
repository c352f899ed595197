"""The kinds of arguments: what each may be, and how it is told where it cannot be that.

A field reads one value as JSON has it (or as text, from a command line or a query) and gives what the handler gets. It
looks at nothing else: what depends on the policy or on the time, such as the region of a number, is the handler's to
say, by the same `ArgumentError`.
"""

import re
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, ClassVar, Final

from proxy.verbs.shapes.errors import ArgumentError

LINE: Final = 64
"""Characters of a name, an id, a number as it is typed, or another short text."""
SENTENCE: Final = 200
"""Characters of a reason."""
NOTE: Final = 500
"""Characters of what an agent's card says."""
COMMENT: Final = 4000
"""Characters of a comment on a ticket."""
SHOWN: Final = 60
"""Characters of a wrong value that its refusal repeats."""
DEFAULT_LIMIT: Final = 100
MOST_ROWS: Final = 1_000
"""Rows that one answer holds at the most."""
LONGEST_NUMBER: Final = 40
"""Characters of a text that may stand for a number."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_CONTROL: Final = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_IN_LINES: Final = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

Schema = dict[str, Any]
"""A JSON Schema (draft 2020-12)."""


def shown(value: object) -> str:
    """Return a wrong value as its refusal repeats it."""
    text = repr(value[:SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


class Field:
    """One argument of a verb."""

    metavar: ClassVar[str] = "TEXT"
    """What the command's help calls its value."""

    def __init__(self, means: str, *, default: Any = None, required: bool = False, place: str = "", was: str = "",
                 missing: str = "") -> None:
        """`means`: the sentence that every page shows.

        `place`: what the command calls it where it is no option; `was`: an older name of the command's option, which
        still works; `missing`: what is told beside "is missing".
        """
        self.means, self.default, self.required, self.place, self.was = means, default, required, place, was
        self._missing = missing
        self.name = ""
        """As it is called at every door."""

    def __set_name__(self, owner: type, name: str) -> None:
        """A trailing _ only keeps apart what Python has words for, such as `from_`."""
        self.name = name.rstrip("_")

    def read(self, value: Any) -> Any:
        """Return what the handler gets. Raises ArgumentError."""
        found = None if value is None else self.take(value)
        if found is None:
            if self.required:
                raise self.absent()
            return self.default
        return found

    def absent(self) -> ArgumentError:
        """Return the error of a value that is not there and must be."""
        if self._missing:
            return self.refuse(f" is missing: {self._missing}")
        return self.refuse(" is missing")

    def take(self, value: Any) -> Any:
        """Read a value that is there; None: it says nothing. Raises ArgumentError."""
        raise NotImplementedError

    def from_text(self, text: str) -> Any:
        """Return the JSON value that a text stands for; where it stands for none, the text, which `read` refuses."""
        return text

    def schema(self) -> Schema:
        """Return what a value may be."""
        return {"type": "string"}

    def described(self) -> Schema:
        """Return `schema` with the sentence and the default."""
        default = {} if self.default is None else {"default": self.default}
        return {**self.schema(), "description": self.means, **default}

    def refuse(self, text: str) -> ArgumentError:
        """Return the error that says what is wrong; the name comes before the text."""
        return ArgumentError(self.name, f"{self.name}{text}")


class Text(Field):
    """Text of whatever characters."""

    control: ClassVar[re.Pattern[str] | None] = None

    def __init__(self, means: str, *, most: int = LINE, default: Any = None, required: bool = False, place: str = "",
                 was: str = "", missing: str = "") -> None:
        """`most`: characters."""
        super().__init__(means, default=default, required=required, place=place, was=was, missing=missing)
        self.most = most

    def take(self, value: Any) -> Any:
        """Half of a surrogate pair, which JSON can hold, is no text: the database would refuse all that is written
        with it. An empty text says nothing.
        """
        if not isinstance(value, str):
            raise self.refuse(" is no text")
        if len(value) > self.most:
            raise self.refuse(f" has {len(value)} characters, {self.most} at most")
        if _SURROGATE.search(value):
            raise self.refuse(" is no text")
        found = None if self.control is None else self.control.search(value)
        if found:
            raise self.refuse(f": {shown(value)} holds a control character ({found[0]!r})")
        return value or None

    def schema(self) -> Schema:
        return {"type": "string", "maxLength": self.most}


class Line(Text):
    """Text of one line."""

    control = _CONTROL


class Lines(Text):
    """Text that may have several lines."""

    control = _CONTROL_IN_LINES


class Number(Line):
    """A phone number as it is typed; the handler reads it in the policy's region."""

    metavar = "NUMBER"

    def absent(self) -> ArgumentError:
        """As of one that cannot be read: nothing is no number."""
        return self.refuse(": '' cannot be read as a number; write it with + and country code")

    def schema(self) -> Schema:
        return {"type": "string", "maxLength": self.most, "examples": ["+36201234567"]}


class Ident(Line):
    """An id or a name; a number stands for its digits."""

    def take(self, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10 ** 15:
            value = str(value)
        return super().take(value)


class Window(Line):
    """A window as the policy writes one; the handler reads it."""

    metavar = "WINDOW"

    def schema(self) -> Schema:
        return {"type": "string", "maxLength": self.most, "examples": ["24h", "end_of_day"]}


class OneOf(Line):
    """One of some words."""

    def __init__(self, means: str, words: Collection[str], *, default: Any = None, required: bool = False,
                 place: str = "") -> None:
        super().__init__(means, default=default, required=required, place=place)
        self.words = tuple(words)

    def take(self, value: Any) -> Any:
        found = super().take(value)
        if found is not None and found not in self.words:
            raise self.refuse(f": {shown(found)} is none of {', '.join(self.words)}")
        return found

    def schema(self) -> Schema:
        return {"type": "string", "enum": [*self.words]}


class Whole(Field):
    """A whole number."""

    metavar = "N"

    def __init__(self, means: str, least: int, most: int, *, default: Any = None) -> None:
        super().__init__(means, default=default)
        self.least, self.most = least, most

    def take(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int) or not self.least <= value <= self.most:
            raise self.refuse(f": {shown(value)} is no whole number from {self.least} to {self.most}")
        return value

    def from_text(self, text: str) -> Any:
        return _as(int, text)

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Limit(Whole):
    """How many rows are asked for; more than one answer holds are cut to that."""

    def __init__(self, means: str = "At most so many.") -> None:
        super().__init__(means, 1, MOST_ROWS, default=DEFAULT_LIMIT)

    def take(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.refuse(f": {shown(value)} is no number of rows")
        return min(value, self.most)


class Seconds(Field):
    """A number of seconds."""

    metavar = "SECONDS"

    def __init__(self, means: str, most: float, *, was: str = "") -> None:
        super().__init__(means, was=was)
        self.most = most

    def take(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= self.most:
            raise self.refuse(f": {shown(value)} is no number of seconds from 0 to {self.most:g}")
        return float(value)

    def from_text(self, text: str) -> Any:
        return _as(float, text)

    def schema(self) -> Schema:
        return {"type": "number", "minimum": 0, "maximum": self.most}


class Flag(Field):
    """Whether something is so; left out, it is not."""

    metavar = ""

    def __init__(self, means: str) -> None:
        super().__init__(means, default=False)

    def take(self, value: Any) -> Any:
        if not isinstance(value, bool):
            raise self.refuse(f": {shown(value)} is neither true nor false")
        return value

    def from_text(self, text: str) -> Any:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)

    def schema(self) -> Schema:
        return {"type": "boolean"}


class Moment(Field):
    """A moment: RFC 3339 with its zone. Seconds since the epoch are taken too, as they always were."""

    metavar = "RFC3339"

    def take(self, value: Any) -> Any:
        if value == "":
            return None
        at = _seconds_since_epoch(value)
        if at is None:
            raise self.refuse(f": {shown(value)} is no moment: write it as 2026-11-23T12:00:00+01:00")
        return at

    def from_text(self, text: str) -> Any:
        return _as(float, text)

    def schema(self) -> Schema:
        return {"type": "string", "format": "date-time", "examples": ["2026-11-23T12:00:00+01:00"]}


class Words(Field):
    """A list of words."""

    def __init__(self, means: str, most: int, *, place: str = "", each: str = "") -> None:
        """`each`: the command's option for one of them, said as often as there are."""
        super().__init__(means, default=(), place=place)
        self.most, self.each = most, each

    def take(self, value: Any) -> Any:
        if not isinstance(value, list) or len(value) > self.most or not all(isinstance(one, str) for one in value):
            raise self.refuse(": a list of texts")
        return tuple(value)

    def described(self) -> Schema:
        return {**self.schema(), "description": self.means}

    def schema(self) -> Schema:
        return {"type": "array", "items": {"type": "string"}, "maxItems": self.most}


class Value(Text):
    """The value of a setting: itself, or its text as TOML writes it."""

    def take(self, value: Any) -> Any:
        """Give the text of it, or the value where it is none."""
        if isinstance(value, bool | int):
            return value
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return value
        return super().take(value) or ""

    def schema(self) -> Schema:
        return {"oneOf": [{"type": "string", "maxLength": self.most}, {"type": "boolean"}, {"type": "integer"},
                          {"type": "array", "items": {"type": "string"}}],
                "examples": ["8h", 3, ["201"]]}


def _as(kind: Callable[[str], Any], text: str) -> Any:
    try:
        return kind(text) if len(text) <= LONGEST_NUMBER else text
    except ValueError:
        return text


def _seconds_since_epoch(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return None
    if not isinstance(value, str) or len(value) > LINE:
        return None
    try:
        found = datetime.fromisoformat(value)
        return None if found.tzinfo is None else found.timestamp()
    except (ValueError, OverflowError):
        return None


Make = Callable[..., Any]
"""Makes a field; the annotation beside it says what the handler gets, which is why it gives `Any`."""

text_field: Final[Make] = Text
line_field: Final[Make] = Line
lines_field: Final[Make] = Lines
number_field: Final[Make] = Number
ident_field: Final[Make] = Ident
window_field: Final[Make] = Window
one_of_field: Final[Make] = OneOf
whole_field: Final[Make] = Whole
limit_field: Final[Make] = Limit
seconds_field: Final[Make] = Seconds
flag_field: Final[Make] = Flag
moment_field: Final[Make] = Moment
words_field: Final[Make] = Words
value_field: Final[Make] = Value
