"""The two sides of an attempt: every leg of theirs that is not over, and how far each side is."""

from __future__ import annotations

from typing import Literal

from proxy.callbacks.conversation import Conversation
from proxy.callbacks.next_move import AgentSide, CustomerSide
from proxy.callbacks.own_leg import OwnLeg, OwnLegOwner, Role, Tools
from routing.callbacks.clicks import AgentAt
from routing.callbacks.facts import AttemptOrder

Phase = Literal["preview", "agent_rings", "agent_asked", "customer_rings", "customer_asked", "customer_rings_in",
                "talking", "ending"]


class Sides:
    """Agent and customer of one attempt."""

    def __init__(self, order: AttemptOrder, tools: Tools) -> None:
        self.legs: list[OwnLeg] = []
        """All that are not over, those that were given up too."""
        self.agent: OwnLeg | None = None
        self.customer: OwnLeg | None = None
        self.agent_ready = False
        self.accepted_by: str | None = None
        """Who said yes by a click before they were on the line: no key is needed then."""
        self.accepted_at = 0.0
        """When they did, or when their phone was called, whichever came last."""
        self.customer_ready = False
        self.dialled = False
        """The customer's INVITE may have left."""
        self.answered_wall: float | None = None
        """When the customer answered, seconds since the epoch."""
        self.conversation: Conversation | None = None
        """The two joined; kept when it is over."""
        self._order, self._tools = order, tools
        self._taker: str | None = None
        """Who has taken the agent's leg, as far as that was proved when it was last up."""

    def new_leg(self, owner: OwnLegOwner, role: Role, call: str) -> OwnLeg:
        """Make a leg; it is nobody's side yet."""
        own = OwnLeg(self._tools, owner, self._order.attempt, role, call)
        self.legs.append(own)
        return own

    @property
    def begun(self) -> bool:
        """Whether anything may have been sent."""
        return self.agent is not None or self.customer is not None

    @property
    def rings_in(self) -> bool:
        """Whether the customer's leg is a call of theirs."""
        return self.customer is not None and self.customer.role == "incoming"

    @property
    def taken_by(self) -> str | None:
        """Extension of the agent: who is proved to have taken the leg, be it a queue's, or another's phone that they
        picked up or that is forwarded to them; else who was rung."""
        if self.agent is not None and self.agent.answered_at is not None:
            self._taker = self._tools.reports.taken_by(self.agent.call) or self._taker
        return self._taker or self._order.agent

    @property
    def agent_at(self) -> AgentAt:
        """How far it is for the agent, who may say yes or no by a click."""
        if self.conversation is not None:
            return AgentAt.TALKING
        if self.agent_ready:
            return AgentAt.ACCEPTED
        return AgentAt.ASKED if self.agent is not None and self.agent.answered_at is not None else AgentAt.COMING

    @property
    def agent_side(self) -> AgentSide:
        """How far the agent is."""
        if self.agent_ready:
            return AgentSide.READY
        return AgentSide.NOBODY if self.agent is None else AgentSide.COMING

    @property
    def customer_side(self) -> CustomerSide:
        """How far the customer is."""
        if self.customer_ready:
            return CustomerSide.READY
        if self.customer is None:
            return CustomerSide.NOBODY
        return CustomerSide.RINGS_IN if self.rings_in and not self.customer.answering else CustomerSide.COMING

    @property
    def phase(self) -> Phase:
        """What is going on, for who looks at it, as long as it does not end."""
        agent, customer = self.agent, self.customer
        if self.conversation is not None:
            return "talking"
        if self.rings_in:
            return "customer_rings_in"
        if agent is not None and not self.agent_ready:
            return "agent_rings" if agent.answered_at is None else "agent_asked"
        if customer is not None and customer.answered_at is not None:
            return "customer_asked"
        return "preview" if customer is None else "customer_rings"

    def let_go(self) -> None:
        """It is over: forget the legs, for they know their owner."""
        self.agent = self.customer = self.conversation = None
