"""A node's own store, shared with other nodes: all is as with a node alone, but a claim is the shared database's to
give, and what others have changed there is taken here.

Nothing that a call waits for asks the shared database. While that is in trouble no claim is given, the alarm `cluster`
is up, and what is committed here waits in the file.
"""

import threading
import time
from collections.abc import Callable, Sequence
from enum import Enum, auto
from functools import partial
from typing import Final, NamedTuple

from routing.duty import Fence
from routing.hub import Committed
from routing.nodes_seen import Lag
from routing.rows import AttemptRow
from routing.storage import Caps, ChangedRows, StoreError, changed_rows
from routing.store.cluster.puller import Puller, PullHooks, SharedChanges, TakenMark
from routing.store.cluster.pusher import Claim, Pushed, Pusher, PushHooks, SharedDatabase, UnsharedUnits
from routing.store.engine import Engine, Queued
from routing.store.queries import CallbackQuery
from routing.store.queue import Done, StoreQueue, Told
from routing.store.unit_text import is_shared
from routing.writes import CloseAttempt, Shared, TakeRow, TakeSlot, Unit

ALARM: Final = "cluster"
"""The alarm that is up while nothing can be shared."""

ANSWER: Final = 2.0
"""Seconds that a claim may take in all: then it is told no, and closed again should it have been given."""


class Sharing(NamedTuple):
    """What a store is shared by. What one thread of the store's uses is closed by it."""

    bell: threading.Event
    """Set where the file has something that is to be shared."""
    waiting: UnsharedUnits
    """What that is. Of the thread that pushes, as the next one."""
    shared: SharedDatabase
    taken: TakenMark
    """Of the thread that pulls, as the next one."""
    changes: SharedChanges


class _Side(Enum):
    """Which thread has met trouble."""

    PUSH = auto()
    PULL = auto()


class _Asked(NamedTuple):
    """A claim that is not answered yet."""

    until: float
    attempt: AttemptRow
    unit: Unit
    done: Told


class ClusterStore(StoreQueue):
    """`StoreQueue` on the node's own file, with two threads that share it."""

    def __init__(self, engine: Engine, sharing: Sharing, post: Callable[[Done], object], clock: Callable[[], float],
                 node: str, events: Committed, steady: Callable[[], float] = time.monotonic) -> None:
        """`engine` is that of the file, and sets the bell; the rest as `StoreQueue` has it."""
        self._asked: dict[int, _Asked] = {}
        """Claims that are not answered yet."""
        self._number = 0
        """Of the claim asked for last."""
        self._untaken: list[Pushed] = []
        """Refusals of which the own file did not take the rows yet."""
        self._abandoned: Sequence[AttemptRow] = ()
        """Attempts of a process before this one of which it could not be read here whether they are known."""
        self._troubles: dict[_Side, str] = {}
        """What is wrong with the shared database, by who says so."""
        self._said_lock = threading.Lock()
        met = threading.Event()
        self._pusher = Pusher(sharing.bell, met, sharing.waiting, sharing.shared, PushHooks(
            pushed=lambda pushed: self._tell(partial(self._pushed, pushed)),
            slot=lambda slot: self._tell(lambda: self.put(Unit((TakeSlot(slot),)))),
            abandoned=lambda attempts: self._tell(partial(self._close_unknown, attempts)),
            trouble=lambda why: self._note(_Side.PUSH, why),
            lost_unit=lambda why: self._tell(
                partial(self._fault, "cluster_unit", f"never shared with other nodes: {why}")),
        ), node, clock, steady)
        self._puller = Puller(met, sharing.changes, sharing.taken, PullHooks(
            pulled=lambda unit, taken: self._tell(
                partial(self.take, unit, partial(self._on_pulled_taken, changed_rows(unit.writes), taken))),
            trouble=lambda why: self._note(_Side.PULL, why),
            lost_row=lambda what: self._tell(
                partial(self._fault, "cluster_unit", f"never taken from other nodes: {what}")),
        ), steady)
        super().__init__(engine, post, clock, node, events, steady)
        self._pusher.start()
        self._puller.start()

    @property
    def lag(self) -> Lag:
        """How far this node and the others are apart now. Any thread."""
        return Lag(self._pusher.waits_for(), self._puller.behind_for())

    # Claims

    def claim(self, attempt: AttemptRow, unit: Unit, done: Told, caps: Caps | None = None,
              fence: Fence | None = None) -> None:
        if self._refusing or self._pusher.failing:
            done(False)
            return
        self._number += 1
        self._asked[self._number] = _Asked(self._steady() + ANSWER, attempt, unit, done)
        queued = Queued(0, Unit(tuple(filter(is_shared, unit.writes))), True, attempt, caps, fence)
        self.settled(partial(self._ask_for, Claim(queued, attempt, self._number)))  # it sees all that was put before

    def _ask_for(self, claim: Claim) -> None:
        if claim.number in self._asked and not self._pusher.claim(claim):
            self._answer(claim.number, False)

    def _answer(self, number: int, is_given: bool) -> None:
        asked = self._asked.pop(number, None)
        if asked is not None:
            asked.done(is_given)

    def release(self) -> None:
        super().release()
        now = self._steady()
        for number in [number for number, asked in self._asked.items() if asked.until <= now]:
            self._pusher.withdraw(number)
            self._answer(number, False)
        self._try_again()

    # Told by the thread that pushes

    def _pushed(self, pushed: Pushed) -> None:
        if pushed.anew:
            self._anew()
        for claim in pushed.won:
            self._keep(claim)
        if pushed.lost or pushed.stale:
            self._take(pushed)
        if pushed.upto:
            self.put(Unit((Shared(pushed.upto),)))

    def _keep(self, claim: Claim) -> None:
        """Commit here what the shared database has given."""
        asked = self._asked.get(claim.number)
        if asked is None:  # who asked was told no meanwhile, and has closed it perhaps before it was there
            self._close([claim.attempt])
            return
        unit = Unit((TakeRow(asked.attempt, self._node), *asked.unit.writes), durable=True)
        self.commit_shared(unit, partial(self._answer, claim.number))

    def _take(self, refused: Pushed) -> None:
        """Take what stands in the place of what was refused, and then say so."""
        if refused.rows:
            self.take(Unit(refused.rows), partial(self._on_taken, refused))
        else:
            self._on_taken(refused, True)

    def _on_taken(self, refused: Pushed, is_taken: bool) -> None:
        if refused.stale and not is_taken:
            self._untaken.append(refused)  # our file is in trouble
            return
        if refused.stale:
            self._stale(refused.stale)
        for claim in refused.lost:
            self._answer(claim.number, False)

    def _try_again(self) -> None:
        """Do what the own file's trouble has put off."""
        untaken, self._untaken = self._untaken, []
        for refused in untaken:
            self._take(refused)
        if self._abandoned:
            self._close_unknown(self._abandoned)

    def _close_unknown(self, attempts: Sequence[AttemptRow]) -> None:
        """End those attempts that are not known here: nobody was dialled for them. The others are the desk's."""
        try:
            unknown = [row for row in attempts if not self._ask(CallbackQuery.ATTEMPT, (row.id,))]
        except StoreError:
            self._abandoned = attempts
            return
        self._abandoned = ()
        if unknown:
            self._close(unknown)

    def _close(self, attempts: Sequence[AttemptRow]) -> None:
        now = self._clock()
        over = [row._replace(step="ended", ended_at=now, result="stopped") for row in attempts]
        self.put(Unit(tuple(map(CloseAttempt, over))))

    # Told by the thread that pulls

    def _on_pulled_taken(self, changed: ChangedRows, taken: Callable[[bool], None], is_committed: bool) -> None:
        taken(is_committed)
        if is_committed and changed.tables:
            self._changed(changed)

    def _note(self, side: _Side, why: str | None) -> None:
        """Raise the alarm where one of the threads is in trouble, and take it down once both are well."""
        with self._said_lock:
            before = bool(self._troubles)
            if why is None:
                self._troubles.pop(side, None)
            else:
                self._troubles[side] = why
            after = bool(self._troubles)
        if before != after:
            text = f"nothing is shared with other nodes, and nobody is called back: {why}" if after else None
            self._tell(partial(self._fault, ALARM, text))

    def close(self) -> None:
        self._puller.stop()
        super().close()
        self._pusher.close()
        self._puller.close()
