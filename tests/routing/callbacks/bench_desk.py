"""Measure the desk: `PYTHONPATH=. python tests/routing/callbacks/bench_desk.py [tasks] [agents]`.

On the real store: what a turn costs in the proxy's thread (CPU, milliseconds: median, worst) while every task is due
and nobody is free, while agents are free, while a whole line is refused, at an opening at which all become due at once;
what a missed call costs, and how long reading everything back takes.
"""

import gc
import os
import queue
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from config.policy import Policy, parse_policy
from proxy.app import GC_THRESHOLD
from routing.callbacks.facts import AttemptOrder, Missed, Outcome
from routing.callbacks.queue_facts import QueueRequest
from routing.rows import LegRow, PauseRow
from routing.store.sqlite import sqlite_store
from routing.writes import Unit
from tests.kit.desk_parts import new_desk
from tests.kit.told import Told

GROUPS = 10
TURNS = 200
PLACES = 1000


class LiveState:
    def __init__(self) -> None:
        self.state, self.in_call = "busy", False

    def agent_state(self, agent: str) -> str:
        return self.state

    def agent_since(self, agent: str) -> float | None:
        return float(agent)

    def pauses(self) -> tuple[PauseRow, ...]:
        return ()

    def engaged(self, customer: str) -> bool:
        return self.in_call

    def waiting(self, group: str) -> int:
        return 0

    def estimated_wait(self, group: str, call: str | None, now: float) -> float | None:
        return None

    def taken(self, group: str) -> int:
        return 0

    def on_trunk(self, trunk: str) -> int:
        return 0

    def wrap_up(self, agent: str, until: float, now: float) -> None:
        pass


class Runner:
    def __init__(self) -> None:
        self.orders: list[AttemptOrder] = []

    def begin(self, order: AttemptOrder, now: float) -> None:
        self.orders.append(order)

    def stop(self, attempt: str, reason: str, now: float) -> None:
        pass

    def recover(self, legs: tuple[LegRow, ...], now: float) -> None:
        pass


def policy(agents: int, responsible: str = "none") -> Policy:
    lines = ['region = "HU"', "[guard]", "tasks_per_hour = 1000000", "all_per_hour = 1000000", "all_per_day = 1000000",
             "[missed_callback]", "enabled = true", f'responsible = "{responsible}"', 'responsible_agent = "1005"']
    for number in range(GROUPS):
        crew = ", ".join(f'"{1000 + agent}"' for agent in range(number, agents, GROUPS))
        lines += [f"[group.g{number}]", f"agents = [{crew}]", 'hours = ["mon-sun 00:00-24:00"]']
    return parse_policy("\n".join(lines))


class Bench:
    def __init__(self, path: Path, agents: int, responsible: str = "none") -> None:
        self.posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.now = 1_795_431_600.0
        self.store = sqlite_store(path, self.posted.put, lambda: self.now, "bench", Told())
        self.floor, self.runner = LiveState(), Runner()
        self.desk = new_desk(self.store, policy(agents, responsible), self.floor, os.urandom, self.runner, room=self)

    def drain(self) -> None:
        done: list[bool] = []
        self.store.put(Unit(), lambda: done.append(True))
        while not done:
            self.posted.get()()

    def missed(self, number: int) -> float:
        fact = Missed(f"call {number}", f"+3620{number:07d}", "+3614445555", f"g{number % GROUPS}", "office", "main",
                      self.now - 20, self.now, "hung_up", ("no_answer",), "certain")
        began = time.thread_time()
        self.store.put(self.desk.calls.missed(fact, self.now))
        return time.thread_time() - began

    def turns(self, label: str, count: int, seconds: float = 1.0, each: Callable[[], None] = lambda: None) -> None:
        spent = []
        for _ in range(count):
            self.now += seconds
            each()
            began = time.thread_time()
            self.desk.turn(self.now)
            spent.append((time.thread_time() - began) * 1000)
            while not self.posted.empty():
                self.posted.get()()
        print(f"{label}: median {statistics.median(spent):.2f} ms, worst {max(spent):.2f} ms")
        self.drain()

    def requested(self, number: int) -> float:
        """A caller asks for a callback, and has a place."""
        customer = f"+3630{number:07d}"
        asked = QueueRequest(f"call {number}", customer, customer, "+3614445555", f"g{number % GROUPS}", "office",
                             "main", self.now - 60, f"place {number}")
        began = time.thread_time()
        answer, unit = self.desk.calls.request(asked, self.now)
        self.store.commit(unit, lambda kept: None)
        spent = time.thread_time() - began
        assert answer.terms is not None
        return spent

    # The room: it holds every place.

    def holds_place(self, task: str) -> bool:
        return True

    def leave_place(self, task: str, reason: str, now: float) -> None:
        pass

    def all_fail(self) -> None:
        """Every attempt so far ends, its customer not dialled."""
        orders, self.runner.orders = self.runner.orders, []
        for order in orders:
            self.desk.attempts.ended(order.attempt, Outcome("stopped"), self.now)


def main(tasks: int, agents: int) -> None:
    gc.set_threshold(*GC_THRESHOLD)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "boomerang.db"
        bench = Bench(path, agents)
        bench.desk.restore(bench.now)
        spent = [bench.missed(number) for number in range(tasks)]
        print(f"missed call, a new task: median {statistics.median(spent) * 1e6:.0f} us")
        bench.drain()
        bench.turns(f"{tasks} tasks become due at one moment, 100 a turn", tasks // 100 + 1)
        bench.turns("all due, nobody is free", TURNS)
        bench.floor.state = "free"
        bench.turns(f"{agents} agents become free", agents // 25 + 2)
        print(f"  attempts that run then: {len(bench.desk.admin.attempts())}")
        bench.turns("all due, every agent in an attempt", TURNS)
        bench.turns("attempts end and begin all the time", TURNS, each=bench.all_fail)
        bench.all_fail()
        bench.floor.in_call = True
        bench.turns("every customer is in a call: each is looked at and rests", TURNS)
        bench.floor.state, bench.floor.in_call = "busy", False
        bench.drain()
        bench.store.close()

        bench = Bench(path, agents)
        began = time.perf_counter()
        bench.desk.restore(bench.now)
        print(f"reading back {len(bench.desk.admin.open_tasks())} tasks: {(time.perf_counter() - began) * 1000:.0f} ms")
        began = time.thread_time()
        bench.desk.set_policy(policy(agents), bench.now)
        print(f"another policy: {(time.thread_time() - began) * 1000:.0f} ms")
        bench.store.close()

        bench = Bench(Path(folder) / "places.db", agents)
        bench.desk.restore(bench.now)
        spent = [bench.requested(number) for number in range(PLACES)]
        print(f"request, with a place: median {statistics.median(spent) * 1e6:.0f} us")
        bench.drain()
        bench.turns(f"{PLACES} places are held, and written down again", 120)
        began = time.thread_time()
        for task in bench.desk.admin.open_tasks():
            bench.desk.places.place_lost(task.id, "pbx", bench.now)
        print(f"all {PLACES} are lost: {(time.thread_time() - began) * 1e6 / PLACES:.0f} us each")
        bench.turns("all wait for an agent of ours, nobody is free", PLACES // 100 + 10)
        bench.store.close()

        bench = Bench(Path(folder) / "held.db", agents, "fixed")
        bench.desk.restore(bench.now)
        for number in range(tasks):
            bench.missed(number)
        bench.drain()
        bench.turns("all become due and are held for one agent", tasks // 100 + 1)
        bench.turns("all are released after the wait, 100 a turn", 300 + tasks // 100)
        bench.store.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, int(sys.argv[2]) if len(sys.argv) > 2 else 200)
