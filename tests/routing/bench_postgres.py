"""Measure claims on a throw-away PostgreSQL: `python tests/routing/bench_postgres.py [tasks [promises [agents]]]`.

Four nodes claim and end what they have won, a fifth ends tasks, each in a process of its own; every commit of a claim
reaches the disk. Prints how long a claim waited, won or not, and what each node's process used of the processor. Then
what two desks need that share `promises` tasks and `agents` agents, each with the lease of a group, within the caps of
the guard: a claim each, and what is told of the attempt besides, as fast as they can. Then what a commit without
anybody who waits costs, and a look. At last what the log of changes adds to a batch of what is shared, and what
another node's look at it costs (`log` as the only argument: that alone).
"""

import multiprocessing
import random
import sys
import time
from collections import deque
from multiprocessing.synchronize import Barrier
from pathlib import Path

from routing import duty
from routing.duty import Fence
from routing.events import Outbox
from routing.rows import AttemptRow, TaskRow
from routing.storage import Caps
from routing.store.engine import Engine, Queued
from routing.store.postgres.changes import ChangeReader
from routing.store.postgres.connection import Address
from routing.store.postgres.engine import PostgresEngine
from routing.store.queries import CallbackQuery
from routing.writes import ChangeTask, Unit
from tests.kit.postgres import Postgres, server
from tests.routing.store.pages import call
from tests.routing.store.rows import a_line, a_task, an_attempt
from tests.routing.store.test_sqlite import event, record

CLAIMERS = 4
TURNS = 300


def engine_on(where: str, node: str) -> Engine:
    engine = PostgresEngine(Address(where, node), node, Outbox.PLAIN, time.time)
    engine.open()
    return engine


Told = tuple[list[float], int, float]
"""Of a node: how long each claim took, how many it has won, and the processor's time."""


def claimer(where: str, node: str, start: Barrier, told: "multiprocessing.Queue[Told]") -> None:
    engine = engine_on(where, node)
    tasks = engine.read(CallbackQuery.OPEN_TASKS, ())
    random.Random(node).shuffle(tasks)
    start.wait()
    used, took, won = time.process_time(), list[float](), 0
    for task in tasks:
        attempt = an_attempt(task, node=node, engages=None, epoch=0)
        change = ChangeTask(task._replace(attempts=1, version=2), 1, "maker")
        begun = Unit((change, a_line(task.id, "assigned"), event()))
        began = time.perf_counter()
        refused = engine.apply([Queued(1, begun, True, attempt)]).refused
        took.append(time.perf_counter() - began)
        if not refused:
            won += 1
            over = attempt._replace(step="ended", ended_at=time.time(), result="talked")
            engine.apply([Queued(2, Unit((over, a_line(task.id, "result"), event())))])
    told.put((took, won, time.process_time() - used))
    engine.close()


def ender(where: str, start: Barrier) -> None:
    engine = engine_on(where, "ender")
    tasks = engine.read(CallbackQuery.OPEN_TASKS, ())[::3]
    start.wait()
    for task in tasks:
        end = ChangeTask(task._replace(state="cancelled", ended_at=time.time(), version=2), 1, "maker")
        engine.apply([Queued(1, Unit((end, a_line(task.id, "ended"), event())))])
    engine.close()


def dialler(where: str, node: str, agents: int, start: Barrier, told: "multiprocessing.Queue[Told]") -> None:
    """Claim each task of a group with an agent who is free, dial and end what began longest ago."""
    engine = engine_on(where, node)
    tasks = [task for task in engine.read(CallbackQuery.OPEN_TASKS, ()) if task.group == node]
    caps, fence = Caps(10, 20, 1_000_000, 1_000_000, "main", 0), Fence(duty.desk(node), 1)
    running: deque[tuple[TaskRow, AttemptRow]] = deque()
    start.wait()
    used, took, won = time.process_time(), list[float](), 0
    for number, task in enumerate(tasks):
        agent = f"{node} {number % agents}"
        attempt = an_attempt(task, node=node, agent=agent, engages=agent, epoch=0)
        begun = Unit((ChangeTask(task._replace(version=2), 1, "maker"), a_line(task.id, "assigned")))
        began = time.perf_counter()
        refused = engine.apply([Queued(1, begun, True, attempt, caps, fence)]).refused
        took.append(time.perf_counter() - began)
        if not refused:
            won += 1
            running.append((task, attempt))
        if len(running) == agents:
            ended, past = running.popleft()
            past = past._replace(step="customer", customer_at=time.time())
            dialled = ChangeTask(ended._replace(attempts=1, version=3), 2, node)
            engine.apply([Queued(2, Unit((dialled, past, a_line(ended.id, "attempt"))))])
            past = past._replace(step="ended", ended_at=time.time(), result="talked")
            done = ended._replace(attempts=1, state="done", reason="talked", ended_at=time.time(), version=4)
            engine.apply([Queued(3, Unit((ChangeTask(done, 3, node), past, a_line(ended.id, "ended")))),
                          Queued(4, Unit((a_line(ended.id, "result"),)))])
    told.put((took, won, time.process_time() - used))
    engine.close()


def parts(took: list[float]) -> str:
    took = sorted(took)
    shares = ", ".join(f"{int(share * 100)} of 100 below {took[int(len(took) * share)] * 1000:.1f}"
                       for share in (0.5, 0.95, 0.99))
    return f"{shares}, the longest {took[-1] * 1000:.1f} ms"


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    with server(settings="") as running:
        where = running.create("bench")
        maker = engine_on(where, "maker")
        tasks = [a_task(customer=f"+3620{number:07d}") for number in range(count)]
        began = time.perf_counter()
        for first in range(0, count, 300):
            maker.apply([Queued(1, Unit((ChangeTask(task, 0, ""), a_line(task.id))))
                         for task in tasks[first:first + 300]])
        print(f"{count} tasks made in {time.perf_counter() - began:.2f} s")
        context = multiprocessing.get_context("spawn")
        start, told = context.Barrier(CLAIMERS + 1), context.Queue()
        nodes = [context.Process(target=claimer, args=(where, f"node{number}", start, told))
                 for number in range(CLAIMERS)]
        nodes.append(context.Process(target=ender, args=(where, start)))
        for node in nodes:
            node.start()
        results = [told.get() for _ in range(CLAIMERS)]
        for node in nodes:
            node.join()
        took = [each for result in results for each in result[0]]
        won, used = sum(result[1] for result in results), sum(result[2] for result in results)
        print(f"{len(took)} claims by {CLAIMERS} nodes and one that ends: {parts(took)}; {won} won; "
              f"{used / len(took) * 1e6:.0f} us of CPU a claim in the nodes")
        two_desks(running, *([int(number) for number in sys.argv[2:]] or [10_000, 200]))
        measure(maker)
        maker.close()
        measure_log(running)


def two_desks(server: Postgres, promises: int, agents: int = 200) -> None:
    groups = ("sales", "support")
    where = server.create("desks")
    maker = engine_on(where, "maker")
    tasks = [a_task(customer=f"+3620{number:07d}", group=groups[number % 2]) for number in range(promises)]
    for first in range(0, promises, 300):
        maker.apply([Queued(1, Unit((ChangeTask(task, 0, ""), a_line(task.id)))) for task in tasks[first:first + 300]])
    maker.close()
    for group in groups:
        server.run(f"INSERT INTO leases VALUES ('{duty.desk(group)}', '{group}', 1, "
                   "extract(epoch FROM now()) + 86400)", "desks")
    context = multiprocessing.get_context("spawn")
    start, told = context.Barrier(len(groups)), context.Queue()
    nodes = [context.Process(target=dialler, args=(where, group, agents // len(groups), start, told))
             for group in groups]
    for node in nodes:
        node.start()
    results = [told.get() for _ in nodes]
    for node in nodes:
        node.join()
    took, used = [each for result in results for each in result[0]], sum(result[2] for result in results)
    won = sum(result[1] for result in results)
    print(f"{promises} tasks, {agents} agents, two desks: a claim {parts(took)}; {won} won; "
          f"{used / len(took) * 1e6:.0f} us of CPU for each, with all that is told of it")


def measure(engine: Engine) -> None:
    task = a_task(customer="+36209999999")
    engine.apply([Queued(1, Unit((task,)))])
    for what, durable in (("nobody waits for", False), ("somebody waits for", True)):
        took, used = [], time.process_time()
        for _ in range(TURNS):
            began = time.perf_counter()
            engine.apply([Queued(1, Unit((a_line(task.id), event()), durable))])
            took.append(time.perf_counter() - began)
        print(f"a commit that {what}: {parts(took)}; {(time.process_time() - used) / TURNS * 1e6:.0f} us of CPU")
    took, used = [], time.process_time()
    for _ in range(TURNS):
        began = time.perf_counter()
        engine.read(CallbackQuery.TASK, (task.id,))
        took.append(time.perf_counter() - began)
    print(f"a look at one task: {parts(took)}; {(time.process_time() - used) / TURNS * 1e6:.0f} us of CPU")


CALLS = 10
"""In one batch, each with its direct callback and a line of a journal."""


def measure_log(running: Postgres) -> None:
    where = running.create("log")
    engine = engine_on(where, "a")
    reader = ChangeReader(Address(where, "b"), "b")
    page = reader.read(None)
    while page.more:
        page = reader.read(page.mark)
    asking = _Used(running, "b")
    for what in ("nothing", f"{3 * CALLS} rows"):
        took = list[float]()
        asking.begin()
        for turn in range(TURNS):
            if what != "nothing":
                engine.apply(_batch(turn))
            began = time.thread_time()
            page = reader.read(page.mark)
            took.append(time.thread_time() - began)
        print(f"a look at what has changed, {what}: {sorted(took)[TURNS // 2] * 1e6:.0f} us of CPU in the node, "
              f"{asking.each():.0f} us in the server")
    reader.close()
    for what in ("with", "without", "with", "without"):
        engine.close()
        running.run(f"ALTER DATABASE log SET session_replication_role={'origin' if what == 'with' else 'replica'}")
        engine = engine_on(where, "a")
        engine.apply(_batch(0))
        writing = _Used(running, "a")
        writing.begin()
        for turn in range(TURNS):
            engine.apply(_batch(turn))
        print(f"a batch of {CALLS} calls, direct callbacks and lines {what} the log: {writing.each():.0f} us of CPU "
              "in the server")
    engine.close()


def _batch(turn: int) -> list[Queued]:
    return [Queued(number, Unit((call(turn * CALLS + number), record(who=f"+36{number}", touched=float(turn)),
                                 a_line("task")))) for number in range(CALLS)]


class _Used:
    """The processor's time of the server's process that a node is connected to."""

    def __init__(self, running: Postgres, node: str) -> None:
        [*pids] = running.run(f"SELECT pid FROM pg_stat_activity WHERE application_name='{node}'")
        self._pids, self._before = [int(str(pid)) for [pid] in pids], 0.0

    def begin(self) -> None:
        self._before = self._now()

    def each(self) -> float:
        """Microseconds for each of the turns."""
        return (self._now() - self._before) / TURNS * 1e6

    def _now(self) -> float:
        """From the scheduler, in ns: the ticks of `stat` are too coarse."""
        return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in self._pids) / 1e9


if __name__ == "__main__":
    if sys.argv[1:] == ["log"]:
        with server(settings="") as alone:
            measure_log(alone)
    else:
        main()
