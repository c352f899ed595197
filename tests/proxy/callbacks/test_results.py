"""Results of legs that ended unanswered, by status."""

import pytest

from proxy.callbacks.results import of_agent, of_customer
from proxy.ua.leg_events import LegEnd


@pytest.mark.parametrize("cause", range(300, 700))
def test_every_status_has_a_result(cause: int) -> None:
    agent, customer = of_agent(LegEnd(cause, "far")), of_customer(LegEnd(cause, "far"))
    busy, unanswered = cause in (486, 600), cause in (408, 480, 487)
    assert (customer == "customer_busy", customer == "customer_no_answer") == (busy, unanswered)
    assert (agent == "agent_busy", agent == "agent_no_answer") == (busy, unanswered)
    assert (agent == "declined") == (cause == 603)
    if not busy and not unanswered and cause != 603:
        assert (agent, customer) == ("agent_failed", "customer_failed")
