"""Durations as the operator writes them: `500ms`, `20s`, `5m`, `8h`, `2d`.

One whole number and one unit. Milliseconds are the finest step, so a duration always survives being written and read.
"""

import re
from typing import Final

_FORM: Final = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_MILLISECONDS: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_MOST_DIGITS: Final = 999_999_999


def parse_duration(text: str) -> float:
    """Return the seconds that `text` says; ValueError where it is no duration."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration: write a whole number and ms, s, m, h or d, such as 20s or 8h")
    return int(match[1]) * _MILLISECONDS[match[2]] / 1000


def format_duration(seconds: float) -> str:
    """Write seconds in the largest unit that holds them exactly (`28800.0` is `8h`).

    ValueError for what cannot be written so: negative, not finite, finer than a millisecond, too large.
    """
    if not 0 <= seconds <= _MOST_DIGITS * 86_400:
        raise ValueError(f"{seconds} seconds cannot be written as a duration")
    milliseconds = round(seconds * 1000)
    if milliseconds / 1000 != seconds:
        raise ValueError(f"{seconds} seconds is finer than a millisecond")
    if milliseconds == 0:
        return "0s"
    for unit, size in _MILLISECONDS.items():
        count, rest = divmod(milliseconds, size)
        if rest == 0 and count <= _MOST_DIGITS:
            return f"{count}{unit}"
    raise ValueError(f"{seconds} seconds has more digits than a duration may have")
