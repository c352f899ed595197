"""Who hears what becomes of rows that somebody holds."""

from collections.abc import Sequence

from routing.storage import ChangedRows
from routing.writes import Unit


class Heard:
    """`storage.RowListener` and `ChangeListener` that writes down what it hears."""

    def __init__(self, words: list[str]) -> None:
        self.words = words

    def on_anew(self) -> None:
        self.words.append("anew")

    def on_stale(self, units: Sequence[Unit]) -> None:
        self.words.append("stale")

    def on_changed(self, changed: ChangedRows) -> None:
        self.words.append("changed")
