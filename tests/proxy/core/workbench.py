"""What the parts of the core are built on, each alone: a wire that remembers, a trunk and a PBX, a clock."""

from __future__ import annotations

from proxy.core.acks import Acks
from proxy.core.adoption import Adoption
from proxy.core.call_facts import CallFacts
from proxy.core.counters import Counters
from proxy.core.credentials import ExpectedCredentials
from proxy.core.dialog_gate import DialogGate
from proxy.core.health import Health
from proxy.core.held import HeldAnswers
from proxy.core.local import LocalDoor
from proxy.core.named import NamedAddresses
from proxy.core.onward import Onward
from proxy.core.passing import PassingCalls
from proxy.core.peers import Peer, PeerTable
from proxy.core.pending import Pending
from proxy.core.relay import Relays
from proxy.core.reporter import Reporter
from proxy.core.seals import Seals
from proxy.core.sender import Sender
from proxy.core.transactions import Transactions
from proxy.sip.hop import Flow, Hop
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from proxy.sip.timers import Timers, TimerValues
from tests.kit.world import KEY, PBX, PROXY, TRUNK, Deaf, Names, Notes, ObedientRouter, Wire, address


def is_own(host: str, port: int | None, transport: str | None) -> bool:
    return host == PROXY[0] and (port or 5060) == PROXY[1]


class Workbench:
    """Everything that a part may want."""

    def __init__(self) -> None:
        self.now = 100.0
        self.wire, self.notes, self.router = Wire(), Notes(), ObedientRouter()
        self.trunk, self.pbx = Peer("trunk", "main", addresses=(address(TRUNK),)), Peer(
            "pbx", "office", addresses=(address(PBX),))
        self.peers, self.seals, self.counters, self.health = (
            PeerTable([self.trunk, self.pbx]), Seals(KEY), Counters(), Health())
        self.timers, self.pending = Timers(), Pending()
        self.sender = Sender(self.wire, self.peers, self.seals, self.health, self.counters, self.notes, Deaf(),
                             lambda: 0.0, is_own, frozenset({b"x-agent"}))
        self.transactions = Transactions(self.sender, self.peers, self.timers, TimerValues(), lambda: self.now)
        self.relays = Relays(self.transactions, self.pending)
        self.reporter = Reporter(self.router, self.notes, self.counters, lambda: self.now, lambda: 1.7e9, frozenset())
        self.held = HeldAnswers(self.reporter, self.timers, self.pending, lambda: self.now)
        self.credentials = ExpectedCredentials(self.timers, self.reporter)
        self.named, self.passing, self.local = NamedAddresses(self.peers), PassingCalls(), LocalDoor()
        facts = CallFacts(self.peers, frozenset(), {})
        self.adoption = Adoption(self.reporter, facts, self.peers, self.seals)
        self.gate = DialogGate(self.seals, self.peers, self.reporter, self.named, is_own, self.adoption)
        self.onward = Onward(Names(), self.peers, is_own)
        self.acks = Acks(self.gate, self.onward, self.sender, self.reporter)

    def flow(self, source: tuple[str, int] = TRUNK) -> Flow:
        return Flow(self.wire.listeners[0], *source, 0)

    def titles(self) -> list[str]:
        """What has left, in order."""
        sent, self.wire.sent = self.wire.sent, []
        return [one.title for one in sent]

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.timers.run(self.now)


def request(method: str = "INVITE", *fields: str, uri: str = "sip:600@127.0.0.1", branch: str = "z9hG4bKone",
            to_tag: str = "", source: tuple[str, int] = TRUNK) -> Request:
    text = "\r\n".join((
        f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/UDP {source[0]}:{source[1]};branch={branch}",
        "From: <sip:+36201234567@carrier.example>;tag=ft", f"To: <{uri}>" + (f";tag={to_tag}" if to_tag else ""),
        "Call-ID: one@carrier", f"CSeq: 1 {method}", *fields, "Max-Forwards: 70", "Content-Length: 0", "", ""))
    message = parse(text.encode())
    assert isinstance(message, Request)
    return message


def response(of: Request, status: int) -> Response:
    """An answer of whoever got a request of ours."""
    lines = [b"SIP/2.0 %d Word" % status]
    lines += [field for name, field in zip(of.names, of.fields, strict=True)
              if name in (b"via", b"from", b"call-id", b"cseq")]
    lines += [b"To: <sip:600@127.0.0.1>;tag=tt", b"Contact: <sip:600@127.0.0.1:5080>", b"Content-Length: 0", b"", b""]
    message = parse(b"\r\n".join(lines))
    assert isinstance(message, Response)
    return message


HOP = Hop("udp", *PBX)


def answered(bench: Workbench, status: int, method: str = "INVITE") -> None:
    """The last request of this method that left is answered."""
    sent = [one.request for one in bench.wire.sent if one.title == method][-1]
    bench.wire.sent.clear()
    entry = bench.transactions.client_of(response(sent, status))
    assert entry is not None
    entry.receive(response(sent, status), bench.now)
