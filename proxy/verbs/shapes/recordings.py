"""Recordings of callbacks."""

from typing import Annotated, Any, Final, TypedDict

from proxy.verbs.shapes.fields import limit_field, line_field, number_field, whole_field
from proxy.verbs.shapes.kinds import Moment
from proxy.verbs.shapes.verb import NOT_BY_MQTT, In, Verb

LONGEST_NAME: Final = 255
LARGEST: Final = 1 << 40
"""Bytes of a recording, at the most."""


class Recording(TypedDict):
    """A recording that is whole."""

    name: str
    time: Annotated[Moment, "When its attempt began"]
    bytes: int
    customer: str | None
    agent: str | None
    task: Annotated[str | None, "UUID version 7"]
    talk: Annotated[float | None, "Seconds"]


class Part(TypedDict):
    """A part of a recording: a WAV file, the agent left and the customer right."""

    name: str
    bytes: Annotated[int, "Of the whole"]
    offset: int
    data: Annotated[str, "Base64"]
    next_offset: Annotated[int | None, "Where the next part begins; null with the last one"]


class ListRecordings(In):
    """Which recordings."""

    limit: int = limit_field()
    customer: str | None = number_field("Only this customer's.")


class GetRecording(In):
    """Which recording, and from where on."""

    name: str = line_field("Of the recording, as the list shows it.", most=LONGEST_NAME, required=True, place="NAME")
    offset: int = whole_field("Bytes that are left out at its beginning.", 0, LARGEST, default=0)


LIST: Final = Verb("recordings.list", ListRecordings, list[Recording], "supervisor",
                   "Recordings that are whole, the newest first", doors=NOT_BY_MQTT)
GET: Final = Verb("recordings.get", GetRecording, Part, "supervisor",
                  "A recording: the agent left, the customer right", doors=NOT_BY_MQTT, key="name")

VERBS: Final[tuple[Verb[Any, Any], ...]] = (LIST, GET)
