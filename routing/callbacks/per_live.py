"""How often callers who asked for a callback go before those who wait: `per_live`."""

from routing.callbacks.facts import LiveState


class PerLive:
    """Counts live callers whom agents have taken, for each group since it dialled a request the last time."""

    def __init__(self, live: LiveState) -> None:
        self._live = live
        self._taken: dict[str, int] = {}
        """How many live callers of a group were taken by then."""

    def may_go(self, group: str, per_live: int, under_way: int) -> bool:
        """Whether one request more may be called although others wait. `under_way`: those that are about to be dialled.

        While nobody waits any number may.
        """
        if self._live.waiting(group) == 0:
            return True
        return under_way == 0 and self._live.taken(group) - self._taken.get(group, 0) >= per_live

    def note_dialled(self, group: str) -> None:
        """A request is dialled, and the count begins anew."""
        self._taken[group] = self._live.taken(group)
