"""The proxy engine in a test tube: a virtual clock, a wire that only remembers, a router that does as it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from config.address import is_address
from proxy.core.engine import Parts, Proxy
from proxy.core.peers import Address, Peer, PeerTable
from proxy.core.seals import Seals
from proxy.core.siblings import Siblings
from proxy.sip.hop import Flow, Hop, Listener, Transport
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from proxy.sip.timers import Timers
from proxy.transports.own import OwnAddresses
from routing.facts import NORMAL_TARGETS, Decision, Ending, Identity, NewCall, OpenCall, Router, Standing, Watched
from routing.ids import uuid7

PROXY = ("127.0.0.1", 5060)
TRUNK = ("127.0.0.1", 5070)
PBX = ("127.0.0.1", 5080)
PBX_2 = ("127.0.0.1", 5082)
STRANGER = ("127.0.0.1", 5999)
KEY = b"0123456789abcdef"


class Sent(NamedTuple):
    """A message that left the proxy."""

    data: bytes
    transport: str
    to: tuple[str, int]

    @property
    def message(self) -> Request | Response:
        return parse(self.data)

    @property
    def request(self) -> Request:
        message = self.message
        assert isinstance(message, Request), self.data
        return message

    @property
    def response(self) -> Response:
        message = self.message
        assert isinstance(message, Response), self.data
        return message

    @property
    def title(self) -> str:
        """`INVITE`, or `180 INVITE` for a response."""
        message = self.message
        if isinstance(message, Request):
            return message.method.decode()
        return f"{message.status} {message.cseq.method.decode()}"


class Wire:
    """A network without sockets."""

    def __init__(self, own: tuple[str, int] = PROXY) -> None:
        host, port = own
        self.listeners = [
            Listener(0, "udp", host, port, *own),
            Listener(1, "tcp", host, port, *own),
            Listener(2, "tls", host, port + 1, host, port + 1),
            Listener(3, "udp", "[::1]", port, "::1", port),
        ]
        self.sent: list[Sent] = []
        self.dead: set[tuple[str, int]] = set()
        """Addresses where sending fails at once."""
        self.failures: list[Callable[[], None]] = []
        self.connections: dict[tuple[str, int], int] = {}
        """Numbers of the stream connections, by where they lead; 1 where nothing is said."""

    def listener_for(self, hop: Hop) -> Listener | None:
        return next((one for one in self.listeners
                     if one.transport == hop.transport and (":" in one.bound_host) == (":" in hop.host)), None)

    def reply(self, data: bytes, flow: Flow, via_host: str, via_port: int) -> None:
        self.sent.append(Sent(data, flow.listener.transport, (via_host, via_port)))

    def send(self, data: bytes, hop: Hop, failed: Callable[[str], None]) -> int:
        if (hop.host, hop.port) in self.dead:
            self.failures.append(lambda: failed("refused"))
            return 0
        self.sent.append(Sent(data, hop.transport, (hop.host, hop.port)))
        return 0 if hop.transport == "udp" else self.connections.get((hop.host, hop.port), 1)


@lru_cache(64)
def _is_number(host: str) -> bool:
    return is_address(host)


class Names:
    """A locator that knows numbers, and the names it was given. Reads each number once, as the daemon's own does."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[Hop, ...]] = {}

    def locate(self, host: str, port: int | None, transport: str | None, secure: bool,
               done: Callable[[tuple[Hop, ...]], None]) -> None:
        if host in self.known:
            done(self.known[host])
            return
        kind: Transport = "tls" if secure or transport == "tls" else "tcp" if transport == "tcp" else "udp"
        done((Hop(kind, host, port or 5060),) if _is_number(host) else ())


@dataclass
class Fact:
    """One thing the router was told."""

    what: str
    call: str
    facts: tuple[object, ...]


@dataclass
class ObedientRouter:
    """Decides what the test says and writes down what it hears."""

    decision: Callable[[NewCall], Decision] | None = None
    calls: list[NewCall] = field(default_factory=list)
    heard: list[Fact] = field(default_factory=list)
    later: list[tuple[str, int, str]] = field(default_factory=list)
    """Call, target and callee's tag of each 2xx after the first one."""
    acknowledgements: list[tuple[str, str]] = field(default_factory=list)
    """Call and callee's tag of each ACK."""
    hold: bool = False
    """Keep `stored` callbacks back, as a slow store would."""
    held: list[Callable[[], None]] = field(default_factory=list)
    open: dict[str, OpenCall] = field(default_factory=dict)
    elsewhere: dict[str, OpenCall] = field(default_factory=dict)
    """Calls of another node, which are found where they are looked for."""
    standings: dict[str, Standing] = field(default_factory=dict)
    """How calls stand; who is not named is in progress, as nobody counts dialogs here."""
    adopted: list[tuple[NewCall, bool]] = field(default_factory=list)
    """Calls that were found under way, and whether they had been answered."""
    broken: bool = False

    def decide(self, call: NewCall, now: float) -> Decision:
        if self.broken:
            raise ZeroDivisionError("a bug")
        self.calls.append(call)
        if self.decision is not None:
            return self.decision(call)
        return Decision(NORMAL_TARGETS, call.pbx if call.direction == "inbound" else call.trunk, "normal")

    def ringing(self, call: str, target: int, now: float) -> None:
        self.heard.append(Fact("ringing", call, (target,)))

    def target_failed(self, call: str, target: int, status: int, now: float) -> None:
        self.heard.append(Fact("target_failed", call, (target, status)))

    def answered(self, call: str, target: int, identities: tuple[Identity, ...], session: float | None,
                 now: float, dialog: str | None = None) -> None:
        self.heard.append(Fact("answered", call, (target, identities, session, dialog)))

    def answered_again(self, call: str, target: int, identities: tuple[Identity, ...], session: float | None,
                       now: float, dialog: str) -> None:
        self.later.append((call, target, dialog))

    def acknowledged(self, call: str, dialog: str) -> None:
        self.acknowledgements.append((call, dialog))

    def alive(self, call: str, session: float | None, now: float, dialog: str | None = None) -> None:
        self.heard.append(Fact("alive", call, (session, dialog)))

    def connected_line(self, call: str, identities: tuple[Identity, ...], now: float,
                       dialog: str | None = None) -> None:
        self.heard.append(Fact("connected_line", call, (identities, dialog)))

    def dialog_event(self, agent: str, state: Watched | None, remote: str | None, now: float) -> None:
        self.heard.append(Fact("dialog_event", agent, (state, remote)))

    def ended(self, call: str, ending: Ending, now: float, stored: Callable[[], None] | None = None) -> None:
        self.heard.append(Fact("ended", call, (ending,)))
        if stored is not None:
            if self.hold:
                self.held.append(stored)
            else:
                stored()

    def adopt(self, call: NewCall, answered: bool, now: float) -> None:
        self.adopted.append((call, answered))

    def standing(self, call: str, now: float) -> Standing:
        return self.standings.get(call, "open")

    def open_call(self, sip_call_id: str, found_at: float | None = None) -> OpenCall | None:
        if found_at is not None and sip_call_id in self.elsewhere:
            self.open[sip_call_id] = self.elsewhere[sip_call_id]
        return self.open.get(sip_call_id)

    def told(self, what: str) -> list[tuple[object, ...]]:
        """Facts of one kind, in order."""
        return [fact.facts for fact in self.heard if fact.what == what]


class Notes:
    """A journal that can be read."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []
        self.refusals: list[tuple[str, int, str]] = []
        self.failures: list[tuple[str, BaseException]] = []

    def note(self, event: str, /, call: str = "", **facts: object) -> None:
        self.lines.append((event, {"call": call, **facts}))

    def refused(self, flow: Flow, reason: str) -> None:
        self.refusals.append((flow.host, flow.port, reason))

    def failure(self, where: str, error: BaseException, call: str = "") -> None:
        self.failures.append((where, error))


class Deaf:
    """A tracer that nobody listens to."""

    active = False

    def received(self, data: bytes, flow: Flow) -> None:
        raise AssertionError("traced while inactive")

    def sent(self, data: bytes, transport: str, host: str, port: int) -> None:
        raise AssertionError("traced while inactive")


def address(place: tuple[str, int], transport: Transport = "udp") -> Address:
    return Address(Hop(transport, *place), f"{place[0]}:{place[1]}".encode())


class World:
    """A proxy between the trunk `main` (127.0.0.1:5070) and the PBX `office` (127.0.0.1:5080)."""

    def __init__(self, *, pbx: tuple[Address, ...] = (address(PBX),), trusted: bool = True,
                 register_to: str | None = None, peers: list[Peer] | None = None, start: float = 1_000.0,
                 domains: frozenset[str] = frozenset(), rules: Router | None = None,
                 own: tuple[str, int] = PROXY, siblings: tuple[tuple[str, int | None], ...] | None = None) -> None:
        """`rules`: who decides and is told; None: `router`, which does as the test says. `own`: where it is.

        `siblings`: addresses of other nodes; empty where all have this one, None where it is alone.
        """
        self._siblings = siblings
        self.now = start
        self.waited = 0.0
        """Seconds that messages of scripts have waited when they are read."""
        self.wire = Wire(own)
        self.router = ObedientRouter()
        self.rules: Router = rules or self.router
        self.notes = Notes()
        self.names = Names()
        self.serial = 0
        self.draw = 0.0
        """What chance says."""
        self.trunk = Peer("trunk", "main", trusted=trusted, addresses=(address(TRUNK),))
        self.pbx = Peer("pbx", "office", register_to=register_to, addresses=pbx)
        self.domains = domains
        self.table = PeerTable(peers or [self.trunk, self.pbx])
        self.proxy = self.build()

    def build(self) -> Proxy:
        """A new engine over the same wire, as after a restart."""
        return Proxy(Parts(
            network=self.wire, locator=self.names, router=self.rules, peers=self.table, seals=Seals(KEY),
            journal=self.notes, tracer=Deaf(), clock=lambda: self.now, wall=lambda: 1.7e9 + self.now,
            new_id=self._new_id, draw=lambda: self.draw, timers=Timers(),
            is_own=OwnAddresses(self.wire.listeners, self._siblings or ()).holds, domains=self.domains,
            siblings=Siblings(self._siblings or (), self._siblings is not None),
            private=frozenset({b"x-agent"}), agent_from={"office": (b"x-agent",)}))

    def restart(self, rules: Router | None = None) -> None:
        """Forget everything that was only in memory. `rules`: of the new process, where they are not the same."""
        self.rules = rules or self.rules
        self.proxy = self.build()

    def _new_id(self) -> str:
        self.serial += 1
        return uuid7(1.7e9 + self.serial, lambda count: self.serial.to_bytes(count, "big"))

    def flow(self, source: tuple[str, int], transport: str = "udp", connection: int = 0,
             names: frozenset[str] = frozenset()) -> Flow:
        listener = next(one for one in self.wire.listeners
                        if one.transport == transport and (":" in one.bound_host) == (":" in source[0]))
        return Flow(listener, *source, connection or (0 if transport == "udp" else 1), names)

    def give(self, data: bytes | str, source: tuple[str, int], transport: str = "udp") -> list[Sent]:
        """Put a message in and take out what leaves at once."""
        raw = data.encode() if isinstance(data, str) else data
        self.proxy.receive(raw, self.flow(source, transport))
        return self.taken()

    def taken(self) -> list[Sent]:
        """Take what has left since the last look."""
        while self.wire.failures:
            self.wire.failures.pop(0)()
        sent, self.wire.sent = self.wire.sent, []
        return sent

    def wait(self, seconds: float) -> list[Sent]:
        """Let time pass, timer by timer, and take what has left."""
        self.wait_into(seconds)
        return self.taken()

    def wait_into(self, seconds: float) -> None:
        """Let time pass; what leaves stays on the wire."""
        end = self.now + seconds
        while True:
            due = self.proxy.timers.next()
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            self.proxy.timers.run(self.now)
            while self.wire.failures:
                self.wire.failures.pop(0)()
        self.now = end
