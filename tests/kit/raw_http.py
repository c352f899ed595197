"""HTTP by hand: octets to a server, and all that comes back."""

import socket

from tests.kit.ports import LOOPBACK
from tests.kit.waiting import PATIENCE


def say(port: int, *parts: bytes) -> bytes:
    """Send, and return all that comes back until the server ends the connection."""
    with socket.create_connection((LOOPBACK, port), PATIENCE) as sock:
        for part in parts:
            sock.sendall(part)
        return read_all(sock)


def read_all(sock: socket.socket) -> bytes:
    """Return what comes until the server ends the connection."""
    said = b""
    while part := sock.recv(65536):
        said += part
    return said


def status_of(said: bytes) -> int:
    """Return the status of an answer."""
    return int(said.split(b" ", 2)[1])
