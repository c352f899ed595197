"""The duty of a node that shares with others, as its last beat has left it.

What other threads ask (`routing.duty.Duty`) is answered by our own steady clock: nobody waits for the database. A
process that was stopped and goes on finds its leases over before it does anything, and one that does not ask for them
any more is offered none.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from routing.duty import BEAT, DELIVERIES, LIFE, SLACK, Fence, Roster, moves
from routing.nodes_seen import Lag, NodesSeen, Ourselves, nodes_seen
from routing.store.postgres.lease_table import LeaseTable, OtherProcessError, Standing

ASKED: Final = LIFE
"""Seconds after which a lease that nobody here has asked for is not wanted any more."""

SOON: Final = 0.05
"""Seconds between two beats at least."""


class Holding(NamedTuple):
    """What is ours since a beat."""

    epochs: dict[str, int]
    until: float
    """By our own steady clock, from before the beat was sent: others may begin later than that."""


NOTHING: Final = Holding({}, float("-inf"))


class _Look(NamedTuple):
    """What a beat has found."""

    standing: Standing
    gone: frozenset[str]
    at: float
    """By our own steady clock, when the beat was sent."""


class Leases:
    """`beat` and `leave` are the keeper's, in its thread; all else may be asked from any."""

    def __init__(self, table: LeaseTable, node: str, steady: Callable[[], float],
                 on_news: Callable[[], None], lag: Callable[[], Lag]) -> None:
        """`steady`: seconds that go on while the machine sleeps, too. `on_news`: told that there is something to tell
        the others soon, in the thread of who asks. `lag`: how far behind this node is; any thread."""
        self._table, self._node, self._steady, self._on_news, self._lag = table, node, steady, on_news, lag
        self._look: _Look | None = None
        self._roster = Roster(node)
        self._holding = NOTHING
        self._asked: dict[str, float] = {}
        self._outdated = self._draining = False
        self._began_at = steady()

    # Duty

    def holds(self, name: str) -> bool:
        now, is_new = self._steady(), name not in self._asked
        self._asked[name] = now
        if is_new:
            self._on_news()
        holding = self._holding
        return name in holding.epochs and now < holding.until

    def fence(self, name: str) -> Fence | None:
        return Fence(name, self._holding.epochs.get(name, 0))

    def goes_on(self, name: str) -> bool:
        if self.holds(name):
            return True
        holding, now = self._holding, self._steady()
        if self._outdated or now < holding.until:
            return False
        return name in holding.epochs if holding is not NOTHING else now - self._began_at >= LIFE

    def may_dial(self) -> bool:
        return self._steady() < self._holding.until

    def is_gone(self, node: str) -> bool:
        return self._roster.is_gone(node)

    def gone(self) -> frozenset[str]:
        return self._roster.gone

    def drain(self) -> None:
        self._draining = True
        self._on_news()

    def resume(self) -> None:
        self._draining = False
        self._on_news()

    # What is looked at

    def seen(self, version: str, trouble: str | None) -> NodesSeen:
        """Return all nodes as the last beat has found them. `version`: of this one; `trouble`: why the next one did not
        come through. Any thread."""
        now, look, holding = self._steady(), self._look, self._holding
        ourselves = Ourselves(self._node, version, now - self._began_at, self._draining,
                              holding.epochs if now < holding.until else {}, self._lag())
        if look is None:
            return NodesSeen((ourselves.seen(None),), None, trouble)
        looked, standing = now - look.at, look.standing
        return NodesSeen(nodes_seen(ourselves, standing.beats, standing.leases, look.gone, standing.clock, looked),
                         looked, trouble)

    # What the keeper does

    @property
    def held(self) -> dict[str, int]:
        """Leases that the last beat has left us, with their epochs."""
        return self._holding.epochs

    def beat(self) -> float:
        """Say that we live, renew what is ours, take what is due to us, give back what is not; return in how many
        seconds to do so again.

        Raises TroubleError: what was ours is so until its time is over.
        """
        sent = self._steady()
        wants = {name for name, at in tuple(self._asked.items()) if sent - at <= ASKED}
        try:
            standing = self._table.beat(wants, self._draining, self._lag())
        except OtherProcessError:
            self._outdated, self._holding = True, NOTHING
            raise
        self._roster.look(standing.beats, standing.clock, sent)
        self._look = _Look(standing, self._roster.gone, sent)
        found = moves(self._node, self._holding.epochs, standing.leases, self._roster.takers(), standing.clock)
        self._holding = self._holding._replace(epochs=found.keep)  # nothing is done any more with what is given back
        self._table.give(found.give)
        kept = self._table.renew(found.keep)
        taken = self._table.take(found.take)
        epochs = {name: epoch for name, epoch in found.keep.items() if name in kept} | taken
        self._holding = Holding(epochs, sent + LIFE - SLACK)
        if DELIVERIES in epochs and self._roster.gone:
            self._table.adopt(self._roster.gone)
        left = self._roster.first_end(standing.clock)
        return BEAT if left is None else max(SOON, min(BEAT, left + SOON))

    def leave(self) -> None:
        """Give everything back, and say that this node is not there any more. Raises TroubleError."""
        held, self._holding = self._holding.epochs, NOTHING
        self._table.give(held)
        self._table.leave()
