"""A place that is held: what its agent hears and presses, who is told, and where its leg goes."""

from collections.abc import Iterator

import pytest

from proxy.callbacks.attempt_end import FAREWELL
from proxy.callbacks.held_place import CLAIM_PATIENCE
from proxy.callbacks.place_call import MEDIA_PATIENCE, placed_again
from proxy.ua.leg import MEDIA_FAILED
from routing.callbacks.facts import Outcome
from tests.kit.fake_legs import CUSTOMER, NUMBER, ORDER, FakeLeg
from tests.kit.held_stage import COPIED, REQUEST, TASK, TERMS, HeldStage, Owner

OTHER = "+4930123456"
ASK = "play callback_for digits:+36 20 123 4567 press_to_call"


@pytest.fixture
def stage() -> Iterator[HeldStage]:
    """A stage that must be empty in the end."""
    stage = HeldStage()
    yield stage
    stage.assert_nothing_left()
    assert [name for name, _ in stage.stack.notes if name == "telling_failed"] == [] or stage.facts.broken


def again(stage: HeldStage) -> None:
    """The new place rings, and is answered by the queue."""
    stage.agent.sends()
    stage.agent.rings()
    stage.agent.answers()
    stage.wait(0)


def end(stage: HeldStage) -> None:
    """Whatever is up is ended by the PBX."""
    stage.agent.ends()
    stage.wait(0)


# What they hear


def test_whoever_takes_it_hears_whom_to_call_from_the_first_moment(stage: HeldStage) -> None:
    stage.hold()
    place = stage.agent
    assert (place.hears, place.session.repeat) == (ASK, True)
    assert stage.desk.legs[place.call].role == "place"
    assert stage.records.told == ["agent placed", "agent answered"]
    assert stage.before.heard[-1].__class__.__name__ == "LegAnswered"
    end(stage)
    assert stage.facts.told == ["lost pbx"]


def test_behind_a_pbx_that_answers_on_the_agent_they_hear_it_with_the_answer(stage: HeldStage) -> None:
    stage.hold(answered=False)
    assert stage.agent.hears == ""
    assert stage.records.told == ["agent placed", "agent ringing"]
    stage.agent.answers()
    assert stage.agent.hears == ASK
    assert stage.records.told[-1] == "agent answered"
    end(stage)


def test_they_see_the_number_to_call_where_it_is_not_the_callers(stage: HeldStage) -> None:
    stage.hold(customer=OTHER)
    assert stage.agent.done == ["refresh +4930123456"]
    assert stage.records.entries["place-1"].customer == OTHER, "the PBX tells of them by that number from now on"
    end(stage)


def test_a_phone_that_rings_already_shows_the_caller(stage: HeldStage) -> None:
    stage.hold(customer=OTHER, answered=False)
    assert stage.agent.done == []
    assert stage.records.entries["place-1"].customer == CUSTOMER, "who rings it is shown them until somebody answers"
    end(stage)


def test_of_a_withheld_caller_they_see_the_number_to_call(stage: HeldStage) -> None:
    stage.hold(shown=None, answered=False)
    assert stage.agent.done == []
    stage.agent.answers()
    assert stage.agent.done == [f"refresh {CUSTOMER}"]
    end(stage)


def test_a_pick_up_that_is_seen_begins_the_words_anew(stage: HeldStage) -> None:
    stage.hold()
    stage.media.tone(stage.agent.call, "silence")
    stage.taken("201")
    assert stage.agent.hears == ASK
    assert stage.facts.told == ["taken 201"]
    end(stage)
    again(stage)
    end(stage)


def test_silence_of_the_pbx_is_watched(stage: HeldStage) -> None:
    stage.hold()
    assert f"watch_silence {stage.agent.call} 10" in stage.media.log
    stage.agent.is_silent(10.0)
    stage.agent.ends(by="lost")
    stage.wait(0)
    assert stage.facts.told == ["lost pbx"]


def test_another_key_is_not_understood(stage: HeldStage) -> None:
    stage.hold()
    stage.agent.presses("7")
    assert stage.facts.told == ["taken None"], "whoever presses keys is there"
    assert stage.agent.hears == "play not_understood press_to_call"
    stage.agent.hears_out()
    assert stage.agent.hears == ASK
    stage.agent.presses("1")
    stage.says(None)
    stage.agent.hears_out()


# 1


def test_one_calls_the_customer(stage: HeldStage) -> None:
    stage.hold()
    agent = stage.agent
    stage.taken("201")
    agent.presses("1")
    assert agent.hears == "play please_wait"
    assert stage.facts.told == ["taken 201", "accepted 201"]
    stage.says()
    assert agent.hears == "play connecting"
    assert stage.desk.steps == ["accepted", "customer"]
    assert len(stage.places) == 0
    assert stage.records.entries[agent.call].attempt == ORDER.attempt
    assert stage.desk.legs[agent.call].role == "agent"
    customer = stage.customer
    assert (customer.placed.user, customer.placed.from_user) == (CUSTOMER, NUMBER)
    agent.hears_out()
    assert agent.hears == "tone ringback"
    customer.answers()
    assert agent.hears == f"joined {customer.call}"
    stage.wait(30)
    customer.ends()
    assert stage.outcome == Outcome("talked", 200, "201", stage.outcome.answered_at, 30)
    assert agent.done == ["hang_up"]


def test_one_before_anybody_saw_the_pick_up(stage: HeldStage) -> None:
    """The key is the proof that somebody is there; who, nobody knows."""
    stage.hold()
    stage.agent.presses("1")
    assert stage.facts.told == ["taken None", "accepted None"]
    stage.says(ORDER._replace(agent=None))
    stage.agent.ends()
    assert stage.outcome.result == "agent_left"


def test_a_customer_who_does_not_answer(stage: HeldStage) -> None:
    stage.hold()
    stage.agent.presses("1")
    stage.says()
    stage.customer.ends(487, "us")
    assert stage.agent.hears == "play customer_not_reached goodbye"
    stage.agent.hears_out()
    assert stage.outcome.result == "customer_no_answer"


def test_customer_first_changes_nothing(stage: HeldStage) -> None:
    stage.hold()
    stage.agent.presses("1")
    stage.says(ORDER._replace(customer_first=True, preview=20.0))
    assert stage.dials == 1
    stage.customer.answers()
    assert stage.agent.hears.startswith("joined")
    stage.agent.ends()


def test_the_desk_may_say_no(stage: HeldStage) -> None:
    stage.hold()
    stage.agent.presses("1")
    stage.says(None)
    assert stage.agent.hears == "play no_callback_now goodbye"
    stage.agent.hears_out()
    assert stage.facts.told == ["taken None", "accepted None"], "it knows"


def test_while_the_desk_is_asked_they_are_never_left_in_silence(stage: HeldStage) -> None:
    stage.hold()
    stage.agent.presses("1")
    stage.agent.hears_out()
    assert stage.agent.hears == "tone ringback"
    stage.wait(CLAIM_PATIENCE)
    assert stage.agent.hears == "play no_callback_now goodbye"
    stage.wait(FAREWELL)
    assert stage.agent.over
    stage.says()
    assert stage.outcome == Outcome("agent_left"), "too late, and nobody is dialled"
    assert stage.dials == 0


def test_an_agent_who_is_gone_before_the_desk_has_answered(stage: HeldStage) -> None:
    stage.hold()
    stage.agent.presses("1")
    stage.agent.ends()
    stage.says()
    assert stage.outcome.result == "agent_left"
    assert stage.dials == 0
    assert stage.records.told.count("agent ended 200 callee") == 1


def test_keys_before_the_ack_has_left_count_after_it(stage: HeldStage) -> None:
    stage.hold(answered=False)
    stage.desk.slow_disk = True
    stage.agent.answers()
    stage.agent.presses("1")
    assert stage.facts.told == []
    stage.desk.written.pop()()
    assert stage.facts.told == ["taken None", "accepted None"]
    stage.says(None)
    stage.agent.hears_out()


def test_a_second_key_is_nothing(stage: HeldStage) -> None:
    stage.hold()
    stage.agent.presses("12")
    assert stage.facts.told == ["taken None", "accepted None"]
    stage.says(None)
    stage.agent.presses("2")
    stage.agent.hears_out()
    assert len(stage.facts.told) == 2


# 2, and the like


def test_two_passes_it_on_and_a_new_place_is_called(stage: HeldStage) -> None:
    stage.hold()
    first = stage.agent
    stage.taken("201")
    first.presses("2")
    assert first.hears == "play passed_on goodbye"
    assert stage.facts.told == ["taken 201", "declined 201 key"]
    assert len(stage.legs.made) == 1, "the first place is given back before there is another one"
    first.hears_out()
    second = stage.agent
    assert second is not first
    assert second.placed == first.placed._replace(call=second.call)
    assert second.done == ["go"]
    assert stage.desk.legs[second.call].role == "place"
    assert stage.facts.told[2:] == []
    second.sends()
    second.rings()
    assert stage.facts.told[2:] == [f"returned {second.call}"]
    second.answers()
    assert second.hears == ASK
    stage.taken("202")
    second.presses("1")
    assert stage.facts.told[3:] == ["taken 202", "accepted 202"]
    stage.says(ORDER._replace(agent="202"))
    assert stage.dials == 1
    second.ends()


def test_a_new_place_for_another_number_shows_that_one_and_nobody_else(stage: HeldStage) -> None:
    stage.hold(customer=OTHER)
    stage.agent.presses("2")
    stage.agent.hears_out()
    placed = stage.agent.placed
    assert (placed.user, placed.from_user, placed.asserted) == (NUMBER, OTHER, OTHER)
    assert placed.copied == COPIED._replace(from_=b"<sip:+4930123456@carrier>", fields=(b"X-Skill: wine",))
    assert stage.records.entries[stage.agent.call].customer == OTHER
    again(stage)
    assert "refresh" not in " ".join(stage.agent.done)
    end(stage)


@pytest.mark.parametrize(("before", "after"), [
    (b'"A" <sip:anonymous@anonymous.invalid>', b""), (b"<tel:+36201234567>", b""),
    (b"<sips:06201@carrier:5061;user=phone>;x=1", b"<sip:+4930123456@carrier:5061>"),
    (b"sip:u@carrier;x=1", b"<sip:+4930123456@carrier>"),
])
def test_whom_a_new_place_shows_is_at_the_carriers_as_the_caller_was(before: bytes, after: bytes) -> None:
    placed = placed_again(REQUEST._replace(copied=COPIED._replace(from_=before)), "place-2", OTHER)
    assert placed.copied is not None
    assert placed.copied.from_ == after


def test_a_pick_up_of_a_new_place_is_seen_before_its_pbx_says_a_word(stage: HeldStage) -> None:
    stage.hold()
    stage.agent.presses("2")
    stage.agent.hears_out()
    stage.agent.sends()
    stage.taken("201")
    assert stage.facts.told[-2:] == [f"returned {stage.agent.call}", "taken 201"]
    stage.agent.answers()
    assert stage.agent.hears == ASK
    stage.agent.presses("1")
    assert stage.facts.told[-1] == "accepted 201"
    stage.says(None)
    stage.agent.hears_out()


def test_hanging_up_after_a_pick_up_that_was_seen_is_a_decline(stage: HeldStage) -> None:
    stage.hold()
    stage.taken(None)
    stage.agent.ends()
    assert stage.facts.told == ["taken None", "declined None hung_up"]
    again(stage)
    end(stage)
    assert stage.facts.told[-1] == "lost pbx"


def test_too_long_a_silence_is_a_decline(stage: HeldStage) -> None:
    stage.hold()
    stage.taken("201")
    stage.wait(19.9)
    assert stage.facts.told == ["taken 201"]
    stage.wait(0.2)
    assert stage.facts.told == ["taken 201", "declined 201 silent"]
    assert stage.agent.hears == "play passed_on goodbye"
    stage.wait(FAREWELL)
    again(stage)
    end(stage)


def test_without_a_new_place_it_is_over(stage: HeldStage) -> None:
    stage.facts.again = False
    stage.hold()
    stage.agent.presses("2")
    stage.agent.hears_out()
    assert len(stage.legs.made) == 1


@pytest.mark.parametrize("cause", [486, 503, 408])
def test_a_new_place_that_cannot_be_had_is_lost(stage: HeldStage, cause: int) -> None:
    stage.hold()
    stage.agent.presses("2")
    stage.agent.hears_out()
    stage.agent.sends()
    stage.agent.ends(cause, "lost" if cause == 408 else "far")
    assert stage.facts.told[-2:] == ["declined None key", "lost pbx"]


def test_a_new_place_without_media_is_lost(stage: HeldStage) -> None:
    stage.hold()
    stage.agent.presses("2")
    stage.agent.hears_out()
    stage.wait(MEDIA_PATIENCE)
    assert stage.facts.told[-1] == "lost media"


def test_a_bug_while_a_new_place_is_made(stage: HeldStage) -> None:
    stage.hold()
    stage.agent.presses("2")
    stage.legs.broken = True
    stage.agent.hears_out()
    stage.wait(0)
    assert stage.facts.told[-1] == "lost pbx"


# The end of a place


@pytest.mark.parametrize(("by", "reason", "why"), [("far", "", "pbx"), ("lost", "", "pbx"),
                                                   ("lost", MEDIA_FAILED, "media")])
def test_an_end_that_is_no_agents(stage: HeldStage, by: str, reason: str, why: str) -> None:
    stage.hold()
    stage.agent.ends(200, by, reason=reason)  # type: ignore[arg-type]
    assert stage.facts.told == [f"lost {why}"]


def test_a_far_end_that_is_gone_has_declined_nothing(stage: HeldStage) -> None:
    stage.hold()
    stage.taken("201")
    stage.agent.ends(200, "lost")
    assert stage.facts.told == ["taken 201", "lost pbx"]


def test_it_is_over_before_it_is_handed_over(stage: HeldStage) -> None:
    stage.hold(answered=False)
    leg = stage.agent
    stage.agent.ends(486)
    assert stage.facts.told == ["lost pbx"]
    assert leg.over


def test_a_place_that_rings_on_without_a_word_is_lost_at_once(stage: HeldStage) -> None:
    stage.hold(answered=False)
    stage.agent.rings_out()
    assert stage.facts.told == ["lost pbx"]
    stage.agent.ends(487, "us")
    assert stage.facts.told == ["lost pbx"]


def test_kept_for_so_long_and_no_longer(stage: HeldStage) -> None:
    stage.hold(place_for=60.0)
    stage.wait(59.9)
    assert stage.facts.told == []
    stage.wait(0.2)
    assert stage.facts.told == ["lost time"]
    assert stage.agent.over


def test_whoever_has_taken_it_is_not_cut_off_by_that(stage: HeldStage) -> None:
    stage.hold(place_for=60.0)
    stage.wait(55)
    stage.taken("201")
    stage.wait(10)
    assert not stage.agent.over
    stage.agent.presses("2")
    stage.agent.hears_out()
    again(stage)
    stage.wait(59)
    assert not stage.agent.over, "a new place has time of its own"
    stage.wait(2)
    assert stage.facts.told[-1] == "lost time"


def test_a_voicemail_box_is_left(stage: HeldStage) -> None:
    stage.hold()
    stage.agent.session.beep()
    stage.wait(0)
    assert stage.facts.told == ["lost voicemail"]
    assert stage.agent.over


def test_one_that_a_pick_up_of_nobody_known_led_to_is_left_too(stage: HeldStage) -> None:
    stage.hold()
    stage.taken(None)
    stage.agent.session.beep()
    stage.wait(0)
    assert stage.facts.told == ["taken None", "lost voicemail"]


def test_a_box_that_says_who_it_is_is_left(stage: HeldStage) -> None:
    stage.hold(answered=False)
    stage.agent.answers(("p-asserted-identity", "*97"))
    stage.wait(0)
    assert stage.facts.told == ["lost voicemail"]
    assert "agent answered" not in stage.records.told


def test_an_answer_that_names_nobodys_phone_after_a_proved_pick_up_is_that_agents(stage: HeldStage) -> None:
    stage.hold(answered=False)
    stage.taken("201")
    stage.agent.answers(("p-asserted-identity", "*97"))
    assert stage.agent.hears == ASK
    stage.agent.ends()
    again(stage)
    end(stage)


@pytest.mark.parametrize("seen", ["pick-up", "key"])
def test_whoever_is_proved_to_be_there_may_make_any_noise(stage: HeldStage, seen: str) -> None:
    stage.hold()
    if seen == "pick-up":
        stage.taken("201")
        stage.agent.session.beep()
        stage.wait(0)
        stage.agent.ends()
        again(stage)
        end(stage)
        return
    stage.agent.presses("1")
    assert not stage.agent.session.watched
    stage.says()
    stage.agent.ends()


def test_the_desk_leaves_it(stage: HeldStage) -> None:
    stage.hold()
    stage.places.leave_place(TASK, "cancelled", stage.stack.wall())
    assert stage.agent.done == [], "nothing calls back before it returns"
    stage.wait(0)
    assert stage.agent.over
    assert stage.facts.told == []
    stage.places.leave_place(TASK, "cancelled", stage.stack.wall())


def test_an_agent_in_it_is_told_goodbye(stage: HeldStage) -> None:
    stage.hold()
    stage.taken("201")
    stage.places.leave_place(TASK, "done", stage.stack.wall())
    stage.wait(0)
    assert stage.agent.hears == "play goodbye"
    stage.agent.presses("1")
    stage.agent.hears_out()
    assert stage.facts.told == ["taken 201"]


def test_one_that_is_left_between_two_places(stage: HeldStage) -> None:
    stage.hold()
    stage.agent.presses("2")
    stage.places.leave_place(TASK, "done", stage.stack.wall())
    stage.wait(0)
    stage.agent.hears_out()
    assert len(stage.legs.made) == 1


def test_one_that_is_left_while_a_new_place_is_called(stage: HeldStage) -> None:
    stage.hold()
    stage.agent.presses("2")
    stage.agent.hears_out()
    stage.agent.sends()
    stage.places.leave_place(TASK, "done", stage.stack.wall())
    stage.wait(0)
    assert stage.facts.told[-1] == "declined None key"


def test_one_that_is_left_in_the_moment_of_the_key_is_the_attempts(stage: HeldStage) -> None:
    """What the desk has committed is run; what it stops then it stops as ever."""
    stage.hold()
    stage.agent.presses("1")
    stage.places.leave_place(TASK, "done", stage.stack.wall())
    stage.says()
    assert stage.dials == 1
    stage.agent.ends()


def test_an_operator_ends_it_and_the_request_goes_on(stage: HeldStage) -> None:
    stage.hold()
    assert not stage.places.end_call("another", "operator", stage.stack.now)
    assert stage.places.end_call(stage.agent.call, "operator", stage.stack.now)
    assert stage.facts.told == ["lost operator"]
    assert stage.agent.over


@pytest.mark.parametrize("stage_of", ["waiting", "taken", "accepted", "declined", "returning"])
def test_the_process_ends(stage: HeldStage, stage_of: str) -> None:
    stage.hold()
    match stage_of:
        case "taken":
            stage.taken("201")
        case "accepted":
            stage.agent.presses("1")
        case "declined":
            stage.agent.presses("2")
        case "returning":
            stage.agent.presses("2")
            stage.agent.hears_out()
            stage.agent.sends()
    stage.places.hang_up(stage.stack.now)
    stage.wait(0)
    assert stage.agent.over
    if stage_of == "accepted":
        assert stage.facts.told[-1] == "accepted None"
        stage.says()
        assert stage.outcome.result == "agent_left"
        assert stage.dials == 0
    else:
        assert stage.facts.told[-1] == "lost shutting_down"
        assert stage.facts.told.count("lost shutting_down") == 1


def test_a_bug_of_the_desk_leaves_nobody_in_silence(stage: HeldStage) -> None:
    stage.facts.broken = True
    stage.hold()
    stage.agent.presses("1")
    stage.wait(0)
    assert stage.agent.hears == "play no_callback_now goodbye"
    stage.agent.hears_out()


def test_a_bug_of_the_desk_calls_no_new_place(stage: HeldStage) -> None:
    stage.facts.broken = True
    stage.hold()
    stage.agent.presses("2")
    stage.agent.hears_out()
    assert len(stage.legs.made) == 1


# They ring in again


def test_they_are_back_in_their_place_and_leave_it_again(stage: HeldStage) -> None:
    stage.hold()
    place, owner = stage.agent, Owner()
    assert stage.places.lend(TASK, "incoming-1", owner, stage.stack.now) is place
    assert stage.records.told[-2:] == ["incoming-1 is back in agent", "agent ended 200 proxy"]
    place.presses("1")
    assert len(owner.heard) == 1
    stage.media.tone(place.call, "silence")
    stage.places.take_back(TASK, place, stage.stack.now)
    assert stage.records.told[-2:] == ["agent placed", "agent answered"]
    assert place.hears == ASK
    place.presses("1")
    assert stage.facts.told == ["taken None", "accepted None"]
    stage.says(None)
    place.hears_out()


def test_the_agent_who_was_in_it_is_still_there(stage: HeldStage) -> None:
    stage.hold()
    stage.taken("201")
    place = stage.agent
    assert stage.places.lend(TASK, "incoming-1", Owner(), stage.stack.now) is place
    stage.wait(60)
    assert stage.facts.told == ["taken 201"], "they talk to each other"
    stage.places.take_back(TASK, place, stage.stack.now)
    stage.wait(20)
    assert stage.facts.told[-1] == "declined 201 silent"
    stage.wait(FAREWELL)
    again(stage)
    end(stage)


def test_a_place_that_is_lost_while_they_are_in_it(stage: HeldStage) -> None:
    stage.hold()
    place = stage.agent
    stage.places.lend(TASK, "incoming-1", Owner(), stage.stack.now)
    place.ends()
    stage.desk.leg_gone(place.call)
    stage.places.lost(place, "pbx", stage.stack.now)
    assert stage.facts.told == ["lost pbx"]
    stage.places.take_back(TASK, place, stage.stack.now)
    stage.places.lost(place, "pbx", stage.stack.now)
    assert stage.facts.told == ["lost pbx"]


def test_a_request_that_is_over_while_they_are_in_it(stage: HeldStage) -> None:
    stage.hold()
    place = stage.agent
    stage.places.lend(TASK, "incoming-1", Owner(), stage.stack.now)
    stage.places.leave_place(TASK, "talk", stage.stack.wall())
    stage.wait(5)
    assert place.done == [], "they are in it"
    stage.places.take_back(TASK, place, stage.stack.now)
    assert place.over
    assert stage.facts.told == []


def test_who_asks_anew_is_called_where_they_said_last(stage: HeldStage) -> None:
    stage.hold()
    place = stage.agent
    stage.places.lend(TASK, "incoming-1", Owner(), stage.stack.now)
    stage.places.take_back(TASK, place, stage.stack.now, TERMS._replace(customer=OTHER))
    assert place.hears == "play callback_for digits:+49 30 123456 press_to_call"
    assert place.done == [f"refresh {OTHER}"]
    end(stage)


def test_another_place_for_the_same_request(stage: HeldStage) -> None:
    """They asked again by another call: the first place is left, and its end is not that of the second."""
    stage.legs.slow = True
    stage.hold()
    first = stage.agent
    stage.places.leave_place(TASK, "asked_again", stage.stack.wall())
    stage.wait(0)
    stage.hold(call="place-2")
    first.ends(200, "us")
    assert len(stage.places) == 1
    assert stage.facts.told == []
    stage.agent.ends()
    assert stage.facts.told == ["lost pbx"]


def second_place(stage: HeldStage) -> tuple[FakeLeg, FakeLeg]:
    """They are in their place by one call, and ask by another one."""
    stage.hold()
    first = stage.agent
    assert stage.places.lend(TASK, "incoming-1", Owner(), stage.stack.now) is first
    stage.hold(call="place-2")
    return first, stage.agent


def test_who_asks_by_a_second_call_has_the_second_place_alone(stage: HeldStage) -> None:
    first, second = second_place(stage)
    assert (first.over, second.over) == (False, False), "they are in it"
    stage.places.take_back(TASK, first, stage.stack.now)
    assert first.over
    assert (second.hears, second.over, len(stage.places)) == (ASK, False, 1)
    assert stage.facts.told == []
    second.presses("1")
    stage.says()
    assert stage.customer.placed.user == CUSTOMER
    stage.customer.answers()
    second.ends()


def test_the_first_of_two_places_may_end_while_they_are_in_it(stage: HeldStage) -> None:
    first, second = second_place(stage)
    first.ends()
    stage.desk.leg_gone(first.call)
    stage.places.lost(first, "pbx", stage.stack.now)
    assert (stage.facts.told, second.over) == ([], False), "the second stands for the request"
    end(stage)
    assert stage.facts.told == ["lost pbx"]


def test_who_asks_anew_in_the_first_of_two_places_is_called_from_the_second(stage: HeldStage) -> None:
    first, second = second_place(stage)
    stage.places.take_back(TASK, first, stage.stack.now, TERMS._replace(customer=OTHER))
    assert first.over
    assert second.hears == "play callback_for digits:+49 30 123456 press_to_call"
    assert second.done == [f"refresh {OTHER}"]
    end(stage)


@pytest.mark.parametrize("seen", ["waiting", "taken", "returning"])
def test_a_second_place_ends_the_first(stage: HeldStage, seen: str) -> None:
    stage.hold()
    first = stage.agent
    if seen == "taken":
        stage.taken("201")
    elif seen == "returning":
        first.presses("2")
        first.hears_out()
        first = stage.agent
    told = list(stage.facts.told)
    stage.hold(call="place-2")
    if not first.over:
        assert first.hears == "play goodbye"
        first.hears_out()
    assert first.over
    assert (stage.facts.told, len(stage.places), stage.agent.over) == (told, 1, False)
    end(stage)


def test_a_hold_of_the_caller_does_not_outlive_them(stage: HeldStage) -> None:
    stage.hold()
    place = stage.agent
    stage.places.lend(TASK, "incoming-1", Owner(), stage.stack.now)
    place.hold(True, False, stage.stack.now)
    stage.places.take_back(TASK, place, stage.stack.now)
    assert place.done == ["hold", "resume"], "who picks it up must be heard"
    end(stage)


def test_the_time_of_a_place_runs_on_while_they_are_in_it(stage: HeldStage) -> None:
    stage.hold(place_for=60.0)
    place = stage.agent
    stage.places.lend(TASK, "incoming-1", Owner(), stage.stack.now)
    stage.wait(100)
    assert not place.over
    stage.places.take_back(TASK, place, stage.stack.now)
    stage.wait(0)
    assert stage.facts.told == ["lost time"]


def test_no_place_is_lent_once_the_agent_has_chosen(stage: HeldStage) -> None:
    stage.hold()
    stage.agent.presses("2")
    assert stage.places.lend(TASK, "incoming-1", Owner(), stage.stack.now) is None
    assert stage.returns() is None, "they wait as anybody does"
    stage.agent.hears_out()
    assert stage.places.lend(TASK, "incoming-1", Owner(), stage.stack.now) is None
    again(stage)
    end(stage)
    assert stage.places.lend(TASK, "incoming-1", Owner(), stage.stack.now) is None
    assert stage.returns() is None


def test_who_rings_in_while_the_desk_is_asked_is_joined_by_the_attempt(stage: HeldStage) -> None:
    stage.hold()
    stage.agent.presses("1")
    caller = stage.returns()
    assert caller is not None
    assert caller.done == ["ring"]
    assert stage.returns() is None, "one at a time"
    stage.says()
    assert caller.done == ["ring", "answer"]
    assert stage.dials == 0
    caller.answers()
    assert stage.agent.hears == f"joined {caller.call}"
    stage.wait(30)
    caller.ends()
    assert stage.outcome.result == "glare"


def test_who_rings_in_and_gives_up_is_dialled(stage: HeldStage) -> None:
    stage.hold()
    stage.agent.presses("1")
    caller = stage.returns()
    assert caller is not None
    caller.ends(487)
    stage.says()
    assert stage.dials == 1
    stage.agent.ends()


@pytest.mark.parametrize("gone", [False, True])
def test_who_rings_in_in_vain_goes_where_they_were_headed(stage: HeldStage, gone: bool) -> None:
    stage.hold()
    stage.agent.presses("1")
    caller = stage.returns()
    assert caller is not None
    if gone:
        stage.agent.ends()
        stage.says()
        assert stage.outcome.result == "agent_left"
    else:
        stage.says(None)
        stage.agent.hears_out()
    assert caller.done == ["ring", "hang_up"]


def test_a_bug_while_they_ring_in(stage: HeldStage) -> None:
    stage.hold()
    stage.agent.presses("1")
    stage.legs.broken = True
    assert stage.returns() is None
    stage.says(None)
    stage.agent.hears_out()
