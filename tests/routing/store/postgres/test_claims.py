"""Several nodes that claim, and one that ends tasks, all at once, on one server: nobody is dialled twice, none for a
task that is over, and nobody is told of a fault."""

import random
import threading
from collections import Counter

from routing.rows import AttemptRow, TaskRow
from routing.store.engine import Applied, Engine, Queued
from routing.store.queries import CallbackQuery
from routing.writes import ChangeTask, Unit
from tests.kit.engines import postgres_engine
from tests.kit.waiting import PATIENCE
from tests.routing.store.rows import a_task, an_attempt
from tests.routing.store.test_sqlite import event
from tests.routing.world import BEGIN

TASKS = 300
CLAIMERS = ("a", "b", "c", "d")
AGENTS = 40


class Claimer:
    """Claims every task in an order of its own, and ends at once what it has won."""

    def __init__(self, engine: Engine, node: str, tasks: list[TaskRow]) -> None:
        self.engine, self.node = engine, node
        self.tasks = random.Random(node).sample(tasks, len(tasks))
        self.won: dict[str, int] = {}
        """Tasks, and the number that each claim has got among all that was committed."""

    def run(self) -> None:
        for task in self.tasks:
            attempt = an_attempt(task, node=self.node, engages=f"{200 + int(task.customer) % AGENTS}", epoch=0)
            done = self.engine.apply([Queued(1, Unit((event(),)), True, attempt)])
            if not done.refused:
                self.won[task.id] = number_of(done)
                self.engine.apply([Queued(2, Unit((over(attempt),)))])


class Ender:
    """Ends every task: its customer has called."""

    def __init__(self, engine: Engine, tasks: list[TaskRow]) -> None:
        self.engine, self.tasks = engine, random.Random(0).sample(tasks, len(tasks))
        self.ended: dict[str, int] = {}

    def run(self) -> None:
        for task in self.tasks:
            end = ChangeTask(task._replace(state="cancelled", ended_at=BEGIN, version=2), 1, "maker")
            self.ended[task.id] = number_of(self.engine.apply([Queued(1, Unit((end, event())))]))


def over(attempt: AttemptRow) -> AttemptRow:
    return attempt._replace(step="ended", ended_at=BEGIN + 1, result="talked")


def number_of(done: Applied) -> int:
    [told] = done.events
    return told.seq


def test_four_claim_and_one_ends(database: str) -> None:
    made: list[Engine] = []

    def engine(node: str) -> Engine:
        made.append(postgres_engine(database, node))
        made[-1].open()
        return made[-1]

    maker = engine("maker")
    tasks = [a_task(customer=f"+3620{number:07d}") for number in range(TASKS)]
    maker.apply([Queued(number, Unit((ChangeTask(task, 0, ""),))) for number, task in enumerate(tasks, 1)])
    claimers = [Claimer(engine(node), node, tasks) for node in CLAIMERS]
    ender = Ender(engine("ender"), tasks)
    faults: list[BaseException] = []

    def guarded(worker: Claimer | Ender) -> None:
        try:
            worker.run()
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=guarded, args=(worker,)) for worker in (*claimers, ender)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert faults == []
    assert not any(thread.is_alive() for thread in threads)
    won = Counter(task for claimer in claimers for task in claimer.won)
    assert set(won.values()) <= {1}, "nobody is dialled twice"
    late = [task for claimer in claimers for task, at in claimer.won.items() if at > ender.ended[task]]
    assert late == [], "no attempt begins for a task that is over"
    rows = maker.read(CallbackQuery.TASKS, {"limit": TASKS})
    assert {row.state for row in rows} == {"cancelled"}
    assert sum(len(maker.read(CallbackQuery.ATTEMPTS_OF, (row.id,))) for row in rows) == len(won)
    for each in made:
        each.close()


def test_batches_that_meet_in_any_order_wait_for_one_another(database: str) -> None:
    """Each changes all tasks at once, beginning with another one."""
    engines = [postgres_engine(database, node) for node in CLAIMERS]
    for each in engines:
        each.open()
    tasks = [a_task(customer=f"+3620{number:07d}") for number in range(30)]
    engines[0].apply([Queued(1, Unit(tuple(tasks)))])
    faults: list[BaseException] = []

    def change(number: int) -> None:
        try:
            for turn in range(10):
                order = random.Random(number * 100 + turn).sample(tasks, len(tasks))
                engines[number].apply([Queued(at, Unit((task, event()))) for at, task in enumerate(order, 1)])
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(len(engines))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert faults == []
    for each in engines:
        each.close()
