"""Client transactions: RFC 3261 section 17.1 with RFC 6026 section 8.4."""

from collections.abc import Callable
from typing import Final, Protocol

from proxy.sip.keys import branch_key
from proxy.sip.machine import SHARED_ACTS, Act, Transaction, kind, machine
from proxy.sip.message import Request, Response
from proxy.sip.requests import make_ack
from proxy.sip.timers import Timers, TimerValues
from proxy.sip.transaction_tables import CLIENT, INVITE_CLIENT, Action, State


class ClientOwner(Protocol):
    """The transaction user of a client transaction."""

    def on_response(self, tx: "ClientTransaction", response: Response, now: float) -> None:
        """Take each 1xx, the final response once, and every further 2xx to an INVITE."""

    def on_timeout(self, tx: "ClientTransaction", now: float) -> None:
        """Nothing came in time (timer B or F, or the moment of `give_up_at`); `on_terminated` follows."""

    def on_transport_error(self, tx: "ClientTransaction", now: float) -> None:
        """Sending failed; `on_terminated` follows."""

    def on_terminated(self, tx: "ClientTransaction", now: float) -> None:
        """It is over: forget it. Called once, and last."""


class ClientTransaction(Transaction):
    """One request of ours until its final response is settled."""

    __slots__ = ("_full_wait", "_owner")
    __deletable__ = ("_owner",)

    def __init__(self, request: Request, data: bytes, send: Callable[[bytes], None], reliable: bool, timers: Timers,
                 owner: ClientOwner, values: TimerValues) -> None:
        """Prepare `request`, to be sent as `data`; the machine is chosen by its method.

        `send` delivers to the address chosen for this transaction (the ACK of a non-2xx goes there too) and reports
        failure by `transport_failed`, at once or later. `reliable`: TCP or TLS.
        """
        invite = request.method == b"INVITE"
        super().__init__(request, branch_key(request), data, send, reliable, timers, values,
                         State.CALLING if invite else State.TRYING, _INVITE_MACHINE if invite else _MACHINE)
        self._owner = owner
        self._full_wait: float | None = None

    def receive(self, response: Response, now: float) -> None:
        """Take a response that matches (keys.client_key)."""
        self._step(kind(response.status), response, now)

    def over(self, now: float) -> None:
        """Tell the owner, and let go of it: the last that happens. Who keeps transactions takes them out here."""
        owner = self._owner
        del self._owner, self._send  # each may lead back here: what is over goes at once, and leaves no ring
        owner.on_terminated(self, now)

    def send_again(self) -> None:
        """Send the request once more, where no response came yet: what carried it is known to be lost."""
        if self._data is not None and self.state in (State.CALLING, State.TRYING):
            self._send(self._data)

    def give_up_at(self, when: float) -> None:
        """Move timer B or F to `when`, to try another address sooner; of no effect once a response came.

        Call it after `start`.
        """
        if self._wait is not None and self.state in (State.CALLING, State.TRYING):
            if self._full_wait is None:
                self._full_wait = self._wait.when
            self._wait.cancel()
            self._wait_until(when)


def _send(tx: ClientTransaction, message: None, now: float) -> None:
    assert tx._data is not None  # START is the first input
    tx._send(tx._data)


def _ack(tx: ClientTransaction, response: Response, now: float) -> None:
    tx._data = make_ack(tx.request, response)
    tx._send(tx._data)


def _restore_f(tx: ClientTransaction, response: Response, now: float) -> None:
    if tx._full_wait is not None and tx._wait is not None:
        tx._wait.cancel()
        tx._wait_until(tx._full_wait)


def _tell_response(tx: ClientTransaction, response: Response, now: float) -> None:
    tx._owner.on_response(tx, response, now)


def _tell_timeout(tx: ClientTransaction, message: None, now: float) -> None:
    tx._owner.on_timeout(tx, now)


def _tell_transport_error(tx: ClientTransaction, message: None, now: float) -> None:
    tx._owner.on_transport_error(tx, now)


def _tell_terminated(tx: ClientTransaction, message: None, now: float) -> None:
    tx.over(now)


_ACTS: dict[Action, Act] = {
    **SHARED_ACTS,
    Action.SEND: _send,
    Action.ACK: _ack,
    Action.RESTORE_F: _restore_f,
    Action.TELL_RESPONSE: _tell_response,
    Action.TELL_TIMEOUT: _tell_timeout,
    Action.TELL_TRANSPORT_ERROR: _tell_transport_error,
    Action.TELL_TERMINATED: _tell_terminated,
}
_INVITE_MACHINE: Final = machine(INVITE_CLIENT, _ACTS)
_MACHINE: Final = machine(CLIENT, _ACTS)
