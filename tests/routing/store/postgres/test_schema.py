"""The tables: made once by whoever comes first, left alone where a later version has changed them."""

import threading

import pytest

from routing.store.engine import Queued, TroubleError
from routing.store.postgres import schema
from routing.store.postgres.connection import Address, Connection
from routing.store.postgres.schema import STEPS, LaterVersionError, Step, migrate
from routing.store.queries import DirectQuery
from routing.writes import Unit
from tests.kit.engines import postgres_engine
from tests.kit.postgres import Postgres
from tests.routing.store.test_sqlite import record
from tests.routing.world import CUSTOMER


@pytest.fixture
def fresh(postgres: Postgres, patient: None) -> str:
    """A database with nothing in it."""
    postgres.run('DROP DATABASE IF EXISTS "fresh" WITH (FORCE)')
    return postgres.create("fresh")


def connect(where: str) -> Connection:
    return Address(where, "tests").connect(5.0, "SET client_encoding='UTF8'")


def test_several_nodes_begin_at_once_and_one_makes_the_tables(fresh: str) -> None:
    engines = [postgres_engine(fresh, f"edge{number}") for number in range(4)]
    faults: list[BaseException] = []

    def begin(number: int) -> None:
        try:
            engines[number].open()
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(len(engines))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    engines[0].apply([Queued(1, Unit((record("201"),)))])
    assert [len(engine.read(DirectQuery.RECORDS, (CUSTOMER,))) for engine in engines] == [1, 1, 1, 1]
    for engine in engines:
        engine.close()


LATER = Step("900_more", ("ALTER TABLE direct ADD COLUMN why TEXT NOT NULL DEFAULT ''",))
BREAKING = Step("901_other", ("ALTER TABLE direct RENAME COLUMN type TO kind",), False)


def test_the_version_before_goes_on_beside_a_step_that_adds(fresh: str) -> None:
    with connect(fresh) as newer:
        migrate(newer, (*STEPS, LATER))
        engine = postgres_engine(fresh, "edge1")
        engine.open()
        engine.apply([Queued(1, Unit((record("201"),)))])
        assert engine.read(DirectQuery.RECORDS, (CUSTOMER,)) == [record("201")]
        assert newer.execute("SELECT why FROM direct").fetchall() == [("",)]
        engine.close()


def test_it_leaves_alone_what_a_later_version_has_changed(fresh: str) -> None:
    with connect(fresh) as newer:
        migrate(newer, (*STEPS, LATER, BREAKING))
        with pytest.raises(LaterVersionError, match="901_other"):
            migrate(newer)
        engine = postgres_engine(fresh, "edge1")
        with pytest.raises(TroubleError, match="later version"):
            engine.open()
        assert newer.execute("SELECT count(*) FROM nodes").fetchall() == [(0,)]
        engine.close()


def test_a_step_that_fails_leaves_nothing(fresh: str) -> None:
    with connect(fresh) as connection:
        bad = Step("900_bad", ("CREATE TABLE half (id TEXT)", "CREATE TABLE half (id TEXT)"))
        with pytest.raises(Exception, match="half"):
            migrate(connection, (*STEPS, bad))
        assert connection.execute("SELECT to_regclass('half'), to_regclass('calls')").fetchall() == [(None, None)]
        migrate(connection)
        migrate(connection)
        assert connection.execute("SELECT name FROM schema_steps").fetchall() == [(step.name,) for step in STEPS]


def test_text_is_compared_byte_for_byte(fresh: str) -> None:
    with connect(fresh) as connection:
        migrate(connection)
        found = connection.execute(
            "SELECT attrelid::regclass::text, attname FROM pg_attribute JOIN pg_class ON pg_class.oid=attrelid "
            "WHERE relkind='r' AND relnamespace='public'::regnamespace AND attcollation<>0 "
            "AND attcollation<>'\"C\"'::regcollation").fetchall()
        assert found == []
    assert schema.typed("a TEXT, b REAL NOT NULL, c INTEGER)") == (
        'a text COLLATE "C", b double precision NOT NULL, c bigint)')
