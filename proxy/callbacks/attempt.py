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

from functools import partial
from typing import Final

from proxy.callbacks import calls, prompts, results
from proxy.callbacks.attempt_state import CONNECTING, LAST_WORDS, WAITING, AttemptState
from proxy.callbacks.own_leg import OwnLeg
from proxy.callbacks.talk import Talk
from proxy.ua.contract import Incoming
from proxy.ua.leg_events import (
    LegAnswered,
    LegEnd,
    LegEnded,
    LegEvent,
    LegGivenUp,
    LegPlayed,
    LegPressed,
    LegSilent,
)
from routing.rows import Result, Step

COMMIT_PATIENCE: Final = 15.0
"""Seconds that a step may take to be committed; then the attempt is given up, for somebody hears nothing meanwhile."""


class Attempt(AttemptState):
    """What happens in an attempt, and what comes next."""

    # What the runner asks for

    def preview(self, now: float) -> None:
        """Let the agent look at the card, then begin."""
        self._timer("preview", now + max(0.0, self.order.preview), self._advance)

    def take(self, incoming: Incoming, now: float) -> bool:
        """The customer rings in: let them take the place of the customer's leg; False: it cannot be joined."""
        old = self._customer
        if self._told_desk or (self._talk is not None and self._talk.lasted):
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

    def has(self, call: str) -> bool:
        """Whether a call is one of its legs, or the customer's who rang in."""
        return any(own.call == call for own in self._legs)

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
            self._call_customer(now)
        elif self._agent_ready and customer is not None and rings_in and not customer.answering:
            customer.answer(now)
        elif agent is None and (rings_in or self._customer_ready or not self.order.customer_first):
            self._call_agent(now)
        elif agent is None and customer is None:
            self._call_customer(now)

    def _call_agent(self, now: float) -> None:
        own = self._agent = self._leg("agent", self._tools.new_id())
        own.place(calls.to_agent(self.order, own.call), now)
        self._ask("agent", own)

    def _call_customer(self, now: float) -> None:
        account = self._tools.stack.account("trunk", self.order.trunk)
        own = self._customer = self._leg("customer", self._tools.new_id())
        own.place(calls.to_customer(self.order, own.call, account.username if account else None), now)
        self._ask("customer", own)

    def _ask(self, step: Step, own: OwnLeg) -> None:
        """Have a step committed, and let its leg go then."""
        if own.over:
            return
        clock = self._tools.stack.clock()
        self._asking = step
        self._asked += 1
        self._timer("commit", clock + COMMIT_PATIENCE, partial(self._answered_late, step))
        self._tools.desk.step(self.order.attempt, step, self._tools.stack.wall(),
                              partial(self._told, self._asked, step, own), self.taken_by)

    def _told(self, question: int, step: Step, own: OwnLeg, go: bool) -> None:
        if question != self._asked or self._asking is None:
            return
        self._forget_question()
        now = self._tools.stack.clock()
        if not go:
            self._finish("refused" if step == "customer" else "stopped", now, text=f"{step} not allowed")
            return
        self._dialled = self._dialled or step == "customer"
        own.go(calls.entry_of(self.order, own.call, to_pbx=step == "agent", agent=self.taken_by), now)

    def _answered_late(self, step: Step, now: float) -> None:
        self._forget_question()
        self._finish("stopped", now, text=f"{step} not committed")

    # What the legs do

    def on_event(self, own: OwnLeg, event: LegEvent, now: float) -> None:
        """See OwnLegOwner."""
        match event:
            case LegAnswered():
                self._leg_answered(own, now)
            case LegPressed():
                self._leg_pressed(own, event, now)
            case LegPlayed(tag):
                self._leg_played(own, tag, now)
            case LegSilent(seconds):
                if self._talk is not None and self.outcome is None and self._talk.silent(own, seconds, now):
                    self._talk_ends(now, text="silence on both sides")
            case LegGivenUp(end):
                self._side_ended(own, end, now)  # whoever waits for this side waits no longer
            case LegEnded(end):
                self._legs.remove(own)
                self._note("callback_leg_over", call=own.call, role=own.role, cause=end.cause, by=end.by)
                self._side_ended(own, end, now)
                self._look_around()

    def _leg_answered(self, own: OwnLeg, now: float) -> None:
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

    def _leg_pressed(self, own: OwnLeg, press: LegPressed, now: float) -> None:
        if self.outcome is not None:
            return
        if self._talk is not None:
            self._talk.pressed(own, press)
            return
        if own is self._agent and not self._agent_ready:
            self._agent_chose(own, press.key, now)
        elif own is self._customer and not self._customer_ready and press.key == self.order.confirm_key:
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

    def _leg_played(self, own: OwnLeg, tag: int, now: float) -> None:
        if tag == LAST_WORDS:
            own.hang_up(now)
        elif tag in (CONNECTING, WAITING) and self._talk is None and self.outcome is None:
            self._tools.media.tone(own.call, "ringback")

    def _side_ended(self, own: OwnLeg, end: LegEnd, now: float) -> None:
        if self.outcome is None and own in (self._agent, self._customer):
            if self._talk is not None:
                self._talk_ends(now, end)
            elif own is self._agent:
                self._agent_left(own, end, now)
            else:
                self._customer_left(own, end, now)

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
        self._tools.tell(self._tools.desk.connected, self.order.attempt, self._tools.stack.wall(), self.taken_by,
                         call="")
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
