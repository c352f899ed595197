"""New calls: each gets its name, the router is asked where it goes, and its setup begins."""

from __future__ import annotations

from proxy.core.call_facts import CallFacts
from proxy.core.call_names import CallNames
from proxy.core.call_setup import CallSetup, SetupParts
from proxy.core.peers import Peer
from proxy.sip.hop import Flow
from proxy.sip.message import Request


class NewCalls:
    """Begins them."""

    __slots__ = ("_clock", "_facts", "_names", "_parts", "_peers", "_sender")

    def __init__(self, parts: SetupParts, names: CallNames, facts: CallFacts) -> None:
        self._parts = parts
        self._sender = parts.relays.sender
        self._peers = parts.relays.sender.peers
        self._clock = parts.relays.transactions.clock
        self._names = names
        self._facts = facts

    def begin(self, request: Request, flow: Flow, source: Peer, mark: bytes, now: float) -> None:
        """Send a call from `source` where it goes. `mark`: its loop mark."""
        parts = self._parts
        uri, facts = self._facts.of_call(request, source, self._names.name(request, now))
        decision = parts.reporter.decide(facts)
        peer = self._peers.other_side(source, decision.peer)
        setup = CallSetup(parts, request, flow, facts.id, decision, peer, mark, now)
        self._sender.prepare_new(request, uri, peer, trusted=source.trusted)
        if decision.reason == "direct":
            parts.counters.direct_used += 1
        setup.start(now)
        parts.counters.setup_seconds.observe(self._clock() - now)
