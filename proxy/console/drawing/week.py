"""A week of opening hours: seven rows of 24 hours."""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from config.hours import MINUTES_A_DAY, Open
from proxy.console.drawing.svg import drawing, element

LEFT: Final = 90.0
WIDTH: Final = 720.0
ROW: Final = 22.0
TOP: Final = 20.0
HOURS: Final = (0, 6, 8, 10, 12, 14, 16, 18, 20, 24)


def draw_week(hours: Sequence[Open], days: Sequence[str], title: str) -> Markup:
    """Draw stretches of the week; none means always open. `days`: what each day is called, from Monday on."""
    def at(minute: int) -> float:
        return LEFT + (WIDTH - LEFT - 16) * minute / MINUTES_A_DAY

    open_ = hours or [Open(day, 0, MINUTES_A_DAY) for day in range(len(days))]
    parts: list[Markup] = []
    for day, name in enumerate(days):
        top = TOP + day * ROW
        parts.append(element("text", name, x=0, y=top + 14, class_="week-day"))
        parts.append(element("rect", x=LEFT, y=top, width=WIDTH - LEFT - 16, height=ROW - 6, class_="week-closed"))
        parts += [element("rect", x=at(one.start), y=top, width=at(one.end) - at(one.start), height=ROW - 6,
                          class_="week-open") for one in open_ if one.day == day]
    for hour in HOURS:
        parts.append(element("text", str(hour), x=at(hour * 60), y=12, text_anchor="middle", class_="week-hour"))
    return drawing(WIDTH, TOP + ROW * len(days), title, *parts, class_="week")
