"""What an attempt knows, and how it ends; what goes on in between is in `attempt.py`, the layer above.

The outcome is settled once, by what happened first. Then both sides hear the last words that are due to them and are
hung up, and when every leg but the agent's is over the desk is told. Only a customer who rings in after all takes an
outcome back, and while they may the desk is not told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from proxy.callbacks import prompts
from proxy.callbacks.own_leg import OwnLeg, OwnLegOwner, Role, Tools
from proxy.callbacks.talk import Talk
from proxy.media.contract import Clip
from proxy.sip.timers import Timer
from proxy.ua.leg_events import LegEnd
from routing.callbacks.facts import Order, Outcome
from routing.rows import Result, Step

Phase = Literal["preview", "agent_rings", "agent_asked", "customer_rings", "customer_asked", "customer_rings_in",
                "talking", "ending"]

FAREWELL: Final = 12.0
"""Seconds that the last words may take, where the end of their playing is not told."""
END_PATIENCE: Final = 70.0
"""Seconds that legs may take to end, more than twice 64*T1; then the attempt is over without them."""

CONNECTING: Final = 1
WAITING: Final = 2
LAST_WORDS: Final = 3
PROMPT: Final = 4
"""Tags of what is played; `PROMPT` is repeated and never comes to its end."""


class AttemptState(OwnLegOwner):
    """The two sides of an attempt. All moments are monotonic seconds."""

    def __init__(self, order: Order, tools: Tools, over: Callable[[str], None]) -> None:
        """`over`: told with its name when nothing of it is left."""
        self.order = order
        self.outcome: Outcome | None = None
        """How it ends, as soon as that is settled."""
        self._tools, self._on_over = tools, over
        self._legs: list[OwnLeg] = []
        """All that are not over, those that were given up too."""
        self._agent: OwnLeg | None = None
        self._customer: OwnLeg | None = None
        self._agent_ready = self._customer_ready = False
        self._taker: str | None = None
        """Who has taken the agent's leg, as far as that was proved when it was last up."""
        self._dialled = False
        """The customer's INVITE may have left."""
        self._asking: Step | None = None
        """The step that waits for its commit."""
        self._asked = 0
        self._timers: dict[str, Timer] = {}
        self._talk: Talk | None = None
        """The two joined; kept when it is over."""
        self._answered_wall: float | None = None
        """When the customer answered, seconds since the epoch."""
        self._over = False
        self._told_desk = self._agent_gone = False
        """What the desk knows: the outcome; that the agent is free again while the customer's leg still ends."""

    @property
    def phase(self) -> Phase:
        """What is going on, for who looks at it."""
        agent, customer = self._agent, self._customer
        if self.outcome is not None:
            return "ending"
        if self._talk is not None:
            return "talking"
        if customer is not None and customer.role == "incoming":
            return "customer_rings_in"
        if agent is not None and not self._agent_ready:
            return "agent_rings" if agent.answered_at is None else "agent_asked"
        if customer is not None and customer.answered_at is not None:
            return "customer_asked"
        return "preview" if customer is None else "customer_rings"

    @property
    def begun(self) -> bool:
        """Whether anything may have been sent."""
        return self._agent is not None or self._customer is not None

    @property
    def taken_by(self) -> str | None:
        """Extension of the agent: who is proved to have taken the leg, be it a queue's, or another's phone that they
        picked up or that is forwarded to them; else who was rung."""
        if self._agent is not None and self._agent.answered_at is not None:
            self._taker = self._tools.taken_by(self._agent.call) or self._taker
        return self._taker or self.order.agent

    # Its end

    def _end_as(self, result: Result, end: LegEnd, now: float) -> None:
        self._finish(result, now, cause=end.cause, retry_after=end.retry_after, text=end.reason)

    def _finish(self, result: Result, now: float, *, cause: int | None = None, retry_after: float | None = None,
                talk: float | None = None, text: str = "") -> None:
        """Settle how it ends, and end both sides."""
        if self.outcome is not None or self._over:
            return
        recording = None if self._talk is None else self._talk.recording
        self.outcome = Outcome(result, cause, self.taken_by, self._answered_wall, talk, retry_after, text, recording)
        self._note("callback_ends", result=result, cause=cause)
        self._forget_question()
        self._stop_timer(*self._timers)
        self._timer("end", now + END_PATIENCE, lambda now: self._be_over())
        for own in tuple(self._legs):
            words: tuple[Clip, ...] = ()
            if own.up and self._talk is None:
                if own is self._agent:
                    words = prompts.farewell(self.order, result)
                elif own is self._customer and own.role == "customer" and self._customer_ready:
                    words = prompts.apology(self.order)
            if words:
                self._play(own, words, LAST_WORDS)
                self._timer(f"farewell {own.call}", now + FAREWELL, own.hang_up)
            else:
                own.hang_up(now)
        self._look_around()

    def _look_around(self) -> None:
        if self.outcome is None:
            return
        if not self._legs:
            self._be_over()
        elif all(own is self._agent and (own.up or own.given_up) for own in self._legs):
            if not self._may_reopen():  # the next colleague waits for nobody's last words, and for no silent phone
                self._tell_desk(self.outcome)
        elif self._agent is not None and self._agent.over and not self._agent_gone:
            self._agent_gone = True
            self._tools.tell(self._tools.desk.let_go, self.order.attempt, self._tools.stack.wall(), call="")

    def _be_over(self) -> None:
        if self._over or self.outcome is None:
            return
        self._over = True
        self._stop_timer(*self._timers)
        for own in self._legs:
            self._note("leg_stays", call=own.call)
        self._agent = self._customer = self._talk = None  # they know us
        self._on_over(self.order.attempt)
        self._tell_desk(self.outcome)

    def _tell_desk(self, outcome: Outcome) -> None:
        if not self._told_desk:
            self._told_desk = True
            self._tools.tell(self._tools.desk.ended, self.order.attempt, outcome, self._tools.stack.wall(), call="")

    def _may_reopen(self) -> bool:
        """Whether only the customer's leg came to an end, and the agent still hears the last words."""
        return (self.outcome is not None and self.outcome.result in prompts.UNREACHED and self._agent_ready
                and self._agent is not None and self._agent.up)

    def _reopen(self) -> None:
        """Take an end back: the customer is there after all."""
        if self.outcome is not None and self._agent is not None:
            self.outcome = None
            self._stop_timer(*self._timers)
            self._tools.media.tone(self._agent.call, "ringback")

    # Small things

    def _forget_question(self) -> None:
        self._asking = None
        self._asked += 1
        self._stop_timer("commit")

    def _leg(self, role: Role, call: str) -> OwnLeg:
        own = OwnLeg(self._tools, self, self.order.attempt, role, call)
        self._legs.append(own)
        return own

    def _step(self, step: Step) -> None:
        """Write down a step that nothing waits for."""
        self._tools.tell(self._tools.desk.step, self.order.attempt, step, self._tools.stack.wall(), None,
                         self.taken_by, call="")

    def _play(self, own: OwnLeg, clips: tuple[Clip, ...], tag: int = PROMPT, repeat: bool = False) -> None:
        own.play(clips, tag, repeat)

    def _timer(self, name: str, when: float, action: Callable[[float], None]) -> None:
        self._stop_timer(name)
        self._timers[name] = self._tools.stack.timers.at(when, action)

    def _stop_timer(self, *names: str) -> None:
        for name in tuple(names):
            timer = self._timers.pop(name, None)
            if timer is not None:
                timer.cancel()

    def _note(self, event: str, /, call: str = "", **facts: object) -> None:
        self._tools.stack.note(event, call, attempt=self.order.attempt, **facts)
