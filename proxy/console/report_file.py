"""Figures as a file: CSV, a line for each day and thing, as it is counted."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Final

from proxy.console.figures import COLUMNS, FigureRow

FORMULA: Final = ("=", "@", "-", "+", "\t", "\r")
"""How a text begins that a spreadsheet would take for a formula."""


async def csv_of(rows: AsyncIterator[FigureRow]) -> AsyncIterator[bytes]:
    """Write rows, the names of their keys first."""
    yield line(COLUMNS)
    async for row in rows:
        yield line([cell(value) for value in row.values()])


def line(cells: Sequence[str]) -> bytes:
    """Return one line."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode(errors="replace")


def cell(value: object) -> str:
    """Return a figure or a name. A name that a spreadsheet would take for a formula has an apostrophe before it; a
    phone number is none.
    """
    if value is None:
        return ""
    text = str(value)
    if isinstance(value, str) and text.startswith(FORMULA) and not (text[0] == "+" and text[1:].isdigit()):
        return f"'{text}"
    return text
