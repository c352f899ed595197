"""The server dies, hangs, or the wire to it is cut: nothing is written twice, nothing by halves, and it goes on."""

from collections.abc import Callable, Iterator

import pytest

from routing.rows import TaskRow
from routing.storage import LOSS
from routing.store import writer
from routing.store.engine import Engine, Queued, ReadError, TroubleError, UnitError
from routing.store.postgres import session
from routing.store.queries import CallbackQuery, DirectQuery, NodeQuery
from routing.writes import ChangeTask, CountOffer, Unit, Write
from tests.kit.engines import postgres_engine
from tests.kit.postgres import Postgres
from tests.kit.postgres_relay import Relay, relay
from tests.kit.waiting import eventually
from tests.routing.store.postgres_world import PostgresWorld
from tests.routing.store.rows import a_line, a_task, an_attempt
from tests.routing.store.test_sqlite import event, record
from tests.routing.world import BEGIN, CUSTOMER


def unit(*writes: Write) -> Queued:
    return Queued(1, Unit(writes))


@pytest.fixture
def wire(postgres: Postgres, database: str) -> Iterator[Relay]:
    with relay(postgres.port) as made:
        yield made


@pytest.fixture
def engine(postgres: Postgres, wire: Relay) -> Iterator[Engine]:
    made = postgres_engine(postgres.url("shared").replace(str(postgres.port), str(wire.port)), "edge1")
    made.open()
    yield made
    made.close()


def everything(task: TaskRow) -> Unit:
    """Of each kind of write that would be there twice."""
    return Unit((task, a_line(task.id), event(), CountOffer(BEGIN, "sales", None)), durable=True)


def counts(engine: Engine, task: TaskRow) -> tuple[int, int, int]:
    engine.look_into()
    lines = len(engine.read(CallbackQuery.JOURNAL, (task.id,)))
    return lines, len(engine.read(NodeQuery.EVENTS, ("edge1", 0, 99))), len(engine.read(CallbackQuery.TASK, (task.id,)))


@pytest.mark.parametrize("came_through", [False, True])
def test_a_commit_whose_answer_is_lost_is_not_made_twice(engine: Engine, wire: Relay, came_through: bool) -> None:
    task, other = a_task(), a_task(group="care")
    batch = [Queued(1, everything(task))]
    wire.cut_at(b"COMMIT\0", came_through)
    with pytest.raises(TroubleError):
        engine.apply(batch)
    again = engine.apply([*batch, Queued(2, everything(other))])
    assert [told.seq for told in again.events] == [1, 2]
    assert counts(engine, task) == (1, 2, 1)
    assert counts(engine, other) == (1, 2, 1)


def test_what_came_through_stays_so_whatever_becomes_of_what_is_put_with_it(engine: Engine, wire: Relay) -> None:
    task, other = a_task(), a_task(group="care")
    batch = [Queued(1, everything(task)), Queued(2, everything(other))]
    wire.cut_at(b"COMMIT\0", True)
    with pytest.raises(TroubleError):
        engine.apply(batch)
    with pytest.raises(UnitError):
        engine.apply([*batch, unit(a_task(reason="\udcff"))])
    assert [told.seq for told in engine.apply(batch[:1]).events] == [1, 2], "told once, with the first of them"
    wire.cut_at(b"BEGIN", True)
    last = unit(a_line(task.id))
    with pytest.raises(TroubleError):
        engine.apply([batch[1], last])
    assert list(engine.apply([batch[1], last]).events) == []
    assert counts(engine, task) == (2, 2, 1)
    assert counts(engine, other) == (1, 2, 1)


def test_a_claim_whose_answer_is_lost_is_told_no_and_can_be_closed(engine: Engine, wire: Relay) -> None:
    task = a_task()
    engine.apply([unit(task)])
    attempt = an_attempt(task)
    wire.cut_at(b"COMMIT\0", True)
    with pytest.raises(TroubleError):
        engine.claim(attempt)
    assert not engine.claim(an_attempt(task, serial=2)), "it has come through all the same: nobody is dialled twice"
    engine.apply([unit(attempt._replace(ended_at=BEGIN, result="stopped"))])
    assert engine.claim(an_attempt(task, serial=2))


@pytest.mark.parametrize("word", [b"BEGIN", b"nodes", b"advisory_xact_lock(key)", b"INSERT INTO journal", b"numbers"])
def test_cut_anywhere_before_nothing_of_it_is_there(engine: Engine, wire: Relay, word: bytes) -> None:
    task = a_task()
    batch = [Queued(1, everything(task))]
    wire.cut_at(word, True)
    with pytest.raises(TroubleError):
        engine.apply(batch)
    assert [told.seq for told in engine.apply(batch).events] == [1]
    assert counts(engine, task) == (1, 1, 1)


def test_a_look_that_breaks_is_mended_by_who_writes(engine: Engine, wire: Relay) -> None:
    engine.apply([unit(record("201"))])
    wire.cut_at(b"SELECT", False)
    with pytest.raises(ReadError) as broken:
        engine.read(DirectQuery.RECORDS, (CUSTOMER,))
    assert broken.value.suspect
    with pytest.raises(ReadError):
        engine.read(DirectQuery.RECORDS, (CUSTOMER,))
    assert engine.look_into() is None
    assert engine.read(DirectQuery.RECORDS, (CUSTOMER,)) == [record("201")]


def test_whoever_began_as_the_same_node_later_is_the_only_one_who_writes(database: str) -> None:
    old, new = postgres_engine(database, "edge1"), postgres_engine(database, "edge1")
    old.open()
    old.apply([unit(record("201"))])
    new.open()
    with pytest.raises(TroubleError):
        old.apply([unit(record("202"))])
    with pytest.raises(TroubleError, match="another process has begun as edge1"):
        old.apply([unit(record("202"))])
    new.apply([unit(record("203"))])
    assert [row.agent for row in new.read(DirectQuery.RECORDS, (CUSTOMER,))] == ["201", "203"]
    old.close()
    new.close()


def test_an_older_database_in_its_place_is_told_of(postgres: Postgres, database: str) -> None:
    """As after a switch to a standby that had not got everything."""
    engine = postgres_engine(database, "edge1")
    engine.open()
    last = [told.seq for told in engine.apply([unit(event(), event())]).events][-1]
    engine.apply([unit(record("201"))])
    postgres.run("UPDATE nodes SET commits=commits-1; DELETE FROM direct; UPDATE numbers SET last=0", "shared")
    postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name='boomerang edge1'")
    with pytest.raises(TroubleError):
        engine.apply([unit(record("202"))])
    done = engine.apply([unit(record("202"), event())])
    assert done.anew
    assert len(done.losses) == 1
    assert [told.seq for told in done.events] == [last + 1], "no number twice"
    assert [alarm.name for alarm in engine.read(NodeQuery.ALARMS, ())] == [LOSS]
    assert not engine.apply([unit(record("203"))]).anew, "once"
    engine.close()


def test_no_word_about_trouble_has_the_password(postgres: Postgres) -> None:
    for where in (postgres.url("no_such", "pa%24ss"), f"postgresql://x:pa%24ss@127.0.0.1:{postgres.port + 1}/y"):
        engine = postgres_engine(where, "edge1")
        with pytest.raises(TroubleError, match=r"127\.0\.0\.1") as trouble:
            engine.open()
        assert "pa$ss" not in f"{trouble.value} {engine.name}"
        assert "pa%24ss" not in f"{trouble.value} {engine.name}"
        with pytest.raises(ReadError):
            engine.read(DirectQuery.COUNT_RECORDS, ())
    with pytest.raises(ValueError, match="no address") as wrong:
        postgres_engine("postgres//x:pa%24ss@y/z", "edge1")
    assert "pa%24ss" not in str(wrong.value)


# The whole store


@pytest.fixture
def impatient(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RETRY", 0.05)
    monkeypatch.setattr(session, "WRITE", 2.0)
    monkeypatch.setattr(session, "READ", 2.0)


def until(world: PostgresWorld, true: Callable[[], object]) -> None:
    world.loop.until(true)


def until_well(world: PostgresWorld) -> None:
    def look() -> bool:
        world.store.release()  # as a timer does
        world.loop.run()
        return world.store.well

    eventually(look, "all is well again")


@pytest.mark.usefixtures("impatient")
def test_a_server_that_dies_in_the_middle_and_comes_back(postgres: Postgres, database: str) -> None:
    world = PostgresWorld(database)
    tasks = [a_task(customer=f"+3620{number:07d}") for number in range(400)]
    postgres.run("CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
                 "'BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END'; "
                 "CREATE TRIGGER slow BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION slow()", "shared")
    said: list[bool] = []
    for task in tasks:
        world.store.put(Unit((ChangeTask(task, 0, ""), a_line(task.id, "queued"), event()), durable=True))
    world.store.commit(Unit((a_line(tasks[0].id, "promise"),)), said.append)
    eventually(lambda: postgres.run("SELECT 1 FROM pg_locks WHERE locktype='advisory' AND mode='ExclusiveLock'"),
               "a batch is on its way")
    postgres.kill9()
    until(world, lambda: said)
    assert said == [False]
    assert world.faults[0].alarm == "database"
    postgres.start()
    postgres.run("DROP TRIGGER slow ON tasks", "shared")
    until_well(world)
    world.commit()
    assert len(world.store.callbacks.open_tasks()) == len(tasks)
    assert [len(world.store.callbacks.journal(task.id)) for task in tasks] == [1] * len(tasks)
    assert [told.seq for told in world.store.events_after(0, 999)] == list(range(1, len(tasks) + 1))
    world.close()


@pytest.mark.usefixtures("impatient")
def test_a_server_that_hangs_refuses_promises_and_loses_nothing(postgres: Postgres, database: str) -> None:
    world = PostgresWorld(database)
    task = a_task()
    world.store.put(Unit((task,)))
    world.commit()
    said: list[bool] = []
    postgres.freeze()
    try:
        world.store.claim(an_attempt(task), Unit(), said.append)
        world.store.put(Unit((a_line(task.id, "meanwhile"),)))
        until(world, lambda: said)
        with pytest.raises(ReadError):
            world.store.callbacks.open_tasks()
    finally:
        postgres.thaw()
    assert said == [False]
    until_well(world)
    world.commit()
    assert [line.kind for line in world.store.callbacks.journal(task.id)] == ["meanwhile"]
    world.close()

