"""Who is rung next, for whom: joins the queues of tasks with the agents who may take one.

Never more attempts than agents who may be rung, less the reserve; never more of a group's agents than their share; the
group's priority over live calls holds. A task that nobody can take now rests for a moment, so that a long queue of such
tasks costs a turn no more than a short one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from routing.callbacks import campaigns
from routing.callbacks.agent_pool import AgentPool
from routing.callbacks.campaigns import Crowd, Hindrance
from routing.callbacks.effective_settings import EffectiveSettings
from routing.callbacks.facts import LiveState
from routing.callbacks.per_live import PerLive
from routing.callbacks.task import Task
from routing.callbacks.tasks import Tasks

CLAIMS: Final = 25
"""Attempts begun in one turn: more follow with the next."""

EXAMINED: Final = 100
"""Tasks looked at in one turn."""

REST: Final = 2.0
"""Seconds after which a task that nobody could take is looked at again."""

ENGAGED_REST: Final = 5.0
"""Seconds after which a customer who is in a call with us is looked at again."""

Claim = Callable[[Task, str | None, EffectiveSettings], bool]
"""Begins an attempt of a task with an agent (None: the queue extension); False: it could not be, and the task has been
put elsewhere."""


class Dispatcher:
    """Brings tasks and agents together, one turn after the other."""

    def __init__(self, tasks: Tasks, live: LiveState, pool: AgentPool, per_live: PerLive,
                 halted: Callable[[float], object]) -> None:
        """`halted`: whether nobody at all can be dialled at that moment."""
        self._tasks, self._live, self._pool, self._per_live, self._halted = tasks, live, pool, per_live, halted
        self._credit: dict[str, Mapping[str, float]] = {}
        """What each campaign of a group is owed."""
        self._now = 0.0
        self._turns = self._left = self._claims = 0

    def turn(self, now: float, claim: Claim) -> bool:
        """Begin what can begin now; return whether more is left for the length of the turn alone."""
        self._now, self._left, self._claims = now, EXAMINED, CLAIMS
        names = self._tasks.queues.names()
        if not names or self._halted(now):
            return False
        self._pool.begin(now)
        self._turns += 1
        first = self._turns % len(names)
        names = names[first:] + names[:first]
        for name in names:
            if name[0] == "request":
                self._requests(name, claim)
        for name in names:
            if name[0] in ("agent", "agents"):
                self._held(name, claim)
        for group in dict.fromkeys(name[1] for name in names if name[0] == "group"):
            self._anybody(group, [name for name in names if name[:2] == ("group", group)], claim)
        return self._left <= 0 or self._claims <= 0

    def _requests(self, name: tuple[str, ...], claim: Claim) -> None:
        """Place requests of callers who waited in a group's queue and have no place there any more, oldest first.

        Those who wait there now came after them, so the group's `priority` over live calls is not theirs; `per_live`
        keeps them from starving the others.
        """
        group = name[1]
        settings = self._tasks.book.of(group)
        while self._left > 0 and self._claims > 0:
            task = self._tasks.queues.first(name)
            agents = self._who(settings)
            if task is None or not self._room(settings, None, next(iter(agents), ""), asked=True):
                return
            per_live = self._tasks.book.queue_of(task.row).per_live
            if per_live and not self._per_live.may_go(group, per_live, self._undialled(group), self._now):
                return
            self._tasks.queues.take(name)
            self._offer(task, settings, agents, claim)

    def _undialled(self, group: str) -> int:
        """Return how many requests of a group are being brought to their customer, but for those whose agent had their
        place."""
        return sum(attempt.task.asked and not attempt.from_place and not attempt.dialled
                   and attempt.order.group == group for attempt in self._tasks.index.attempts.values())

    def _held(self, name: tuple[str, ...], claim: Claim) -> None:
        """Place tasks that are held for an agent, or for the agents of a group."""
        kind, whose = name
        agents = (whose,) if kind == "agent" else self._tasks.book.agents_of(whose)
        while self._left > 0 and self._claims > 0 and self._pool.of(agents, True):
            task = self._tasks.queues.take(name)
            if task is None:
                return
            settings = self._tasks.settings(task)
            self._offer(task, settings, self._pool.of(agents, settings.callback.ring_unknown), claim)

    def _anybody(self, group: str, names: list[tuple[str, ...]], claim: Claim) -> None:
        """Place tasks of a group's queues: campaigns by rank and parity."""
        queues, book = self._tasks.queues, self._tasks.book
        while self._left > 0 and self._claims > 0:
            waiting = {name[2]: book.of(group, name[2] or None) for name in names if name in queues}
            waiting = {campaign: settings for campaign, settings in waiting.items()
                       if self._room(settings, campaign or None, next(iter(self._who(settings)), ""))}
            if not waiting:
                return
            chosen, credit = campaigns.choose({name: settings.campaign for name, settings in waiting.items()},
                                              self._credit.get(group, {}))
            settings = waiting[chosen]
            task = queues.take(("group", group, chosen))
            if task is not None and self._offer(task, settings, self._who(settings), claim):
                self._credit[group] = credit

    def _offer(self, task: Task, settings: EffectiveSettings, agents: Sequence[str | None], claim: Claim) -> bool:
        """Begin an attempt of a task with the first of these agents who may; else let it rest."""
        self._left -= 1
        row = task.row
        if self._tasks.index.calling(row.customer) is not None or self._live.engaged(row.customer):
            self._tasks.rest(task, self._now + ENGAGED_REST)
            return False
        agent = next((agent for agent in agents if agent is None or agent not in row.declined), "")
        if agent == "" or not self._room(settings, row.campaign, agent, asked=task.asked):
            self._tasks.rest(task, self._now + REST)
            return False
        if not claim(task, agent, settings):
            if self._halted(self._now):
                self._left = 0
            return False
        self._claims -= 1
        if agent is not None:
            self._pool.take(agent)
        return True

    # What is allowed

    def _who(self, settings: EffectiveSettings) -> Sequence[str | None]:
        """Return whom a group's tasks may ring now, in order; None stands for its queue extension."""
        return self._pool.of(settings.agents, settings.callback.ring_unknown) if settings.agents else (None,)

    def hindrance(self, settings: EffectiveSettings, campaign: str | None, now: float) -> Hindrance | None:
        """Return why no callback of a group, or of one of its campaigns, could begin now whosever turn it is; None: one
        could, as far as agents and live calls go."""
        self._pool.begin(now)
        agent = next(iter(self._who(settings)), "")
        return "no_agent" if agent == "" else self._hindrance(settings, campaign, agent, False)

    def _room(self, settings: EffectiveSettings, campaign: str | None, agent: str | None, asked: bool = False) -> bool:
        """Whether one attempt more, with this agent (an empty name: nobody), keeps within every limit; `asked`: of a
        request, which live calls do not hinder."""
        return agent != "" and self._hindrance(settings, campaign, agent, asked) is None

    def _hindrance(self, settings: EffectiveSettings, campaign: str | None, agent: str | None,
                   asked: bool) -> Hindrance | None:
        group = settings.group
        if agent is None and (settings.target is None or self._pool.is_skipped(None, group)):
            return "no_agent"
        running, waiting = self._tasks.index.running, self._live.waiting
        free = len(self._pool.of(settings.agents, settings.callback.ring_unknown))
        outsider = agent is not None and bool(settings.agents) and agent not in settings.agents
        waits = (0, 0) if asked else (waiting(group), sum(waiting(other) for other in settings.kin))
        crowd = Crowd(len(settings.agents) + outsider, free + outsider, running(group), *waits)
        if campaign is not None:
            shares = settings.callback.agents_share, self._tasks.book.of(group).callback.agents_share
            if settings.agents and crowd.running >= campaigns.max_legs(crowd.agents, max(shares)):
                return "share"
            crowd = crowd._replace(running_share=running(group, campaign))
        return campaigns.hindrance(crowd, settings.callback)
