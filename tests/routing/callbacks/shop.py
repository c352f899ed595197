"""A desk with a store in memory, a floor that is told what goes on, and a runner whose attempts go as the test says."""

from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Any, Literal
from zoneinfo import ZoneInfo

from config.policy import parse_policy
from routing.callbacks.facts import AttemptOrder, Missed, Outcome, PastTalk
from routing.callbacks.happenings import Happenings
from routing.callbacks.queue_facts import CallerStayed, QueueRequest, RequestAnswer
from routing.rows import JournalRow, LegRow, PauseRow, Result, Step, TaskRow
from routing.storage import Store
from tests.kit.desk_parts import new_desk
from tests.routing.memory_store import MemoryStore

ZONE = "Europe/Budapest"
CUSTOMER = "+36201234567"
OTHER = "+36207654321"
OURS = "+3614445555"

POLICY = """
region = "HU"
timezone = "Europe/Budapest"
[number."+3614445555"]
group = "sales"
[number."+3614446666"]
group = "support"
[guard]
number_per_hour = 100
number_per_day = 100
{guard}
[tickets]
enabled = {tickets}
on = ["closed", "unreached", "expired", "guard"]
[group.sales]
target = "600"
agents = ["201", "202"]
{sales}
[group.sales.missed_callback]
enabled = true
{missed}
[group.sales.callback]
{callback}
[group.support]
target = "700"
agents = ["301"]
missed_callback = {{ enabled = true }}
[group.queue]
target = "800"
missed_callback = {{ enabled = true }}
{more}
"""


def at(text: str, zone: str = ZONE) -> float:
    """Return a moment written as `2026-11-23 12:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def clock(moment: float, zone: str = ZONE) -> str:
    return f"{datetime.fromtimestamp(moment, ZoneInfo(zone)):%a %H:%M}"


MONDAY_NOON = at("2026-11-23 12:00")


class LiveState:
    """What goes on, as the test says."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.since: dict[str, float] = {}
        self.calls: set[str] = set()
        self.queues: dict[str, int] = {}
        self.takes: dict[str, int] = {}
        self.trunk = 0
        self.wait: float | None = None
        self.paused: list[PauseRow] = []
        self.wraps: list[tuple[str, float]] = []

    def agent_state(self, agent: str) -> str:
        return self.states.get(agent, "free")

    def agent_since(self, agent: str) -> float | None:
        return self.since.get(agent)

    def pauses(self) -> tuple[PauseRow, ...]:
        return tuple(self.paused)

    def engaged(self, customer: str) -> bool:
        return customer in self.calls

    def waiting(self, group: str) -> int:
        return self.queues.get(group, 0)

    def estimated_wait(self, group: str, call: str | None, now: float) -> float | None:
        return self.wait

    def taken(self, group: str) -> int:
        return self.takes.get(group, 0)

    def on_trunk(self, trunk: str) -> int:
        return self.trunk

    def wrap_up(self, agent: str, until: float, now: float) -> None:
        self.wraps.append((agent, until))


class Runner:
    """Takes orders down and stops what is to be stopped at once."""

    def __init__(self, shop: "Shop") -> None:
        self.shop = shop
        self.orders: list[AttemptOrder] = []
        """Every order so far."""
        self.running: dict[str, AttemptOrder] = {}
        self.stopped: list[tuple[str, str]] = []
        self.recovered: tuple[LegRow, ...] = ()

    def begin(self, order: AttemptOrder, now: float) -> None:
        self.orders.append(order)
        self.running[order.attempt] = order

    def stop(self, attempt: str, reason: str, now: float) -> None:
        self.stopped.append((attempt, reason))
        self.running.pop(attempt)
        self.shop.desk.attempts.ended(attempt, Outcome("stopped", text=reason), now)

    def recover(self, legs: tuple[LegRow, ...], now: float) -> None:
        self.recovered = legs


class Room:
    """Holds the places that the test says it does, and notes which it is told to leave."""

    def __init__(self) -> None:
        self.left: list[tuple[str, str]] = []
        self.lost: set[str] = set()
        """Requests whose place is gone, or not there yet, though nobody said so."""

    def holds_place(self, task: str) -> bool:
        return task not in self.lost

    def leave_place(self, task: str, reason: str, now: float) -> None:
        self.left.append((task, reason))


class Shop:
    """One node. `policy` fills the places of POLICY."""

    def __init__(self, now: float = MONDAY_NOON, store: MemoryStore | None = None, text: str | None = None,
                 random: Random | None = None, floor: LiveState | None = None, **policy: str) -> None:
        self.now = now
        self.random = random or Random(1)
        self.store = store or MemoryStore()
        engine: Store = self.store
        self.floor = floor or LiveState()
        self.runner, self.room = Runner(self), Room()
        self.alarms: dict[str, str | None] = {}
        self.calls = 0
        self.text = self.write(**policy) if text is None else text
        noise = self.random.randbytes
        self.able = True
        self.peers: Callable[[str | None], tuple[str, str]] = lambda number: ("", "")
        self.desk = new_desk(
            engine, parse_policy(self.text), self.floor, noise, self.runner, room=self,
            peers=lambda number: self.peers(number), able=lambda: self.able,
            report_alarm=lambda name, text, now: self.alarms.update({name: text}))
        happenings: Happenings = self.desk.calls
        assert happenings is self.desk.calls
        self.desk.restore(self.now)

    @staticmethod
    def write(**policy: str) -> str:
        names = ("guard", "sales", "missed", "callback", "more")
        filled = dict.fromkeys(names, "") | {"tickets": "false"} | policy
        return POLICY.format(**filled)

    def reborn(self) -> "Shop":
        """Return the shop after a crash: only what was committed is left, the world goes on."""
        return Shop(self.now, self.store, self.text, self.random, self.floor)

    def policy(self, **policy: str) -> None:
        """Put another policy in force."""
        self.text = self.write(**policy)
        self.renew()

    def renew(self) -> None:
        """Put `text` in force."""
        self.desk.set_policy(parse_policy(self.text), self.now)

    def holds_place(self, task: str) -> bool:
        return self.room.holds_place(task)

    def leave_place(self, task: str, reason: str, now: float) -> None:
        self.room.leave_place(task, reason, now)

    # What happens

    def missed(self, customer: str = CUSTOMER, group: str | None = "sales", waited: float = 20.0) -> TaskRow | None:
        self.calls += 1
        fact = Missed(f"call {self.calls}", customer, OURS, group, "office", "main", self.now - waited, self.now,
                      "hung_up", ("no_answer",), "certain")
        self.store.put(self.desk.calls.missed(fact, self.now))
        return self.newest(customer)

    def request(self, customer: str = CUSTOMER, caller: str | None = CUSTOMER, group: str = "sales",
                place: str | None = "place 1", waited: float = 60.0, put: bool = True) -> RequestAnswer:
        """A caller asks for a callback to `customer`; `put`: what follows is committed. They are not told yet."""
        self.calls += 1
        asked = QueueRequest(f"call {self.calls}", caller, customer, OURS, group, "office", "main", self.now - waited,
                             place)
        answer, unit = self.desk.calls.request(asked, self.now)
        if put:
            self.store.put(unit)
        return answer

    def stay(self, answer: RequestAnswer, why: Literal["taken", "database"]) -> None:
        """Whoever asked was not told."""
        assert answer.terms is not None
        self.store.put(self.desk.calls.stayed(CallerStayed(answer.terms.task, why), self.now))

    def name(self, customer: str, caller: str | None = CUSTOMER) -> bool:
        """A caller types a number; return whether it may be called."""
        self.calls += 1
        allowed, unit = self.desk.calls.named(QueueRequest(
            f"call {self.calls}", caller, customer, OURS, "sales", "office", "main", self.now, None), self.now)
        self.store.put(unit)
        return allowed

    def accept(self, task: str, agent: str | None = "201") -> AttemptOrder | None:
        """The agent who has a place presses 1; return the order that they hear of."""
        heard: list[AttemptOrder | None] = []
        self.desk.places.place_accepted(task, agent, self.now, heard.append)
        assert len(heard) == 1
        order = heard[0]
        if order is not None:
            self.runner.orders.append(order)
            self.runner.running[order.attempt] = order
        return order

    def talked(self, customer: str = CUSTOMER, agent: str | None = "202", seconds: float = 30.0,
               group: str = "sales") -> None:
        self.calls += 1
        fact = PastTalk(f"call {self.calls}", customer, agent, group, "inbound", self.now - seconds, seconds, None)
        self.store.put(self.desk.calls.talked(fact, self.now))

    def turn(self) -> list[AttemptOrder]:
        """Take a turn; return the orders that it gave."""
        before = len(self.runner.orders)
        self.desk.turn(self.now)
        return self.runner.orders[before:]

    def wait(self, seconds: float) -> list[AttemptOrder]:
        self.now += seconds
        return self.turn()

    def until(self, moment: float, step: float = 60.0) -> list[AttemptOrder]:
        """Take turns until a moment."""
        given = self.turn()
        while self.now < moment:
            given += self.wait(min(step, moment - self.now))
        return given

    def until_ordered(self, most: float = 14 * 86_400, step: float = 30.0) -> AttemptOrder | None:
        """Take turns until an order is given."""
        end = self.now + most
        given = self.turn()
        while not given and self.now < end:
            given = self.wait(step)
        return given[0] if given else None

    def step(self, order: AttemptOrder, step: Step) -> bool | None:
        """Tell a step; return the answer, None where none came."""
        answers: list[bool] = []
        self.desk.attempts.step(order.attempt, step, self.now, answers.append)
        return answers[0] if answers else None

    def dial(self, order: AttemptOrder) -> bool | None:
        """Bring an attempt to where the customer is dialled."""
        for step in ("agent", "accepted"):
            assert self.step(order, step)
        return self.step(order, "customer")

    def end(self, order: AttemptOrder, result: Result, cause: int | None = None, **more: Any) -> None:
        self.runner.running.pop(order.attempt, None)
        self.desk.attempts.ended(order.attempt, Outcome(result, cause, **more), self.now)

    def fails(self, order: AttemptOrder, result: Result = "customer_no_answer", cause: int | None = 487,
              **more: Any) -> None:
        """The customer is dialled and not reached."""
        assert self.dial(order)
        self.end(order, result, cause, **more)

    def talks(self, order: AttemptOrder, seconds: float = 30.0) -> None:
        """The customer is dialled and talks."""
        assert self.dial(order)
        assert self.step(order, "answered")
        self.desk.attempts.connected(order.attempt, self.now, order.agent)
        self.now += seconds
        self.step(order, "talked")
        self.end(order, "talked", 200, talk_s=seconds, answered_at=self.now - seconds)

    # What is known

    def newest(self, customer: str = CUSTOMER, group: str | None = None) -> TaskRow | None:
        found = self.store.callbacks.tasks(1, None, customer, group)
        return found[0] if found else None

    def task(self, customer: str = CUSTOMER, group: str | None = None) -> TaskRow:
        found = self.newest(customer, group)
        assert found is not None
        return found

    def journal(self, kind: str | None = None, task: str | None = None) -> list[JournalRow]:
        return [line for line in self.store.all_journal if kind in (None, line.kind) and task in (None, line.task)]

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        return [event.data for event in self.store.events if not kinds or event.kind in kinds]


Made = Callable[..., Shop]
