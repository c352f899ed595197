"""The time that agents have with the card after a callback: until when, and with which."""

from typing import NamedTuple

from routing.callbacks.facts import LiveState
from routing.callbacks.task import Attempt


class WrapUp(NamedTuple):
    """An agent finishes with a callback, and counts as busy meanwhile."""

    attempt: Attempt
    until: float
    """Seconds since the epoch."""


class WrapUps:
    """One an agent: the last one."""

    def __init__(self, live: LiveState) -> None:
        self._live = live
        self._by_agent: dict[str, WrapUp] = {}
        self._before: dict[str, tuple[float, str]] = {}
        """Until when those go on that a process before this one began, and of which task: their cards are gone with
        it."""

    def begin(self, agent: str, attempt: Attempt, seconds: float, now: float) -> None:
        """Let an agent finish with an attempt; without seconds there is nothing to finish."""
        if seconds > 0:
            self._before.pop(agent, None)
            self._by_agent = {name: one for name, one in self._by_agent.items() if now < one.until}
            self._by_agent[agent] = WrapUp(attempt, now + seconds)
            self._live.wrap_up(agent, now + seconds, now)

    def go_on(self, agent: str, task: str, until: float, now: float) -> None:
        """Let an agent have what is left of the time that they had before a restart, without the card."""
        if until > now and agent not in self._by_agent:
            self._before[agent] = max((until, task), self._before.get(agent, (0.0, "")))
            self._live.wrap_up(agent, self._before[agent][0], now)

    def end(self, agent: str, now: float) -> str | None:
        """End an agent's time at once; return the task that it was for, None: it did not run."""
        finishing, (until, task) = self.of(agent, now), self._before.get(agent, (0.0, ""))
        found = finishing.attempt.row.task if finishing is not None else task if now < until else None
        self._by_agent.pop(agent, None)
        self._before.pop(agent, None)
        if found is not None:
            self._live.wrap_up(agent, now, now)
        return found

    def of(self, agent: str, now: float) -> WrapUp | None:
        """Return what an agent finishes with; None: nothing."""
        found = self._by_agent.get(agent)
        return found if found is not None and now < found.until else None
