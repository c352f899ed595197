"""The thread that reads what other nodes have changed in the shared database, and has it taken here.

What is read is taken in pages, each with the mark up to which it goes, so that a process that ends in the midst of it
begins where it came to. A notice of the shared database wakes; what is relied on is a look each second.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from routing.storage import StoreError
from routing.store.engine import TroubleError
from routing.writes import Take, TakenUpto, TakeOnly, Unit

PAGE: Final = 500
"""Rows that are taken at once."""

LOOK: Final = 1.0
"""Seconds between two looks where no notice comes."""

RETRY: Final = 0.5
"""Seconds between two tries while either database is in trouble."""

KEEP_MARK: Final = 60.0
"""Seconds after which the mark is kept though nothing was taken: one that is too old costs a copy of everything."""

COMMIT: Final = 5.0
"""Seconds at the most from when something is decided to when it is committed."""

LAST_WORD: Final = 1.0
"""Seconds that the end waits for a look that is under way."""


class SharedPage(Protocol):
    """What was read at once."""

    @property
    def mark(self) -> str:
        """Where to go on."""

    @property
    def writes(self) -> Sequence[Take]:
        """What is to be taken."""

    @property
    def more(self) -> bool:
        """Whether there is more to read at once."""

    @property
    def unreadable(self) -> Sequence[tuple[str, tuple[str, ...]]]:
        """Rows that hold what cannot be read, by table and key: they are left out."""


class SharedChanges(Protocol):
    """What others have changed in the shared database, for one thread."""

    def read(self, mark: str | None, limit: int) -> SharedPage:
        """Return changes behind a mark, None: everything. Raises TroubleError."""

    def wait(self, seconds: float) -> None:
        """Wait until there is something to read, or somebody calls `wake`, or the time is over. Raises TroubleError."""

    def wake(self) -> None:
        """End a `wait`, and the next one. Any thread."""

    def close(self) -> None:
        """Give back everything. Raises nothing."""


class TakenMark(Protocol):
    """What the file of this node says of what is taken, for one thread."""

    def mark(self) -> str | None:
        """Return up to where all is; None: nothing is. Raises StoreError."""

    def oldest_at(self) -> float | None:
        """Return when the oldest unit was committed that is not known to be shared, seconds since the epoch; None:
        there is none. Raises StoreError."""

    def close(self) -> None:
        """Give back everything."""


class PullHooks(NamedTuple):
    """What the thread tells; called in it."""

    pulled: Callable[[Unit, Callable[[bool], None]], None]
    """Take this, and say once, from any thread, whether it was committed in the file of this node."""
    trouble: Callable[[str | None], None]
    """The shared database cannot be read; None: it can. Said again with each try."""
    lost_row: Callable[[str], None]
    """A row there can never be taken."""


class Puller:
    """Owns the thread."""

    def __init__(self, met: threading.Event, changes: SharedChanges, taken: TakenMark, hooks: PullHooks,
                 steady: Callable[[], float]) -> None:
        """Nothing is read before `met` is set. `changes` and `taken` belong to the thread from its start on; it closes
        them. `steady`: seconds of a clock that is never set.
        """
        self._met, self._changes, self._taken, self._hooks, self._steady = met, changes, taken, hooks, steady
        self._mark: str | None = None
        """Where to go on; ahead of the one that is kept where there was nothing to take."""
        self._kept: str | None = None
        """What stands in the file."""
        self._kept_at = self._whole_at = steady()
        self._is_taken = False
        self._answered = threading.Event()
        """Whether it is known if what was read last is taken, or nobody will say so any more."""
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pull", daemon=True)

    def start(self) -> None:
        """Begin to pull."""
        self._thread.start()

    def behind_for(self) -> float:
        """Return for how many seconds it has not been known that everything is taken. Any thread."""
        return self._steady() - self._whole_at

    def stop(self) -> None:
        """Have the thread end; what it has read and nobody has taken is read again after the next start."""
        self._stop.set()
        self._answered.set()
        self._met.set()
        self._changes.wake()

    def close(self) -> None:
        """Wait until it has."""
        self._ended.wait(LAST_WORD)

    # In the thread

    def _run(self) -> None:
        self._met.wait()
        try:
            while not self._stop.is_set():
                self._turn()
        finally:
            self._changes.close()
            self._taken.close()
            self._ended.set()

    def _turn(self) -> None:
        """Read once, and wait: where there is no more until there is, in trouble until it is tried again."""
        try:
            kept = self._taken.mark()
            if kept != self._kept:  # the first turn, or another file is in the place of ours
                self._mark = self._kept = kept
            waits_since = self._taken.oldest_at()
            page = self._changes.read(self._mark, PAGE)
            for kind, key in page.unreadable:
                self._hooks.lost_row(f"{kind} {' '.join(key)}")
            if not self._take(page, waits_since):
                self._stop.wait(RETRY)  # our own file is in trouble: its alarm is up
                return
            self._hooks.trouble(None)
            if not page.more:
                self._whole_at = self._steady()
                if not self._stop.is_set():
                    self._changes.wait(LOOK)
        except (TroubleError, StoreError) as error:
            self._rest(str(error))
        except Exception as error:  # a fault of ours must not end the thread
            self._rest(f"{type(error).__name__}: {error}")

    def _rest(self, why: str) -> None:
        self._hooks.trouble(why)
        self._stop.wait(RETRY)

    def _take(self, page: SharedPage, waits_since: float | None) -> bool:
        """Have a page taken; whether it was. `waits_since`: when the oldest unit was committed that was not known to be
        shared before it was read."""
        now = self._steady()
        if not page.writes and (page.mark == self._kept or now - self._kept_at < KEEP_MARK):
            self._mark = page.mark
            return True
        self._is_taken = False
        self._answered.clear()
        if self._stop.is_set():  # `close` may have said so before that
            return False
        writes = [_sparing(write, waits_since) if isinstance(write, TakeOnly) else write for write in page.writes]
        unit = Unit((*writes, TakenUpto(page.mark, self._kept)))
        self._hooks.pulled(unit, self._on_taken)
        self._answered.wait()
        if self._is_taken:
            self._mark = self._kept = page.mark
            self._kept_at = now
        return self._is_taken

    def _on_taken(self, is_committed: bool) -> None:
        self._is_taken = is_committed
        self._answered.set()


def _sparing(only: TakeOnly, waits_since: float | None) -> TakeOnly:
    """Return what spares what this node had not shared yet when a copy was read: it may be shared, and so waits no
    more, when that is taken."""
    before = only.before if waits_since is None else min(only.before, waits_since)
    return only._replace(before=before - COMMIT)
