"""Several nodes: what was kept before there were any, and two stores on one file."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

from routing.store import schema
from routing.writes import Unit
from tests.routing.store.rows import a_task
from tests.routing.world import World

Worlds = Callable[..., World]

OLD = Path(__file__).parent / "before_nodes.sql"
"""A database as the version before nodes left it: written by that version, then dumped."""


def old(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(OLD.read_text())


def test_what_the_version_before_nodes_left_is_carried_over(worlds: Worlds, tmp_path: Path) -> None:
    old(tmp_path / "boomerang.db")
    world = worlds()
    store = world.store
    assert store.well
    assert {row.sip_call_id for row in store.calls.open()} == {"call-1@old", "call-2@old"}
    assert {(row.customer[-1], row.state, row.version) for row in store.callbacks.open_tasks()} == {
        ("1", "open", 1), ("2", "open", 1), ("3", "held", 1)}
    [attempt] = store.callbacks.open_attempts()
    assert (attempt.node, attempt.step, attempt.engages, attempt.epoch) == ("edge1", "agent", None, 0)
    assert [(leg.call, leg.node) for leg in store.callbacks.legs()] == [("leg-1", "edge1")]
    assert [event.kind for event in store.events_after(0, 10)] == ["call.started", "callback.queued"]
    [ticket] = store.tickets.newest(9)
    assert (ticket.number, store.tickets.next_delivery() is not None) == (1, True)
    assert [row.customer for row in store.callbacks.do_not_call()] == ["+36201234569"]
    assert [record.agent for record in store.direct.records("+36201234561")] == ["201"]
    assert [alarm.name for alarm in store.standing()] == ["signing_key"]
    store.put(Unit((a_task(),)))
    world.commit()
    with contextlib.closing(sqlite3.connect(world.path)) as db:
        assert not schema.lacks(db), "as one that was made anew"


def test_what_a_node_of_another_name_left_is_taken_over(worlds: Worlds, tmp_path: Path) -> None:
    """The operator has renamed the node: its folder is its own all the same."""
    first = worlds()
    call = first.calls_in()
    first.ledger.decide(call, first.now)
    first.commit()
    first.close()
    with contextlib.closing(sqlite3.connect(first.path)) as db:
        db.execute("UPDATE calls SET node='old'")
        db.execute("UPDATE nodes SET name='old'")
        db.execute("UPDATE outbox SET node='old'")
        db.commit()
    again = worlds()
    assert [row.id for row in again.store.calls.open()] == [call.id]
    assert again.store.events_after(0, 9) != []
