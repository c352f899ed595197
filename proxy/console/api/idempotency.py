"""The same request twice is done once: what an `Idempotency-Key` was answered with is given again, for a day.

A key is that of whoever shows it. One that comes again with another request is refused, and one whose first request has
not ended. What was refused is not kept: the same key may try again. Where nobody knows whether it was done, for the
daemon's answer was lost, the key is used up: the second is told to look.
"""

import asyncio
import contextlib
import hashlib
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from fastapi import Response
from starlette.exceptions import HTTPException

from proxy.console.asking import Asking
from proxy.console.node_client import LostAnswerError
from proxy.control_client import ControlError
from proxy.verbs.shapes.errors import ArgumentError

HEADER: Final = "Idempotency-Key"
KEPT: Final = 86_400.0
"""Seconds that an answer is kept."""
KEY: Final = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,254}")
PARAMETER: Final[dict[str, Any]] = {
    "name": HEADER, "in": "header", "required": False,
    "description": "A text of your own: the same request with it again is done once, and answered alike for a day.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~][ -~]*$"}}
_BEGIN: Final = "INSERT OR IGNORE INTO idempotency (who, key, request, at) VALUES (?, ?, ?, ?)"
_KNOWN: Final = "SELECT request, status, body FROM idempotency WHERE who=? AND key=?"


async def once(asks: Asking, act: Callable[[], Awaitable[Response]], *, keep: bool) -> Response:
    """Act, or answer as the first time. `keep`: whether the answer may be kept; where it may not, the second is told
    that it was done. Raises HTTPException, ArgumentError, and what `act` raises.
    """
    request = asks.request
    key = request.headers.get(HEADER)
    if key is None:
        return await act()
    if not KEY.fullmatch(key):
        raise ArgumentError(HEADER, f"{HEADER}: 1 to 255 printable characters")
    database, who = asks.console.database, f"{asks.caller.door} {asks.caller.name}"
    body = await request.body()
    this = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + body).hexdigest()
    now = time.time()
    await asyncio.to_thread(database.write, "DELETE FROM idempotency WHERE at<?", (now - KEPT,))
    if not await asyncio.to_thread(database.write, _BEGIN, (who, key, this, now)):
        return _again(this, *database.read(_KNOWN, (who, key))[0])
    refused = False
    try:
        answer = await act()
        refused = not 200 <= answer.status_code < 300
    except (ControlError, HTTPException) as error:
        refused = not isinstance(error, LostAnswerError)
        raise
    finally:
        if refused:
            with contextlib.suppress(sqlite3.Error):  # the key stays used up: no harm but that another is needed
                await asyncio.to_thread(database.write, "DELETE FROM idempotency WHERE who=? AND key=?", (who, key))
    if not refused:
        with contextlib.suppress(sqlite3.Error):  # it was done, and is answered
            await asyncio.to_thread(database.write, "UPDATE idempotency SET status=?, body=? WHERE who=? AND key=?",
                           (answer.status_code, bytes(answer.body) if keep else None, who, key))
    return answer


def _again(this: str, request: str, status: int | None, body: bytes | None) -> Response:
    if request != this:
        raise ArgumentError(HEADER, f"{HEADER}: it came with another request before")
    if status is None:
        raise HTTPException(409, "the first request with this key has not ended, or nobody knows how it did: look "
                                 "whether it was done")
    if body is None:
        raise HTTPException(409, "it was done by the first request with this key, and its answer was shown then alone")
    return Response(body, status, {"Idempotency-Replayed": "true"}, "application/json")
