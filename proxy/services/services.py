"""What stands beside the proxy path: registration, presence, callbacks, tickets on their way, calls ended by hand.

Rules
- Each is started, told and stopped by itself. One that fails is an alarm of its own, and neither calls nor the others
  notice: a callback that cannot be read back is no reason for a trunk not to know us.
- The engine and the ledger hear of a part when its start has succeeded, and not before.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from config.node import NodeConfig
from config.policy import Policy
from proxy.core.engine import Proxy
from proxy.delivery.deliveries import Deliveries, channels_of
from proxy.presence.presence import Presence
from proxy.services.callbacks import CallbackMedia, Callbacks
from proxy.services.own_dialogs import OwnDialogs
from proxy.services.passing_ends import PassingEnds
from proxy.services.registrations import TrunkRegistrations
from proxy.services.stack import ProxyStack
from proxy.services.watching import Watching
from proxy.sip.hop import PeerSide
from proxy.ua.contract import Account
from proxy.ua.user_agent import UserAgent
from routing.calls import Call
from routing.desk_listener import DeskListener
from routing.duty import DELIVERIES, Duty
from routing.events import Event
from routing.ids import RandomBytes
from routing.ledger import Ledger
from routing.storage import Store
from routing.teller import Teller

ENDED_BY: Final = "ended by an operator"
"""What the far ends and the journal are told of a call that was ended from here."""
GOODBYE: Final = 0.5
"""Seconds that a stop gives to the BYEs of our legs, and to the registrars."""


def accounts(config: NodeConfig) -> dict[tuple[PeerSide, str], Account]:
    """Return what we are at each trunk that knows us."""
    return {("trunk", name): Account(trunk.username, trunk.password.get_secret_value(), trunk.realm or None)
            for name, trunk in config.trunk.items() if trunk.username is not None and trunk.password is not None}


def from_hosts(config: NodeConfig) -> dict[tuple[PeerSide, str], bytes]:
    """Return the domains that trunks want to see in our calls."""
    return {("trunk", name): trunk.from_domain.encode() for name, trunk in config.trunk.items() if trunk.from_domain}


class Services:
    """All of it around one engine and one ledger. In the daemon's thread."""

    def __init__(self, config: NodeConfig, proxy: Proxy, ledger: Ledger, desk: DeskListener, teller: Teller,
                 store: Store, make_media: Callable[[Callable[[str, str | None], None]], CallbackMedia],
                 post: Callable[[Callable[[], None]], object], random_bytes: RandomBytes, duty: Duty) -> None:
        """`desk`: where callbacks are to listen. `make_media(alarm)`: of legs of ours. `post`: runs something in this
        thread, from any. `duty`: what is this node's to do.
        """
        self._config, self._proxy, self._ledger, self._store = config, proxy, ledger, store
        self._desk, self._teller = desk, teller
        self._journal = proxy.parts.journal
        self._random_bytes, self._duty = random_bytes, duty
        self._stack = ProxyStack(proxy, accounts(config), random_bytes, from_hosts(config))
        self._media = make_media(self._alarm)
        self.user_agent = UserAgent(self._stack, self._media)
        self._presence = Presence(self._stack, ledger)
        self._registrations = TrunkRegistrations(config.trunk, self._stack, self.user_agent.wiring.accounts,
                                                 self._alarm, duty)
        self._watching = Watching(self._presence, config.pbx, proxy.parts.peers, proxy.parts.clock)
        self._passing = PassingEnds(proxy, self.user_agent.wiring)
        self._deliveries = self._make_deliveries(config, store, post)
        self.callbacks: Callbacks | None = None
        """None: they could not be started."""

    def start(self) -> None:
        """Start what can be started; what cannot is an alarm."""
        self._proxy.local.open_to(OwnDialogs(self.user_agent, self._presence, self._journal))
        self._do("registration", self._registrations.turn)
        self._do("presence", lambda: self._watching.set_policy(self._ledger.policy))
        if self._deliveries is not None:
            self._do("tickets", self._deliveries.start)
        self._do("callbacks", self._start_callbacks)

    def _start_callbacks(self) -> None:
        callbacks = Callbacks(self._config, self._ledger, self._desk, self._teller, self._store, self._stack,
                              self._media, self.user_agent, self._journal, self._proxy.parts.new_id,
                              self._random_bytes, self._duty, channels_of(self._config.tickets))
        callbacks.start()
        self._proxy.local.open_to(OwnDialogs(self.user_agent, self._presence, self._journal, callbacks))
        self.callbacks = callbacks

    def set_policy(self, policy: Policy) -> None:
        """Put a policy in force."""
        self._do("presence", lambda: self._watching.set_policy(policy))
        if self.callbacks is not None:
            self.callbacks.set_policy(policy)

    def peer_state(self, side: PeerSide, name: str, up: bool) -> None:
        """Take note that a peer went up or down."""
        self._do("presence", lambda: self._watching.peer_state(side, name, up))
        self._do("registration", lambda: self._registrations.peer_state(side, name, up))

    def on_events(self, events: Sequence[Event]) -> None:
        """See Listener: of tickets that were opened, which are to be delivered."""
        if self._deliveries is not None:
            self._deliveries.poke()

    def end_call(self, call: Call) -> bool:
        """End a call in progress: a callback with both its legs, a caller who waits through us, or a call that passes.

        False where it is none of ours and nothing is known of its dialogs.
        """
        now = self._proxy.parts.clock()
        return (self.callbacks is not None and self.callbacks.end_call(call, ENDED_BY, now)) or (
            self._passing.end_call(call, ENDED_BY, now))

    def turn(self) -> None:
        """Do what only time asks for. For a timer, a few times a second."""
        self._ledger.turn(self._proxy.parts.wall())
        self._do("registration", self._registrations.turn)
        if self._deliveries is not None:
            self._duty.holds(DELIVERIES)  # who asks is offered it
        if self.callbacks is not None:
            self.callbacks.turn()

    def drain(self) -> None:
        """Begin nothing new; what is under way goes on to its end."""
        if self.callbacks is not None:
            self.callbacks.drain()

    def resume(self) -> None:
        """Go on after a drain that came to nothing."""
        if self.callbacks is not None:
            self.callbacks.resume()

    def under_way(self) -> int:
        """How many conversations of our own there are, those that are being set up counted."""
        return 0 if self.callbacks is None else self.callbacks.under_way()

    async def stop(self, leave: bool) -> None:
        """End our legs, and everything else. `leave`: tell the carriers that we are not there any more."""
        if self.callbacks is not None:
            await self._finish("callbacks", self.callbacks.hang_up(GOODBYE))
        self._do("presence", self._watching.stop)
        if leave:
            await self._finish("registration", self._registrations.leave(GOODBYE))
        if self._deliveries is not None:
            self._do("tickets", self._deliveries.stop)
        if self.callbacks is not None:
            await self._finish("callbacks", self.callbacks.stop())

    def _do(self, part: str, work: Callable[[], None]) -> None:
        """Do something of one part; what fails is its alarm."""
        try:
            work()
        except Exception as error:
            self._failed(part, error)

    async def _finish(self, part: str, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:
            self._failed(part, error)

    def _failed(self, part: str, error: Exception) -> None:
        self._journal.failure(part, error)
        self._ledger.alarms.report(part, f"{part} cannot be started, or failed: {error}", self._proxy.parts.wall())

    def _make_deliveries(self, config: NodeConfig, store: Store,
                         post: Callable[[Callable[[], None]], object]) -> Deliveries | None:
        """Make what sends tickets on; without it they stay here, and an alarm says why."""
        if not channels_of(config.tickets):
            return None
        try:
            return Deliveries(config.database, config.node.name, config.tickets, store, post, self._alarm)
        except (OSError, ValueError) as error:
            self._alarm("tickets", f"tickets cannot be sent on: {error}")
            return None

    def _alarm(self, name: str, text: str | None) -> None:
        self._ledger.alarms.report(name, text, self._proxy.parts.wall())
        if self.callbacks is not None:
            self.callbacks.poke()
