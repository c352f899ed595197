"""What the status thread sees of the daemon: snapshots made in the daemon's thread, events from the database."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Final, Literal

from proxy.status.source import AgentState, Alarm, CallFigures, GroupState, PeerState, RunState, Snapshot
from routing.callbacks.office import Figures
from routing.events import Event
from routing.ledger import Ledger
from routing.store.reader import Reader
from routing.store.sqlite import SqliteStore

FIGURES_PAUSE: Final = 1.0
"""Seconds between two looks at all tasks."""
NO_FIGURES: Final = Figures(0, 0, 0, 0, 0, None)


class DaemonSource:
    """`StatusSource` over ledger and store."""

    def __init__(self, node: str, ledger: Ledger, store: SqliteStore, reader: Reader,
                 post: Callable[[Callable[[], None]], object], wall: Callable[[], float]) -> None:
        self.state: RunState = "starting"
        self.peers: dict[tuple[str, str], PeerState] = {}
        self.alarms: dict[str, Alarm] = {}
        self._node = node
        self._ledger = ledger
        self._store = store
        self._reader = reader
        self._post = post
        self._wall = wall
        self._started = wall()
        self._direct_live: int | None = None
        self.callbacks: Callable[[], Mapping[str, Figures]] = dict
        """How callbacks stand, by group; set by whoever has a desk. Looks at every task, so not for each snapshot."""
        self._figures: Mapping[str, Figures] = {}
        self._figured_at = 0.0
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
                              counts["outbound"], counts["direct"]),
            trunks=self._side("trunk"), pbxs=self._side("pbx"), groups=self._groups(),
            agents={name: AgentState(one.state, one.since) for name, one in self._ledger.agents().items()},
            alarms=tuple(self.alarms.values()), direct_live=self._direct_live,
            store_queue=queued, outbox=waiting)

    async def count_direct(self) -> int | None:
        """Count the direct callbacks in another thread: slow with many, so not in every snapshot."""
        self._direct_live = await asyncio.to_thread(self._reader.count_direct, self._wall())
        return self._direct_live

    def alarm_event(self, event: Event) -> None:
        """Take an alarm of the ledger over into the list."""
        name = str(event.data["alarm"])
        if event.kind == "alarm.raised":
            self.alarms[name] = Alarm(name, str(event.data["text"]), event.time)
        else:
            self.alarms.pop(name, None)

    def _side(self, side: Literal["trunk", "pbx"]) -> dict[str, PeerState]:
        return {name: state for (each, name), state in self.peers.items() if each == side}

    def _groups(self) -> dict[str, GroupState]:
        agents = self._ledger.agents()
        calls = Counter(call.group for call in self._ledger.calls())  # once for all groups: there may be many of both
        found: dict[str, GroupState] = {}
        now = self._wall()
        if not 0 <= now - self._figured_at < FIGURES_PAUSE:
            self._figures, self._figured_at = self.callbacks(), now
        for name, group in self._ledger.policy.group.items():
            states = [agents[agent].state for agent in group.agents if agent in agents]
            figures = self._figures.get(name, NO_FIGURES)
            found[name] = GroupState(
                calls=calls[name], waiting=self._ledger.waiting(name),
                agents_free=states.count("free"),
                agents_busy=sum(states.count(busy) for busy in ("busy", "ringing", "wrap_up")),
                agents_unknown=states.count("unknown"), callbacks_in_queue=figures.in_queue,
                callbacks_due=figures.due, callbacks_running=figures.running, callbacks_total=figures.total,
                callbacks_kept=figures.kept, average_callback_wait_s=figures.average_wait_s)
        return found

    # In the status thread.

    def events_after(self, seq: int, limit: int) -> Sequence[Event]:
        """See StatusSource."""
        return self._reader.events_after(seq, limit)

    def delete_events_upto(self, seq: int) -> None:
        """See StatusSource."""
        self._post(lambda: self._store.delete_events_upto(seq))

    def snapshot(self) -> Snapshot:
        """See StatusSource."""
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
        """See StatusSource."""
        self._post(lambda: self._ledger.alarm(name, text, self._wall()))

    def clear_alarm(self, name: str) -> None:
        """See StatusSource."""
        self._post(lambda: self._ledger.alarm(name, None, self._wall()))
