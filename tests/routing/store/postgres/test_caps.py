"""The caps of the guard, where several nodes dial: none of them, and not all together, dial more than is allowed."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from routing.rows import AttemptRow, TaskRow
from routing.storage import Caps
from routing.store.engine import Engine, Queued
from routing.store.postgres.engine import TOGETHER
from routing.writes import CloseAttempt, Unit
from tests.kit.engines import postgres_engine
from tests.kit.postgres import Postgres
from tests.kit.waiting import PATIENCE, eventually
from tests.routing.store.rows import a_task, an_attempt
from tests.routing.world import BEGIN

CAPS = Caps(number_per_hour=10, number_per_day=20, all_per_hour=500, all_per_day=5000, trunk="main", trunk_legs=0)
NODES = ("a", "b", "c", "d")

Opened = Callable[[str], Engine]


@pytest.fixture
def opened(database: str) -> Iterator[Opened]:
    made: list[Engine] = []

    def one(node: str) -> Engine:
        made.append(postgres_engine(database, node))
        made[-1].open()
        return made[-1]

    yield one
    for engine in made:
        engine.close()


def some_tasks(engine: Engine, count: int, **changes: Any) -> list[TaskRow]:
    tasks = [a_task(customer=f"+3620111{number:04d}", **changes) for number in range(count)]
    engine.apply([Queued(1, Unit(tuple(tasks)))])
    return tasks


def claimed(engine: Engine, task: TaskRow, caps: Caps, serial: int = 1) -> AttemptRow | None:
    """Claim, with nobody to be rung; return the attempt, None where it is refused."""
    attempt = an_attempt(task, serial=serial, agent=None, epoch=0)
    return None if engine.apply([Queued(1, Unit(), True, attempt, caps)]).refused else attempt


def put(engine: Engine, attempt: AttemptRow, **changes: Any) -> AttemptRow:
    attempt = attempt._replace(**changes)
    engine.apply([Queued(1, Unit((attempt,)))])
    return attempt


def dial(engine: Engine, attempt: AttemptRow) -> None:
    """Dial in vain. By the node's clock that is long ago, or yet to come: it does not matter."""
    put(engine, attempt, customer_at=BEGIN)
    put(engine, attempt, customer_at=BEGIN, ended_at=BEGIN, result="customer_busy")


def with_cap(cap: str, limit: int) -> Caps:
    return Caps(**{**CAPS._asdict(), cap: limit})


def pass_time(postgres: Postgres, seconds: int) -> None:
    """`seconds`: a multiple of 900."""
    for table, column in (("attempts", "dialled_at"), ("dialled", "slot")):
        postgres.run(f"UPDATE {table} SET {column}={column}-{seconds}", "shared")


@pytest.mark.parametrize(("cap", "seconds"), [("number_per_hour", 3600), ("number_per_day", 86_400),
                                              ("all_per_hour", 3600), ("all_per_day", 86_400)])
def test_what_another_node_has_dialled_counts_until_it_is_too_long_ago(
        postgres: Postgres, opened: Opened, cap: str, seconds: int) -> None:
    a, b = opened("a"), opened("b")
    caps = with_cap(cap, 2)
    [task] = some_tasks(a, 1)
    for serial, node in enumerate((a, b), 1):
        attempt = claimed(node, task, caps, serial)
        assert attempt is not None
        dial(node, attempt)
    assert claimed(a, task, caps, 3) is None
    pass_time(postgres, seconds // 2)
    assert claimed(b, task, caps, 3) is None
    pass_time(postgres, seconds // 2 + 900)
    assert claimed(b, task, caps, 3) is not None


@pytest.mark.parametrize("cap", ["number_per_hour", "number_per_day"])
def test_the_caps_of_one_number_are_no_other_s(opened: Opened, cap: str) -> None:
    engine, caps = opened("a"), with_cap(cap, 1)
    for task in some_tasks(engine, 3):
        attempt = claimed(engine, task, caps)
        assert attempt is not None
        dial(engine, attempt)
        assert claimed(engine, task, caps, 2) is None


def test_what_runs_counts_for_everybody_before_it_dials(opened: Opened) -> None:
    a, b = opened("a"), opened("b")
    caps = CAPS._replace(all_per_hour=2)
    tasks = some_tasks(a, 4)
    first, second = claimed(a, tasks[0], caps), claimed(b, tasks[1], caps)
    assert first is not None
    assert second is not None
    assert claimed(b, tasks[2], caps) is None
    put(a, first, ended_at=BEGIN, result="agent_no_answer")  # it has dialled nobody
    third = claimed(b, tasks[2], caps)
    assert third is not None
    dial(b, third)
    assert claimed(a, tasks[3], caps) is None
    put(b, second, customer_at=BEGIN)
    put(b, second)  # nothing has left: the dial is taken back
    assert claimed(a, tasks[3], caps) is None, "it runs"
    put(b, second, ended_at=BEGIN, result="stopped")
    assert claimed(a, tasks[3], caps) is not None


def test_a_dial_that_is_told_again_is_one(postgres: Postgres, opened: Opened) -> None:
    engine, caps = opened("a"), CAPS._replace(all_per_hour=2)
    tasks = some_tasks(engine, 2)
    attempt = claimed(engine, tasks[0], caps)
    assert attempt is not None
    dial(engine, attempt)
    pass_time(postgres, 4500)
    dial(engine, attempt)  # nobody knew whether it had come through
    assert claimed(engine, tasks[1], CAPS._replace(all_per_hour=1)) is not None, "nor is it younger for that"


def test_what_a_dead_node_may_have_dialled_counts_until_it_says_so(opened: Opened) -> None:
    a, b = opened("a"), opened("b")
    caps = CAPS._replace(all_per_hour=1)
    first, second = some_tasks(a, 2)
    attempt = claimed(a, first, caps)
    assert attempt is not None
    b.apply([Queued(1, Unit((CloseAttempt(attempt._replace(step="ended", ended_at=BEGIN, result="unknown")),)))])
    assert claimed(b, second, caps) is None
    put(a, attempt, ended_at=BEGIN, result="agent_busy")  # it is back
    assert claimed(b, second, caps) is not None


def test_what_is_imported_counts_from_when_it_was(opened: Opened) -> None:
    engine = opened("a")
    old, late, fresh = some_tasks(engine, 3)
    for task, at in ((old, 1000.0), (late, 9e9)):
        put(engine, an_attempt(task, agent=None), customer_at=at, ended_at=at, result="customer_busy")
    assert claimed(engine, fresh, CAPS._replace(all_per_hour=2)) is not None
    assert claimed(engine, old, CAPS._replace(all_per_hour=2), 2) is None, "one that lies ahead was dialled just now"


def test_attempts_on_one_trunk(opened: Opened) -> None:
    a, b = opened("a"), opened("b")
    caps = CAPS._replace(trunk_legs=2)
    [*mains, more] = some_tasks(a, 3)
    other = a_task(customer="+36209999999", trunk="other")
    a.apply([Queued(1, Unit((other,)))])
    running = [claimed(node, task, caps) for node, task in zip((a, b), mains, strict=True)]
    assert None not in running
    assert claimed(a, more, caps) is None
    assert claimed(a, other, caps._replace(trunk="other")) is not None
    assert running[0] is not None
    dial(a, running[0])
    assert claimed(b, more, caps) is not None


def test_of_one_batch_no_more_begin_than_may(opened: Opened) -> None:
    engine = opened("a")
    batch = [Queued(serial, Unit(), True, an_attempt(task, agent=None, epoch=0), CAPS._replace(all_per_hour=3))
             for serial, task in enumerate(some_tasks(engine, 5), 1)]
    assert engine.apply(batch).refused == {4, 5}


def claim_all(engines: list[Engine], tasks: list[TaskRow], caps: Caps) -> int:
    """Each claims other tasks than the others, so that nothing but the caps is in their way; return how many won."""
    won: list[AttemptRow | None] = []
    faults: list[BaseException] = []

    def claim(number: int) -> None:
        try:
            won.extend([claimed(engines[number], task, caps) for task in tasks[number::len(engines)]])
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(len(engines))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert faults == []
    return sum(attempt is not None for attempt in won)


@pytest.mark.parametrize("caps", [CAPS._replace(all_per_hour=7), CAPS._replace(all_per_day=7),
                                  CAPS._replace(trunk_legs=7)], ids=["hour", "day", "trunk"])
def test_all_nodes_together_keep_within(opened: Opened, caps: Caps) -> None:
    engines = [opened(node) for node in NODES]
    assert claim_all(engines, some_tasks(engines[0], 40), caps) == 7


@pytest.mark.parametrize("cap", ["all_per_hour", "all_per_day"])
def test_they_do_so_from_far_below_the_cap(postgres: Postgres, opened: Opened, cap: str) -> None:
    """While much is left they count beside one another; from some moment on one after the other."""
    engines = [opened(node) for node in NODES]
    postgres.run("INSERT INTO dialled VALUES (extract(epoch FROM now()), 'others', 100)", "shared")
    limit = 100 + (len(NODES) + 1) * TOGETHER + 20
    assert claim_all(engines, some_tasks(engines[0], 200), with_cap(cap, limit)) == limit - 100


@contextmanager
def held_up(postgres: Postgres, database: str, engine: Engine, task: TaskRow, caps: Caps) -> Iterator[list[bool]]:
    """A claim that is not committed yet; what becomes of it stands in the list afterwards."""
    won: list[bool] = []
    claim = threading.Thread(target=lambda: won.append(claimed(engine, task, caps) is not None))
    with psycopg.connect(database) as other:
        # Another attempt for this customer, of which it is not known yet whether it will be.
        other.execute("INSERT INTO attempts (id, task, customer, serial, node, step, claimed_at) "
                      "VALUES ('x', 'x', %s, 1, 'b', 'claimed', 0)", (task.customer,))
        claim.start()
        eventually(lambda: waiting(postgres), "it is held up")
        yield won
        other.rollback()
    claim.join(PATIENCE)


def waiting(postgres: Postgres, more: str = "") -> bool:
    return bool(postgres.run(f"SELECT 1 FROM pg_locks WHERE NOT granted {more}", "shared"))


def test_far_below_the_cap_no_claim_waits_for_another(postgres: Postgres, database: str, opened: Opened) -> None:
    a, b = opened("a"), opened("b")
    first, second = some_tasks(a, 2)
    with held_up(postgres, database, a, first, CAPS) as won:
        assert claimed(b, second, CAPS) is not None
    assert won == [True]


def test_near_the_cap_claims_wait_for_one_another(postgres: Postgres, database: str, opened: Opened) -> None:
    a, b = opened("a"), opened("b")
    first, second, third = some_tasks(a, 3)
    caps = CAPS._replace(all_per_hour=2)
    assert claimed(a, third, caps) is not None  # so that it knows that little is left
    other: list[bool] = []
    with held_up(postgres, database, a, first, caps) as won:
        claim = threading.Thread(target=lambda: other.append(claimed(b, second, caps) is not None))
        claim.start()
        eventually(lambda: waiting(postgres, "AND locktype='advisory'"), "it waits for what the first one counts")
    claim.join(PATIENCE)
    assert (won, other) == ([True], [False])
