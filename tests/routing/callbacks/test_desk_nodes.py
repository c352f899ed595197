"""Two desks on one database: what one of them does the other takes as it is, and nothing is done twice."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from config.policy import parse_policy
from routing.callbacks.facts import AttemptOrder, Missed, Outcome, PastTalk
from routing.callbacks.other_nodes import LOOKED_AT
from routing.callbacks.queue_facts import CallerStayed, QueueRequest
from routing.callbacks.task_places import LEASE
from routing.duty import ALONE, Duty
from routing.rows import DoNotCallRow, LegRow, Step, TaskRow
from routing.storage import ANYTHING_CHANGED, ChangedRows, changed_rows
from routing.store.queue import StoreQueue
from routing.store.sqlite import sqlite_store
from routing.writes import TakeRow, Unit
from tests.kit.desk_parts import new_desk
from tests.kit.heard import Heard
from tests.kit.told import Told
from tests.routing.callbacks.shop import CUSTOMER, MONDAY_NOON, OTHER, OURS, LiveState, Shop
from tests.routing.world import Loop


class Node:
    """One process: a desk on a database that another one writes to as well."""

    def __init__(self, where: Path | str, name: str, copy: bool = False, duty: Duty = ALONE, **policy: str) -> None:
        """`where`: a file, or the address of a server. `copy`: it has one of its own, and rows of the other one come
        there. `policy` fills the places of the shop's."""
        self.loop, self.now, self.name = Loop(), MONDAY_NOON, name
        self.told = Told()
        self.floor = LiveState()
        self.store = self._store(where, copy)
        self.desk = new_desk(self.store, parse_policy(Shop.write(tickets="true", **policy)), self.floor,
                             Random(name).randbytes, self, room=self, node=name, channels=("webhook",), duty=duty)
        self.orders: list[AttemptOrder] = []
        self.recovered: tuple[LegRow, ...] = ()
        self.calls = 0
        self.left: list[tuple[str, str]] = []
        assert self.desk.restore(self.now)

    def _store(self, where: Path | str, copy: bool) -> StoreQueue:
        if isinstance(where, Path):
            return sqlite_store(where, self.loop.post, lambda: self.now, self.name, self.told, shared=not copy,
                                sharing=(lambda: None) if copy else None)
        from routing.store.postgres.store import postgres_store  # not every installation has its driver

        return postgres_store(where, self.loop.post, lambda: self.now, self.name, self.told)

    def begin(self, order: AttemptOrder, now: float) -> None:
        self.orders.append(order)

    def stop(self, attempt: str, reason: str, now: float) -> None:
        self.desk.attempts.ended(attempt, Outcome("stopped", text=reason), now)

    def recover(self, legs: tuple[LegRow, ...], now: float) -> None:
        self.recovered = legs

    def commit(self) -> None:
        done: list[bool] = []
        self.store.settled(lambda: done.append(True))
        self.loop.until(lambda: done)
        self.loop.run()

    def missed(self, customer: str = CUSTOMER, call: str | None = None, group: str = "sales") -> None:
        self.calls += 1
        self.store.put(self.desk.calls.missed(Missed(
            call or f"call {self.name} {self.calls}", customer, OURS, group, "office", "main", self.now - 20,
            self.now, "hung_up", ("no_answer",), "certain"), self.now))

    def talked(self, customer: str = CUSTOMER) -> None:
        self.store.put(self.desk.calls.talked(
            PastTalk("call t", customer, "202", "sales", "inbound", self.now - 60, 60.0, None), self.now))

    def turn(self) -> list[AttemptOrder]:
        before = len(self.orders)
        self.desk.turn(self.now)
        self.commit()
        return self.orders[before:]

    def look(self) -> list[AttemptOrder]:
        """Take what the other one has written, as it is heard of within half a second."""
        self.desk.on_changed(ANYTHING_CHANGED)
        return self.turn()

    def step(self, order: AttemptOrder, step: Step) -> bool:
        answers: list[bool] = []
        self.desk.attempts.step(order.attempt, step, self.now, answers.append)
        self.loop.until(lambda: answers)
        return answers[0]

    def holds_place(self, task: str) -> bool:
        return True

    def leave_place(self, task: str, reason: str, now: float) -> None:
        self.left.append((task, reason))

    def ask(self, place: str | None = "place", caller: str = CUSTOMER, customer: str = CUSTOMER) -> str | None:
        """A caller asks for a callback; return the request, None where it is refused."""
        answer, unit = self.desk.calls.request(QueueRequest(
            "call", caller, customer, OURS, "sales", "office", "main", self.now - 60, place), self.now)
        if answer.terms is None:
            return None
        kept: list[bool] = []
        self.store.commit(unit, kept.append)
        self.loop.until(lambda: kept)
        if not kept[0]:
            self.store.put(self.desk.calls.stayed(CallerStayed(answer.terms.task, "database"), self.now))
        return answer.terms.task if kept[0] else None

    def accept(self, task: str) -> AttemptOrder | None:
        heard: list[AttemptOrder | None] = []
        self.desk.places.place_accepted(task, "201", self.now, heard.append)
        self.loop.until(lambda: heard)
        return heard[0]

    @property
    def open(self) -> list[TaskRow]:
        return list(self.desk.admin.open_tasks())

    def kinds(self, task: str) -> list[str]:
        return [line.kind for line in self.store.callbacks.journal(task)]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    made: list[Node] = []

    def one(name: str, **policy: Any) -> Node:
        made.append(Node(tmp_path / "boomerang.db", name, **policy))
        return made[-1]

    yield one
    for node in made:
        node.store.close()


@pytest.fixture
def pair(make: Callable[..., Node]) -> tuple[Node, Node]:
    return make("a"), make("b")


def away(*nodes: Node) -> None:
    for node in nodes:
        node.floor.states = dict.fromkeys(("201", "202"), "busy")


def test_calls_missed_at_both_are_one_promise(pair: tuple[Node, Node]) -> None:
    a, b = pair
    away(a, b)
    for node in (a, b):  # neither knows of the other's
        node.missed()
    for node in (a, b):
        node.commit()
        node.turn()
    [row] = a.store.callbacks.open_tasks()
    for node in (a, b, a, b):
        node.look()
    [row] = a.store.callbacks.open_tasks()
    assert row.missed == 2
    assert a.kinds(row.id).count("missed") == 2
    assert [one.id for one in a.open] == [one.id for one in b.open] == [row.id]
    assert [event.kind for node in (a, b) for event in node.told.events].count("callback.queued") == 1
    b.missed()
    b.commit()
    a.missed()  # not knowing of that
    a.commit()
    for node in (a, b, a):
        node.look()
    [row] = b.store.callbacks.open_tasks()
    assert row.missed == 4
    assert {one.missed for one in (*a.open, *b.open)} == {4}


def test_one_call_that_both_have_ended_is_missed_once(pair: tuple[Node, Node]) -> None:
    a, b = pair
    away(a, b)
    for node in (a, b):  # neither knows of the other's word
        node.missed(call="one and the same")
    for node in (a, b):
        node.commit()
        node.turn()
    for node in (a, b, a, b):
        node.look()
    [row] = a.store.callbacks.open_tasks()
    assert (row.missed, a.kinds(row.id).count("missed")) == (1, 1)


def test_what_the_other_made_is_taken_up_and_called_once(pair: tuple[Node, Node]) -> None:
    a, b = pair
    a.missed()
    a.commit()
    given = [*b.look(), *a.look(), *b.look(), *a.look()]
    assert [order.customer for order in given] == [CUSTOMER]
    assert len(a.store.callbacks.open_attempts()) == 1


def test_an_agent_who_is_rung_by_the_other_is_not_rung_and_costs_no_attempt(pair: tuple[Node, Node]) -> None:
    a, b = pair
    b.missed(OTHER)
    b.commit()
    a.missed()
    [order] = a.turn()
    assert order.agent == "201"
    given = b.turn()  # the database refuses the agent who is rung already, unless that is known by now
    b.now += 1
    [other] = [*given, *b.turn()]
    assert (other.customer, other.agent, other.serial) == (OTHER, "202", 1)
    [row] = [row for row in b.store.callbacks.open_tasks() if row.customer == OTHER]
    assert row.attempts == 0
    assert [attempt.agent for attempt in b.store.callbacks.attempts_of(row.id)] == ["202"]


def test_an_agent_who_is_let_go_may_be_rung_by_the_other(pair: tuple[Node, Node]) -> None:
    a, b = pair
    b.floor.states["202"] = "busy"
    b.missed(OTHER)
    b.commit()
    a.missed()
    [order] = a.turn()
    assert b.turn() == []
    a.desk.attempts.let_go(order.attempt, a.now)
    a.commit()
    b.now += 6
    [other] = [order for _ in range(3) for order in b.turn()]
    assert (order.agent, other.agent, other.customer) == ("201", "201", OTHER)


def test_no_customer_is_dialled_whose_promise_the_other_has_kept(pair: tuple[Node, Node]) -> None:
    a, b = pair
    a.missed()
    [order] = a.turn()
    away(b)
    b.look()
    assert a.step(order, "agent")
    b.talked()
    b.commit()
    assert not a.step(order, "customer"), "they have talked already"
    a.desk.attempts.ended(order.attempt, Outcome("stopped"), a.now)
    a.commit()
    a.look()
    [row] = a.store.callbacks.tasks(9)
    assert (row.state, row.reason, row.attempts) == ("done", "talk", 0)
    assert a.open == b.open == []
    assert a.store.callbacks.open_attempts() == []
    [attempt] = a.store.callbacks.attempts_of(row.id)
    assert (attempt.result, attempt.customer_at) == ("stopped", None)


def test_what_was_kept_here_is_kept_though_the_other_changed_the_task(pair: tuple[Node, Node]) -> None:
    a, b = pair
    away(a, b)
    a.missed()
    a.turn()
    b.look()
    b.missed()
    b.commit()
    a.talked()  # not knowing of the second call
    a.commit()
    a.look()
    b.look()
    [row] = a.store.callbacks.tasks(9)
    assert (row.state, row.reason, row.missed) == ("done", "talk", 2)
    assert a.open == b.open == []


def test_a_call_missed_when_the_other_has_just_ended_the_task_is_a_promise_of_its_own(pair: tuple[Node, Node]) -> None:
    a, b = pair
    away(a, b)
    a.missed()
    a.turn()
    b.look()
    b.talked()
    b.commit()
    a.missed()
    a.commit()
    a.look()
    b.look()
    assert sorted((row.state, row.missed) for row in a.store.callbacks.tasks(9)) == [("done", 1), ("open", 1)]
    assert [row.id for row in a.open] == [row.id for row in b.open]


def test_a_stale_change_is_refused_and_said_and_the_row_taken_as_it_is(pair: tuple[Node, Node]) -> None:
    a, b = pair
    away(a, b)
    a.missed()
    a.turn()
    b.look()
    [row] = b.open
    b.desk.admin.hold(row.id, b.now)
    b.commit()
    a.desk.admin.call_now(row.id, a.now)
    a.commit()
    a.turn()
    [row] = a.store.callbacks.open_tasks()
    assert row.state == "held"
    assert [one.state for one in a.open] == ["held"]
    assert a.kinds(row.id)[-1] == "stale"
    assert "call_now" not in a.kinds(row.id)


def test_a_task_that_both_let_expire_is_told_and_delivered_once(pair: tuple[Node, Node]) -> None:
    a, b = pair
    away(a, b)
    a.missed()
    a.turn()
    b.look()
    for node in (a, b):
        node.now = a.open[0].expires_at + 1 if a.open else b.open[0].expires_at + 1
        node.desk.turn(node.now)
    for node in (a, b):
        node.commit()
        node.look()
    [row] = a.store.callbacks.tasks(9)
    assert row.state == "expired"
    [ticket] = a.store.tickets.newest(9)
    deliveries = a.store.tickets.deliveries_of(ticket.id)
    assert len(deliveries) == 1
    due = [node.name for node in (a, b) if node.store.tickets.deliveries_due(node.now, 9)]
    assert due in (["a"], ["b"]), "whoever opened it delivers it"
    kinds = [event.kind for node in (a, b) for event in node.told.events]
    assert (kinds.count("callback.expired"), kinds.count("ticket.opened")) == (1, 1)


def test_a_restart_of_one_touches_nothing_of_the_other(make: Callable[..., Node]) -> None:
    a, b = make("a"), make("b")
    a.missed()
    [order] = a.turn()
    assert a.step(order, "agent")
    a.desk.attempts.leg(LegRow("leg a", order.attempt, "agent", "{}"))
    a.commit()
    for _ in range(2):
        b.store.close()
        b = make("b")
        assert b.look() == []
        assert b.recovered == ()
        b.now += 100.0
        b.turn()
        [attempt] = b.store.callbacks.open_attempts()
        assert (attempt.id, attempt.node, attempt.epoch) == (order.attempt, "a", 1)
        assert [leg.call for leg in a.store.callbacks.legs()] == ["leg a"]
    for step in ("accepted", "customer", "answered", "talked"):
        assert a.step(order, step)
    a.store.close()
    again = make("a")
    again.turn()
    assert [(leg.call, leg.epoch) for leg in again.recovered] == [("leg a", 1)]
    assert again.store.callbacks.open_attempts() == []


def test_who_is_on_the_list_of_the_other_is_not_called(pair: tuple[Node, Node]) -> None:
    a, b = pair
    b.missed()
    b.commit()
    a.desk.admin.add_do_not_call(CUSTOMER, a.now)
    a.commit()
    assert b.turn() == [], "the claim is refused, whatever this node knows"
    b.now += 6
    assert b.look() == []
    assert b.store.callbacks.open_attempts() == []


def listed(*nodes: Node) -> list[list[bool]]:
    return [[node.desk.admin.is_do_not_call(customer) for customer in (CUSTOMER, OTHER)] for node in nodes]


def test_the_do_not_call_list_is_one_removals_too(pair: tuple[Node, Node]) -> None:
    a, b = pair
    for node, act, customer in ((a, a.desk.admin.add_do_not_call, CUSTOMER), (b, b.desk.admin.add_do_not_call, OTHER)):
        act(customer, node.now)
        node.commit()
    for node in (a, b):
        node.look()
    assert listed(a, b) == [[True, True], [True, True]]
    assert b.desk.admin.remove_do_not_call(CUSTOMER, b.now)
    b.commit()
    a.look()
    assert listed(a, b) == [[False, True], [False, True]]
    away(a, b)
    a.missed()
    a.turn()
    assert [row.customer for row in a.open] == [CUSTOMER], "they are promised a callback again"


def test_what_is_said_here_stands_while_the_list_of_the_other_is_read(tmp_path: Path) -> None:
    a = Node(tmp_path / "boomerang.db", "a", copy=True)
    a.store.put(Unit((DoNotCallRow(OTHER, a.now, "said there"),)))
    for act, listed_now in ((a.desk.admin.add_do_not_call, True), (a.desk.admin.remove_do_not_call, False)):
        a.commit()
        a.desk.on_changed(ANYTHING_CHANGED)
        a.desk.turn(a.now)
        a.loop.arrived()  # what is read now is what was put before the next word
        act(CUSTOMER, a.now)
        a.loop.run()
        assert a.desk.admin.is_do_not_call(CUSTOMER) is listed_now
        a.commit()
        a.turn()
        assert listed(a) == [[listed_now, True]]
    a.store.close()


def test_who_was_dialled_by_the_other_counts_here(make: Callable[..., Node]) -> None:
    a, b = (make(name, guard="all_per_day = 1") for name in "ab")
    away(b)
    a.missed()
    [order] = a.turn()
    for step in ("agent", "accepted", "customer"):
        assert a.step(order, step)
    a.desk.attempts.ended(order.attempt, Outcome("customer_busy"), a.now)
    a.commit()
    b.look()
    b.look()  # whatever is heard twice counts once
    assert b.desk.admin.guard_used(b.now)["all_per_day"] == 1
    b.now += 3600
    b.floor.states.clear()
    assert b.turn() == []
    [row] = b.open
    assert "all_cap" in [line.data["reason"] for line in b.store.callbacks.journal(row.id) if line.kind == "refused"]


def test_a_dial_of_the_other_that_was_none_counts_no_more(pair: tuple[Node, Node]) -> None:
    a, b = pair
    away(b)
    a.missed()
    [order] = a.turn()
    for step in ("agent", "accepted", "customer"):
        assert a.step(order, step)
    b.look()
    assert b.desk.admin.guard_used(b.now)["all_per_day"] == 1
    b.desk.clock_set(60.0)
    a.desk.attempts.not_dialled(order.attempt, a.now)
    a.commit()
    one = ChangedRows(frozenset(("attempts",)), attempts=frozenset((order.attempt,)))
    for changed in (one, ANYTHING_CHANGED):
        b.desk.on_changed(changed)
        b.turn()
        assert b.desk.admin.guard_used(b.now)["all_per_day"] == 0


def test_where_it_is_known_which_tasks_were_changed_no_other_is_looked_at(tmp_path: Path) -> None:
    """Each node has a copy of its own, into which rows of the other one come."""
    for name in "ab":
        (tmp_path / name).mkdir()
    a, b = (Node(tmp_path / name / "boomerang.db", name, copy=True) for name in "ab")
    away(a, b)
    for number in range(LOOKED_AT + 5):
        a.missed(f"+36201{number:06}")
    a.missed()
    a.commit()

    def take(*names: str) -> None:
        """Have rows come to the copy of b, which is told of them."""
        rows = [row for name in names if (row := a.store.callbacks.task(name)) is not None]
        unit = Unit(tuple(TakeRow(row, "a") for row in rows))
        b.store.put(unit)
        b.commit()
        b.desk.on_changed(changed_rows(unit.writes))

    rows = {row.customer: row.id for row in a.store.callbacks.open_tasks()}
    one = rows.pop(CUSTOMER)
    take(one)
    b.turn()
    assert [row.id for row in b.open] == [one]
    take(*rows.values())
    assert b.desk.next_turn() == 0.0
    b.turn()
    assert len(b.open) == 1 + LOOKED_AT, "the others come with the next turn"
    assert b.desk.next_turn() == 0.0
    b.turn()
    assert len(b.open) == 1 + len(rows)
    assert b.desk.next_turn() != 0.0
    assert b.desk.admin.guard_used(b.now)["tasks_per_hour"] == 1 + len(rows), "a flood is one wherever it comes in"
    a.talked()
    a.commit()
    take(one)
    b.turn()
    assert one not in [row.id for row in b.open]
    for node in (a, b):
        node.store.close()


def test_numbers_are_the_databases(pair: tuple[Node, Node]) -> None:
    a, b = pair
    away(a, b)
    for number, node in enumerate((a, b, a, b)):
        node.missed(f"+3620123450{number}")
        node.commit()
    seqs = [event.seq for node in (a, b) for event in node.told.events]
    assert len(set(seqs)) == len(seqs)
    assert sorted(seqs) == list(range(1, len(seqs) + 1))
    for node in (a, b):
        assert node.store.events_after(0, 99) == node.told.events, "its own, and no other"
        assert {event.node for event in node.told.events} == {node.name}
    a.store.delete_events_upto(max(seqs))
    a.commit()
    assert a.store.events_after(0, 99) == []
    assert b.store.events_after(0, 99) == b.told.events


def test_other_nodes_are_heard_of(pair: tuple[Node, Node]) -> None:
    a, b = pair
    heard: list[str] = []
    b.store.tell_changes_to(Heard(heard))
    a.missed()
    a.commit()
    b.loop.until(lambda: heard)
    assert set(heard) == {"changed"}
    b.store.put(Unit())
    b.commit()


def test_what_an_operator_has_held_or_resumed_is_so_though_the_other_changed_it_first(pair: tuple[Node, Node]) -> None:
    a, b = pair
    away(a, b)
    a.missed()
    a.commit()
    for node in (a, b, a, b):
        node.look()
    [row] = a.open
    for act, state in ((a.desk.admin.hold, "held"), (a.desk.admin.resume, "open")):
        b.missed()
        b.commit()
        assert act(row.id, a.now).state == state  # not knowing of that
        a.commit()
        for node in (a, b, a, b):
            node.look()
        assert [one.state for one in (*a.open, *b.open)] == [state, state]


# Places


def test_a_place_of_the_other_is_left_alone_while_it_lives(pair: tuple[Node, Node]) -> None:
    a, b = pair
    task = a.ask()
    assert task is not None
    for _ in range(10):
        for node in (a, b):
            node.now += LEASE / 4
            assert node.look() == []
    assert a.left == b.left == []
    assert a.kinds(task) == ["requested", "place_held"]


def test_a_place_of_a_node_that_is_gone_is_taken_for_lost(pair: tuple[Node, Node]) -> None:
    a, b = pair
    task = a.ask()
    assert task is not None
    assert b.look() == []
    b.now += LEASE - 1
    assert b.turn() == []
    b.now += 2
    b.turn()
    assert [order.task for order in (*b.orders, *b.turn())] == [task]
    assert [line.data["why"] for line in b.store.callbacks.journal(task) if line.kind == "place_lost"] == ["node"]
    a.look()
    a.turn()
    assert a.left == [(task, "other_node")]
    assert a.accept(task) is None, "it is called from there"


@pytest.mark.parametrize("act", ["cancel", "hold", "call_now", "talked", "do_not_call", "ask"])
def test_what_the_other_does_to_a_request_ends_the_place_here(pair: tuple[Node, Node], act: str) -> None:
    a, b = pair
    away(a, b)
    task = a.ask()
    assert task is not None
    b.look()
    match act:
        case "talked":
            b.talked()
        case "do_not_call":
            b.desk.admin.add_do_not_call(CUSTOMER, b.now)
        case "ask":
            assert b.ask("another place") == task
        case _:
            getattr(b.desk.admin, act)(task, b.now)
    b.commit()
    a.look()
    a.turn()
    assert [left for left, _ in a.left] == [task]
    assert a.accept(task) is None
    assert [row.options.get("place", {}).get("node") for row in a.open] == [row.options.get("place", {}).get("node")
                                                                          for row in b.open]


def test_a_place_that_is_lost_while_the_other_changes_the_request_is_lost(pair: tuple[Node, Node]) -> None:
    a, b = pair
    away(a, b)
    task = a.ask()
    assert task is not None
    b.look()
    b.missed()
    b.commit()
    a.desk.places.place_lost(task, "pbx", a.now)  # not knowing of that
    a.commit()
    for node in (a, b, a, b):
        node.look()
    assert [(row.due_at, row.missed, "place" in row.options) for row in (*a.open, *b.open)] == [(a.now, 1, False)] * 2


def test_an_agent_here_may_accept_what_the_other_has_changed_once_it_is_known(pair: tuple[Node, Node]) -> None:
    a, b = pair
    task = a.ask()
    assert task is not None
    b.look()
    b.missed()
    b.commit()
    a.look()
    order = a.accept(task)
    assert order is not None
    assert b.look() == []
    for step in ("accepted", "customer", "answered", "talked"):
        assert a.step(order, step)
    a.commit()
    b.look()
    assert a.open == b.open == []


def test_a_request_gives_way_to_what_the_other_has_promised_meanwhile(pair: tuple[Node, Node]) -> None:
    a, b = pair
    away(a, b)
    b.missed()
    b.commit()
    assert a.ask() is None, "the database has one of them already"
    for node in (a, b, a, b):
        node.look()
    assert [(row.kind, row.missed) for row in (*a.open, *b.open)] == [("missed", 1)] * 2
    assert a.ask() is not None
    for node in (a, b):
        node.look()
    assert [row.kind for row in (*a.open, *b.open)] == ["queue"] * 2


def test_what_was_to_give_way_stands_where_the_other_has_changed_it(pair: tuple[Node, Node]) -> None:
    a, b = pair
    away(a, b)
    a.missed()
    a.turn()
    b.look()
    b.missed()
    b.commit()
    assert a.ask() is None  # not knowing of that
    for node in (a, b, a, b):
        node.look()
    assert [(row.kind, row.missed, row.state) for row in (*a.open, *b.open)] == [("missed", 2, "open")] * 2


def test_the_same_request_made_at_both_is_one(pair: tuple[Node, Node]) -> None:
    a, b = pair
    away(a, b)
    task = a.ask("place a")
    assert task is not None
    assert b.ask("place b") is None  # not knowing of that
    for node in (a, b):
        node.look()
    assert b.ask("place b") == task
    for node in (a, b):
        node.look()
        node.turn()
    assert a.left == [(task, "other_node")]
    assert b.left == []


def test_a_restart_loses_its_own_places_only(make: Callable[..., Node]) -> None:
    a, b = make("a"), make("b")
    mine, others = a.ask("place a"), b.ask("place b", OTHER, OTHER)
    assert mine is not None
    a.store.close()
    again = make("a")
    assert [order.task for order in again.turn()] == [mine]
    assert {row.id: "place" in row.options for row in again.open} == {mine: False, others: True}
