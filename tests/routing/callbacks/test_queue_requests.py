"""Requests of callers who wait in a queue: how one comes about, what holds its place, and how it ends."""

from collections.abc import Iterator

import pytest

from routing.callbacks.places import ROUNDS
from routing.rows import TaskRow
from tests.routing.callbacks.shop import CUSTOMER, OTHER, Shop

QUEUE = "[group.sales.queue_callback]\nenabled = true\n"
MOBILE = "+36301112222"


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A shop whose desk and database agree in the end on what is open."""
    shop = Shop(more=QUEUE)
    yield shop
    assert sorted(shop.store.callbacks.open_tasks()) == sorted(shop.desk.admin.open_tasks())


def promised(shop: Shop, **request: object) -> str:
    answer = shop.request(**request)  # type: ignore[arg-type]
    assert answer.terms is not None, answer
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
    assert shop.request(committed=False).refusal == "database"
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
    promised(shop, customer=MOBILE)
    assert shop.request(customer=MOBILE, caller=OTHER, place="place 2").refusal == "asked_already"
    assert shop.request(customer=MOBILE, caller=None, place="place 2").refusal == "asked_already"


def test_who_asks_again_may_name_another_number(shop: Shop) -> None:
    task = promised(shop)
    assert promised(shop, customer=MOBILE) == task
    assert row(shop, task).customer == MOBILE
    assert shop.journal("asked_again", task)[0].data["before"] == CUSTOMER
    assert [each.id for each in shop.store.callbacks.open_tasks()] == [task]
    assert shop.desk.admin.open_tasks()[0].customer == MOBILE
