"""What is logged, caught before it has a form."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from proxy.logger import LEVELS, OUTPUT, Level


@contextlib.contextmanager
def capture_logs() -> Iterator[list[dict[str, Any]]]:
    """Collect lines of every level meanwhile: the keys, with `event` and `log_level`."""
    lines: list[dict[str, Any]] = []

    def take(level: Level, event: str, keys: dict[str, Any]) -> None:
        lines.append({**keys, "event": event, "log_level": level})

    before = OUTPUT.sink, OUTPUT.level
    OUTPUT.sink, OUTPUT.level = take, LEVELS["debug"]
    try:
        yield lines
    finally:
        OUTPUT.sink, OUTPUT.level = before


@contextlib.contextmanager
def log_of_its_own() -> Iterator[None]:
    """Let the log of the process be set up anew, and put it back in the end."""
    root = logging.getLogger()
    before, handlers, level = (OUTPUT.sink, OUTPUT.level), list(root.handlers), root.level
    try:
        yield
    finally:
        OUTPUT.sink, OUTPUT.level = before
        root.handlers[:] = handlers
        root.setLevel(level)
