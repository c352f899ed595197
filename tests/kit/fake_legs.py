"""A stage for attempts: a Runner over legs without SIP, a desk that commits what the test lets it, a virtual clock.

A test plays the far ends: `stage.agent.rings()`, `stage.agent.answers()`, `stage.agent.presses("1")`,
`stage.customer.ends(486)`. Everything else is what the runner made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from proxy.callbacks.reports import LegBook
from proxy.callbacks.runner import Runner
from proxy.media.contract import Clip
from proxy.sip.timers import Timers
from proxy.ua.contract import Account, Incoming, LegOwner, LegRequest, Stack
from proxy.ua.leg_events import (
    Asked,
    Ended,
    LegAccepted,
    LegAnswered,
    LegEnd,
    LegEnded,
    LegGivenUp,
    LegHeld,
    LegPlayed,
    LegPressed,
    LegRinging,
    LegSent,
    LegSilent,
    LegTone,
    Shown,
)
from routing.callbacks.facts import AttemptOrder, Outcome, OwnCall
from routing.facts import Ending, Identity
from routing.rows import LegRow, Step
from tests.kit.fake_media import FakeMedia, FakeSession

EPOCH = 1_700_000_000.0
"""Wall clock at monotonic zero."""
CUSTOMER = "+36201234567"
NUMBER = "+3614445555"

ORDER = AttemptOrder(
    attempt="attempt-1", task="task-1", serial=1, customer=CUSTOMER, number=NUMBER, group="sales", campaign=None,
    pbx="office", trunk="main", agent="201", target="201", preview=0.0, agent_ring_for=20.0, accept_within=20.0,
    customer_ring_for=45.0, min_talk=5.0, confirm_key="", customer_first=False, language="en", record=False,
    missed_at=EPOCH, note="",
)


class FakeStack:
    """What the runner uses of `contract.Stack`."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.timers = Timers()
        self.accounts: dict[str, Account] = {}
        self.notes: list[tuple[str, dict[str, object]]] = []

    def clock(self) -> float:
        return self.now

    def wall(self) -> float:
        return EPOCH + self.now

    def account(self, side: str, name: str) -> Account | None:
        return self.accounts.get(name)

    def note(self, event: str, /, call: str = "", **facts: object) -> None:
        self.notes.append((event, {"call": call, **facts}))


class FakeLeg:
    """One leg, and its far end in the hands of the test. Its media session is open from the start."""

    def __init__(self, legs: FakeLegs, call: str, owner: LegOwner, order: LegRequest | None) -> None:
        self.legs, self.call, self.owner, self.order = legs, call, owner, order
        self.answered = self.over = self.held = self._holds = False
        self.identities: tuple[tuple[str, str], ...] = ()
        self.shown: Shown | None = None
        self.done: list[str] = []
        """What the runner asked of it: `go`, `hang_up 480`, `ring`, `answer`."""
        self.hung_up_at: float | None = None
        self.reason = ""
        self._state = "made"
        legs.media.open(call, self)

    # What the far end does

    def sends(self) -> None:
        """Our INVITE leaves."""
        self._state = "sent"
        self.owner.on_event(self, LegSent(), self._now)

    def rings(self, early_media: bool = False) -> None:
        self.owner.on_event(self, LegRinging(early_media), self._now)

    def answers(self, *identities: tuple[str, str]) -> None:
        """A 2xx of theirs (or their ACK to ours)."""
        self.identities, self._state = identities, "answered"
        self.owner.on_event(self, LegAccepted(), self._now)

    def confirm(self, now: float) -> None:
        if self.answered:
            return
        self.answered = True
        if not self.over:
            self.owner.on_event(self, LegAnswered(), now)

    def presses(self, digits: str, info: bool = False) -> None:
        for digit in digits:
            self.owner.on_event(self, LegPressed(digit, info), self._now)

    def holds(self, held: bool = True) -> None:
        self.held = held
        self.owner.on_event(self, LegHeld(held), self._now)

    def is_silent(self, seconds: float) -> None:
        self.owner.on_event(self, LegSilent(seconds), self._now)

    def hears_out(self) -> None:
        """What is played comes to its end."""
        self.session.played()
        self.legs.stack.timers.run(self._now)

    def rings_out(self) -> None:
        """Its time is over, and the far end has not said a word."""
        self.owner.on_event(self, LegGivenUp(LegEnd(487, "us")), self._now)

    def ends(self, cause: int = 200, by: Ended = "far", retry_after: float | None = None, reason: str = "") -> None:
        """It is over."""
        assert not self.over, "told twice"
        self.over = True
        self.legs.media.close(self.call)
        self.owner.on_event(self, LegEnded(LegEnd(cause, by, retry_after, reason)), self._now)

    @property
    def session(self) -> FakeSession:
        """Its media."""
        return self.legs.media[self.call]

    @property
    def hears(self) -> str:
        """What it hears: `play ...`, `tone ringback`, `joined LEG`, or nothing."""
        return self.session.doing

    @property
    def placed(self) -> LegRequest:
        assert self.order is not None, "it came in"
        return self.order

    @property
    def _now(self) -> float:
        return self.legs.stack.now

    # contract.Leg

    def memory(self) -> str:
        return f"{self.call} {self._state}"

    def go(self, now: float) -> None:
        assert not self.over, "it is over"
        self.done.append("go")

    def hang_up(self, now: float, cause: int = 0, reason: str = "", shown: Shown | None = None,
                fields: tuple[bytes, ...] = ()) -> None:
        assert self.hung_up_at is None, "hung up twice"
        self.done.append(f"hang_up {cause}" if cause else "hang_up")
        self.hung_up_at, self.reason = now, reason
        if not self.over and not self.legs.slow:
            self.ends(200 if self.answered else 487, "us")

    def ring(self, now: float) -> None:
        self.done.append("ring")

    def early(self, now: float) -> None:
        self.done.append("early")

    def progress(self, shown: Shown, early_media: bool, now: float) -> None:
        self.done.append(f"progress {shown.status}")

    def answer(self, now: float, shown: Shown | None = None) -> None:
        self.done.append("answer")

    def hold(self, held: bool, silent: bool, now: float) -> None:
        if held != self._holds:
            self._holds = held
            self.done.append("hold" if held else "resume")

    def ask(self, asked: Asked, done: Callable[[Shown, float], None], now: float) -> None:
        self.done.append(f"ask {asked.method.decode()}")

    def hand_over(self, owner: LegOwner) -> bool:
        self.owner = owner
        return not self.over

    def play(self, clips: Sequence[Clip], tag: int, repeat: bool = False, pause: float = 1.0) -> None:
        self.legs.media.play(self.call, clips, tag, repeat, pause)

    def refresh_target(self, display: str, user: str, now: float) -> None:
        self.done.append(f"refresh {user}")

    # MediaEars

    def media_opened(self, address: object) -> None:
        pass

    def media_digit(self, digit: str) -> None:
        self.owner.on_event(self, LegPressed(digit, False), self._now)

    def media_heard(self) -> None:
        pass

    def media_played(self, tag: int) -> None:
        self.owner.on_event(self, LegPlayed(tag), self._now)

    def media_silent(self, seconds: float) -> None:
        self.owner.on_event(self, LegSilent(seconds), self._now)

    def media_tone(self, seconds: float) -> None:
        self.owner.on_event(self, LegTone(seconds), self._now)

    def media_failed(self) -> None:
        self.ends(200 if self.answered else 500, "lost")


class FakeLegs:
    """`contract.LegMaker` without SIP."""

    def __init__(self, stack: FakeStack, media: FakeMedia) -> None:
        self.stack, self.media = stack, media
        self.made: list[FakeLeg] = []
        self.forgotten: list[str] = []
        self.slow = False
        """Far ends do not answer BYE and CANCEL: the test ends the legs."""
        self.broken = False

    def place(self, order: LegRequest, owner: LegOwner, now: float) -> FakeLeg:
        if self.broken:
            raise ZeroDivisionError("a bug")
        return self._make(order.call, owner, order)

    def take(self, incoming: Incoming, owner: LegOwner, now: float) -> FakeLeg:
        if self.broken:
            raise ZeroDivisionError("a bug")
        return self._make(incoming.call, owner, None)

    def forget_leg(self, memory: str, now: float) -> None:
        self.forgotten.append(memory)

    def _make(self, call: str, owner: LegOwner, order: LegRequest | None) -> FakeLeg:
        leg = FakeLeg(self, call, owner, order)
        self.made.append(leg)
        return leg


@dataclass
class FakeDesk:
    """`facts.DeskFacts` that remembers, and commits what the test lets it."""

    stack: FakeStack
    denied: set[Step] = field(default_factory=set)
    hold: bool = False
    """Nothing is committed until the test says so with `commit`."""
    at_once: bool = False
    """What is asked is committed before `step` returns."""
    steps: list[Step] = field(default_factory=list)
    """What was asked for and written, in order."""
    agents: list[str | None] = field(default_factory=list)
    held: list[Callable[[bool], None]] = field(default_factory=list)
    slow_disk: bool = False
    """Rows of legs wait for the test, in `written`."""
    written: list[Callable[[], None]] = field(default_factory=list)
    legs: dict[str, LegRow] = field(default_factory=dict)
    connections: list[str | None] = field(default_factory=list)
    """Agents who were told to hear the customer."""
    outcomes: list[Outcome] = field(default_factory=list)
    taken_back: list[str] = field(default_factory=list)
    """Attempts whose dial was written down, and made by nobody."""
    gone: list[str] = field(default_factory=list)
    """Attempts whose agent was let go before their end."""
    broken: bool = False

    def step(self, attempt: str, step: Step, now: float, go: Callable[[bool], None] | None = None,
             agent: str | None = None) -> None:
        assert not self.outcomes, "a step after the end"
        self.steps.append(step)
        self.agents.append(agent)
        if go is None:
            return
        allowed = step not in self.denied
        if self.hold:
            self.held.append(go)
        elif self.at_once:
            go(allowed)
        else:
            self.stack.timers.at(self.stack.now, lambda now: go(allowed))

    def connected(self, attempt: str, now: float, agent: str | None = None) -> None:
        assert not self.outcomes, "connected after the end"
        self.connections.append(agent)

    def not_dialled(self, attempt: str, now: float) -> None:
        self.taken_back.append(attempt)

    def commit(self, well: bool = True) -> None:
        """The oldest question is answered."""
        self.held.pop(0)(well)

    def leg(self, row: LegRow, done: Callable[[], None] | None = None) -> None:
        if self.broken:
            raise ZeroDivisionError("a bug")
        self.legs[row.call] = row
        if done is not None:
            if self.slow_disk:
                self.written.append(done)
            else:
                done()

    def leg_gone(self, call: str) -> None:
        self.legs.pop(call, None)

    def let_go(self, attempt: str, now: float) -> None:
        assert not self.outcomes, "let go after the end"
        self.gone.append(attempt)

    def ended(self, attempt: str, outcome: Outcome, now: float) -> None:
        self.outcomes.append(outcome)


@dataclass
class FakeRecords:
    """The ledger's ears: what it is told of the legs, one line each, by role."""

    entries: dict[str, OwnCall] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    endings: dict[str, Ending] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)
    """Who took a call of a queue."""
    watched: dict[str, Callable[[str | None], None]] = field(default_factory=dict)
    """Who waits to hear of the agent who takes a call."""
    broken: bool = False

    def name(self, call: str) -> str:
        entry = self.entries.get(call)
        return call if entry is None else "agent" if entry.direction == "inbound" else "customer"

    def place(self, call: OwnCall, now: float) -> None:
        known = self.entries.get(call.id)
        assert known is None or not known.attempt, "placed twice"
        self.entries[call.id] = call
        self.endings.pop(call.id, None)
        self.told.append(f"{self.name(call.id)} placed")

    def watch_pickup(self, call: str, told: Callable[[str | None], None]) -> None:
        self.watched[call] = told

    def is_no_agent(self, place: str, identities: tuple[Identity, ...], now: float) -> bool:
        return any(one.user == "*97" for one in identities)

    def came_back(self, place: str, call: str, now: float) -> None:
        self.told.append(f"{call} is back in {self.name(place)}")

    @property
    def queue(self) -> FakeRecords:
        return self

    def taken_by(self, call: str) -> str | None:
        if self.broken:
            raise ZeroDivisionError("a bug")
        return self.taken.get(call)

    def ringing(self, call: str, target: int, now: float) -> None:
        self.told.append(f"{self.name(call)} ringing")

    def answered(self, call: str, target: int, identities: tuple[Identity, ...], session: float | None,
                 now: float) -> None:
        self.told.append(f"{self.name(call)} answered")

    def connected_line(self, call: str, identities: tuple[Identity, ...], now: float,
                       dialog: str | None = None) -> None:
        self.told.append(f"{self.name(call)} shows {' '.join(one.user for one in identities)}")

    def ended(self, call: str, ending: Ending, now: float, stored: Callable[[], None] | None = None) -> None:
        assert call not in self.endings, "ended twice"
        self.endings[call] = ending
        self.told.append(f"{self.name(call)} ended {ending.cause} {ending.by}")


@dataclass
class RingingIn:
    """What the runner sees of `contract.Incoming`."""

    call: str = "incoming-1"


class Stage:
    """A runner and everything around it."""

    def __init__(self) -> None:
        self.stack = FakeStack()
        self.media = FakeMedia(self.stack.timers, self.stack.clock)
        self.legs = FakeLegs(self.stack, self.media)
        self.desk = FakeDesk(self.stack)
        self.records = FakeRecords()
        self.serial = 0
        self.runner = Runner(self.legs, self.media, self.desk, self.records, cast(LegBook, self.records),
                             cast(Stack, self.stack), self._new_id)

    def _new_id(self) -> str:
        self.serial += 1
        return f"leg-{self.serial}"

    def begin(self, **changes: Any) -> AttemptOrder:
        """Order an attempt, and let time pass up to the commits that follow at once."""
        order = ORDER._replace(**changes)
        self.runner.begin(order, self.stack.wall())
        self.wait(0)
        return order

    def wait(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        end = self.stack.now + seconds
        while True:
            due = self.stack.timers.next()
            if due is None or due > end:
                break
            self.stack.now = max(self.stack.now, due)
            self.stack.timers.run(self.stack.now)
        self.stack.now = end

    def rings_in(self, attempt: str = ORDER.attempt, call: str = "incoming-1") -> FakeLeg | None:
        """The customer rings in; None: the runner did not take it."""
        taken = self.runner.take(attempt, cast(Incoming, RingingIn(call)), self.stack.now)
        self.wait(0)
        return self.incoming if taken else None

    # Legs by their role; the newest of each

    @property
    def agent(self) -> FakeLeg:
        return self._newest(lambda leg: leg.order is not None and leg.order.side == "pbx")

    @property
    def customer(self) -> FakeLeg:
        return self._newest(lambda leg: leg.order is not None and leg.order.side == "trunk")

    @property
    def incoming(self) -> FakeLeg:
        return self._newest(lambda leg: leg.order is None)

    @property
    def dials(self) -> int:
        """How often the customer was dialled."""
        return sum(leg.order is not None and leg.order.side == "trunk" for leg in self.called)

    @property
    def called(self) -> list[FakeLeg]:
        """Legs whose INVITE may have left."""
        return [leg for leg in self.legs.made if "go" in leg.done]

    def _newest(self, kind: Callable[[FakeLeg], bool]) -> FakeLeg:
        return next(leg for leg in reversed(self.legs.made) if kind(leg))

    # Short ways to a phase

    def agent_answers(self, **changes: Any) -> None:
        """As far as the agent hears who it is."""
        self.begin(**changes)
        self.agent.sends()
        self.agent.rings()
        self.agent.answers()

    def agent_accepts(self, **changes: Any) -> None:
        """As far as the customer's INVITE."""
        self.agent_answers(**changes)
        self.agent.presses("1")
        self.wait(0)
        if not self.desk.held:
            self.customer.sends()

    def talk(self, **changes: Any) -> None:
        """As far as the first word."""
        self.agent_accepts(**changes)
        self.customer.rings()
        self.customer.answers()
        self.wait(0)

    @property
    def outcome(self) -> Outcome:
        """The one outcome that was told."""
        assert len(self.desk.outcomes) == 1, self.desk.outcomes
        return self.desk.outcomes[0]

    def assert_nothing_left(self) -> None:
        """After an attempt: no leg, no media, no timer, nothing kept for a crash, every call of the ledger ended."""
        self.wait(0)
        assert [leg.call for leg in self.legs.made if not leg.over] == []
        assert self.media.sessions == {}
        assert self.desk.legs == {}
        assert set(self.records.entries) <= set(self.records.endings)
        assert self.runner.running() == ()
        assert len(self.stack.timers) == 0
