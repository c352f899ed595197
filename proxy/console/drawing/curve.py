"""Curves: figures that go on from day to day, one line each, drawn so that they are told apart without colours too."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, floor, log10
from typing import Final, NamedTuple

from markupsafe import Markup

from proxy.console.drawing.svg import drawing, element

WIDTH: Final = 960
HEIGHT: Final = 260
LEFT: Final = 56
RIGHT: Final = 16
TOP: Final = 14
BOTTOM: Final = 34
LINES: Final = 4
"""Lines across, above the lowest."""
STEPS: Final = (1, 2, 3, 4, 5, 6, 8, 10, 100)
"""Between two lines across, times a power of ten."""
LABELS: Final = 10
"""Days that are written below, at the most."""
CURVES: Final = 6
"""Curves that can be told apart: that many classes `curve-1` … the style sheet has."""
POINTS: Final = 62
"""Days up to which each has a point that can be pointed at."""


class Curve(NamedTuple):
    """One line."""

    name: str
    values: Sequence[float | None]
    """One for each day; None: there is none, and the line has a gap."""


def curves(days: Sequence[str], lines: Sequence[Curve], title: str, unit: str = "") -> Markup:
    """Draw curves over days. `days`: what is written below each; `unit`: after each figure; `title`: what whoever
    cannot see it is told. No more than `CURVES` of them are drawn.
    """
    shown = lines[:CURVES]
    top = _top(max((value for line in shown for value in line.values if value is not None), default=0.0))
    parts = [_rule(step * top / LINES, top, unit) for step in range(LINES + 1)]
    parts += _days(days)
    for number, line in enumerate(shown, 1):
        parts.append(_curve(number, line, days, top, unit))
    return drawing(WIDTH, HEIGHT, title, *parts, class_="curves")


def _top(most: float) -> float:
    """Return where the drawing ends above: the next round figure that can be divided among the lines."""
    if most <= LINES:
        return float(LINES)
    size = 10.0 ** floor(log10(most / LINES))
    return next(step * size * LINES for step in STEPS if step * size * LINES >= most)


def _x(day: int, days: int) -> float:
    inside = WIDTH - LEFT - RIGHT
    return round(LEFT + (inside / 2 if days == 1 else inside * day / (days - 1)), 1)


def _y(value: float, top: float) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top, 1)


def _rule(value: float, top: float, unit: str) -> Markup:
    y = _y(value, top)
    return (element("line", x1=LEFT, y1=y, x2=WIDTH - RIGHT, y2=y, class_="curve-rule")
            + element("text", f"{value:g}{unit}", x=LEFT - 8, y=y + 4, text_anchor="end", class_="curve-figure"))


def _days(days: Sequence[str]) -> list[Markup]:
    every = max(1, ceil(len(days) / LABELS))
    return [element("text", day, x=_x(number, len(days)), y=HEIGHT - 12, class_="curve-day",
                    text_anchor="middle" if 0 < number < len(days) - 1 or len(days) == 1 else
                    "start" if number == 0 else "end")
            for number, day in enumerate(days) if number % every == 0]


def _curve(number: int, line: Curve, days: Sequence[str], top: float, unit: str) -> Markup:
    points = [(_x(day, len(days)), _y(value, top), day, value)
              for day, value in enumerate(line.values) if value is not None]
    parts = [element("path", d=_path(points), class_="curve-line")] if len(points) > 1 else []
    if len(days) <= POINTS:
        parts += [element("circle", element("title", f"{line.name}, {days[day]}: {value:g}{unit}"), cx=x, cy=y, r=4)
                  for x, y, day, value in points]
    return element("g", Markup("").join(parts), class_=f"curve curve-{number}")


def _path(points: Sequence[tuple[float, float, int, float]]) -> str:
    """Return the line through points; days without one part it."""
    x, y, *_ = points[0]
    found = [f"M{x:g} {y:g}"]
    for (_, _, before, _), (x, y, day, _) in pairwise(points):
        found.append(f"{'L' if day == before + 1 else 'M'}{x:g} {y:g}")
    return " ".join(found)
