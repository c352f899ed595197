"""A section of a file: fields with types, defaults and sentences, checked when one is made, and fixed from then on."""

import inspect
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, dataclass_transform

from config.checks import (
    MISSING,
    Context,
    Fault,
    Field,
    FieldInfo,
    InvalidError,
    SecretBytes,
    SecretStr,
    check_of,
    printable,
    writer_of,
    wrong,
)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
class Section:
    """Base of every section: unknown keys are errors, nothing is converted in silence, nothing changes later.

    `Section(key=value, ...)` checks what it is given as `model_validate` does, by the names of its fields or by what
    the file calls them (`alias`).
    """

    model_fields: ClassVar[Mapping[str, FieldInfo]] = {}
    """Its fields by name, those that it inherits first."""
    _keys: ClassVar[Mapping[str, FieldInfo]] = {}
    """The same by what the file calls them."""

    def __init_subclass__(cls) -> None:
        fields = dict(cls.model_fields)
        for name, annotation in inspect.get_annotations(cls).items():
            if not name.startswith("_"):
                fields[name] = _field(name, annotation, cls.__dict__.get(name, MISSING))
                if name in cls.__dict__:
                    delattr(cls, name)
        cls.model_fields = fields
        cls._keys = {field.alias or name: field for name, field in fields.items()}

    def __init__(self, **values: Any) -> None:
        by_key = {self.model_fields[name].alias or name if name in self.model_fields else name: value
                  for name, value in values.items()}
        self._fill(by_key, {})

    @classmethod
    def model_validate(cls, raw: object, *, context: Context | None = None) -> Self:
        """Return the section of a parsed table; InvalidError with everything that is wrong in it.

        `context`: what is known of the file. A section that was checked already is taken as it is.
        """
        if isinstance(raw, cls):
            return raw
        if not isinstance(raw, Mapping):
            raise wrong("model_type", raw)
        made = cls.__new__(cls)
        made._fill(raw, context or {})
        return made

    def _fill(self, raw: Mapping[str, Any], context: Context) -> None:
        values = self.__dict__
        faults: list[Fault] = []
        for key, field in self._keys.items():
            given = raw.get(key, MISSING)
            if given is MISSING:
                if field.default is MISSING:
                    faults.append(Fault((key,), "missing", raw))
                values[field.name] = field.default.copy() if isinstance(field.default, dict) else field.default
                continue
            check = field.check
            if check is None:
                check = field.check = field.around(check_of(field.annotation))
            try:
                values[field.name] = check(given, context)
            except InvalidError as error:
                faults += error.below(key)
        if len(raw) > len(self._keys) or not raw.keys() <= self._keys.keys():
            faults += [Fault((printable(key),), "extra_forbidden", given)
                       for key, given in raw.items() if key not in self._keys]
        if not faults:
            faults = [Fault(tuple(key.split(".")) if key else (), "contradiction", raw, text)
                      for key, text in self.contradictions()]
        if faults:
            raise InvalidError(faults)

    def contradictions(self) -> Iterable[tuple[str, str]]:
        """Return what does not go together, where each value by itself is right, as (key in this section, text)."""
        return ()

    def model_copy(self, *, update: Mapping[str, Any]) -> Self:
        """Return the same section but for some fields, which are not checked."""
        made = type(self).__new__(type(self))
        for name in self.model_fields:
            made.__dict__[name] = update[name] if name in update else self.__dict__[name]
        return made

    def model_dump(self, *, mode: Literal["python", "json"] = "python", by_alias: bool = False,
                   exclude_none: bool = False, include: Collection[str] | None = None) -> dict[str, Any]:
        """Return the values by field, sections as dictionaries.

        `json`: with what JSON has: durations and paths as text, lists, asterisks for a secret. `by_alias`: by what the
        file calls them. `exclude_none`: without those that are None. `include`: these fields alone.
        """
        found: dict[str, Any] = {}
        for name, field in self.model_fields.items():
            value = self.__dict__[name]
            if (value is None and exclude_none) or (include is not None and name not in include):
                continue
            if mode == "json" and value is not None and field.write is not None:
                value = field.write(value)
            else:
                value = _dumped(value, mode, by_alias, exclude_none)
            found[field.alias or name if by_alias else name] = value
        return found

    def __setattr__(self, name: str, value: object) -> None:
        raise ValueError(f"{type(self).__name__} is frozen")

    def __delattr__(self, name: str) -> None:
        raise ValueError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), *self._values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in self._shown())})"

    def __str__(self) -> str:
        return " ".join(f"{key}={value!r}" for key, value in self._shown())

    def _values(self) -> tuple[Any, ...]:
        return tuple(self.__dict__[name] for name in self.model_fields)

    def _shown(self) -> list[tuple[str, Any]]:
        return [(name, self.__dict__[name]) for name, field in self.model_fields.items() if field.shown]


def _field(name: str, annotation: Any, said: Any) -> FieldInfo:
    """Return the field of an annotation and what stands behind its equals sign."""
    field = said if isinstance(said, FieldInfo) else FieldInfo(said)
    field.name, field.annotation = name, annotation
    field.write = writer_of(annotation)
    return field


def _dumped(value: Any, mode: Literal["python", "json"], by_alias: bool, exclude_none: bool) -> Any:
    if isinstance(value, Section):
        return value.model_dump(mode=mode, by_alias=by_alias, exclude_none=exclude_none)
    if isinstance(value, dict):
        return {key: _dumped(item, mode, by_alias, exclude_none) for key, item in value.items()}
    if isinstance(value, tuple):
        items = [_dumped(item, mode, by_alias, exclude_none) for item in value]
        return items if mode == "json" else tuple(items)
    if mode == "json" and isinstance(value, Path | SecretStr | SecretBytes):
        return str(value)
    return value
