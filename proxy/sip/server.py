"""Server transactions: RFC 3261 section 17.2 with RFC 6026 section 7.1."""

from collections.abc import Callable
from typing import Final, Protocol

from proxy.sip.keys import Key
from proxy.sip.machine import SHARED_ACTS, Act, Transaction, kind, machine
from proxy.sip.message import Request
from proxy.sip.timers import Timers, TimerValues
from proxy.sip.transaction_tables import INVITE_SERVER, SERVER, Action, Input, State


class ServerOwner(Protocol):
    """The transaction user of a server transaction."""

    def on_ack(self, tx: "ServerTransaction", request: Request, now: float) -> None:
        """An ACK with the INVITE's own branch came after a 2xx (RFC 6026 section 7.1); that of a non-2xx never does."""

    def on_timeout(self, tx: "ServerTransaction", now: float) -> None:
        """No ACK to a non-2xx came (timer H); `on_terminated` follows."""

    def on_transport_error(self, tx: "ServerTransaction", now: float) -> None:
        """A response could not be sent. An INVITE without a final response, or with a 2xx, stays as it is."""

    def on_terminated(self, tx: "ServerTransaction", now: float) -> None:
        """It is over: forget it. Called once, and last."""


class ServerTransaction(Transaction):
    """One request from outside until its final response is settled. The owner sends the 100 itself."""

    __slots__ = ("_owner",)
    __deletable__ = ("_owner",)

    def __init__(self, request: Request, key: Key, send: Callable[[bytes], None], reliable: bool, timers: Timers,
                 owner: ServerOwner, values: TimerValues) -> None:
        """Prepare for `request`; the machine is chosen by its method.

        `key`: its name (keys.server_key).
        `send` delivers to where the request came from (section 18.2.2) and reports failure by `transport_failed`.
        """
        invite = request.method == b"INVITE"
        super().__init__(request, key, None, send, reliable, timers, values,
                         State.PROCEEDING if invite else State.TRYING, _INVITE_MACHINE if invite else _MACHINE)
        self._owner = owner

    def receive(self, request: Request, now: float) -> None:
        """Take a request that matches (keys.server_key): the same one again, or the ACK of an INVITE."""
        self._step(Input.ACK if request.method == b"ACK" else Input.REQUEST, request, now)

    def over(self, now: float) -> None:
        """Tell the owner, and let go of it: the last that happens. Who keeps transactions takes them out here."""
        owner = self._owner
        del self._owner, self._send  # as in client.py
        owner.on_terminated(self, now)

    def respond(self, data: bytes, status: int, now: float) -> None:
        """Send a response. After the final one only further 2xx to an INVITE that got a 2xx leave."""
        self._step(kind(status), data, now)


def _send(tx: ServerTransaction, data: bytes, now: float) -> None:
    tx._data = data
    tx._send(data)


def _send_once(tx: ServerTransaction, data: bytes, now: float) -> None:
    tx._send(data)


def _tell_ack(tx: ServerTransaction, request: Request, now: float) -> None:
    tx._owner.on_ack(tx, request, now)


def _tell_timeout(tx: ServerTransaction, message: None, now: float) -> None:
    tx._owner.on_timeout(tx, now)


def _tell_transport_error(tx: ServerTransaction, message: None, now: float) -> None:
    tx._owner.on_transport_error(tx, now)


def _tell_terminated(tx: ServerTransaction, message: None, now: float) -> None:
    tx.over(now)


_ACTS: dict[Action, Act] = {
    **SHARED_ACTS,
    Action.SEND: _send,
    Action.SEND_ONCE: _send_once,
    Action.TELL_ACK: _tell_ack,
    Action.TELL_TIMEOUT: _tell_timeout,
    Action.TELL_TRANSPORT_ERROR: _tell_transport_error,
    Action.TELL_TERMINATED: _tell_terminated,
}
_INVITE_MACHINE: Final = machine(INVITE_SERVER, _ACTS)
_MACHINE: Final = machine(SERVER, _ACTS)
