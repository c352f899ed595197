"""Open time on a real clock, windows, and the spread of attempts: product.md's examples, nights of DST, any zone."""

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.hours import Open, parse_all
from config.policy import parse_policy
from routing.callbacks.schedule import (
    FURTHEST,
    GAP,
    OpenTime,
    PublicHolidays,
    next_slot,
    open_time_for,
    slots,
    window_end,
    within,
)

BUDAPEST = "Europe/Budapest"
H = 3600.0
WORK = parse_all(["mon-fri 08:00-17:00"])


def at(text: str, zone: str = BUDAPEST, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def shown(moments: tuple[float, ...], zone: str = BUDAPEST) -> list[str]:
    return [datetime.fromtimestamp(moment, ZoneInfo(zone)).strftime("%a %H:%M") for moment in moments]


# The examples of product.md section 2 (2026-06-01 is a Monday)


def test_no_hours() -> None:
    missed = at("2026-06-01T12:00")
    planned = slots(missed, missed + 24 * H, 6, OpenTime((), BUDAPEST))
    assert shown(planned) == ["Mon 12:00", "Mon 16:00", "Mon 20:00", "Tue 00:00", "Tue 04:00", "Tue 08:00"]


def test_working_hours() -> None:
    missed = at("2026-06-01T12:00")
    planned = slots(missed, missed + 24 * H, 6, OpenTime(WORK, BUDAPEST))
    assert shown(planned) == ["Mon 12:00", "Mon 13:30", "Mon 15:00", "Mon 16:30", "Tue 09:00", "Tue 10:30"]


def test_closed_all_through() -> None:
    missed = at("2026-06-05T17:00")
    assert slots(missed, missed + 48 * H, 6, OpenTime(WORK, BUDAPEST)) == ()
    assert len(slots(missed, missed + 64 * H, 6, OpenTime(WORK, BUDAPEST))) == 6


def test_the_first_at_the_opening() -> None:
    missed = at("2026-06-01T05:00")
    planned = slots(missed, missed + 24 * H, 3, OpenTime(WORK, BUDAPEST))
    assert shown(planned) == ["Mon 08:00", "Mon 11:00", "Mon 14:00"]


def test_a_moment_that_is_a_closing_is_the_next_opening() -> None:
    missed = at("2026-06-01T08:00")
    planned = slots(missed, missed + 48 * H, 2, OpenTime(WORK, BUDAPEST))
    assert shown(planned) == ["Mon 08:00", "Tue 08:00"]


@pytest.mark.parametrize(
    ("hours", "missed", "end"),
    [
        ([], "2026-06-01T12:00", "2026-06-02T00:00"),
        ([], "2026-06-01T00:00", "2026-06-02T00:00"),
        (["mon-fri 08:00-17:00"], "2026-06-01T12:00", "2026-06-01T17:00"),
        (["mon-fri 08:00-17:00"], "2026-06-01T06:00", "2026-06-01T17:00"),
        (["mon-fri 08:00-17:00"], "2026-06-01T17:00", "2026-06-02T00:00"),
        (["mon-fri 08:00-17:00"], "2026-06-06T12:00", "2026-06-07T00:00"),
        (["mon-fri 08:00-12:00,13:00-17:00"], "2026-06-01T10:00", "2026-06-01T17:00"),
        (["mon 20:00-24:00", "tue 00:00-04:00"], "2026-06-01T22:00", "2026-06-02T00:00"),
        ([], "2026-10-25T01:00", "2026-10-26T00:00"),
        ([], "2026-03-29T01:00", "2026-03-30T00:00"),
    ],
)
def test_the_window_ends_with_the_day(hours: list[str], missed: str, end: str) -> None:
    assert window_end(at(missed), None, OpenTime(parse_all(hours), BUDAPEST)) == at(end)


def test_the_window_as_a_time() -> None:
    assert window_end(5.0, 48 * H, OpenTime(WORK, BUDAPEST)) == 5.0 + 48 * H


# Nights on which the clock is changed: 2026-03-29 has no 02:00-03:00, 2026-10-25 has it twice


def stretch(hours: str, day: str) -> tuple[float, float | None, float]:
    """Opening and closing of the first stretch of a day, and the open seconds of the whole day."""
    open_time = OpenTime(parse_all([f"mon-sun {hours}"]), BUDAPEST)
    begin = at(f"{day}T00:00")
    opening = open_time.next_open(begin)
    assert opening is not None
    return opening, open_time.next_close(begin), open_time.open_seconds(begin, open_time.day_end(begin))


def test_an_hour_that_the_clock_leaves_out() -> None:
    three = at("2026-03-29T03:00")
    assert stretch("01:00-04:00", "2026-03-29") == (at("2026-03-29T01:00"), at("2026-03-29T04:00"), 2 * H)
    assert stretch("02:30-04:00", "2026-03-29") == (three, at("2026-03-29T04:00"), H)
    assert stretch("01:00-02:30", "2026-03-29") == (at("2026-03-29T01:00"), three, H)
    assert stretch("02:00-03:00", "2026-03-29")[0] == at("2026-03-30T02:00")
    assert stretch("00:00-24:00", "2026-03-29")[2] == 23 * H


def test_an_hour_that_comes_twice() -> None:
    first, second = at("2026-10-25T02:30"), at("2026-10-25T02:30", fold=1)
    assert second - first == H
    assert stretch("01:00-04:00", "2026-10-25") == (at("2026-10-25T01:00"), at("2026-10-25T04:00"), 4 * H)
    assert stretch("02:00-02:30", "2026-10-25") == (at("2026-10-25T02:00"), first, H)
    open_time = OpenTime(parse_all(["sun 02:30-04:00"]), BUDAPEST)
    moments = (first - 1, first, second - 1, second)
    assert [open_time.is_open(moment) for moment in moments] == [False, True, False, True]
    assert stretch("00:00-24:00", "2026-10-25")[2] == 25 * H


def test_attempts_over_a_night_of_change_are_even_and_none_twice() -> None:
    for day, seconds in (("2026-03-28", 7 * H), ("2026-10-24", 9 * H)):
        open_time = OpenTime(parse_all(["mon-sun 20:00-24:00", "mon-sun 00:00-04:00"]), BUDAPEST)
        missed = at(f"{day}T20:00")
        planned = slots(missed, missed + 12 * H, 9, open_time)
        assert [round(later - before) for before, later in pairwise(planned)] == [round(seconds / 9)] * 8


def test_midnight_that_the_clock_leaves_out() -> None:
    """Santiago's clock goes from 24:00 to 01:00 on 2026-09-05."""
    zone = "America/Santiago"
    open_time = OpenTime((), zone)
    end = open_time.day_end(at("2026-09-05T12:00", zone))
    assert datetime.fromtimestamp(end, ZoneInfo(zone)).strftime("%d %H:%M") == "06 01:00"
    assert open_time.day_end(end) - end == 23 * H


def test_a_day_that_a_zone_left_out() -> None:
    """Apia went from 29 to 31 December 2011."""
    zone = "Pacific/Apia"
    open_time = OpenTime(parse_all(["mon-sun 08:00-09:00"]), zone)
    opening = open_time.next_open(at("2011-12-29T09:00", zone))
    assert opening == at("2011-12-31T08:00", zone)
    assert open_time.open_seconds(at("2011-12-29T00:00", zone), at("2012-01-01T00:00", zone)) == 2 * H


def test_hours_that_go_on_past_midnight_close_where_they_really_end() -> None:
    open_time = OpenTime(parse_all(["mon 20:00-24:00", "tue 00:00-04:00"]), BUDAPEST)
    assert open_time.next_close(at("2026-06-01T21:00")) == at("2026-06-02T04:00")
    always = OpenTime(parse_all(["mon-sun 00:00-24:00"]), BUDAPEST)
    assert always.next_close(at("2026-06-01T21:00")) is None
    assert OpenTime((), BUDAPEST).next_close(0.0) is None


# Holidays


def test_public_holidays_are_closed() -> None:
    """1 May 2026 is a Friday; Friday 21 August joins Hungary's national day to the weekend."""
    missed = at("2026-04-30T16:00")
    open_time = OpenTime(WORK, BUDAPEST, PublicHolidays("HU"))
    assert shown(slots(missed, missed + 96 * H, 3, open_time)) == ["Thu 16:00", "Mon 10:00", "Mon 13:00"]
    assert not open_time.is_open(at("2026-08-20T12:00"))
    assert open_time.next_open(at("2026-08-19T17:00")) == at("2026-08-24T08:00")
    assert OpenTime((), BUDAPEST, PublicHolidays("HU")).is_open(at("2026-08-20T12:00"))


def test_holidays_of_a_part_of_a_country() -> None:
    epiphany = date(2027, 1, 6)
    assert PublicHolidays("DE/BY").is_closed(epiphany)
    assert not PublicHolidays("DE").is_closed(epiphany)
    bavaria = PublicHolidays("DE/BY")
    assert [bavaria.is_closed(date(year, 12, 25)) for year in (2025, 2026, 2025)] == [True] * 3


class Never:
    """A calendar without a working day."""

    def is_closed(self, day: date) -> bool:
        return True


def test_who_never_works_is_never_due() -> None:
    open_time = OpenTime(WORK, BUDAPEST, Never())
    now = at("2026-06-01T12:00")
    assert open_time.next_open(now) is None
    assert open_time.next_close(now) is None
    assert open_time.advance(now, 1.0) is None
    assert open_time.day_end(now) == open_time.closing(now) == at("2026-06-02T00:00")
    assert slots(now, now + 24 * H, 4, open_time) == ()
    assert within(now, now + 24 * H, open_time) is None
    assert FURTHEST >= 31


# What comes next


def test_the_next_planned_moment() -> None:
    open_time = OpenTime((), BUDAPEST)
    planned = slots(0.0, 24 * H, 6, open_time)
    assert next_slot(0.0, planned, 24 * H, open_time) == 4 * H
    assert next_slot(60.0, planned, 24 * H, open_time) == 4 * H
    assert next_slot(9 * H, planned, 24 * H, open_time) == 12 * H
    assert next_slot(20 * H, planned, 24 * H, open_time) is None
    assert next_slot(0.0, (), 24 * H, open_time) is None


def test_an_attempt_that_waited_for_an_agent_is_not_followed_at_once() -> None:
    open_time = OpenTime((), BUDAPEST)
    planned = slots(0.0, 24 * H, 6, open_time)
    assert next_slot(4 * H - 60, planned, 24 * H, open_time) == 4 * H - 60 + GAP * 4 * H
    late = slots(0.0, 60.0, 2, open_time)
    assert next_slot(29.0, late, 30.5, open_time) is None


def test_the_next_planned_moment_is_open() -> None:
    open_time = OpenTime(WORK, BUDAPEST)
    missed = at("2026-06-01T12:00")
    planned = slots(missed, missed + 24 * H, 6, open_time)
    following = next_slot(at("2026-06-01T17:00"), planned, missed + 24 * H, open_time)
    assert following == at("2026-06-02T09:00")
    assert within(at("2026-06-01T18:00"), missed + 24 * H, open_time) == at("2026-06-02T08:00")
    assert within(at("2026-06-01T18:00"), at("2026-06-02T08:00"), open_time) is None


# Any zone, any hours: the wall clock is the judge

ZONES = st.sampled_from([
    "UTC", "Europe/Budapest", "America/New_York", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe",
    "America/Santiago", "Asia/Beirut", "Africa/Casablanca", "Pacific/Apia", "Pacific/Kiritimati", "America/Havana",
    "Atlantic/Azores", "Antarctica/Troll",
])  # fmt: skip
SPANS = st.tuples(st.integers(0, 6), st.integers(0, 1439), st.integers(1, 1440)).filter(lambda span: span[1] < span[2])
HOURS = st.lists(SPANS.map(lambda span: Open(*span)), max_size=5).map(tuple)
YEAR = st.integers(int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2027, 1, 1, tzinfo=UTC).timestamp()))
CHANGE = int(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp())


def wall_is_open(hours: tuple[Open, ...], zone: str, moment: float) -> bool:
    clock = datetime.fromtimestamp(moment, ZoneInfo(zone))
    minute = clock.hour * 60 + clock.minute
    return not hours or any(day == clock.weekday() and start <= minute < end for day, start, end in hours)


@given(HOURS, ZONES, YEAR)
@example((Open(6, 150, 240),), BUDAPEST, CHANGE)
def test_open_is_what_the_clock_on_the_wall_says(hours: tuple[Open, ...], zone: str, moment: int) -> None:
    open_time = OpenTime(hours, zone)
    for step in range(0, 14 * 3600, 577):
        assert open_time.is_open(moment + step) == wall_is_open(hours, zone, moment + step)


@given(HOURS, ZONES, YEAR)
@example((Open(6, 150, 240),), BUDAPEST, CHANGE)
def test_openings_and_closings_are_edges_and_nothing_lies_between(
    hours: tuple[Open, ...], zone: str, moment: int
) -> None:
    open_time = OpenTime(hours, zone)
    opening = open_time.next_open(moment)
    assert opening is not None
    assert wall_is_open(hours, zone, opening)
    assert opening == moment or not wall_is_open(hours, zone, opening - 1)
    closing = open_time.next_close(moment)
    if closing is not None:
        assert closing > opening
        assert not wall_is_open(hours, zone, closing)
        assert wall_is_open(hours, zone, closing - 1)
        assert open_time.open_seconds(opening, closing) == pytest.approx(closing - opening)
        assert open_time.open_seconds(moment, closing) == pytest.approx(closing - opening)


@given(HOURS, ZONES, YEAR, st.integers(60, 14 * 86_400), st.integers(1, 10))
def test_attempts_are_open_in_order_even_and_inside_the_window(
    hours: tuple[Open, ...], zone: str, missed: int, window: int, attempts: int
) -> None:
    open_time = OpenTime(hours, zone)
    end = float(missed + window)
    total = open_time.open_seconds(missed, end)
    planned = slots(missed, end, attempts, open_time)
    assert len(planned) == (attempts if total > 0 else 0)
    assert all(wall_is_open(hours, zone, moment) and missed <= moment < end for moment in planned)
    if planned:
        assert planned[0] == open_time.next_open(missed)
        for before, later in pairwise(planned):
            assert open_time.open_seconds(before, later) == pytest.approx(total / attempts, abs=0.01)
        following = next_slot(planned[0] + 1, planned, end, open_time)
        assert following is None or wall_is_open(hours, zone, following)


@given(ZONES, YEAR)
def test_a_day_ends_where_the_next_one_begins(zone: str, moment: int) -> None:
    end = OpenTime((), zone).day_end(moment)
    today = datetime.fromtimestamp(moment, ZoneInfo(zone)).date()
    assert datetime.fromtimestamp(end, ZoneInfo(zone)).date() > today
    assert datetime.fromtimestamp(end - 1, ZoneInfo(zone)).date() == today
    assert moment < end <= moment + 26 * H


def test_what_is_known_of_days_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routing.callbacks.schedule.DAYS_KEPT", 5)
    open_time = OpenTime(WORK, BUDAPEST)
    missed = at("2026-06-01T12:00")
    assert open_time.open_seconds(missed, missed + 28 * 86_400) == 20 * 9 * H
    assert len(open_time._days) <= 5


def test_what_a_policy_says_of_a_group() -> None:
    policy = parse_policy("""
        region = "HU"
        timezone = "Europe/Budapest"
        holidays = "HU"
        [group.sales]
        hours = ["mon-fri 08:00-17:00"]
        [group.london]
        hours = ["mon-fri 08:00-17:00"]
        timezone = "Europe/London"
        holidays = ""
        [campaign.10001]
        group = "sales"
        hours = ["sat 10:00-12:00"]
        [campaign.10002]
        group = "sales"
        hours = []
    """)
    national_day = at("2026-08-20T14:00")
    assert not open_time_for(policy, "sales").is_open(national_day)
    assert open_time_for(policy, "london").is_open(national_day)
    assert not open_time_for(policy, "sales", "10001").is_open(at("2026-08-19T10:00"))
    assert open_time_for(policy, "sales", "10001").is_open(at("2026-08-22T10:00"))
    assert open_time_for(policy, "sales", "10002").always
    assert open_time_for(policy, "nobody").always
