"""A caller in a queue asks for a callback and hangs up, an agent takes their place: whole flows on a virtual wire."""

import pytest

from config.policy import parse_policy
from routing.identity import Answers
from tests.kit.callback_site import CUSTOMER, NUMBER, Call, Plan
from tests.kit.queue_pbx import Takes
from tests.kit.queue_scene import ACCEPTS, DECLINES, ENABLED, FIRST, SECOND, TALKS, THIRD, QueueScene
from tests.kit.sip_text import SDP

ASK = "play callback_for digits:+36 20 123 4567 press_to_call"
BOTH: list[Answers] = ["before_queue", "on_agent"]


# The place, and who takes it


@pytest.mark.parametrize("answers", BOTH)
def test_the_second_of_three_asks_and_the_order_stays(answers: Answers) -> None:
    scene = QueueScene(answers=answers)
    site = scene.site
    first = scene.calls(FIRST)
    scene.asks(SECOND)
    third = scene.calls(THIRD)
    scene.queue.agents["201"] = [TALKS, ACCEPTS, TALKS]
    site.run(90)
    assert [(one.agent, one.call.shown) for one in scene.queue.served] == [
        ("201", FIRST), ("201", SECOND), ("201", THIRD)], site.shown()
    assert scene.queue.rung == [("201", FIRST), ("201", SECOND), ("201", THIRD)], "nobody is rung twice"
    assert site.pbx.to("201") == [], "no leg of ours rang an agent"
    [dialled] = site.carrier.to(SECOND)
    assert dialled.shown == NUMBER
    assert (scene.request.state, scene.request.reason) == ("done", "talked")
    assert not first.open
    assert not third.open
    scene.settle()


def test_after_an_hour_of_callers_the_wait_is_estimated() -> None:
    scene = QueueScene({"201": [TALKS] * 12})
    site = scene.site

    def estimate() -> float | None:
        found: float | None = site.alive.ledger.attendance.estimated_wait("sales", None, site.wall())
        return found

    assert estimate() is None, "nobody was taken yet"
    for number in range(12):
        scene.calls(f"+3620111{number:04}")
        site.run(297)
    assert len(scene.queue.served) == 12, site.shown()
    wait = estimate()
    assert wait == 0.0, "nobody is before them"
    scene.queue.agents["201"] = []
    for number in range(3):
        scene.calls(f"+3620112{number:04}")
    wait = estimate()
    assert wait is not None
    assert 3 * 240 < wait < 3 * 360, "three are before them, and one is taken in five minutes"


def test_both_hear_each_other_and_the_agent_hears_ringback_before() -> None:
    scene = QueueScene({"201": [ACCEPTS]})
    site = scene.site
    site.carrier.plan(SECOND, Plan(answer=6.0, hang_up=20.0))
    scene.queue.agents["201"], agents = [], scene.queue.agents["201"]
    scene.asks()
    place = scene.place
    assert scene.words(place) == ASK
    assert site.alive.media[place.call_id].repeat
    scene.queue.agents["201"] = agents
    site.run(30, until=lambda: site.carrier.to(SECOND))
    assert scene.words(place) == "play connecting"
    site.alive.media[place.call_id].played()
    site.run(1)
    assert scene.words(place) == "tone ringback"
    site.run(10)
    [customer] = site.carrier.to(SECOND)
    assert customer.state == "up"
    assert scene.talks(place) is customer
    assert scene.talks(customer) is place
    site.run(30)
    [attempt] = site.attempts()
    assert (attempt.agent, attempt.result) == ("201", "talked")
    scene.settle()


@pytest.mark.parametrize("answers", BOTH)
def test_one_declines_and_another_accepts(answers: Answers) -> None:
    scene = QueueScene(answers=answers)
    site = scene.site
    scene.asks()
    scene.queue.agents["201"] = [DECLINES]
    site.run(20)
    assert [one.agent for one in scene.queue.served] == ["201"]
    assert "declined" in scene.journal()
    assert len(site.pbx.to(NUMBER)) == 2, "a new place, at the end"
    assert scene.place.open
    assert scene.place.shown == SECOND
    scene.queue.agents["202"] = [ACCEPTS]
    site.run(60)
    assert [one.agent for one in scene.queue.served] == ["201", "202"]
    assert (scene.request.state, scene.request.reason) == ("done", "talked")
    assert len(site.carrier.to(SECOND)) == 1
    scene.settle()


def test_a_decline_goes_to_the_end_of_the_queue() -> None:
    scene = QueueScene()
    scene.asks(SECOND)
    scene.calls(THIRD)
    scene.queue.agents["201"] = [Takes(keys=((2.0, "2"),)), TALKS, ACCEPTS]
    scene.site.run(120)
    assert [one.call.shown for one in scene.queue.served] == [SECOND, THIRD, SECOND]
    assert scene.request.state == "done"
    scene.settle()


@pytest.mark.parametrize("takes", [Takes(hang_up=3.0, away=True), Takes(away=True)])
def test_hanging_up_and_silence_are_declines(takes: Takes) -> None:
    scene = QueueScene()
    scene.asks()
    scene.queue.agents["201"] = [takes]
    scene.site.run(60)
    assert scene.journal().count("declined") == 1
    assert scene.place.open
    scene.queue.agents["202"] = [ACCEPTS]
    scene.site.run(60)
    assert scene.request.state == "done"
    scene.settle()


def test_three_rounds_without_an_accept_and_we_ring_somebody_ourselves() -> None:
    scene = QueueScene()
    site = scene.site
    scene.asks()
    site.pbx.plan("202", Plan(answer=2.0, keys=((4.0, "1"),)))
    scene.queue.agents["201"] = [Takes(keys=((2.0, "2"),)), Takes(keys=((2.0, "2"),)), DECLINES]
    site.run(120)
    assert scene.journal().count("declined") == 3
    assert [call.shown for call in site.pbx.to("202")] == [SECOND]
    assert site.pbx.to("201") == [], "not to whom has declined it"
    assert scene.request.state == "done"
    assert len(site.carrier.to(SECOND)) == 1
    scene.settle()


def test_a_decline_may_lead_to_the_next_free_agent_at_once() -> None:
    scene = QueueScene(more='declined = "dispatch"\n')
    site = scene.site
    scene.asks()
    site.pbx.plan("202", Plan(answer=2.0, keys=((4.0, "1"),)))
    scene.queue.agents["201"] = [DECLINES]
    site.run(60)
    assert len(site.pbx.to(NUMBER)) == 1, "no new place"
    assert len(site.pbx.to("202")) == 1
    assert site.pbx.to("201") == []
    assert scene.request.state == "done"
    scene.settle()


def test_behind_a_pbx_that_shows_nothing_a_key_says_it_all() -> None:
    scene = QueueScene({"201": []}, shows=False)
    scene.asks()
    scene.queue.agents["201"] = [ACCEPTS]
    scene.site.run(60)
    assert scene.request.state == "done"
    assert scene.site.attempts()[0].agent is None, "never guessed"
    scene.settle()


# After the 1


def test_a_customer_who_does_not_answer_is_called_once() -> None:
    scene = QueueScene()
    site = scene.site
    site.carrier.plan(SECOND, Plan(answer=None))
    scene.asks()
    scene.queue.agents["201"] = [Takes(keys=((4.0, "1"),), away=True)]
    site.run(30)
    place = scene.place
    assert place.open
    site.run(40)
    site.run(3600)
    assert len(site.carrier.to(SECOND)) == 1
    assert scene.request.state == "failed"
    assert site.attempts()[0].result == "customer_no_answer"
    scene.settle()


def test_retries_are_the_groups_choice() -> None:
    scene = QueueScene(more='retries = 1\nretry_after = "5m"\n')
    site = scene.site
    site.carrier.plan(SECOND, Plan(status=486, answer=1.0), Plan(answer=2.0, hang_up=20.0))
    site.pbx.plan("202", Plan(answer=2.0, keys=((4.0, "1"),)))
    scene.asks()
    scene.queue.agents["201"] = [Takes(keys=((4.0, "1"),), away=True)]
    site.run(30, until=lambda: site.carrier.to(SECOND))
    site.run(2)
    assert scene.words(scene.place) == "play customer_not_reached goodbye"
    site.run(600)
    assert len(site.carrier.to(SECOND)) == 2
    assert scene.request.state == "done"
    scene.settle()


def test_the_stop_switch_says_no_to_the_agent_in_words() -> None:
    scene = QueueScene()
    site = scene.site
    scene.asks()
    site.policy = ENABLED + "[guard]\nstop = true\n"
    site.alive.node.set_policy(parse_policy(site.policy))
    scene.queue.agents["201"] = [Takes(keys=((4.0, "1"),), away=True)]
    site.run(20, until=lambda: scene.queue.served)
    site.run(4.5)
    assert scene.words(scene.place) == "play no_callback_now goodbye"
    site.run(60)
    assert site.carrier.to(SECOND) == []
    assert not scene.place.open


def test_an_agent_accepts_while_the_caller_still_hears_goodbye() -> None:
    """Their phone is free when it is called."""
    scene = QueueScene()
    site = scene.site
    call = scene.calls()
    scene.press(call, "11")
    scene.queue.agents["201"] = [Takes(after=0.5, keys=((1.0, "1"),))]
    site.run(10, until=lambda: site.carrier.to(SECOND))
    assert call.state == "over", site.shown()
    assert call.heard[-1].method == "BYE"
    site.run(40)
    assert scene.request.state == "done"
    scene.settle()


# The end of a place


def test_the_promise_outlives_its_place() -> None:
    scene = QueueScene()
    site = scene.site
    site.pbx.plan("201", Plan(answer=2.0, keys=((4.0, "1"),)))
    scene.asks()
    scene.place.hang_up()
    site.run(60)
    assert "place_lost" in scene.journal()
    assert [call.shown for call in site.pbx.to("201")] == [SECOND]
    assert scene.request.state == "done"
    assert len(site.carrier.to(SECOND)) == 1
    scene.settle()


def test_a_place_is_left_before_the_queues_own_time_is_over() -> None:
    scene = QueueScene(more='place_for = "15s"\n')
    site = scene.site
    site.pbx.plan("201", Plan(answer=2.0, keys=((4.0, "1"),)))
    scene.asks()
    site.run(10)
    assert scene.place.state == "up"
    site.run(10)
    assert not scene.place.open
    site.run(60)
    assert scene.request.state == "done"
    scene.settle()


def test_a_voicemail_box_is_left() -> None:
    scene = QueueScene()
    site = scene.site
    site.pbx.plan("201", Plan(answer=2.0, keys=((4.0, "1"),)))
    scene.asks()
    site.alive.media[scene.place.call_id].beep()
    site.run(60)
    assert not site.pbx.to(NUMBER)[0].open
    assert scene.request.state == "done"
    scene.settle()


def test_the_limit_is_over() -> None:
    scene = QueueScene(more='limit = "60s"\n')
    site = scene.site
    scene.asks()
    site.run(70)
    assert scene.request.state == "expired"
    assert not scene.place.open, "its place is left"
    assert site.carrier.to(SECOND) == []
    scene.settle()


def test_an_operator_cancels_a_request_and_its_place_is_left() -> None:
    scene = QueueScene()
    site = scene.site
    scene.asks()
    site.alive.desk.admin.cancel(scene.request.id, site.wall())
    site.run(5)
    assert not scene.place.open
    scene.settle()


def test_an_operator_ends_the_call_of_a_place_and_the_request_goes_on() -> None:
    scene = QueueScene()
    site = scene.site
    site.pbx.plan("201", Plan(answer=2.0, keys=((4.0, "1"),)))
    scene.asks()
    [entry] = [entry for entry in site.alive.ledger.calls() if entry.id == scene.place.call_id]
    assert site.alive.callbacks.end_call(entry, "ended by an operator", site.now)
    site.run(60)
    assert scene.request.state == "done"
    scene.settle()


# Another number, and none that is shown


def test_another_number_is_called_and_shown() -> None:
    scene = QueueScene()
    site = scene.site
    scene.asks(SECOND, keys="12" + "06307654321#" + "1")
    assert scene.request.customer == "+36307654321"
    place = scene.place
    shown = [one.header("P-Asserted-Identity") for one in place.heard if one.method in ("UPDATE", "INVITE")]
    assert "+36307654321" in shown[-1], site.shown()
    scene.queue.agents["201"] = [DECLINES]
    site.run(20)
    assert scene.place is not place
    assert scene.place.shown == "+36307654321"
    scene.queue.agents["202"] = [ACCEPTS]
    site.run(60)
    assert site.carrier.to(SECOND) == []
    assert len(site.carrier.to("+36307654321")) == 1
    assert scene.request.state == "done"
    scene.settle()


def test_a_withheld_callers_number_stands_nowhere() -> None:
    scene = QueueScene()
    site = scene.site
    fields = ("Privacy: id", f"P-Asserted-Identity: <sip:{SECOND}@carrier.example>")
    call = site.carrier.dial(NUMBER, "anonymous", fields)
    site.run(3)
    scene.press(call, "12" + "06307654321#" + "1")
    site.run(1)
    call.hang_up()
    site.run(1)
    request = scene.request
    assert SECOND not in repr(request)
    assert not [line for line in site.store.all_journal if SECOND in repr(line)]
    scene.queue.agents["201"] = [DECLINES]
    site.run(20)
    assert SECOND not in scene.place.invite.head
    assert scene.place.shown == "+36307654321"
    scene.queue.agents["202"] = [ACCEPTS]
    site.run(60)
    assert scene.request.state == "done"
    scene.settle()


# They ring in again


@pytest.mark.parametrize("answers", BOTH)
def test_back_in_their_place_and_out_again(answers: Answers) -> None:
    scene = QueueScene(answers=answers)
    site = scene.site
    scene.asks()
    scene.calls(THIRD)
    again = scene.calls(SECOND)
    assert len(site.pbx.to(NUMBER)) == 2, "no second place"
    assert again.state == "up"
    again.hang_up()
    site.run(2)
    assert site.pbx.to(NUMBER)[0].open
    scene.queue.agents["201"] = [ACCEPTS, TALKS]
    site.run(90)
    assert scene.queue.served[0].call is site.pbx.to(NUMBER)[0]
    assert scene.request.state == "done"
    assert len(site.carrier.to(SECOND)) == 1
    scene.settle()


@pytest.mark.parametrize("answers", BOTH)
def test_back_in_their_place_and_served_there(answers: Answers) -> None:
    scene = QueueScene(answers=answers)
    site = scene.site
    scene.asks()
    scene.calls(THIRD)
    again = scene.calls(SECOND)
    scene.queue.agents["201"] = [TALKS, TALKS]
    site.run(10)
    assert scene.queue.served[0].call is site.pbx.to(NUMBER)[0]
    assert scene.talks(again) is site.pbx.to(NUMBER)[0]
    site.run(90)
    assert (scene.request.state, scene.request.reason) == ("done", "talk")
    assert site.carrier.to(SECOND) == []
    assert [one.call.shown for one in scene.queue.served] == [SECOND, THIRD]
    scene.settle()


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("answers", BOTH)
def test_back_and_gone_after_a_while_is_neither_missed_nor_a_talk(answers: Answers, twice: bool) -> None:
    """`twice`: they have asked by another call meanwhile."""
    scene = QueueScene(answers=answers)
    scene.asks()
    again = scene.calls(SECOND, seconds=5.0)
    if twice:
        scene.asks()
    scene.site.run(90)
    again.hang_up()
    scene.site.run(3)
    assert [task.state for task in scene.requests()] == ["open"]
    assert not {"missed", "ended"} & set(scene.journal()), scene.journal()
    scene.queue.agents["201"] = [ACCEPTS]
    scene.site.run(60)
    assert scene.request.state == "done"
    scene.settle()


def test_back_while_an_agent_hears_the_question() -> None:
    """They are joined at once."""
    scene = QueueScene()
    site = scene.site
    scene.asks()
    scene.queue.agents["201"] = [Takes()]
    site.run(20, until=lambda: scene.queue.served)
    site.run(1)
    again = scene.calls(SECOND, seconds=2)
    assert scene.talks(again) is scene.place
    site.run(30)
    again.hang_up()
    site.run(10)
    assert (scene.request.state, scene.request.reason) == ("done", "talk")
    assert site.carrier.to(SECOND) == []
    scene.settle()


@pytest.mark.parametrize("after", [4.001, 4.012, 4.02, 4.05, 5.0, 5.9])
def test_back_in_the_moment_of_the_agents_one(after: float) -> None:
    """One of the two calls: whichever way, they talk once."""
    scene = QueueScene()
    site = scene.site
    site.carrier.plan(SECOND, Plan(answer=4.0, hang_up=20.0))
    scene.asks()
    scene.queue.agents["201"] = [Takes(keys=((4.0, "1"),), away=True)]
    site.run(20, until=lambda: scene.queue.served)
    site.run(after)
    again = site.carrier.dial(NUMBER, CUSTOMER)
    site.run(8)
    assert again.state == "up", site.shown()
    assert scene.talks(again) is scene.place
    site.run(10)
    again.hang_up()
    site.run(30)
    assert scene.request.state == "done", site.shown()
    assert [call for call in site.carrier.to(SECOND) if call.up_at is not None] == []
    scene.settle()


@pytest.mark.parametrize("first_leaves_first", [True, False])
def test_back_by_one_call_and_asked_by_another(first_leaves_first: bool) -> None:
    """One place stands for the request, whoever of the two hangs up first."""
    scene = QueueScene()
    site = scene.site
    scene.asks()
    back = scene.calls(SECOND)
    other = scene.calls(SECOND)
    scene.press(other, "11")
    for call in (back, other) if first_leaves_first else (other, back):
        call.hang_up()
        site.run(2)
    old, new = site.pbx.to(NUMBER)
    assert (old.open, new.open) == (False, True), site.shown()
    scene.queue.agents["201"] = [ACCEPTS]
    site.run(60)
    assert [one.call for one in scene.queue.served] == [new]
    assert (scene.request.state, len(site.carrier.to(SECOND))) == ("done", 1)
    scene.settle()


@pytest.mark.parametrize("how", [b"sendonly", b"inactive"])
def test_back_and_gone_from_hold(how: bytes) -> None:
    """Whoever takes the place is heard: no hold of ours stands."""
    scene = QueueScene()
    site = scene.site
    scene.asks()
    again = scene.calls(SECOND)
    scene.hears(again).played()
    site.run(1)
    again.request("INVITE", body=SDP + b"a=" + how + b"\r\n")
    site.run(2)
    place = scene.place
    assert how in [one.partition(b"a=")[2] for one in _offers(place)[-1].splitlines()]
    again.hang_up()
    site.run(3)
    assert not {b"a=sendonly", b"a=inactive"} & set(_offers(place)[-1].splitlines())
    scene.queue.agents["201"] = [ACCEPTS]
    site.run(60)
    assert scene.request.state == "done"
    scene.settle()


def _offers(call: Call) -> list[bytes]:
    """Bodies of the INVITEs that the far end of a leg of ours got, in order."""
    return [message.body for message in call.heard if message.method == "INVITE" and message.status is None]


# The end of the process


def test_places_end_with_the_process_and_requests_go_on_in_the_next() -> None:
    scene = QueueScene()
    site = scene.site
    site.pbx.plan("201", Plan(answer=2.0, keys=((4.0, "1"),)))
    scene.asks()
    node = site.alive
    node.callbacks.drain()
    assert node.callbacks.under_way() == 0, "a stop waits for no place"
    node.places.hang_up(site.now)
    site.run(1)
    assert not scene.place.open
    site.crash()
    site.run(1)
    site.start()
    scene.queue.show_all()
    site.run(60)
    assert scene.request.state == "done"
    assert len(site.carrier.to(SECOND)) == 1
    scene.settle()


def test_a_stop_waits_for_an_agent_who_is_in_a_place() -> None:
    scene = QueueScene()
    site = scene.site
    scene.asks()
    scene.queue.agents["201"] = [ACCEPTS]
    site.run(20, until=lambda: scene.queue.served)
    site.run(1)
    node = site.alive
    node.callbacks.drain()
    assert node.callbacks.under_way() == 1
    site.run(40)
    assert node.callbacks.under_way() == 0
    assert scene.request.state == "done"
    scene.settle()


def test_whoever_still_hears_that_they_are_called_back_is_hung_up_before_they_are_dialled() -> None:
    """Their place was lost, so an agent is called at once; their phone would be busy."""
    scene = QueueScene()
    site = scene.site
    for agent in ("201", "202"):
        site.pbx.plan(agent, Plan(ring=0.1, answer=0.5, keys=((0.5, "1"),)))
    call = scene.calls(seconds=4)
    scene.press(call, "1")
    scene.place.hang_up()
    site.run(0.5)
    scene.press(call, "1")
    assert scene.hears(call).doing == "play confirmed goodbye"
    site.run(6)
    [dialled] = site.carrier.to(SECOND)
    assert not call.open
    assert dialled.state == "up"


def test_whoever_a_pbx_handed_over_is_hung_up_before_they_are_dialled() -> None:
    scene = QueueScene()
    site = scene.site
    for agent in ("201", "202"):
        site.pbx.plan(agent, Plan(ring=0.1, answer=0.5, keys=((0.5, "1"),)))
    call = site.pbx.dial("callback-sales", SECOND)
    site.run(1)
    scene.press(call, "1")
    assert scene.hears(call).doing == "play confirmed goodbye"
    site.run(6)
    assert site.carrier.to(SECOND)
    assert not call.open


def test_whoever_still_hears_that_they_are_called_back_as_an_agent_accepts_is_hung_up_before_they_are_dialled() -> None:
    scene = QueueScene()
    site = scene.site
    call = scene.calls(seconds=4)
    scene.press(call, "11")
    assert scene.hears(call).doing == "play confirmed goodbye"
    site.run(1)
    assert scene.hears(call).doing == "play confirmed goodbye", "nobody cuts them off before that"
    scene.queue.agents["201"] = [Takes(keys=((1.0, "1"),))]
    site.run(8)
    assert not call.open
    [dialled] = site.carrier.to(SECOND)
    assert dialled.state == "up"
