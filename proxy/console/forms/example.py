"""The example of a missed call: its moment as a browser writes it, and its attempts by day."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

MOMENT: Final = "%Y-%m-%dT%H:%M"
"""How a browser writes day and time."""


class Day(NamedTuple):
    """The attempts of one day."""

    name: str
    """YYYY-MM-DD."""
    times: tuple[str, ...]


def moment_typed(text: str, zone: str) -> float | None:
    """Return the moment that a browser wrote, seconds since the epoch; None: it is none."""
    try:
        return datetime.strptime(text[:16], MOMENT).replace(tzinfo=ZoneInfo(zone)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def noon(now: float, zone: str) -> float:
    """Return noon of the day of a moment."""
    return datetime.fromtimestamp(now, ZoneInfo(zone)).replace(hour=12, minute=0, second=0, microsecond=0).timestamp()


def written(at: float, zone: str) -> str:
    """Return a moment as a browser writes it."""
    return datetime.fromtimestamp(at, ZoneInfo(zone)).strftime(MOMENT)


def days_of(moments: Iterable[float], zone: str) -> list[Day]:
    """Return moments by day, days without any left out."""
    found: dict[str, list[str]] = {}
    for at in moments:
        day, time = written(at, zone).split("T")
        found.setdefault(day, []).append(time)
    return [Day(day, tuple(times)) for day, times in found.items()]
