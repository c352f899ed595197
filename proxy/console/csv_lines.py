"""Lines of CSV, as spreadsheets read them."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any, Final

FORMULA: Final = ("=", "@", "-", "+", "\t", "\r")
"""How a text begins that a spreadsheet would take for a formula."""


def line(cells: Sequence[str]) -> bytes:
    """Return one line."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode(errors="replace")


def cell(value: Any) -> str:
    """Return a value as a cell. A text that a spreadsheet would take for a formula has an apostrophe before it; a phone
    number is none.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        harmless = not value.startswith(FORMULA) or (value[0] == "+" and value[1:].isdigit())
        return value if harmless else f"'{value}"
    return str(value) if isinstance(value, int | float) else json.dumps(value, ensure_ascii=False)
