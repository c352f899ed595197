"""The two calls of an attempt, as the user agent is to place them and as the ledger writes them down. Pure.

Both are held: what ends them after a crash is written down before the step that they stand for, and then they go.
"""

from proxy.ua.contract import LegRequest
from routing.callbacks.facts import AttemptOrder, OwnCall

HEADER = "X-Boomerang"
"""Tells the PBX why a call comes to an extension."""
NOBODY = "anonymous"
"""Shown where neither number nor account says who we are."""


def to_agent(order: AttemptOrder, call: str) -> LegRequest:
    """Return the agent's call: their phone shows the customer."""
    why = f"callback; task={order.task}; attempt={order.attempt}"
    if order.number is not None:
        why += f"; dialled={order.number}"
    return LegRequest(call, "pbx", order.pbx, order.target, order.customer, asserted=order.customer,
                    headers=((HEADER, why),), ring_for=order.agent_ring_for, held=True)


def to_customer(order: AttemptOrder, call: str, account: str | None) -> LegRequest:
    """Return the customer's call: they see the number they dialled, else what the trunk knows us as (`account`)."""
    return LegRequest(call, "trunk", order.trunk, order.customer, order.number or account or NOBODY,
                    asserted=order.number, ring_for=order.customer_ring_for, held=True)


def entry_of(order: AttemptOrder, call: str, *, to_pbx: bool, agent: str | None) -> OwnCall:
    """Return the ledger's entry of one of them."""
    return OwnCall(call, "inbound" if to_pbx else "outbound", order.trunk, order.pbx, order.customer, order.number,
                   agent, order.group, order.attempt)
