"""A node that follows others: marks that are too old, a server that dies or is another one, words that are lost."""

import re
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.store.engine import Queued, TroubleError
from routing.store.postgres import marks
from routing.store.postgres.change_log import CHANNEL
from routing.store.postgres.changes import ENTRIES, OWN, POLL, SETTINGS, ChangeReader
from routing.store.postgres.engine import PostgresEngine
from routing.store.postgres.marks import Copying, Mark, Point, read_mark
from routing.writes import Shared, TakeOnly, Unit, Write
from tests.kit.engines import postgres_engine
from tests.kit.postgres import Postgres, server
from tests.kit.waiting import PATIENCE, eventually
from tests.routing.store.postgres.test_changes import Follower
from tests.routing.store.rows import do_not_call
from tests.routing.store.test_sqlite import event, record


@pytest.fixture
def engine(database: str) -> Iterator[PostgresEngine]:
    made = postgres_engine(database, "a")
    made.open()
    yield made
    made.close()


@pytest.fixture
def other(engine: PostgresEngine, database: str) -> Iterator[Follower]:
    """Node b, which has read all there is."""
    made = Follower(database, "b")
    made.read()
    yield made
    made.reader.close()


def put(engine: PostgresEngine, *writes: Write) -> None:
    engine.apply([Queued(1, Unit(writes))])


def copied(found: list[object]) -> bool:
    return any(isinstance(write, TakeOnly) for write in found)


# Marks

def points(*at: float) -> tuple[Point, ...]:
    return tuple(Point(f"{int(each)}:{int(each)}:", each) for each in at)


def test_a_mark_is_read_as_it_was_written() -> None:
    for mark in (Mark("x/1/5", points(1.5)), Mark("x", points(1, 2, 3), Point("7:9:8", 4.0), (8, 12)),
                 Mark("x", points(1), copying=Copying("direct", ("+36", "201"), 1.0, 2.0))):
        assert read_mark(mark.to_text()) == mark


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(str))
def test_what_is_no_mark_says_nothing(text: str) -> None:
    assert read_mark(text) is None


@given(st.lists(st.floats(0.05, 40), max_size=200))
def test_where_a_server_that_crashed_is_read_on_from_was_written_by_then(pauses: list[float]) -> None:
    mark, now = Mark("x", points(0)), 0.0
    for pause in pauses:
        now += pause
        mark = mark.reached(Point("1:1:", now))
        assert mark.base.at == now
        assert len(mark.points) <= 6
        found = mark.proven()
        if now >= marks.PROVEN:
            assert found is not None
            assert marks.PROVEN <= now - found.base.at <= marks.PROVEN + 52
        else:
            assert found is None


# Too old

def test_whoever_has_read_nothing_for_too_long_copies_all(engine: PostgresEngine, other: Follower) -> None:
    put(engine, record("201"))
    other.read()
    assert engine.prune_changes() == 0, "an hour is kept"
    put(engine, record("202"))
    assert engine.prune_changes(-1.0) == 2
    found = other.read()
    assert copied(found)
    put(engine, record("203"))
    assert not copied(other.read())
    assert engine.prune_changes(-1.0) == 1
    assert not copied(other.read()), "it has read what was removed"


def test_what_a_server_had_in_its_log_says_nothing_of_another_one(postgres: Postgres, engine: PostgresEngine,
                                                                  other: Follower) -> None:
    """A dump of a server whose transactions have greater numbers was read in here."""
    postgres.run("UPDATE numbers SET last=4000000000 WHERE name='pruned'", "shared")
    postgres.run("INSERT INTO changes (xid, node, kind, key) VALUES ('4000000000', '', 'direct', ARRAY['x', 'y'])",
                 "shared")
    put(engine, record("201"))
    assert other.rows() == [record("201")]
    assert engine.prune_changes(-1.0) == 1
    put(engine, record("202"))
    assert not copied(other.read())


def test_a_mark_of_another_server_says_nothing(engine: PostgresEngine, other: Follower) -> None:
    assert other.mark is not None
    mark = read_mark(other.mark)
    assert mark is not None
    other.mark = mark._replace(server="another").to_text()
    assert copied(other.read())
    other.mark = mark._replace(points=points(4e9)).to_text()
    assert copied(other.read())
    other.mark = "of a later version"
    assert copied(other.read())
    assert not copied(other.read())


def test_whoever_begins_anew_reads_the_last_while_again(engine: PostgresEngine, other: Follower,
                                                        database: str) -> None:
    """Its own, too: a server that has crashed may have lost what it had said to be there."""
    put(engine, record("201"))
    assert other.mark is not None
    before = read_mark(other.mark)
    other.read()
    after = read_mark(other.mark)
    assert before is not None
    assert after is not None
    put(engine, record("202"))
    for node in "ab":
        again = Follower(database, node)
        again.mark = Mark(after.server, (before.base._replace(at=after.base.at - marks.PROVEN), after.base)).to_text()
        assert again.rows() == [record("201"), record("202")]
        assert again.rows() == []
        again.reader.close()
        young = Follower(database, node)
        young.mark = other.mark
        assert copied(young.read()), "it has read for less than that: nobody knows"
        young.reader.close()


# The server

def test_a_server_that_is_killed_keeps_what_was_shared_and_is_read_on_from() -> None:
    with server(settings="") as running:
        where = running.create("killed")
        engine = postgres_engine(where, "a")
        other = Follower(where, "b")
        with pytest.raises(TroubleError):
            other.read()  # there are no tables yet
        engine.open()
        put(engine, record("201"), Shared(1))
        other.read()
        put(engine, record("202"), Shared(2))
        running.kill9()
        with pytest.raises(TroubleError) as told:
            other.read()
        assert "killed" in str(told.value)
        other.reader.wake()
        other.reader.wait(PATIENCE)
        with pytest.raises(TroubleError):
            engine.shared_upto()
        running.start()
        assert engine.shared_upto() == 2
        put(engine, record("203"), Shared(3))
        found = other.rows()
        assert {row for row in found if row in (record("201"), record("202"), record("203"))} >= {
            record("202"), record("203")}
        put(engine, do_not_call())
        assert other.rows() == [do_not_call()]
        engine.close()
        other.reader.close()


def test_a_node_that_was_started_again_under_its_name_writes_nothing_more(
        database: str, engine: PostgresEngine, other: Follower) -> None:
    again = postgres_engine(database, "a")
    again.open()
    with pytest.raises(TroubleError):
        put(engine, record("201"))
    assert other.rows() == []
    put(again, record("202"))
    assert other.rows() == [record("202")]
    again.close()


def test_whoever_may_only_write_its_own_database_can_follow(postgres: Postgres, engine: PostgresEngine) -> None:
    postgres.run("DROP ROLE IF EXISTS plain; CREATE ROLE plain LOGIN; "
                 "GRANT ALL ON ALL TABLES IN SCHEMA public TO plain", "shared")
    put(engine, record("201"))
    plain = Follower(postgres.url("shared").replace("boomerang@", "plain@"), "b")
    assert plain.rows() == [record("201")]
    plain.reader.close()
    postgres.run("DROP OWNED BY plain; DROP ROLE plain", "shared")


# Waiting

class Waiter:
    """A thread that waits once, for ever."""

    def __init__(self, reader: ChangeReader) -> None:
        self.thread = threading.Thread(target=lambda: reader.wait(2 * PATIENCE))
        self.thread.start()

    @property
    def is_over(self) -> bool:
        return not self.thread.is_alive()

    def end(self) -> None:
        eventually(lambda: self.is_over, "it wakes")
        self.thread.join()


def test_what_another_node_commits_wakes(engine: PostgresEngine, other: Follower) -> None:
    waiter = Waiter(other.reader)
    put(engine, record("201"))
    waiter.end()
    assert other.rows() == [record("201")]
    put(engine, record("202"))
    Waiter(other.reader).end()  # it was said before


def test_what_it_commits_itself_does_not_wake_it_at_once(engine: PostgresEngine, database: str) -> None:
    """Else a node looks after each of its own transactions."""
    own = Follower(database, "a")
    own.read()
    put(engine, record("201"))
    began = time.monotonic()
    own.reader.wait(2 * PATIENCE)
    assert OWN / 2 < time.monotonic() - began < PATIENCE, "but soon: what is numbered there comes back"
    own.reader.close()


def test_neither_does_what_is_of_no_use_to_others_nor_what_is_its_own(postgres: Postgres, engine: PostgresEngine,
                                                                      other: Follower, database: str) -> None:
    own = postgres_engine(database, "b")
    own.open()
    with psycopg.connect(postgres.url("shared"), autocommit=True) as heard:
        heard.execute(f"LISTEN {CHANNEL}")
        put(engine, event(), Shared(4))
        put(own, record("201"))
        put(engine, record("202"))
        said = [notify.payload for notify in heard.notifies(timeout=PATIENCE, stop_after=2)]
    assert said == ["b", "a"]
    own.close()


def test_a_word_that_is_lost_costs_a_while(postgres: Postgres, other: Follower) -> None:
    """Who changes something by hand says nothing."""
    postgres.run("INSERT INTO do_not_call VALUES ('+1', 1, 'asked for it')", "shared")
    other.reader.wake()
    other.reader.wait(PATIENCE)
    assert other.rows() == [do_not_call("+1")._replace(added_at=1)]


def test_another_thread_wakes_it(other: Follower) -> None:
    waiter = Waiter(other.reader)
    other.reader.wake()
    waiter.end()


def test_it_is_woken_though_the_server_is_gone(postgres: Postgres, other: Follower) -> None:
    postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name='tests'")
    Waiter(other.reader).end()
    waiter = Waiter(other.reader)
    other.reader.wake()
    waiter.end()
    assert copied(other.read())


# What it costs

def test_a_look_is_one_at_an_index_however_long_the_log_is(postgres: Postgres, engine: PostgresEngine,
                                                           other: Follower) -> None:
    """Also where the server has seen no statistics yet."""
    postgres.run("INSERT INTO changes (node, kind, key) SELECT 'a', 'calls', ARRAY[n::text] "
                 "FROM generate_series(1, 20000) AS n", "shared")
    other.read(5000)
    assert other.mark is not None
    mark = read_mark(other.mark)
    assert mark is not None
    asked = {"first": str(mark.base.first), "base": mark.base.snapshot, "own": False, "node": "b", "limit": 500,
             "xid": mark.base.first, "seq": 0, "end": mark.base.end, "upto": mark.base.snapshot}
    with psycopg.connect(postgres.url("shared"), autocommit=True) as connection:
        connection.execute(SETTINGS.format(0))
        for statement in (POLL, ENTRIES):
            connection.execute(statement, asked)  # what it looks up to plan it is no part of it
            plan = [line for [line] in connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {statement}", asked)]
            text = "\n".join(plan)
            assert "Scan using changes_pkey on changes" in text
            assert "Seq Scan" not in text
            first = next(line for line in plan if "Buffers:" in line)
            pages = sum(int(number) for number in re.findall(r"(?:hit|read)=(\d+)", first))
            assert pages < 20, text
