"""Who is free, as far as the calls that pass show it. `unknown` is a state: an agent nobody saw yet is not free."""

from typing import Final, Literal, NamedTuple

State = Literal["free", "ringing", "busy", "unknown"]

AGENTS_MAX: Final = 20_000
"""Agents whose state is kept; then an idle one is forgotten for each new one."""

ELSEWHERE: Final = frozenset({480, 486, 600})
"""Endings of a ringing that show an agent to be engaged or away by no call of ours: their state is unknown."""


class AgentState(NamedTuple):
    """What an agent does."""

    state: State
    since: float | None
    """Seconds since the epoch; None: never seen."""


NEVER_SEEN: Final = AgentState("unknown", None)


class _Seen:
    __slots__ = ("busy", "ringing", "state")

    def __init__(self) -> None:
        self.ringing = self.busy = 0
        self.state = NEVER_SEEN


class Board:
    """Counts the calls that ring at and engage each agent."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def change(self, agent: str, ringing: int, busy: int, now: float, idle: State = "free") -> AgentState | None:
        """Add to an agent's ringing and busy calls (or take away); return the new state where it changed.

        `idle` is what they are when no call is left.
        """
        seen = self._seen.get(agent)
        if seen is None:
            seen = self._admit(agent)
        seen.ringing = max(0, seen.ringing + ringing)
        seen.busy = max(0, seen.busy + busy)
        state: State = "busy" if seen.busy else "ringing" if seen.ringing else idle
        if state == seen.state.state:
            return None
        seen.state = AgentState(state, now)
        return seen.state

    def state(self, agent: str) -> AgentState:
        """Return what one agent does."""
        seen = self._seen.get(agent)
        return NEVER_SEEN if seen is None else seen.state

    def seen(self) -> dict[str, AgentState]:
        """Return every agent met so far."""
        return {agent: seen.state for agent, seen in self._seen.items()}

    def _admit(self, agent: str) -> _Seen:
        if len(self._seen) >= AGENTS_MAX:
            for name, other in self._seen.items():
                if not other.ringing and not other.busy:
                    del self._seen[name]
                    break
        seen = self._seen[agent] = _Seen()
        return seen
