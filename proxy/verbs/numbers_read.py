"""A list of numbers as somebody exported it: one a line, or CSV with the number and a reason."""

import csv
from collections.abc import Iterator
from typing import Final, NamedTuple

from proxy.verbs.shapes.fields import SENTENCE
from routing.numbers import Numbers

DELIMITERS: Final = ";\t,"
BOM: Final = "\ufeff"


class ReadLine(NamedTuple):
    """One line."""

    line: int
    """From 1."""
    text: str
    """As it stood there."""
    number: str | None
    """E.164; None: it is none."""
    reason: str


def read_numbers(text: str, region: str) -> Iterator[ReadLine]:
    """Yield every line that is not empty. A first line without a digit is a heading. `region`: of numbers without +."""
    lines = text.removeprefix(BOM).splitlines()
    numbers = Numbers(region)
    for at, line in enumerate(lines, 1):
        if not line.strip():
            continue
        cells = _cells(line)
        if at == 1 and not any(sign.isdigit() for sign in line):
            continue
        number = numbers.e164(cells[0]) if cells[0] else None
        reason = " ".join("".join(cells[1:2]).split())[:SENTENCE]
        yield ReadLine(at, line.strip(), number, reason)


def _cells(line: str) -> list[str]:
    """Return the cells of a line; what stands between them is the first that occurs of ; tab and comma."""
    delimiter = next((sign for sign in DELIMITERS if sign in line), ";")
    try:
        found = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    except (csv.Error, StopIteration):
        found = line.split(delimiter)
    return [cell.strip() for cell in found] or [""]
