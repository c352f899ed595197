"""A place that is held, whatever its far end, the desk and its customer do, in any order."""

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routing.callbacks.clicks import Click, Heard
from tests.kit.fake_legs import ORDER, FakeLeg
from tests.kit.held_stage import TASK, HeldStage, Owner

STEPS = st.lists(st.sampled_from([
    "key1", "key2", "key7", "taken", "taken201", "bye", "lost", "gives up", "yes", "no", "leave", "leave", "ring in",
    "caller bye", "back", "away", "lent ends", "hears out", "hears out", "rings", "answers", "refuses", "time",
    "long time", "operator", "asks by another call", "asks by another call",
    "accept 201", "decline 201", "accept 202",
]), max_size=12)


class Story:
    """What happens, and what must hold after each of it."""

    def __init__(self, answered: bool, again: bool, place_for: float) -> None:
        self.stage = HeldStage()
        self.stage.facts.again = again
        self.stage.hold(answered=answered, place_for=place_for)
        self.owner: Owner | None = None
        self.lent: FakeLeg | None = None
        """The leg that they are back in, by `owner`."""
        self.replaced: list[FakeLeg] = []
        """Legs that held places before the newest."""
        self.caller: FakeLeg | None = None
        self.left = False

    @property
    def place(self) -> FakeLeg:
        return self.stage.agent

    def do(self, step: str) -> None:
        stage, place = self.stage, self.place
        up = not place.over and place.answered
        match step:
            case "key1" | "key2" | "key7" if up and self.owner is None:
                place.presses(step[-1])
            case "taken" | "taken201" if place.call in stage.records.watched and not place.over and self.owner is None:
                stage.taken("201" if step.endswith("1") else None)
            case "bye" | "lost" if up:
                self._end(lambda: place.ends(200, "far" if step == "bye" else "lost"))
            case "gives up" if not place.over and not place.answered:
                place.rings_out()
            case "yes" | "no" if stage.facts.asked:
                stage.says(ORDER._replace(attempt=f"attempt-{len(stage.desk.outcomes)}") if step == "yes" else None)
            case "leave":
                self.left = True
                stage.places.leave_place(TASK, "over", stage.stack.wall())
            case "ring in" if self.caller is None and self.owner is None:
                self.caller = stage.returns()
            case "caller bye" if self.caller is not None and not self.caller.over:
                self.caller.ends(487)
            case "back" if self.owner is None:
                owner = Owner()
                if stage.places.lend(TASK, "incoming-9", owner, stage.stack.now) is not None:
                    self.owner, self.lent = owner, place
            case "away" if self.owner is not None and self.lent is not None:
                self.owner = None
                stage.places.take_back(TASK, self.lent, stage.stack.now)
            case "lent ends" if self.owner is not None and self.lent is not None:
                self._end_lent(self.lent)
            case "asks by another call" if self._may_ask():
                self.replaced += [leg for leg in stage.legs.made if not leg.over and leg is not self.caller]
                stage.hold(answered=place.answered, call=f"place-{len(stage.legs.made) + 1}")
            case "hears out" if not place.over and place.session.tag is not None and not place.session.repeat:
                place.hears_out()
            case "rings" if not place.over and not place.answered:
                place.sends()
                place.rings()
            case "answers" if not place.over and not place.answered:
                place.sends()
                place.answers()
            case "refuses" if not place.over and not place.answered:
                self._end(lambda: place.ends(486))
            case "time":
                stage.wait(3)
            case "long time":
                stage.wait(30)
            case "accept 201" | "decline 201" | "accept 202":
                click, agent = step.split()
                told = list(stage.facts.told)
                answer = stage.places.click(TASK, Click(click), agent, "", stage.stack.now)
                if answer is None or answer.heard is not Heard.DONE:
                    assert stage.facts.told == told
            case "operator":
                stage.places.end_call(place.call, "operator", stage.stack.now)
        stage.wait(0)

    def _may_ask(self) -> bool:
        """Whether the desk would still take a request of theirs for this one."""
        over = any(line.startswith(("lost", "accepted")) or (line.startswith("declined") and not self.stage.facts.again)
                   for line in self.stage.facts.told)
        return not over and not self.left and len(self.replaced) < 3

    def _end(self, end: Callable[[], None]) -> None:
        """The leg is over: who has it then tells so."""
        if self.owner is not None and self.lent is self.place:
            self._end_lent(self.place)
        else:
            end()

    def _end_lent(self, leg: FakeLeg) -> None:
        self.owner = None
        leg.ends()
        self.stage.desk.leg_gone(leg.call)
        self.stage.places.lost(leg, "pbx", self.stage.stack.now)

    def look(self) -> None:
        """Nobody is left in silence, and one place stands for a request."""
        stage = self.stage
        up = [leg for leg in stage.legs.made if leg.order is not None and leg.order.side == "pbx" and not leg.over]
        assert len([leg for leg in up if leg not in self.replaced]) <= 1
        for leg in up:
            if leg.answered and (self.owner is None or leg is not self.lent) and leg.done[-1:] != ["hang_up"]:
                assert leg.hears, stage.facts.told
        assert stage.dials <= 1 + len(stage.desk.outcomes)

    def settle(self) -> None:
        """Everybody goes home."""
        stage = self.stage
        if self.owner is not None:
            self.do("away")
        while stage.facts.asked:
            stage.says(None)
        stage.wait(40)
        for _ in range(4):
            for leg in stage.legs.made:
                if not leg.over:
                    leg.ends(200 if leg.answered else 486)
                    stage.wait(0)
            stage.wait(100)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS, answered=st.booleans(), again=st.booleans(), place_for=st.sampled_from([0.0, 20.0]))
def test_whatever_happens(steps: list[str], answered: bool, again: bool, place_for: float) -> None:
    story = Story(answered, again, place_for)
    for step in steps:
        story.do(step)
        story.look()
    story.settle()
    stage, told = story.stage, story.stage.facts.told
    stage.assert_nothing_left()
    assert [line for line in stage.stack.notes if line[0] == "telling_failed"] == []
    ends = [line for line in told if line.startswith("lost") or (line.startswith("declined") and not again)]
    accepted = [line for line in told if line.startswith("accepted")]
    assert len(ends) <= 1, "told once that it is no more"
    assert len(accepted) <= 1
    assert not (accepted and ends and told.index(ends[0]) > told.index(accepted[0])), "the desk has it from the 1 on"
    assert ends or accepted or story.left, "the request would wait for ever"
