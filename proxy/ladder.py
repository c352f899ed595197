"""The ladder: messages between parties as one arrow a row, in fixed columns of plain text."""

from collections.abc import Callable, Sequence
from typing import Final

COLUMN: Final = 24
"""Signs from one party's line to the next."""

LINE: Final = "│"
ELLIPSIS: Final = "…"


def printable(text: str) -> str:
    """Return `text` with every sign that a terminal could obey, or that is no sign, made visible as a dot.

    What is drawn came from the network.
    """
    return text if text.isprintable() else "".join(sign if sign.isprintable() else "·" for sign in text)


class Ladder:
    """Draws rows; keeps no state but its columns."""

    def __init__(self, columns: Sequence[str], show_time: Callable[[float], str]) -> None:
        """`columns`: the parties from left to right. `show_time`: writes the time of a message, always as wide."""
        self._columns = [printable(column) for column in columns]
        self._show_time = show_time
        self._places = {column: COLUMN // 2 + number * COLUMN for number, column in enumerate(columns)}
        self._indent = " " * len(show_time(0.0))

    def head(self) -> str:
        """Names of the columns, each above its line."""
        names = "".join(_fit(column, COLUMN - 2).center(COLUMN + 1)[:COLUMN] for column in self._columns)
        return f"{self._indent} {names}".rstrip()

    def line(self, time: float, source: str, destination: str, text: str, note: str = "") -> str:
        """One message: an arrow from column to column, `text` on it, `note` at the end of the row.

        Where both are the same column the text stands beside its line; a party without a column is named in words.
        """
        start, end = self._places.get(source), self._places.get(destination)
        text = printable(text)
        if start is None or end is None:
            text = f"{printable(source)} → {printable(destination)}: {text}"
            return self._row(time, self._rails(), " ".join(filter(None, (text, note))))
        rails = self._rails()
        if start == end:
            return self._beside(time, rails, start, text, note)
        left, right = min(start, end), max(start, end)
        room = right - left - 1
        arrow = f" {_fit(text, room - 5)} ".center(room - 1, "─")
        rails[left + 1 : right] = f"{arrow}▶" if start < end else f"◀{arrow}"
        return self._row(time, rails, note)

    def _beside(self, time: float, rails: list[str], place: int, text: str, note: str) -> str:
        """Text right of a line: as far as the next line, or to the end of the row on the last one."""
        last = place == max(self._places.values())
        if last:
            return self._row(time, [*rails[: place + 1], *f" {text}"], note)
        rails[place + 1 : place + COLUMN] = f" {_fit(text, COLUMN - 3)}".ljust(COLUMN - 1)
        return self._row(time, rails, note)

    def _rails(self) -> list[str]:
        rails = [" "] * (COLUMN * len(self._columns))
        for place in self._places.values():
            rails[place] = LINE
        return rails

    def _row(self, time: float, rails: list[str], note: str) -> str:
        return f"{self._show_time(time)} {''.join(rails)} {printable(note)}".rstrip()


def _fit(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1] + ELLIPSIS
