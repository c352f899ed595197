"""Requests of callers who wait in a queue: how one comes about, what holds its place, and how it ends."""

from collections.abc import Iterator

import pytest

from proxy.status.event_models import check_event
from routing.callbacks.facts import AttemptOrder, NewCaller, QueuedCaller
from routing.callbacks.places import ROUNDS
from routing.callbacks.task_places import RENEWAL
from routing.rows import DoNotCallRow, Result, TaskRow
from tests.routing.callbacks.shop import CUSTOMER, OTHER, OURS, Shop, at
from tests.routing.callbacks.test_desk_attempts import SlowStore

QUEUE = "[group.sales.queue_callback]\nenabled = true\n"
MOBILE = "+36301112222"
BUSY = {"201": "busy", "202": "busy"}


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A shop whose desk and database agree in the end on what is open."""
    shop = Shop(more=QUEUE)
    yield shop
    for number, event in enumerate(shop.store.events, 1):
        check_event(event._replace(seq=number))
    assert sorted(shop.store.callbacks.open_tasks()) == sorted(shop.desk.admin.open_tasks())


def promised(shop: Shop, **request: object) -> str:
    answer = shop.request(**request)  # type: ignore[arg-type]
    assert answer.terms is not None, answer
    shop.desk.calls.promised(answer.terms.task, shop.now)
    return answer.terms.task


def row(shop: Shop, task: str) -> TaskRow:
    return shop.store.all_tasks[task]


def kinds(shop: Shop, task: str) -> list[str]:
    return [line.kind for line in shop.journal(task=task)]


def test_a_request_is_a_task_of_its_own_kind_that_waits_for_its_place(shop: Shop) -> None:
    answer = shop.request(waited=75.0)
    assert answer.terms is not None
    task = row(shop, answer.terms.task)
    assert (task.kind, task.state, task.customer) == ("queue", "open", CUSTOMER)
    assert (task.due_at, task.attempts_max) == (None, 1)
    assert task.missed_at == shop.now - 75.0
    assert task.expires_at == shop.now + 3600.0
    assert task.options["caller"] == CUSTOMER
    assert answer.terms[1:] == (CUSTOMER, "sales", "en", 20.0, 0.0)
    assert [line.data for line in shop.journal("requested", task.id)] == [{
        "call": "call 1", "caller": CUSTOMER, "number": "+3614445555", "customer": CUSTOMER, "place": "place 1",
        "waited_s": 75.0, "expires_at": task.expires_at}]
    assert [event.kind for event in shop.store.events] == ["callback.queued", "queue.requested", "place.held"]
    assert shop.until(shop.now + 3500.0) == [], "who has a place is not called by ourselves"


def test_without_a_place_it_is_due_at_once_and_before_every_other_callback(shop: Shop) -> None:
    for agent in ("201", "202"):
        shop.floor.states[agent] = "busy"
    shop.missed(OTHER, waited=20.0)
    shop.wait(1.0)
    promised(shop, place=None)
    shop.floor.states["201"] = "free"
    order = shop.until_ordered(60.0, 1.0)
    assert order is not None
    assert order.customer == CUSTOMER


def test_an_accepted_place_is_dialled_like_any_callback(shop: Shop) -> None:
    task = promised(shop)
    shop.desk.places.place_taken(task, None, shop.now)
    order = shop.accept(task)
    assert order is not None
    assert (order.task, order.agent, order.customer) == (task, "201", CUSTOMER)
    shop.talks(order)
    assert (row(shop, task).state, row(shop, task).reason) == ("done", "talked")
    assert kinds(shop, task) == ["requested", "place_held", "place_taken", "assigned", "agent", "accepted", "attempt",
                                 "answered", "ended", "result"]
    assert shop.turn() == []
    assert shop.room.left == []


def test_a_decline_returns_to_the_queue_until_the_third(shop: Shop) -> None:
    task = promised(shop)
    for round_ in range(1, ROUNDS):
        shop.desk.places.place_taken(task, "201", shop.now)
        assert shop.desk.places.place_declined(task, None, "key", shop.now)
        shop.desk.places.place_returned(task, f"place {round_ + 1}", shop.now)
        assert shop.turn() == []
    shop.desk.places.place_taken(task, "201", shop.now)
    assert not shop.desk.places.place_declined(task, "201", "hung_up", shop.now)
    assert [(line.agent, line.data["round"], line.data["why"]) for line in shop.journal("declined", task)] == [
        ("201", 1, "key"), ("201", 2, "key"), ("201", 3, "hung_up")]
    orders = shop.turn()
    assert [order.agent for order in orders] == ["202"], "not the one who declined"


@pytest.mark.parametrize("why", ["pbx", "time", "voicemail", "media"])
def test_a_lost_place_is_dispatched_at_once(shop: Shop, why: str) -> None:
    task = promised(shop)
    shop.now += 100.0
    shop.desk.places.place_lost(task, why, shop.now)
    assert [(line.data["why"], line.data["held_s"]) for line in shop.journal("place_lost", task)] == [(why, 100.0)]
    assert [order.task for order in shop.turn()] == [task]


def test_after_the_limit_there_is_a_ticket_whatever_the_settings(shop: Shop) -> None:
    task = promised(shop)
    shop.until(shop.now + 3601.0)
    assert (row(shop, task).state, row(shop, task).reason) == ("expired", "limit")
    assert [ticket.subject for ticket in shop.store.all_tickets.values()] == [f"Callback {CUSTOMER}"]
    assert shop.room.left == [(task, "limit")]


def test_a_restart_loses_every_place_and_keeps_every_request() -> None:
    shop = Shop(more=QUEUE)
    task = promised(shop)
    again = shop.reborn()
    assert [line.data["why"] for line in again.journal("place_lost", task)] == ["restart"]
    assert [order.task for order in again.turn()] == [task]


def test_what_is_not_on_disk_is_as_if_they_had_not_asked(shop: Shop) -> None:
    shop.floor.states = {"201": "busy", "202": "busy"}
    missed = shop.missed()
    assert missed is not None
    shop.stay(shop.request(put=False), "database")
    assert [task.id for task in shop.store.callbacks.open_tasks()] == [missed.id]
    assert [task.id for task in shop.desk.admin.open_tasks()] == [missed.id]


def test_another_callback_gives_way_to_a_request(shop: Shop) -> None:
    shop.floor.states = {"201": "busy", "202": "busy"}
    missed = shop.missed()
    assert missed is not None
    task = promised(shop)
    assert (row(shop, missed.id).state, row(shop, missed.id).reason) == ("cancelled", "asked_in_queue")
    assert [each.id for each in shop.store.callbacks.open_tasks()] == [task]


def test_a_number_is_promised_one_callback(shop: Shop) -> None:
    task = promised(shop, customer=MOBILE)
    assert shop.request(customer=MOBILE, caller=OTHER, place="place 2").refusal == "asked_already"
    assert shop.request(customer=MOBILE, caller=None, place="place 2").refusal == "asked_already"
    assert [(line.data["reason"], line.data.get("caller")) for line in shop.journal("refused", task)] == [
        ("asked_already", OTHER), ("asked_already", None)]


def test_who_asks_again_may_name_another_number(shop: Shop) -> None:
    task = promised(shop)
    assert promised(shop, customer=MOBILE) == task
    assert row(shop, task).customer == MOBILE
    assert shop.journal("asked_again", task)[0].data["before"] == CUSTOMER
    assert [each.id for each in shop.store.callbacks.open_tasks()] == [task]
    assert shop.desk.admin.open_tasks()[0].customer == MOBILE


# What it is, for who looks


def place_of(shop: Shop, customer: str, group: str = "sales") -> str | None:
    return shop.desk.calls.place_of(QueuedCaller(customer, group, OURS), shop.now)


def test_who_rings_in_again_is_known_by_both_numbers_while_the_place_is_held(shop: Shop) -> None:
    task = promised(shop, customer=MOBILE)
    assert [place_of(shop, number) for number in (CUSTOMER, MOBILE, OTHER)] == [task, task, None]
    assert place_of(shop, CUSTOMER, "support") is None
    shop.desk.places.place_lost(task, "pbx", shop.now)
    assert place_of(shop, CUSTOMER) is None


def test_who_rings_in_once_the_agent_accepted_is_given_to_the_attempt(shop: Shop) -> None:
    task = promised(shop, customer=MOBILE)
    assert [shop.desk.calls.rang_in(NewCaller(number, "sales"), shop.now)
            for number in (CUSTOMER, MOBILE)] == [None, None]
    order = shop.accept(task)
    assert order is not None
    assert [shop.desk.calls.rang_in(NewCaller(number, "sales"), shop.now) for number in (CUSTOMER, MOBILE, OTHER)] == [
        order.attempt, order.attempt, None]
    assert shop.desk.calls.rang_in(NewCaller(CUSTOMER, "support"), shop.now) is None, "they want somebody else"
    assert shop.desk.calls.rang_in(NewCaller(MOBILE, "support"), shop.now) == order.attempt


def test_a_withheld_caller_stands_nowhere(shop: Shop) -> None:
    task = promised(shop, customer=MOBILE, caller=None)
    assert "caller" not in row(shop, task).options
    assert all(line.data.get("caller") is None for line in shop.journal(task=task))


def test_a_request_of_somebody_else_is_said_in_the_ticket(shop: Shop) -> None:
    promised(shop, customer=MOBILE)
    shop.until(shop.now + 3601.0)
    (comment,) = shop.store.all_comments.values()
    assert f"asked for a callback in the queue by {CUSTOMER}" in comment.text


# Whom it is refused, and how often


@pytest.mark.parametrize(("customer", "word"), [
    (OURS, "own_number"), ("+3690123456", "number_type"), ("+4915112345678", "country"), ("+36112", "number_type"),
])
def test_a_number_that_is_never_called_makes_a_request_that_has_failed(shop: Shop, customer: str, word: str) -> None:
    assert shop.request(customer=customer).refusal == word
    assert not shop.name(customer)
    failed = [task for task in shop.store.all_tasks.values() if task.customer == customer]
    assert [(task.kind, task.state, task.reason) for task in failed] == [("queue", "failed", word)] * 2
    assert shop.store.callbacks.open_tasks() == []


def test_a_number_is_not_named_in_more_requests_than_it_may_be_dialled() -> None:
    shop = Shop(text=Shop.write(more=QUEUE).replace("number_per_hour = 100", "number_per_hour = 3"))
    answers = []
    for index in range(50):
        caller = f"+3620555{index:04}"
        answer = shop.request(customer=MOBILE, caller=caller, place=f"place {index}")
        answers.append(answer.refusal)
        if answer.terms is not None:
            shop.talked(MOBILE)
    assert answers == [""] * 3 + ["number_cap"] * 47
    assert not [task for task in shop.store.all_tasks.values() if task.reason not in ("talk", "number_cap")]


def test_requests_count_among_what_is_promised_in_an_hour() -> None:
    shop = Shop(more=QUEUE, guard="tasks_per_hour = 2")
    assert shop.request().terms is not None
    shop.missed(OTHER)
    assert shop.request(customer=MOBILE, caller=MOBILE, place="place 2").refusal == "flood"
    assert len(shop.store.all_tasks) == 2
    assert shop.alarms["callbacks_flood"] is not None
    assert [event["reason"] for event in shop.events("callback.failed")] == ["flood"]


@pytest.mark.parametrize("restart", [False, True])
def test_numbers_that_are_refused_take_nobodys_promise_away_and_are_written_down_so_often(restart: bool) -> None:
    shop = Shop(more=QUEUE, guard="tasks_per_hour = 3")
    for index in range(10):
        assert not shop.name(f"+36901234{index:02}", caller=None)
        assert shop.request(customer=f"+36901235{index:02}", place=None).refusal == "number_type"
    assert [task.state for task in shop.store.all_tasks.values()] == ["failed"] * 3
    shop = shop.reborn() if restart else shop
    assert shop.alarms.get("callbacks_flood") is None
    taken_back = shop.request()
    shop.stay(taken_back, "taken")
    for customer in (CUSTOMER, OTHER):
        shop.missed(customer)
    assert shop.request(customer=MOBILE, caller=MOBILE, place="place 2").refusal == ""
    assert sorted(task.kind for task in shop.store.callbacks.open_tasks()) == ["missed", "missed", "queue"]


QUIET = 'quiet_hours = ["mon-sun 11:00-13:00"]'


@pytest.mark.parametrize(("guard", "word"), [
    (QUIET, "quiet_hours"), ("stop = true", "stop"), ("all_per_hour = 1", "all_cap"), ("all_per_day = 1", "all_cap"),
    ("open_tasks = 1", "open_tasks"), ("tasks_per_hour = 1", "flood"),
])
def test_who_could_not_be_called_now_waits_on(guard: str, word: str) -> None:
    shop = Shop(more=QUEUE)
    shop.fails(shop.accept(promised(shop, customer=OTHER, caller=OTHER)))  # type: ignore[arg-type]
    held = promised(shop, customer=OTHER, caller=OTHER)
    shop.policy(more=QUEUE, guard=guard)
    answer = shop.request(place="place 2")
    assert (answer.terms, answer.refusal) == (None, word)
    assert [task.id for task in shop.store.callbacks.open_tasks()] == [held]
    assert [event["reason"] for event in shop.events("callback.failed")][1:] == [word]


def test_who_has_asked_before_the_guard_said_no_keeps_their_request() -> None:
    shop = Shop(more=QUEUE)
    task = promised(shop)
    shop.policy(more=QUEUE, guard="stop = true\nopen_tasks = 1\n" + QUIET)
    assert promised(shop, place="place 2") == task


def test_while_an_attempt_calls_that_number_it_is_refused(shop: Shop) -> None:
    shop.missed()
    assert shop.until_ordered(600.0, 1.0) is not None
    assert shop.request().refusal == "being_called"


# Asked again


def test_who_asks_again_from_another_place_has_that_one(shop: Shop) -> None:
    task = promised(shop)
    assert promised(shop, place="place 2") == task
    assert shop.room.left == [(task, "asked_again")]
    shop.desk.places.place_taken(task, "201", shop.now)
    assert shop.events("place.taken")[0]["place"] == "place 2"


def test_who_asks_again_while_they_wait_for_us_has_a_place_again(shop: Shop) -> None:
    shop.floor.states = dict(BUSY)
    task = promised(shop)
    shop.desk.places.place_lost(task, "pbx", shop.now)
    shop.wait(1.0)
    assert promised(shop, place="place 2") == task
    shop.floor.states = {}
    assert shop.until(shop.now + 600.0) == []


def test_whom_they_named_may_name_another_number_themselves(shop: Shop) -> None:
    task = promised(shop, customer=MOBILE)
    assert promised(shop, customer=OTHER, caller=MOBILE, place="place 1") == task
    assert (row(shop, task).customer, row(shop, task).options["caller"]) == (OTHER, MOBILE)
    assert (place_of(shop, CUSTOMER), place_of(shop, MOBILE), place_of(shop, OTHER)) == (None, task, task)


@pytest.mark.parametrize("lost", [True, False])
def test_a_request_made_again_in_vain_stands_as_it_was(shop: Shop, lost: bool) -> None:
    task = promised(shop)
    shop.stay(shop.request(customer=MOBILE, place="place 2", put=not lost), "database" if lost else "taken")
    assert shop.room.left == [], "the place that they had is theirs"
    assert (row(shop, task).customer, row(shop, task).state) == (CUSTOMER, "open")
    assert place_of(shop, CUSTOMER) == task
    assert place_of(shop, MOBILE) is None


def test_whom_an_agent_took_before_they_were_told_was_promised_nothing(shop: Shop) -> None:
    shop.floor.states = dict(BUSY)
    missed = shop.missed()
    assert missed is not None
    answer = shop.request()
    shop.stay(answer, "taken")
    assert answer.terms is not None
    assert (row(shop, answer.terms.task).state, row(shop, answer.terms.task).reason) == ("cancelled", "taken")
    assert [task.id for task in shop.store.callbacks.open_tasks()] == [missed.id]
    assert shop.room.left == []


def test_who_talked_before_the_database_said_no_is_done_with(shop: Shop) -> None:
    shop.floor.states = dict(BUSY)
    shop.missed()
    answer = shop.request(put=False)
    shop.talked()
    shop.stay(answer, "database")
    assert shop.store.callbacks.open_tasks() == []


# The agent


@pytest.mark.parametrize("why", ["key", "hung_up", "silent"])
def test_declined_may_go_to_the_next_free_agent_by_ourselves(why: str) -> None:
    shop = Shop(more=QUEUE + 'declined = "dispatch"\n')
    task = promised(shop)
    shop.desk.places.place_taken(task, "201", shop.now)
    assert not shop.desk.places.place_declined(task, None, why, shop.now)  # type: ignore[arg-type]
    assert [(order.task, order.agent) for order in shop.turn()] == [(task, "202")]


def test_when_everybody_declined_the_next_round_begins_after_a_pause() -> None:
    shop = Shop(more=QUEUE + 'declined = "dispatch"\n', callback='retry_agent = "60s"')
    task = promised(shop)
    shop.desk.places.place_taken(task, "201", shop.now)
    assert not shop.desk.places.place_declined(task, "201", "key", shop.now)
    (order,) = shop.turn()
    shop.end(order, "declined")
    assert shop.until(shop.now + 55.0, 5.0) == []
    assert [order.task for order in shop.until(shop.now + 10.0, 5.0)] == [task]


def test_nobody_is_asked_twice_where_nobody_knows_who_declined(shop: Shop) -> None:
    task = promised(shop)
    for round_ in range(ROUNDS):
        shop.desk.places.place_taken(task, None, shop.now)
        assert shop.desk.places.place_declined(task, None, "silent", shop.now) == (round_ < ROUNDS - 1)
        shop.desk.places.place_returned(task, f"place {round_}", shop.now)
    assert row(shop, task).declined == ()
    assert shop.until(shop.now + 50.0, 1.0) == [], "whoever it was would be the first whom we ring"
    assert [order.task for order in shop.until(shop.now + 20.0, 1.0)] == [task]


def test_one_whom_nobody_knows_and_who_declined_is_not_rung_at_once() -> None:
    shop = Shop(more=QUEUE + 'declined = "dispatch"\n', callback='retry_agent = "60s"')
    task = promised(shop)
    shop.desk.places.place_taken(task, None, shop.now)
    assert not shop.desk.places.place_declined(task, None, "key", shop.now)
    assert shop.until(shop.now + 55.0, 5.0) == []
    assert [order.task for order in shop.until(shop.now + 10.0, 5.0)] == [task]


def test_an_agent_who_pressed_1_and_left_costs_the_request_nothing(shop: Shop) -> None:
    task = promised(shop)
    order = shop.accept(task)
    assert order is not None
    shop.end(order, "agent_left", 487)
    assert [order.agent for order in shop.turn()] == ["202"]
    assert row(shop, task).attempts == 0


def test_whom_nobody_knows_and_who_left_keeps_no_queue_from_being_rung() -> None:
    shop = Shop(more=QUEUE.replace("sales", "queue"))
    task = promised(shop, group="queue")
    order = shop.accept(task, None)
    assert order is not None
    assert (order.agent, order.target, order.preview) == (None, "800", 0.0)
    shop.end(order, "agent_left", 487)
    assert [order.target for order in shop.turn()] == ["800"]


def test_opening_hours_keep_no_agent_who_is_there_and_no_place_from_its_call() -> None:
    shop = Shop(at("2026-11-23 16:59"), more=QUEUE, sales='hours = ["mon-fri 08:00-17:00"]')
    task, other = promised(shop), promised(shop, customer=OTHER, caller=OTHER, place="place 2")
    shop.until(at("2026-11-23 17:10"))
    order = shop.accept(task)
    assert order is not None
    shop.talks(order)
    shop.desk.places.place_lost(other, "pbx", shop.now)
    assert shop.until(at("2026-11-23 17:50")) == []
    assert (row(shop, other).state, row(shop, other).reason) == ("expired", "closed")
    assert len(shop.store.all_tickets) == 1


@pytest.mark.parametrize(("policy", "word"), [
    ({"guard": "stop = true"}, "stop"), ({"guard": "all_per_day = 1\nall_per_hour = 1"}, "all_cap"),
    ({"guard": 'quiet_hours = ["mon-sun 00:00-24:00"]'}, "quiet_hours"),
])
def test_the_guard_may_keep_an_agent_from_it(policy: dict[str, str], word: str) -> None:
    shop = Shop(more=QUEUE)
    task = promised(shop)
    first = shop.accept(promised(shop, customer=OTHER, caller=OTHER, place="place 2"))
    assert first is not None
    shop.fails(first)
    shop.policy(more=QUEUE, **policy)
    assert shop.accept(task, "202") is None
    assert [line.data["why"] for line in shop.journal("place_lost", task)] == [word]
    assert word in [line.data["reason"] for line in shop.journal("refused", task)]
    assert shop.turn() == []


def test_a_customer_who_is_called_elsewhere_is_not_called_twice(shop: Shop) -> None:
    shop.floor.states = dict(BUSY)
    task = promised(shop)
    shop.missed(group="support")
    order = shop.until_ordered(3000.0, 1.0)
    assert order is not None
    assert order.group == "support"
    assert shop.accept(task) is None
    assert shop.until(shop.now + 30.0, 1.0) == []
    shop.talks(order)
    assert row(shop, task).state == "done"


# The customer


def test_who_does_not_answer_is_not_called_again_and_the_ticket_says_so() -> None:
    shop = Shop(more=QUEUE, tickets="true")
    shop.text = shop.text.replace("on = [", "on_start = true\non = [")
    shop.renew()
    task = promised(shop)
    order = shop.accept(task)
    assert order is not None
    shop.fails(order)
    assert (row(shop, task).state, row(shop, task).reason) == ("failed", "unreached")
    assert len(shop.store.all_tickets) == 1
    assert any("Callback tried by 201" in comment.text for comment in shop.store.all_comments.values())
    assert shop.until(shop.now + 7200.0) == []


@pytest.mark.parametrize(("result", "cause"), [("customer_no_answer", 487), ("customer_busy", 486), ("short", 200)])
def test_retries_are_the_groups_choice(result: str, cause: int) -> None:
    shop = Shop(more=QUEUE + 'retries = 1\nretry_after = "10m"\n')
    task = promised(shop)
    order = shop.accept(task)
    assert order is not None
    shop.fails(order, result, cause)  # type: ignore[arg-type]
    begun = shop.now
    again = shop.until_ordered(3600.0, 1.0)
    assert again is not None
    assert shop.now - begun == 600.0
    shop.fails(again, result, cause)  # type: ignore[arg-type]
    assert (row(shop, task).state, row(shop, task).reason) == ("failed", "unreached")


def test_a_try_that_is_lost_in_a_crash_is_made_again_after_the_same_time() -> None:
    shop = Shop(more=QUEUE + 'retries = 1\nretry_after = "10m"\n')
    task = promised(shop)
    order = shop.accept(task)
    assert order is not None
    assert shop.step(order, "customer")
    again = shop.reborn()
    assert again.until(again.now + 590.0, 10.0) == []
    assert [order.task for order in again.until(again.now + 20.0, 10.0)] == [task]


def test_a_retry_after_the_limit_is_none_and_there_is_a_ticket() -> None:
    shop = Shop(more=QUEUE + 'retries = 1\nretry_after = "2h"\n')
    task = promised(shop)
    order = shop.accept(task)
    assert order is not None
    shop.fails(order)
    assert (row(shop, task).state, row(shop, task).reason) == ("expired", "limit")
    assert [ticket.task for ticket in shop.store.all_tickets.values()] == [task]


@pytest.mark.parametrize("number", [CUSTOMER, MOBILE])
def test_any_talk_of_whom_it_concerns_ends_it_and_its_place_is_left(shop: Shop, number: str) -> None:
    task = promised(shop, customer=MOBILE)
    shop.talked(number)
    shop.turn()
    assert (row(shop, task).state, row(shop, task).reason) == ("done", "talk")
    assert shop.room.left == [(task, "talk")]


@pytest.mark.parametrize("number", [CUSTOMER, MOBILE])
def test_who_rings_in_and_hangs_up_has_their_request_and_no_other_callback(shop: Shop, number: str) -> None:
    task = promised(shop, customer=MOBILE)
    shop.missed(number)
    assert [each.id for each in shop.store.callbacks.open_tasks()] == [task]
    assert row(shop, task).missed == 1


# Time


def test_nobody_is_cut_off_who_listens_when_the_limit_is_over() -> None:
    shop = Shop(more=QUEUE + 'limit = "60s"\n')
    task = promised(shop)
    shop.wait(59.0)
    shop.desk.places.place_taken(task, "201", shop.now)
    shop.wait(10.0)
    assert shop.room.left == []
    order = shop.accept(task)
    assert order is not None
    assert shop.dial(order)
    shop.wait(30.0)
    assert shop.runner.stopped == []
    shop.end(order, "customer_no_answer", 487)
    assert row(shop, task).state == "failed"


@pytest.mark.parametrize("declines", [True, False])
def test_an_agent_who_takes_it_too_late_ends_it_with_their_time(declines: bool) -> None:
    shop = Shop(more=QUEUE + 'limit = "60s"\n')
    task = promised(shop)
    shop.wait(59.0)
    shop.desk.places.place_taken(task, "201", shop.now)
    shop.wait(5.0)
    if declines:
        assert not shop.desk.places.place_declined(task, None, "key", shop.now)
    shop.until(shop.now + (0.0 if declines else 21.0), 1.0)
    assert row(shop, task).state == "expired"
    assert len(shop.store.all_tickets) == 1


def test_an_attempt_of_ours_is_not_cut_by_the_limit_either() -> None:
    shop = Shop(more=QUEUE + 'limit = "60s"\n')
    task = promised(shop, place=None)
    (order,) = shop.wait(50.0)
    shop.wait(20.0)
    assert shop.dial(order)
    shop.end(order, "customer_no_answer", 487)
    assert row(shop, task).state == "failed"


def test_an_attempt_in_vain_after_the_limit_ends_it() -> None:
    shop = Shop(more=QUEUE + 'limit = "60s"\n')
    task = promised(shop, place=None)
    (order,) = shop.wait(50.0)
    shop.now += 20.0
    shop.end(order, "agent_no_answer", 487)
    shop.turn()
    assert row(shop, task).state == "expired"
    assert len(shop.store.all_tickets) == 1


# Who goes first


def test_who_lost_their_place_goes_in_the_order_in_which_they_came(shop: Shop) -> None:
    shop.floor.states = dict(BUSY)
    numbers = [f"+3620777000{index}" for index in range(4)]
    tasks = [promised(shop, customer=number, caller=number, place=f"place {number}", waited=waited)
             for number, waited in zip(numbers, (10.0, 90.0, 30.0, 60.0), strict=True)]
    for task in tasks:
        shop.desk.places.place_lost(task, "pbx", shop.now)
        shop.wait(0.0)
    shop.floor.states = {"202": "busy"}
    served = []
    for _ in tasks:
        order = shop.until_ordered(60.0, 1.0)
        assert order is not None
        served.append(numbers.index(order.customer))
        shop.talks(order)
    assert served == [1, 3, 2, 0]


def test_live_calls_do_not_hinder_those_who_waited_longer() -> None:
    shop = Shop(more=QUEUE, callback='priority = "queue_empty"')
    shop.floor.queues = {"sales": 5}
    shop.missed(OTHER)
    task = promised(shop, place=None)
    orders = shop.until(shop.now + 60.0, 1.0)
    assert [order.task for order in orders] == [task]


def test_per_live_serves_so_many_live_callers_between_two() -> None:
    shop = Shop(more=QUEUE + "per_live = 2\n")
    shop.floor.queues = {"sales": 5}
    for index in range(4):
        promised(shop, customer=f"+3620777000{index}", caller=f"+3620777000{index}", place=None)
    served = []
    for taken in range(1, 6):
        shop.floor.takes = {"sales": taken}
        for order in shop.wait(5.0):
            shop.talks(order, 1.0)
            served.append(taken)
    assert served == [1, 3, 5]
    shop.floor.queues = {}
    assert len(shop.wait(5.0)) == 1, "while nobody waits it is no rule"


# What an operator does


def test_held_it_gives_its_place_up_and_resumed_it_is_due(shop: Shop) -> None:
    task = promised(shop)
    shop.desk.admin.hold(task, shop.now)
    assert shop.accept(task) is None
    assert shop.until(shop.now + 60.0, 5.0) == []
    assert shop.room.left == [(task, "held")]
    shop.desk.admin.resume(task, shop.now)
    assert [order.task for order in shop.turn()] == [task]


def test_cancelled_it_leaves_its_place(shop: Shop) -> None:
    task = promised(shop)
    shop.desk.admin.cancel(task, shop.now)
    assert shop.accept(task) is None
    shop.turn()
    assert shop.room.left == [(task, "operator")]


def test_called_now_it_leaves_its_place_and_goes(shop: Shop) -> None:
    task = promised(shop)
    shop.desk.admin.call_now(task, shop.now)
    assert [order.task for order in shop.turn()] == [task]
    assert shop.room.left == [(task, "call_now")]


def test_a_number_on_the_do_not_call_list_is_not_called(shop: Shop) -> None:
    task = promised(shop)
    shop.desk.admin.add_do_not_call(CUSTOMER, shop.now)
    shop.turn()
    assert shop.room.left == [(task, "do_not_call")]
    assert row(shop, task).state == "cancelled"


def test_another_policy_leaves_until_when_it_was_promised(shop: Shop) -> None:
    task = promised(shop)
    until = row(shop, task).expires_at
    shop.policy(more=QUEUE.replace("true", "false") + 'limit = "5m"\nretries = 2\n', missed="attempts = 5")
    shop.turn()
    assert (row(shop, task).expires_at, row(shop, task).attempts_max, row(shop, task).state) == (until, 1, "open")
    assert place_of(shop, CUSTOMER) == task


# Processes


def test_after_a_crash_nobody_is_dialled_twice_and_the_ticket_says_who_was_not_reached() -> None:
    shop = Shop(more=QUEUE)
    dialled, accepted = promised(shop), promised(shop, customer=OTHER, caller=OTHER, place="place 2")
    for task, agent in ((dialled, "201"), (accepted, "202")):
        order = shop.accept(task, agent)
        assert order is not None
        assert task != dialled or shop.dial(order)
    again = shop.reborn()
    (order,) = again.turn()
    assert order.task == accepted
    again.talks(order)
    assert again.until(again.now + 3000.0) == []
    assert (row(again, dialled).state, row(again, dialled).reason) == ("failed", "unreached")
    assert [ticket.task for ticket in again.store.all_tickets.values()] == [dialled]


def test_a_place_is_written_down_again_while_it_is_held(shop: Shop) -> None:
    task = promised(shop)
    until = row(shop, task).options["place"]["until"]
    shop.until(shop.now + RENEWAL + 1.0, 1.0)
    assert row(shop, task).options["place"]["until"] == until + RENEWAL
    shop.now -= 3600.0
    shop.turn()
    assert row(shop, task).options["place"]["until"] < until


def test_a_place_that_is_gone_though_nobody_said_so_is_lost(shop: Shop) -> None:
    task = promised(shop)
    shop.room.lost.add(task)
    assert [order.task for order in shop.until(shop.now + RENEWAL + 2.0, 1.0)] == [task]
    assert [line.data["why"] for line in shop.journal("place_lost", task)] == ["unknown"]


def test_what_ends_while_its_caller_hears_that_they_will_be_called_is_left_then(shop: Shop) -> None:
    task = promised(shop)
    shop.room.lost.add(task)  # it holds them once they have hung up
    shop.desk.admin.cancel(task, shop.now)
    shop.until(shop.now + 10.0, 1.0)
    assert shop.room.left == []
    shop.room.lost.clear()
    shop.until(shop.now + 5.0, 1.0)
    assert shop.room.left == [(task, "operator")]


def test_who_asks_again_for_what_an_operator_holds_waits_on(shop: Shop) -> None:
    task = promised(shop)
    shop.desk.admin.hold(task, shop.now)
    assert shop.request(place="place 2").refusal == "held"
    shop.turn()
    assert row(shop, task).state == "held"


def test_who_asks_again_after_that_keeps_the_new_place(shop: Shop) -> None:
    task = promised(shop)
    shop.room.lost.add(task)
    shop.desk.admin.hold(task, shop.now)
    shop.turn()
    shop.desk.admin.resume(task, shop.now)
    assert promised(shop, place="place 2") == task
    shop.room.lost.clear()
    shop.until(shop.now + 70.0, 1.0)
    assert shop.room.left == []
    assert place_of(shop, CUSTOMER) == task


def test_a_claim_that_the_database_refuses_costs_the_place_alone(shop: Shop) -> None:
    task = promised(shop)
    shop.desk.places.place_taken(task, "201", shop.now)
    shop.store.broken = True
    assert shop.accept(task) is None
    shop.store.broken = False
    assert [line.data["why"] for line in shop.journal("place_lost", task)] == ["database"]
    assert shop.desk.places.place_declined(task, "201", "hung_up", shop.now) is False
    assert [order.task for order in shop.until(shop.now + 6.0, 1.0)] == [task]
    assert shop.store.all_tasks[task].attempts == 0


def test_a_claim_that_is_refused_on_the_way_costs_the_place_alone(shop: Shop) -> None:
    task = promised(shop)
    shop.store.all_do_not_call[CUSTOMER] = DoNotCallRow(CUSTOMER, shop.now, "by another node, which we do not know yet")
    assert shop.accept(task) is None
    assert [line.data["why"] for line in shop.journal("place_lost", task)] == ["refused"]
    assert place_of(shop, CUSTOMER) is None
    shop.store.all_do_not_call.clear()
    assert [order.task for order in shop.until(shop.now + 10.0, 1.0)] == [task]


def test_a_request_whose_group_is_gone_goes_with_its_place_to_the_group_of_its_number(shop: Shop) -> None:
    task = promised(shop)
    before = row(shop, task)
    shop.text = shop.text.replace("group.sales", "group.new").replace('group = "sales"', 'group = "new"')
    shop.renew()
    shop.turn()
    after = row(shop, task)
    assert (after.group, after.expires_at, after.attempts_max) == ("new", before.expires_at, 1)
    assert place_of(shop, CUSTOMER, "new") == task
    order = shop.accept(task)
    assert order is not None
    assert order.group == "new"


def test_what_is_called_already_when_it_comes_to_nothing_is_not_called(shop: Shop) -> None:
    answer = shop.request(place=None)
    assert len(shop.turn()) == 1
    shop.stay(answer, "taken")
    assert shop.until(shop.now + 600.0, 10.0) == []
    assert [reason for _, reason in shop.runner.stopped] == ["taken"]
    assert shop.desk.admin.attempts() == ()


def test_an_agent_who_is_rung_by_us_may_take_a_place_all_the_same(shop: Shop) -> None:
    shop.floor.states = {"202": "busy"}
    task = promised(shop)
    shop.missed(OTHER)
    rung = shop.until_ordered(3000.0, 10.0)
    assert rung is not None
    assert rung.agent == "201"
    order = shop.accept(task, "201")
    assert order is not None
    shop.end(rung, "agent_busy", 486)
    assert shop.dial(order)
    assert shop.until(shop.now + 40.0, 1.0) == []
    shop.end(order, "customer_no_answer", 487)
    assert shop.until_ordered(3000.0, 10.0) is not None


# While the disk is slow


class SlowShop(Shop):
    """A shop whose claims are answered when the test says so."""

    def __init__(self, more: str = QUEUE) -> None:
        self.disk = SlowStore()
        super().__init__(store=self.disk, more=more)
        self.heard: list[AttemptOrder | None] = []

    def press(self, task: str) -> None:
        self.disk.slow = True
        self.desk.places.place_accepted(task, "201", self.now, self.heard.append)
        assert self.heard == []

    def answer(self, kept: bool = True) -> AttemptOrder | None:
        self.disk.slow, self.disk.broken = False, not kept
        self.disk.catch_up()
        self.disk.broken = False
        (order,) = self.heard
        if order is not None:
            self.runner.running[order.attempt] = order
        return order


def test_who_rings_in_before_the_claim_is_known_is_given_to_the_place_and_then_to_the_attempt() -> None:
    shop = SlowShop()
    task = promised(shop)
    shop.press(task)
    assert shop.desk.calls.rang_in(NewCaller(CUSTOMER, "sales"), shop.now) is None
    assert place_of(shop, CUSTOMER) == task
    order = shop.answer()
    assert order is not None
    assert place_of(shop, CUSTOMER) is None
    assert shop.desk.calls.rang_in(NewCaller(CUSTOMER, "sales"), shop.now) == order.attempt


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("act", ["cancel", "hold", "talk", "do_not_call"])
def test_what_happens_before_the_claim_is_known_counts(act: str, kept: bool) -> None:
    shop = SlowShop()
    task = promised(shop)
    shop.press(task)
    match act:
        case "talk":
            shop.talked()
        case "do_not_call":
            shop.desk.admin.add_do_not_call(CUSTOMER, shop.now)
        case _:
            getattr(shop.desk.admin, act)(task, shop.now)
    shop.wait(1.0)
    assert shop.answer(kept) is None
    assert shop.until(shop.now + 30.0, 1.0) == []
    assert shop.desk.admin.attempts() == ()
    assert shop.room.left == [], "whoever pressed 1 hears why not, and that ends it"
    assert row(shop, task).state == {"cancel": "cancelled", "hold": "held", "talk": "done",
                                     "do_not_call": "cancelled"}[act]
    if act == "hold":
        shop.desk.admin.resume(task, shop.now)
        assert [order.task for order in shop.until(shop.now + 10.0, 1.0)] == [task]


def test_the_limit_before_the_claim_is_known_ends_nothing() -> None:
    shop = SlowShop(QUEUE + 'limit = "60s"\n')
    task = promised(shop)
    shop.now += 59.0
    shop.press(task)
    shop.wait(10.0)
    order = shop.answer()
    assert order is not None
    assert shop.dial(order)


def test_what_the_room_tells_of_a_place_that_is_accepted_changes_nothing() -> None:
    shop = SlowShop()
    task = promised(shop)
    shop.press(task)
    places = shop.desk.places
    assert not places.place_declined(task, "201", "hung_up", shop.now)
    places.place_lost(task, "pbx", shop.now)
    places.place_returned(task, "place 2", shop.now)
    places.place_accepted(task, "201", shop.now, shop.heard.append)
    assert shop.heard == [None]
    shop.heard.clear()
    assert shop.answer() is not None
    assert shop.journal("place_lost") == []


def test_what_the_room_tells_of_a_place_that_nobody_knows_changes_nothing(shop: Shop) -> None:
    heard: list[AttemptOrder | None] = []
    places = shop.desk.places
    places.place_taken("nobody's", "201", shop.now)
    places.place_returned("nobody's", "place 2", shop.now)
    places.place_lost("nobody's", "pbx", shop.now)
    places.place_accepted("nobody's", "201", shop.now, heard.append)
    assert not places.place_declined("nobody's", "201", "key", shop.now)
    assert heard == [None]
    assert shop.store.all_journal == []


def test_where_the_pbx_shows_nobody_per_live_starves_nobody() -> None:
    shop = Shop(more=QUEUE + "per_live = 2\n")
    shop.floor.queues = {"sales": 5}
    for index in range(2):
        promised(shop, customer=f"+3620777000{index}", caller=f"+3620777000{index}", place=None)
    (first,) = shop.turn()
    shop.talks(first, 10.0)
    begun = shop.now
    assert shop.until_ordered(3000.0, 1.0) is not None
    assert 200.0 < shop.now - begun <= 300.0


@pytest.mark.parametrize("act", ["held", "stop"])
def test_a_try_that_is_stopped_while_it_rings_is_made_again(shop: Shop, act: str) -> None:
    task = promised(shop)
    order = shop.accept(task)
    assert order is not None
    assert shop.step(order, "customer")
    if act == "held":
        shop.desk.admin.hold(task, shop.now)
    else:
        shop.policy(more=QUEUE, guard="stop = true")
    assert shop.wait(1.0) == []
    assert shop.runner.stopped == [(order.attempt, act)]
    assert row(shop, task).state == ("held" if act == "held" else "open")
    assert shop.wait(60.0) == []
    if act == "held":
        shop.desk.admin.resume(task, shop.now)
    else:
        shop.policy(more=QUEUE)
    assert [order.task for order in shop.until(shop.now + 60.0, 1.0)] == [task]


@pytest.mark.parametrize(("result", "cause", "text"), [
    ("agent_left", 487, ""), ("customer_failed", 503, ""), ("stopped", None, "shutting down"),
])
def test_a_try_in_which_nobody_could_answer_is_made_again_but_not_for_ever(
        result: Result, cause: int | None, text: str) -> None:
    shop = Shop(more=QUEUE, callback='retry_agent = "10s"')
    task = promised(shop)
    order = shop.accept(task)
    for _ in range(4):
        assert order is not None
        assert row(shop, task).state == "open"
        shop.fails(order, result, cause, text=text)
        order = shop.until_ordered(120.0, 1.0)
    assert order is None
    assert (row(shop, task).state, row(shop, task).reason) == ("failed", "unreached")


def test_what_is_promised_to_somebody_gives_way_to_their_own_word_alone(shop: Shop) -> None:
    shop.floor.states = dict(BUSY)
    missed = shop.missed()
    assert missed is not None
    for caller in (OTHER, None):
        assert shop.request(caller=caller).refusal == "asked_already"
    assert row(shop, missed.id).state == "open"


def test_a_talk_with_another_group_is_none_of_what_they_asked_this_one_for(shop: Shop) -> None:
    task = promised(shop, customer=MOBILE)
    shop.talked(CUSTOMER, group="support")
    assert row(shop, task).state == "open"


def test_a_bug_at_the_claim_loses_the_place_and_not_the_request(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    task = promised(shop)
    with monkeypatch.context() as patched:
        patched.setattr(shop.floor, "engaged", lambda customer: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            shop.accept(task)
    assert [order.task for order in shop.turn()] == [task]


def test_a_no_of_a_slow_disk_leaves_nothing_behind() -> None:
    disk = SlowStore()
    shop = Shop(store=disk, more=QUEUE)
    shop.floor.states = dict(BUSY)
    missed = shop.missed()
    assert missed is not None
    shop.stay(shop.request(), "database")  # it is there, though the answer was no
    assert [each.id for each in shop.store.callbacks.open_tasks()] == [missed.id]
    assert sorted(shop.store.callbacks.open_tasks()) == sorted(shop.desk.admin.open_tasks())


def test_a_number_that_is_refused_opens_no_ticket_for_nobody_was_promised_anything() -> None:
    shop = Shop(more=QUEUE, tickets="true")
    assert not shop.name("+3690123456")
    assert [task.state for task in shop.store.all_tasks.values()] == ["failed"]
    assert shop.store.all_tickets == {}
    figures = shop.desk.admin.figures()["sales"]
    assert (figures.total, figures.in_queue) == (0, 0)
