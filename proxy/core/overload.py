"""Overload: whether a new call is refused, by how long it has waited to be read; and what was refused is remembered.

Rules
- The measure is the wait of a message before it was read. A queue that does not get shorter is what overload is; a CPU
  that is busy is not. A queue that is worked off (after a pause of the process, or a burst) refuses nobody.
- So calls are refused while nothing young was read for `SUSTAINED` seconds, and of them only those that have waited
  longer than `TARGET`. That holds the queue at about `TARGET`, where the next calls are served again: far below T1
  (RFC 3261 section 17.1.1.1), for a far end that repeats its requests makes the load twice what it was.
- Only a new INVITE is refused. Whatever belongs to a call, and every answer, is served.
- A refusal makes no transaction (RFC 3261 section 8.2.7), but is remembered as long as one would be: its ACK means
  nothing to anybody else, and a copy of it must not become a call when there is room again, for its caller is gone.
"""

from collections.abc import Hashable
from typing import Final

YOUNG: Final = 0.05
"""Seconds of waiting that say that the queue was worked off."""
TARGET: Final = 0.1
"""Seconds of waiting that are too long for a new call, while nothing is young."""
SUSTAINED: Final = 0.25
"""Seconds in which nothing young was read, until calls are refused."""
PATIENCE = 5.0
"""Seconds from the start in which what has waited for us meanwhile is worked off."""
REMEMBERED: Final = 32.0
"""Seconds: 64*T1, as long as a caller repeats an INVITE."""
REFUSALS_MAX = 50_000
"""Refusals that are remembered in `REMEMBERED` seconds; with more of them, each for a shorter time."""


class Overload:
    """The decision. `started` and `now`: seconds on the monotonic clock."""

    __slots__ = ("_patient_until", "_since")

    def __init__(self, started: float) -> None:
        self._since: float | None = None
        """When the first message was read of those that are not young, with no young one after it."""
        self._patient_until = started + PATIENCE

    def late(self, waited: float, now: float) -> bool:
        """Take note that a message is read after `waited` seconds; return whether it is refused if it is a new call."""
        if waited < YOUNG:
            self._since = None
            return False
        if self._since is None:
            self._since = now
        return waited > TARGET and now - self._since >= SUSTAINED and now >= self._patient_until


class Refusals:
    """Names of what was refused lately; those of the last `REMEMBERED` seconds at least, unless they are too many."""

    __slots__ = ("_before", "_begun", "_now", "some")

    def __init__(self) -> None:
        self.some = False
        """Whether any is remembered."""
        self._now: set[int] = set()
        self._before: set[int] = set()
        self._begun = float("-inf")

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._now) + len(self._before)

    def add(self, key: Hashable, now: float) -> None:
        """Remember a refusal."""
        if now - self._begun > REMEMBERED or len(self._now) >= REFUSALS_MAX:
            self._turn(now)
        self._now.add(hash(key))
        self.some = True

    def has(self, key: Hashable, now: float) -> bool:
        """Say whether this was refused."""
        if now - self._begun > REMEMBERED:
            self._turn(now)
        name = hash(key)
        return name in self._now or name in self._before

    def _turn(self, now: float) -> None:
        self._before = self._now if now - self._begun <= 2 * REMEMBERED else set()
        self._now = set()
        self.some = bool(self._before)
        self._begun = now
