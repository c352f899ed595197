"""Turns what happened into events, and gives them names."""

from typing import Any, Final

from routing.agents import ELSEWHERE, AgentState, Rest
from routing.direct import Change
from routing.events import Event, rfc3339
from routing.hub import EVERYTHING, Interest
from routing.ids import Names, RandomBytes
from routing.rows import Record

SILENT: Final = frozenset({"none", "touched"})
"""Changes of a record that are no events."""


def idle(status: int) -> Rest:
    """Return what an agent is whose ringing ended with this status."""
    return "unknown" if status in ELSEWHERE else "free"


def record_data(record: Record, call: str | None) -> dict[str, Any]:
    """Return what every event of a direct callback says; `call`: the one that caused it."""
    return {"call": call, "customer": record.customer, "agent": record.agent, "type": record.type,
            "made_at": rfc3339(record.made_at), "touched_at": rfc3339(record.touched_at),
            "expires_at": rfc3339(record.expires_at)}


class Teller:
    """Makes events of one node."""

    __slots__ = ("_interest", "_names", "_node")

    def __init__(self, node: str, random_bytes: RandomBytes, interest: Interest = EVERYTHING) -> None:
        """`interest`: which events are worth making."""
        self._node = node
        self._names = Names(random_bytes)
        self._interest = interest

    def event(self, kind: str, data: dict[str, Any], now: float) -> Event:
        """Make one event."""
        return Event(kind, now, self._names.new(now), data, self._node)

    def wants(self, kind: str) -> bool:
        """Whether anybody listens to this kind: the others need not be made."""
        wanted = self._interest.wanted
        return wanted is None or kind in wanted

    def expired(self, record: Record, now: float) -> Event:
        """Make the event of a record that has expired."""
        return self.event("direct.expired", record_data(record, None), now)

    def change(self, change: Change, before: Record | None, call: str, now: float) -> list[Event]:
        """Make the events of a change. A record made in place of an expired one tells of both."""
        if change.record is None or change.kind in SILENT or not self.wants("direct." + change.kind):
            return []
        event = self.event("direct." + change.kind, record_data(change.record, call), now)
        if change.kind == "created" and before is not None:
            return [self.expired(before, now), event]
        return [event]

    def state(self, agent: str, name: str, changed: AgentState | None, call: str | None, now: float,
              reason: str | None = None) -> tuple[Event, ...]:
        """Make the event of an agent's new state, where there is one; `name`: the agent's. `reason`: of a pause."""
        if changed is None or not self.wants("agent.state"):
            return ()
        why = {} if reason is None else {"reason": reason}
        return (self.event("agent.state", {"agent": agent, "name": name, "state": changed.state,
                                           "since": rfc3339(now), "call": call, **why}, now),)
