"""Prompts: what callers and agents hear, built in or uploaded."""

from typing import Annotated, Any, Final, TypedDict, get_args

from config.limits import Language
from proxy.verbs.shapes.fields import flag_field, line_field, one_of_field, text_field, whole_field
from proxy.verbs.shapes.kinds import Moment
from proxy.verbs.shapes.recordings import LARGEST, Part
from proxy.verbs.shapes.verb import NOT_BY_MQTT, In, Nothing, Verb

MOST_DATA: Final = 7_500_000
"""Characters of a file in base64: what one request on the control socket has room for."""


class Prompt(TypedDict):
    """One recording."""

    name: Annotated[str, "As settings name it"]
    language: Annotated[str | None, "null: of every language that has none of its own"]
    built_in: Annotated[bool, "It came with the program; an uploaded one of its name and language is played instead"]
    bytes: int
    seconds: Annotated[float | None, "null: it is kept in another form than it is played in"]
    changed: Moment
    used: Annotated[list[str], "Settings that name it"]


class OnePrompt(In):
    """Which recording."""

    name: str = line_field("Letters, digits, _ and -.", required=True, place="NAME")
    language: str | None = one_of_field("Of this language; of every one where left out.", get_args(Language))


class AddPrompt(OnePrompt):
    """A recording."""

    data: str = text_field("A WAV file in base64: any rate, PCM, floats, A-law or u-law; it is converted.",
                           most=MOST_DATA, required=True)


class GetPrompt(OnePrompt):
    """Which recording, and from where on."""

    built_in: bool = flag_field("The one that came with the program.")
    offset: int = whole_field("Bytes that are left out at its beginning.", 0, LARGEST, default=0)


class RemovedPrompt(TypedDict):
    """A recording that is no more."""

    name: str
    language: str | None


LIST: Final = Verb("prompts.list", Nothing, list[Prompt], "supervisor", "Recordings that callers and agents hear",
                   doors=NOT_BY_MQTT)
ADD: Final = Verb("prompts.add", AddPrompt, Prompt, "supervisor",
                  "Upload a recording, in the place of the one of its name and language", changes=True,
                  doors=NOT_BY_MQTT)
GET: Final = Verb("prompts.get", GetPrompt, Part, "supervisor", "A recording as a WAV file", doors=NOT_BY_MQTT,
                  key="name")
REMOVE: Final = Verb("prompts.remove", OnePrompt, RemovedPrompt, "supervisor", "Remove an uploaded recording",
                     changes=True, doors=NOT_BY_MQTT, key="name")

VERBS: Final[tuple[Verb[Any, Any], ...]] = (LIST, ADD, GET, REMOVE)
