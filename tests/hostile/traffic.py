"""A PBX that answers whatever arrives, and calls that are made one after another while something else goes on."""

import threading
from types import TracebackType
from typing import Self

from tests.hostile.wire import Wire, answer
from tests.kit.call import Outgoing, incoming
from tests.kit.sip_socket import SipSocket

LOOK = 0.05
"""Seconds between two looks at whether it is over."""


class Answering:
    """Answers every request that arrives at a wire 404, in a thread of its own, until the end."""

    def __init__(self, wire: Wire, hop: tuple[str, int]) -> None:
        self._wire, self._hop = wire, hop
        self._over = threading.Event()
        self.seen = 0
        self._thread = threading.Thread(target=self._run, name="answering", daemon=True)

    def _run(self) -> None:
        while not self._over.is_set():
            for message in self._wire.drain(LOOK):
                self.seen += 1
                if not message.startswith((b"SIP/2.0", b"ACK ")):
                    self._wire.send(answer(message, b"404 Not Found"), self._hop)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()


class Calling:
    """Makes whole calls from one socket to another until the end, and keeps what failed."""

    def __init__(self, caller: SipSocket, callee: SipSocket, hop: tuple[str, int], dialled: str) -> None:
        self._caller, self._callee, self._hop, self._dialled = caller, callee, hop, dialled
        self._over = threading.Event()
        self.made = 0
        self.failed: list[str] = []
        self._thread = threading.Thread(target=self._run, name="calling", daemon=True)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._call()
            except AssertionError as error:
                self.failed.append(str(error))

    def _call(self) -> None:
        call = Outgoing(self._caller, self._hop, self._dialled, "+36209876543")
        there = incoming(self._callee, call_id=call.call_id)
        there.ring()
        there.pick_up_with(call)
        call.request("BYE")
        there.hung_up()
        call.bye_answered()
        self.made += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
