"""A call that was handed to us to answer (RFC 3261 section 13.3).

Rules
- It rings nobody until its owner says so, and answers only what its caller offers: 488 where no codec fits.
- The 2xx is repeated until its ACK comes; without one the call is over (section 13.3.1.4). Nobody hangs up before the
  ACK: BYE waits for it (section 15).
- Where the caller requires 100rel every 1xx is reliable, one at a time, and no 2xx overtakes one that holds a
  description (RFC 3262 section 3).
- What we refuse goes on to the call's next target: the core sees to that.
"""

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from proxy.media.contract import Clip
from proxy.sip.dialog import Dialog
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow
from proxy.sip.identities import hides_identity
from proxy.sip.message import Request, Response
from proxy.sip.reply import REASONS, build_response
from proxy.sip.sdp_audio import session_of
from proxy.sip.server import ServerTransaction
from proxy.sip.session_timer import Agreed, answer
from proxy.sip.timers import Timer
from proxy.sip.uri import Uri
from proxy.ua.contract import Incoming, LegOwner
from proxy.ua.leg import MEDIA_FAILED, NO_MEDIA, LegDialog, LegKey, WrittenFirst, connected_to, describe_dialog
from proxy.ua.leg_events import (
    Asked,
    Ended,
    LegAccepted,
    LegAnswered,
    LegAsked,
    LegConnected,
    LegEnd,
    LegEnded,
    LegEvent,
    Shown,
)
from proxy.ua.leg_media import LegMedia
from proxy.ua.offer import Agreement
from proxy.ua.reliable import ReliableResponses
from proxy.ua.repeater import Repeater, nothing
from proxy.ua.session import NO_COMMON_CODEC, Session
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
from proxy.ua.strays import Strays
from proxy.ua.wiring import (
    ALLOW,
    KNOWN_OPTIONS,
    SDP_FIELD,
    SUPPORTED,
    Far,
    Wiring,
    as_response,
    reason_field,
)

REFUSED = 480
RINGING: Final = Shown(180, REASONS[180], ())
SESSION_PROGRESS: Final = Shown(183, REASONS[183], ())
REMINDED_EVERY = 60.0
"""Seconds after which a 1xx is sent again, or proxies on the way give the call up (RFC 3261 section 13.3.1.1)."""


class Callee:
    """One call that we answer: `leg.KnownLeg`, `session.SessionOwner`."""

    def __init__(self, wiring: Wiring, strays: Strays, incoming: Incoming, owner: LegOwner) -> None:
        self.call = incoming.call
        self.over_at: float | None = None
        self.answered = False
        self.identities: tuple[tuple[str, str], ...] = ()
        self.shown: Shown | None = None
        self._wiring, self._owner = wiring, owner
        self._tag = wiring.tag()
        self._media = LegMedia(wiring, incoming.call, self._tell)
        self._dialog = LegDialog()
        self._written = WrittenFirst(wiring.stack.timers)
        self._strays = strays
        self._incoming = incoming
        self._invite = incoming.request
        self._content = b""
        """Description that our 2xx holds: the answer to their offer, or our offer where they made none."""
        self._agreement: Agreement | None = None
        """None where the offer is ours: their answer is in the ACK, or in a PRACK."""
        self._agreed: Agreed | None = None
        self._timer_fields: tuple[bytes, ...] = ()
        self._reliable = ReliableResponses(wiring.stack, incoming, self._unacknowledged)
        self._wanted: Callable[[float], None] | None = None
        """What the owner asked for before the media session was there, or before the PRACK came."""
        self._repeater: Repeater | None = None
        self._reminder: Timer | None = None
        self._end: LegEnd | None = None
        self._reason: tuple[bytes, ...] = ()
        self._came_from = wiring.stack.way_back(incoming.flow)
        incoming.on_cancel = self._cancelled

    @property
    def key(self) -> LegKey:
        return self._invite.call_id, self._tag

    @property
    def over(self) -> bool:
        return self.over_at is not None

    @property
    def held(self) -> bool:
        return self._media.held

    @property
    def _sent_answer(self) -> bool:
        return self._repeater is not None

    def start(self) -> None:
        """Open the media session."""
        self._media.open(self._media_ready, self._without_media, self._media_failed)

    def confirm(self, now: float) -> None:
        self._written.go(now)

    def play(self, clips: Sequence[Clip], tag: int, repeat: bool = False, pause: float = 1.0) -> None:
        self._media.play(clips, tag, repeat, pause)

    def refresh_target(self, display: str, user: str, now: float) -> None:
        if self.answered and not self.over:
            self._dialog.refresh_target(display, user, now)

    def hand_over(self, owner: LegOwner) -> bool:
        if not self.over:
            self._owner = owner
            self._media.next_owner()
        return not self.over

    def _tell(self, event: LegEvent, now: float) -> None:
        self._owner.on_event(self, event, now)

    def _media_ready(self, now: float) -> None:
        try:
            self._prepare()
        except SipError as error:
            self._refuse(error.status, error.fields, LegEnd(error.status, "us", reason=error.reason), now)
            return
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            wanted(now)

    def _prepare(self) -> None:
        """Make what we will answer. Raises SipError with what is to be answered where that is impossible."""
        invite = self._invite
        negotiation = self._media.negotiation
        assert negotiation is not None
        unknown = [tag for tag in invite.option_tags(b"require") if tag not in KNOWN_OPTIONS]
        if unknown:
            raise SipError(420, "Bad Extension", (b"Unsupported: " + b", ".join(unknown),))
        self._agreed, self._timer_fields = answer(invite)
        body = session_of(invite)
        if body is None:
            self._content = negotiation.offer()
        else:
            found = negotiation.answer(body)
            if found is None:
                raise SipError(488, "No common codec", (NO_COMMON_CODEC,))
            self._content, self._agreement = found
        early = as_response(self._write(180))
        listener = self._incoming.flow.listener
        far = Far(None, "", self._came_from, Uri.parse(invite.uri).user or b"boomerang", listener)
        session = self._dialog.session = Session(self._wiring, self, far, Dialog.as_callee(invite, early), negotiation)
        session.client.learn(invite)

    def _write(self, status: int, fields: tuple[bytes, ...] = (), body: bytes = b"", phrase: str | None = None
               ) -> bytes:
        routes = [field for name, field in zip(self._invite.names, self._invite.fields, strict=True)
                  if name == b"record-route" and 100 < status < 300]
        content = (SDP_FIELD,) if body else ()
        return build_response(self._invite, status, phrase, self._tag, (*routes, *fields, *content), body)

    def _without_media(self, now: float) -> None:
        self._refuse(NO_MEDIA.cause, (), NO_MEDIA, now)

    def _media_failed(self, now: float) -> None:
        """Without sound a call is none."""
        if self.answered:
            self._hang_up_dialog(LegEnd(200, "lost", reason=MEDIA_FAILED), reason_field(503, MEDIA_FAILED))
        else:
            self.hang_up(now, 503, MEDIA_FAILED)

    def _refuse(self, status: int, fields: tuple[bytes, ...], end: LegEnd, now: float,
                phrase: str | None = None) -> None:
        self._reliable.stop()
        self._finish(end, now)  # first: the next target may be a leg of ours by the same name
        self._incoming.respond(self._write(status, fields, phrase=phrase), status, now)

    # -- what the owner asks for

    def go(self, now: float) -> None:
        """See Leg: nothing for a call that came in."""

    def ring(self, now: float) -> None:
        self.progress(RINGING, False, now)

    def early(self, now: float) -> None:
        self.progress(SESSION_PROGRESS, True, now)

    def progress(self, shown: Shown, early_media: bool, now: float) -> None:
        send = self._early_media if early_media else partial(self._provisional, b"")
        self._when_ready(partial(send, shown), now)

    def answer(self, now: float, shown: Shown | None = None) -> None:
        self._when_ready(partial(self._accept, shown), now)

    def hold(self, held: bool, silent: bool, now: float) -> None:
        if self.answered and not self.over:
            self._dialog.hold(held, silent, now)

    def ask(self, asked: Asked, done: Callable[[Shown, float], None], now: float) -> None:
        self._dialog.ask(asked, done, now)

    def _when_ready(self, what: Callable[[float], None], now: float) -> None:
        """Do it now, or once the media session is there; the newest wish replaces one before it."""
        if self.over or self._sent_answer or self._end is not None:
            return
        if self._dialog.session is None:
            self._wanted = what
        else:
            what(now)

    def _early_media(self, shown: Shown, now: float) -> None:
        reliable = self._reliable.required
        if self._agreement is None and not reliable:
            # an offer of ours must be acknowledged, a plain 1xx never is
            self._provisional(b"", RINGING._replace(fields=shown.fields), now)
            return
        self._provisional(self._content, shown, now)
        if self._agreement is not None:
            self._agree(self._agreement, now)

    def _provisional(self, body: bytes, shown: Shown, now: float) -> None:
        assert self._dialog.session is not None
        first_reliable = self._reliable.required and self._agreement is None and not self._reliable.count
        content = self._content if first_reliable else body  # RFC 3262 section 5: the first one holds our offer
        fields = (*self._dialog.session.own_fields(), ALLOW, SUPPORTED, *shown.fields)
        self._reliable.send(lambda more: self._write(shown.status, (*fields, *more), content, shown.phrase),
                            shown.status, bool(content), now)
        self._stop_reminder()
        again = b"" if self._reliable.required else body
        self._reminder = self._wiring.stack.timers.at(now + REMINDED_EVERY, partial(self._provisional, again, shown))

    def _stop_reminder(self) -> None:
        if self._reminder is not None:
            self._reminder.cancel()

    def _accept(self, shown: Shown | None, now: float) -> None:
        assert self._dialog.session is not None
        if self._reliable.holds_back:
            self._wanted = partial(self._accept, shown)
        elif not self._written.waits:
            self._written.wait(partial(self._send_answer, shown), now)
            self._tell(LegAccepted(), now)

    def _send_answer(self, shown: Shown | None, now: float) -> None:
        """Send the 2xx: from here on the caller is in a call with us, and whoever comes after us must know of it."""
        if self._dialog.session is None or self._sent_answer or self.over:
            return
        self._reliable.stop()
        self._stop_reminder()
        fields = (*self._dialog.session.own_fields(), ALLOW, SUPPORTED, *self._timer_fields,
                  *(() if shown is None else shown.fields))
        settled = self._dialog.session.settled and self._agreement is None
        data = self._write(200, fields, b"" if settled else self._content, None if shown is None else shown.phrase)
        self._repeater = Repeater(self._wiring.stack, lambda at: self._incoming.respond(data, 200, at),
                                  self._no_ack, now)
        self._dialog.session.dialog.confirm()
        if self._agreement is not None:
            self._agree(self._agreement, now)
        self._incoming.respond(data, 200, now)

    def _agree(self, agreement: Agreement, now: float) -> None:
        assert self._dialog.session is not None
        self._dialog.session.settled = True
        if not self.over:
            self._media.agree(agreement, now)

    # -- what the caller does

    def on_session_event(self, session: Session, event: SessionEvent, now: float) -> None:
        match event:
            case SessionAgreed(agreement):
                if not self.over:
                    self._media.agree(agreement, now)
            case SessionAsked(asked, answering):
                if not self.over:
                    self._tell(LegAsked(asked, answering), now)
            case SessionPressed(key):
                self._media.take_key(key, True, now)
            case SessionChanged(request):
                shown = connected_to(request, self._wiring.stack.domains)
                if shown and not self.over:
                    self._tell(LegConnected(shown, hides_identity(request)), now)
            case SessionEnded(by, reason, fields):
                self._ended(by, reason, fields, now)
            case SessionPrack(request, tx):
                self._prack(session, request, tx, now)
            case SessionAck(request):
                self._acknowledged(session, request, now)

    def _acknowledged(self, session: Session, request: Request, now: float) -> None:
        """Take the ACK to our 2xx."""
        if self._repeater is None or not self._repeater.live or self.over:
            return
        self._repeater.stop()
        if not session.settled:
            self._late_answer(request, now)
        if not session.settled or self._end is not None:
            end = self._end or LegEnd(488, "us", reason="No common codec")
            self._hang_up_dialog(end, self._reason or reason_field(488, end.reason))
            return
        self.answered = True
        session.start_timer(self._agreed, now)
        self._tell(LegAnswered(), now)

    def _late_answer(self, request: Request, now: float) -> None:
        """Take the answer to our offer from an ACK or a PRACK."""
        body = session_of(request)
        agreement = None if body is None or self._media.negotiation is None else self._media.negotiation.accept(body)
        if agreement is not None:
            self._agree(agreement, now)

    def _no_ack(self, now: float) -> None:
        end = self._end or LegEnd(200, "lost", reason="No ACK")
        self._hang_up_dialog(end, self._reason or reason_field(408, "No ACK"))

    def _prack(self, session: Session, request: Request, tx: ServerTransaction, now: float) -> None:
        held_offer = self._reliable.holds_back
        if not self._reliable.acknowledge(request, now):
            session.reply(tx, request, 481, now)
            return
        if session_of(request) is None:
            session.reply(tx, request, 200, now)
        elif held_offer and not session.settled:
            self._late_answer(request, now)
            session.reply(tx, request, 200, now)
        else:
            self._answer_prack(session, request, tx, now)
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            self._when_ready(wanted, now)

    def _answer_prack(self, session: Session, request: Request, tx: ServerTransaction, now: float) -> None:
        """Answer an offer in a PRACK (RFC 3262 section 5)."""
        found = None if self._media.negotiation is None else self._media.negotiation.answer(session_of(request) or b"")
        if found is None:
            session.reply(tx, request, 488, now, (NO_COMMON_CODEC,))
            return
        self._content, self._agreement = found
        session.reply(tx, request, 200, now, (SDP_FIELD,), self._content)
        self._agree(self._agreement, now)

    def _unacknowledged(self, now: float) -> None:
        """No PRACK came for 64*T1 (RFC 3262 section 3: the INVITE should be refused with a 5xx)."""
        self._refuse(504, (), LegEnd(504, "lost", reason="No PRACK"), now)

    def _cancelled(self, now: float) -> None:
        self._finish(LegEnd(487, "far", reason="Caller gave up", fields=self._incoming.cancelled_for), now)

    def _ended(self, by: Ended, reason: str, fields: tuple[bytes, ...], now: float) -> None:
        """A BYE may overtake the ACK, and may come before our answer (RFC 3261 section 15)."""
        unanswered = not self._sent_answer and not self.over
        end = LegEnd(200 if self._sent_answer else 487, by, reason=reason, fields=fields)
        self._finish(self._dialog.leaving or self._end or end, now)
        if unanswered:
            self._incoming.final = True
            self._incoming.respond(self._write(487), 487, now)

    # -- the end

    def hang_up(self, now: float, cause: int = 0, reason: str = "", shown: Shown | None = None,
                fields: tuple[bytes, ...] = ()) -> None:
        if self.over or self._end is not None or self._dialog.leaving is not None:
            return
        self._reason = fields or reason_field(cause, reason)
        if not self._sent_answer:
            status = cause if 300 <= cause < 700 else REFUSED
            end = LegEnd(status, "us", reason=reason)
            if shown is None:
                self._refuse(status, (), end, now)
            else:
                self._refuse(status, shown.fields, end, now, shown.phrase)
            return
        end = LegEnd(200, "us", reason=reason)
        if self._repeater is not None and self._repeater.live:
            self._end = end
        else:
            self._hang_up_dialog(end, self._reason)

    def _hang_up_dialog(self, end: LegEnd, fields: tuple[bytes, ...]) -> None:
        self._dialog.hang_up(end, fields, self._finish)

    def _finish(self, end: LegEnd, now: float) -> None:
        """End it, once: everything that is timed or held goes, and the owner is told."""
        if self.over:
            return
        self.over_at = now
        self._dialog.close()
        self._incoming.on_cancel = nothing
        self._reliable.stop()
        self._stop_reminder()
        if self._repeater is not None:
            self._repeater.stop()
        self._media.close()
        self._tell(LegEnded(end), now)

    def let_go(self) -> None:
        self._dialog.session = None

    def request(self, request: Request, flow: Flow, now: float) -> None:
        session = self._dialog.session
        if session is not None and (request.from_.tag or b"") == session.dialog.key.remote_tag:
            session.request(request, flow, now)
        else:
            self._strays.refuse(request, flow, now)

    def stray(self, response: Response, flow: Flow, now: float) -> None:
        """See KnownLeg: it placed no INVITE."""

    def memory(self) -> str:
        """See Leg: before it is to be answered there is nothing to end, for the INVITE is the core's."""
        told: dict[str, object] = {"side": None, "peer": "", "hop": list(self._came_from), "user": "",
                                   "call_id": self._invite.call_id.decode("utf-8", "surrogateescape"),
                                   "tag": self._tag.decode()}
        if self._dialog.session is not None and (self._sent_answer or self._written.waits):
            told["dialog"] = describe_dialog(self._dialog.session.dialog)
        return json.dumps(told)
