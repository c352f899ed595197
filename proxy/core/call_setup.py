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
from typing import Final, NamedTuple

from proxy.core.acks import Acks
from proxy.core.branch import Branch
from proxy.core.counters import Counters
from proxy.core.credentials import ExpectedCredentials
from proxy.core.headers import answered_elsewhere, dialog_key
from proxy.core.held import HeldAnswers
from proxy.core.local import LocalDoor, LocalInvite
from proxy.core.named import NamedAddresses, naming_fields
from proxy.core.passing import PassingCalls
from proxy.core.peers import Peer
from proxy.core.relay import CHALLENGES, Relay, Relays
from proxy.core.reporter import Reporter
from proxy.sip.hop import Flow, Hop
from proxy.sip.message import Request, Response
from proxy.sip.reply import build_response
from routing.facts import Decision, Ending
from routing.rows import Direction, EndedBy

ENDED_STATUS: Final = 480
"""What the caller gets whose call an operator ends: others may be tried, and nobody is said to have declined."""
ACK_PATIENCE: Final = 1.0
"""Seconds from a 2xx to the BYE of a call that was to be ended: its ACK comes first (RFC 3261 section 15)."""


class SetupParts(NamedTuple):
    """What the setups of all calls work with."""

    relays: Relays
    reporter: Reporter
    held: HeldAnswers
    credentials: ExpectedCredentials
    named: NamedAddresses
    passing: PassingCalls
    counters: Counters
    local: LocalDoor
    acks: Acks


class _Ended(NamedTuple):
    """An operator has ended a call that nobody had answered."""

    data: bytes
    """What the caller gets."""
    answered: Callable[[float], None]
    """Called where it was answered all the same: both ends are to be hung up."""


class CallSetup:
    """The INVITE of a new call: what follows from what its relay meets."""

    __slots__ = ("_decision", "_elsewhere", "_ended", "_flow", "_invite", "_name", "_parts", "_peer", "_position",
                 "_relay", "_ringing", "_token", "call")

    def __init__(self, parts: SetupParts, request: Request, flow: Flow, call: str, decision: Decision, peer: Peer,
                 loop: bytes, now: float) -> None:
        """Open its relay. `peer`: where the targets of the decision are. `loop`: from `Seals.loop_mark`."""
        self.call = call
        self._parts = parts
        self._flow = flow
        self._decision = decision
        self._peer = peer
        self._name = dialog_key(request)
        self._position = 0
        """Index of the target that is being tried."""
        self._ringing = -1
        """Index of the last target that was reported ringing."""
        self._invite: LocalInvite | None = None
        """What the user agent holds of this call."""
        self._elsewhere = False
        """The caller gave up because somebody else had answered."""
        self._ended: _Ended | None = None
        token = parts.relays.sender.seals.token(call, request.from_.tag, request.call_id)
        self._token = token
        self._relay: Relay | None = Relay(parts.relays, request, flow, call, self, loop, token, now)
        """None: it is over."""

    @property
    def direction(self) -> Direction:
        """Which way the call goes."""
        return "inbound" if self._peer.side == "pbx" else "outbound"

    def start(self, now: float) -> None:
        """Try the first target; the request is prepared."""
        relay = self._relay
        assert relay is not None
        if relay.request is not None:
            self._parts.named.learn(self.call, naming_fields(relay.request))
        self._try(relay, now)

    def _try(self, relay: Relay, now: float) -> None:
        position = self._position
        target = self._decision.targets[position]
        if target.local is not None:
            self._hand_over(relay, target.local, now)
        elif not relay.set_out(position, self._peer, now):
            self._note("no_address", peer=self._peer.name)
            relay.refuse(503, now)
            return
        # A target that is refused at once has sent the call on already: its time is not the next one's.
        if target.ring_for is not None and not relay.done and position == self._position:
            self._parts.relays.transactions.timers.at(now + target.ring_for, partial(self._rang_out, position))

    def _note(self, event: str, **facts: object) -> None:
        self._parts.relays.sender.journal.note(event, call=self.call, **facts)

    # -- a target that is ourselves

    def _hand_over(self, relay: Relay, name: str, now: float) -> None:
        assert relay.request is not None
        relay.stop_timer_c()  # how long it rings here is for the user agent to say
        invite = self._invite = LocalInvite(self, relay.request.copy(), self._flow, self.call, self._position)
        if not self._parts.local.take_invite(name, invite, now) and self._invite is invite:
            self.answer_here(self._position, b"", 480, now)

    def answer_here(self, position: int, data: bytes, status: int, now: float) -> None:
        """Take the user agent's response to the INVITE that it was handed as target number `position`."""
        relay, invite = self._relay, self._invite
        if relay is None or invite is None or position != self._position or relay.cancelled:
            return
        if status < 200:
            if status in (180, 183):
                self._rings(position)
            relay.server.respond(data, status, now)
        elif status < 300:
            if not relay.done:
                relay.settle()
                if invite.reported:
                    self._parts.reporter.answered_here(self.call, position, invite.identities)
                self._parts.counters.call_ended(self.direction, "answered")
            relay.server.respond(data, status, now)
        elif not relay.done:
            self._invite = None
            if invite.final:
                relay.fail(status, data, "callee", now)
            elif position + 1 < len(self._decision.targets):
                self._next_target(relay, position, status, now)
            else:
                relay.refuse(status, now)

    def acknowledged(self, relay: Relay, request: Request, now: float) -> None:
        if self._invite is None or not self._parts.local.take(request, self._flow, now):
            self._parts.acks.take(request, self._flow)

    def _withdraw(self, cancel: Request | None, now: float) -> None:
        """Take back what the user agent was handed: what it still answers is not heard."""
        invite, self._invite = self._invite, None
        if invite is not None:
            if cancel is not None:
                invite.cancelled_for = tuple(field for name, field in zip(cancel.names, cancel.fields, strict=True)
                                             if name == b"reason")
            invite.on_cancel(now)

    # -- what its relay meets

    def shape(self, target: int, hop: Hop) -> tuple[bytes | None, tuple[bytes, ...]]:
        user, headers = self._decision.targets[target].user, self._decision.targets[target].headers
        fields = tuple([f"{name}: {value}".encode() for name, value in headers])
        return None if user is None else b"sip:%s@%s" % (user.encode(), self._peer.uri_host(hop)), fields

    def provisional(self, relay: Relay, branch: Branch, response: Response, now: float) -> None:
        status = response.status
        self._parts.named.learn(self.call, naming_fields(response, self._token))
        if status in (180, 183):
            self._rings(branch.target)
        if self._is_last(branch) or status == 180 or response.has(b"rseq"):
            relay.pass_on(branch, response, now)

    def succeeded(self, relay: Relay, branch: Branch, response: Response, data: bytes, now: float) -> None:
        parts = self._parts
        parts.reporter.answered(self.call, branch.target, response)
        parts.named.learn(self.call, naming_fields(response, self._token))
        parts.counters.call_ended(self.direction, "answered")
        relay.server.respond(data, response.status, now)
        parts.passing.answered(self.call, response, branch.hop, self._flow, branch.out and branch.out.request)
        if self._ended is not None:
            parts.relays.transactions.timers.at(now + ACK_PATIENCE, self._ended.answered)

    def answered_again(self, relay: Relay, branch: Branch, response: Response) -> None:
        self._parts.reporter.answered_again(self.call, branch.target, response)
        self._parts.named.learn(self.call, naming_fields(response, self._token))
        self._parts.passing.answered(self.call, response, branch.hop, self._flow, None)

    def goes_on(self, relay: Relay, branch: Branch, status: int, now: float) -> bool:
        if branch.target != self._position:
            return True  # given up before; the next target is under way
        if relay.cancelled or self._is_last(branch):
            return False
        self._next_target(relay, branch.target, status, now)
        return True

    def failed(self, relay: Relay, status: int, data: bytes, by: EndedBy, now: float) -> None:
        parts = self._parts
        if self._ended is not None:
            status, data, by = ENDED_STATUS, self._ended.data, "operator"
        if status in CHALLENGES:
            parts.credentials.expect(self._name, self.call, now)
            relay.server.respond(data, status, now)
            return
        parts.counters.call_ended(self.direction, "cancelled" if relay.cancelled else "failed")
        parts.named.forget(self.call)
        parts.passing.forget(self.call)
        ending = Ending(status, "caller" if relay.cancelled and by != "operator" else by, self._elsewhere)
        parts.held.end(self.call, ending, partial(relay.server.respond, data, status), now)

    def unanswered(self, relay: Relay, now: float) -> None:
        """An INVITE is always answered."""

    def cancelled(self, relay: Relay, cancel: Request | None, now: float) -> None:
        if cancel is not None:  # the last one says why; where it is given up here, nobody does
            self._elsewhere = answered_elsewhere(cancel)
        self._withdraw(cancel, now)

    def over(self, relay: Relay) -> None:
        self._invite = self._relay = None  # both lead back here

    def _is_last(self, branch: Branch) -> bool:
        return branch.target == len(self._decision.targets) - 1

    def _rings(self, target: int) -> None:
        if self._ringing != target:
            self._ringing = target
            self._parts.reporter.ringing(self.call, target)

    def _rang_out(self, position: int, now: float) -> None:
        relay = self._relay
        if relay is None or relay.done or relay.cancelled or position != self._position:
            return
        self._withdraw(None, now)
        for branch in relay.branches:
            if branch.target == position and not branch.over:
                relay.cancel_branch(branch, now)
        self._next_target(relay, position, 408, now)

    def _next_target(self, relay: Relay, position: int, status: int, now: float) -> None:
        self._parts.reporter.target_failed(self.call, position, status)
        self._note("target_failed", target=position, status=status)
        self._position = position + 1
        self._try(relay, now)

    # -- an operator's word

    @property
    def is_open(self) -> bool:
        """Whether nobody has answered yet."""
        return self._relay is not None and not self._relay.done

    def end(self, fields: tuple[bytes, ...], answered: Callable[[float], None], now: float) -> None:
        """End it because an operator says so; nothing where its caller has given up already.

        `fields`: of what the caller gets. `answered`: called where it was answered all the same.
        """
        relay = self._relay
        if relay is None or relay.done or relay.cancelled:
            return
        assert relay.request is not None
        tag = self._parts.relays.sender.seals.tag(relay.request)
        self._ended = _Ended(build_response(relay.request, ENDED_STATUS, to_tag=tag, fields=fields), answered)
        relay.cancel(None, now)


def ringing_setup(relays: Relays, call: str) -> CallSetup | None:
    """Find the setup of a call that nobody has answered."""
    return next((owner for owner in [relay.owner for relay in relays.by_key.values() if relay.call == call]
                 if isinstance(owner, CallSetup) and owner.is_open), None)
