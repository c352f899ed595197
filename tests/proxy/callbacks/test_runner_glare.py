"""The customer rings in while we try to reach them: in every phase of an attempt."""

from collections.abc import Callable, Iterator

import pytest

from proxy.callbacks.attempt_end import FAREWELL
from tests.kit.fake_legs import CUSTOMER, FakeLeg, Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A stage that must be empty in the end."""
    stage = Stage()
    yield stage
    stage.assert_nothing_left()


def preview(stage: Stage) -> None:
    stage.begin(preview=30.0)


def agent_commits(stage: Stage) -> None:
    stage.desk.hold = True
    stage.begin()


def agent_rings(stage: Stage) -> None:
    stage.begin()
    stage.agent.rings()


def agent_asked(stage: Stage) -> None:
    stage.agent_answers()


def customer_commits(stage: Stage) -> None:
    stage.agent_answers()
    stage.desk.hold = True
    stage.agent.presses("1")


def dialled(stage: Stage) -> None:
    stage.agent_accepts()


def customer_rings(stage: Stage) -> None:
    stage.agent_accepts()
    stage.customer.rings()


def key_asked(stage: Stage) -> None:
    stage.agent_accepts(confirm_key="5")
    stage.customer.answers()


def voicemail(stage: Stage) -> None:
    stage.talk(record=True)
    stage.wait(2)


def last_words(stage: Stage) -> None:
    stage.agent_accepts()
    stage.customer.ends(486)


def first_dialled(stage: Stage) -> None:
    stage.begin(customer_first=True)
    stage.customer.rings()


def first_key_asked(stage: Stage) -> None:
    stage.begin(customer_first=True, confirm_key="5")
    stage.customer.answers()


def first_agent_asked(stage: Stage) -> None:
    stage.begin(customer_first=True)
    stage.customer.answers()
    stage.wait(0)
    stage.agent.answers()


BEFORE_ACCEPTED = [preview, agent_commits, agent_rings, agent_asked]
ACCEPTED = [customer_commits, dialled, customer_rings, key_asked, voicemail, last_words]
CUSTOMER_FIRST = [first_dialled, first_key_asked, first_agent_asked]
Phase = Callable[[Stage], None]


def ring_in(stage: Stage) -> FakeLeg:
    incoming = stage.rings_in()
    assert incoming is not None
    return incoming


def bring_the_agent(stage: Stage) -> None:
    """From wherever the agent's side is to the key."""
    while stage.desk.held:
        stage.desk.commit()
    stage.wait(0)
    if not stage.agent.answered:
        stage.agent.answers()
    stage.agent.presses("1")
    stage.wait(0)


@pytest.mark.parametrize("phase", BEFORE_ACCEPTED)
def test_it_rings_until_the_agent_accepts(stage: Stage, phase: Phase) -> None:
    phase(stage)
    incoming = ring_in(stage)
    assert incoming.done == ["ring"]
    bring_the_agent(stage)
    assert incoming.done == ["ring", "answer"]
    assert stage.dials == 0
    assert stage.desk.connections == []
    incoming.answers()
    assert incoming.hears == f"joined {stage.agent.call}"
    assert stage.desk.connections == ["201"]
    stage.wait(10)
    incoming.ends()
    assert stage.agent.done == ["go", "hang_up"]
    assert (stage.outcome.result, stage.outcome.talk_s) == ("glare", 10)
    assert stage.desk.steps == ["agent", "accepted", "answered", "talked"]
    assert "incoming-1 ended 200 caller" in stage.records.told
    assert "incoming-1 answered" not in stage.records.told, "the core has told that"


@pytest.mark.parametrize("phase", ACCEPTED)
def test_it_is_answered_at_once(stage: Stage, phase: Phase) -> None:
    phase(stage)
    dials = stage.dials
    incoming = ring_in(stage)
    assert incoming.done == ["ring", "answer"]
    assert all(leg.over for leg in stage.legs.made if leg not in (stage.agent, incoming))
    assert stage.agent.done == ["go"]
    incoming.answers()
    assert stage.agent.hears == f"joined {incoming.call}"
    while stage.desk.held:
        stage.desk.commit()
    assert stage.dials == dials, "a commit that comes late dials nobody"
    stage.wait(5)
    stage.agent.ends()
    assert incoming.done == ["ring", "answer", "hang_up"]
    assert stage.outcome.result == "glare"
    assert stage.desk.steps[-2:] == ["answered", "talked"]


@pytest.mark.parametrize("phase", CUSTOMER_FIRST)
def test_customer_first(stage: Stage, phase: Phase) -> None:
    phase(stage)
    incoming = ring_in(stage)
    assert stage.customer.done == ["go", "hang_up"]
    assert incoming.done == ["ring"]
    bring_the_agent(stage)
    incoming.answers()
    assert stage.agent.hears == f"joined {incoming.call}"
    stage.wait(6)
    incoming.ends()
    assert stage.outcome.result == "glare"
    assert stage.dials == 1


@pytest.mark.parametrize("phase", [*BEFORE_ACCEPTED, *ACCEPTED, *CUSTOMER_FIRST])
def test_never_two_legs_of_one_customer(stage: Stage, phase: Phase) -> None:
    phase(stage)
    ring_in(stage)
    bring_the_agent(stage)
    up = [leg for leg in stage.legs.made if not leg.over and leg is not stage.agent]
    assert up == [stage.incoming]
    stage.incoming.answers()
    stage.incoming.ends()
    assert stage.outcome.result == "short"


def test_the_preview_is_cut_short(stage: Stage) -> None:
    """Nobody lets a customer wait who is there already."""
    stage.begin(preview=30.0)
    ring_in(stage)
    assert stage.agent.placed.user == "201"
    stage.agent.ends(486)
    assert stage.incoming.done == ["ring", "hang_up"]


@pytest.mark.parametrize("how", ["busy", "declines", "silent", "hangs_up"])
def test_without_the_agent_it_goes_on_to_where_it_was_headed(stage: Stage, how: str) -> None:
    stage.begin()
    incoming = ring_in(stage)
    if how == "busy":
        stage.agent.ends(486)
    else:
        stage.agent.answers()
        if how == "declines":
            stage.agent.presses("2")
        elif how == "hangs_up":
            stage.agent.ends()
        else:
            stage.wait(20)
    assert incoming.done == ["ring", "hang_up"]
    stage.wait(FAREWELL)
    expected = {"busy": "agent_busy", "declines": "declined", "silent": "agent_silent", "hangs_up": "agent_left"}
    assert stage.outcome.result == expected[how]
    assert "incoming-1" not in stage.records.endings, "the call goes on"
    assert stage.dials == 0


def test_they_give_up_ringing_in(stage: Stage) -> None:
    stage.begin()
    ring_in(stage).ends(487)
    stage.agent.answers()
    assert stage.dials == 0
    stage.agent.presses("1")
    stage.wait(0)
    assert stage.dials == 1
    stage.customer.answers()
    stage.wait(9)
    stage.customer.ends()
    assert stage.outcome.result == "talked"


def test_they_give_up_after_we_dialled(stage: Stage) -> None:
    """The ACK to our 200 never comes: one dial is enough."""
    stage.agent_accepts()
    ring_in(stage).ends(200, "lost")
    assert stage.agent.hears == "play customer_not_reached goodbye"
    stage.agent.hears_out()
    assert stage.outcome.result == "customer_left"
    assert stage.dials == 1


def test_they_ring_in_again(stage: Stage) -> None:
    stage.begin()
    first = ring_in(stage)
    assert stage.rings_in(call="incoming-2") is None, "one is enough"
    first.ends(487)
    assert stage.rings_in(call="incoming-3") is not None
    bring_the_agent(stage)
    stage.incoming.answers()
    stage.wait(6)
    stage.agent.ends()
    assert stage.outcome.result == "glare"
    assert stage.incoming.call == "incoming-3"


def test_a_talk_is_not_disturbed(stage: Stage) -> None:
    stage.talk()
    stage.wait(5)
    assert stage.rings_in() is None
    assert stage.agent.hears == f"joined {stage.customer.call}"
    stage.agent.ends()
    assert stage.outcome.result == "talked"


def test_an_attempt_that_nobody_knows(stage: Stage) -> None:
    assert stage.rings_in("another") is None


def test_a_customer_who_was_not_reached_is_there_after_all(stage: Stage) -> None:
    last_words(stage)
    assert stage.agent.hears == "play customer_not_reached goodbye"
    incoming = ring_in(stage)
    assert stage.agent.hears == "tone ringback"
    stage.wait(FAREWELL)
    assert stage.agent.done == ["go"], "the last words were taken back"
    incoming.answers()
    stage.wait(7)
    incoming.ends()
    assert stage.outcome.result == "glare"


def test_nobody_is_joined_with_an_agent_who_has_left(stage: Stage) -> None:
    stage.legs.slow = True
    key_asked(stage)
    stage.wait(20)
    assert stage.agent.hears == "play customer_not_reached goodbye"
    stage.agent.ends()
    assert stage.rings_in() is None
    stage.customer.ends(200, "us")
    assert stage.outcome.result == "no_key"


def test_an_attempt_that_is_over_takes_nobody(stage: Stage) -> None:
    stage.agent_answers()
    stage.agent.presses("2")
    assert stage.rings_in() is None
    stage.agent.hears_out()
    assert stage.rings_in() is None


def test_the_voicemail_is_recorded_no_further(stage: Stage) -> None:
    voicemail(stage)
    first = stage.media.sessions[stage.agent.call].recording
    incoming = ring_in(stage)
    assert stage.media.sessions[stage.agent.call].recording is None
    incoming.answers()
    second = stage.media.sessions[stage.agent.call].recording
    assert first is not None
    assert second is not None
    assert second != first
    stage.wait(6)
    stage.agent.ends()
    assert stage.outcome.recording == second


def test_a_leg_that_cannot_be_taken_disturbs_nothing(stage: Stage) -> None:
    stage.agent_accepts()
    stage.legs.broken = True
    assert stage.rings_in() is None
    assert stage.customer.done == ["go"]
    stage.customer.answers()
    stage.wait(6)
    stage.agent.ends()
    assert stage.outcome.result == "talked"


def test_answered_elsewhere_by_a_late_200(stage: Stage) -> None:
    """CANCEL and 200 cross: the leg ends itself (BYE), and the one who rang in stays joined."""
    stage.legs.slow = True
    stage.agent_accepts()
    old = stage.customer
    incoming = ring_in(stage)
    old.answers()
    incoming.answers()
    assert stage.agent.hears == f"joined {incoming.call}"
    old.ends(200, "us")
    assert stage.desk.outcomes == []
    assert f"digits:{CUSTOMER}" not in stage.agent.hears
    stage.legs.slow = False
    stage.wait(8)
    stage.agent.ends()
    assert stage.outcome.result == "glare"
