"""The text in which Prometheus reads figures (text format 0.0.4), written from families of samples."""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Kind = Literal["counter", "gauge", "histogram"]

ENDLESS: Final = "+Inf"
"""Bound of a histogram's last bucket."""


class Family:
    """All samples of one name. A counter's name on the wire ends with `_total`."""

    def __init__(self, kind: Kind, name: str, means: str, labels: Sequence[str] = ()) -> None:
        """`labels`: names of what tells its samples apart."""
        self.name = f"{name}_total" if kind == "counter" else name
        self._labels = labels
        self._lines = [f"# HELP {self.name} {_line(means)}", f"# TYPE {self.name} {kind}"]

    def add(self, value: float, *labels: str) -> None:
        """Add a sample; `labels`: a value for each name."""
        self._sample("", zip(self._labels, labels, strict=True), value)

    def add_buckets(self, bounds: Iterable[float], counts: Iterable[int], total: float) -> None:
        """Add a histogram. `counts`: of each bucket alone, one more than bounds; `total`: all values together."""
        running = 0
        for bound, count in zip((*map(repr, bounds), ENDLESS), counts, strict=True):
            running += count
            self._sample("_bucket", (("le", bound),), running)
        self._sample("_count", (), running)
        self._sample("_sum", (), total)

    def _sample(self, ending: str, labels: Iterable[tuple[str, str]], value: float) -> None:
        pairs = ",".join(f'{name}="{_quoted(label)}"' for name, label in labels)
        self._lines.append(f"{self.name}{ending}{'{' + pairs + '}' if pairs else ''} {float(value)!r}")

    def text(self) -> str:
        """Its lines, each with its end."""
        return "\n".join(self._lines) + "\n"


def text(families: Iterable[Family]) -> bytes:
    """Render families, in their order."""
    return "".join(family.text() for family in families).encode()


def _line(words: str) -> str:
    return words.replace("\\", r"\\").replace("\n", r"\n")


def _quoted(label: str) -> str:
    return _line(label).replace('"', r"\"")
