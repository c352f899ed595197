"""A stage for places that are held: legs without SIP, a desk that says what the test lets it, a virtual clock.

`stage.agent` is the place's leg: `stage.agent.presses("1")`, `stage.agent.ends()`; `stage.taken("201")` is the proof
that an agent has picked it up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from proxy.callbacks.held_places import HeldPlaces
from proxy.callbacks.place_call import Place
from proxy.ua.contract import Copied, Incoming, LegRequest
from proxy.ua.leg_events import LegEvent
from routing.callbacks.facts import AttemptOrder, OwnCall
from routing.callbacks.queue_facts import PlaceTerms
from tests.kit.fake_legs import CUSTOMER, NUMBER, ORDER, FakeLeg, RingingIn, Stage

TASK = ORDER.task
TERMS = PlaceTerms(task=TASK, customer=CUSTOMER, group="sales", language="en", accept_within=20.0, place_for=0.0)
COPIED = Copied(
    b"sip:+3614445555@pbx.example", b'"Karl" <sip:06201234567@carrier>', b"<sip:+3614445555@pbx.example>",
    (b"X-Skill: wine", b"P-Asserted-Identity: <sip:+36201234567@carrier>", b"Privacy: none"))
REQUEST = LegRequest("place-1", "pbx", "office", NUMBER, "06201234567", held=True, copied=COPIED)


@dataclass
class FakePlaces:
    """`queue_facts.PlaceFacts` that remembers."""

    told: list[str] = field(default_factory=list)
    again: bool = True
    """Whether a new place is to be called after a decline."""
    asked: list[Callable[[AttemptOrder | None], None]] = field(default_factory=list)
    """Who pressed 1 and waits."""
    broken: bool = False

    def _note(self, line: str) -> None:
        if self.broken:
            raise ZeroDivisionError("a bug")
        self.told.append(line)

    def place_taken(self, task: str, agent: str | None, now: float) -> None:
        assert task == TASK
        self._note(f"taken {agent}")

    def place_declined(self, task: str, agent: str | None, why: str, now: float, reason: str = "") -> bool:
        self._note(f"declined {agent} {why} {reason}".strip())
        return self.again

    def place_returned(self, task: str, place: str, now: float) -> None:
        self._note(f"returned {place}")

    def place_lost(self, task: str, why: str, now: float) -> None:
        self._note(f"lost {why}")

    def place_accepted(self, task: str, agent: str | None, now: float,
                       go: Callable[[AttemptOrder | None], None]) -> None:
        self._note(f"accepted {agent}")
        self.asked.append(go)


class Owner:
    """Who had the leg before: it hears nothing more."""

    def __init__(self) -> None:
        self.heard: list[LegEvent] = []

    def on_event(self, leg: object, event: LegEvent, now: float) -> None:
        self.heard.append(event)


class HeldStage(Stage):
    """A runner, and the places that it takes agents from."""

    def __init__(self) -> None:
        super().__init__()
        self.facts = FakePlaces()
        self.places = HeldPlaces(self.runner.tools, self.facts, self.runner.adopt)
        self.before = Owner()

    def hold(self, answered: bool = True, shown: str | None = CUSTOMER, call: str = "place-1",
             **terms: Any) -> None:
        """A caller has asked for a callback: their place is held from now on."""
        request = REQUEST._replace(call=call)
        leg = self.legs.place(request, self.before, self.stack.now)
        leg.sends()
        leg.rings()
        if answered:
            leg.answers()
            leg.confirm(self.stack.now)
        entry = OwnCall(leg.call, "inbound", "main", "office", shown, NUMBER, None, "sales", None)
        self.places.hold(Place(leg, request, entry), TERMS._replace(**terms), self.stack.now)
        self.wait(0)

    def taken(self, agent: str | None) -> None:
        """It is seen that an agent has it."""
        if agent is not None:
            self.records.taken[self.agent.call] = agent
        self.records.watched.pop(self.agent.call)(agent)
        self.wait(0)

    def says(self, order: AttemptOrder | None = ORDER) -> None:
        """What the desk says to the agent's 1."""
        self.facts.asked.pop(0)(order)
        self.wait(0)

    def returns(self) -> FakeLeg | None:
        """The customer rings in: their call, where it is taken until there is an attempt."""
        taken = self.places.ring_in(TASK, cast(Incoming, RingingIn()), self.stack.now)
        self.wait(0)
        return self.incoming if taken else None

    def assert_nothing_left(self) -> None:
        super().assert_nothing_left()
        assert len(self.places) == 0
