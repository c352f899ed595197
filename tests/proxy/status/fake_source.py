"""A daemon that is not there: an outbox in a list, a snapshot that the test sets."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from proxy.status.source import AgentState, CallFigures, GroupState, PeerState, Snapshot
from routing.events import Event, EventText

SNAPSHOT = Snapshot(
    node="edge1",
    state="running",
    started=1_700_000_000.0,
    calls=CallFigures(active=2, today=7, answered_today=5, inbound_today=4, outbound_today=3, direct_today=1,
                      callbacks_active=1, callbacks_dialled_today=6, callbacks_answered_today=4),
    trunks={"main": PeerState("up", 1_700_000_001.0, 12.34)},
    pbxs={"office": PeerState("down", 1_700_000_002.0)},
    groups={"sales": GroupState(calls=1, agents_free=1, agents_busy=1)},
    agents={"201": AgentState("busy", 1_700_000_003.5, "Anna", ("sales", "service"), "+36301234567", 2)},
    direct_live=3,
)


class FakeSource:
    """Implements `StatusSource`."""

    def __init__(self, snapshot: Snapshot = SNAPSHOT) -> None:
        self.now = snapshot
        self.events: list[Event] = []
        self.deleted: list[int] = []
        self.alarms: dict[str, str] = {}
        self.alarm_log: list[tuple[str, str | None]] = []
        self.broken: Exception | None = None
        self.hung = False
        self._lock = threading.Lock()
        self._seq = 0

    def add(self, kind: str = "call.started", **data: Any) -> Event:
        with self._lock:
            self._seq += 1
            event = Event(kind, 1_700_000_000.0 + self._seq, f"0190a0b0-0000-7000-8000-{self._seq:012d}", data,
                          "edge1", self._seq)
            self.events.append(event)
            return event

    def texts_after(self, seq: int, limit: int) -> Sequence[EventText]:
        if self.broken is not None:
            raise self.broken
        with self._lock:
            waiting = [event for event in self.events if event.seq > seq][:limit]
        return [EventText(event.seq, event.kind, event.to_json()) for event in waiting]

    def delete_events_upto(self, seq: int) -> None:
        with self._lock:
            self.deleted.append(seq)
            self.events = [event for event in self.events if event.seq > seq]

    def snapshot(self) -> Snapshot:
        return self.now

    def ask_loop(self) -> "Future[None]":
        asked: Future[None] = Future()
        if not self.hung:
            asked.set_result(None)
        return asked

    def raise_alarm(self, name: str, text: str) -> None:
        self.alarms[name] = text
        self.alarm_log.append((name, text))

    def clear_alarm(self, name: str) -> None:
        if self.alarms.pop(name, None) is not None:
            self.alarm_log.append((name, None))
