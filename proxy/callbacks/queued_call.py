"""A caller who waits in the PBX's queue, and their place in it: two legs of ours, so that their keys are heard.

Rules
- Two legs, the caller's and their place at the PBX, which see each other as they would without us: each word before the
  answer, early media, the answer, hold, whom the caller is connected to, the failure, the end. Audio and keys cross.
- What cannot be served here goes its normal way untouched: an offer without a codec of ours, no media process, a PBX
  that refuses before it has rung anybody. After that its failure is the caller's.
- Behind a PBX that answers on the agent our leg answers a caller who is to be told of the key, and the place rings on.
  For the rules they are a caller whom nobody has answered until the place is answered.
- In the menu the two are parted: whoever takes the place is asked for a moment. Proof of that ends the menu.
- A key counts as soon as what it stands for is on disk. Then the place is handed on, or given up where a campaign's key
  asked; the caller is told, and their leg ends. Whoever is promised nothing waits on.
- Who rang in again is in the place that was kept for them, and gives it back when they hang up.
- Nobody is in a call with us that the next process would not know of: both legs are written down first.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Final, Protocol

from proxy.callbacks.menu_run import MenuRun
from proxy.callbacks.own_leg import Tools
from proxy.callbacks.place_call import MEDIA_PATIENCE, SILENCE_STEP, Place, place_order
from proxy.media.contract import Clip
from proxy.sip.sdp_audio import session_of
from proxy.sip.timers import Timer
from proxy.ua.contract import Incoming, Leg, LegOwner, LegRequest
from proxy.ua.leg import MEDIA_FAILED, WRITING_PATIENCE
from proxy.ua.leg_events import (
    Answering,
    Asked,
    LegAccepted,
    LegAnswered,
    LegAsked,
    LegConnected,
    LegEnd,
    LegEnded,
    LegEvent,
    LegGivenUp,
    LegHeld,
    LegPlayed,
    LegPressed,
    LegProgress,
    LegRinging,
    LegSent,
    Shown,
)
from routing.callbacks.facts import OwnCall
from routing.callbacks.queue_facts import PlaceTerms, QueueOffer
from routing.facts import Ending, bare_identities
from routing.ids import beside7
from routing.queue_menu import At
from routing.rows import EndedBy, LegRow

CAMPAIGN: Final = 1
ONE_MOMENT: Final = 2
"""Tags of what is played beside what the menu says: of a campaign's keys; to who takes the place."""
UNAVAILABLE: Final = 480
"""What the caller gets where the PBX's failure is nothing they could act on."""
FOR_US: Final = frozenset({401, 407, 422, 491})
"""Failures that only who made the INVITE can act on: the place's was ours. Where to call instead (3xx) is the caller's
to know, as on the proxy path, unless we have answered them."""
SILENCE: Final = 408
RINGING: Final = 180
ONCE_MORE: Final = frozenset({408, 500, 502, 503, 504})
"""Failures of a place after which another one is called, once, for a caller whom we have answered ourselves."""
BUSY_FOR: Final = 4.0
"""Seconds of busy tone for a caller whom we have answered ourselves, and whom the PBX refuses."""
NO_HOLD: Final = (False, False)
PAUSE: Final = 0.15
"""Seconds between two rounds of the word to who takes the place: they hear it within 0.3 s."""


class PlaceKeeper(Protocol):
    """The room, as a caller inside has it."""

    def hold(self, place: Place, terms: PlaceTerms, now: float) -> None:
        """Keep a place from now on, which may be over by now: the request of its caller is on disk."""

    def hold_lent(self, leg: Leg, entry: OwnCall, terms: PlaceTerms, now: float) -> None:
        """Keep a place that was lent for another request of its caller, which is on disk; `entry`: as in `Place`."""

    def take_back(self, task: str, leg: Leg, terms: PlaceTerms | None, now: float) -> None:
        """Hold the place of a request again, which was lent to its caller. `terms`: they have asked anew."""

    def lost(self, leg: Leg, why: str, now: float) -> None:
        """A place that was lent has ended, or is to."""

    def forget(self, call: str) -> None:
        """Nothing is left of a caller's call."""


class Answered(Enum):
    """How a caller's leg is answered, or being answered."""

    NOT = auto()
    BY_US = auto()
    """So that they can be told something, while the place rings on: for the rules nobody has answered."""
    BY_PLACE = auto()


class QueuedCall(LegOwner):
    """One caller and their place in the PBX's queue: `menu_run.MenuUser`."""

    def __init__(self, tools: Tools, incoming: Incoming, offer: QueueOffer | None, room: PlaceKeeper) -> None:
        self._tools, self._incoming, self._room = tools, incoming, room
        self._offer = offer or QueueOffer(None, None)
        self._media = tools.media
        self._menu = MenuRun(tools, incoming.call, self)
        self._caller: Leg | None = None
        self._place: Leg | None = None
        self._request: LegRequest | None = None
        """How the place was placed."""
        self._task: str | None = None
        """The request whose place was lent to them; None: the place is theirs."""
        self._terms: PlaceTerms | None = None
        """What they have asked anew for that."""
        self._entry: OwnCall | None = None
        """How the place stands in the ledger once it is a call of its own."""
        self._answered = Answered.NOT
        self._waiting_words: tuple[tuple[Clip, ...], int] | None = None
        """What is said once the caller has acknowledged our answer, and its tag."""
        self._joined = self._early = self._prompted = self._sent = False
        """Whether they hear each other; whether the place has early media; whether the caller was told of a campaign's
        keys; whether the PBX was called."""
        self._holds: dict[str, tuple[bool, bool]] = {}
        self._passed_holds: dict[str, tuple[bool, bool]] = {}
        """By leg: whether its far end holds us, and is silent then; how we hold it."""
        self._says: int | None = None
        """Tag of the prompt of ours that the caller hears."""
        self._leaving = False
        """Everything ends: what the place does is nothing to the caller any more."""
        self._by_place = False
        """The PBX ended it."""
        self._heard = False
        """Who answered the place and the caller have heard each other, or might have."""
        self._again = False
        """The place is the second one."""
        self._names = iter(beside7(incoming.call))
        """Of places: those of a call are found by its own name when somebody asks for its messages."""
        self._failure: LegEnd | None = None
        """How the place ended."""
        self._taken = False
        """An agent is proved to have taken it."""
        self._farewell = False
        """The caller has heard last words."""
        self._end: LegEnd | None = None
        """How the caller's leg ended, while what they asked for is still to be answered."""
        self._timer: Timer | None = None

    @property
    def place(self) -> str | None:
        """Name of the leg that is their place; None: there is none, or it was handed on."""
        return None if self._place is None else self._place.call

    @property
    def sessions(self) -> int:
        """How many media sessions are theirs; that of a place that is kept is not."""
        return 1 if self._place is None or self._task is not None else 2

    def begin(self, pbx: str, now: float) -> bool:
        """Call the PBX as the caller did; False where that fails at once."""
        incoming, legs = self._incoming, self._tools.legs
        try:
            self._request = place_order(incoming.request, self._place_name(), pbx)
            place = self._place = legs.place(self._request, self, now)
            self._caller = legs.take(incoming, self, now)
            self._tools.stack.timers.at(now + MEDIA_PATIENCE, self._has_left)
            self._go_once_written(place, now)
        except Exception as error:
            self._tools.stack.note("leg_failed", incoming.call, error=repr(error))
            self.hang_up("", now)
            return self._caller is not None
        self._wait(now)
        return True

    def _place_name(self) -> str:
        return next(self._names, None) or self._tools.new_id()

    def come_back(self, task: str, lend: Callable[[LegOwner], Leg | None], now: float) -> bool:
        """Take the place of a request that was kept for this caller; False where it is not to be had."""
        incoming = self._incoming
        place = lend(self)
        if place is None:
            return False
        self._task, self._place, self._sent = task, place, True
        try:
            caller = self._caller = self._tools.legs.take(incoming, self, now)
        except Exception as error:
            self._tools.stack.note("leg_failed", incoming.call, error=repr(error))
            self._room.take_back(task, place, None, now)
            return False
        if place.answered:
            self._answer_as_place(place, caller, now)
        self._wait(now)
        return True

    def hang_up(self, reason: str, now: float) -> None:
        """End both legs."""
        self._leave()
        for leg in (self._place, self._caller):
            if leg is not None and not leg.over:
                leg.hang_up(now, reason=reason)
        self._end_caller(now)

    def _wait(self, now: float) -> None:
        """Begin to wait: who takes the place is of interest, and when the caller is to be told of what they may do.

        Of the keys of a campaign they are told when they first hear the PBX.
        """
        self._tools.reports.watch_pickup(self._incoming.call, self._note_pickup)
        keys = self._offer.campaign
        offer = self._offer if keys is None else self._offer._replace(campaign=keys._replace(prompt=None))
        self._menu.begin(offer, self._task is not None, now)

    def _leave(self) -> None:
        self._leaving = True
        self._menu.stop()

    # LegOwner

    def on_event(self, leg: Leg, event: LegEvent, now: float) -> None:
        match event:
            case LegSent():
                self._sent = True
                self._remember(leg)
            case LegRinging():
                self._remember(leg)
            case LegProgress(shown, early_media):
                self._note_progress(shown, early_media, now)
            case LegAccepted():
                self._tools.reports.keep_then(self._row(leg), leg.confirm)
            case LegAnswered():
                if leg is self._place:
                    self._note_place_answered(leg, now)
                elif leg is self._caller:
                    self._note_caller_answered(now)
            case LegPressed():
                self._take_key(leg, event, now)
            case LegHeld(held, silent):
                self._pass_hold(leg, held, silent, now)
            case LegAsked(asked, answering):
                self._pass_request(leg, asked, answering, now)
            case LegConnected(identities, private):
                self._note_connected(leg, identities, private, now)
            case LegPlayed(tag):
                self._note_played(leg, tag, now)
            case LegGivenUp(end):
                self._give_back(leg, end, now)
            case LegEnded(end):
                self._note_end(leg, end, now)

    def _note_progress(self, shown: Shown, early_media: bool, now: float) -> None:
        """What the PBX says before it answers, word by word."""
        if self._caller is None or self._leaving:
            return
        self._incoming.final = self._incoming.final or early_media or shown.status == RINGING
        self._caller.progress(shown, early_media, now)
        has_media = self._caller.answered if self._answered is Answered.BY_US else \
            session_of(self._incoming.request) is not None  # else they hear nothing before the ACK
        self._early = self._early or early_media
        if early_media and has_media and not self._menu.parted and self._says is None:
            self._join()

    def _note_heard(self) -> None:
        if self._joined and self._place is not None and self._place.answered:
            self._heard = True

    def _note_place_answered(self, place: Leg, now: float) -> None:
        caller = self._caller
        if caller is None or self._leaving:
            return
        self._incoming.final = True
        self._media.watch_silence(place.call, SILENCE_STEP)
        if self._answered is Answered.NOT:
            self._answer_as_place(place, caller, now)
            self._join()
            return
        self._tools.reports.place_answered(caller.call, bare_identities(place.identities))
        if self._menu.parted:
            self._ask_for_a_moment(place)
        else:
            self._hear_place(caller, now)
        self._note_heard()
        if place.identities and not caller.over:
            self._show_connected(place.identities, _is_private(place.shown), now)

    def _hear_place(self, caller: Leg, now: float) -> None:
        """The place of a caller whom we have answered is answered too: where that may be an agent they are heard at
        once, and what is being said ends; a queue is heard when that has been said."""
        said = self._says is not None or self._waiting_words is not None
        if said and self._tools.reports.queue_offer(caller.call) is None:
            self.hush(now)
            self._menu.prompt_ended(now)
        if caller.answered and self._says is None:
            self._join()
        self._pass_holds(now)

    def _answer_as_place(self, place: Leg, caller: Leg, now: float) -> None:
        self._answered = Answered.BY_PLACE
        self._incoming.identities = place.identities
        caller.answer(now, place.shown)

    def _answer_ourselves(self, now: float) -> None:
        """Answer a caller so that they can be told something, while their place rings on."""
        if self._answered is Answered.NOT and self._caller is not None:
            self._answered = Answered.BY_US
            self._incoming.reported = False
            self._caller.answer(now)

    def _note_caller_answered(self, now: float) -> None:
        if self._leaving:
            return
        self._rejoin()
        self._pass_holds(now)
        self._tell_of_campaign()
        words, self._waiting_words = self._waiting_words, None
        if words is not None:
            self.say(*words, now)

    def _take_key(self, leg: Leg, press: LegPressed, now: float) -> None:
        """As RFC 4733 a key went across with the audio; one in signalling is passed on here. None of the menu is."""
        if leg is self._caller:
            parted = self._menu.parted
            self._menu.press(press.key, now)
            if parted or self._menu.parted:
                return
        other = self._place if leg is self._caller else self._caller
        if press.info and self._joined and other is not None:
            self._media.press(other.call, press.key)

    def _pass_hold(self, leg: Leg, held: bool, silent: bool, now: float) -> None:
        """Who holds the one holds the other; once they are joined again, where the caller is in the menu."""
        self._holds[leg.call] = held, silent
        if not self._menu.parted:
            self._pass_holds(now)

    def _pass_holds(self, now: float) -> None:
        caller, place = self._caller, self._place
        if caller is None or place is None or self._leaving:
            return
        for leg, other in ((caller, place), (place, caller)):
            wanted = NO_HOLD if leg is place and self._plays_to_who_waits() else self._holds.get(leg.call, NO_HOLD)
            if other.answered and not other.over and self._passed_holds.get(other.call, NO_HOLD) != wanted:
                self._passed_holds[other.call] = wanted
                other.hold(*wanted, now)

    def _plays_to_who_waits(self) -> bool:
        """Whether the PBX holds us to play to a caller whom no agent may have: passed on, that would take the caller
        their keys (a phone that is held sends nothing)."""
        held, silent = NO_HOLD if self._place is None else self._holds.get(self._place.call, NO_HOLD)
        return held and not silent and self._tools.reports.queue_offer(self._incoming.call) is not None

    def _pass_request(self, leg: Leg, asked: Asked, answering: Answering, now: float) -> None:
        """What the one asks is for the other: REFER, NOTIFY, MESSAGE, INFO. Not while the caller is in the menu."""
        other = self._place if leg is self._caller else self._caller
        if self._joined and not self._leaving and other is not None and other.answered and not other.over:
            answering.taken = True
            other.ask(asked, answering.answer, now)

    def _note_connected(self, leg: Leg, identities: tuple[tuple[str, str], ...], private: bool, now: float) -> None:
        """What the PBX says of whom it rings is for the caller's display, and for the rules."""
        if leg is not self._place or self._caller is None or self._leaving:
            return
        self._tools.reports.connected_line(self._caller.call, bare_identities(identities))
        self._show_connected(identities, private, now)

    def _show_connected(self, identities: tuple[tuple[str, str], ...], private: bool, now: float) -> None:
        if not private and self._caller is not None:
            self._caller.refresh_target("", identities[0][1], now)

    def _note_played(self, leg: Leg, tag: int, now: float) -> None:
        if leg is not self._caller or leg.over or tag != self._says:
            return
        self._says = None
        if not self._menu.parted:
            self._rejoin()
        if tag != CAMPAIGN:
            self._menu.prompt_ended(now)

    def _note_pickup(self, agent: str | None) -> None:
        """An agent is seen to take the place; `agent`: who, where that is proved."""
        now = self._tools.stack.clock()
        if self._leaving or self._caller is None or self._caller.over:
            return
        if agent is not None and self._menu.at is not At.LEAVING:
            self._taken = True
            self._menu.place_taken(now)
        if self._menu.parted and self._place is not None:
            self._ask_for_a_moment(self._place)

    def _ask_for_a_moment(self, place: Leg) -> None:
        """Whoever takes the place hears it, from its beginning."""
        if place.answered and not place.over:
            place.play((Clip("please_wait", self._menu.language),), ONE_MOMENT, repeat=True, pause=PAUSE)

    def _tell_of_campaign(self) -> None:
        """Of its keys, once, as soon as the caller hears the PBX and nothing else is said."""
        keys, caller = self._offer.campaign, self._caller
        if keys is None or keys.prompt is None or caller is None or self._prompted or self._says is not None:
            return
        if not self._joined or not (caller.answered or self._early):
            return
        self._prompted, self._says = True, CAMPAIGN
        caller.play((Clip(keys.prompt, keys.language),), CAMPAIGN)

    # menu_run.MenuUser

    def say(self, clips: tuple[Clip, ...], tag: int, now: float) -> None:
        caller = self._caller
        if caller is None or caller.over:
            return
        self._farewell = self._menu.at is At.LEAVING
        if caller.answered or (self._farewell and self._joined):  # their keys come with an answer only
            self._says = tag
            caller.play(clips, tag)
        else:
            self._waiting_words = clips, tag
            self._answer_ourselves(now)

    def hush(self, now: float) -> None:
        self._waiting_words = None
        if self._says is not None and self._caller is not None:
            self._says = None
            self._media.tone(self._caller.call, "silence")
            if not self._menu.parted:
                self._rejoin()

    def part(self, now: float) -> None:
        if self._joined and self._caller is not None:
            self._joined = False
            self._media.part(self._caller.call)
        if self._place is not None:
            self._ask_for_a_moment(self._place)

    def join(self, now: float) -> None:
        self._rejoin()
        self._pass_holds(now)

    def is_held(self) -> bool:
        """Held by the PBX they are where that sends nothing: else it is the queue's music."""
        caller, place = self._caller, self._place
        silent = place is not None and self._holds.get(place.call, NO_HOLD)[1]
        return silent or (caller is not None and caller.held)

    def place_to_ask_for(self) -> str | None:
        place = self._place
        if place is None or place.over:
            return None
        self._entry = self._tools.reports.place_entry(self._incoming.call, place.call)
        return None if self._entry is None else place.call

    def hold(self, terms: PlaceTerms, now: float) -> None:
        place, request, entry = self._place, self._request, self._entry
        if self._task == terms.task:
            self._terms = terms  # it is given back when their call has ended
        elif self._task is not None and place is not None and entry is not None:  # that one is over
            self._task = self._place = None
            self._room.hold_lent(place, entry, terms, now)
        elif place is not None and request is not None and entry is not None:
            self._place = None
            self._room.hold(Place(place, request, entry), terms, now)

    def enqueue(self, now: float) -> None:
        self._failure = None
        if not self._place_anew(now):
            self._menu.place_gone(now)

    def give_up(self, now: float) -> None:
        place = self._place
        if self._task is None and place is not None and not place.over:
            end = self._end or LegEnd(200, "us", reason="the caller is called back")
            place.hang_up(now, reason=end.reason, fields=end.fields)

    def leave(self, now: float) -> None:
        """As their place has ended, where they have not heard last words."""
        caller, end = self._caller, self._failure
        if caller is None or caller.over:
            return
        self._leaving = True
        if end is None or self._farewell:
            caller.hang_up(now)
            return
        self._by_place = True
        failure = self._failed_with(end)
        if self._answered is Answered.BY_US and failure:
            self._media.tone(caller.call, "busy")
            self._timer = self._tools.stack.timers.at(
                now + BUSY_FOR, lambda at: caller.hang_up(at, failure, end.reason))
        else:
            caller.hang_up(now, failure, end.reason, end.shown if failure == end.cause else None, end.fields)

    def settled(self, now: float) -> None:
        self._end_caller(now)

    # The end

    def _give_back(self, leg: Leg, end: LegEnd, now: float) -> None:
        """The place is lost: the caller gets how, unless they are in the menu."""
        caller = self._caller
        if leg is not self._place or caller is None or caller.over or self._leaving or self._failure is not None:
            return
        if self._answered is Answered.BY_US and end.cause != 200 and self._call_again(end, now):
            return
        self._failure = end
        self._joined = False
        self._menu.place_gone(now)

    def _call_again(self, end: LegEnd, now: float) -> bool:
        """Call for another place, once, where the PBX has failed and has not refused."""
        return not self._again and (end.cause in ONCE_MORE or end.by == "lost") and self._place_anew(now)

    def _place_anew(self, now: float) -> bool:
        request = self._request
        if request is None:
            return False
        self._again, self._joined, self._early = True, False, False
        request = self._request = request._replace(call=self._place_name())
        try:
            place = self._place = self._tools.legs.place(request, self, now)
            self._go_once_written(place, now)
        except Exception as error:
            self._tools.stack.note("leg_failed", request.call, error=repr(error))
            return False
        if self._caller is not None and not self._menu.parted and self._says is None:
            self._media.tone(self._caller.call, "ringback")
        return True

    def _note_end(self, leg: Leg, end: LegEnd, now: float) -> None:
        self._tools.reports.leg_gone(leg.call)
        if leg is self._caller:
            self._end = end
            self._menu.hung_up(now)
            self._end_caller(now)
        elif leg is self._place:
            self._give_back(leg, end, now)
            self._forget_if_over()

    def _end_caller(self, now: float) -> None:
        """The caller is gone, and the rules are told; then the place goes too, or whoever kept it has it again.

        What they asked for may be promised on disk already, without their having heard of it: until that is known their
        call goes on for the rules.
        """
        end = self._end
        if end is None or self._menu.at is At.LEFT:
            return
        self._end = None
        self._leave()
        if self._timer is not None:
            self._timer.cancel()
        if end.cause == 200:
            self._tools.reports.call_ended(self._incoming.call, self._ending(end))
        place, task = self._place, self._task
        if task is not None and place is not None:
            if place.over or self._taken:  # who talked with them is hung up on as in any call
                self._room.lost(place, "pbx", now)
            else:
                self._place = None
                self._room.take_back(task, place, self._terms, now)
        if self._place is not None and not self._place.over:
            self._place.hang_up(now, reason=end.reason, fields=end.fields)
        self._forget_if_over()

    def _forget_if_over(self) -> None:
        if self._end is None and all(one is None or one.over for one in (self._caller, self._place)):
            self._leaving = True
            self._menu.let_go()
            self._caller = self._place = None  # they know us
            self._room.forget(self._incoming.call)

    def _ending(self, end: LegEnd) -> Ending:
        failed = self._failure
        if self._answered is Answered.BY_US and self._by_place and failed is not None and failed.cause != 200:
            return Ending(self._failed_with(failed), "callee", q850=failed.q850)
        return Ending(200, self._who(end), unheard=self._answered is Answered.BY_US and not self._heard)

    def _who(self, end: LegEnd) -> EndedBy:
        if end.by == "far":
            return "caller"
        if end.by == "lost":
            return "proxy" if end.reason == MEDIA_FAILED else "lost"
        return "callee" if self._by_place else "proxy"

    def _has_left(self, now: float) -> None:
        if not self._sent:
            self.hang_up("", now)

    def _failed_with(self, end: LegEnd) -> int:
        """What the caller gets for how their place ended; 0: it was answered."""
        if end.cause < 300:
            return 0
        if end.cause == SILENCE or (end.cause == 487 and end.by == "us"):  # a second time would be as long again
            self._incoming.final = True
            return SILENCE
        moved = end.cause < 400 and self._answered is Answered.BY_US
        return UNAVAILABLE if moved or end.cause in FOR_US else end.cause

    # What they hear

    def _join(self) -> None:
        if not self._joined and self._caller is not None and self._place is not None:
            self._joined, self._says = True, None
            self._media.join(self._caller.call, self._place.call)
            self._media.watch_keys(self._place.call, False)  # who presses is the caller
            self._note_heard()
            self._tell_of_campaign()

    def _rejoin(self) -> None:
        """Have an answered caller hear their place, or that it rings."""
        caller, place = self._caller, self._place
        if caller is None or place is None or place.over or self._leaving:
            return
        if place.answered or self._early:
            self._join()
        elif caller.answered:
            self._media.tone(caller.call, "ringback")

    # What is written down

    def _go_once_written(self, place: Leg, now: float) -> None:
        stack = self._tools.stack
        stack.timers.at(now + WRITING_PATIENCE, place.go)
        self._tools.desk.leg(self._row(place), lambda: place.go(stack.clock()))

    def _remember(self, leg: Leg) -> None:
        if not leg.over:
            self._tools.reports.keep(self._row(leg))

    def _row(self, leg: Leg) -> LegRow:
        return LegRow(leg.call, "", "waiting" if leg is self._caller else "place", leg.memory())


def _is_private(shown: Shown | None) -> bool:
    return shown is not None and any(field[:8].lower() == b"privacy:" and field[8:].strip().lower() != b"none"
                                     for field in shown.fields)
