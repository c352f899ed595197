"""What the proxy and its media process say to each other: JSON arrays, one a line, over a socket pair.

To the media process: `[command, session, ...]`; a session is a number that the proxy gives, never used twice.
Back: `[event, session, ...]`. `COMMANDS` and `EVENTS` are all there is.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final, cast

COMMANDS: Final = {
    "setup": "settings as an object; the first line",
    "ping": "a number, sent back in `pong`",
    "open": "session, name for the log, port or 0 for any",
    "connect": "session, StreamTerms as an object",
    "play": "session, clips as arrays, tag, seconds between repeats or null",
    "tone": "session, kind",
    "press": "session, digits",
    "join": "session, session",
    "part": "session",
    "record": "session, session, file",
    "stop_recording": "session",
    "watch": "session, seconds",
    "watch_keys": "session, whether",
    "watch_tone": "session, whether",
    "close": "session",
}
EVENTS: Final = {
    "ready": "process id",
    "pong": "the number, figures as an object",
    "opened": "session, port; 0: there is none",
    "digit": "session, digit",
    "heard": "session",
    "played": "session, tag",
    "silent": "session, seconds",
    "tone": "session, seconds",
    "alarm": "name, text or null",
    "log": "level, event, facts",
}

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
