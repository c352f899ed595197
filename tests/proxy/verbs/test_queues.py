"""Figures of today: read from a real database, over restarts, by the policy's clock; who waits and who is there."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from config.policy import parse_policy
from proxy.daemon.source import DaemonSource
from proxy.verbs.handlers.looking import LookAnswers, Sides
from proxy.verbs.handlers.queues import QueueAnswers
from proxy.verbs.shapes.calls import CALLS, TRACE
from proxy.verbs.shapes.errors import UnknownError
from routing.callbacks.facts import OwnCall
from routing.events import Event
from routing.facts import Ending
from routing.rows import AttemptRow, TaskRow
from routing.store.reader import Reader
from routing.writes import CountOffer, Unit
from tests.kit.answering import settling
from tests.routing.store.rows import a_line, a_task, an_attempt
from tests.routing.world import CUSTOMER, SHARED, World

ZONE = "Europe/Budapest"
POLICY = """
region = "HU"
timezone = "Europe/Budapest"
[agent.201]
name = "Anna"
[number."+3614445555"]
group = "sales"
[group.sales]
target = "600"
agents = ["201", "202"]
[group.vip]
agents = ["202"]
[campaign.10001]
name = "Winter"
group = "sales"
"""


def at(text: str) -> float:
    return datetime.fromisoformat(f"2026-11-25 {text}").replace(tzinfo=ZoneInfo(ZONE)).timestamp()


class Node(World):
    def __init__(self, folder: Path, now: float) -> None:
        super().__init__(folder, policy=POLICY, answers="before_queue")
        self.now = now
        self.tasks: list[TaskRow] = []
        self.source = self.begin()

    def begin(self) -> DaemonSource:
        """A process of its own, as far as figures go."""
        self.commit()
        self.reader = Reader(self.path, "edge1")
        self.source = DaemonSource("edge1", self.ledger, self.store, self.reader, self.loop.post, lambda: self.now, {},
                                   dict)
        return self.source

    def ask(self, verb: str, **args: Any) -> Any:
        async def run() -> Any:
            room = QueueAnswers(self.source, self.ledger, self, self.reader.callbacks, lambda: self.now)
            answer = settling(self.store, *room.bound()).call("socket", verb, args)
            assert isinstance(answer, Coroutine)
            return await answer

        return asyncio.run(run())

    def open_task(self, name: str) -> TaskRow | None:
        return next((row for row in self.open_tasks() if row.id == name), None)

    def open_tasks(self) -> tuple[TaskRow, ...]:
        return tuple(self.tasks)

    def places_taken(self) -> dict[str, str]:
        return {}

    def put(self, *tasks: TaskRow, attempts: tuple[AttemptRow, ...] = ()) -> None:
        self.store.put(Unit((*tasks, *attempts)))
        self.commit()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path, at("12:00"))
    yield node
    node.close()


def fill(node: Node) -> None:
    """A day: of yesterday one that is kept today; of today one is open, one kept after two tries, and one each."""
    early, late = at("00:30") - 3600, at("11:00")
    yesterday = a_task(customer="+36201110000", created_at=early, missed_at=early, state="done", reason="talked",
                       ended_at=at("00:10"), number=None)
    opened = a_task(customer="+36201110001", created_at=late, campaign="10001")
    kept = a_task(customer="+36201110002", created_at=late, state="done", reason="talked", ended_at=late + 100)
    others = [a_task(customer=f"+3620111001{n}", created_at=late, state=state, reason=reason, ended_at=late + 5,
                     group="vip", number=None)
              for n, (state, reason) in enumerate([("failed", "unreached"), ("expired", "window"), ("done", "talk"),
                                                   ("cancelled", "operator"), ("done", "ticket")])]
    beside = a_task(customer="+36201110002", group="vip", created_at=late, state="done", reason="talked",
                    ended_at=late + 100, number=None)
    attempts = (
        an_attempt(yesterday, customer_at=early + 10, ended_at=early + 20, result="customer_no_answer"),
        an_attempt(yesterday, serial=2, customer_at=at("00:05"), answered_at=early + 2400, ended_at=at("00:10"),
                   result="talked", step="talked", customer="+36201110000"),
        an_attempt(kept, customer_at=late + 5, ended_at=late + 30, result="customer_busy", step="ended"),
        an_attempt(kept, serial=2, customer_at=late + 40, answered_at=late + 61, ended_at=late + 100, result="talked",
                   step="ended"),
    )
    node.put(yesterday, opened, kept, beside, *others, attempts=attempts)
    node.store.put(Unit((*(a_line(opened.id, "released", agent, when)
                                      for agent, when in (("201", late), ("201", early), (None, late))),)))
    node.commit()


def short(tally: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in tally.items() if value and name != "in_queue"}


def test_callbacks_of_today_by_group_number_and_campaign_over_a_restart(node: Node) -> None:
    fill(node)
    for _ in range(2):
        found = node.ask("callbacks.figures")
        assert (found["day"], found["timezone"], found["since"]) == ("2026-11-25", ZONE, at("00:00"))
        assert {name: one["in_queue"] for name, one in found["groups"].items()} == {"sales": 1, "vip": 0}
        assert (found["total"]["in_queue"], found["numbers"][SHARED]["in_queue"]) == (1, 1)
        assert short(found["total"]) == {"promised": 8, "dialled": 3, "kept": 2, "called_meanwhile": 1, "tickets": 1,
                                         "failed": 1, "expired": 1, "cancelled": 1, "average_wait_s": 1230.5}
        assert short(found["groups"]["sales"]) == {"promised": 2, "dialled": 3, "kept": 2, "average_wait_s": 1230.5}
        assert short(found["groups"]["vip"]) == {"promised": 6, "called_meanwhile": 1, "tickets": 1, "failed": 1,
                                                 "expired": 1, "cancelled": 1}
        assert {name: short(one) for name, one in found["numbers"].items() if short(one)} == {
            SHARED: {"promised": 2, "dialled": 2, "kept": 1, "average_wait_s": 61.0}}
        assert {name: short(one) for name, one in found["campaigns"].items()} == {"10001": {"promised": 1}}
        node.begin()


def test_offers_of_today_and_what_was_asked_for_over_a_restart(node: Node) -> None:
    """A caller of the day before was offered one, too; one asked by the service number, where nobody is offered any."""
    asked = [a_task(customer=f"+3620111000{n}", kind="queue", created_at=at("11:00"), missed_at=at("11:00"),
                    number=number) for n, number in enumerate((SHARED, None))]
    node.put(*asked, a_task(customer="+36201110003", created_at=at("11:00")))
    node.store.put(Unit(tuple(CountOffer(when, group, SHARED) for when, group in (
        (at("00:00") - 0.1, "sales"), (at("00:00"), "sales"), (at("11:00"), "sales"), (at("11:01"), "vip")))))
    node.commit()
    for _ in range(2):
        found = node.ask("callbacks.figures")
        assert short(found["total"]) == {"offers_made": 3, "offers_taken": 2, "promised": 3}
        assert short(found["groups"]["sales"]) == {"offers_made": 2, "offers_taken": 2, "promised": 3}
        assert short(found["groups"]["vip"]) == {"offers_made": 1}
        assert {kind: short(one) for kind, one in found["kinds"].items()} == {
            "missed": {"promised": 1}, "campaign": {}, "manual": {},
            "queue": {"offers_made": 3, "offers_taken": 2, "promised": 2}}
        sales, vip = node.ask("queues.list")
        assert (sales["offers_made"], sales["offers_taken"], sales["callbacks_total"]) == (2, 2, 3)
        assert (vip["offers_made"], vip["offers_taken"]) == (1, 0)
        assert node.source.snapshot().groups["sales"].offers_made == 2
        node.begin()


def test_events_of_the_queues_are_counted_from_the_start_of_the_process(node: Node) -> None:
    events = [Event(kind, node.now, "x", {"group": group}, "edge1") for kind, group in (
        ("queue.offered", "sales"), ("queue.offered", "sales"), ("place.held", "vip"))]
    node.source.on_events(events[:1])
    node.source.on_events(events[1:])
    node.source.refresh()
    assert node.source.snapshot().queue_events == {("queue.offered", "sales"): 2, ("place.held", "vip"): 1}


def test_the_day_rolls_over_at_the_policys_midnight_and_goes_with_its_time_zone(node: Node) -> None:
    fill(node)
    assert node.ask("callbacks.figures")["total"]["promised"] == 8
    node.now = at("23:59") + 59.9
    assert node.ask("callbacks.figures")["total"]["promised"] == 8
    node.now = at("23:59") + 60
    assert node.source.day.total.promised == 0, "before anybody counted anew"
    assert short(node.ask("callbacks.figures")["total"]) == {}
    node.now = at("00:45")
    node.ledger.set_policy(parse_policy(POLICY.replace(ZONE, "UTC")))
    found = node.ask("callbacks.figures")
    assert (found["day"], found["since"]) == ("2026-11-24", at("01:00") - 86_400)
    assert (found["total"]["promised"], found["total"]["dialled"]) == (9, 4), "the whole of it"


def test_a_database_that_cannot_be_read_leaves_the_last_count(node: Node) -> None:
    fill(node)
    node.ask("callbacks.figures")
    node.path.rename(node.path.with_suffix(".away"))
    assert node.ask("callbacks.figures")["total"]["promised"] == 8


def test_groups_show_today_and_agents_whom_they_talk_to(node: Node) -> None:
    fill(node)
    call = node.calls_in()
    node.ledger.decide(call, node.now)
    node.ledger.answered(call.id, 0, (), None, node.now)
    out = node.calls_out("202", "+36205556666")
    node.ledger.decide(out, node.now)
    node.now += 12.5
    node.tasks = [a_task(due_at=node.now + 60), a_task(due_at=node.now), a_task(group="vip"), a_task(state="held")]
    sales, vip = node.ask("queues.list")
    assert (sales["group"], sales["target"], vip["group"]) == ("sales", "600", "vip")
    assert (sales["waiting"], sales["longest_wait_s"], vip["waiting"], vip["longest_wait_s"]) == (1, 12.5, 0, 0)
    assert (sales["agents_busy"], sales["agents_unknown"], vip["agents_busy"]) == (1, 1, 1)
    assert (sales["callbacks_total"], sales["callbacks_kept"], sales["average_callback_wait_s"]) == (2, 2, 1230.5)
    assert node.source.snapshot().groups["sales"].longest_wait_s == 10, "a topic tells it in steps"
    one = node.ask("queues.show", group="sales")
    assert one["callers"] == [{"call": call.id, "customer": CUSTOMER, "number": SHARED, "since": node.now - 12.5,
                               "wait_s": 12.5}]
    assert [agent["extension"] for agent in one["agents"]] == ["201", "202"]
    assert [row["id"] for row in one["callbacks"]] == [node.tasks[n].id for n in (3, 1, 0)]
    assert len(node.ask("queues.show", group="sales", limit=1)["callbacks"]) == 1
    with pytest.raises(UnknownError, match="no group 'nobody'"):
        node.ask("queues.show", group="nobody")
    agents = {agent["extension"]: agent for agent in node.ask("agents.list")}
    assert agents["201"] == {"extension": "201", "name": "Anna", "groups": ["sales"], "type": 1, "state": "unknown",
                             "since": None, "with": None, "released_today": 1, "reason": None}
    assert (agents["202"]["groups"], agents["202"]["with"], agents["202"]["state"]) == \
        (["sales", "vip"], "+36205556666", "busy")
    node.ledger.ended(out.id, Ending(486, "callee"), node.now)
    assert {agent["extension"]: agent["with"] for agent in node.ask("agents.list")}["202"] is None


def test_one_customers_call_with_its_callback_is_one_call_and_one_callback(node: Node) -> None:
    node.customer_calls()
    own = [OwnCall(f"leg{n}", direction, "main", "office", CUSTOMER, SHARED, "201", "sales", "a1")  # type: ignore[arg-type]
           for n, direction in enumerate(("inbound", "outbound"))]
    for leg in own:
        node.ledger.place(leg, node.now)
        node.ledger.answered(leg.id, 0, (), None, node.now)
    node.source.refresh()
    calls = node.source.snapshot().calls
    assert calls[:5] == (0, 1, 0, 1, 0), "active, today, answered, inbound, outbound"
    assert (calls.callbacks_active, calls.callbacks_dialled_today, calls.callbacks_answered_today) == (1, 1, 1)
    assert node.source.snapshot().groups["sales"].calls == 0
    assert node.source.agents()["201"].customer == CUSTOMER
    node.commit()
    counted = node.store.calls.counts(at("00:00"), node.now + 1)
    assert counted == (1, 1, 0, 0, 0, 1, 1), "and so counts the database after a restart"


def a_place(attempt: str | None = None, name: str = "place") -> OwnCall:
    return OwnCall(name, "inbound", "main", "office", CUSTOMER, SHARED, None, "sales", attempt)


def calls(node: Node) -> dict[str, tuple[str, str]]:
    """Kind and state of each call, as `calls` lists them."""
    look = look_of(node, Followed())
    return {one["id"]: (one["kind"], one["state"]) for one in asyncio.run(look.call_list(CALLS.takes.read({})))}


class Followed:
    """A tracer that sees nothing, and remembers what it was to follow."""

    def __init__(self) -> None:
        self.call_ids: set[bytes] = set()

    async def watch(self, digits: str, call_ids: set[bytes]) -> AsyncIterator[dict[str, Any]]:
        self.call_ids = call_ids
        yield {}


def look_of(node: Node, tracer: Followed, places: Mapping[str, str] = {}) -> LookAnswers:
    return LookAnswers(node.ledger, node.store, node.reader, node.source, tracer, "1", Sides((), "edge1", ()),
                       lambda: node.now, places.get)


def followed(node: Node, call: str, places: Mapping[str, str]) -> set[str]:
    """Call-IDs whose messages a trace of a call shows."""
    tracer = Followed()

    async def follow() -> None:
        async for _ in look_of(node, tracer, places).trace(TRACE.takes.read({"of": call})):
            pass

    asyncio.run(follow())
    return {call_id.decode() for call_id in tracer.call_ids}


def test_a_trace_of_a_caller_in_the_queue_has_their_place_and_of_a_leg_the_other_one(node: Node) -> None:
    call = node.calls_in()
    node.ledger.decide(call, node.now)
    assert followed(node, call.id, {call.id: "their place"}) == {call.sip_call_id, "their place"}
    assert followed(node, call.id, {}) == {call.sip_call_id}
    for name, direction in (("leg1", "inbound"), ("leg2", "outbound")):
        node.ledger.place(OwnCall(name, direction, "main", "office", CUSTOMER, SHARED, "201", "sales", "a1"),  # type: ignore[arg-type]
                          node.now)
    assert followed(node, "leg2", {}) == {"leg1", "leg2"}
    assert followed(node, "x@y", {}) == {"x@y"}, "a Call-ID"


def test_a_place_is_no_second_call_of_its_customer(node: Node) -> None:
    """Neither while it stands in the queue, nor as the leg to the agent who accepted, nor after a restart."""
    call = node.calls_in()
    node.ledger.decide(call, node.now)
    node.ledger.answered(call.id, 0, (), None, node.now)
    assert calls(node) == {call.id: ("call", "waiting")}
    node.ledger.ended(call.id, Ending(200, "caller"), node.now)
    node.ledger.place(a_place(), node.now)
    assert calls(node)["place"] == ("place", "ringing")
    node.ledger.answered("place", 0, (), None, node.now)
    assert calls(node)["place"] == ("place", "waiting")
    node.source.refresh()
    assert node.source.snapshot().calls[:5] == (0, 1, 1, 1, 0), "active, today, answered, inbound, outbound"
    assert node.source.snapshot().calls.callbacks_active == 0
    assert node.source.snapshot().groups["sales"][:2] == (0, 0), "calls, and who waits"
    node.commit()
    assert node.store.calls.counts(at("00:00"), node.now + 1) == (1, 1, 0, 1, 0, 0, 0)
    node.ledger.place(a_place("a1"), node.now)
    assert calls(node)["place"] == ("callback", "talking")
    node.ledger.ended("place", Ending(200, "callee"), node.now + 30)
    node.ledger.place(a_place(name="other"), node.now)
    node.ledger.ended("other", Ending(487, "proxy"), node.now + 5)
    node.commit()
    assert calls(node) == {call.id: ("call", "ended"), "place": ("callback", "ended"), "other": ("place", "ended")}
    assert node.store.calls.counts(at("00:00"), node.now + 60) == (1, 1, 0, 1, 0, 0, 0)
