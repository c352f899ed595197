"""Cursors: where a page of a list ends, as a text that means nothing to whoever passes it on.

A cursor holds the place of a page's last row and for which list, order and filters it was given; what is anything else
is refused. It opens nothing: whoever shows one is shown what they may see.
"""

import base64
import binascii
import hashlib
import json
import math
from typing import Any, NoReturn

from proxy.verbs.shapes.errors import ArgumentError
from routing.store.listing import Value

LONGEST = 2_000
"""Characters."""
MARK = 8
"""Bytes of a cursor that say what it was given for."""
GREATEST = 1 << 53
"""Whole numbers that JSON holds for certain."""


def write(place: tuple[Value, ...], *given_for: str) -> str:
    """Return a cursor of a place in what it is given for."""
    text = _mark(given_for) + json.dumps(place, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def read(cursor: str, width: int, *given_for: str) -> tuple[Value, ...]:
    """Return the place that `write` was given. Raises ArgumentError where it is not one of so many values, or was given
    for something else.
    """
    if not 0 < len(cursor) <= LONGEST or not cursor.isascii():
        raise _refusal()
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        found = json.loads(raw[MARK:], parse_constant=_no_number)
    except (binascii.Error, ValueError, RecursionError):
        raise _refusal() from None
    if raw[:MARK] != _mark(given_for):
        raise ArgumentError("cursor", "cursor: it was given for another list, order or filter: begin again without one")
    if not isinstance(found, list) or len(found) != width or not all(map(_is_value, found)):
        raise _refusal()
    return tuple(found)


def _mark(given_for: tuple[str, ...]) -> bytes:
    return hashlib.sha256(json.dumps(given_for).encode()).digest()[:MARK]


def _is_value(one: Any) -> bool:
    if isinstance(one, str):
        return one.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in one)
    if isinstance(one, bool):
        return False
    return one is None or (isinstance(one, int) and abs(one) <= GREATEST) or (
        isinstance(one, float) and math.isfinite(one))


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


def _refusal() -> ArgumentError:
    return ArgumentError("cursor", "cursor: it is none that a page gave as next")
