"""Calls that one node began and another one ends: one row, judged once, as whoever began it would have."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from routing.calls import HEARD_OF, LONGEST_CALL
from routing.facts import Ending, NewCall
from routing.rows import CallRow
from routing.storage import ANYTHING_CHANGED, ChangedRows, changed_rows
from routing.writes import TakeAway, TakeOnly, TakeRow, Unit
from tests.routing.world import CUSTOMER, SHARED, World, pai

Worlds = Callable[..., World]
HUNG_UP = Ending(487, "caller")


@pytest.fixture
def pair(worlds: Worlds) -> tuple[World, World]:
    """Two nodes on one database; each has a desk that listens."""
    found = worlds(node="a", shared=True), worlds(node="b", shared=True)
    for world in found:
        world.connect()
    return found


def as_found(call: NewCall) -> NewCall:
    """What a message inside a call says of it: of a customer who called in nothing."""
    shown = () if call.direction == "inbound" else call.identities
    return call._replace(identities=shown, withheld=call.direction == "inbound")


def ring(world: World, call: NewCall) -> None:
    world.ledger.decide(call, world.now)
    world.ledger.ringing(call.id, 0, world.now)
    world.commit()


def hear(world: World, changed: ChangedRows = ANYTHING_CHANGED) -> None:
    """Hear what the other node has written, and take it with the next turn."""
    world.commit()
    world.store.tell_changed(changed)
    world.loop.run()
    world.ledger.turn(world.now)
    world.commit()


def row_of(world: World, call: NewCall) -> CallRow:
    row = world.store.calls.one(call.id)
    assert row is not None
    return row


def ends(world: World) -> list[str]:
    """Calls whose end a node has told of."""
    return [data["call"] for _, data in world.told("call.ended")]


def test_a_customer_who_hangs_up_elsewhere_is_missed_there_once(pair: tuple[World, World], worlds: Worlds) -> None:
    a, b = pair
    call = a.calls_in()
    ring(a, call)
    b.now += 20
    found = b.ledger.open_call(call.sip_call_id, b.now)
    assert found is not None
    assert (found.id, found.trunk, found.pbx, found.direction) == (call.id, "main", "office", "inbound")
    b.ledger.ended(call.id, HUNG_UP, b.now)
    assert ends(b) == [call.id]
    [missed] = b.ears.missed_calls
    assert (missed.call, missed.customer, missed.number, missed.group) == (call.id, CUSTOMER, SHARED, "sales")
    assert (missed.why, missed.weight, missed.began_at) == ("hung_up", "certain", a.now)
    row = row_of(b, call)
    assert (row.node, row.reason, row.customer, row.ended_by, row.judged) == ("a", "normal", CUSTOMER, "caller",
                                                                              "missed")
    hear(a)
    assert (a.ledger.calls(), ends(a), a.ears.missed_calls) == ((), [], [])
    a.ledger.ended(call.id, HUNG_UP, a.now)
    again = worlds(node="a", shared=True)
    again.connect()
    assert again.ledger.restore(b.now) == 0
    again.ledger.sweep(b.now)
    assert (ends(again), again.ears.missed_calls, row_of(again, call)) == ([], [], row)


@pytest.mark.parametrize("first_word", ["ack", "bye"])
def test_a_talk_that_ends_elsewhere_is_a_talk_of_its_agent(pair: tuple[World, World], first_word: str) -> None:
    a, b = pair
    call = a.calls_in()
    ring(a, call)
    a.ledger.answered(call.id, 0, (pai("201"),), None, a.now, "tag")
    a.commit()
    b.now = a.now + 60
    b.ledger.adopt(as_found(call), first_word == "ack", b.now)
    assert b.ledger.attendance.agent_state("201") == "busy"
    assert [entry.customer for entry in b.ledger.calls()] == [CUSTOMER]
    b.now += 5
    b.ledger.ended(call.id, Ending(200, "caller", dialog="tag"), b.now)
    [talk] = b.ears.talks
    assert (talk.call, talk.customer, talk.agent, talk.group, talk.seconds) == (call.id, CUSTOMER, "201", "sales", 65.0)
    assert b.ledger.attendance.agent_state("201") == "free"
    b.commit()
    hear(a)
    assert a.ledger.attendance.agent_state("201") == "free"
    assert (ends(a), ends(b), a.ears.talks) == ([], [call.id], [])
    row = row_of(a, call)
    assert (row.agent, row.talk_s, row.judged, row.reason) == ("201", 65.0, "talked", "normal")


def test_an_answer_that_nobody_had_written_counts_from_the_first_word_here(pair: tuple[World, World]) -> None:
    a, b = pair
    call = a.calls_in()
    ring(a, call)
    b.now += 30
    b.ledger.adopt(as_found(call), True, b.now)
    b.commit()
    assert row_of(b, call).answered_at == b.now
    b.now += 40
    b.ledger.ended(call.id, Ending(200, "callee", dialog="tag"), b.now)
    assert [talk.seconds for talk in b.ears.talks] == [40.0]
    assert b.ears.missed_calls == []


def test_an_agent_who_dials_in_vain_elsewhere_is_who_a_customer_reaches(worlds: Worlds) -> None:
    a, b = (worlds("type = 1", node=name, shared=True) for name in "ab")
    call = a.calls_out("201")
    ring(a, call)
    assert b.ledger.open_call(call.sip_call_id, b.now) is not None
    b.ledger.ended(call.id, Ending(486, "callee"), b.now)
    b.commit()
    assert (a.reaches(), b.reaches()) == ("201", "201")


def test_a_talk_elsewhere_ends_a_direct_callback(worlds: Worlds) -> None:
    a, b = (worlds("type = 2", node=name, shared=True) for name in "ab")
    a.dial("201")
    a.commit()
    call = a.calls_in()
    ring(a, call)
    assert row_of(a, call).tried == "201"
    a.ledger.answered(call.id, 0, (pai("201"),), None, a.now, "tag")
    a.commit()
    b.ledger.adopt(as_found(call), True, b.now)
    b.ledger.ended(call.id, Ending(200, "caller", dialog="tag"), b.now + 60)
    b.commit()
    assert (a.reaches(), b.reaches()) == (None, None)


def test_what_ends_here_as_the_other_hears_of_it_is_one_end(pair: tuple[World, World]) -> None:
    """A message may come to a node when the call is over there, and its end not on disk yet."""
    a, b = pair
    call = a.calls_in()
    ring(a, call)
    b.ledger.open_call(call.sip_call_id, b.now)
    b.ledger.ended(call.id, HUNG_UP, b.now)  # not committed yet
    b.ledger.adopt(as_found(call), True, b.now)
    assert b.ledger.open_call(call.sip_call_id, b.now) is None
    assert b.ledger.calls() == ()
    assert len(b.ears.missed_calls) == 1


def test_a_call_that_both_have_goes_on_until_one_has_ended_it(pair: tuple[World, World]) -> None:
    a, b = pair
    call = a.calls_in()
    ring(a, call)
    a.ledger.answered(call.id, 0, (pai("201"),), None, a.now, "tag")
    a.commit()
    b.ledger.adopt(as_found(call), True, b.now)
    for world in (a, b, a, b):
        hear(world)
    assert [len(world.ledger.calls()) for world in (a, b)] == [1, 1]
    a.ledger.ended(call.id, Ending(200, "callee", dialog="tag"), a.now + 60)
    a.commit()
    hear(b)
    assert (b.ledger.calls(), ends(b), ends(a)) == ((), [], [call.id])
    assert b.ledger.standing(call.id, b.now) == "over", "what is still under way passes"


def test_legs_of_another_node_are_its_own(pair: tuple[World, World]) -> None:
    a, b = pair
    row = CallRow(a.calls_in().id, "leg@a", "outbound", "main", "office", CUSTOMER, None, CUSTOMER, "201", "callback",
                  "sales", "callback", None, a.now, None, None, None, None, None, None)
    a.store.put(Unit((row,)))
    a.commit()
    assert b.ledger.open_call("leg@a", b.now) is None
    assert b.ledger.calls() == ()


def test_a_call_id_of_nobody_is_looked_for_in_vain(pair: tuple[World, World]) -> None:
    a, b = pair
    call = a.calls_in()
    ring(a, call)
    assert b.ledger.open_call(call.sip_call_id) is None, "a new call does not wait for a look"
    assert b.ledger.open_call("nobody's", b.now) is None
    assert a.ledger.open_call(call.sip_call_id, a.now) is None, "its own one"


# Where each node has a copy, which comes late


def own(worlds: Worlds, tmp_path: Path, name: str) -> World:
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    world = worlds(node=name, folder=folder)
    world.connect()
    return world


def copy(row: CallRow, to: World) -> None:
    """Have a row come to another node's database."""
    to.store.put(Unit((row,)))
    hear(to, ChangedRows(frozenset(("calls",)), calls=frozenset((row.id,))))


def test_the_row_of_whoever_began_it_may_come_later(worlds: Worlds, tmp_path: Path) -> None:
    a, b = own(worlds, tmp_path, "a"), own(worlds, tmp_path, "b")
    call = a.calls_in()
    ring(a, call)
    b.ledger.adopt(as_found(call), False, b.now)
    b.commit()
    assert row_of(b, call).reason == "adopted"
    with sqlite3.connect(b.path) as database:  # what comes is put in the place of ours
        database.execute("DELETE FROM calls")
    database.close()
    copy(row_of(a, call), b)
    [entry] = b.ledger.calls()
    assert (entry.customer, entry.group, entry.reason) == (CUSTOMER, "sales", "normal")
    b.ledger.ended(call.id, HUNG_UP, b.now + 30)
    assert [missed.customer for missed in b.ears.missed_calls] == [CUSTOMER]


def test_whoever_comes_back_finds_its_own_row_open_and_says_nothing_of_it(worlds: Worlds, tmp_path: Path) -> None:
    a, b = own(worlds, tmp_path, "a"), own(worlds, tmp_path, "b")
    call = a.calls_in()
    ring(a, call)
    a.ledger.answered(call.id, 0, (pai("201"),), None, a.now, "tag")
    a.commit()
    copy(row_of(a, call), b)
    b.ledger.adopt(as_found(call), True, b.now)
    b.ledger.ended(call.id, Ending(200, "caller", dialog="tag"), b.now + 60)
    b.commit()
    a.close()
    again = own(worlds, tmp_path, "a")
    again.now = a.now + LONGEST_CALL + 1
    assert again.ledger.restore(again.now) == 1
    again.ledger.sweep(again.now)
    assert again.ledger.attendance.agent_state("201") == "busy"
    copy(row_of(b, call), again)
    assert (again.ledger.calls(), ends(again), again.ears.talks) == ((), [], [])
    assert again.ledger.attendance.agent_state("201") == "free"
    assert row_of(again, call).ended_by == "caller"


def test_a_call_read_back_that_nobody_has_ended_is_lost_after_all(worlds: Worlds) -> None:
    world = worlds()
    call = world.calls_in()
    ring(world, call)
    world.close()
    again = worlds()
    again.now += LONGEST_CALL + 1
    again.ledger.restore(again.now)
    for after, left in ((0.0, 1), (HEARD_OF - 1, 1), (HEARD_OF, 0)):
        again.ledger.sweep(again.now + after)
        assert len(again.ledger.calls()) == left


def test_what_was_changed_is_named_where_rows_are_many() -> None:
    row = CallRow("c1", "", "inbound", "", "", None, None, "", None, None, None, "normal", None, 1.0, None, None, None,
                  None, None, None)
    assert changed_rows([TakeRow(row, "a"), TakeAway("pauses", ("201",), 1.0), TakeAway("tasks", ("t1",), 1.0), row]) \
        == ChangedRows(frozenset(("calls", "pauses", "tasks")), frozenset(("t1",)), frozenset(), frozenset(("c1",)))
    copied = changed_rows([TakeOnly("tasks", frozenset(), 1.0)])
    assert copied.tasks is None
    assert copied.and_then(changed_rows([TakeRow(row, "a")])) == ChangedRows(
        frozenset(("calls", "tasks")), None, frozenset(), frozenset(("c1",)))
