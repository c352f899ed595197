"""The nodes that share a database, as one of them has seen them with its last beat: for whoever looks after them."""

from collections.abc import Collection, Mapping
from typing import Final, Literal, NamedTuple, Protocol, get_args

from routing.duty import Beat, Lease

State = Literal["alive", "draining", "left", "gone"]
"""`left`: it has said that it ends; `gone`: it is not heard any more, and said nothing."""
STATES: Final[tuple[str, ...]] = get_args(State)


class Lag(NamedTuple):
    """How far a node and the others are apart, in seconds."""

    push: float
    """Since when the oldest unit waits that was committed here and is not shared; 0: none does."""
    pull: float
    """Since when it is not known that all is taken that others have changed; below two all is well."""


class NodeSeen(NamedTuple):
    """One node. All times are seconds ago."""

    node: str
    version: str
    state: State
    began: float | None
    """When its process began to beat; None: it does not say."""
    heard: float | None
    """When it was heard last; None: it has left."""
    leases: tuple[tuple[str, int], ...]
    """Those that are its own, by name, with their epochs."""
    push_lag: float | None
    """As `Lag` has it, with its last beat; None: it does not say. So the next one."""
    pull_lag: float | None


class NodesSeen(NamedTuple):
    """All of them."""

    nodes: tuple[NodeSeen, ...]
    """By name."""
    looked: float | None
    """How many seconds ago the shared database was asked; None: it has never answered."""
    trouble: str | None
    """Why it does not answer; None: it does."""


class Sight(Protocol):
    """The nodes that this one shares with."""

    def seen(self) -> NodesSeen:
        """Return all nodes as they were seen last. Never waits; any thread."""


class Ourselves(NamedTuple):
    """What a node knows of itself better than the database does."""

    node: str
    version: str
    began: float
    """Seconds ago."""
    draining: bool
    leases: Mapping[str, int]
    """Those that are ours now, with their epochs."""
    lag: Lag

    def seen(self, heard: float | None) -> NodeSeen:
        """Return ourselves as one of the nodes. `heard`: as there."""
        return NodeSeen(self.node, self.version, "draining" if self.draining else "alive", self.began, heard,
                        tuple(sorted(self.leases.items())), self.lag.push, self.lag.pull)


def nodes_seen(ourselves: Ourselves, beats: Collection[Beat], leases: Collection[Lease], gone: Collection[str],
               clock: float, looked: float) -> tuple[NodeSeen, ...]:
    """Return the nodes by name. `gone`: those that are dead; `clock`: of the database, when it was asked, `looked`
    seconds ago."""
    found = {ourselves.node: ourselves.seen(None)}
    for beat in beats:
        heard = None if beat.seen_at == 0 else clock - beat.seen_at + looked
        if beat.node == ourselves.node:
            found[beat.node] = ourselves.seen(heard)
            continue
        held = tuple(sorted((lease.name, lease.epoch) for lease in leases
                            if lease.holder == beat.node and lease.until > clock))
        found[beat.node] = NodeSeen(
            beat.node, beat.version, _state_of(beat, gone),
            None if beat.started_at is None else clock - beat.started_at + looked, heard, held,
            beat.push_lag, beat.pull_lag)
    return tuple(found[name] for name in sorted(found))


def _state_of(beat: Beat, gone: Collection[str]) -> State:
    if beat.seen_at == 0:
        return "left"
    if beat.node in gone:
        return "gone"
    return "draining" if beat.draining else "alive"
