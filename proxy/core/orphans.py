"""Messages of transactions that a process before this one began: a restart in the middle of ringing loses no call.

Rules
- A response whose topmost Via bears our seal is sent on to the next Via, without a transaction; a failure of an INVITE
  is acknowledged here, because its client transaction is gone. RFC 6026 section 7 wants stray responses dropped so
  that nobody can use a proxy to send them; the seal is what makes this safe.
- A CANCEL for a call that the ledger holds open goes to every target that the call may have been sent to: the
  branch is computed again, and whoever does not know it says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.core.headers import CONNECTED, clean, identities, session_interval
from proxy.core.requests_out import authority
from proxy.core.seals import first_vias
from proxy.sip.hop import Flow, Hop
from proxy.sip.message import Request, Response
from routing.facts import Ending

if TYPE_CHECKING:
    from proxy.core.engine import Proxy


def response(core: Proxy, answer: Response, flow: Flow) -> None:
    """Send an orphaned response to the hop before us, and tell the ledger what it means."""
    ours, back = first_vias(answer, 2)
    invite = answer.cseq.method == b"INVITE"
    came_from = Hop(flow.listener.transport, flow.host, flow.port)
    core.counters.orphans += 1
    if invite and answer.status >= 300:
        _send(core, _ack(answer, ours.to_bytes()), came_from)
    if invite and answer.status >= 200:
        _report(core, answer)
    answer.drop_first_value(b"via")
    clean(answer, core.private, trusted=core.hop_trusted(came_from))
    host = (back.received or back.host.strip(b"[]")).decode("ascii", "replace")
    transport = back.transport.decode("ascii", "replace").lower()
    if transport in ("udp", "tcp", "tls"):
        port = back.rport or back.port or (5061 if transport == "tls" else 5060)
        _send(core, answer.to_bytes(), Hop(transport, host, port))  # type: ignore[arg-type]  # checked above


def _send(core: Proxy, data: bytes, hop: Hop) -> None:
    core.send(data, hop, lambda reason: core.journal.note("not_sent", hop=str(hop[:3]), reason=reason))


def _ack(answer: Response, via: bytes) -> bytes:
    """ACK of a failure without its INVITE: only the branch matters to who gets it (RFC 3261 section 17.2.3)."""
    fields = [b"Via: " + via]
    fields += [field for name, field in zip(answer.names, answer.fields, strict=True)
               if name in (b"from", b"to", b"call-id")]
    fields += [b"CSeq: %d ACK" % answer.cseq.number, b"Max-Forwards: 70", b"Content-Length: 0"]
    return Request.create(b"ACK", answer.to.uri, fields).to_bytes()


def _report(core: Proxy, answer: Response) -> None:
    known = core.router.open_call(answer.call_id.decode("utf-8", "replace"))
    if known is None:
        return
    if answer.status < 300:
        target = 0 if known.tried else 1
        core.tell(core.router.answered, known.id, target, identities(answer, CONNECTED), session_interval(answer),
                  core.wall(), call=known.id)
    else:
        core.tell(core.router.ended, known.id, Ending(answer.status, "callee"), core.wall(), call=known.id)


def cancel(core: Proxy, request: Request, flow: Flow, now: float) -> bool:
    """Pass on a CANCEL of a call that an earlier process sent on. False when the ledger knows no such call."""
    known = core.router.open_call(request.call_id.decode("utf-8", "replace"))
    source = core.peers.identify(flow, request.via.port)
    if known is None or source is None or request.to.tag is not None:
        return False
    core.answer(request, flow, 200)
    core.counters.orphans += 1
    peer = (core.peers.pbxs if source.side == "trunk" else core.peers.trunks).get(
        known.pbx if source.side == "trunk" else known.trunk)
    if peer is None or not peer.addresses:
        return True
    hop, host = core.health.order(peer.hops, now)[0], peer.addresses[0].uri_host
    uris = [request.uri]
    if known.tried:
        uris.insert(0, b"sip:%s@%s" % (known.tried.encode(), host))
    mark = core.seals.loop_mark(source.name, request.uri, request)
    for number, uri in enumerate(uris):
        listener = core.network.listener_for(hop)
        if listener is not None:
            branch = core.seals.branch(request, 0, number, number, mark)
            via = b"Via: SIP/2.0/%s %s;branch=%s;rport" % (
                listener.transport.upper().encode(), authority(listener), branch)
            kept = [field for name, field in zip(request.names, request.fields, strict=True)
                    if name in (b"from", b"to", b"call-id", b"cseq")]
            fields = [via, *kept, b"Max-Forwards: 70", b"Content-Length: 0"]
            _send(core, Request.create(b"CANCEL", uri, fields).to_bytes(), hop)
    return True
