"""A caller in a queue is told of the key, hears the menu and asks for a callback: on a virtual wire and clock."""

from collections.abc import Callable
from typing import Any

import pytest

from config.policy import parse_policy
from routing.identity import Answers
from tests.kit.builds import replaces_parts
from tests.kit.callback_site import CUSTOMER, NUMBER, POLICY, Call, Plan, Site
from tests.kit.fake_media import FakeSession
from tests.kit.queue_scene import QUEUE, calls_in
from tests.kit.sip_text import SDP

OFFER = 'queue_callback = { enabled = true, offer_after = "20s", offer_every = "60s" }\n'
RINGS = Plan(ring=0.2, answer=None)
"""A queue that answers when the agent does."""
MENU = "play menu_this menu_other menu_wait"
GOODBYE = "play confirmed goodbye"


def site_of(settings: str = OFFER, answers: Answers = "before_queue", more: str = "") -> Site:
    """A PBX that shows what its phones do: an agent who takes a call would be seen to."""
    site = Site(POLICY + settings + more, answers=answers)
    site.alive.ledger.dialog_event("201", "free", None, site.wall())
    return site


def ear(site: Site) -> FakeSession:
    """The media session of the only caller who waits."""
    [row] = [row for row in site.alive.ledger.calls() if not row.own and row.direction == "inbound"]
    return site.alive.media[row.id]


def place_of(site: Site) -> FakeSession:
    """The media session of the only place."""
    [call] = [call for call in site.pbx.to(NUMBER) if call.open]
    return site.alive.media[call.call_id]


def hears_out(site: Site) -> None:
    """What is said to the caller comes to its end."""
    ear(site).played()
    site.run(0.1)


def presses(site: Site, keys: str) -> None:
    ear(site).press(keys)
    site.run(0.1)


def unacknowledged(site: Site) -> tuple[Call, Callable[[], None]]:
    """A caller whom we have answered to tell them of the key, and whose ACK is late: it comes when that is called."""
    site.pbx.plan(NUMBER, RINGS)
    call = site.carrier.dial(NUMBER, CUSTOMER)
    site.run(19)
    phone = site.carrier
    send, kept = phone.send, list[bytes]()

    def held_back(data: bytes) -> None:
        if data.startswith(b"ACK"):
            kept.append(data)
        else:
            send(data)

    def acknowledge() -> None:
        phone.send = send  # type: ignore[method-assign]
        send(kept[0])
        site.run(0.2)

    phone.send = held_back  # type: ignore[method-assign]
    site.run(2)
    return call, acknowledge


def to_menu(site: Site, plan: Plan = QUEUE) -> Call:
    """A caller who heard the offer and pressed its key."""
    call = calls_in(site, plan, 21)
    hears_out(site)
    presses(site, "1")
    assert ear(site).doing == MENU
    return call


def statuses(call: Call) -> list[int]:
    return [message.status for message in call.heard if message.status is not None]


def test_the_offer_comes_after_a_while_and_again() -> None:
    site = site_of()
    call = calls_in(site, seconds=19)
    assert ear(site).doing.startswith("joined")
    site.run(2)
    assert ear(site).doing == "play offer_callback digits:1"
    assert ear(site).peer == site.pbx.to(NUMBER)[0].call_id, "who takes the call meanwhile hears the caller"
    hears_out(site)
    site.run(58)
    assert not ear(site).doing.startswith("play")
    site.run(3)
    assert ear(site).doing == "play offer_callback digits:1"
    call.hang_up()
    site.run(2)
    assert site.task.kind == "missed"
    site.assert_nothing_left()


def test_the_offer_comes_once_where_it_is_not_to_be_repeated() -> None:
    site = site_of(OFFER.replace("60s", "0s"))
    to_menu(site)
    presses(site, "3")
    assert ear(site).doing == "play back_in_queue"
    hears_out(site)
    for _ in range(20):
        site.run(30)
        assert not ear(site).doing.startswith("play")


def test_the_offer_key_is_the_pbxs_before_it_is_offered() -> None:
    site = site_of()
    calls_in(site)
    presses(site, "1")
    assert ear(site).doing.startswith("joined")


def test_the_offer_can_be_interrupted() -> None:
    site = site_of()
    calls_in(site, seconds=21)
    presses(site, "1")
    assert ear(site).doing == MENU


def test_in_the_menu_caller_and_place_are_parted() -> None:
    """The keys do not reach the PBX, and whoever takes the place is asked for a moment."""
    site = site_of()
    to_menu(site)
    [waits] = [call for call in site.alive.ledger.calls() if not call.own]
    assert site.alive.room.place_of(waits.id) == site.pbx.to(NUMBER)[0].call_id
    assert ear(site).peer is None
    assert place_of(site).doing == "play please_wait"
    assert place_of(site).repeat
    assert place_of(site).pause == pytest.approx(0.15), "within 0.3 s, whenever that is"
    before = len(site.alive.media.log)
    info(site, "2")
    assert ear(site).doing == "play type_number", "a key in INFO is a key"
    assert not [line for line in site.alive.media.log[before:] if line.startswith("press")]


def info(site: Site, key: str) -> None:
    """The caller presses a key by INFO."""
    site.carrier.calls[0].typed_request("INFO", ("Content-Type: application/dtmf-relay",),
                                        f"Signal={key}\r\nDuration=160\r\n".encode())
    site.run(0.1)


def test_all_of_it_by_info() -> None:
    site = site_of()
    calls_in(site, seconds=21)
    for key in "1206201112233#1":
        info(site, key)
    assert ear(site).doing == GOODBYE
    assert site.task.customer == "+36201112233"


def offers(call: Call) -> list[bytes]:
    """The directions of all re-INVITEs that a far end got."""
    return [line for one in call.heard if one.method == "INVITE" and one.status is None
            for line in one.body.splitlines() if line in (b"a=sendonly", b"a=inactive", b"a=sendrecv")]


def holds(site: Site, call: Call, direction: bytes) -> None:
    call.request("INVITE", body=SDP + b"a=" + direction + b"\r\n")
    site.run(1)


def test_a_hold_of_the_pbx_waits_for_the_end_of_the_menu() -> None:
    """Else the caller's keys would not be heard."""
    site = site_of()
    call = to_menu(site)
    holds(site, site.pbx.to(NUMBER)[0], b"inactive")
    assert not offers(call)
    presses(site, "3")
    site.run(1)
    assert offers(call) == [b"a=inactive"]


def test_a_queue_that_plays_its_music_by_a_hold() -> None:
    """A hold with audio is a queue's music: the offer comes, and the caller's phone goes on sending keys."""
    site = site_of()
    call = calls_in(site)
    [place] = site.pbx.to(NUMBER)
    holds(site, place, b"sendonly")
    site.run(20)
    assert ear(site).doing == "play offer_callback digits:1"
    presses(site, "1")
    assert ear(site).doing == MENU
    presses(site, "3")
    hears_out(site)
    assert ear(site).peer == place.call_id, "they hear the music again"
    assert not offers(call)
    holds(site, place, b"sendrecv")
    picked_up(site)
    site.run(2)
    holds(site, place, b"sendonly")
    assert offers(call) == [b"a=sendonly"], "who talks with them holds them as ever"


def test_who_is_held_in_silence_is_offered_nothing() -> None:
    site = site_of()
    call = calls_in(site)
    holds(site, site.pbx.to(NUMBER)[0], b"inactive")
    assert offers(call) == [b"a=inactive"]
    site.run(30)
    assert ear(site).doing.startswith("joined")


def test_a_hold_while_the_place_rings_counts_once_it_is_answered() -> None:
    site = site_of(answers="on_agent")
    call = calls_in(site, RINGS, 21)
    hears_out(site)
    holds(site, call, b"sendonly")
    [place] = site.pbx.to(NUMBER)
    assert not offers(place)
    place.answer()
    site.run(2)
    assert offers(place) == [b"a=sendonly"]
    holds(site, call, b"sendrecv")
    assert offers(place) == [b"a=sendonly", b"a=sendrecv"]


def test_whoever_takes_the_place_hears_it_in_the_language_of_the_menu() -> None:
    """A policy that is set while the caller waits counts for both."""
    site = site_of()
    calls_in(site)
    site.alive.node.set_policy(parse_policy(POLICY + OFFER.replace("}", ', language = "hu" }')))
    site.run(17)
    presses(site, "1")
    assert (ear(site).doing, place_of(site).doing) == (MENU, "play please_wait")
    assert (ear(site).clips[0].language, place_of(site).clips[0].language) == ("hu", "hu")


def test_this_number_is_promised_and_the_place_stays() -> None:
    site = site_of()
    call = to_menu(site)
    presses(site, "1")
    assert ear(site).doing == GOODBYE
    task = site.task
    assert (task.kind, task.customer, task.state) == ("queue", CUSTOMER, "open")
    [place] = site.pbx.to(NUMBER)
    hears_out(site)
    site.run(1)
    assert not call.open
    assert "BYE" in [one.method for one in call.heard]
    assert place.open, "the place stays"
    assert site.alive.media[place.call_id].doing.startswith("play callback_for")
    [row] = [row for row in site.store.rows.values() if row.direction == "inbound" and row.reason == "normal"]
    assert row.ended_by == "proxy"


@replaces_parts
def test_a_bug_that_hides_the_place_costs_the_place_and_not_the_promise() -> None:
    site = site_of()
    site.pbx.plan("201", Plan(answer=1.0, keys=((1.0, "1"),)))
    site.carrier.plan(CUSTOMER, Plan(answer=1.0, hang_up=20.0))
    call = to_menu(site)
    site.alive.ledger.place_entry = lambda call, place: 1 / 0  # type: ignore[method-assign, assignment, return-value]
    presses(site, "1")
    assert ear(site).doing == GOODBYE
    hears_out(site)
    site.run(2)
    assert not call.open
    assert not [one for one in site.pbx.to(NUMBER) if one.open]
    site.run(60)
    assert (site.task.kind, site.task.state) == ("queue", "done")
    assert len(site.carrier.to(CUSTOMER)) == 1


def test_the_last_words_end_by_themselves() -> None:
    site = site_of()
    call = to_menu(site)
    presses(site, "1")
    site.run(16)
    assert not call.open


@pytest.mark.parametrize(("typed", "number", "said"), [
    ("0036201112233#", "+36201112233", "+36 20 111 2233"), ("*36201112233#", "+36201112233", "+36 20 111 2233"),
    ("06201112233#", "+36201112233", "+36 20 111 2233"), ("06201112233", "+36201112233", "+36 20 111 2233"),
])
def test_another_number(typed: str, number: str, said: str) -> None:
    site = site_of()
    to_menu(site)
    presses(site, "2")
    assert ear(site).doing == "play type_number"
    presses(site, typed)
    if not typed.endswith("#"):
        site.run(9)
    assert ear(site).doing == f"play number_is digits:{said} confirm"
    presses(site, "1")
    assert ear(site).doing == GOODBYE
    assert (site.task.customer, site.task.kind) == (number, "queue")
    hears_out(site)
    site.run(1)
    assert len([call for call in site.pbx.to(NUMBER) if call.open]) == 1


def test_a_wrong_number_is_asked_for_again_and_then_it_is_the_queue() -> None:
    site = site_of()
    call = to_menu(site)
    presses(site, "2")
    for said in ("play invalid_number type_number",) * 2 + ("play invalid_number back_in_queue",):
        presses(site, "12#")
        assert ear(site).doing == said
    assert ear(site).peer == site.pbx.to(NUMBER)[0].call_id
    assert call.state == "up"
    assert not site.store.all_tasks


def test_silence_brings_the_menu_once_more_and_then_the_queue() -> None:
    site = site_of()
    to_menu(site)
    hears_out(site)
    site.run(7)
    assert ear(site).doing == ""
    site.run(2)
    assert ear(site).doing == MENU
    hears_out(site)
    site.run(9)
    assert ear(site).doing == "play back_in_queue"
    assert ear(site).peer == site.pbx.to(NUMBER)[0].call_id


def test_the_menu_comes_unasked_once() -> None:
    site = site_of('queue_callback = { enabled = true, offer_after = "20s", offer_every = "0s", max_wait = "40s" }\n')
    calls_in(site, seconds=21)
    hears_out(site)
    site.run(20)
    assert ear(site).doing == MENU
    presses(site, "3")
    hears_out(site)
    for _ in range(10):
        site.run(30)
        assert not ear(site).doing.startswith("play")


@pytest.mark.parametrize("where", ["offer", "menu", "type", "confirm"])
def test_who_hangs_up_before_the_promise_is_missed_as_ever(where: str) -> None:
    site = site_of()
    call = calls_in(site, seconds=21)
    for step, keys in (("menu", "1"), ("type", "2"), ("confirm", "06201112233#")):
        if where == "offer":
            break
        presses(site, keys)
        if where == step:
            break
    call.hang_up()
    site.run(2)
    assert not [one for one in site.pbx.to(NUMBER) if one.open]
    assert (site.task.kind, site.task.customer) == ("missed", CUSTOMER)
    site.skip()
    site.run(1)


def test_who_hangs_up_as_it_is_written_has_asked() -> None:
    """It is on disk, though they never heard so: the place stays."""
    site = site_of()
    call = to_menu(site)
    soon = site.store.later
    site.store.later = lambda delay, action: soon(2.0, action)
    presses(site, "1")
    call.hang_up()
    site.run(1)
    assert [one.open for one in site.pbx.to(NUMBER)] == [True]
    site.run(10)
    site.store.later = soon
    assert site.task.kind == "queue"
    [row] = [row for row in site.store.rows.values() if row.direction == "inbound" and row.reason == "normal"]
    assert row.ended_at is not None


def test_who_hangs_up_as_the_database_fails_is_missed_as_ever() -> None:
    site = site_of()
    call = to_menu(site)
    soon = site.store.later
    site.store.later = lambda delay, action: soon(2.0, action)
    presses(site, "1")
    call.hang_up()
    site.store.broken = True
    site.run(4)
    assert not [one for one in site.pbx.to(NUMBER) if one.open]
    assert site.alive.room.end_call("x", "", site.now) is False
    assert len(site.alive.room) == 0


def test_the_database_in_trouble_promises_nothing() -> None:
    site = site_of()
    call = to_menu(site)
    site.store.broken = True
    presses(site, "1")
    site.run(1)
    assert ear(site).doing == "play no_callback_now back_in_queue"
    assert ear(site).peer == site.pbx.to(NUMBER)[0].call_id
    assert call.state == "up"


def picked_up(site: Site) -> None:
    """The agent's phone rings for this customer, and is taken up: RFC 4235."""
    ledger, now = site.alive.ledger, site.wall()
    ledger.dialog_event("201", "ringing", CUSTOMER, now)
    ledger.dialog_event("201", "busy", None, now + 1)
    site.run(0.1)


@pytest.mark.parametrize("keys", ["", "2", "20620", "206201112233#"])
def test_an_agent_who_takes_the_place_ends_the_menu(keys: str) -> None:
    site = site_of()
    call = to_menu(site)
    presses(site, keys)
    picked_up(site)
    assert ear(site).peer == site.pbx.to(NUMBER)[0].call_id
    presses(site, "1")
    presses(site, "1")
    assert ear(site).doing.startswith("joined")
    assert call.state == "up"
    assert not site.store.all_tasks
    for _ in range(10):
        site.run(30)
        assert ear(site).doing.startswith("joined"), "who talks is offered nothing"
    call.hang_up()
    site.run(2)
    site.assert_nothing_left()


def test_an_agent_who_takes_the_place_ends_the_offer() -> None:
    site = site_of()
    calls_in(site, seconds=21)
    assert ear(site).doing == "play offer_callback digits:1"
    picked_up(site)
    assert ear(site).doing == ""
    assert ear(site).peer == site.pbx.to(NUMBER)[0].call_id


def test_the_pbx_that_drops_the_place_of_one_in_the_menu() -> None:
    """They may still ask: the promise needs no place. Who does not is where they would be without us."""
    site = site_of()
    call = to_menu(site)
    site.pbx.to(NUMBER)[0].hang_up()
    site.run(1)
    assert call.state == "up"
    presses(site, "1")
    assert ear(site).doing == GOODBYE
    hears_out(site)
    site.run(1)
    assert not call.open
    assert site.task.kind == "queue"


@pytest.mark.parametrize("keys", ["3", ""])
def test_who_then_wants_to_wait_is_at_the_end_of_the_queue(keys: str) -> None:
    """Once: a second place that is lost in the menu ends their call, with a word."""
    site = site_of()
    call = to_menu(site)
    site.pbx.to(NUMBER)[0].hang_up()
    site.run(1)
    if keys:
        presses(site, keys)
    else:
        for _ in range(2):
            hears_out(site)
            site.run(8.1)
    assert ear(site).doing == "play back_in_queue"
    site.run(2)
    hears_out(site)
    [_, place] = site.pbx.to(NUMBER)
    assert place.shown == CUSTOMER
    assert ear(site).doing == f"joined {place.call_id}"
    presses(site, "1")
    assert ear(site).doing == MENU
    place.hang_up()
    site.run(1)
    presses(site, "3")
    assert ear(site).doing == "play goodbye"
    site.run(20)
    assert not call.open
    assert len(site.pbx.to(NUMBER)) == 2
    site.run(60)
    site.assert_nothing_left()


def test_who_then_wants_to_wait_where_the_pbx_refuses_hears_that() -> None:
    site = site_of()
    call = to_menu(site)
    site.pbx.to(NUMBER)[0].hang_up()
    site.run(1)
    site.pbx.plan(NUMBER, Plan(ring=0.2, answer=1.0, status=486))
    presses(site, "3")
    site.run(10)
    assert not call.open
    [bye] = [message for message in call.heard if message.method == "BYE"]
    assert "cause=486" in bye.header("Reason")
    site.run(60)
    site.assert_nothing_left()


# A PBX that answers on the agent


def test_before_the_answer_our_leg_answers_and_the_place_rings_on() -> None:
    site = site_of(answers="on_agent")
    call = calls_in(site, RINGS, 19)
    assert call.state == "ringing"
    site.run(2)
    assert call.state == "up"
    [place] = site.pbx.to(NUMBER)
    assert ear(site).doing == "play offer_callback digits:1"
    assert [entry.answered_at for entry in site.alive.ledger.calls()] == [None], "for the rules nobody has answered"
    hears_out(site)
    assert ear(site).doing == "tone ringback"
    place.answer()
    site.run(0.2)
    assert ear(site).peer == place.call_id
    assert [entry for entry in site.alive.ledger.calls() if entry.answered_at is None] == []
    site.run(10)
    call.hang_up()
    site.run(2)
    [row] = [row for row in site.store.rows.values() if row.direction == "inbound"]
    assert row.talk_s == pytest.approx(10.2, abs=1)
    assert not site.store.all_tasks
    site.assert_nothing_left()


def test_the_pbx_hangs_up_on_whom_we_had_answered_first() -> None:
    """A talk like any other, and the PBX's end of it."""
    site = site_of(answers="on_agent")
    call = calls_in(site, RINGS, 22)
    [place] = site.pbx.to(NUMBER)
    place.answer()
    site.run(20)
    place.hang_up()
    site.run(2)
    assert not call.open
    [row] = [row for row in site.store.rows.values() if row.direction == "inbound"]
    assert (row.cause, row.ended_by) == (200, "callee")
    assert not site.store.all_tasks
    site.run(60)
    site.assert_nothing_left()


def test_before_the_answer_they_ask_and_the_place_rings_on() -> None:
    site = site_of(answers="on_agent")
    call = calls_in(site, RINGS, 21)
    presses(site, "1")
    assert ear(site).doing == MENU
    presses(site, "1")
    assert ear(site).doing == GOODBYE
    hears_out(site)
    site.run(1)
    assert not call.open
    assert site.task.kind == "queue"
    [place] = site.pbx.to(NUMBER)
    assert place.state == "ringing", "the place rings on"


def test_whom_nobody_answered_but_ourselves_is_missed() -> None:
    site = site_of(answers="on_agent")
    call = calls_in(site, RINGS, 25)
    call.hang_up()
    site.run(2)
    assert site.task.kind == "missed"
    [line] = [line for line in site.store.all_journal if line.kind == "missed"]
    assert line.data["why"] == "hung_up"
    assert not [one for one in site.pbx.to(NUMBER) if one.open]


def test_early_media_of_the_queue_is_heard_beside_the_offer() -> None:
    site = site_of(answers="on_agent")
    calls_in(site, Plan(ring=0.2, early=True, answer=None), 21)
    assert ear(site).doing == "play offer_callback digits:1"
    hears_out(site)
    assert ear(site).peer == site.pbx.to(NUMBER)[0].call_id


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("seconds", [3, 40])
def test_who_hangs_up_in_the_menu_with_an_agent_who_never_heard_them_is_missed(early: bool, seconds: float) -> None:
    """The PBX shows nobody who took it: caller and agent stay parted, and that is no talk."""
    site = Site(POLICY + OFFER, answers="on_agent")
    call = calls_in(site, Plan(ring=0.2, early=early, answer=None), 21)
    presses(site, "1")
    site.pbx.to(NUMBER)[0].answer()
    site.run(seconds)
    assert ear(site).peer is None
    call.hang_up()
    site.run(2)
    assert site.task.kind == "missed"
    row = min(site.store.rows.values(), key=lambda row: row.started_at)
    assert (row.direction, row.answered_at) == ("inbound", None)


def test_who_came_back_from_the_menu_to_an_agent_has_talked() -> None:
    site = Site(POLICY + OFFER, answers="on_agent")
    call = calls_in(site, RINGS, 21)
    presses(site, "1")
    site.pbx.to(NUMBER)[0].answer()
    site.run(1)
    presses(site, "3")
    site.run(20)
    call.hang_up()
    site.run(2)
    assert not site.store.all_tasks


@pytest.mark.parametrize("early", [False, True])
def test_an_agent_who_answers_during_the_offer_is_heard_at_once(early: bool) -> None:
    site = site_of(answers="on_agent")
    call = calls_in(site, Plan(ring=0.2, early=early, answer=None), 21)
    assert ear(site).doing == "play offer_callback digits:1"
    [place] = site.pbx.to(NUMBER)
    place.answer()
    site.run(0.1)
    assert ear(site).peer == place.call_id
    assert not ear(site).doing.startswith("play")
    site.run(200)
    assert not ear(site).doing.startswith("play"), "nobody interrupts their talk"
    call.hang_up()
    site.run(2)
    site.assert_nothing_left()


def test_an_agent_who_is_proved_before_our_own_answer_is_acknowledged_is_heard_and_nothing_said() -> None:
    site = site_of(answers="on_agent")
    call, acknowledge = unacknowledged(site)
    [place] = site.pbx.to(NUMBER)
    place.answer()
    site.run(0.1)
    picked_up(site)
    acknowledge()
    assert call.state == "up"
    assert ear(site).doing == f"joined {place.call_id}"


def test_the_end_of_words_that_were_replaced_is_no_end_of_those_that_are_said() -> None:
    """It was on its way when the others were asked for."""
    site = site_of()
    call = to_menu(site)
    tag = ear(site).tag
    assert tag is not None
    presses(site, "1")
    assert ear(site).doing == GOODBYE
    ear(site).tell(lambda: ear(site).ears.media_played(tag))
    site.run(2)
    assert call.state == "up", "they hear that they are called back"
    hears_out(site)
    site.run(1)
    assert not call.open


def test_a_queue_that_answers_during_the_offer_is_heard_after_it() -> None:
    """Its answer is nobody's, and the offer has its turn again in time."""
    site = site_of()
    calls_in(site, RINGS, 21)
    [place] = site.pbx.to(NUMBER)
    place.answer()
    site.run(1)
    assert ear(site).doing == "play offer_callback digits:1"
    hears_out(site)
    assert ear(site).doing == f"joined {place.call_id}"
    site.run(58)
    assert not ear(site).doing.startswith("play")
    site.run(3)
    assert ear(site).doing == "play offer_callback digits:1"


def test_an_agent_who_answers_before_our_own_answer_is_acknowledged_is_heard_and_nothing_said() -> None:
    site = site_of(answers="on_agent")
    call, acknowledge = unacknowledged(site)
    [place] = site.pbx.to(NUMBER)
    place.answer()
    site.run(0.2)
    acknowledge()
    assert call.state == "up"
    assert ear(site).doing == f"joined {place.call_id}"


@pytest.mark.parametrize("status", [486, 603, 404])
def test_a_refusal_after_our_answer_is_a_busy_tone(status: int) -> None:
    site = site_of(answers="on_agent")
    call = calls_in(site, Plan(ring=0.2, answer=25.0, status=status), 26)
    assert ear(site).doing == "tone busy"
    assert len(site.pbx.to(NUMBER)) == 1
    site.run(5)
    assert not call.open
    [bye] = [message for message in call.heard if message.method == "BYE"]
    assert f"cause={status}" in bye.header("Reason")
    assert site.task.kind == "missed"
    site.run(100)
    site.skip()


def test_a_pbx_that_fails_after_our_answer_is_called_once_more() -> None:
    site = site_of(answers="on_agent")
    site.pbx.plan(NUMBER, Plan(ring=0.2, answer=25.0, status=503), Plan(ring=0.2, answer=5.0))
    call = site.carrier.dial(NUMBER, CUSTOMER)
    site.run(26)
    hears_out(site)
    assert ear(site).doing == "tone ringback"
    site.run(6)
    assert call.state == "up"
    assert ear(site).peer == site.pbx.to(NUMBER)[1].call_id
    call.hang_up()
    site.run(2)
    assert not [one for one in site.pbx.to(NUMBER) if one.open]


def test_a_pbx_that_fails_twice_is_a_busy_tone() -> None:
    site = site_of(answers="on_agent")
    call = calls_in(site, Plan(ring=0.2, answer=25.0, status=503), 60)
    site.run(5)
    assert not call.open
    assert len(site.pbx.to(NUMBER)) == 2
    site.run(100)


def test_the_agent_who_answers_in_the_menu_is_asked_for_a_moment_anew() -> None:
    site = site_of(answers="on_agent")
    calls_in(site, RINGS, 21)
    presses(site, "1")
    [place] = site.pbx.to(NUMBER)
    assert site.alive.media[place.call_id].doing == ""
    place.answer()
    site.run(0.1)
    assert site.alive.media[place.call_id].doing == "play please_wait" or ear(site).peer == place.call_id


# Whom the menu is for


def test_a_withheld_caller_is_offered_another_number_only() -> None:
    site = site_of()
    site.pbx.plan(NUMBER, QUEUE)
    call = site.carrier.dial(NUMBER, "anonymous", fields=("Privacy: id",))
    site.run(21)
    hears_out(site)
    presses(site, "1")
    assert ear(site).doing == "play menu_other menu_wait"
    presses(site, "206201112233#")
    presses(site, "1")
    assert ear(site).doing == GOODBYE
    hears_out(site)
    site.run(1)
    assert not call.open
    assert site.task.customer == "+36201112233"


def test_a_recorded_offer_menu_and_confirmation() -> None:
    site = site_of('queue_callback = { enabled = true, offer_prompt = "my_offer", menu_prompt = "my_menu", '
                   'confirm_prompt = "my_thanks", key = "9", language = "hu" }\n')
    calls_in(site, seconds=21)
    assert ear(site).doing == "play my_offer"
    presses(site, "9")
    assert ear(site).doing == "play my_menu"
    assert ear(site).clips[0].language == "hu"
    presses(site, "1")
    assert ear(site).doing == "play my_thanks goodbye"


def test_who_holds_us_is_offered_nothing_meanwhile() -> None:
    site = site_of()
    call = calls_in(site)
    call.request("INVITE", body=b"v=0\r\no=t 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                 b"m=audio 40000 RTP/AVP 8 101\r\na=sendonly\r\n")
    site.run(30)
    assert ear(site).doing.startswith("joined")


def test_a_number_without_the_offer_stays_the_proxys() -> None:
    site = site_of("", more='[number."+3614445599"]\ngroup = "sales"\nqueue_callback = { enabled = true }\n')
    call = calls_in(site)
    assert call.state == "up"
    assert site.alive.agent.legs == 0


def test_the_queues_share_of_ports_is_all_that_callers_get() -> None:
    """Beyond it a call passes untouched."""
    site = site_of()
    site.alive.media.queue_limit = 2
    first = calls_in(site)
    second = site.carrier.dial(NUMBER, "+36201234568")
    site.run(4)
    assert (first.state, second.state) == ("up", "up")
    assert site.alive.agent.legs == 2
    third = service(site, caller="+36201234569")
    assert not third.open, "nor does the service number take another one"
    assert site.alive.agent.legs == 2


def test_who_rings_in_again_finds_their_place_only_where_there_are_ports() -> None:
    """Else they go where everybody goes, and the request stands."""
    for limit, legs in ((1, 1), (2, 2)):
        site = site_of()
        call = to_menu(site)
        presses(site, "1")
        hears_out(site)
        site.run(2)
        assert not call.open
        site.alive.media.queue_limit = limit
        again = site.carrier.dial(NUMBER, CUSTOMER)
        site.run(4)
        assert again.state == "up"
        assert site.alive.agent.legs == legs
        assert site.task.state == "open", site.shown()


# They ring in again


def asked(site: Site, plan: Plan = QUEUE) -> Call:
    """Whoever asked for a callback has left, and the place is held: the PBX's end of it."""
    to_menu(site, plan) if plan is QUEUE else calls_in(site, plan, 21)
    if plan is not QUEUE:
        presses(site, "1")
    presses(site, "1")
    hears_out(site)
    site.run(1)
    [place] = site.pbx.to(NUMBER)
    return place


def rings_in(site: Site, seconds: float = 1.0) -> Call:
    call = site.carrier.dial(NUMBER, CUSTOMER)
    site.run(seconds)
    return call


def test_who_rings_in_again_has_their_place_back() -> None:
    site = site_of()
    place = asked(site)
    call = rings_in(site)
    assert call.state == "up"
    assert len(site.pbx.to(NUMBER)) == 1, "in front of where they would be"
    assert ear(site).doing == "play back_in_place"
    assert ear(site).peer == place.call_id
    call.hang_up()
    site.run(1)
    assert place.open
    assert site.alive.media[place.call_id].doing.startswith("play callback_for"), "the request stands"
    assert (site.task.kind, site.task.state) == ("queue", "open")


def test_who_is_back_talks_and_the_request_is_done() -> None:
    site = site_of()
    place = asked(site)
    call = rings_in(site)
    picked_up(site)
    site.run(20)
    assert ear(site).peer == place.call_id
    call.hang_up()
    site.run(3)
    assert (site.task.state, site.task.reason) == ("done", "talk")
    assert not place.open
    site.run(60)
    site.assert_nothing_left()


def test_who_is_back_may_name_another_number() -> None:
    """Whoever takes the place hears the new one."""
    site = site_of()
    place = asked(site)
    call = rings_in(site)
    presses(site, "1")
    assert ear(site).doing == MENU
    presses(site, "2")
    presses(site, "06201112233#")
    presses(site, "1")
    assert ear(site).doing == GOODBYE
    hears_out(site)
    site.run(1)
    assert not call.open
    assert place.open
    assert site.task.customer == "+36201112233"
    assert "digits:+36 20 111 2233" in site.alive.media[place.call_id].doing


def test_who_is_back_and_asks_anew_when_their_request_is_over_keeps_the_place() -> None:
    """An operator has ended the first request meanwhile."""
    site = site_of()
    place = asked(site)
    first = site.task.id
    call = rings_in(site)
    hears_out(site)
    site.alive.desk.admin.cancel(first, site.wall())
    site.run(1)
    presses(site, "11")
    site.run(0.5)
    assert ear(site).doing == GOODBYE
    hears_out(site)
    site.run(2)
    assert not call.open
    assert place.open
    [second] = [task for task in site.store.all_tasks.values() if task.id != first]
    assert site.alive.places.holds_place(second.id)
    assert not site.alive.places.holds_place(first)
    site.run(120)
    assert not [line for line in site.store.all_journal if line.task == second.id and line.kind == "place_lost"]
    assert site.alive.media[place.call_id].doing.startswith("play callback_for")


def test_a_place_that_ends_under_who_is_back_ends_their_call() -> None:
    site = site_of()
    place = asked(site)
    call = rings_in(site)
    place.hang_up()
    site.run(2)
    assert not call.open
    assert len(site.alive.room) == 0


def test_a_place_that_is_gone_means_the_normal_way() -> None:
    site = site_of()
    place = asked(site)
    place.hang_up()
    site.run(0.5)
    site.pbx.plan("201", Plan(ring=None, answer=None))
    call = rings_in(site, 60)
    assert call.open
    assert len(site.pbx.to(NUMBER)) >= 1


def test_who_is_back_in_a_place_that_rings_is_answered_by_ourselves() -> None:
    site = site_of(answers="on_agent")
    place = asked(site, RINGS)
    call = rings_in(site)
    assert call.state == "up"
    assert place.state == "ringing"
    assert ear(site).doing == "play back_in_place"
    hears_out(site)
    assert ear(site).doing == "tone ringback"
    place.answer()
    site.run(10)
    assert ear(site).peer == place.call_id
    call.hang_up()
    site.run(3)
    assert (site.task.state, site.task.reason) == ("done", "talk")


# Service number


def service(site: Site, group: str = "sales", caller: str = CUSTOMER) -> Any:
    call = site.pbx.dial(f"callback-{group}", caller)
    site.run(1)
    return call


def session(site: Site) -> FakeSession:
    """The media session of the caller whom the PBX handed over."""
    [row] = [row for row in site.alive.ledger.calls() if not row.own and row.direction == "outbound"]
    return site.alive.media[row.id]


def test_a_pbx_hands_a_caller_over() -> None:
    site = site_of()
    call = service(site)
    assert call.state == "up"
    assert session(site).doing == MENU
    session(site).press("1")
    site.run(0.1)
    assert session(site).doing == GOODBYE
    assert (site.task.kind, site.task.customer) == ("queue", CUSTOMER)
    session(site).played()
    site.run(1)
    assert not call.open


@pytest.mark.parametrize("keys", ["3", ""])
def test_whoever_wants_to_wait_goes_back_to_the_pbx(keys: str) -> None:
    site = site_of()
    call = service(site)
    session(site).press(keys)
    site.run(1)
    for _ in range(3):
        if call.open:
            if session(site).tag is not None:
                session(site).played()
            site.run(9)
    assert not call.open
    assert not site.store.all_tasks
    site.run(40)
    site.assert_nothing_left()


def test_who_is_refused_hears_why_before_they_go_back_to_the_pbx() -> None:
    site = site_of()
    call = service(site)
    for _ in range(3):
        session(site).press("9")
        site.run(0.1)
    assert session(site).doing == "play not_understood"
    assert call.open
    session(site).played()
    site.run(1)
    assert not call.open


def test_who_hung_up_before_the_disk_answered_is_forgotten_when_everything_ends() -> None:
    site = site_of()
    call = service(site)
    site.store.later = lambda delay, action: None
    session(site).press("1")
    site.run(0.1)
    call.hang_up()
    site.run(1)
    assert len(site.alive.room) == 1, "what they asked for is not answered yet"
    site.alive.room.hang_up(site.now)
    assert len(site.alive.room) == 0


def test_a_group_that_is_not_enabled_has_no_service_number() -> None:
    site = site_of("")
    call = service(site)
    assert not call.open
    assert site.alive.agent.legs == 0


def test_a_crash_before_each_event_of_it() -> None:
    """Nobody stays up, nobody is dialled twice, and whoever was told that they are called back is."""
    def begun(crash_at: int | None) -> Site:
        site = site_of('queue_callback = { enabled = true, offer_after = "2s" }\n')
        site.pbx.plan(NUMBER, QUEUE, Plan(answer=1.0, keys=((1.0, "1"),), hang_up=40.0))
        site.pbx.plan("201", Plan(answer=1.0, keys=((1.0, "1"),), hang_up=40.0))
        site.carrier.plan(CUSTOMER, Plan(answer=1.0, hang_up=20.0))
        site.crash_at = crash_at
        site.carrier.dial(NUMBER, CUSTOMER)
        return site

    def goes_on(site: Site) -> bool:
        """Up to the end of the call; says whether they were told of their callback."""
        site.run(3.5, until=lambda: site.node is None)
        told = False
        for keys in ("1", "1"):
            if site.node is not None:
                for session in tuple(site.node.media.sessions.values()):
                    if not session.repeat:
                        session.press(keys)
                site.run(0.2, until=lambda: site.node is None)
        if site.node is not None:
            told = any(session.doing == GOODBYE for session in site.node.media.sessions.values())
        site.run(20, until=lambda: site.node is None or not site.carrier.calls[0].open)
        return told

    whole = begun(None)
    assert goes_on(whole)
    assert whole.events > 20
    promised = 0
    for number in range(whole.events + 1):
        site = begun(number)
        told = goes_on(site)
        site.crash_at = None
        if site.node is None:
            site.run(0.5)
            site.start()
        site.run(80)
        for phone in (site.pbx, site.carrier):
            for call in phone.calls:
                if call.caller and call.open:
                    call.hang_up()  # what rang when it died has no final answer
        site.run(200)
        for call in site.pbx.calls:
            if call.state == "up":
                call.hang_up()
        site.run(25 * 3600)
        tasks = list(site.store.all_tasks.values())
        assert len(tasks) <= 1, site.shown()
        assert [task.kind for task in tasks] == ["queue"] or not told, site.shown()
        assert all(task.state == "done" for task in tasks), (tasks, site.shown())
        assert len(site.carrier.to(CUSTOMER)) == len(tasks), site.shown()
        site.assert_nothing_left()
        promised += sum(task.kind == "queue" for task in tasks)
    assert 3 < promised < whole.events
