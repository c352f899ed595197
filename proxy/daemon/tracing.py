"""Following one number or one call through the proxy while it happens, for `boomerang trace` and the demo."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

from proxy.core.peers import PeerTable
from proxy.sip.errors import SipError
from proxy.sip.hop import Flow, Listener
from proxy.sip.message import Message, Request, Response
from proxy.sip.parser import parse
from routing.calls import Call

QUEUE_LIMIT: Final = 1_000
"""Rows that wait for a reader; what comes then is left out, and the next row says so."""
CALLS_LIMIT: Final = 1_000
"""Calls one watcher follows."""
SEARCHED: Final = (b"from", b"to", b"p-asserted-identity", b"remote-party-id")


class Watcher:
    """One reader: what it looks for, and the rows it has not read yet."""

    def __init__(self, digits: str, call_ids: set[bytes]) -> None:
        self.digits = digits.encode()
        """Part of a number, without `+`; empty: no number."""
        self.call_ids = call_ids
        self.everything = not digits and not call_ids
        self.rows: asyncio.Queue[dict[str, Any]] = asyncio.Queue(QUEUE_LIMIT)
        self.missed = 0

    def wants(self, message: Message) -> bool:
        """Whether a message belongs to what is followed."""
        try:
            call_id = message.call_id
        except SipError:
            return self.everything
        if self.everything or call_id in self.call_ids:
            return True
        if not self.digits or len(self.call_ids) >= CALLS_LIMIT:
            return False
        texts = [value for name in SEARCHED for value in message.values(name)]
        if isinstance(message, Request):
            texts.append(message.uri)
        if any(self.digits in text for text in texts):
            self.call_ids.add(call_id)
            return True
        return False

    def add(self, row: dict[str, Any]) -> None:
        """Queue a row for the reader."""
        if self.rows.full():
            self.missed += 1
            return
        if self.missed:
            row["note"] = f"{self.missed} messages left out before this one"
            self.missed = 0
        self.rows.put_nowait(row)


class KnownNames:
    """What places and calls are called."""

    def __init__(self, listener: Listener, table: PeerTable, calls: Callable[[], Sequence[Call]]) -> None:
        """`listener`: any of ours. `calls`: those in progress."""
        self._listener, self._table, self._calls = listener, table, calls

    def place(self, transport: str, host: str, port: int) -> str:
        """Return the name of the peer at an address; where it is none, or several, the address."""
        flow = Flow(self._listener._replace(transport=transport), host, port)  # type: ignore[arg-type]
        found = self._table.candidates(flow)
        return found[0].name if len(found) == 1 else f"{host}:{port}"

    def call(self, sip_call_id: bytes) -> str:
        """Return our name of a call in progress; empty: there is none with this Call-ID."""
        text = sip_call_id.decode("utf-8", "replace")
        return next((call.id for call in self._calls() if call.sip_call_id == text), "")


class MessageTracer:
    """`contract.Tracer`: hands every message to whoever watches; asleep while nobody does."""

    def __init__(self, node: str, name_of: Callable[[str, str, int], str], wall: Callable[[], float],
                 call_named: Callable[[bytes], str]) -> None:
        """`name_of(transport, host, port)`: the peer at an address. `call_named`: our name of a Call-ID, or ""."""
        self.active = False
        self._node = node
        self._name_of = name_of
        self._wall = wall
        self._call_named = call_named
        self._watchers: list[Watcher] = []

    def received(self, data: bytes, flow: Flow) -> None:
        self._seen(data, lambda: (self._name_of(flow.listener.transport, flow.host, flow.port), self._node))

    def sent(self, data: bytes, transport: str, host: str, port: int) -> None:
        self._seen(data, lambda: (self._node, self._name_of(transport, host, port)))

    def _seen(self, data: bytes, way: Callable[[], tuple[str, str]]) -> None:
        """Show a message to those who want it; whatever it is, the message itself goes its way."""
        source = destination = self._node
        try:
            source, destination = way()
            wanted, said, message_id = self._read(data)
        except Exception as error:
            wanted, said, message_id = self._all(), f"unreadable: {type(error).__name__}", ""
        for watcher in wanted:
            watcher.add({"time": self._wall(), "call": message_id, "from": source, "to": destination, "line": said,
                         "note": ""})

    def _read(self, data: bytes) -> tuple[list[Watcher], str, str]:
        """Return who wants a message, what its arrow says, and the name of its call."""
        try:
            message = parse(data)
        except SipError as error:
            return self._all(), f"malformed: {error.reason}", ""
        wanted = [watcher for watcher in self._watchers if watcher.wants(message)]
        try:
            return wanted, title(message), self._call_named(message.call_id) if wanted else ""
        except SipError:  # no Call-ID, or several
            return wanted, title(message), ""

    def _all(self) -> list[Watcher]:
        """Return who follows everything."""
        return [watcher for watcher in self._watchers if watcher.everything]

    async def watch(self, digits: str, call_ids: set[bytes]) -> AsyncIterator[dict[str, Any]]:
        """Yield rows {time, call, from, to, line, note} for ever. Empty arguments: every message."""
        watcher = Watcher(digits, call_ids)
        self._watchers.append(watcher)
        self.active = True
        try:
            while True:
                yield await watcher.rows.get()
        finally:
            self._watchers.remove(watcher)
            self.active = bool(self._watchers)


def title(message: Request | Response) -> str:
    """What the arrow says: the method and whom it is for, or the answer and to what."""
    try:
        if isinstance(message, Request):
            uri = message.uri.decode("utf-8", "replace")
            return f"{message.method.decode()} {uri}" if message.method == b"INVITE" else message.method.decode()
        method = message.cseq.method.decode()
        reason = message.reason.decode("utf-8", "replace")
        return f"{message.status} {reason}" if method == "INVITE" else f"{message.status} {reason} ({method})"
    except (SipError, UnicodeDecodeError):
        return "?"


def title_of(data: bytes) -> str:
    """Return what the arrow of a message says, whatever it is."""
    try:
        return title(parse(data))
    except SipError as error:
        return f"malformed: {error.reason}"
    except Exception as error:
        return f"unreadable: {type(error).__name__}"
