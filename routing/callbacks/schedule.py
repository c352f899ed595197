"""When a callback may be tried: opening hours on a real clock, the window of a missed call, its attempts spread evenly.

- A moment is open when the clock on the wall of the group's zone shows an open time of an open day. So a night on which
  the clock goes back has the repeated hour twice, and an hour that the clock leaves out is never open: what is counted
  is the time that really passes.
- Attempts are spread over the open time between the missed call and the end of the window, the first one at once
  (product.md section 2).
- Public holidays are closed days where hours are set; without hours it is always open.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from config.hours import MINUTES_A_DAY, Open
from config.policy import Policy

FURTHEST: Final = 60
"""Days that are searched for the next open moment: longer than any row of holidays."""

DAYS_KEPT: Final = 1000
"""Days whose open time is remembered; a full memory is begun anew."""

GAP: Final = 0.25
"""Part of the planned distance that lies at least between the end of one attempt and the next one."""

_TINY: Final = 1e-4
"""Seconds that count as nothing: what remains of adding fractions."""

_WHOLE_DAY: Final = ((0, MINUTES_A_DAY),)
_STEP: Final = 3 * 3600
"""No zone changes its clock twice within so many seconds."""


class Stretch(NamedTuple):
    """A stretch of real time, seconds since the epoch, the end not included."""

    start: float
    end: float


class Calendar(Protocol):
    """Says which days are closed whatever the hours say."""

    def is_closed(self, day: date) -> bool:
        """Whether nobody works on that day."""


class PublicHolidays:
    """Public holidays of a country, or of a part of one."""

    __slots__ = ("_country", "_part", "_years")

    def __init__(self, name: str) -> None:
        """`name`: ISO 3166 country, with `/PART` where one has holidays of its own (`DE/BY`)."""
        country, _, part = name.partition("/")
        self._country, self._part = country, part or None
        self._years: dict[int, frozenset[date]] = {}

    def is_closed(self, day: date) -> bool:
        """Whether that day is a public holiday."""
        found = self._years.get(day.year)
        if found is None:
            import holidays  # only who names a country pays for it

            days = holidays.country_holidays(self._country, subdiv=self._part, years=day.year)
            found = self._years[day.year] = frozenset(days)
        return day in found


class OpenTime:
    """The open time of one group or campaign."""

    __slots__ = ("_calendar", "_days", "_hours", "_zone")

    def __init__(self, hours: Sequence[Open], zone: str, calendar: Calendar | None = None) -> None:
        """`hours`: stretches of the week, none means always open; `zone`: IANA name."""
        self._zone = ZoneInfo(zone)
        self._calendar = calendar
        self._hours: dict[int, tuple[tuple[int, int], ...]] = {}
        for stretch in hours:
            self._hours[stretch.day] = (*self._hours.get(stretch.day, ()), (stretch.start, stretch.end))
        self._days: dict[date, tuple[Stretch, ...]] = {}

    @property
    def always(self) -> bool:
        """Whether no hours are set."""
        return not self._hours

    def is_open(self, at: float) -> bool:
        """Whether it is open at that moment."""
        return self.always or any(start <= at < end for start, end in self._day(self._date(at)))

    def next_open(self, at: float) -> float | None:
        """Return `at` where it is open, else the next opening; None where there is none within FURTHEST days."""
        if self.always:
            return at
        found = self._from(at)
        return max(at, found.start) if found else None

    def next_close(self, at: float) -> float | None:
        """Return the end of the open stretch that `at` lies in, or of the next one; None where it does not end."""
        if self.always:
            return None
        found = self._from(at)
        close, begun = (found.end, found.end) if found else (at, at)
        while found is not None and close - begun < FURTHEST * 86_400:
            found = self._from(close)
            if found is None or found.start > close:
                return close
            close = found.end
        return None

    def open_seconds(self, start: float, end: float) -> float:
        """Return how many seconds between two moments are open."""
        if self.always:
            return max(0.0, end - start)
        total = 0.0
        day = self._date(start) - _ONE_DAY
        last = self._date(end) if end > start else day - _ONE_DAY
        while day <= last + _ONE_DAY:
            total += sum(max(0.0, min(end, to) - max(start, since)) for since, to in self._day(day))
            day += _ONE_DAY
        return total

    def stretches(self, start: float, end: float) -> tuple[Stretch, ...]:
        """Return what is open between two moments."""
        if self.always:
            return (Stretch(start, end),) if start < end else ()
        found: list[Stretch] = []
        day, last = self._date(start) - _ONE_DAY, self._date(end) + _ONE_DAY
        while day <= last and start < end:
            found += [Stretch(max(start, since), min(end, to)) for since, to in self._day(day)
                      if max(start, since) < min(end, to)]
            day += _ONE_DAY
        return _joined(found)

    def advance(self, start: float, seconds: float) -> float | None:
        """Return the open moment before which `seconds` of open time have passed since `start`.

        Where that would be a closing it is the next opening. None where there is none within FURTHEST days of the last.
        """
        if self.always:
            return start + seconds
        at, left = start, seconds
        while (found := self._from(at)) is not None:
            at = max(at, found.start)
            if left < found.end - at - _TINY:
                return at + left
            left = max(0.0, left - (found.end - at))
            at = found.end
        return None

    def day_end(self, at: float) -> float:
        """Return the midnight that ends the day of that moment."""
        return self._stretches(self._date(at), _WHOLE_DAY)[-1].end

    def closing(self, at: float) -> float:
        """Return the last closing of the day where it is still to come, else midnight."""
        if not self.always:
            stretches = self._day(self._date(at))
            if stretches and stretches[-1].end > at:
                return stretches[-1].end
        return self.day_end(at)

    def _date(self, at: float) -> date:
        return datetime.fromtimestamp(at, self._zone).date()

    def _from(self, at: float) -> Stretch | None:
        """The stretch that `at` lies in, or the next one."""
        day = self._date(at)
        for ahead in range(FURTHEST):
            for stretch in self._day(day + ahead * _ONE_DAY):
                if stretch.end > at:
                    return stretch
        return None

    def _day(self, day: date) -> tuple[Stretch, ...]:
        """Open stretches of one day of the zone's calendar, in order."""
        found = self._days.get(day)
        if found is None:
            closed = self._calendar is not None and self._calendar.is_closed(day)
            found = () if closed else self._stretches(day, self._hours.get(day.weekday(), ()))
            if len(self._days) >= DAYS_KEPT:
                self._days.clear()
            self._days[day] = found
        return found

    def _stretches(self, day: date, spans: Sequence[tuple[int, int]]) -> tuple[Stretch, ...]:
        """Real time during which the clock shows one of the spans (minutes of the day) of that day."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
        found: list[Stretch] = []
        for start, end in spans:
            for (since, to), offset in self._offsets(midnight):
                begin = max(since, midnight + start * 60 - offset)
                stop = min(to, midnight + end * 60 - offset)
                if begin < stop:
                    found.append(Stretch(begin, stop))
        return _joined(found)

    def _offsets(self, midnight: float) -> list[tuple[Stretch, float]]:
        """Stretches of one offset from UTC round a day (no zone is more than 15 hours away), with that offset."""
        first, last = midnight - 15 * 3600, midnight + 39 * 3600
        found: list[tuple[Stretch, float]] = []
        begin, at = first, first
        while at < last:
            after = min(at + _STEP, last)
            if self._offset(at) != self._offset(after):
                change = self._change(at, after)
                found.append((Stretch(begin, change), self._offset(at)))
                begin = change
            at = after
        return [*found, (Stretch(begin, last), self._offset(begin))]

    def _change(self, low: float, high: float) -> float:
        """The second in which the offset changes, between two moments with different ones."""
        while high - low > 1:
            middle = low + (high - low) // 2
            if self._offset(middle) == self._offset(low):
                low = middle
            else:
                high = middle
        return high

    def _offset(self, at: float) -> float:
        offset = datetime.fromtimestamp(at, self._zone).utcoffset()
        return offset.total_seconds() if offset is not None else 0.0


_ONE_DAY: Final = timedelta(days=1)


def _joined(stretches: list[Stretch]) -> tuple[Stretch, ...]:
    """Sort stretches and make one of those that meet."""
    found: list[Stretch] = []
    for stretch in sorted(stretches):
        if found and stretch.start <= found[-1].end:
            found[-1] = Stretch(found[-1].start, max(found[-1].end, stretch.end))
        else:
            found.append(stretch)
    return tuple(found)


def open_time_for(policy: Policy, group: str, campaign: str | None = None) -> OpenTime:
    """Return the open time of a group, or of one of its campaigns."""
    country = policy.holidays_for(group)
    calendar = PublicHolidays(country) if country else None
    return OpenTime(policy.hours_for(group, campaign), policy.zone_for(group), calendar)


def window_end(missed_at: float, window: float | None, open_time: OpenTime) -> float:
    """Return when a callback's window is over; `window` in seconds, None: with the day (`end_of_day`).

    The day ends with its last closing, and at midnight where no hours are set or that closing is over.
    """
    return open_time.closing(missed_at) if window is None else missed_at + window


def slots(missed_at: float, expires_at: float, attempts: int, open_time: OpenTime) -> tuple[float, ...]:
    """Return the planned moments of the attempts: even in open time, the first one at once or at the next opening.

    None where it is closed all through the window.
    """
    total = open_time.open_seconds(missed_at, expires_at)
    if total <= 0:
        return ()
    planned = (open_time.advance(missed_at, total * number / attempts) for number in range(attempts))
    return tuple(at for at in planned if at is not None and at < expires_at)


def within(at: float, expires_at: float, open_time: OpenTime) -> float | None:
    """Return the first open moment from `at` on; None where the window is over by then."""
    found = open_time.next_open(at)
    return found if found is not None and found < expires_at else None


def next_slot(after: float, planned: Sequence[float], expires_at: float, open_time: OpenTime) -> float | None:
    """Return when to try next, once an attempt has ended at `after`: the next planned moment.

    An attempt that had to wait for an agent may end just before it: GAP of the planned distance is kept all the same.
    Planned moments that have passed are not made up for. None where nothing is left.
    """
    place = bisect_right(planned, after)
    if place == len(planned):
        return None
    distance = open_time.open_seconds(planned[0], expires_at) / len(planned)
    earliest = open_time.advance(after, distance * GAP)
    return None if earliest is None else within(max(planned[place], earliest), expires_at, open_time)
