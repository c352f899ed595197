"""Quiet hours, in the time zone of whoever would be woken up."""

from collections.abc import Sequence
from typing import NamedTuple

from config.hours import DAYS, Open
from routing.callbacks.schedule import OpenTime, Stretch


class Quiet(NamedTuple):
    """It is quiet now."""

    zone: str
    """One zone in which it is."""
    until: float | None
    """From when on it is quiet in none of them; None: never."""


class QuietHours:
    """Stretches of the week in which nobody is called; zones are made when they are first asked for."""

    __slots__ = ("_hours", "_zones")

    def __init__(self, hours: Sequence[Open]) -> None:
        self._hours = tuple(hours)
        self._zones: dict[str, OpenTime] = {}

    def now(self, zones: Sequence[str], now: float) -> Quiet | None:
        """Say whether it is quiet in any of these zones: a mobile number may be in each of its country's."""
        if not self._hours:
            return None
        quiet = next((zone for zone in zones if self._in(zone).is_open(now)), None)
        return None if quiet is None else Quiet(quiet, self._over(zones, now))

    def stretches(self, zones: Sequence[str], start: float, end: float) -> tuple[Stretch, ...]:
        """Return when it is quiet in any of these zones between two moments."""
        found: list[Stretch] = []
        for one in sorted(one for zone in zones for one in self._in(zone).stretches(start, end)) if self._hours else ():
            if found and one.start <= found[-1].end:
                found[-1] = Stretch(found[-1].start, max(found[-1].end, one.end))
            else:
                found.append(one)
        return tuple(found)

    def _over(self, zones: Sequence[str], at: float) -> float | None:
        """The first moment from `at` on that is quiet in none of the zones, within a week."""
        last = at + len(DAYS) * 86_400
        while at <= last:
            times = [self._in(zone) for zone in zones]
            ends = [time.next_close(at) for time in times if time.is_open(at)]
            if not ends:
                return at
            later = [end for end in ends if end is not None]
            if len(later) < len(ends):
                return None
            at = max(later)
        return None

    def _in(self, zone: str) -> OpenTime:
        found = self._zones.get(zone)
        if found is None:
            found = self._zones[zone] = OpenTime(self._hours, zone)
        return found
