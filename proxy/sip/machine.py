"""The engine under client.py and server.py: runs one row of transaction_tables at a time, on injected time.

Rules
- The table decides, the action functions only do. Nothing outside this engine sets `state`.
- Run to completion: an input that arrives while a row runs (a send that fails at once, the user ending the
  transaction from a callback) waits until the row is done.
- An exception of the user or of `send` leaves through the call that caused it, after the rest of its row was run:
  a fault of ours must not leave a transaction that never ends.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from proxy.sip.message import Request
from proxy.sip.timers import Timer, Timers, TimerValues
from proxy.sip.transaction_tables import Action, Input, State, Table

Act: TypeAlias = Callable[[Any, Any, float], None]
"""Does one action: (transaction, the message or data that came with the input, now)."""
Machine: TypeAlias = dict[tuple[State, Input], tuple[State, tuple[Act, ...]]]

_KINDS: Final = (Input.PROVISIONAL, Input.PROVISIONAL, Input.SUCCESS, *[Input.FAILURE] * 4)
"""By the first digit of a status."""


def kind(status: int) -> Input:
    """Say which input a response of this status is; 300 and above are failures to a transaction."""
    return _KINDS[status // 100]


def machine(table: Table, acts: Mapping[Action, Act]) -> Machine:
    """Put the functions that do them in the place of the actions."""
    return {key: (state, tuple(acts[action] for action in actions)) for key, (state, actions) in table.items()}


class Transaction:
    """What both sides have in common."""

    __slots__ = ("_busy", "_data", "_interval", "_later", "_machine", "_reliable", "_retry", "_retry_input", "_send",
                 "_timers", "_values", "_wait", "_wait_input", "key", "request", "state")
    __deletable__ = ("_send", "request")

    def __init__(self, request: Request, key: tuple[object, ...], data: bytes | None, send: Callable[[bytes], None],
                 reliable: bool, timers: Timers, values: TimerValues, first: State, rows: Machine) -> None:
        self.state = first
        self.request: Request = request
        """Gone (AttributeError) when the callback with the final response, or `respond` with it, has returned."""
        self.key = key
        """Where the owner's table keeps it (keys.py); stays to the end."""
        self._data = data
        self._send = send
        self._reliable = reliable
        self._timers = timers
        self._values = values
        self._machine = rows
        self._retry: Timer | None = None
        """Timer A, E or G."""
        self._retry_input = Input.TIMER_A
        self._interval = 0.0
        self._wait: Timer | None = None
        """Timer B, D, F, H, I, J, K, L or M: never two of them at a time."""
        self._wait_input = Input.TIMER_B
        self._busy = False
        self._later: tuple[tuple[Input, Any, float], ...] = ()

    def start(self, now: float) -> None:
        """Begin; call it once. A client sends its request."""
        self._step(Input.START, None, now)

    def transport_failed(self, now: float) -> None:
        """Take note that what was sent could not be delivered, or that the connection is gone (section 17.1.4)."""
        self._step(Input.TRANSPORT_ERROR, None, now)

    def terminate(self, now: float) -> None:
        """End it without another message; the owner is told `on_terminated`."""
        self._step(Input.TERMINATE, None, now)

    def _step(self, what: Input, message: Any, now: float) -> None:
        if self._busy:
            self._later += ((what, message, now),)
            return
        self._busy = True
        self.state, acts = self._machine[self.state, what]
        rest = iter(acts)
        try:
            for act in rest:
                act(self, message, now)
        finally:
            for act in rest:
                act(self, message, now)
            self._busy = False
            if self._later:
                first, self._later = self._later[0], self._later[1:]
                self._step(*first)

    def _retry_at(self, when: float) -> None:
        self._retry = self._timers.at(when, self._retry_due)

    def _retry_due(self, now: float) -> None:
        self._step(self._retry_input, None, now)

    def _wait_until(self, when: float) -> None:
        self._wait = self._timers.at(when, self._wait_due)

    def _wait_due(self, now: float) -> None:
        self._step(self._wait_input, None, now)


def _starts_retry(what: Input) -> Act:
    """Timers A, E and G: T1 at first, none on a reliable transport."""
    def start(tx: Transaction, message: Any, now: float) -> None:
        if not tx._reliable:
            tx._retry_input = what
            tx._interval = tx._values.T1
            tx._retry_at(now + tx._interval)
    return start


def _starts_wait(what: Input, seconds: Callable[[TimerValues], float]) -> Act:
    def start(tx: Transaction, message: Any, now: float) -> None:
        tx._wait_input = what
        tx._wait_until(now + seconds(tx._values))
    return start


def _starts_linger(what: Input, seconds: Callable[[TimerValues], float]) -> Act:
    """Timers D, I, J and K: 0 on a reliable transport, where nothing comes twice."""
    start_wait = _starts_wait(what, seconds)

    def start(tx: Transaction, message: Any, now: float) -> None:
        if tx._reliable:
            tx._step(what, None, now)
        else:
            start_wait(tx, message, now)
    return start


def _double(tx: Transaction, message: Any, now: float) -> None:
    tx._interval *= 2
    tx._retry_at(now + tx._interval)


def _double_to_t2(tx: Transaction, message: Any, now: float) -> None:
    tx._interval = min(2 * tx._interval, tx._values.T2)
    tx._retry_at(now + tx._interval)


def _at_t2(tx: Transaction, message: Any, now: float) -> None:
    tx._interval = tx._values.T2
    tx._retry_at(now + tx._interval)


def _stop(tx: Transaction, message: Any, now: float) -> None:
    if tx._retry is not None:
        tx._retry.cancel()
        tx._retry = None
    if tx._wait is not None:
        tx._wait.cancel()
        tx._wait = None


def _resend(tx: Transaction, message: Any, now: float) -> None:
    if tx._data is not None:
        tx._send(tx._data)


def _forget_request(tx: Transaction, message: Any, now: float) -> None:
    if hasattr(tx, "request"):
        del tx.request


def _forget_data(tx: Transaction, message: Any, now: float) -> None:
    tx._data = None


SHARED_ACTS: dict[Action, Act] = {
    Action.RESEND: _resend,
    Action.START_A: _starts_retry(Input.TIMER_A),
    Action.START_B: _starts_wait(Input.TIMER_B, lambda values: values.b),
    Action.START_D: _starts_linger(Input.TIMER_D, lambda values: values.d),
    Action.START_E: _starts_retry(Input.TIMER_E),
    Action.START_F: _starts_wait(Input.TIMER_F, lambda values: values.f),
    Action.START_G: _starts_retry(Input.TIMER_G),
    Action.START_H: _starts_wait(Input.TIMER_H, lambda values: values.h),
    Action.START_I: _starts_linger(Input.TIMER_I, lambda values: values.i),
    Action.START_J: _starts_linger(Input.TIMER_J, lambda values: values.j),
    Action.START_K: _starts_linger(Input.TIMER_K, lambda values: values.k),
    Action.START_L: _starts_wait(Input.TIMER_L, lambda values: values.l),
    Action.START_M: _starts_wait(Input.TIMER_M, lambda values: values.m),
    Action.DOUBLE: _double,
    Action.DOUBLE_TO_T2: _double_to_t2,
    Action.AT_T2: _at_t2,
    Action.STOP: _stop,
    Action.FORGET_REQUEST: _forget_request,
    Action.FORGET_DATA: _forget_data,
}
"""What both sides do alike; each side adds its own."""
