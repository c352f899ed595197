"""Whose desk dials: a claim that needs a lease is refused where that is another node's by now, or nobody's."""

import threading

import psycopg
import pytest

from routing.duty import Fence
from routing.rows import TaskRow
from routing.store.engine import Engine, Queued
from routing.store.queries import CallbackQuery
from routing.writes import Unit
from tests.kit.engines import postgres_engine
from tests.kit.postgres import Postgres
from tests.kit.waiting import PATIENCE, eventually
from tests.routing.store.rows import a_task, an_attempt

SALES = Fence("desk/sales", 3)
LONG = 3600


def opened(where: str, node: str) -> Engine:
    engine = postgres_engine(where, node)
    engine.open()
    return engine


def given(postgres: Postgres, holder: str, epoch: int, seconds: float = LONG, name: str = SALES.name) -> None:
    """Give somebody a lease for so many seconds by the server's clock."""
    postgres.run(f"INSERT INTO leases VALUES ('{name}', '{holder}', {epoch}, "
                 f"extract(epoch FROM clock_timestamp()) + {seconds}) ON CONFLICT (name) DO UPDATE "
                 "SET holder=excluded.holder, epoch=excluded.epoch, until=excluded.until", "shared")


def claimed(engine: Engine, node: str, task: TaskRow, fence: Fence | None) -> bool:
    attempt = an_attempt(task, node=node, epoch=0)
    return not engine.apply([Queued(1, Unit(), True, attempt, fence=fence)]).refused


def test_who_has_the_lease_claims(postgres: Postgres, database: str) -> None:
    a, b = opened(database, "a"), opened(database, "b")
    task = a_task()
    a.apply([Queued(1, Unit((task,)))])
    assert not claimed(a, "a", task, SALES), "nobody has it"
    given(postgres, "a", 2)
    assert not claimed(a, "a", task, SALES), "that was given in another epoch"
    given(postgres, "a", 3, -1)
    assert not claimed(a, "a", task, SALES), "it is over"
    given(postgres, "a", 3)
    assert not claimed(b, "b", task, SALES), "it is the other's"
    assert a.read(CallbackQuery.OPEN_ATTEMPTS, ()) == []
    assert claimed(a, "a", task, SALES)
    for engine in (a, b):
        engine.close()


def test_a_claim_of_a_place_needs_none(postgres: Postgres, database: str) -> None:
    engine, task = opened(database, "a"), a_task()
    given(postgres, "b", 3)
    engine.apply([Queued(1, Unit((task,)))])
    assert claimed(engine, "a", task, None)
    engine.close()


def test_of_one_batch_each_claim_has_its_own(postgres: Postgres, database: str) -> None:
    engine, tasks = opened(database, "a"), [a_task(customer=f"+362011111{number}") for number in range(10, 14)]
    engine.apply([Queued(1, Unit(tuple(tasks)))])
    given(postgres, "a", 3)
    given(postgres, "b", 3, name="desk/support")
    fences = (SALES, Fence("desk/support", 3), SALES, Fence("desk/support", 3))
    batch = [Queued(serial, Unit(), True, an_attempt(task, node="a", engages=None, epoch=0), None, fence)
             for serial, (task, fence) in enumerate(zip(tasks, fences, strict=True), 1)]
    assert engine.apply(batch).refused == {2, 4}
    engine.close()


def test_nobody_takes_a_lease_over_while_a_claim_with_it_is_written(postgres: Postgres, database: str) -> None:
    engine, task = opened(database, "a"), a_task()
    given(postgres, "a", 3)
    engine.apply([Queued(1, Unit((task,)))])
    won: list[bool] = []
    claim = threading.Thread(target=lambda: won.append(claimed(engine, "a", task, SALES)))
    with psycopg.connect(database) as other:
        # Another attempt for this customer, of which it is not known yet whether it will be.
        other.execute("INSERT INTO attempts (id, task, customer, serial, node, step, claimed_at) "
                      "VALUES ('x', 'x', %s, 1, 'b', 'claimed', 0)", (task.customer,))
        claim.start()
        eventually(lambda: postgres.run("SELECT 1 FROM pg_locks WHERE NOT granted", "shared"), "it is held up")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            postgres.run("SELECT 1 FROM leases FOR NO KEY UPDATE NOWAIT", "shared")
        other.rollback()
    claim.join(PATIENCE)
    assert won == [True]
    given(postgres, "b", 4)
    assert postgres.run("SELECT 1 FROM leases FOR NO KEY UPDATE NOWAIT", "shared")
    engine.close()


def test_a_desk_that_was_stopped_and_wakes_is_fenced(postgres: Postgres, database: str) -> None:
    """It had the lease in an earlier epoch, and has it again since: what it decided before counts no more."""
    engine, task = opened(database, "a"), a_task()
    engine.apply([Queued(1, Unit((task,)))])
    given(postgres, "a", 3)
    given(postgres, "b", 4)
    given(postgres, "a", 5)
    assert not claimed(engine, "a", task, SALES)
    assert claimed(engine, "a", task, Fence(SALES.name, 5))
    engine.close()
