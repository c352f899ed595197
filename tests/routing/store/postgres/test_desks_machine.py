"""Several desks on one PostgreSQL, whatever happens at whichever of them, and whatever one of them does not know yet:
together they ring nobody twice, dial nobody whose promise is over, keep within the caps, and forget nobody.

What one desk must do is in tests/routing/callbacks/test_desk_machine.py. Here all of them turn at once, hear of one
another only now and then, and have clocks that differ. What races is decided by the server, so nothing that is drawn
depends on who wins.
"""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Final

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from config.policy import parse_policy
from routing.callbacks.admin import DeskError
from routing.callbacks.facts import AttemptOrder, Missed, Outcome, PastTalk
from routing.callbacks.responsible import Responsible
from routing.rows import LegRow, Result, Step, TaskRow
from routing.storage import ANYTHING_CHANGED
from routing.store.queue import StoreQueue
from tests.kit.desk_parts import Nobody, new_desk
from tests.kit.postgres import Postgres
from tests.kit.told import Told
from tests.routing.callbacks.shop import MONDAY_NOON, OURS, LiveState, Shop
from tests.routing.world import Loop

CUSTOMERS: Final = ("+36201111111", "+36202222222", "+36203333333")
AGENTS: Final = ("201", "202", "301")
GROUPS: Final = ("sales", "support", "queue")
NEXT: Final[dict[Step, Step]] = {"claimed": "agent", "agent": "accepted", "accepted": "customer",
                                 "customer": "answered", "answered": "talked"}
AT_THE_AGENT: Final[tuple[Result, ...]] = ("agent_no_answer", "agent_busy", "declined", "stopped")
AT_THE_CUSTOMER: Final[tuple[Result, ...]] = ("customer_no_answer", "customer_busy", "customer_failed", "agent_left")
ONCE: Final = ("callback.queued", "callback.done", "callback.failed", "callback.expired", "callback.cancelled")
"""What the world is told of each callback at most once, by whichever node."""

CAPS: Final = {
    "": None,
    "all_per_hour = 3": 3,
    "all_per_day = 2": 2,
}
"""Caps of the guard, and how many are dialled at most: by the server's clock no example takes an hour."""

NODE: Final = st.integers(0, 2)
ANY: Final = st.integers(0, 99)
"""Which of those that there are."""


class Node(Nobody):
    """One process with its desk."""

    def __init__(self, where: str, name: str, now: float, policy: str, floor: LiveState, random: Random) -> None:
        from routing.store.postgres.store import postgres_store  # not every installation has its driver

        self.loop, self.told, self.name, self.now = Loop(), Told(), name, now
        self.store: StoreQueue = postgres_store(where, self.loop.post, lambda: self.now, name, self.told)
        self.desk = new_desk(self.store, parse_policy(policy), floor, random.randbytes, self, node=name,
                             channels=("webhook",))
        self.orders: list[AttemptOrder] = []
        assert self.desk.restore(now)

    def begin(self, order: AttemptOrder, now: float) -> None:
        self.orders.append(order)
        self.desk.attempts.leg(LegRow(order.attempt + " leg", order.attempt, "agent", "{}"))

    def stop(self, attempt: str, reason: str, now: float) -> None:
        self.desk.attempts.ended(attempt, Outcome("stopped", text=reason), now)

    def commit(self) -> None:
        """Wait until all that was put is committed, and what follows from its being so."""
        for _ in range(2):
            done: list[bool] = []
            self.store.settled(lambda: done.append(True))  # noqa: B023 (it is called before the next one)
            self.loop.until(lambda: done)  # noqa: B023
            self.loop.run()

    def step(self, order: AttemptOrder, step: Step) -> bool:
        answers: list[bool] = []
        self.desk.attempts.step(order.attempt, step, self.now, answers.append)
        self.loop.until(lambda: answers)
        return answers[0]

    def runs(self, attempt: str) -> bool:
        return attempt in self.desk._tasks.index.attempts


@dataclass
class Going:
    """An attempt as the world sees it."""

    node: int
    order: AttemptOrder
    step: Step = "claimed"

    @property
    def dialled(self) -> bool:
        return self.step in ("customer", "answered", "talked")


class Desks(RuleBasedStateMachine):
    def __init__(self, where: str, count: int) -> None:
        super().__init__()
        self.where, self.count = where, count
        self.nodes: list[Node] = []
        self.going: dict[str, Going] = {}
        self.do_not_call: set[str] = set()
        self.told: Counter[tuple[str, str]] = Counter()
        self.calls = 0

    @initialize(cap=st.sampled_from(sorted(CAPS)), skew=st.sampled_from([0.0, 60.0]), attempts=st.integers(1, 3),
                responsible=st.sampled_from(["none", "fixed"]))
    def begin(self, cap: str, skew: float, attempts: int, responsible: str) -> None:
        self.cap, self.now = CAPS[cap], MONDAY_NOON
        self.skews = [0.0, skew, -skew][:self.count]
        self.policy = Shop.write(guard=cap, tickets="true", missed=(
            f'attempts = {attempts}\nresponsible = "{responsible}"\nresponsible_agent = "202"'))
        self.floor, self.random = LiveState(), Random(1)
        self.server = psycopg.connect(self.where, autocommit=True)
        self.nodes = [self.born(number) for number in range(self.count)]

    def born(self, number: int) -> Node:
        return Node(self.where, f"edge{number}", self.now + self.skews[number], self.policy, self.floor, self.random)

    def at(self, number: int) -> Node:
        node = self.nodes[number % self.count]
        node.now = self.now + self.skews[number % self.count]
        return node

    def task(self, name: str) -> TaskRow | None:
        return self.nodes[0].store.callbacks.task(name)

    # What customers do

    @rule(number=NODE, customer=st.sampled_from(CUSTOMERS), group=st.sampled_from(GROUPS))
    def missed(self, number: int, customer: str, group: str) -> None:
        self.miss(number, customer, group)
        self.settle(number)

    @rule(customer=st.sampled_from(CUSTOMERS), group=st.sampled_from(GROUPS))
    def missed_everywhere(self, customer: str, group: str) -> None:
        for number in range(self.count):
            self.miss(number, customer, group)
        self.settle(*range(self.count))

    def miss(self, number: int, customer: str, group: str) -> None:
        self.calls += 1
        node = self.at(number)
        node.store.put(node.desk.calls.missed(Missed(
            f"call {self.calls}", customer, OURS, group, "office", "main", node.now - 20, node.now, "hung_up",
            ("no_answer",), "certain"), node.now))

    @rule(number=NODE, customer=st.sampled_from(CUSTOMERS))
    def talk(self, number: int, customer: str) -> None:
        self.calls += 1
        node = self.at(number)
        node.store.put(node.desk.calls.talked(PastTalk(
            f"call {self.calls}", customer, "202", "sales", "inbound", node.now - 60, 60.0, None), node.now))
        self.settle(number)
        known = [row for row in node.desk.admin.open_tasks() if row.customer == customer]
        assert known == [], "who has talked is promised nothing that this node knows of"

    # What attempts do

    @rule(which=ANY, steps=st.integers(1, 5))
    def further(self, which: int, steps: int) -> None:
        going = self.one(which)
        for _ in range(steps if going is not None else 0):
            if going is not None and going.order.attempt in self.going:
                self.once_further(going)

    def one(self, which: int) -> Going | None:
        return self.going[sorted(self.going)[which % len(self.going)]] if self.going else None

    def once_further(self, going: Going) -> None:
        node = self.at(going.node)
        if going.step == "talked":
            self.over(going, "talked")
            return
        step, before = NEXT[going.step], self.task(going.order.task)
        if not node.step(going.order, step):
            assert step in ("agent", "customer"), "what has happened has happened"
            self.over(going, "stopped")
            return
        going.step = step
        if step == "customer":
            assert before is not None
            assert before.state == "open", "nobody is dialled for a task that is over"
            assert before.attempts < before.attempts_max
            assert [other for other in self.going.values() if other.dialled
                    and other.order.customer == going.order.customer] == [going]
        self.settle(going.node)

    @rule(which=ANY, agent=st.sampled_from(AT_THE_AGENT), customer=st.sampled_from(AT_THE_CUSTOMER))
    def fail(self, which: int, agent: Result, customer: Result) -> None:
        going = self.one(which)
        if going is not None:
            self.over(going, "talked" if going.step == "talked" else customer if going.dialled else agent)

    def over(self, going: Going, result: Result) -> None:
        self.going.pop(going.order.attempt, None)
        node = self.at(going.node)
        node.desk.attempts.ended(going.order.attempt, Outcome(result, talk_s=30.0 if result == "talked" else None),
                                 node.now)
        self.settle(going.node)

    # What time, machines and operators do

    @rule(number=NODE, agent=st.sampled_from(AGENTS), state=st.sampled_from(["free", "free", "busy"]))
    def move(self, number: int, agent: str, state: str) -> None:
        self.floor.states[agent] = state

    @rule(seconds=st.sampled_from([1.0, 6.0, 61.0, 1800.0]), number=NODE)
    def turn(self, seconds: float, number: int) -> None:
        self.now += seconds
        node = self.at(number)
        node.desk.turn(node.now)
        self.settle(number)

    @rule(seconds=st.sampled_from([1.0, 6.0, 61.0]), looks=st.booleans())
    def all_turn_at_once(self, seconds: float, looks: bool) -> None:
        """Their claims are on the way at the same time; `looks`: knowing of what was committed before."""
        self.now += seconds
        for number in range(self.count):
            node = self.at(number)
            if looks:
                node.desk.on_changed(ANYTHING_CHANGED)
            node.desk.turn(node.now)
        self.settle(*range(self.count))

    @rule(number=NODE)
    def look(self, number: int) -> None:
        node = self.at(number)
        node.desk.on_changed(ANYTHING_CHANGED)
        node.desk.turn(node.now)
        self.settle(number)

    @rule(number=NODE, which=ANY, verb=st.sampled_from(["cancel", "hold", "resume", "call_now", "reassign"]))
    def operate(self, number: int, which: int, verb: str) -> None:
        node = self.at(number)
        tasks = sorted(row.id for row in node.desk.admin.open_tasks())
        if not tasks:
            return
        name = tasks[which % len(tasks)]
        with suppress(DeskError):  # an agent has it, or it is under way
            if verb == "reassign":
                node.desk.admin.reassign(name, Responsible("current", "201"), node.now)
            else:
                getattr(node.desk.admin, verb)(name, node.now)
        self.settle(number)

    @rule(number=NODE, customer=st.sampled_from(CUSTOMERS[2:]))
    def never_call(self, number: int, customer: str) -> None:
        node = self.at(number)
        node.desk.admin.add_do_not_call(customer, node.now)
        self.settle(number)
        self.do_not_call.add(customer)

    @rule(number=NODE)
    def crash(self, number: int) -> None:
        """A node dies and begins again; the others go on."""
        number %= self.count
        self.nodes[number].store.close()
        self.take_events(self.nodes[number])
        self.going = {name: going for name, going in self.going.items() if going.node != number}
        self.nodes[number] = self.born(number)
        self.settle(number)

    # What follows

    def settle(self, *numbers: int) -> None:
        """Have all of it committed, and see what these nodes have begun and ended with it."""
        touched = sorted({number % self.count for number in numbers})
        for number in touched:
            self.nodes[number].commit()
        for number in touched:
            node = self.nodes[number]
            self.going = {name: going for name, going in self.going.items() if going.node != number or node.runs(name)}
        for number in touched:
            given, self.nodes[number].orders = self.nodes[number].orders, []
            for order in given:
                self.take(number, order)
            self.take_events(self.nodes[number])

    def take(self, number: int, order: AttemptOrder) -> None:
        if not self.nodes[number].runs(order.attempt):
            return  # begun, and stopped at once
        others = [going.order for going in self.going.values()]
        assert order.customer not in [other.customer for other in others], "a customer whom another one calls"
        assert order.task not in [other.task for other in others]
        assert order.agent is None or order.agent not in [other.agent for other in others], "an agent whom it rings"
        row = self.task(order.task)
        assert row is not None
        assert row.state == "open", "an attempt of a task that is over"
        assert order.customer not in self.do_not_call
        self.going[order.attempt] = Going(number, order)

    def take_events(self, node: Node) -> None:
        for event in node.told.events:
            if event.kind in ONCE:
                self.told[event.kind, event.data["task"]] += 1
        node.told.events.clear()

    # What always holds

    @invariant()
    def who_runs_is_who_should(self) -> None:
        if self.nodes:
            rows = self.server.execute("SELECT id FROM attempts WHERE ended_at IS NULL").fetchall()
            assert sorted(name for [name] in rows) == sorted(self.going)

    @invariant()
    def the_caps_hold(self) -> None:
        if self.nodes and self.cap is not None:
            [[dialled]] = self.server.execute("SELECT count(*) FROM attempts WHERE customer_at IS NOT NULL").fetchall()
            assert dialled <= self.cap

    @invariant()
    def each_promise_is_kept_or_explained_once(self) -> None:
        if not self.nodes:
            return
        lines: dict[str, int] = dict(self.server.execute(
            "SELECT task, count(*) FROM journal WHERE kind='ended' GROUP BY task"))
        for task, reason in self.server.execute("SELECT id, reason FROM tasks WHERE ended_at IS NOT NULL"):
            assert reason
            assert lines.pop(task) == 1
        assert lines == {}, "what is open has not ended"
        assert max(self.told.values(), default=1) == 1
        tries = self.server.execute("SELECT task, count(*), count(*) FILTER (WHERE result='talked') FROM attempts "
                                    "WHERE customer_at IS NOT NULL GROUP BY task").fetchall()
        for name, dials, talks in tries:
            row = self.task(name)
            assert row is not None
            assert dials <= row.attempts_max
            assert talks <= 1

    def teardown(self) -> None:
        """In the end every window is over, and with it every promise, wherever it was made."""
        if not self.nodes:
            return
        try:
            self.end_all()
        finally:
            for node in self.nodes:
                node.store.close()
            self.server.close()

    def end_all(self) -> None:
        for going in list(self.going.values()):
            self.over(going, "stopped")
        self.floor.states = dict.fromkeys(AGENTS, "busy")
        self.floor.queues = {"queue": 1}
        for _ in range(12):
            self.now += 12 * 3600
            for number in range(self.count):
                self.look(number)
                for going in list(self.going.values()):
                    self.over(going, "stopped")
        assert self.nodes[0].store.callbacks.open_tasks() == []
        assert [list(node.desk.admin.open_tasks()) for node in self.nodes] == [[]] * self.count
        self.who_runs_is_who_should()
        self.each_promise_is_kept_or_explained_once()


@pytest.mark.parametrize("count", [2, 3])
def test_several_desks(postgres: Postgres, database: str, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    for pause in ("LINGER", "SPACING"):  # what is waited for is committed at once
        monkeypatch.setattr(f"routing.store.writer.{pause}", 0.0)

    class OnServer(Desks):
        def __init__(self) -> None:
            postgres.empty("shared")
            super().__init__(database, count)

    run_state_machine_as_test(OnServer, settings=settings(
        max_examples=8, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)))
