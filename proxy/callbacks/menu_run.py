"""What a caller who waits hears and may press, as the table of the rules says it (`routing/queue_menu.py`): run.

It has the clock, asks the ledger, and tells the table what happens; sound and legs are its user's.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

from proxy.callbacks.named_timers import NamedTimers
from proxy.callbacks.own_leg import Tools
from proxy.media.contract import Clip
from routing.callbacks.queue_facts import PlaceTerms, QueueOffer, RequestAnswer
from routing.queue_menu import (
    LATER,
    Ask,
    At,
    Check,
    CountOffer,
    Effect,
    Enqueue,
    GiveUp,
    HangUp,
    Hold,
    HungUp,
    Hush,
    Input,
    Join,
    Kept,
    Key,
    Listen,
    Menu,
    MenuIn,
    Named,
    NoPlace,
    NotNamed,
    OfferDue,
    OfferIn,
    Part,
    PlaceGone,
    PlaceTaken,
    Press,
    PromptEnded,
    Queue,
    Refused,
    Say,
    Silence,
    Step,
    WaitedLong,
    begin,
    begin_service,
    language,
    step,
)

WAITING: Final = frozenset({At.WAITING, At.TOLD})
"""Where a key is looked up in what is offered at that moment."""
SAID_FOR: Final = 60.0
"""Seconds after which a prompt is over, where its end is not told: what plays it may have died."""
TAGS: Final = range(100, 1000)
"""Of what is said, in turn: the end of words that others have replaced is no end of those."""
FAREWELL: Final = 15.0
"""Seconds that the last words may take, where the end of their playing is not told."""


class MenuUser(Protocol):
    """Whose caller it is."""

    def say(self, clips: tuple[Clip, ...], tag: int, now: float) -> None:
        """Play to the caller; `MenuRun.prompt_ended` follows when what has this tag is over, and nothing newer."""

    def hush(self, now: float) -> None:
        """Stop what is being played to them."""

    def part(self, now: float) -> None:
        """Let caller and place not hear each other."""

    def join(self, now: float) -> None:
        """Let them."""

    def is_held(self) -> bool:
        """Whether somebody is on hold, and nothing is offered to them."""

    def place_to_ask_for(self) -> str | None:
        """The name of the leg that holds their place now; None: there is none."""

    def hold(self, terms: PlaceTerms, now: float) -> None:
        """What they asked for is on disk, and the place is the request's. It may have ended by now."""

    def give_up(self, now: float) -> None:
        """End the place."""

    def enqueue(self, now: float) -> None:
        """Call for another place; `MenuRun.place_gone` follows where there is none to be had."""

    def leave(self, now: float) -> None:
        """End the caller's leg."""

    def settled(self, now: float) -> None:
        """What they asked for is answered, and they had hung up before that."""


class MenuRun:
    """One caller's."""

    def __init__(self, tools: Tools, call: str, user: MenuUser) -> None:
        self._tools, self._call = tools, call
        self._user: MenuUser | None = user
        """None: it is over, and nothing of it is to be told."""
        self._timers = NamedTimers(tools.stack.timers)
        self._menu = Menu(At.OVER, Queue.HELD)
        self._inputs: deque[Input] = deque()
        self._runs = False
        self._promised: str | None = None
        """The request that is theirs, while they are told so."""
        self._said = 0
        """How often something was said."""
        self._asked_for_place = False
        """A place was named when they asked."""

    @property
    def at(self) -> At:
        """Where the caller is."""
        return self._menu.at

    @property
    def parted(self) -> bool:
        """Whether the caller is not to hear their place, nor the place them."""
        return not self._menu.joined

    @property
    def language(self) -> str:
        """In which they are spoken to, as the rules said last."""
        return language(self._menu)

    def begin(self, offer: QueueOffer, back: bool, now: float) -> None:
        """They wait from now on; `back`: in the place that was kept for them."""
        self._start(begin(offer, back), now)

    def begin_service(self, offer: QueueOffer | None, now: float) -> None:
        """They are handed over by a PBX, and have no place."""
        self._start(begin_service(offer), now)

    def let_go(self) -> None:
        """Nothing of its caller is left: forget who has it, or the two would keep each other alive."""
        self.stop()
        self._user = None

    def stop(self) -> None:
        """Nothing follows any more."""
        self._menu = self._menu._replace(at=At.OVER)
        self._rest()

    # What happens

    def press(self, key: str, now: float) -> None:
        """They pressed a key."""
        self._happen(Key(key, self._offer() if self.at in WAITING else None), now)

    def prompt_ended(self, now: float) -> None:
        """What was said last has been played to its end."""
        self._timers.stop("said")
        self._happen(PromptEnded(), now)

    def place_taken(self, now: float) -> None:
        """An agent is proved to have taken their place."""
        self._happen(PlaceTaken(), now)

    def place_gone(self, now: float) -> None:
        """The PBX has ended their place."""
        self._happen(PlaceGone(), now)

    def hung_up(self, now: float) -> None:
        """They have hung up. `at` says then whether what they asked for is still to be answered (`LEFT`)."""
        self._happen(HungUp(), now)

    # Inside

    def _start(self, first: Step, now: float) -> None:
        self._menu, effects = first
        self._do_all(effects, False, now)

    def _happen(self, what: Input, now: float) -> None:
        """One after another: an effect may be answered at once."""
        self._inputs.append(what)
        if self._runs:
            return
        self._runs = True
        try:
            while self._inputs:
                self._timers.stop("listen")
                left = self.at is At.LEFT
                self._menu, effects = step(self._menu, self._inputs.popleft())
                self._do_all(effects, left, now)
        finally:
            self._runs = False

    def _do_all(self, effects: tuple[Effect, ...], left: bool, now: float) -> None:
        user = self._user
        if user is None:
            return
        for effect in effects:
            self._do(effect, user, now)
        if self.at is At.OVER:
            self._rest()
            if left:
                user.settled(now)

    def _rest(self) -> None:
        """Nothing follows, and nobody has to end it."""
        self._timers.stop_all()
        if self._promised is not None:
            self._tools.farewells.end(self._promised, self.prompt_ended)
            self._promised = None

    def _do(self, effect: Effect, user: MenuUser, now: float) -> None:
        match effect:
            case Say(words, spoken):
                self._said += 1
                user.say(tuple(Clip(one.prompt, spoken, one.digits) for one in words),
                         TAGS[self._said % len(TAGS)], now)
                self._timers.start("said", now + SAID_FOR, self.prompt_ended)
                if self.at is At.LEAVING:
                    self._timers.start("farewell", now + FAREWELL, lambda at: self._happen(Silence(), at))
            case Hush():
                self._timers.stop("said")
                user.hush(now)
            case Listen(seconds):
                self._timers.start("listen", now + seconds, lambda at: self._happen(Silence(), at))
            case OfferIn(seconds):
                self._timers.start("offer", now + seconds, self._offer_is_due)
            case MenuIn(seconds):
                self._timers.start("menu", now + seconds, self._waited_long)
            case CountOffer():
                self._tools.reports.note_offered(self._call)
            case Part():
                user.part(now)
            case Join():
                user.join(now)
            case Check(keys):
                self._check(keys)
            case Ask(number):
                place = user.place_to_ask_for()
                self._asked_for_place = place is not None
                self._tools.reports.ask_callback(self._call, number, place, self._answer)
            case Press(key):
                self._tools.reports.pressed(self._call, key, self._promise)
            case Hold(terms):
                user.hold(terms, now)
            case NoPlace(terms):
                if self._asked_for_place:
                    user.hold(terms, now)
            case Enqueue():
                user.enqueue(now)
            case GiveUp():
                user.give_up(now)
            case HangUp():
                user.leave(now)

    def _offer_is_due(self, now: float) -> None:
        if self._user is not None and self._user.is_held():
            self._timers.start("offer", now + LATER, self._offer_is_due)
        else:
            self._happen(OfferDue(self._offer()), now)

    def _waited_long(self, now: float) -> None:
        if self._user is not None and self._user.is_held():
            self._timers.start("menu", now + LATER, self._waited_long)
        else:
            self._happen(WaitedLong(self._offer()), now)

    def _offer(self) -> QueueOffer | None:
        return self._tools.reports.queue_offer(self._call)

    def _check(self, keys: str) -> None:
        found = self._tools.reports.typed_number(self._call, keys)
        self._inputs.append(NotNamed(found.refusal) if found.number is None else Named(found.number))

    def _answer(self, answer: RequestAnswer) -> None:
        """What became of their request."""
        if answer.terms is not None:
            self._tools.stack.note("callback_asked_for", self._call)
        kept = Refused(answer.refusal) if answer.terms is None else Kept(answer.terms)
        self._happen(kept, self._tools.stack.clock())
        if answer.terms is not None and self.at is At.LEAVING:
            self._promised = answer.terms.task
            self._tools.farewells.begin(self._promised, self.prompt_ended)

    def _promise(self, kept: bool) -> None:
        """What became of a campaign's key; at the next look at the timers, for it may be told at once."""
        stack = self._tools.stack
        if kept:
            stack.note("callback_asked_for", self._call)
        stack.timers.at(stack.clock(), lambda now: self._happen(Kept(None) if kept else Refused(""), now))
