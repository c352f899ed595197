"""Messages of transactions that a process before this one began: a restart in the middle of ringing loses no call.

Rules
- A response whose topmost Via bears our seal is sent on to the next Via, without a transaction; a failure of an INVITE
  is acknowledged here, because its client transaction is gone. RFC 6026 section 7 wants stray responses dropped so
  that nobody can use a proxy to send them; the seal is what makes this safe.
- A failure of an INVITE is passed on when what follows from it is stored, or after a short patience, as any other is
  (see `held`).
- Where the caller's transaction lives in this process the response was only late: it is judged there like any other.
- The answer to a BYE ends its call, which nobody else will: the BYE itself came to the process before.
- A CANCEL from a peer goes to every target that its call may have been sent to: the branch is computed again, and
  whoever does not know it says so.
- A call that was lost before its row was written is opened again from what the response repeats of it (To, From), so
  that an agent's failed call is remembered even then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from proxy.core.headers import clean
from proxy.core.named import naming_fields
from proxy.core.newcomers import AGE
from proxy.core.peers import Peer
from proxy.core.relay import CHALLENGES
from proxy.core.seals import first_vias, sealed_numbers, tag_text
from proxy.sip.hop import Flow, Hop
from proxy.sip.identities import identities, user_of
from proxy.sip.message import Message, Request, Response
from proxy.sip.requests import make_cancel, make_stray_ack, via_field
from proxy.sip.via import Via
from routing.facts import Ending

if TYPE_CHECKING:
    from proxy.core.engine import Proxy


def response(core: Proxy, answer: Response, flow: Flow, now: float) -> None:
    """Send an orphaned response to the hop before us, and tell the ledger what it means."""
    ours, back = first_vias(answer, 2)
    target, tried = sealed_numbers(ours.branch)
    invite = answer.cseq.method == b"INVITE"
    came_from = core.peers.way_back(flow)
    core.counters.orphans += 1
    if invite and answer.status >= 300:
        _send(core, make_stray_ack(answer), came_from)
    relay = core.relays.get((back.branch, back.sent_by, answer.cseq.method))
    if relay is not None and tried < len(relay.branches):
        relay.response(relay.branches[tried], answer, now)
        return
    source = core.peers.identify(flow, None) if _may_be_lost(core, answer, now) else None
    if invite and answer.status >= 300:
        release = core.held.hold(lambda at: _pass_back(core, answer, back, came_from), now)
        _report(core, answer, target, source, release)
        return
    if invite and answer.status >= 200:
        _report(core, answer, target, source)
    elif answer.cseq.method == b"BYE" and answer.status >= 200 and answer.status not in CHALLENGES:
        _hung_up(core, answer, flow)
    _pass_back(core, answer, back, came_from)


def _hung_up(core: Proxy, answer: Response, flow: Flow) -> None:
    """End the call whose BYE an earlier process has passed on; who answers it is not who hung up."""
    known, answering = core.reporter.open_call(answer), core.peers.identify(flow, None)
    if known is None or answering is None:
        return
    called = (answering.side == "pbx") == (known.direction == "inbound")
    dialog = tag_text(answer.to.tag if called else answer.from_.tag)
    ending = Ending(200, "caller" if called else "callee", dialog=dialog or None)
    core.reporter.ended(known.id, ending)


def _pass_back(core: Proxy, answer: Response, back: Via, came_from: Hop) -> None:
    answer.drop_first_value(b"via")
    clean(answer, core.private, trusted=core.hop_trusted(came_from))
    host = (back.received or back.host.strip(b"[]")).decode("ascii", "replace")
    transport = back.transport.decode("ascii", "replace").lower()
    if transport in ("udp", "tcp", "tls"):
        port = (back.rport if transport == "udp" else None) or back.port or (5061 if transport == "tls" else 5060)
        _send(core, answer.to_bytes(), _hop_to(core, transport, host, port))


def _may_be_lost(core: Proxy, message: Message, now: float) -> bool:
    """Whether a call that the ledger does not know can have begun before this process did."""
    return now - core.started < AGE and message.call_id not in core.begun


def _hop_to(core: Proxy, transport: str, host: str, port: int) -> Hop:
    name = host if transport == "tls" else None
    return core.peers.proven(Hop(transport, host, port, name))  # type: ignore[arg-type]  # udp, tcp or tls


def _send(core: Proxy, data: bytes, hop: Hop) -> None:
    core.send(data, hop, lambda reason: core.journal.note("not_sent", hop=str(hop[:3]), reason=reason))


def _report(core: Proxy, answer: Response, target: int, came_from: Peer | None,
            stored: Callable[[], None] = lambda: None) -> None:
    known = core.reporter.open_call(answer)
    call = known.id if known is not None else None
    if call is None:
        if answer.status < 300 or came_from is None:
            stored()
            return  # its BYE will say that it is over; who answered cannot be known any more
        call = _reopen(core, answer, came_from)
    if answer.status < 300:
        core.named.learn(call, naming_fields(answer))
        core.reporter.answered(call, target, answer)
        core.reporter.answered_again(call, target, answer)  # where the first one was seen before
    else:
        core.reporter.ended_and_stored(call, Ending(answer.status, "callee"), stored)


def _reopen(core: Proxy, answer: Response, came_from: Peer) -> str:
    """Open a ledger entry for a call that was lost before it was written: what a response repeats must do.

    It repeats the caller's From, and neither who was asserted nor whether they wanted to be known: a customer who calls
    stays unknown then. Other identities in it, and its own privacy, are the callee's.
    """
    call = core.new_id()
    facts = core.describe(answer, user_of(answer.to.uri, core.domains)[0], core.other_side(came_from), call)
    core.reporter.reopen(replace(
        facts, identities=identities(answer, (b"from",), core.domains), withheld=facts.direction == "inbound"))
    return call


def cancel(core: Proxy, request: Request, flow: Flow, now: float) -> bool:
    """Pass on a CANCEL of a call that an earlier process sent on. False where it can be none."""
    source = core.peers.identify(flow, request.via.port)
    if source is None or request.to.tag is not None:
        return False
    known = core.reporter.open_call(request)
    if known is None and not _may_be_lost(core, request, now):
        return False
    peer = core.other_side(source)
    if known is not None:
        side = core.peers.pbxs if source.side == "trunk" else core.peers.trunks
        peer = side.get(known.pbx if source.side == "trunk" else known.trunk, peer)
    if not peer.addresses:
        return False
    core.answer(request, flow, 200)
    core.counters.orphans += 1
    mark = core.seals.loop_mark(source.name, request.uri, request)
    for hop in peer.hops:  # which of them was drawn is not known any more
        uris = [request.uri]
        if known is not None and known.tried:
            uris.insert(0, b"sip:%s@%s" % (known.tried.encode(), peer.uri_host(hop)))
        for number, uri in enumerate(uris):
            _send_cancel(core, request, uri, hop, core.seals.branch(request, 0, number, number, mark))
    return True


def _send_cancel(core: Proxy, request: Request, uri: bytes, hop: Hop, branch: bytes) -> None:
    listener = core.network.listener_for(hop)
    if listener is None:
        return
    sent = request.copy()
    sent.set_uri(uri)
    sent.remove(b"route")  # it led to us
    sent.insert_before(b"via", via_field(listener, branch))
    _send(core, make_cancel(sent), hop)
