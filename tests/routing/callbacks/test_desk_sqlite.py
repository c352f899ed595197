"""The desk on the real store: promises, claims, steps and a restart, all through the database."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from config.policy import parse_policy
from routing.callbacks.facts import AttemptOrder, Missed, Outcome
from routing.rows import LegRow, Step
from routing.store import schema
from routing.store.sqlite import sqlite_store
from routing.writes import Unit
from tests.kit.desk_parts import new_desk
from tests.kit.told import Told
from tests.routing.callbacks.shop import CUSTOMER, MONDAY_NOON, OTHER, OURS, LiveState, Shop
from tests.routing.world import Loop

NOISE = Random(1).randbytes


class Node:
    """One process: a desk on a database file."""

    def __init__(self, path: Path) -> None:
        self.loop, self.now = Loop(), MONDAY_NOON
        self.store = sqlite_store(path, self.loop.post, lambda: self.now, "edge1", Told())
        self.desk = new_desk(self.store, parse_policy(Shop.write(tickets="true")), LiveState(), NOISE, self)
        self.orders: list[AttemptOrder] = []
        self.recovered: tuple[LegRow, ...] = ()
        assert self.desk.restore(self.now)

    def begin(self, order: AttemptOrder, now: float) -> None:
        self.orders.append(order)

    def stop(self, attempt: str, reason: str, now: float) -> None:
        self.desk.attempts.ended(attempt, Outcome("stopped", text=reason), now)

    def recover(self, legs: tuple[LegRow, ...], now: float) -> None:
        self.recovered = legs

    def commit(self) -> None:
        done: list[bool] = []
        self.store.put(Unit(), lambda: done.append(True))
        self.loop.until(lambda: done)

    def missed(self, customer: str = CUSTOMER) -> None:
        self.store.put(self.desk.calls.missed(Missed("call 1", customer, OURS, "sales", "office", "main", self.now - 20,
                                               self.now, "hung_up", ("no_answer",), "certain"), self.now))

    def turn(self) -> list[AttemptOrder]:
        before = len(self.orders)
        self.desk.turn(self.now)
        self.commit()
        return self.orders[before:]

    def step(self, order: AttemptOrder, step: Step) -> bool:
        answers: list[bool] = []
        self.desk.attempts.step(order.attempt, step, self.now, answers.append)
        self.loop.until(lambda: answers)
        return answers[0]


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Callable[[], Node]]:
    """Make nodes, one after the other, on one database."""
    made: list[Node] = []

    def make() -> Node:
        if made:
            made[-1].store.close()
        made.append(Node(tmp_path / "boomerang.db"))
        return made[-1]

    yield make
    made[-1].store.close()


def test_from_the_missed_call_to_the_talk(nodes: Callable[[], Node]) -> None:
    node = nodes()
    node.missed()
    [order] = node.turn()
    for step in ("agent", "accepted", "customer", "answered", "talked"):
        assert node.step(order, step)
    node.desk.attempts.ended(order.attempt, Outcome("talked", 200, talk_s=30.0), node.now)
    node.commit()
    [row] = node.store.callbacks.tasks(9)
    assert (row.state, row.reason, row.attempts) == ("done", "talked", 1)
    assert [line.kind for line in node.store.callbacks.journal(row.id)] == [
        "missed", "queued", "due", "assigned", "agent", "accepted", "attempt", "answered", "ended", "result"]
    assert node.store.callbacks.open_attempts() == []


@pytest.mark.parametrize(("step", "counted"), [("agent", 0), ("accepted", 0), ("customer", 1), ("answered", 1)])
def test_a_restart_in_the_middle(nodes: Callable[[], Node], step: Step, counted: int) -> None:
    node = nodes()
    node.missed()
    [order] = node.turn()
    for each in ("agent", "accepted", "customer", "answered"):
        assert node.step(order, each)
        if each == step:
            break
    node.desk.attempts.leg(LegRow("leg 1", order.attempt, "agent", "{}"))
    node.commit()
    again = nodes()
    given = again.turn()
    assert [leg.call for leg in again.recovered] == ["leg 1"]
    assert [(other.customer, other.serial) for other in given] == ([] if counted else [(CUSTOMER, 2)])
    [row] = again.store.callbacks.open_tasks()
    assert row.attempts == counted


def test_an_agent_who_hangs_up_before_the_dialling_is_written_costs_no_attempt(nodes: Callable[[], Node]) -> None:
    node = nodes()
    node.missed()
    [order] = node.turn()
    assert node.step(order, "agent")
    assert node.step(order, "accepted")
    answers: list[bool] = []
    node.desk.attempts.step(order.attempt, "customer", node.now, answers.append)
    node.desk.attempts.ended(order.attempt, Outcome("agent_left"), node.now)
    node.loop.until(lambda: answers)
    assert answers == [False], "nothing was sent"
    node.commit()
    [row], [attempt] = node.store.callbacks.open_tasks(), node.store.callbacks.attempts_of(order.task)
    assert (row.attempts, attempt.customer_at, attempt.result) == (0, None, "agent_left")
    node.now += 60
    assert [other.serial for other in node.turn()] == [2]


def test_two_processes_on_one_database_never_call_one_customer_twice(tmp_path: Path) -> None:
    one = Node(tmp_path / "boomerang.db")
    one.missed()
    one.missed(OTHER)
    one.commit()
    two = Node(tmp_path / "boomerang.db")
    given = [order for _ in range(3) for node in (one, two) for order in node.turn()]
    assert sorted(order.customer for order in given) == [CUSTOMER, OTHER]
    one.store.close()
    two.store.close()


def left_by_the_version_before_nodes(node: Node, path: Path) -> None:
    """Have a promise of that version in the database, as the step `m014_nodes` leaves it."""
    node.missed()
    node.commit()
    node.store.close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE tasks SET version=1, changed_by=''")
        db.execute("DELETE FROM nodes")
        db.commit()


@contextlib.contextmanager
def locked(node: Node, path: Path) -> Iterator[None]:
    """Keep the database from being written until the store has noticed."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        node.loop.until(lambda: not node.store.well)
        other.execute("ROLLBACK")
    node.loop.until(lambda: node.store.well)


def test_a_promise_of_the_version_before_nodes_is_kept_though_its_first_claim_is_refused(
        nodes: Callable[[], Node], tmp_path: Path) -> None:
    path = tmp_path / "boomerang.db"
    left_by_the_version_before_nodes(nodes(), path)
    node = nodes()
    with locked(node, path):
        node.desk.turn(node.now)
    node.loop.run()
    node.now += 10
    [order] = node.turn()
    node.desk.admin.cancel(order.task, node.now)
    node.commit()
    [row] = node.store.callbacks.tasks(9)
    assert (row.state, row.reason) == ("cancelled", "operator")


def test_what_a_restore_took_from_a_database_without_nodes_is_this_nodes(
        nodes: Callable[[], Node], tmp_path: Path) -> None:
    path = tmp_path / "boomerang.db"
    node = nodes()
    node.missed()
    node.desk.attempts.leg(LegRow("leg 1", "attempt 1", "agent", "{}"))
    node.commit()
    node.store.close()
    with contextlib.closing(sqlite3.connect(path)) as db:  # as `restore` writes rows that lack these columns
        db.execute("UPDATE tasks SET changed_by=''")
        db.execute("UPDATE legs SET node=''")
        db.commit()
    assert [leg.call for leg in nodes().store.callbacks.legs()] == ["leg 1"]
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT changed_by FROM tasks").fetchall() == [("edge1",)]


def test_the_end_of_a_task_and_its_ticket_are_kept_though_another_database_is_in_place(
        nodes: Callable[[], Node], tmp_path: Path) -> None:
    node = nodes()
    node.desk.drain()
    node.missed()
    node.turn()
    path = tmp_path / "boomerang.db"
    for ending in ("-wal", "-shm", ""):
        Path(f"{path}{ending}").rename(f"{path}.aside{ending}")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        schema.migrate(db)
    node.now += 3 * 86_400
    node.desk.turn(node.now)  # its window is over
    node.commit()
    assert [row.state for row in node.store.callbacks.tasks(9)] == ["expired"]
    assert [ticket.customer for ticket in node.store.tickets.newest(9)] == [CUSTOMER]
