"""Messages of transactions that a process before this one began, or another node: neither a restart in the middle of
ringing nor the end of a node loses a call.

Rules
- A response whose topmost Via bears our seal is sent on to the next Via, without a transaction; a failure of an INVITE
  is acknowledged here, because its client transaction is gone. RFC 6026 section 7 wants stray responses dropped so
  that nobody can use a proxy to send them; the seal is what makes this safe.
- A failure of an INVITE is passed on when what follows from it is stored, or after a short patience, as any other is
  (see `held`).
- Where the caller's transaction lives in this process the response was only late: it is judged there like any other.
- The answer to a BYE ends its call, which nobody else will: the BYE itself came to the process before.
- A CANCEL from a peer goes to every target that its call may have been sent to, from every node that it may have been
  sent on by: the branch is computed again, and whoever does not know it says so.
- A call that another node began goes on as its row says, which its Call-ID finds, or the token in its answer (see
  `adoption`). One of which nobody has written anything is taken over with its answer; with a failure it is opened
  again from what the response repeats of it (To, From), so that an agent's failed call is remembered even then.
- Whose CANCEL came here has hung up, whatever their call then fails with (see `given_up`).
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.core.adoption import Adoption
from proxy.core.call_facts import CallFacts
from proxy.core.call_names import CallNames
from proxy.core.given_up import GivenUp
from proxy.core.headers import answered_elsewhere
from proxy.core.held import HeldAnswers
from proxy.core.named import NamedAddresses, naming_fields
from proxy.core.peers import Peer
from proxy.core.relay import CHALLENGES, Relays
from proxy.core.reporter import Reporter
from proxy.core.seals import Seals, first_vias, sealed_numbers, tag_text
from proxy.core.siblings import Siblings
from proxy.sip.hop import Flow, Hop
from proxy.sip.message import Message, Request, Response
from proxy.sip.requests import make_cancel, make_stray_ack, via_field
from proxy.sip.via import Via
from routing.facts import Ending, OpenCall


class AfterRestart:
    """Goes on with what the process before this one began, or another node."""

    __slots__ = ("_adoption", "_facts", "_given_up", "_held", "_named", "_names", "_new_id", "_peers", "_relays",
                 "_reporter", "_sender", "_siblings")

    def __init__(self, relays: Relays, reporter: Reporter, held: HeldAnswers, named: NamedAddresses,
                 names: CallNames, facts: CallFacts, adoption: Adoption, siblings: Siblings,
                 new_id: Callable[[], str]) -> None:
        """`new_id`: as in `engine.Parts`."""
        self._adoption = adoption
        self._siblings = siblings
        self._given_up = GivenUp(reporter, relays.transactions.timers)
        self._relays = relays
        self._sender = relays.sender
        self._peers = relays.sender.peers
        self._reporter = reporter
        self._held = held
        self._named = named
        self._names = names
        self._facts = facts
        self._new_id = new_id

    # -- responses

    def take_response(self, answer: Response, flow: Flow, now: float) -> bool:
        """Send a response to a request of ours to the hop before us, and tell the router what it means.

        False where the seal is not ours.
        """
        if not self._sender.seals.made(answer):
            return False
        ours, back = first_vias(answer, 2)
        target, tried = sealed_numbers(ours.branch)
        invite = answer.cseq.method == b"INVITE"
        came_from = self._peers.way_back(flow)
        self._sender.counters.taken_up += 1
        if invite and answer.status >= 300:
            self._sender.send_alone(make_stray_ack(answer), came_from)
        relay = self._relays.by_key.get((back.branch, back.sent_by, answer.cseq.method))
        if relay is not None and tried < len(relay.branches):
            relay.response(relay.branches[tried], answer, now)
            return True
        source = self._peers.identify(flow, None) if self._names.may_be_lost(answer.call_id, now) else None
        if invite and answer.status >= 300:
            stored = self._held.hold(lambda at: self._pass_back(answer, back, came_from), now)
            self._failed(answer, source, stored)
            return True
        if invite and answer.status >= 200:
            self._answered(answer, target, source)
        elif answer.cseq.method == b"BYE" and answer.status >= 200 and answer.status not in CHALLENGES:
            self._hung_up(answer, flow, source is not None)
        self._pass_back(answer, back, came_from)
        return True

    def _pass_back(self, answer: Response, back: Via, came_from: Hop) -> None:
        data = self._sender.upstream(answer, came_from)
        host = (back.received or back.host.strip(b"[]")).decode("ascii", "replace")
        transport = back.transport.decode("ascii", "replace").lower()
        if transport in ("udp", "tcp", "tls"):
            port = (back.rport if transport == "udp" else None) or back.port or (5061 if transport == "tls" else 5060)
            self._sender.send_alone(data, self._hop_to(transport, host, port))

    def _hop_to(self, transport: str, host: str, port: int) -> Hop:
        name = host if transport == "tls" else None
        return self._peers.proven(Hop(transport, host, port, name))  # type: ignore[arg-type]  # udp, tcp or tls

    def _answered(self, answer: Response, target: int, came_from: Peer | None) -> None:
        """Report a 2xx of a call. `came_from`: who answers, where the router may not know the call."""
        self._given_up.take(answer.call_id)
        known = self._reporter.open_call(answer)
        call = known.id if known is not None else None
        if call is None and came_from is not None:
            call = self._adoption.take_answer(answer, came_from)
        if call is not None:
            self._named.learn(call, naming_fields(answer))
            self._reporter.answered(call, target, answer)
            self._reporter.answered_again(call, target, answer)  # where the first one was seen before

    def _failed(self, answer: Response, came_from: Peer | None, stored: Callable[[], None]) -> None:
        given_up = self._given_up.take(answer.call_id)
        known = self._known(answer, came_from is not None)
        call = known.id if known is not None else None
        if call is None and came_from is not None:
            call = self._reopen(answer, came_from)
        if call is None:
            stored()
        else:
            ending = Ending(answer.status, "callee") if given_up is None else given_up._replace(cause=answer.status)
            self._reporter.ended_and_stored(call, ending, stored)

    def _known(self, message: Message, may_be_elsewhere: bool) -> OpenCall | None:
        """The call that a message belongs to; where it may be another node's, that is taken over."""
        known = self._reporter.open_call(message)
        return self._reporter.find_call(message) if known is None and may_be_elsewhere else known

    def _reopen(self, answer: Response, came_from: Peer) -> str | None:
        """Open a ledger entry for a call of which nobody knows here: what a response repeats must do. It has its own
        name where the response bears our token, else a new one. None: the call is known, and over."""
        name = self._adoption.name_of(answer)
        if name is not None and self._reporter.standing(name) != "unknown":
            return None
        call = name or self._new_id()
        self._reporter.reopen(self._facts.of_dialog(answer, self._peers.other_side(came_from), call, by_caller=True))
        return call

    def _hung_up(self, answer: Response, flow: Flow, may_be_elsewhere: bool) -> None:
        """End the call whose BYE an earlier process has passed on, or another node; who answers it is not who hung up.
        """
        known, answering = self._known(answer, may_be_elsewhere), self._peers.identify(flow, None)
        if known is None or answering is None:
            return
        called = (answering.side == "pbx") == (known.direction == "inbound")
        dialog = tag_text(answer.to.tag if called else answer.from_.tag)
        self._reporter.ended(known.id, Ending(200, "caller" if called else "callee", dialog=dialog or None))

    # -- CANCEL

    def cancel(self, request: Request, flow: Flow, now: float) -> bool:
        """Pass on a CANCEL of a call that an earlier process or another node sent on. False where it can be none."""
        source = self._peers.identify(flow, request.via.port)
        if source is None or request.to.tag is not None:
            return False
        may_be_lost = self._names.may_be_lost(request.call_id, now)
        known = self._known(request, may_be_lost)
        if known is None and not may_be_lost:
            return False
        name = None if known is None else known.pbx if source.side == "trunk" else known.trunk
        peer = self._peers.other_side(source, name)
        if not peer.addresses:
            return False
        self._sender.answer(request, flow, 200)
        self._sender.counters.taken_up += 1
        self._given_up.note(request.call_id, None if known is None else known.id, answered_elsewhere(request), now)
        own = self._sender.seals
        for hop in peer.hops:  # which of them was drawn is not known any more
            uris = [request.uri]
            if known is None:
                uris.append(request.uri)  # it may have been sent to an agent first, and then where it was headed
            elif known.tried:
                uris.insert(0, b"sip:%s@%s" % (known.tried.encode(), peer.uri_host(hop)))
            for seals in (own, *own.others):
                self._send_cancels(request, uris, hop, seals, source)
        return True

    def _send_cancels(self, request: Request, uris: list[bytes], hop: Hop, seals: Seals, source: Peer) -> None:
        """Cancel at a hop what was sent there to each of these targets, by whichever node."""
        listener = self._sender.network.listener_for(hop)
        if listener is None:
            return
        mark = seals.loop_mark(source.name, request.uri, request)
        for number, uri in enumerate(uris):
            branch = seals.branch(request, 0, number, number, mark)
            for sent_by in self._siblings.listeners_like(listener):
                sent = request.copy()
                sent.set_uri(uri)
                sent.remove(b"route")  # it led to us
                sent.insert_before(b"via", via_field(sent_by, branch))
                self._sender.send_alone(make_cancel(sent), hop)
