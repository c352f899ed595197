"""How the daemon and a process that it starts speak: JSON arrays, one a line, over a socket pair.

The pair is also how each knows that the other lives: it closes when either of them ends, however.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final, cast

LINE_MAX: Final = 256 * 1024
"""Longest line; a longer one can only be a fault of our own."""


def line(*words: object) -> bytes:
    """Return one line."""
    return json.dumps(words, separators=(",", ":")).encode() + b"\n"


class LineProtocol(asyncio.Protocol):
    """Cuts what arrives into lines, hands each on, and tells the end of the connection."""

    def __init__(self, heard: Callable[[list[Any]], None], lost: Callable[[], None]) -> None:
        self._heard = heard
        self._lost = lost
        self._rest = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for text in lines:
            self._heard(json.loads(text))
        if len(self._rest) > LINE_MAX:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._lost()

    def send(self, *words: object) -> None:
        """Send one line; nothing happens once the connection is gone."""
        if self._transport is not None:
            self._transport.write(line(*words))

    def close(self) -> None:
        """Close the connection; `lost` follows."""
        if self._transport is not None:
            self._transport.close()
