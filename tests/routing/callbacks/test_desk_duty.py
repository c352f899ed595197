"""Two desks that share the work by leases: one of them brings the tasks of a group forward, both deal with facts."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from config.policy import parse_policy
from routing.callbacks.facts import AttemptOrder, Outcome
from routing.duty import Fence, desk
from routing.rows import AttemptRow, Step
from routing.storage import Caps
from routing.writes import Unit
from tests.routing.callbacks.shop import CUSTOMER, OTHER, Shop
from tests.routing.callbacks.test_desk_nodes import Node

STEPS: tuple[Step, ...] = ("agent", "accepted", "customer", "answered", "talked")
BUSY = 300.0
"""`retry_busy` as it is by default."""


class Leases:
    """The duty of one node, as the test gives it."""

    def __init__(self, *groups: str) -> None:
        self.groups = set(groups)
        self.asked: set[str] = set()
        self.dead: set[str] = set()
        self.alive = True

    def holds(self, name: str) -> bool:
        self.asked.add(name)
        return name in {desk(group) for group in self.groups}

    def fence(self, name: str) -> Fence | None:
        return Fence(name, 1)

    def goes_on(self, name: str) -> bool:
        return self.holds(name)

    def may_dial(self) -> bool:
        return self.alive

    def is_gone(self, node: str) -> bool:
        return node in self.dead

    def gone(self) -> frozenset[str]:
        return frozenset(self.dead)

    def drain(self) -> None:
        self.groups.clear()

    def resume(self) -> None:
        self.groups = set(ALL)


ALL = ("", "sales", "support", "queue")
Make = Callable[..., Node]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Node] = []

    def one(name: str, leases: Leases, **policy: Any) -> Node:
        made.append(Node(tmp_path / "boomerang.db", name, duty=leases, **policy))
        return made[-1]

    yield one
    for node in made:
        node.store.close()


def take_over(node: Node, leases: Leases, dead: str) -> list[AttemptOrder]:
    """The other node is dead, and its leases are this one's."""
    leases.groups = set(ALL)
    leases.dead = {dead}
    return node.look()


def test_a_desk_asks_for_the_groups_that_there_are(make: Make) -> None:
    leases = Leases()
    make("a", leases).turn()
    assert leases.asked == {desk(group) for group in ALL}


def test_without_the_lease_facts_alone_happen(make: Make) -> None:
    leases = Leases("support")
    node = make("a", leases)
    node.missed()
    assert node.turn() == []
    [row] = node.open
    node.missed()
    node.desk.admin.hold(row.id, node.now)
    node.desk.admin.resume(row.id, node.now)
    assert node.turn() == []
    [row] = node.open
    assert (row.missed, row.state) == (2, "open")
    node.now = row.expires_at + 1
    assert node.turn() == []
    assert [row.state for row in node.open] == ["open"], "another node says that its time is over"
    assert "due" not in node.kinds(row.id)
    node.talked()
    node.turn()
    assert node.open == []
    [row] = node.store.callbacks.tasks(9)
    assert (row.state, row.reason) == ("done", "talk")


def test_each_group_is_its_own(make: Make) -> None:
    leases = Leases("support")
    node = make("a", leases)
    node.missed(CUSTOMER)
    node.missed(OTHER, group="support")
    assert [order.customer for order in node.turn()] == [OTHER]


def test_what_was_passed_over_is_done_by_whoever_gets_the_lease(make: Make) -> None:
    leases = Leases()
    node = make("a", leases)
    node.missed()
    node.missed(OTHER)
    node.turn()
    for row in node.open:
        if row.customer == OTHER:
            node.desk.admin.call_now(row.id, node.now, force=True)
    node.now += 1.0
    assert node.turn() == []
    leases.groups = set(ALL)
    assert [order.customer for order in node.turn()] == [OTHER, CUSTOMER]


def test_what_has_expired_meanwhile_expires_with_the_lease(make: Make) -> None:
    leases = Leases()
    node = make("a", leases)
    node.missed()
    node.turn()
    [row] = node.open
    node.now = row.expires_at + 1
    node.turn()
    leases.groups = set(ALL)
    node.turn()
    assert node.open == []
    [row] = node.store.callbacks.tasks(9)
    assert row.state == "expired"


def test_who_loses_the_lease_begins_nothing_and_ends_what_runs(make: Make) -> None:
    leases = Leases(*ALL)
    node = make("a", leases)
    node.missed()
    node.missed(OTHER)
    node.floor.states["202"] = "busy"
    [order] = node.turn()
    leases.groups.clear()
    node.floor.states["202"] = "free"
    assert node.turn() == []
    for step in STEPS:
        assert node.step(order, step)
    node.desk.attempts.ended(order.attempt, Outcome("talked", 200, talk_s=9.0), node.now)
    assert node.turn() == []
    [row] = node.open
    assert row.customer == OTHER
    leases.groups = set(ALL)
    assert [order.customer for order in node.turn()] == [OTHER]


def test_a_lease_that_ends_in_the_middle_of_a_turn_lets_nothing_more_begin(
        make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    leases = Leases(*ALL)
    node = make("a", leases)
    node.missed()
    node.missed(OTHER)
    begin = node.store.claim

    def claim(attempt: AttemptRow, unit: Unit, done: Callable[[bool], None], caps: Caps | None = None,
              fence: Fence | None = None) -> None:
        leases.groups.clear()
        begin(attempt, unit, done, caps, fence)

    monkeypatch.setattr(node.store, "claim", claim)
    assert len(node.turn()) == 1


def test_a_claim_goes_with_the_lease_but_for_who_holds_the_place(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    node = make("a", Leases("sales"))
    fences: list[Fence | None] = []
    begin = node.store.claim

    def claim(attempt: AttemptRow, unit: Unit, done: Callable[[bool], None], caps: Caps | None = None,
              fence: Fence | None = None) -> None:
        fences.append(fence)
        begin(attempt, unit, done, caps, fence)

    monkeypatch.setattr(node.store, "claim", claim)
    node.missed(OTHER)
    node.turn()
    task = node.ask()
    assert task is not None
    assert node.accept(task) is not None
    assert fences == [Fence("desk/sales", 1), None]


def test_who_may_be_taken_for_dead_dials_nobody(make: Make) -> None:
    leases = Leases(*ALL)
    node = make("a", leases)
    node.missed()
    [order] = node.turn()
    assert node.step(order, "agent")
    leases.alive = False
    assert not node.step(order, "customer")
    node.desk.attempts.ended(order.attempt, Outcome("refused"), node.now)
    node.commit()
    [row] = node.open
    [attempt] = node.store.callbacks.attempts_of(row.id)
    assert (row.attempts, attempt.customer_at) == (0, None)
    [refused] = [line for line in node.store.callbacks.journal(row.id) if line.kind == "refused"]
    assert refused.data["reason"] == "lease"
    leases.alive = True
    assert node.turn() == []
    node.now += 6.0
    assert [order.customer for order in node.turn()] == [CUSTOMER]


def test_who_was_stopped_while_the_step_was_committed_dials_nobody(make: Make) -> None:
    leases = Leases(*ALL)
    node = make("a", leases)
    node.missed()
    [order] = node.turn()
    answers: list[bool] = []
    node.desk.attempts.step(order.attempt, "customer", node.now, answers.append)
    leases.alive = False  # the process was stopped here, and goes on
    node.loop.until(lambda: answers)
    assert answers == [False]
    node.desk.attempts.ended(order.attempt, Outcome("stopped"), node.now)
    node.commit()
    [row] = node.open
    assert row.attempts == 0


# A node dies

@pytest.mark.parametrize("upto", range(5), ids=("claimed", *STEPS[:4]))
def test_an_attempt_of_a_dead_node_is_closed_and_the_promise_dialled_again_later(make: Make, upto: int) -> None:
    theirs, ours = Leases(*ALL), Leases()
    a, b = make("a", theirs), make("b", ours)
    a.missed()
    [order] = a.turn()
    for step in STEPS[:upto]:
        assert a.step(order, step)
    a.commit()
    assert b.look() == []
    b.now += 1.0
    assert take_over(b, ours, "a") == [], "nobody is dialled again at once"
    [attempt] = b.store.callbacks.attempts_of(order.task)
    assert (attempt.node, attempt.step, attempt.result, attempt.ended_at) == ("a", "ended", "unknown", b.now)
    assert b.store.callbacks.open_attempts() == []
    [row] = b.open
    assert row.attempts == (1 if upto >= 3 else 0)
    assert row.due_at is not None
    if upto < 3:
        assert row.due_at == b.now + BUSY
    assert row.due_at >= b.now + BUSY
    b.now = row.due_at - 1.0
    assert b.turn() == []
    b.now = row.due_at
    assert [(order.customer, order.serial) for order in b.turn()] == [(CUSTOMER, 2)]


def test_the_agent_of_a_dead_nodes_attempt_may_be_rung(make: Make) -> None:
    theirs, ours = Leases(*ALL), Leases()
    a, b = make("a", theirs), make("b", ours)
    a.floor.states["202"] = b.floor.states["202"] = "busy"
    a.missed()
    [order] = a.turn()
    assert order.agent == "201"
    b.look()
    take_over(b, ours, "a")
    b.now += BUSY
    assert [order.agent for order in b.turn()] == ["201"]


def test_what_a_dead_node_has_talked_about_is_done(make: Make) -> None:
    theirs, ours = Leases(*ALL), Leases()
    a, b = make("a", theirs), make("b", ours)
    a.missed()
    [order] = a.turn()
    for step in STEPS:
        assert a.step(order, step)
    a.commit()
    assert take_over(b, ours, "a") == []
    [attempt] = b.store.callbacks.attempts_of(order.task)
    assert (attempt.result, b.open) == ("talked", [])
    assert b.store.callbacks.open_attempts() == []


def test_only_who_has_the_lease_closes_what_a_dead_node_was_in_the_middle_of(make: Make) -> None:
    theirs, ours = Leases(*ALL), Leases("support")
    a, b = make("a", theirs), make("b", ours)
    a.missed()
    a.turn()
    ours.dead = {"a"}
    b.look()
    assert len(b.store.callbacks.open_attempts()) == 1


def test_the_restart_of_a_node_finds_what_others_run_and_gives_it_up_when_they_die(make: Make) -> None:
    theirs, ours = Leases(*ALL), Leases()
    a = make("a", theirs)
    a.missed()
    a.turn()
    b = make("b", ours)
    assert take_over(b, ours, "a") == []
    assert b.store.callbacks.open_attempts() == []


def test_who_was_taken_for_dead_and_wakes_stops_what_it_was_in_the_middle_of(make: Make) -> None:
    theirs, ours = Leases(*ALL), Leases()
    a, b = make("a", theirs), make("b", ours)
    a.missed()
    [order] = a.turn()
    assert a.step(order, "agent")
    a.commit()
    b.look()
    take_over(b, ours, "a")
    theirs.groups.clear()
    theirs.alive = False
    assert not a.step(order, "customer")
    a.look()
    a.look()
    [attempt] = a.store.callbacks.attempts_of(order.task)
    assert attempt.ended_at is not None
    assert a.store.callbacks.open_attempts() == []
    ours.dead.clear()
    b.look()
    [row] = b.open
    assert (row.state, row.attempts) == ("open", 0)
    b.now = a.now = (row.due_at or b.now) + BUSY
    assert [order.customer for order in (*a.look(), *b.look(), *a.look())] == [CUSTOMER]


def test_a_talk_that_outlives_its_death_is_a_talk(make: Make) -> None:
    """A node that the database has not heard for a while goes on with its calls."""
    theirs, ours = Leases(*ALL), Leases()
    a, b = make("a", theirs), make("b", ours)
    a.missed()
    [order] = a.turn()
    for step in STEPS[:4]:
        assert a.step(order, step)
    a.commit()
    b.look()
    take_over(b, ours, "a")
    theirs.groups.clear()
    a.look()
    a.step(order, "talked")
    a.desk.attempts.ended(order.attempt, Outcome("talked", 200, talk_s=20.0), a.now)
    for node in (a, b, a, b):
        node.commit()
        node.look()
    [row] = a.store.callbacks.tasks(9)
    assert (row.state, row.reason) == ("done", "talked")
    assert a.open == b.open == []


# The lease goes from one that lives to another

def test_what_runs_elsewhere_is_left_alone_until_it_is_over(make: Make) -> None:
    theirs, ours = Leases(*ALL), Leases()
    a, b = make("a", theirs), make("b", ours)
    a.missed()
    [order] = a.turn()
    assert a.step(order, "agent")
    a.commit()
    theirs.groups.clear()
    ours.groups = set(ALL)
    assert b.look() == []
    assert b.kinds(order.task).count("assigned") == 1, "nothing was claimed in vain"
    a.desk.attempts.ended(order.attempt, Outcome("agent_no_answer", 487), a.now)
    assert a.turn() == []
    assert [(order.customer, order.serial) for order in b.look()] == [(CUSTOMER, 2)]


def test_a_window_is_over_when_the_attempt_elsewhere_is(make: Make) -> None:
    theirs, ours = Leases(*ALL), Leases()
    a, b = make("a", theirs), make("b", ours)
    a.missed()
    [order] = a.turn()
    b.look()
    theirs.groups.clear()
    ours.groups = set(ALL)
    b.look()
    [row] = b.open
    b.now = a.now = row.expires_at + 1
    b.turn()
    assert [row.state for row in b.open] == ["open"]
    a.desk.attempts.ended(order.attempt, Outcome("stopped", text="not_open"), a.now)
    a.turn()
    assert [row.state for row in a.open] == ["open"], "it is not this one's to say so"
    b.look()
    assert [row.state for row in b.store.callbacks.tasks(9)] == ["expired"]


def test_agents_of_attempts_elsewhere_are_engaged_and_count(make: Make) -> None:
    theirs, ours = Leases(*ALL), Leases()
    policy = {"callback": "agents_share = 50"}
    a, b = make("a", theirs, **policy), make("b", ours, **policy)
    a.missed()
    [order] = a.turn()
    theirs.groups.clear()
    ours.groups = set(ALL)
    b.missed(OTHER)
    assert b.look() == []
    a.desk.attempts.ended(order.attempt, Outcome("stopped", text="not_open"), a.now)
    a.commit()
    b.now += 3.0
    assert [order.customer for order in b.look()] == [OTHER]


def test_a_place_is_minded_by_the_node_that_holds_it(make: Make) -> None:
    theirs, ours = Leases(), Leases(*ALL)
    a, b = make("a", theirs), make("b", ours)
    task = a.ask()
    assert task is not None
    b.look()
    [row] = b.open
    b.now = row.expires_at + 1
    a.now = row.expires_at - 100.0
    a.turn()  # says again that it holds it
    b.look()
    assert [row.state for row in b.open] == ["open"]
    a.now = row.expires_at + 1
    a.turn()
    [row] = a.store.callbacks.tasks(9)
    assert (row.state, row.reason) == ("expired", "limit")


def test_the_place_of_a_dead_node_is_lost_at_once(make: Make) -> None:
    theirs, ours = Leases(), Leases(*ALL)
    a, b = make("a", theirs), make("b", ours)
    task = a.ask()
    assert b.look() == []
    ours.dead = {"a"}
    assert [order.task for order in (*b.turn(), *b.turn())] == [task]


# Another policy

def test_who_brings_tasks_forward_plans_them_anew(make: Make) -> None:
    leases = Leases("support")
    node = make("a", leases)
    node.floor.states = dict.fromkeys(("201", "202", "301"), "busy")
    node.missed(CUSTOMER)
    node.missed(OTHER, group="support")
    node.turn()
    before = {row.customer: row.expires_at for row in node.open}
    shorter = {"more": "[missed_callback]\nwindow = '1h'"}
    node.desk.set_policy(parse_policy(Shop.write(**shorter)), node.now)
    for _ in range(3):
        node.turn()
    after = {row.customer: row.expires_at for row in node.open}
    assert after[CUSTOMER] == before[CUSTOMER]
    assert after[OTHER] < before[OTHER]
    leases.groups = set(ALL)
    node.turn()
    assert {row.expires_at for row in node.open} == {after[OTHER]}
