"""Figures by day: what became of callbacks, and of the calls that they come of, over the history that is kept.

A day lies between two midnights of the policy's zone, so one has 23 or 25 hours when clocks change. What happens is
counted on the day on which it happens: a promise when it is made, a dial when it is dialled, an end when it is over.
So today is what `callbacks.figures` and MQTT say of it. A day that is over does not change any more: it is counted once
and kept in the console's own database, also beyond the time for which the calls themselves are kept. Where a backup
took the place of the database, what it reaches back to is counted anew.
"""

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any, Final, Literal, NamedTuple, Protocol, TypedDict, get_args
from zoneinfo import ZoneInfo

from proxy.console.console_database import ConsoleDatabase
from proxy.control_client import ControlError
from proxy.verbs.shapes.errors import ArgumentError
from proxy.verbs.shapes.theirs import Reach
from routing.figures import Cell, Counts, Origin
from routing.storage import StoreError

By = Literal["day", "group", "agent", "number", "campaign"]
MOST_DAYS: Final = 400
"""Days of one report."""
USUAL_DAYS: Final = 7
"""Days of a report where nobody says from when, today included."""
SETTLED: Final = 600.0
"""Seconds after its end from which a day is taken for over: by then all that happened in it is on disk."""
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
FORM: Final = 1
"""Of the cells that are kept: those of another one are counted anew."""


class FigureRow(TypedDict):
    """What happened on one day, or on all days of a report, of one thing."""

    day: str | None
    """YYYY-MM-DD; None: all days of the report together."""
    of: str | None
    """Group, extension, number in E.164 or id of a campaign; None: of all, where it is by day alone."""
    missed: int
    offers_made: int
    offers_taken: int
    promised: int
    dialled: int
    kept: int
    kept_in_time: int
    called_meanwhile: int
    tickets: int
    failed: int
    expired: int
    cancelled: int
    declined: int
    released: int
    tickets_opened: int
    direct_used: int
    average_wait_s: float | None
    """Seconds from the missed call, or from the request in the queue, to the talk; None: none was kept."""
    median_wait_s: float | None


COUNTED: Final = Counts._fields
COLUMNS: Final = ("day", "of", *COUNTED, "average_wait_s", "median_wait_s")
"""Keys of a row, in the order of a table."""


@dataclass(frozen=True)
class Asked:
    """Which days, by what."""

    first: date
    last: date
    by: By = "day"

    @property
    def days(self) -> Iterator[date]:
        """The days, the first first."""
        for number in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=number)


def asked(today: date, first: str | None, last: str | None, by: str | None) -> Asked:
    """Read what was asked for: the last week where nothing is said. Raises ArgumentError, which names what cannot."""
    end = _day("to", last) or today
    begin = _day("from", first) or end - timedelta(days=USUAL_DAYS - 1)
    if begin > end:
        raise ArgumentError("from", f"from: {begin} is after {end}")
    if (end - begin).days >= MOST_DAYS:
        raise ArgumentError("from", f"from: a report has at most {MOST_DAYS} days")
    if by is not None and by not in get_args(By):
        raise ArgumentError("by", f"by: {by[:40]!r} is none of {', '.join(get_args(By))}")
    kinds: dict[str, By] = {one: one for one in get_args(By)}
    return Asked(begin, end, kinds[by or "day"])


def _day(key: str, typed: str | None) -> date | None:
    if not typed:
        return None
    try:
        found = date.fromisoformat(typed if _DAY.fullmatch(typed) else "")
    except ValueError:
        raise ArgumentError(key, f"{key}: {typed[:40]!r} is no day; write it as 2026-11-30") from None
    if not 1970 <= found.year < 9999:
        raise ArgumentError(key, f"{key}: {typed[:40]!r} is beyond every calendar here")
    return found


class Day(NamedTuple):
    """One day with all that happened on it."""

    day: date
    cells: list[Cell]


class Cells(Protocol):
    """Who counts in the database."""

    def cells(self, since: float, before: float) -> list[Cell]:
        """Count what happened from `since` until before `before`, seconds since the epoch. Raises StoreError."""

    def origin(self) -> Origin:
        """Say which database it is, and how far back it reaches. Raises StoreError."""

    def close(self) -> None:
        """Give back what it is read with."""


class Some(NamedTuple):
    """Days of a report, as far as they are counted."""

    days: list[Day]
    left: int
    """Days that are still to be counted."""


class Figures:
    """Counts days. In the console's loop; the database is asked in another thread, one report's day at a time."""

    def __init__(self, reads: Cells, kept: ConsoleDatabase, zone: Callable[[], ZoneInfo],
                 wall: Callable[[], float], steady: Callable[[], float]) -> None:
        """`kept`: where days that are over are remembered. `zone`: the policy's. `wall`: seconds since the epoch;
        `steady`: of a clock that is never set."""
        self._reads, self._kept, self._zone, self._wall, self._steady = reads, kept, zone, wall, steady
        self._turn = asyncio.Lock()

    @property
    def today(self) -> date:
        """The day that it is in the policy's zone."""
        return datetime.fromtimestamp(self._wall(), self._zone()).date()

    async def days(self, days: Iterable[date]) -> AsyncIterator[Day]:
        """Count days, one after another. Raises ControlError where the database cannot be read."""
        zone, origin = self._zone(), await self._origin()
        for day in days:
            async with self._turn:  # many reports take turns, so that none of them has every thread
                cells = await asyncio.to_thread(self._cells, day, zone, origin)
            yield Day(day, cells)

    async def some(self, days: Iterable[date], seconds: float) -> Some:
        """Return days that are remembered, and count further ones for so long, the last first; one that is not over
        always. Raises ControlError where the database cannot be read."""
        zone, origin, wanted = self._zone(), await self._origin(), [*days]
        async with self._turn:
            return await asyncio.to_thread(self._some, wanted, zone, origin, seconds)

    def _some(self, wanted: list[date], zone: ZoneInfo, origin: Origin, seconds: float) -> Some:
        found: list[Day] = []
        until: float | None = None
        for day in reversed(wanted):
            over = self._is_over(day, zone)
            known = self._remembered(day, zone, origin) if over else None
            if known is not None:
                found.append(Day(day, known))
                continue
            if over:  # reading what is remembered takes none of the time
                until = self._steady() + seconds if until is None else until
                if self._steady() >= until:
                    continue
            found.append(Day(day, self._cells(day, zone, origin)))
        return Some(found[::-1], len(wanted) - len(found))

    async def _origin(self) -> Origin:
        try:
            return await asyncio.to_thread(self._reads.origin)
        except StoreError as error:
            raise ControlError(f"the database cannot be read: {error}") from error

    async def rows(self, asked: Asked, reach: Reach) -> AsyncIterator[FigureRow]:
        """Count what is theirs, a row for each day and thing, the first day first."""
        async for day in self.days(asked.days):
            for row in rows(day.cells, asked.by, reach, day.day.isoformat()):
                yield row

    async def total(self, asked: Asked, reach: Reach) -> list[FigureRow]:
        """Count what is theirs of all days together, a row for each thing."""
        cells = [cell async for day in self.days(asked.days) for cell in day.cells]
        return rows(cells, asked.by, reach, None)

    def close(self) -> None:
        """Give back what the database is read with."""
        self._reads.close()

    def _is_over(self, day: date, zone: ZoneInfo) -> bool:
        return self._wall() >= _midnight(day + timedelta(days=1), zone) + SETTLED

    def _cells(self, day: date, zone: ZoneInfo, origin: Origin) -> list[Cell]:
        since, before = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
        if since > self._wall():
            return []  # it is still to come
        over = self._is_over(day, zone)
        known = self._remembered(day, zone, origin) if over else None
        if known is not None:
            return known
        try:
            cells = self._reads.cells(since, before)
        except StoreError as error:
            raise ControlError(f"the database cannot be read: {error}") from error
        if over:
            self._remember(day, zone, origin, cells)
        return cells

    def _remembered(self, day: date, zone: ZoneInfo, origin: Origin) -> list[Cell] | None:
        """Return what was counted of this database, or of a day to which it does not reach back."""
        beyond = origin.oldest is None or _midnight(day + timedelta(days=1), zone) <= origin.oldest
        with suppress(sqlite3.Error, ValueError, TypeError):
            for (text,) in self._kept.read(
                    "SELECT cells FROM figure_days WHERE day=? AND zone=? AND form=? AND (restored=? OR ?)",
                    (day.isoformat(), zone.key, FORM, origin.restored, beyond)):
                return [Cell(group, number, campaign, agent, Counts(*counts), tuple(waits))
                        for group, number, campaign, agent, counts, waits in json.loads(text)]
        return None

    def _remember(self, day: date, zone: ZoneInfo, origin: Origin, cells: list[Cell]) -> None:
        with suppress(sqlite3.Error):  # it is counted again then
            self._kept.write("INSERT OR REPLACE INTO figure_days (day, zone, form, cells, restored) VALUES (?,?,?,?,?)",
                             (day.isoformat(), zone.key, FORM, json.dumps(cells), origin.restored))


def _midnight(day: date, zone: ZoneInfo) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()


def rows(cells: Iterable[Cell], by: By, reach: Reach, day: str | None) -> list[FigureRow]:
    """Add cells up to rows of what is theirs, by name. By day there is one row, be it of nothing."""
    counts: dict[str | None, Counts] = {None: Counts()} if by == "day" else {}
    waits: dict[str | None, list[float]] = {}
    for cell in cells:
        name = NAMES[by](cell)
        if (name is None and by != "day") or not _is_theirs(cell, reach):
            continue
        counts[name] = counts.get(name, Counts()).plus(cell.counts)
        waits.setdefault(name, []).extend(cell.waits)
    return [_row(day, name, found, waits.get(name, [])) for name, found in sorted(
        counts.items(), key=lambda item: item[0] or "")]


NAMES: Final[Mapping[By, Callable[[Cell], str | None]]] = {
    "day": lambda cell: None, "group": lambda cell: cell.group, "agent": lambda cell: cell.agent,
    "number": lambda cell: cell.number, "campaign": lambda cell: cell.campaign,
}
"""What a cell is of, by each thing."""


def _is_theirs(cell: Cell, reach: Reach) -> bool:
    """An agent's is what they did themselves; a supervisor's, what happened in their groups."""
    if reach.role == "agent":
        return cell.agent is not None and reach.has_agent(cell.agent)
    return reach.has_group(cell.group)


def _row(day: str | None, of: str | None, counts: Counts, waits: list[float]) -> FigureRow:
    found: dict[str, Any] = {
        "day": day, "of": of, **counts._asdict(),
        "average_wait_s": round(sum(waits) / len(waits), 1) if waits else None,
        "median_wait_s": round(median(waits), 1) if waits else None}
    return found  # type: ignore[return-value]  # a test holds it to the shape
