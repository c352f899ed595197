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


def test_a_field_that_a_text_lacks_has_its_default_and_one_that_nobody_knows_is_left_out() -> None:
    task = a_task(version=7)
    text = to_text(Unit((task,)))
    older = text.replace('"version":7', '"colour":"red"')
    assert older != text
    assert to_unit(older) == Unit((task._replace(version=1),))


@pytest.mark.parametrize(("text", "why"), [
    ('[false,[["PaintTask",{"colour":"red"}]]]', "what only a later version knows .PaintTask"),
    ('[false,[["DropLeg",{"call":"x"}]]]', "what only a later version knows .DropLeg"),
    ('[false,[["DoNotCallRow",{"customer":"+3612345678"}]]]', "it is no unit .TypeError"),
    ('[false,[["ChangeTask",{"base":1,"base_by":""}]]]', "it is no unit .KeyError"),
    ('[false,[["RemoveRecord",{"record":7}]]]', "it is no unit .TypeError"),
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
