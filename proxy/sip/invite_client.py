"""One INVITE of ours on its way to one address, with its CANCEL (RFC 3261 sections 9.1, 13.2.2 and 13.3).

Rules
- Nothing is cancelled before a 1xx has come: a wish to give it up waits for that, and leaves with it.
- After CANCEL the final response has 64*T1 to come; then the INVITE counts as cancelled.
- Where there is another address, silence is long enough after NEXT_ADDRESS_AFTER. An address that was given up for its
  silence and rings after all is cancelled then: nobody is rung in two places.
- Each 2xx is told, the late ones too: somebody must acknowledge it.
- The table is complete: each pair of stage and input is a row.
"""

from enum import Enum, auto
from typing import Final, Protocol

from proxy.sip.bystanders import ClientBystander
from proxy.sip.client import ClientOwner, ClientTransaction
from proxy.sip.hop import Hop
from proxy.sip.message import Request, Response
from proxy.sip.requests import as_request, make_cancel
from proxy.sip.timers import Timer, Timers, TimerValues

NEXT_ADDRESS_AFTER: Final = 4.0
"""Seconds of silence after which the next address is tried, where there is one."""


class Stage(Enum):
    """How far it is."""

    CALLING = auto()
    """Nothing came yet."""
    PROCEEDING = auto()
    """A 1xx came."""
    UNWANTED = auto()
    """Nothing came, and nobody waits for it any more: the first 1xx is met with CANCEL."""
    CANCELLED = auto()
    """CANCEL was sent; the final response is on its way."""
    ANSWERED = auto()
    """A 2xx came."""
    SILENT = auto()
    """Given up without a word of the far end, and so without CANCEL."""
    OVER = auto()
    """It had its end, or nobody cares."""


class Input(Enum):
    """What may happen to it."""

    PROVISIONAL = auto()
    ACCEPTED = auto()
    """A 2xx."""
    REFUSED = auto()
    """A final response from 300 on."""
    UNHEARD = auto()
    """Timer B, the next address's turn, or a transport that failed."""
    UNANSWERED = auto()
    """64*T1 after the CANCEL."""
    CANCEL = auto()
    """Whoever asked for it gives it up."""
    LEAVE = auto()
    """Nobody cares any more; the transaction goes on by itself."""


class Act(Enum):
    """What is to be done."""

    NOTHING = auto()
    SEND_CANCEL = auto()
    """And wait for 64*T1."""
    TELL_SILENT = auto()
    END_TRANSACTION = auto()
    """Its INVITE counts as cancelled."""
    TELL_REFUSED = auto()


_S, _I, _A = Stage, Input, Act
TABLE: Final[dict[tuple[Stage, Input], tuple[Stage, Act]]] = {
    (_S.CALLING, _I.PROVISIONAL): (_S.PROCEEDING, _A.NOTHING),
    (_S.CALLING, _I.ACCEPTED): (_S.ANSWERED, _A.NOTHING),
    (_S.CALLING, _I.REFUSED): (_S.OVER, _A.TELL_REFUSED),
    (_S.CALLING, _I.UNHEARD): (_S.SILENT, _A.TELL_SILENT),
    (_S.CALLING, _I.UNANSWERED): (_S.CALLING, _A.NOTHING),
    (_S.CALLING, _I.CANCEL): (_S.UNWANTED, _A.NOTHING),
    (_S.CALLING, _I.LEAVE): (_S.OVER, _A.NOTHING),
    (_S.PROCEEDING, _I.PROVISIONAL): (_S.PROCEEDING, _A.NOTHING),
    (_S.PROCEEDING, _I.ACCEPTED): (_S.ANSWERED, _A.NOTHING),
    (_S.PROCEEDING, _I.REFUSED): (_S.OVER, _A.TELL_REFUSED),
    (_S.PROCEEDING, _I.UNHEARD): (_S.SILENT, _A.TELL_SILENT),
    (_S.PROCEEDING, _I.UNANSWERED): (_S.PROCEEDING, _A.NOTHING),
    (_S.PROCEEDING, _I.CANCEL): (_S.CANCELLED, _A.SEND_CANCEL),
    (_S.PROCEEDING, _I.LEAVE): (_S.OVER, _A.NOTHING),
    (_S.UNWANTED, _I.PROVISIONAL): (_S.CANCELLED, _A.SEND_CANCEL),
    (_S.UNWANTED, _I.ACCEPTED): (_S.ANSWERED, _A.NOTHING),
    (_S.UNWANTED, _I.REFUSED): (_S.OVER, _A.TELL_REFUSED),
    (_S.UNWANTED, _I.UNHEARD): (_S.SILENT, _A.TELL_SILENT),
    (_S.UNWANTED, _I.UNANSWERED): (_S.UNWANTED, _A.NOTHING),
    (_S.UNWANTED, _I.CANCEL): (_S.UNWANTED, _A.NOTHING),
    (_S.UNWANTED, _I.LEAVE): (_S.UNWANTED, _A.NOTHING),
    (_S.CANCELLED, _I.PROVISIONAL): (_S.CANCELLED, _A.NOTHING),
    (_S.CANCELLED, _I.ACCEPTED): (_S.ANSWERED, _A.NOTHING),
    (_S.CANCELLED, _I.REFUSED): (_S.OVER, _A.TELL_REFUSED),
    (_S.CANCELLED, _I.UNHEARD): (_S.OVER, _A.TELL_SILENT),
    (_S.CANCELLED, _I.UNANSWERED): (_S.OVER, _A.END_TRANSACTION),
    (_S.CANCELLED, _I.CANCEL): (_S.CANCELLED, _A.NOTHING),
    (_S.CANCELLED, _I.LEAVE): (_S.OVER, _A.NOTHING),
    (_S.ANSWERED, _I.PROVISIONAL): (_S.ANSWERED, _A.NOTHING),
    (_S.ANSWERED, _I.ACCEPTED): (_S.ANSWERED, _A.NOTHING),
    (_S.ANSWERED, _I.REFUSED): (_S.ANSWERED, _A.NOTHING),
    (_S.ANSWERED, _I.UNHEARD): (_S.ANSWERED, _A.NOTHING),
    (_S.ANSWERED, _I.UNANSWERED): (_S.ANSWERED, _A.NOTHING),
    (_S.ANSWERED, _I.CANCEL): (_S.ANSWERED, _A.NOTHING),
    (_S.ANSWERED, _I.LEAVE): (_S.OVER, _A.NOTHING),
    (_S.SILENT, _I.PROVISIONAL): (_S.OVER, _A.SEND_CANCEL),
    (_S.SILENT, _I.ACCEPTED): (_S.OVER, _A.NOTHING),
    (_S.SILENT, _I.REFUSED): (_S.OVER, _A.NOTHING),
    (_S.SILENT, _I.UNHEARD): (_S.SILENT, _A.NOTHING),
    (_S.SILENT, _I.UNANSWERED): (_S.SILENT, _A.NOTHING),
    (_S.SILENT, _I.CANCEL): (_S.SILENT, _A.NOTHING),
    (_S.SILENT, _I.LEAVE): (_S.SILENT, _A.NOTHING),
    (_S.OVER, _I.PROVISIONAL): (_S.OVER, _A.NOTHING),
    (_S.OVER, _I.ACCEPTED): (_S.OVER, _A.NOTHING),
    (_S.OVER, _I.REFUSED): (_S.OVER, _A.NOTHING),
    (_S.OVER, _I.UNHEARD): (_S.OVER, _A.NOTHING),
    (_S.OVER, _I.UNANSWERED): (_S.OVER, _A.NOTHING),
    (_S.OVER, _I.CANCEL): (_S.OVER, _A.NOTHING),
    (_S.OVER, _I.LEAVE): (_S.OVER, _A.NOTHING),
}


class InviteOwner(Protocol):
    """Whose INVITE it is."""

    def invite_provisional(self, invite: "InviteClient", response: Response, now: float) -> None:
        """A 1xx above 100, as long as nobody gave it up for its silence."""

    def invite_accepted(self, invite: "InviteClient", response: Response, now: float) -> None:
        """A 2xx; told for each that comes."""

    def invite_refused(self, invite: "InviteClient", response: Response, now: float) -> None:
        """The final response, 300 or above."""

    def invite_silent(self, invite: "InviteClient", status: int, now: float) -> None:
        """Nothing came (408), or it could not be sent (503)."""


class InviteStack(Protocol):
    """What it needs of the stack."""

    timers: Timers
    values: TimerValues

    def start_client(self, request: Request, hop: Hop, owner: ClientOwner) -> ClientTransaction:
        """Open a client transaction and send its request."""

    def report(self, hop: Hop, well: bool) -> None:
        """Tell how an address did."""


class InviteClient:
    """`sip.client.ClientOwner` of one INVITE."""

    __slots__ = ("_fields", "_owner", "_patience", "_reported", "_stack", "_tx", "cancelled", "cseq", "heard", "hop",
                 "request", "stage", "working")

    def __init__(self, owner: InviteOwner, stack: InviteStack, request: Request, hop: Hop) -> None:
        self.request, self.hop = request, hop
        self.cseq = request.cseq.number
        self.stage = Stage.CALLING
        self.heard = False
        """A 1xx came."""
        self.working = False
        """A 1xx above 100 came: somebody rings."""
        self.cancelled = False
        """CANCEL was sent."""
        self._owner, self._stack = owner, stack
        self._tx: ClientTransaction | None = None
        self._fields: tuple[bytes, ...] = ()
        """What CANCEL says beside what the INVITE said."""
        self._reported = False
        self._patience: Timer | None = None

    def start(self, now: float, *, others: bool) -> None:
        """Send it. `others`: there are other addresses, so silence is soon enough."""
        self._tx = self._stack.start_client(self.request, self.hop, self)
        if others:
            self._tx.give_up_at(now + NEXT_ADDRESS_AFTER)

    def cancel(self, fields: tuple[bytes, ...], now: float) -> None:
        """Give it up, as soon as that is allowed. `fields`: of the CANCEL, such as a Reason; those of the first wish
        count."""
        if self.stage in (Stage.CALLING, Stage.PROCEEDING):
            self._fields = fields
        self._step(Input.CANCEL, now)

    def works_after_all(self, response: Response, fields: tuple[bytes, ...], now: float) -> None:
        """Take a 1xx that came when it had been given up, and its transaction with it: nobody is to ring there."""
        if self.stage is Stage.SILENT and response.via.branch == self.request.via.branch:
            self._fields = fields
            self._step(Input.PROVISIONAL, now)

    def leave(self) -> None:
        """Nobody waits for it any more; its transaction goes on by itself."""
        self._rest()
        self.stage, _ = TABLE[self.stage, Input.LEAVE]

    # ClientOwner

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        if response.status != 503:
            self._report(True)
        if response.status < 200:
            self._provisional(response, now)
        elif response.status < 300:
            self._rest()
            self._step(Input.ACCEPTED, now)
            self._owner.invite_accepted(self, response, now)
        else:
            self._refused(response, now)

    def _provisional(self, response: Response, now: float) -> None:
        self.heard = True
        gone = self.stage in (Stage.SILENT, Stage.OVER)
        if self.stage is not Stage.SILENT:
            self._step(Input.PROVISIONAL, now)
        if response.status > 100 and not gone:
            self.working = True
            self._owner.invite_provisional(self, response, now)

    def _refused(self, response: Response, now: float) -> None:
        stage, act = TABLE[self.stage, Input.REFUSED]
        if act is Act.TELL_REFUSED:
            if response.status == 503:
                self._report(False)
            self._rest()
            self.stage = stage
            self._owner.invite_refused(self, response, now)

    def on_timeout(self, tx: ClientTransaction, now: float) -> None:
        self._report(False)
        self._step(Input.UNHEARD, now, 408)

    def on_transport_error(self, tx: ClientTransaction, now: float) -> None:
        self._report(False)
        self._step(Input.UNHEARD, now, 503)

    def on_terminated(self, tx: ClientTransaction, now: float) -> None:
        self._tx = None

    # Inside

    def _step(self, what: Input, now: float, status: int = 408) -> None:
        self.stage, act = TABLE[self.stage, what]
        if act is Act.SEND_CANCEL:
            self._send_cancel(now)
        elif act is Act.END_TRANSACTION:
            if self._tx is not None:
                self._tx.terminate(now)
            self._owner.invite_silent(self, 408, now)
        elif act is Act.TELL_SILENT:
            self._rest()
            self._owner.invite_silent(self, status, now)

    def _send_cancel(self, now: float) -> None:
        self.cancelled = True
        request = as_request(make_cancel(self.request))
        for field in self._fields:
            request.insert_before(b"content-length", field)
        self._stack.start_client(request, self.hop, ClientBystander())  # the INVITE tells the rest
        if self.stage is Stage.CANCELLED:
            self._patience = self._stack.timers.at(now + self._stack.values.timeout, self._unanswered)

    def _unanswered(self, now: float) -> None:
        self._step(Input.UNANSWERED, now)

    def _rest(self) -> None:
        if self._patience is not None:
            self._patience.cancel()

    def _report(self, well: bool) -> None:
        if not self._reported:
            self._reported = True
            self._stack.report(self.hop, well)
