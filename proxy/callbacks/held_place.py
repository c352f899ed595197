"""A place in the PBX's queue after the request: nobody is joined to it until an agent takes it, and they hear why.

Rules
- Whoever picks it up hears, in a loop that never stops while the place is held, whom to call and what to press: behind
  a queue that shows nothing they hear it from the first moment too.
- 1: the desk is asked, and the leg goes to the attempt that it commits. 2, a hang-up without a key or too long a
  silence after a pick-up that was seen: declined; the desk says whether a new place is called, at the end of the queue.
- An end without a sign of a pick-up is the PBX's: the place is lost, and the request goes on without it.
- Who rings in again has it back for as long as they stay (`lend`), be an agent in it or not; once 1 is pressed they are
  rung, and go to the attempt.
- A click of the agent who is proved to have it counts like the key.
- A voicemail box is left, unless it is proved that an agent has the place.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from typing import Final, Protocol

from proxy.callbacks import prompts
from proxy.callbacks.attempt_end import FAREWELL, LAST_WORDS
from proxy.callbacks.named_timers import NamedTimers
from proxy.callbacks.own_leg import KEYS_KEPT, Tools
from proxy.callbacks.place_call import MEDIA_PATIENCE, SILENCE_STEP, Place, placed_again
from proxy.callbacks.reports import Decline, PlaceReports
from proxy.media.contract import Clip
from proxy.ua.contract import Incoming, Leg, LegOwner, LegRequest
from proxy.ua.leg import MEDIA_FAILED, WRITING_PATIENCE
from proxy.ua.leg_events import (
    LegAccepted,
    LegAnswered,
    LegConnected,
    LegEnd,
    LegEnded,
    LegEvent,
    LegGivenUp,
    LegPlayed,
    LegPressed,
    LegRinging,
    LegSent,
    LegTone,
)
from routing.callbacks.clicks import HEARS, AgentAt, Click, ClickAnswer, Heard
from routing.callbacks.facts import AttemptOrder, Outcome
from routing.callbacks.queue_facts import PlaceTerms
from routing.facts import Ending, bare_identities
from routing.rows import EndedBy, LegRow

CLAIM_PATIENCE: Final = 15.0
"""Seconds that the desk may take for an agent who pressed 1; then they are told that it cannot be."""
PAUSE: Final = 0.5
"""Seconds between two rounds of the question: an agent who comes in between waits for no longer than that."""
ASKING: Final = 1
"""Tag of what is played to whoever has the place; it is repeated and never comes to its end."""
AGAIN: Final = 2
"""Tag of what is said to whoever pressed something else."""
ONE_MOMENT: Final = 4


class Stage(Enum):
    """How far a place is."""

    WAITING = auto()
    """In the queue, and nobody was seen to take it."""
    TAKEN = auto()
    """An agent has it, and has not pressed a key that counts."""
    ACCEPTED = auto()
    """They pressed 1, and the desk is asked."""
    LENT = auto()
    """Who asked for the callback is in it: the leg is somebody else's."""
    LEAVING = auto()
    """Last words, or hung up: nothing of it is told any more."""
    RETURNING = auto()
    """A new place is being called."""


class Adopt(Protocol):
    """Whoever runs attempts."""

    def __call__(self, order: AttemptOrder, agent: Leg, caller: Leg | None, now: float) -> None:
        """Run an attempt whose agent is in a leg already, and pressed 1; `caller`: the leg by which its customer rings
        in, None where they do not."""


class HeldPlace:
    """One place, by its request. All moments are monotonic seconds."""

    def __init__(self, tools: Tools, facts: PlaceReports, place: Place, terms: PlaceTerms, adopt: Adopt,
                 over: Callable[[HeldPlace], None], now: float) -> None:
        """Take the place over. `over`: told when nothing of it is left, never before this returns."""
        self.task: Final = terms.task
        self._tools, self._facts, self._terms = tools, facts, terms
        self._adopt, self._over = adopt, over
        self._request, self._entry = place.request, place.entry._replace(task=terms.task)
        self._asker = place.entry.customer
        """Whom the caller's own INVITE shows."""
        self._leg = place.leg
        self._timers = NamedTimers(tools.stack.timers)
        self._stage = Stage.WAITING
        self._agent: str | None = None
        """Who has it, as far as that is proved."""
        self._decliner: str | None = None
        """Who declined last, as long as nobody has picked it up since."""
        self._taken_before = False
        """An agent had it when it was lent."""
        self._accepted = False
        """The 2xx of a leg that rang is there; the ACK waits for the disk."""
        self._presses: list[str] = []
        """Keys that were pressed meanwhile."""
        self._new_place = False
        """One is to be called when the leg is over."""
        self._left = False
        """The desk has given it up while somebody else had the leg."""
        self._sent = False
        """The call for a new place has left."""
        self._until: float | None = None
        """When it is to be left; None: as long as the PBX keeps it."""
        self._entered = False
        """It stands in the ledger as a call of its own."""
        self._caller: Leg | None = None
        """Their call, who rang in while the desk was asked."""
        self._ear = _Ear(self)
        if place.leg.hand_over(self._ear):
            self._enter(now)
        else:
            self._later(lambda now: self._lose("pbx", now))

    @property
    def call(self) -> str:
        """Name of its leg."""
        return self._leg.call

    @property
    def attended(self) -> bool:
        """Whether an agent is in it, or was a moment ago."""
        return self._stage in (Stage.TAKEN, Stage.ACCEPTED, Stage.LEAVING)

    def has(self, call: str) -> bool:
        """Whether a call is its leg, or the one by which its customer rings in."""
        return self._leg.call == call or (self._caller is not None and self._caller.call == call)

    def is_lent(self, leg: Leg) -> bool:
        """Whether this is its leg, and who asked for the callback is in it."""
        return self._stage is Stage.LENT and self._leg is leg

    # What the room asks for

    def lend(self, call: str, owner: LegOwner, now: float) -> Leg | None:
        """Hand its leg over to who has a call of the caller who is back; None: not now.

        What the ledger knows of who has the place is known of that call from now on.
        """
        if self._stage not in (Stage.WAITING, Stage.TAKEN) or not self._leg.hand_over(owner):
            return None
        self._taken_before, self._stage = self._stage is Stage.TAKEN, Stage.LENT
        self._timers.stop("accept", "place")
        self._entered = False
        self._tools.media.watch_tone(self._leg.call, False)
        self._tools.reports.came_back(self._leg.call, call)
        return self._leg

    def take_back(self, leg: Leg, terms: PlaceTerms | None, now: float) -> None:
        """The caller is gone, and the request stands: hold the leg again; `terms`: as they asked anew."""
        self._stage, self._terms = Stage.WAITING, terms or self._terms
        if not leg.hand_over(self._ear):
            self._later(lambda now: self._lose("pbx", now))
        elif self._left:
            self._hang_up("the callback is over", now)
        else:
            self._enter(now)
            if self._taken_before:
                self._take(self._agent, now)

    def give_away(self) -> LegRequest:
        """Its leg, which is lent, is the place of another request from now on; return how it was placed."""
        if not self._left:
            self._facts.lost(self.task, "other_request")
        self._be_over()
        return self._request

    def renew(self, terms: PlaceTerms, now: float) -> None:
        """They asked anew by another call than the one that is in it."""
        self._terms = terms
        if self._stage in (Stage.WAITING, Stage.TAKEN) and self._leg.answered:
            self._show(now)
            self._ask()

    def lose(self, why: str, now: float) -> None:
        """It ended while it was lent."""
        self._lose(why, now)

    def ring_in(self, incoming: Incoming, now: float) -> bool:
        """Ring a caller who is back while the desk is asked, until there is an attempt for them; False: not now."""
        if self._stage is not Stage.ACCEPTED or self._caller is not None:
            return False
        try:
            self._caller = self._tools.legs.take(incoming, self._ear, now)
        except Exception as error:
            self._tools.stack.note("leg_failed", call=incoming.call, error=repr(error))
            return False
        self._caller.ring(now)
        return True

    def click(self, click: Click, agent: str, reason: str, now: float) -> ClickAnswer:
        """Take what an agent says by a click; `reason`: why they decline."""
        heard = self._hear_click(click, agent)
        who = self._agent
        if heard is Heard.DONE:
            self._tools.stack.note("place_clicked", self._leg.call, click=click.value, agent=agent)
            if not self._leg.answered:
                self._presses = [prompts.ACCEPT if click is Click.ACCEPT else prompts.DECLINE]
            elif click is Click.ACCEPT:
                self._accept(now)
            else:
                self._decline("click", now, reason)
        return ClickAnswer(heard, self.task, None, "place" if self._stage in (Stage.TAKEN, Stage.ACCEPTED) else "", who)

    def _hear_click(self, click: Click, agent: str) -> Heard:
        if self._stage in (Stage.WAITING, Stage.TAKEN) and not self._leg.over:
            self._agent = self._tools.reports.taken_by(self._leg.call) or self._agent
        if self._stage in (Stage.LEAVING, Stage.RETURNING, Stage.WAITING) and self._decliner == agent:
            return Heard.ALREADY if click is Click.DECLINE else Heard.OVER
        match self._stage:
            case Stage.LENT:
                return Heard.CUSTOMER_BACK
            case Stage.LEAVING | Stage.RETURNING:
                return Heard.OVER
            case Stage.WAITING:
                return Heard.NOT_PICKED_UP
        if self._agent != agent:
            return Heard.UNPROVED if self._agent is None else Heard.OTHERS
        return HEARS[click, AgentAt.ACCEPTED if self._stage is Stage.ACCEPTED else AgentAt.ASKED]

    def leave(self, reason: str, now: float) -> None:
        """The desk gives it up: nothing of it is told any more. Whoever else has the leg goes on."""
        if self._stage is Stage.LENT:
            self._left = True
        elif self._stage in (Stage.WAITING, Stage.RETURNING):
            self._hang_up(reason, now)
        elif self._stage is Stage.TAKEN:
            self._say(prompts.place_over(self._terms.language), now)
        elif self._stage is Stage.LEAVING:
            self._new_place = False

    def end(self, why: str, reason: str, now: float) -> None:
        """Hang up, whatever its state; the request goes on without it."""
        if self._stage is Stage.LENT:
            return
        told = self._new_place or self._stage not in (Stage.ACCEPTED, Stage.LEAVING)
        self._new_place = False
        self._hang_up(reason, now)
        if self._caller is not None:
            self._caller.hang_up(now)
        if told:
            self._facts.lost(self.task, why)

    # What its leg does, told by `_Ear`: a hold is nothing, for media heeds it

    def on_event(self, leg: Leg, event: LegEvent, now: float) -> None:
        """Something happened to its leg, or to the one by which its customer rings in."""
        if leg is not self._leg:
            if leg is self._caller and isinstance(event, LegEnded):
                self._caller = None
            return
        match event:
            case LegSent():
                self._sent = True
                self._remember()
            case LegRinging():
                self._remember()
                self._tools.reports.ringing(leg.call)
                self._is_back()
            case LegAccepted():
                self._accepted = True
                self._tools.reports.keep_then(self._row(), leg.confirm)
            case LegAnswered():
                self._note_answer(now)
            case LegPressed(key):
                self._take_key(key, now)
            case LegConnected(identities):
                self._tools.reports.connected_line(leg.call, bare_identities(identities))
            case LegPlayed(tag):
                self._note_played(tag, now)
            case LegTone():
                self._note_machine(now)
            case LegGivenUp():
                self._give_up(now)
            case LegEnded(end):
                self._note_end(end, now)

    def _note_answer(self, now: float) -> None:
        shown = bare_identities(self._leg.identities)
        if self._agent is None and self._tools.reports.is_no_agent(self._leg.call, shown):
            self._note_machine(now)
            return
        self._tools.reports.answered(self._leg.call, shown)
        self._is_back()
        self._greet(now)
        presses, self._presses = self._presses, []
        for key in presses:
            self._take_key(key, now)

    def _take_key(self, key: str, now: float) -> None:
        """Behind a PBX a phone is in the call before our ACK leaves: its keys wait for that."""
        if not self._leg.answered:
            if self._accepted and len(self._presses) < KEYS_KEPT:
                self._presses.append(key)
            return
        if self._stage not in (Stage.WAITING, Stage.TAKEN):
            return
        self._take(self._tools.reports.taken_by(self._leg.call), now)
        if key == prompts.ACCEPT:
            self._accept(now)
        elif key == prompts.DECLINE:
            self._decline("key", now)
        else:
            self._leg.play(prompts.place_ask_again(self._terms), AGAIN)

    def _note_played(self, tag: int, now: float) -> None:
        if tag == LAST_WORDS:
            self._leg.hang_up(now)
        elif tag == AGAIN and self._stage in (Stage.WAITING, Stage.TAKEN):
            self._ask()
        elif tag == ONE_MOMENT and self._stage is Stage.ACCEPTED:
            self._tools.media.tone(self._leg.call, "ringback")

    def _note_machine(self, now: float) -> None:
        """It is a voicemail box, by how it sounds or who it says it is: left, unless an agent is proved to be there."""
        if self._stage in (Stage.WAITING, Stage.TAKEN, Stage.RETURNING) and self._agent is None:
            self._hang_up("a voicemail box", now)
            self._facts.lost(self.task, "voicemail")

    def _give_up(self, now: float) -> None:
        """It rang for too long without a word of the PBX; its end is still to come."""
        if self._stage in (Stage.WAITING, Stage.RETURNING):
            self._stage = Stage.LEAVING
            self._facts.lost(self.task, "pbx")

    def _note_end(self, end: LegEnd, now: float) -> None:
        if self._stage is Stage.TAKEN:
            self._agent = self._tools.reports.taken_by(self._leg.call) or self._agent
        if self._entered:
            self._entered = False
            self._tools.reports.call_ended(self._leg.call, _ending(end))
        self._tools.reports.leg_gone(self._leg.call)
        self._timers.stop("accept", "farewell", "media")
        match self._stage:
            case Stage.WAITING | Stage.RETURNING:
                self._lose("media" if end.reason == MEDIA_FAILED else "pbx", now)
            case Stage.TAKEN if end.by == "far":
                self._decline("hung_up", now)
            case Stage.TAKEN:
                self._lose("media" if end.reason == MEDIA_FAILED else "pbx", now)
            case Stage.ACCEPTED | Stage.LENT:
                pass  # whoever has it then learns of it
            case Stage.LEAVING:
                self._go_on(now)

    # Held

    def _enter(self, now: float) -> None:
        """It is a call of its own from now on."""
        reports, leg = self._tools.reports, self._leg
        self._stage = Stage.WAITING
        if leg.answered:
            leg.hold(False, False, now)  # its caller may have put it on hold, and left it so
            self._show(now)
        self._announce(now)
        self._remember()
        if leg.answered:
            reports.answered(leg.call, bare_identities(leg.identities))
            self._greet(now)
        else:
            reports.ringing(leg.call)

    def _announce(self, now: float) -> None:
        """Have the ledger look at it, and the clock."""
        self._entered = True
        self._tools.reports.place(self._entry)
        self._tools.reports.watch_pickup(self._leg.call, partial(self._picked_up, self._leg))
        if self._terms.place_for:
            self._until = now + self._terms.place_for if self._until is None else self._until
            self._timers.start("place", self._until, self._kept_long_enough)

    def _greet(self, now: float) -> None:
        """Say it to whoever is there, show them whom it is about, and hear whether it is a machine."""
        self._ask()
        self._tools.media.watch_keys(self._leg.call, True)
        self._tools.media.watch_tone(self._leg.call, True)
        self._tools.media.watch_silence(self._leg.call, SILENCE_STEP)
        self._show(now)

    def _show(self, now: float) -> None:
        """Have the PBX show whom to call; its dialog events name them by that from then on."""
        if self._entry.customer != self._terms.customer:
            self._leg.refresh_target("", self._terms.customer, now)
            self._entry = self._entry._replace(customer=self._terms.customer, asker=self._asker)

    def _ask(self) -> None:
        self._leg.play(prompts.place_ask(self._terms), ASKING, repeat=True, pause=PAUSE)

    def _picked_up(self, leg: Leg, agent: str | None) -> None:
        """An agent is seen to have it."""
        if leg is self._leg and self._stage in (Stage.WAITING, Stage.RETURNING):
            self._is_back()  # a PBX need not have said that it rings
            self._take(agent, self._tools.stack.clock())
            if leg.answered:
                self._ask()  # from its beginning

    def _take(self, agent: str | None, now: float) -> None:
        news = agent is not None and agent != self._agent
        self._agent = agent or self._agent
        if self._stage is Stage.WAITING:
            self._stage, self._decliner = Stage.TAKEN, None
            self._facts.taken(self.task, self._agent)
            self._timers.start("accept", now + self._terms.accept_within, partial(self._decline, "silent"))
        elif news:
            self._facts.taken(self.task, agent)

    def _accept(self, now: float) -> None:
        self._stage = Stage.ACCEPTED
        self._tools.media.watch_tone(self._leg.call, False)
        self._timers.stop("accept", "place")
        self._leg.play(prompts.place_accepted(self._terms.language), ONE_MOMENT)
        self._timers.start("claim", now + CLAIM_PATIENCE, partial(self._begin, None))
        self._facts.accepted(self.task, self._agent, lambda order: self._later(partial(self._begin, order)))

    def _begin(self, order: AttemptOrder | None, now: float) -> None:
        """The desk has said what becomes of it; or has not, for too long."""
        if self._stage is not Stage.ACCEPTED:
            self._refuse(order)
            return
        self._timers.stop("claim")
        caller, self._caller = self._caller, None
        if order is not None and not self._leg.over:
            self._be_over()
            self._tools.reports.place(self._entry._replace(attempt=order.attempt, customer=order.customer))
            self._adopt(order, self._leg, caller, now)
            return
        self._refuse(order)
        if caller is not None:
            caller.hang_up(now)  # their call goes on to where it was headed
        self._say(prompts.place_refused(self._terms.language), now)

    def _refuse(self, order: AttemptOrder | None) -> None:
        """Nobody is there any more for an attempt."""
        if order is not None:
            self._tools.reports.attempt_ended(order.attempt, Outcome("agent_left", agent=self._agent))

    def _decline(self, why: Decline, now: float, reason: str = "") -> None:
        self._timers.stop("accept", "place")
        if not self._leg.over:
            self._agent = self._tools.reports.taken_by(self._leg.call) or self._agent
        self._decliner = self._agent
        self._new_place = self._facts.declined(self.task, self._agent, why, reason)
        self._until = None
        if self._leg.over:
            self._stage = Stage.LEAVING
            self._go_on(now)
        else:
            self._say(prompts.place_passed_on(self._terms.language), now)

    def _kept_long_enough(self, now: float) -> None:
        if self._stage in (Stage.WAITING, Stage.RETURNING):
            self._hang_up("kept for long enough", now)
            self._facts.lost(self.task, "time")

    # Ending

    def _say(self, words: tuple[Clip, ...], now: float) -> None:
        """Have the last words said, and hang up then."""
        self._stage = Stage.LEAVING
        self._timers.stop("accept", "place")
        if self._leg.over:
            self._go_on(now)
            return
        self._leg.play(words, LAST_WORDS)
        self._timers.start("farewell", now + FAREWELL, self._leg.hang_up)

    def _hang_up(self, reason: str, now: float) -> None:
        self._stage = Stage.LEAVING
        self._timers.stop_all()
        if self._leg.over:
            self._later(self._go_on)
        else:
            self._leg.hang_up(now, reason=reason)

    def _lose(self, why: str, now: float) -> None:
        """It is no more, and the request goes on without it; unless the desk has given it up before."""
        if not self._left:
            self._facts.lost(self.task, why)
        self._be_over()

    def _go_on(self, now: float) -> None:
        """The leg is over: call for a new place, where there is to be one."""
        if self._new_place:
            self._call_again(now)
        else:
            self._be_over()

    def _be_over(self) -> None:
        self._timers.stop_all()
        self._ear.place = None
        self._over(self)

    # Another place

    def _call_again(self, now: float) -> None:
        self._stage, self._new_place = Stage.RETURNING, False
        self._agent, self._accepted, self._sent = None, False, False
        call, customer = self._tools.new_id(), self._terms.customer
        request = placed_again(self._request, call, None if self._asker == customer else customer)
        self._entry = self._entry._replace(id=call, customer=self._terms.customer, attempt=None, asker=None)
        try:
            leg = self._leg = self._tools.legs.place(request, self._ear, now)
            self._timers.start("write", now + WRITING_PATIENCE, leg.go)
            self._timers.start("media", now + MEDIA_PATIENCE, self._has_left)
            self._announce(now)
            self._tools.reports.keep_then(self._row(), leg.go)
        except Exception as error:
            self._tools.stack.note("leg_failed", call=call, error=repr(error))
            self.end("pbx", "", now)

    def _is_back(self) -> None:
        """A new place is held."""
        if self._stage is Stage.RETURNING:
            self._stage = Stage.WAITING
            self._timers.stop("media")
            self._facts.returned(self.task, self._leg.call)

    def _has_left(self, now: float) -> None:
        if not self._sent:
            self.end("media", "", now)

    # Inside

    def _later(self, what: Callable[[float], None]) -> None:
        self._tools.stack.timers.at(self._tools.stack.clock(), what)

    def _remember(self) -> None:
        if not self._leg.over:
            self._tools.reports.keep(self._row())

    def _row(self) -> LegRow:
        return LegRow(self._leg.call, "", "place", self._leg.memory())


class _Ear(LegOwner):
    """Hears legs for a place until that is over: else the two would keep each other alive."""

    __slots__ = ("place",)

    def __init__(self, place: HeldPlace) -> None:
        self.place: HeldPlace | None = place

    def on_event(self, leg: Leg, event: LegEvent, now: float) -> None:
        if self.place is not None:
            self.place.on_event(leg, event, now)


def _ending(end: LegEnd) -> Ending:
    """What the ledger is told of the end of a place."""
    by: EndedBy = "callee" if end.by == "far" else "lost" if end.by == "lost" else "proxy"
    return Ending(end.cause, by, q850=end.q850)
