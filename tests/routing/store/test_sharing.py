"""A node's own file that shares: what is committed waits in it until the others have it."""

import contextlib
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.events import Outbox
from routing.rows import PauseRow, StandingAlarm
from routing.storage import StoreError
from routing.store import callback_sql as sql
from routing.store import schema
from routing.store.database import Owner
from routing.store.engine import Queued
from routing.store.queries import CallQuery, TicketQuery
from routing.store.sqlite_engine import SqliteEngine
from routing.store.unshared import Unshared
from routing.writes import (
    ChangeTask,
    CountOffer,
    DropLeg,
    RemoveDoNotCall,
    Shared,
    TakenUpto,
    TakeRow,
    TakeSlot,
    Unit,
)
from tests.routing.store.pages import call
from tests.routing.store.rows import a_comment, a_line, a_task, a_ticket, an_attempt, do_not_call
from tests.routing.store.sharing_world import Node, look
from tests.routing.store.test_sqlite import event, record
from tests.routing.world import BEGIN

ROOT = Path(__file__).parents[3]


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """Make nodes, each with a file of its own; the same name has the same file."""
    made: list[Node] = []

    def make(name: str = "a", file: str = "boomerang.db") -> Node:
        made.append(Node(tmp_path / file, name))
        return made[-1]

    yield make
    for node in made:
        node.close()


@pytest.fixture
def node(nodes: Callable[..., Node]) -> Node:
    return nodes()


def test_what_is_shared_waits_in_the_order_of_the_commits(node: Node) -> None:
    task = a_task()
    first = Unit((ChangeTask(task, 0, ""), event(), StandingAlarm("x", "y", BEGIN), a_line(task.id), DropLeg("leg")),
                 durable=True)
    node.apply(first, Unit((event(),)), Unit((record("201"), CountOffer(BEGIN, "sales", None))))
    node.now += 7
    node.put(RemoveDoNotCall("+3612"))
    assert node.units() == [
        Unit((ChangeTask(task, 0, ""), a_line(task.id)), durable=True),
        Unit((record("201"), CountOffer(BEGIN, "sales", None))), Unit((RemoveDoNotCall("+3612"),))]
    assert [waiting.at - BEGIN for waiting in node.waiting()] == [0.0, 0.0, 7.0]
    serials = [waiting.serial for waiting in node.waiting()]
    assert serials == sorted(set(serials))
    assert node.unshared.read(serials[0], 1) == node.waiting()[1:2]
    assert node.unshared.oldest_at() == BEGIN


def test_whoever_shares_is_woken_by_what_there_is_to_share_and_by_nothing_else(node: Node) -> None:
    node.put(event())
    node.apply(Unit())
    node.put(TakeRow(do_not_call(), "b"))
    assert not node.woken
    node.put(record("201"))
    assert node.woken == [True]
    node.apply(Unit((record("201"),)), Unit((record("202"),)))
    assert node.woken == [True, True], "once a commit"


def test_what_is_shared_waits_no_more(node: Node) -> None:
    node.apply(*(Unit((record(str(agent)),)) for agent in range(200, 205)))
    serials = [waiting.serial for waiting in node.waiting()]
    node.put(Shared(serials[2]), record("209"))
    assert [waiting.serial for waiting in node.waiting()][:-1] == serials[3:]
    assert node.units()[-1] == Unit((record("209"),))
    node.put(Shared(serials[-1] + 10))
    assert (node.units(), node.unshared.oldest_at()) == ([], None)
    node.put(record("201"))
    assert node.waiting()[0].serial > serials[-1] + 1, "none is given twice"


def test_rows_wait_with_the_marks_and_numbers_that_they_have_got(node: Node) -> None:
    task, ticket = a_task(), a_ticket()
    attempt = an_attempt(task, node="a", epoch=0)
    node.put(call(1), attempt, PauseRow("201", BEGIN, "lunch"), ticket, task)
    [unit] = node.units()
    stored = node.engine.read(CallQuery.CALLS, (1,))[0]
    assert (stored.node, stored.epoch) == ("a", 1)
    assert unit == Unit((stored, attempt._replace(epoch=1), PauseRow("201", BEGIN, "lunch", "a"),
                         ticket._replace(number=1), ChangeTask(task, 1, "")))
    node.put(ticket._replace(state="closed"))
    assert node.units()[1] == Unit((ticket._replace(number=1, state="closed"),))


def test_what_stands_in_the_shared_database_already_does_not_wait(node: Node) -> None:
    task = a_task()
    node.put(TakeRow(an_attempt(task), "a"), a_line(task.id), shared=True)
    assert node.rows("SELECT count(*) FROM attempts, journal") == [(1,)]
    assert node.units() == []


def test_of_what_is_refused_nothing_waits(node: Node) -> None:
    task = a_task()
    node.put(ChangeTask(task, 0, ""))
    node.put(Shared(node.waiting()[0].serial))
    node.put(TakeRow(task._replace(version=3, missed=2), "b"))
    change = Unit((ChangeTask(task._replace(version=2), 1, ""), record("201"), a_line(task.id, "due")))
    done = node.engine.apply([Queued(1, change), Queued(2, change, True),
                              Queued(3, Unit((a_line(task.id, "assigned"),)), True, an_attempt(task, serial=7))])
    assert (done.refused, list(done.stale)) == (frozenset({2, 3}), [change, change])
    assert node.units() == [Unit((record("201"),))], "what stands beside a stale change"
    attempt = an_attempt(task, node="a")
    assert not node.engine.apply([Queued(1, Unit((record("202"),)), True, attempt)]).refused
    assert node.units()[1] == Unit((attempt, record("202")))


# Numbers of tickets


def numbers(node: Node, many: int) -> list[int]:
    tickets = [a_ticket() for _ in range(many)]
    node.put(*tickets[:1])
    node.put(*tickets[1:])
    return [node.engine.read(TicketQuery.TICKET, (ticket.id,))[0].number for ticket in tickets]


def test_a_node_gives_the_numbers_of_its_slot_to_tickets(nodes: Callable[..., Node]) -> None:
    node = nodes()
    assert numbers(node, 3) == [1, 2, 3], "as long as it has none"
    node.put(TakeSlot(5))
    assert numbers(node, 3) == [5, 21, 37]
    node.put(TakeRow(a_ticket(number=83), "b"))
    assert numbers(node, 2) == [85, 101]
    node.close()
    again = nodes()
    assert again.unshared.slot() == 5
    assert numbers(again, 1) == [117]


@given(st.integers(0, 15), st.integers(1, 400))
def test_the_next_number_of_a_slot_is_the_first_above_the_last_that_is_known(slot: int, last: int) -> None:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        for step in schema.STEPS:
            step(db)
        db.execute("UPDATE ticket_numbers SET last=?", (last,))
        db.execute(schema.BEGIN_SHARING, (BEGIN,))
        db.execute(schema.PUT_SLOT, (slot,))
        db.execute(sql.PUT_TICKET_OF_SLOT, sql.from_ticket(a_ticket()))
        [[number]] = db.execute("SELECT number FROM tickets")
    assert number % 16 == slot
    assert last < number <= last + 16


# A file, and what becomes of it

PLAY = """
import sys, time
from pathlib import Path
from routing.writes import Unit
from tests.routing.store.sharing_world import Node
from tests.routing.store.test_sqlite import record
node = Node(Path(sys.argv[1]))
for agent in range(int(sys.argv[2]), int(sys.argv[2]) + 100_000):
    node.put(record(str(agent)))
    print(agent, flush=True)
"""


def test_killed_between_commit_and_share_nothing_is_missing_and_nothing_is_there_twice(tmp_path: Path) -> None:
    """Whatever was committed waits, and only that, over three crashes, in its order."""
    path = tmp_path / "boomerang.db"
    begin = 0
    for round_ in range(3):
        with subprocess.Popen([sys.executable, "-c", PLAY, str(path), str(begin)], stdout=subprocess.PIPE, cwd=ROOT,
                              text=True) as process:
            assert process.stdout is not None
            for _ in range(5 + 7 * round_):
                assert process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        begin += 1_000_000
    node = Node(path)
    there = [agent for (agent,) in node.rows("SELECT agent FROM direct ORDER BY CAST(agent AS INTEGER)")]
    assert [unit.writes[0].agent for unit in node.units()] == there  # type: ignore[union-attr]
    assert len(there) >= 5 + 12 + 19
    node.close()


def test_a_file_that_is_replaced_gives_no_serial_twice_and_forgets_its_mark(nodes: Callable[..., Node]) -> None:
    node = nodes()
    node.put(record("201"), TakenUpto("m1", None))
    assert node.unshared.mark() == "m1"
    [before] = node.waiting()
    node.put(Shared(before.serial))
    other = nodes("a", "other.db")
    other.put(TakenUpto("old", None))
    other.close()
    node.now += 1
    for companion in ("-wal", "-shm"):  # as by whoever puts a copy back
        node.path.with_name(f"{node.path.name}{companion}").unlink()
    (node.path.parent / "other.db").rename(node.path)
    done = node.put(record("202"))
    assert done.anew
    [after] = node.waiting()
    assert after.serial > before.serial
    assert node.unshared.mark() is None, "what it lacks is copied anew"
    node.put(TakenUpto("m2", "m1"))
    assert node.unshared.mark() is None, "this was read for the file that is gone"
    node.put(TakenUpto("m2", None))
    assert node.unshared.mark() == "m2"


def test_the_mark_goes_with_what_was_taken_and_the_file_is_read_from_its_start(nodes: Callable[..., Node]) -> None:
    node = nodes()
    node.put(TakeRow(do_not_call(), "b"), TakenUpto("m1", None))
    with pytest.raises(Exception, match="UnicodeEncodeError"):
        node.put(TakeRow(do_not_call("\udcff"), "b"), TakenUpto("m2", "m1"))
    assert node.unshared.mark() == "m1"
    node.close()
    again = nodes()
    assert (again.unshared.mark(), again.unshared.slot()) == ("m1", None)


def test_a_table_that_somebody_removed_is_copied_anew(nodes: Callable[..., Node]) -> None:
    node = nodes()
    node.put(TakeSlot(3), TakenUpto("m1", None))
    node.close()
    with contextlib.closing(sqlite3.connect(node.path)) as db:
        db.execute("DROP TABLE do_not_call")
    again = nodes()
    assert (again.unshared.mark(), again.unshared.slot()) == (None, 3)


def test_what_waits_and_is_spoilt_is_said_and_the_rest_is_read(node: Node) -> None:
    node.put(record("201"))
    node.put(record("202"))
    with contextlib.closing(sqlite3.connect(node.path)) as db:
        db.execute("UPDATE to_share SET unit='[false,[[\"PaintTask\",[]]]]' WHERE serial=(SELECT min(serial) "
                   "FROM to_share)")
        db.commit()
    bad, good = node.waiting()
    assert (bad.unit, bad.fault) == (Unit(), "it holds what only a later version knows (PaintTask)")
    assert (good.unit, good.fault) == (Unit((record("202"),)), "")


def test_a_file_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        Unshared(tmp_path / "nowhere.db").mark()


# Alone, and alone again


def alone(path: Path, name: str = "a") -> SqliteEngine:
    engine = SqliteEngine(path, Owner(name), Outbox.PLAIN, lambda: BEGIN + 100, time.monotonic)
    engine.open()
    return engine


def test_a_node_alone_writes_not_a_row_nor_a_statement_more(tmp_path: Path) -> None:
    """Said by SQLite: every statement that runs."""
    engine = alone(tmp_path / "boomerang.db")
    said: list[str] = []
    engine.database.ready().set_trace_callback(said.append)
    task = a_task()
    engine.apply([Queued(1, Unit((call(1), record("201"), task, a_line(task.id), a_ticket(), event())))])
    assert not [each for each in said if any(word in each for word in ("to_share", "sharing", "origin"))]
    assert [statement.split()[0] for statement in said if not statement.startswith(("INSERT", "--"))] == [
        "BEGIN", "SELECT", "SELECT", "COMMIT"]
    assert look(engine.database.path, "SELECT count(*) FROM sharing") == [(0,)]
    assert look(engine.database.path, "SELECT count(*) FROM to_share") == [(0,)]
    assert look(engine.database.path, "SELECT name FROM sqlite_schema WHERE name LIKE '%origin%'") == []
    engine.close()


def test_a_file_that_was_shared_opens_alone_and_what_it_holds_is_its_own(nodes: Callable[..., Node]) -> None:
    node = nodes()
    task, ours = a_task(), a_task(customer="+3612")
    theirs = call(1)._replace(node="b", epoch=4, ended_at=None)
    node.put(TakeRow(task, "b"), TakeRow(an_attempt(task, node="b", epoch=4), "b"), TakeRow(theirs, "b"),
             TakenUpto("m1", None), TakeSlot(3), ChangeTask(ours, 0, ""))
    node.close()
    engine = alone(node.path)
    assert look(node.path, "SELECT * FROM sharing") == []
    assert look(node.path, "SELECT serial FROM to_share") == []
    assert look(node.path, "SELECT node FROM calls") == [("a",)]
    assert look(node.path, "SELECT node FROM attempts") == [("a",)]
    assert look(node.path, "SELECT DISTINCT changed_by FROM tasks") == [("a",)]
    engine.apply([Queued(1, Unit((a_ticket(),)))])
    assert look(node.path, "SELECT number FROM tickets") == [(1,)]
    engine.close()
    again = nodes()
    assert (again.unshared.mark(), again.unshared.slot(), again.units()) == (None, None, [])


def test_a_node_that_shares_takes_over_what_its_former_name_left_and_nothing_of_others(
    nodes: Callable[..., Node]
) -> None:
    node = nodes("old")
    task, other = a_task(), a_task(customer="+3612")
    running = call(1)._replace(ended_at=None)
    node.put(running, ChangeTask(task, 0, ""), an_attempt(task, node="old", epoch=0))
    node.put(TakeRow(other, "b"), TakeRow(an_attempt(other, node="b", epoch=2), "b"),
             TakeRow(call(2)._replace(node="b", epoch=2, ended_at=None), "b"))
    node.close()
    again = nodes("new")
    assert again.rows("SELECT node FROM calls ORDER BY id") == [("new",), ("b",)]
    assert sorted(again.rows("SELECT node FROM attempts")) == [("b",), ("new",)]
    assert sorted(again.rows("SELECT changed_by FROM tasks")) == [("b",), ("old",)]


def test_retention_makes_nothing_to_share(node: Node) -> None:
    task, ticket = a_task(state="done", ended_at=BEGIN), a_ticket(state="closed", closed_at=BEGIN)
    node.put(call(1), task, a_line(task.id), ticket, a_comment(ticket))
    [before] = node.waiting()
    node.woken.clear()
    gone = node.engine.forget(BEGIN + 9e6, 1000)
    assert (gone.calls, gone.tasks, gone.tickets) == (1, 1, 1)
    assert (node.waiting(), node.woken) == ([before], []), "and what waits, waits on"
