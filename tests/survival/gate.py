"""A TCP relay that can be shut: whoever is behind it seems to have died, and can be seen by others all the while."""

import select
import socket
import threading
from types import TracebackType
from typing import Self

from tests.kit.ports import LOOPBACK, free_port

CHUNK = 65_536
LOOK = 0.05
"""Seconds between two looks at whether it is shut."""


class Gate:
    """Relays to `target` of 127.0.0.1 while it is open."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._shut = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Accept connections."""
        self._shut.clear()
        listening = socket.create_server((LOOPBACK, self.port))
        self._thread = threading.Thread(target=self._run, args=(listening,), name="gate", daemon=True)
        self._thread.start()

    def shut(self) -> None:
        """Refuse connections, and cut those that there are."""
        self._shut.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self, listening: socket.socket) -> None:
        other: dict[socket.socket, socket.socket] = {}
        while not self._shut.is_set():
            for ready in select.select([listening, *other], [], [], LOOK)[0]:
                if ready is listening:
                    here = listening.accept()[0]
                    there = socket.create_connection((LOOPBACK, self._target))
                    other[here], other[there] = there, here
                elif ready in other:
                    self._pass_on(ready, other)
        for each in (listening, *other):
            each.close()

    @staticmethod
    def _pass_on(ready: socket.socket, other: dict[socket.socket, socket.socket]) -> None:
        try:
            data = ready.recv(CHUNK)
            if data:
                other[ready].sendall(data)
                return
        except OSError:
            pass
        twin = other.pop(ready)
        del other[twin]
        ready.close()
        twin.close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shut()
