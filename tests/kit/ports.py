"""Ports on loopback for what a test starts, and the kernel's word on whether somebody listens there.

Ports come from below the range the kernel hands out by itself (net.ipv4.ip_local_port_range, 32768 and up unless set),
so that no outgoing connection of another test takes one between the look and the use.
"""

import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
FIRST, LAST = 20_000, 31_998
TRIES = 500

_given: set[int] = set()


def free_port(room: int = 2) -> int:
    """Give an even port of 127.0.0.1 that is free for UDP and TCP; never one twice.

    `room`: how many ports from it on are the asker's: two for RTP and RTCP.
    """
    for _ in range(TRIES):
        ports = range(start := random.randrange(FIRST, LAST, 2), start + room)
        if _given.isdisjoint(ports) and all(map(_is_free, ports)):
            _given.update(ports)
            return start
    raise RuntimeError(f"no free port between {FIRST} and {LAST}")


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                # As servers do: a port whose last connections are in TIME_WAIT counts as free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                return False
    return True


def bound(port: int, transport: str = "udp") -> bool:
    """Tell whether a socket is bound to the port (udp), or listens on it (tcp, tls)."""
    table, state = ("udp", "07") if transport == "udp" else ("tcp", "0A")
    for name in (table, table + "6"):
        for line in Path("/proc/net", name).read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port and fields[3] == state:
                return True
    return False
