"""A request on its way through the proxy: one server transaction, client transactions one after another.

Rules
- The addresses of a target are tried in order; 503, silence and transport errors lead to the next one (RFC 3263
  section 4.3). An address that was only slow is cancelled when it speaks after all, and its 2xx still counts.
- CANCEL goes out for an attempt only after its first 1xx (RFC 3261 section 9.1); a 2xx that crosses it is forwarded.
- Every 2xx of an INVITE is forwarded, however late (RFC 3261 section 16.7 item 5, RFC 6026 section 7).
- Timer C guards an INVITE and starts again with each 1xx but 100 (RFC 3261 section 16.7 item 2).
- A request other than INVITE gets no 1xx (RFC 4320 section 4.1) and no 408 (section 4.2): where nobody answers it,
  nobody does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from proxy.core import in_dialog
from proxy.core.requests_out import Outgoing
from proxy.core.seals import NO_LOOP_MARK, first_vias
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow, Hop
from proxy.sip.message import Request, Response
from proxy.sip.reply import build_response
from proxy.sip.timers import Timer
from proxy.sip.transaction import ClientTransaction, ServerTransaction
from routing.facts import Side

if TYPE_CHECKING:
    from proxy.core.newcomers import Newcomers

TIMER_C = 190.0
"""Seconds; RFC 3261 section 16.6 item 11 asks for more than three minutes."""
NEXT_ADDRESS_AFTER = 4.0
"""Seconds without any response after which the next address of the peer is tried, where there is one."""
CANCEL_PATIENCE = 32.0
"""Seconds (64*T1) that an attempt may take to end after its CANCEL (RFC 3261 section 9.1)."""


class Attempt:
    """The request sent to one address: owner of its client transaction."""

    __slots__ = ("cancel_wanted", "cancelled", "heard", "hop", "hops_left", "out", "over", "relay", "target", "tx")

    def __init__(self, relay: Relay, target: int, out: Outgoing, hops_left: list[Hop]) -> None:
        self.relay = relay
        self.target = target
        self.hop = out.hop
        self.out: Outgoing | None = out
        """What was sent; None after the final response and after the transaction's end."""
        self.hops_left = hops_left
        self.tx: ClientTransaction | None = None
        self.heard = False
        """A provisional response came."""
        self.cancel_wanted = False
        self.cancelled = False
        self.over = False
        """Nothing but a 2xx of it counts any more."""

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        self.relay.response(self, response, now)

    def on_timeout(self, tx: ClientTransaction, now: float) -> None:
        if not self.over:
            self.relay.core.health.failed(self.hop, now)
        self.relay.silent(self, 408, now)

    def on_transport_error(self, tx: ClientTransaction, now: float) -> None:
        self.relay.core.health.failed(self.hop, now, hard=True)
        self.relay.silent(self, 503, now)

    def on_terminated(self, tx: ClientTransaction, now: float) -> None:
        self.relay.core.forget_client(tx)
        self.tx = None
        self.out = None


class Relay:
    """Forwards one request to one target and its responses back."""

    __slots__ = ("attempts", "back", "call", "cancelled", "core", "done", "flow", "invite", "loop", "request", "server",
                 "timer_c")

    server: ServerTransaction
    """Set by the proxy as soon as it is made."""
    back: Callable[[bytes], None]
    """Sends bytes to the previous hop, past the server transaction; set with it."""

    def __init__(self, core: Newcomers, request: Request, flow: Flow, call: str) -> None:
        self.core = core
        self.request: Request | None = request
        """The prepared request (see `requests_out`); dropped with the final response, to save memory."""
        self.flow = flow
        self.call = call
        self.invite = request.method == b"INVITE"
        self.attempts: list[Attempt] = []
        self.cancelled = False
        self.done = False
        """A final response was chosen."""
        self.timer_c: Timer | None = None
        self.loop = NO_LOOP_MARK
        core.pending += 1

    # -- the server transaction

    def on_ack(self, tx: ServerTransaction, request: Request, now: float) -> None:
        in_dialog.acknowledge(self.core, request, self.flow)

    def on_timeout(self, tx: ServerTransaction, now: float) -> None:
        """Timer H: the ACK of a failure never came; nothing is left to do."""

    def on_transport_error(self, tx: ServerTransaction, now: float) -> None:
        """The response could not be delivered; the caller's own timers end its side."""

    def on_terminated(self, tx: ServerTransaction, now: float) -> None:
        self.core.forget_server(tx)
        if self.done:
            self.attempts = []  # they lead back here: no ring is left for the collector

    # -- outwards

    def shape(self, target: int, hop: Hop) -> tuple[bytes | None, tuple[bytes, ...]]:
        """Request-URI (None: as it came) and additional header fields for a target at this hop."""
        return None, ()

    def try_hops(self, target: int, hops: list[Hop], now: float) -> bool:
        """Send the request to the first hop that we have a listener for. False when there is none."""
        assert self.request is not None
        while hops:
            hop, hops = hops[0], hops[1:]
            uri, fields = self.shape(target, hop)
            out = self.core.outgoing(self.request, self.flow, hop, uri=uri, target=target, tried=len(self.attempts),
                                     loop=self.loop, call=self.call, fields=fields)
            if out is None:
                continue
            attempt = Attempt(self, target, out, hops)
            self.attempts.append(attempt)
            attempt.tx = self.core.start_client(out, attempt, now)
            if hops:
                self.core.timers.at(now + NEXT_ADDRESS_AFTER, partial(self._slow, attempt))
            if self.invite:
                self._restart_timer_c(now)
            return True
        return False

    def _slow(self, attempt: Attempt, now: float) -> None:
        if attempt.heard or attempt.over or not self._next_address(attempt, now):
            return
        self.core.health.failed(attempt.hop, now)
        self.core.journal.note("no_answer_yet", call=self.call, hop=str(attempt.hop[:3]))
        attempt.over = True
        self.cancel_attempt(attempt, now)

    def response(self, attempt: Attempt, response: Response, now: float) -> None:
        """Take a response of an attempt."""
        status = response.status
        if status < 200:
            self._provisional(attempt, response, now)
            return
        if status != 503:
            self.core.health.succeeded(attempt.hop)
        if not _leads_back(response):
            self.silent(attempt, 502, now)
        elif status < 300:
            self._success(attempt, response, now)
        elif not attempt.over:
            self._failure(attempt, response, now)
        attempt.out = None  # four kilobytes that nobody needs while the transaction lingers

    def _failure(self, attempt: Attempt, response: Response, now: float) -> None:
        attempt.over = True
        if response.status == 503:
            self.core.health.failed(attempt.hop, now)
            if self._next_address(attempt, now):
                return
        self.attempt_failed(attempt, response.status, response, now)

    def silent(self, attempt: Attempt, status: int, now: float) -> None:
        """An attempt got no answer (408) or could not be sent (503)."""
        if attempt.over:
            return
        attempt.over = True
        self.core.journal.note("no_answer_from_peer", call=self.call, status=status, hop=str(attempt.hop[:3]))
        if not self._next_address(attempt, now):
            self.attempt_failed(attempt, status, None, now)

    def _next_address(self, attempt: Attempt, now: float) -> bool:
        if self.done or self.cancelled or attempt.cancel_wanted:
            return False
        return self.try_hops(attempt.target, attempt.hops_left, now)

    def _provisional(self, attempt: Attempt, response: Response, now: float) -> None:
        attempt.heard = True
        if attempt.cancel_wanted and not attempt.cancelled:
            self._send_cancel(attempt, now)
        if response.status == 100 or not self.invite or self.done or attempt.over or attempt.cancelled:
            return
        if not _leads_back(response):
            return
        self._restart_timer_c(now)
        self.provisional(attempt, response, now)

    def _success(self, attempt: Attempt, response: Response, now: float) -> None:
        first = not self.done
        attempt.over = True
        data = self.core.upstream(response, attempt.hop)
        if first:
            self._settle()
            for other in self.attempts:
                if not other.over:
                    self.cancel_attempt(other, now)
            self.succeeded(attempt, response, data, now)
        elif self.invite:
            self.back(data)

    # -- what the kinds of relay do differently

    def provisional(self, attempt: Attempt, response: Response, now: float) -> None:
        """Pass a 1xx on."""
        self.server.respond(self.core.upstream(response, attempt.hop), response.status, now)

    def succeeded(self, attempt: Attempt, response: Response, data: bytes, now: float) -> None:
        """Pass the first 2xx on. `data`: it, as it goes to the caller."""
        if self.invite or response.cseq.method == b"UPDATE":
            self.core.alive(self.call, response, now)
        self.server.respond(data, response.status, now)

    def attempt_failed(self, attempt: Attempt, status: int, response: Response | None, now: float) -> None:
        """Nothing is left to try: pass the failure on. `response`: None where nobody answered."""
        if self.done:
            return
        if response is None or (status == 408 and not self.invite):
            self.refuse(487 if self.cancelled else status, now)
        else:
            self.finish(status, self.core.upstream(response, attempt.hop), "callee", now)

    def deliver(self, status: int, data: bytes, by: Side, now: float) -> None:
        """Give the final failure to the server transaction."""
        self.server.respond(data, status, now)

    # -- ends

    def refuse(self, status: int, now: float, by: Side = "proxy") -> None:
        """End with a final response of our own; only where there was none yet."""
        assert self.request is not None
        if status == 408 and not self.invite:
            self._settle()
            self.server.terminate(now)
            return
        data = build_response(self.request, status, to_tag=self.core.seals.tag(self.request))
        self.finish(status, data, "caller" if self.cancelled else by, now)

    def finish(self, status: int, data: bytes, by: Side, now: float) -> None:
        """End with this final failure."""
        self._settle()
        self.deliver(status, data, by, now)

    def _settle(self) -> None:
        self.done = True
        self.core.pending -= 1
        self.request = None
        if self.timer_c is not None:
            self.timer_c.cancel()
            self.timer_c = None

    # -- CANCEL and Timer C

    def cancel(self, now: float) -> None:
        """The caller gave up (RFC 3261 section 16.10)."""
        if self.done or self.cancelled:
            return
        self.cancelled = True
        waiting = [attempt for attempt in self.attempts if not attempt.over]
        for attempt in waiting:
            self.cancel_attempt(attempt, now)
        if not waiting:
            self.refuse(487, now)

    def cancel_attempt(self, attempt: Attempt, now: float) -> None:
        """Cancel one attempt, now or as soon as it has answered with a 1xx."""
        if not self.invite or attempt.cancelled:
            return
        attempt.cancel_wanted = True
        if attempt.heard:
            self._send_cancel(attempt, now)

    def _send_cancel(self, attempt: Attempt, now: float) -> None:
        attempt.cancelled = True
        if attempt.out is not None:
            self.core.send_cancel(attempt.out, now)
            self.core.timers.at(now + CANCEL_PATIENCE, partial(self._cancel_ignored, attempt))

    def _cancel_ignored(self, attempt: Attempt, now: float) -> None:
        if attempt.out is not None and attempt.tx is not None:
            attempt.tx.terminate(now)
            self.silent(attempt, 408, now)

    def _restart_timer_c(self, now: float) -> None:
        if self.timer_c is not None:
            self.timer_c.cancel()
        self.timer_c = self.core.timers.at(now + TIMER_C, self._timer_c_fired)

    def _timer_c_fired(self, now: float) -> None:
        self.timer_c = None
        for attempt in self.attempts:
            if not attempt.over:
                self.cancel_attempt(attempt, now)
        self.refuse(408, now)


def _leads_back(response: Response) -> bool:
    """Whether a Via is left below ours; without one a response goes no further (RFC 3261 section 16.7 item 3)."""
    if response.names.count(b"via") > 1:
        return True
    try:
        return len(first_vias(response, 2)) > 1
    except SipError:
        return False
