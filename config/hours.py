"""Opening hours: `mon-fri 08:00-17:00`, `sat,sun 09:00-12:00,13:00-24:00`.

Days, a space, times. A range of days may go round the week (`fri-mon`); a range of times may not pass midnight: that is
two lines. Times are those of the policy's time zone.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY: Final = 1440

_DAY = rf"(?:{'|'.join(DAYS)})"
_TIME = r"(?:[01][0-9]|2[0-4]):[0-5][0-9]"
_SPAN = rf"{_TIME}-{_TIME}"
_FORM: Final = re.compile(rf"({_DAY}(?:-{_DAY})?(?:,{_DAY}(?:-{_DAY})?)*) +({_SPAN}(?:,{_SPAN})*)")


class Open(NamedTuple):
    """One stretch of one day of the week in which somebody answers."""

    day: int
    """0 is Monday."""
    start: int
    """Minute of the day, included."""
    end: int
    """Minute of the day, not included; 1440 is midnight at its end."""


def parse_hours(text: str) -> tuple[Open, ...]:
    """Return the stretches that one line of hours names, in the order of the week; ValueError where it is none."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not opening hours: write them as 'mon-fri 08:00-17:00'")
    spans = [_span(part) for part in match[2].split(",")]
    return tuple(sorted({Open(day, *span) for part in match[1].split(",") for day in _days(part) for span in spans}))


def parse_all(lines: Iterable[str]) -> tuple[Open, ...]:
    """Return the stretches that several lines name together, in the order of the week."""
    return tuple(sorted({stretch for line in lines for stretch in parse_hours(line)}))


def _days(text: str) -> list[int]:
    first, _, last = text.partition("-")
    start = DAYS.index(first)
    count = (DAYS.index(last or first) - start) % len(DAYS)
    return [(start + step) % len(DAYS) for step in range(count + 1)]


def _span(text: str) -> tuple[int, int]:
    start, end = (int(part[:2]) * 60 + int(part[3:]) for part in text.split("-"))
    if not start < end <= MINUTES_A_DAY:
        raise ValueError(
            f"{text!r} does not end after it starts: hours that pass midnight are two lines, {text[:5]}-24:00 of one "
            f"day and 00:00-{text[-5:]} of the next"
        )
    return start, end
