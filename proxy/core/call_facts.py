"""What the rules may know of a call, read from its INVITE or from what a response repeats of it."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.core.headers import ASSERTED
from proxy.core.peers import Peer, PeerTable
from proxy.sip.errors import SipError
from proxy.sip.identities import identities, identity_of, user_of, withheld
from proxy.sip.message import Message, Request
from proxy.sip.uri import Uri
from routing.facts import NewCall


class CallFacts:
    """Reads them."""

    __slots__ = ("_names", "_peers", "domains")

    def __init__(self, peers: PeerTable, domains: frozenset[str], agent_from: Mapping[str, tuple[bytes, ...]]) -> None:
        """`domains`, `agent_from`: as in `engine.Parts`."""
        self._peers = peers
        self.domains = domains
        self._names = {(peer.side, peer.name): _telling_names(peer, agent_from.get(peer.name, ())) for peer in peers}

    def of_call(self, request: Request, source: Peer, call: str) -> tuple[bytes, NewCall]:
        """Give the Request-URI with which a call from `source` goes on, and what the rules may know of it."""
        uri = _called_uri(request, source)
        return uri, self.describe(request, uri, source, call)

    def describe(self, message: Message, uri: bytes, source: Peer, call: str) -> NewCall:
        """Describe a call of this name that came from `source`. `uri`: where it was headed."""
        other = self._peers.other_side(source)
        inbound = source.side == "trunk"
        names = self._names[source.side, source.name]
        shown = identities(message, names, self.domains)
        return NewCall(
            id=call, direction="inbound" if inbound else "outbound", trunk=source.name if inbound else other.name,
            pbx=other.name if inbound else source.name, dialled=user_of(uri, self.domains)[0],
            identities=shown, withheld=withheld(message, self.domains, shown),
            sip_call_id=message.call_id.decode("utf-8", "replace"))

    def of_dialog(self, message: Message, source: Peer, call: str, *, by_caller: bool) -> NewCall:
        """Describe a call of this name from `source` by a message inside its dialog: a request of the caller's, or a
        response to one (`by_caller`), or a request of the callee's, whose From is the caller's To.

        It repeats the caller's address, and neither who was asserted nor whether they wanted to be known: a customer
        who calls stays unknown then. Other identities in it, and its own privacy, may be the callee's. Raises SipError
        where To or From cannot be read.
        """
        caller, called = (message.from_, message.to) if by_caller else (message.to, message.from_)
        facts = self.describe(message, called.uri, source, call)
        return facts._replace(identities=(identity_of(caller, self.domains),), withheld=facts.direction == "inbound")


def _telling_names(source: Peer, agent_from: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Names of the headers that say who calls from a peer, in their order. `agent_from`: of a PBX, those of its own."""
    names: tuple[bytes, ...] = (b"p-asserted-identity", b"remote-party-id", b"from")
    if source.side == "pbx":
        return (*agent_from, *(name for name in names if name not in agent_from))
    return names if source.trusted else tuple(name for name in names if name not in ASSERTED)


def _called_uri(request: Request, source: Peer) -> bytes:
    """Give the Request-URI of a call as it goes on.

    A call to the Contact that we registered shows the number in To alone: it is put where it belongs. The Contact is
    ours, so the URI is ours to replace (RFC 3261 section 16.5).
    """
    if source.account is None:
        return request.uri
    uri = Uri.parse(request.uri)
    try:
        called = request.to.parsed_uri
    except SipError:
        return request.uri
    if not called.user or called.user == uri.user or uri.unescaped_user() != source.account.encode():
        return request.uri
    return Uri(uri.scheme, called.name + called.user_params, None, uri.host, uri.port).to_bytes()
