"""An agent at their desk: what is before them, their pause, and the end of their wrap-up."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from config.policy import Policy
from proxy.status.source import AgentState
from proxy.verbs.handlers.callbacks import DeskHolder
from proxy.verbs.handlers.cards import card_of, card_of_place, card_of_wrap_up, with_history
from proxy.verbs.handlers.reading import look_up
from proxy.verbs.shapes import agents as shapes
from proxy.verbs.shapes.callbacks import Card
from proxy.verbs.shapes.errors import UnknownError
from proxy.verbs.shapes.fields import shown
from proxy.verbs.shapes.queues import Agent
from proxy.verbs.shapes.rows import record_of, task_of
from proxy.verbs.shapes.verb import Bound
from routing.ledger import Ledger
from routing.store.reader import Reader

DIRECT_MOST: Final = 50
"""Direct callbacks that a desk shows; the others are found in the list."""
CALLBACKS_MOST: Final = 50
"""Open callbacks that a desk shows."""

REACHES_THEM: Final = frozenset({"agent_asked", "customer_rings", "customer_asked", "customer_rings_in", "talking",
                                 "ending"})
"""Phases of an attempt in which its agent is on the line, or the customer is: a pause begins after them."""


class Agents(Protocol):
    """What each agent does."""

    def agents(self) -> dict[str, AgentState]:
        """Return each agent that the policy lists or that was seen, as they are now."""


class AgentAnswers:
    """Answers `agents.*` but for the list."""

    def __init__(self, source: Agents, ledger: Ledger, callbacks: DeskHolder | None, reader: Reader,
                 wall: Callable[[], float]) -> None:
        """`callbacks`: None where they could not be started: nobody has a card then."""
        self._source, self._ledger, self._callbacks = source, ledger, callbacks
        self._reader, self._wall = reader, wall

    def bound(self) -> list[Bound]:
        """Every verb that is answered here."""
        return [shapes.DESK.by(self.desk), shapes.DONE.by(self.done), shapes.PAUSE.by(self.pause),
                shapes.RESUME.by(self.resume)]

    async def desk(self, args: shapes.OneAgent) -> shapes.Desk:
        """What is before one agent."""
        name, now = self._agent(args), self._wall()
        cards, until = self._cards(name, now)
        admin = None if self._callbacks is None else self._callbacks.desk.admin
        waiting = () if admin is None else admin.waiting_for(name)[:CALLBACKS_MOST]
        taken = {} if admin is None else admin.places_taken()
        records = await look_up(lambda: self._reader.records_of_agent(name, now, DIRECT_MOST))
        policy, pause = self._ledger.policy, self._ledger.attendance.pause_of(name)
        return {
            "agent": self._row(name),
            "pause": None if pause is None else {"since": pause.since, "reason": pause.reason},
            "wrap_up_until": until,
            "cards": await with_history(cards, self._reader, policy.direct_callback.min_talk),
            "callbacks": [task_of(row, (), taken) for row in waiting], "direct": [record_of(one) for one in records]}

    def _cards(self, agent: str, now: float) -> tuple[list[Card], float | None]:
        """Return an agent's cards, the newest first, and until when the wrap-up runs."""
        if self._callbacks is None:
            return [], None
        admin, going = self._callbacks.desk.admin, self._callbacks.phases()
        wrap_up = admin.wrap_up(agent, now)
        over = None if wrap_up is None else wrap_up.attempt.row.id
        running = (card_of(one, going) for one in admin.attempts() if one.row.id != over)
        found = [card for card in running if card["agent"] == agent]
        found += [card_of_place(task, now) for task in admin.picked_up_by(agent)]
        if wrap_up is not None:
            found.append(card_of_wrap_up(wrap_up, agent))
        return sorted(found, key=lambda card: card["claimed"], reverse=True), None if wrap_up is None else wrap_up.until

    def done(self, args: shapes.OneAgent) -> Agent:
        """End an agent's wrap-up."""
        name = self._agent(args)
        if self._callbacks is not None and self._callbacks.desk.admin.end_wrap_up(name, self._wall()):
            self._callbacks.poke()
        return self._row(name)

    def pause(self, args: shapes.Pause) -> Agent:
        """Let an agent not be rung; what was on its way to them and has not reached them goes to somebody else."""
        name, now = self._agent(args), self._wall()
        self._ledger.attendance.pause(name, args.reason, now)
        if self._callbacks is not None:
            going = self._callbacks.phases()
            self._callbacks.desk.admin.give_back(name, {attempt for attempt, one in going.items()
                                                        if one.phase in REACHES_THEM})
            self._callbacks.poke()
        return self._row(name)

    def resume(self, args: shapes.OneAgent) -> Agent:
        """Let an agent be rung again."""
        name = self._agent(args)
        self._ledger.attendance.resume(name, self._wall())
        if self._callbacks is not None:
            self._callbacks.poke()
        return self._row(name)

    def _agent(self, args: shapes.OneAgent) -> str:
        if not self._ledger.attendance.is_agent(args.agent):
            raise UnknownError(f"there is no agent {shown(args.agent)}")
        return args.agent

    def _row(self, name: str) -> Agent:
        state = self._source.agents().get(name, AgentState("unknown", None))
        return next(iter(agent_rows({name: state}, self._ledger.policy)))


def agent_rows(agents: Mapping[str, AgentState], policy: Policy) -> Iterable[Agent]:
    """Return agents as they are shown, by extension."""
    for name, one in sorted(agents.items()):
        yield {"extension": name, "name": one.name or None, "groups": [*one.groups],
               "type": policy.direct_for(name).type, "state": one.state, "since": one.since, "with": one.customer,
               "released_today": one.released_today, "reason": one.reason}
