"""Events of callbacks and tickets as the desk makes them, held against their models."""

import pytest

from proxy.status import callback_models, queue_models
from proxy.status.event_models import check_event
from routing.callbacks.facts import QueuedCaller
from routing.events import Event
from tests.routing.callbacks.shop import CUSTOMER, OTHER, Shop

DATA = {**callback_models.DATA, **queue_models.DATA}


def queued(shop: Shop) -> None:
    """One is offered a callback, asks for it; an agent declines its place, another one accepts. One place is lost."""
    offered = QueuedCaller(CUSTOMER, "sales", "+3614445555", "call", shop.now - 30.0)
    shop.store.put(shop.desk.calls.offered(offered, shop.now))
    asked = shop.request().terms
    lost = shop.request("+36307778888", None, place="place 2").terms
    assert asked is not None
    assert lost is not None
    shop.desk.places.place_taken(asked.task, None, shop.now)
    assert shop.desk.places.place_declined(asked.task, "201", "key", shop.now)
    shop.desk.places.place_returned(asked.task, "place 3", shop.now)
    shop.desk.places.place_taken(asked.task, "202", shop.now)
    order = shop.accept(asked.task, "202")
    assert order is not None
    shop.talks(order)
    shop.desk.places.place_lost(lost.task, "pbx", shop.now)


def everything() -> list[Event]:
    """Cause every kind of event at one desk, and one after another what can happen to a promise."""
    shop = Shop(tickets="true", missed='attempts = 2\nresponsible = "fixed"\nresponsible_agent = "201"',
                callback='wrap_up = "10s"\npreview = "5s"')
    shop.floor.states["201"] = "busy"
    shop.missed()
    order = shop.until_ordered()
    assert order is not None
    shop.fails(order)
    second = shop.until_ordered()
    assert second is not None
    shop.fails(second, cause=404)
    shop.missed(OTHER)
    third = shop.until_ordered()
    assert third is not None
    shop.talks(third)
    shop.missed("+36301112222")
    shop.desk.admin.cancel(shop.task("+36301112222").id, shop.now, "Anna")
    shop.missed("+36303334444")
    shop.talked("+36303334444")
    shop.missed("+36305556666")
    shop.desk.admin.hold(shop.task("+36305556666").id, shop.now)
    shop.until(shop.now + 25 * 3600, 3600)
    queued(shop)
    return [event._replace(seq=number) for number, event in enumerate(shop.store.events, 1)]


def test_every_kind_is_as_its_model_says() -> None:
    events = everything()
    assert {event.kind for event in events} >= set(DATA)
    for event in events:
        check_event(event)


@pytest.mark.parametrize("kind", sorted(DATA))
def test_a_model_refuses_what_it_does_not_know(kind: str) -> None:
    event = next(event for event in everything() if event.kind == kind)
    assert CUSTOMER[:3] in event.data["customer"]
    for change in ({"extra": 1}, {"customer": 5}):
        with pytest.raises(ValueError, match=next(iter(change))):
            check_event(event._replace(data={**event.data, **change}))
