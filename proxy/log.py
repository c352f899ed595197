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
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

import structlog

Level = Literal["debug", "info", "warning", "error"]

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
_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class _Threshold:
    """Below which level nothing is written. One for the process, as the log is."""

    __slots__ = ("level",)

    def __init__(self) -> None:
        self.level = _LEVELS["info"]


_threshold: Final = _Threshold()


def configure(level: Level = "info", json: bool = False, mask: bool = True, stream: TextIO | None = None) -> None:
    """Set the log up for the whole process; other libraries' logging goes the same way.

    `stream`: standard error where none is given.
    """
    structlog.configure(
        processors=[_Renderer(json, mask)],
        wrapper_class=_GuardedLogger,
        logger_factory=lambda *_: _Writer(stream or sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Bridge()], force=True)
    set_level(level)


def set_level(level: Level) -> None:
    """Write lines of this level and above from now on, in the whole process."""
    _threshold.level = _LEVELS[level]
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
    structlog.get_logger().error("uncaught", where=where, error=repr(error), exc_info=error)


def lost_notice(json: bool = False) -> Callable[[int], str]:
    """Return what makes the line that says how many lines were lost, in the form of the others."""
    render = _Renderer(json, mask=False)
    return lambda count: render(None, "warning", {"event": "log_lines_lost", "count": count})


def refused(host: str, port: int, transport: str, reason: str) -> None:
    """Log a source that was turned away.

    The form of this line is a promise to fail2ban (docker/fail2ban): the source stands in the event itself, and every
    part is one word.
    """
    word = _NO_WORD.sub("-", reason) or "none"
    structlog.get_logger().warning(f"refused source={host} port={port} transport={transport} reason={word}")


def mask_number(text: str) -> str:
    """Hide every telephone number in a text but its country code's first two digits and its last three."""
    return _NUMBER.sub(_hide, text)


def _hide(match: re.Match[str]) -> str:
    number = match[0]
    shown = 3 if number.startswith("+") else 0
    return number[:shown] + _DIGIT.sub("•", number[shown:-SHOWN_DIGITS]) + number[-SHOWN_DIGITS:]


class _Writer:
    """Writes finished lines; a log that cannot be written is lost, not a reason to fail."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def _write(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass

    debug = info = warning = error = critical = exception = msg = _write


class _Renderer:
    """The only processor: makes one line of an event and its keys."""

    def __init__(self, as_json: bool, mask: bool) -> None:
        self._form = _json_line if as_json else _console_line
        self._mask = mask

    def __call__(self, _logger: object, method: str, event: MutableMapping[str, Any]) -> str:
        name = str(event.pop("event", ""))
        trace = _trace(event.pop("exc_info", None))
        keys = {key: self._value(key, value) for key, value in event.items() if value is not None}
        if trace:
            keys["trace"] = mask_number(trace) if self._mask else trace
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        level = "error" if method in ("exception", "critical") else method
        return self._form(now, level, name, keys)

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


def _guarded(base: Any) -> Any:
    """Make a logger class of one that writes everything: what fails inside a line costs that line only, and what is
    below the threshold costs a comparison.
    """

    def guard(name: str, number: int) -> Any:
        write = getattr(base, name)

        def method(self: Any, event: str, *args: Any, **keys: Any) -> None:
            if number < _threshold.level:
                return
            try:
                write(self, event, *args, **keys)
            except Exception as error:
                print(f"log line lost: {type(error).__name__} in {event!r:.200}", file=sys.stderr)  # noqa: T201

        return method

    names = {**_LEVELS, "exception": _LEVELS["error"], "critical": _LEVELS["error"]}
    return type("GuardedLogger", (base,), {name: guard(name, number) for name, number in names.items()})


_GuardedLogger: Final = _guarded(structlog.make_filtering_bound_logger(_LEVELS["debug"]))


class _Bridge(logging.Handler):
    """Takes what other libraries log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record as a line with the library's name."""
        level = (
            "error" if record.levelno >= logging.ERROR else "warning" if record.levelno >= logging.WARNING else "debug"
        )
        try:
            text = record.getMessage()
        except Exception:
            text = str(record.msg)
        getattr(structlog.get_logger(), level)("library", name=record.name, text=text, exc_info=record.exc_info)
