"""UUID version 7 (RFC 9562 section 5.7): names that sort by the time they were given, to the millisecond."""

import re
from collections.abc import Callable
from typing import Final

RandomBytes = Callable[[int], bytes]

_NOISE: Final = 10
"""Random octets in one name; six bits of them make place for version and variant."""

_STOCK: Final = 200 * _NOISE
"""Octets fetched at a time: one call of the system for two hundred names."""

BESIDE: Final = (0xFFFF_FFFF_FFFF, 0xFFFF_FFFF_0000)
"""What is turned round in a name for each of those that stand beside it."""

_NAME: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def uuid7(now: float, random_bytes: RandomBytes) -> str:
    """Return a new UUID in text form. `now`: seconds since the epoch; `random_bytes(10)` must be unpredictable."""
    return _write(now, random_bytes(_NOISE).hex())


def floor7(now: float) -> str:
    """Return the smallest UUID version 7 of the millisecond that `now` is in: where a range of names begins."""
    return _write(now, "0" * 2 * _NOISE)


def time7(name: str) -> float:
    """Return the moment that a UUID version 7 was given, seconds since the epoch."""
    return int(name[:8] + name[9:13], 16) / 1000


def beside7(name: str) -> tuple[str, ...]:
    """Return the names of what stands beside something, in their order; of each of these its own is among those beside
    it, in the same place. None where the name is no UUID version 7.

    So whoever knows the one finds the other, though nothing is kept of either.
    """
    if not _NAME.fullmatch(name):
        return ()
    return tuple(f"{name[:24]}{int(name[24:], 16) ^ turned:012x}" for turned in BESIDE)


def _write(now: float, noise: str) -> str:
    time = f"{int(now * 1000) & 0xFFFF_FFFF_FFFF:012x}"
    return f"{time[:8]}-{time[8:]}-7{noise[:3]}-{_VARIANT[noise[3]]}{noise[4:7]}-{noise[7:19]}"


class Names:
    """Gives names, with random octets in stock."""

    __slots__ = ("_noise", "_random", "_used")

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random = random_bytes
        self._noise = ""
        self._used = 0

    def new(self, now: float) -> str:
        """Return a new UUID in text form."""
        if self._used == len(self._noise):
            self._noise, self._used = self._random(_STOCK).hex(), 0
        begin = self._used
        self._used = end = begin + 2 * _NOISE
        return _write(now, self._noise[begin:end])
