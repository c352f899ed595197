"""What we ask in a dialog of a leg: BYE, refreshes, whom the far end is connected to.

Rules
- Offers do not cross: while one of ours is open theirs gets 491, and ours that gets 491 is made again after a random
  while (RFC 3261 section 14.1).
- UPDATE where the far end knows it, else a re-INVITE with our description as it is.
- Whatever changes a session refreshes it too, so the timer goes along (RFC 4028 section 7.4).
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from proxy.sip.dialog import ENDS_DIALOG, Dialog
from proxy.sip.message import Message, Response
from proxy.sip.sdp_audio import Direction, session_of
from proxy.ua.dialog_request import DialogRequest, Done
from proxy.ua.offer import Agreement, Negotiation
from proxy.ua.refresher import Refresher
from proxy.ua.wiring import ALLOW, SDP_FIELD, SUPPORTED, Far, Wiring, reason_field

UNKNOWN_METHOD = (405, 501)
"""Answers to an UPDATE of a far end that has none, whatever its Allow said."""
MAX_PENDING_TRIES = 3
"""Times that a request of ours which met 491 is made again."""
OURS_WAIT, THEIRS_WAIT = (2.1, 4.0), (0.0, 2.0)
"""Seconds to wait after 491: for whoever made the Call-ID, and for the other side (RFC 3261 section 14.1)."""


class DialogUser(Protocol):
    """The dialog as a whole, whose other half answers."""

    @property
    def answering(self) -> bool:
        """Whether a 2xx of ours to a re-INVITE waits for its ACK: nothing may be changed meanwhile."""

    def on_agreed(self, agreement: Agreement, now: float) -> None:
        """An offer of ours was answered: audio flows as this says from now on."""

    def on_lost(self, reason: str, now: float) -> None:
        """The far end is gone; its BYE is on the way."""


class DialogClient:
    """Our requests in one dialog, and the timer that keeps it alive (`refresher.Refreshed`)."""

    def __init__(self, wiring: Wiring, far: Far, dialog: Dialog, negotiation: Negotiation, user: DialogUser) -> None:
        self.over = False
        self.offering = False
        """An offer of ours waits for its answer."""
        self.timer = Refresher(wiring.stack, self)
        self._wiring, self._far, self._dialog, self._negotiation = wiring, far, dialog, negotiation
        self._user: DialogUser | None = user
        """None: the dialog is over."""
        self._allowed: frozenset[bytes] = frozenset()
        self._wish: Direction = "sendrecv"
        """What we want of audio, as it is to be asked for; `_asks`: that is under way."""
        self._asks = False
        self._has: Direction = "sendrecv"
        """What the far end has agreed to of it."""

    @property
    def busy(self) -> bool:
        """Whether something that changes the session is under way, from either side."""
        return self.offering or (self._user is not None and self._user.answering)

    def learn(self, message: Message) -> None:
        """Note what a message of the far end says it can take."""
        allowed = [name.strip() for value in message.values(b"allow") for name in value.upper().split(b",")]
        if allowed:
            self._allowed = frozenset(allowed)

    # -- what we ask

    def ask(self, method: bytes, done: Done, fields: tuple[bytes, ...] = (), body: bytes = b"") -> None:
        """Send a request."""
        DialogRequest(self._wiring, self._far, self._dialog, method, done, fields, body).start()

    def bye(self, fields: tuple[bytes, ...], done: Done) -> None:
        """Hang up."""
        self.close()
        self._dialog.terminate()
        self.ask(b"BYE", done, fields)

    def close(self) -> None:
        """End everything that is timed here: the dialog is over, or another one of its fork goes on."""
        self.over = True
        self.timer.end()
        self._user = None  # it knows us

    def hold(self, held: bool, silent: bool, now: float) -> None:
        """Put the far end on hold or take it back: a re-INVITE, made again as long as it crosses another offer; none
        where nothing changes."""
        self._wish = ("inactive" if silent else "sendonly") if held else "sendrecv"
        if not self._asks and self._wish != self._has:
            self._asks = True
            self._ask_hold(MAX_PENDING_TRIES, now)

    def _ask_hold(self, tries: int, now: float) -> None:
        wish = self._wish

        def done(response: Response | None, at: float) -> None:
            if self.over:
                return
            if response is None or response.status in ENDS_DIALOG:
                self.lost("Dialog unknown to the far end", at)
            elif response.status < 300:
                self.timer.take_refresh(response, at)
                self._has = wish
                self._settle(wish, at)
            elif response.status in (491, 500) and tries > 1:
                self._later(at, partial(self._ask_hold, tries - 1))
            else:  # nothing changes for them (RFC 3261 section 14.1)
                self._negotiation.hold(self._has)
                self._settle(wish, at)

        if self.over:
            return
        if self.busy:
            self._later(now, partial(self._ask_hold, tries))
        else:
            self._offer(self._negotiation.hold(wish), self.timer.fields(), done)

    def _settle(self, asked: Direction, now: float) -> None:
        """Go on where the wish has changed meanwhile."""
        self._asks = asked != self._wish
        if self._asks:
            self._ask_hold(MAX_PENDING_TRIES, now)

    def tell_identity(self, fields: tuple[bytes, ...], now: float, tries: int = MAX_PENDING_TRIES) -> None:
        """Tell the far end something about whom it is connected to: UPDATE, else re-INVITE."""
        def done(response: Response | None, at: float) -> None:
            if self.over:
                return
            if response is None or response.status in ENDS_DIALOG:
                self.lost("Dialog unknown to the far end", at)
            elif response.status < 300:
                self.timer.take_refresh(response, at)
            elif response.status in (*UNKNOWN_METHOD, 491, 500) and tries > 1:
                self._later(at, partial(self._tell_again, fields, tries - 1))

        if self.over:
            return
        if self.busy:
            self._later(now, partial(self._tell_again, fields, tries))
        else:
            self._modify((*fields, *self.timer.fields()), done)

    def _tell_again(self, fields: tuple[bytes, ...], tries: int, now: float) -> None:
        self.tell_identity(fields, now, tries)

    def _later(self, now: float, what: Callable[[float], None]) -> None:
        """Back off after 491."""
        shortest, longest = OURS_WAIT if self._far.side is not None else THEIRS_WAIT
        self._wiring.stack.timers.at(now + shortest + (longest - shortest) * self._wiring.random(), what)

    def _modify(self, fields: tuple[bytes, ...], done: Done) -> None:
        def answered(response: Response | None, now: float) -> None:
            if response is not None and not self.over:
                self._take_answer(response, now)
            done(response, now)

        if b"UPDATE" in self._allowed:
            self.ask(b"UPDATE", answered, (ALLOW, SUPPORTED, *fields))
        else:
            self._offer(self._negotiation.same(), fields, done)

    def _offer(self, body: bytes, fields: tuple[bytes, ...], done: Done) -> None:
        def answered(response: Response | None, now: float) -> None:
            self.offering = False
            if response is not None and not self.over:
                self._take_answer(response, now)
            done(response, now)

        self.offering = True
        self.ask(b"INVITE", answered, (ALLOW, SUPPORTED, *fields, SDP_FIELD), body)

    def _take_answer(self, response: Response, now: float) -> None:
        if response.status in UNKNOWN_METHOD:
            self._allowed -= {b"UPDATE"}
        elif response.status < 300:
            self._dialog.receive_response(response)
            body = session_of(response)
            agreement = None if body is None or response.cseq.method != b"INVITE" else self._negotiation.accept(body)
            if agreement is not None and self._user is not None:
                self._user.on_agreed(agreement, now)

    # Refreshed

    def refresh(self, fields: tuple[bytes, ...], done: Done, now: float) -> bool:
        if self.busy:
            return False
        self._modify(fields, partial(self._refreshed, done))
        return True

    def _refreshed(self, done: Done, response: Response | None, now: float) -> None:
        if not self.over:
            done(response, now)

    def probe(self, done: Done, now: float) -> None:
        def told(response: Response | None, at: float) -> None:
            if not self.over:
                done(response, at)

        self.ask(b"OPTIONS", told)

    def lost(self, reason: str, now: float) -> None:
        user = self._user
        if user is not None:
            self.bye(reason_field(408, reason), lambda response, at: None)
            user.on_lost(reason, now)
