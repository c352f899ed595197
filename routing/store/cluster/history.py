"""Removes what is too old from the shared database: one of the nodes does, a slice at a time, and no thread waits."""

import contextlib
from collections.abc import Callable
from functools import partial

from routing.duty import RETENTION, Duty
from routing.storage import Forgotten
from routing.store.engine import TroubleError
from routing.store.postgres.connection import Address
from routing.store.postgres.shared_history import SharedHistory


class ClusterHistory:
    """`forget` is asked for in the node's thread, again and again; what it asks for is done in another."""

    def __init__(self, address: str, node: str, duty: Duty, run: Callable[[Callable[[], None]], object],
                 post: Callable[[Callable[[], None]], object]) -> None:
        """`address`: of the shared database; ValueError where it is none. `run`: does something in some other thread;
        `post`: in the node's."""
        self._history = SharedHistory(Address(address, f"boomerang {node} history"))
        self._duty, self._run, self._post = duty, run, post
        self._busy = False

    def forget(self, before: float, rows: int, told: Callable[[Forgotten], None]) -> None:
        """See `storage.Store.forget`; `told` never comes while this is another node's, or the database is away."""
        if self._duty.holds(RETENTION) and not self._busy:
            self._busy = True
            self._run(partial(self._remove, before, rows, told))

    def _remove(self, before: float, rows: int, told: Callable[[Forgotten], None]) -> None:
        try:
            gone = self._history.remove(before, rows)
        except TroubleError:
            done = partial(self._done)  # it is asked for again; that the database is away others say
        else:
            done = partial(self._done, gone, told)
        with contextlib.suppress(RuntimeError):  # the node's loop is closed
            self._post(done)

    def _done(self, gone: Forgotten | None = None, told: Callable[[Forgotten], None] | None = None) -> None:
        self._busy = False
        if gone is not None and told is not None:
            told(gone)

    def close(self) -> None:
        """Close the connection. What is being removed comes to nothing."""
        self._history.close()
