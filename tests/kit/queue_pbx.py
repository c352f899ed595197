"""A PBX's queue at a `callback_site`: callers are served in the order of their coming by agents who do what they plan.

What agents' dialogs show (RFC 4235) is told to the ledger as presence would tell it, unless the PBX shows nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.kit.callback_site import NUMBER, Call, Plan, Site

LOOK = 0.1
"""Seconds between two looks at who waits."""


@dataclass
class Takes:
    """What an agent does with a call that the queue rings them for."""

    after: float = 1.0
    """Seconds that it rings."""
    keys: tuple[tuple[float, str], ...] = ()
    """Pressed so many seconds after the pick-up."""
    hang_up: float | None = None
    """Seconds from the pick-up to the end of it by the agent; None: the other side ends it."""
    away: bool = False
    """They take no more calls after this one."""


class Served:
    """One call as an agent had it."""

    def __init__(self, agent: str, call: Call, at: float) -> None:
        self.agent, self.call, self.at = agent, call, at

    def __repr__(self) -> str:
        return f"{self.agent} takes {self.call.shown} at {self.at - 1000:.1f}"


class QueuePbx:
    """The queue behind a number."""

    def __init__(self, site: Site, agents: dict[str, list[Takes]], *, answers: float | None = 0.5,
                 shows: bool = True, number: str = NUMBER) -> None:
        """`agents`: for each call the next one of theirs, the last one for all that follow; an empty list: away.
        `answers`: seconds until the queue answers; None: it rings until an agent does."""
        self.site, self.agents, self.shows, self.number = site, agents, shows, number
        self.served: list[Served] = []
        """In the order of their pick-ups."""
        self.rung: list[tuple[str, str]] = []
        """Who was rung for whom."""
        self._answers = answers
        self._busy: dict[str, Call] = {}
        self._order: list[Call] = []
        self._looking = False
        site.pbx.plan(number, Plan(ring=0.2, answer=answers))
        before = site.on_event

        def heed() -> None:
            before()
            self.heed()

        site.on_event = heed
        self.show_all()

    def show_all(self) -> None:
        """What every agent's phone does is seen anew, as by a process that begins."""
        for agent in self.agents:
            self._show(agent, "busy" if agent in self._busy else "free")

    def heed(self) -> None:
        """Something happened: look who waits, as long as anybody does."""
        if not self._looking and (self._busy or any(call.open for call in self.site.pbx.to(self.number))):
            self._looking = True
            self.site.later(LOOK, self._look)

    def waiting(self) -> list[Call]:
        """Who waits and is rung for by nobody, oldest first."""
        for call in self.site.pbx.to(self.number):
            if call not in self._order:
                self._order.append(call)
        engaged = list(self._busy.values())
        return [call for call in self._order if call.open and call not in engaged
                and (call.state == "up" or self._answers is None)]

    def _look(self) -> None:
        self._looking = False
        for agent, call in list(self._busy.items()):
            if not call.open:
                del self._busy[agent]
                self._show(agent, "free")
        for agent, plans in self.agents.items():
            waiting = self.waiting()
            if plans and agent not in self._busy and waiting:
                plan = plans.pop(0) if len(plans) > 1 or plans[0].away else plans[0]
                self._ring(agent, waiting[0], plan)
        self.heed()

    def _ring(self, agent: str, call: Call, plan: Takes) -> None:
        self._busy[agent] = call
        self.rung.append((agent, call.shown))
        self._show(agent, "ringing", call.shown)
        self.site.later(plan.after, lambda: self._take(agent, call, plan))

    def _take(self, agent: str, call: Call, plan: Takes) -> None:
        if not call.open or self._busy.get(agent) is not call:
            return
        self.served.append(Served(agent, call, self.site.now))
        self.site.log(f"-- {agent} takes {call.shown} --")
        self._show(agent, "busy")
        if call.state == "ringing":
            call.answer()
        for delay, key in plan.keys:
            self.site.later(delay, lambda key=key: self._if_theirs(agent, call, lambda: call.press(key)))  # type: ignore[misc]
        if plan.hang_up is not None:
            self.site.later(plan.hang_up, lambda: self._if_theirs(agent, call, call.hang_up))

    def _if_theirs(self, agent: str, call: Call, what: Callable[[], None]) -> None:
        if self._busy.get(agent) is call:
            what()

    def _show(self, agent: str, state: str, remote: str | None = None) -> None:
        node = self.site.node
        if self.shows and node is not None:
            node.ledger.dialog_event(agent, state, remote, self.site.wall())  # type: ignore[arg-type]
