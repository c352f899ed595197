"""A call that we place (RFC 3261 section 13.2), from the first INVITE to the 2xx that counts.

Rules
- One address after another: on 503 and on silence the next one, as long as nobody there has begun to work on the call
  (no 1xx; before a 503 a 100 does not count). Each INVITE is a transaction of its own with the next CSeq.
- Credentials and a larger session interval are each asked for once or twice, an extension that we know (421) once;
  then the refusal stands.
- Forks: each To tag is a dialog of its own. The first 2xx counts, every other one gets ACK and BYE.
- Nothing is cancelled before a 1xx came (section 9.1). Whoever answers all the same gets ACK and BYE.
- An address that was given up for its silence and rings after all is cancelled then: nobody is rung in two places.
- 3xx is not followed: where a customer's call goes is not for somebody else to say.
"""

import json
from collections.abc import Callable, Sequence
from functools import partial

from proxy.media.contract import Clip
from proxy.sip.dialog import key_of_response
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow, Hop
from proxy.sip.identities import hides_identity
from proxy.sip.invite_client import InviteClient
from proxy.sip.message import Request, Response
from proxy.sip.session_timer import Agreed, agreed_by
from proxy.sip.text import delta_seconds
from proxy.sip.timers import Timer
from proxy.ua.contract import LegOwner, LegRequest
from proxy.ua.invite import Invite
from proxy.ua.leg import MEDIA_FAILED, NO_MEDIA, LegDialog, LegKey, WrittenFirst, connected_to, describe_dialog
from proxy.ua.leg_events import (
    Asked,
    LegAccepted,
    LegAnswered,
    LegAsked,
    LegConnected,
    LegEnd,
    LegEnded,
    LegEvent,
    LegGivenUp,
    LegProgress,
    LegRinging,
    LegSent,
    LegSilent,
    Shown,
)
from proxy.ua.leg_media import LegMedia
from proxy.ua.login import CHALLENGES
from proxy.ua.provisional import EarlyDialogs
from proxy.ua.session import Session, q850_cause, reason_text
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
from proxy.ua.shown import shown_of
from proxy.ua.strays import Strays
from proxy.ua.wiring import Far, Wiring, reason_field

GAVE_UP = 487
NOWHERE = Hop("udp", "0.0.0.0", 0)


class Caller:
    """One call that we place: `leg.KnownLeg`, `invite_client.InviteOwner`, `session.SessionOwner`."""

    def __init__(self, wiring: Wiring, strays: Strays, order: LegRequest, owner: LegOwner) -> None:
        stack = wiring.stack
        self.call = order.call
        self.over_at: float | None = None
        self.answered = False
        self.identities: tuple[tuple[str, str], ...] = ()
        self.shown: Shown | None = None
        self._wiring, self._owner = wiring, owner
        self._media = LegMedia(wiring, order.call, self._tell)
        self._dialog = LegDialog()
        self._written = WrittenFirst(stack.timers)
        self._strays = strays
        self._hops = [hop for hop in stack.hops(order.side, order.peer) if stack.listener_for(hop) is not None]
        """Addresses that were not tried yet."""
        self._invite = Invite(wiring, order, self._hops[0] if self._hops else NOWHERE)
        self._ring_for, self._patient = order.ring_for, order.patient
        self._early = EarlyDialogs(wiring)
        self._tried: InviteClient | None = None
        """The INVITE that is under way."""
        self._silent: dict[int, InviteClient] = {}
        """By CSeq: those that were given up without an answer."""
        self._end: LegEnd | None = None
        """How it is to end, once somebody gave it up."""
        self._reason: tuple[bytes, ...] = ()
        self._ring_timer: Timer | None = None
        self._told_ringing = self._told_early = False
        self._waits_for_go, self._ready = order.held, False

    @property
    def key(self) -> LegKey:
        return self._invite.call_id, self._invite.tag

    @property
    def over(self) -> bool:
        return self.over_at is not None

    @property
    def held(self) -> bool:
        return self._media.held

    def start(self) -> None:
        """Open the media session; the INVITE follows."""
        self._media.open(self._media_ready, self._without_media, self._media_failed)

    def go(self, now: float) -> None:
        waits, self._waits_for_go = self._waits_for_go, False
        if waits and self._ready and not self.over:
            self._begin(now)

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
        if isinstance(event, LegSilent) and self._patient and self.answered and not self.over:
            self._dialog.note_silence(event.seconds, now)
        self._owner.on_event(self, event, now)

    # -- the INVITE

    def _media_ready(self, now: float) -> None:
        self._early.negotiation = self._media.negotiation
        if self._end is not None:
            self._finish(self._end, now)
        elif not self._hops:
            self._finish(LegEnd(503, "lost", reason="No address"), now)
        elif self._waits_for_go:
            self._ready = True
        else:
            self._begin(now)

    def _without_media(self, now: float) -> None:
        self._finish(NO_MEDIA, now)

    def _media_failed(self, now: float) -> None:
        """Without sound a call is none."""
        if self.answered:
            self._hang_up_dialog(LegEnd(200, "lost", reason=MEDIA_FAILED), reason_field(503, MEDIA_FAILED))
        else:
            self.hang_up(now, 503, MEDIA_FAILED)

    def _begin(self, now: float) -> None:
        self._start_ring_timer(now)
        self._hops.pop(0)
        self._send(now)

    def _send(self, now: float) -> None:
        negotiation = self._media.negotiation
        request = None if negotiation is None else self._invite.write(negotiation)
        if request is None:
            self._finish(LegEnd(503, "lost", reason="No address"), now)
            return
        self._early.clear()
        hop = self._invite.way.taken
        self._hops = [other for other in self._hops if other != hop]  # nobody is called twice at one address
        self._tried = InviteClient(self, self._wiring.stack, request, hop)
        self._tried.start(now, others=bool(self._hops))
        self._tell(LegSent(), now)

    def _again(self, now: float) -> None:
        """Send the INVITE once more, as a new transaction."""
        self._invite.next()
        self._send(now)

    def _next_address(self, now: float) -> bool:
        if self._end is not None or not self._hops:
            return False
        self._invite.to(self._hops.pop(0))
        self._again(now)
        return True

    # -- what comes of it, told by InviteClient

    def invite_provisional(self, tried: InviteClient, response: Response, now: float) -> None:
        """A 1xx above 100."""
        if self._end is not None or self.answered:
            return
        if self._patient and self._ring_timer is not None:
            self._start_ring_timer(now)
        agreement = self._early.take(tried.request, response, self._invite.far, self)
        if agreement is not None and not self._told_early:
            self._media.connect(agreement.stream)
        rings = response.status == 180 or agreement is not None
        if (rings and not self._told_ringing) or (agreement is not None and not self._told_early):
            self._told_ringing = True
            self._told_early = self._told_early or agreement is not None
            self._tell(LegRinging(self._told_early), now)
        shown = self._shown(response)
        if shown is not None:
            self._tell(LegProgress(shown, agreement is not None), now)

    def _shown(self, response: Response) -> Shown | None:
        invite = self._invite
        return None if invite.order.copied is None else shown_of(response, self._wiring.stack, invite.far)

    def invite_accepted(self, tried: InviteClient, response: Response, now: float) -> None:
        """A 2xx, the first or another, of the INVITE that is under way or of one before it."""
        try:
            tag, far = key_of_response(response).remote_tag, self._far(tried)
        except SipError as error:  # it names no dialog to acknowledge: whoever sent it hangs up for want of an ACK
            if tried is self._tried and self._dialog.session is None:
                self._finish(self._end or LegEnd(500, "us", reason=error.reason), now)
            return
        if self._dialog.session is not None and self._dialog.session.dialog.key.remote_tag == tag:
            if not self._written.waits:
                self._send_ack(self._dialog.session, tried.cseq)
            return
        if self._dialog.session is not None or self.over or self._end is not None or tried is not self._tried:
            self._strays.dismiss(response, far, self._invite.credentials, self._reason)
            if tried is self._tried and self._dialog.session is None and self._end is not None:
                self._finish(self._end, now)
            return
        try:
            session = self._early.confirm(tried.request, response, far, self)
        except SipError as error:
            self._strays.dismiss(response, far, self._invite.credentials, self._reason)
            self._finish(LegEnd(500, "us", reason=error.reason), now)
            return
        self._answered(session, tried, response, now)

    def _far(self, tried: InviteClient | None) -> Far:
        """Whom one INVITE went to; None: the newest."""
        return self._invite.far if tried is None else self._invite.far._replace(hop=tried.hop)

    def _answered(self, session: Session, tried: InviteClient, response: Response, now: float) -> None:
        self._dialog.session = session
        self._cancel_ring_timer()
        self.identities = connected_to(response, self._wiring.stack.domains)
        self.shown = self._shown(response)
        session.client.learn(response)
        agreement = self._early.agreement_of(response)
        if agreement is None:
            self._send_ack(session, tried.cseq)
            self._hang_up_dialog(LegEnd(488, "us", reason="No common codec"), reason_field(488, "No common codec"))
            return
        self._media.agree(agreement, now)
        self._written.wait(partial(self._acknowledge, session, tried.cseq, agreed_by(response)), now)
        self._tell(LegAccepted(), now)

    def _acknowledge(self, session: Session, cseq: int, timer: Agreed | None, now: float) -> None:
        """Send the ACK: from here on the far end is in a call with us, and whoever comes after us must know of it."""
        self._send_ack(session, cseq)
        if self.over:
            return
        session.settled = True
        self.answered = True
        session.start_timer(timer, now)
        self._tell(LegAnswered(), now)

    def _send_ack(self, session: Session, cseq: int) -> None:
        self._wiring.send_ack(session.dialog, cseq, self._invite.far, self._invite.credentials)

    def invite_refused(self, tried: InviteClient, response: Response, now: float) -> None:
        """A final response from 300 on to the INVITE that is under way."""
        if self._end is not None:
            self._finish(self._end, now)
        elif not self._meet(tried, response, now):
            status = response.status
            retry = delta_seconds(response.value(b"retry-after"))
            reason = reason_text(response) or response.reason.decode("utf-8", "replace")
            self._finish(LegEnd(status, "far", retry, reason, q850_cause(response), self._shown(response)), now)

    def _meet(self, tried: InviteClient, response: Response, now: float) -> bool:
        """Try again, where what was refused can be put right."""
        status = response.status
        if status == 503:
            return not tried.working and self._next_address(now)
        met = (status in CHALLENGES and self._invite.answer_challenge(response)) or (
            status == 422 and self._invite.ask_for_longer(response)) or (
            status == 421 and self._invite.add_extension(response))
        if met:
            self._again(now)
        return met

    def invite_silent(self, tried: InviteClient, status: int, now: float) -> None:
        """No answer at all (408), or it could not be sent (503)."""
        self._silent[tried.cseq] = tried
        if self.over:
            return
        if self._end is not None and tried.cancelled:
            self._finish(self._end, now)
        elif status == 503 and self._end is None and not tried.heard and self._invite.way.give_up_stream():
            self._again(now)
        elif tried.heard or not self._next_address(now):
            self._finish(LegEnd(status, "lost", reason="No answer" if status == 408 else "Not reachable"), now)

    # -- giving up

    def hang_up(self, now: float, cause: int = 0, reason: str = "", shown: Shown | None = None,
                fields: tuple[bytes, ...] = ()) -> None:
        self._reason = fields or reason_field(cause, reason)
        if self.over or self._dialog.leaving is not None:
            return
        if self._dialog.session is not None:
            self.confirm(now)
            self._hang_up_dialog(LegEnd(200, "us", reason=reason), self._reason)
            return
        self._give_up(LegEnd(GAVE_UP, "us", reason=reason), now)

    def _rang_out(self, now: float) -> None:
        end = LegEnd(GAVE_UP, "us", reason="Rang too long")
        self._give_up(end, now)
        if not self.over and self._end is end:
            self._tell(LegGivenUp(end), now)

    def _give_up(self, end: LegEnd, now: float) -> None:
        if self._end is not None:
            return
        self._end = end
        self._cancel_ring_timer()
        if self._tried is None:
            self._finish(end, now)
        else:
            self._tried.cancel(self._reason, now)

    def _start_ring_timer(self, now: float) -> None:
        self._cancel_ring_timer()
        self._ring_timer = self._wiring.stack.timers.at(now + self._ring_for, self._rang_out)

    def _cancel_ring_timer(self) -> None:
        if self._ring_timer is not None:
            self._ring_timer.cancel()
            self._ring_timer = None

    def _hang_up_dialog(self, end: LegEnd, fields: tuple[bytes, ...]) -> None:
        self._dialog.hang_up(end, fields, self._finish)

    def _finish(self, end: LegEnd, now: float) -> None:
        """End it, once: everything that is timed or held goes, and the owner is told."""
        if self.over:
            return
        self.over_at = now
        self._dialog.close()
        self._cancel_ring_timer()
        self._early.close()
        if self._tried is not None:
            self._tried.leave()
        self._media.close()
        self._tell(LegEnded(end), now)

    def let_go(self) -> None:
        self._dialog.session = None
        self._early.clear()
        self._tried = None
        self._silent.clear()

    # -- what comes in a dialog of it

    def request(self, request: Request, flow: Flow, now: float) -> None:
        tag = request.from_.tag or b""
        session = self._dialog.session
        if session is None or session.dialog.key.remote_tag != tag:
            session = self._early.find(tag)
        if session is not None:
            session.request(request, flow, now)
        else:
            self._strays.refuse(request, flow, now)

    def on_session_event(self, session: Session, event: SessionEvent, now: float) -> None:
        """See SessionOwner. A BYE in an early dialog of a fork ends nothing but that (RFC 3261 section 15)."""
        counts = session is self._dialog.session
        match event:
            case SessionAgreed(agreement):
                if not self.over and (counts or self._dialog.session is None):
                    self._media.agree(agreement, now)
            case SessionAsked(asked, answering):
                if not self.over:
                    self._tell(LegAsked(asked, answering), now)
            case SessionPressed(key):
                self._media.take_key(key, True, now)
            case SessionChanged(request):
                shown = connected_to(request, self._wiring.stack.domains)
                if shown and counts and not self.over:
                    self._tell(LegConnected(shown, hides_identity(request)), now)
            case SessionEnded(by, reason, fields):
                if counts:
                    self.confirm(now)
                    self._finish(self._dialog.leaving or LegEnd(200, by, reason=reason, fields=fields), now)
            case SessionPrack(request, tx):
                session.reply(tx, request, 481, now)
            case SessionAck():
                pass  # nobody waits for one here

    def stray(self, response: Response, flow: Flow, now: float) -> None:
        if response.cseq.method != b"INVITE":
            return
        tried = self._silent.get(response.cseq.number)
        if response.status >= 300:
            self._strays.acknowledge_refusal(response, flow)
        elif response.status < 200:
            if tried is not None:
                tried.works_after_all(response, self._reason, now)
        else:
            session = self._dialog.session
            if session is not None and not self.over and session.dialog.key.remote_tag == (response.to.tag or b""):
                if not self._written.waits:
                    self._send_ack(session, response.cseq.number)
            else:
                self._strays.dismiss(response, self._far(tried), self._invite.credentials, self._reason)

    def ring(self, now: float) -> None:
        """See Leg: nothing for a call that we place."""

    def early(self, now: float) -> None:
        """See Leg: nothing for a call that we place."""

    def progress(self, shown: Shown, early_media: bool, now: float) -> None:
        """See Leg: nothing for a call that we place."""

    def answer(self, now: float, shown: Shown | None = None) -> None:
        """See Leg: nothing for a call that we place."""

    def hold(self, held: bool, silent: bool, now: float) -> None:
        if self.answered and not self.over:
            self._dialog.hold(held, silent, now)

    def ask(self, asked: Asked, done: Callable[[Shown, float], None], now: float) -> None:
        self._dialog.ask(asked, done, now)

    # -- memory

    def memory(self) -> str:
        told = self._invite.known()
        if self._dialog.session is not None:
            told["dialog"] = describe_dialog(self._dialog.session.dialog)
        else:
            told["early"] = [describe_dialog(one) for one in self._early.dialogs()]
        return json.dumps(told)
