"""What other nodes have changed is read: nothing is missed, whoever overtakes whom, and nothing of one's own comes back
but where it must."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from routing.rows import OfferCount, PauseRow
from routing.store.engine import Queued
from routing.store.postgres.changes import ChangeReader, Changes
from routing.store.postgres.connection import Address
from routing.store.postgres.engine import PostgresEngine
from routing.writes import (
    ChangeTask,
    CountOffer,
    RemoveDoNotCall,
    RemoveRecord,
    SavePolicy,
    TakeAway,
    TakeOnly,
    TakeRow,
    Unit,
    Write,
)
from tests.kit.engines import postgres_engine
from tests.kit.postgres import Postgres
from tests.routing.store.rows import a_line, a_task, a_ticket, an_attempt, do_not_call
from tests.routing.store.test_sqlite import record
from tests.routing.world import BEGIN, CUSTOMER


class Follower:
    """One node's reader, and how far it is."""

    def __init__(self, where: str, node: str) -> None:
        self.reader = ChangeReader(Address(where, "tests"), node, lambda: BEGIN)
        self.mark: str | None = None
        self.pages: list[Changes] = []

    def read(self, limit: int = 500) -> list[object]:
        """Read all there is; return what is to be taken."""
        found: list[object] = []
        for _ in range(1000):
            page = self.reader.read(self.mark, limit)
            self.pages.append(page)
            self.mark = page.mark
            found += page.writes
            if not page.more:
                return found
        raise AssertionError("it never comes to an end")

    def rows(self, limit: int = 500) -> list[object]:
        """The same, but for what a copy says of keys; rows alone."""
        return [write.row if isinstance(write, TakeRow) else write for write in self.read(limit)
                if not isinstance(write, TakeOnly)]


@pytest.fixture
def engine(database: str) -> Iterator[PostgresEngine]:
    """Node a, which writes."""
    made = postgres_engine(database, "a")
    made.open()
    yield made
    made.close()


@pytest.fixture
def follow(database: str) -> Iterator[Callable[[str], Follower]]:
    """Make readers of nodes that have read nothing yet."""
    made: list[Follower] = []

    def begin(node: str) -> Follower:
        made.append(Follower(database, node))
        return made[-1]

    yield begin
    for each in made:
        each.reader.close()


@pytest.fixture
def other(engine: PostgresEngine, follow: Callable[[str], Follower]) -> Follower:
    """Node b, which has read all there is."""
    made = follow("b")
    made.read()
    return made


@pytest.fixture
def own(engine: PostgresEngine, follow: Callable[[str], Follower]) -> Follower:
    """Node a as it reads what it has not written."""
    made = follow("a")
    made.read()
    return made


@pytest.fixture
def second(engine: PostgresEngine, database: str) -> Iterator[PostgresEngine]:
    """Node b, which writes."""
    made = postgres_engine(database, "b")
    made.open()
    yield made
    made.close()


def put(engine: PostgresEngine, *writes: Write) -> None:
    assert not engine.apply([Queued(1, Unit(writes))]).stale


def test_each_row_comes_once_as_it_stands(engine: PostgresEngine, other: Follower) -> None:
    task = a_task()
    put(engine, record("201"), ChangeTask(task, 0, ""), a_line(task.id))
    put(engine, record("201", touched=BEGIN + 5), ChangeTask(task._replace(missed=2, version=2), 1, ""))
    assert other.rows() == [task._replace(missed=2, version=2, changed_by="a"), record("201", touched=BEGIN + 5),
                            a_line(task.id)]
    assert other.pages[-1].kinds == {"tasks", "direct", "journal"}
    assert other.rows() == []
    assert other.pages[-1].kinds == frozenset()


def test_a_row_that_is_gone_is_said(engine: PostgresEngine, other: Follower) -> None:
    put(engine, record("201"), record("202"), do_not_call())
    other.read()
    put(engine, RemoveRecord(record("201")), RemoveDoNotCall(CUSTOMER), record("202", touched=BEGIN + 1))
    assert other.rows() == [TakeAway("do_not_call", (CUSTOMER,), BEGIN), record("202", touched=BEGIN + 1),
                            TakeAway("direct", (CUSTOMER, "201"), BEGIN)]
    put(engine, record("203"))
    put(engine, RemoveRecord(record("203")))
    put(engine, record("203", touched=BEGIN + 9))
    assert other.rows() == [record("203", touched=BEGIN + 9)], "it is there again"


def test_what_a_transaction_did_that_was_open_while_others_committed_is_not_missed(
        postgres: Postgres, engine: PostgresEngine, other: Follower) -> None:
    with psycopg.connect(postgres.url("shared")) as slow, psycopg.connect(postgres.url("shared")) as slower:
        slow.execute("INSERT INTO do_not_call VALUES ('+1', 1, 'slow')")
        slower.execute("INSERT INTO do_not_call VALUES ('+2', 1, 'slower')")
        put(engine, record("201"))
        assert other.rows() == [record("201")], "and nobody waits for it"
        put(engine, record("202"))
        assert other.rows() == [record("202")]
        slower.commit()
        put(engine, record("203"))
        assert other.rows() == [do_not_call("+2")._replace(added_at=1, reason="slower"), record("203")]
        slow.commit()
        assert other.rows() == [do_not_call("+1")._replace(added_at=1, reason="slow")]
        slow.execute("DELETE FROM do_not_call WHERE customer='+1'")
        slow.rollback()
        assert other.rows() == []


def test_pages_are_of_any_size(engine: PostgresEngine, other: Follower) -> None:
    tasks = [a_task(customer=f"+3620{number:07d}") for number in range(25)]
    put(engine, *tasks)
    put(engine, record("201"))
    assert [len(page.writes) for page in (other.reader.read(other.mark, 10),)] == [10]
    found = other.rows(10)
    there = [*(task._replace(changed_by="a") for task in tasks), record("201")]
    assert sorted(found, key=str) == sorted(there, key=str)
    assert len(other.pages) > 3


# Whose it is

def test_what_a_node_wrote_itself_does_not_come_back(engine: PostgresEngine, own: Follower) -> None:
    task = a_task()
    put(engine, record("201"), task, a_line(task.id), an_attempt(task, engages="201"))
    assert own.rows() == []


def test_what_is_numbered_or_summed_there_comes_back(engine: PostgresEngine, own: Follower,
                                                     second: PostgresEngine) -> None:
    put(second, CountOffer(BEGIN, "sales", None), CountOffer(BEGIN, "sales", None))
    put(engine, CountOffer(BEGIN, "sales", None), SavePolicy("x", BEGIN, "anna"), a_ticket(number=16, subject="s"))
    found = own.read()
    assert [write.number for write in found if isinstance(write, TakeRow)] == [1, 0, 0]
    policy, ticket, offers = (write.row for write in found if isinstance(write, TakeRow))
    assert policy == SavePolicy("x", BEGIN, "anna")
    assert ticket.number == 16  # type: ignore[union-attr]
    assert offers == OfferCount(BEGIN // 900 * 900, "sales", "", 3)


def test_a_row_that_was_just_read_comes_again_if_it_was_put_meanwhile(engine: PostgresEngine, own: Follower,
        second: PostgresEngine) -> None:
    """What was read may have been put over what this node has put since."""
    put(second, record("201"))
    page = own.reader.read(own.mark)
    put(engine, record("201", touched=BEGIN + 7))
    own.mark = page.mark
    assert own.rows() == [record("201", touched=BEGIN + 7)]
    put(engine, record("202"))
    assert own.rows() == []


def test_where_a_record_stayed_as_others_made_it_everybody_takes_that(engine: PostgresEngine, own: Follower,
        second: PostgresEngine) -> None:
    newer = record("201", touched=BEGIN + 7)
    put(second, newer)
    own.read()
    own.read()
    put(engine, record("201"))
    assert own.rows() == [newer]
    own.read()
    put(engine, RemoveRecord(record("201")))
    assert own.rows() == [newer]


def test_an_attempt_that_engages_nobody_after_all_comes_back(engine: PostgresEngine, own: Follower) -> None:
    first, later = a_task(), a_task(customer="+36201111111")
    attempt = an_attempt(later, node="a", agent=None)
    put(engine, first, later, an_attempt(first, node="a", engages="201"), attempt)
    own.rows()
    own.rows()
    put(engine, attempt._replace(agent="201", engages="201"))
    assert own.rows() == [attempt._replace(agent="201")]


# Copies

def everything(engine: PostgresEngine) -> list[object]:
    tasks = [a_task(customer=f"+3620{number:07d}") for number in range(7)]
    ended = a_task(state="done", ended_at=BEGIN)
    put(engine, *tasks, ended, *(record(str(number)) for number in range(201, 208)), do_not_call(),
        PauseRow("201", BEGIN, ""), a_line(tasks[0].id))
    return [do_not_call(), PauseRow("201", BEGIN, "", "a"),
            *sorted(task._replace(changed_by="a") for task in (*tasks, ended)),
            *(record(str(number)) for number in range(201, 208)), a_line(tasks[0].id)]


@pytest.mark.parametrize("limit", [1, 3, 500])
def test_who_knows_nothing_copies_all(engine: PostgresEngine, follow: Callable[[str], Follower], limit: int) -> None:
    there = everything(engine)
    for node in "ab":
        new = follow(node)
        assert new.rows(limit) == there, "its own, too: its file may be lost"
        assert new.rows() == []


def only(writes: list[object], kind: str) -> list[TakeOnly]:
    return [write for write in writes if isinstance(write, TakeOnly) and write.kind == kind]


def test_a_copy_says_what_there_is(engine: PostgresEngine, follow: Callable[[str], Follower]) -> None:
    everything(engine)
    new = follow("b")
    found = new.read(3)
    assert {write.kind for write in found if isinstance(write, TakeOnly)} == {
        "direct", "do_not_call", "tasks", "pauses", "users", "tokens"}
    stretches = only(found, "direct")
    assert stretches[0].after == ()
    assert stretches[-1].upto is None
    assert [stretch.after for stretch in stretches[1:]] == [stretch.upto for stretch in stretches[:-1]]
    assert [key for stretch in stretches for key in sorted(stretch.keys)] == [
        (CUSTOMER, str(number)) for number in range(201, 208)]
    assert {stretch.before for stretch in stretches} == {BEGIN}
    assert [(empty.keys, empty.after, empty.upto) for empty in only(found, "tokens")] == [(frozenset(), (), None)]


@pytest.mark.parametrize("node", ["a", "b"])
def test_what_is_written_while_it_is_copied_comes_after_it(engine: PostgresEngine, follow: Callable[[str], Follower],
        node: str) -> None:
    """Also what the node has written itself: the copy may have said that it is not there."""
    everything(engine)
    new = follow(node)
    for _ in range(9):  # beyond the do-not-call list, before the tasks are over
        new.mark = new.reader.read(new.mark, 1).mark
    put(engine, do_not_call("+1"), RemoveRecord(record("201")), record("202", touched=BEGIN + 1))
    found = new.rows(1)
    assert sorted(found[-3:], key=str) == sorted(
        [do_not_call("+1"), TakeAway("direct", (CUSTOMER, "201"), BEGIN), record("202", touched=BEGIN + 1)], key=str)
    assert record("201") not in found
