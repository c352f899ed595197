"""The do-not-call list: numbers that are never called back. As a typed command it is called `dnc`."""

from typing import Annotated, Any, Final, TypedDict

from proxy.verbs.shapes.fields import SENTENCE, limit_field, line_field, lines_field, number_field
from proxy.verbs.shapes.kinds import Moment
from proxy.verbs.shapes.verb import NOT_BY_MQTT, In, Verb

MOST_TEXT: Final = 4 << 20
"""Characters of a list that is imported."""
MOST_REFUSED: Final = 1_000
"""Lines that a report names."""


class DoNotCallRow(TypedDict):
    """A number on the list."""

    customer: Annotated[str, "E.164"]
    since: Moment
    reason: str


class ListDoNotCall(In):
    """How many."""

    limit: int = limit_field()


class OneNumber(In):
    """Which number."""

    customer: str = number_field("Number, as +E.164 or as the policy's region writes it.", required=True,
                                 place="CUSTOMER")


class AddDoNotCall(OneNumber):
    """Which number, and why."""

    reason: str = line_field("For the list and the journal.", most=SENTENCE, default="")


class AddedDoNotCall(TypedDict):
    """A number that is on the list now."""

    customer: Annotated[str, "E.164"]


class RemovedDoNotCall(TypedDict):
    """A number that is not on the list any more."""

    customer: Annotated[str, "E.164"]
    removed: Annotated[int, "0: it was not on it; 1"]


class RefusedLine(TypedDict):
    """A line that is not on the list now."""

    line: Annotated[int, "Of the text, from 1"]
    text: Annotated[str, "As it stood there, cut to 200 characters"]
    why: str


class ImportReport(TypedDict):
    """What became of each line."""

    added: Annotated[int, "Numbers that are on the list now and were not before"]
    known: Annotated[int, "Numbers that were on it, or came twice: nothing has changed for them"]
    refused: Annotated[list[RefusedLine], "Lines without a number that can be read; the first 1,000"]
    refused_lines: Annotated[int, "How many there are of these"]


class ImportDoNotCall(In):
    """Which numbers, and why."""

    text: str = lines_field("One number a line, or CSV with the number and a reason.", most=MOST_TEXT, required=True)
    reason: str = line_field("For lines without one.", most=SENTENCE, default="")


LIST: Final = Verb("dnc.list", ListDoNotCall, list[DoNotCallRow], "supervisor",
                   "The do-not-call list, the newest first")
ADD: Final = Verb("dnc.add", AddDoNotCall, AddedDoNotCall, "supervisor", "Never call a number back; its open tasks end",
                  changes=True)
REMOVE: Final = Verb("dnc.remove", OneNumber, RemovedDoNotCall, "supervisor", "Take a number off the do-not-call list",
                     changes=True, key="customer")

IMPORT: Final = Verb("dnc.import", ImportDoNotCall, ImportReport, "supervisor",
                     "Put many numbers on the do-not-call list, and say what became of each line", changes=True,
                     doors=NOT_BY_MQTT)

VERBS: Final[tuple[Verb[Any, Any], ...]] = (LIST, ADD, REMOVE, IMPORT)
