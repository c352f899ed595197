"""What is told of the node itself, and of those that share with it."""

import os
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from proxy.sip.hop import Listener
from proxy.status.source import Snapshot
from proxy.verbs.handlers.reading import look_up
from proxy.verbs.shapes import nodes
from proxy.verbs.shapes.verb import Bound
from routing.ledger import Ledger
from routing.nodes_seen import NodeSeen, Sight


class Look(Protocol):
    """The daemon as it is now."""

    def snapshot(self) -> Snapshot:
        """Return the last snapshot."""


class Ring(Protocol):
    """The messages in memory."""

    @property
    def size(self) -> int:
        """Bytes that they take."""

    @property
    def since(self) -> float | None:
        """When the oldest passed."""


class Guarding(Protocol):
    """What the guard has counted."""

    def guard_used(self, now: float) -> Mapping[str, int]:
        """Return how much of each cap is used up."""

    def guard_halt(self, now: float) -> str | None:
        """Return why nobody at all is dialled for now."""


@dataclass(frozen=True)
class Place:
    """Where a node runs."""

    version: str
    listeners: Sequence[Listener]
    data: Path
    database: Path
    ring: Ring | None
    ring_bytes: int
    """What it holds at the most; 0: nothing is kept."""


class NodeAnswers:
    """Answers `nodes.*`."""

    def __init__(self, look: Look, ledger: Ledger, place: Place, guarding: Guarding | None, sight: Sight | None,
                 wall: Callable[[], float]) -> None:
        """`guarding`: None where callbacks could not be started; `sight`: None where this node shares with nobody."""
        self._look, self._ledger, self._place, self._guarding, self._wall = look, ledger, place, guarding, wall
        self._sight = sight

    def bound(self) -> list[Bound]:
        """Every verb that is answered here."""
        return [nodes.LIST.by(self.all_nodes), nodes.HERE.by(self.here)]

    def all_nodes(self, args: object) -> nodes.Nodes:
        """All nodes; of one alone itself."""
        if self._sight is None:
            shot = self._look.snapshot()
            return {"alone": True, "looked": None, "trouble": None, "nodes": [{
                "node": shot.node, "here": True, "version": self._place.version,
                "state": "draining" if shot.state == "draining" else "alive", "since": shot.started, "heard": None,
                "leases": [], "push_lag_s": None, "pull_lag_s": None}]}
        seen, now, ourselves = self._sight.seen(), self._wall(), self._look.snapshot().node
        return {"alone": False, "looked": _ago(now, seen.looked), "trouble": seen.trouble,
                "nodes": [_told(one, now, one.node == ourselves) for one in seen.nodes]}

    async def here(self, args: object) -> nodes.NodeHere:
        """This node."""
        place, shot, ring = self._place, self._look.snapshot(), self._place.ring
        return {
            "node": shot.node, "version": place.version, "python": platform.python_version(), "since": shot.started,
            "pid": os.getpid(),
            "listeners": [{"transport": one.transport, "bound": _address(one.bound_host, one.bound_port),
                           "advertised": f"{one.host}:{one.port}"} for one in place.listeners],
            "disk": await look_up(lambda: self._disk(shot.store_log_bytes)),
            "messages": {"bytes": 0 if ring is None else ring.size, "most": place.ring_bytes,
                         "since": None if ring is None else ring.since},
            "guard": self._guard(),
        }

    def _disk(self, log: int) -> nodes.Disk:
        data = self._place.data
        found: nodes.Disk = {"folder": str(data), "free": None, "total": None, "database": None, "log": log}
        try:
            usage = shutil.disk_usage(data)
            found["free"], found["total"] = usage.free, usage.total
            found["database"] = self._place.database.stat().st_size
        except OSError:
            pass  # what could be asked is told
        return found

    def _guard(self) -> nodes.Guarded:
        guard, now = self._ledger.policy.guard, self._wall()
        used = {} if self._guarding is None else self._guarding.guard_used(now)
        return {"stop": guard.stop, "halted": None if self._guarding is None else self._guarding.guard_halt(now),
                "caps": [{"name": name, "used": count, "most": int(getattr(guard, name))}
                         for name, count in used.items()]}


def _told(seen: NodeSeen, now: float, is_here: bool) -> nodes.Node:
    return {"node": seen.node, "here": is_here, "version": seen.version, "state": seen.state,
            "since": _ago(now, seen.began), "heard": _ago(now, seen.heard),
            "leases": [{"name": name, "epoch": epoch} for name, epoch in seen.leases],
            "push_lag_s": _seconds(seen.push_lag), "pull_lag_s": _seconds(seen.pull_lag)}


def _ago(now: float, seconds: float | None) -> float | None:
    return None if seconds is None else now - seconds


def _seconds(lag: float | None) -> float | None:
    return None if lag is None else round(lag, 3)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
