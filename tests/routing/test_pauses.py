"""An agent's pause: kept on disk, told, and no call that we send goes to them."""

from collections.abc import Callable

from routing.facts import Ending
from routing.rows import PauseRow
from routing.storage import ANYTHING_CHANGED
from routing.writes import Unit
from tests.routing.world import CUSTOMER, World

Worlds = Callable[..., World]


def states(world: World) -> list[tuple[str, str | None]]:
    world.commit()
    return [(data["state"], data.get("reason")) for _, data in world.told("agent.state")]


def test_a_pause_is_told_with_its_reason_and_outlives_a_restart(world: World, worlds: Worlds) -> None:
    world.connect()
    floor = world.ledger.attendance
    floor.pause("201", "lunch", world.now)
    floor.pause("202", "", world.now)
    floor.pause("201", "training", world.now + 5)
    floor.resume("202", world.now + 6)
    assert states(world) == [("paused", "lunch"), ("paused", ""), ("unknown", None)]
    assert world.store.pauses() == [PauseRow("201", world.now, "training", "edge1")]
    world.close()
    again = worlds()
    again.ledger.restore(again.now)
    floor = again.ledger.attendance
    assert (floor.agent_state("201"), floor.agent_state("202")) == ("paused", "unknown")
    assert floor.pauses() == (PauseRow("201", again.now, "training", "edge1"),)
    floor.resume("201", again.now)
    floor.resume("201", again.now)
    again.commit()
    assert again.store.pauses() == []
    assert floor.agent_state("201") == "unknown"


def test_what_an_agent_said_before_the_pauses_were_read_stands(world: World, worlds: Worlds) -> None:
    """The database could not be read at the start, and is again."""
    for agent in ("201", "202", "203"):
        world.ledger.attendance.pause(agent, "before", world.now)
    world.commit()
    world.close()
    again = worlds()
    floor = again.ledger.attendance
    floor.resume("201", again.now)
    floor.pause("202", "after", again.now + 1)
    again.ledger.restore(again.now + 2)
    assert {pause.agent: pause.reason for pause in floor.pauses()} == {"202": "after", "203": "before"}
    again.commit()
    assert {pause.agent for pause in again.store.pauses()} == {"202", "203"}


def test_a_pause_during_a_talk_begins_after_it(world: World) -> None:
    world.connect()
    call = world.calls_out("201")
    world.ledger.decide(call, world.now)
    world.ledger.attendance.pause("201", "lunch", world.now)
    assert world.ledger.attendance.agent_state("201") == "busy"
    world.ledger.ended(call.id, Ending(486, "callee"), world.now)
    assert world.ledger.attendance.agent_state("201") == "paused"
    assert states(world) == [("busy", None), ("paused", "lunch")]


def test_direct_callback_passes_by_an_agent_who_takes_a_pause(world: World) -> None:
    """The customer rings the queue at once, the record stays; of two agents the other one is rung."""
    world.dial("201")
    assert world.reaches() == "201"
    world.ledger.attendance.pause("201", "", world.now)
    assert world.reaches() is None
    world.dial("202")
    assert world.reaches() == "202"
    world.ledger.attendance.pause("202", "", world.now)
    world.ledger.attendance.resume("201", world.now)
    assert world.reaches() == "201"
    assert {record.agent for record in world.store.direct.records(CUSTOMER)} == {"201", "202"}


# Where several nodes share them


def hear(world: World) -> None:
    """Hear of what the other node has written, and take it."""
    world.store.tell_changed(ANYTHING_CHANGED)
    world.loop.run()
    world.ledger.turn(world.now)
    world.commit()


def paused(*worlds: World) -> list[list[tuple[str, str]]]:
    return [sorted((pause.agent, pause.reason) for pause in world.ledger.attendance.pauses()) for world in worlds]


def test_a_pause_that_is_said_at_another_node_is_one_here(worlds: Worlds) -> None:
    a, b = (worlds("type = 1", node=name, shared=True) for name in "ab")
    for world in (a, b):
        world.connect()
        world.ledger.restore(world.now)
    a.dial("201")
    a.ledger.attendance.pause("201", "lunch", a.now)
    a.commit()
    hear(b)
    assert (paused(b), b.reaches()) == ([[("201", "lunch")]], None)
    assert states(b) == [("paused", "lunch")]
    a.ledger.attendance.pause("201", "training", a.now)
    a.commit()
    hear(b)
    assert paused(b) == [[("201", "training")]]
    b.ledger.attendance.resume("201", b.now)
    b.commit()
    hear(a)
    assert (paused(a, b), a.reaches(), b.reaches()) == ([[], []], "201", "201")


def test_what_is_said_here_stands_while_what_the_other_says_is_read(worlds: Worlds) -> None:
    a = worlds(node="a")
    a.ledger.restore(a.now)
    a.store.put(Unit((PauseRow("202", a.now, "there", "b"),)))
    a.commit()
    a.store.tell_changed(ANYTHING_CHANGED)
    a.loop.run()
    a.ledger.turn(a.now)
    a.loop.arrived()  # what is read now is what was put before the next word
    a.ledger.attendance.pause("201", "here", a.now)
    a.loop.run()
    assert ("201", "here") in paused(a)[0]
    a.commit()
    a.ledger.turn(a.now)
    a.commit()
    assert paused(a) == [[("201", "here"), ("202", "there")]]
