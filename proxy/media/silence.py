"""Whether anybody is there: how long a leg has said nothing, in packets or in audio."""

from collections.abc import Callable
from typing import Final

from proxy.media.codecs import loudness
from proxy.media.contract import CodecName

LOUD: Final = 100.0
"""Mean magnitude of the samples of a packet from which on it is no silence: about -50 dBm0."""


class SilenceWatch:
    """Tells silence of a leg, again each time as much has passed. Measures nothing unless it is asked to."""

    __slots__ = ("_measures", "_since", "_told", "seconds")

    def __init__(self, now: float) -> None:
        self.seconds = 0.0
        """What is told; 0: nothing."""
        self._since = self._told = now
        self._measures: dict[CodecName, Callable[[bytes], float]] = {}

    def restart(self, now: float) -> None:
        """Somebody was heard, or nobody can be heard."""
        self._since = self._told = now

    def hear(self, name: CodecName, payload: bytes, now: float) -> None:
        """Take a packet."""
        measure = self._measures.get(name)
        if measure is None:
            measure = self._measures[name] = loudness(name)
        if measure(payload) >= LOUD:
            self._since = self._told = now

    def due(self, now: float) -> float | None:
        """Return how long it has been silent, where that is to be told now."""
        if now - self._told < self.seconds:
            return None
        self._told = now
        return now - self._since
