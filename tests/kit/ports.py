"""Ports on loopback for what a test starts, and the kernel's word on whether somebody listens there.

Ports come from below the range the kernel hands out by itself (net.ipv4.ip_local_port_range, 32768 and up unless set),
so that no outgoing connection of another test takes one between the look and the use. Test runs beside each other
share them out in blocks: a block belongs to the process that has bound the abstract Unix socket of its name.
"""

import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

LOOPBACK = "127.0.0.1"
FIRST, LAST = 20_000, 32_000
BLOCK = 200
"""Ports in a block."""
BLOCKS_EACH = 6
"""How many blocks one process takes before it begins again with its first."""

_claims: dict[int, socket.socket] = {}
"""Blocks of this process by their first port."""


def free_port(room: int = 2) -> int:
    """Give an even port of 127.0.0.1 that is free for UDP and TCP and was not given lately.

    `room`: how many ports from it on are the asker's: two for RTP and RTCP.
    """
    while True:
        with _one_at_a_time:
            ports = [next(_supply) for _ in range(room)]
        consecutive = ports[-1] - ports[0] == len(ports) - 1
        if consecutive and ports[0] % 2 == 0 and all(map(_is_free, ports)):
            return ports[0]


def _ports() -> Iterator[int]:
    """Every port of this process's blocks, round and round; a block is claimed when it is first needed."""
    while len(_claims) < BLOCKS_EACH and (start := _claim()) is not None:
        yield from range(start, start + BLOCK)
    assert _claims, f"all ports between {FIRST} and {LAST} belong to other test runs"
    while True:
        for start in list(_claims):
            yield from range(start, start + BLOCK)


def _claim() -> int | None:
    """Take a block that is nobody's; None where all are taken."""
    blocks = list(range(FIRST, LAST, BLOCK))
    random.shuffle(blocks)
    for start in blocks:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0boomerang-test-ports-{start}")
        except OSError:
            claim.close()
            continue
        _claims[start] = claim
        return start
    return None


_supply = _ports()
_one_at_a_time = threading.Lock()


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
