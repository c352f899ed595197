"""Whatever happens to callers who asked for a callback in a queue, in whatever order - places that are taken, declined,
lost, callers who ring in again, talks, restarts, a database in trouble - nobody is dialled twice or forgotten, and who
has a place is called from there alone."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from routing.callbacks.facts import AttemptOrder, QueuedCaller
from routing.callbacks.queue_facts import CallerStayed, QueueRequest, RequestAnswer
from routing.rows import LegRow
from tests.routing.callbacks.shop import OURS, Room
from tests.routing.callbacks.test_desk_machine import AGENTS, BEGINS, CUSTOMERS, GROUPS, Going, Machine

QUEUE = """
[queue_callback]
enabled = true
limit = "{limit}"
retries = {retries}
retry_after = "10m"
declined = "{declined}"
per_live = {per_live}
"""
WHYS = ("pbx", "time", "voicemail", "media")


class House(Room):
    """The queue room: it holds places, and knows who has picked one up."""

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, str] = {}
        """Places by request."""
        self.taken: dict[str, str | None] = {}
        """Who has picked one up."""
        self.returning: set[str] = set()
        """Requests whose next place is on its way."""

    def holds_place(self, task: str) -> bool:
        return task in self.held or task in self.returning

    def leave_place(self, task: str, reason: str, now: float) -> None:
        super().leave_place(task, reason, now)
        self.forget(task)

    def forget(self, task: str) -> None:
        self.held.pop(task, None)
        self.taken.pop(task, None)
        self.returning.discard(task)


class QueueMachine(Machine):
    """The desk with a queue room beside the runner of attempts."""

    @initialize(zone=st.sampled_from(sorted(BEGINS)), data=st.data(), hours=st.booleans(), campaign=st.booleans(),
                responsible=st.sampled_from(["none", "fixed", "last_talk"]))
    def begin(self, zone: str, data: st.DataObject, hours: bool, campaign: bool, responsible: str) -> None:
        super().begin(zone, data, hours, campaign, responsible)
        queue = QUEUE.format(
            retries=data.draw(st.integers(0, 1)), limit=data.draw(st.sampled_from(["60m", "5m", "60s"])),
            per_live=data.draw(st.integers(0, 2)), declined=data.draw(st.sampled_from(["queue", "dispatch"])))
        self.house = House()
        self.filled["more"] = queue + self.filled["more"]
        self.shop.room = self.house
        self.shop.policy(**self.filled)
        self.places = 0
        self.promised: set[str] = set()
        self.from_place: set[str] = set()
        """Attempts whose agent had the place."""

    # What callers do

    @rule(customer=st.sampled_from(CUSTOMERS), other=st.one_of(st.none(), st.sampled_from(CUSTOMERS)),
          withheld=st.booleans(), group=st.sampled_from(GROUPS), place=st.booleans(),
          fate=st.sampled_from(["told", "told", "told", "taken", "database"]))
    def ask(self, customer: str, other: str | None, withheld: bool, group: str, place: bool, fate: str) -> None:
        shop = self.shop
        caller = None if withheld else customer
        if fate == "database" and not shop.store.well:
            return
        name = None
        if place:
            self.places += 1
            name = self.back_in(caller, group) or f"place {self.places}"
        asked = QueueRequest("call", caller, other or customer, OURS, group, "office", "main", shop.now - 60.0, name)
        answer, unit = shop.desk.calls.request(asked, shop.now)
        if fate == "database":
            shop.store.broken = True
        shop.store.commit(unit, lambda kept: self.hear(answer, name, "database" if not kept else fate))
        shop.store.broken = False
        self.oracle.happened += 1
        for task in shop.store.callbacks.open_tasks():
            self.oracle.born.setdefault(task.id, self.oracle.happened)

    def back_in(self, caller: str | None, group: str) -> str | None:
        """Return the place that a caller who rings in is joined to again."""
        if caller is None:
            return None
        task = self.shop.desk.calls.place_of(QueuedCaller(caller, group, OURS), self.shop.now)
        return self.house.held.get(task or "")

    def hear(self, answer: RequestAnswer, place: str | None, fate: str) -> None:
        if answer.terms is None:
            assert answer.refusal
            return
        task = answer.terms.task
        if fate != "told":
            stayed = CallerStayed(task, "taken" if fate == "taken" else "database")
            self.shop.store.put(self.shop.desk.calls.stayed(stayed, self.shop.now))
            return
        self.promised.add(task)
        self.shop.desk.calls.promised(task, self.shop.now)
        if place is not None:
            known = self.house.held.get(task)
            if known != place:
                self.house.forget(task)
            self.house.held[task] = place

    # What becomes of places

    @precondition(lambda self: self.house.held)
    @rule(data=st.data(), agent=st.one_of(st.none(), st.sampled_from(AGENTS)))
    def pick_up(self, data: st.DataObject, agent: str | None) -> None:
        task = self.one_of(data, self.house.held)
        self.house.taken[task] = agent
        self.shop.desk.places.place_taken(task, agent, self.shop.now)

    @precondition(lambda self: self.house.taken)
    @rule(data=st.data(), why=st.sampled_from(["key", "hung_up", "silent"]))
    def decline(self, data: st.DataObject, why: str) -> None:
        task = self.one_of(data, self.house.taken)
        agent = self.house.taken[task]
        again = self.shop.desk.places.place_declined(task, agent, why, self.shop.now)  # type: ignore[arg-type]
        self.house.forget(task)
        if again:
            self.house.returning.add(task)

    @precondition(lambda self: self.house.returning)
    @rule(data=st.data(), well=st.booleans())
    def come_back(self, data: st.DataObject, well: bool) -> None:
        task = self.one_of(data, self.house.returning)
        self.house.returning.discard(task)
        if well:
            self.places += 1
            self.house.held[task] = f"place {self.places}"
            self.shop.desk.places.place_returned(task, self.house.held[task], self.shop.now)
        else:
            self.shop.desk.places.place_lost(task, "pbx", self.shop.now)

    @precondition(lambda self: self.house.held)
    @rule(data=st.data(), why=st.sampled_from(WHYS))
    def lose(self, data: st.DataObject, why: str) -> None:
        task = self.one_of(data, self.house.held)
        self.house.forget(task)
        self.shop.desk.places.place_lost(task, why, self.shop.now)

    @precondition(lambda self: self.house.held)
    @rule(data=st.data(), broken=st.booleans(), agent=st.one_of(st.none(), st.sampled_from(AGENTS)))
    def accept(self, data: st.DataObject, broken: bool, agent: str | None) -> None:
        task = self.one_of(data, self.house.held)
        self.house.forget(task)
        heard: list[AttemptOrder | None] = []
        self.shop.store.broken = broken
        self.shop.desk.places.place_accepted(task, agent, self.shop.now, heard.append)
        self.shop.store.broken = False
        (order,) = heard
        if order is None:
            return
        assert not broken
        assert not self.stopped
        assert order.task == task
        assert not [going for going in self.going.values() if going.order.customer == order.customer]
        self.shop.runner.running[order.attempt] = order
        self.going[order.attempt] = Going(order, "agent", begun=self.shop.now)
        self.from_place.add(order.attempt)
        self.shop.desk.attempts.leg(LegRow(order.attempt + " leg", order.attempt, "agent", "{}"))

    def one_of(self, data: st.DataObject, tasks: "dict[str, str] | dict[str, str | None] | set[str]") -> str:
        return data.draw(st.sampled_from(sorted(tasks)))

    @rule(group=st.sampled_from(GROUPS), waiting=st.integers(0, 3), taken=st.integers(0, 2))
    def live_callers(self, group: str, waiting: int, taken: int) -> None:
        self.shop.floor.queues[group] = waiting
        self.shop.floor.takes[group] = self.shop.floor.takes.get(group, 0) + taken

    # What differs from other callbacks

    def take(self, given: list[AttemptOrder], ready: set[str], held: set[str]) -> None:
        for order in given:
            assert order.task not in self.house.held, "who has a place is called from there"
            assert order.task not in self.house.returning
        super().take(given, ready, held)

    def is_under_way(self, going: Going) -> bool:
        return self.shop.store.all_tasks[going.order.task].kind == "queue"

    def is_attended(self, order: AttemptOrder) -> bool:
        return order.attempt in self.from_place

    def concerns(self, order: AttemptOrder, customer: str) -> bool:
        caller = self.shop.store.all_tasks[order.task].options.get("caller")
        return customer == caller or super().concerns(order, customer)

    @rule()
    def crash(self) -> None:
        self.house = House()
        super().crash()
        self.shop.room = self.house

    # What always holds

    @invariant()
    def room_and_desk_agree(self) -> None:
        if not hasattr(self, "house"):
            return
        places = self.shop.desk._tasks.places
        leaving = {task for task, _ in places.leaving}
        for name, task in places.held.items():
            assert task.place is not None
            assert name in self.house.returning or self.house.held.get(name) == task.place.call
            assert task.entry is None
            assert task.row.due_at is None
        for name in (*self.house.held, *self.house.returning):
            assert name in places.held or name in leaving

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "house"):
            assert self.shop.desk._tasks.places.held == {}
            assert (self.house.held, self.house.returning) == ({}, set())
            assert all(self.shop.store.all_tasks[task].ended_at is not None for task in self.promised)


QueueMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None,
                                          suppress_health_check=[HealthCheck.too_slow])
TestQueueMachine = QueueMachine.TestCase
