"""Where a call goes. Pure: (facts, rules, records, now) in, a decision out.

- A call to a direct number goes where it says.
- A call to any other number from a customer with a live record rings the agent touched last for `ring_for`, then
  goes on to where it was headed. An agent who is busy is rung all the same: the PBX knows better, and refuses at once.
- Everything else passes as it came.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from config.policy import SHARED, Number, Policy
from routing.direct import choose
from routing.facts import NORMAL_TARGETS, Decision, NewCall, Target
from routing.identity import NO_PBX, PbxFacts, Proof, is_agent
from routing.numbers import Numbers
from routing.rows import Record

HEADER: Final = "X-Boomerang"
"""Tells the PBX why a call comes to an extension."""

DIALLED_MAX: Final = 64
"""Characters of an unreadable dialled number that are told to the PBX."""


class Rules:
    """The policy in force, with what follows from it worked out, and what is configured of each PBX."""

    __slots__ = ("numbers", "pbxs", "policy", "targets")

    def __init__(self, policy: Policy, pbxs: Mapping[str, PbxFacts]) -> None:
        """`pbxs`: by name."""
        self.pbxs = pbxs
        self.numbers = Numbers(policy.region)
        self.set_policy(policy)

    def set_policy(self, policy: Policy) -> None:
        """Put a policy in force."""
        self.policy = policy
        if self.numbers.region != policy.region:
            self.numbers = Numbers(policy.region)
        self.targets = frozenset(group.target for group in policy.group.values() if group.target is not None)
        """Extensions of queues: nobody's identity."""

    def pbx(self, name: str) -> PbxFacts:
        """Return what is configured of a PBX; of one that is not, nobody is an agent."""
        return self.pbxs.get(name, NO_PBX)

    def is_extension(self, user: str) -> bool:
        """Whether a user part is an agent's extension at any PBX, as configured."""
        return any(is_agent(user, pbx, self.targets) for pbx in self.pbxs.values())


def called_number(call: NewCall, rules: Rules) -> tuple[str | None, Number]:
    """Return our number in an inbound call: the one dialled."""
    e164 = rules.numbers.e164(call.dialled)
    return e164, SHARED if e164 is None else rules.policy.number_for(e164)


def shown_number(call: NewCall, rules: Rules) -> tuple[str | None, Number]:
    """Return our number in an outbound call: the first identity of the caller that is a number of ours."""
    for identity in call.identities:
        e164 = rules.numbers.e164(identity.user)
        if e164 is not None and e164 in rules.policy.number:
            return e164, rules.policy.number[e164]
    return None, SHARED


def outbound(number: Number, call: NewCall, customer: str | None, agent: Proof | None) -> Decision:
    """Say where an agent's call goes: the trunk that the shown number names, else the one that it came for."""
    return Decision(NORMAL_TARGETS, number.trunk or call.trunk, "normal", customer, agent.agent if agent else None)


def inbound(call: NewCall, number: Number, e164: str | None, pbx_name: str, pbx: PbxFacts, customer: str | None,
            records: Sequence[Record], rules: Rules, now: float) -> tuple[Decision, Record | None]:
    """Say where a customer's call goes, and the record that sends it there, if one does."""
    if number.kind == "direct":
        return Decision(NORMAL_TARGETS, pbx_name, "number", customer, number.agent), None
    if customer is None:
        return Decision(NORMAL_TARGETS, pbx_name, "withheld" if call.withheld else "normal"), None
    policy = rules.policy
    record = choose(records, now, lambda found: policy.direct_for(found.agent).type != 0
                    and is_agent(found.agent, pbx, rules.targets)) if records else None
    if record is None or record.agent == call.dialled:
        return Decision(NORMAL_TARGETS, pbx_name, "normal", customer), None
    setting = policy.direct_for(record.agent)
    dialled = e164 or quote(call.dialled[:DIALLED_MAX], safe="+*#", errors="replace")
    why = f"direct; agent={record.agent}; type={setting.type}; dialled={dialled}"
    first = Target(record.agent, setting.ring_for, ((HEADER, why),))
    return Decision((first, Target()), pbx_name, "direct", customer, record.agent), record
