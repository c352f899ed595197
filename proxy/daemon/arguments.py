"""What the handlers of commands do alike: read arguments, ask the database, keep what they did.

Lists and details are read by a connection of their own in another thread: no command holds up a call. A command that
changes something is answered once that is committed, so what was accepted survives everything that a commit does.
"""

import asyncio
import inspect
import re
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, Final, TypeVar

from config.fields import parse_window
from config.problem import Problem
from proxy.control import ControlError, Handler
from routing.callbacks.office import DeskError
from routing.numbers import Numbers
from routing.storage import Store, StoreError

DEFAULT_LIMIT: Final = 100
MOST_ROWS: Final = 1_000
"""Rows that one answer holds at the most."""
LINE: Final = 64
"""Characters of a name, an id, a number as it is typed, or another short text."""
SENTENCE: Final = 200
"""Characters of a reason."""
NOTE: Final = 500
"""Characters of what an agent's card says."""
COMMENT: Final = 4000
"""Characters of a comment on a ticket."""
SHOWN: Final = 60
"""Characters of a wrong value that its refusal repeats."""
PAST: Final = 86_400.0
"""Seconds that a moment which is to come may lie back: clocks differ, and what is over means now."""
AHEAD: Final = 366 * 86_400.0
"""Seconds until the latest moment that something may be planned for."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_CONTROL: Final = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_IN_LINES: Final = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
T = TypeVar("T")


class ArgumentError(ControlError):
    """An argument that cannot be; names it and says what it may be."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text, [Problem("", key, 0, text)._asdict()])


class UnknownError(ControlError):
    """There is nothing of that name."""


def read(question: Callable[[], T]) -> T:
    """Ask the database for what has a key. ControlError where it cannot be read."""
    try:
        return question()
    except StoreError as error:
        raise ControlError(f"the database cannot be read: {error}") from error


async def look_up(question: Callable[[], T]) -> T:
    """Ask a reader of the database, in another thread. ControlError where it cannot be read."""
    return await asyncio.to_thread(read, question)


def kept(handler: Handler, store: Store) -> Handler:
    """Return a handler that answers once what it did is committed, or at once while the database is in trouble."""
    async def run(args: dict[str, Any]) -> Any:
        done = handler(args)
        answer = await done if inspect.isawaitable(done) else done
        committed = asyncio.Event()
        store.settled(committed.set)
        await committed.wait()
        return answer

    return run


def do(act: Callable[[], T]) -> T:
    """Have the desk do something. ControlError where it says that this cannot be done."""
    try:
        return read(act)
    except DeskError as error:
        raise ControlError(str(error)) from None


def shown(value: object) -> str:
    """Return a wrong value as its refusal repeats it."""
    text = repr(value[:SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def number_of(args: dict[str, Any], key: str, region: str) -> str:
    """Return a number in E.164 as it was typed, read in the policy's region. ArgumentError where it is none."""
    typed = word(args, key) or ""
    number = Numbers(region).e164(typed)
    if number is None:
        raise ArgumentError(key, f"{key}: {shown(typed)} cannot be read as a number; write it with + and country code")
    return number


def word(args: dict[str, Any], key: str, most: int = LINE) -> str | None:
    """Return a text argument of one line; None where it is left out or empty. ArgumentError where it cannot be that.

    Half of a surrogate pair, which JSON can hold, is no text: the database would refuse all that is written with it.
    """
    return _text(args, key, most, _CONTROL)


def lines(args: dict[str, Any], key: str, most: int) -> str | None:
    """Return a text argument that may have several lines, otherwise as `word`."""
    return _text(args, key, most, _CONTROL_IN_LINES)


def text(args: dict[str, Any], key: str, most: int) -> str:
    """Return a text argument of whatever characters; empty where it is left out. ArgumentError where it is none."""
    return _text(args, key, most, None) or ""


def _text(args: dict[str, Any], key: str, most: int, control: re.Pattern[str] | None) -> str | None:
    value = args.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ArgumentError(key, f"{key} is no text")
    if len(value) > most:
        raise ArgumentError(key, f"{key} has {len(value)} characters, {most} at most")
    if _SURROGATE.search(value):
        raise ArgumentError(key, f"{key} is no text")
    found = None if control is None else control.search(value)
    if found:
        raise ArgumentError(key, f"{key}: {shown(value)} holds a control character ({found[0]!r})")
    return value or None


def one_of(args: dict[str, Any], key: str, known: Collection[str]) -> str | None:
    """Return an argument that is one of some words; None where it is left out. ArgumentError where it is another."""
    value = word(args, key)
    if value is not None and value not in known:
        raise ArgumentError(key, f"{key}: {shown(value)} is none of {', '.join(known)}")
    return value


def seconds(args: dict[str, Any], key: str, most: float) -> float | None:
    """Return a number of seconds from 0 to `most`; None where it is left out. ArgumentError where it is none."""
    value = args.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise ArgumentError(key, f"{key}: {shown(value)} is no number of seconds from 0 to {most:g}")
    return float(value)


def whole(args: dict[str, Any], key: str, least: int, most: int) -> int | None:
    """Return a whole number; None where it is left out. ArgumentError where it is none of `least` to `most`."""
    value = args.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ArgumentError(key, f"{key}: {shown(value)} is no whole number from {least} to {most}")
    return value


def flag(args: dict[str, Any], key: str) -> bool:
    """Return whether something is so; where it is left out it is not. ArgumentError where it is no truth value."""
    value = args.get(key)
    if value is not None and not isinstance(value, bool):
        raise ArgumentError(key, f"{key}: {shown(value)} is neither true nor false")
    return bool(value)


def window(args: dict[str, Any], key: str) -> str | None:
    """Return a window as the policy writes one; None where it is left out. ArgumentError where it is none."""
    value = word(args, key)
    if value is not None:
        try:
            parse_window(value)
        except ValueError as error:
            raise ArgumentError(key, f"{key}: {error}") from None
    return value


def moment(args: dict[str, Any], key: str, now: float) -> float | None:
    """Return a moment that is to come, seconds since the epoch; None where it is left out.

    Written as such seconds, or as RFC 3339 with its zone. ArgumentError where it is neither, past, or too far ahead.
    """
    value = args.get(key)
    if value is None or value == "":
        return None
    at = _seconds_since_epoch(value)
    if at is None:
        raise ArgumentError(key, f"{key}: {shown(value)} is no moment: write it as 2026-11-23T12:00:00+01:00")
    if not now - PAST <= at <= now + AHEAD:
        when = "past" if at < now else f"more than {AHEAD / 86_400:g} days ahead"
        raise ArgumentError(key, f"{key}: {shown(value)} is {when}")
    return float(at)


def _seconds_since_epoch(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or len(value) > LINE:
        return None
    try:
        found = datetime.fromisoformat(value)
        return None if found.tzinfo is None else found.timestamp()
    except (ValueError, OverflowError):
        return None


def limit_of(args: dict[str, Any]) -> int:
    """Return how many rows are asked for, no more than one answer holds. ArgumentError where it is no whole number."""
    value = args.get("limit")
    if value is None:
        return DEFAULT_LIMIT
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ArgumentError("limit", f"limit: {shown(value)} is no number of rows")
    return min(value, MOST_ROWS)
