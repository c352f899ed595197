"""Who is free: what the calls that pass, our own legs, the card after a call and the dialog event say, joined.

Rules
- Busy before ringing before wrap-up before a pause before the rest. An agent nobody saw yet is `unknown`, and that is
  not free. Who says during a call that they take a pause is paused once nothing engages them any more.
- Whose phone was called and is not there is `away`, whatever its dialogs show: a PBX tells of a phone that is not
  registered as of one that is free (`terminated`). Any sign of the phone ends that, and so does time, for a phone that
  comes back may give none.
- Where the PBX shows an agent's dialogs (RFC 4235), calls that we do not see count too, and `free` is certain.
- Calls and dialogs are told apart in time: a call is counted before its NOTIFY comes and may end after it, so either
  one makes an agent busy. Only what the dialogs have seen too, and have seen end, is no longer believed of the
  calls: the agent passed it on to somebody else. Nor is what began before this process did, once dialogs are free.
"""

from math import inf
from typing import Final, Literal, NamedTuple

from routing.facts import Watched

State = Literal["free", "ringing", "busy", "wrap_up", "paused", "away", "unknown"]
Rest = Literal["free", "unknown", "away"]
"""What an agent is whom no call engages."""

AWAY_FOR: Final = 600.0
"""Seconds after which an agent who is away is unknown again, and may be tried, though no sign of them came."""

AGENTS_MAX: Final = 20_000
"""Agents whose state is kept; then an idle one is forgotten for each new one."""

ELSEWHERE: Final = frozenset({480, 486, 600})
"""Endings of a ringing that show an agent to be engaged or away by no call of ours: their state is unknown."""

NOTIFY_LEAD: Final = 1.0
"""Seconds by which a NOTIFY may be ahead of the call that it tells of."""


class AgentState(NamedTuple):
    """What an agent does."""

    state: State
    since: float | None
    """Seconds since the epoch; None: never seen."""


NEVER_SEEN: Final = AgentState("unknown", None)


class _Seen:
    __slots__ = ("away", "busy", "counted_at", "engaged_at", "paused", "rest", "ringing", "state", "watch",
                 "watch_since", "wrapped")

    def __init__(self) -> None:
        self.ringing = self.busy = 0
        self.counted_at = -inf
        """When a call was last added."""
        self.rest: Rest = "unknown"
        self.watch: Watched | None = None
        self.watch_since = inf
        self.engaged_at = -inf
        """When the dialogs last showed that something engages them."""
        self.wrapped = self.paused = self.away = False
        self.state = NEVER_SEEN

    def joined(self) -> State:
        if self.watch is None and not (self.wrapped or self.paused or self.away):  # most agents
            return "busy" if self.busy else "ringing" if self.ringing else self.rest
        calls = not (self.watch == "free" and self.counted_at <= self.engaged_at + NOTIFY_LEAD)
        if self.watch == "busy" or (self.busy and calls):
            return "busy"
        if self.watch == "ringing" or (self.ringing and calls):
            return "ringing"
        if self.wrapped:
            return "wrap_up"
        if self.paused:
            return "paused"
        return "away" if self.away else self.watch or self.rest

    @property
    def idle(self) -> bool:
        return not (self.ringing or self.busy or self.watch or self.wrapped or self.paused or self.away)


class Board:
    """What engages each agent. Each change gives the new state where that is another than before."""

    __slots__ = ("_aways", "_seen", "_wraps")

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._aways: dict[str, float] = {}
        """Agents who are away, and until when that is believed."""
        self._wraps: dict[str, float] = {}
        """Agents with a card, and until when."""

    def move(self, seconds: float) -> None:
        """Follow the wall clock, which was set forward by so many seconds (back: negative)."""
        for until in (self._aways, self._wraps):
            for agent in until:
                until[agent] += seconds
        for seen in self._seen.values():
            seen.counted_at += seconds
            seen.watch_since += seconds
            seen.engaged_at += seconds

    def change(self, agent: str, ringing: int, busy: int, now: float, idle: Rest = "free") -> AgentState | None:
        """Add to an agent's ringing and busy calls (or take away).

        `idle` is what they are when no call is left.
        """
        seen = self._seen.get(agent)
        if seen is None:
            seen = self._admit(agent)
        seen.ringing = max(0, seen.ringing + ringing)
        seen.busy = max(0, seen.busy + busy)
        seen.rest = "unknown" if idle == "away" else idle
        if ringing > 0 or busy > 0:
            seen.counted_at = now
        if idle == "away" and not seen.busy and seen.watch in ("free", None):
            seen.away = True
            self._aways[agent] = now + AWAY_FOR
        elif busy > 0:
            self._back(agent, seen)
        return _settle(seen, now)

    def here(self, agent: str, now: float) -> AgentState | None:
        """Take a sign of an agent's phone, or the end of the time that they are taken for away."""
        seen = self._seen.get(agent)
        if seen is None or not seen.away:
            return None
        self._back(agent, seen)
        return _settle(seen, now)

    def away_until(self, now: float) -> list[str]:
        """Return the agents of whom it is not believed any more that they are away."""
        return [agent for agent, until in self._aways.items() if until <= now] if self._aways else []

    def _back(self, agent: str, seen: _Seen) -> None:
        seen.away = False
        self._aways.pop(agent, None)

    def restored(self, agent: str, now: float) -> AgentState | None:
        """Count a call from before this process did anything: dialogs that are free show that it is over."""
        seen = self._seen.get(agent) or self._admit(agent)
        seen.busy += 1
        return _settle(seen, now)

    def watched(self, agent: str, state: Watched | None, now: float) -> AgentState | None:
        """Take what an agent's dialogs show; None: nobody watches them any more, so nobody knows."""
        seen = self._seen.get(agent)
        if seen is None:
            if state is None:
                return None
            seen = self._admit(agent)
        if seen.watch is None:
            seen.watch_since = now
        if state not in ("free", None):
            seen.engaged_at = now
        if state is None:
            seen.watch_since, seen.engaged_at, seen.rest = inf, -inf, "unknown"
        seen.watch = state
        if state is not None:
            self._back(agent, seen)
        return _settle(seen, now)

    def wrap_up(self, agent: str, until: float, now: float) -> AgentState | None:
        """Count an agent as busy with a card until then; a time that is over ends it."""
        seen = self._seen.get(agent) or self._admit(agent)
        seen.wrapped = until > now
        if seen.wrapped:
            self._wraps[agent] = until
        else:
            self._wraps.pop(agent, None)
        return _settle(seen, now)

    def wrapped_until(self, now: float) -> list[str]:
        """Return the agents whose time with the card is over."""
        return [agent for agent, until in self._wraps.items() if until <= now] if self._wraps else []

    def pause(self, agent: str, paused: bool, now: float) -> AgentState | None:
        """Take an agent's word that they are not to be rung for now, or that they are again."""
        seen = self._seen.get(agent) or self._admit(agent)
        seen.paused = paused
        return _settle(seen, now)

    def state(self, agent: str) -> AgentState:
        """Return what one agent does."""
        seen = self._seen.get(agent)
        return NEVER_SEEN if seen is None else seen.state

    def counted(self, agent: str) -> bool:
        """Whether a call that we see engages an agent, or rings there."""
        seen = self._seen.get(agent)
        return seen is not None and (seen.busy > 0 or seen.ringing > 0)

    def watched_since(self, agent: str) -> float:
        """Return since when an agent's dialogs are shown without a gap; infinity: they are not."""
        seen = self._seen.get(agent)
        return inf if seen is None else seen.watch_since

    def seen(self) -> dict[str, AgentState]:
        """Return every agent met so far."""
        return {agent: seen.state for agent, seen in self._seen.items()}

    def _admit(self, agent: str) -> _Seen:
        if len(self._seen) >= AGENTS_MAX:
            for name, other in self._seen.items():
                if other.idle:
                    del self._seen[name]
                    break
        seen = self._seen[agent] = _Seen()
        return seen


def _settle(seen: _Seen, now: float) -> AgentState | None:
    state = seen.joined()
    if state == seen.state.state:
        return None
    seen.state = AgentState(state, now)
    return seen.state
