"""What handlers do alike: ask the database, have the desk act, and read arguments by the policy and the time.

Lists and details are read by a connection of their own in another thread: no verb holds up a call.
"""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from config.fields import parse_window
from proxy.control_client import ControlError
from proxy.verbs.shapes.errors import ArgumentError
from proxy.verbs.shapes.fields import shown
from routing.callbacks.admin import DeskError
from routing.events import rfc3339
from routing.numbers import Numbers
from routing.storage import StoreError

PAST: Final = 86_400.0
"""Seconds that a moment which is to come may lie back: clocks differ, and what is over means now."""
AHEAD: Final = 366 * 86_400.0
"""Seconds until the latest moment that something may be planned for."""
T = TypeVar("T")


def read(question: Callable[[], T]) -> T:
    """Ask the database for what has a key. ControlError where it cannot be read."""
    try:
        return question()
    except StoreError as error:
        raise ControlError(f"the database cannot be read: {error}") from error


async def look_up(question: Callable[[], T]) -> T:
    """Ask a reader of the database, in another thread. ControlError where it cannot be read."""
    return await asyncio.to_thread(read, question)


def do(act: Callable[[], T]) -> T:
    """Have the desk do something. ControlError where it says that this cannot be done."""
    try:
        return read(act)
    except DeskError as error:
        raise ControlError(str(error)) from None


def e164(key: str, typed: str, region: str) -> str:
    """Return a number in E.164 as it was typed, read in the policy's region. ArgumentError where it is none."""
    number = Numbers(region).e164(typed)
    if number is None:
        raise ArgumentError(key, f"{key}: {shown(typed)} cannot be read as a number; write it with + and country code")
    return number


def e164_or_none(key: str, typed: str | None, region: str) -> str | None:
    """Return a number as `e164` does; None where none was typed."""
    return None if typed is None else e164(key, typed, region)


def window(key: str, typed: str | None) -> str | None:
    """Return a window as the policy writes one; None where it is left out. ArgumentError where it is none."""
    if typed is not None:
        try:
            parse_window(typed)
        except ValueError as error:
            raise ArgumentError(key, f"{key}: {error}") from None
    return typed


def about(key: str, at: float | None, now: float) -> float | None:
    """Return a moment of about these days, seconds since the epoch. ArgumentError where it is too far off."""
    if at is not None and not now - AHEAD <= at <= now + AHEAD:
        raise ArgumentError(key, f"{key}: {rfc3339(at) if at == at else at} is more than {AHEAD / 86_400:g} days off")
    return at


def upcoming(key: str, at: float | None, now: float) -> float | None:
    """Return a moment that is to come, seconds since the epoch. ArgumentError where it is past, or too far ahead."""
    if at is not None and not now - PAST <= at <= now + AHEAD:
        when = "past" if at < now else f"more than {AHEAD / 86_400:g} days ahead"
        raise ArgumentError(key, f"{key}: {rfc3339(at) if at == at else at} is {when}")
    return at
