"""What the status thread sees of the daemon: snapshots made in the daemon's thread, events from the database."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Final, Literal

from config.policy import Policy
from proxy.status.source import AgentState, Alarm, CallFigures, GroupState, PeerState, RunState, Snapshot
from routing.callbacks.admin import Figures
from routing.events import Event, EventText
from routing.figures import NONE, DayFigures, Tally
from routing.ledger import Ledger
from routing.storage import StoreError
from routing.store.queue import StoreQueue
from routing.store.reader import Reader
from routing.today import day_of

FIGURES_PAUSE: Final = 1.0
"""Seconds between two looks at all tasks, where nobody has changed one by hand."""
FIGURES_SHARE: Final = 20
"""How many times as long as a look at all tasks took is waited for the next one, whoever changes them."""
NO_FIGURES: Final = Figures(0, 0, 0, 0, 0, 0)
WAIT_STEP: Final = 5
"""Seconds in which waits are told: a topic is not sent anew for each one."""
DAY_PAUSE: Final = 1.0
"""Seconds between two counts of today's callbacks in the database, at the least."""
DAY_SHARE: Final = 50
"""How many times as long as a count took is waited for the next one: it has a fiftieth of a core at the most."""


class DaemonSource:
    """`StatusSource` over ledger and store."""

    def __init__(self, node: str, ledger: Ledger, store: StoreQueue, reader: Reader,
                 post: Callable[[Callable[[], None]], object], wall: Callable[[], float],
                 peers: Mapping[tuple[str, str], PeerState], figures: Callable[[], Mapping[str, Figures]]) -> None:
        """`peers`: by side and name, as the qualifier last found them. `figures`: how callbacks stand, by group; it
        looks at every task, so it is not asked for each snapshot.
        """
        self.state: RunState = "starting"
        self.peers = peers
        self.alarms: dict[str, Alarm] = {}
        self._node = node
        self._ledger = ledger
        self._store = store
        self._reader = reader
        self._post = post
        self._wall = wall
        self._started = wall()
        self._direct_live: int | None = None
        self._callbacks = figures
        self._figures: Mapping[str, Figures] = {}
        self._figured_at = self._figures_took = 0.0
        self._changed = False
        self._day = DayFigures()
        self._queue_events: Counter[tuple[str, str]] = Counter()
        self._listed: tuple[Policy | None, dict[str, tuple[str, ...]]] = None, {}
        self._snapshot = Snapshot(node, "starting", self._started)
        self._asked: Future[None] | None = None

    # In the daemon's thread.

    def refresh(self) -> None:
        """Make a new snapshot."""
        now = self._wall()
        counts = self._ledger.counters(now)
        queued, waiting = self._store.backlog()
        self._snapshot = Snapshot(
            self._node, self.state, self._started,
            calls=CallFigures(counts["active"], counts["today"], counts["answered"], counts["inbound"],
                              counts["outbound"], counts["direct"], counts["callbacks"], counts["dialled"],
                              counts["dialled_answered"]),
            trunks=self._side("trunk"), pbxs=self._side("pbx"), groups=self._groups(now), agents=self.agents(),
            alarms=tuple(self.alarms.values()), campaigns=self._campaigns(),
            callbacks_made={name: one.total for name, one in self._figures.items()},
            callbacks_kept={name: one.kept for name, one in self._figures.items()},
            queue_events=dict(self._queue_events), direct_live=self._direct_live, store_queue=queued,
            store_log_bytes=self._store.log_bytes, outbox=waiting)

    def renew(self) -> None:
        """Make a new snapshot after somebody has changed something by hand: whoever reads it is to see that."""
        self._changed = True
        self.refresh()

    @property
    def day(self) -> DayFigures:
        """What became of callbacks today, as last counted; nothing yet where another day has begun since."""
        since, _ = day_of(self._wall(), self._ledger.policy.timezone)
        return self._day if self._day.since == since else DayFigures(since)

    async def count_day(self) -> float:
        """Count today's callbacks in another thread; return how many seconds to wait until the next time.

        While the database cannot be read the last count stands.
        """
        since, _ = day_of(self._wall(), self._ledger.policy.timezone)
        began = time.monotonic()
        with contextlib.suppress(StoreError):
            self._day = await asyncio.to_thread(self._reader.day, since)
        return max(DAY_PAUSE, DAY_SHARE * (time.monotonic() - began))

    def agents(self) -> dict[str, AgentState]:
        """Return each agent that the policy lists or that was seen, as they are now."""
        policy, customers, released = self._ledger.policy, self._ledger.attendance.customers(), self.day.released
        if self._listed[0] is not policy:
            listed: dict[str, tuple[str, ...]] = {}
            for name, group in policy.group.items():
                for agent in group.agents:
                    listed[agent] = (*listed.get(agent, ()), name)
            self._listed = policy, listed
        groups, attendance = self._listed[1], self._ledger.attendance
        reasons = {pause.agent: pause.reason for pause in attendance.pauses()}
        return {name: AgentState(
            seen.state, seen.since, policy.agent[name].name if name in policy.agent else "", groups.get(name, ()),
            customers.get(name), released.get(name, 0), reasons.get(name))
            for name, seen in attendance.agents().items()}

    async def count_direct(self) -> int | None:
        """Count the direct callbacks in another thread: slow with many, so not in every snapshot."""
        self._direct_live = await asyncio.to_thread(self._reader.count_direct, self._wall())
        return self._direct_live

    def on_events(self, events: Sequence[Event]) -> None:
        """Count events of the queues by group, for as long as this process runs."""
        self._queue_events.update((event.kind, str(event.data["group"])) for event in events)

    def alarm_event(self, event: Event) -> None:
        """Take an alarm of the ledger over into the list."""
        name = str(event.data["alarm"])
        if event.kind == "alarm.raised":
            self.alarms[name] = Alarm(name, str(event.data["text"]), event.time)
        else:
            self.alarms.pop(name, None)

    def _side(self, side: Literal["trunk", "pbx"]) -> dict[str, PeerState]:
        return {name: state for (each, name), state in self.peers.items() if each == side}

    def _campaigns(self) -> dict[str, Tally]:
        campaigns = self.day.campaigns
        return {name: campaigns.get(name, NONE) for name in self._ledger.policy.campaign}

    def _groups(self, now: float) -> dict[str, GroupState]:
        agents, today = self._ledger.attendance.agents(), self.day.groups
        # once for all groups: there may be many of both
        calls = Counter(call.group for call in self._ledger.calls() if not call.leg)
        found: dict[str, GroupState] = {}
        pause = min(FIGURES_PAUSE, FIGURES_SHARE * self._figures_took) if self._changed else FIGURES_PAUSE
        if not 0 <= now - self._figured_at < pause:
            began = time.monotonic()
            self._figures, self._figured_at, self._changed = self._callbacks(), now, False
            self._figures_took = time.monotonic() - began
        for name, group in self._ledger.policy.group.items():
            states = [agents[agent].state for agent in group.agents if agent in agents]
            figures, tally = self._figures.get(name, NO_FIGURES), today.get(name, NONE)
            waiters = self._ledger.attendance.waiters(name)
            wait = self._ledger.attendance.estimated_wait(name, None, now)
            found[name] = GroupState(
                calls=calls[name], waiting=len(waiters),
                longest_wait_s=int(max(0.0, now - waiters[0].started_at) // WAIT_STEP * WAIT_STEP) if waiters else 0,
                agents_free=states.count("free"),
                agents_busy=sum(states.count(busy) for busy in ("busy", "ringing", "wrap_up")),
                agents_paused=states.count("paused"), agents_away=states.count("away"),
                agents_unknown=states.count("unknown"),
                estimated_wait_s=None if wait is None else round(wait / WAIT_STEP) * WAIT_STEP,
                places_held=figures.places, offers_made=tally.offers_made, offers_taken=tally.offers_taken,
                callbacks_in_queue=figures.in_queue, callbacks_due=figures.due, callbacks_running=figures.running,
                callbacks_total=tally.promised, callbacks_dialled=tally.dialled, callbacks_kept=tally.kept,
                average_callback_wait_s=tally.average_wait_s)
        return found

    # In the status thread.

    def texts_after(self, seq: int, limit: int) -> Sequence[EventText]:
        return self._reader.texts_after(seq, limit)

    def delete_events_upto(self, seq: int) -> None:
        self._store.delete_events_upto(seq)

    def snapshot(self) -> Snapshot:
        return self._snapshot

    def ask_loop(self) -> "Future[None]":
        """See StatusSource. One question at a time: whoever asks meanwhile waits for the same answer."""
        asked = self._asked
        if asked is None or asked.done():
            self._asked = asked = Future()
            asked.set_running_or_notify_cancel()  # from now on nobody who loses patience takes it from the others
            self._post(partial(asked.set_result, None))
        return asked

    def raise_alarm(self, name: str, text: str) -> None:
        self._post(lambda: self._ledger.alarms.report(name, text, self._wall()))

    def clear_alarm(self, name: str) -> None:
        self._post(lambda: self._ledger.alarms.report(name, None, self._wall()))
