"""ACKs to 2xx: forwarded without a transaction, nothing comes back (RFC 3261 sections 16.6 and 17.1)."""

from __future__ import annotations

from functools import partial

from proxy.core.dialog_gate import DialogGate
from proxy.core.onward import Onward
from proxy.core.reporter import Reporter
from proxy.core.seals import NO_LOOP_MARK, Speaker, Token
from proxy.core.sender import Sender
from proxy.sip.hop import Flow, Hop
from proxy.sip.message import Request


class Acks:
    """Passes them on."""

    __slots__ = ("_gate", "_onward", "_reporter", "_sender")

    def __init__(self, gate: DialogGate, onward: Onward, sender: Sender, reporter: Reporter) -> None:
        self._gate = gate
        self._onward = onward
        self._sender = sender
        self._reporter = reporter

    def take(self, request: Request, flow: Flow) -> None:
        """Take one that used the branch of its INVITE (RFC 6026 section 7.1)."""
        token = self._gate.open_route(request) if request.to.tag is not None else None
        if token is None:
            return
        speaker = token.speaker(request.from_.tag, request.to.tag)
        if speaker is not None and self._gate.let_in(request, token, speaker, flow) is None:
            self.forward(request, flow, token, speaker)

    def forward(self, request: Request, flow: Flow, token: Token, speaker: Speaker) -> None:
        """Forward one that may pass. Raises SipError where its route leads nowhere."""
        self._reporter.acknowledged(token.call, speaker)
        self._sender.prepare(request, trusted=self._sender.flow_trusted(flow))
        self._onward.locate(request, partial(self._send, request, flow))

    def _send(self, request: Request, flow: Flow, hops: tuple[Hop, ...]) -> None:
        sender = self._sender
        for hop in hops:
            out = sender.outgoing(request, flow, hop, uri=None, target=0, tried=0, loop=NO_LOOP_MARK, token=None,
                                  call="", fields=())
            if out is not None:
                sender.send(out.data, out.hop, lambda reason: sender.journal.note("not_sent", reason=reason))
                return
        sender.counters.refused.add("ack_without_next_hop")
