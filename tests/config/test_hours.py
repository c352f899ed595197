"""Opening hours as stretches of the week."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.hours import DAYS, MINUTES_A_DAY, Open, parse_hours


def test_days_and_times() -> None:
    assert parse_hours("mon-fri 08:00-17:00") == tuple(Open(day, 480, 1020) for day in range(5))
    assert parse_hours("sat,sun  09:00-12:00,13:00-24:00") == (
        Open(5, 540, 720),
        Open(5, 780, 1440),
        Open(6, 540, 720),
        Open(6, 780, 1440),
    )


def test_days_go_round_the_week() -> None:
    assert [stretch.day for stretch in parse_hours("sat-mon 00:00-00:01")] == [0, 5, 6]
    assert [stretch.day for stretch in parse_hours("mon-mon 00:00-00:01")] == [0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mon",
        "08:00-17:00",
        "Mon 08:00-17:00",
        "mon 8:00-17:00",
        "mon 08:00-25:00",
        "mon 08:00-24:01",
        "mon 08:60-09:00",
        "mon 17:00-08:00",
        "mon 08:00-08:00",
        "mon- 08:00-17:00",
        "mon 08:00-17:00\n",
        "mon08:00-17:00",
        "mon \u06608:00-17:00",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"hours|end after"):
        parse_hours(text)


@given(st.sampled_from(DAYS), st.sampled_from(DAYS), st.integers(0, MINUTES_A_DAY - 1), st.data())
def test_a_range_has_both_its_ends(first: str, last: str, start: int, data: st.DataObject) -> None:
    end = data.draw(st.integers(start + 1, MINUTES_A_DAY))
    clock = "{:02d}:{:02d}".format
    found = parse_hours(f"{first}-{last} {clock(*divmod(start, 60))}-{clock(*divmod(end, 60))}")
    assert {(item.start, item.end) for item in found} == {(start, end)}
    days = {item.day for item in found}
    assert {DAYS.index(first), DAYS.index(last)} <= days
    assert len(days) == (DAYS.index(last) - DAYS.index(first)) % 7 + 1
