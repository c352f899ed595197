"""The console's process as the daemon sees it: started, asked whether it lives, started again after a pause.

The daemon holds the listening socket and passes it down: connections that come while there is no process wait in it.
The one thing that says that the process lives is the socket pair between the two: it closes when either of them ends,
however. Nothing here holds up the loop, and nothing that fails here reaches a call.
"""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from proxy.line_protocol import LineProtocol
from proxy.logger import get_logger

PAUSE_FIRST: Final = 0.1
PAUSE_MAX: Final = 30.0
"""Seconds between an end and the next start: the first, doubled with each end up to the second."""
CALM: Final = 30.0
"""Seconds that a process must have lived for the pause to be short again."""
PING_PAUSE: Final = 1.0
STUCK: Final = 15.0
START_PATIENCE: Final = 60.0
"""Seconds without an answer after which the process counts as stuck, and is killed; longer while it starts."""
END_PATIENCE: Final = 1.5
"""Seconds that a process has to end by itself once its connection is closed."""
PORT_PAUSE: Final = 0.25
"""Seconds between two tries to have the address, which the process before may still hold."""
PORT_QUIET: Final = 3.0
"""Seconds of such tries before an alarm says so."""
BACKLOG: Final = 512
"""Connections that wait to be taken, as many as may come while the process is started again."""
ALARM: Final = "console"

log = get_logger()


class ConsoleKeeping:
    """Keeps one console running."""

    def __init__(self, address: tuple[str, int], settings: str, taken: socket.socket | None,
                 keep: Callable[[socket.socket], None], alarm: Callable[[str, str | None], None]) -> None:
        """`settings`: the line that the process is told. `taken`: the listening socket, where the process before has
        left it. `keep`: has the socket kept for the process after this one. `alarm(name, text)`: None clears it.
        """
        self._address, self._settings, self._keep, self._alarm = address, settings, keep, alarm
        self.socket = taken
        """The listening socket; None while the address could not be had."""
        self.pid: int | None = None
        """Process id of the console; None while there is none."""
        self._pause = PAUSE_FIRST
        self._text: str | None = None

    async def run(self) -> None:
        """Keep it running for ever; cancelled, it ends the process, and leaves the socket."""
        listening = await self._listen()
        while True:
            began = asyncio.get_running_loop().time()
            try:
                why = await self._live(listening)
            except Exception as error:
                why = repr(error)
            log.error("console_ended", reason=why)
            if asyncio.get_running_loop().time() - began > CALM:
                self._pause = PAUSE_FIRST
            pause, self._pause = self._pause, min(2 * self._pause, PAUSE_MAX)
            if pause > PAUSE_FIRST:  # one end alone is over before anybody has read of it
                self._say(f"the process of pages and API ended ({why}): it is started again every {pause:g} s; calls "
                          "do not need it")
            await asyncio.sleep(pause)

    def close(self) -> None:
        """Give the address back."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def _say(self, text: str | None) -> None:
        if text != self._text:
            self._text = text
            self._alarm(ALARM, text)

    async def _listen(self) -> socket.socket:
        began = asyncio.get_running_loop().time()
        while self.socket is None:
            try:
                self.socket = await asyncio.to_thread(listen, *self._address)
            except OSError as error:
                if asyncio.get_running_loop().time() - began > PORT_QUIET:
                    self._say(f"pages and API have no address: {error}")
                await asyncio.sleep(PORT_PAUSE)
        self._keep(self.socket)
        return self.socket

    async def _live(self, listening: socket.socket) -> str:
        """Start a process and wait for its end; why it ended."""
        ours, theirs = socket.socketpair()
        try:
            child = await asyncio.to_thread(spawn, listening, theirs)
        except OSError as error:
            ours.close()
            return f"it cannot be started: {error}"
        except asyncio.CancelledError:  # a process that was started all the same finds its line closed, and ends
            ours.close()
            raise
        finally:
            theirs.close()
        self.pid = child.pid
        link = _Link(self._ready)
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: link.protocol, sock=ours)
            link.protocol.send("setup", self._settings)
            stuck = await self._watch(link)
        finally:
            self.pid = None
            link.protocol.close()
            status = await asyncio.shield(asyncio.to_thread(_reap, child, link.kill_at_once))
        return "it gave no answer" if stuck else f"status {status}"

    def _ready(self) -> None:
        self._say(None)

    async def _watch(self, link: "_Link") -> bool:
        """Ask it whether it lives until it does not; whether it was there and gave no answer."""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        while not link.ended.is_set():
            link.protocol.send("ping")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(link.ended.wait(), PING_PAUSE)
            now = loop.time()
            if now - asked > 2 * PING_PAUSE:  # we were held up ourselves: its answers may wait to be read
                link.answered = max(link.answered, now - PING_PAUSE)
            asked = now
            if now - link.answered > (STUCK if link.ready else START_PATIENCE):
                link.kill_at_once = True
                return True
        link.kill_at_once = True
        return False


class _Link:
    """One process's line."""

    def __init__(self, on_ready: Callable[[], None]) -> None:
        self._on_ready = on_ready
        self.ended = asyncio.Event()
        self.ready = False
        self.answered = asyncio.get_running_loop().time()
        self.kill_at_once = False
        """It is of no use any more, and is not given time to end by itself."""
        self.protocol = LineProtocol(self._heard, self.ended.set)

    def _heard(self, words: list[Any]) -> None:
        self.answered = asyncio.get_running_loop().time()
        if words == ["ready"]:
            self.ready = True
            self._on_ready()


def listen(host: str, port: int) -> socket.socket:
    """Take an address. Raises OSError with a text that names it."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM,
                                                      flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise OSError(f"cannot listen on {host} port {port}: {error.strerror or error}") from error


def spawn(listening: socket.socket, theirs: socket.socket) -> subprocess.Popen[bytes]:
    """Start the process with the listening socket and its end of the socket pair. Raises OSError."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    passed = (listening.fileno(), theirs.fileno())
    command = [sys.executable, "-m", "proxy.console", *map(str, passed)]
    return subprocess.Popen(command, pass_fds=passed, stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path})


def _reap(child: subprocess.Popen[bytes], at_once: bool) -> int:
    """Wait for a process that is ending, kill it where it takes too long; its exit status."""
    if at_once:
        child.kill()
    try:
        return child.wait(END_PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()
