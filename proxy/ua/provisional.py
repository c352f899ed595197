"""What comes before the answer of a call that we place: early dialogs, reliable 1xx (RFC 3262), early media.

Rules
- Each To tag of a 1xx is an early dialog; a fork has one for each branch, MAX_EARLY at most.
- A reliable 1xx is acknowledged with PRACK in its dialog, in the order of RSeq; what comes out of order or again is
  dropped (RFC 3262 section 4).
- A description in a 1xx is the answer to our offer in its dialog. The 2xx need not repeat it then.
"""

import re

from proxy.sip.dialog import Dialog
from proxy.sip.errors import SipError
from proxy.sip.message import Request, Response
from proxy.sip.sdp_audio import session_of
from proxy.ua.offer import Agreement, Negotiation
from proxy.ua.session import Session, SessionOwner
from proxy.ua.wiring import Far, Wiring

MAX_EARLY = 16
_RSEQ = re.compile(rb"[0-9]{1,10}")


class EarlyDialogs:
    """The early dialogs of one INVITE."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self.negotiation: Negotiation | None = None
        """Set before the first INVITE leaves."""
        self._sessions: dict[bytes, Session] = {}
        self._rseq: dict[bytes, int] = {}
        self._agreements: dict[bytes, Agreement] = {}

    def clear(self) -> None:
        """Forget them: another INVITE leaves."""
        self.close()
        self._sessions, self._rseq, self._agreements = {}, {}, {}

    def close(self) -> None:
        """End what is timed in them, but for the one that was confirmed."""
        for session in self._sessions.values():
            session.close()

    def find(self, tag: bytes) -> Session | None:
        """Find one by its remote tag."""
        return self._sessions.get(tag)

    def dialogs(self) -> list[Dialog]:
        """All of them."""
        return [session.dialog for session in self._sessions.values()]

    def take(self, invite: Request, response: Response, far: Far, leg: SessionOwner) -> Agreement | None:
        """Take a 1xx of a leg; gives what is agreed on in its dialog so far, None: nothing."""
        tag = response.to.tag
        if not tag:
            return self._read(b"", response)
        session = self._sessions.get(tag)
        if session is None:
            if len(self._sessions) >= MAX_EARLY:
                return None
            try:
                session = self._open(tag, Dialog.as_caller(invite, response), far, leg)
            except SipError:
                return None  # it rings all the same; the 2xx will say where to
        session.client.learn(response)
        rseq = response.value(b"rseq") or b""
        reliable = b"100rel" in response.option_tags(b"require") and _RSEQ.fullmatch(rseq) is not None
        if reliable and not self._acknowledge(session, tag, int(rseq), response):
            return self._agreements.get(tag)
        agreement = self._read(tag, response)
        session.settled = session.settled or (reliable and agreement is not None)
        return agreement

    def _open(self, tag: bytes, dialog: Dialog, far: Far, leg: SessionOwner) -> Session:
        assert self.negotiation is not None
        session = self._sessions[tag] = Session(self._wiring, leg, far, dialog, self.negotiation)
        return session

    def _acknowledge(self, session: Session, tag: bytes, rseq: int, response: Response) -> bool:
        """Send the PRACK of a reliable 1xx; False where it came before or too early."""
        last = self._rseq.get(tag)
        if last is not None and rseq != last + 1:
            return False
        self._rseq[tag] = rseq
        rack = b"RAck: %d %d INVITE" % (rseq, response.cseq.number)
        session.client.ask(b"PRACK", lambda answer, now: None, (rack,))
        return True

    def _read(self, tag: bytes, response: Response) -> Agreement | None:
        body = session_of(response)
        if body is not None and tag not in self._agreements and self.negotiation is not None:
            agreement = self.negotiation.accept(body)
            if agreement is not None:
                self._agreements[tag] = agreement
        return self._agreements.get(tag)

    def confirm(self, invite: Request, response: Response, far: Far, leg: SessionOwner) -> Session:
        """Make the dialog of a 2xx the one that counts. Raises SipError(400) where its headers cannot be used."""
        tag = response.to.tag or b""
        session = self._sessions.pop(tag, None)
        if session is None:
            session = self._open(tag, Dialog.as_caller(invite, response), far, leg)
            del self._sessions[tag]
        else:
            session.dialog.receive_response(response)
        return session

    def agreement_of(self, response: Response) -> Agreement | None:
        """What a 2xx agrees on: its description, else the one of its early dialog, or of a 1xx without a tag."""
        body = session_of(response)
        if body is not None and self.negotiation is not None:
            return self.negotiation.accept(body)
        return self._agreements.get(response.to.tag or b"", self._agreements.get(b""))
