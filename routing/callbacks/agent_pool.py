"""Who may be rung in this turn of the dispatcher."""

from typing import Final

from routing.callbacks.facts import LiveState
from routing.callbacks.task_index import TaskIndex

SWEEP: Final = 64
"""Turns after which agents whose rest is over are forgotten."""


class AgentPool:
    """Agents who may be rung: free, or of unknown state where such are rung too, and in no attempt of ours."""

    def __init__(self, index: TaskIndex, live: LiveState) -> None:
        self._index, self._live = index, live
        self._rests: dict[str, float] = {}
        """Until when an agent, or a group's queue extension, is not rung."""
        self._now = 0.0
        self._turns = 0
        self._states: dict[str, str] = {}
        self._found: dict[tuple[tuple[str, ...], bool], list[str]] = {}

    def begin(self, now: float) -> None:
        """Begin a turn: what was found out in the last one is forgotten."""
        self._now = now
        self._states.clear()
        self._found.clear()
        self._turns += 1
        if self._turns % SWEEP == 0:
            self._rests = {who: until for who, until in self._rests.items() if until > now}

    def skip(self, agent: str | None, group: str, until: float) -> None:
        """Do not ring an agent (None: the group's queue extension) until then."""
        self._rests[_seat(agent, group)] = until

    def is_skipped(self, agent: str | None, group: str) -> bool:
        """Whether an agent, or a group's queue extension, is not to be rung for now."""
        return self._rests.get(_seat(agent, group), self._now) > self._now

    def forget(self) -> None:
        """Let everybody be rung again."""
        self._rests.clear()

    def may_ring(self, agent: str, unknown: bool) -> bool:
        """Whether an agent may be rung; `unknown`: also where nobody knows what they do."""
        if self._index.occupied(agent) or self._rests.get(agent, self._now) > self._now:
            return False
        state = self._state(agent)
        return state == "free" or (unknown and state == "unknown")

    def of(self, agents: tuple[str, ...], unknown: bool) -> list[str]:
        """Return those who may be rung, the longest idle first, those of whom nothing is known last."""
        found = self._found.get((agents, unknown))
        if found is None:
            found = sorted((agent for agent in agents if self.may_ring(agent, unknown)), key=self._idleness)
            self._found[agents, unknown] = found
        return found

    def take(self, agent: str) -> None:
        """Tell that an agent is rung now."""
        for found in self._found.values():
            if agent in found:
                found.remove(agent)

    def _state(self, agent: str) -> str:
        state = self._states.get(agent)
        if state is None:
            state = self._states[agent] = self._live.agent_state(agent)
        return state

    def _idleness(self, agent: str) -> tuple[bool, float]:
        since = self._live.agent_since(agent)
        return self._state(agent) != "free", 0.0 if since is None else since


def _seat(agent: str | None, group: str) -> str:
    return agent if agent is not None else f"queue:{group}"
