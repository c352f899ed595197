"""One leg of an attempt: entered into the ledger, kept with the desk for the case of a crash, its news passed on.

Rules
- The ledger hears of it as of any proxied call. Of an incoming one the core has told everything up to the answer; its
  end after that is ours to tell, for its BYE comes to us.
- The ledger is told that the customer answered when they are joined with the agent, not before: who heard nothing but
  prompts talked with nobody.
- What a leg says after we hung it up is not passed on, but its end is: then nothing of it is left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

from proxy.callbacks.farewells import Farewells
from proxy.callbacks.reports import LegBook, Reports
from proxy.media.contract import Clip, Media
from proxy.ua.contract import Incoming, Leg, LegMaker, LegRequest, Stack
from proxy.ua.leg_events import (
    LegAccepted,
    LegAnswered,
    LegConnected,
    LegEnd,
    LegEnded,
    LegEvent,
    LegGivenUp,
    LegHeld,
    LegPlayed,
    LegPressed,
    LegRinging,
    LegSent,
    LegSilent,
)
from routing.callbacks.facts import DeskFacts, OwnCall
from routing.facts import Ending, bare_identities
from routing.rows import EndedBy, LegRow

Role = Literal["agent", "customer", "incoming"]

NOBODY_TALKED = 480
"""What the ledger is told of a customer's leg that was answered and never joined: nobody was reached."""
KEYS_KEPT = 8
"""Keys that are kept until a leg is answered."""


class Tools(NamedTuple):
    """What attempts work with."""

    legs: LegMaker
    media: Media
    desk: DeskFacts
    ledger: LegBook
    reports: Reports
    stack: Stack
    new_id: Callable[[], str]
    """A fresh UUID version 7: the name of a leg."""
    farewells: Farewells


class OwnLegOwner(Protocol):
    """Who hears what a leg does: the attempt."""

    def on_event(self, own: OwnLeg, event: LegEvent, now: float) -> None:
        """Told of an answer, keys, silence and what was played to its end, as long as we have not hung up; of a leg
        that is given up (`leaving` by then); and of the end, once, and last."""


class OwnLeg:
    """`ua.contract.LegOwner` of one leg."""

    __slots__ = ("_accepted", "_attempt", "_entered", "_leg", "_owner", "_presses", "_rang", "_told", "_tools",
                 "answered_at", "answering", "call", "given_up", "held", "leaving", "over", "role")

    def __init__(self, tools: Tools, owner: OwnLegOwner, attempt: str, role: Role, call: str) -> None:
        self._tools, self._owner, self._attempt = tools, owner, attempt
        self.role: Role = role
        self.call = call
        self.answered_at: float | None = None
        """When it was answered, monotonic."""
        self.answering = False
        """Incoming: our 200 has left, or leaves."""
        self.leaving = False
        """We have hung up."""
        self.given_up = False
        """Its time was over before anybody answered; its end is still to come."""
        self.held = False
        self.over = False
        self._accepted = False
        """Its 2xx is there; the ACK waits for the disk."""
        self._presses: list[LegPressed] = []
        """Keys that were pressed meanwhile."""
        self._leg: Leg | None = None
        self._entered = False
        """Its end is for us to tell the ledger."""
        self._rang = False
        self._told = False
        """The ledger knows that it was answered."""

    @property
    def up(self) -> bool:
        """Whether it is answered and nobody has hung up."""
        return self.answered_at is not None and not self.leaving and not self.over

    @property
    def identities(self) -> tuple[tuple[str, str], ...]:
        return () if self._leg is None else self._leg.identities

    def place(self, order: LegRequest, now: float) -> None:
        """Make it ready to go; what ends it after a crash is on its way to the disk then."""
        try:
            self._leg = self._tools.legs.place(order, self, now)
        except Exception as error:
            self._tools.stack.note("leg_failed", call=self.call, error=repr(error))
            self._end(LegEnd(500, "us"), now)
            return
        self._remember()

    def go(self, entry: OwnCall, now: float) -> None:
        """Enter it into the ledger and call."""
        self._entered = True
        self._tools.reports.place(entry)
        if self._leg is not None:
            self._leg.go(now)

    def take(self, incoming: Incoming, now: float) -> bool:
        """Take over a call that was handed to us; False where that fails."""
        try:
            self._leg = self._tools.legs.take(incoming, self, now)
        except Exception as error:
            self._tools.stack.note("leg_failed", call=self.call, error=repr(error))
            return False
        return True

    def adopt(self, leg: Leg, now: float) -> bool:
        """Take over a leg that somebody else had, by the same name; False: it is over.

        What ends it after a crash is written down anew, as what it is here. A leg that is answered is `up` at once,
        and nobody is told of that; the ledger heard it from who had the leg before.
        """
        if not leg.hand_over(self):
            return False
        self._leg, self.held = leg, leg.held
        if leg.answered:
            self.answered_at = now
            self.answering = self.role == "incoming"
            self._told = True
        self._entered = leg.answered or self.role != "incoming"
        self._remember()
        return True

    def ring(self, now: float) -> None:
        """Incoming: let the caller hear ringing."""
        if self._leg is not None:
            self._leg.ring(now)

    def answer(self, now: float) -> None:
        """Incoming: answer it."""
        self.answering = True
        if self._leg is not None:
            self._entered = True
            self._leg.answer(now)

    def hang_up(self, now: float, cause: int = 0, reason: str = "") -> None:
        """End it, whatever its state; once is enough."""
        if self.leaving or self.over:
            return
        self.leaving = True
        if self._leg is not None:
            self._leg.hang_up(now, cause, reason)

    def report_answer(self) -> None:
        """Tell the ledger that it is answered, once."""
        if not self._told and self.role != "incoming":
            identities = bare_identities(self.identities)
            self._tools.reports.answered(self.call, identities)
        self._told = True

    def play(self, clips: tuple[Clip, ...], tag: int, repeat: bool = False, pause: float = 1.0) -> None:
        """Play to its far end."""
        if self._leg is not None:
            self._leg.play(clips, tag, repeat, pause)

    # LegOwner

    def on_event(self, leg: Leg, event: LegEvent, now: float) -> None:
        match event:
            case LegSent():
                self._remember()
            case LegRinging():
                self._note_ringing()
            case LegAccepted():
                self._accepted = True
                self._tools.reports.keep_then(self._row(leg), leg.confirm)
            case LegAnswered():
                self._note_answer(now)
            case LegPressed():
                self._take_key(event, now)
            case LegHeld(held):
                self.held = held
            case LegConnected(identities):
                self._note_connected(identities)
            case LegPlayed() | LegSilent():
                if not self.leaving:
                    self._owner.on_event(self, event, now)
            case LegGivenUp():
                if not self.leaving:
                    self.leaving = self.given_up = True
                    self._owner.on_event(self, event, now)
            case LegEnded(end):
                self._end(end, now)

    def _note_ringing(self) -> None:
        self._remember()
        if not self._rang:
            self._rang = True
            self._tools.reports.ringing(self.call)

    def _note_answer(self, now: float) -> None:
        if self.leaving or self.answered_at is not None:
            return
        self.answered_at = now
        if self.role == "agent":
            self.report_answer()
        self._owner.on_event(self, LegAnswered(), now)
        presses, self._presses = self._presses, []
        for press in presses:
            self._take_key(press, now)

    def _take_key(self, press: LegPressed, now: float) -> None:
        """Behind a PBX a phone is in the call before our ACK leaves: its keys wait for that."""
        if self.answered_at is not None and not self.leaving:
            self._owner.on_event(self, press, now)
        elif self._accepted and len(self._presses) < KEYS_KEPT:
            self._presses.append(press)

    def _note_connected(self, identities: tuple[tuple[str, str], ...]) -> None:
        """Who is at the PBX's end now is for the rules; at the customer's it changes nothing."""
        if self.role == "agent" and self._told and not self.over:
            self._tools.reports.connected_line(self.call, bare_identities(identities))

    def _end(self, end: LegEnd, now: float) -> None:
        if self.over:
            return
        self.over = True
        if self._entered:
            self._tools.reports.call_ended(self.call, self._ending(end))
        self._tools.reports.leg_gone(self.call)
        self._leg = None  # it knows us
        self._owner.on_event(self, LegEnded(end), now)

    def _ending(self, end: LegEnd) -> Ending:
        """What the ledger is told: it saw the answer, or there was none."""
        by: EndedBy = "proxy"
        if end.by == "far":
            by = "caller" if self.role == "incoming" else "callee"
        elif end.by == "lost" and self._told:
            by = "lost"
        return Ending(NOBODY_TALKED if end.cause == 200 and not self._told else end.cause, by, q850=end.q850)

    def _remember(self) -> None:
        if self._leg is not None and not self.over:
            self._tools.reports.keep(self._row(self._leg))

    def _row(self, leg: Leg) -> LegRow:
        return LegRow(self.call, self._attempt, self.role, leg.memory())
