"""What we ask in a dialog of a leg: BYE, refreshes, whom the far end is connected to.

Rules
- Offers do not cross: while one of ours is open theirs gets 491, and ours that gets 491 is made again after a random
  while (RFC 3261 section 14.1).
- UPDATE where the far end knows it, else a re-INVITE with our description as it is.
- Whatever changes a session refreshes it too, so the timer goes along (RFC 4028 section 7.4).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

from proxy.sip.dialog import ENDS_DIALOG, Dialog
from proxy.sip.message import Message, Request, Response
from proxy.sip.sdp_audio import session_of
from proxy.sip.server import ServerTransaction
from proxy.sip.session_timer import Agreed
from proxy.ua.dialog_request import DialogRequest, Done
from proxy.ua.leg_events import Ended
from proxy.ua.offer import Agreement, Negotiation
from proxy.ua.refresher import Refresher
from proxy.ua.repeater import Repeater
from proxy.ua.wiring import ALLOW, SDP_FIELD, SUPPORTED, Far, Wiring, reason_field

if TYPE_CHECKING:
    from proxy.ua.session import Session

UNKNOWN_METHOD = (405, 501)
"""Answers to an UPDATE of a far end that has none, whatever its Allow said."""
MAX_PENDING_TRIES = 3
"""Times that a request of ours which met 491 is made again."""
OURS_WAIT, THEIRS_WAIT = (2.1, 4.0), (0.0, 2.0)
"""Seconds to wait after 491: for whoever made the Call-ID, and for the other side (RFC 3261 section 14.1)."""


class SessionOwner(Protocol):
    """The leg that a dialog belongs to."""

    def session_agreed(self, session: "Session", agreement: Agreement, now: float) -> None:
        """Audio flows as this says from now on."""

    def session_key(self, session: "Session", key: str, now: float) -> None:
        """A key came in an INFO request."""

    def session_ended(self, session: "Session", by: Ended, reason: str, now: float) -> None:
        """The far end hung up (`far`) or is gone (`lost`; its BYE is on the way). Told once."""

    def session_accepted(self, session: "Session", request: Request, now: float) -> None:
        """A re-INVITE or UPDATE of the far end was accepted."""

    def session_prack(self, session: "Session", request: Request, tx: ServerTransaction, now: float) -> None:
        """A PRACK came: answer it."""

    def session_ack(self, session: "Session", request: Request, now: float) -> None:
        """An ACK came that belongs to no re-INVITE."""


class SessionOut(ABC):
    """The half of a dialog that asks; `Session` is the whole."""

    def __init__(self, wiring: Wiring, owner: SessionOwner, far: Far, dialog: Dialog, negotiation: Negotiation) -> None:
        self.dialog = dialog
        self.over = False
        self.settled = False
        """Whether offer and answer were exchanged in this dialog."""
        self._wiring, self._owner, self._far, self._negotiation = wiring, owner, far, negotiation
        self._timer = Refresher(wiring.stack, self)
        self._allowed: frozenset[bytes] = frozenset()
        self._offering = False
        """An offer of ours waits for its answer."""
        self._repeater: Repeater | None = None
        """The 2xx to a re-INVITE that waits for its ACK."""
        self._late_offer = False
        """That 2xx holds our offer."""
        self._acked_cseq = 0

    def learn(self, message: Message) -> None:
        """Note what a message of the far end says it can take."""
        allowed = [name.strip() for value in message.values(b"allow") for name in value.upper().split(b",")]
        if allowed:
            self._allowed = frozenset(allowed)

    def start_timer(self, agreed: Agreed | None, now: float) -> None:
        """Begin the session timer with what the first 2xx has settled; None: no timer."""
        self._timer.agree(agreed, now)

    @abstractmethod
    def _agree(self, agreement: Agreement, now: float) -> None:
        """Tell the owner what audio flows from now on."""

    @abstractmethod
    def _ended(self, by: Ended, reason: str, now: float) -> None:
        """Tell the owner that it is over."""

    # -- what we ask

    def ask(self, method: bytes, done: Done, fields: tuple[bytes, ...] = (), body: bytes = b"") -> None:
        """Send a request."""
        DialogRequest(self._wiring, self._far, self.dialog, method, done, fields, body).start()

    def bye(self, fields: tuple[bytes, ...], done: Done) -> None:
        """Hang up."""
        self.close()
        self.dialog.terminate()
        self.ask(b"BYE", done, fields)

    def close(self) -> None:
        """End everything that is timed here: the dialog is over, or another one of its fork goes on."""
        self.over = True
        self._timer.end()
        if self._repeater is not None:
            self._repeater.stop()

    def tell_identity(self, fields: tuple[bytes, ...], now: float, tries: int = MAX_PENDING_TRIES) -> None:
        """Tell the far end something about whom it is connected to: UPDATE, else re-INVITE."""
        def done(response: Response | None, at: float) -> None:
            if self.over:
                return
            if response is None or response.status in ENDS_DIALOG:
                self.lost("Dialog unknown to the far end", at)
            elif response.status < 300:
                self._timer.refreshed_by(response, at)
            elif response.status in (*UNKNOWN_METHOD, 491, 500) and tries > 1:
                self._later(at, partial(self._tell_again, fields, tries - 1))

        if self.over:
            return
        if self._busy():
            self._later(now, partial(self._tell_again, fields, tries))
        else:
            self._modify((*fields, *self._timer.fields()), done)

    def _tell_again(self, fields: tuple[bytes, ...], tries: int, now: float) -> None:
        self.tell_identity(fields, now, tries)

    def _later(self, now: float, what: Callable[[float], None]) -> None:
        """Back off after 491."""
        shortest, longest = OURS_WAIT if self._far.side is not None else THEIRS_WAIT
        self._wiring.stack.timers.at(now + shortest + (longest - shortest) * self._wiring.random(), what)

    def _busy(self) -> bool:
        return self._offering or (self._repeater is not None and self._repeater.live)

    def _modify(self, fields: tuple[bytes, ...], done: Done) -> None:
        def answered(response: Response | None, now: float) -> None:
            self._offering = False
            if response is not None and not self.over:
                self._take_answer(response, now)
            done(response, now)

        if b"UPDATE" in self._allowed:
            self.ask(b"UPDATE", answered, (ALLOW, SUPPORTED, *fields))
        else:
            self._offering = True
            self.ask(b"INVITE", answered, (ALLOW, SUPPORTED, *fields, SDP_FIELD), self._negotiation.same())

    def _take_answer(self, response: Response, now: float) -> None:
        if response.status in UNKNOWN_METHOD:
            self._allowed -= {b"UPDATE"}
        elif response.status < 300:
            self.dialog.receive_response(response)
            body = session_of(response)
            agreement = None if body is None or response.cseq.method != b"INVITE" else self._negotiation.accept(body)
            if agreement is not None:
                self._agree(agreement, now)

    # Refreshed

    def refresh(self, fields: tuple[bytes, ...], done: Done, now: float) -> bool:
        """See Refreshed."""
        if self._busy():
            return False
        self._modify(fields, partial(self._refreshed, done))
        return True

    def _refreshed(self, done: Done, response: Response | None, now: float) -> None:
        if not self.over:
            done(response, now)

    def probe(self, done: Done, now: float) -> None:
        """See Refreshed."""
        def told(response: Response | None, at: float) -> None:
            if not self.over:
                done(response, at)

        self.ask(b"OPTIONS", told)

    def lost(self, reason: str, now: float) -> None:
        """See Refreshed."""
        if self.over:
            return
        self.bye(reason_field(408, reason), lambda response, at: None)
        self._ended("lost", reason, now)

