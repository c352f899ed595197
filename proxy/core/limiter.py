"""Token buckets by source: a flood from one address takes nothing from the others.

Sources that are no peer may ask a little (OPTIONS is answered to anybody); peers may send new requests at the rate of a
large carrier. What is over the limit is dropped before it is parsed (strangers) or answered 503 (peers).
"""

from typing import Final

STRANGER_RATE: Final = 100.0
"""Messages a second that one unknown address may send."""
STRANGER_BURST: Final = 1_000.0
PEER_RATE: Final = 1_000.0
"""New requests a second from one peer address."""
PEER_BURST: Final = 2_000.0
SOURCES_LIMIT: Final = 10_000
"""Buckets kept. When full, all are dropped: a spoofed flood must not fill the memory."""


class Buckets:
    """One token bucket for each source. `rate` in tokens a second, `burst` in tokens."""

    __slots__ = ("_burst", "_levels", "_rate")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._levels: dict[str, tuple[float, float]] = {}

    def admit(self, source: str, now: float) -> bool:
        """Take one token of `source`; False when there is none."""
        known = self._levels.get(source)
        if known is None:
            if len(self._levels) >= SOURCES_LIMIT:
                self._levels.clear()
            level = self._burst
        else:
            level = min(self._burst, known[0] + (now - known[1]) * self._rate)
        if level < 1.0:
            self._levels[source] = (level, now)
            return False
        self._levels[source] = (level - 1.0, now)
        return True
