"""The control socket: how the command asks and changes the running daemon.

A Unix socket of mode 0600. One connection is one request: the client sends one JSON line, the daemon answers with one
JSON line, or for a streaming verb with one line for each item until either side closes.

    {"verb": "direct.list", "args": {"limit": 10}}
    {"ok": true, "data": [...], "zone": "Europe/Budapest"}
    {"ok": false, "error": "no such record", "problems": [{"file", "key", "line", "text", "level"}]}     policy only

Moments are RFC 3339 in UTC; `zone` says in which time zone a person is to be shown them: the policy's. What is not
known is null.

| verb | args | data |
|---|---|---|
| status | | {node, version, since, state: running or draining, calls: {active, today, answered_today, |
| | | inbound_today, outbound_today, direct_today, callbacks_active, callbacks_dialled_today, |
| | | callbacks_answered_today}, trunks: {name: {state: up or down, since, latency_ms}}, pbxs: {as trunks}, |
| | | alarms: [{name, text, since}], direct: {live}, callbacks: {in_queue, due, running}} |
| calls.list | limit, active | [{id, time, kind, direction, customer, agent, dialled, trunk, pbx, state, cause, |
| | | by, talk}]; kind: call, or callback for a leg of ours (inbound: to its agent, outbound: to its customer) |
| calls.end | id: or as much of its end as is unique | {id} |
| direct.list | limit | [{customer, agent, type, created, touched, expires}], the one touched last first |
| direct.show | customer | as direct.list, of this customer only |
| direct.remove | customer, agent or null | {removed: n} |
| agents.list | | [{extension, name, groups, type, state, since, with, released_today}]; with: the |
| | | customer whom a call engages them with or rings them for; released_today: tasks that were taken from them |
| queues.list | | [{group, target, calls, waiting, longest_wait_s, agents_free, agents_busy, agents_away, |
| | | agents_unknown, callbacks_in_queue, callbacks_due, callbacks_running, callbacks_total, |
| | | callbacks_dialled, callbacks_kept, average_callback_wait_s}]; from callbacks_total on: of today in |
| | | the policy's time zone |
| queues.show | group, limit | one of these with callers: [{call, customer, number, since, wait_s}], |
| | | the first first, agents: as agents.list, and callbacks: as callbacks.list, the one due first first |
| callbacks.figures | | {day, timezone, since, total, groups, numbers, campaigns}: of today; each of |
| | | these by name, and total: {promised, dialled, kept, called_meanwhile, tickets, failed, |
| | | expired, cancelled, average_wait_s} |
| policy.show | | the policy as `config.policy.plain_policy` gives it |
| policy.export | | {toml} |
| policy.apply | toml, name | {changes: [{key, old, new, means}], warnings: [{file, key, line, text, level}]}; means: |
| | | what the new value does, where it does not say so itself; warnings: where there are any |
| policy.set | key, value, new | as policy.apply; new: an agent, number, group or campaign that is not listed is made |
| policy.unset | key | as policy.apply; the key of a setting, or of an agent, number, group or campaign |
| callbacks.list | limit, state, customer, group | [{id, customer, group, campaign, origin, number, pbx, trunk, state, |
| | | reason, created, missed_at, missed, due, expires, attempts, attempts_max, responsible_kind, responsible, |
| | | responsible_since, released, declined, options, ended}], the newest first |
| callbacks.show | id | one of these with waits_until, tries: [{id, serial, agent, node, step, claimed, customer_at, |
| | | answered, ended, result, cause, talk}] and journal: [{time, kind, agent, data}] |
| callbacks.running | | [{attempt, task, customer, number, group, campaign, agent, phase, serial, preview, claimed, |
| | | missed_at, note}], the oldest first: the agents' cards |
| callbacks.add | customer, group, number, campaign, responsible (extension or group:NAME), responsible_wait, |
| | language, preview, at, window, attempts, note, by | as callbacks.list, of this one |
| callbacks.cancel, .hold, .resume | id, reason | as callbacks.list, of this one |
| callbacks.call-now | id, reason, force: although it is closed | as callbacks.list, of this one |
| dnc.list | limit | [{customer, since, reason}], the newest first |
| dnc.add | customer, reason | {customer} |
| dnc.remove | customer | {customer, removed: 0 or 1} |
| campaigns.list | | [{id, name, group, rank, parity, active, from, to, open, running}] |
| campaigns.show | id | one of these with settings |
| campaigns.add | name, group, id, from, to and any other setting | as campaigns.list, of this one |
| campaigns.remove | id | {id} |
| campaigns.renumber | id, to | as campaigns.list, of this one |
| tickets.list | limit, state, customer | [{id, number, task, customer, group, agent, subject, state, created, ended}] |
| tickets.show | id: of the ticket, or its number | one of these with comments and deliveries |
| tickets.comment | id, text, author, internal | as tickets.list, of this one |
| tickets.close | id | as tickets.list, of this one |
| tickets.call | id, group: the ticket's where left out, note, by | as callbacks.list, of what is promised |
| recordings.list | limit, customer | [{name, time, bytes, customer, agent, task, talk}], the newest first |
| recordings.get | name, offset | {name, bytes, offset, data: base64, next_offset: null with the last part} |
| events | kinds: list of kinds (`call.ended`) or of their first words (`call`); none: all | stream: first {following: |
| | | [kinds]}, then events as on MQTT, as they are committed; missed: so many were left out before this one |
| log.level | level: debug, info, warning or error; none: only tell | {level} |
| alarms.list | | [{name, text, since, by_hand}]; by_hand: it stays until it is cleared |
| alarms.clear | name | {name} |
| trace | of: a number, a call's id or Call-ID, or null for every call | stream: first {columns: [names from left to |
| | | right]}, then {time, call, from, to, line, note}; from and to are columns, line is what the arrow says |

`customer` is taken as the operator typed it; the handler reads it in the policy's region.
"""

import asyncio
import contextlib
import json
import socket
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import structlog

from config.problem import ConfigError
from proxy.control_client import ANSWER_SECONDS, ControlError, NotRunningError, socket_address
from routing.events import rfc3339, write_answer

REQUEST_BYTES: Final = 8 << 20
"""Longest request line: a policy that is applied travels in it."""

MOST_CLIENTS: Final = 32
"""Most connections at a time."""

REQUEST_SECONDS: Final = 10.0
"""How long a client may take to send its request."""

LONGEST_VERB: Final = 64
"""Characters of an unknown verb that its refusal repeats."""

MOMENTS: Final = frozenset({
    "created", "missed_at", "due", "expires", "responsible_since", "released", "ended", "claimed", "customer_at",
    "answered", "time", "since", "next", "delivered", "waits_until", "touched", "expires_at", "due_at", "planned",
    "until",
})
"""Keys of answers whose values are moments where they are floats: seconds since the epoch. An agent's `released` is a
count."""

__all__ = [
    "ANSWER_SECONDS", "MOMENTS", "ControlError", "ControlServer", "Handler", "NotRunningError", "with_moments",
]

Handler = Callable[[dict[str, Any]], Any]
"""Gets the request's args; returns data, an awaitable of data, or an async iterator of data. Runs on the event loop."""

_log = structlog.get_logger()


class ControlServer:
    """The daemon's end."""

    def __init__(self, path: str | Path, handlers: Mapping[str, Handler], zone: Callable[[], str]) -> None:
        """`zone`: gives the time zone (IANA name) in which people are shown times."""
        self._path = Path(path)
        self._handlers = handlers
        self._zone = zone
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self._file = (0, 0)

    async def stand(self) -> bool:
        """Listen, if nobody does at the path: at the start, and again where the socket file was removed.

        Returns whether it was made now. A socket file that nobody listens at any more is replaced; ControlError where
        somebody else does, or where it cannot be made. Requests that came by a file that was removed are answered.
        """
        if self._server is not None and self._is_ours():
            return False
        await asyncio.to_thread(_clear, self._path)
        address = socket_address(self._path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.bind(address)
            # Between bind and listen nobody can connect: the mode is right before the first client.
            self._path.chmod(0o600)
            self._file = _identity(self._path)
            server = await asyncio.start_unix_server(self._accept, sock=sock, limit=REQUEST_BYTES)
        except OSError as error:
            sock.close()
            raise ControlError(f"{self._path}: {error.strerror}") from error
        gone, self._server = self._server, server
        if gone is not None:
            gone.close()
        return True

    async def start(self) -> None:
        """Listen. Raises as `stand` does."""
        await self.stand()

    def _is_ours(self) -> bool:
        try:
            return _identity(self._path) == self._file
        except OSError:
            return False

    async def close(self) -> None:
        """Stop listening, end every stream, remove the socket file."""
        if self._server is None:
            return
        self._server.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None
        if self._is_ours():
            with contextlib.suppress(OSError):
                self._path.unlink()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            if len(self._clients) > MOST_CLIENTS:
                await _send(writer, _encoded({"ok": False, "error": "too many clients"}))
            else:
                await self._serve(reader, writer)
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # the client went away, stopped reading, or we close: nobody is left to tell
        finally:
            self._clients.discard(task)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                line = await reader.readline()
        except ValueError:
            await _send(writer, _encoded({"ok": False, "error": f"a request has at most {REQUEST_BYTES} bytes"}))
            return
        if not line:
            return
        try:
            answer = self._call(line)
            if isinstance(answer, AsyncIterator):
                await _stream(answer, self._answered, reader, writer)
                return
            data = await answer if asyncio.iscoroutine(answer) or isinstance(answer, asyncio.Future) else answer
            reply = await asyncio.to_thread(self._answered, data)  # a long list takes a while
        except Exception as error:
            reply = _encoded(_failure(error))
        await _send(writer, reply)

    def _answered(self, data: Any) -> bytes:
        return _encoded({"ok": True, "data": with_moments(data), "zone": self._zone()})

    def _call(self, line: bytes) -> Any:
        try:
            request = json.loads(line, parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise ControlError("a request is one line of JSON") from None
        verb, args = (request.get("verb"), request.get("args", {})) if isinstance(request, dict) else (None, None)
        if not isinstance(verb, str) or not isinstance(args, dict):
            raise ControlError('a request is {"verb": "...", "args": {...}}')
        handler = self._handlers.get(verb)
        if handler is None:
            raise ControlError(f"unknown verb {verb[:LONGEST_VERB]!r}")
        return handler(args)


def _no_number(word: str) -> NoReturn:
    """JSON has no NaN and no infinity (RFC 8259 section 6), though Python reads them."""
    raise ValueError(f"{word} is no number")


def with_moments(data: Any, key: str = "") -> Any:
    """Return an answer with its moments as RFC 3339 has them, however deep they stand."""
    if isinstance(data, dict):
        return {name: with_moments(value, name) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [with_moments(value, key) for value in data]
    if key in MOMENTS and isinstance(data, float):
        return rfc3339(data)
    return data


def _encoded(answer: dict[str, Any]) -> bytes:
    return write_answer(answer).encode(errors="surrogatepass") + b"\n"


async def _send(writer: asyncio.StreamWriter, line: bytes) -> None:
    writer.write(line)
    async with asyncio.timeout(ANSWER_SECONDS):
        await writer.drain()


async def _stream(items: AsyncIterator[Any], write: Callable[[Any], bytes], reader: asyncio.StreamReader,
                  writer: asyncio.StreamWriter) -> None:
    """Send items until there are no more or the client leaves: an idle stream must notice that too.

    Raises what the iterator raised.
    """

    async def forward() -> None:
        async for item in items:
            line = write(item)
            try:
                await _send(writer, line)
            except OSError:
                return

    sending = asyncio.ensure_future(forward())
    leaving = asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, leaving):
            task.cancel()
        results = await asyncio.gather(sending, leaving, return_exceptions=True)
        if isinstance(items, AsyncGenerator):
            await items.aclose()
    if isinstance(results[0], Exception):
        raise results[0]


def _failure(error: Exception) -> dict[str, Any]:
    """Turn what a handler raised into an answer; what it did not mean to raise is logged with its trace."""
    if isinstance(error, ConfigError):
        problems = [problem._asdict() for problem in error.problems]
        return {"ok": False, "error": str(error), "problems": problems}
    if isinstance(error, ControlError):
        return {"ok": False, "error": str(error), "problems": error.problems}
    _log.error("control request failed", exc_info=error)
    return {"ok": False, "error": f"internal error ({type(error).__name__}), see the log"}


def _identity(path: Path) -> tuple[int, int]:
    """What tells a file from one that took its name, and perhaps its inode, later."""
    found = path.lstat()
    return found.st_ino, found.st_mtime_ns


def _clear(path: Path) -> None:
    """Remove a socket file that nobody listens at."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return
    if not stat.S_ISSOCK(mode):
        raise ControlError(f"{path} is there and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(socket_address(path))
        except ConnectionRefusedError:
            path.unlink()
        except OSError as error:
            raise ControlError(f"{path}: {error.strerror or error}") from None
        else:
            raise ControlError(f"another daemon is running at {path}")
