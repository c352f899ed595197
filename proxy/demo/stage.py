"""The stage of the demo: who plays, their numbers, the policy, and how long people take."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from proxy.demo.endpoint import Endpoint
from proxy.demo.listener import Listener
from proxy.demo.node import Node
from proxy.demo.phones import Incoming, Outgoing, incoming
from proxy.demo.show import Show
from proxy.demo.waiting import News

FRONT_DESK: Final = "+3614445555"
CUSTOMER: Final = "+3614441234"
STRANGER: Final = "+3614449876"
UNREACHED: Final = "+3614442332"
"""Of short digits: it is read to the agent."""
QUEUE: Final = "+3614446666"
"""Callers to this number may ask for a callback while they wait."""
WAITING: Final = "+3614442322"

POLICY: Final = """\
region = "HU"
timezone = "Europe/Budapest"

[direct_callback]
type = 1
expires_after = "8h"
ring_for = "10s"
min_talk = "1s"

[callback]
min_talk = "1s"

[agent.201]
name = "Anna"

[agent.202]
name = "Ben"

[number."+3614445555"]
kind = "shared"
group = "desk"

[number."+3614446666"]
kind = "shared"
group = "desk"

[number."+3614446666".queue_callback]
enabled = true
offer_after = "1s"

[group.desk]
target = "600"
agents = ["201", "202"]
missed_callback = { enabled = true, window = "24h", attempts = 4 }
"""
"""What applies in the demo; a talk counts from one second, so that nobody waits."""

BEAT: Final = 0.4
"""Seconds that people take to act: nothing depends on it but that the ladder can be read."""
TALK: Final = 1.5
"""Seconds of a talk, longer than `min_talk`."""
CALLER_MAY_SEE: Final = {100, 180, 200}
"""What a caller gets whose call is answered: an attempt, ringing, the answer. Nothing of a first try that failed."""


@dataclass(slots=True)
class Stage:
    """Everybody who plays."""

    carrier: Endpoint
    pbx: Endpoint
    node: Node
    mqtt: Listener
    news: News
    show: Show

    async def agent_calls(self, agent: str, customer: str) -> tuple[Outgoing, Incoming]:
        """An agent dials and the customer's phone rings."""
        asserted = (b"P-Asserted-Identity: <sip:%s@pbx.example>" % agent.encode(), b"X-Agent: " + agent.encode())
        call = Outgoing(self.pbx, FRONT_DESK, customer, asserted)
        there = await incoming(self.carrier, customer)
        there.ring()
        await call.rings()
        await asyncio.sleep(BEAT)
        return call, there

    async def record(self, customer: str) -> list[dict[str, Any]]:
        """Direct callbacks of a customer, as `boomerang direct show` gives them."""
        found: list[dict[str, Any]] = await self.node.ask("direct.show", customer=customer)
        return found
