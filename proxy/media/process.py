"""The media process as its parent sees it: started, listened to, found dead or stuck, started again after a pause.

The one thing that says it lives is the socket pair between the two: it closes when either of them ends, however.
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
from proxy.media.settings import MediaSettings

PAUSE_FIRST: Final = 0.2
PAUSE_MAX: Final = 10.0
"""Seconds between an end and the next start: the first, doubled with each end up to the second."""
CALM: Final = 30.0
"""Seconds that a process must have lived for the pause to be short again."""
PING_PAUSE: Final = 1.0
STUCK: Final = 4.0
START_PATIENCE: Final = 60.0
"""Seconds without an answer after which the process counts as stuck, and is killed; longer while it starts.
Nobody hears anything meanwhile; its sessions go on in the next one."""
END_PATIENCE: Final = 2.0
"""Seconds that a process has to end by itself once its connection is closed."""
ALARM: Final = "media"

log = get_logger()


class MediaProcess:
    """Keeps one media process running."""

    def __init__(self, settings: MediaSettings, heard: Callable[[list[Any]], None], started: Callable[[], None],
                 lost: Callable[[float], None], alarm: Callable[[str, str | None], None]) -> None:
        self.figures: dict[str, Any] = {}
        """What the process last said of itself: sessions, CPU seconds, packets."""
        self._settings = settings
        self._heard = heard
        self._started = started
        """Told that there is a process, before it is asked for anything."""
        self._lost = lost
        """Told that it is gone, and for how many seconds it was there."""
        self._alarm = alarm
        self._ready = asyncio.Event()
        self._link: LineProtocol | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._pause = PAUSE_FIRST
        self._began = self._answered = self._pinged = 0.0
        self._pinger: asyncio.TimerHandle | None = None
        self._starting: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def up(self) -> bool:
        """Whether there is a process to talk to."""
        return self._link is not None

    @property
    def pid(self) -> int | None:
        """Its process id."""
        return self._child.pid if self._child is not None else None

    async def start(self) -> None:
        """Start it. It is ready a moment later; what is sent meanwhile waits for it."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        try:
            self._child = spawn(theirs)
        except OSError as error:
            ours.close()
            log.error("media process cannot be started", error=str(error))
            self._again(f"the media process cannot be started: {error}")
            return
        finally:
            theirs.close()
        self._began = self._answered = loop.time()
        link = LineProtocol(self._word, self._ended)
        await loop.create_unix_connection(lambda: link, sock=ours)
        self._link = link
        link.send("setup", self._settings.as_json())
        self._started()
        self._pinged = loop.time()
        self._ping()

    async def wait_ready(self, timeout: float) -> bool:
        """Wait until it said that it is ready; False: not within `timeout` seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ready.wait(), timeout)
        return self._ready.is_set()

    def send(self, *words: object) -> None:
        """Send one line to it."""
        if self._link is not None:
            self._link.send(*words)

    async def stop(self) -> None:
        """End it, and do not start it again."""
        self._stopping = True
        if self._starting is not None:
            self._starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._starting
        if self._pinger is not None:
            self._pinger.cancel()
        link, self._link = self._link, None
        if link is not None:
            link.close()
        if self._child is not None:
            child, self._child = self._child, None
            await asyncio.get_running_loop().run_in_executor(None, _reap, child, END_PATIENCE)

    def _word(self, words: list[Any]) -> None:
        match words:
            case ["pong", _, dict(figures)]:
                self._answered = asyncio.get_running_loop().time()
                self.figures = figures
            case ["ready", _]:
                self._answered = asyncio.get_running_loop().time()
                self._ready.set()
                self._alarm(ALARM, None)
            case ["log", str(level), str(event), dict(facts)]:
                getattr(log, level, log.warning)(event, **facts)
            case ["alarm", str(name), text]:
                self._alarm(name, text)
            case _:
                self._heard(words)

    def _ping(self) -> None:
        loop = asyncio.get_running_loop()
        patience = STUCK if self._ready.is_set() else START_PATIENCE
        now = loop.time()
        if now - self._pinged > 2 * PING_PAUSE:  # we were held up ourselves: its answers may wait to be read
            self._answered = max(self._answered, now - PING_PAUSE)
        self._pinged = now
        if now - self._answered > patience and self._child is not None:
            log.error("media process does not answer and is killed", id=self._child.pid)
            self._child.kill()
            return
        self.send("ping", 0)
        self._pinger = loop.call_later(PING_PAUSE, self._ping)

    def _ended(self) -> None:
        """Its end of the connection is closed: whatever it was, it is no media process any more."""
        self._link = None
        self.figures = {}
        self._ready.clear()
        if self._pinger is not None:
            self._pinger.cancel()
        if self._stopping:
            return
        status: int | None = None
        if self._child is not None:
            child, self._child = self._child, None
            child.kill()
            status = _reap(child, END_PATIENCE)
        log.error("media process ended", status=status)
        self._lost(asyncio.get_running_loop().time() - self._began)
        self._again(f"the media process ended (status {status}): our legs hear nothing until the next is there")

    def _again(self, text: str) -> None:
        self._alarm(ALARM, text)
        loop = asyncio.get_running_loop()
        if self._began and loop.time() - self._began > CALM:
            self._pause = PAUSE_FIRST
        pause, self._pause = self._pause, min(2 * self._pause, PAUSE_MAX)
        self._starting = loop.create_task(self._start_later(pause))

    async def _start_later(self, pause: float) -> None:
        await asyncio.sleep(pause)
        await self.start()


def spawn(theirs: socket.socket) -> subprocess.Popen[bytes]:
    """Start the media process with its end of the socket pair. Raises OSError."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "proxy.media.worker", str(theirs.fileno())]
    return subprocess.Popen(command, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL,
                            env={**os.environ, "PYTHONPATH": path})


def _reap(child: subprocess.Popen[bytes], patience: float) -> int | None:
    """Wait for a process that is ending, kill it where it takes too long; its exit status."""
    try:
        return child.wait(patience)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()
