"""Which of several nodes does what only one of them may: leases in the database that they share.

Everybody who could do something says so with each beat; who should have the lease of it follows from that alone, by
rendezvous hashing, so that a node which comes or goes moves only its share. Whoever has a lease without being the one
gives it back. A node that cannot renew stops by its own clock, sooner than others may begin.
"""

from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b
from typing import Final, NamedTuple, Protocol

BEAT: Final = 5.0
"""Seconds between two beats."""

LIFE: Final = 15.0
"""Seconds after a beat, by the database's clock, for which its leases stand and its node counts as alive."""

SLACK: Final = 5.0
"""Seconds by which a node takes its own leases for over sooner than others do."""

DESK: Final = "desk/"
RETENTION: Final = "retention"
"""Who removes what is too old from the shared database."""
REGISTRATION: Final = "registration/"
DELIVERIES: Final = "deliveries"
"""Who takes over what dead nodes were to deliver."""


def desk(group: str) -> str:
    """Return the name of the lease of those who call back for a group; an empty one: for what is of no group."""
    return DESK + group


def registration(trunk: str) -> str:
    """Return the name of the lease of whoever registers at a trunk."""
    return REGISTRATION + trunk


class Fence(NamedTuple):
    """What a claim is made on the strength of: refused where the lease is another one's by then."""

    name: str
    epoch: int
    """One more with each change of holder."""


class Duty(Protocol):
    """What this node may do now. Never waits; any thread."""

    def holds(self, name: str) -> bool:
        """Whether this node has a lease. Whoever asks could do it, and is offered it while it goes on asking."""

    def fence(self, name: str) -> Fence | None:
        """Return what a claim under that lease goes with; None where there is nobody to be fenced off from.

        Of a lease that is not held one that is refused.
        """

    def goes_on(self, name: str) -> bool:
        """Whether what a lease is for is to be done by this node, although the database may be away: as `holds`, and
        else by whoever had it last, as far as this node knows."""

    def may_dial(self) -> bool:
        """Whether no other node takes this one for dead."""

    def is_gone(self, node: str) -> bool:
        """Whether a node is dead, as far as is known: what it was in the middle of is over."""

    def gone(self) -> frozenset[str]:
        """Return the nodes that were alive once and are dead."""

    def drain(self) -> None:
        """Give everything back, and take nothing any more; the node lives on."""

    def resume(self) -> None:
        """Take what is due to us again."""


class Alone:
    """The duty of a node that shares with nobody: everything."""

    def holds(self, name: str) -> bool:
        return True

    def fence(self, name: str) -> Fence | None:
        return None

    def goes_on(self, name: str) -> bool:
        return True

    def may_dial(self) -> bool:
        return True

    def is_gone(self, node: str) -> bool:
        return False

    def gone(self) -> frozenset[str]:
        return frozenset()

    def drain(self) -> None:
        """There is nobody who could have it."""

    def resume(self) -> None:
        """Nothing was given back."""


ALONE: Final = Alone()


class Beat(NamedTuple):
    """A node as it stands in the database."""

    node: str
    start: int
    """Which of its starts it is in."""
    seen_at: float
    """When it was heard last, by the database's clock, seconds since the epoch; it says of no other clock."""
    draining: bool
    """It goes on to its end, and takes nothing on."""
    wants: frozenset[str]
    """Leases that it could have."""
    version: str = ""
    started_at: float | None = None
    """When it began, by the database's clock; None: of a version that does not say it, as the next two."""
    push_lag: float | None = None
    """For how many seconds the oldest unit had waited that was not shared; 0: none did."""
    pull_lag: float | None = None
    """For how many seconds it was not known that all was taken."""


class Lease(NamedTuple):
    """A lease as it stands in the database."""

    name: str
    holder: str
    epoch: int
    until: float
    """By the database's clock."""


class Roster:
    """Which nodes are alive, as one of them sees it with each of its beats.

    A node is gone when the database has not heard it for `LIFE` and it has stood still before our own eyes for most of
    that: a clock of the database that leaps forward buries nobody.
    """

    def __init__(self, node: str) -> None:
        self._node = node
        self._since: dict[str, tuple[Beat, float]] = {}
        """Each with the moment of our own clock since when it stands still."""
        self.gone: frozenset[str] = frozenset()
        """Nodes that were alive once and are dead."""
        self._began_at: float | None = None
        self._looked_at = 0.0

    def look(self, beats: Iterable[Beat], clock: float, now: float) -> None:
        """Take what the database says. `clock`: of the database; `now`: of our own, steady."""
        self._began_at = now if self._began_at is None else self._began_at
        self._looked_at = now
        seen: dict[str, tuple[Beat, float]] = {}
        for beat in beats:
            before = self._since.get(beat.node)
            stands = before is not None and (before[0].start, before[0].seen_at) == (beat.start, beat.seen_at)
            seen[beat.node] = beat, before[1] if stands and before is not None else now
        self._since = seen
        self.gone = frozenset(
            name for name, (beat, since) in seen.items()
            if name != self._node and clock - beat.seen_at >= LIFE and now - since >= LIFE - BEAT)

    def is_gone(self, node: str) -> bool:
        """Whether a node is dead. One that has said nothing at all is so after we have listened for a while."""
        if node == self._node:
            return False
        return node in self.gone or (
            node not in self._since and self._began_at is not None and self._looked_at - self._began_at >= LIFE)

    def takers(self) -> list[Beat]:
        """Return the nodes that may have leases."""
        return [beat for name, (beat, _) in self._since.items() if name not in self.gone and not beat.draining]

    def first_end(self, clock: float) -> float | None:
        """Return in how many seconds the next node may be found dead, should nothing be heard of it; None: there is no
        other."""
        left = [beat.seen_at + LIFE - clock for name, (beat, _) in self._since.items()
                if name != self._node and name not in self.gone]
        return min(left, default=None)


def due_holder(name: str, takers: Iterable[Beat]) -> str | None:
    """Return who should have a lease; None: nobody could."""
    able = [beat.node for beat in takers if name in beat.wants]
    return max(able, key=lambda node: _weight(name, node), default=None)


def _weight(name: str, node: str) -> tuple[bytes, str]:
    return blake2b(f"{name}\0{node}".encode(errors="surrogatepass"), digest_size=8).digest(), node


class Moves(NamedTuple):
    """What a node does about leases with a beat."""

    keep: dict[str, int]
    """Those that go on, with their epochs."""
    give: dict[str, int]
    """Those that others should have."""
    take: list[str]


def moves(node: str, held: Mapping[str, int], leases: Collection[Lease], takers: Collection[Beat],
          clock: float) -> Moves:
    """Say what a node does about leases.

    `held`: those that this very process has taken, with their epochs: one of an earlier process of the same name is
    taken anew, with the next epoch. `clock`: of the database.
    """
    there = {lease.name: lease for lease in leases}
    keep: dict[str, int] = {}
    give: dict[str, int] = {}
    for name, epoch in held.items():
        lease = there.get(name)
        if lease is not None and (lease.holder, lease.epoch) == (node, epoch):
            (keep if due_holder(name, takers) == node else give)[name] = epoch
    mine = next((beat for beat in takers if beat.node == node), None)
    wanted = () if mine is None else sorted(mine.wants)
    take = [name for name in wanted if name not in keep and name not in give and due_holder(name, takers) == node
            and _is_free(node, there.get(name), clock)]
    return Moves(keep, give, take)


def _is_free(node: str, lease: Lease | None, clock: float) -> bool:
    return lease is None or lease.holder == node or lease.until <= clock
