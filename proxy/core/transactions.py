"""The transactions under way, ours and those of whoever asks us: kept, found, and gone when they are over.

An entry is in its table from its start to its end, and takes itself out: nobody else has to remember it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from proxy.core.peers import PeerTable
from proxy.core.requests_out import Outgoing
from proxy.core.sender import Sender, return_address
from proxy.sip.hop import Flow, Hop
from proxy.sip.keys import Key, client_key, kin_key, likely_client_key, named_key
from proxy.sip.message import Request, Response
from proxy.sip.requests import as_request, make_cancel
from proxy.sip.timers import Timers, TimerValues
from proxy.sip.transaction import ClientBystander, ClientOwner, ClientTransaction, ServerOwner, ServerTransaction


class ClientEntry(ClientTransaction):
    """A request of ours: its transaction, and where it was sent."""

    __slots__ = ("_home", "carrier", "hop", "repeated")

    def __init__(self, out: Outgoing, owner: ClientOwner, home: Transactions) -> None:
        self._home = home
        self.hop: Hop = out.hop
        self.carrier = 0
        """Number of the stream connection that it left by; 0: by none."""
        self.repeated = False
        """It went out once more, by another connection."""
        super().__init__(out.request, out.data, self._leave, out.hop.transport != "udp", home.timers, owner,
                         home.values)
        home.clients[self.key] = self

    def over(self, now: float) -> None:
        self._home.clients.pop(self.key, None)
        super().over(now)

    def _leave(self, data: bytes) -> None:
        self.carrier = self._home.sender.send(data, self.hop, self._not_sent)

    def _not_sent(self, reason: str) -> None:
        self._home.sender.journal.note("not_sent", hop=str(self.hop[:3]), reason=reason)
        self.transport_failed(self._home.clock())


class ServerEntry(ServerTransaction):
    """A request of somebody else: its transaction, and where it came from."""

    __slots__ = ("_home", "_kin", "back", "flow")

    def __init__(self, request: Request, names: tuple[Key, Key], flow: Flow, owner: ServerOwner,
                 home: Transactions) -> None:
        """`names`: its key, and the one that does without sent-by (`keys.kin_key`)."""
        self._home = home
        self._kin = names[1]
        self.flow = flow
        self.back: Callable[[bytes], None] = partial(home.sender.send_back, flow, *return_address(request, flow))
        """Sends bytes to where it came from, past the transaction."""
        super().__init__(request, names[0], self.back, flow.listener.transport != "udp", home.timers, owner,
                         home.values)
        home.servers[self.key] = self
        home.kin[self._kin] = self

    def over(self, now: float) -> None:
        self._home.servers.pop(self.key, None)
        if self._home.kin.get(self._kin) is self:
            del self._home.kin[self._kin]
        super().over(now)


class Transactions:
    """All of them."""

    __slots__ = ("_new", "_peers", "clients", "clock", "kin", "sender", "servers", "timers", "values")

    def __init__(self, sender: Sender, peers: PeerTable, timers: Timers, values: TimerValues,
                 clock: Callable[[], float]) -> None:
        self.sender = sender
        self.timers = timers
        self.values = values
        self.clock = clock
        self._peers = peers
        self.clients: dict[Key, ClientEntry] = {}
        self.servers: dict[Key, ServerEntry] = {}
        self.kin: dict[Key, ServerEntry] = {}
        """The same by the names that do without sent-by."""
        self._new: tuple[Request | None, Key, Key] = (None, (), ())
        """The last request that belonged to none, with its names: it is mostly the next that is opened."""

    # -- ours

    def start_client(self, out: Outgoing, owner: ClientOwner, now: float) -> ClientEntry:
        """Open a client transaction and send its request."""
        entry = ClientEntry(out, owner, self)
        entry.start(now)
        return entry

    def send_cancel(self, out: Outgoing, now: float) -> None:
        """Cancel an INVITE that was sent (RFC 3261 section 9.1): same branch, its own transaction.

        Whatever becomes of the CANCEL, the INVITE tells the rest.
        """
        data = make_cancel(out.request)
        self.start_client(out._replace(request=as_request(data), data=data), _NOBODY, now)

    def client_of(self, response: Response) -> ClientEntry | None:
        """Find what a response answers."""
        return self.clients.get(likely_client_key(response)) or self.clients.get(client_key(response))

    # -- theirs

    def key_of(self, request: Request, flow: Flow, method: bytes) -> Key:
        """Give the key of the server transaction of `method` that a request belongs to; it may name none.

        RFC 3261 section 17.2.3 first; then the same branch, Call-ID, From tag and CSeq number from the same peer.
        """
        key = named_key(request, method)
        if key in self.servers:
            return key
        kin = kin_key(request, method)
        found = self.kin.get(kin)
        if found is not None and self._peers.are_one(found.flow, flow):
            return found.key
        self._new = request, key, kin
        return key

    def open_server(self, request: Request, flow: Flow, owner: ServerOwner, now: float) -> ServerEntry:
        """Open the server transaction of a request that belongs to none."""
        known, key, kin = self._new
        if known is not request:
            key, kin = named_key(request, request.method), kin_key(request, request.method)
        entry = ServerEntry(request, (key, kin), flow, owner, self)
        entry.start(now)
        return entry


_NOBODY: Final = ClientBystander()
