"""The proxy: takes each message that came in, finds its transaction, and where there is none asks its takers in order.

A request without a transaction belongs to the first of them that takes it, and the last takes whatever is left.

Inside a dialog, which a To tag says:
1. `Cancels`: every CANCEL
2. `LocalDoor`: requests inside dialogs of our own
3. `InDialog`: all others; they need a token of ours

Outside:
1. `Cancels`: every CANCEL
2. `Ourselves`: OPTIONS to ourselves
3. `NewRequests`: all others; they need a configured peer, and must not be a loop

Before them come the grammar and, but for CANCEL, Max-Forwards and Proxy-Require (RFC 3261 section 16.3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from proxy.core.acks import Acks
from proxy.core.admission import Admission
from proxy.core.adoption import Adoption
from proxy.core.after_restart import AfterRestart
from proxy.core.call_facts import CallFacts
from proxy.core.call_names import CallNames
from proxy.core.call_setup import SetupParts
from proxy.core.cancels import Cancels
from proxy.core.contract import IsOwn, Journal, Locator, Network, Tracer
from proxy.core.counters import METHODS, OTHER, Counters, status_class
from proxy.core.credentials import ExpectedCredentials
from proxy.core.dialog_gate import DialogGate
from proxy.core.health import Health
from proxy.core.held import HeldAnswers
from proxy.core.in_dialog import InDialog
from proxy.core.local import LocalDoor
from proxy.core.named import NamedAddresses
from proxy.core.new_calls import NewCalls
from proxy.core.new_requests import NewRequests
from proxy.core.onward import Onward
from proxy.core.ourselves import Ourselves
from proxy.core.pass_on import DialogParts, PassOn
from proxy.core.passing import PassingCalls
from proxy.core.peers import PeerTable
from proxy.core.pending import Pending
from proxy.core.relay import Relays
from proxy.core.reporter import Reporter
from proxy.core.seals import Seals
from proxy.core.sender import Sender, return_address
from proxy.core.siblings import Siblings
from proxy.core.transactions import Transactions
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow
from proxy.sip.message import Request, Response
from proxy.sip.parser import is_keepalive, parse
from proxy.sip.reply import build_response, with_received
from proxy.sip.request_error import request_of
from proxy.sip.timers import Timers, TimerValues
from proxy.sip.validate import validate, validate_forwarding
from routing.facts import Router


@dataclass(slots=True)
class Parts:
    """What the proxy is built from."""

    network: Network
    locator: Locator
    router: Router
    peers: PeerTable
    seals: Seals
    journal: Journal
    tracer: Tracer
    clock: Callable[[], float]
    """Monotonic seconds, for every protocol timer."""
    wall: Callable[[], float]
    """Seconds since the epoch, for what is remembered."""
    new_id: Callable[[], str]
    """A new UUID version 7 in text form."""
    draw: Callable[[], float]
    """A random number in [0, 1): the choice among servers of equal rank."""
    timers: Timers
    """Run by whoever made them, when the first one is due."""
    is_own: IsOwn
    domains: frozenset[str] = frozenset()
    """Domains that mean ourselves, lower case: local numbers in their context are ours to read (RFC 3966)."""
    private: frozenset[bytes] = frozenset()
    """Canonical names of headers that may not cross (`headers.private_names`)."""
    agent_from: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    """By PBX: canonical names of the headers that may say which agent calls."""
    siblings: Siblings = field(default_factory=Siblings)
    """The other nodes; `is_own` knows their addresses, too."""
    values: TimerValues = field(default_factory=TimerValues)


class Taker(Protocol):
    """One kind of request that belongs to no transaction."""

    def take(self, request: Request, flow: Flow, now: float) -> bool:
        """Take a request, and answer it or see to it that it is; False: it is of another kind."""


class Proxy:
    """A transaction-stateful, record-routing proxy between trunks and PBXs."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._clock = parts.clock
        started = parts.clock()
        self.timers = parts.timers
        self.counters = Counters()
        self.health = Health()
        self.pending = Pending()
        self.local = LocalDoor()
        self.passing = PassingCalls()
        self.named = NamedAddresses(parts.peers)
        self.reporter = Reporter(parts.router, parts.journal, self.counters, parts.clock, parts.wall, parts.domains)
        self.sender = Sender(parts.network, parts.peers, parts.seals, self.health, self.counters, parts.journal,
                             parts.tracer, parts.draw, parts.is_own, parts.private)
        self.transactions = Transactions(self.sender, parts.peers, self.timers, parts.values, parts.clock)
        self.relays = Relays(self.transactions, self.pending)
        self.admission = Admission(self.transactions, self.pending, started)
        self.credentials = ExpectedCredentials(self.timers, self.reporter)
        self.names = CallNames(self.reporter, self.credentials, parts.new_id, started,
                               parts.siblings.begin_calls)
        self.ourselves = Ourselves(self.sender, parts.is_own)
        held = HeldAnswers(self.reporter, self.timers, self.pending, parts.clock)
        facts = CallFacts(parts.peers, parts.domains, parts.agent_from)
        adoption = Adoption(self.reporter, facts, parts.peers, parts.seals)
        gate = DialogGate(parts.seals, parts.peers, self.reporter, self.named, parts.is_own, adoption)
        onward = Onward(parts.locator, parts.peers, parts.is_own)
        acks = Acks(gate, onward, self.sender, self.reporter)
        pass_on = PassOn(acks)
        dialogs = DialogParts(acks, self.reporter, held, self.named, self.passing)
        setups = SetupParts(self.relays, self.reporter, held, self.credentials, self.named, self.passing,
                            self.counters, self.local, acks)
        self._after_restart = AfterRestart(self.relays, self.reporter, held, self.named, self.names, facts,
                                           adoption, parts.siblings, parts.new_id)
        cancels = Cancels(self.relays, self._after_restart)
        self._inside: tuple[Taker, ...] = (
            cancels,
            self.local,
            InDialog(gate, onward, self.relays, dialogs, pass_on, self.local, parts.domains),
        )
        self._outside: tuple[Taker, ...] = (
            cancels,
            self.ourselves,
            NewRequests(self.admission, NewCalls(setups, self.names, facts), self.relays, pass_on, parts.new_id),
        )

    def receive(self, data: bytes, flow: Flow, waited: float = 0.0) -> None:
        """Take one datagram or one framed message. Raises nothing that a sender can cause.

        `waited`: seconds since it had arrived, as far as that is known.
        """
        now = self._clock()
        admission = self.admission
        late = admission.hears(flow, waited, now)
        if late is None:
            return
        if self.sender.tracer.active:
            self.sender.tracer.received(data, flow)
        try:
            if is_keepalive(data):
                return
            message = parse(data, flow.connection != 0)
            if isinstance(message, Request):
                self.counters.received_requests[METHODS.get(message.method, OTHER)] += 1
                if (late or admission.refusals.some) and admission.turned_away(message, flow, now, late):
                    return
                validate(message)
                self._request(message, flow, now)
            else:
                self.counters.received_responses[status_class(message.status)] += 1
                self._response(message, flow, now)
        except SipError as error:
            self._malformed(error, flow)

    def _request(self, request: Request, flow: Flow, now: float) -> None:
        with_received(request, flow.host, flow.port)
        method = request.method
        if method != b"CANCEL":
            transactions = self.transactions
            known = transactions.servers.get(
                transactions.key_of(request, flow, b"INVITE" if method == b"ACK" else method))
            if known is not None:
                if method != b"ACK":
                    self.counters.retransmissions_absorbed += 1
                known.receive(request, now)
                return
            if method != b"ACK":
                validate_forwarding(request)
        for taker in self._outside if request.to.tag is None else self._inside:
            if taker.take(request, flow, now):
                return

    def _response(self, response: Response, flow: Flow, now: float) -> None:
        known = self.transactions.client_of(response)
        if known is not None:
            known.receive(response, now)
        elif not (self._after_restart.take_response(response, flow, now) or (
                self.parts.peers.candidates(flow) and self.local.take_response(response, flow, now))):
            self.counters.refused.add("stray_response")

    def _malformed(self, error: SipError, flow: Flow) -> None:
        self.counters.parse_errors.add(error.reason)
        self.parts.journal.note("malformed", source=flow.host, port=flow.port, status=error.status,
                                reason=error.reason)
        request = request_of(error)
        if request is None or request.method == b"ACK":
            return
        tag = self.parts.seals.mark(b"malformed", *request.fields)[:16]
        with_received(request, flow.host, flow.port)
        try:
            host, port = return_address(request, flow)
        except SipError:
            host, port = flow.host, flow.port  # not even its Via can be read
        self.sender.send_back(flow, host, port, build_response(request, error.status, error.reason, tag, error.fields))
