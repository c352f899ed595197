"""What the handlers of commands do alike: read arguments, ask the database, keep what they did.

Lists and details are read by a connection of their own in another thread: no command holds up a call. A command that
changes something is answered once that is committed, so what was accepted survives everything that a commit does.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from proxy.control import ControlError, Handler
from routing.callbacks.office import DeskError
from routing.numbers import Numbers
from routing.store.interface import NOTHING, Store, StoreError

DEFAULT_LIMIT: Final = 100
MOST_ROWS: Final = 1_000
"""Rows that one answer holds at the most."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
T = TypeVar("T")


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


def kept(handler: Callable[[dict[str, Any]], T], store: Store) -> Handler:
    """Return a handler that answers once what it did is committed, or at once while the database is in trouble."""
    async def run(args: dict[str, Any]) -> T:
        answer = handler(args)
        committed = asyncio.Event()
        store.put(NOTHING, committed.set)  # units are committed in their order
        await committed.wait()
        return answer

    return run


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
