"""Sockets that go from one process to the next, so that a restart refuses nobody: what comes meanwhile waits in them.

Two ways, and a process may be offered sockets by both:
- The service manager keeps them (sd_pid_notify_with_fds(3), FDSTORE=1; `proxy.notify`) and gives them to whoever it
  starts next, in the way of sd_listen_fds(3). So they outlive a crash too.
- The next process is started beside the old one and asks it, over a Unix socket in the data folder. The old one says
  that it is to wait, lets its own legs end while calls pass as ever, and gives the sockets as its last act
  (SCM_RIGHTS, unix(7)). Where nobody is asked for, it gives them only if it is stopping anyway.
"""

import asyncio
import contextlib
import ipaddress
import os
import socket
import struct
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Final, Literal

from proxy.logger import get_logger

DOOR: Final = "handover.sock"
"""Name of the Unix socket in the data folder."""
FIRST: Final = 3
"""The first descriptor that a service manager passes (SD_LISTEN_FDS_START)."""
MOST: Final = 253
"""Descriptors that one message can carry (SCM_MAX_FD)."""
ANSWER_WITHIN: Final = 10.0
"""Seconds that whoever is asked has to say yes or no."""

_TAKE, _IF_STOPPING = b"T", b"S"
_WAIT, _NO, _HERE = b"W", b"N", b"H"
_CREDENTIALS: Final = struct.Struct("3i")
"""pid, uid and gid of a SO_PEERCRED."""

log = get_logger()


class Offered:
    """Sockets that another process bound; whoever needs one takes it."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self.rest = sockets
        """Those that nobody took."""

    def take(self, kind: Literal["datagram", "stream"], host: str, port: int) -> socket.socket | None:
        """Take the one that is bound to this IP address and port; a stream's listens. None: there is none."""
        wanted = socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_STREAM
        for sock in self.rest:
            if sock.type == wanted and _bound_to(sock, host, port) and (kind == "datagram" or _listens(sock)):
                self.rest.remove(sock)
                return sock
        return None

    def close(self) -> None:
        """Close those that nobody took."""
        for sock in self.rest:
            sock.close()
        self.rest = []


def _bound_to(sock: socket.socket, host: str, port: int) -> bool:
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    bound = sock.getsockname()
    return bool(bound[1] == port) and ipaddress.ip_address(bound[0]) == ipaddress.ip_address(host)


def _listens(sock: socket.socket) -> bool:
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1


def name_of(sock: socket.socket) -> str:
    """Name under which a service manager keeps a socket: the same for the same address, and no colon in it."""
    host, port = sock.getsockname()[:2]
    kind = "udp" if sock.type == socket.SOCK_DGRAM else "tcp"
    return f"{kind}_{host}_{port}".replace(":", "-")


def from_manager(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """Take what the service manager passed (sd_listen_fds(3)); its variables are removed, for they are not for our
    children.
    """
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not (count.isascii() and count.isdigit()) or int(count) > MOST:
        return []
    found = []
    for descriptor in range(FIRST, FIRST + int(count)):
        try:
            os.set_inheritable(descriptor, False)
            found.append(socket.socket(fileno=descriptor))
        except OSError as error:
            log.warning("no_socket_was_passed", descriptor=descriptor, reason=str(error))
    return found


def ask(folder: Path, insist: bool) -> list[socket.socket] | None:
    """Ask the process that works in a data folder for its sockets, and wait until it gives them. Blocks.

    `insist`: it is to stop for us; else it gives them only if it is stopping. None: nobody is there, or they do not
    want to. An empty list: it said yes and went away without.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(ANSWER_WITHIN)
        try:
            asking.connect(str(folder / DOOR))
            asking.sendall(_TAKE if insist else _IF_STOPPING)
            if asking.recv(1) != _WAIT:
                return None
            pid, _, _ = _CREDENTIALS.unpack(
                asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
            log.info("taking_over", from_process=pid)
            asking.settimeout(None)
            _, descriptors, _, _ = socket.recv_fds(asking, 1, MOST)
        except OSError:
            return None
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return [socket.socket(fileno=descriptor) for descriptor in descriptors]


class Door:
    """Where the process that works in the folder can be asked. In its loop."""

    def __init__(self, folder: Path, asked: Callable[[bool], bool], gone: Callable[[], None]) -> None:
        """`asked(insists)`: whether the sockets will be given. `gone`: who was to get them is no more."""
        self._path = folder / DOOR
        self._asked = asked
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._listening: socket.socket | None = None
        self._successor: socket.socket | None = None

    @property
    def successor(self) -> bool:
        """Whether somebody waits for the sockets."""
        return self._successor is not None

    def open(self) -> None:
        """Listen. The folder is ours alone: whatever stands at the path is of a process that is no more.

        Raises OSError, and ValueError for a path that is longer than a socket's may be.
        """
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            sock.bind(str(self._path))
            self._path.chmod(0o600)
            sock.listen()
        except BaseException:
            sock.close()
            raise
        self._listening = sock
        self._loop.add_reader(sock.fileno(), self._accept)

    def give(self, sockets: list[socket.socket]) -> None:
        """Give the sockets to who waits for them, and close."""
        successor = self._successor
        if successor is not None:
            try:
                socket.send_fds(successor, [_HERE], [sock.fileno() for sock in sockets])
            except OSError as error:
                log.error("hand_over_failed", reason=str(error))
        self.close()

    def close(self) -> None:
        """Ask nobody in any more."""
        if self._listening is not None:
            self._loop.remove_reader(self._listening.fileno())
            self._listening.close()
            self._listening = None
            with contextlib.suppress(OSError):
                self._path.unlink()
        self._leave()

    def _accept(self) -> None:
        assert self._listening is not None
        try:
            sock, _ = self._listening.accept()
        except OSError:
            return
        sock.setblocking(False)
        self._loop.add_reader(sock.fileno(), self._word, sock)

    def _word(self, sock: socket.socket) -> None:
        """Somebody said something, or hung up: a first word is a question, and after that there is none."""
        try:
            said = sock.recv(1)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if sock is self._successor:
            self._leave()
            self._gone()
            return
        if said in (_TAKE, _IF_STOPPING) and self._successor is None and self._asked(said == _TAKE):
            self._successor = sock
            with contextlib.suppress(OSError):
                sock.send(_WAIT)
            return
        with contextlib.suppress(OSError):
            sock.send(_NO)
        self._loop.remove_reader(sock.fileno())
        sock.close()

    def _leave(self) -> None:
        if self._successor is not None:
            self._loop.remove_reader(self._successor.fileno())
            self._successor.close()
            self._successor = None
