"""How answers are written: what handlers give, with seconds since the epoch, as JSON with RFC 3339; how they are read
again by whoever asked; and their schema.

An answer's shape is a TypedDict, a list of them, or plain values. A key is described by a text in its annotation:
`Annotated[str, "E.164"]`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from proxy.verbs.shapes.fields import Schema
from proxy.verbs.shapes.kinds import FACTS, MOMENT
from proxy.verbs.shapes.verb import Verb
from routing.events import rfc3339

MOMENTS: Final = frozenset({
    "created", "missed_at", "due", "expires", "responsible_since", "released", "ended", "claimed", "customer_at",
    "answered", "time", "since", "next", "delivered", "waits_until", "touched", "expires_at", "due_at", "planned",
    "until",
})
"""Keys of facts (`kinds.Facts`) whose values are moments where they are floats."""
REF: Final = "#/components/schemas/"

Write = Callable[[Any], Any]


def write(verb: Verb[Any, Any], data: Any) -> Any:
    """Return an answer of a verb, or one item of its stream, as JSON has it."""
    writer = _writer_of(verb)
    return data if writer is None else writer(data)


def read(verb: Verb[Any, Any], data: Any) -> Any:
    """Return what `write` wrote as the handler gave it: moments are seconds since the epoch again."""
    reader = _reader_of(verb)
    return data if reader is None else reader(data)


def facts_from_json(value: Any, key: str = "") -> Any:
    """Return facts with their moments in seconds since the epoch, however deep they stand."""
    if isinstance(value, dict):
        return {name: facts_from_json(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [facts_from_json(item, key) for item in value]
    return _from_moment(value) if key in MOMENTS else value


def _from_moment(value: Any) -> Any:
    """What is no moment, such as a count that is called like one, stays as it is."""
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError):
        return value


def write_as(shape: Any, data: Any) -> Any:
    """Return data of a shape as JSON has it."""
    writer = _writer_of_shape(shape)
    return data if writer is None else writer(data)


def writers_of(shape: Any) -> Mapping[str, Write]:
    """Return what turns values of a row into what JSON has, by key; what is left out stays as it is."""
    found = {name: _walker(hint, _moment, facts_json)
             for name, hint in get_type_hints(shape, include_extras=True).items()}
    return {name: writer for name, writer in found.items() if writer is not None}


def facts_json(value: Any, key: str = "") -> Any:
    """Return facts with their moments as RFC 3339 has them, however deep they stand."""
    if isinstance(value, dict):
        return {name: facts_json(item, name) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [facts_json(item, key) for item in value]
    if key in MOMENTS and isinstance(value, float):
        return rfc3339(value)
    return value


def _moment(value: Any) -> Any:
    return rfc3339(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


@cache
def _writer_of(verb: Verb[Any, Any]) -> Write | None:
    return _walker(verb.gives, _moment, facts_json)


@cache
def _writer_of_shape(shape: Any) -> Write | None:
    return _walker(shape, _moment, facts_json)


@cache
def _reader_of(verb: Verb[Any, Any]) -> Write | None:
    return _walker(verb.gives, _from_moment, facts_from_json)


def _walker(shape: Any, moment: Write, facts: Write) -> Write | None:
    """Return what turns values of a shape, its moments and facts by these; None: there are none in it."""
    origin, args = get_origin(shape), get_args(shape)
    if origin is NotRequired:
        return _walker(args[0], moment, facts)
    if origin is Annotated:
        return moment if MOMENT in args else facts if FACTS in args else _walker(args[0], moment, facts)
    if origin in (Union, UnionType):
        inner = [found for one in args if one is not NoneType and (found := _walker(one, moment, facts)) is not None]
        return _optional(inner[0]) if inner else None
    if origin is list or origin is tuple:
        each = _walker(args[0], moment, facts)
        return None if each is None else lambda values: [each(value) for value in values]
    if origin is dict:
        item = _walker(args[1], moment, facts)
        return None if item is None else lambda table: {name: item(value) for name, value in table.items()}
    if is_typeddict(shape):
        hints = get_type_hints(shape, include_extras=True)
        parts = {name: found for name, hint in hints.items()
                 if (found := _walker(hint, moment, facts)) is not None}
        return (lambda row: _row(row, parts)) if parts else None
    return None


def _optional(inner: Write) -> Write:
    return lambda value: None if value is None else inner(value)


def _row(row: dict[str, Any], parts: dict[str, Write]) -> dict[str, Any]:
    written = dict(row)
    for name, part in parts.items():
        if name in row:
            written[name] = part(row[name])
    return written


class Schemas:
    """JSON Schemas of answers, with those of their parts by name."""

    def __init__(self) -> None:
        self.parts: dict[str, Schema] = {}

    def of(self, shape: Any) -> Schema:
        """Return the schema of a shape; what has a name is a reference to `parts`."""
        origin, args = get_origin(shape), get_args(shape)
        if origin is NotRequired:
            return self.of(args[0])
        if origin is Annotated:
            return self._annotated(args[0], args[1:])
        if origin in (Union, UnionType):
            return {"anyOf": [self.of(one) for one in args]}
        if origin is list or origin is tuple:
            return {"type": "array", "items": self.of(args[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(args[1])}
        if origin is Literal:
            return {"type": "string", "enum": [*args]}
        if is_typeddict(shape):
            return self._named(shape)
        return dict(_PLAIN.get(shape, {}))

    def _annotated(self, kind: Any, notes: tuple[Any, ...]) -> Schema:
        found = dict(_MOMENT) if MOMENT in notes else self.of(kind)
        said = next((note for note in notes if isinstance(note, str)), None)
        return found if said is None else {**found, "description": said}

    def _named(self, shape: Any) -> Schema:
        name = shape.__name__
        if name not in self.parts:
            self.parts[name] = {}  # a shape may hold itself
            hints = get_type_hints(shape, include_extras=True)
            self.parts[name] = {
                "type": "object", "description": (shape.__doc__ or "").strip(),
                "properties": {key: self.of(hint) for key, hint in hints.items()},
                "required": [key for key in hints if key in shape.__required_keys__], "additionalProperties": False}
        return {"$ref": REF + name}


_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
_PLAIN: Final[dict[Any, Schema]] = {
    str: {"type": "string"}, int: {"type": "integer"}, float: {"type": "number"}, bool: {"type": "boolean"},
    NoneType: {"type": "null"},
}
