"""Why a call went where it went: what is kept of the records of direct callback with the call's row."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing import grounds
from routing.facts import Ending
from routing.grounds import Grounds
from routing.rows import CallRow, Record
from routing.store.reader import Reader
from routing.writes import Unit
from tests.routing.world import BEGIN, CUSTOMER, DIRECT, World

NOON = 1_700_000_000.0


def record(agent: str, *, touched: float = NOON - 60, expires: float = NOON + 60) -> Record:
    return Record(CUSTOMER, agent, 1, NOON - 3600, touched, expires)


@pytest.mark.parametrize(("records", "followed", "types", "dialled", "why", "agent"), [
    ([record("201")], 0, {}, "600", "followed", "201"),
    ([record("201"), record("202", touched=NOON - 9)], 0, {}, "600", "followed", "201"),
    ([record("201"), record("202", touched=NOON - 9)], None, {}, "600", "elsewhere", "202"),
    ([record("201", expires=NOON)], None, {}, "600", "expired", "201"),
    ([record("201", expires=NOON), record("202", touched=NOON - 7000)], None, {}, "600", "elsewhere", "202"),
    ([record("201")], None, {"201": 0}, "600", "off", "201"),
    ([record("201")], None, {}, "201", "dialled", "201"),
])
def test_which_record_counted(records: list[Record], followed: int | None, types: dict[str, int], dialled: str,
                              why: str, agent: str) -> None:
    found = grounds.of(records, None if followed is None else records[followed], lambda one: types.get(one, 2),
                       dialled, NOON)
    assert (found.why, found.agent) == (why, agent)
    assert found.type == types.get(agent, 2)


@given(st.sampled_from(sorted(grounds.WHYS)), st.text(), st.integers(0, 4), st.floats(0, 2e10))
def test_what_is_written_is_read(why: grounds.Why, agent: str, kind: int, at: float) -> None:
    made = Grounds(why, agent, kind, at, at, at + 1)
    assert grounds.read(made.written()) == made


@pytest.mark.parametrize("text", [None, "", "{}", "[]", "nonsense", '["followed"]', '["?","201",1,1,1,1]',
                                  '["followed","201","x",1,1,1]', '["followed","201",1,null,1,1]', "[[],1,1,1,1,1]"])
def test_what_cannot_be_read_is_nothing(text: str | None) -> None:
    assert grounds.read(text) is None


def kept(world: World, call: str) -> CallRow:
    world.commit()
    row = world.store.calls.one(call)
    assert row is not None
    return row


def test_a_call_that_goes_to_the_agent_of_a_record_keeps_which_one_it_was(worlds: Callable[..., World]) -> None:
    world = worlds("type = 2")
    made = world.calls_out("201")
    world.ledger.decide(made, world.now)
    world.now += 5
    world.ledger.ended(made.id, Ending(486, "callee"), world.now)
    at = world.now
    world.hour(1)
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    world.ledger.ended(call.id, Ending(487, "caller"), world.now + 3)
    row = kept(world, call.id)
    assert grounds.read(row.grounds) == Grounds("followed", "201", 2, at, at, at + 8 * 3600)
    assert kept(world, made.id).grounds is None, "nothing of direct callback decided where it went"
    reader = Reader(world.path, "edge1", strict=True)
    assert [one.id for one in reader.ended_then(CUSTOMER, at)] == [made.id], "the call of which it was made"
    reader.close()


def test_a_call_after_the_expiry_keeps_that_there_was_a_record(worlds: Callable[..., World]) -> None:
    world = worlds("type = 1")
    world.dial()
    world.hour(9)
    call = world.calls_in()
    assert world.ledger.decide(call, world.now).reason == "normal"
    found = grounds.read(kept(world, call.id).grounds)
    assert found is not None
    assert (found.why, found.agent, found.expires_at) == ("expired", "201", BEGIN + 8 * 3600)


def test_a_call_to_a_direct_number_has_no_grounds_but_its_number(worlds: Callable[..., World]) -> None:
    world = worlds("type = 1")
    world.dial()
    call = world.calls_in(dialled=DIRECT)
    world.ledger.decide(call, world.now)
    assert kept(world, call.id).grounds is None


def test_what_a_call_belongs_to_stays_when_it_is_written_again(worlds: Callable[..., World]) -> None:
    world = worlds()
    call = world.calls_in()
    world.ledger.decide(call, world.now)
    first = kept(world, call.id)
    world.store.put(Unit((first._replace(attempt="attempt-1", task="task-1"),)))
    world.commit()
    world.store.put(Unit((first,)))
    assert (kept(world, call.id).attempt, kept(world, call.id).task) == ("attempt-1", "task-1")
    reader = Reader(world.path, "edge1", strict=True)
    for name in ("attempt-1", "task-1"):
        assert [row.id for row in reader.calls_of(name)] == [call.id]
    assert kept(world, call.id).node == "edge1"
    reader.close()
