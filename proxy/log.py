"""Logging: one line a fact, on standard error, for people (console) or machines (JSON).

Rules: an event is a constant sentence, what varies stands in keys; no positional arguments; every line about a call
carries `call=`. A level that is not written costs nothing but the call. Nothing here raises into the caller. Numbers
show their last three digits unless `mask` is off.

Values that came from the network cannot forge a line: control signs are escaped and anything with a space is quoted.

Lines go to `sys.stderr`, which in the daemon never waits for its reader (`proxy.output`).
"""

import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from proxy.logger import LEVELS, OUTPUT, Level, get_logger

SHOWN_DIGITS: Final = 3
"""Digits at the end of a number that stay readable."""

VALUE_SIGNS: Final = 2000
"""Longest value of one key; a longer one is cut. A trace of an exception may have ten times as many."""

UNMASKED: Final = frozenset({"call", "call_id", "id", "branch", "source", "host", "task", "attempt", "ticket", "place"})
"""Keys whose digits are never a telephone number."""

_NUMBER: Final = re.compile(
    r"(?:(?<![0-9A-Za-z])|(?<=%2[Bb]))(?:\+[0-9](?:[ ().\-/]?[0-9]){5,16}|[0-9]{6,17})(?![0-9A-Za-z])"
)
_DIGIT: Final = re.compile(r"[0-9]")
_PLAIN_VALUE: Final = re.compile(r"[!#-<>-\[\]-~•]+")
_NO_WORD: Final = re.compile(r"[^A-Za-z0-9_-]+")


def configure(level: Level = "info", json: bool = False, mask: bool = True, stream: TextIO | None = None) -> None:
    """Set the log up for the whole process; other libraries' logging goes the same way.

    `stream`: standard error where none is given.
    """
    OUTPUT.sink = _Lines(stream or sys.stderr, _Renderer(json, mask)).write
    logging.basicConfig(handlers=[_Bridge()], force=True)
    set_level(level)


def set_level(level: Level) -> None:
    """Write lines of this level and above from now on, in the whole process."""
    OUTPUT.level = LEVELS[level]
    logging.getLogger().setLevel(logging.DEBUG if level == "debug" else logging.WARNING)


def catch_strays() -> None:
    """Write what nobody caught, in any thread, and warnings as log lines; they would go to standard error as they are.

    For the whole process, for good.
    """
    def thread_hook(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is not SystemExit:
            name = args.thread.name if args.thread is not None else "?"
            _uncaught(f"thread {name}", args.exc_value or args.exc_type())

    def unraisable_hook(args: Any) -> None:
        _uncaught(f"{args.err_msg or 'ignored in'} {args.object!r}", args.exc_value or args.exc_type())

    def hook(kind: type[BaseException], error: BaseException, trace: object) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            _uncaught("main", error)

    sys.excepthook, sys.unraisablehook, threading.excepthook = hook, unraisable_hook, thread_hook
    logging.captureWarnings(True)


def _uncaught(where: str, error: BaseException) -> None:
    get_logger().error("uncaught", where=where, error=repr(error), exc_info=error)


def lost_notice(json: bool = False) -> Callable[[int], str]:
    """Return what makes the line that says how many lines were lost, in the form of the others."""
    render = _Renderer(json, mask=False)
    return lambda count: render("warning", "log_lines_lost", {"count": count})


def refused(host: str, port: int, transport: str, reason: str) -> None:
    """Log a source that was turned away.

    The form of this line is a promise to fail2ban (docker/fail2ban): the source stands in the event itself, and every
    part is one word.
    """
    word = _NO_WORD.sub("-", reason) or "none"
    get_logger().warning(f"refused source={host} port={port} transport={transport} reason={word}")


def mask_number(text: str) -> str:
    """Hide every telephone number in a text but its country code's first two digits and its last three."""
    return _NUMBER.sub(_hide, text)


def _hide(match: re.Match[str]) -> str:
    number = match[0]
    shown = 3 if number.startswith("+") else 0
    return number[:shown] + _DIGIT.sub("•", number[shown:-SHOWN_DIGITS]) + number[-SHOWN_DIGITS:]


class _Lines:
    """Writes lines; a log that cannot be written is lost, not a reason to fail."""

    def __init__(self, stream: TextIO, render: "_Renderer") -> None:
        self._stream, self._render = stream, render

    def write(self, level: Level, event: str, keys: dict[str, Any]) -> None:
        line = self._render(level, event, keys)
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass


class _Renderer:
    """Makes one line of an event and its keys."""

    def __init__(self, as_json: bool, mask: bool) -> None:
        self._form = _json_line if as_json else _console_line
        self._mask = mask

    def __call__(self, level: Level, event: str, keys: dict[str, Any]) -> str:
        trace = _trace(keys.pop("exc_info", None))
        shown = {key: self._value(key, value) for key, value in keys.items() if value is not None}
        if trace:
            shown["trace"] = mask_number(trace) if self._mask else trace
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        return self._form(now, level, event, shown)

    def _value(self, key: str, value: object) -> object:
        if isinstance(value, bool | int | float):
            return value
        text = value if isinstance(value, str) else _text(value)
        if len(text) > VALUE_SIGNS:
            text = text[:VALUE_SIGNS] + "…"
        return mask_number(text) if self._mask and key not in UNMASKED else text


def _text(value: object) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _console_line(now: str, level: str, event: str, keys: Mapping[str, object]) -> str:
    trace = str(keys.get("trace", ""))
    pairs = "".join(f" {key}={_word(value)}" for key, value in keys.items() if key != "trace")
    indented = "".join(f"\n    {_safe(line)}" for line in trace.split("\n") if line)
    return f"{now} {level:<7} {_safe(event)}{pairs}{indented}"


def _json_line(now: str, level: str, event: str, keys: Mapping[str, object]) -> str:
    reserved = {"time": now, "level": level, "event": event}
    line = reserved | {key: value for key, value in keys.items() if key not in reserved}
    return json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def _word(value: object) -> str:
    text = str(value)
    return (
        text
        if _PLAIN_VALUE.fullmatch(text) or (text.isalnum() and text)
        else json.dumps(text, ensure_ascii=not (text.isprintable()))
    )


def _safe(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _trace(exc_info: Any) -> str:
    if exc_info is True:
        exc_info = sys.exc_info()
    if isinstance(exc_info, BaseException):
        exc_info = (type(exc_info), exc_info, exc_info.__traceback__)
    if not isinstance(exc_info, tuple) or exc_info[0] is None:
        return ""
    return "".join(traceback.format_exception(*exc_info))[-10 * VALUE_SIGNS :]


class _Bridge(logging.Handler):
    """Takes what other libraries log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record as a line with the library's name."""
        level: Level = (
            "error" if record.levelno >= logging.ERROR else "warning" if record.levelno >= logging.WARNING else "debug"
        )
        try:
            text = record.getMessage()
        except Exception:
            text = str(record.msg)
        get_logger().write(level, "library", (), {"name": record.name, "text": text, "exc_info": record.exc_info})
