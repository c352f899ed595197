"""One dialog of a leg: what the far end asks in it, and what we ask.

Rules
- Every request is answered at once, so a re-INVITE is never half done: its 2xx is repeated until the ACK comes, and
  without one the session is over (RFC 3261 section 14.2).
- Offers do not cross: while one of ours is open theirs gets 491, and ours that gets 491 is made again after a random
  while (section 14.1).
- A description that holds nothing for us gets 488; what was agreed before goes on (section 14.2).
- REFER is declined: where a leg of ours goes nobody else decides.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from proxy.agent import keys
from proxy.agent.dialog_request import DialogRequest, Done
from proxy.agent.offer import Agreement, Negotiation
from proxy.agent.ports import Ended
from proxy.agent.refresher import Refresher
from proxy.agent.repeater import Repeater
from proxy.agent.wiring import ALLOW, KNOWN_OPTIONS, SDP_FIELD, SUPPORTED, Far, Wiring
from proxy.sip.dialog import ENDS_DIALOG, Dialog, DialogState
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow
from proxy.sip.message import Message, Request, Response
from proxy.sip.reply import build_response
from proxy.sip.requests import contact_field
from proxy.sip.sdp_audio import session_of
from proxy.sip.server import ServerTransaction
from proxy.sip.session_timer import Agreed, answer

NO_COMMON_CODEC = b'Warning: 304 boomerang "Media type not available"'
MAX_PENDING_TRIES = 3
"""Times that a request of ours which met 491 is made again."""


class SessionOwner(Protocol):
    """The leg that a dialog belongs to."""

    def session_agreed(self, session: "Session", agreement: Agreement, now: float) -> None:
        """Audio flows as this says from now on."""

    def session_key(self, session: "Session", key: str, now: float) -> None:
        """A key came in an INFO request."""

    def session_ended(self, session: "Session", by: Ended, reason: str, now: float) -> None:
        """The far end hung up (`far`) or is gone (`lost`; its BYE is on the way). Told once."""

    def session_prack(self, session: "Session", request: Request, tx: ServerTransaction, now: float) -> None:
        """A PRACK came: answer it."""

    def session_ack(self, session: "Session", request: Request, now: float) -> None:
        """An ACK came that belongs to no re-INVITE."""


class Session:
    """One dialog, early or confirmed."""

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
        self._transactions = 0

    def learn(self, message: Message) -> None:
        """Note what a message of the far end says it can take."""
        allowed = [name.strip() for value in message.values(b"allow") for name in value.upper().split(b",")]
        if allowed:
            self._allowed = frozenset(allowed)

    def start_timer(self, agreed: Agreed | None, now: float) -> None:
        """Begin the session timer with what the first 2xx has settled; None: no timer."""
        self._timer.agree(agreed, now)

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
        self._timer.stop()
        if self._repeater is not None:
            self._repeater.stop()

    def tell_identity(self, fields: tuple[bytes, ...], now: float, tries: int = MAX_PENDING_TRIES) -> None:
        """Tell the far end something about whom it is connected to: UPDATE, else re-INVITE."""
        def done(response: Response | None, at: float) -> None:
            if response is None or self.over:
                return
            if response.status < 300:
                self._timer.refreshed_by(response, at)
            elif response.status in (491, 500) and tries > 1:
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
        """Back off after 491 (RFC 3261 section 14.1): 2.1 to 4 s for whoever made the Call-ID, else up to 2 s."""
        ours = self._far.side is not None
        wait = 2.1 + 1.9 * self._wiring.random() if ours else 2.0 * self._wiring.random()
        self._wiring.stack.timers.at(now + wait, what)

    def _busy(self) -> bool:
        return self._offering or (self._repeater is not None and self._repeater.live)

    def _modify(self, fields: tuple[bytes, ...], done: Done) -> None:
        if b"UPDATE" in self._allowed:
            self.ask(b"UPDATE", done, (ALLOW, SUPPORTED, *fields))
            return
        self._offering = True

        def answered(response: Response | None, now: float) -> None:
            self._offering = False
            if response is not None and response.status < 300 and not self.over:
                self._take_answer(response, now)
            done(response, now)

        self.ask(b"INVITE", answered, (ALLOW, SUPPORTED, *fields, SDP_FIELD), self._negotiation.same())

    def _take_answer(self, response: Response, now: float) -> None:
        self.dialog.receive_response(response)
        body = session_of(response)
        agreement = None if body is None else self._negotiation.accept(body)
        if agreement is not None:
            self._owner.session_agreed(self, agreement, now)

    # Refreshed

    def refresh(self, fields: tuple[bytes, ...], done: Done, now: float) -> bool:
        """See Refreshed."""
        if self._busy():
            return False
        self._modify(fields, partial(self._refreshed, done))
        return True

    def _refreshed(self, done: Done, response: Response | None, now: float) -> None:
        if self.over:
            return
        if response is not None and response.status in (405, 501):
            self._allowed -= {b"UPDATE"}
        if response is not None and response.status not in ENDS_DIALOG:
            self.dialog.receive_response(response)
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
        self.bye((b'Reason: SIP;cause=408;text="%s"' % reason.encode(),), lambda response, at: None)
        self._owner.session_ended(self, "lost", reason, now)

    # -- what the far end asks

    def request(self, request: Request, flow: Flow, now: float) -> None:
        """Take a request of the far end."""
        if request.method == b"ACK":
            self._ack(request, now)
            return
        tx = self._wiring.stack.open_server(request, flow, self)
        target = self.dialog.remote_target
        try:
            if self.over:
                self.reply(tx, request, 200 if request.method == b"BYE" else 481, now)
                return
            unknown = [tag for tag in request.option_tags(b"require") if tag not in KNOWN_OPTIONS]
            if unknown:
                raise SipError(420, "Bad Extension", request, (b"Unsupported: " + b", ".join(unknown),))
            self.dialog.receive_request(request)
            self._take(request, tx, now)
        except SipError as error:
            self.dialog.remote_target = target
            self.reply(tx, request, error.status, now, error.fields)

    def reply(self, tx: ServerTransaction, request: Request, status: int, now: float,
              fields: tuple[bytes, ...] = (), body: bytes = b"") -> bytes:
        """Answer a request; gives what was sent."""
        data = build_response(request, status, None, None, fields, body)
        tx.respond(data, status, now)
        return data

    def _take(self, request: Request, tx: ServerTransaction, now: float) -> None:
        handler = _HANDLERS.get(request.method)
        if handler is None:
            raise SipError(405, "Method Not Allowed", request, (ALLOW,))
        handler(self, request, tx, now)

    def _bye(self, request: Request, tx: ServerTransaction, now: float) -> None:
        self.close()
        self.reply(tx, request, 200, now)
        self._owner.session_ended(self, "far", reason_text(request), now)

    def _invite(self, request: Request, tx: ServerTransaction, now: float) -> None:
        if self._offering or not self.settled or (self._late_offer and self._busy()):
            raise SipError(491, "Request Pending", request)
        agreed, timer_fields = answer(request, self._timer.agreed)
        body = session_of(request)
        agreement: Agreement | None = None
        if body is None:
            content = self._negotiation.offer()
        else:
            content, agreement = self._answer(request, body)
        self._late_offer = body is None
        self.learn(request)
        fields = (*self.own_fields(), ALLOW, SUPPORTED, *timer_fields, SDP_FIELD)
        data = self.reply(tx, request, 200, now, fields, content)
        if self._repeater is not None:
            self._repeater.stop()
        self._acked_cseq = request.cseq.number
        self._repeater = Repeater(self._wiring.stack, lambda at: tx.respond(data, 200, at),
                                  lambda at: self.lost("No ACK", at), now)
        self._timer.agree(agreed, now)
        if agreement is not None:
            self._owner.session_agreed(self, agreement, now)

    def _update(self, request: Request, tx: ServerTransaction, now: float) -> None:
        agreed, timer_fields = answer(request, self._timer.agreed)
        body = session_of(request)
        if body is None:
            if self.dialog.state is DialogState.CONFIRMED:
                self._timer.agree(agreed, now)
            self.learn(request)
            self.reply(tx, request, 200, now, (*self.own_fields(), ALLOW, SUPPORTED, *timer_fields))
            return
        if self._offering or not self.settled or (self._late_offer and self._busy()):
            raise SipError(491, "Request Pending", request)
        content, agreement = self._answer(request, body)
        self.learn(request)
        fields = (*self.own_fields(), ALLOW, SUPPORTED, *timer_fields, SDP_FIELD)
        self.reply(tx, request, 200, now, fields, content)
        self._timer.agree(agreed, now)
        self._owner.session_agreed(self, agreement, now)

    def _answer(self, request: Request, body: bytes) -> tuple[bytes, Agreement]:
        found = self._negotiation.answer(body)
        if found is None:
            raise SipError(488, "Not Acceptable Here", request, (NO_COMMON_CODEC,))
        return found

    def _ack(self, request: Request, now: float) -> None:
        if self._repeater is None or request.cseq.number != self._acked_cseq:
            self._owner.session_ack(self, request, now)
            return
        if not self._repeater.live:
            return
        self._repeater.stop()
        if not self._late_offer:
            return
        self._late_offer = False
        body = session_of(request)
        agreement = None if body is None else self._negotiation.accept(body)
        if agreement is None:
            self.lost("No answer in the ACK", now)
        else:
            self._owner.session_agreed(self, agreement, now)

    def _info(self, request: Request, tx: ServerTransaction, now: float) -> None:
        key = keys.key_of(request)
        if key is None:
            raise SipError(415, "Unsupported Media Type", request, (keys.ACCEPT,))
        self.reply(tx, request, 200, now)
        if key:
            self._owner.session_key(self, key, now)

    def _options(self, request: Request, tx: ServerTransaction, now: float) -> None:
        self.reply(tx, request, 200, now, (ALLOW, SUPPORTED, b"Accept: application/sdp"))

    def _refer(self, request: Request, tx: ServerTransaction, now: float) -> None:
        self.reply(tx, request, 603, now)

    def _event(self, request: Request, tx: ServerTransaction, now: float) -> None:
        raise SipError(489, "Bad Event", request)

    def _prack(self, request: Request, tx: ServerTransaction, now: float) -> None:
        self._owner.session_prack(self, request, tx, now)

    def own_fields(self) -> tuple[bytes, ...]:
        """Contact of a 2xx of ours."""
        listener = self._wiring.stack.listener_for(self._far.hop)
        return () if listener is None else (contact_field(self._far.user, listener),)

    # ServerOwner

    def on_ack(self, tx: ServerTransaction, request: Request, now: float) -> None:
        self._ack(request, now)

    def on_timeout(self, tx: ServerTransaction, now: float) -> None:
        """The ACK of a refused re-INVITE never came: nothing is left to do."""

    def on_transport_error(self, tx: ServerTransaction, now: float) -> None:
        """The far end repeats its request, or its timers end the session."""

    def on_terminated(self, tx: ServerTransaction, now: float) -> None:
        """Nothing is left to do."""


def reason_text(message: Message) -> str:
    """Text of a Reason header (RFC 3326), its value where it has no text; empty where there is none."""
    value = message.value(b"reason") or b""
    found = value.partition(b'text="')[2].partition(b'"')[0] or value
    return found.decode("utf-8", "replace")


_Handler = Callable[[Session, Request, ServerTransaction, float], None]
_HANDLERS: dict[bytes, _Handler] = {
    b"BYE": Session._bye,
    b"INVITE": Session._invite,
    b"UPDATE": Session._update,
    b"INFO": Session._info,
    b"OPTIONS": Session._options,
    b"REFER": Session._refer,
    b"NOTIFY": Session._event,
    b"SUBSCRIBE": Session._event,
    b"PRACK": Session._prack,
}
