"""One dialog of a leg: what the far end asks in it (what we ask: dialog_client.py).

Rules
- Every request is answered at once, so a re-INVITE is never half done: its 2xx is repeated until the ACK comes, and
  without one the session is over (RFC 3261 section 14.2).
- A description that holds nothing for us gets 488; what was agreed before goes on (section 14.2).
- REFER is declined: where a leg of ours goes nobody else decides.
"""

import re
from collections.abc import Callable
from typing import Final, Protocol

from proxy.sip.bystanders import ServerBystander
from proxy.sip.dialog import REFRESHES, Dialog, DialogState
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow
from proxy.sip.message import Message, Request, Response
from proxy.sip.reply import REASONS, build_response
from proxy.sip.request_error import RequestError
from proxy.sip.requests import contact_field
from proxy.sip.sdp_audio import session_of
from proxy.sip.server import ServerTransaction
from proxy.sip.session_timer import Agreed, answer
from proxy.ua import keys
from proxy.ua.dialog_client import DialogClient
from proxy.ua.dialog_request import Done
from proxy.ua.leg_events import Answering, Asked, Shown
from proxy.ua.offer import Agreement, Negotiation
from proxy.ua.repeater import Repeater
from proxy.ua.session_events import (
    SessionAck,
    SessionAgreed,
    SessionAsked,
    SessionChanged,
    SessionEnded,
    SessionEvent,
    SessionPrack,
    SessionPressed,
)
from proxy.ua.shown import asked_of, shown_of
from proxy.ua.wiring import ALLOW, KNOWN_OPTIONS, SDP_FIELD, SUPPORTED, Far, Wiring

NO_COMMON_CODEC = b'Warning: 304 boomerang "Media type not available"'



class SessionOwner(Protocol):
    """The leg that a dialog belongs to."""

    def on_session_event(self, session: "Session", event: SessionEvent, now: float) -> None:
        """Something happened in the dialog."""


class Session(ServerBystander):
    """One dialog, early or confirmed."""

    def __init__(self, wiring: Wiring, owner: SessionOwner, far: Far, dialog: Dialog, negotiation: Negotiation) -> None:
        self.dialog = dialog
        self.settled = False
        """Whether offer and answer were exchanged in this dialog."""
        self.client = DialogClient(wiring, far, dialog, negotiation, self)
        self._wiring, self._owner, self._far, self._negotiation = wiring, owner, far, negotiation
        self._repeater: Repeater | None = None
        """The 2xx to a re-INVITE that waits for its ACK."""
        self._late_offer = False
        """That 2xx holds our offer."""
        self._acked_cseq = 0

    def start_timer(self, agreed: Agreed | None, now: float) -> None:
        """Begin the session timer with what the first 2xx has settled; None: no timer."""
        self.client.timer.agree(agreed, now)

    def bye(self, fields: tuple[bytes, ...], done: Done) -> None:
        """Hang up."""
        self.close()
        self.client.bye(fields, done)

    def ask(self, asked: Asked, done: Callable[[Shown, float], None]) -> None:
        """Send a request of somebody else; `done` is told the answer, 408 where none comes."""
        far, stack = self._far, self._wiring.stack

        def answered(response: Response | None, now: float) -> None:
            shown = Shown(408, REASONS[408], ()) if response is None else shown_of(response, stack, far)
            done(shown, now)

        self.client.ask(asked.method, answered, asked.fields, asked.body)

    def close(self) -> None:
        """End everything that is timed here: the dialog is over, or another one of its fork goes on."""
        self.client.close()
        if self._repeater is not None:
            self._repeater.stop()

    def _tell(self, event: SessionEvent, now: float) -> None:
        self._owner.on_session_event(self, event, now)

    # DialogUser

    @property
    def answering(self) -> bool:
        return self._repeater is not None and self._repeater.live

    def on_agreed(self, agreement: Agreement, now: float) -> None:
        self._tell(SessionAgreed(agreement), now)

    def on_lost(self, reason: str, now: float) -> None:
        self.close()
        self._tell(SessionEnded("lost", reason), now)

    # -- what the far end asks

    def request(self, request: Request, flow: Flow, now: float) -> None:
        """Take a request of the far end; of anybody else it gets 481, whatever they know of the dialog."""
        dialog = self.dialog
        named = (b"<%s>" % dialog.remote_target, *(route.to_bytes() for route in dialog.route_set))
        if not self._wiring.stack.may_speak(flow, named):
            self._refuse_stranger(request, flow, now)
            return
        if request.method == b"ACK":
            self._ack(request, now)
            return
        tx = self._wiring.stack.open_server(request, flow, self)
        target = self.dialog.remote_target
        try:
            if self.client.over:
                self.reply(tx, request, 200 if request.method == b"BYE" else 481, now)
                return
            unknown = [tag for tag in request.option_tags(b"require") if tag not in KNOWN_OPTIONS]
            if unknown:
                raise RequestError(420, "Bad Extension", request, (b"Unsupported: " + b", ".join(unknown),))
            self.dialog.receive_request(request)
            self._take(request, tx, now)
        except SipError as error:
            self.dialog.remote_target = target
            self.reply(tx, request, error.status, now, error.fields)

    def _refuse_stranger(self, request: Request, flow: Flow, now: float) -> None:
        self._wiring.stack.note("stranger_in_dialog", source=flow.host, port=flow.port)
        if request.method != b"ACK":
            tx = self._wiring.stack.open_server(request, flow, ServerBystander())
            self.reply(tx, request, 481, now)

    def reply(self, tx: ServerTransaction, request: Request, status: int, now: float,
              fields: tuple[bytes, ...] = (), body: bytes = b"") -> bytes:
        """Answer a request; gives what was sent."""
        data = build_response(request, status, None, None, fields, body)
        tx.respond(data, status, now)
        return data

    def _take(self, request: Request, tx: ServerTransaction, now: float) -> None:
        handler = _HANDLERS.get(request.method)
        if handler is None:
            raise RequestError(405, "Method Not Allowed", request, (ALLOW,))
        handler(self, request, tx, now)
        if request.method in REFRESHES:
            self._tell(SessionChanged(request), now)

    def _bye(self, request: Request, tx: ServerTransaction, now: float) -> None:
        self.close()
        self.reply(tx, request, 200, now)
        reasons = tuple(b"Reason: " + value for value in request.values(b"reason"))
        self._tell(SessionEnded("far", reason_text(request), reasons), now)

    def _invite(self, request: Request, tx: ServerTransaction, now: float) -> None:
        self._must_not_cross(request)
        agreed, timer_fields = answer(request, self.client.timer.agreed)
        body = session_of(request)
        agreement: Agreement | None = None
        if body is None:
            content = self._negotiation.offer()
        else:
            content, agreement = self._answer(request, body)
        self._late_offer = body is None
        self.client.learn(request)
        fields = (*self.own_fields(), ALLOW, SUPPORTED, *timer_fields, SDP_FIELD)
        data = self.reply(tx, request, 200, now, fields, content)
        if self._repeater is not None:
            self._repeater.stop()
        self._acked_cseq = request.cseq.number
        self._repeater = Repeater(self._wiring.stack, lambda at: tx.respond(data, 200, at),
                                  lambda at: self.client.lost("No ACK", at), now)
        self.client.timer.agree(agreed, now)
        if agreement is not None:
            self._tell(SessionAgreed(agreement), now)

    def _update(self, request: Request, tx: ServerTransaction, now: float) -> None:
        agreed, timer_fields = answer(request, self.client.timer.agreed)
        body = session_of(request)
        if body is None:
            if self.dialog.state is DialogState.CONFIRMED:
                self.client.timer.agree(agreed, now)
            self.client.learn(request)
            self.reply(tx, request, 200, now, (*self.own_fields(), ALLOW, SUPPORTED, *timer_fields))
            return
        self._must_not_cross(request)
        content, agreement = self._answer(request, body)
        self.client.learn(request)
        fields = (*self.own_fields(), ALLOW, SUPPORTED, *timer_fields, SDP_FIELD)
        self.reply(tx, request, 200, now, fields, content)
        self.client.timer.agree(agreed, now)
        self._tell(SessionAgreed(agreement), now)

    def _must_not_cross(self, request: Request) -> None:
        """Refuse an offer while one of ours is open (RFC 3261 section 14.2, RFC 3311 section 5.2)."""
        if self.client.offering or not self.settled or (self._late_offer and self.client.busy):
            raise RequestError(491, "Request Pending", request)

    def _answer(self, request: Request, body: bytes) -> tuple[bytes, Agreement]:
        found = self._negotiation.answer(body)
        if found is None:
            raise RequestError(488, "Not Acceptable Here", request, (NO_COMMON_CODEC,))
        return found

    def _ack(self, request: Request, now: float) -> None:
        if self._repeater is None or request.cseq.number != self._acked_cseq:
            self._tell(SessionAck(request), now)
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
            self.client.lost("No answer in the ACK", now)
        else:
            self._tell(SessionAgreed(agreement), now)

    def _info(self, request: Request, tx: ServerTransaction, now: float) -> None:
        key = keys.key_of(request)
        if key is None and self._is_taken(request, tx, now):
            return
        if key is None:
            raise RequestError(415, "Unsupported Media Type", request, (keys.ACCEPT,))
        self.reply(tx, request, 200, now)
        if key:
            self._tell(SessionPressed(key), now)

    def _options(self, request: Request, tx: ServerTransaction, now: float) -> None:
        self.reply(tx, request, 200, now, (ALLOW, SUPPORTED, b"Accept: application/sdp"))

    def _refer(self, request: Request, tx: ServerTransaction, now: float) -> None:
        if not self._is_taken(request, tx, now):
            self.reply(tx, request, 603, now)

    def _event(self, request: Request, tx: ServerTransaction, now: float) -> None:
        if not self._is_taken(request, tx, now):
            raise RequestError(489, "Bad Event", request)

    def _message(self, request: Request, tx: ServerTransaction, now: float) -> None:
        if not self._is_taken(request, tx, now):
            raise RequestError(405, "Method Not Allowed", request, (ALLOW,))

    def _is_taken(self, request: Request, tx: ServerTransaction, now: float) -> bool:
        """Ask the owner of the leg for somebody who answers it."""
        def send(shown: Shown, at: float) -> None:
            tx.respond(build_response(request, shown.status, shown.phrase, None, shown.fields), shown.status, at)

        answering = Answering(send)
        asked = asked_of(request, self._wiring.stack, self._far)
        self._tell(SessionAsked(asked, answering), now)
        return answering.taken

    def _prack(self, request: Request, tx: ServerTransaction, now: float) -> None:
        self._tell(SessionPrack(request, tx), now)

    def own_fields(self) -> tuple[bytes, ...]:
        """Contact of a 2xx of ours."""
        listener = self._far.listener or self._wiring.stack.listener_for(self._far.hop)
        return () if listener is None else (contact_field(self._far.user, listener),)

    # ServerOwner

    def on_ack(self, tx: ServerTransaction, request: Request, now: float) -> None:
        self._ack(request, now)


def reason_text(message: Message) -> str:
    """Text of a Reason header (RFC 3326), its value where it has no text; empty where there is none."""
    value = message.value(b"reason") or b""
    found = value.partition(b'text="')[2].partition(b'"')[0] or value
    return found.decode("utf-8", "replace")


_Q850: Final = re.compile(rb"(?i)(?:^|,)\s*Q\.850\s*;[^,]*?\bcause\s*=\s*([0-9]{1,3})(?![0-9])")


def q850_cause(message: Message) -> int | None:
    """Cause of Q.850 in a Reason header (RFC 3326 section 2); None where none says one."""
    for value in message.values(b"reason"):
        found = _Q850.search(value)
        if found is not None:
            return int(found[1])
    return None


_Handler = Callable[[Session, Request, ServerTransaction, float], None]
_HANDLERS: dict[bytes, _Handler] = {
    b"BYE": Session._bye,
    b"INVITE": Session._invite,
    b"UPDATE": Session._update,
    b"INFO": Session._info,
    b"OPTIONS": Session._options,
    b"REFER": Session._refer,
    b"MESSAGE": Session._message,
    b"NOTIFY": Session._event,
    b"SUBSCRIBE": Session._event,
    b"PRACK": Session._prack,
}
