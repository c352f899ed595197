"""What the handlers of commands do alike: read arguments, turn what the rules raise into what an operator reads."""

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from proxy.control import ControlError
from routing.callbacks.office import DeskError
from routing.numbers import Numbers
from routing.store.interface import StoreError

DEFAULT_LIMIT: Final = 100
MOST_ROWS: Final = 1_000
"""Rows that one answer holds at the most: they are read beside the calls."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
T = TypeVar("T")


class UnknownError(ControlError):
    """There is nothing of that name."""


def read(question: Callable[[], T]) -> T:
    """Ask the database. ControlError where it cannot be read."""
    try:
        return question()
    except StoreError as error:
        raise ControlError(f"the database cannot be read: {error}") from error


def do(act: Callable[[], T]) -> T:
    """Have the desk do something. ControlError where it says that this cannot be done."""
    try:
        return read(act)
    except DeskError as error:
        raise ControlError(str(error)) from None


def number_of(args: dict[str, Any], key: str, region: str) -> str:
    """Return a number in E.164 as the operator typed it, read in the policy's region. ControlError where it is none."""
    typed = str(args.get(key) or "")
    number = Numbers(region).e164(typed)
    if number is None:
        raise ControlError(f"{key}: {typed!r} cannot be read as a number; write it with + and country code")
    return number


def word(args: dict[str, Any], key: str) -> str | None:
    """Return a text argument; None where it is left out or empty. ControlError where it is no text.

    Half of a surrogate pair, which JSON can hold, is none: the database would refuse all that is written with it.
    """
    value = args.get(key)
    if value is None or (isinstance(value, str) and not _SURROGATE.search(value)):
        return value or None
    raise ControlError(f"{key} is no text")


def limit_of(args: dict[str, Any]) -> int:
    """Return how many rows are asked for."""
    limit = args.get("limit")
    return max(0, min(limit, MOST_ROWS)) if isinstance(limit, int) else DEFAULT_LIMIT
