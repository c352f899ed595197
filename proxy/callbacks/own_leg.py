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

from proxy.media.contract import Media
from proxy.ua.contract import Incoming, Leg, LegEnd, LegMaker, LegOrder, Stack
from routing.callbacks.facts import Books, DeskFacts, OwnCall, Waits
from routing.facts import Ending, Router, bare_identities
from routing.rows import EndedBy, LegRow

Role = Literal["agent", "customer", "incoming"]

NOBODY_TALKED = 480
"""What the ledger is told of a customer's leg that was answered and never joined: nobody was reached."""
KEYS_KEPT = 8
"""Keys that are kept until a leg is answered."""


class LegBook(Router, Protocol):
    """The ledger, as it hears of our legs."""

    def taken_by(self, call: str) -> str | None:
        """Who took an agent's leg that went to a queue, as far as it is proved by now."""

    def pbx_of(self, call: str) -> str | None:
        """The PBX of a call in progress."""

    def waits(self, call: str, now: float) -> Waits | None:
        """What the caller may press while they wait; None: nothing, or no more."""

    def pressed(self, call: str, key: str, now: float, told: Callable[[bool], None]) -> None:
        """A caller who waits pressed a key. `told` is called once, maybe at once: True when what they are promised is
        on disk; False: they wait on."""


class Tools(NamedTuple):
    """What attempts work with."""

    legs: LegMaker
    media: Media
    desk: DeskFacts
    books: Books
    ledger: LegBook
    stack: Stack
    new_id: Callable[[], str]
    """A fresh UUID version 7: the name of a leg."""

    def tell(self, what: Callable[..., object], *facts: object, call: str) -> None:
        """Tell the ledger or the desk a fact that nothing waits for; a bug of theirs must not leave a leg up."""
        try:
            what(*facts)
        except Exception as error:
            self.stack.note("telling_failed", call=call, what=getattr(what, "__name__", ""), error=repr(error))

    def keep(self, row: LegRow) -> None:
        """Have written down what ends a leg after a crash."""
        self.tell(self.desk.leg, row, call=row.call)

    def once_kept(self, row: LegRow, go: Callable[[float], None]) -> None:
        """Have it written down, and go on then; where the desk fails the call goes first.

        Nobody may be in a call with us that the next process would not know of.
        """
        try:
            self.desk.leg(row, lambda: go(self.stack.clock()))
        except Exception as error:
            self.stack.note("telling_failed", call=row.call, what="leg", error=repr(error))
            go(self.stack.clock())

    def taken_by(self, call: str) -> str | None:
        """Ask the ledger who took a leg to the PBX."""
        try:
            return self.ledger.taken_by(call)
        except Exception as error:
            self.stack.note("asking_failed", call=call, what="taken_by", error=repr(error))
            return None


class News(Protocol):
    """Who hears what a leg does: the attempt."""

    def leg_is_answered(self, own: OwnLeg, now: float) -> None:
        """Told once."""

    def leg_pressed(self, own: OwnLeg, digit: str, info: bool, now: float) -> None:
        """A key, once for each press; `info`: it came in signalling, and no other leg hears it."""

    def leg_heard_out(self, own: OwnLeg, tag: int, now: float) -> None:
        """What was played with this tag has been played."""

    def leg_fell_silent(self, own: OwnLeg, seconds: float, now: float) -> None:
        """See MediaEars.media_silent."""

    def leg_is_given_up(self, own: OwnLeg, end: LegEnd, now: float) -> None:
        """Nobody answers there any more; how it ends is known, and `leg_is_over` follows."""

    def leg_is_over(self, own: OwnLeg, end: LegEnd, now: float) -> None:
        """Told once, and last."""


class OwnLeg:
    """Owner of one leg."""

    __slots__ = ("_accepted", "_attempt", "_entered", "_keys", "_leg", "_news", "_rang", "_told", "_tools",
                 "answered_at", "answering", "call", "given_up", "held", "leaving", "over", "role")

    def __init__(self, tools: Tools, news: News, attempt: str, role: Role, call: str) -> None:
        self._tools, self._news, self._attempt = tools, news, attempt
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
        self._keys: list[tuple[str, bool]] = []
        """Pressed meanwhile."""
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
        """See Leg."""
        return () if self._leg is None else self._leg.identities

    def place(self, order: LegOrder, now: float) -> None:
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
        self._tools.tell(self._tools.books.place, entry, self._tools.stack.wall(), call=self.call)
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

    def talks(self) -> None:
        """Tell the ledger that it is answered, once."""
        if not self._told and self.role != "incoming":
            identities = bare_identities(self.identities)
            self._tools.tell(self._tools.ledger.answered, self.call, 0, identities, None, self._tools.stack.wall(),
                             call=self.call)
        self._told = True

    # LegOwner

    def leg_sent(self, leg: Leg, now: float) -> None:
        """See LegOwner."""
        self._remember()

    def leg_ringing(self, leg: Leg, early_media: bool, now: float) -> None:
        """See LegOwner."""
        self._remember()
        if not self._rang:
            self._rang = True
            self._tools.tell(self._tools.ledger.ringing, self.call, 0, self._tools.stack.wall(), call=self.call)

    def leg_accepted(self, leg: Leg, go: Callable[[float], None], now: float) -> None:
        """See LegOwner."""
        self._accepted = True
        self._tools.once_kept(self._row(leg), go)

    def leg_answered(self, leg: Leg, now: float) -> None:
        """See LegOwner."""
        if self.leaving or self.answered_at is not None:
            return
        self.answered_at = now
        if self.role == "agent":
            self.talks()
        self._news.leg_is_answered(self, now)
        keys, self._keys = self._keys, []
        for digit, info in keys:
            self.leg_digit(leg, digit, info, now)

    def leg_digit(self, leg: Leg, digit: str, info: bool, now: float) -> None:
        """See LegOwner. Behind a PBX a phone is in the call before our ACK leaves: its keys wait for that."""
        if self.answered_at is not None and not self.leaving:
            self._news.leg_pressed(self, digit, info, now)
        elif self._accepted and len(self._keys) < KEYS_KEPT:
            self._keys.append((digit, info))

    def leg_held(self, leg: Leg, held: bool, now: float) -> None:
        """See LegOwner."""
        self.held = held

    def leg_connected(self, leg: Leg, identities: tuple[tuple[str, str], ...], private: bool,
                      now: float) -> None:
        """See LegOwner. Who is at the PBX's end now is for the rules; at the customer's it changes nothing."""
        if self.role == "agent" and self._told and not self.over:
            self._tools.tell(self._tools.ledger.connected_line, self.call, bare_identities(identities),
                             self._tools.stack.wall(), call=self.call)

    def leg_played(self, leg: Leg, tag: int, now: float) -> None:
        """See LegOwner."""
        if not self.leaving:
            self._news.leg_heard_out(self, tag, now)

    def leg_given_up(self, leg: Leg, end: LegEnd, now: float) -> None:
        """See LegOwner."""
        if not self.leaving:
            self.leaving = self.given_up = True
            self._news.leg_is_given_up(self, end, now)

    def leg_silent(self, leg: Leg, seconds: float, now: float) -> None:
        """See LegOwner."""
        if not self.leaving:
            self._news.leg_fell_silent(self, seconds, now)

    def leg_ended(self, leg: Leg, end: LegEnd, now: float) -> None:
        """See LegOwner."""
        self._end(end, now)

    def _end(self, end: LegEnd, now: float) -> None:
        if self.over:
            return
        self.over = True
        if self._entered:
            self._tools.tell(self._tools.ledger.ended, self.call, self._ending(end), self._tools.stack.wall(),
                             call=self.call)
        self._tools.tell(self._tools.desk.leg_gone, self.call, call=self.call)
        self._leg = None  # it knows us
        self._news.leg_is_over(self, end, now)

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
            self._tools.keep(self._row(self._leg))

    def _row(self, leg: Leg) -> LegRow:
        return LegRow(self.call, self._attempt, self.role, leg.memory())
