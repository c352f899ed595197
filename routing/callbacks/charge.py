"""Which tasks this node brings forward, and which another one does.

What happens to a task is dealt with where it happens. What time brings (it is due, waits no longer for its responsible,
expires, is planned anew, is tried) is one node's at a time: that of who has the lease of its group. A place in a queue
and an attempt are minded by the node that has them, until they are over or it is dead.
"""

from collections.abc import Iterable
from typing import NamedTuple

from routing.callbacks.task import Task, held
from routing.duty import Duty, Fence, desk


class Moved(NamedTuple):
    """What has changed since the last turn."""

    gained: frozenset[str]
    """Groups whose tasks are to be looked at anew."""
    lost: frozenset[str]
    gone: frozenset[str]
    """Nodes that are dead since."""


class Charge:
    """Settled for the length of a turn: in between facts alone happen."""

    def __init__(self, duty: Duty, node: str) -> None:
        """`node`: our name."""
        self._duty, self._node = duty, node
        self._groups: dict[str, bool] = {}
        """Whether each is ours, as whoever asked was told."""
        self._gone: frozenset[str] = frozenset()

    def turn(self, groups: Iterable[str]) -> Moved:
        """Take note of leases that came and went. `groups`: all that there are: who does not ask is offered none."""
        before, gone = self._groups, self._gone
        self._groups = {group: self._duty.holds(desk(group)) for group in groups}
        self._gone = self._duty.gone()
        return Moved(frozenset(group for group, ours in self._groups.items() if ours and not before.get(group, True)),
                     frozenset(group for group, ours in before.items() if ours and not self._groups.get(group, False)),
                     self._gone - gone)

    def has(self, group: str) -> bool:
        """Whether the tasks of a group are ours to bring forward, in this turn."""
        ours = self._groups.get(group)
        if ours is None:
            ours = self._groups[group] = self._duty.holds(desk(group))
        return ours

    def minds(self, task: Task, now: float) -> bool:
        """Whether what time brings to a task that runs in no attempt is for us to do."""
        if task.place is not None:
            return True
        place = held(task.row)
        if place is not None and place.node != self._node and place.until > now and not self.is_gone(place.node):
            return False
        return self.has(task.row.group)

    def is_gone(self, node: str) -> bool:
        """Whether a node is dead."""
        return self._duty.is_gone(node)

    def may_claim(self, group: str) -> bool:
        """Whether an attempt for a group may be claimed at this very moment: a turn may have been a long one."""
        return self._duty.holds(desk(group))

    def fence(self, group: str) -> Fence | None:
        """Return what such a claim goes with."""
        return self._duty.fence(desk(group))

    def may_dial(self) -> bool:
        """Whether no other node can have given up what we are in the middle of."""
        return self._duty.may_dial()
