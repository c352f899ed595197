"""What ledger and desk hear of our legs and attempts.

Each fact is a method with its own shape; the wall clock is read here. A bug of whoever is told must not leave a leg up:
it is noted, and the call goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Literal, Protocol

from proxy.ua.contract import Stack
from routing.callbacks.facts import AttemptOrder, DeskFacts, LegRecords, Outcome, OwnCall
from routing.callbacks.queue_facts import PlaceFacts, QueueOffer, RequestAnswer, TypedNumber
from routing.facts import Ending, Identity, Router
from routing.rows import LegRow, Step

Decline = Literal["key", "click", "hung_up", "silent"]
"""How an agent did not accept a place."""


class QueueBook(Protocol):
    """The ledger, as those who wait ask it; each by the name of the caller's call."""

    def pbx_of(self, call: str) -> str | None:
        """The PBX of a call in progress."""

    def offer(self, call: str, now: float) -> QueueOffer | None:
        """What the caller may press while they wait; None: nothing, or no more."""

    def note_offered(self, call: str, now: float) -> None:
        """The caller is told of the key: once for each time."""

    def typed(self, call: str, keys: str, now: float) -> TypedNumber:
        """Read a number that the caller typed, without the `#` that ends it; `*` stands for `+`."""

    def ask(self, call: str, number: str | None, place: str | None, now: float,
            told: Callable[[RequestAnswer], None]) -> None:
        """A caller who waits asks for a callback of their own number (None), or of one that `typed` gave.

        `place`: name of the leg that holds their place, which is to be a call of its own (`LegRecords.place`) once they
        leave; None: there is none. `told` is called once, maybe at once: with terms when the promise is on disk and no
        agent has the call; else they wait on.
        """

    def press(self, call: str, key: str, now: float, told: Callable[[bool], None]) -> None:
        """A caller who waits pressed a key of a campaign. `told` is called once, maybe at once: True when what they are
        promised is on disk; False: they wait on."""

    def is_no_agent(self, place: str, identities: tuple[Identity, ...], now: float) -> bool:
        """Whether the answer to a place names an extension that is nobody's phone: a voicemail box, say."""

    def came_back(self, place: str, call: str, now: float) -> None:
        """Who asked for a callback rang in, and is in their place again by a call of their own: what is known of who
        takes the place is known of that call from now on. The place's own entry ends then."""


class LegBook(Router, Protocol):
    """The ledger, as it hears of our legs."""

    @property
    def queue(self) -> QueueBook:
        """What those who wait may ask for."""

    def taken_by(self, call: str) -> str | None:
        """Who took an agent's leg that went to a queue, as far as it is proved by now."""

    def place_entry(self, call: str, place: str) -> OwnCall | None:
        """How the leg `place`, which stands for the caller of a call in progress, is entered as a call of its own."""

    def place_answered(self, call: str, identities: tuple[Identity, ...], now: float) -> None:
        """The place of a caller is answered whom we had answered ourselves, unknown to the ledger until now; later than
        a pick-up that was seen it may be told too."""

    def watch_pickup(self, call: str, told: Callable[[str | None], None]) -> None:
        """Have `told` called once, when an agent is seen to take a call (a caller's, a place), or at once where one has
        it: by whom, None where that is not proved. In the midst of it: act upon it later. Forgotten with the call."""


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
        """A caller who waits pressed a key. `told` as in `QueueBook.press`."""
        try:
            self._ledger.queue.press(call, key, self._stack.wall(), told)
        except Exception as error:
            _note(self._stack, "pressed", call, error)
            told(False)

    def queue_offer(self, call: str) -> QueueOffer | None:
        """Ask what a caller who waits may ask for; None: nothing."""
        with _Fence(self._stack, "queue_offer", call):
            return self._ledger.queue.offer(call, self._stack.wall())
        return None

    def place_entry(self, call: str, place: str) -> OwnCall | None:
        """Ask how the place of a caller stands in the ledger once it is a call of its own."""
        with _Fence(self._stack, "place_entry", call):
            return self._ledger.place_entry(call, place)
        return None

    def note_offered(self, call: str) -> None:
        """A caller is told of the key."""
        with _Fence(self._stack, "note_offered", call):
            self._ledger.queue.note_offered(call, self._stack.wall())

    def typed_number(self, call: str, keys: str) -> TypedNumber:
        """Ask what number a caller typed."""
        with _Fence(self._stack, "typed_number", call):
            return self._ledger.queue.typed(call, keys, self._stack.wall())
        return TypedNumber(None, "impossible")

    def ask_callback(self, call: str, number: str | None, place: str | None,
                     told: Callable[[RequestAnswer], None]) -> None:
        """A caller asks for a callback. `told`: once, with the next look at the timers or later."""
        answered: list[RequestAnswer] = []

        def answer(found: RequestAnswer) -> None:
            if not answered:
                answered.append(found)
                self._stack.timers.at(self._stack.clock(), lambda now: told(found))

        try:
            self._ledger.queue.ask(call, number, place, self._stack.wall(), answer)
        except Exception as error:
            _note(self._stack, "ask_callback", call, error)
            answer(RequestAnswer(None, "failed"))

    def place_answered(self, call: str, identities: tuple[Identity, ...]) -> None:
        """The place of a caller whom we answered ourselves is answered, by whom these name."""
        with _Fence(self._stack, "place_answered", call):
            self._ledger.place_answered(call, identities, self._stack.wall())

    def watch_pickup(self, call: str, told: Callable[[str | None], None]) -> None:
        """Hear once of the agent who takes a call, with the next look at the timers after that."""
        with _Fence(self._stack, "watch_pickup", call):
            self._ledger.watch_pickup(
                call, lambda agent: _discard(self._stack.timers.at(self._stack.clock(), lambda now: told(agent))))

    def is_no_agent(self, place: str, identities: tuple[Identity, ...]) -> bool:
        """Ask whether who answers a place is nobody who could take it."""
        try:
            return self._ledger.queue.is_no_agent(place, identities, self._stack.wall())
        except Exception as error:
            _note(self._stack, "is_no_agent", place, error)
            return False

    def came_back(self, place: str, call: str) -> None:
        """A caller is back in their place, which is no call of its own any more."""
        with _Fence(self._stack, "came_back", place):
            self._ledger.queue.came_back(place, call, self._stack.wall())
        self.call_ended(place, Ending(200, "proxy"))

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

    def not_dialled(self, attempt: str) -> None:
        """The customer was not dialled, though that was written down."""
        with _Fence(self._stack, "not_dialled", ""):
            self._desk.not_dialled(attempt, self._stack.wall())

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


class PlaceReports:
    """What the desk hears of a place after its request, by its task; none of it is waited for but where it says so."""

    __slots__ = ("_facts", "_stack")

    def __init__(self, facts: PlaceFacts, stack: Stack) -> None:
        self._facts = facts
        self._stack = stack

    def taken(self, task: str, agent: str | None) -> None:
        """An agent has picked it up."""
        with _Fence(self._stack, "place_taken", ""):
            self._facts.place_taken(task, agent, self._stack.wall())

    def declined(self, task: str, agent: str | None, why: Decline, reason: str = "") -> bool:
        """They did not accept, and may have said a reason; return whether to call a new place. Where the desk fails
        there is none."""
        try:
            return self._facts.place_declined(task, agent, why, self._stack.wall(), reason)
        except Exception as error:
            _note(self._stack, "place_declined", "", error)
            self.lost(task, "failed")
            return False

    def returned(self, task: str, place: str) -> None:
        """A new place is held."""
        with _Fence(self._stack, "place_returned", ""):
            self._facts.place_returned(task, place, self._stack.wall())

    def lost(self, task: str, why: str) -> None:
        """The place is no more."""
        with _Fence(self._stack, "place_lost", ""):
            self._facts.place_lost(task, why, self._stack.wall())

    def accepted(self, task: str, agent: str | None, go: Callable[[AttemptOrder | None], None]) -> None:
        """The agent pressed 1. `go` as in `PlaceFacts.place_accepted`; where the desk fails it is told None."""
        try:
            self._facts.place_accepted(task, agent, self._stack.wall(), go)
        except Exception as error:
            _note(self._stack, "place_accepted", "", error)
            self.lost(task, "failed")
            go(None)


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


def _discard(timer: object) -> None:
    """Whoever is told gives nothing back."""


def _note(stack: Stack, what: str, call: str, error: Exception) -> None:
    stack.note("telling_failed", call=call, what=what, error=repr(error))
