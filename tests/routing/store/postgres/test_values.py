"""What PostgreSQL cannot hold is refused alone, and all else comes back as it was."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routing.store.engine import Engine, Queued, UnitError
from routing.store.queries import CallbackQuery
from routing.writes import ChangeTask, Unit
from tests.kit.engines import postgres_engine
from tests.routing.store.postgres_world import PostgresWorld
from tests.routing.store.rows import a_line, a_task
from tests.routing.store.test_sqlite import record
from tests.routing.world import CUSTOMER


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    made = postgres_engine(database, "edge1")
    made.open()
    yield made
    made.close()


@pytest.mark.parametrize("bad", ["with \x00 in it", "half \udcff of one"])
def test_text_that_it_cannot_hold_is_refused_alone(database: str, bad: str) -> None:
    world = PostgresWorld(database)
    good, lost = a_task(), a_task(group="care")
    world.store.put(Unit((good,)))
    world.store.put(Unit((lost._replace(reason=bad), record("201"))))
    world.store.put(Unit((a_line(good.id),)))
    world.commit()
    assert world.store.callbacks.open_tasks() == [good]
    assert len(world.store.callbacks.journal(good.id)) == 1
    assert [row.agent for row in world.store.direct.records(CUSTOMER)] == ["201"], "what stood beside it is kept"
    assert [fault.alarm for fault in world.faults] == ["database_unit"]
    world.close()


def test_within_details_it_is_kept(engine: Engine) -> None:
    task = a_task(options={"note": "\x00 and \U0001f600", "huge": 10**30, "list": [1.5, None, True]})
    engine.apply([Queued(1, Unit((ChangeTask(task, 0, ""),)))])
    assert engine.read(CallbackQuery.TASK, (task.id,)) == [task]


@pytest.mark.parametrize("changes", [
    {"missed": 2**63}, {"missed": "many"}, {"customer": None}, {"due_at": object()}, {"declined": object()}])
def test_what_is_no_value_is_a_fault_of_the_unit(engine: Engine, changes: dict[str, object]) -> None:
    with pytest.raises(UnitError):
        engine.apply([Queued(1, Unit((a_task()._replace(**changes),)))])  # type: ignore[arg-type]
    assert not engine.apply([Queued(1, Unit((record("201"),)))]).refused


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
TIME = st.floats(allow_nan=False, width=64)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reason=TEXT, note=TEXT, due=st.none() | TIME, missed=st.integers(-2**63, 2**63 - 1),
       declined=st.lists(TEXT, max_size=3).map(tuple))
def test_all_else_comes_back_as_it_was(engine: Engine, reason: str, note: str, due: float | None, missed: int,
                                       declined: tuple[str, ...]) -> None:
    task = a_task(state="done", reason=reason, options={"note": note}, due_at=due, missed=missed, declined=declined)
    engine.apply([Queued(1, Unit((task, a_line(task.id, note=note))))])
    assert engine.read(CallbackQuery.TASK, (task.id,)) == [task]
    assert [line.data for line in engine.read(CallbackQuery.JOURNAL, (task.id,))] == [{"note": note}]

