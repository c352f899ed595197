"""One request of ours inside a dialog until its final answer, credentials and other addresses included."""

from collections.abc import Callable
from functools import partial

from proxy.sip.bystanders import ClientBystander
from proxy.sip.client import ClientTransaction
from proxy.sip.dialog import TARGET_REFRESH, Dialog
from proxy.sip.hop import Hop
from proxy.sip.message import Response
from proxy.sip.requests import as_request, contact_field
from proxy.sip.timers import Timer
from proxy.ua.login import CHALLENGES
from proxy.ua.way import Way
from proxy.ua.wiring import Far, Wiring

Done = Callable[[Response | None, float], None]
HUNG_UP = (*range(200, 300), 408, 481)
"""Answers to a BYE after which there is no call (RFC 3261 section 15.1.1: 408 and 481 end it too)."""


class DialogRequest(ClientBystander):
    """Sends one request; `done(response, now)` is told its final answer once, None where none came."""

    def __init__(self, wiring: Wiring, far: Far, dialog: Dialog, method: bytes, done: Done,
                 fields: tuple[bytes, ...] = (), body: bytes = b"") -> None:
        self._wiring, self._far, self._dialog = wiring, far, dialog
        self._method, self._fields, self._body = method, fields, body
        self._done = done
        self._told = False
        self._hops: tuple[Hop, ...] = ()
        self._way = Way(wiring.stack, far.hop)
        self._cseq = 0
        self._login = wiring.accounts.login(far.side, far.name)
        self._patience: Timer | None = None

    def start(self) -> None:
        """Send it, as soon as its next hop is known."""
        self._wiring.find(self._dialog, self._far, self._found)

    def _found(self, hops: tuple[Hop, ...]) -> None:
        self._hops = hops
        self._next(self._wiring.stack.clock())

    def _next(self, now: float) -> None:
        if not self._hops:
            self._finish(None, now)
            return
        self._way, self._hops = Way(self._wiring.stack, self._hops[0]), self._hops[1:]
        self._send(now)

    def _send(self, now: float) -> None:
        listener = self._wiring.stack.listener_for(self._way.hop)
        if listener is None:
            self._next(now)
            return
        contact = (contact_field(self._far.user, listener),) if self._method in TARGET_REFRESH else ()
        data = self._dialog.request(self._method, self._wiring.via(listener),
                                    (*contact, *self._credentials(), *self._fields), self._body)
        request = as_request(data)
        self._cseq = request.cseq.number
        hop = self._way.choose(request, self._far.user if contact else None)
        tx = self._wiring.stack.start_client(request, hop, self)
        self._rest()
        if self._method == b"INVITE":
            stack = self._wiring.stack
            self._patience = stack.timers.at(now + stack.values.timeout, partial(self._give_up, tx))

    def _credentials(self) -> tuple[bytes, ...]:
        """Those that were asked for; for a BYE behind the peer's own Record-Route, those that may be asked for."""
        if self._login.fields or self._method != b"BYE" or not self._dialog.route_set or not self._is_peers():
            return self._login.fields
        return self._wiring.accounts.unasked(self._far.side, self._far.name, self._method, self._dialog.route()[0])

    def _is_peers(self) -> bool:
        return self._wiring.accounts.is_address_of(self._way.hop, self._far.side, self._far.name)

    def _give_up(self, tx: ClientTransaction, now: float) -> None:
        """A 1xx and then nothing: a re-INVITE rings no phone, and would have no end of its own."""
        tx.terminate(now)
        self._finish(None, now)

    def _may_answer(self) -> bool:
        """Whether the peer itself has challenged us (login.py's rule on dialogs)."""
        return not self._dialog.route_set and self._is_peers()

    def _rest(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _finish(self, response: Response | None, now: float) -> None:
        self._rest()
        if not self._told:
            self._told = True
            if self._method == b"BYE" and (response is None or response.status not in HUNG_UP):
                # Nothing more can be done: the far end may stay in the call until its own timers end it.
                self._wiring.stack.note("bye_given_up", call=self._dialog.key.call_id.decode("utf-8", "replace"),
                                        status=None if response is None else response.status,
                                        hop=str(self._way.taken[:3]))
            self._done(response, now)

    # ClientOwner

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        if response.status < 200:
            return
        if self._method == b"INVITE" and response.status < 300:
            self._wiring.send_ack(self._dialog, self._cseq, self._far, self._login.fields)
        elif response.status in CHALLENGES and self._may_answer() and self._login.answer(
                response, self._method, tx.request.uri, self._wiring.stack.token()):
            self._send(now)
            return
        self._finish(response, now)

    def on_timeout(self, tx: ClientTransaction, now: float) -> None:
        self._finish(None, now)

    def on_transport_error(self, tx: ClientTransaction, now: float) -> None:
        if self._way.give_up_stream():
            self._send(now)
        else:
            self._next(now)
