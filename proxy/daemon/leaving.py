"""How a node leaves: it drains, hands its place over, and says when it is time to stop.

A stop waits for conversations of our own alone, `node.drain` at most; calls that pass go on with the next process,
which gets the sockets (`proxy.handover`). A process that only wanted our place and is gone again leaves things as they
were.
"""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from proxy import handover
from proxy.logger import get_logger
from proxy.notify import Notifier
from proxy.status.source import RunState

DRAIN_REPORT: Final = 5.0
"""Seconds between two lines that say what the drain waits for."""
DRAIN_GRACE: Final = 0.6
"""Seconds (a little more than T1) after the last conversation of ours in which the answer to its BYE may be asked for
again, and in which, where nobody has the sockets next, requests that are under way may be answered."""


class Drained(Protocol):
    """Who is to come to rest."""

    def drain(self) -> None:
        """Begin nothing new of our own; what is under way goes on to its end. Calls pass, new ones too."""

    def resume(self) -> None:
        """Go on after a drain that came to nothing."""

    def conversations(self) -> int:
        """How many conversations of our own are under way: they end with us, calls that only pass do not."""

    def unanswered(self) -> int:
        """How many requests that passed wait for an answer."""


class Leaving:
    """One process on its way out, or not."""

    def __init__(self, node: Drained, patience: float, folder: Path, notifier: Notifier,
                 show: Callable[[RunState], None]) -> None:
        """`patience`: seconds that a drain may last. `folder`: the data folder. `show`: tells how the process is."""
        self._node, self._patience, self._notifier, self._show = node, patience, notifier, show
        self._log = get_logger()
        self._loop = asyncio.get_running_loop()
        self._draining = False
        self._told = False
        """By a signal, and not only by a process that wants our place."""
        self._for_restart = False
        """The service manager said that another process comes at once."""
        self._drainer: asyncio.Task[None] | None = None
        self._door = handover.Door(folder, self._wants_our_place, self._successor_gone)
        self.time_to_stop = asyncio.Event()

    def open(self) -> None:
        """From now on another process can ask for our place."""
        try:
            self._door.open()
        except (OSError, ValueError) as error:  # calls pass without it
            self._log.warning("no_hand_over", reason=str(error))

    def terminate(self) -> None:
        """SIGTERM: let our own conversations end, then stop; the second time: stop."""
        if self._told:
            self._log.warning("stopping_at_once", conversations=self._node.conversations())
            self.time_to_stop.set()
            return
        self._told = True
        self._begin()

    def make_room(self) -> None:
        """SIGUSR2: as SIGTERM, but another process comes at once, and the carriers are not told that we leave."""
        self._for_restart = True
        self.terminate()

    @property
    def hands_over(self) -> bool:
        """Whether another process is known to come."""
        return self._for_restart or self._door.successor

    async def settle(self) -> None:
        """End the drain, whether or not all have ended."""
        if self._drainer is not None:
            self._drainer.cancel()
            await asyncio.gather(self._drainer, return_exceptions=True)

    def give(self, sockets: list[socket.socket]) -> None:
        """Give the sockets to who waits for them, and be there for nobody any more."""
        self._door.give(sockets)

    def _wants_our_place(self, insists: bool) -> bool:
        """Somebody asks for our sockets: they get them as our last act, if we are to stop."""
        if insists or self._draining:
            self._log.info("another_process_takes_over")
            self._begin()
            return True
        return False

    def _successor_gone(self) -> None:
        """Who wanted our place is no more: unless we were told to stop, we go on."""
        self._log.warning("take_over_given_up", goes_on=not self._told)
        if self._told or self.time_to_stop.is_set():
            return
        if self._drainer is not None:
            self._drainer.cancel()
        self._draining = False
        self._node.resume()
        self._show("running")
        self._notifier.ready()

    def _begin(self) -> None:
        if self._draining:
            return
        self._draining = True
        self._node.drain()
        self._drainer = self._loop.create_task(self._drain())
        self._notifier.stopping()
        self._show("draining")

    async def _drain(self) -> None:
        """Wait for our own conversations. Calls pass meanwhile, new ones too."""
        node, end, waited = self._node, self._loop.time() + self._patience, False
        while (count := node.conversations()) and (left := end - self._loop.time()) > 0:
            waited = True
            self._log.info("draining", waiting_for_conversations=count, at_most=f"{left:.0f}s")
            self._notifier.status(f"draining: {count} conversations of our own, {left:.0f} s at most")
            report = min(end, self._loop.time() + DRAIN_REPORT)
            while node.conversations() and self._loop.time() < report:
                await asyncio.sleep(0.1)
        if waited and not node.conversations():
            await asyncio.sleep(DRAIN_GRACE)
        if not self.hands_over:
            grace = self._loop.time() + DRAIN_GRACE
            while node.unanswered() and self._loop.time() < grace:
                await asyncio.sleep(0.02)
        self.time_to_stop.set()
