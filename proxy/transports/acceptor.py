"""A listening TCP or TLS socket.

Accepts by itself and not through `loop.create_server`, because asyncio shows a TLS connection only after its
handshake: whoever opens sockets and says nothing would not be counted until then.
"""

import asyncio
import errno
import socket
from collections.abc import Callable

from proxy.logger import get_logger
from proxy.transports.addresses import family_of

BACKLOG = 512
"""Connections that the kernel completes while we are busy."""
BATCH = 64
"""Connections accepted in one wake-up."""
FILES_PAUSE = 1.0
"""Seconds without accepting after the process ran out of file descriptors or memory."""
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

log = get_logger()


def bind_stream(host: str, port: int) -> socket.socket:
    """Return a listening, non-blocking socket bound to an IP address. Raises OSError."""
    family = family_of(host)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Without it a restarted daemon waits for the connections of the last one to leave TIME_WAIT.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        prepare_stream(sock)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def prepare_stream(sock: socket.socket) -> None:
    """Set what every listening socket here has, also one that another process has bound. Raises OSError."""
    # Accepted sockets inherit it. asyncio would set it only on sockets made with an explicit protocol number.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setblocking(False)


class Acceptor:
    """Accepts on one listening socket and hands every connection to `taken(socket, address)`."""

    __slots__ = ("_loop", "_retry", "_sock", "_taken")

    def __init__(self, sock: socket.socket, taken: Callable[[socket.socket, tuple[str, int]], None]) -> None:
        self._sock = sock
        self._taken = taken
        self._retry: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def resume(self) -> None:
        """Accept from now on."""
        self._loop.add_reader(self._sock.fileno(), self._readable)

    def pause(self) -> None:
        """Accept no more; whoever connects waits in the socket."""
        if self._retry is not None:
            self._retry.cancel()
        self._loop.remove_reader(self._sock.fileno())

    def close(self) -> None:
        """Stop listening."""
        if self._retry is not None:
            self._retry.cancel()
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()

    def _readable(self) -> None:
        for _ in range(BATCH):
            try:
                sock, address = self._sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in EXHAUSTED:
                    self._exhausted(error)
                    return
                continue  # that connection was gone before we took it
            sock.setblocking(False)
            self._taken(sock, (address[0], address[1]))

    def _exhausted(self, error: OSError) -> None:
        log.warning("cannot accept connections", error=str(error), again_in=FILES_PAUSE)
        self._loop.remove_reader(self._sock.fileno())
        self._retry = self._loop.call_later(FILES_PAUSE, self._resume)

    def _resume(self) -> None:
        self._retry = None
        self._loop.add_reader(self._sock.fileno(), self._readable)
