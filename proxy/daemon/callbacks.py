"""Callbacks around one proxy: desk, runner, user agent, media, presence, registration, delivery of tickets.

Everything here fails open: what cannot be started is an alarm, and calls pass as if it were not there.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

from config.node import NodeConfig
from config.places import DATABASE_NAME
from config.policy import Policy, heeds_missed
from proxy.callbacks.runner import Runner
from proxy.callbacks.waiting import WaitingRoom
from proxy.core.engine import Proxy
from proxy.core.local import Offer
from proxy.daemon.clock_watch import ClockWatch
from proxy.daemon.passing_ends import PassingEnds
from proxy.daemon.stack import ProxyStack
from proxy.delivery.deliveries import Deliveries, channels_of
from proxy.media.client import MediaClient
from proxy.media.settings import MediaSettings
from proxy.presence.presence import Presence
from proxy.sip.hop import Flow, Listener
from proxy.sip.message import Request, Response
from proxy.ua.contract import Account, PeerSide
from proxy.ua.registration import Registrar, RegistrationState, TrunkRegistration
from proxy.ua.user_agent import UserAgent
from routing.callbacks.desk import Desk
from routing.calls import Call
from routing.events import Event
from routing.facts import WAITING_ROOM
from routing.ids import RandomBytes
from routing.ledger import Ledger
from routing.storage import Store

DATABASE: Final = DATABASE_NAME
"""Name of the database in the data folder."""
RECORDINGS: Final = "recordings"
PROMPTS: Final = "prompts"
ENDED_BY: Final = "ended by an operator"
"""What the far ends and the journal are told of a call that was ended from here."""
GOODBYE: Final = 0.5
"""Seconds that a stop gives to the BYEs of our legs."""
POKE_PAUSE: Final = 0.05
"""Seconds from a change on the floor to the desk's look at it: under load many share one."""
LONGEST_PAUSE: Final = 1.0
"""Seconds after which the desk looks at its tasks although nothing is due: agents' rests end without a word."""
SUBSCRIBES: Final = b"SUBSCRIBE"


def media_settings(config: NodeConfig, listener: Listener) -> MediaSettings:
    """Return where media goes: as configured, else where the first listener is."""
    media = config.media
    first, last = media.port_range
    return MediaSettings(
        listen=media.bind or listener.bound_host, advertise=media.advertised or listener.host.strip("[]"),
        first_port=first, last_port=last, recordings=str(config.node.data / RECORDINGS),
        prompts=str(config.node.data / PROMPTS), keep=media.recordings_keep)


def accounts(config: NodeConfig) -> dict[tuple[PeerSide, str], Account]:
    """Return what we are at each trunk that knows us."""
    return {("trunk", name): Account(trunk.username, trunk.password.get_secret_value(), trunk.realm or None)
            for name, trunk in config.trunk.items() if trunk.username is not None and trunk.password is not None}


def from_hosts(config: NodeConfig) -> dict[tuple[PeerSide, str], bytes]:
    """Return the domains that trunks want to see in our calls."""
    return {("trunk", name): trunk.from_domain.encode() for name, trunk in config.trunk.items() if trunk.from_domain}


def in_use(policy: Policy) -> bool:
    """Whether anything is called back."""
    return bool(policy.campaign) or any(policy.missed_for(group).enabled for group in policy.group)


class Callbacks:
    """`core.local.Local`: all of it, built, started and stopped together. In the daemon's thread."""

    def __init__(self, config: NodeConfig, proxy: Proxy, listener: Listener, ledger: Ledger, store: Store,
                 post: Callable[[Callable[[], None]], object], random_bytes: RandomBytes) -> None:
        """`listener`: the first one, where media is too unless configured otherwise. `post`: runs something in this
        thread, from any.
        """
        self._config, self._proxy, self._ledger = config, proxy, ledger
        self._journal = proxy.journal
        self.stack = ProxyStack(proxy, accounts(config), random_bytes, from_hosts(config))
        self.media = MediaClient(media_settings(config, listener), self._alarm)
        self.agent = UserAgent(self.stack, self.media)
        self.presence = Presence(self.stack, ledger)
        self.desk = Desk(store, ledger.policy, config.node.name, ledger.teller, ledger, random_bytes)
        self.desk.on_alarm = ledger.alarm
        self.desk.peers = self._peers_of
        self.desk.able = lambda: self.media.up
        self.runner = Runner(self.agent, self.media, self.desk, ledger, ledger, self.stack, proxy.new_id)
        self.waiting = WaitingRoom(self.runner.tools)
        self.passing = PassingEnds(proxy, self.agent.wiring)
        self.desk.orders = self.runner
        self.registrar = Registrar(self.stack, [
            TrunkRegistration(name, trunk.register_expires) for name, trunk in config.trunk.items() if trunk.register_],
            self, self.agent.wiring.accounts)
        self.deliveries = self._deliveries(config, store, post)
        self._watched: dict[str, frozenset[str]] = {}
        self._media_wanted = False
        self._starting: asyncio.Task[None] | None = None
        self._poked = False
        self._turned_at = 0.0
        self._clock_watch = ClockWatch(proxy.wall, proxy.clock)

    def start(self) -> None:
        """Take up the promises of the process before this one, and begin."""
        wall = self._proxy.wall()
        self._ledger.desk = self.desk
        self._ledger.on_bug = lambda error: self._journal.failure("callbacks", error)
        self._ledger.on_floor = self.poke
        self._proxy.local = self
        self.desk.restore(wall)
        self.set_policy(self._ledger.policy)
        self.registrar.start(self._proxy.clock())
        if self.deliveries is not None:
            self.deliveries.start()

    def set_policy(self, policy: Policy) -> None:
        """Put a policy in force."""
        self.desk.set_policy(policy, self._proxy.wall())
        if in_use(policy):
            self.want_media()
        self.watch()
        self.poke()

    def want_media(self) -> None:
        """Have a media process from now on: one that has nothing to call back does without."""
        if not self._media_wanted:
            self._media_wanted = True
            self._starting = asyncio.get_running_loop().create_task(self.media.start())

    def watch(self) -> None:
        """Subscribe to those agents whose state matters for callbacks, at PBXs that offer it."""
        policy = self._ledger.policy
        wanted = {agent for name in policy.group if heeds_missed(policy, name) for agent in policy.group[name].agents}
        found: dict[str, frozenset[str]] = {}
        for name, pbx in self._config.pbx.items():
            peer = self._proxy.peers.pbxs.get(name)
            offered = peer is not None and SUBSCRIBES in peer.allows
            if pbx.dialog_event == "always" or (pbx.dialog_event == "auto" and offered):
                found[name] = frozenset(agent for agent in wanted if pbx.is_extension(agent))
        if found != self._watched:
            self._watched = found
            self.presence.set_agents(found, self._proxy.clock())

    def peer_state(self, side: PeerSide, name: str, up: bool) -> None:
        """Take note that a peer went up or down."""
        self.watch()
        self.presence.peer_state(side, name, up, self._proxy.clock())
        self.registrar.peer_state(side, name, up, self._proxy.clock())

    def registration(self, trunk: str, state: RegistrationState, reason: str, now: float) -> None:
        """See RegistrationWatch."""
        self.stack.note(f"trunk_{state}", trunk=trunk, reason=reason)
        text = f"trunk {trunk} does not know us: {reason}" if state == "failed" else None
        self._ledger.alarm(f"registration_{trunk}", text, now)

    def committed(self, events: Sequence[Event]) -> None:
        """Take note of what was committed."""
        if self.deliveries is not None and any(event.kind == "ticket.opened" for event in events):
            self.deliveries.poke()

    def poke(self) -> None:
        """Have the desk look at its tasks soon: something has changed that may matter to it."""
        if not self._poked and not self.desk.idle:
            self._poked = True
            asyncio.get_running_loop().call_later(POKE_PAUSE, self._poke)

    def end_call(self, call: Call) -> bool:
        """End a call in progress: a callback with both its legs, a caller who waits through us, or a call that passes.

        False where it is none of ours and nothing is known of its dialogs.
        """
        now = self._proxy.clock()
        return (self.runner.end_call(call.id, ENDED_BY, now) or self.waiting.end_call(call.id, ENDED_BY, now)
                or self.passing.end_call(call, ENDED_BY, now))

    def phases(self) -> dict[str, tuple[str, str | None]]:
        """Return how far each attempt under way is, and which agent took it."""
        return {one.attempt: (one.phase, one.agent) for one in self.runner.running()}

    def _poke(self) -> None:
        self._poked = False
        self.turn(always=True)

    def turn(self, always: bool = False) -> None:
        """Let the desk do what is due. For a timer, a few times a second."""
        now, clock = self._proxy.wall(), self._proxy.clock()
        set_by = self._clock_watch.look()
        if set_by:
            self._journal.note("clock_set", seconds=round(set_by, 3))
            self.desk.clock_set(set_by)
        self._ledger.turn(now)
        due = self.desk.next_turn()
        if always or (due is not None and due <= now) or clock - self._turned_at >= LONGEST_PAUSE:
            self._turned_at = clock
            try:
                self.desk.turn(now)
            except Exception as error:
                self._journal.failure("desk", error)
                self._ledger.alarm("callbacks", f"the callbacks' turn failed: {type(error).__name__}", now)

    def drain(self) -> None:
        """Begin nothing new; what is under way goes on to its end."""
        self.desk.draining = True
        self.runner.drain(self._proxy.clock())

    def resume(self) -> None:
        """Go on after a drain that came to nothing."""
        self.desk.draining = False
        self.runner.resume()
        self.poke()

    def under_way(self) -> int:
        """How many conversations of our own there are, those that are being set up counted."""
        return len(self.runner.running()) + len(self.waiting)

    async def stop(self, leave: bool) -> None:
        """End our legs, and everything else. `leave`: tell the carriers that we are not there any more."""
        now = self._proxy.clock()
        if self.runner.running() or self.waiting:
            self.runner.hang_up(now)
            self.waiting.hang_up(now)
            await asyncio.sleep(GOODBYE)
        self.presence.stop(now)
        if leave and self.registrar.states():
            left = asyncio.Event()
            self.registrar.stop(now, left.set)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(left.wait(), GOODBYE)
        if self.deliveries is not None:
            self.deliveries.stop()
        if self._starting is not None:
            await self._starting
            await self.media.stop()

    def _deliveries(self, config: NodeConfig, store: Store,
                    post: Callable[[Callable[[], None]], object]) -> Deliveries | None:
        """Make what sends tickets on; without it they stay here, and an alarm says why."""
        self.desk.tickets.channels = channels_of(config.tickets)
        if not self.desk.tickets.channels:
            return None
        try:
            return Deliveries(config.node.data / DATABASE, config.node.name, config.tickets, store, post, self._alarm)
        except (OSError, ValueError) as error:
            self._alarm("tickets", f"tickets cannot be sent on: {error}")
            return None

    def _peers_of(self, number: str | None) -> tuple[str, str]:
        """PBX and trunk of a number of ours; the first ones where it says nothing."""
        facts = self._ledger.policy.number_for(number or "")
        return facts.pbx or next(iter(self._config.pbx)), facts.trunk or next(iter(self._config.trunk))

    def _alarm(self, name: str, text: str | None) -> None:
        self._ledger.alarm(name, text, self._proxy.wall())
        self.poke()

    # The door of the core; nothing that a far end sends may end the process.

    def request(self, request: Request, flow: Flow, now: float) -> bool:
        """See core.local.Local."""
        try:
            return self.agent.request(request, flow, now) or self.presence.request(request, flow, now)
        except Exception as error:
            self._journal.failure("agent", error)
            return False

    def unknown(self, request: Request, flow: Flow, now: float) -> bool:
        """See core.local.Local."""
        try:
            return self.agent.unknown_dialog(request, flow, now)
        except Exception as error:
            self._journal.failure("agent", error)
            return False

    def response(self, response: Response, flow: Flow, now: float) -> bool:
        """See core.local.Local."""
        try:
            return self.agent.response(response, flow, now)
        except Exception as error:
            self._journal.failure("agent", error)
            return False

    def take(self, name: str, offer: Offer, now: float) -> bool:
        """See core.local.Local."""
        try:
            if name == WAITING_ROOM:
                return self.media.up and not self.desk.draining and self.waiting.take(offer, now)
            return self.runner.take(name, offer, now)
        except Exception as error:
            self._journal.failure("runner", error)
            return False
