"""From TOML text to a checked model: all problems at once, each with its key and line.

Both files are read the same way. Models know nothing of files; what depends on the file (its folder, that durations
must be written with their unit) reaches their validators through the validation context.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from config.checks import BeforeValidator, Context, Fault, InvalidError, PlainSerializer
from config.duration import format_duration, parse_duration
from config.limits import FILE_BYTES
from config.lines import format_key, index_lines, line_of
from config.problem import ConfigError, Level, Problem, shorten
from config.secret import hide
from config.section import Section
from config.settings import ANY, fields_at, kind_at
from config.syntax import explain

Model = TypeVar("Model", bound=Section)

Found = tuple[tuple[str | int, ...], str]
"""One problem before its line is known: path of the key, what is wrong."""

Belongs = Callable[[tuple[str | int, ...]], str | None]
"""Says where a key that is unknown here belongs; None: nowhere."""

FEW_KEYS: Final = 6
"""Most keys of a table that are named where another one stands in it."""

BYTE_ORDER_MARK: Final = "\ufeff"
"""What some editors put before UTF-8."""

FOLDER: Final = "folder"
"""Context key: folder that relative paths start in."""

WRITTEN: Final = "written"
"""Context key: true where the values come from TOML, so that a duration must be text."""

_TOML_PLACE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_MUST_BE: Final[Mapping[str, str]] = {
    "bool_type": "must be true or false",
    "dict_type": "must be a table",
    "float_type": 'must be a duration, such as "20s"',
    "int_type": "must be a whole number",
    "model_type": "must be a table",
    "too_short": "must not be empty",
    "bytes_type": "must be text, in quotes",
    "is_instance_of": "must be text, in quotes",
    "string_type": "must be text, in quotes",
    "tuple_type": 'must be a list, such as ["a", "b"]',
}
_LIMITS: Final[Mapping[str, str]] = {
    "greater_than": "must be more than {}",
    "greater_than_equal": "must be {} at least",
    "less_than": "must be less than {}",
    "less_than_equal": "must be {} at most",
}
_TOO_DEEP: Final = "nested too deep"


def _duration(value: object, context: Context) -> object:
    if isinstance(value, str):
        return parse_duration(value)
    if context.get(WRITTEN):
        raise ValueError('write a duration as text with its unit, such as "20s" or "8h"')
    if isinstance(value, int | float) and not isinstance(value, bool):
        format_duration(value)
        return float(value)
    return value


Duration = Annotated[float, BeforeValidator(_duration), PlainSerializer(format_duration)]
"""Seconds; written `20s`, `8h`."""


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """Parse TOML, whether or not it begins with a byte order mark; ConfigError with the line of the first error."""
    text = text.removeprefix(BYTE_ORDER_MARK)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError([Problem(name, "", 0, _TOO_DEEP)]) from None
    except ValueError as error:
        message = str(error)
        place = _TOML_PLACE.search(message)
        line = 0
        if place:
            line = int(place[1]) if place[1] else text.count("\n") + (not text.endswith("\n"))
            message = message[: place.start()]
        raise ConfigError([Problem(name, "", line, explain(text, line, message))]) from None


def read_text(path: Path, name: str | None = None) -> str:
    """Read a UTF-8 file; ConfigError where it cannot be read."""
    shown = name or str(path)
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError([Problem(shown, "", 0, f"cannot be read: {reason}")]) from None
    if len(content) > FILE_BYTES:
        raise ConfigError([Problem(shown, "", 0, f"larger than {FILE_BYTES} bytes")])
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem(shown, "", line, "not UTF-8")]) from None


def build(
    model: type[Model], raw: Mapping[str, Any], context: Mapping[str, Any], belongs: Belongs | None = None
) -> tuple[Model | None, list[Found]]:
    """Return the model of parsed TOML, or None and what is wrong as (path, text).

    `belongs`: says of a key that is unknown here where it belongs.
    """
    try:
        return model.model_validate(raw, context=dict(context)), []
    except InvalidError as error:
        return None, [(path, shorten(hide(text, fault.given)))
                      for fault in error.faults for path, text in _explain(model, fault, belongs)]


def marked(text: str, name: str) -> list[Problem]:
    """Say that a text begins with a byte order mark: it is read, but other programs may stumble over it."""
    said = "the file begins with a byte order mark (BOM): save it as UTF-8 without one"
    return [Problem(name, "", 1, said, "warning")] if text.startswith(BYTE_ORDER_MARK) else []


def locate(found: Iterable[Found], text: str, name: str, level: Level = "error") -> list[Problem]:
    """Give each (path, text) its line in the TOML text."""
    lines = index_lines(text.removeprefix(BYTE_ORDER_MARK))
    return [Problem(name, shorten(format_key(path)), line_of(lines, path), what, level) for path, what in found]


def _explain(model: type[Section], fault: Fault, belongs: Belongs | None) -> list[Found]:
    path, kind = fault.path, fault.kind
    if kind in ("contradiction", "value_error"):
        return [(path, fault.text)]
    if kind == "extra_forbidden":
        home = None if belongs is None else belongs(path)
        return [(path, _unknown(model, path) if home is None else f"does not belong here: {home}")]
    if kind == "missing":
        return [(path, "is missing and has no default")]
    if kind in ("dict_type", "model_type") and len(path) > 1 and path[-1] in fields_at(model, (*path[:-1], ANY)):
        return [(path, f"is no name: write [{format_key(path[:-1])}.NAME], with a name of your choice, above it")]
    return [(path, _sentence(fault, kind_at(model, path) == "duration"))]


def _sentence(fault: Fault, is_duration: bool) -> str:
    """Say what a value must be. The value itself is never repeated: it may be a secret in the wrong place."""
    given, kind = fault.given, fault.kind
    if kind == "tuple_type" and isinstance(given, str):
        return 'must be a list, such as ["a", "b"]: put what stands here into square brackets'
    if kind == "tuple_type" and isinstance(given, dict):
        name = fault.path[-1]
        return f"write [[{name}]] in double brackets, for there may be several"
    if kind in ("dict_type", "model_type") and isinstance(given, list):
        return f"write [{fault.path[-1]}.NAME] with a name in place of double brackets"
    if kind in _LIMITS:
        return _LIMITS[kind].format(format_duration(fault.limit) if is_duration else fault.limit)
    return _MUST_BE.get(kind) or fault.text


def _unknown(model: type[Section], path: tuple[str | int, ...]) -> str:
    """Say that a key is unknown, and which known one of the same table it resembles."""

    known = fields_at(model, path[:-1])
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    if near:
        return f"unknown key; did you mean {near[0]}?"
    return f"unknown key; here stand {', '.join(known)}" if 0 < len(known) <= FEW_KEYS else "unknown key"
