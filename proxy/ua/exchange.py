"""One request of ours other than INVITE until its answer counts: challenges are met (RFC 3261 section 22)."""

from collections.abc import Callable

from proxy.sip.bystanders import ClientBystander
from proxy.sip.client import ClientTransaction
from proxy.sip.hop import Hop, Listener
from proxy.sip.message import Response
from proxy.sip.requests import as_request, via_field
from proxy.ua.contract import Stack
from proxy.ua.login import CHALLENGES, Login
from proxy.ua.way import Way
from proxy.ua.wiring import BRANCH_MARK

Make = Callable[[bytes, tuple[bytes, ...]], bytes]
"""Writes a request: (Via field, further fields); each time with the next CSeq."""


class Exchange(ClientBystander):
    """Owner of the transactions of one request (see proxy.sip.client.ClientOwner)."""

    __slots__ = ("_done", "_listener", "_login", "_make", "_over", "_stack", "_way")

    def __init__(self, stack: Stack, done: Callable[[Response | None, float], None]) -> None:
        """`done` is told the final response that counts, or None where none came; once, and after `send` returned."""
        self._stack, self._done = stack, done
        self._over = False
        self._way: Way
        self._listener: Listener
        self._login: Login
        self._make: Make

    def send(self, hop: Hop, listener: Listener, login: Login, make: Make) -> None:
        """Send the request to a hop by a listener of ours that reaches it; `login` answers its challenges.

        Its Contact stays, whatever way it takes: that is where we are registered, or want to be told.
        """
        self._way, self._listener, self._login, self._make = Way(self._stack, hop), listener, login, make
        self._send()

    def _send(self) -> None:
        if self._over:
            return
        via = via_field(self._listener, BRANCH_MARK + self._stack.token())
        request = as_request(self._make(via, self._login.fields))
        self._stack.start_client(request, self._way.choose(request), self)

    def fail(self, now: float) -> None:
        """Give up: there is nowhere to send it."""
        self._finish(None, now)

    def forget(self) -> None:
        """Tell nobody of what still comes."""
        self._over = True

    # ClientOwner

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        if response.status < 200:
            return
        self._stack.report(self._way.taken, response.status != 503)
        request = tx.request
        if response.status in CHALLENGES and self._login.answer(response, request.method, request.uri,
                                                                self._stack.token()):
            self._send()
        else:
            self._finish(response, now)

    def on_timeout(self, tx: ClientTransaction, now: float) -> None:
        self._failed(now)

    def on_transport_error(self, tx: ClientTransaction, now: float) -> None:
        taken = self._way.taken
        if self._way.give_up_stream():
            self._stack.report(taken, False)
            self._send()
        else:
            self._failed(now)

    def _failed(self, now: float) -> None:
        self._stack.report(self._way.taken, False)
        self._finish(None, now)

    def _finish(self, response: Response | None, now: float) -> None:
        if not self._over:
            self._over = True
            self._done(response, now)
