"""What follows from the end of a call for the direct callbacks. Pure: (call, ending, records, policy, now) in."""

from collections.abc import Sequence

from config.policy import Policy
from routing.calls import Call
from routing.direct import NOT_TRIED, Called, Change, agent_called, customer_called
from routing.facts import Ending
from routing.rows import Record


def concerned(call: Call, ending: Ending) -> tuple[str, ...]:
    """Return the agents whose records the end of a call may change: most calls concern none."""
    if call.customer is None or ending.cause in NOT_TRIED:
        return ()
    if call.agent is None or call.agent in call.sent.live:
        return call.sent.live
    return (*call.sent.live, call.agent)


def changes(call: Call, customer: str, agents: Sequence[str], ending: Ending, records: Sequence[Record],
            policy: Policy, now: float) -> list[tuple[Change, Record | None]]:
    """Say what is to be done with each agent's record, and give the record as it is.

    `records`: those of the customer that are stored now.
    """
    stored = {record.agent: record for record in records}
    found: list[tuple[Change, Record | None]] = []
    for agent in agents:
        setting = policy.direct_for(agent)
        talked = call.talked(setting.min_talk, ending, now)
        before = stored.get(agent)
        if call.direction == "outbound":
            change = agent_called(before, customer, agent, setting, talked, now)
        else:
            answered = agent == call.agent
            change = customer_called(before, customer, agent, setting, Called(
                agent in call.sent.live, agent == call.tried, answered, answered and talked is True), now)
        found.append((change, before))
    return found
