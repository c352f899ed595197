"""How many callers were told that they may ask for a callback: counted in the database, over restarts, for any day."""

import contextlib
from collections.abc import Callable

import pytest

from routing.figures import DayFigures
from routing.store.engine import UnitError
from routing.store.queries import DayQuery
from routing.store.reader import Reader
from routing.today import day_of
from routing.writes import CountOffer, Unit
from tests.routing.store.rows import a_task, an_attempt
from tests.routing.store.test_engine import Make, engines, unit
from tests.routing.store.test_retention import BEFORE, OLD
from tests.routing.world import BEGIN, SHARED, World

Worlds = Callable[..., World]

__all__ = ["engines"]

ZONES = ("UTC", "Europe/Budapest", "Asia/Kathmandu", "Pacific/Chatham", "Pacific/Apia", "America/St_Johns",
         "Australia/Lord_Howe")
"""With quarters and halves of an hour, and a clock that goes forward by half of one."""


def an_offer(at: float = BEGIN, group: str = "sales", number: str | None = SHARED) -> CountOffer:
    return CountOffer(at, group, number)


def day(world: World, since: float) -> DayFigures:
    world.commit()
    with contextlib.closing(Reader(world.path, "edge1")) as reader:
        return reader.day(since)


def test_offers_of_one_batch_of_several_and_of_several_nodes_are_added_up(engines: Make) -> None:
    a, b = engines("a"), engines("b")
    a.apply([unit(an_offer(), an_offer(BEGIN + 1)), unit(an_offer(group="care", number=None))])
    b.apply([unit(an_offer(BEGIN + 2), an_offer(BEGIN + 2000))])
    assert sorted(a.read(DayQuery.OFFERED, {"first": "", "since": BEGIN - 900}), key=str) == [
        ("care", None, None, "queue", 1), ("sales", SHARED, None, "queue", 4)]


def test_a_unit_that_cannot_be_written_counts_nothing(engines: Make) -> None:
    engine = engines()
    with pytest.raises(UnitError):
        engine.apply([unit(an_offer(), an_attempt(a_task(), customer=None))])
    engine.apply([unit(an_offer())])
    assert engine.read(DayQuery.OFFERED, {"first": "", "since": BEGIN - 900}) == [("sales", SHARED, None, "queue", 1)]


def test_they_outlive_a_restart(worlds: Worlds) -> None:
    first = worlds()
    first.store.put(Unit((an_offer(), an_offer(group="care"))))
    first.commit()
    first.close()
    again = worlds()
    again.store.put(Unit((an_offer(BEGIN + 5),)))
    found = day(again, BEGIN - 900)
    assert {name: tally.offers_made for name, tally in found.groups.items()} == {"sales": 2, "care": 1}
    assert (found.total.offers_made, found.numbers[SHARED].offers_made, found.kinds["queue"].offers_made) == (3, 3, 3)


@pytest.mark.parametrize("zone", ZONES)
def test_a_day_begins_at_the_midnight_of_any_time_zone(engines: Make, zone: str) -> None:
    engine = engines()
    midnights = {day_of(BEGIN + days * 86_400, zone)[0] for days in range(366)}
    engine.apply([unit(*(an_offer(midnight + seconds) for midnight in midnights for seconds in (-1.0, 0.0)))])
    for nth, midnight in enumerate(sorted(midnights, reverse=True)):
        [row] = engine.read(DayQuery.OFFERED, {"first": "", "since": midnight})
        assert row[-1] == 2 * nth + 1, midnight


def test_those_that_are_too_old_are_removed(world: World) -> None:
    world.store.put(Unit((an_offer(OLD), an_offer(OLD + 5000), an_offer(BEFORE + 900))))
    world.commit()
    gone: list[object] = []
    world.store.forget(BEFORE, 1000, gone.append)
    world.loop.until(lambda: gone)
    assert day(world, 0.0).total.offers_made == 1


def test_what_was_refused_at_once_or_taken_back_was_not_promised(world: World) -> None:
    refused = [("failed", "guard", BEGIN), ("cancelled", "taken", BEGIN + 1), ("cancelled", "database", BEGIN + 1)]
    promised = [("failed", "unreached", BEGIN + 60), ("cancelled", "operator", BEGIN + 60), ("expired", "limit", BEGIN),
                ("open", "", None)]
    world.store.put(Unit(tuple(
        a_task(kind="queue", customer=f"+3620123456{n}", state=state, reason=reason, ended_at=ended_at)
        for n, (state, reason, ended_at) in enumerate(refused + promised))))
    found = day(world, BEGIN - 900).total
    assert (found.offers_taken, found.promised, found.failed, found.cancelled) == (4, 4, 1, 1)


def test_what_was_asked_for_in_a_queue_waited_since_it_was_asked_for(world: World) -> None:
    """The others since the missed call."""
    made, talked = BEGIN + 600, BEGIN + 1000
    tasks = [a_task(kind=kind, customer=f"+3620123456{n}", missed_at=BEGIN, created_at=made, state="done",
                    reason="talked", ended_at=talked + 60) for n, kind in enumerate(("queue", "missed"))]
    tries = [an_attempt(task, customer_at=talked - 10, answered_at=talked, ended_at=talked + 60, step="ended",
                        result="talked") for task in tasks]
    world.store.put(Unit((*tasks, *tries)))
    found = day(world, BEGIN - 900)
    assert {kind: (one.promised, one.offers_taken, one.average_wait_s) for kind, one in found.kinds.items()} == {
        "queue": (1, 1, 400.0), "missed": (1, 0, 1000.0)}
    assert found.groups["sales"].average_wait_s == 700.0
