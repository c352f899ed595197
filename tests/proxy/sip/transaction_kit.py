"""A world for transactions: one clock, one heap of timers, a log of all that is sent and told."""

from collections.abc import Callable

from proxy.sip.keys import server_key
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from proxy.sip.reply import build_response
from proxy.sip.timers import Timers, TimerValues
from proxy.sip.transaction import ClientTransaction, ServerTransaction

VALUES = TimerValues()
Log = list[tuple[float, str]]


def request(method: str = "INVITE", branch: str = "z9hG4bKa1", to: str = "<sip:600@pbx.example>",
            uri: str = "sip:600@pbx.example", extra: str = "", cseq: int = 7, body: bytes = b"") -> Request:
    head = (
        f"{method} {uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch={branch}\r\n"
        "Max-Forwards: 69\r\n"
        f"{extra}"
        'From: "Eve" <sip:eve@trunk.example>;tag=f1\r\n'
        f"To: {to}\r\n"
        "Call-ID: c1@trunk.example\r\n"
        f"CSeq: {cseq} {method}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    message = parse(head.encode() + body)
    assert isinstance(message, Request)
    return message


def response(to: Request, status: int) -> Response:
    message = parse(build_response(to, status, to_tag=b"t1"))
    assert isinstance(message, Response)
    return message


class World:
    """Owner of both kinds of transactions; writes down what it sees."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers = Timers()
        self.log: Log = []
        self.on: dict[str, Callable[[], None]] = {}
        """What to do beside writing it down, by what is written."""

    def note(self, what: str) -> None:
        self.log.append((round(self.now, 6), what))
        act = self.on.get(what)
        if act is not None:
            act()

    def advance(self, to: float) -> None:
        while (when := self.timers.next()) is not None and when <= to:
            self.now = max(when, self.now)
            self.timers.run(self.now)
        self.now = to

    def sent(self, data: bytes) -> None:
        start = data.split(b"\r\n", 1)[0].split(b" ")
        self.note("send " + (start[1] if start[0].startswith(b"SIP/") else start[0]).decode())

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        self.note(f"response {response.status}")

    def on_ack(self, tx: ServerTransaction, request: Request, now: float) -> None:
        self.note("ack")

    def on_timeout(self, tx: ClientTransaction | ServerTransaction, now: float) -> None:
        self.note("timeout")

    def on_transport_error(self, tx: ClientTransaction | ServerTransaction, now: float) -> None:
        self.note("transport error")

    def on_terminated(self, tx: ClientTransaction | ServerTransaction, now: float) -> None:
        self.note("terminated")

    def client(self, of: Request, reliable: bool = False) -> ClientTransaction:
        return ClientTransaction(of, of.to_bytes(), self.sent, reliable, self.timers, self, VALUES)

    def server(self, of: Request, reliable: bool = False) -> ServerTransaction:
        return ServerTransaction(of, server_key(of), self.sent, reliable, self.timers, self, VALUES)
