"""What the value of a setting may be: an annotation as a check.

The words are pydantic's (`Annotated`, `Field`, `BeforeValidator`, `AfterValidator`), and so is what they mean in its
strict mode, of which this and section.py are the part that the files need; tests hold them to it. The library itself,
once it has built the models, takes 11 MB of a process that is to rest below 60, and a third of its start.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, Protocol, Union, get_args, get_origin

Context = Mapping[str, Any]
"""What is known of the place that values come from."""
Check = Callable[[Any, Context], Any]
"""Returns the value that stands for the one given; `InvalidError` where it is none."""
Key = tuple[str | int, ...]

MISSING: Final = object()
"""In the place of a default that there is none of."""


class Fault(NamedTuple):
    """What is wrong with a value."""

    path: Key
    """Where it stands below what was checked."""
    kind: str
    """What is wrong, by pydantic's name for it."""
    given: object
    text: str = ""
    """What a validator said of it, or what the kind leaves open."""
    limit: float = 0
    """What it is compared with."""


class InvalidError(ValueError):
    """A value that cannot stand where it does, with all that is wrong in it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{'.'.join(map(str, one.path)) or 'it'}: {one.text or one.kind}"
                                   for one in self.faults))

    def below(self, key: str | int) -> list[Fault]:
        """The same faults, seen from one level above."""
        return [one._replace(path=(printable(key), *one.path)) for one in self.faults]


def printable(key: str | int) -> str | int:
    """Return a key as it can be written in UTF-8: JSON can say half of a surrogate pair."""
    return key if isinstance(key, int) or key.isascii() else key.encode(errors="surrogatepass").decode(errors="replace")


def wrong(kind: str, given: object, text: str = "", limit: float = 0) -> InvalidError:
    """Return the error of a value that has one fault."""
    return InvalidError([Fault((), kind, given, text, limit)])


class Checked(Protocol):
    """A type that says by itself how its values are checked."""

    @classmethod
    def model_validate(cls, raw: object, *, context: Context | None = None) -> object:
        """Return one of it. Raises InvalidError."""


class BeforeValidator(NamedTuple):
    """Turns what was given into something else before it is checked; ValueError refuses it."""

    turn: Check

    def around(self, check: Check) -> Check:
        """Return the check with this one before it."""
        turn = self.turn

        def checked(value: Any, context: Context) -> Any:
            try:
                turned = turn(value, context)
            except ValueError as error:
                raise wrong("value_error", value, str(error)) from None
            return check(turned, context)

        return checked


class AfterValidator(NamedTuple):
    """Turns what passed a check into what stands for it; ValueError refuses it."""

    turn: Callable[[Any], Any]

    def around(self, check: Check) -> Check:
        """Return the check with this one behind it."""
        turn = self.turn

        def checked(value: Any, context: Context) -> Any:
            passed = check(value, context)
            try:
                return turn(passed)
            except ValueError as error:
                raise wrong("value_error", value, str(error)) from None

        return checked


class PlainSerializer(NamedTuple):
    """Writes a value as JSON has it."""

    write: Callable[[Any], Any]

    def around(self, check: Check) -> Check:
        """Nothing is checked."""
        return check


class FieldInfo:
    """A field: its type, default, and what is said of it; or, within `Annotated`, the limits of a value."""

    __slots__ = ("alias", "annotation", "check", "default", "description", "ge", "gt", "le", "max_length", "min_length",
                 "name", "pattern", "shown", "write")

    def __init__(self, default: Any = MISSING, *, alias: str | None = None, description: str | None = None,
                 shown: bool = True, ge: float | None = None, gt: float | None = None, le: float | None = None,
                 min_length: int = 0, max_length: int | None = None, pattern: str | None = None) -> None:
        self.default, self.alias, self.description, self.shown = default, alias, description, shown
        self.ge, self.gt, self.le, self.min_length, self.max_length = ge, gt, le, min_length, max_length
        self.pattern = pattern
        self.name = ""
        self.annotation: Any = None
        """Its type, with what is said in it of its values."""
        self.check: Check | None = None
        """Made when it is first needed: most of what may be said is not."""
        self.write: Callable[[Any], Any] | None = None
        """How its value is written as JSON, where it says so."""

    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.default is MISSING

    def around(self, check: Check) -> Check:
        """Return the check with these limits behind it."""
        for kind, limit, holds in (("greater_than_equal", self.ge, _at_least), ("greater_than", self.gt, _above),
                                   ("less_than_equal", self.le, _at_most)):
            if limit is not None:
                check = _limited(check, kind, limit, holds)
        if self.min_length or self.max_length is not None:
            check = _measured(check, self.min_length, self.max_length)
        if self.pattern is not None:
            check = _matched(check, self.pattern)
        return check


def Field(default: Any = MISSING, **said: Any) -> Any:  # noqa: N802
    """Describe a field or limit a value: `default`, `alias`, `description`, `shown`; `ge`, `gt`, `le`, `min_length`,
    `max_length`, and a `pattern` that a whole text matches.
    """
    return FieldInfo(default, **said)


def _at_least(value: Any, limit: float) -> bool:
    return bool(value >= limit)


def _above(value: Any, limit: float) -> bool:
    return bool(value > limit)


def _at_most(value: Any, limit: float) -> bool:
    return bool(value <= limit)


def _limited(check: Check, kind: str, limit: float, holds: Callable[[Any, float], bool]) -> Check:
    def checked(value: Any, context: Context) -> Any:
        passed = check(value, context)
        if not holds(passed, limit):
            raise wrong(kind, value, limit=limit)
        return passed

    return checked


def _measured(check: Check, least: int, most: int | None) -> Check:
    def checked(value: Any, context: Context) -> Any:
        if most is not None and isinstance(value, list | tuple) and len(value) > most:  # before it is read
            raise wrong("too_long", value, f"must have at most {most} items")
        passed = _readable(check(value, context))
        if len(passed) < least:
            raise (wrong("string_too_short", value, f"string should have at least {_signs(least)}")
                   if isinstance(passed, str) else wrong("too_short", value))
        if most is not None and isinstance(passed, str) and len(passed) > most:
            raise wrong("string_too_long", value, f"string should have at most {_signs(most)}")
        return passed

    return checked


def _readable(value: Any) -> Any:
    """Refuse a text with half of a surrogate pair: JSON can say one."""
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise wrong("string_unicode", value, "must be text in Unicode") from None
    return value


def _signs(count: int) -> str:
    return f"{count} character{'' if count == 1 else 's'}"


def _matched(check: Check, pattern: str) -> Check:
    compiled = re.compile(pattern)

    def checked(value: Any, context: Context) -> Any:
        passed = _readable(check(value, context))
        if compiled.fullmatch(passed) is None:
            raise wrong("string_pattern_mismatch", value, f"string should match pattern '{pattern}'")
        return passed

    return checked


class SecretStr:
    """A text that is shown nowhere."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def get_secret_value(self) -> str:
        """Return the text."""
        return self._secret

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretStr) and other._secret == self._secret

    def __hash__(self) -> int:
        return hash(self._secret)

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self}')"

    def __str__(self) -> str:
        return "**********" if self._secret else ""


class SecretBytes:
    """Octets that are shown nowhere."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def get_secret_value(self) -> bytes:
        """Return the octets."""
        return self._secret

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretBytes) and other._secret == self._secret

    def __hash__(self) -> int:
        return hash(self._secret)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"

    def __str__(self) -> str:
        return "b'**********'" if self._secret else "b''"


# How the value of each type is checked


def _text(value: Any, context: Context) -> str:
    if not isinstance(value, str):
        raise wrong("string_type", value)
    return value


def _truth(value: Any, context: Context) -> bool:
    if not isinstance(value, bool):
        raise wrong("bool_type", value)
    return value


def _whole(value: Any, context: Context) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong("int_type", value)
    return value


def _number(value: Any, context: Context) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise wrong("float_type", value)
    try:
        return float(value)
    except OverflowError:
        raise wrong("float_type", value) from None


def _instance(wanted: type, kind: str) -> Check:
    def checked(value: Any, context: Context) -> Any:
        if not isinstance(value, wanted):
            raise wrong(kind, value)
        return value

    return checked


_PLAIN: Final[Mapping[type, Check]] = {
    str: _text, bool: _truth, int: _whole, float: _number, Path: _instance(Path, "is_instance_of"),
    SecretStr: _instance(SecretStr, "string_type"), SecretBytes: _instance(SecretBytes, "bytes_type"),
}


def check_of(annotation: Any) -> Check:
    """Return the check of a type; TypeError for one that no file needs."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        check = check_of(arguments[0])
        for mark in arguments[1:]:
            check = mark.around(check)
        return check
    if origin in (Union, UnionType) and len(arguments) == 2 and arguments[1] is NoneType:
        return _or_none(check_of(arguments[0]))
    if origin is Literal:
        return _one_of(arguments)
    if origin is tuple and arguments[1:] == (...,):
        return _list_of(check_of(arguments[0]))
    if origin is dict:
        return _table_of(check_of(arguments[0]), check_of(arguments[1]))
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if hasattr(annotation, "model_validate"):
        return _section(annotation)
    raise TypeError(f"{annotation} is no type of a setting")


def _section(kind: type[Checked]) -> Check:
    return lambda value, context: kind.model_validate(value, context=context)


def _or_none(check: Check) -> Check:
    return lambda value, context: None if value is None else check(value, context)


def _one_of(choices: tuple[str, ...]) -> Check:
    *others, last = [repr(choice) for choice in choices]
    text = "must be " + (f"{', '.join(others)} or {last}" if others else last)

    def checked(value: Any, context: Context) -> str:
        if isinstance(value, str) and _readable(value) in choices:
            return value
        raise wrong("literal_error", value, text)

    return checked


def _list_of(check: Check) -> Check:
    def checked(value: Any, context: Context) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise wrong("tuple_type", value)
        found: list[Any] = []
        faults: list[Fault] = []
        for place, item in enumerate(value):
            try:
                found.append(check(item, context))
            except InvalidError as error:
                faults += error.below(place)
        if faults:
            raise InvalidError(faults)
        return tuple(found)

    return checked


def _table_of(name: Check, check: Check) -> Check:
    def checked(value: Any, context: Context) -> dict[Any, Any]:
        if not isinstance(value, dict):
            raise wrong("dict_type", value)
        found: dict[Any, Any] = {}
        faults: list[Fault] = []
        for key, item in value.items():
            checks = len(faults)
            try:
                name(key, context)
            except InvalidError as error:
                faults += error.below(key)
            try:
                passed = check(item, context)
            except InvalidError as error:
                faults += error.below(key)
            if len(faults) == checks:
                found[key] = passed
        if faults:
            raise InvalidError(faults)
        return found

    return checked


def value_of(annotation: Any, value: object) -> Any:
    """Return what stands for one value of a type; InvalidError where it is none."""
    return check_of(annotation)(value, {})


def writer_of(annotation: Any) -> Callable[[Any], Any] | None:
    """Return how values of a type are written as JSON, where the type says so."""
    for argument in get_args(annotation):
        found = argument.write if isinstance(argument, PlainSerializer) else writer_of(argument)
        if found is not None:
            return found
    return None
