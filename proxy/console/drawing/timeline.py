"""A time line: a stretch of time with what is open in it, the attempts that were made and those that are to come."""

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from markupsafe import Markup

from proxy.console.drawing.svg import drawing, element

WIDTH: Final = 960
MARGIN: Final = 24
HEIGHT: Final = 92
RAIL: Final = 40
"""Where the middle of the rail is, from above."""
THICK: Final = 14
RADIUS: Final = 11
STEPS: Final = (1, 2, 3, 4, 6, 12, 24, 48, 96, 168)
"""Hours between two labels: the first of which there are few enough."""
LABELS: Final = 13
SHORTEST: Final = 60.0
"""Seconds that a line stands for at the least, so that one of no length can be drawn."""

MarkKind = Literal["planned", "moved", "kept", "failed", "running"]
"""An attempt: to come; to come later than planned, for quiet hours; made and talked; made and not; under way."""


class Mark(NamedTuple):
    """One attempt."""

    at: float
    """Seconds since the epoch."""
    kind: MarkKind
    label: str
    """One or two signs that stand in it."""
    says: str
    """A sentence, for whoever points at it or cannot see it."""


def timeline(begin: float, end: float, spans: Sequence[tuple[float, float]], marks: Sequence[Mark], zone: ZoneInfo,
             title: str, now: tuple[float, str] | None = None, quiet: Sequence[tuple[float, float]] = ()) -> Markup:
    """Draw a time line from `begin` to `end`. `spans`: what is open; `quiet`: when nobody is called; `now`: this moment
    and the word for it, where it lies within; `title`: what whoever cannot see it is told. Moments in seconds since the
    epoch.
    """
    first = min([begin, *(mark.at for mark in marks)])
    last = max([end, first + SHORTEST, *(mark.at for mark in marks)])

    def place(at: float) -> float:
        return round(MARGIN + (min(max(at, first), last) - first) / (last - first) * (WIDTH - 2 * MARGIN), 1)

    parts = [_bar(place(first), place(last), "timeline-closed")]
    for name, stretches in (("timeline-open", spans), ("timeline-quiet", quiet)):
        parts += [_bar(place(start), place(stop), name) for start, stop in stretches if start < last and stop > first]
    parts += [_tick(at, place(at), zone, at == day) for at, day in _ticks(first, last, zone)]
    if now is not None and first <= now[0] <= last:
        parts.append(_now(place(now[0]), now[1]))
    shown = sorted(marks)
    parts += [_mark(mark, x) for mark, x in zip(shown, apart([place(mark.at) for mark in shown]), strict=True)]
    return drawing(WIDTH, HEIGHT, title, *parts, class_="timeline")


def apart(places: Sequence[float]) -> list[float]:
    """Return where circles stand, from left to right, so that none covers another: each where it belongs, or beside the
    one before it."""
    step = min(2.0 * RADIUS + 2.0, (WIDTH - 2 * MARGIN) / max(1, len(places) - 1))
    found: list[float] = []
    for place in places:
        found.append(max(place, found[-1] + step) if found else place)
    end = float(WIDTH - MARGIN)
    for number in reversed(range(len(found))):
        found[number] = min(found[number], end)
        end = found[number] - step
    return [round(place, 1) for place in found]


def _bar(start: float, stop: float, name: str) -> Markup:
    return element("rect", x=start, y=RAIL - THICK / 2, width=max(0.0, stop - start), height=THICK, class_=name)


def _tick(at: float, x: float, zone: ZoneInfo, is_midnight: bool) -> Markup:
    shown = datetime.fromtimestamp(at, zone)
    label = f"{shown:%m-%d}" if is_midnight else f"{shown:%H:%M}"
    name = "timeline-day" if is_midnight else "timeline-hour"
    return (element("line", x1=x, y1=RAIL + THICK / 2, x2=x, y2=RAIL + THICK / 2 + 8, class_="timeline-tick")
            + element("text", label, x=x, y=RAIL + THICK / 2 + 24, text_anchor="middle", class_=name))


def _now(x: float, word: str) -> Markup:
    side = "end" if x > WIDTH - 4 * MARGIN else "start" if x < 4 * MARGIN else "middle"
    return (element("line", x1=x, y1=RAIL - 26, x2=x, y2=RAIL + 26, class_="timeline-now")
            + element("text", word, x=x, y=RAIL - 29, text_anchor=side, class_="timeline-word"))


def _mark(mark: Mark, x: float) -> Markup:
    return element("g", element("title", mark.says)
                   + element("circle", cx=x, cy=RAIL, r=RADIUS)
                   + element("text", mark.label, x=x, y=RAIL + 4, text_anchor="middle"),
                   class_=f"timeline-mark timeline-{mark.kind}")


def _ticks(first: float, last: float, zone: ZoneInfo) -> Iterator[tuple[float, float]]:
    """Yield the labelled moments, each with the midnight of its day, by the clock on the wall of the zone."""
    step = next((hours for hours in STEPS if (last - first) / 3600 / hours <= LABELS), STEPS[-1])
    day = datetime.fromtimestamp(first, zone).date()
    number = 0
    while True:
        days, hour = divmod(number * step, 24)
        at = datetime.combine(day + timedelta(days=days), time(hour), zone).timestamp()
        if at > last:
            return
        if at >= first:
            yield at, datetime.combine(day + timedelta(days=days), time(), zone).timestamp()
        number += 1
