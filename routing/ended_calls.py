"""Calls that have ended, as long as messages of theirs may be under way."""

from typing import Final

from routing.facts import Standing
from routing.ids import time7
from routing.storage import Store, StoreError

ENDS_WITHIN: Final = 300.0
"""Seconds after its end in which a call's last messages may be under way: more than Timer C and 64*T1 (a 2xx that
crossed its CANCEL is acknowledged and hung up after the end)."""
ENDED_MAX: Final = 10_000
"""Ends that are known without asking the database."""
LONGEST_UNSEEN: Final = 7 * 86_400.0
"""Seconds for which a call may go on that is not written down."""


class EndedCalls:
    """When calls ended: the last ones of this process, and what the database says of others."""

    __slots__ = ("_ended", "_leapt", "_store")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ended: dict[str, float] = {}
        self._leapt = 0.0
        """Seconds that the clock was set forward in all: what is older than this process may seem older than it is."""

    def add(self, call: str, now: float) -> None:
        """Remember that a call has ended."""
        if len(self._ended) >= ENDED_MAX:
            del self._ended[next(iter(self._ended))]
        self._ended[call] = now

    def here(self, call: str) -> bool:
        """Whether a call has ended in this process lately: the database may not say so yet."""
        return call in self._ended

    def move(self, seconds: float) -> None:
        """Follow the wall clock, which was set forward by so many seconds (back: negative)."""
        self._ended = {call: at + seconds for call, at in self._ended.items()}
        self._leapt += max(0.0, seconds)

    def standing(self, call: str, now: float) -> Standing:
        """Say how a call stands that is not in progress here. Asks the database where it did not end here lately."""
        ended_at = self._ended.get(call)
        if ended_at is None:
            try:
                row = self._store.calls.one(call)
            except StoreError:
                row = None
            if row is None or row.ended_at is None or row.ended_by == "lost":
                return "unknown" if now - self._leapt - time7(call) < LONGEST_UNSEEN else "long_over"
            ended_at = row.ended_at
        return "over" if now - ended_at < ENDS_WITHIN else "long_over"
