"""How often callers who asked for a callback go before those who wait: `per_live`."""

from typing import Final

from routing.callbacks.facts import LiveState

UNSEEN: Final = 300.0
"""Seconds without a live caller who is seen to be taken, after which a request goes all the same: a PBX may show
nobody."""


class PerLive:
    """Counts live callers whom agents have taken, for each group since it dialled a request the last time."""

    def __init__(self, live: LiveState) -> None:
        self._live = live
        self._dialled: dict[str, tuple[int, float]] = {}
        """By group: how many live callers were taken by then, and when that was."""

    def may_go(self, group: str, per_live: int, under_way: int, now: float) -> bool:
        """Whether one request more may be called although others wait. `under_way`: those that are about to be dialled.

        While nobody waits any number may, and the first of a group at once.
        """
        if self._live.waiting(group) == 0:
            return True
        if under_way:
            return False
        if group not in self._dialled:
            return True
        before, at = self._dialled[group]
        taken = self._live.taken(group) - before
        return taken >= per_live or (taken == 0 and not at <= now < at + UNSEEN)

    def note_dialled(self, group: str, now: float) -> None:
        """A request is dialled, and the count begins anew."""
        self._dialled[group] = self._live.taken(group), now
