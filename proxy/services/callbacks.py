"""Callbacks around one proxy: desk, runner, queue room, media; built and started together, apart from all else."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from config.node import NodeConfig
from config.policy import Policy
from proxy.callbacks.held_places import HeldPlaces
from proxy.callbacks.queue_room import QueueRoom
from proxy.callbacks.runner import Runner
from proxy.core.contract import Journal
from proxy.core.local import LocalInvite
from proxy.media.contract import Media
from proxy.services.clock_watch import ClockWatch
from proxy.ua.contract import Stack
from proxy.ua.user_agent import UserAgent
from routing.callbacks.clicks import Click, ClickAnswer
from routing.callbacks.desk import Desk
from routing.callbacks.facts import Going
from routing.callbacks.rooms import DeskRooms
from routing.callbacks.tickets import Channel
from routing.calls import Call
from routing.desk_listener import DeskListener
from routing.duty import Duty
from routing.ids import RandomBytes
from routing.ledger import Ledger
from routing.storage import Store
from routing.teller import Teller

POKE_PAUSE: Final = 0.05
"""Seconds from a change of an agent or a call to the desk's look at it: under load many share one."""
LONGEST_PAUSE: Final = 1.0
"""Seconds after which the desk looks at its tasks although nothing is due: agents' rests end without a word."""


def in_use(policy: Policy) -> bool:
    """Whether anything is called back."""
    return bool(policy.campaign) or policy.offers_callbacks or any(
        policy.missed_for(group).enabled for group in policy.group)


class CallbackMedia(Media, Protocol):
    """Media, with the process that makes it."""

    @property
    def up(self) -> bool:
        """Whether it can be used."""

    def want(self) -> None:
        """Have it from now on: a node that has nothing to call back does without."""

    async def stop(self) -> None:
        """End it, if it was ever wanted."""


class Callbacks:
    """The desk and who does what it orders. In the daemon's thread."""

    def __init__(self, config: NodeConfig, ledger: Ledger, desk_listener: DeskListener, teller: Teller, store: Store,
                 stack: Stack, media: CallbackMedia, user_agent: UserAgent, journal: Journal, new_id: Callable[[], str],
                 random_bytes: RandomBytes, duty: Duty, channels: Sequence[Channel]) -> None:
        """`desk_listener`: where the ledger has the desk listen. `new_id`: a fresh UUID version 7 each time.
        `duty`: what is this node's to do. `channels`: those that tickets are sent on by.
        """
        self._config, self._ledger, self._journal = config, ledger, journal
        self._stack, self._media, self._desk_listener = stack, media, desk_listener
        rooms = DeskRooms(store, ledger.policy, config.node.name, teller, ledger.attendance, random_bytes,
                          duty, tuple(channels))
        self.runner = Runner(user_agent, media, rooms.attempts, ledger, ledger, stack, new_id)
        self.places = HeldPlaces(self.runner.tools, rooms.places, self.runner.adopt)
        self.room = QueueRoom(self.runner.tools, self.places)
        self.desk = Desk(rooms, self.runner, self.places, self._peers_of, lambda: media.up, ledger.alarms.report)
        self._clock_watch = ClockWatch(stack.wall, stack.clock)
        self._poked = False
        self._turned_at = 0.0

    def start(self) -> None:
        """Take up the promises of the process before this one; then let the ledger know that promises are kept."""
        self.desk.restore(self._stack.wall())
        self.set_policy(self._ledger.policy)
        self._desk_listener.connect(self.desk.calls, self.poke)

    def set_policy(self, policy: Policy) -> None:
        """Put a policy in force."""
        self.desk.set_policy(policy, self._stack.wall())
        if in_use(policy):
            self.want_media()
        self.poke()

    def want_media(self) -> None:
        """Have a media process from now on: one that has nothing to call back does without."""
        self._media.want()

    def poke(self) -> None:
        """Have the desk look at its tasks soon: something has changed that may matter to it."""
        if not self._poked and not self.desk.idle:
            self._poked = True
            self._stack.timers.at(self._stack.clock() + POKE_PAUSE, self._poke)

    def take(self, name: str, invite: LocalInvite, now: float) -> bool:
        """Take a call that a decision sends to an attempt of ours (`name`), or through the queue room."""
        if self.room.is_for(name):
            return self._media.up and not self.desk.draining and self.room.take(name, invite, now)
        return self.runner.take(name, invite, now)

    def end_call(self, call: Call, reason: str, now: float) -> bool:
        """End a callback with both its legs, a caller who waits through us, or the place of a request, which goes on
        without it; False where it is none of ours."""
        return self.runner.end_call(call.id, reason, now) or self.room.end_call(call.id, reason, now) or \
            self.places.end_call(call.id, reason, now)

    def phases(self) -> dict[str, Going]:
        """Return how far each attempt under way is, and which agent took it."""
        return {one.attempt: Going(one.phase, one.agent) for one in self.runner.running()}

    def click(self, name: str, click: Click, agent: str, reason: str) -> ClickAnswer | None:
        """Take what an agent says by a click of an attempt or a request, by its id; None: there is neither now, nor is
        anything remembered of it."""
        now = self._stack.clock()
        answer = self.runner.click(name, click, agent, reason, now) or \
            self.places.click(name, click, agent, reason, now) or self.runner.late_click(name, click, agent)
        self.poke()
        return answer

    def _poke(self, now: float) -> None:
        self._poked = False
        self.turn(always=True)

    def turn(self, always: bool = False) -> None:
        """Let the desk do what is due, and know first of a clock that was set. For a timer, a few times a second."""
        now, clock = self._stack.wall(), self._stack.clock()
        set_by = self._clock_watch.look()
        if set_by:
            self.desk.clock_set(set_by)
        due = self.desk.next_turn()
        if always or (due is not None and due <= now) or clock - self._turned_at >= LONGEST_PAUSE:
            self._turned_at = clock
            try:
                self.desk.turn(now)
            except Exception as error:
                self._journal.failure("desk", error)
                self._ledger.alarms.report("callbacks", f"the callbacks' turn failed: {type(error).__name__}", now)

    def drain(self) -> None:
        """Begin nothing new; what is under way goes on to its end."""
        self.desk.drain()
        self.runner.drain(self._stack.clock())

    def resume(self) -> None:
        """Go on after a drain that came to nothing."""
        self.desk.go_on()
        self.runner.resume()
        self.poke()

    def under_way(self) -> int:
        """How many conversations of our own there are, those that are being set up counted; a place is one only while
        an agent is in it."""
        return len(self.runner.running()) + len(self.room) + self.places.attended()

    async def hang_up(self, goodbye: float) -> None:
        """End our legs, with so many seconds for their BYEs."""
        if self.under_way() or len(self.places):
            now = self._stack.clock()
            self.runner.hang_up(now)
            self.room.hang_up(now)
            self.places.hang_up(now)
            await asyncio.sleep(goodbye)

    async def stop(self) -> None:
        """End the media process."""
        await self._media.stop()

    def _peers_of(self, number: str | None) -> tuple[str, str]:
        """PBX and trunk of a number of ours; the first ones where it says nothing."""
        facts = self._ledger.policy.number_for(number or "")
        return facts.pbx or next(iter(self._config.pbx)), facts.trunk or next(iter(self._config.trunk))
