"""A bad line: a UDP relay between one peer and the element under test that drops and doubles datagrams.

SIPp's own `-lost` forgets to answer a request again whose answer it "lost", so the line is ours. The peer calls the
line's port, and the element knows the peer by it.
"""

import random
import select
import socket
import threading
from types import TracebackType
from typing import Self

from tests.kit.ports import LOOPBACK, free_port

DATAGRAM = 65_535


class LossyLine:
    """Relay between the ports `peer` and `element` of loopback, on a port of its own, while it is entered."""

    def __init__(self, peer: int, element: int, *, loss: float, double: float = 0.0, seed: int = 1) -> None:
        self.port = free_port()
        self.dropped = self.doubled = self.passed = 0
        self._ends = {peer: (LOOPBACK, element), element: (LOOPBACK, peer)}
        self._loss, self._double, self._chance = loss, double, random.Random(seed)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, self.port))
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._relay, name=f"lossy line {self.port}", daemon=True)

    def _relay(self) -> None:
        while True:
            ready, _, _ = select.select([self._socket, self._woken], [], [])
            if self._woken in ready:
                return
            try:
                data, source = self._socket.recvfrom(DATAGRAM)
            except ConnectionRefusedError:
                continue
            to = self._ends.get(source[1])
            if to is None:
                continue
            if self._chance.random() < self._loss:
                self.dropped += 1
                continue
            self.passed += 1
            self._socket.sendto(data, to)
            if self._chance.random() < self._double:
                self.doubled += 1
                self._socket.sendto(data, to)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wake.send(b"x")
        self._thread.join()
        for each in (self._socket, self._wake, self._woken):
            each.close()
