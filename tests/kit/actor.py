"""A phone on the virtual wire: writes requests and responses, and keeps the dialog it is in.

It goes by what it was sent: Record-Route becomes its Route, Contact its Request-URI, and it complains when the way
that its Route names is not the way it came by.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from proxy.sip.hop import Flow, Listener, Transport
from proxy.sip.message import Message, Request, Response
from proxy.sip.parser import parse
from proxy.sip.reply import REASONS
from proxy.sip.uri import Uri

CUSTOMER = "+36201234567"
DIALLED = "+3614445555"


@dataclass
class Dialog:
    """One side of a dialog."""

    call_id: bytes
    local: bytes
    """From as this side writes it, with its tag."""
    remote: bytes
    """To as this side writes it; without a tag until one is known."""
    target: bytes
    """Contact of the far end."""
    route: list[bytes] = field(default_factory=list)


class Actor:
    """One phone (or trunk, or PBX). `user`: the Request-URI user it answers to; None: whatever comes to its address."""

    def __init__(self, name: str, place: tuple[str, int], *, user: str | None = None, transport: Transport = "udp",
                 names: frozenset[str] = frozenset()) -> None:
        self.name, self.place, self.user, self.transport, self.names = name, place, user, transport, names
        self.tag = name.encode()
        self.dialog: Dialog | None = None
        self.received: list[Message] = []
        self.sent: list[bytes] = []
        self.cseq = 0
        self.serial = 0
        self.calls = 0
        self.dialled = f"sip:{DIALLED}@127.0.0.1:5060".encode()
        self.max_forwards: int | None = 70
        self.rport = True
        self.minds_its_route = True
        self.contact = b"<sip:%s@%s>" % (name.encode(), self.authority) if transport == "udp" else \
            b"<sip:%s@%s;transport=%s>" % (name.encode(), self.authority, transport.encode())
        self.from_ = b'"Customer" <sip:%s@carrier.example>' % CUSTOMER.encode()

    @property
    def authority(self) -> bytes:
        host, port = self.place
        return f"[{host}]:{port}".encode() if ":" in host else f"{host}:{port}".encode()

    def flow(self, listeners: Sequence[Listener]) -> Flow:
        """The way of its messages to the proxy."""
        listener = next(one for one in listeners if one.transport == self.transport
                        and (":" in one.bound_host) == (":" in self.place[0]))
        return Flow(listener, *self.place, 0 if self.transport == "udp" else 7, self.names)

    # -- what it was sent

    def take(self, message: Message) -> None:
        """Receive a message and learn from it."""
        self.received.append(message)
        if isinstance(message, Request):
            if message.method in (b"INVITE", b"SUBSCRIBE", b"REFER") and message.to.tag is None:
                self.dialog = Dialog(message.call_id, b"%s;tag=%s" % (message.value(b"to") or b"", self.tag),
                                     message.value(b"from") or b"",
                                     message.contacts[0].uri if message.contacts else message.uri,
                                     [b"<%s%s>" % (one.uri, b"") for one in message.record_routes])
            elif message.method in (b"INVITE", b"UPDATE") and self.dialog is not None and message.contacts:
                self.dialog.target = message.contacts[0].uri
        elif isinstance(message, Response):
            self._learn(message)

    def _learn(self, response: Response) -> None:
        if not (100 < response.status < 300 and response.to.tag and self.dialog is not None):
            return
        if response.cseq.method not in (b"INVITE", b"SUBSCRIBE", b"REFER"):
            return
        if response.to.tag not in self.dialog.remote or not self.dialog.route:
            self.dialog.remote = response.value(b"to") or b""
            self.dialog.route = [b"<%s>" % one.uri for one in reversed(response.record_routes)]
        if response.contacts:
            self.dialog.target = response.contacts[0].uri

    def last(self, title: str) -> Message:
        """The newest message of this title that it was sent."""
        return next(one for one in reversed(self.received) if title_of(one) == title)

    def request(self, method: str = "INVITE") -> Request:
        """The newest request of this method that it was sent."""
        found = self.last(method)
        assert isinstance(found, Request)
        return found

    def response(self, title: str) -> Response:
        """The newest response of this title that it was sent."""
        found = self.last(title)
        assert isinstance(found, Response)
        return found

    # -- what it sends

    def write(self, method: str, fields: Sequence[bytes] = (), body: bytes = b"", *, tag: str = "",
              branch: str = "") -> bytes:
        """Write a request: in its dialog where it has one (CANCEL, and ACK of a failure: in the INVITE's transaction).

        `tag`: To tag where several phones answered. `branch`: `invite` uses that of the INVITE again.
        """
        name = method.encode()
        if method == "CANCEL":
            return self._in_transaction(name, None, fields)
        if method == "ACK":
            final = next(one for one in reversed(self.received)
                         if isinstance(one, Response) and one.status >= 200 and one.cseq.method == b"INVITE")
            if final.status >= 300:
                return self._in_transaction(name, final)
        if self.dialog is None:
            self.calls += 1
            self.cseq = 0
            self.dialog = Dialog(b"call-%d@%s" % (self.calls, self.name.encode()),
                                 b"%s;tag=%s" % (self.from_, self.tag), b"<%s>" % self.dialled, self.dialled)
        dialog = self.dialog
        if method != "ACK":
            self.cseq += 1
        self.serial += 1
        remote = dialog.remote if not tag else dialog.remote.rpartition(b";tag=")[0] + b";tag=" + tag.encode()
        own = b"z9hG4bK-%s-%d" % (self.tag, self.serial)
        via = self._invite().via.branch or b"" if branch == "invite" else own
        lines = [b"Via: SIP/2.0/%s %s;branch=%s%s" % (self.transport.upper().encode(), self.authority, via,
                                                      b";rport" if self.rport else b"")]
        if self.max_forwards is not None:
            lines.append(b"Max-Forwards: %d" % self.max_forwards)
        lines += [b"Route: " + one for one in dialog.route]
        lines += [b"From: " + dialog.local, b"To: " + remote, b"Call-ID: " + dialog.call_id,
                  b"CSeq: %d %s" % (self._invite().cseq.number if method == "ACK" else self.cseq, name)]
        if method not in ("ACK", "BYE"):
            lines.append(b"Contact: " + self.contact)
        return finish(b"%s %s SIP/2.0" % (name, dialog.target), [*lines, *fields], body)

    def _invite(self) -> Request:
        for data in reversed(self.sent):
            if data.startswith(b"INVITE"):
                found = parse(data)
                assert isinstance(found, Request)
                return found
        raise AssertionError(f"{self.name} sent no INVITE")

    def _in_transaction(self, method: bytes, final: Response | None, fields: Sequence[bytes] = ()) -> bytes:
        invite = self._invite()
        keep = [one for name, one in zip(invite.names, invite.fields, strict=True)
                if name in (b"via", b"route", b"from", b"call-id", b"max-forwards")]
        to = (final or invite).value(b"to") or b""
        return finish(b"%s %s SIP/2.0" % (method, invite.uri),
                      [*keep, b"To: " + to, b"CSeq: %d %s" % (invite.cseq.number, method), *fields], b"")

    def answer(self, status: int, method: str = "INVITE", fields: Sequence[bytes] = (), body: bytes = b"", *,
               tag: str = "") -> bytes:
        """Write a response to the newest request of this method."""
        request = self.request(method)
        kept = [one for name, one in zip(request.names, request.fields, strict=True)
                if name in (b"via", b"from", b"call-id", b"cseq")
                or (name == b"record-route" and 100 < status < 300 and request.to.tag is None)]
        to = request.value(b"to") or b""
        if request.to.tag is None and status > 100:
            to += b";tag=" + (tag.encode() or self.tag)
        lines = [*kept, b"To: " + to]
        if 100 < status < 300 and method in ("INVITE", "UPDATE", "SUBSCRIBE", "REFER"):
            lines.append(b"Contact: " + self.contact)
        return finish(b"SIP/2.0 %d %s" % (status, REASONS.get(status, "Unknown").encode()), [*lines, *fields], body)

    def check_route(self, data: bytes, listener: Listener) -> None:
        """Fail where its topmost Route does not lead to the listener that it speaks to."""
        if not self.minds_its_route or data.startswith(b"SIP/"):
            return
        message = parse(data)
        if not isinstance(message, Request) or not message.routes or message.to.tag is None:
            return
        uri = Uri.parse(message.routes[0].uri)
        transport = (uri.params.get(b"transport") or (b"tls" if uri.scheme == b"sips" else b"udp")).decode()
        way = (transport, uri.host.decode(), uri.port)
        assert way == (listener.transport, listener.host, listener.port), f"{self.name} is sent by {way}"


def finish(start: bytes, fields: Sequence[bytes], body: bytes) -> bytes:
    """Put a message together."""
    return b"\r\n".join((start, *fields, b"Content-Length: %d" % len(body), b"", body))


def title_of(message: Message) -> str:
    """`INVITE`; of a response `180`, and `200 BYE` where it is none to an INVITE."""
    if isinstance(message, Request):
        return message.method.decode()
    assert isinstance(message, Response)
    method = message.cseq.method.decode()
    return str(message.status) if method == "INVITE" else f"{message.status} {method}"
