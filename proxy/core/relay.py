"""A request on its way through the proxy: one server transaction, client transactions one after another.

The relay is the mechanism, the same for every request; what follows from what it meets is for its owner to say.

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

from collections.abc import Sequence
from functools import partial
from typing import Final, Protocol

from proxy.core.branch import Branch
from proxy.core.late_trying import LateTrying
from proxy.core.peers import Peer
from proxy.core.pending import Pending
from proxy.core.transactions import ServerEntry, Transactions
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow, Hop
from proxy.sip.keys import Key
from proxy.sip.message import Request, Response
from proxy.sip.reply import build_response
from proxy.sip.text import COMMA, value_end
from proxy.sip.timers import Timer
from proxy.sip.transaction import ServerTransaction
from proxy.sip.via import begins_as_via
from routing.rows import EndedBy

CHALLENGES: Final = (401, 407)
TIMER_C: Final = 190.0
"""Seconds; RFC 3261 section 16.6 item 11 asks for more than three minutes."""
NEXT_ADDRESS_AFTER: Final = 4.0
"""Seconds without any response after which the next address of the peer is tried, where there is one."""
DOWN_PATIENCE: Final = 3.5
"""Seconds in which one of the addresses must begin to answer, where all are in doubt."""
LEAST_PATIENCE: Final = 0.1
CANCEL_PATIENCE: Final = 32.0
"""Seconds (64*T1) that a branch may take to end after its CANCEL (RFC 3261 section 9.1)."""


class Relays:
    """All relays, and what each of them works with."""

    __slots__ = ("by_key", "late", "pending", "sender", "transactions")

    def __init__(self, transactions: Transactions, pending: Pending) -> None:
        self.transactions = transactions
        self.sender = transactions.sender
        self.pending = pending
        self.late = LateTrying(transactions.timers, transactions.values.e_at_t2)
        self.by_key: dict[Key, Relay] = {}
        """By the key of their server transaction, until its end."""

    def branches(self) -> list[Branch]:
        """All branches of all relays."""
        return [branch for relay in self.by_key.values() for branch in relay.branches]


class RelayOwner(Protocol):
    """Who knows what follows."""

    def shape(self, target: int, hop: Hop) -> tuple[bytes | None, tuple[bytes, ...]]:
        """Request-URI (None: as it came) and additional header fields for a target at this hop."""

    def provisional(self, relay: Relay, branch: Branch, response: Response, now: float) -> None:
        """A 1xx of an INVITE that is to be passed on (`Relay.pass_on`)."""

    def succeeded(self, relay: Relay, branch: Branch, response: Response, data: bytes, now: float) -> None:
        """The first 2xx; the owner has it sent. `data`: it, as it goes to whoever asked."""

    def answered_again(self, relay: Relay, branch: Branch, response: Response) -> None:
        """A 2xx of an INVITE that is not the first one, another phone's or a repetition; it has left."""

    def goes_on(self, relay: Relay, branch: Branch, status: int, now: float) -> bool:
        """The addresses of a target are used up, with this final status; True: the request went elsewhere."""

    def failed(self, relay: Relay, status: int, data: bytes, by: EndedBy, now: float) -> None:
        """The request is over with this final failure; the owner has it sent."""

    def unanswered(self, relay: Relay, now: float) -> None:
        """Nobody answered a request other than INVITE, and so nobody answers whoever asked."""

    def acknowledged(self, relay: Relay, request: Request, now: float) -> None:
        """An ACK to a 2xx came with the branch of its INVITE (RFC 6026 section 7.1)."""

    def cancelled(self, relay: Relay, cancel: Request | None, now: float) -> None:
        """Whoever asked gave up. `cancel`: by this CANCEL; None: it is given up here."""

    def over(self, relay: Relay) -> None:
        """The server transaction is over: the relay is to be let go of."""


class Relay:
    """Forwards one request to one target after another, and its responses back."""

    __slots__ = ("_all", "_hurry_until", "_loop", "_patient_until", "_timer", "_token", "branches", "call", "cancelled",
                 "done", "flow", "invite", "owner", "request", "server")

    def __init__(self, relays: Relays, request: Request, flow: Flow, call: str, owner: RelayOwner, loop: bytes,
                 token: bytes | None, now: float) -> None:
        """Open the server transaction of a request; an INVITE gets its 100 at once.

        `call`: our name of it. `loop`: from `Seals.loop_mark`. `token`: for Record-Route; None where it makes no
        dialog.
        """
        self._all = relays
        self.owner = owner
        self._loop = loop
        self.request: Request | None = request
        """What is sent on, once it is prepared (see `requests_out`); dropped with the final response."""
        self.flow = flow
        self.call = call
        self.invite = request.method == b"INVITE"
        self.branches: list[Branch] = []
        self.cancelled = False
        self.done = False
        """A final response was chosen."""
        self._timer: Timer | None = None
        """Timer C."""
        self._hurry_until: float | None = None
        """When it is given up, where every address is in doubt; None: not so."""
        self._patient_until = 0.0
        """When Timer C is over: 1xx move this and leave the timer alone."""
        self._token = token
        relays.pending.count += 1
        self.server: ServerEntry = relays.transactions.open_server(request, flow, self, now)
        relays.by_key[self.server.key] = self
        if self.invite:
            self.server.respond(build_response(request, 100), 100, now)
        else:
            relays.late.expect(self, now)

    # -- the server transaction

    def still_trying(self, now: float) -> None:
        """Send a 100 to the sender of a request other than INVITE that has stayed without an answer."""
        if self.request is not None:
            self.server.respond(build_response(self.request, 100), 100, now)

    def on_ack(self, tx: ServerTransaction, request: Request, now: float) -> None:
        self.owner.acknowledged(self, request, now)

    def on_timeout(self, tx: ServerTransaction, now: float) -> None:
        """Timer H: the ACK of a failure never came; nothing is left to do."""

    def on_transport_error(self, tx: ServerTransaction, now: float) -> None:
        """The response could not be delivered; the caller's own timers end its side."""

    def on_terminated(self, tx: ServerTransaction, now: float) -> None:
        self._all.by_key.pop(tx.key, None)
        if self.done:
            self.branches = []  # they lead back here: no ring is left for the collector
            self.owner.over(self)

    # -- outwards

    def set_out(self, target: int, to: Peer | Sequence[Hop], now: float) -> bool:
        """Send the request to a peer, or to where a name leads. False where there is no address that we can reach."""
        assert self.request is not None
        sender = self._all.sender
        hops = sender.ways(self.request, to, now)
        if hops and sender.health.all_in_doubt(hops):
            self._hurry_until = self._hurry_until or now + DOWN_PATIENCE
        else:
            self._hurry_until = None
        return self._try_hops(target, hops, now)

    def _try_hops(self, target: int, hops: list[Hop], now: float) -> bool:
        """Send the request to the first hop that we have a listener for. False when there is none."""
        assert self.request is not None
        transactions = self._all.transactions
        while hops:
            hop, hops = hops[0], hops[1:]
            uri, fields = self.owner.shape(target, hop)
            out = self._all.sender.outgoing(
                self.request, self.flow, hop, uri=uri, target=target, tried=len(self.branches), loop=self._loop,
                token=self._token, call=self.call, fields=fields)
            if out is None:
                continue
            branch = Branch(self, target, out, hops)
            self.branches.append(branch)
            branch.tx = transactions.start_client(out, branch, now)
            if self._hurry_until is not None:
                patience = max(LEAST_PATIENCE, (self._hurry_until - now) / (len(hops) + 1))
                transactions.timers.at(now + patience, partial(self._given_up, branch))
            elif hops:
                transactions.timers.at(now + NEXT_ADDRESS_AFTER, partial(self.slow, branch))
            if self.invite:
                self._restart_timer_c(now)
            return True
        return False

    def _given_up(self, branch: Branch, now: float) -> None:
        """Nobody has begun to answer at an address that is in doubt."""
        if branch.heard or branch.over:
            return
        self._all.sender.health.failed(branch.hop, now)
        branch.over = True
        self.cancel_branch(branch, now)
        if not self._next_address(branch, now):
            self._note_no_answer(branch, 503)
            self._failed(branch, 503, None, now)

    def slow(self, branch: Branch, now: float) -> None:
        """Go on to the next address, where there is one, and nobody has begun to answer at this one."""
        if branch.heard or branch.over or not self._next_address(branch, now):
            return
        self._all.sender.health.failed(branch.hop, now)
        self._all.sender.journal.note("no_answer_yet", call=self.call, hop=str(branch.hop[:3]))
        branch.over = True
        self.cancel_branch(branch, now)

    # -- what comes of a branch

    def response(self, branch: Branch, response: Response, now: float) -> None:
        """Take a response of a branch."""
        status = response.status
        if status != 503:
            self._all.sender.health.sign(branch.hop, now)
        if status < 200:
            self._provisional(branch, response, now)
            return
        if status in CHALLENGES:
            self._all.sender.challengers.note(response, branch.hop)
        if not _leads_back(response):
            self._no_answer(branch, 502, now)
        elif status < 300:
            self._success(branch, response, now)
        elif not branch.over:
            self._failure(branch, response, now)
        branch.out = None  # four kilobytes that nobody needs while the transaction lingers

    def silent(self, branch: Branch, now: float) -> None:
        """A branch got no answer."""
        if not branch.over:
            self._all.sender.health.failed(branch.hop, now)
        self._no_answer(branch, 408, now)

    def unsent(self, branch: Branch, now: float) -> None:
        """What was sent by a branch could not be delivered."""
        self._all.sender.health.failed(branch.hop, now, hard=True)
        self._no_answer(branch, 503, now)

    def _provisional(self, branch: Branch, response: Response, now: float) -> None:
        branch.heard = True
        if branch.cancel_wanted and not branch.cancelled:
            self._send_cancel(branch, now)
        if response.status == 100 or not self.invite or self.done or branch.over or branch.cancelled:
            return
        if not _leads_back(response):
            return
        self._restart_timer_c(now)
        self.owner.provisional(self, branch, response, now)

    def _success(self, branch: Branch, response: Response, now: float) -> None:
        first = not self.done
        branch.over = True
        data = self._all.sender.upstream(response, branch.hop)
        if first:
            self.settle()
            for other in self.branches:
                if not other.over:
                    self.cancel_branch(other, now)
            self.owner.succeeded(self, branch, response, data, now)
        elif self.invite:
            self.server.back(data)
            self.owner.answered_again(self, branch, response)

    def _failure(self, branch: Branch, response: Response, now: float) -> None:
        branch.over = True
        if response.status == 503:
            self._all.sender.health.failed(branch.hop, now)
            if self._next_address(branch, now):
                return
        self._failed(branch, response.status, response, now)

    def _no_answer(self, branch: Branch, status: int, now: float) -> None:
        """A branch got no answer (408), none that leads back (502) or could not be sent (503)."""
        if branch.over:
            return
        branch.over = True
        self._note_no_answer(branch, status)
        if not self._next_address(branch, now):
            self._failed(branch, status, None, now)

    def _note_no_answer(self, branch: Branch, status: int) -> None:
        self._all.sender.journal.note("no_answer_from_peer", call=self.call, status=status, hop=str(branch.hop[:3]))

    def _next_address(self, branch: Branch, now: float) -> bool:
        if self.done or self.cancelled or branch.cancel_wanted:
            return False
        return self._try_hops(branch.target, branch.hops_left, now)

    def _failed(self, branch: Branch, status: int, response: Response | None, now: float) -> None:
        """Nothing is left to try: pass the failure on. `response`: None where nobody answered."""
        if self.done or self.owner.goes_on(self, branch, status, now):
            return
        if response is None or (status == 408 and not self.invite):
            self.refuse(487 if self.cancelled else status, now)
        else:
            self.fail(status, self._all.sender.upstream(response, branch.hop), "callee", now)

    # -- what an owner has done

    def pass_on(self, branch: Branch, response: Response, now: float) -> None:
        """Pass a 1xx on."""
        self.server.respond(self._all.sender.upstream(response, branch.hop), response.status, now)

    def refuse(self, status: int, now: float, by: EndedBy = "proxy") -> None:
        """End with a final response of our own; only where there was none yet."""
        assert self.request is not None
        if status == 408 and not self.invite:
            self.owner.unanswered(self, now)
            self.settle()
            self.server.terminate(now)
            return
        data = build_response(self.request, status, to_tag=self._all.sender.seals.tag(self.request))
        self.fail(status, data, "caller" if self.cancelled else by, now)

    def fail(self, status: int, data: bytes, by: EndedBy, now: float) -> None:
        """End with this final failure."""
        self.settle()
        self.owner.failed(self, status, data, by, now)

    def settle(self) -> None:
        """Take note that the final response is chosen, once."""
        self.done = True
        self._all.pending.count -= 1
        self.request = None
        self.stop_timer_c()

    # -- CANCEL and Timer C

    def cancel(self, cancel: Request | None, now: float) -> None:
        """The caller gave up (RFC 3261 section 16.10), by this CANCEL; None: it is given up here."""
        if self.done:
            return
        self.owner.cancelled(self, cancel, now)
        if self.cancelled:
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
            self._all.transactions.send_cancel(branch.out, now)
            self._all.transactions.timers.at(now + CANCEL_PATIENCE, partial(self._cancel_ignored, branch))

    def _cancel_ignored(self, branch: Branch, now: float) -> None:
        if branch.out is not None and branch.tx is not None:
            branch.tx.terminate(now)
            self._no_answer(branch, 408, now)

    def stop_timer_c(self) -> None:
        """Let it take as long as it takes, until it is sent on again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _restart_timer_c(self, now: float) -> None:
        self._patient_until = now + TIMER_C
        if self._timer is None:
            self._timer = self._all.transactions.timers.at(self._patient_until, self._timer_c_fired)

    def _timer_c_fired(self, now: float) -> None:
        self._timer = None
        if now < self._patient_until:  # started again meanwhile
            self._timer = self._all.transactions.timers.at(self._patient_until, self._timer_c_fired)
            return
        for branch in self.branches:
            if not branch.over:
                self.cancel_branch(branch, now)
        self.refuse(408, now)


def _leads_back(response: Response) -> bool:
    """Whether a Via is left below ours; without one a response goes no further (RFC 3261 section 16.7 item 3)."""
    if response.names.count(b"via") > 1:
        return True
    field = response.fields[response.names.index(b"via")]  # it is there: its transaction was found by it
    try:
        return COMMA in field and begins_as_via(field[value_end(field) + 1:])
    except SipError:
        return False
