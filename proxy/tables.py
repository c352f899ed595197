"""Tables of plain text that fit the terminal, or whoever reads instead of one.

Rules
- As wide as what stands in it where that fits; else the widest column of text is folded, and the next, down to
  `LEAST`. Where even that is too wide a row becomes a block of lines, one a column.
- A cell never holds more lines than its text has words to fold; numbers, times and ids are never folded.
- Width is counted as terminals do: what East Asia writes is two wide, what combines with the sign before it is nothing.
"""

import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

GAP: Final = 2
"""Spaces between two columns."""
LEAST: Final = 6
"""Signs that a folded column keeps."""
WIDE: Final = frozenset("WF")
"""East Asian widths (Unicode Standard Annex 11) of signs that take two places."""


class Cell(NamedTuple):
    """What stands in one place of a table."""

    text: str
    style: str = ""
    """How a terminal shows it (`styled`); empty: as the rest."""
    whole: bool = False
    """Never folded."""


def width_of(text: str) -> int:
    """Return how many places a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(sign) else 1 + (unicodedata.east_asian_width(sign) in WIDE) for sign in text)


def fold(text: str, room: int) -> list[str]:
    """Cut a text into lines of at most `room` places, between words where that can be."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if width_of(joined) <= room:
            line = joined
            continue
        if line:
            lines.append(line)
        while width_of(word) > room:
            cut = room
            while width_of(word[:cut]) > room and cut > 1:
                cut -= 1
            lines.append(word[:cut])
            word = word[cut:]
        line = word
    return [*lines, line] if line or not lines else lines


def layout(headings: Sequence[str], rows: Sequence[Sequence[Cell]], width: int | None) -> list[list[Cell]] | None:
    """Return the lines of a table, the headings first, each as its cells with the spaces between them.

    `width`: places of a line; None: as many as are wanted. None is returned where it cannot be made so narrow.
    """
    widths = [max(map(width_of, column)) for column in zip(headings, *([cell.text for cell in row] for row in rows),
                                                           strict=True)]
    if width is not None and not _narrow(widths, headings, rows, width):
        return None
    lines = [_joined([Cell(heading, "bold") for heading in headings], widths)]
    for row in rows:
        folded = [[cell.text] if cell.whole else fold(cell.text, room) for cell, room in zip(row, widths, strict=True)]
        lines += [_joined([Cell(parts[number] if number < len(parts) else "", cell.style)
                           for parts, cell in zip(folded, row, strict=True)], widths)
                  for number in range(max(map(len, folded)))]
    return lines


def blocks(headings: Sequence[str], rows: Sequence[Sequence[Cell]], width: int | None) -> list[list[Cell]]:
    """Return the lines of rows that are too wide for a table: each row as lines of heading and text."""
    margin = max(map(width_of, headings)) + GAP
    lines: list[list[Cell]] = []
    for number, row in enumerate(rows):
        if number:
            lines.append([])
        for heading, cell in zip(headings, row, strict=True):
            parts = [cell.text] if width is None else fold(cell.text, max(width - margin, LEAST))
            for index, part in enumerate(parts):
                lead = heading if not index else ""
                lines.append([Cell(lead + " " * (margin - width_of(lead)), "bold"), Cell(part, cell.style)])
    return lines


def _narrow(widths: list[int], headings: Sequence[str], rows: Sequence[Sequence[Cell]], width: int) -> bool:
    """Make the columns that may be folded narrower until they fit; whether they do."""
    least = [widths[n] if any(row[n].whole for row in rows) else min(widths[n], max(LEAST, width_of(heading)))
             for n, heading in enumerate(headings)]
    over = sum(widths) + GAP * (len(widths) - 1) - width
    while over > 0:
        spare = [now - down for now, down in zip(widths, least, strict=True)]
        widest = max(range(len(widths)), key=lambda n: (spare[n] > 0, widths[n]))
        if spare[widest] <= 0:
            return False
        others = sorted((widths[n] for n in range(len(widths)) if n != widest and spare[n] > 0), reverse=True)
        step = max(1, min(over, spare[widest], widths[widest] - others[0] if others else over))
        widths[widest] -= step
        over -= step
    return True


def _joined(cells: Sequence[Cell], widths: Sequence[int]) -> list[Cell]:
    """Return the cells of a line with what stands between them; nothing is left at its end."""
    line: list[Cell] = []
    for cell, width in zip(cells, widths, strict=True):
        line += [cell, Cell(" " * (width - width_of(cell.text) + GAP))]
    while line and not line[-1].text.strip():
        line.pop()
    return line
