"""A wire to a PostgreSQL server that can be cut the moment a word passes, or be a long one."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.kit.ports import LOOPBACK


class Relay:
    """Passes bytes on, both ways, on a port of its own."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._delay = 0.0
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listener.getsockname()[1])
        self._word = b""
        self._passes = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    def cut_at(self, word: bytes, passes: bool) -> None:
        """Cut the first connection on which a client says this: before it reaches the server, or (`passes`) after,
        so that the answer is lost."""
        self._passes, self._word = passes, word

    def slow_down(self, seconds: float) -> None:
        """Let everything that a client says be so long on its way from now on; what is answered comes at once."""
        self._delay = seconds

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # who waits in it would take one more
        self._listener.close()
        for pair in self._pairs:
            _cut(*pair)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection((LOOPBACK, self._to))
            self._pairs.append((near, far))
            for source, sink, is_client in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._pass, args=(source, sink, is_client), name="relay", daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, is_client: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if is_client and self._word and self._word in data:
                    self._word = b""
                    if self._passes:
                        source.shutdown(socket.SHUT_RDWR)  # first: the answer finds nobody
                        sink.sendall(data)
                        sink.shutdown(socket.SHUT_WR)
                        while sink.recv(65_536):  # until the server has done what it was told
                            pass
                    break
                if is_client and self._delay:
                    time.sleep(self._delay)
                sink.sendall(data)
        _cut(source, sink)


def _cut(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextmanager
def relay(port: int) -> Iterator[Relay]:
    """A wire to a port of this machine."""
    made = Relay(port)
    try:
        yield made
    finally:
        made.close()
