"""One UDP socket, read in batches and written to directly: the hot path.

No asyncio transport stands in between: `add_reader`, `recvfrom`, `sendto`. Nothing here raises into the loop.
How long a datagram has waited is asked of the kernel (SO_TIMESTAMPNS, socket(7)) while several wait at a time; else it
was read as soon as it came.
IP_RECVERR makes the kernel report ICMP errors on an unconnected socket (ip(7)). It reports them twice: as the error
of whatever call comes next, whoever that was for, and in the error queue with the address they belong to. So an error
of a call sends us to the queue first, and the call is made again.
"""

import asyncio
import errno
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from proxy.sip.hop import Flow, Hop, Listener
from proxy.transports.addresses import family_of, plain_host
from proxy.transports.error_fence import ErrorFence

BATCH: Final = 64
"""Datagrams read in one wake-up, so that a flood leaves timers and streams their turn."""
DATAGRAM_MAX: Final = 65_535
"""The largest UDP payload there can be, and more than the largest message we take."""
KEEP_ALIVE_MAX: Final = 4
"""Datagrams up to this length (CRLFCRLF, four zero bytes) only keep a NAT open."""
RECEIVE_BUFFER = 4 * 1024 * 1024
"""Bytes asked of the kernel (SO_RCVBUF): some seconds of calls while the process is held up."""
FLOWS_MAX = 1_024
"""Sources whose flow is kept, which is another object else with each datagram; all are forgotten together."""
SEND_QUEUE_BYTES = 1024 * 1024
"""Bytes of datagrams that wait for room in the socket."""
LOOKS: Final = 8
"""While datagrams come one by one: one wake-up in so many looks whether more are waiting."""
NO_BUFFERS_PAUSE = 0.005
"""Seconds to wait after ENOBUFS: the socket counts as writable all the while."""
ERROR_BATCH = 64
"""ICMP errors read in one go."""

FULL_WAIT: Final = 0.2
"""Seconds that a datagram counts as having waited at least where the socket's buffer is full, and half of them where it
is half full: a small one is full, and loses what comes, before anything in it is old."""
BEHIND_MAX: Final = 4.0
"""Seconds by which a socket counts as behind at the most."""
STALE: Final = 0.25
"""Seconds after a read in which what was left is read, if anything was."""

SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS: Final = 35
SO_MEMINFO: Final = 55
TIMESPEC: Final = struct.Struct("@ll")
MEMINFO: Final = struct.Struct("@9I")
"""The first is what the buffer holds, the second what it may hold (SK_MEMINFO_RMEM_ALLOC, SK_MEMINFO_RCVBUF)."""
ANCILLARY: Final = socket.CMSG_SPACE(TIMESPEC.size)
IP_RECVERR = 11
IPV6_RECVERR = 25
UNREACHABLE: Final = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH})
QUEUED: Final = frozenset({errno.EAGAIN, errno.ENOBUFS})

Failed = Callable[[str], None]
Address = tuple[Any, ...]
"""Host and port; of IPv6 also flow and scope (`socket`)."""


class Unsent(NamedTuple):
    """A datagram for which the socket had no room."""

    data: bytes
    address: tuple[str, int]
    failed: Failed | None


def bind_udp(host: str, port: int) -> socket.socket:
    """Return a non-blocking socket bound to an IP address. Raises OSError."""
    family = family_of(host)
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        prepare_udp(sock)
        sock.bind((host, port))
    except BaseException:
        sock.close()
        raise
    return sock


def prepare_udp(sock: socket.socket) -> None:
    """Set what every socket here has, also one that another process has bound. Raises OSError."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < RECEIVE_BUFFER:
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        except OSError:  # needs CAP_NET_ADMIN; without it the kernel cuts the wish down to net.core.rmem_max
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    sock.setblocking(False)


class UdpSocket:
    """A bound UDP socket of one listener."""

    __slots__ = (
        "_crowded",
        "_error_fence",
        "_family",
        "_flows",
        "_looks",
        "_loop",
        "_queue",
        "_queued_bytes",
        "_read_at",
        "_reading",
        "_receive",
        "_retry",
        "_sock",
        "_unreachable",
        "_waited",
        "listener",
    )

    def __init__(
        self,
        listener: Listener,
        sock: socket.socket,
        receive: Callable[[bytes, Flow, float], None],
        unreachable: Callable[[Hop], None],
        error_fence: ErrorFence,
    ) -> None:
        self.listener = listener
        self._waited = 0.0
        """Seconds that the last datagram of a crowd had waited; 0 once nothing was left."""
        self._read_at = 0.0
        """When the last batch was over."""
        self._sock = sock
        self._family = sock.family
        self._flows: dict[Address, Flow] = {}
        """By source, as the socket gives it."""
        self._receive = receive
        self._unreachable = unreachable
        self._error_fence = error_fence
        self._crowded = False
        """The last wake-up that looked for more than one datagram found more."""
        self._looks = 0
        self._reading = False
        self._queue: deque[Unsent] = deque()
        self._queued_bytes = 0
        self._retry: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def behind(self) -> float:
        """By how many seconds what is read here is older than now; 0 where nothing waits."""
        return self._waited if self._waited and self._loop.time() - self._read_at < STALE else 0.0

    def resume(self) -> None:
        """Read from now on."""
        self._reading = True
        self._loop.add_reader(self._sock.fileno(), self._readable)

    def pause(self) -> None:
        """Read no more; what comes waits in the socket. Sending goes on."""
        self._reading = False
        self._loop.remove_reader(self._sock.fileno())

    def send(self, data: bytes, host: str, port: int, failed: Failed | None = None) -> None:
        """Send one datagram to an IP address; `failed` hears later in the loop if that is known to be in vain."""
        if self._queue:
            self._enqueue(Unsent(data, (host, port), failed))
            return
        try:
            # sendto() would ask DNS for anything that is no IP address, and the whole process would wait.
            socket.inet_pton(self._family, host)
            self._sock.sendto(data, (host, port))
        except (OSError, ValueError, OverflowError) as error:
            self._send_again(Unsent(data, (host, port), failed), error)

    def close(self) -> None:
        """Close the socket; datagrams that still wait are dropped."""
        if self._sock.fileno() < 0:
            return
        if self._retry is not None:
            self._retry.cancel()
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._queue.clear()
        self._sock.close()

    def _readable(self) -> None:
        # One look too many costs as much as a datagram: while they come one by one, only every `LOOKS`-th wake-up looks
        # for a second one. What is left is told again, for the poll is level-triggered.
        self._looks = looks = (self._looks + 1) % LOOKS
        if self._crowded or not looks:
            self._read_batch()
        else:
            self._read_one()

    def _read_one(self) -> None:
        """Read a datagram that was told as soon as it came."""
        try:
            data, address = self._sock.recvfrom(DATAGRAM_MAX)
        except OSError:  # also where there is nothing to read: the error queue is what keeps the socket readable
            self._after_error()
            return
        self._hand_on(data, address, 0.0)

    def _read_batch(self) -> None:
        """Read those that wait, each with its age."""
        recvmsg = self._sock.recvmsg
        least = FULL_WAIT * self._fill()
        for taken in range(BATCH):
            if not self._reading:  # the receiver of the datagram before had us pause
                return
            try:
                data, ancillary, _, address = recvmsg(DATAGRAM_MAX, ANCILLARY)
            except BlockingIOError:
                self._crowded = taken > 1
                self._waited = 0.0
                if not taken:
                    self._after_error()
                return
            except OSError:
                if self._sock.fileno() < 0:  # closed by the receiver of the datagram before
                    return
                self._after_error()
                continue
            waited = _age(ancillary)
            self._waited = min(waited, BEHIND_MAX)
            self._hand_on(data, address, max(waited, least))
        self._crowded = True
        self._read_at = self._loop.time()

    def _hand_on(self, data: bytes, address: Address, waited: float) -> None:
        if len(data) <= KEEP_ALIVE_MAX:
            return
        flow = self._flows.get(address)
        if flow is None:
            flow = self._new_flow(address)
        try:
            self._receive(data, flow, waited)
        except Exception as error:
            self._error_fence.report("udp", error)

    def _new_flow(self, address: Address) -> Flow:
        """Give the way back to a source that was not heard lately."""
        if len(self._flows) >= FLOWS_MAX:
            self._flows.clear()
        host = plain_host(address[0]) if self._family == socket.AF_INET6 else address[0]
        flow = self._flows[address] = Flow(self.listener, host, address[1])
        return flow

    def _fill(self) -> float:
        """Return how full the socket's buffer is, 0 to 1."""
        try:
            held, allowed, *_ = MEMINFO.unpack(self._sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, MEMINFO.size))
        except (OSError, struct.error):  # before Linux 4.12
            return 0.0
        return float(held) / float(allowed)

    def _after_error(self) -> None:
        """Empty the error queue. libuv takes an error for the end of a descriptor and watches it no more: ask anew."""
        self._read_errors()
        self._loop.call_soon(self._watch)

    def _watch(self) -> None:
        if self._sock.fileno() >= 0 and self._reading:
            self._loop.remove_reader(self._sock.fileno())
            self._loop.add_reader(self._sock.fileno(), self._readable)

    def _send_again(self, unsent: Unsent, error: Exception) -> None:
        """Go on after an error of sendto(): it may be the echo of an earlier datagram to somebody else."""
        code = error.errno if isinstance(error, OSError) else None
        if code is not None and code not in QUEUED and self._read_errors():
            try:
                self._sock.sendto(unsent.data, unsent.address)
                return
            except OSError as second:
                error = second
        if isinstance(error, OSError) and error.errno in QUEUED:
            self._enqueue(unsent)
            self._wait_for_room(error)
        elif unsent.failed is not None:
            self._loop.call_soon(unsent.failed, f"udp to {unsent.address[0]} port {unsent.address[1]}: {error}")

    def _enqueue(self, unsent: Unsent) -> None:
        if self._queued_bytes + len(unsent.data) > SEND_QUEUE_BYTES:
            if unsent.failed is not None:
                self._loop.call_soon(unsent.failed, "udp: send queue is full")
            return
        self._queue.append(unsent)
        self._queued_bytes += len(unsent.data)

    def _wait_for_room(self, error: OSError) -> None:
        if error.errno == errno.ENOBUFS:
            self._loop.remove_writer(self._sock.fileno())
            self._retry = self._loop.call_later(NO_BUFFERS_PAUSE, self._flush)
        else:
            self._loop.add_writer(self._sock.fileno(), self._flush)

    def _flush(self) -> None:
        queue = self._queue
        while queue:
            unsent = queue[0]
            try:
                self._sock.sendto(unsent.data, unsent.address)
            except OSError as error:
                if error.errno in QUEUED:
                    self._wait_for_room(error)
                    return
                if self._read_errors():  # each error read is one less: this comes to an end
                    continue
                if unsent.failed is not None:
                    self._loop.call_soon(unsent.failed, f"udp: {error}")
            queue.popleft()
            self._queued_bytes -= len(unsent.data)
        self._loop.remove_writer(self._sock.fileno())

    def _read_errors(self) -> int:
        """Empty the error queue, report whom ICMP calls unreachable; return the number of errors read."""
        for count in range(ERROR_BATCH):
            try:
                _, ancillary, _, address = self._sock.recvmsg(0, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return count
            if not address:
                continue
            # struct sock_extended_err (ip(7)) begins with the errno.
            if any(int.from_bytes(value[:4], sys.byteorder) in UNREACHABLE for _, _, value in ancillary):
                self._loop.call_soon(self._unreachable, Hop("udp", plain_host(address[0]), address[1]))
        return ERROR_BATCH


def _age(ancillary: list[tuple[int, int, bytes]]) -> float:
    """Seconds since the kernel took a datagram in, by its own clock; 0 where that is not known or was set back."""
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(value) == TIMESPEC.size:
            seconds, nanoseconds = TIMESPEC.unpack(value)
            return max(time.time() - float(seconds) - float(nanoseconds) * 1e-9, 0.0)
    return 0.0
