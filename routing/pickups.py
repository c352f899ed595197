"""Call pickup, as dialogs show it (RFC 4235): a phone rings for a customer and falls silent, and in the same moment a
colleague's phone is in a call without having rung. Pure bookkeeping of who did what when.

What it proves alone: nothing. It proves who took a call together with a connected line in that call's own dialog which
names the colleague; without one it is a sign that somebody took it.
"""

from math import inf
from typing import Final

from routing.facts import Watched

MOMENT: Final = 0.5
"""Seconds between the messages that tell of one pickup. A PBX sends them within milliseconds."""

AT_ONCE: Final = 0.1
"""Seconds between them where nothing but the time says that they belong together."""


class Pickups:
    """What the dialogs of each agent did last. Times in seconds since the epoch."""

    __slots__ = ("_engaged", "_silenced")

    def __init__(self) -> None:
        self._engaged: dict[str, float] = {}
        """Agents whose dialogs are busy: since when, where the phone had not rung; else minus infinity."""
        self._silenced: dict[str, tuple[float, str | None]] = {}
        """Agents whose phone rang, and was not taken up: when it fell silent, and for which customer it had rung."""

    def shows(self, agent: str, state: Watched | None, rang_for: tuple[str | None, float] | None, now: float) -> None:
        """Take what an agent's dialogs show. `rang_for`: for whom the phone has rung until now, and since when."""
        if state == "busy":
            self._engaged.setdefault(agent, now if rang_for is None else -inf)
            self._silenced.pop(agent, None)
            return
        self._engaged.pop(agent, None)
        if state == "free" and rang_for is not None:
            self._silenced[agent] = now, rang_for[0]
        else:
            self._silenced.pop(agent, None)

    def engaged(self, agent: str) -> bool:
        """Whether an agent's dialogs are busy."""
        return agent in self._engaged

    def unrung(self, agent: str, now: float, within: float = MOMENT) -> bool:
        """Whether an agent's dialogs have just become busy, and the phone had not rung."""
        return now - self._engaged.get(agent, -inf) <= within

    def all_unrung(self, now: float, within: float = MOMENT) -> list[str]:
        """Return everybody of whom that is so."""
        return [agent for agent in self._engaged if self.unrung(agent, now, within)]

    def fell_silent(self, agent: str, now: float) -> bool:
        """Whether an agent's phone has just ceased to ring, and was not taken up."""
        return now - self._silenced.get(agent, (-inf, None))[0] <= MOMENT

    def silenced(self, now: float) -> list[str]:
        """Return the customers for whom a phone has this instant ceased to ring, not taken up."""
        return [customer for at, customer in self._silenced.values() if customer is not None and now - at <= AT_ONCE]
