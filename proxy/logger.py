"""What every room logs with: an event, which is a constant sentence, and keys for what varies.

Where the lines go, and in which form, is set by `proxy.log`. Nothing here raises into the caller, and a level that is
not written costs a comparison.
"""

import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Literal

Level = Literal["debug", "info", "warning", "error"]
Sink = Callable[[Level, str, dict[str, Any]], None]
"""Takes a line: its level, its event and its keys, of which `exc_info` is an exception or True."""

LEVELS: Final[dict[Level, int]] = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Output:
    """Where lines go, and from which level on. One for the process."""

    __slots__ = ("level", "sink")

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.level = LEVELS["debug"]


class Logger:
    """Writes lines, each with the keys that the logger was made with."""

    __slots__ = ("_keys",)

    def __init__(self, keys: dict[str, Any]) -> None:
        self._keys = keys

    def debug(self, event: str, /, *args: object, **keys: object) -> None:
        """Write what helps to find a fault. `args`: for the signs of `%` in the event, here and below."""
        self.write("debug", event, args, keys)

    def info(self, event: str, /, *args: object, **keys: object) -> None:
        """Write what happened."""
        self.write("info", event, args, keys)

    def warning(self, event: str, /, *args: object, **keys: object) -> None:
        """Write what somebody should look at."""
        self.write("warning", event, args, keys)

    def error(self, event: str, /, *args: object, **keys: object) -> None:
        """Write what does not work."""
        self.write("error", event, args, keys)

    def exception(self, event: str, /, *args: object, **keys: object) -> None:
        """Write an error with the trace of the exception that is being handled."""
        self.write("error", event, args, {"exc_info": True, **keys})

    def write(self, level: Level, event: str, args: tuple[object, ...], keys: dict[str, Any]) -> None:
        """Write a line of some level."""
        if LEVELS[level] < OUTPUT.level:
            return
        try:
            OUTPUT.sink(level, event % args if args else event, {**self._keys, **keys})
        except Exception as error:
            with suppress(OSError, ValueError):  # standard error is closed, or nobody reads it any more
                print(f"log line lost: {type(error).__name__} in {event!r:.200}", file=sys.stderr)  # noqa: T201


def get_logger(**keys: object) -> Logger:
    """Return a logger; `keys` stand in each of its lines."""
    return Logger(keys)


def _plain(level: Level, event: str, keys: dict[str, Any]) -> None:
    """Write as it comes: until a log is set up there is no form."""
    trace = traceback.format_exc() if keys.pop("exc_info", None) else ""
    sys.stderr.write(f"{level:<7} {event}{''.join(f' {key}={value!r}' for key, value in keys.items())}\n{trace}")


OUTPUT: Final = Output(_plain)
