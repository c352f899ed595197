"""The list of all settings, read from the models: a setting is a name, a type, a default and a sentence."""

from collections.abc import Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from config.checks import FieldInfo
from config.duration import format_duration
from config.section import Section
from config.toml import to_value

ANY = "*"
"""Stands in a key for a name that the operator chooses, or for the number of an array's element."""


class Setting(NamedTuple):
    """One setting of a file."""

    key: tuple[str, ...]
    """Path of names, `*` where the operator chooses one: `("trunk", "*", "peers")`."""
    field: FieldInfo
    """The model's field: its type, default and description."""
    needed: bool
    """It has no default."""
    default: Any
    """Default in the model's own type; None where there is none."""

    @property
    def kind(self) -> str:
        """Type in the operator's words: `text`, `whole number`, `true or false`, `duration`, `list of text`."""
        return _kind(self.field.annotation)

    @property
    def is_text(self) -> bool:
        """The value stands in quotes in TOML."""
        return self.kind in ("text", "duration")

    @property
    def shown_default(self) -> str:
        """Default as TOML writes it; `required` where there is none, `not set` where the setting may be left out."""
        if self.needed or self.default is None:
            return "required" if self.needed else "not set"
        if self.kind == "duration":
            return to_value(format_duration(self.default))
        return to_value(self.default if isinstance(self.default, bool | int | tuple) else str(self.default))


def settings(model: type[Section], above: tuple[str, ...] = ()) -> Iterator[Setting]:
    """Yield every setting of a model and of the models below it, in the order in which they are declared."""
    for name, field in _fields(model).items():
        key = (*above, name)
        below, keyed = _below(field.annotation)
        if below is not None:
            yield from settings(below, (*key, ANY) if keyed else key)
        else:
            needed = field.is_required()
            yield Setting(key, field, needed, None if needed else field.default)


def fields_at(model: type[Section], path: Sequence[str | int]) -> list[str]:
    """Return the names of the settings and tables in the table at `path`; none where there is no such table."""
    place = _model_at(model, path)
    return [] if place is None else list(_fields(place))


def kind_at(model: type[Section], path: Sequence[str | int]) -> str | None:
    """Return the type of the setting at `path` in the operator's words; None where there is no such setting."""
    place = _model_at(model, path[:-1])
    field = None if place is None else _fields(place).get(str(path[-1]))
    return None if field is None else _kind(field.annotation)


def _model_at(model: type[Section], path: Sequence[str | int]) -> type[Section] | None:
    place: type[Section] | None = model
    keyed = False
    for part in path:
        if keyed:
            keyed = False
        elif place is not None and str(part) in _fields(place):
            place, keyed = _below(_fields(place)[str(part)].annotation)
        else:
            return None
    return None if keyed else place


def _fields(model: type[Section]) -> Mapping[str, FieldInfo]:
    """Return the fields of a model by the names that the operator writes."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _below(annotation: Any) -> tuple[type[Section] | None, bool]:
    """Model that a field's type holds, and whether it is held under a name or number of its own."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation, False
    arguments = [part for part in get_args(annotation) if part not in (NoneType, ...)]
    for part in arguments:
        found, keyed = _below(part)
        if found is not None:
            return found, keyed or get_origin(annotation) in (dict, tuple, list)
    return None, False


def _kind(annotation: Any) -> str:
    """Name a type: Annotated, Optional and Literal are looked through."""
    origin = get_origin(annotation)
    if origin is tuple:
        return "list of text"
    if origin is Annotated or origin in (Union, UnionType):
        return _kind(get_args(annotation)[0])
    return {bool: "true or false", int: "whole number", float: "duration"}.get(annotation, "text")
