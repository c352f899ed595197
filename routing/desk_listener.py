"""The desk of callbacks, as the ledger tells and asks it: a bug of the desk costs no call.

It is an alarm, and the call goes on as if there were no desk.
"""

from collections.abc import Callable
from typing import TypeVar

from routing.alarms import Alarms
from routing.callbacks.facts import Missed, NewCaller, PastTalk, QueuedCaller
from routing.callbacks.happenings import Happenings
from routing.callbacks.queue_facts import CallerStayed, QueueOffer, QueueRequest, RequestAnswer
from routing.writes import EMPTY_UNIT, Unit

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class DeskListener:
    """Where the desk listens, once it does. Before that nothing follows from a call, and nobody is asked."""

    __slots__ = ("_alarms", "_desk", "_failing", "_on_bug", "_poke")

    def __init__(self, alarms: Alarms, on_bug: Callable[[Exception], None]) -> None:
        """`on_bug`: told of what the desk raised, for the log."""
        self._alarms, self._on_bug = alarms, on_bug
        self._desk: Happenings | None = None
        self._poke: Callable[[], None] | None = None
        self._failing: set[object] = set()
        """Questions that the desk could not answer the last time."""

    def connect(self, desk: Happenings, poke: Callable[[], None]) -> None:
        """Have a desk listen from now on: the last act of a start of callbacks that succeeded.

        `poke`: told when an agent's state has changed or a call is over, so that what waited for it may go on. It must
        not act upon it before it has returned.
        """
        self._desk, self._poke = desk, poke

    @property
    def listens(self) -> bool:
        """Whether there is a desk."""
        return self._desk is not None

    def poke(self) -> None:
        """An agent's state has changed, or a call is over."""
        if self._poke is not None:
            self._poke()

    def missed(self, missed: Missed, now: float) -> Unit:
        """Tell of a customer who reached nobody; return what follows."""
        return EMPTY_UNIT if self._desk is None else self._ask(self._desk.missed, missed, now) or EMPTY_UNIT

    def talked(self, talk: PastTalk, now: float) -> Unit:
        """Tell of a talk; return what follows."""
        return EMPTY_UNIT if self._desk is None else self._ask(self._desk.talked, talk, now) or EMPTY_UNIT

    def rang_in(self, caller: NewCaller, now: float) -> str | None:
        """Return the attempt that calls a customer at this moment; None: there is none."""
        return None if self._desk is None else self._ask(self._desk.rang_in, caller, now)

    def queue_offer(self, queued: QueuedCaller, now: float) -> QueueOffer | None:
        """Return what a customer who waits may press; None: nothing."""
        return None if self._desk is None else self._ask(self._desk.queue_offer, queued, now)

    def offered(self, queued: QueuedCaller, now: float) -> Unit:
        """Tell that a customer who waits was told of the key; return what follows."""
        return EMPTY_UNIT if self._desk is None else self._ask(self._desk.offered, queued, now) or EMPTY_UNIT

    def place_of(self, queued: QueuedCaller, now: float) -> str | None:
        """Return the request whose place is held for a customer who calls; None: there is none."""
        return None if self._desk is None else self._ask(self._desk.place_of, queued, now)

    def named(self, request: QueueRequest, now: float) -> tuple[bool, Unit]:
        """Ask whether a number that a customer typed may be called; return it with what follows."""
        answer = None if self._desk is None else self._ask(self._desk.named, request, now)
        return answer or (False, EMPTY_UNIT)

    def request(self, request: QueueRequest, now: float) -> tuple[RequestAnswer, Unit]:
        """Tell of a request; return what becomes of it, and what follows."""
        answer = None if self._desk is None else self._ask(self._desk.request, request, now)
        return answer or (RequestAnswer(None, "failed"), EMPTY_UNIT)

    def promised(self, task: str, now: float) -> None:
        """Tell that a customer's request is on disk, and that they are told so."""
        if self._desk is not None:
            self._ask(self._desk.promised, task, now)

    def stayed(self, stayed: CallerStayed, now: float) -> Unit:
        """Tell that a customer stays after all; return what follows."""
        return EMPTY_UNIT if self._desk is None else self._ask(self._desk.stayed, stayed, now) or EMPTY_UNIT

    def pressed(self, missed: Missed, now: float) -> tuple[str | None, Unit]:
        """Tell of a key; return the task by which a callback is promised, and what follows."""
        answer = None if self._desk is None else self._ask(self._desk.pressed, missed, now)
        return answer or (None, EMPTY_UNIT)

    def _ask(self, question: Callable[[Asked, float], Answer], about: Asked, now: float) -> Answer | None:
        """Ask the desk; what it cannot answer is an alarm until it answers the like again."""
        try:
            answer = question(about, now)
        except Exception as error:
            self._failing.add(question)
            self._on_bug(error)
            self._alarms.report("callbacks", f"a bug in the rules of callbacks: {error!r}", now)
            return None
        if self._failing:
            self._failing.discard(question)
            if not self._failing:
                self._alarms.report("callbacks", None, now)
        return answer
