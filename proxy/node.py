"""Builds a node: the one composition of ledger, engine, and what stands beside the proxy path.

`build_node(config, around, store, key, interest)` gives a node that is complete and does nothing yet. Whoever runs it
(`app.py` with sockets and a loop, tests with a wire and a clock of their own) then

1. puts a policy in force (`set_policy`) and has the calls of the process before taken up (`ledger.restore`),
2. hands it what comes (`engine.receive`, `connection_failed`, `unreachable`) and runs its timers,
3. starts the qualifier once peers have addresses, and `start`s the services: what fails there is an alarm,
4. gives it turns: `turn` a few times a second, `sweep` every few seconds.

Nothing here reads a clock, draws a number or opens a socket: all that is in `Surroundings`.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from config.address import SipPeer
from config.node import NodeConfig
from config.places import MESSAGES
from config.policy import Policy
from proxy.core.broken import Breaks
from proxy.core.contract import IsOwn, Journal, Locator, Network
from proxy.core.engine import Parts, Proxy
from proxy.core.peers import Peer, PeerTable
from proxy.core.qualify import Qualifier
from proxy.daemon import building
from proxy.daemon.message_book import MessageBook
from proxy.daemon.message_ring import MessageRing
from proxy.daemon.peer_states import PeerStates
from proxy.daemon.tracing import KnownNames, MessageTracer
from proxy.services.callbacks import CallbackMedia, Callbacks
from proxy.services.clock_watch import ClockWatch
from proxy.services.services import Services
from proxy.sip.hop import Hop, Listener, PeerSide
from proxy.sip.timers import Timers
from proxy.status.source import PeerState
from routing.alarms import Alarms
from routing.callbacks.admin import Figures
from routing.desk_listener import DeskListener
from routing.duty import Duty
from routing.events import Event
from routing.hub import Interest
from routing.ids import Names, RandomBytes
from routing.ledger import Ledger
from routing.route import Rules
from routing.storage import Store
from routing.teller import Teller


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a node needs from the world: what it sends by, its clocks, chance, and whom it tells."""

    network: Network
    listeners: tuple[Listener, ...]
    """Ours, the first one is the usual one."""
    is_own: IsOwn
    locator: Locator
    timers: Timers
    """Run by whoever made them."""
    clock: Callable[[], float]
    """Monotonic seconds."""
    wall: Callable[[], float]
    """Seconds since the epoch."""
    draw: Callable[[], float]
    """A random number in [0, 1)."""
    random_bytes: RandomBytes
    journal: Journal
    on_alarm: Callable[[Event], None]
    """Hears of each alarm that goes up or down, before it is committed."""
    media: Callable[[Callable[[str, str | None], None]], CallbackMedia]
    """Makes the media of legs of ours; given where it can raise an alarm: `alarm(name, text)`, None clears it."""
    post: Callable[[Callable[[], None]], object]
    """Runs something in the node's thread, from any."""
    duty: Duty
    """What of the work that nodes share is this one's to do."""


class Node:
    """One node, in the thread of its timers."""

    def __init__(self, config: NodeConfig, around: Surroundings, store: Store, ledger: Ledger, desk: DeskListener,
                 teller: Teller, engine: Proxy, peers: Sequence[tuple[Peer, tuple[SipPeer, ...]]],
                 tracer: MessageTracer, ring: MessageRing | None, book: MessageBook) -> None:
        """`peers`: each with the URIs that its addresses come from. The rest as `build_node` makes it."""
        self._config, self._around, self._store = config, around, store
        self._desk, self._teller = desk, teller
        self.ledger, self.engine, self.tracer = ledger, engine, tracer
        self.messages, self.ring = book, ring
        self.listeners = around.listeners
        self.peers = tuple(peers)
        self.table = engine.parts.peers
        self.peer_states: dict[tuple[str, str], PeerState] = {}
        """As the qualifier last found them, by side and name."""
        self.qualifier = Qualifier(engine.transactions, PeerStates(self.peer_states, ledger, self._tell_services,
                                                                   around.wall))
        self._clock_watch = ClockWatch(around.wall, around.clock)
        self._breaks = Breaks(engine.relays, self.qualifier)
        self.services: Services | None = None
        """None: not started, or they could not be."""

    def start(self) -> None:
        """Start what stands beside the proxy path: without it calls pass all the same."""
        around = self._around
        try:
            self.services = Services(self._config, self.engine, self.ledger, self._desk, self._teller, self._store,
                                     around.media, around.post, around.random_bytes, around.duty)
            self.services.start()
        except Exception as error:
            around.journal.failure("services", error)
            self.ledger.alarms.report("callbacks", f"callbacks cannot be started: {error}", around.wall())

    # -- what comes

    def connection_failed(self, number: int, hop: Hop, reason: str) -> None:
        """A connection of this number, which led to this hop, is no more."""
        self._breaks.connection_failed(number, hop, self._around.clock())

    def unreachable(self, hop: Hop) -> None:
        """ICMP says that a datagram to this hop was in vain."""
        self._breaks.unreachable(hop, self._around.clock())

    def set_policy(self, policy: Policy) -> None:
        """Put a policy in force. No call is touched."""
        self.ledger.set_policy(policy)
        if self.services is not None:
            self.services.set_policy(policy)

    # -- time

    def turn(self) -> None:
        """Do what only time asks for. A few times a second."""
        self._look_at_clock()
        if self.services is not None:
            self.services.turn()

    def sweep(self) -> None:
        """Let go what is over. Every few seconds."""
        self._look_at_clock()
        self.ledger.sweep(self._around.wall())
        if self.ring is not None:
            self.ring.trim()

    def _look_at_clock(self) -> None:
        set_by = self._clock_watch.look()
        if set_by:
            self._around.journal.note("clock_set", seconds=round(set_by, 3))
            self.ledger.turn(self._around.wall(), set_by)

    def count(self, now: float) -> None:
        """Take over into the counters what is only known at a moment; `now` in monotonic seconds."""
        engine, counters = self.engine, self.engine.counters
        counters.transactions = len(engine.transactions.clients) + len(engine.relays.by_key)
        counters.breakers = {f"{hop.transport}:{hop.host}:{hop.port}": engine.health.is_open(hop, now)
                             for peer in self.table for hop in peer.hops}

    # -- what is looked at

    @property
    def callbacks(self) -> Callbacks | None:
        """Callbacks; None where they could not be started."""
        return None if self.services is None else self.services.callbacks

    def figures(self) -> Mapping[str, Figures]:
        """How callbacks stand, by group. Looks at every task."""
        callbacks = self.callbacks
        return {} if callbacks is None else callbacks.desk.admin.figures()

    # -- the way out

    def drain(self) -> None:
        """Begin nothing new of our own; what is under way goes on to its end. Calls pass, new ones too."""
        self.engine.ourselves.draining = True
        self._around.duty.drain()
        if self.services is not None:
            self.services.drain()

    def resume(self) -> None:
        """Go on after a drain that came to nothing."""
        self.engine.ourselves.draining = False
        self._around.duty.resume()
        if self.services is not None:
            self.services.resume()

    def conversations(self) -> int:
        """How many conversations of our own are under way: they end with us, calls that only pass do not."""
        return 0 if self.services is None else self.services.under_way()

    def unanswered(self) -> int:
        """How many requests that passed wait for an answer."""
        return self.engine.pending.count

    async def stop(self, leave: bool) -> None:
        """End our legs and the services. `leave`: tell the carriers that we are not there any more."""
        if self.services is not None:
            with contextlib.suppress(Exception):
                await self.services.stop(leave=leave)

    def _tell_services(self, side: PeerSide, name: str, up: bool) -> None:
        if self.services is not None:
            self.services.peer_state(side, name, up)


def build_node(config: NodeConfig, around: Surroundings, store: Store, key: bytes, interest: Interest) -> Node:
    """Build a node. `key`: behind tokens and branches, kept over restarts, the same for all nodes.

    `interest`: which events are worth making.

    No policy is in force yet, and peers have no addresses.
    """
    teller = Teller(config.node.name, around.random_bytes, interest)
    alarms = Alarms(store, teller, around.on_alarm)
    desk = DeskListener(alarms, lambda error: around.journal.failure("callbacks", error))
    ledger = Ledger(store, Rules(Policy(), building.pbx_facts(config)), teller, alarms, desk)
    peers = building.peers(config)
    table = PeerTable([peer for peer, _ in peers])
    known = KnownNames(around.listeners[0], table, ledger.calls)
    tracer = MessageTracer(config.node.name, known.place, around.wall, known.call)
    capture = config.capture
    ring = MessageRing(tracer, around.wall, capture.keep, capture.bytes) if capture.keep else None
    book = MessageBook(ring, config.node.data / MESSAGES, config.node.name, known.place, around.listeners)
    names = Names(around.random_bytes)
    engine = Proxy(Parts(
        network=around.network, locator=around.locator, router=ledger, peers=table, seals=building.seals(config, key),
        journal=around.journal, tracer=ring or tracer, clock=around.clock, wall=around.wall,
        new_id=lambda: names.new(around.wall()), draw=around.draw, timers=around.timers, is_own=around.is_own,
        domains=building.own_domains(config, around.listeners), private=building.private_headers(config),
        agent_from=building.agent_headers(config), siblings=building.siblings(config)))
    return Node(config, around, store, ledger, desk, teller, engine, peers, tracer, ring, book)
