"""One attempt to bring an agent and a customer together, from the claim to the end of both legs.

Rules
- Two sides, each on its way by itself: an agent is ready once they pressed 1, a customer once they answered and, where
  a key is asked for, pressed it. Whoever is missing is called next; when both are ready they are joined. The order says
  who is called first.
- Nothing is sent before the step that it stands for is committed. A customer is dialled once at most.
- The customer who rings in meanwhile takes the place of the customer's leg, whatever that had come to, until there has
  been a talk: that leg ends, the call rings here until the agent is ready, and is answered then. If the agent does not
  come it is refused, and goes where it was headed.
- A key counts as soon as it is pressed, in the middle of a prompt too.
- The outcome is settled once, by what happened first; it is told when every leg is over.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Literal

from proxy.agent import calls, prompts, results
from proxy.agent.own_leg import OwnLeg, Role, Tools
from proxy.agent.ports import Clip, Incoming, LegEnd
from proxy.agent.talk import Talk
from proxy.sip.timers import Timer
from routing.callbacks.facts import Order, Outcome, Result, Step

Phase = Literal["preview", "agent_rings", "agent_asked", "customer_rings", "customer_asked", "customer_waits",
                "customer_rings_in", "talking", "ending"]

COMMIT_PATIENCE: Final = 15.0
"""Seconds that a step may take to be committed; then the attempt is given up, for somebody hears nothing meanwhile."""
FAREWELL: Final = 12.0
"""Seconds that the last words may take, where the end of their playing is not told."""
END_PATIENCE: Final = 70.0
"""Seconds that legs may take to end, more than twice 64*T1; then the attempt is over without them."""

CONNECTING: Final = 1
WAITING: Final = 2
LAST_WORDS: Final = 3
PROMPT: Final = 4
"""Tags of what is played; `PROMPT` is repeated and never comes to its end."""


class Attempt:
    """The state of one attempt. All moments are monotonic seconds."""

    def __init__(self, order: Order, tools: Tools, over: Callable[[Attempt], None]) -> None:
        """`over`: told last, when nothing of it is left."""
        self.order = order
        self.outcome: Outcome | None = None
        """How it ends, as soon as that is settled."""
        self._tools, self._on_over = tools, over
        self._legs: list[OwnLeg] = []
        """All that are not over, those that were given up too."""
        self._agent: OwnLeg | None = None
        self._customer: OwnLeg | None = None
        self._agent_ready = self._customer_ready = False
        self._queue_agent: str | None = None
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

    # What the runner asks for

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
        if self._customer_ready:
            return "customer_waits"
        if customer is not None and customer.answered_at is not None:
            return "customer_asked"
        if customer is not None or self._asking == "customer":
            return "customer_rings"
        return "agent_rings" if self._asking == "agent" else "preview"

    @property
    def begun(self) -> bool:
        """Whether anything may have been sent."""
        return self._agent is not None or self._customer is not None or self._asking is not None

    @property
    def taken_by(self) -> str | None:
        """Extension of the agent; where a queue was rung, who is proved to have taken it."""
        if self.order.agent is not None or self._agent is None:
            return self.order.agent
        if self._queue_agent is None:
            self._queue_agent = self._tools.taken_by(self._agent.call)
        return self._queue_agent

    def preview(self, now: float) -> None:
        """Let the agent look at the card, then begin."""
        self._timer("preview", now + max(0.0, self.order.preview), self._advance)

    def take(self, incoming: Incoming, now: float) -> bool:
        """The customer rings in: let them take the place of the customer's leg; False: it cannot be joined."""
        old = self._customer
        if self._over or (self._talk is not None and self._talk.lasted):
            return False
        if old is not None and old.role == "incoming" and not old.over:
            return False
        if self.outcome is not None and not self._may_reopen():
            return False
        own = self._leg("incoming", incoming.call)
        if not own.take(incoming, now):
            self._legs.remove(own)
            return False
        self._reopen()
        self._note("glare", call=incoming.call)
        self._stop_timer("preview", "key")
        self._part()
        self._customer, self._customer_ready = own, False
        if self._asking == "customer":
            self._forget_question()
        if old is not None:
            old.hang_up(now, reason="the customer rings in")
        own.ring(now)
        self._advance(now)
        return True

    def stop(self, reason: str, now: float) -> None:
        """End it, unless the customer has answered already."""
        customer = self._customer
        if customer is not None and (customer.answered_at is not None or customer.answering):
            return
        self._finish("stopped", now, text=reason)

    def hang_up(self, reason: str, now: float) -> None:
        """End it at once, a talk too, without last words."""
        if self._talk is not None:
            self._talk_ends(now, text=reason)
        else:
            self._finish("stopped", now, text=reason)
        for own in tuple(self._legs):
            own.hang_up(now, reason=reason)

    # What comes next

    def _advance(self, now: float) -> None:
        agent, customer = self._agent, self._customer
        rings_in = customer is not None and customer.role == "incoming"
        if self.outcome is not None or self._asking is not None or self._talk is not None:
            return
        if self._agent_ready and self._customer_ready:
            self._join(now)
        elif self._agent_ready and customer is None:
            self._ask("customer", self._call_customer)
        elif self._agent_ready and customer is not None and rings_in and not customer.answering:
            customer.answer(now)
        elif agent is None and (rings_in or self._customer_ready or not self.order.customer_first):
            self._ask("agent", self._call_agent)
        elif agent is None and customer is None:
            self._ask("customer", self._call_customer)

    def _ask(self, step: Step, then: Callable[[float], None]) -> None:
        """Have a step committed, and go on then."""
        clock = self._tools.stack.clock()
        self._asking = step
        self._asked += 1
        self._timer("commit", clock + COMMIT_PATIENCE, partial(self._answered_late, step))
        self._tools.desk.step(self.order.attempt, step, self._tools.stack.wall(),
                              partial(self._told, self._asked, step, then), self.taken_by)

    def _told(self, question: int, step: Step, then: Callable[[float], None], go: bool) -> None:
        if question != self._asked or self._asking is None:
            return
        self._forget_question()
        now = self._tools.stack.clock()
        if go:
            then(now)
        else:
            self._finish("refused" if step == "customer" else "stopped", now, text=f"{step} not allowed")

    def _answered_late(self, step: Step, now: float) -> None:
        self._forget_question()
        self._finish("stopped", now, text=f"{step} not committed")

    def _forget_question(self) -> None:
        self._asking = None
        self._asked += 1
        self._stop_timer("commit")

    def _call_agent(self, now: float) -> None:
        own = self._agent = self._leg("agent", self._tools.new_id())
        entry = calls.entry_of(self.order, own.call, to_pbx=True, agent=self.order.agent)
        own.place(entry, calls.to_agent(self.order, own.call), now)

    def _call_customer(self, now: float) -> None:
        account = self._tools.stack.account("trunk", self.order.trunk)
        self._dialled = True
        own = self._customer = self._leg("customer", self._tools.new_id())
        entry = calls.entry_of(self.order, own.call, to_pbx=False, agent=self.taken_by)
        own.place(entry, calls.to_customer(self.order, own.call, account.username if account else None), now)

    # What the legs do

    def leg_is_answered(self, own: OwnLeg, now: float) -> None:
        """See News."""
        self._note("callback_answered", call=own.call, role=own.role)
        if own is self._agent:
            self._play(own, prompts.ask(self.order), repeat=True)
            # Where a queue was rung the PBX may answer long before an agent does.
            waits = self.order.accept_within + (self.order.agent_ring_for if self.order.agent is None else 0.0)
            self._timer("accept", now + waits, partial(self._finish, "agent_silent"))
        elif own is self._customer:
            self._answered_wall = self._tools.stack.wall()
            self._step("answered")
            if own.role == "customer" and self.order.confirm_key:
                self._play(own, prompts.press_key(self.order), repeat=True)
                self._timer("key", now + self.order.accept_within, partial(self._finish, "no_key", cause=200))
            else:
                self._customer_is_ready(own, now)

    def leg_pressed(self, own: OwnLeg, digit: str, now: float) -> None:
        """See News."""
        if self.outcome is not None or own.answered_at is None:
            return
        if own is self._agent and not self._agent_ready:
            self._agent_chose(own, digit, now)
        elif own is self._customer and not self._customer_ready and digit == self.order.confirm_key:
            self._stop_timer("key")
            self._customer_is_ready(own, now)

    def _agent_chose(self, own: OwnLeg, digit: str, now: float) -> None:
        if digit == prompts.ACCEPT:
            self._stop_timer("accept")
            self._agent_ready = True
            self._step("accepted")
            self._play(own, prompts.connecting(self.order), CONNECTING)
            self._advance(now)
        elif digit == prompts.DECLINE:
            self._finish("declined", now)
        else:
            self._play(own, prompts.ask_again(self.order), repeat=True)

    def _customer_is_ready(self, own: OwnLeg, now: float) -> None:
        self._customer_ready = True
        if not self._agent_ready:
            self._play(own, prompts.wait(self.order), WAITING)
        self._advance(now)

    def leg_heard_out(self, own: OwnLeg, tag: int, now: float) -> None:
        """See News."""
        if tag == LAST_WORDS:
            own.hang_up(now)
        elif tag in (CONNECTING, WAITING) and self._talk is None and self.outcome is None:
            self._tools.media.tone(own.call, "ringback")

    def leg_fell_silent(self, own: OwnLeg, seconds: float, now: float) -> None:
        """See News."""
        if self._talk is not None and self.outcome is None and self._talk.silent(own, seconds, now):
            self._talk_ends(now, text="silence on both sides")

    def leg_is_over(self, own: OwnLeg, end: LegEnd, now: float) -> None:
        """See News."""
        self._legs.remove(own)
        self._note("callback_leg_over", call=own.call, role=own.role, cause=end.cause, by=end.by)
        if self.outcome is None and own in (self._agent, self._customer):
            if self._talk is not None:
                self._talk_ends(now, end)
            elif own is self._agent:
                self._agent_left(own, end, now)
            else:
                self._customer_left(own, end, now)
        self._look_around()

    def _agent_left(self, own: OwnLeg, end: LegEnd, now: float) -> None:
        if own.answered_at is None:
            result = results.of_agent(end)
        else:
            result = "agent_failed" if end.by == "lost" and not self._agent_ready else "agent_left"
        self._end_as(result, end, now)

    def _customer_left(self, own: OwnLeg, end: LegEnd, now: float) -> None:
        if own.role == "incoming" and not self._dialled:
            # They gave up ringing in: the attempt goes on as if they had not.
            self._customer, self._customer_ready = None, False
            self._answered_wall = None
            self._advance(now)
        elif own.role == "incoming" or self._customer_ready:
            self._end_as("customer_left", end, now)
        else:
            self._end_as(results.of_customer(end) if own.answered_at is None else "no_key", end, now)

    # Talking

    def _join(self, now: float) -> None:
        agent, customer = self._agent, self._customer
        if agent is None or customer is None:
            return
        customer.talks()
        self._talk = Talk(self.order, self._tools, agent, customer, now, partial(self._step, "talked"))
        self._note("callback_connected", call=customer.call, glare=self._talk.glare)

    def _part(self) -> None:
        """The customer's leg gives way to another one."""
        if self._talk is not None and self._agent is not None:
            self._talk.stop()
            self._talk = None
            self._tools.media.part(self._agent.call)
            self._tools.media.tone(self._agent.call, "ringback")

    def _talk_ends(self, now: float, end: LegEnd | None = None, text: str = "") -> None:
        talk = self._talk
        if talk is None:
            return
        talk.stop()
        seconds = now - talk.began_at
        talked = talk.lasted or seconds >= self.order.min_talk
        result: Result = "short" if not talked else "glare" if talk.glare else "talked"
        self._finish(result, now, cause=200, talk=seconds, text=text or (end.reason if end is not None else ""))

    # Ending

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

    def _look_around(self) -> None:
        if self.outcome is not None and not self._legs:
            self._be_over()

    def _be_over(self) -> None:
        if self._over or self.outcome is None:
            return
        self._over = True
        self._stop_timer(*self._timers)
        for own in self._legs:
            self._note("leg_stays", call=own.call)
        self._on_over(self)
        self._tools.tell(self._tools.desk.ended, self.order.attempt, self.outcome, self._tools.stack.wall(), call="")

    # Small things

    def _leg(self, role: Role, call: str) -> OwnLeg:
        own = OwnLeg(self._tools, self, self.order.attempt, role, call)
        self._legs.append(own)
        return own

    def _step(self, step: Step) -> None:
        """Write down a step that nothing waits for."""
        self._tools.tell(self._tools.desk.step, self.order.attempt, step, self._tools.stack.wall(), None,
                         self.taken_by, call="")

    def _play(self, own: OwnLeg, clips: tuple[Clip, ...], tag: int = PROMPT, repeat: bool = False) -> None:
        self._tools.media.play(own.call, clips, tag, repeat)

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
