"""Click and key in either order at each step of an attempt and of a place: what comes first counts, once."""

from collections.abc import Callable, Iterator

import pytest

from proxy.callbacks.held_place import CLAIM_PATIENCE
from proxy.callbacks.runner import PAST
from routing.callbacks.clicks import Click, Heard
from tests.kit.fake_legs import ORDER, Stage
from tests.kit.held_stage import TASK, HeldStage

ACCEPT, DECLINE = Click.ACCEPT, Click.DECLINE
DONE, ALREADY, ACCEPTED, TALKING, OVER = Heard.DONE, Heard.ALREADY, Heard.ACCEPTED, Heard.TALKING, Heard.OVER


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A stage that must be empty in the end."""
    stage = Stage()
    yield stage
    end(stage)
    stage.assert_nothing_left()


@pytest.fixture
def held() -> Iterator[HeldStage]:
    stage = HeldStage()
    yield stage
    end(stage)
    stage.assert_nothing_left()


def end(stage: Stage) -> None:
    """Everybody hangs up."""
    stage.wait(120)
    for leg in stage.legs.made:
        if not leg.over:
            leg.ends(200 if leg.answered else 487)
    stage.wait(200)
    for leg in stage.legs.made:
        if not leg.over:
            leg.ends(487)
    stage.wait(CLAIM_PATIENCE)


def click(stage: Stage, what: Click, agent: str = "201", name: str = ORDER.attempt, reason: str = "") -> Heard | None:
    answer = stage.runner.click(name, what, agent, reason, stage.stack.now) or \
        stage.runner.late_click(name, what, agent)
    stage.wait(0)
    return None if answer is None else answer.heard


# How far an attempt is

def preview(stage: Stage) -> None:
    stage.begin(preview=20.0)


def committing(stage: Stage) -> None:
    """The agent's leg is made, and waits for the disk."""
    stage.desk.hold = True
    stage.begin()
    stage.desk.hold = False


def leaves(stage: Stage) -> None:
    stage.begin()


def rings(stage: Stage) -> None:
    stage.begin()
    stage.agent.rings()


def asked(stage: Stage) -> None:
    stage.agent_answers()


def picks_up(stage: Stage) -> None:
    """Whatever was before: the phone rings, and they are on the line."""
    if stage.desk.held:
        stage.desk.commit()
    stage.wait(0)
    if not stage.agent.answered:
        stage.agent.answers()
    stage.wait(0)


BEFORE: dict[str, Callable[[Stage], None]] = {
    "preview": preview, "committing": committing, "leaves": leaves, "rings": rings}


@pytest.mark.parametrize("point", BEFORE)
@pytest.mark.parametrize(("first", "second", "heard"), [
    (ACCEPT, ACCEPT, [DONE, ALREADY]), (ACCEPT, DECLINE, [DONE, DONE]), (DECLINE, ACCEPT, [DONE, OVER]),
    (DECLINE, DECLINE, [DONE, ALREADY]),
])
def test_two_clicks_before_they_are_on_the_line(stage: Stage, point: str, first: Click, second: Click,
                                                heard: list[Heard]) -> None:
    BEFORE[point](stage)
    assert [click(stage, first, reason="no time"), click(stage, second, reason="no time")] == heard
    if DECLINE in (first, second):
        for go in (*stage.desk.held,):
            go(True)  # the disk answers late
        for leg in stage.legs.made:
            if not leg.over:
                leg.ends(487)
        stage.wait(0)
        assert (stage.outcome.result, stage.outcome.text, stage.outcome.agent) == ("declined", "no time", "201")
        assert stage.dials == 0
        rang = point in ("leaves", "rings") or (point, first) == ("preview", ACCEPT)
        assert [leg.done for leg in stage.called] == ([["go", "hang_up"]] if rang else []), "the phone is still now"
    else:
        picks_up(stage)
        assert stage.agent.hears == "play connecting"
        assert stage.dials == 1
        assert stage.desk.steps == ["agent", "accepted", "customer"]


@pytest.mark.parametrize("point", BEFORE)
@pytest.mark.parametrize("key", ["1", "2", "7"])
def test_after_accept_no_key_changes_anything(stage: Stage, point: str, key: str) -> None:
    BEFORE[point](stage)
    click(stage, ACCEPT)
    picks_up(stage)
    stage.agent.presses(key)
    stage.wait(0)
    assert stage.dials == 1
    assert stage.desk.steps == ["agent", "accepted", "customer"]


KEYS = {"1": ACCEPT, "2": DECLINE}


@pytest.mark.parametrize("first", ["1", "2", ACCEPT, DECLINE])
@pytest.mark.parametrize("second", ["1", "2", ACCEPT, DECLINE])
def test_click_and_key_in_either_order_on_the_line(stage: Stage, first: str | Click, second: str | Click) -> None:
    asked(stage)
    heard = []
    for said in (first, second):
        if isinstance(said, str):
            stage.agent.presses(said)
            stage.wait(0)
        else:
            heard.append(click(stage, said))
    meant = first if isinstance(first, Click) else KEYS[first]
    assert stage.dials == (meant is ACCEPT)
    expected = [DONE] if isinstance(first, Click) else []
    if isinstance(second, Click):
        expected.append({(ACCEPT, ACCEPT): ALREADY, (ACCEPT, DECLINE): ACCEPTED, (DECLINE, ACCEPT): OVER,
                         (DECLINE, DECLINE): ALREADY}[meant, second])
    assert heard == expected
    if meant is DECLINE:
        assert stage.outcome.result == "declined"
        assert stage.agent.hears == "play declined goodbye"
    else:
        assert stage.desk.steps == ["agent", "accepted", "customer"]


def test_accept_cuts_the_preview_short_and_the_phone_rings_at_once(stage: Stage) -> None:
    preview(stage)
    stage.wait(5)
    assert stage.legs.made == []
    click(stage, ACCEPT)
    assert stage.agent.done == ["go"]
    stage.wait(60)
    assert len(stage.legs.made) == 1, "the preview rings nobody once more"


def test_customer_first_is_called_at_once_and_the_agent_needs_no_key(stage: Stage) -> None:
    stage.begin(preview=20.0, customer_first=True)
    assert click(stage, ACCEPT) is DONE
    stage.customer.answers()
    stage.wait(0)
    stage.agent.answers()
    stage.wait(0)
    assert stage.customer.hears == f"joined {stage.agent.call}"


def test_who_talks_hears_so(stage: Stage) -> None:
    stage.talk()
    assert [click(stage, ACCEPT), click(stage, DECLINE)] == [ALREADY, TALKING]
    stage.customer.ends()
    stage.wait(60)
    assert [click(stage, ACCEPT), click(stage, DECLINE)] == [OVER, OVER]


@pytest.mark.parametrize("point", [*BEFORE.values(), asked, lambda stage: stage.talk()])
def test_what_a_colleague_has_is_not_theirs(stage: Stage, point: Callable[[Stage], None]) -> None:
    point(stage)
    answers = [stage.runner.click(name, what, "202", "", stage.stack.now)
               for what in Click for name in (ORDER.attempt, ORDER.task)]
    assert {(one.heard, one.agent) for one in answers if one is not None} == {(Heard.OTHERS, "201")}
    assert len(answers) == 4


def test_a_colleague_who_picks_up_hears_the_question(stage: Stage) -> None:
    """201 has said yes, and 202 takes the call that rings there: they have said nothing."""
    rings(stage)
    click(stage, ACCEPT)
    stage.records.taken[stage.agent.call] = "202"
    stage.agent.answers()
    stage.wait(0)
    assert stage.dials == 0
    assert stage.agent.hears.endswith("press_1_or_2")
    assert [click(stage, DECLINE), click(stage, ACCEPT, "202")] == [Heard.OTHERS, DONE]
    assert stage.dials == 1


def test_the_voicemail_of_who_accepted_is_not_joined(stage: Stage) -> None:
    rings(stage)
    click(stage, ACCEPT)
    stage.agent.answers(("pai", "*97"))
    stage.wait(0)
    assert stage.dials == 0


@pytest.mark.parametrize("point", ["preview", "committing", "leaves", "rings"])
@pytest.mark.parametrize(("late", "dials"), [(5.0, 1), (11.0, 1), (13.0, 0), (20.0, 0)])
def test_who_answers_late_may_be_a_box_that_names_nobody(stage: Stage, point: str, late: float, dials: int) -> None:
    BEFORE[point](stage)
    click(stage, ACCEPT)
    if stage.desk.held:
        stage.desk.commit()
        stage.wait(0)
    stage.wait(late)
    stage.agent.answers()
    stage.wait(0)
    assert stage.dials == dials
    if not dials:
        assert stage.agent.hears.endswith("press_1_or_2")


@pytest.mark.parametrize("says", ["1", ACCEPT])
def test_an_agent_who_clicked_and_picks_up_late_says_yes_once_more(stage: Stage, says: str | Click) -> None:
    preview(stage)
    click(stage, ACCEPT)
    stage.wait(20)
    stage.agent.answers()
    stage.wait(0)
    if isinstance(says, Click):
        assert click(stage, says) is DONE
    else:
        stage.agent.presses(says)
        stage.wait(0)
    assert stage.dials == 1


@pytest.mark.parametrize(("late", "heard"), [(5.0, "joined"), (20.0, "play")])
def test_customer_first_their_phone_is_called_long_after_the_click(stage: Stage, late: float, heard: str) -> None:
    stage.begin(preview=20.0, customer_first=True)
    click(stage, ACCEPT)
    stage.wait(25)
    stage.customer.answers()
    stage.wait(late)
    stage.agent.answers()
    stage.wait(0)
    assert stage.customer.hears.partition(" ")[0] == heard


def test_whom_a_queue_gave_the_call_nobody_knows(stage: Stage) -> None:
    stage.begin(agent=None, target="600")
    assert click(stage, ACCEPT) is Heard.UNPROVED
    stage.agent.answers()
    stage.records.taken[stage.agent.call] = "202"
    assert [click(stage, ACCEPT), click(stage, ACCEPT, "202")] == [Heard.OTHERS, DONE]
    assert stage.dials == 1


def test_a_click_by_the_task_means_the_attempt_that_runs(stage: Stage) -> None:
    rings(stage)
    assert click(stage, ACCEPT, name=ORDER.task) is DONE
    assert click(stage, ACCEPT, name="nothing") is None


def test_only_so_many_that_are_over_are_remembered(stage: Stage) -> None:
    for number in range(PAST + 1):
        order = ORDER._replace(attempt=f"a{number}", task=f"t{number}", preview=9.0)
        stage.runner.begin(order, stage.stack.wall())
        assert click(stage, DECLINE, name=order.attempt) is DONE
    assert [click(stage, DECLINE, name=name) for name in ("a0", "a1", f"t{PAST}")] == [None, ALREADY, ALREADY]
    assert click(stage, DECLINE, "202", name="a1") is OVER


# A place that an agent has picked up

def at_place(stage: HeldStage, what: Click, agent: str = "201", reason: str = "") -> Heard | None:
    answer = stage.places.click(TASK, what, agent, reason, stage.stack.now)
    stage.wait(0)
    return None if answer is None else answer.heard


def test_a_place_that_nobody_has_picked_up_is_nobodys(held: HeldStage) -> None:
    held.hold()
    assert [at_place(held, what) for what in Click] == [Heard.NOT_PICKED_UP, Heard.NOT_PICKED_UP]
    held.taken(None)
    assert [at_place(held, what) for what in Click] == [Heard.UNPROVED, Heard.UNPROVED]
    held.records.taken[held.agent.call] = "201"
    assert at_place(held, ACCEPT, "202") is Heard.OTHERS
    assert held.facts.told == ["taken None"]


@pytest.mark.parametrize("first", ["1", "2", ACCEPT, DECLINE])
@pytest.mark.parametrize("second", ["1", "2", ACCEPT, DECLINE])
def test_click_and_key_in_either_order_at_a_place(held: HeldStage, first: str | Click, second: str | Click) -> None:
    held.facts.again = False
    held.hold()
    held.taken("201")
    heard = []
    for said in (first, second):
        if isinstance(said, str):
            held.agent.presses(said)
            held.wait(0)
        else:
            heard.append(at_place(held, said, reason="busy" if said is DECLINE else ""))
    meant = first if isinstance(first, Click) else KEYS[first]
    how = "key" if isinstance(first, str) else "click busy"
    assert held.facts.told == ["taken 201", "accepted 201" if meant is ACCEPT else f"declined 201 {how}"]
    expected = [DONE] if isinstance(first, Click) else []
    if isinstance(second, Click):
        expected.append({(ACCEPT, ACCEPT): ALREADY, (ACCEPT, DECLINE): ACCEPTED, (DECLINE, ACCEPT): OVER,
                         (DECLINE, DECLINE): ALREADY}[meant, second])
    assert heard == expected


def test_the_attempt_of_a_place_is_theirs_and_a_click_changes_nothing(held: HeldStage) -> None:
    held.hold()
    held.taken("201")
    assert at_place(held, ACCEPT) is DONE
    held.says()
    assert at_place(held, ACCEPT) is None
    assert [click(held, ACCEPT, name=TASK), click(held, DECLINE, name=TASK)] == [ALREADY, ACCEPTED]
    assert held.dials == 1


def test_a_click_before_the_line_is_up_counts_when_it_is(held: HeldStage) -> None:
    """Dialogs show who picks it up before the PBX's answer is there."""
    held.hold(answered=False)
    held.taken("201")
    assert at_place(held, ACCEPT) is DONE
    assert held.facts.told == ["taken 201"]
    held.agent.answers()
    held.wait(0)
    assert held.facts.told == ["taken 201", "accepted 201"]


def test_who_declined_a_place_may_say_so_again_until_it_is_picked_up(held: HeldStage) -> None:
    held.hold()
    held.taken("201")
    assert [at_place(held, DECLINE), at_place(held, DECLINE), at_place(held, ACCEPT)] == [DONE, ALREADY, OVER]
    held.agent.hears_out()
    held.wait(0)
    held.agent.rings()
    held.agent.answers()
    held.wait(0)
    assert held.facts.told == ["taken 201", "declined 201 click", f"returned {held.agent.call}"]
    assert [at_place(held, DECLINE), at_place(held, DECLINE, "202")] == [ALREADY, Heard.NOT_PICKED_UP]
    held.taken("202")
    assert at_place(held, DECLINE) is Heard.OTHERS
