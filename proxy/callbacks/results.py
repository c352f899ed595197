"""What the end of a leg means for its attempt.

The final status of an INVITE as RFC 3261 section 21 means it; the retry that follows is the rules' choice, so the
status goes with the result wherever there is one.
"""

from typing import Final

from proxy.ua.leg_events import LegEnd
from routing.rows import Result

BUSY: Final = frozenset({486, 600})
UNANSWERED: Final = frozenset({408, 480, 487})
"""Nobody took it: no answer in time, away, or given up by us when `ring_for` was over."""
DECLINED: Final = 603
"""The button of a phone that refuses a call."""


def of_agent(end: LegEnd) -> Result:
    """Say what it means that the agent's leg ended before it was answered."""
    if end.cause in BUSY:
        return "agent_busy"
    if end.cause == DECLINED:
        return "declined"
    return "agent_no_answer" if end.cause in UNANSWERED else "agent_failed"


def of_customer(end: LegEnd) -> Result:
    """Say what it means that the customer's leg ended before it was answered."""
    if end.cause in BUSY:
        return "customer_busy"
    return "customer_no_answer" if end.cause in UNANSWERED else "customer_failed"
