"""A unit as text: every kind of write comes back as it was; neighbouring versions read each other's."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.events import Event
from routing.rows import LegRow, StandingAlarm
from routing.store.unit_text import KINDS, UnitTextError, is_shared, to_text, to_unit
from routing.writes import (
    OF_SHARING,
    ClearAlarm,
    DropLeg,
    ForgetEvents,
    RemoveDoNotCall,
    RemoveRecord,
    Shared,
    TakeAway,
    Unit,
    Write,
)
from tests.routing.store.rows import a_line, a_task
from tests.routing.store.test_sqlite import record
from tests.routing.store.writes import UNITS, WRITES
from tests.routing.world import BEGIN

OWN = {Event, ForgetEvents, StandingAlarm, ClearAlarm, LegRow, DropLeg}
"""What is each node's own."""


def test_every_kind_of_write_is_shared_or_said_not_to_be() -> None:
    assert set(WRITES) == set(KINDS.values()), "what is drawn is what there is"
    assert set(get_args(Write)) == set(WRITES) | OWN | OF_SHARING
    assert is_shared(RemoveDoNotCall("+3612345678"))
    assert not any(is_shared(write) for write in (DropLeg("x"), Shared(1), TakeAway("tasks", ("x",), 0.0)))


def exactly(row: Any) -> Any:
    """A row with the types of all that is in it."""
    if isinstance(row, dict):
        return {name: exactly(value) for name, value in row.items()}
    if isinstance(row, tuple | list):
        return type(row), [exactly(value) for value in row]
    return type(row), row


@given(UNITS)
def test_a_unit_comes_back_as_it_was(unit: Unit) -> None:
    assert exactly(to_unit(to_text(unit))) == exactly(unit)


@pytest.mark.parametrize("kind", WRITES)
@given(data=st.data())
def test_each_kind_comes_back_as_it_was(kind: type, data: st.DataObject) -> None:
    unit = Unit((data.draw(WRITES[kind]),))
    assert exactly(to_unit(to_text(unit))) == exactly(unit)


FIELDS = {
    "CallRow": "id sip_call_id direction trunk pbx customer number dialled agent evidence group reason tried "
               "started_at answered_at session_s ended_at cause ended_by talk_s node epoch attempt task grounds judged",
    "Record": "customer agent type made_at touched_at expires_at", "RemoveRecord": "record",
    "PauseRow": "agent since reason node", "DropPause": "agent", "SavePolicy": "text saved_at by",
    "TaskRow": "id customer group campaign kind number pbx trunk state reason created_at missed_at missed expires_at "
               "due_at attempts attempts_max responsible_kind responsible responsible_since released_at declined "
               "options ended_at version changed_by",
    "AttemptRow": "id task customer serial agent node step claimed_at customer_at answered_at ended_at result cause "
                  "talk_s engages epoch",
    "JournalRow": "task at kind agent data", "Ticket": "id number task customer group agent subject state created_at "
                                                       "closed_at",
    "TicketComment": "id ticket at author text internal", "Delivery": "id ticket comment channel tries next_at "
                                                                      "delivered_at error",
    "DoNotCallRow": "customer added_at reason", "ChangeTask": "task base base_by", "CloseAttempt": "attempt",
    "RemoveDoNotCall": "customer", "CountOffer": "at group number",
    "UserRow": "name role groups agent password created_at disabled_at",
    "TokenRow": "id name role groups agent hash created_at expires_at revoked_at",
    "AuditRow": "id at who role door verb about before after refused",
}
"""In the order of the first version that shared them."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_that_is_new_is_the_last_one_and_has_a_default(kind: str) -> None:
    """Nodes of two neighbouring versions read each other's: a field is told by its place."""
    first = FIELDS[kind].split()
    fields = KINDS[kind]._fields
    assert list(fields[:len(first)]) == first
    assert set(fields[len(first):]) <= set(KINDS[kind]._field_defaults)


def test_a_field_that_a_text_lacks_has_its_default_and_one_that_nobody_knows_is_left_out() -> None:
    task = a_task(version=7, changed_by="b")
    text = to_text(Unit((task,)))
    older = text.replace(',7,"b"]', "]")
    assert older != text
    assert to_unit(older) == Unit((task._replace(version=1, changed_by=""),))
    assert to_unit(text.replace(',7,"b"]', ',7,"b","red",{"x":1}]')) == Unit((task,))


@pytest.mark.parametrize(("text", "why"), [
    ('[false,[["PaintTask",["red"]]]]', "what only a later version knows .PaintTask"),
    ('[false,[["DropLeg",["x"]]]]', "what only a later version knows .DropLeg"),
    ('[false,[["DoNotCallRow",["+3612345678"]]]]', "it is no unit .TypeError"),
    ('[false,[["ChangeTask",[]]]]', "it is no unit .IndexError"),
    ('[false,[["TaskRow",["x"]]]]', "it is no unit .IndexError"),
    ('[false,[["RemoveRecord",[7]]]]', "it is no unit .TypeError"),
    ('[false,[[["Record"],[7]]]]', "it is no unit .TypeError"),
    ("[false]", "it is no unit .ValueError"), ("", "it is no unit .JSONDecodeError"), ("7", "it is no unit"),
    ("[" * 100_000, "it is no unit"),
])
def test_what_is_no_unit_is_refused(text: str, why: str) -> None:
    with pytest.raises(UnitTextError, match=why):
        to_unit(text)


def test_of_one_that_is_known_and_one_that_is_not_nothing_is_taken() -> None:
    text = to_text(Unit((RemoveRecord(record("201")), a_line("task", at=BEGIN))))
    with pytest.raises(UnitTextError):
        to_unit(text.replace("JournalRow", "DiaryRow"))
