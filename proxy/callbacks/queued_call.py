"""A caller who waits in the PBX's queue, and their place in it: two legs of ours, so that their keys are heard.

Rules
- Two legs, the caller's and their place at the PBX, which see each other as they would without us: ringing, early
  media, the answer, whom the caller is connected to, the failure, the end. Their audio and keys cross.
- What cannot be served here goes its normal way untouched: an offer without a codec of ours, no media process, a PBX
  that refuses before it has rung anybody. After that its failure is the caller's.
- A key counts as soon as it is promised on disk what it stands for. Then the place is given up, the caller is told, and
  their leg ends. Whoever is promised nothing waits on.
- Nobody is in a call with us that the next process would not know of: both legs are written down first.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, Protocol

from proxy.callbacks.own_leg import Tools
from proxy.callbacks.place_call import Place, place_order
from proxy.media.contract import Clip
from proxy.sip.sdp_audio import session_of
from proxy.sip.timers import Timer
from proxy.ua.contract import Incoming, Leg, LegOwner
from proxy.ua.leg import MEDIA_FAILED, WRITING_PATIENCE
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
    LegProgress,
    LegRinging,
    LegSent,
    Shown,
)
from routing.callbacks.queue_facts import CampaignKeys, PlaceTerms
from routing.facts import Ending, bare_identities
from routing.rows import EndedBy, LegRow

FAREWELL: Final = 15.0
"""Seconds that the last words may take, where the end of their playing is not told."""
KEY_PROMPT: Final = 1
LAST_WORDS: Final = 2
"""Tags of what is played."""
UNAVAILABLE: Final = 480
"""What the caller gets where the PBX's failure is nothing they could act on."""
FOR_US: Final = frozenset({401, 407, 422, 487, 491})
"""Failures that only who made the INVITE can act on: the place's was ours."""
SILENCE: Final = 408
RINGING: Final = 180
MEDIA_PATIENCE: Final = 1.0
"""Seconds until the call to the PBX has left; else the media process hangs, and the call goes its normal way."""


class PlaceKeeper(Protocol):
    """The room, as a caller inside has it."""

    def hold(self, place: Place, terms: PlaceTerms, now: float) -> None:
        """Keep a place from now on: the request of its caller is on disk, and the caller leaves."""

    def take_back(self, task: str, leg: Leg, now: float) -> None:
        """Hold the place of a request again, which was lent to its caller while they were back in it."""

    def forget(self, call: str) -> None:
        """Nothing is left of a caller's call."""


class Stage(Enum):
    """How far a caller is."""

    WAITING = auto()
    """For an agent."""
    ASKING = auto()
    """They pressed a key, and what it stands for waits for the disk."""
    LEAVING = auto()
    """They were promised a callback, or everything ends: what the place does is nothing to the caller."""


class QueuedCall(LegOwner):
    """One caller and their place in the PBX's queue."""

    def __init__(self, tools: Tools, incoming: Incoming, keys: CampaignKeys, room: PlaceKeeper) -> None:
        self._tools, self._incoming, self._keys, self._room = tools, incoming, keys, room
        self._media = tools.media
        self._caller: Leg | None = None
        self._place: Leg | None = None
        self._stage = Stage.WAITING
        self._joined = self._prompted = self._sent = False
        """Whether they hear each other; whether the caller was told of the key; whether the PBX was called."""
        self._pressed = ""
        """The key that was pressed last."""
        self._by_place = False
        """The PBX ended it."""
        self._timer: Timer | None = None

    def begin(self, pbx: str, now: float) -> bool:
        """Call the PBX as the caller did; False where that fails at once."""
        incoming, legs = self._incoming, self._tools.legs
        try:
            order = place_order(incoming.request, self._tools.new_id(), pbx)
            place = self._place = legs.place(order, self, now)
            self._caller = legs.take(incoming, self, now)
            self._tools.stack.timers.at(now + WRITING_PATIENCE, place.go)
            self._tools.stack.timers.at(now + MEDIA_PATIENCE, self._has_left)
            self._tools.desk.leg(self._row(place), lambda: place.go(self._tools.stack.clock()))
        except Exception as error:
            self._tools.stack.note("leg_failed", incoming.call, error=repr(error))
            self.hang_up("", now)
            return self._caller is not None
        return True

    def hang_up(self, reason: str, now: float) -> None:
        """End both legs."""
        self._stage = Stage.LEAVING
        for leg in (self._place, self._caller):
            if leg is not None and not leg.over:
                leg.hang_up(now, reason=reason)

    # LegOwner: silence is nothing, for who waits is silent

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
                self._note_answer(leg, now)
            case LegPressed():
                self._take_key(leg, event)
            case LegHeld(held, silent):
                self._pass_hold(leg, held, silent, now)
            case LegConnected(identities, private):
                self._note_connected(leg, identities, private, now)
            case LegPlayed(tag):
                if tag == LAST_WORDS and not leg.over:
                    leg.hang_up(now)
            case LegGivenUp(end):
                self._give_back(end, now)
            case LegEnded(end):
                self._note_end(leg, end, now)

    def _note_progress(self, shown: Shown, early_media: bool, now: float) -> None:
        """What the PBX says before it answers, word by word."""
        if self._caller is None or self._stage is Stage.LEAVING:
            return
        self._incoming.final = self._incoming.final or early_media or shown.status == RINGING
        self._caller.progress(shown, early_media, now)
        if early_media and session_of(self._incoming.request) is not None:  # else they hear nothing before the ACK
            self._join()
            self._play_key_prompt()

    def _note_answer(self, leg: Leg, now: float) -> None:
        if self._caller is None or self._stage is Stage.LEAVING:
            return
        if leg is self._place:
            self._incoming.final = True
            self._incoming.identities = leg.identities
            self._caller.answer(now, leg.shown)
            self._join()
        else:
            self._play_key_prompt()

    def _take_key(self, leg: Leg, press: LegPressed) -> None:
        """As RFC 4733 a key went across with the audio; one in signalling is passed on here."""
        if leg is self._caller and press.key in self._keys.keys and self._stage is Stage.WAITING:
            self._stage, self._pressed = Stage.ASKING, press.key
            self._tools.reports.pressed(leg.call, press.key, self._promised)
        other = self._place if leg is self._caller else self._caller
        if press.info and self._joined and other is not None:
            self._media.press(other.call, press.key)

    def _pass_hold(self, leg: Leg, held: bool, silent: bool, now: float) -> None:
        """Who holds the one holds the other."""
        other = self._place if leg is self._caller else self._caller
        if other is not None and self._stage is not Stage.LEAVING:
            other.hold(held, silent, now)

    def _note_connected(self, leg: Leg, identities: tuple[tuple[str, str], ...], private: bool, now: float) -> None:
        """What the PBX says of whom it rings is for the caller's display, and for the rules."""
        if leg is not self._place or self._caller is None or self._stage is Stage.LEAVING:
            return
        shown = bare_identities(identities)
        self._tools.reports.connected_line(self._caller.call, shown)
        if not private:
            self._caller.refresh_target("", identities[0][1], now)

    def _note_end(self, leg: Leg, end: LegEnd, now: float) -> None:
        self._tools.reports.leg_gone(leg.call)
        caller, place = self._caller, self._place
        if leg is caller:
            if end.cause == 200:
                ending = Ending(200, self._who(end))
                self._tools.reports.call_ended(leg.call, ending)
            if place is not None and not place.over:
                place.hang_up(now, reason=end.reason)
        else:
            self._give_back(end, now)
        if all(one is None or one.over for one in (caller, place)):
            if self._timer is not None:
                self._timer.cancel()
            self._caller = self._place = None  # they know us
            self._room.forget(self._incoming.call)

    # Inside

    def _give_back(self, end: LegEnd, now: float) -> None:
        """The place is lost: the caller gets how."""
        caller = self._caller
        if caller is not None and not caller.over and self._stage is not Stage.LEAVING:
            self._by_place = True
            failure = self._failure(end)
            caller.hang_up(now, failure, end.reason, end.shown if failure == end.cause else None)

    def _has_left(self, now: float) -> None:
        if not self._sent:
            self.hang_up("", now)

    def _failure(self, end: LegEnd) -> int:
        """What the caller gets for how their place ended; 0: it was answered."""
        if end.cause < 300:
            return 0
        if end.cause == SILENCE or (end.cause == 487 and end.by == "us"):  # a second time would be as long again
            self._incoming.final = True
            return SILENCE
        return UNAVAILABLE if end.cause < 400 or end.cause in FOR_US else end.cause

    def _who(self, end: LegEnd) -> EndedBy:
        if end.by == "far":
            return "caller"
        if end.by == "lost":
            return "proxy" if end.reason == MEDIA_FAILED else "lost"
        return "callee" if self._by_place else "proxy"

    def _join(self) -> None:
        if not self._joined and self._caller is not None and self._place is not None:
            self._joined = True
            self._media.join(self._caller.call, self._place.call)

    def _play_key_prompt(self) -> None:
        """Tell the caller of the key, once."""
        if self._prompted or self._keys.prompt is None or self._caller is None or not self._joined:
            return
        self._prompted = True
        self._caller.play((Clip(self._keys.prompt, self._keys.language),), KEY_PROMPT)

    def _promised(self, kept: bool) -> None:
        """What became of a key; at the next look at the timers, for it may be told at once."""
        stack = self._tools.stack
        stack.timers.at(stack.clock(), lambda now: self._let_go(now) if kept else self._wait_on())

    def _wait_on(self) -> None:
        if self._stage is Stage.ASKING:
            self._stage = Stage.WAITING

    def _let_go(self, now: float) -> None:
        caller, place = self._caller, self._place
        if caller is None or caller.over:
            return
        self._stage = Stage.LEAVING
        self._tools.stack.note("callback_asked_for", caller.call)
        self._media.part(caller.call)
        confirmed = dict(self._keys.confirmations).get(self._pressed, "will_call_back")
        words = (Clip(confirmed, self._keys.language), Clip("goodbye", self._keys.language))
        caller.play(words, LAST_WORDS)
        self._timer = self._tools.stack.timers.at(now + FAREWELL, caller.hang_up)
        if place is not None and not place.over:
            place.hang_up(now, reason="the caller is called back")

    def _remember(self, leg: Leg) -> None:
        if not leg.over:
            self._tools.reports.keep(self._row(leg))

    def _row(self, leg: Leg) -> LegRow:
        return LegRow(leg.call, "", "waiting" if leg is self._caller else "place", leg.memory())
