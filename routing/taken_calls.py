"""Calls of which an agent was seen to take them, proved or not: told to who waits for it, and counted."""

from collections.abc import Callable

from routing.calls import Call
from routing.pace import Pace
from routing.rows import OWN


class TakenCalls:
    """Told by `Evidence` of each call that is taken; once a call."""

    def __init__(self, pace: Pace) -> None:
        """`pace`: counts the callers who were taken, and places."""
        self._pace = pace
        self._watched: dict[str, Callable[[str | None], None]] = {}

    def watch(self, call: Call | None, told: Callable[[str | None], None]) -> None:
        """Have `told` called once with the agent (None: not known) when a call is taken, at once where it was."""
        if call is None:
            return
        if call.seen.taken:
            told(call.agent or (call.seen.picked_by.agent if call.seen.picked_by is not None else None))
        else:
            self._watched[call.id] = told

    def take(self, call: Call, agent: str | None, now: float) -> None:
        """A call was taken, by that agent as far as it is proved."""
        if call.seen.taken:
            return
        call.seen.taken = True
        if call.direction == "inbound" and call.group is not None and call.reason != OWN:
            self._pace.add(call.group, now, live=not call.leg)
        told = self._watched.pop(call.id, None)
        if told is not None:
            told(agent)

    def forget(self, call: Call) -> None:
        """A call is over."""
        self._watched.pop(call.id, None)
