"""Waiting for something to become true, with a deadline and a word on what was awaited."""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 60.0
"""Seconds that something may take: it bounds a failure alone, on a machine that does much else."""
LOOK_EVERY = 0.02
"""Seconds between two looks."""

T = TypeVar("T")


def eventually(look: Callable[[], T], what: str, timeout: float = PATIENCE, every: float = LOOK_EVERY) -> T:
    """Look until the answer is true, and give it; AssertionError that names `what` after `timeout` seconds.

    `every`: seconds between two looks, for those that cost something.
    """
    end = time.monotonic() + timeout
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout:g} s: {what} (last seen: {found!r})")
        time.sleep(every)


def stays(look: Callable[[], object], what: str, seconds: float) -> None:
    """Look for `seconds` that something stays true; AssertionError at the first look that it is not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert look(), f"it was to stay so: {what}"
        time.sleep(LOOK_EVERY)
