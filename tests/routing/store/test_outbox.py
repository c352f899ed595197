"""The outbox: events stand in it as they go out, whatever version, setting or name of the node they come from."""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from routing.events import Event, EventText, Outbox
from routing.store.reader import Reader
from routing.writes import Unit
from tests.kit.waiting import eventually
from tests.routing.world import World

Worlds = Callable[..., World]
EVENT = Event("call.started", 1_700_000_000.5, "0190a0b0-0000-7000-8000-000000000001",
              {"customer": "+36301234567", "name": "Kovács"}, "edge1")
SHOWN = ('{"schema":1,"id":"0190a0b0-0000-7000-8000-000000000001","seq":1,"time":"2023-11-14T22:13:20.500Z",'
         '"kind":"call.started","node":"edge1","data":{"customer":"+36301234567","name":"Kovács"}}')


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path / "boomerang.db", "edge1")
    yield reader
    reader.close()


def put(world: World) -> None:
    world.store.put(Unit((EVENT,)))
    world.commit()


def change(world: World, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(world.path)) as db, db:
        db.execute(statement)


def test_an_event_stands_there_as_it_goes_out(world: World, reader: Reader) -> None:
    put(world)
    assert reader.texts_after(0, 10) == [EventText(1, "call.started", SHOWN)]
    assert reader.texts_after(1, 10) == []
    assert world.events == reader.events_after(0, 10) == [EVENT._replace(seq=1)]


def test_numbers_are_masked_in_what_is_kept_and_not_in_what_listeners_hear(worlds: Worlds, reader: Reader) -> None:
    world = worlds(outbox=Outbox.MASKED)
    put(world)
    assert reader.texts_after(0, 10) == [
        EventText(1, "call.started", SHOWN.replace("+36301234567", "+36*******67"), is_masked=True)]
    assert world.events == [EVENT._replace(seq=1)]


def test_what_the_version_before_has_left_goes_out_too(world: World, reader: Reader) -> None:
    put(world)
    data = json.dumps(EVENT.data)
    change(world, f"UPDATE outbox SET form=0, data='{data}'")
    assert reader.texts_after(0, 10) == [EventText(1, "call.started", SHOWN)]
    assert reader.events_after(0, 10) == [EVENT._replace(seq=1)]


@pytest.mark.parametrize("form", [0, 1, 2])
def test_of_a_row_that_cannot_be_read_the_rest_goes_out(world: World, reader: Reader, form: int) -> None:
    put(world)
    change(world, f"UPDATE outbox SET data='{{', form={form}")
    (told,) = reader.texts_after(0, 10)
    assert json.loads(told.text) == {**json.loads(SHOWN), "data": {}}


@pytest.mark.parametrize("outbox", [Outbox.PLAIN, Outbox.MASKED])
def test_an_event_names_the_node_that_publishes_it(worlds: Worlds, reader: Reader, outbox: Outbox) -> None:
    first = worlds(outbox=outbox)
    put(first)
    shown = reader.texts_after(0, 10)
    first.close()
    change(first, "UPDATE nodes SET name='old'")
    change(first, "UPDATE outbox SET node='old', data=replace(data, 'edge1', 'old')")
    change(first, "INSERT INTO outbox (id, time, kind, data, node, form) VALUES ('x', 0, 'call.ended', '{', 'old', 1)")
    worlds()
    assert reader.texts_after(0, 1) == shown
    assert json.loads(reader.texts_after(1, 1)[0].text)["node"] == "edge1"


def test_what_was_delivered_is_forgotten_soon_though_nothing_else_is_written(world: World, reader: Reader) -> None:
    put(world)
    put(world)
    world.store.delete_events_upto(1)
    eventually(lambda: [told.seq for told in reader.texts_after(0, 10)] == [2], "the delivered one is gone")


def test_what_was_delivered_is_forgotten_at_the_end(worlds: Worlds, reader: Reader) -> None:
    world = worlds()
    put(world)
    world.store.delete_events_upto(1)
    world.close()
    assert reader.texts_after(0, 10) == []


def test_it_is_forgotten_with_what_is_written_next(world: World, reader: Reader) -> None:
    put(world)
    world.store.delete_events_upto(1)
    put(world)
    assert [told.seq for told in reader.texts_after(0, 10)] == [2]
