"""Durations: one number, one unit, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0.0), ("500ms", 0.5), ("20s", 20.0), ("5m", 300.0), ("8h", 28800.0), ("2d", 172800.0), ("007s", 7.0)],
)
def test_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8",
        "h",
        "8 h",
        " 8h",
        "8h\n",
        "8H",
        "-8h",
        "+8h",
        "1_0s",
        "٣s",
        "²s",
        "1.5h",
        "1h30m",
        "9" * 10 + "s",
        "9" * 5000 + "s",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.5, "500ms"),
        (90, "90s"),
        (120, "2m"),
        (28800, "8h"),
        (86400, "1d"),
        (90000, "25h"),
        (1.001, "1001ms"),
    ],
)
def test_written_in_the_largest_unit_that_fits(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 0.0001, 1e15, 1_000_000.001])
def test_what_has_no_form(seconds: float) -> None:
    with pytest.raises(ValueError, match="second"):
        format_duration(seconds)


@given(st.integers(0, 999_999_999), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_every_duration_survives(count: int, unit: str) -> None:
    seconds = parse_duration(f"{count}{unit}")
    assert parse_duration(format_duration(seconds)) == seconds
