"""From TOML text to a checked model: all problems at once, each with its key and line.

Both files are read the same way. Models know nothing of files; what depends on the file (its folder, that durations
must be written with their unit) reaches their validators through the validation context.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from config.duration import format_duration, parse_duration
from config.lines import format_key, index_lines, line_of
from config.problem import ConfigError, Problem
from config.settings import fields_at

Model = TypeVar("Model", bound=BaseModel)

Found = tuple[tuple[str | int, ...], str]
"""One problem before its line is known: path of the key, what is wrong."""

FILE_BYTES: Final = 4 << 20
"""Largest configuration file that is read."""

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
    "is_instance_of": "must be text, in quotes",
    "string_type": "must be text, in quotes",
    "tuple_type": 'must be a list, such as ["a", "b"]',
}
_TOO_DEEP: Final = "nested too deep"


class Section(BaseModel):
    """Base of every model here: unknown keys are errors, nothing is converted in silence, nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def faults(found: Iterable[tuple[str, str]]) -> None:
    """Raise what a model's own cross-check found, as (key inside the model, text); nothing found, nothing raised."""
    pairs = list(found)
    if pairs:
        raise PydanticCustomError("faults", "settings contradict each other", {"faults": pairs})


def _duration(value: object, info: ValidationInfo) -> object:
    if isinstance(value, str):
        return parse_duration(value)
    if (info.context or {}).get(WRITTEN):
        raise ValueError('write a duration as text with its unit, such as "20s" or "8h"')
    if isinstance(value, int | float) and not isinstance(value, bool):
        format_duration(value)
        return float(value)
    return value


Duration = Annotated[float, BeforeValidator(_duration), PlainSerializer(format_duration, when_used="json")]
"""Seconds; written `20s`, `8h`."""


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """Parse TOML; ConfigError with the line of the first syntax error."""
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
        raise ConfigError([Problem(name, "", line, message[:1].lower() + message[1:])]) from None


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


def build(model: type[Model], raw: Mapping[str, Any], context: Mapping[str, Any]) -> tuple[Model | None, list[Found]]:
    """Return the model of parsed TOML, or None and what is wrong as (path, text)."""
    try:
        return model.model_validate(raw, context=dict(context)), []
    except ValidationError as error:
        details = error.errors()
        deeper = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
        kept = [detail for detail in details if detail["type"] != "too_short" or detail["loc"] not in deeper]
        return None, [pair for detail in kept for pair in _explain(model, detail)]


def locate(found: Iterable[Found], text: str, name: str) -> list[Problem]:
    """Give each (path, text) its line in the TOML text."""
    lines = index_lines(text)
    return [Problem(name, format_key(path), line_of(lines, path), what) for path, what in found]


def _explain(model: type[BaseModel], detail: ErrorDetails) -> list[Found]:
    path = tuple(part for part in detail["loc"] if part != "[key]")
    context = detail.get("ctx", {})
    kind = detail["type"]
    if kind == "faults":
        return [((*path, *key.split(".")) if key else path, text) for key, text in context["faults"]]
    if kind == "extra_forbidden":
        return [(path, _unknown(model, path))]
    if kind == "missing":
        return [(path, "is missing and has no default")]
    if kind == "value_error":
        return [(path, str(context["error"]))]
    message = _MUST_BE.get(kind, detail["msg"])
    return [(path, message[:1].lower() + message[1:])]


def _unknown(model: type[BaseModel], path: tuple[str | int, ...]) -> str:
    """Say that a key is unknown, and which known one of the same table it resembles."""

    near = difflib.get_close_matches(str(path[-1]), fields_at(model, path[:-1]), n=1)
    return f"unknown key; did you mean {near[0]}?" if near else "unknown key"
