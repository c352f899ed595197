"""The do-not-call list: numbers that are never called back. As a typed command it is called `dnc`."""

from typing import Annotated, Any, Final, TypedDict

from proxy.verbs.shapes.fields import SENTENCE, limit_field, line_field, number_field
from proxy.verbs.shapes.kinds import Moment
from proxy.verbs.shapes.verb import In, Verb


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


LIST: Final = Verb("dnc.list", ListDoNotCall, list[DoNotCallRow], "supervisor",
                   "The do-not-call list, the newest first")
ADD: Final = Verb("dnc.add", AddDoNotCall, AddedDoNotCall, "supervisor", "Never call a number back; its open tasks end",
                  changes=True)
REMOVE: Final = Verb("dnc.remove", OneNumber, RemovedDoNotCall, "supervisor", "Take a number off the do-not-call list",
                     changes=True, key="customer")

VERBS: Final[tuple[Verb[Any, Any], ...]] = (LIST, ADD, REMOVE)
