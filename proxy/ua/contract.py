"""What the user agent needs from outside, and what its parts promise each other, as protocols and plain values.

Two clocks, as everywhere: `now` is monotonic seconds for every protocol timer; what is remembered is told to the rules
in seconds since the epoch (`Stack.wall`).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from proxy.media.contract import Clip
from proxy.sip.client import ClientOwner, ClientTransaction
from proxy.sip.hop import Flow, Hop, Listener, PeerSide
from proxy.sip.message import Request
from proxy.sip.requests import MAX_FORWARDS
from proxy.sip.server import ServerOwner, ServerTransaction
from proxy.sip.timers import Timers, TimerValues
from proxy.ua.leg_events import Asked, LegEvent, Shown


class Account(NamedTuple):
    """What we are at a peer that challenges us."""

    username: str
    password: str
    realm: str | None
    """The only realm that is answered; None: the first one that this peer ever asked with."""


class Stack(Protocol):
    """The SIP stack under the user agent: transactions, transports and peers that it shares with the proxy path."""

    timers: Timers
    """On the monotonic clock."""
    values: TimerValues
    domains: frozenset[str]
    """Domains that mean ourselves (`sip.identities`)."""

    def clock(self) -> float:
        """Monotonic seconds."""

    def wall(self) -> float:
        """Seconds since the epoch."""

    def token(self) -> bytes:
        """A fresh random word (20 hex digits): for tags, branches, Call-IDs and cnonces."""

    def hops(self, side: PeerSide, name: str) -> tuple[Hop, ...]:
        """Addresses of a peer in the order they are to be tried, those that are down last; none: no such address."""

    def is_address_of(self, hop: Hop, side: PeerSide, name: str) -> bool:
        """Whether a hop is one of a peer's own addresses."""

    def report(self, hop: Hop, well: bool) -> None:
        """Tell how an address did: feeds the circuit breaker that the proxy path uses too."""

    def uri_host(self, side: PeerSide, name: str, hop: Hop) -> bytes:
        """What stands for an address of a peer in a Request-URI."""

    def from_host(self, side: PeerSide, name: str) -> bytes | None:
        """Host that a peer wants to see in From and P-Asserted-Identity of our calls; None: our own address."""

    def may_cross(self, field: bytes, side: PeerSide | None, name: str, hop: Hop) -> bool:
        """Whether a header (canonical name) of a peer's message may reach the other side: not ours, none of the house's
        own, no identity that a peer who is not trusted asserts. `side` None: it is whose the hop is."""

    def account(self, side: PeerSide, name: str) -> Account | None:
        """Our credentials at a peer; None where it has none for us."""

    def locate(self, host: str, port: int | None, transport: str | None, secure: bool,
               done: Callable[[tuple[Hop, ...]], None]) -> None:
        """Find the next hop of a URI inside a dialog (RFC 3263); `done` is called at once where it is known."""

    def listener_for(self, hop: Hop) -> Listener | None:
        """Our listener that a message to this hop leaves by."""

    def may_speak(self, flow: Flow, named: Iterable[bytes]) -> bool:
        """Whether a request from there may be our far end's: a peer's, or from where the dialog itself said (`named`:
        its Contact and Route, as values)."""

    def way_back(self, flow: Flow) -> Hop:
        """Where a message came from, as a hop: over TLS with the name that its peer has proved, or must prove."""

    def way(self, hop: Hop, size: int) -> Hop:
        """How a request of so many bytes goes to a hop: where it is too large for UDP, by a stream to the same peer
        (RFC 3261 section 18.1.1), as long as there is one that is not known to be down."""

    def start_client(self, request: Request, hop: Hop, owner: ClientOwner) -> ClientTransaction:
        """Open a client transaction and send its request, whose top Via names our listener. It starts at once."""

    def send(self, data: bytes, hop: Hop) -> None:
        """Send a request without a transaction: the ACK to a 2xx, or what follows from a stray response."""

    def open_server(self, request: Request, flow: Flow, owner: ServerOwner) -> ServerTransaction:
        """Open the server transaction of a request inside one of our dialogs."""

    def note(self, event: str, /, call: str = "", **facts: object) -> None:
        """One line in the log."""


class Incoming(Protocol):
    """An INVITE that was handed to us to answer: the core keeps its server transaction."""

    request: Request
    flow: Flow
    call: str
    """Our name of the call, in the ledger already. The core tells the ledger that it rings, is answered, or was never
    answered here; its end after an answer is told by whoever owns the leg."""
    final: bool
    """To be set where a failure is that of the place where the call was headed: from then on the caller gets it."""
    identities: tuple[tuple[str, str], ...]
    """To be set before the answer: who answers behind us, as `Leg.identities`."""
    cancelled_for: tuple[bytes, ...]
    """Reason headers of the CANCEL, once there was one."""
    on_cancel: Callable[[float], None]
    """To be set by the leg: called when the caller gave up or this target's time is over; nothing may be sent then."""

    reported: bool
    """To be set to False before an answer that is ours alone, for nobody is there yet: the core tells the rules nothing
    of it."""

    def respond(self, data: bytes, status: int, now: float) -> None:
        """Send a response: provisional, the final one, and the 2xx again until its ACK comes.

        A 3xx to 6xx of ours sends the call on to its next target, and the caller never sees it, unless it is `final`.
        """


# Legs


class Copied(NamedTuple):
    """What a call that stands for another has from that one's INVITE, byte for byte."""

    uri: bytes
    """Request-URI."""
    from_: bytes
    """Value of From, without its tag; empty: who calls is what the request says."""
    to: bytes
    """Value of To."""
    fields: tuple[bytes, ...]
    """Header fields that are not about the leg itself, unfolded, without CRLF."""


class LegRequest(NamedTuple):
    """A call to place."""

    call: str
    """Our name of the call (UUID): ledger entry, media session and log."""
    side: PeerSide
    peer: str
    user: str
    """Whom to call: user part of Request-URI and To, unescaped."""
    from_user: str
    """User part of From and Contact: the number that the far end is shown."""
    from_display: str = ""
    asserted: str | None = None
    """User part of a P-Asserted-Identity to send; None: none."""
    headers: tuple[tuple[str, str], ...] = ()
    ring_for: float = 60.0
    """Seconds until it is given up (CANCEL), counted from the INVITE."""
    held: bool = False
    """Nothing leaves before `Leg.go`: what `memory` says can be written down first."""
    patient: bool = False
    """`ring_for` begins anew with each 1xx above 100: the far end says how long it rings, as long as it is alive."""
    forwards: int = MAX_FORWARDS
    """Max-Forwards: of a call that stands for another, what is left of that one's."""
    copied: Copied | None = None
    """It stands for another: whom it calls, and who calls, is written as that one had it, and what the far end says
    above 100 is told (`LegProgress`, `Leg.shown`, `LegEnd.shown`)."""


class LegOwner(Protocol):
    """Whoever has a leg: who asked for it, or to whom it was handed over."""

    def on_event(self, leg: "Leg", event: LegEvent, now: float) -> None:
        """Something happened to the leg; all of these come after the call that made it has returned."""


class Leg(Protocol):
    """One call of ours: dialog, session timer, offer and answer, and its media session."""

    call: str
    """Our name of it; `Media` knows its session by this name too."""

    @property
    def answered(self) -> bool:
        """Whether a 2xx was exchanged."""

    @property
    def over(self) -> bool:
        """Whether `LegEnded` was told."""

    @property
    def held(self) -> bool:
        """Whether the far end holds us."""

    @property
    def identities(self) -> tuple[tuple[str, str], ...]:
        """P-Asserted-Identity and Remote-Party-ID of the 2xx: (header in lower case, user part)."""

    @property
    def shown(self) -> Shown | None:
        """The 2xx of a call that stands for another; None before it."""

    def memory(self) -> str:
        """What must be remembered to end this leg after a crash (`LegMaker.forget_leg`), as JSON text."""

    def go(self, now: float) -> None:
        """Send the INVITE of a leg that was placed with `held`."""

    def confirm(self, now: float) -> None:
        """What `LegAccepted` asked for is written down: let the ACK, or our 2xx, leave. Once is enough."""

    def hang_up(self, now: float, cause: int = 0, reason: str = "", shown: Shown | None = None,
                fields: tuple[bytes, ...] = ()) -> None:
        """End it, whatever its state: CANCEL, BYE, or a refusal of an incoming one with `cause` (480 where 0).

        `cause` and `reason` go into a Reason header (RFC 3326). `shown`: what a refusal says instead, as another far
        end said it. `fields`: Reason headers of another far end's BYE, in place of ours. `LegEnded` follows, at once
        where nothing is awaited.
        """

    def hand_over(self, owner: LegOwner) -> bool:
        """Give it to another owner, who hears everything from now on; False: it is over, which was told already.

        What it is by then its properties say, and nothing of that is told again: neither what rang or was pressed
        before, nor the end of what the owner before had played. A press that was told as audio is not told once more
        because its INFO comes late. Who had it hears nothing more; a `confirm` of theirs that is still to come counts.
        """

    def play(self, clips: Sequence[Clip], tag: int, repeat: bool = False, pause: float = 1.0) -> None:
        """Play to its far end (`Media.play`); `LegPlayed` with this tag follows, to this owner only."""

    def ring(self, now: float) -> None:
        """Incoming: send 180."""

    def early(self, now: float) -> None:
        """Incoming: send 183 with an answer, so that what we play is heard before the answer."""

    def progress(self, shown: Shown, early_media: bool, now: float) -> None:
        """Incoming: send this 1xx as another far end said it; `early_media`: with an answer, as `early`."""

    def answer(self, now: float, shown: Shown | None = None) -> None:
        """Incoming: send 200 with an answer; `LegAnswered` follows with the ACK. `shown`: as another far end said it.
        """

    def ask(self, asked: Asked, done: Callable[[Shown, float], None], now: float) -> None:
        """Send a request of the far end of the other leg in its dialog; `done` is told its final answer, once."""

    def hold(self, held: bool, silent: bool, now: float) -> None:
        """Put the far end on hold, in a re-INVITE (sendonly; `silent`: inactive), or take it back: what the far end of
        the leg that it is joined with did. Where one is refused or crosses another the newest wish is tried again.
        Nothing is sent where nothing changes."""

    def refresh_target(self, display: str, user: str, now: float) -> None:
        """Tell the far end, in an UPDATE or re-INVITE where it allows one, whom it is connected to now."""


class LegMaker(Protocol):
    """Makes legs."""

    def place(self, order: LegRequest, owner: LegOwner, now: float) -> Leg:
        """Place a call."""

    def take(self, incoming: Incoming, owner: LegOwner, now: float) -> Leg:
        """Answer a call that was handed to us: the leg rings nobody until its owner says so."""

    def forget_leg(self, memory: str, now: float) -> None:
        """End a leg of a process before this one, known from what `Leg.memory` said: BYE, or CANCEL and whatever its
        answer asks for. Nothing is told; what its far end still sends is answered."""
