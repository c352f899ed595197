"""Ports for RTP: pairs of an even and the next odd one (RFC 3550 section 11) out of one range, for all legs."""

import socket
from typing import Final, NamedTuple

RECEIVE_BUFFER: Final = 256 * 1024
"""Bytes asked of the kernel: more than a second of audio while the process is held up."""
DSCP_EF: Final = 0xB8
"""Expedited forwarding (RFC 3246) as the traffic class byte, which is where routers look for voice."""


class PortPair(NamedTuple):
    """Two bound sockets."""

    port: int
    rtp: socket.socket
    rtcp: socket.socket

    def close(self) -> None:
        """Close both."""
        self.rtp.close()
        self.rtcp.close()


class PortRange:
    """Hands pairs out in turn, so that a port rests for as long as possible before another leg gets it."""

    def __init__(self, host: str, first: int, last: int) -> None:
        self._host = host
        self._first = first + first % 2
        self._pairs = pairs(first, last)
        self._next = 0

    def take(self) -> PortPair | None:
        """Bind the next pair that is free; None where there is none."""
        for _ in range(self._pairs):
            port = self._first + 2 * self._next
            self._next = (self._next + 1) % self._pairs
            pair = self._bind(port)
            if pair is not None:
                return pair
        return None

    def take_again(self, port: int) -> PortPair | None:
        """Bind the pair that a session had; None where somebody else has it by now."""
        return self._bind(port)

    def _bind(self, port: int) -> PortPair | None:
        sockets: list[socket.socket] = []
        try:
            sockets.append(_bound(self._host, port))
            sockets.append(_bound(self._host, port + 1))
        except OSError:
            for sock in sockets:
                sock.close()
            return None
        return PortPair(port, *sockets)


def pairs(first: int, last: int) -> int:
    """Return how many pairs there are in a range, both ends in it."""
    return max(0, (last + 1 - (first + first % 2)) // 2)


def _bound(host: str, port: int) -> socket.socket:
    """Return a non-blocking UDP socket. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, DSCP_EF)
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, DSCP_EF)
        sock.setblocking(False)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock
