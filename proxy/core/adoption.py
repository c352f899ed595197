"""Calls that are found under way, and of which nobody knows here: another node began them, or they were lost before
they were written. Whatever bears their token says which call it is, so that it has one name, whoever ends it.

What is known then: the call's name, its Call-ID, which way it goes, between which peers, what was dialled, and when it
began (the name says so). Not known: who was asserted as the caller, so that a customer who called stays unknown; where
it was sent, and why; who answered before; when it was answered, where a later request than the ACK is the first word.
"""

from __future__ import annotations

from typing import Final

from proxy.core.call_facts import CallFacts
from proxy.core.peers import Peer, PeerTable
from proxy.core.reporter import Reporter
from proxy.core.seals import Seals, Speaker
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow
from proxy.sip.message import Request, Response

PROVES_AN_ANSWER: Final = frozenset((b"ACK", b"INVITE"))
"""Inside a dialog these come after the answer alone (RFC 3261 sections 13.2.2.4 and 14.1)."""


class Adoption:
    """Has the router take them over."""

    __slots__ = ("_facts", "_peers", "_reporter", "_seals")

    def __init__(self, reporter: Reporter, facts: CallFacts, peers: PeerTable, seals: Seals) -> None:
        self._reporter = reporter
        self._facts = facts
        self._peers = peers
        self._seals = seals

    def take_request(self, request: Request, call: str, speaker: Speaker, flow: Flow) -> None:
        """Take over the call of a request that passes inside a dialog, where it shows that there was an answer.

        A BYE shows none of which the moment is known.
        """
        proves = request.method in PROVES_AN_ANSWER
        peer = self._peers.identify(flow, request.via.port) if proves or request.method == b"BYE" else None
        if peer is None:
            return
        source = peer if speaker.side == "caller" else self._peers.other_side(peer)
        try:
            facts = self._facts.of_dialog(request, source, call, by_caller=speaker.side == "caller")
        except SipError:  # a To or From that cannot be read: the request passes all the same
            return
        self._reporter.adopt(facts, answered=proves)

    def take_answer(self, answer: Response, came_from: Peer) -> str | None:
        """Take over the call of a 2xx to an INVITE, and give its name; None where none of its Record-Routes is ours.

        `came_from`: the peer that answers. What the answer itself says is still to be told.
        """
        call = self.name_of(answer)
        if call is not None:
            source = self._peers.other_side(came_from)
            self._reporter.adopt(self._facts.of_dialog(answer, source, call, by_caller=True), answered=False)
        return call

    def name_of(self, answer: Response) -> str | None:
        """Give our name of the call that a response to an INVITE belongs to; None where it does not say so.

        2xx repeat our Record-Route, and 1xx that make a dialog; others need not (RFC 3261 section 12.1.1).
        """
        try:
            for route in answer.record_routes:
                token = self._seals.read_token(route.parsed_uri.user, answer.call_id)
                if token is not None and token.is_call:
                    return token.call
        except SipError:
            pass
        return None
