"""What an answer means: a PBX that answers before it queues though nobody said so, or that is told call by call."""

from collections.abc import Callable

import pytest

from routing.early_answers import AGAIN, EarlyAnswers
from routing.facts import Ending, Identity
from routing.identity import AT_ONCE, Answers
from tests.kit.builds import replaces_parts
from tests.routing.world import CUSTOMER, DIRECT, SHARED, World, pai

Worlds = Callable[..., World]
ALARM = "answers_first_office"
OTHER = "+3614445556"


def house(worlds: Worlds, answers: Answers) -> World:
    world = worlds(answers=answers)
    world.connect()
    return world


def answered(world: World, waited: float, *identities: Identity, dialled: str = SHARED, stays: float = 30.0) -> None:
    call = world.calls_in(dialled=dialled)
    world.ledger.decide(call, world.now)
    world.now += waited
    world.ledger.answered(call.id, 0, identities, None, world.now)
    world.now += stays
    world.ledger.ended(call.id, Ending(200, "caller"), world.now)


def up(world: World) -> bool:
    return ALARM in world.ledger.alarms.up()


def test_a_pbx_that_answers_first_and_was_not_said_to(worlds: Worlds) -> None:
    world = house(worlds, "on_agent")
    for count in range(AGAIN):
        assert not up(world), count
        answered(world, 0.01)
    text = world.ledger.alarms.up()[ALARM]
    assert "pbx.office.answers" in text
    assert '"before_queue"' in text
    assert SHARED in text
    assert CUSTOMER not in text
    answered(world, 0.01)
    assert [event.kind for event in world.alarms] == ["alarm.raised"], "once"


def test_it_goes_when_answers_are_agents_again(worlds: Worlds) -> None:
    world = house(worlds, "on_agent")
    for _ in range(AGAIN + 3):
        answered(world, 0.01)
    for count in range(AGAIN):
        assert up(world), count
        answered(world, 4.0)
    assert not up(world)


@pytest.mark.parametrize(("waited", "identities", "dialled"), [
    (AT_ONCE, (), SHARED), (0.2, (pai("201"),), SHARED), (0.2, (), DIRECT), (0.2, (), "201")])
def test_answers_that_a_person_may_have_given(worlds: Worlds, waited: float, identities: tuple[Identity, ...],
                                              dialled: str) -> None:
    """After a second, by a phone that answers by itself and is named, at a direct number, at an extension."""
    world = house(worlds, "on_agent")
    for _ in range(3 * AGAIN):
        answered(world, waited, *identities, dialled=dialled)
    assert world.ledger.alarms.up() == {}


def test_a_phone_that_answers_by_itself_and_is_watched(worlds: Worlds) -> None:
    world = house(worlds, "on_agent")
    for _ in range(3 * AGAIN):
        call = world.calls_in()
        world.ledger.decide(call, world.now)
        world.ledger.dialog_event("201", "ringing", CUSTOMER, world.now)
        world.ledger.answered(call.id, 0, (), None, world.now + 0.2)
        world.ledger.dialog_event("201", "busy", None, world.now + 0.21)
        world.now += 30
        world.ledger.dialog_event("201", "free", None, world.now)
        world.ledger.ended(call.id, Ending(200, "caller"), world.now)
    assert world.ledger.alarms.up() == {}


@pytest.mark.parametrize("answers", ["before_queue", "auto"])
def test_a_pbx_that_was_said_to(worlds: Worlds, answers: Answers) -> None:
    world = house(worlds, answers)
    for _ in range(3 * AGAIN):
        answered(world, 0.01)
    assert not up(world)


def test_calls_that_agents_place_are_not_counted(worlds: Worlds) -> None:
    world = house(worlds, "on_agent")
    for _ in range(3 * AGAIN):
        world.dial("201", talk=10.0)
    assert not up(world)


def test_each_number_for_itself() -> None:
    """A menu at one, a ring group at the other: neither hides the other, and the last one to be cured clears it."""
    found = EarlyAnswers()
    for _ in range(AGAIN):
        found.count("office", SHARED, 9.0, False)
        raised = found.count("office", OTHER, 0.1, False)
    assert raised is not None
    assert OTHER in raised
    for _ in range(AGAIN):
        found.count("office", SHARED, 0.1, False)
    assert [found.count("office", OTHER, 9.0, False) for _ in range(AGAIN)] == [None] * AGAIN
    assert [found.count("office", SHARED, 0.1, True) for _ in range(AGAIN)][-1] == ""


@replaces_parts
def test_numbers_that_are_counted_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routing.early_answers.NUMBERS_MAX", 2)
    found = EarlyAnswers()
    for _ in range(AGAIN):
        told = [found.count("office", number, 0.1, False) for number in ("1", "2", "3")]
    assert [bool(text) for text in told] == [True, True, False]


# Told call by call


@pytest.mark.parametrize(("waited", "identities", "agent", "missed"), [
    (3.0, (pai("201"),), "201", 0),
    (0.1, (pai("201"),), None, 1),  # an announcement's extension, maybe
    (3.0, (), None, 1),
    (3.0, (pai("600"),), None, 1),
])
def test_auto(worlds: Worlds, waited: float, identities: tuple[Identity, ...], agent: str | None, missed: int) -> None:
    world = house(worlds, "auto")
    answered(world, waited, *identities)
    ears = world.ears
    assert ([talk.agent for talk in ears.talks], len(ears.missed_calls)) == ([agent] if agent else [], missed)


def test_auto_behind_a_queue_the_dialogs_tell(worlds: Worlds) -> None:
    world = house(worlds, "auto")
    world.ledger.dialog_event("201", "free", None, world.now)
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    world.ledger.answered(call.id, 0, (), None, world.now + 0.01)
    assert world.ledger.attendance.waiting("sales") == 1
    world.ledger.dialog_event("201", "ringing", CUSTOMER, world.now + 20)
    world.ledger.dialog_event("201", "busy", None, world.now + 25)
    assert world.ledger.taken_by(call.id) == "201"


def test_auto_and_direct_callback(worlds: Worlds) -> None:
    """Where an agent was dialled an answer is theirs, as ever."""
    world = house(worlds, "auto")
    world.dial("201")
    answered(world, 0.5)
    ears = world.ears
    assert [talk.agent for talk in ears.talks] == ["201"]
