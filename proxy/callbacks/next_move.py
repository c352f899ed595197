"""What comes next in an attempt, from how far its two sides are: a table. Pure.

Whoever is missing is called; a customer who rings in is answered once the agent is ready; both ready are joined. The
order says who is called first where nobody was called yet.
"""

from enum import Enum, auto
from typing import Final


class AgentSide(Enum):
    """How far the agent is."""

    NOBODY = auto()
    """Not called yet."""
    COMING = auto()
    """Called, or asked for the key."""
    READY = auto()
    """They pressed 1."""


class CustomerSide(Enum):
    """How far the customer is."""

    NOBODY = auto()
    COMING = auto()
    """Called, asked for the key, or on the way from ringing in to the first word."""
    RINGS_IN = auto()
    """Their own call rings here."""
    READY = auto()
    """They answered and, where one is asked for, pressed the key."""


class Move(Enum):
    """What is to be done."""

    WAIT = auto()
    CALL_AGENT = auto()
    CALL_CUSTOMER = auto()
    ANSWER_CUSTOMER = auto()
    JOIN = auto()


_A, _C = AgentSide, CustomerSide

AGENT_FIRST: Final[dict[tuple[AgentSide, CustomerSide], Move]] = {
    (_A.NOBODY, _C.NOBODY): Move.CALL_AGENT,
    (_A.NOBODY, _C.COMING): Move.CALL_AGENT,
    (_A.NOBODY, _C.RINGS_IN): Move.CALL_AGENT,
    (_A.NOBODY, _C.READY): Move.CALL_AGENT,
    (_A.COMING, _C.NOBODY): Move.WAIT,
    (_A.COMING, _C.COMING): Move.WAIT,
    (_A.COMING, _C.RINGS_IN): Move.WAIT,
    (_A.COMING, _C.READY): Move.WAIT,
    (_A.READY, _C.NOBODY): Move.CALL_CUSTOMER,
    (_A.READY, _C.COMING): Move.WAIT,
    (_A.READY, _C.RINGS_IN): Move.ANSWER_CUSTOMER,
    (_A.READY, _C.READY): Move.JOIN,
}
CUSTOMER_FIRST: Final = AGENT_FIRST | {
    (_A.NOBODY, _C.NOBODY): Move.CALL_CUSTOMER,
    (_A.NOBODY, _C.COMING): Move.WAIT,
}


def next_move(agent: AgentSide, customer: CustomerSide, *, customer_first: bool) -> Move:
    """Return what is to be done."""
    return (CUSTOMER_FIRST if customer_first else AGENT_FIRST)[agent, customer]
