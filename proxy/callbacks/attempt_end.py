"""How an attempt ends.

The outcome is settled once, by what happened first. Then both sides hear the last words that are due to them and are
hung up, and when every leg but the agent's is over the desk is told. Only a customer who rings in after all takes an
outcome back, and while they may the desk is not told.
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from proxy.callbacks import prompts
from proxy.callbacks.attempt_steps import AttemptSteps
from proxy.callbacks.named_timers import NamedTimers
from proxy.callbacks.own_leg import OwnLeg, Tools
from proxy.callbacks.sides import Sides
from proxy.media.contract import Clip
from proxy.ua.leg_events import LegEnd
from routing.callbacks.facts import AttemptOrder, Outcome
from routing.rows import Result

FAREWELL: Final = 12.0
"""Seconds that the last words may take, where the end of their playing is not told."""
END_PATIENCE: Final = 70.0
"""Seconds that legs may take to end, more than twice 64*T1; then the attempt is over without them."""
LAST_WORDS: Final = 3
"""Tag of the last words."""


class DeskKnows(Enum):
    """What the desk was told, in this order."""

    RUNNING = auto()
    AGENT_FREE = auto()
    """The agent is gone, while the customer's leg still ends."""
    ENDED = auto()
    """The outcome."""


class AttemptEnd:
    """The end of one attempt. All moments are monotonic seconds."""

    def __init__(self, order: AttemptOrder, tools: Tools, sides: Sides, steps: AttemptSteps, timers: NamedTimers,
                 over: Callable[[str], None]) -> None:
        """`over`: told with its name when nothing of it is left."""
        self.outcome: Outcome | None = None
        """How it ends, as soon as that is settled."""
        self._order, self._tools, self._sides, self._steps, self._timers = order, tools, sides, steps, timers
        self._on_over = over
        self._over = False
        self._desk = DeskKnows.RUNNING

    @property
    def closed(self) -> bool:
        """Whether the desk knows the outcome."""
        return self._desk is DeskKnows.ENDED

    def settle_as(self, result: Result, end: LegEnd, now: float) -> None:
        """Settle it by the end of a leg."""
        self.settle(result, now, cause=end.cause, retry_after=end.retry_after, text=end.reason)

    def settle(self, result: Result, now: float, *, cause: int | None = None, retry_after: float | None = None,
               talk: float | None = None, text: str = "") -> None:
        """Settle how it ends, and end both sides; what was settled before stands."""
        if self.outcome is not None or self._over:
            return
        sides = self._sides
        recording = None if sides.conversation is None else sides.conversation.recording
        self.outcome = Outcome(result, cause, sides.taken_by, sides.answered_wall, talk, retry_after, text, recording)
        self._tools.stack.note("callback_ends", attempt=self._order.attempt, result=result, cause=cause)
        self._steps.forget()
        self._timers.stop_all()
        self._timers.start("end", now + END_PATIENCE, lambda now: self._be_over())
        for own in tuple(sides.legs):
            words = self._last_words(own, result)
            if words:
                own.play(words, LAST_WORDS)
                self._timers.start(f"farewell {own.call}", now + FAREWELL, own.hang_up)
            else:
                own.hang_up(now)
        self.look_around()

    def _last_words(self, own: OwnLeg, result: Result) -> tuple[Clip, ...]:
        sides = self._sides
        if own.up and sides.conversation is None:
            if own is sides.agent:
                return prompts.farewell(self._order, result)
            if own is sides.customer and own.role == "customer" and sides.customer_ready:
                return prompts.apology(self._order)
        return ()

    def look_around(self) -> None:
        """A leg is over, or is hung up: see what is left, and tell the desk what it may know."""
        if self.outcome is None:
            return
        agent, legs = self._sides.agent, self._sides.legs
        if not legs:
            self._be_over()
        elif all(own is agent and (own.up or own.given_up) for own in legs):
            if not self.may_reopen():  # the next colleague waits for nobody's last words, and for no silent phone
                self._tell_desk(self.outcome)
        elif agent is not None and agent.over and self._desk is DeskKnows.RUNNING:
            self._desk = DeskKnows.AGENT_FREE
            self._tools.reports.let_go(self._order.attempt)

    def _be_over(self) -> None:
        if self._over or self.outcome is None:
            return
        self._over = True
        self._timers.stop_all()
        for own in self._sides.legs:
            self._tools.stack.note("leg_stays", own.call, attempt=self._order.attempt)
        self._sides.let_go()
        self._on_over(self._order.attempt)
        self._tell_desk(self.outcome)

    def _tell_desk(self, outcome: Outcome) -> None:
        if self._desk is not DeskKnows.ENDED:
            self._desk = DeskKnows.ENDED
            self._tools.reports.attempt_ended(self._order.attempt, outcome)

    def may_reopen(self) -> bool:
        """Whether only the customer's leg came to an end, and the agent still hears the last words."""
        agent = self._sides.agent
        return (self.outcome is not None and self.outcome.result in prompts.UNREACHED and self._sides.agent_ready
                and agent is not None and agent.up)

    def reopen(self) -> None:
        """Take an end back: the customer is there after all."""
        if self.outcome is not None and self._sides.agent is not None:
            self.outcome = None
            self._timers.stop_all()
            self._tools.media.tone(self._sides.agent.call, "ringback")
