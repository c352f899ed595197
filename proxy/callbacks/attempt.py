"""One attempt to bring an agent and a customer together, from the claim to the end of both legs.

Rules
- Two sides, each on its way by itself: an agent is ready once they pressed 1, a customer once they answered and, where
  a key is asked for, pressed it. Whoever is missing is called next; when both are ready they are joined. The order says
  who is called first.
- Nothing is sent before the step that it stands for is committed. A customer is dialled once at most.
- The customer who rings in meanwhile takes the place of the customer's leg, whatever that had come to, until there has
  been a talk: that leg ends, the call rings here until the agent is ready, and is answered then. If the agent does not
  come it is refused, and goes where it was headed.
- A key counts as soon as it is pressed, in the middle of a prompt too. A click counts like the key, and before the
  agent is on the line too: then no key is needed, if it is they who pick up, and soon.
- The outcome is settled once, by what happened first; it is told when every leg is over.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from proxy.callbacks import calls, prompts, results
from proxy.callbacks.attempt_end import LAST_WORDS, AttemptEnd
from proxy.callbacks.attempt_steps import AttemptSteps
from proxy.callbacks.conversation import Conversation
from proxy.callbacks.named_timers import NamedTimers
from proxy.callbacks.next_move import Move, next_move
from proxy.callbacks.own_leg import OwnLeg, Tools
from proxy.callbacks.sides import Phase, Sides
from proxy.ua.contract import Incoming, Leg
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
from routing.callbacks.clicks import HEARS, AgentAt, Click, Heard
from routing.callbacks.facts import AttemptOrder, Outcome
from routing.facts import bare_identities
from routing.rows import Result, Step

CONNECTING: Final = 1
WAITING: Final = 2
PROMPT: Final = 4
"""Tags of what is played, beside `attempt_end.LAST_WORDS`; `PROMPT` is repeated and never comes to its end."""
CLICK_HOLDS: Final = 12.0
"""Seconds of ringing after which a click stands for the key no more: a PBX forwards to a voicemail box after 15 to 30,
and most boxes name nobody when they answer."""


class AttemptRun:
    """`own_leg.OwnLegOwner`: what happens in an attempt, and what comes next. All moments are monotonic seconds."""

    def __init__(self, order: AttemptOrder, tools: Tools, over: Callable[[str], None]) -> None:
        """`over`: told with its name when nothing of it is left."""
        self.order = order
        self._tools = tools
        self._timers = NamedTimers(tools.stack.timers)
        self._sides = Sides(order, tools)
        self._steps = AttemptSteps(order.attempt, tools, self._sides, self._timers)
        self._end = AttemptEnd(order, tools, self._sides, self._steps, self._timers, over)

    @property
    def phase(self) -> Phase:
        """What is going on, for who looks at it."""
        return self._sides.phase if self._end.outcome is None else "ending"

    @property
    def begun(self) -> bool:
        """Whether anything may have been sent."""
        return self._sides.begun

    @property
    def taken_by(self) -> str | None:
        """Extension of the agent, as far as it is known."""
        return self._sides.taken_by

    @property
    def outcome(self) -> Outcome | None:
        """How it ends, as soon as that is settled."""
        return self._end.outcome

    # What the runner asks for

    def preview(self, now: float) -> None:
        """Let the agent look at the card, then begin."""
        self._timers.start("preview", now + max(0.0, self.order.preview), self._advance)

    def adopt(self, agent: Leg, caller: Leg | None, now: float) -> None:
        """Begin with an agent who is in this leg already and pressed 1; `caller`: by which the customer rings in."""
        own = self._sides.new_leg(self, "agent", agent.call)
        if not own.adopt(agent, now):
            self._sides.legs.remove(own)
            self._end.settle("agent_left", now)
            return
        self._sides.agent = own
        if caller is not None:
            theirs = self._sides.new_leg(self, "incoming", caller.call)
            if theirs.adopt(caller, now):
                self._note("glare", call=caller.call)
                self._sides.customer = theirs
            else:
                self._sides.legs.remove(theirs)
        self._agent_accepts(own, now)

    def take(self, incoming: Incoming, now: float) -> bool:
        """The customer rings in: let them take the place of the customer's leg; False: it cannot be joined."""
        sides, old = self._sides, self._sides.customer
        if self._end.closed or (sides.conversation is not None and sides.conversation.lasted):
            return False
        if old is not None and old.role == "incoming" and not old.over:
            return False
        if self._end.outcome is not None and not self._end.may_reopen():
            return False
        own = sides.new_leg(self, "incoming", incoming.call)
        if not own.take(incoming, now):
            sides.legs.remove(own)
            return False
        self._end.reopen()
        self._note("glare", call=incoming.call)
        self._timers.stop("preview", "key")
        self._part()
        sides.customer, sides.customer_ready = own, False
        if self._steps.asking == "customer":
            self._steps.forget()
        if old is not None:
            old.hang_up(now, reason="the customer rings in")
        own.ring(now)
        self._advance(now)
        return True

    def click(self, click: Click, agent: str, reason: str, now: float) -> Heard:
        """Take what an agent says by a click; `reason`: why they decline."""
        outcome, sides = self._end.outcome, self._sides
        if outcome is not None:
            declined = click is Click.DECLINE and (outcome.result, outcome.agent) == ("declined", agent)
            return Heard.ALREADY if declined else Heard.OVER
        if self.taken_by != agent:
            return Heard.UNPROVED if self.taken_by is None else Heard.OTHERS
        if click is Click.ACCEPT and sides.accepted_by == agent:
            return Heard.ALREADY
        at = sides.agent_at
        heard = HEARS[click, at]
        if heard is Heard.DONE:
            self._note("callback_clicked", click=click.value, agent=agent)
            if click is Click.DECLINE:
                self._end.settle("declined", now, text=reason)
            elif at is AgentAt.ASKED and sides.agent is not None:
                self._agent_accepts(sides.agent, now)
            else:
                sides.accepted_by, sides.accepted_at = agent, now
                self._timers.stop("preview")
                self._advance(now)
        return heard

    def stop(self, reason: str, now: float) -> None:
        """End it, unless the customer has answered already."""
        customer = self._sides.customer
        if customer is not None and (customer.answered_at is not None or customer.answering):
            return
        self._end.settle("stopped", now, text=reason)

    def has(self, call: str) -> bool:
        """Whether a call is one of its legs, or the customer's who rang in."""
        return any(own.call == call for own in self._sides.legs)

    def hang_up(self, reason: str, now: float) -> None:
        """End it at once, a talk too, without last words."""
        if self._sides.conversation is not None:
            self._conversation_ends(now, text=reason)
        else:
            self._end.settle("stopped", now, text=reason)
        for own in tuple(self._sides.legs):
            own.hang_up(now, reason=reason)

    # What comes next

    def _advance(self, now: float) -> None:
        sides = self._sides
        if self._end.outcome is not None or self._steps.asking is not None or sides.conversation is not None:
            return
        match next_move(sides.agent_side, sides.customer_side, customer_first=self.order.customer_first):
            case Move.CALL_AGENT:
                self._call_agent(now)
            case Move.CALL_CUSTOMER:
                self._call_customer(now)
            case Move.ANSWER_CUSTOMER:
                if sides.customer is not None:
                    sides.customer.answer(now)
            case Move.JOIN:
                self._join(now)
            case Move.WAIT:
                pass

    def _call_agent(self, now: float) -> None:
        own = self._sides.agent = self._sides.new_leg(self, "agent", self._tools.new_id())
        own.place(calls.to_agent(self.order, own.call), now)
        self._ask("agent", own)

    def _call_customer(self, now: float) -> None:
        self._tools.farewells.cut_short(self.order.task, now)  # or their phone would be busy
        account = self._tools.stack.account("trunk", self.order.trunk)
        own = self._sides.customer = self._sides.new_leg(self, "customer", self._tools.new_id())
        own.place(calls.to_customer(self.order, own.call, account.username if account else None), now)
        self._ask("customer", own)

    def _ask(self, step: Step, own: OwnLeg) -> None:
        """Have a step committed, and let its leg go then."""
        self._steps.ask(step, own, self._step_answered, self._step_late)

    def _step_answered(self, step: Step, own: OwnLeg, may_go: bool) -> None:
        now = self._tools.stack.clock()
        if not may_go:
            self._end.settle("refused" if step == "customer" else "stopped", now, text=f"{step} not allowed")
            return
        self._sides.dialled = self._sides.dialled or step == "customer"
        if step == "agent":
            self._sides.accepted_at = now
        own.go(calls.entry_of(self.order, own.call, to_pbx=step == "agent", agent=self.taken_by), now)

    def _step_late(self, step: Step, now: float) -> None:
        self._end.settle("stopped", now, text=f"{step} not committed")

    # What the legs do

    def on_event(self, own: OwnLeg, event: LegEvent, now: float) -> None:
        match event:
            case LegAnswered():
                self._leg_answered(own, now)
            case LegPressed():
                self._leg_pressed(own, event, now)
            case LegPlayed(tag):
                self._leg_played(own, tag, now)
            case LegSilent(seconds):
                talk = self._sides.conversation
                if talk is not None and self._end.outcome is None and talk.note_silence(own, seconds, now):
                    self._conversation_ends(now, text="silence on both sides")
            case LegGivenUp(end):
                self._side_ended(own, end, now)  # whoever waits for this side waits no longer
            case LegEnded(end):
                self._sides.legs.remove(own)
                self._note("callback_leg_over", call=own.call, role=own.role, cause=end.cause, by=end.by)
                self._side_ended(own, end, now)
                self._end.look_around()

    def _leg_answered(self, own: OwnLeg, now: float) -> None:
        self._note("callback_answered", call=own.call, role=own.role)
        if own is self._sides.agent and self._is_who_accepted(own, now):
            self._agent_accepts(own, now)
        elif own is self._sides.agent:
            self._sides.accepted_by = None  # so that they may click once more
            own.play(prompts.ask(self.order), PROMPT, repeat=True)
            # Where a queue was rung the PBX may answer long before an agent does.
            waits = self.order.accept_within + (self.order.agent_ring_for if self.order.agent is None else 0.0)
            self._timers.start("accept", now + waits, partial(self._end.settle, "agent_silent"))
        elif own is self._sides.customer:
            self._sides.answered_wall = self._tools.stack.wall()
            self._steps.write("answered")
            if own.role == "customer" and self.order.confirm_key:
                own.play(prompts.press_key(self.order), PROMPT, repeat=True)
                until = now + self.order.accept_within
                self._timers.start("key", until, partial(self._end.settle, "no_key", cause=200))
            else:
                self._customer_is_ready(own, now)

    def _is_who_accepted(self, own: OwnLeg, now: float) -> bool:
        """Whether who answers has said yes by a click: not a colleague who picks up for them, nor their voicemail,
        which names itself or answers late."""
        accepted = self._sides.accepted_by
        return accepted is not None and accepted == self.taken_by and now - self._sides.accepted_at <= CLICK_HOLDS and \
            not self._tools.reports.is_no_agent(own.call, bare_identities(own.identities))

    def _leg_pressed(self, own: OwnLeg, press: LegPressed, now: float) -> None:
        if self._end.outcome is not None:
            return
        if self._sides.conversation is not None:
            self._sides.conversation.pass_on(own, press)
            return
        if own is self._sides.agent and not self._sides.agent_ready:
            self._agent_chose(own, press.key, now)
        elif own is self._sides.customer and not self._sides.customer_ready and press.key == self.order.confirm_key:
            self._timers.stop("key")
            self._customer_is_ready(own, now)

    def _agent_chose(self, own: OwnLeg, digit: str, now: float) -> None:
        if digit == prompts.ACCEPT:
            self._agent_accepts(own, now)
        elif digit == prompts.DECLINE:
            self._end.settle("declined", now)
        else:
            own.play(prompts.ask_again(self.order), PROMPT, repeat=True)

    def _agent_accepts(self, own: OwnLeg, now: float) -> None:
        self._timers.stop("accept")
        self._sides.agent_ready = True
        self._steps.write("accepted")
        own.play(prompts.connecting(self.order), CONNECTING)
        self._advance(now)

    def _customer_is_ready(self, own: OwnLeg, now: float) -> None:
        self._sides.customer_ready = True
        if not self._sides.agent_ready:
            own.play(prompts.wait(self.order), WAITING)
        self._advance(now)

    def _leg_played(self, own: OwnLeg, tag: int, now: float) -> None:
        if tag == LAST_WORDS:
            own.hang_up(now)
        elif tag in (CONNECTING, WAITING) and self._sides.conversation is None and self._end.outcome is None:
            self._tools.media.tone(own.call, "ringback")

    def _side_ended(self, own: OwnLeg, end: LegEnd, now: float) -> None:
        if self._end.outcome is None and own in (self._sides.agent, self._sides.customer):
            if self._sides.conversation is not None:
                self._conversation_ends(now, end)
            elif own is self._sides.agent:
                self._agent_left(own, end, now)
            else:
                self._customer_left(own, end, now)

    def _agent_left(self, own: OwnLeg, end: LegEnd, now: float) -> None:
        if own.answered_at is None:
            result = results.of_agent(end)
        else:
            result = "agent_failed" if end.by == "lost" and not self._sides.agent_ready else "agent_left"
        self._end.settle_as(result, end, now)

    def _customer_left(self, own: OwnLeg, end: LegEnd, now: float) -> None:
        if own.role == "incoming" and not self._sides.dialled:
            # They gave up ringing in: the attempt goes on as if they had not.
            self._sides.customer, self._sides.customer_ready = None, False
            self._sides.answered_wall = None
            self._advance(now)
        elif own.role == "incoming" or self._sides.customer_ready:
            self._end.settle_as("customer_left", end, now)
        else:
            self._end.settle_as(results.of_customer(end) if own.answered_at is None else "no_key", end, now)

    # Talking

    def _join(self, now: float) -> None:
        agent, customer = self._sides.agent, self._sides.customer
        if agent is None or customer is None:
            return
        customer.report_answer()
        joined = self._sides.conversation = Conversation(self.order, self._tools, agent, customer, now,
                                                         partial(self._steps.write, "talked"))
        self._tools.reports.connected(self.order.attempt, self.taken_by)
        self._note("callback_connected", call=customer.call, glare=joined.glare)

    def _part(self) -> None:
        """The customer's leg gives way to another one."""
        if self._sides.conversation is not None and self._sides.agent is not None:
            self._sides.conversation.stop()
            self._sides.conversation = None
            self._tools.media.part(self._sides.agent.call)
            self._tools.media.tone(self._sides.agent.call, "ringback")

    def _conversation_ends(self, now: float, end: LegEnd | None = None, text: str = "") -> None:
        talk = self._sides.conversation
        if talk is None:
            return
        talk.stop()
        seconds = now - talk.began_at
        talked = talk.lasted or seconds >= self.order.min_talk
        result: Result = "short" if not talked else "glare" if talk.glare else "talked"
        self._end.settle(result, now, cause=200, talk=seconds, text=text or (end.reason if end is not None else ""))

    def _note(self, event: str, /, call: str = "", **facts: object) -> None:
        self._tools.stack.note(event, call, attempt=self.order.attempt, **facts)
