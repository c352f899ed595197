"""Whatever happens in whatever order - missed calls, talks, declines, failures, crashes, clocks that jump, nights on
which they change - the desk dials nobody whom it must not, and forgets nobody whom it promised a call."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from proxy.status.event_models import check_event
from routing.callbacks.admin import DeskError
from routing.callbacks.attempt_life import LONGEST_TALK
from routing.callbacks.facts import AttemptOrder, NewCaller
from routing.callbacks.responsible import Responsible
from routing.rows import LegRow, Result, Step
from tests.routing.callbacks.shop import Shop, at

ATTEMPTS = 3
CUSTOMERS = ("+36201111111", "+36202222222", "+36203333333")
AGENTS = ("201", "202", "301")
GROUPS = ("sales", "support", "queue")
STATES = ("free", "free", "busy", "unknown", "wrap_up")
BEGINS = {
    "Europe/Budapest": ("2026-10-23 16:00", "2027-03-26 16:00", "2026-11-23 12:00"),
    "America/Sao_Paulo": ("2026-11-23 12:00",),
    "Australia/Lord_Howe": ("2026-10-02 15:00", "2027-04-02 15:00"),
}
"""Nights on which the clock changes lie a day or two ahead; on Lord Howe Island by half an hour."""

FAILURES: tuple[tuple[Result, int], ...] = (
    ("customer_no_answer", 487), ("customer_busy", 486), ("customer_failed", 480), ("customer_failed", 404),
    ("customer_failed", 603), ("short", 200), ("no_key", 200), ("agent_left", 487),
)
AT_THE_AGENT: tuple[Result, ...] = (
    "agent_no_answer", "agent_busy", "agent_failed", "agent_silent", "declined", "declined",
)
LONGEST = 60.0
"""Seconds that an attempt takes at most until its customer answers."""
NEXT: dict[Step, Step] = {"claimed": "agent", "agent": "accepted", "accepted": "customer", "customer": "answered",
                          "answered": "talked"}


@dataclass
class Going:
    """An attempt as the world sees it."""

    order: AttemptOrder
    step: Step = "claimed"
    dialled: bool = False
    begun: float = 0.0


@dataclass
class Oracle:
    """What the desk must never contradict."""

    happened: int = 0
    """Counts what happens, so that what comes first is known although no time passes."""
    born: dict[str, int] = field(default_factory=dict)
    talked: dict[str, int] = field(default_factory=dict)
    dials: Counter[str] = field(default_factory=Counter)


class Machine(RuleBasedStateMachine):
    @initialize(zone=st.sampled_from(sorted(BEGINS)), data=st.data(), hours=st.booleans(), campaign=st.booleans(),
                responsible=st.sampled_from(["none", "fixed", "last_talk"]))
    def begin(self, zone: str, data: st.DataObject, hours: bool, campaign: bool, responsible: str) -> None:
        self.zone, self.hours = ZoneInfo(zone), hours
        queues = [f'timezone = "{zone}"']
        if hours:
            queues.append('hours = ["mon-fri 08:00-17:00", "sun 00:00-04:00"]')
        self.filled = {
            "sales": "\n".join(queues), "tickets": "true",
            "missed": f'attempts = {ATTEMPTS}\nresponsible = "{responsible}"\nresponsible_agent = "202"',
            "more": '[campaign.10001]\ngroup = "support"\nretries = 2\ndelay = "60s"' if campaign else "",
        }
        self.shop = Shop(at(data.draw(st.sampled_from(BEGINS[zone])), zone), None, None, None, None, **self.filled)
        self.oracle = Oracle()
        self.going: dict[str, Going] = {}
        self.stopped = False
        self.crashes = 0

    # What customers do

    @rule(customer=st.sampled_from(CUSTOMERS), group=st.sampled_from(GROUPS))
    def missed(self, customer: str, group: str) -> None:
        self.oracle.happened += 1
        self.shop.missed(customer, group)
        for task in self.shop.store.callbacks.open_tasks():
            self.oracle.born.setdefault(task.id, self.oracle.happened)
        self.turn(1.0)

    @rule(customer=st.sampled_from(CUSTOMERS))
    def talk(self, customer: str) -> None:
        self.oracle.happened += 1
        self.oracle.talked[customer] = self.oracle.happened
        self.shop.talked(customer)
        assert not [task for task in self.shop.store.callbacks.open_tasks()
                    if task.customer == customer or (task.group == "sales" and task.options.get("caller") == customer)]

    @rule(customers=st.sets(st.sampled_from(CUSTOMERS), max_size=1))
    def calls(self, customers: set[str]) -> None:
        """Who is in a call with us now."""
        self.shop.floor.calls = customers

    @rule(customer=st.sampled_from(CUSTOMERS))
    def ring_in(self, customer: str) -> None:
        found = self.shop.desk.calls.rang_in(NewCaller(customer, "sales"), self.shop.now)
        waiting = [name for name, going in self.going.items()
                   if self.concerns(going.order, customer) and going.step != "talked"]
        assert found is None or found in waiting

    # What agents and attempts do

    @rule(agent=st.sampled_from(AGENTS), state=st.sampled_from(STATES))
    def move(self, agent: str, state: str) -> None:
        self.shop.floor.states[agent] = state

    @precondition(lambda self: self.going)
    @rule(data=st.data(), steps=st.integers(1, 5))
    def further(self, data: st.DataObject, steps: int) -> None:
        going = self.going[data.draw(st.sampled_from(sorted(self.going)))]
        for _ in range(steps):
            if going.order.attempt in self.going:
                self.once_further(going)

    def once_further(self, going: Going) -> None:
        if going.step == "talked":
            self.over(going, "talked", 200, talk_s=30.0)
            return
        step = NEXT[going.step]
        if step == "customer":
            self.dial(going)
        elif self.shop.step(going.order, step):
            going.step = step
            if step == "talked":
                self.oracle.happened += 1
                self.oracle.talked[going.order.customer] = self.oracle.happened
        else:
            self.over(going, "stopped")

    @precondition(lambda self: self.going)
    @rule(data=st.data(), failure=st.sampled_from(FAILURES))
    def dialled_in_vain(self, data: st.DataObject, failure: tuple[Result, int]) -> None:
        going = self.going[data.draw(st.sampled_from(sorted(self.going)))]
        while going.order.attempt in self.going and not going.dialled:
            self.once_further(going)
        if going.order.attempt in self.going:
            self.over(going, *failure)

    def dial(self, going: Going) -> None:
        order, shop = going.order, self.shop
        before = shop.store.all_tasks.get(order.task)
        if not shop.step(order, "customer"):
            self.over(going, "refused")
            return
        going.step, going.dialled = "customer", True
        assert before is not None
        assert before.state == "open"
        assert shop.now < before.expires_at or self.is_under_way(going)
        assert before.attempts < before.attempts_max
        self.oracle.dials[order.task] += 1
        assert self.oracle.dials[order.task] <= before.attempts_max <= ATTEMPTS + 1
        assert order.group != "sales" or self.is_open(shop.now) or self.is_attended(order)
        assert order.customer not in shop.floor.calls
        assert not self.stopped
        assert self.oracle.born[order.task] > self.oracle.talked.get(order.customer, 0)
        legs = [other for other in self.going.values() if other.order.customer == order.customer and other.dialled]
        assert legs == [going]

    def is_under_way(self, going: Going) -> bool:
        """Whether the end of its window does not end it any more."""
        return False

    def is_attended(self, order: AttemptOrder) -> bool:
        """Whether an agent is there although it may be closed."""
        return False

    def concerns(self, order: AttemptOrder, customer: str) -> bool:
        """Whether a customer who rings in is joined with it."""
        return order.customer == customer

    def is_open(self, moment: float) -> bool:
        local = datetime.fromtimestamp(moment, self.zone)
        return not self.hours or (local.weekday() < 5 and 8 <= local.hour < 17) or \
            (local.weekday() == 6 and local.hour < 4)

    @precondition(lambda self: self.going)
    @rule(data=st.data(), failure=st.sampled_from(FAILURES), agent_side=st.sampled_from(AT_THE_AGENT))
    def fail(self, data: st.DataObject, failure: tuple[Result, int], agent_side: Result) -> None:
        going = self.going[data.draw(st.sampled_from(sorted(self.going)))]
        if going.dialled:
            self.over(going, *failure)
        else:
            self.over(going, agent_side, 486)

    def over(self, going: Going, result: Result, cause: int | None = None, **more: Any) -> None:
        del self.going[going.order.attempt]
        self.shop.end(going.order, result, cause, **more)

    # What time, machines and operators do

    @rule(seconds=st.sampled_from([0.0, 1.0, 5.0, 30.0, 61.0, 300.0]))
    def wait(self, seconds: float) -> None:
        self.turn(seconds)

    @rule(hours=st.sampled_from([1, 4, 6, 9, 17]), step=st.sampled_from([300.0, 1800.0]))
    def hours_pass(self, hours: int, step: float) -> None:
        for _ in range(int(hours * 3600 / step)):
            self.turn(step)

    @rule(failures=st.lists(st.sampled_from(FAILURES), min_size=1, max_size=4), hours=st.sampled_from([6, 24]))
    def in_vain(self, failures: list[tuple[Result, int]], hours: int) -> None:
        """Time goes on, and whoever is dialled is not reached."""
        for index in range(hours * 4):
            self.turn(900.0)
            for going in list(self.going.values()):
                while going.order.attempt in self.going and not going.dialled:
                    self.once_further(going)
                if going.order.attempt in self.going and going.step == "customer":
                    self.over(going, *failures[index % len(failures)])

    @rule(seconds=st.sampled_from([-3600.0, -5.0, -0.5, 61.0, 1800.0, 7200.0, 90_000.0]))
    def clock_jumps(self, seconds: float) -> None:
        self.shop.now += seconds

    def turn(self, seconds: float) -> None:
        shop = self.shop
        shop.now += seconds
        for going in list(self.going.values()):
            if going.step not in ("answered", "talked") and shop.now - going.begun > LONGEST:
                self.over(going, "customer_no_answer" if going.dialled else "agent_no_answer", 487)
        ready = self.ready()
        given = shop.turn()
        for name, _ in shop.runner.stopped:
            self.going.pop(name, None)
        for name, going in list(self.going.items()):
            if going.step in ("answered", "talked") and shop.now - going.begun >= LONGEST_TALK:
                del self.going[name]  # nobody told its end
        held = {going.order.agent for going in self.going.values() if going.order.agent is not None}
        queued = [going for going in self.going.values()
                  if going.order.agent is None and not self.is_attended(going.order)]
        assert len(queued) + sum(order.agent is None for order in given) <= 1
        self.take(given, ready, held)

    def ready(self) -> set[str]:
        return {agent for agent in AGENTS if self.shop.floor.agent_state(agent) in ("free", "unknown")}

    def take(self, given: list[AttemptOrder], ready: set[str], held: set[str]) -> None:
        shop = self.shop
        for order in given:
            assert order.agent is None or order.agent in ready - held, "an agent who is not free"
            assert order.attempt not in self.going
            assert not [going for going in self.going.values() if going.order.customer == order.customer]
            if order.agent is not None:
                held.add(order.agent)
            self.going[order.attempt] = Going(order, begun=shop.now)
            shop.desk.attempts.leg(LegRow(order.attempt + " leg", order.attempt, "agent", "{}"))

    @rule()
    def crash(self) -> None:
        self.crashes += 1
        going, self.going = self.going, {}
        self.shop = self.shop.reborn()
        assert self.shop.store.callbacks.open_attempts() == []
        for name in going:
            row = self.shop.store.all_attempts[name]
            assert row.result == ("talked" if going[name].step == "talked" else "crashed")
        self.take(self.shop.turn(), self.ready(), set())
        assert {leg.attempt for leg in self.shop.runner.recovered} >= set(going)

    @rule(data=st.data())
    def database_in_trouble(self, data: st.DataObject) -> None:
        self.shop.store.broken = True
        self.turn(2.0)
        if self.going:
            self.once_further(self.going[data.draw(st.sampled_from(sorted(self.going)))])
        self.shop.store.broken = False

    @precondition(lambda self: self.going)
    @rule(data=st.data())
    def dies_at_a_step(self, data: st.DataObject) -> None:
        """The process dies the moment a step is committed: what it stands for may have been sent or not."""
        going = self.going[data.draw(st.sampled_from(sorted(self.going)))]
        while going.order.attempt in self.going and not going.dialled:
            self.once_further(going)
        self.crash()

    @rule(number=st.integers(0, 3))
    def switch(self, number: int) -> None:
        stopped = self.stopped = number == 0
        self.shop.policy(**self.filled, guard="stop = true" if stopped else "")

    @rule(data=st.data(), verb=st.sampled_from(["cancel", "hold", "resume", "call_now"]))
    def operate(self, data: st.DataObject, verb: str) -> None:
        tasks = [row.id for row in self.shop.desk.admin.open_tasks()]
        if not tasks:
            return
        name = data.draw(st.sampled_from(sorted(tasks)))
        if verb == "call_now":
            row = self.shop.store.all_tasks[name]
            running = [going for going in self.going.values() if going.order.task == name]
            if running or (row.group == "sales" and not self.is_open(self.shop.now)):
                return
        if verb == "cancel":
            with suppress(DeskError):  # an agent has it
                self.shop.desk.admin.cancel(name, self.shop.now)
            return
        getattr(self.shop.desk.admin, verb)(name, self.shop.now)

    @rule(data=st.data(), who=st.sampled_from([
        Responsible("current", "201"), Responsible("current", "301"), Responsible("group", "support"),
        Responsible("none", None)]))
    def reassign(self, data: st.DataObject, who: Responsible) -> None:
        tasks = [row.id for row in self.shop.desk.admin.open_tasks()]
        if tasks:
            with suppress(DeskError):  # it is under way
                self.shop.desk.admin.reassign(data.draw(st.sampled_from(sorted(tasks))), who, self.shop.now)

    # What always holds

    @invariant()
    def nobody_is_forgotten(self) -> None:
        """Every open task runs, stands in a line, or has a moment at which it is looked at again."""
        tasks = self.shop.desk._tasks
        noted = {entry[4].row.id for entry in tasks.due_times._heap if entry[3] in ("due", "wake")}
        ends = {entry[4].row.id for entry in tasks.due_times._heap if entry[3] == "expire"}
        for task in tasks.index.live():
            if task.attempt is None:
                assert task.row.id in ends
                assert not task.open or task.entry is not None or task.place is not None or task.row.id in noted

    @invariant()
    def store_and_desk_agree(self) -> None:
        assert sorted(self.shop.store.callbacks.open_tasks()) == sorted(self.shop.desk.admin.open_tasks())

    @invariant()
    def whoever_is_done_has_a_reason(self) -> None:
        ended = {queue.task: queue.data["reason"] for queue in self.shop.store.all_journal if queue.kind == "ended"}
        tickets = {ticket.task for ticket in self.shop.store.all_tickets.values()}
        for row in self.shop.store.all_tasks.values():
            if row.ended_at is not None:
                assert ended[row.id] == row.reason != ""
                assert row.state in ("done", "cancelled") or row.id in tickets
                assert row.state != "done" or {row.customer, row.options.get("caller")} & set(self.oracle.talked)

    def teardown(self) -> None:
        """In the end every window is over, and with it every promise is kept or explained."""
        if not hasattr(self, "shop"):
            return
        for going in list(self.going.values()):
            self.over(going, "stopped")
        for _ in range(6 * 24):
            self.shop.now += 3600
            for order in self.shop.turn():
                self.shop.end(order, "agent_no_answer")
        assert self.shop.desk.admin.open_tasks() == ()
        assert self.shop.store.callbacks.open_tasks() == []
        assert self.shop.store.callbacks.open_attempts() == []
        self.whoever_is_done_has_a_reason()
        for number, event in enumerate(self.shop.store.events, 1):
            check_event(event._replace(seq=number))


Machine.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None,
                                     suppress_health_check=[HealthCheck.too_slow])
TestMachine = Machine.TestCase
