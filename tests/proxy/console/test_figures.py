"""Reports: which days, whose, and days that are over counted once."""

import asyncio
import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import get_type_hints
from zoneinfo import ZoneInfo

import pytest

from proxy.console import figures
from proxy.console.console_database import ConsoleDatabase
from proxy.console.figures import Asked, FigureRow, Figures, asked, rows
from proxy.control_client import ControlError
from proxy.verbs.shapes.caller import OPERATOR, Caller
from proxy.verbs.shapes.errors import ArgumentError
from proxy.verbs.shapes.theirs import Reach, reach
from routing.figures import Cell, Counts, Origin
from routing.storage import StoreError

ZONE = ZoneInfo("Europe/Budapest")
ADMIN = reach(OPERATOR, {})
HOUR = 3600.0


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()


class Reads:
    """A database that remembers what it was asked, and has one thing in each stretch."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, float]] = []
        self.broken = False
        self.now = Origin(0, 0.0)

    def origin(self) -> Origin:
        if self.broken:
            raise StoreError("locked")
        return self.now

    def cells(self, since: float, before: float) -> list[Cell]:
        if self.broken:
            raise StoreError("locked")
        self.asked.append((since, before))
        return [Cell("sales", None, None, "201", Counts(dialled=len(self.asked), kept=1), (2.5,))]

    def close(self) -> None:
        self.broken = True


class Desk:
    """Figures on a clock that the test sets."""

    def __init__(self, path: Path) -> None:
        self.reads, self.kept, self.now, self.zone = Reads(), ConsoleDatabase(path), at("2026-10-26 12:00"), ZONE
        self.figures = Figures(self.reads, self.kept, lambda: self.zone, lambda: self.now,
                               lambda: float(len(self.reads.asked)))

    def rows(self, first: str, last: str) -> list[FigureRow]:
        async def gather() -> list[FigureRow]:
            wanted = Asked(date.fromisoformat(first), date.fromisoformat(last), "agent")
            return [row async for row in self.figures.rows(wanted, ADMIN)]

        return asyncio.run(gather())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "console.db")
    yield desk
    desk.kept.close()


def test_days_have_as_many_hours_as_they_have_where_the_house_is(desk: Desk) -> None:
    desk.rows("2026-10-24", "2026-10-26")
    assert [(before - since) / HOUR for since, before in desk.reads.asked] == [24, 25, 24]
    assert [since for since, _ in desk.reads.asked] == [
        at("2026-10-24 00:00"), at("2026-10-25 00:00"), at("2026-10-26 00:00")]
    desk.now = at("2027-03-30 12:00")
    desk.rows("2027-03-28", "2027-03-28")
    assert (desk.reads.asked[-1][1] - desk.reads.asked[-1][0]) / HOUR == 23


def test_a_day_that_is_over_is_counted_once_and_today_each_time(desk: Desk) -> None:
    first = desk.rows("2026-10-24", "2026-10-26")
    assert [row["day"] for row in first] == ["2026-10-24", "2026-10-25", "2026-10-26"]
    again = desk.rows("2026-10-24", "2026-10-26")
    assert len(desk.reads.asked) == 4
    assert again[:2] == first[:2]
    assert (again[2]["dialled"], again[2]["average_wait_s"]) == (4, 2.5)
    desk.now = at("2026-10-27 00:09:59")
    desk.rows("2026-10-26", "2026-10-26")
    desk.rows("2026-10-26", "2026-10-26")
    assert len(desk.reads.asked) == 6, "what happened a moment ago may not be on disk yet"
    desk.now += 1
    desk.rows("2026-10-26", "2026-10-26")
    desk.rows("2026-10-26", "2026-10-26")
    assert len(desk.reads.asked) == 7


def test_another_zone_and_another_form_are_counted_anew(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.rows("2026-10-24", "2026-10-24")
    desk.zone = ZoneInfo("UTC")
    desk.rows("2026-10-24", "2026-10-24")
    monkeypatch.setattr(figures, "FORM", figures.FORM + 1)
    desk.rows("2026-10-24", "2026-10-24")
    assert len(desk.reads.asked) == 3
    desk.kept.write("UPDATE figure_days SET cells='[[1]]'")
    desk.rows("2026-10-24", "2026-10-24")
    assert len(desk.reads.asked) == 4, "what cannot be read is nothing"


def _some(desk: Desk, first: str, last: str, enough: int) -> tuple[list[str], int]:
    """Days of a report that has the time to count so many: each takes a second."""
    wanted = Asked(date.fromisoformat(first), date.fromisoformat(last))
    found = asyncio.run(desk.figures.some(wanted.days, enough))
    return [day.isoformat() for day, _ in found.days], found.left


def test_a_page_counts_the_last_days_first_and_goes_on_where_it_stopped(desk: Desk) -> None:
    days = [f"2026-10-{day}" for day in range(20, 27)]
    assert _some(desk, days[0], days[-1], 3) == (days[-4:], 3), "today beside them"
    assert _some(desk, days[0], days[-1], 1) == (days[-5:], 2), "what is remembered takes no time"
    assert len(desk.reads.asked) == 6
    assert _some(desk, days[0], days[-1], 9) == (days, 0)
    assert _some(desk, days[0], "2026-10-28", 0) == ([*days, "2026-10-27", "2026-10-28"], 0)
    desk.reads.broken = True
    with pytest.raises(ControlError, match="the database cannot be read: locked"):
        _some(desk, days[0], days[-1], 9)


def test_what_was_counted_of_another_database_counts_only_beyond_this_one(desk: Desk) -> None:
    first = desk.rows("2026-10-22", "2026-10-24")
    desk.reads.now = Origin(1_790_000_000, at("2026-10-23 09:00"))
    again = desk.rows("2026-10-22", "2026-10-24")
    assert again[0] == first[0], "nobody else knows of that day any more"
    assert [row["dialled"] for row in again] == [1, 4, 5]
    assert desk.rows("2026-10-22", "2026-10-24") == again
    desk.reads.now = Origin(1_790_000_001, None)
    assert desk.rows("2026-10-22", "2026-10-24") == again


def test_what_is_to_come_is_nothing_and_asks_nobody(desk: Desk) -> None:
    assert desk.rows("2026-10-27", "2026-11-05") == []
    assert desk.reads.asked == []


def test_a_database_that_cannot_be_read_is_told_and_not_remembered(desk: Desk) -> None:
    desk.reads.broken = True
    with pytest.raises(ControlError, match="the database cannot be read: locked"):
        desk.rows("2026-10-24", "2026-10-24")
    desk.reads.broken = False
    assert len(desk.rows("2026-10-24", "2026-10-24")) == 1


# Whose, and by what

CELLS = [
    Cell("sales", "+361", "10001", "201", Counts(dialled=2, kept=2), (10.0, 50.0)),
    Cell("sales", "+361", None, "202", Counts(dialled=1, kept=1), (30.0,)),
    Cell("sales", "+361", None, None, Counts(missed=4, promised=3)),
    Cell("vip", None, None, "201", Counts(declined=1)),
    Cell(None, "+362", None, None, Counts(missed=1)),
]


def brief(found: list[FigureRow]) -> dict[str | None, dict[str, object]]:
    plain = {"day", "of", "average_wait_s", "median_wait_s"}
    return {row["of"]: {key: value for key, value in row.items() if value and key not in plain} for row in found}


def test_rows_by_each_thing() -> None:
    assert brief(rows(CELLS, "day", ADMIN, "2026-10-24")) == {
        None: {"missed": 5, "promised": 3, "dialled": 3, "kept": 3, "declined": 1}}
    assert brief(rows(CELLS, "group", ADMIN, None)) == {
        "sales": {"missed": 4, "promised": 3, "dialled": 3, "kept": 3}, "vip": {"declined": 1}}
    assert brief(rows(CELLS, "agent", ADMIN, None)) == {
        "201": {"dialled": 2, "kept": 2, "declined": 1}, "202": {"dialled": 1, "kept": 1}}
    assert brief(rows(CELLS, "campaign", ADMIN, None)) == {"10001": {"dialled": 2, "kept": 2}}
    assert set(brief(rows(CELLS, "number", ADMIN, None))) == {"+361", "+362"}
    (row,) = rows(CELLS, "day", ADMIN, "2026-10-24")
    assert (row["average_wait_s"], row["median_wait_s"]) == (30.0, 30.0)
    (row,) = rows([], "day", ADMIN, "2026-10-24")
    assert (row["missed"], row["average_wait_s"], row["median_wait_s"]) == (0, None, None)


@pytest.mark.parametrize(("caller", "missed", "dialled", "declined"), [
    (Caller("a", "admin", "console"), 5, 3, 1), (Caller("s", "supervisor", "console"), 5, 3, 1),
    (Caller("s", "supervisor", "console", frozenset({"sales"})), 4, 3, 0),
    (Caller("s", "supervisor", "console", frozenset()), 0, 0, 0),
    (Caller("p", "agent", "console", None, "201"), 0, 2, 1), (Caller("p", "agent", "console", None, "999"), 0, 0, 0),
    (Caller("p", "agent", "console"), 0, 0, 0),
])
def test_everybody_sees_what_is_theirs(caller: Caller, missed: int, dialled: int, declined: int) -> None:
    (row,) = rows(CELLS, "day", reach(caller, {}), None)
    assert (row["missed"], row["dialled"], row["declined"]) == (missed, dialled, declined)


def test_a_row_is_as_its_shape_and_its_columns_say() -> None:
    (row,) = rows(CELLS, "day", Reach("admin", None, None, None), "2026-10-24")
    assert tuple(row) == figures.COLUMNS == tuple(get_type_hints(FigureRow))
    json.dumps(row)


def test_the_last_week_is_shown_where_nothing_is_said() -> None:
    today = date(2026, 10, 26)
    assert asked(today, None, None, None) == Asked(date(2026, 10, 20), today, "day")
    assert asked(today, "", "2026-10-02", "agent") == Asked(date(2026, 9, 26), date(2026, 10, 2), "agent")
    assert len([*asked(today, "2025-09-22", None, None).days]) == figures.MOST_DAYS


@pytest.mark.parametrize(("first", "last", "by", "key"), [
    ("2026-10-27", None, None, "from"), ("2025-09-21", None, None, "from"), ("yesterday", None, None, "from"),
    (None, "2026-02-30", None, "to"), (None, "9999-12-31", None, "to"), ("0001-01-01", None, None, "from"),
    (None, None, "colour", "by"), ("2026-W40", None, None, "from"), (None, "\0", None, "to"),
])
def test_what_cannot_be_asked_names_where(first: str | None, last: str | None, by: str | None, key: str) -> None:
    with pytest.raises(ArgumentError) as error:
        asked(date(2026, 10, 26), first, last, by)
    assert error.value.key == key
    assert str(error.value).startswith(f"{key}: ")
