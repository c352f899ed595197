"""Items of a list as lines of a file: many at a time, each column by itself, for an export has a million rows."""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any, Final, get_type_hints

from proxy.console.csv_lines import FORMULA, cell, line
from proxy.verbs.shapes.answers import write_as, writers_of
from routing.events import write_json

CHUNK: Final = 1 << 16
"""Bytes that are handed on at a time: so many a connection takes before whoever reads slowly is waited for."""
PLAIN: Final = ({int}, {float}, {int, float})
"""Types of values that a CSV writer writes as `cell` does."""
_NONE: Final = type(None)


class ExportLines:
    """Writes items of one shape as CSV or as JSON, a line each."""

    def __init__(self, shape: Any, kind: str) -> None:
        """`kind`: csv or jsonl."""
        self._shape, self._is_csv = shape, kind == "csv"
        self._columns = [*get_type_hints(shape)]
        self._writers = writers_of(shape)

    def head(self) -> bytes:
        """Return what stands above the first line."""
        return line(self._columns) if self._is_csv else b""

    def written(self, items: Sequence[Any]) -> bytes:
        """Return some items, each as a line. Any thread."""
        if self._is_csv:
            return self._csv(items)
        told = "\n".join([write_json(write_as(self._shape, item)) for item in items])
        return f"{told}\n".encode(errors="backslashreplace") if items else b""

    def _csv(self, items: Sequence[Any]) -> bytes:
        text = io.StringIO()
        columns = [self._column(items, name) for name in self._columns]
        csv.writer(text, lineterminator="\r\n").writerows(zip(*columns, strict=True))
        return text.getvalue().encode(errors="replace")

    def _column(self, items: Sequence[Any], name: str) -> Sequence[Any]:
        """Return the values of one column, as a CSV writer writes them as `cell` does."""
        writer = self._writers.get(name)
        values = [*map(dict.get, items, repeat(name))]
        if writer is not None:
            values = [None if value is None else writer(value) for value in values]
        types = {*map(type, values)} - {_NONE}
        if not types or types in PLAIN:
            return values
        if types == {str}:
            return [value if value is None or value[:1] not in FORMULA or (value[0] == "+" and value[1:].isdigit())
                    else cell(value) for value in values]
        return [cell(value) for value in values]


def chunks(data: bytes) -> Iterator[bytes]:
    """Yield bytes in the pieces in which they are handed on."""
    for begin in range(0, len(data), CHUNK):
        yield data[begin:begin + CHUNK]
