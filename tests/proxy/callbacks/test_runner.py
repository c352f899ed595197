"""Attempts on a virtual clock: who is called when, what they hear, what is told, and how it ends."""

from collections.abc import Iterator

import pytest

from proxy.callbacks.attempt_end import END_PATIENCE, FAREWELL
from proxy.callbacks.attempt_steps import COMMIT_PATIENCE
from proxy.callbacks.conversation import DEAD_AIR, SILENCE_STEP
from proxy.ua.contract import Account
from routing.rows import Result
from tests.kit.fake_legs import CUSTOMER, EPOCH, NUMBER, Stage

ASK = f"play callback_for digits:{CUSTOMER} press_1_or_2"


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A stage that must be empty in the end."""
    stage = Stage()
    yield stage
    stage.assert_nothing_left()


# Agent first


def test_the_whole_way(stage: Stage) -> None:
    stage.begin()
    agent = stage.agent
    assert agent.placed.side == "pbx"
    assert (agent.placed.peer, agent.placed.user, agent.placed.from_user) == ("office", "201", CUSTOMER)
    assert agent.placed.asserted == CUSTOMER
    assert agent.placed.ring_for == 20
    assert agent.placed.headers == (("X-Boomerang", f"callback; task=task-1; attempt=attempt-1; dialled={NUMBER}"),)
    agent.rings()
    agent.answers()
    assert agent.hears == ASK
    assert agent.session.repeat
    assert stage.dials == 0
    agent.presses("1")
    assert agent.hears == "play connecting"
    stage.wait(0)
    customer = stage.customer
    assert (customer.placed.side, customer.placed.peer, customer.placed.user) == ("trunk", "main", CUSTOMER)
    assert (customer.placed.from_user, customer.placed.asserted) == (NUMBER, NUMBER)
    assert customer.placed.headers == ()
    agent.hears_out()
    assert agent.hears == "tone ringback"
    customer.rings()
    assert agent.hears == "tone ringback"
    customer.answers()
    assert agent.hears == f"joined {customer.call}"
    assert stage.desk.connections == ["201"]
    stage.wait(30)
    customer.ends()
    assert agent.done == ["go", "hang_up"]
    assert stage.desk.steps == ["agent", "accepted", "customer", "answered", "talked"]
    assert stage.outcome.result == "talked"
    assert stage.outcome.talk_s == 30
    assert stage.outcome.answered_at == EPOCH + 1000
    assert stage.outcome.agent == "201"
    assert stage.records.told == [
        "agent placed", "agent ringing", "agent answered", "customer placed", "customer ringing", "customer answered",
        "customer ended 200 callee", "agent ended 200 proxy",
    ]


def test_the_agent_hangs_up_after_the_talk(stage: Stage) -> None:
    stage.talk()
    stage.wait(5)
    stage.agent.ends()
    assert stage.customer.done == ["go", "hang_up"]
    assert stage.outcome.result == "talked"
    assert stage.records.told[-2:] == ["agent ended 200 callee", "customer ended 200 proxy"]


def test_what_the_ledger_is_told_of_each_leg(stage: Stage) -> None:
    stage.talk()
    agent, customer = stage.records.entries[stage.agent.call], stage.records.entries[stage.customer.call]
    assert (agent.direction, customer.direction) == ("inbound", "outbound")
    assert {(one.customer, one.number, one.agent, one.group, one.attempt) for one in (agent, customer)} == {
        (CUSTOMER, NUMBER, "201", "sales", "attempt-1")}
    stage.agent.ends()


def test_a_leg_is_remembered_as_it_changes(stage: Stage) -> None:
    stage.begin()
    call = stage.agent.call
    memories = [stage.desk.legs[call].memory]
    stage.agent.sends()
    memories.append(stage.desk.legs[call].memory)
    stage.agent.answers()
    memories.append(stage.desk.legs[call].memory)
    assert memories == [f"{call} made", f"{call} sent", f"{call} answered"]
    assert stage.desk.legs[call].role == "agent"
    assert stage.desk.legs[call].attempt == "attempt-1"
    stage.agent.ends()


@pytest.mark.parametrize(("number", "account", "shown"), [
    (NUMBER, None, NUMBER), (None, Account("acme", "x", None), "acme"), (None, None, "anonymous"),
])
def test_the_number_shown(stage: Stage, number: str | None, account: Account | None, shown: str) -> None:
    if account is not None:
        stage.stack.accounts["main"] = account
    stage.agent_accepts(number=number)
    assert (stage.customer.placed.from_user, stage.customer.placed.asserted) == (shown, number)
    assert "dialled" not in stage.agent.placed.headers[0][1] or number is not None
    stage.agent.ends()


# What the agent does


@pytest.mark.parametrize(("cause", "result"), [
    (486, "agent_busy"), (600, "agent_busy"), (603, "declined"), (480, "agent_no_answer"), (408, "agent_no_answer"),
    (487, "agent_no_answer"), (404, "agent_failed"), (488, "agent_failed"), (401, "agent_failed"),
    (302, "agent_failed"), (503, "agent_failed"), (500, "agent_failed"),
])
def test_the_agents_phone_refuses(stage: Stage, cause: int, result: Result) -> None:
    stage.begin()
    stage.agent.ends(cause, retry_after=7.0, reason="why")
    assert (stage.outcome.result, stage.outcome.cause) == (result, cause)
    assert (stage.outcome.retry_after, stage.outcome.text) == (7.0, "why")
    assert stage.dials == 0


def test_a_declined_callback(stage: Stage) -> None:
    stage.agent_answers()
    stage.agent.presses("2")
    assert stage.agent.hears == "play declined goodbye"
    assert stage.agent.done == ["go"]
    assert stage.outcome.result == "declined", "the next one need not wait for the last words"
    stage.agent.hears_out()
    assert stage.agent.done == ["go", "hang_up"]
    assert stage.outcome.result == "declined"
    stage.assert_nothing_left()
    assert stage.desk.steps == ["agent"]
    assert stage.dials == 0


def test_a_customer_who_waits_is_over_before_the_next_colleague_is_rung(stage: Stage) -> None:
    """Nobody is called by two attempts at once."""
    stage.begin(customer_first=True)
    stage.customer.sends()
    stage.customer.answers()
    stage.wait(0)
    stage.agent.answers()
    stage.agent.presses("2")
    assert stage.customer.hears == "play goodbye"
    assert stage.desk.outcomes == []
    stage.customer.hears_out()
    assert not stage.agent.over
    assert stage.outcome.result == "declined"
    stage.agent.hears_out()
    stage.assert_nothing_left()


def test_a_carrier_without_a_word_holds_no_agent(stage: Stage) -> None:
    """The customer's leg may not be cancelled yet; the attempt ends with it."""
    stage.agent_accepts()
    stage.customer.rings_out()
    assert stage.agent.hears == "play customer_not_reached goodbye"
    stage.agent.hears_out()
    assert stage.agent.over
    assert (stage.desk.gone, stage.desk.outcomes) == (["attempt-1"], [])
    stage.customer.ends(487, "us")
    assert stage.outcome.result == "customer_no_answer"
    stage.assert_nothing_left()


def test_a_customer_rings_in_while_their_leg_waits_for_a_word(stage: Stage) -> None:
    stage.agent_accepts()
    stage.customer.rings_out()
    incoming = stage.rings_in()
    assert incoming is not None
    assert incoming.done == ["ring", "answer"]
    incoming.answers()
    assert stage.agent.hears.startswith("joined")
    stage.customer.ends(487, "us")
    stage.agent.ends()
    assert stage.desk.gone == []
    stage.assert_nothing_left()


def test_an_agents_phone_without_a_word(stage: Stage) -> None:
    stage.begin()
    stage.agent.sends()
    stage.agent.rings_out()
    assert stage.outcome.result == "agent_no_answer"
    stage.agent.ends(487, "us")
    stage.assert_nothing_left()


def test_last_words_have_an_end(stage: Stage) -> None:
    stage.agent_answers()
    stage.agent.presses("2")
    stage.wait(FAREWELL - 0.1)
    assert stage.agent.done == ["go"]
    stage.wait(0.1)
    assert stage.agent.done == ["go", "hang_up"]


def test_another_key_asks_again(stage: Stage) -> None:
    stage.agent_answers()
    stage.agent.presses("7")
    assert stage.agent.hears == "play not_understood press_1_or_2"
    assert stage.agent.session.repeat
    stage.agent.presses("1")
    stage.wait(0)
    assert stage.dials == 1
    stage.agent.presses("2")
    stage.agent.presses("1")
    stage.wait(0)
    assert stage.dials == 1
    stage.agent.ends()


def test_an_agent_who_presses_nothing(stage: Stage) -> None:
    stage.agent_answers()
    stage.wait(19.9)
    assert stage.agent.hears == ASK
    stage.wait(0.1)
    assert stage.agent.hears == "play goodbye"
    stage.agent.hears_out()
    assert stage.outcome.result == "agent_silent"
    assert stage.dials == 0


def test_a_queue_may_answer_before_an_agent_does(stage: Stage) -> None:
    """PBX that answers first: the prompt repeats, and who takes it is what the PBX says."""
    stage.begin(agent=None, target="600")
    assert stage.agent.placed.user == "600"
    stage.agent.answers()
    stage.wait(39)
    stage.records.taken[stage.agent.call] = "202"
    stage.agent.presses("1")
    stage.wait(0)
    assert stage.desk.agents == [None, "202", "202"]
    assert stage.records.entries[stage.customer.call].agent == "202"
    stage.customer.answers()
    stage.wait(6)
    stage.agent.ends()
    assert stage.outcome.agent == "202"


@pytest.mark.parametrize(("by", "result"), [("far", "agent_left"), ("lost", "agent_failed")])
def test_the_phone_is_gone_in_the_middle_of_the_prompt(stage: Stage, by: str, result: Result) -> None:
    stage.agent_answers()
    stage.wait(2)
    stage.agent.ends(200, by)  # type: ignore[arg-type]
    assert stage.outcome.result == result
    assert stage.dials == 0


def test_the_agent_hangs_up_while_the_customer_rings(stage: Stage) -> None:
    stage.agent_accepts()
    stage.customer.rings()
    stage.agent.ends()
    assert stage.customer.done == ["go", "hang_up"]
    assert stage.outcome.result == "agent_left"
    assert stage.outcome.answered_at is None


def test_the_agent_hangs_up_before_the_customer_is_dialled(stage: Stage) -> None:
    stage.agent_answers()
    stage.desk.hold = True
    stage.agent.presses("1")
    stage.agent.ends()
    stage.desk.commit()
    assert stage.dials == 0
    assert stage.outcome.result == "agent_left"


# What the customer does


@pytest.mark.parametrize(("cause", "result"), [
    (486, "customer_busy"), (600, "customer_busy"), (408, "customer_no_answer"), (480, "customer_no_answer"),
    (487, "customer_no_answer"), (404, "customer_failed"), (603, "customer_failed"), (607, "customer_failed"),
    (503, "customer_failed"), (302, "customer_failed"), (401, "customer_failed"), (488, "customer_failed"),
])
def test_the_customer_is_not_reached(stage: Stage, cause: int, result: Result) -> None:
    stage.agent_accepts()
    stage.customer.ends(cause, retry_after=60.0)
    assert stage.agent.hears == "play customer_not_reached goodbye"
    assert stage.desk.outcomes == []
    stage.agent.hears_out()
    assert (stage.outcome.result, stage.outcome.cause, stage.outcome.retry_after) == (result, cause, 60.0)
    assert stage.records.told[-2:] == [f"customer ended {cause} callee", "agent ended 200 proxy"]


def test_a_short_talk_is_none(stage: Stage) -> None:
    stage.talk()
    stage.wait(4.9)
    stage.customer.ends()
    assert stage.outcome.result == "short"
    assert stage.outcome.talk_s == pytest.approx(4.9)
    assert "talked" not in stage.desk.steps


def test_a_talk_of_min_talk_is_one(stage: Stage) -> None:
    stage.talk()
    stage.wait(5)
    stage.customer.ends()
    assert stage.outcome.result == "talked"


def test_the_key_that_proves_a_person(stage: Stage) -> None:
    stage.agent_accepts(confirm_key="5")
    stage.customer.answers()
    assert stage.customer.hears == "play this_is_callback press_key_to_talk digits:5"
    assert stage.customer.session.repeat
    assert stage.agent.hears == "play connecting"
    stage.wait(3)
    stage.customer.presses("4")
    assert "joined" not in stage.customer.hears
    assert stage.desk.connections == []
    stage.customer.presses("5")
    assert stage.customer.hears == f"joined {stage.agent.call}"
    assert stage.desk.connections == ["201"]
    stage.wait(5)
    stage.customer.ends()
    assert (stage.outcome.result, stage.outcome.talk_s) == ("talked", 5)


def test_a_voicemail_presses_nothing(stage: Stage) -> None:
    stage.agent_accepts(confirm_key="5")
    stage.customer.answers()
    stage.wait(20)
    assert stage.customer.done == ["go", "hang_up"]
    assert stage.agent.hears == "play customer_not_reached goodbye"
    stage.agent.hears_out()
    assert (stage.outcome.result, stage.outcome.cause, stage.outcome.talk_s) == ("no_key", 200, None)
    assert stage.desk.steps == ["agent", "accepted", "customer", "answered"]
    assert "customer answered" not in stage.records.told, "prompts are no talk"
    assert "customer ended 480 proxy" in stage.records.told


def test_a_voicemail_hangs_up_before_the_key(stage: Stage) -> None:
    stage.agent_accepts(confirm_key="5")
    stage.customer.answers()
    stage.customer.ends()
    stage.agent.hears_out()
    assert stage.outcome.result == "no_key"


# Customer first


def test_customer_first(stage: Stage) -> None:
    stage.begin(customer_first=True)
    customer = stage.customer
    customer.rings()
    customer.answers()
    assert customer.hears == "play please_wait"
    customer.hears_out()
    assert customer.hears == "tone ringback"
    stage.wait(0)
    stage.agent.answers()
    assert stage.agent.hears == ASK
    assert stage.desk.connections == []
    stage.agent.presses("1")
    assert customer.hears == f"joined {stage.agent.call}"
    assert stage.desk.connections == ["201"]
    stage.wait(8)
    stage.agent.ends()
    assert stage.desk.steps == ["customer", "answered", "agent", "accepted", "talked"]
    assert (stage.outcome.result, stage.outcome.talk_s) == ("talked", 8)


def test_customer_first_asks_for_the_key_before_the_agent(stage: Stage) -> None:
    stage.begin(customer_first=True, confirm_key="1")
    stage.customer.answers()
    stage.wait(0)
    assert len(stage.called) == 1
    stage.customer.presses("1")
    stage.wait(0)
    assert stage.customer.hears == "play please_wait"
    stage.agent.ends(486)
    stage.customer.hears_out()
    assert stage.outcome.result == "agent_busy"


def test_customer_first_and_no_agent(stage: Stage) -> None:
    stage.begin(customer_first=True)
    stage.customer.answers()
    stage.wait(0)
    stage.agent.ends(480)
    assert stage.customer.hears == "play goodbye"
    stage.customer.hears_out()
    assert stage.customer.done == ["go", "hang_up"]
    assert (stage.outcome.result, stage.outcome.cause) == ("agent_no_answer", 480)
    assert "customer answered" not in stage.records.told


def test_customer_first_and_the_customer_leaves(stage: Stage) -> None:
    stage.begin(customer_first=True)
    stage.customer.answers()
    stage.wait(0)
    stage.agent.answers()
    stage.customer.ends()
    assert stage.agent.hears == "play customer_not_reached goodbye"
    stage.agent.hears_out()
    assert stage.outcome.result == "customer_left"


def test_customer_first_not_reached(stage: Stage) -> None:
    stage.begin(customer_first=True)
    stage.customer.ends(486)
    assert len(stage.called) == 1
    assert stage.outcome.result == "customer_busy"


# Commits


def test_nothing_is_sent_before_its_commit(stage: Stage) -> None:
    stage.desk.hold = True
    stage.begin()
    stage.wait(1)
    assert stage.called == []
    stage.desk.commit()
    stage.agent.answers()
    stage.agent.presses("1")
    stage.wait(1)
    assert stage.dials == 0
    stage.desk.commit()
    assert stage.dials == 1
    stage.agent.ends()


def test_commits_that_come_at_once(stage: Stage) -> None:
    stage.desk.at_once = True
    stage.talk()
    stage.agent.ends()
    assert stage.outcome.result == "short"


@pytest.mark.parametrize(("step", "result"), [("agent", "stopped"), ("customer", "refused")])
def test_a_step_that_is_not_allowed(stage: Stage, step: str, result: Result) -> None:
    stage.desk.denied.add(step)  # type: ignore[arg-type]
    if step == "agent":
        stage.begin()
        assert stage.called == []
    else:
        stage.agent_answers()
        stage.agent.presses("1")
        stage.wait(0)
        assert stage.agent.hears == "play customer_not_reached goodbye"
        stage.agent.hears_out()
    assert stage.dials == 0
    assert stage.outcome.result == result


def test_a_commit_that_never_comes(stage: Stage) -> None:
    stage.agent_answers()
    stage.desk.hold = True
    stage.agent.presses("1")
    stage.wait(COMMIT_PATIENCE)
    assert stage.agent.hears == "play goodbye"
    assert stage.desk.taken_back == []
    stage.desk.commit()
    assert stage.desk.taken_back == ["attempt-1"], "it is written down, and nobody dials"
    stage.agent.hears_out()
    assert stage.dials == 0
    assert (stage.outcome.result, stage.outcome.text) == ("stopped", "customer not committed")


# Preview, stop, drain


def test_the_card_is_seen_first(stage: Stage) -> None:
    stage.begin(preview=10.0)
    stage.wait(9.9)
    assert stage.desk.steps == []
    assert stage.runner.running()[0].phase == "preview"
    stage.wait(0.1)
    assert stage.desk.steps == ["agent"]
    stage.agent.ends(486)


def test_nothing_calls_back_before_it_returns(stage: Stage) -> None:
    stage.runner.begin(order := stage.begin(preview=5.0)._replace(attempt="other"), 0.0)
    assert stage.desk.steps == []
    stage.runner.stop(order.attempt, "why", 0.0)
    stage.runner.stop("attempt-1", "why", 0.0)
    assert stage.desk.outcomes == []
    stage.wait(0)
    assert [outcome.result for outcome in stage.desk.outcomes] == ["stopped", "stopped"]


def test_the_same_attempt_is_not_begun_twice(stage: Stage) -> None:
    stage.begin()
    stage.begin()
    assert len(stage.called) == 1
    stage.agent.ends(486)
    assert stage.outcome.result == "agent_busy"


@pytest.mark.parametrize("phase", ["preview", "rings", "asked", "dialled"])
def test_stopped_before_the_customer_answers(stage: Stage, phase: str) -> None:
    if phase == "preview":
        stage.begin(preview=9.0)
    elif phase == "rings":
        stage.begin()
    elif phase == "asked":
        stage.agent_answers()
    else:
        stage.agent_accepts()
        stage.customer.rings()
    stage.runner.stop("attempt-1", "a talk meanwhile", 0.0)
    stage.wait(0)
    if phase in ("asked", "dialled"):
        assert stage.agent.hears == "play goodbye"
        stage.agent.hears_out()
    assert (stage.outcome.result, stage.outcome.text) == ("stopped", "a talk meanwhile")


@pytest.mark.parametrize("key", ["", "5"])
def test_who_talks_is_not_stopped(stage: Stage, key: str) -> None:
    stage.talk(confirm_key=key)
    stage.runner.stop("attempt-1", "why", 0.0)
    stage.wait(1)
    assert stage.desk.outcomes == []
    stage.customer.presses(key)
    stage.agent.ends()
    assert stage.outcome.result == "short"


def test_draining(stage: Stage) -> None:
    stage.begin(attempt="early", preview=5.0)
    stage.agent_answers()
    stage.runner.drain(0.0)
    assert [outcome.text for outcome in stage.desk.outcomes] == ["draining"]
    stage.desk.outcomes.clear()
    assert [one.phase for one in stage.runner.running()] == ["agent_asked"]
    stage.begin(attempt="late")
    assert [outcome.text for outcome in stage.desk.outcomes] == ["draining"]
    stage.desk.outcomes.clear()
    stage.agent.presses("1")
    stage.wait(0)
    stage.customer.answers()
    stage.wait(6)
    stage.customer.ends()
    assert stage.outcome.result == "talked"


@pytest.mark.parametrize(("talking", "result"), [(True, "talked"), (False, "stopped")])
def test_the_process_ends(stage: Stage, talking: bool, result: Result) -> None:
    """At once: no last words."""
    if talking:
        stage.talk()
        stage.wait(6)
    else:
        stage.agent_answers()
    stage.runner.hang_up(stage.stack.now)
    assert all(leg.over for leg in stage.legs.made)
    assert (stage.outcome.result, stage.outcome.text) == (result, "shutting down")


# Recording, silence, hold


def test_a_recording(stage: Stage) -> None:
    stage.talk(record=True)
    file = f"20231114T223000Z-attempt-1-{stage.agent.call[-6:]}-{stage.customer.call[-6:]}.wav"
    assert f"record {stage.agent.call} {stage.customer.call} {file}" in stage.media.log
    assert CUSTOMER not in file
    stage.wait(9)
    stage.customer.ends()
    assert f"stop_recording {stage.agent.call}" in stage.media.log
    assert stage.outcome.recording == file


def test_dead_air_ends_it(stage: Stage) -> None:
    stage.talk()
    stage.wait(DEAD_AIR)
    stage.agent.is_silent(DEAD_AIR)
    assert stage.desk.outcomes == []
    stage.customer.is_silent(DEAD_AIR)
    assert (stage.outcome.result, stage.outcome.text) == ("talked", "silence on both sides")


@pytest.mark.parametrize("why", ["held", "one side", "long ago", "not for long"])
def test_silence_that_ends_nothing(stage: Stage, why: str) -> None:
    stage.talk()
    stage.wait(2 * DEAD_AIR)
    if why == "held":
        stage.customer.holds()
    if why != "one side":
        stage.agent.is_silent(DEAD_AIR)
    if why == "long ago":
        stage.wait(2 * SILENCE_STEP)
    stage.customer.is_silent(DEAD_AIR if why != "not for long" else SILENCE_STEP)
    assert stage.desk.outcomes == []
    stage.agent.ends()


def test_keys_cross_between_joined_legs(stage: Stage) -> None:
    """As RFC 4733 the media passes them on; what came in INFO is pressed anew."""
    stage.talk()
    stage.agent.presses("4")
    stage.customer.presses("5")
    assert not any(line.startswith("press") for line in stage.media.log)
    stage.agent.presses("7", info=True)
    stage.customer.presses("#", info=True)
    assert [line for line in stage.media.log if line.startswith("press")] == [
        f"press {stage.customer.call} 7", f"press {stage.agent.call} #"]
    stage.agent.ends()


def test_a_key_pressed_before_the_ack_counts(stage: Stage) -> None:
    """The PBX has put the agent through already, while we still write down that they answered."""
    stage.begin()
    stage.agent.rings()
    stage.agent.presses("2")
    stage.desk.slow_disk = True
    stage.agent.answers()
    stage.agent.presses("1")
    assert stage.desk.steps == ["agent"]
    stage.desk.written.pop()()
    stage.wait(0)
    assert stage.dials == 1, "what was pressed while it rang is not an answer"
    stage.agent.ends()


def test_keys_before_the_ack_do_not_outlive_a_refusal(stage: Stage) -> None:
    stage.begin()
    stage.desk.slow_disk = True
    stage.agent.answers()
    stage.agent.presses("2111111111")
    stage.desk.written.pop()()
    assert stage.agent.hears == "play declined goodbye"
    stage.agent.hears_out()
    assert stage.outcome.result == "declined"
    assert stage.dials == 0


def test_a_key_in_info_accepts_too(stage: Stage) -> None:
    stage.agent_answers()
    stage.agent.presses("1", info=True)
    stage.wait(0)
    assert stage.dials == 1
    assert not any(line.startswith("press") for line in stage.media.log)
    stage.agent.ends()


# Our own bugs, and far ends that never end


@pytest.mark.parametrize("first", [False, True])
def test_a_leg_that_cannot_be_placed(stage: Stage, first: bool) -> None:
    stage.legs.broken = True
    stage.begin(customer_first=first)
    assert (stage.outcome.result, stage.outcome.cause) == ("customer_failed" if first else "agent_failed", 500)


def test_a_desk_that_fails_leaves_no_leg_up(stage: Stage) -> None:
    stage.desk.broken = True
    stage.talk()
    stage.agent.ends()
    assert stage.customer.done == ["go", "hang_up"]
    assert "telling_failed" in [event for event, _ in stage.stack.notes]


def test_the_end_is_told_when_all_legs_are_over(stage: Stage) -> None:
    stage.legs.slow = True
    stage.agent_accepts()
    stage.customer.rings()
    stage.agent.ends()
    stage.wait(30)
    assert stage.desk.outcomes == []
    stage.customer.answers()
    assert stage.customer.done == ["go", "hang_up"], "a late answer joins nobody"
    assert "answered" not in stage.desk.steps
    stage.customer.ends(200, "us")
    assert stage.outcome.result == "agent_left"


def test_a_leg_that_never_ends_is_not_waited_for(stage: Stage) -> None:
    stage.legs.slow = True
    stage.agent_accepts()
    stage.agent.ends()
    stage.wait(END_PATIENCE)
    assert stage.outcome.result == "agent_left"
    assert "leg_stays" in [event for event, _ in stage.stack.notes]
    stage.customer.ends(487, "us")


def test_media_gone(stage: Stage) -> None:
    stage.talk()
    stage.wait(7)
    stage.agent.session.fail()
    stage.wait(0)
    assert stage.customer.done == ["go", "hang_up"]
    assert stage.outcome.result == "talked"
    assert stage.records.told[-2:] == ["agent ended 200 lost", "customer ended 200 proxy"]


def test_a_ledger_that_fails_leaves_no_leg_up(stage: Stage) -> None:
    stage.records.broken = True
    stage.agent_accepts(agent=None, target="600")
    stage.customer.answers()
    stage.wait(6)
    stage.customer.ends()
    assert (stage.outcome.result, stage.outcome.agent) == ("talked", None)
    assert "asking_failed" in [event for event, _ in stage.stack.notes]


# What an operator sees


def test_phases(stage: Stage) -> None:
    seen = []

    def look() -> None:
        seen.append(stage.runner.running()[0].phase)

    stage.begin(preview=5.0, confirm_key="5")
    look()
    stage.wait(5)
    look()
    stage.agent.answers()
    look()
    stage.desk.hold = True
    stage.agent.presses("1")
    look()
    stage.desk.commit()
    look()
    stage.customer.answers()
    look()
    stage.customer.presses("5")
    look()
    stage.legs.slow = True
    stage.agent.ends()
    look()
    stage.customer.ends(200, "us")
    assert seen == ["preview", "agent_rings", "agent_asked", "customer_rings", "customer_rings", "customer_asked",
                    "talking", "ending"]


def test_phases_customer_first(stage: Stage) -> None:
    stage.begin(customer_first=True, confirm_key="5")
    seen = [stage.runner.running()[0].phase]
    stage.customer.answers()
    seen.append(stage.runner.running()[0].phase)
    stage.customer.presses("5")
    stage.wait(0)
    seen.append(stage.runner.running()[0].phase)
    stage.rings_in()
    seen.append(stage.runner.running()[0].phase)
    assert seen == ["customer_rings", "customer_asked", "agent_rings", "customer_rings_in"]
    stage.agent.ends(486)


# After a crash


def test_what_ends_a_leg_is_kept_before_its_step(stage: Stage) -> None:
    """The store writes in order: with the step on disk, the leg is too; and then the INVITE may leave."""
    stage.desk.hold = True
    stage.begin()
    assert list(stage.desk.legs) == [stage.agent.call]
    assert stage.agent.done == []
    stage.desk.commit()
    assert stage.agent.done == ["go"]
    stage.agent.ends(486)


def test_a_leg_that_never_went_is_no_call_of_the_ledger(stage: Stage) -> None:
    stage.desk.denied.add("agent")
    stage.begin()
    assert stage.records.told == []


def test_no_media_session_while_the_step_is_written(stage: Stage) -> None:
    stage.desk.hold = True
    stage.begin()
    stage.agent.ends(503, "lost")
    stage.desk.commit()
    assert (stage.outcome.result, stage.outcome.cause) == ("agent_failed", 503)
    assert stage.called == []


def test_legs_of_a_process_before(stage: Stage) -> None:
    stage.talk()
    rows = tuple(stage.desk.legs.values())
    after = Stage()
    after.runner.recover(rows, after.stack.wall())
    after.desk.legs = {row.call: row for row in rows}
    assert after.legs.forgotten == []
    after.wait(0)
    assert list(after.desk.legs) == [row.call for row in rows], "kept: we may die again before they have heard of it"
    after.desk.legs.clear()
    assert after.legs.forgotten == [row.memory for row in rows]
    assert after.records.told == [f"{row.call} ended 408 lost" for row in rows]
    after.assert_nothing_left()
    stage.agent.ends()
