"""Direct callbacks: calls of this customer go to this agent."""

from typing import Annotated, Final, TypedDict

from proxy.verbs.shapes.fields import limit_field, line_field, number_field
from proxy.verbs.shapes.kinds import Moment
from proxy.verbs.shapes.verb import In, Verb


class Direct(TypedDict):
    """A live record."""

    customer: Annotated[str, "E.164"]
    agent: Annotated[str, "Extension"]
    type: Annotated[int, "1 to 4, the setting it was made under"]
    created: Moment
    touched: Annotated[Moment, "When the agent last tried, or they last talked"]
    expires: Annotated[Moment, "At this very moment it is gone"]


class ListDirect(In):
    """How many."""

    limit: int = limit_field()


class OfCustomer(In):
    """Whose records."""

    customer: str = number_field("Number of the customer, as +E.164 or as the policy's region writes it.",
                                 required=True, place="CUSTOMER")


class RemoveDirect(OfCustomer):
    """Whose records go."""

    agent: str | None = line_field("Only this agent's record.")


class Removed(TypedDict):
    """What was removed."""

    removed: Annotated[int, "How many"]


LIST: Final = Verb("direct.list", ListDirect, list[Direct], "agent",
                   "Live direct callbacks, the one touched last first")
SHOW: Final = Verb("direct.show", OfCustomer, list[Direct], "agent",
                   "Those of one customer: the first one is where a call would go", key="customer")
REMOVE: Final = Verb("direct.remove", RemoveDirect, Removed, "agent",
                     "Remove those of one customer, or the one with one agent", changes=True, key="customer")

VERBS: Final = (LIST, SHOW, REMOVE)
