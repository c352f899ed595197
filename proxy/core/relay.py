"""A request on its way through the proxy: one server transaction, client transactions one after another.

Rules
- The addresses of a target are tried in order; 503, silence and transport errors lead to the next one (RFC 3263
  section 4.3). An address that was only slow is cancelled when it speaks after all, and its 2xx still counts.
- Where every address is in doubt (see `health`), or ICMP says that nobody is there, nobody waits for Timer B: all of
  them get `DOWN_PATIENCE` together, then the sender gets 503.
- A connection that breaks before any response, or ICMP, leads to the next address at once; after a 1xx the response may
  still come, so the peer is asked (see `broken`).
- A 503 of the last address is passed on as it came, Retry-After and all. RFC 3261 section 16.7 item 6 would rather have
  a 500, unless the next request would fare no better: on the other side there is one peer, so it would not.
- CANCEL goes out for a branch only after its first 1xx (RFC 3261 section 9.1); a 2xx that crosses it is forwarded.
- Every 2xx of an INVITE is forwarded, however late (RFC 3261 section 16.7 item 5, RFC 6026 section 7).
- Timer C guards an INVITE and starts again with each 1xx but 100 (RFC 3261 section 16.7 item 2).
- A request other than INVITE gets no 1xx but our own 100, and that only once its sender's Timer E has come to T2 (RFC
  4320 section 4.1); and no 408 (section 4.2): where nobody answers it, nobody does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from proxy.core import in_dialog
from proxy.core.branch import Branch
from proxy.core.seals import NO_LOOP_MARK, first_vias
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow, Hop
from proxy.sip.message import Request, Response
from proxy.sip.reply import build_response
from proxy.sip.timers import Timer
from proxy.sip.transaction import ServerTransaction
from routing.rows import EndedBy

if TYPE_CHECKING:
    from proxy.core.newcomers import Newcomers
    from proxy.core.peers import Peer

CHALLENGES = (401, 407)
TIMER_C = 190.0
"""Seconds; RFC 3261 section 16.6 item 11 asks for more than three minutes."""
NEXT_ADDRESS_AFTER = 4.0
"""Seconds without any response after which the next address of the peer is tried, where there is one."""
DOWN_PATIENCE = 3.5
"""Seconds in which one of the addresses must begin to answer, where all are in doubt."""
LEAST_PATIENCE = 0.1
CANCEL_PATIENCE = 32.0
"""Seconds (64*T1) that a branch may take to end after its CANCEL (RFC 3261 section 9.1)."""


class Relay:
    """Forwards one request to one target and its responses back."""

    __slots__ = ("back", "branches", "call", "cancelled", "core", "done", "flow", "hurry_until", "invite", "loop",
                 "patient_until", "request", "server", "timer")

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
        self.branches: list[Branch] = []
        self.cancelled = False
        self.done = False
        """A final response was chosen."""
        self.timer: Timer | None = None
        """Timer C; for a request other than INVITE, when its 100 is due."""
        self.hurry_until: float | None = None
        """When it is given up, where every address is in doubt; None: not so."""
        self.patient_until = 0.0
        """When Timer C is over: 1xx move this and leave the timer alone."""
        self.loop = NO_LOOP_MARK
        core.pending.count += 1

    # -- the server transaction

    def expect_answer(self, now: float) -> None:
        """Promise a 100 to the sender of a request other than INVITE that stays without an answer."""
        self.timer = self.core.timers.at(now + self.core.values.e_at_t2, self._still_trying)

    def _still_trying(self, now: float) -> None:
        self.timer = None
        if self.request is not None:
            self.server.respond(build_response(self.request, 100), 100, now)

    def on_ack(self, tx: ServerTransaction, request: Request, now: float) -> None:
        in_dialog.acknowledge(self.core, request, self.flow)

    def on_timeout(self, tx: ServerTransaction, now: float) -> None:
        """Timer H: the ACK of a failure never came; nothing is left to do."""

    def on_transport_error(self, tx: ServerTransaction, now: float) -> None:
        """The response could not be delivered; the caller's own timers end its side."""

    def on_terminated(self, tx: ServerTransaction, now: float) -> None:
        self.core.forget_server(tx)
        if self.done:
            self.branches = []  # they lead back here: no ring is left for the collector

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
            out = self.core.outgoing(self.request, self.flow, hop, uri=uri, target=target, tried=len(self.branches),
                                     loop=self.loop, call=self.call, fields=fields)
            if out is None:
                continue
            branch = Branch(self, target, out, hops)
            self.branches.append(branch)
            branch.tx = self.core.start_client(out, branch, now)
            if self.hurry_until is not None:
                patience = max(LEAST_PATIENCE, (self.hurry_until - now) / (len(hops) + 1))
                self.core.timers.at(now + patience, partial(self._given_up, branch))
            elif hops:
                self.core.timers.at(now + NEXT_ADDRESS_AFTER, partial(self.slow, branch))
            if self.invite:
                self._restart_timer_c(now)
            return True
        return False

    def set_out(self, target: int, to: Peer | Sequence[Hop], now: float) -> bool:
        """Send the request to a peer, or to where a name leads. False where there is no address that we can reach."""
        assert self.request is not None
        hops = self.core.ways(self.request, to, now)
        if hops and self.core.health.all_in_doubt(hops):
            self.hurry_until = self.hurry_until or now + DOWN_PATIENCE
        else:
            self.hurry_until = None
        return self.try_hops(target, hops, now)

    def _given_up(self, branch: Branch, now: float) -> None:
        """Nobody has begun to answer at an address that is in doubt."""
        if branch.heard or branch.over:
            return
        self.core.health.failed(branch.hop, now)
        branch.over = True
        self.cancel_branch(branch, now)
        if not self._next_address(branch, now):
            self.core.journal.note("no_answer_from_peer", call=self.call, status=503, hop=str(branch.hop[:3]))
            self.branch_failed(branch, 503, None, now)

    def slow(self, branch: Branch, now: float) -> None:
        """Go on to the next address, where there is one, and nobody has begun to answer at this one."""
        if branch.heard or branch.over or not self._next_address(branch, now):
            return
        self.core.health.failed(branch.hop, now)
        self.core.journal.note("no_answer_yet", call=self.call, hop=str(branch.hop[:3]))
        branch.over = True
        self.cancel_branch(branch, now)

    def response(self, branch: Branch, response: Response, now: float) -> None:
        """Take a response of a branch."""
        status = response.status
        if status != 503:
            self.core.health.sign(branch.hop, now)
        if status < 200:
            self._provisional(branch, response, now)
            return
        if status in CHALLENGES:
            self.core.challengers.note(response, branch.hop)
        if not _leads_back(response):
            self.silent(branch, 502, now)
        elif status < 300:
            self._success(branch, response, now)
        elif not branch.over:
            self._failure(branch, response, now)
        branch.out = None  # four kilobytes that nobody needs while the transaction lingers

    def _failure(self, branch: Branch, response: Response, now: float) -> None:
        branch.over = True
        if response.status == 503:
            self.core.health.failed(branch.hop, now)
            if self._next_address(branch, now):
                return
        self.branch_failed(branch, response.status, response, now)

    def silent(self, branch: Branch, status: int, now: float) -> None:
        """A branch got no answer (408) or could not be sent (503)."""
        if branch.over:
            return
        branch.over = True
        self.core.journal.note("no_answer_from_peer", call=self.call, status=status, hop=str(branch.hop[:3]))
        if not self._next_address(branch, now):
            self.branch_failed(branch, status, None, now)

    def _next_address(self, branch: Branch, now: float) -> bool:
        if self.done or self.cancelled or branch.cancel_wanted:
            return False
        return self.try_hops(branch.target, branch.hops_left, now)

    def _provisional(self, branch: Branch, response: Response, now: float) -> None:
        branch.heard = True
        if branch.cancel_wanted and not branch.cancelled:
            self._send_cancel(branch, now)
        if response.status == 100 or not self.invite or self.done or branch.over or branch.cancelled:
            return
        if not _leads_back(response):
            return
        self._restart_timer_c(now)
        self.provisional(branch, response, now)

    def _success(self, branch: Branch, response: Response, now: float) -> None:
        first = not self.done
        branch.over = True
        data = self.core.upstream(response, branch.hop)
        if first:
            self._settle()
            for other in self.branches:
                if not other.over:
                    self.cancel_branch(other, now)
            self.succeeded(branch, response, data, now)
        elif self.invite:
            self.back(data)
            self.answered_again(branch, response)

    # -- what the kinds of relay do differently

    def provisional(self, branch: Branch, response: Response, now: float) -> None:
        """Pass a 1xx on."""
        self.server.respond(self.core.upstream(response, branch.hop), response.status, now)

    def succeeded(self, branch: Branch, response: Response, data: bytes, now: float) -> None:
        """Pass the first 2xx on. `data`: it, as it goes to the caller."""
        self.server.respond(data, response.status, now)

    def answered_again(self, branch: Branch, response: Response) -> None:
        """Take note of a 2xx that is not the first one: another phone's, or a repetition."""

    def branch_failed(self, branch: Branch, status: int, response: Response | None, now: float) -> None:
        """Nothing is left to try: pass the failure on. `response`: None where nobody answered."""
        if self.done:
            return
        if response is None or (status == 408 and not self.invite):
            self.refuse(487 if self.cancelled else status, now)
        else:
            self.finish(status, self.core.upstream(response, branch.hop), "callee", now)

    def deliver(self, status: int, data: bytes, by: EndedBy, now: float) -> None:
        """Give the final failure to the server transaction."""
        self.server.respond(data, status, now)

    # -- ends

    def refuse(self, status: int, now: float, by: EndedBy = "proxy") -> None:
        """End with a final response of our own; only where there was none yet."""
        assert self.request is not None
        if status == 408 and not self.invite:
            self._settle()
            self.server.terminate(now)
            return
        data = build_response(self.request, status, to_tag=self.core.seals.tag(self.request))
        self.finish(status, data, "caller" if self.cancelled else by, now)

    def finish(self, status: int, data: bytes, by: EndedBy, now: float) -> None:
        """End with this final failure."""
        self._settle()
        self.deliver(status, data, by, now)

    def _settle(self) -> None:
        self.done = True
        self.core.pending.count -= 1
        self.request = None
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    # -- CANCEL and Timer C

    def cancel(self, now: float) -> None:
        """The caller gave up (RFC 3261 section 16.10)."""
        if self.done or self.cancelled:
            return
        self.cancelled = True
        waiting = [branch for branch in self.branches if not branch.over]
        for branch in waiting:
            self.cancel_branch(branch, now)
        if not waiting:
            self.refuse(487, now)

    def cancel_branch(self, branch: Branch, now: float) -> None:
        """Cancel one branch, now or as soon as it has answered with a 1xx."""
        if not self.invite or branch.cancelled:
            return
        branch.cancel_wanted = True
        if branch.heard:
            self._send_cancel(branch, now)

    def _send_cancel(self, branch: Branch, now: float) -> None:
        branch.cancelled = True
        if branch.out is not None:
            self.core.send_cancel(branch.out, now)
            self.core.timers.at(now + CANCEL_PATIENCE, partial(self._cancel_ignored, branch))

    def _cancel_ignored(self, branch: Branch, now: float) -> None:
        if branch.out is not None and branch.tx is not None:
            branch.tx.terminate(now)
            self.silent(branch, 408, now)

    def _restart_timer_c(self, now: float) -> None:
        self.patient_until = now + TIMER_C
        if self.timer is None:
            self.timer = self.core.timers.at(self.patient_until, self._timer_c_fired)

    def _timer_c_fired(self, now: float) -> None:
        self.timer = None
        if now < self.patient_until:  # started again meanwhile
            self.timer = self.core.timers.at(self.patient_until, self._timer_c_fired)
            return
        for branch in self.branches:
            if not branch.over:
                self.cancel_branch(branch, now)
        self.refuse(408, now)


def _leads_back(response: Response) -> bool:
    """Whether a Via is left below ours; without one a response goes no further (RFC 3261 section 16.7 item 3)."""
    if response.names.count(b"via") > 1:
        return True
    try:
        return len(first_vias(response, 2)) > 1
    except SipError:
        return False
