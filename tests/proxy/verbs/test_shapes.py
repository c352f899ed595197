"""The shapes: complete, told in sentences, the same words as those they stand for; how arguments are read and answers
written."""

from typing import Annotated, Any, NotRequired, TypedDict, get_args

import pytest
from typer.testing import CliRunner

from proxy.cli import asks
from proxy.logger import Level
from proxy.verbs.shapes import answers, callbacks, events, fields
from proxy.verbs.shapes.catalogue import ALL, BY_NAME, at
from proxy.verbs.shapes.errors import ArgumentError
from proxy.verbs.shapes.kinds import Facts, Moment
from proxy.verbs.shapes.verb import In, Nothing, Verb
from routing.rows import TaskKind, TaskState
from tests.kit.fitting import misfits

AT = 1_795_000_000.5
TOLD = "2026-11-18T11:06:40.500Z"


def test_names_are_one_for_each_and_sentences_are_there() -> None:
    assert len(BY_NAME) == len(ALL) > 40
    for verb in ALL:
        assert verb.means
        assert not verb.means.endswith(".")
        assert verb.doors >= {"socket"}, verb.name
        assert not verb.key or verb.takes.fields[verb.key].place, f"{verb.name}: what the command calls its key"
        for name, field in verb.takes.fields.items():
            assert field.means.endswith("."), f"{verb.name}: {name}"
            assert hasattr(verb.takes.read({one: given(other) for one, other in verb.takes.fields.items()}),
                           name if name != "from" else "from_")


def given(field: fields.Field) -> Any:
    odd = {"kinds": [], "ids": [], "toml": "", "role": "agent", "groups": [],
           "changes": [{"key": "region", "value": "HU"}]}
    return odd.get(field.name, field.default if not field.required else "x")


class Deep(TypedDict):
    """Moments at every depth."""

    at: Moment | None
    names: Annotated[list[Moment], "When"]
    by: dict[str, Moment]
    text: str
    facts: Facts


def test_an_answer_is_read_as_it_was_given() -> None:
    verb = Verb("deep", Nothing, list[Deep], "admin", "Deep")
    given_: list[Deep] = [{
        "at": 1763464000.125, "names": [0.0, 1.5], "by": {"x": 2.0}, "text": "2026-11-18T11:06:40.000Z",
        "facts": {"due_at": 3.0, "missed_at": 7, "deep": [{"until": 4.25, "text": "1970-01-01T00:00:00Z"}]}}]
    written = answers.write(verb, given_)
    assert written[0]["at"].startswith("2025-")
    assert answers.read(verb, written) == given_
    assert answers.read(verb, [{"at": None, "names": [], "by": {}, "text": "", "facts": {}}])[0]["at"] is None


def test_words_are_those_of_the_rows() -> None:
    assert get_args(callbacks.TaskState) == get_args(TaskState)
    assert get_args(callbacks.TaskKind) == get_args(TaskKind)
    assert get_args(events.Level) == get_args(Level)


def test_by_mqtt_nobody_changes_the_policy_and_nothing_streams() -> None:
    nouns = {verb.noun for verb in at("mqtt").values()}
    assert nouns == {"callbacks", "dnc", "campaigns", "tickets", "agents", "calls", "direct", "queues"}
    assert {name for name, verb in BY_NAME.items() if verb.streams} == {"trace", "events"}
    assert {verb.name for verb in ALL if verb.role == "agent" and verb.noun in ("policy", "alarms", "log")} == set()
    assert not [verb.name for verb in ALL if verb.noun == "policy" and verb.role == "agent"]


class Asked(In):
    """A verb that there is not."""

    word: str = fields.line_field("A word.", required=True, place="WORD")
    count: int | None = fields.whole_field("How many.", 1, 3)
    at: float | None = fields.moment_field("When.")
    from_: str | None = fields.line_field("From where.")
    loud: bool = fields.flag_field("Loudly.")


class Part(TypedDict):
    """A part."""

    at: Moment


class Given(TypedDict):
    """What is given."""

    at: Annotated[Moment | None, "When it was"]
    parts: list[Part]
    named: dict[str, Part]
    facts: Facts
    more: NotRequired[Annotated[str, "More of it"]]


VERB = Verb("things.make", Asked, Given, "agent", "Make a thing", changes=True, key="word")


def test_arguments_are_read() -> None:
    read = Asked.read({"word": "x", "count": 2, "at": "2026-11-18T12:06:40.5+01:00", "from": "there", "loud": True})
    assert (read.word, read.count, read.at, read.from_, read.loud) == ("x", 2, AT, "there", True)
    least = Asked.read({"word": "x", "count": None, "from": ""})
    assert (least.count, least.at, least.from_, least.loud) == (None, None, None, False)
    assert Asked.read({"word": "x", "at": AT}).at == AT, "as it always was"


@pytest.mark.parametrize(("args", "key", "text"), [
    ({}, "word", "word is missing"), ({"word": ""}, "word", "word is missing"),
    ({"word": 5}, "word", "word is no text"), ({"word": "x" * 65}, "word", "word has 65 characters, 64 at most"),
    ({"word": "a\nb"}, "word", "word: 'a\\nb' holds a control character ('\\n')"),
    ({"word": "x", "count": 4}, "count", "count: 4 is no whole number from 1 to 3"),
    ({"word": "x", "count": True}, "count", "count: True is no whole number from 1 to 3"),
    ({"word": "x", "at": "2026-11-18T12:06:40"}, "at",
     "at: '2026-11-18T12:06:40' is no moment: write it as 2026-11-23T12:00:00+01:00"),
    ({"word": "x", "at": 10 ** 400}, "at", "is no moment"),
    ({"word": "x", "loud": "yes"}, "loud", "loud: 'yes' is neither true nor false"),
    ({"word": "x", "wrod": 1}, "wrod", "there is no argument 'wrod': word, count, at, from, loud"),
])
def test_an_argument_that_cannot_be_is_named(args: dict[str, Any], key: str, text: str) -> None:
    with pytest.raises(ArgumentError) as error:
        Asked.read(args)
    assert text in str(error.value)
    assert [problem["key"] for problem in error.value.problems] == [key]


def test_an_answer_is_written_by_its_shape() -> None:
    made = {"at": None, "parts": [{"at": AT}], "named": {"a": {"at": AT}},
            "facts": {"due_at": AT, "seconds": AT, "deep": [{"until": AT}]}}
    told = answers.write(VERB, made)
    assert told == {"at": None, "parts": [{"at": TOLD}], "named": {"a": {"at": TOLD}},
                    "facts": {"due_at": TOLD, "seconds": AT, "deep": [{"until": TOLD}]}}
    assert misfits(VERB, told) == []
    assert made["parts"] == [{"at": AT}], "what was given is left as it was"
    assert misfits(VERB, {**told, "at": 5, "other": 1}) != []


def test_a_shape_is_described() -> None:
    schemas = answers.Schemas()
    assert schemas.of(Given) == {"$ref": "#/components/schemas/Given"}
    found = schemas.parts["Given"]
    assert found["required"] == ["at", "parts", "named", "facts"]
    assert found["properties"]["at"]["description"] == "When it was"
    assert found["properties"]["more"] == {"type": "string", "description": "More of it"}
    assert schemas.parts["Part"]["properties"]["at"] == {"type": "string", "format": "date-time"}
    taken = Asked.schema()
    assert (taken["required"], taken["additionalProperties"]) == (["word"], False)
    assert taken["properties"]["count"] == {"type": "integer", "minimum": 1, "maximum": 3, "description": "How many."}


def test_a_verb_that_nobody_wrote_a_command_for_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, dict[str, Any]]] = []

    def ask(config: object, socket: object, verb: str, **args: Any) -> Any:
        said.append((verb, args))
        return {"at": TOLD, "parts": []}

    monkeypatch.setattr(asks, "ask", ask)
    app = asks.group("Things.")
    asks.rest(app, (VERB, callbacks.LIST))
    run = CliRunner().invoke(app, ["make", "x", "--count", "2", "--from", "there", "--loud"])
    assert (run.exit_code, said) == (0, [("things.make", {
        "word": "x", "count": 2, "at": None, "from": "there", "loud": True})])
    assert "at " in run.stdout
    wrong = CliRunner().invoke(app, ["make", "x", "--count", "7"])
    assert (wrong.exit_code, wrong.stderr) == (2, "boomerang: count: 7 is no whole number from 1 to 3\n")
