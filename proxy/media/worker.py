"""The media process: `python -m proxy.media.worker DESCRIPTOR`, started by `proxy.media.process`.

It does what it is told over the socket whose descriptor it is given, and ends when that closes: with its parent,
however the parent ended. Signals for the group (Ctrl-C, a service manager's SIGTERM) are its parent's business:
conversations go on while the parent drains.
"""

import asyncio
import contextlib
import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

import uvloop

from proxy import output
from proxy.line_protocol import LineProtocol
from proxy.media.settings import MediaSettings
from proxy.media.switchboard import Switchboard

GC_THRESHOLD: Final = (50_000, 50, 100)
"""Packets leave no cycles; a pause of the collector is heard."""


class Worker:
    """The far end of the line."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.ended = loop.create_future()
        self.link = LineProtocol(self._word, self._lost)
        self._loop = loop
        self._board: Switchboard | None = None
        self._commands: dict[str, Callable[..., None]] = {}

    def _word(self, words: list[Any]) -> None:
        command, *rest = words
        if command == "setup":
            self._setup(MediaSettings(**rest[0]))
            return
        try:
            self._commands[command](*rest)
        except Exception as error:  # one bad command must not end the conversations of all
            self.link.send("log", "error", "media command failed", {"command": command, "error": repr(error)})

    def _setup(self, settings: MediaSettings) -> None:
        board = self._board = Switchboard(settings, self.link.send, self._loop)
        self._commands = {
            "ping": lambda number: self.link.send("pong", number, board.figures()),
            "open": board.open, "connect": board.connect, "play": board.play, "tone": board.tone,
            "press": board.press, "join": board.join, "part": board.part, "record": board.record,
            "stop_recording": board.stop_recording, "watch": board.watch, "watch_keys": board.watch_keys,
            "watch_tone": board.watch_tone, "close": board.close_stream,
        }  # fmt: skip
        board.start()
        gc.collect()
        gc.freeze()
        self.link.send("ready", os.getpid())

    def _lost(self) -> None:
        if self._board is not None:
            self._board.close()
        if not self.ended.done():
            self.ended.set_result(None)


async def serve(descriptor: int) -> None:
    """Do what is asked until the connection closes."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, lambda: None)
    worker = Worker(loop)
    await loop.create_unix_connection(lambda: worker.link, sock=socket.socket(fileno=descriptor))
    await worker.ended


def more_files() -> None:
    """Take as many descriptors as we may have: two sockets a leg, and a file where it is recorded."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main(arguments: Sequence[str]) -> int:
    """Run until the parent is gone."""
    output.shield("media process: {} lines lost".format)
    gc.set_threshold(*GC_THRESHOLD)
    more_files()
    uvloop.run(serve(int(arguments[0])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
