"""The SIP messages of the last minutes, as they came and went, so that what happened to a call can be shown when
somebody asks an hour later.

It stands between the proxy path and whoever watches (`contract.Tracer`), and costs a message as little as it can: one
tuple in a row, and a sum. Nothing is read of a message before somebody asks. What is too old or too much goes, the
oldest first.
"""

import re
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Final, NamedTuple

from proxy.core.contract import Tracer
from proxy.sip.hop import Flow

OVERHEAD: Final = 250
"""Bytes that a message takes beside its own."""
SLICE: Final = 1_000
"""Messages that are looked through at a time; then other threads have their turn."""
_CALL_ID: Final = re.compile(rb"\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?\n", re.IGNORECASE)
_USUAL: Final = b"\r\nCall-ID: "
_END: Final = b"\r\n\r\n"

Entry = tuple[float, bytes, str, str, int, bool]
"""When, the message, transport, host and port of the far end, whether it came in. Of plain values, so that the
collector of cycles need not look at it."""


class Seen(NamedTuple):
    """One message."""

    time: float
    """Seconds since the epoch."""
    call_id: bytes
    came: bool
    """It came in; else it went out."""
    transport: str
    host: str
    """Of the far end, IPv6 without brackets."""
    port: int
    data: bytes


class MessageRing:
    """`contract.Tracer`: keeps every message, and hands it on to whoever watches. In the proxy's thread, but for
    `find`."""

    def __init__(self, watch: Tracer, wall: Callable[[], float], keep: float, most: int) -> None:
        """`watch`: who sees messages as they pass. `keep`: seconds, `most`: bytes that are kept."""
        self.active = True
        self._watch, self._wall, self._keep, self._most = watch, wall, keep, most
        self._kept: deque[Entry] = deque()
        self._bytes = 0

    def received(self, data: bytes, flow: Flow) -> None:
        self._kept.append((self._wall(), data, flow.listener.transport, flow.host, flow.port, True))
        self._bytes += len(data) + OVERHEAD
        if self._bytes > self._most:
            self._shed()
        if self._watch.active:
            self._watch.received(data, flow)

    def sent(self, data: bytes, transport: str, host: str, port: int) -> None:
        self._kept.append((self._wall(), data, transport, host, port, False))
        self._bytes += len(data) + OVERHEAD
        if self._bytes > self._most:
            self._shed()
        if self._watch.active:
            self._watch.sent(data, transport, host, port)

    def _shed(self) -> None:
        while self._bytes > self._most and self._kept:
            self._bytes -= len(self._kept.popleft()[1]) + OVERHEAD

    def trim(self) -> None:
        """Let go what is too old. Every few seconds."""
        before, kept = self._wall() - self._keep, self._kept
        while kept and kept[0][0] < before:
            self._bytes -= len(kept.popleft()[1]) + OVERHEAD

    @property
    def size(self) -> int:
        """Bytes that the messages take."""
        return self._bytes

    @property
    def since(self) -> float | None:
        """When the oldest one that is kept passed; None: there is none."""
        kept = self._kept
        return kept[0][0] if kept else None

    def copy(self) -> Sequence[Entry]:
        """Return what is kept now, for `find` in another thread. Quick: nothing is copied but references."""
        return list(self._kept)


def find(kept: Sequence[Entry], call_ids: Collection[bytes], since: float = 0.0) -> list[Seen]:
    """Return the messages of some calls, in the order in which they passed. Any thread.

    `since`: none of them passed before.
    """
    found: list[Seen] = []
    for number, entry in enumerate(kept):
        if number % SLICE == SLICE - 1:
            time.sleep(0)
        if entry[0] < since:
            continue
        call_id = call_id_of(entry[1])
        if call_id in call_ids:
            at, data, transport, host, port, came = entry
            found.append(Seen(at, call_id, came, transport, host, port, data))
    return found


def call_id_of(data: bytes) -> bytes:
    """Return the Call-ID of a message; empty: it has none."""
    place = data.find(_USUAL)
    if place >= 0:
        start = place + len(_USUAL)
        return data[start:data.find(b"\r\n", start)].strip()
    end = data.find(_END)
    match = _CALL_ID.search(data, 0, len(data) if end < 0 else end + 2)
    return match[1] if match is not None else b""
