"""What ledger and desk hear of our legs and attempts.

Each fact is a method with its own shape; the wall clock is read here. A bug of whoever is told must not leave a leg up:
it is noted, and the call goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from proxy.ua.contract import Stack
from routing.callbacks.facts import DeskFacts, LegRecords, Outcome, OwnCall
from routing.callbacks.queue_facts import QueueOffer
from routing.facts import Ending, Identity, Router
from routing.rows import LegRow, Step


class LegBook(Router, Protocol):
    """The ledger, as it hears of our legs."""

    def taken_by(self, call: str) -> str | None:
        """Who took an agent's leg that went to a queue, as far as it is proved by now."""

    def pbx_of(self, call: str) -> str | None:
        """The PBX of a call in progress."""

    def place_entry(self, call: str, place: str) -> OwnCall | None:
        """How the leg `place`, which stands for the caller of a call in progress, is entered as a call of its own."""

    def queue_offer(self, call: str, now: float) -> QueueOffer | None:
        """What the caller may press while they wait; None: nothing, or no more."""

    def pressed(self, call: str, key: str, now: float, told: Callable[[bool], None]) -> None:
        """A caller who waits pressed a key. `told` is called once, maybe at once: True when what they are promised is
        on disk; False: they wait on."""


class Reports:
    """Facts on their way to ledger and desk, none of which is waited for but where a method says so."""

    __slots__ = ("_desk", "_ledger", "_records", "_stack")

    def __init__(self, desk: DeskFacts, records: LegRecords, ledger: LegBook, stack: Stack) -> None:
        self._desk = desk
        self._records = records
        self._ledger = ledger
        self._stack = stack

    # -- legs, to the ledger

    def place(self, entry: OwnCall) -> None:
        """A leg of ours is about to call."""
        with _Fence(self._stack, "place", entry.id):
            self._records.place(entry, self._stack.wall())

    def ringing(self, call: str) -> None:
        """The far end of a leg rings."""
        with _Fence(self._stack, "ringing", call):
            self._ledger.ringing(call, 0, self._stack.wall())

    def answered(self, call: str, identities: tuple[Identity, ...]) -> None:
        """A leg is answered, by whom these name."""
        with _Fence(self._stack, "answered", call):
            self._ledger.answered(call, 0, identities, None, self._stack.wall())

    def connected_line(self, call: str, identities: tuple[Identity, ...]) -> None:
        """The far end of a leg is another one now."""
        with _Fence(self._stack, "connected_line", call):
            self._ledger.connected_line(call, identities, self._stack.wall())

    def pressed(self, call: str, key: str, told: Callable[[bool], None]) -> None:
        """A caller who waits pressed a key. `told` as in `LegBook.pressed`."""
        with _Fence(self._stack, "pressed", call):
            self._ledger.pressed(call, key, self._stack.wall(), told)

    def call_ended(self, call: str, ending: Ending) -> None:
        """A leg is over, for the ledger."""
        with _Fence(self._stack, "ended", call):
            self._ledger.ended(call, ending, self._stack.wall())

    def taken_by(self, call: str) -> str | None:
        """Ask the ledger who took a leg to the PBX."""
        try:
            return self._ledger.taken_by(call)
        except Exception as error:
            self._stack.note("asking_failed", call=call, what="taken_by", error=repr(error))
            return None

    # -- legs and attempts, to the desk

    def keep(self, row: LegRow) -> None:
        """Have written down what ends a leg after a crash."""
        with _Fence(self._stack, "leg", row.call):
            self._desk.leg(row)

    def keep_then(self, row: LegRow, go: Callable[[float], None]) -> None:
        """Have it written down, and go on then; where the desk fails the call goes first.

        Nobody may be in a call with us that the next process would not know of.
        """
        try:
            self._desk.leg(row, lambda: go(self._stack.clock()))
        except Exception as error:
            _note(self._stack, "leg", row.call, error)
            go(self._stack.clock())

    def leg_gone(self, call: str) -> None:
        """A leg is over, for the desk."""
        with _Fence(self._stack, "leg_gone", call):
            self._desk.leg_gone(call)

    def step(self, attempt: str, step: Step, agent: str | None) -> None:
        """An attempt got further."""
        with _Fence(self._stack, "step", ""):
            self._desk.step(attempt, step, self._stack.wall(), None, agent)

    def connected(self, attempt: str, agent: str | None) -> None:
        """Agent and customer hear each other."""
        with _Fence(self._stack, "connected", ""):
            self._desk.connected(attempt, self._stack.wall(), agent)

    def let_go(self, attempt: str) -> None:
        """The agent has nothing to do with the attempt any more."""
        with _Fence(self._stack, "let_go", ""):
            self._desk.let_go(attempt, self._stack.wall())

    def attempt_ended(self, attempt: str, outcome: Outcome) -> None:
        """An attempt is over."""
        with _Fence(self._stack, "ended", ""):
            self._desk.ended(attempt, outcome, self._stack.wall())


class _Fence:
    """Notes what is raised inside, and lets the call go on."""

    __slots__ = ("_call", "_stack", "_what")

    def __init__(self, stack: Stack, what: str, call: str) -> None:
        self._stack, self._what, self._call = stack, what, call

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> bool:
        if not isinstance(error, Exception):
            return False
        _note(self._stack, self._what, self._call, error)
        return True


def _note(stack: Stack, what: str, call: str, error: Exception) -> None:
    stack.note("telling_failed", call=call, what=what, error=repr(error))
