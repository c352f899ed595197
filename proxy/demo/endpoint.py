"""One UDP socket of the demo with a SIP stack on it: the carrier's or the PBX's end of the line to Boomerang.

Parser, transactions and timers are Boomerang's own (`proxy/sip`), here under a user agent. OPTIONS that ask whether we
live are answered and not drawn; everything else that comes or goes is.
"""

import asyncio
import secrets
from collections.abc import Callable
from typing import Any, Final, Protocol

from proxy.demo.waiting import News
from proxy.sip.errors import SipError
from proxy.sip.keys import Key, cancel_key, client_key, server_key
from proxy.sip.message import Message, Request, Response
from proxy.sip.parser import is_keepalive, parse
from proxy.sip.reply import build_response, with_received
from proxy.sip.timers import Timers, TimerValues
from proxy.sip.transaction import ClientTransaction, ServerTransaction
from proxy.sip.uri import Uri
from proxy.sip.via import MAGIC_COOKIE

LOOPBACK: Final = "127.0.0.1"
TIMERS: Final = TimerValues()

Heard = Callable[[str, bool, Message], None]
"""Draws a message: (the end's name, whether it came in, the message)."""


def token() -> bytes:
    """Return a word nobody else uses: for tags, branches and Call-IDs."""
    return secrets.token_hex(6).encode()


class Exchange:
    """A request of ours and what it was answered."""

    def __init__(self, end: "Endpoint", data: bytes, each: Callable[[Response], None] | None = None) -> None:
        """Send `data`; `each` is told every response as it comes."""
        self._end = end
        self._each = each
        self.heard: list[Response] = []
        self.request = parse_request(data)
        transaction = ClientTransaction(self.request, data, end.send, False, end.timers, self, TIMERS)
        end.clients[transaction.key] = transaction
        transaction.start(end.now())
        end.arm()

    @property
    def final(self) -> Response | None:
        """The final response; None before it."""
        return next((response for response in self.heard if response.status >= 200), None)

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        self.heard.append(response)
        if self._each is not None:
            self._each(response)

    def on_timeout(self, tx: ClientTransaction, now: float) -> None:
        self._end.news.odd(f"{self._end.name}: {self.request.method.decode()} was never answered")

    def on_transport_error(self, tx: ClientTransaction, now: float) -> None:
        """See ClientOwner; a UDP socket on loopback reports nothing here."""

    def on_terminated(self, tx: ClientTransaction, now: float) -> None:
        self._end.clients.pop(tx.key, None)


class Party(Protocol):
    """One side of a call, as the endpoint sees it."""

    def on_request(self, request: Request) -> None:
        """Take a request inside the dialog; the endpoint answers it with 200."""

    def on_acknowledged(self) -> None:
        """Take note of the ACK to our 200."""

    def on_cancelled(self) -> None:
        """The caller gave up before an answer."""


class Endpoint(asyncio.DatagramProtocol):
    """The socket, its transactions, and the calls on it."""

    def __init__(self, name: str, news: News, heard: Heard) -> None:
        self.name = name
        self.news = news
        self.boomerang = (LOOPBACK, 0)
        """Where everything is sent."""
        self.port = 0
        self.timers = Timers()
        self.clients: dict[Key, ClientTransaction] = {}
        self.parties: dict[tuple[bytes, bytes], Party] = {}
        """By Call-ID and our tag."""
        self.invites: list[tuple[Request, ServerTransaction]] = []
        """New calls nobody has looked at yet."""
        self._servers: dict[Key, ServerTransaction] = {}
        self._callers: dict[Key, Party] = {}
        """Whom a CANCEL is for: by the key of its INVITE."""
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.TimerHandle | None = None
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> int:
        """Bind to a free port and return it."""
        transport, _ = await self._loop.create_datagram_endpoint(lambda: self, local_addr=(LOOPBACK, 0))
        self._transport = transport
        self.port = int(transport.get_extra_info("sockname")[1])
        return self.port

    def close(self) -> None:
        """Close the socket; what is under way ends here."""
        if self._alarm is not None:
            self._alarm.cancel()
        if self._transport is not None:
            self._transport.close()

    def now(self) -> float:
        """Monotonic seconds."""
        return self._loop.time()

    def via(self) -> bytes:
        """Return a Via field with a new branch."""
        return b"Via: SIP/2.0/UDP %s:%d;branch=%s%s;rport" % (
            LOOPBACK.encode(), self.port, MAGIC_COOKIE, token())

    def contact(self, user: bytes) -> bytes:
        """Return a Contact field."""
        return b"Contact: <sip:%s@%s:%d>" % (user, LOOPBACK.encode(), self.port)

    def send(self, data: bytes) -> None:
        """Send a message to Boomerang and draw it."""
        self._heard(self.name, False, parse(data))
        self._put(data)

    def arm(self) -> None:
        """Have the loop wake us for the next timer."""
        if self._alarm is not None:
            self._alarm.cancel()
        due = self.timers.next()
        self._alarm = None if due is None else self._loop.call_at(due, self._due)

    def _due(self) -> None:
        self.timers.run(self.now())
        self.arm()

    # -- in

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Take one datagram."""
        if is_keepalive(data):
            return
        try:
            message = parse(data)
            if isinstance(message, Response):
                self._response(message)
            else:
                self._request(message, addr[0], addr[1])
        except SipError as error:
            self.news.odd(f"{self.name} got what it cannot read: {error.reason}")
        self.arm()
        self.news.happened()

    def error_received(self, exc: Exception) -> None:
        """Nobody listens at Boomerang's port: between kill and restart that is so."""

    def _response(self, response: Response) -> None:
        self._heard(self.name, True, response)
        transaction = self.clients.get(client_key(response))
        if transaction is not None:
            transaction.receive(response, self.now())

    def _request(self, request: Request, host: str, port: int) -> None:
        if request.method == b"OPTIONS" and not Uri.parse(request.uri).user:
            self._put(build_response(request, 200, to_tag=token()))
            return
        self._heard(self.name, True, request)
        with_received(request, host, port)
        known = self._servers.get(server_key(request))
        if known is not None:
            known.receive(request, self.now())
        elif request.method == b"ACK":
            self._acknowledged(request)
        elif request.method == b"CANCEL":
            self._cancel(request)
        elif request.method == b"INVITE" and request.to.tag is None:
            self.invites.append((request, self._serve(request)))
        else:
            self._inside(request)

    def _put(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.sendto(data, self.boomerang)

    def _serve(self, request: Request) -> ServerTransaction:
        transaction = ServerTransaction(request, server_key(request), self.send, False, self.timers, self, TIMERS)
        self._servers[transaction.key] = transaction
        transaction.start(self.now())
        return transaction

    def take(self, party: Party, invite: Request, tag: bytes) -> None:
        """Let `party` have what comes for this new call from now on."""
        self.parties[invite.call_id, tag] = party
        self._callers[server_key(invite)] = party

    def forget(self, party: Party) -> None:
        """Let go of a call that is over."""
        self.parties = {key: known for key, known in self.parties.items() if known is not party}
        self._callers = {key: known for key, known in self._callers.items() if known is not party}

    def _party(self, request: Request) -> Party | None:
        return self.parties.get((request.call_id, request.to.tag or b""))

    def _acknowledged(self, request: Request) -> None:
        party = self._party(request)
        if party is not None:
            party.on_acknowledged()

    def _cancel(self, request: Request) -> None:
        party = self._callers.get(cancel_key(request))
        self._serve(request).respond(build_response(request, 481 if party is None else 200, to_tag=token()),
                                     481 if party is None else 200, self.now())
        if party is not None:
            party.on_cancelled()

    def _inside(self, request: Request) -> None:
        party = self._party(request)
        status = 481 if party is None else 200
        self._serve(request).respond(build_response(request, status), status, self.now())
        if party is not None:
            party.on_request(request)

    # -- ServerOwner

    def on_ack(self, tx: ServerTransaction, request: Request, now: float) -> None:
        """See ServerOwner: the ACK to a 200 with its INVITE's branch."""
        self._acknowledged(request)

    def on_timeout(self, tx: ServerTransaction, now: float) -> None:
        self.news.odd(f"{self.name}: no ACK came")

    def on_transport_error(self, tx: ServerTransaction, now: float) -> None:
        """See ServerOwner; a UDP socket on loopback reports nothing here."""

    def on_terminated(self, tx: ServerTransaction, now: float) -> None:
        self._servers.pop(tx.key, None)


def parse_request(data: bytes) -> Request:
    """Read a request of our own."""
    message = parse(data)
    assert isinstance(message, Request)
    return message
