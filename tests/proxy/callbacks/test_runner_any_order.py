"""Far ends that do anything at any time: an attempt keeps its promises, and leaves nothing behind."""

from hypothesis import given, settings
from hypothesis import strategies as st

from routing.callbacks.clicks import Click, Heard
from tests.kit.fake_legs import FakeLeg, Stage

DEED = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0.0, 0.5, 5.0, 12.0, 20.0, 46.0])),
    st.tuples(st.sampled_from(["ring", "answer", "hear_out", "hold", "ring_out"]), st.integers(0, 3)),
    st.tuples(st.just("press"), st.integers(0, 3), st.sampled_from("1125")),
    st.tuples(st.just("end"), st.integers(0, 3), st.sampled_from([200, 302, 408, 486, 487, 503, 603]),
              st.sampled_from(["far", "lost"])),
    st.tuples(st.sampled_from(["ring_in", "ring_in", "commit", "deny", "stop", "drain"])),
    st.tuples(st.just("click"), st.sampled_from(Click), st.sampled_from(["201", "201", "202"])),
)


class Chaos:
    """Does what it is told where that is possible, and looks around after each deed."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.calls = 0
        self.given_up: list[FakeLeg] = []

    def do(self, deed: tuple[object, ...]) -> None:
        what, *rest = deed
        stage = self.stage
        if what == "wait":
            stage.wait(float(str(rest[0])))
        elif what == "ring_in":
            self.calls += 1
            stage.rings_in(call=f"incoming-{self.calls}")
        elif what in ("commit", "deny"):
            if stage.desk.held:
                stage.desk.commit(what == "commit")
        elif what == "click":
            self.click(rest[0], str(rest[1]))
        elif what == "stop":
            stage.runner.stop("attempt-1", "why", stage.stack.wall())
            stage.wait(0)
        elif what == "drain":
            stage.runner.drain(stage.stack.now)
        else:
            legs = [leg for leg in stage.legs.made if not leg.over]
            if legs:
                self.leg(legs[int(str(rest[0])) % len(legs)], str(what), [str(one) for one in rest[1:]])
        self.look()

    def click(self, click: object, agent: str) -> None:
        """An agent clicks; said twice it is the same, and who does not have it changes nothing."""
        stage = self.stage
        assert isinstance(click, Click)
        before = list(stage.desk.steps), stage.dials, len(stage.desk.outcomes)
        answer = stage.runner.click("attempt-1", click, agent, "", stage.stack.now)
        if answer is None:
            assert stage.runner.late_click("attempt-1", click, agent) is not None
            return
        if agent != "201" or answer.heard is not Heard.DONE:
            assert (list(stage.desk.steps), stage.dials, len(stage.desk.outcomes)) == before
        if answer.heard is Heard.DONE:
            again = stage.runner.click("attempt-1", click, agent, "", stage.stack.now) or \
                stage.runner.late_click("attempt-1", click, agent)
            assert again is not None
            assert again.heard is Heard.ALREADY
        stage.wait(0)

    def leg(self, leg: FakeLeg, what: str, rest: list[str]) -> None:
        sent = leg.order is None or "go" in leg.done
        if what == "ring" and not leg.answered and sent:
            leg.rings()
        elif what == "answer" and not leg.answered and leg not in self.given_up and \
                ("go" in leg.done or "answer" in leg.done):
            leg.answers()
        elif what == "ring_out" and leg not in self.given_up and "go" in leg.done and not leg.answered \
                and leg.hung_up_at is None:
            self.given_up.append(leg)
            leg.rings_out()
        elif what == "press":
            leg.presses(rest[0])
        elif what == "hold":
            leg.holds()
        elif what == "hear_out" and leg.session.tag is not None and not leg.session.repeat:
            leg.hears_out()
        elif what == "end":
            leg.ends(200 if leg.answered else int(rest[0]), rest[1])  # type: ignore[arg-type]

    def look(self) -> None:
        stage = self.stage
        assert stage.dials <= 1
        up = [leg for leg in stage.legs.made if not leg.over and leg.hung_up_at is None and leg not in self.given_up]
        customers = [leg for leg in up if (leg.order is None or leg.order.side == "trunk")]
        assert len(customers) <= 1, "two legs of one customer"
        assert sum(leg.order is not None and leg.order.side == "pbx" for leg in stage.legs.made) <= 1
        assert stage.dials <= stage.desk.steps.count("customer")
        joined = [leg for leg in stage.legs.made if not leg.over and leg.hears.startswith("joined")]
        if joined and stage.desk.outcomes == [] and all(leg.hung_up_at is None for leg in joined):
            assert len(joined) == 2
            assert "accepted" in stage.desk.steps
        if stage.desk.outcomes:
            assert [leg.call for leg in up if not leg.hears.startswith("play ")] == [], "but for last words"
            assert customers == []


@settings(max_examples=400, deadline=None)
@given(deeds=st.lists(DEED, max_size=25), first=st.booleans(), key=st.sampled_from(["", "5"]), slow=st.booleans(),
       hold=st.booleans(), preview=st.sampled_from([0.0, 5.0]), record=st.booleans())
def test_any_order(deeds: list[tuple[object, ...]], first: bool, key: str, slow: bool, hold: bool, preview: float,
                   record: bool) -> None:
    stage = Stage()
    stage.legs.slow, stage.desk.hold = slow, hold
    stage.begin(customer_first=first, confirm_key=key, preview=preview, record=record)
    chaos = Chaos(stage)
    for deed in deeds:
        chaos.do(deed)
    # Everybody hangs up: whatever it was, it ends, and is told once.
    stage.legs.slow = False
    for leg in stage.legs.made:
        if not leg.over:
            leg.ends(200 if leg.answered else 487)
    stage.wait(100)
    for leg in stage.legs.made:
        if not leg.over:
            leg.ends(200 if leg.answered else 487)
    stage.wait(100)
    assert len(stage.desk.outcomes) == 1
    stage.assert_nothing_left()
