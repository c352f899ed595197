"""The control socket: how the command asks and changes the running daemon.

A Unix socket of mode 0600. One connection is one request: the client sends one JSON line, the daemon answers with one
JSON line, or for a streaming verb with one line for each item until either side closes.

    {"verb": "direct.list", "args": {"limit": 10}}
    {"ok": true, "data": [...], "zone": "Europe/Budapest"}
    {"ok": false, "error": "no such record", "problems": [{"file", "key", "line", "text", "level"}]}     policy only

A request may say for whom it asks: `"as": {"name": "anna", "role": "agent", "door": "console", "groups": null, "agent":
"201"}` (`proxy.verbs.shapes.caller`). What they may not is answered with `"forbidden": true`, what there is not with
`"unknown": true`, what was made from something older than there is now with `"conflict": true`. Without it the request
is that of the user of this machine who opened the socket, who may do everything.

Moments are RFC 3339 in UTC; `zone` says in which time zone a person is to be shown them: the policy's. What is not
known is null. The verbs, what each takes and what it gives stand in `proxy.verbs.shapes`; `customer` and every other
number is taken as the operator typed it and read in the policy's region.
"""

import asyncio
import contextlib
import json
import pwd
import socket
import stat
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol

from config.problem import ConfigError
from proxy.control_client import (
    ANSWER_SECONDS,
    ConflictError,
    ControlError,
    ForbiddenError,
    UnknownError,
    socket_address,
)
from proxy.logger import get_logger
from proxy.verbs.shapes.caller import OPERATOR, Caller
from routing.events import write_answer

REQUEST_BYTES: Final = 8 << 20
"""Longest request line: a policy that is applied travels in it."""

MOST_CLIENTS: Final = 32
"""Most connections at a time."""

REQUEST_SECONDS: Final = 10.0
"""How long a client may take to send its request."""

_log = get_logger()


class Answering(Protocol):
    """Who answers what comes in here."""

    def call(self, verb: str, args: dict[str, Any],
             caller: Caller) -> Coroutine[Any, Any, Any] | AsyncIterator[Any]:
        """Have a verb answered: data, or an iterator of data. Runs on the event loop; raises ControlError.

        `caller`: for whom it is asked.
        """

    def write(self, verb: str, data: Any) -> Any:
        """Return data as JSON values. Any thread."""


class ControlServer:
    """The daemon's end."""

    def __init__(self, path: str | Path, answering: Answering, zone: Callable[[], str]) -> None:
        """`zone`: gives the time zone (IANA name) in which people are shown times."""
        self._path = Path(path)
        self._answering = answering
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
            verb, args, caller = _request(line)
            answer = self._answering.call(verb, args, caller or _who(writer))
            write = partial(self._answered, verb)
            if isinstance(answer, AsyncIterator):
                await _stream(answer, write, reader, writer)
                return
            reply = await asyncio.to_thread(write, await answer)  # a long list takes a while
        except Exception as error:
            reply = _encoded(_failure(error))
        await _send(writer, reply)

    def _answered(self, verb: str, data: Any) -> bytes:
        return _encoded({"ok": True, "data": self._answering.write(verb, data), "zone": self._zone()})


def _request(line: bytes) -> tuple[str, dict[str, Any], Caller | None]:
    """Return the verb and the arguments of a request, and for whom it is. ControlError where it is none."""
    try:
        request = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise ControlError("a request is one line of JSON") from None
    verb, args = (request.get("verb"), request.get("args", {})) if isinstance(request, dict) else (None, None)
    if not isinstance(verb, str) or not isinstance(args, dict):
        raise ControlError('a request is {"verb": "...", "args": {...}}')
    return verb, args, Caller.from_json(request["as"]) if "as" in request else None


def _who(writer: asyncio.StreamWriter) -> Caller:
    """Return the user of this machine who has opened the socket: whoever may may do everything (unix(7))."""
    sock: socket.socket = writer.get_extra_info("socket")
    try:
        _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
        return Caller(pwd.getpwuid(uid).pw_name, "admin", "socket")
    except (OSError, KeyError):
        return OPERATOR


def _no_number(word: str) -> NoReturn:
    """JSON has no NaN and no infinity (RFC 8259 section 6), though Python reads them."""
    raise ValueError(f"{word} is no number")


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
        said: dict[str, Any] = {"ok": False, "error": str(error), "problems": error.problems}
        if isinstance(error, ForbiddenError):
            said["forbidden"] = True
        elif isinstance(error, UnknownError):
            said["unknown"] = True
        elif isinstance(error, ConflictError):
            said["conflict"] = True
        return said
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
