"""Sections are held to pydantic's strict mode: models that say the same are made of them, and given the same."""

from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.checks import (
    AfterValidator,
    BeforeValidator,
    Context,
    Fault,
    Field,
    FieldInfo,
    InvalidError,
    PlainSerializer,
    SecretBytes,
    SecretStr,
    check_of,
    value_of,
)
from config.duration import format_duration
from config.loading import FOLDER, WRITTEN
from config.node import NodeConfig
from config.policy import Policy
from config.section import Section

NOT_TEXT = {"is_instance_of", "string_type", "bytes_type"}
"""A secret is a type of ours: pydantic names what is none by another word."""
ANNOTATED: Any = Annotated
LIST: Any = tuple
TABLE: Any = dict
INSTANCE: Any = pydantic.InstanceOf
"""Types that are put together here are none to a type checker."""


def theirs(annotation: Any) -> Any:
    """The type that says the same to pydantic."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return ANNOTATED[(theirs(arguments[0]), *map(mark_of, arguments[1:]))]
    if origin in (Union, UnionType):
        return theirs(arguments[0]) | None
    if origin is tuple:
        return ANNOTATED[LIST[theirs(arguments[0]), ...], pydantic.Field(strict=False)]
    if origin is dict:
        return TABLE[theirs(arguments[0]), theirs(arguments[1])]
    if annotation in (SecretStr, SecretBytes):
        return INSTANCE[annotation]
    return model_of(annotation) if isinstance(annotation, type) and issubclass(annotation, Section) else annotation


def mark_of(mark: Any) -> Any:
    if isinstance(mark, BeforeValidator):
        return pydantic.BeforeValidator(lambda value, info: mark.turn(value, info.context))
    if isinstance(mark, AfterValidator):
        return pydantic.AfterValidator(mark.turn)
    if isinstance(mark, PlainSerializer):
        return pydantic.PlainSerializer(mark.write, when_used="json")
    assert isinstance(mark, FieldInfo)
    return pydantic.Field(**limits(mark))


def limits(field: FieldInfo) -> dict[str, Any]:
    said = {name: getattr(field, name) for name in ("ge", "gt", "le", "max_length", "pattern")}
    said["min_length"] = field.min_length or None
    return {name: value for name, value in said.items() if value is not None}


def model_of(section: type[Section]) -> type[pydantic.BaseModel]:
    name = section.__name__
    if name not in MODELS:
        MODELS[name] = make_model(section)
    return MODELS[name]


MODELS: dict[str, type[pydantic.BaseModel]] = {}


def make_model(section: type[Section]) -> type[pydantic.BaseModel]:
    fields: dict[str, Any] = {}
    for name, field in section.model_fields.items():
        kind = theirs(field.annotation)
        said = limits(field) | ({"alias": field.alias} if field.alias else {})
        if isinstance(field.default, Section):
            said["default_factory"] = model_of(type(field.default))
        elif not field.is_required():
            said["default"] = field.default
        fields[name] = (kind, pydantic.Field(**said))
    config = pydantic.ConfigDict(extra="forbid", strict=True)
    return pydantic.create_model(section.__name__, __config__=config, **fields)


TEXTS = (
    "", "1", "9", "*", "a", "sales", "201", "2..", "a b", "é", "+3614445555", "+36 1 444 5555", "20s", "0s", "8h",
    "400d", "99999d", "20", "off", "end_of_day", "mon-fri 08:00-17:00", "mon", "HU", "XX", "001", "Europe/Budapest",
    "Nowhere", "10001", "2026-11-01", "2026-13-01", "%number%", "%who%", "x" * 300, "\ud800", "\n",
    "udp://127.0.0.1:5060", "tls://127.0.0.1", "sip:127.0.0.1", "127.0.0.1:1", "^[1-9]+$", "(", "X-Agent",
    "env:BOOMERANG_TEST_NOT_SET", "/", "..")
JUNK = st.one_of(
    st.sampled_from([None, True, False, 0, 1, -1, 3, 10**400, 0.5, -0.5, b"a"]),
    st.sampled_from([(), [], {}, ("a",), ["a"], [1], {"a": 1}]),
    st.sampled_from(TEXTS))


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """What may stand where a type is asked for: right more often than wrong."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    right: st.SearchStrategy[Any]
    if origin is Annotated or origin in (Union, UnionType):
        return values(arguments[0])
    if origin is Literal:
        right = st.sampled_from(arguments)
    elif origin is tuple:
        right = st.lists(values(arguments[0]), max_size=3)
    elif origin is dict:
        right = st.dictionaries(st.sampled_from(TEXTS), values(arguments[1]), max_size=2)
    elif isinstance(annotation, type) and issubclass(annotation, Section):
        right = tables(annotation)
    elif annotation is bool:
        right = st.booleans()
    elif annotation is int:
        right = st.integers(-1, 12)
    else:
        right = st.sampled_from(TEXTS)
    return st.integers(0, 9).flatmap(lambda dice: JUNK if dice == 0 else right)


def tables(section: type[Section]) -> st.SearchStrategy[dict[str, Any]]:
    keys = {field.alias or name: st.deferred(lambda field=field: values(field.annotation))  # type: ignore[misc]
            for name, field in section.model_fields.items()}
    few = st.lists(st.sampled_from([*keys, *keys, "unknown"]), max_size=6, unique=True)
    return few.flatmap(lambda chosen: st.fixed_dictionaries({key: keys.get(key, JUNK) for key in chosen}))


Found = list[tuple[tuple[str | int, ...], str, object]]


def ours_of(section: type[Section], raw: object, context: Context) -> tuple[Section | None, Found]:
    try:
        return section.model_validate(raw, context=context), []
    except InvalidError as error:
        faults = [fault for fault in error.faults if fault.kind != "contradiction"]
        return None, [(fault.path, kind_of(fault.kind), fault.given) for fault in faults]


def theirs_of(section: type[Section], raw: object, context: Context) -> tuple[pydantic.BaseModel | None, Found]:
    try:
        return model_of(section).model_validate(raw, context=dict(context)), []
    except pydantic.ValidationError as error:
        details = error.errors()
        deeper = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
        kept = [one for one in details if one["type"] != "too_short" or one["loc"] not in deeper]
        return None, [(tuple(part for part in one["loc"] if part != "[key]"), kind_of(one["type"]), one["input"])
                      for one in kept]


def kind_of(kind: str) -> str:
    return "not text" if kind in NOT_TEXT else kind


@pytest.mark.parametrize("section", [Policy, NodeConfig])
@given(data=st.data())
def test_the_same_is_taken_and_refused(
    section: type[Section], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    raw = data.draw(values(section))
    context = {FOLDER: tmp_path_factory.getbasetemp(), WRITTEN: True}
    ours, faults = ours_of(section, raw, context)
    same, errors = theirs_of(section, raw, context)
    assert faults == errors
    if ours is not None and same is not None:
        for mode in ("python", "json"):
            assert ours.model_dump(mode=mode, by_alias=True) == same.model_dump(mode=mode, by_alias=True)
            assert ours.model_dump(mode=mode, exclude_none=True) == same.model_dump(mode=mode, exclude_none=True)


class Sub(Section):
    count: Annotated[int, Field(ge=1, le=3)] = Field(default=1, description="A count.")


class Sample(Section):
    name: Annotated[str, Field(min_length=1)] = Field(max_length=3)
    length: Annotated[float, PlainSerializer(format_duration)] = 20.0
    sub: Sub = Field(default=Sub())
    path: Path | None = None
    from_: str = Field(default="", alias="from")
    names: dict[str, Sub] = Field(default={})

    def contradictions(self) -> list[tuple[str, str]]:
        return [("sub.count", "not with a"), ("", "at all")] if self.name == "a" and self.sub.count == 3 else []


def test_what_is_made_is_fixed_and_equal_by_its_values() -> None:
    one, other = Sample(name="b"), Sample.model_validate({"name": "b", "sub": Sub()})
    assert one == other
    assert hash(one.sub) == hash(other.sub)
    assert one != Sample(name="c")
    assert one != "b"
    assert one.names is not other.names
    with pytest.raises(ValueError, match="frozen"):
        setattr(one, "name", "c")  # noqa: B010
    with pytest.raises(ValueError, match="frozen"):
        delattr(one, "name")
    assert repr(Sub(count=2)) == "Sub(count=2)"
    assert str(Sub(count=2)) == "count=2"
    assert one.model_copy(update={"name": "c"}) == Sample(name="c")


def test_a_section_that_was_checked_is_taken_as_it_is() -> None:
    sub = Sub(count=2)
    assert Sample(name="b", sub=sub).sub is sub


def test_what_does_not_go_together_is_said_with_its_keys() -> None:
    with pytest.raises(InvalidError, match=r"sub\.count: not with a; it: at all") as refused:
        Sample.model_validate({"name": "a", "sub": {"count": 3}})
    assert [(fault.path, fault.text) for fault in refused.value.faults] == [
        (("sub", "count"), "not with a"), ((), "at all")]


@pytest.mark.parametrize("text", ["", "a\0", "\ud800", "a/\udfff\ud800"])
def test_a_text_that_no_file_can_be_named_by_is_no_path(text: str, tmp_path: Path) -> None:
    """A file's own text cannot say all of these; what is said of them can be printed all the same."""
    raw, context = {"tickets": {"webhook_template": text}}, {FOLDER: tmp_path, WRITTEN: True}
    _, faults = ours_of(NodeConfig, raw, context)
    assert faults == theirs_of(NodeConfig, raw, context)[1]
    with pytest.raises(InvalidError) as refused:
        NodeConfig.model_validate(raw, context=context)
    assert any(fault.path == ("tickets", "webhook_template") and fault.text == "is not a path"
               for fault in refused.value.faults), refused.value.faults


@pytest.mark.parametrize(("raw", "faults"), [
    ({"name": "abcd"}, [Fault(("name",), "string_too_long", "abcd", "string should have at most 3 characters")]),
    ({"name": ""}, [Fault(("name",), "string_too_short", "", "string should have at least 1 character")]),
    ({"name": "b", "sub": {"count": 4}}, [Fault(("sub", "count"), "less_than_equal", 4, "", 3)]),
    ({"name": "b", "names": {"x": {"count": 0}}}, [Fault(("names", "x", "count"), "greater_than_equal", 0, "", 1)]),
    ({"name": "b", "from_": ""}, [Fault(("from_",), "extra_forbidden", "")]),
])
def test_faults_have_their_place_and_their_limit(raw: dict[str, Any], faults: list[Fault]) -> None:
    with pytest.raises(InvalidError) as refused:
        Sample.model_validate(raw)
    assert list(refused.value.faults) == faults


def test_a_text_matches_its_pattern_as_a_whole() -> None:
    key = Annotated[str, Field(pattern="^[0-9]$")]
    assert value_of(key, "1") == "1"
    for text in ("1\n", "12", ""):
        with pytest.raises(InvalidError):
            value_of(key, text)


def test_a_type_that_no_file_needs_is_said_at_once() -> None:
    for annotation in (bytes, int | str, tuple[int, str], list[int]):
        with pytest.raises(TypeError):
            check_of(annotation)


def test_a_secret_is_shown_nowhere() -> None:
    for secret in (SecretStr("abc"), SecretBytes(b"abc")):
        assert "abc" not in f"{secret} {secret!r}"
        assert secret == type(secret)(secret.get_secret_value())  # type: ignore[arg-type]
        assert hash(secret) == hash(type(secret)(secret.get_secret_value()))  # type: ignore[arg-type]
    assert SecretStr("a") != SecretStr("b")
    assert SecretBytes(b"a") != SecretBytes(b"b")
