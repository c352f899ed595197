"""One INVITE of ours on its way to one address, with its CANCEL."""

from typing import Protocol

from proxy.sip.client import ClientBystander, ClientTransaction
from proxy.sip.hop import Hop
from proxy.sip.message import Request, Response
from proxy.sip.requests import as_request, make_cancel
from proxy.sip.timers import Timer
from proxy.ua.wiring import Wiring


class Inviter(Protocol):
    """Whose INVITE it is."""

    wiring: Wiring

    def invite_provisional(self, tried: "Tried", response: Response, now: float) -> None:
        """A 1xx above 100."""

    def invite_accepted(self, tried: "Tried", response: Response, now: float) -> None:
        """A 2xx; told for each that comes."""

    def invite_refused(self, tried: "Tried", response: Response, now: float) -> None:
        """The final response, 300 or above."""

    def invite_silent(self, tried: "Tried", status: int, now: float) -> None:
        """Nothing came (408), or it could not be sent (503)."""


class Tried:
    """Owner of the client transaction of one INVITE."""

    def __init__(self, inviter: Inviter, request: Request, hop: Hop) -> None:
        self.request = request
        self.hop = hop
        self.cseq = request.cseq.number
        self.tx: ClientTransaction | None = None
        """Set as soon as it is made."""
        self.heard = False
        """A 1xx came."""
        self.working = False
        """A 1xx above 100 came: somebody rings."""
        self.cancelled = False
        """CANCEL was sent."""
        self._inviter = inviter
        self._wanted: tuple[bytes, ...] | None = None
        """Fields of the CANCEL that is to leave with the first 1xx; None: nobody wants one."""
        self._reported = False
        self._patience: Timer | None = None
        self._over = False

    def cancel(self, fields: tuple[bytes, ...], now: float) -> None:
        """Cancel it, as soon as that is allowed (RFC 3261 section 9.1)."""
        if self._over or self.cancelled or self._wanted is not None:
            return
        self._wanted = fields
        if self.heard:
            self._send_cancel(now)

    def works_after_all(self, response: Response, fields: tuple[bytes, ...]) -> None:
        """A 1xx came when it had been given up, and its transaction with it: nobody is to ring there."""
        if self._over and not self.cancelled and response.via.branch == self.request.via.branch:
            self._write_cancel(fields)

    def _write_cancel(self, fields: tuple[bytes, ...]) -> None:
        self.cancelled = True
        request = as_request(make_cancel(self.request))
        for field in fields:
            request.insert_before(b"content-length", field)
        self._inviter.wiring.stack.start_client(request, self.hop, ClientBystander())  # the INVITE tells the rest

    def _send_cancel(self, now: float) -> None:
        stack = self._inviter.wiring.stack
        self._write_cancel(self._wanted or ())
        self._patience = stack.timers.at(now + stack.values.timeout, self._unanswered)

    def _unanswered(self, now: float) -> None:
        """No final response 64*T1 after the CANCEL: the INVITE counts as cancelled (section 9.1)."""
        if self.tx is not None:
            self.tx.terminate(now)
        self._silent(408, now)

    def forget(self) -> None:
        """Nobody waits for it any more; its transaction goes on by itself."""
        self._over = True
        if self._patience is not None:
            self._patience.cancel()

    def _report(self, well: bool) -> None:
        if not self._reported:
            self._reported = True
            self._inviter.wiring.stack.report(self.hop, well)

    def _silent(self, status: int, now: float) -> None:
        if not self._over:
            self._over = True
            self._inviter.invite_silent(self, status, now)

    # ClientOwner

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        if response.status != 503:
            self._report(True)
        if response.status < 200:
            self._provisional(response, now)
        elif response.status < 300:
            if self._patience is not None:
                self._patience.cancel()
            self._inviter.invite_accepted(self, response, now)
        elif not self._over:
            if response.status == 503:
                self._report(False)
            self.forget()
            self._inviter.invite_refused(self, response, now)

    def _provisional(self, response: Response, now: float) -> None:
        self.heard = True
        if self._wanted is not None and not self.cancelled:
            self._send_cancel(now)
        if response.status > 100 and not self._over:
            self.working = True
            self._inviter.invite_provisional(self, response, now)

    def on_timeout(self, tx: ClientTransaction, now: float) -> None:
        self._report(False)
        self._silent(408, now)

    def on_transport_error(self, tx: ClientTransaction, now: float) -> None:
        self._report(False)
        self._silent(503, now)

    def on_terminated(self, tx: ClientTransaction, now: float) -> None:
        self.tx = None
