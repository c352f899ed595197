"""The ladder of SIP messages: parties as columns, a message as an arrow from one to another, time downwards."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from markupsafe import Markup

from proxy.console.drawing.svg import drawing, element

TIME_WIDTH: Final = 110
"""Room for the time of a message, left of the first party."""
COLUMN: Final = 220
"""From one party's line to the next."""
HEAD: Final = 36
ROW: Final = 34
ARROW: Final = 8
LETTERS: Final = 26
"""Of what an arrow says; the whole of it stands in the row's title."""
LEFT_OUT: Final = 400
"""Rows that are drawn; a call that has more is drawn as far as that, and a line says so."""


class LadderRow(NamedTuple):
    """One message."""

    time: float
    """Seconds since the epoch."""
    source: str
    """Name of a party: a column, or somebody else, who gets one of their own at the end."""
    destination: str
    line: str
    """What the arrow says: method or status and reason."""
    leg: str = ""
    """Which of several calls it belongs to; drawn as a colour by its place among them."""


def ladder(rows: Sequence[LadderRow], columns: Sequence[str], show_time: Callable[[float], str], title: str) -> Markup:
    """Draw messages in the order in which they are given. `columns`: the parties that are known, from left to right;
    those that no message touches are left out. `title`: what whoever cannot see it is told.
    """
    rows = rows[:LEFT_OUT]
    touched = {name for row in rows for name in (row.source, row.destination)}
    parties = [name for name in columns if name in touched] + sorted(touched.difference(columns))
    places = {name: TIME_WIDTH + COLUMN // 2 + COLUMN * number for number, name in enumerate(parties)}
    legs = {leg: number for number, leg in enumerate(dict.fromkeys(row.leg for row in rows))}
    height = HEAD + ROW * (len(rows) + 1)
    parts = [_party(name, at, height) for name, at in places.items()]
    parts += [_row(row, HEAD + ROW * (number + 1), places, legs[row.leg], show_time)
              for number, row in enumerate(rows)]
    return drawing(TIME_WIDTH + COLUMN * max(1, len(parties)), height, title, *parts, class_="ladder")


def _party(name: str, at: float, height: float) -> Markup:
    return (element("text", name, x=at, y=20, class_="ladder-party", text_anchor="middle")
            + element("line", x1=at, y1=HEAD - 8, x2=at, y2=height, class_="ladder-rail"))


def _row(row: LadderRow, at: float, places: dict[str, int], leg: int, show_time: Callable[[float], str]) -> Markup:
    start, end = places[row.source], places[row.destination]
    said = element("title", f"{show_time(row.time)} {row.source} \u2192 {row.destination}: {row.line}")
    parts = [said, element("text", show_time(row.time), x=0, y=at + 4, class_="ladder-time")]
    words = row.line if len(row.line) <= LETTERS else row.line[:LETTERS - 1] + "\u2026"
    if start == end:
        parts.append(element("text", words, x=start + 8, y=at + 4, class_="ladder-line"))
    else:
        way = 1 if end > start else -1
        tip = f"{end},{at:g} {end - way * ARROW},{at - ARROW / 2:g} {end - way * ARROW},{at + ARROW / 2:g}"
        parts += [
            element("line", x1=start, y1=at, x2=end - way * ARROW, y2=at, class_="ladder-arrow"),
            element("polygon", points=tip, class_="ladder-tip"),
            element("text", words, x=(start + end) / 2, y=at - 5, class_="ladder-line", text_anchor="middle"),
        ]
    return element("g", Markup("").join(parts), class_=f"ladder-row ladder-{kind(row.line)} ladder-leg-{leg % 4}")


def kind(line: str) -> str:
    """Return what a message is, by what its arrow says: `request`, `provisional`, `success`, `redirect`, `failure`."""
    first = line[:1] if line[:3].isdigit() and line[3:4] in ("", " ") else ""
    return {"1": "provisional", "2": "success", "3": "redirect", "": "request"}.get(first, "failure")
