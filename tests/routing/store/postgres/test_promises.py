"""Claims and commits of whole stores on one server: what was granted outlives whoever was told, and one wins."""

import subprocess
import sys
from pathlib import Path

from routing.writes import Unit
from tests.kit.heard import Heard
from tests.routing.store.postgres_world import PostgresWorld
from tests.routing.store.rows import a_line, a_task, an_attempt
from tests.routing.store.test_sqlite import event

ROOT = Path(__file__).parents[4]

STORE = """
import sys, time
from routing.store.postgres.store import postgres_store
from routing.writes import Unit
from tests.kit.told import Told
from tests.routing.store.rows import a_line, an_attempt
store = postgres_store(sys.argv[1], lambda function: function(), time.time, sys.argv[2], Told())
"""
CLAIM = STORE + """
tasks = store.callbacks.open_tasks()
said = []
print("ready", flush=True)
sys.stdin.readline()
for task in tasks:
    store.claim(an_attempt(task, node=sys.argv[2]), Unit((a_line(task.id, "assigned"),)), said.append)
store.close()
print(sum(said))
"""
CLAIM_AND_SAY = STORE + """
[task] = store.callbacks.open_tasks()
attempt = an_attempt(task, node=sys.argv[2])
store.claim(attempt, Unit((a_line(task.id, "assigned"),)), lambda won: print(attempt.id, won, flush=True))
time.sleep(60)
"""


def start(program: str, where: str, node: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", program, where, node], cwd=ROOT, text=True, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)


def test_many_claims_of_one_customer_in_one_transaction(database: str) -> None:
    world = PostgresWorld(database)
    tasks = [a_task(group=f"group{number}") for number in range(20)]
    said: list[tuple[int, bool]] = []
    world.store.put(Unit((*tasks,)))
    with world.store.together([]):
        for number, task in enumerate(tasks):
            world.store.claim(an_attempt(task), Unit((event(), a_line(task.id, "assigned"))),
                              lambda won, number=number: said.append((number, won)))  # type: ignore[misc]
    world.loop.until(lambda: len(said) == 20)
    assert said == [(0, True), *((number, False) for number in range(1, 20))]
    assert len(world.store.callbacks.open_attempts()) == len(world.events) == 1
    assert world.faults == [], "refused by the statement, not by an index that found a fault of ours"
    world.close()


def test_two_processes_claim_and_each_task_has_one_winner(database: str) -> None:
    world = PostgresWorld(database)
    tasks = [a_task(customer=f"+3620{number:07d}") for number in range(100)]
    world.store.put(Unit((*tasks,)))
    world.commit()
    nodes = [start(CLAIM, database, node) for node in ("edge2", "edge3")]
    for node in nodes:
        assert node.stdout is not None
        assert node.stdout.readline() == "ready\n"
    won = 0
    for node in nodes:
        assert node.stdin is not None
        node.stdin.write("go\n")
        node.stdin.flush()
    for node in nodes:
        won += int(node.communicate()[0])
    assert won == len(tasks) == len(world.store.callbacks.open_attempts())
    world.close()


def test_killed_the_moment_a_claim_was_granted(database: str) -> None:
    world = PostgresWorld(database)
    task = a_task()
    world.store.put(Unit((task,)))
    world.commit()
    with start(CLAIM_AND_SAY, database, "edge2") as node:
        assert node.stdout is not None
        said = node.stdout.readline().split()
        node.kill()
    assert said[1] == "True"
    assert [(row.id, row.node) for row in world.store.callbacks.open_attempts()] == [(said[0], "edge2")]
    assert [line.kind for line in world.store.callbacks.journal(task.id)] == ["assigned"]
    again: list[bool] = []
    world.store.claim(an_attempt(task, serial=2), Unit(), again.append)
    world.commit()
    assert again == [False], "the customer is not dialled a second time"
    world.close()


def test_a_promise_that_cannot_be_written_is_refused_alone(database: str) -> None:
    world = PostgresWorld(database)
    said: list[bool] = []
    task = a_task()
    world.store.commit(Unit((task, a_task())), said.append)
    world.store.commit(Unit((task,)), said.append)
    world.loop.until(lambda: len(said) == 2)
    assert said == [False, True], "two open tasks of one customer and group"
    world.close()


def test_whoever_shares_it_hears_what_others_wrote(database: str) -> None:
    world, other = PostgresWorld(database), PostgresWorld(database, "edge2")
    told: list[str] = []
    world.store.tell_changes_to(Heard(told))
    other.store.put(Unit((a_task(),)))
    world.loop.until(lambda: "changed" in told)
    assert len(world.store.callbacks.open_tasks()) == 1
    world.close()
    other.close()
