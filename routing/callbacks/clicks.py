"""What an agent says of a callback by a click, equal to the keys of their phone: whichever comes first counts. A table.

1 and `accept` are the same, 2 and `decline` too. A click counts already while the card is looked at and while the phone
rings; of those two accept may be taken back by decline, for nobody was called yet. Once the customer is called both are
too late, and saying again what was said changes nothing.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final, NamedTuple


class Click(Enum):
    """What they say."""

    ACCEPT = "accept"
    DECLINE = "decline"


class AgentAt(Enum):
    """How far an attempt is for its agent."""

    COMING = auto()
    """The card is looked at, or the phone rings."""
    ASKED = auto()
    """They are on the line, and hear what to press."""
    ACCEPTED = auto()
    TALKING = auto()
    """The two hear each other."""


class Heard(Enum):
    """What a click comes to."""

    DONE = auto()
    ALREADY = auto()
    """It was said before, by a key or a click."""
    ACCEPTED = auto()
    """Too late: they have accepted."""
    TALKING = auto()
    """Too late: they talk already."""
    OVER = auto()
    """Too late: the attempt is over."""
    OTHERS = auto()
    """Somebody else has it."""
    UNPROVED = auto()
    """Somebody has it, and nothing shows who: only the key of that phone can say it."""
    NOT_PICKED_UP = auto()
    """Its place stands in the PBX's queue, and nobody has picked it up."""
    CUSTOMER_BACK = auto()
    """Its customer has rung in, and is in their place themselves."""
    NOBODY_RUNG = auto()
    """It waits: nobody is being rung for it."""


HEARS: Final[Mapping[tuple[Click, AgentAt], Heard]] = {
    (Click.ACCEPT, AgentAt.COMING): Heard.DONE,
    (Click.ACCEPT, AgentAt.ASKED): Heard.DONE,
    (Click.ACCEPT, AgentAt.ACCEPTED): Heard.ALREADY,
    (Click.ACCEPT, AgentAt.TALKING): Heard.ALREADY,
    (Click.DECLINE, AgentAt.COMING): Heard.DONE,
    (Click.DECLINE, AgentAt.ASKED): Heard.DONE,
    (Click.DECLINE, AgentAt.ACCEPTED): Heard.ACCEPTED,
    (Click.DECLINE, AgentAt.TALKING): Heard.TALKING,
}
"""Of an attempt that goes on and is theirs."""


class ClickAnswer(NamedTuple):
    """What a click came to, and about what."""

    heard: Heard
    task: str
    attempt: str | None = None
    """None: none runs, or it is the place of a request."""
    phase: str = ""
    """How far it is now, as `facts.Going` has it, `place`, or empty where it is over."""
    agent: str | None = None
    """Who has it, or had it last, as far as that is known."""
    result: str | None = None
    """How it ended, where it did."""
