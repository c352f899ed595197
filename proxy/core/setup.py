"""A new call on its way: the targets of one decision, one after another, and the ledger told of each fact.

Rules
- A target that is not the last shows the caller ringing and nothing else: 180 passes, and what is sent reliably
  (RFC 3262), for it must be acknowledged; every other 1xx and every failure stays here.
- Any failure of it (refusal, redirect, `ring_for` over, silence) sends the call on at once, without waiting for the
  end of its CANCEL.
- The final failure leaves when what follows from it is committed, or after a short patience (see `held`): then the call
  goes first.
- 401 and 407 end nothing: the same call is expected again with credentials.
- Ended by an operator it is cancelled, and the caller gets 480 with a Reason when the far end has let go; a 2xx that
  crosses the CANCEL is forwarded, and the call that it makes is ended then.
- A local target is offered to the user agent; what it refuses goes on to the next target like any other failure.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from proxy.core.branch import Branch
from proxy.core.headers import dialog_key
from proxy.core.local import Offer
from proxy.core.named import naming_fields
from proxy.core.passing import contact_of
from proxy.core.peers import Peer
from proxy.core.relay import CHALLENGES, Relay
from proxy.core.seals import Speaker
from proxy.sip.hop import Flow, Hop
from proxy.sip.message import Request, Response
from proxy.sip.reply import build_response
from proxy.sip.transaction import ServerTransaction
from routing.facts import Decision, Ending, Identity
from routing.rows import Direction, EndedBy

if TYPE_CHECKING:
    from proxy.core.newcomers import Newcomers

ENDED_STATUS = 480
"""What the caller gets whose call an operator ends: others may be tried, and nobody is said to have declined."""
ACK_PATIENCE = 1.0
"""Seconds from a 2xx to the BYE of a call that was to be ended: its ACK comes first (RFC 3261 section 15)."""


class OperatorsEnd(NamedTuple):
    """An operator ends a call that nobody has answered."""

    fields: tuple[bytes, ...]
    """Header fields of what the caller gets."""
    answered: Callable[[float], None]
    """Called where it was answered all the same: both ends are to be hung up."""


class CallSetup(Relay):
    """The INVITE of a new call."""

    __slots__ = ("decision", "dialog", "direction", "elsewhere", "ended", "offer", "peer", "position", "ringing")

    def __init__(self, core: Newcomers, request: Request, flow: Flow, call: str,
                 decision: Decision, peer: Peer) -> None:
        super().__init__(core, request, flow, call)
        self.decision = decision
        self.dialog = dialog_key(request)
        self.peer = peer
        self.direction: Direction = "inbound" if peer.side == "pbx" else "outbound"
        self.position = 0
        """Index of the target that is being tried."""
        self.ringing = -1
        """Index of the last target that was reported ringing."""
        self.offer: Offer | None = None
        """What the user agent holds of this call."""
        self.elsewhere = False
        """The caller gave up because somebody else had answered."""
        self.ended: OperatorsEnd | None = None

    def start(self, now: float) -> None:
        """Try the first target."""
        if self.request is not None:
            self.core.named.learn(self.call, naming_fields(self.request))
        self._try(now)

    def _try(self, now: float) -> None:
        position = self.position
        target = self.decision.targets[position]
        if target.local is not None:
            self._offer_here(target.local, now)
        elif not self.set_out(self.position, self.peer, now):
            self.core.journal.note("no_address", call=self.call, peer=self.peer.name)
            self.refuse(503, now)
            return
        # A target that is refused at once has sent the call on already: its time is not the next one's.
        if target.ring_for is not None and not self.done and position == self.position:
            self.core.timers.at(now + target.ring_for, partial(self._rang_out, position))

    # -- a target that is ourselves

    def _offer_here(self, name: str, now: float) -> None:
        assert self.request is not None
        if self.timer is not None:  # how long it rings here is for the user agent to say
            self.timer.cancel()
            self.timer = None
        offer = self.offer = Offer(self, self.request.copy(), self.position)
        if not self.core.local.take(name, offer, now) and self.offer is offer:
            self.answer_here(self.position, b"", 480, now)

    def answer_here(self, position: int, data: bytes, status: int, now: float) -> None:
        """Take the user agent's response to the INVITE that it was offered as target number `position`."""
        if self.offer is None or position != self.position or self.cancelled:
            return
        if status < 200:
            if status in (180, 183) and self.ringing != position:
                self.ringing = position
                self.core.reporter.ringing(self.call, position)
            self.server.respond(data, status, now)
        elif status < 300:
            if not self.done:
                self._settle()
                self.core.reporter.answered_here(self.call, position, self.offer.identities)
                self.core.counters.call_ended(self.direction, "answered")
            self.server.respond(data, status, now)
        elif not self.done:
            offer, self.offer = self.offer, None
            if offer.final:
                self.finish(status, data, "callee", now)
            elif position + 1 < len(self.decision.targets):
                self._next_target(position, status, now)
            else:
                self.refuse(status, now)

    def on_ack(self, tx: ServerTransaction, request: Request, now: float) -> None:
        if self.offer is None or not self.core.local.request(request, self.flow, now):
            super().on_ack(tx, request, now)

    def on_terminated(self, tx: ServerTransaction, now: float) -> None:
        super().on_terminated(tx, now)
        if self.done:
            self.offer = None  # it leads back here, too

    def cancel(self, now: float) -> None:
        offer = self.offer
        if offer is not None and not self.done:
            self._withdraw(offer, now)
        super().cancel(now)

    def end(self, how: OperatorsEnd, now: float) -> None:
        """End it because an operator says so; nothing where its caller has given up already."""
        if not (self.done or self.cancelled):
            self.ended = how
            self.cancel(now)

    def _withdraw(self, offer: Offer, now: float) -> None:
        """Take back what the user agent was offered: what it still answers is not heard."""
        self.offer = None
        offer.on_cancel(now)

    def shape(self, target: int, hop: Hop) -> tuple[bytes | None, tuple[bytes, ...]]:
        user, headers = self.decision.targets[target].user, self.decision.targets[target].headers
        fields = tuple(f"{name}: {value}".encode() for name, value in headers)
        return None if user is None else b"sip:%s@%s" % (user.encode(), self.peer.uri_host(hop)), fields

    def _is_last(self, branch: Branch) -> bool:
        return branch.target == len(self.decision.targets) - 1

    def _rang_out(self, position: int, now: float) -> None:
        if self.done or self.cancelled or position != self.position:
            return
        if self.offer is not None:
            self._withdraw(self.offer, now)
        for branch in self.branches:
            if branch.target == position and not branch.over:
                self.cancel_branch(branch, now)
        self._next_target(position, 408, now)

    def _next_target(self, position: int, status: int, now: float) -> None:
        self.core.reporter.target_failed(self.call, position, status)
        self.core.journal.note("target_failed", call=self.call, target=position, status=status)
        self.position = position + 1
        self._try(now)

    def provisional(self, branch: Branch, response: Response, now: float) -> None:
        status = response.status
        self.core.named.learn(self.call, naming_fields(response))
        if status in (180, 183) and self.ringing != branch.target:
            self.ringing = branch.target
            self.core.reporter.ringing(self.call, branch.target)
        if self._is_last(branch) or status == 180 or response.has(b"rseq"):
            super().provisional(branch, response, now)

    def succeeded(self, branch: Branch, response: Response, data: bytes, now: float) -> None:
        self.core.reporter.answered(self.call, branch.target, response)
        self.core.named.learn(self.call, naming_fields(response))
        self.core.counters.call_ended(self.direction, "answered")
        self.server.respond(data, response.status, now)
        self.core.passing.answered(self.call, response, branch.hop, self.flow, branch.out and branch.out.request)
        if self.ended is not None:
            self.core.timers.at(now + ACK_PATIENCE, self.ended.answered)

    def answered_again(self, branch: Branch, response: Response) -> None:
        self.core.reporter.answered_again(self.call, branch.target, response)
        self.core.named.learn(self.call, naming_fields(response))
        self.core.passing.answered(self.call, response, branch.hop, self.flow, None)

    def branch_failed(self, branch: Branch, status: int, response: Response | None, now: float) -> None:
        if self.done:
            return
        if branch.target != self.position:
            return  # given up before; the next target is under way
        if not (self.cancelled or self._is_last(branch)):
            self._next_target(branch.target, status, now)
            return
        super().branch_failed(branch, status, response, now)

    def finish(self, status: int, data: bytes, by: EndedBy, now: float) -> None:
        if self.ended is not None:
            assert self.request is not None
            status, by = ENDED_STATUS, "operator"
            tag = self.core.seals.tag(self.request)
            data = build_response(self.request, status, to_tag=tag, fields=self.ended.fields)
        super().finish(status, data, by, now)

    def deliver(self, status: int, data: bytes, by: EndedBy, now: float) -> None:
        if status in CHALLENGES:
            self.core.credentials.expect(self.dialog, self.call, now)
            self.server.respond(data, status, now)
            return
        self.core.counters.call_ended(self.direction, "cancelled" if self.cancelled else "failed")
        self.core.named.forget(self.call)
        self.core.passing.forget(self.call)
        ending = Ending(status, "caller" if self.cancelled and by != "operator" else by, self.elsewhere)
        self.core.held.end(self.call, ending, partial(self.server.respond, data, status), now)


class Refresh(Relay):
    """A re-INVITE or UPDATE inside a dialog: once accepted it is a sign of life, and whom it shows the caller to be
    connected to is told."""

    __slots__ = ("connected", "contact", "named", "speaker")

    def __init__(self, core: Newcomers, request: Request, flow: Flow, call: str, speaker: Speaker) -> None:
        super().__init__(core, request, flow, call)
        self.speaker = speaker
        self.named = naming_fields(request)
        self.contact = contact_of(request)
        self.connected: tuple[Identity, ...] = ()
        """Identities of the callee's side, where that sent it."""

    def succeeded(self, branch: Branch, response: Response, data: bytes, now: float) -> None:
        super().succeeded(branch, response, data, now)  # before what may be unreadable is looked at
        self.core.reporter.alive(self.call, response, self.speaker)
        self.core.named.learn(self.call, (*self.named, *naming_fields(response)))
        self.core.passing.refreshed(self.call, self.speaker, self.contact, response)
        if self.connected:
            self.core.reporter.connected_line(self.call, self.connected, self.speaker.dialog)


class Bye(Relay):
    """A BYE with a verified token: whatever its answer but a challenge, its dialog is over."""

    __slots__ = ("ending",)

    def __init__(self, core: Newcomers, request: Request, flow: Flow, call: str, speaker: Speaker) -> None:
        super().__init__(core, request, flow, call)
        self.ending = Ending(200, speaker.side, dialog=speaker.dialog)

    def succeeded(self, branch: Branch, response: Response, data: bytes, now: float) -> None:
        self._over(response.status, data, now)

    def deliver(self, status: int, data: bytes, by: EndedBy, now: float) -> None:
        if status in CHALLENGES:
            self.server.respond(data, status, now)
        else:
            self._over(status, data, now)

    def refuse(self, status: int, now: float, by: EndedBy = "proxy") -> None:
        """Nobody answered the BYE: its dialog is over all the same."""
        if status == 408:
            self.core.reporter.ended(self.call, self.ending)
            self._forget()
        super().refuse(status, now, by)

    def _over(self, status: int, data: bytes, now: float) -> None:
        self.core.held.end(self.call, self.ending, partial(self.server.respond, data, status), now)
        self._forget()

    def _forget(self) -> None:
        self.core.passing.hung_up(self.call, self.ending.dialog)
        if self.core.reporter.standing(self.call) != "open":
            self.core.named.forget(self.call)
            self.core.passing.forget(self.call)
